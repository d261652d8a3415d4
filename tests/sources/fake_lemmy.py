"""A Lemmy instance of either kind (0.19 with v3, 1.0 with v4), and what is needed to ask it."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from typing import Any

from sources.adapters.lemmy import Lemmy
from sources.adapters.lemmy_server import V3
from sources.http import Http
from sources.protocol import Page, Setup
from store.domain.desk import SourceConfig, Watch
from store.domain.mention import Mention
from store.domain.poll import Cursor
from store.domain.secret import Secret
from tests.servers import Reply, Seen, Server, json_reply
from tests.sources import fake_mastodon

NOW = datetime(2026, 11, 21, 12, 0, tzinfo=UTC)
TOKEN = "jwt"
OWN = 99
HOME = "https://far.example"
View = dict[str, Any]


class FakeLemmy:
    """The server's side: posts, comments and what is addressed to us; `size` items a page at most."""

    def __init__(self, server: Server, api: str = V3, size: int = 50) -> None:
        self.server, self.api, self.size = server, api, size
        self.posts: list[View] = []
        self.comments: list[View] = []
        self.told: list[tuple[str, View, datetime]] = []
        self.headers: dict[str, str] = {}
        self.closed = False
        server.on("/api/v3/site", self.site)
        if api == V3:
            server.on("/api/v3/search", self.search_v3)
            server.on("/api/v3/user/mention", self.told_v3)
            server.on("/api/v3/user/replies", self.told_v3)
        else:
            server.on("/api/v4/search", self.search_v4)
            server.on("/api/v4/account", self.account)
            server.on("/api/v4/account/notification/list", self.told_v4)

    def post(self, number: int, at: datetime, **fields: Any) -> View:
        self.posts.append(post(number, at, self.api, **fields))
        return self.posts[-1]

    def comment(self, number: int, at: datetime, **fields: Any) -> View:
        self.comments.append(comment(number, at, self.api, **fields))
        return self.comments[-1]

    def tell(self, kind: str, view: View, at: datetime) -> None:
        self.told.append((kind, view, at))

    def site(self, seen: Seen) -> Reply:
        version = "0.19.20" if self.api == V3 else "1.0.0-beta.1"
        mine = {"my_user": {"local_user_view": {"person": {"id": OWN}}}} if known(seen) else {}
        return json_reply({"version": version} | mine)

    def account(self, seen: Seen) -> Reply:
        if not known(seen):
            return json_reply({"error": "not_logged_in"}, 400)
        return json_reply({"local_user_view": {"person": {"id": OWN}}})

    def shut(self, seen: Seen) -> bool:
        return self.closed and not known(seen)

    def found(self, kind: str, words: str) -> list[View]:
        """Sorted by time, newest first; LIKE %one%two% as PostgreSQL does it."""
        items = self.posts if kind == "posts" else self.comments
        one = "post" if kind == "posts" else "comment"
        name = "published" if self.api == V3 else "published_at"

        def holds(item: View) -> bool:
            text = f"{item[one].get('name', '')} {item[one].get('body', '')} {item[one].get('content', '')}".lower()
            at = 0
            for word in words.lower().split(" "):
                at = text.find(word, at)
                if at < 0:
                    return False
            return True

        return sorted(filter(holds, items), key=lambda item: str(item[one][name]), reverse=True)

    def search_v3(self, seen: Seen) -> Reply:
        if self.shut(seen):
            return json_reply({"error": "instance_is_private"}, 400)
        kind = seen.params["type_"].lower()
        assert (seen.params["sort"], seen.params["listing_type"]) == ("New", "All")
        found = page(self.found(kind, seen.params["q"]), int(seen.params["page"]), self.size)
        empty: View = {"posts": [], "comments": [], "users": [], "communities": []}
        return json_reply(empty | {"type_": kind, kind: found}, **self.headers)

    def search_v4(self, seen: Seen) -> Reply:
        if self.shut(seen):
            return json_reply({"error": "instance_is_private"}, 400)
        kind = seen.params["type_"]
        found = self.found(kind, seen.params["search_term"])
        if kind == "posts":  # hot ones first, whatever that is today
            found.sort(key=lambda item: item["post"]["id"] % 7)
        if span := seen.params.get("time_range_seconds"):
            since = NOW.timestamp() - int(span)
            one = "post" if kind == "posts" else "comment"
            found = [item for item in found if moment(item[one]["published_at"]).timestamp() > since]
        answer = self.cursored(found, seen)
        return json_reply({"posts": [], "comments": [], "persons": []} | {kind: answer.pop("items")} | answer)

    def cursored(self, found: list[View], seen: Seen) -> View:
        start = int(seen.params.get("page_cursor", "c0")[1:])
        end = start + self.size
        return {"items": found[start:end]} | ({"next_page": f"c{end}"} if end < len(found) else {})

    def told_v3(self, seen: Seen) -> Reply:
        if not known(seen):
            return json_reply({"error": "not_logged_in"}, 400)
        kind, name, box = {
            "/api/v3/user/mention": ("mention", "mentions", "person_mention"),
            "/api/v3/user/replies": ("reply", "replies", "comment_reply"),
        }[seen.path]
        items = [
            view | {box: {"id": 1, "published": stamp(at)}}
            for what, view, at in sorted(self.told, key=lambda one: one[2], reverse=True)
            if what == kind
        ]
        return json_reply({name: page(items, int(seen.params["page"]), self.size)})

    def told_v4(self, seen: Seen) -> Reply:
        if not known(seen):
            return json_reply({"error": "not_logged_in"}, 400)
        items = [
            {
                "notification": {"id": 1, "kind": kind, "published_at": stamp(at)},
                "data": {"type_": "comment" if "comment" in view else "post"} | view,
            }
            for kind, view, at in sorted(self.told, key=lambda one: one[2], reverse=True)
        ]
        return json_reply(self.cursored(items, seen))


