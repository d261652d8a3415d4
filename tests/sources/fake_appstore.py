"""An app's reviews as the public feed and App Store Connect give them."""

from __future__ import annotations

import json
from datetime import datetime, timedelta
from typing import Any

from sources.adapters.appstore import AppStore
from sources.http import Http
from sources.protocol import Page, Setup
from store.domain.desk import SourceConfig
from store.domain.poll import Cursor
from store.domain.secret import Secret
from tests.factories import NOW
from tests.servers import Reply, Seen, Server, json_reply

APP = "1404176564"
TOKEN = "a.ready.token"


def label(value: str) -> dict[str, str]:
    return {"label": value}


class FakeFeed:
    """Ids grow; the newest is first; 500 at most on ten pages. `dated`: newer feeds say when."""

    def __init__(self, server: Server, country: str = "us", *, dated: bool = True) -> None:
        self.entries: dict[int, dict[str, Any]] = {}
        self.dated, self.country = dated, country
        self.blank: set[int] = set()  # numbers of requests that get an empty answer
        self.asked = 0
        self.links = True
        for page in range(1, 12):
            server.on(f"/{country}/rss/customerreviews/page={page}/id={APP}/sortby=mostrecent/json", self.page)

    def add(self, number: int, at: datetime = NOW - timedelta(hours=1), words: str = "acme crashes") -> None:
        entry: dict[str, Any] = {
            "author": {"uri": label("https://itunes.apple.com/us/reviews/id7"), "name": label("ana"), "label": ""},
            "im:version": label("3.4.3"),
            "im:rating": label("2"),
            "id": label(str(number)),
            "title": label("Hm"),
            "content": {"label": f"{words} {number}", "attributes": {"type": "text"}},
            "link": {"attributes": {"rel": "related", "href": f"https://itunes.apple.com/us/review?id={APP}"}},
        }
        self.entries[number] = entry | ({"updated": label(at.isoformat())} if self.dated else {})

    def page(self, seen: Seen) -> Reply:
        self.asked += 1
        number = int(seen.path.partition("/page=")[2].partition("/")[0])
        feed: dict[str, Any] = {"author": {"name": label("iTunes Store")}}
        newest = sorted(self.entries, reverse=True)[:500]
        found = [self.entries[one] for one in newest[(number - 1) * 50 : number * 50]]
        if self.links:
            last = f"https://itunes.apple.com/us/rss/customerreviews/page={-(-len(newest) // 50) or 1}/id={APP}/xml?x=1"
            feed["link"] = [{"attributes": {"rel": "last", "href": last}}]
        if found and self.asked not in self.blank:
            feed["entry"] = found if len(found) > 1 else found[0]
        return json_reply({"feed": feed})


class FakeConnect:
    """App Store Connect's side: reviews newest first, by opaque cursors; one response to each at most."""

    def __init__(self, server: Server, per_page: int = 200) -> None:
        self.server, self.per_page = server, per_page
        self.reviews: dict[str, dict[str, Any]] = {}
        self.responses: dict[str, dict[str, Any]] = {}
        self.posts: list[Seen] = []
        server.on(f"/v1/apps/{APP}/customerReviews", self.list)
        server.on("/v1/customerReviewResponses", self.post)

    def add(self, number: int, at: datetime = NOW - timedelta(hours=1), **attributes: Any) -> None:
        told = {"rating": 4, "title": "Good", "body": f"acme {number}", "reviewerNickname": "ana", "territory": "USA"}
        name = f"00000028-b08c-{number:04d}"
        review = {"type": "customerReviews", "id": name, "attributes": told | {"createdDate": at.isoformat()}}
        review["attributes"] |= attributes
        self.reviews[name] = review
        self.server.on(f"/v1/customerReviews/{name}", lambda seen: json_reply({"data": self.reviews[name]}))
        self.server.on(f"/v1/customerReviews/{name}/response", lambda seen: self.response(name))

    def respond(self, name: str, text: str, at: datetime) -> None:
        told = {"responseBody": text, "lastModifiedDate": at.isoformat(), "state": "PUBLISHED"}
        self.responses[name] = {"type": "customerReviewResponses", "id": f"r-{name}", "attributes": told}

    def response(self, name: str) -> Reply:
        found = self.responses.get(name)
        return json_reply({"data": found}) if found else json_reply({"errors": [{"status": "404"}]}, 404)

    def list(self, seen: Seen) -> Reply:
        if not seen.headers.get("authorization", "").startswith("Bearer "):
            return json_reply({"errors": [{"status": "401"}]}, 401)
        ordered = sorted(self.reviews.values(), key=lambda one: one["attributes"]["createdDate"], reverse=True)
        start = int(seen.params.get("cursor", 0))
        found, included = [], []
        for review in ordered[start : start + self.per_page]:
            response = self.responses.get(review["id"])
            data = {"type": "customerReviewResponses", "id": response["id"]} if response else None
            found.append(review | {"relationships": {"response": {"data": data}}})
            included += [response] if response else []
        following = f"https://api.appstoreconnect.apple.com{seen.path}?limit=200&cursor={start + self.per_page}"
        links = {"next": following} if start + self.per_page < len(ordered) else {}
        told = {"data": found, "included": included, "links": links}
        return json_reply(told, x_rate_limit="user-hour-lim:3500;user-hour-rem:3400;")

    def post(self, seen: Seen) -> Reply:
        self.posts.append(seen)
        data = json.loads(seen.body)["data"]
        name = data["relationships"]["review"]["data"]["id"]
        self.respond(name, data["attributes"]["responseBody"], NOW)
        return json_reply({"data": self.responses[name]}, 201)


def adapter(
    server: Server, http: Http, token: str = "", secrets: dict[str, Secret] | None = None, **fields: Any
) -> AppStore:
    options = {"app": APP} | fields.pop("options", {})
    config = SourceConfig("appstore", "a", url=server.url(), options=options, **({"backfill": None} | fields))
    return AppStore(Setup(config, http, Secret(token) if token else None, (), secrets or {}))


async def poll(
    source: AppStore,
    bookmark: dict[str, Any] | None = None,
    now: datetime = NOW,
    stream: str = "reviews:us",
    last: datetime | None = None,
) -> list[Page]:
    cursor = Cursor("a", stream, json.loads(json.dumps(bookmark or {})), now, 0, last, "", "ok")
    return [page async for page in source.pages(cursor, now=now)]
