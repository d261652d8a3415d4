"""Trustpilot's side of one company: reviews newest first by page number, one reply each, logins that run out."""

from __future__ import annotations

import base64
import json
from datetime import datetime, timedelta
from typing import Any

from sources.adapters.trustpilot import Trustpilot
from sources.http import Http
from sources.keep import Keep
from sources.protocol import Page, Setup
from store.domain.desk import SourceConfig
from store.domain.poll import Cursor
from store.domain.secret import Secret
from tests.factories import NOW
from tests.servers import Reply, Seen, Server, json_reply

UNIT, USER = "507f191e810c19729de860ea", "607f191e810c19729de860eb"
KEY, SECRET = "the-api-key", "the-secret"
LOGIN = "/v1/oauth/oauth-business-users-for-applications/accesstoken"


class FakeTrustpilot:
    def __init__(self, server: Server, per_page: int = 100) -> None:
        self.server, self.per_page = server, per_page
        self.reviews: dict[str, dict[str, Any]] = {}
        self.logins: list[Seen] = []
        self.posts: list[Seen] = []
        self.access = ""
        server.on("/v1/business-units/find", self.find)
        server.on(f"/v1/business-units/{UNIT}/reviews", self.public)
        server.on(f"/v1/private/business-units/{UNIT}/reviews", self.private)
        server.on(LOGIN, self.login)

    def add(self, number: int, at: datetime = NOW - timedelta(hours=1), **fields: Any) -> str:
        name = f"{number:024x}"
        self.reviews[name] = {
            "id": name,
            "stars": 2,
            "title": "Late",
            "text": f"acme was late {number}",
            "language": "en",
            "createdAt": at.isoformat().replace("+00:00", "Z"),
            "updatedAt": None,
            "companyReply": None,
            "consumer": {"id": "c1", "displayName": "Ana P."},
        } | fields
        self.server.on(f"/v1/reviews/{name}", lambda seen: json_reply(self.reviews[name]))
        self.server.on(f"/v1/private/reviews/{name}", lambda seen: self.known(seen, self.reviews.get(name)))
        self.server.on(f"/v1/private/reviews/{name}/reply", lambda seen: self.reply(seen, name))
        return name

    def find(self, seen: Seen) -> Reply:
        known = seen.params.get("name") == "acme.example" and seen.headers.get("apikey") == KEY
        return json_reply({"id": UNIT} if known else {"message": "no"}, 200 if known else 404)

    def public(self, seen: Seen) -> Reply:
        return self.page(seen) if seen.headers.get("apikey") == KEY else json_reply({"message": "key?"}, 401)

    def private(self, seen: Seen) -> Reply:
        return self.known(seen, None) if self.refuses(seen) else self.page(seen)

    def page(self, seen: Seen) -> Reply:
        assert seen.params["orderBy"] == "createdat.desc"
        ordered = sorted(self.reviews.values(), key=lambda one: one["createdAt"], reverse=True)
        start = (int(seen.params["page"]) - 1) * self.per_page
        found = ordered[start : start + self.per_page]
        links = (
            [{"rel": "next-page", "href": "https://api.trustpilot.com/..."}] if ordered[start + len(found) :] else []
        )
        return json_reply({"links": links, "reviews": found})

    def refuses(self, seen: Seen) -> bool:
        return not self.access or seen.headers.get("authorization") != f"Bearer {self.access}"

    def known(self, seen: Seen, what: Any) -> Reply:
        return json_reply({"message": "Unauthorized"}, 401) if self.refuses(seen) else json_reply(what)

    def login(self, seen: Seen) -> Reply:
        self.logins.append(seen)
        if seen.headers.get("authorization") != "Basic " + base64.b64encode(f"{KEY}:{SECRET}".encode()).decode():
            return json_reply({"error": "invalid_client"}, 401)
        self.access = f"access-{len(self.logins)}"
        return json_reply(
            {"access_token": self.access, "refresh_token": f"refresh-{len(self.logins)}", "expires_in": "359999"}
        )

    def reply(self, seen: Seen, name: str) -> Reply:
        if self.refuses(seen):
            return json_reply({"message": "Unauthorized"}, 401)
        self.posts.append(seen)
        self.reviews[name]["companyReply"] = {
            "text": json.loads(seen.body)["message"],
            "createdAt": NOW.isoformat(),
            "updatedAt": None,
        }
        return Reply(200)


def adapter(
    server: Server, http: Http, secrets: dict[str, str] | None = None, keep: Keep | None = None, **fields: Any
) -> Trustpilot:
    options = {"business_unit": UNIT} | fields.pop("options", {})
    config = SourceConfig("trustpilot", "tp", url=server.url(), token="env:TP", options=options,
                          **({"backfill": None} | fields))  # fmt: skip
    found = {name: Secret(value) for name, value in (secrets or {}).items()}
    return Trustpilot(Setup(config, http, Secret(KEY), (), found, keep or Keep()))


async def poll(source: Trustpilot, bookmark: dict[str, Any] | None = None, now: datetime = NOW) -> list[Page]:
    cursor = Cursor("tp", "reviews", json.loads(json.dumps(bookmark or {})), now, 0, None, "", "ok")
    return [page async for page in source.pages(cursor, now=now)]