def known(seen: Seen) -> bool:
    return seen.headers.get("authorization") == f"Bearer {TOKEN}"


def page(items: list[View], number: int, size: int) -> list[View]:
    return items[(number - 1) * size : number * size]


def stamp(at: datetime) -> str:
    return at.isoformat().replace("+00:00", "Z")


def moment(text: str) -> datetime:
    return datetime.fromisoformat(text)


def _common(at: datetime, api: str, edited: datetime | None, **fields: Any) -> View:
    names = ("published", "updated") if api == V3 else ("published_at", "updated_at")
    times = {names[0]: stamp(at)} | ({names[1]: stamp(edited)} if edited else {})
    return {"deleted": False, "removed": False} | times | fields


def creator(api: str, number: int = 5, name: str = "ana") -> View:
    return {"id": number, "name": name, "display_name": "Ana", "actor_id" if api == V3 else "ap_id": f"{HOME}/u/{name}"}


def post(number: int, at: datetime, api: str = V3, edited: datetime | None = None, **fields: Any) -> View:
    plain = {"id": number, "ap_id": f"{HOME}/post/{number}", "name": f"acme {number}", "body": "It is down"}
    person = fields.pop("creator", None) or creator(api)
    return {"post": _common(at, api, edited, **(plain | fields)), "creator": person, "community": {"id": 1}}


def comment(number: int, at: datetime, api: str = V3, edited: datetime | None = None, **fields: Any) -> View:
    plain = {"id": number, "ap_id": f"{HOME}/comment/{number}", "content": f"acme {number}", "path": f"0.{number}"}
    person = fields.pop("creator", None) or creator(api)
    under = post(77, at, api)["post"]
    return {"comment": _common(at, api, edited, **(plain | fields)), "post": under, "creator": person}


def adapter(server: Server, http: Http, token: str = "", query: str = "acme", **fields: Any) -> Lemmy:
    config = SourceConfig("lemmy", "l", url=server.url(), **({"backfill": None} | fields))
    return Lemmy(Setup(config, http, Secret(token) if token else None, (Watch("acme", query),)))


async def poll(
    source: Lemmy, bookmark: dict[str, Any] | None = None, now: datetime = NOW, stream: str = "search:acme"
) -> list[Page]:
    cursor = Cursor("l", stream, json.loads(json.dumps(bookmark or {})), now, 0, None, "", "ok")
    return [page async for page in source.pages(cursor, now=now)]


def mention(name: str = "77/7", **fields: Any) -> Mention:
    number = name.rpartition("/")[2]
    external = f"{HOME}/{'comment' if '/' in name else 'post'}/{number}"
    return fake_mastodon.mention(**({"external_id": external, "native_id": name, "network": "lemmy"} | fields))
