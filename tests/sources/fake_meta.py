"""The Graph API as it pages and posts, for a Facebook page and an Instagram account, and what is needed to ask it."""

from __future__ import annotations

import json
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

from sources.adapters.facebook import Facebook
from sources.adapters.instagram import Instagram
from sources.adapters.meta_graph import VERSION
from sources.http import Http
from sources.protocol import Page, Setup
from store.domain.desk import SourceConfig
from store.domain.poll import Cursor
from store.domain.secret import Secret
from tests.servers import Reply, Seen, Server, json_reply

NOW = datetime(2026, 11, 21, 12, 0, tzinfo=UTC)
TOKEN, PAGE, ACCOUNT = "t0ken", "100", "900"
Item = dict[str, Any]
GONE = {
    "message": "Unsupported get request. Object with ID does not exist, cannot be loaded due to missing permissions",
    "type": "GraphMethodException",
    "code": 100,
    "error_subcode": 33,
}


def stamp(at: datetime) -> str:
    return at.strftime("%Y-%m-%dT%H:%M:%S+0000")


def error(code: int, message: str = "no", status: int = 400, **more: Any) -> Reply:
    return json_reply({"error": {"message": message, "type": "OAuthException", "code": code} | more}, status)


class FakeGraph:
    """`edges` are the lists by path, newest first unless `upwards`; `size` bounds a page. A cursor is the id of the
    last item given; `posted` is what was posted."""

    def __init__(self, server: Server, size: int = 100) -> None:
        self.server, self.size, self.upwards = server, size, False
        self.edges: dict[str, list[Item]] = {}
        self.posted: list[tuple[str, dict[str, str]]] = []
        self.headers: Mapping[str, str] = {}

    def path(self, name: str) -> str:
        return f"/{VERSION}/{name}"

    def object(self, of: str, **fields: Any) -> None:
        self.server.on(self.path(of), json_reply({"id": of} | fields))

    def edge(self, name: str) -> list[Item]:
        if name not in self.edges:
            self.edges[name] = []
            self.server.on(self.path(name), lambda seen: self.page(seen, name))
        return self.edges[name]

    def page(self, seen: Seen, name: str) -> Reply:
        if seen.headers.get("authorization") != f"Bearer {TOKEN}":
            return error(190, f"Malformed access token {seen.headers.get('authorization', '')[7:]}", 401)
        if seen.method == "POST":
            self.posted.append((name, seen.form))
            return json_reply({"id": f"{name.split('_')[0]}_777"})
        items = sorted(self.edges[name], key=moment, reverse=not self.upwards)
        after = seen.params.get("after")
        names = [one["id"] for one in items]
        if after is not None and after not in names:
            return error(100, "Invalid cursors values")
        start = names.index(after) + 1 if after else 0
        part = items[start : start + min(self.size, int(seen.params["limit"]))]
        answer: dict[str, Any] = {"data": part}
        if part:
            cursors = {"before": part[0]["id"], "after": part[-1]["id"]}
            answer["paging"] = {"cursors": cursors}
            if start + len(part) < len(items):
                url = f"https://graph.facebook.com{seen.path}?access_token={TOKEN}&after={cursors['after']}"
                answer["paging"]["next"] = url
        return json_reply(answer, **{key.replace("-", "_"): value for key, value in self.headers.items()})


class FakePage(FakeGraph):
    def __init__(self, server: Server, size: int = 100) -> None:
        super().__init__(server, size)
        self.object(PAGE, name="Acme")
        self.edge(f"{PAGE}/feed")
        self.edge(f"{PAGE}/tagged")

    def post(self, number: int, at: datetime, author: str = PAGE, message: str = "News!") -> Item:
        name = f"{PAGE}_{number}"
        post = {
            "id": name, "message": message, "created_time": stamp(at), "updated_time": stamp(at),
            "from": {"id": author, "name": f"User {author}"}, "permalink_url": f"https://www.facebook.com/{name}",
            "comments": {"data": [], "summary": {"total_count": 0}},
        }  # fmt: skip
        self.edge(f"{PAGE}/feed").append(post)
        self.edge(f"{name}/comments")
        return post

    def comment(self, post: Item, number: int, at: datetime, message: str = "acme?", **fields: Any) -> Item:
        item = {
            "id": f"{post['id'].split('_')[1]}_{number}", "message": message, "created_time": stamp(at),
            "from": {"id": "7", "name": "Ana"},
        } | fields  # fmt: skip
        self.edge(f"{post['id']}/comments").append(item)
        self.edge(f"{item['id']}/comments")
        post["comments"]["summary"]["total_count"] += 1
        post["updated_time"] = max(post["updated_time"], stamp(at))
        return item


class FakeAccount(FakeGraph):
    def __init__(self, server: Server, size: int = 100) -> None:
        super().__init__(server, size)
        self.object(ACCOUNT, username="acme")
        self.edge(f"{ACCOUNT}/media")
        self.edge(f"{ACCOUNT}/tags")

    def media(self, number: int, at: datetime) -> Item:
        item = {
            "id": str(number), "caption": "Look", "timestamp": stamp(at), "username": "acme", "comments_count": 0,
            "permalink": f"https://www.instagram.com/p/{number}/",
        }  # fmt: skip
        self.edge(f"{ACCOUNT}/media").append(item)
        self.edge(f"{number}/comments")
        return item

    def comment(self, media: Item, number: int, at: datetime, above: Item | None = None, **fields: Any) -> Item:
        item = {
            "id": str(number), "text": "acme?", "timestamp": stamp(at), "username": "ana",
            "from": {"id": "7", "username": "ana"},
        } | fields  # fmt: skip
        media["comments_count"] += 1
        self.edge(f"{number}/replies")
        if above is None:
            self.edge(f"{media['id']}/comments").append(item)
            return item
        item["parent_id"] = above["id"]
        replies = self.edge(f"{above['id']}/replies")
        replies.append(item)
        part = sorted(replies, key=moment, reverse=True)[:2]
        above["replies"] = {"data": part, "paging": {"cursors": {"after": part[-1]["id"]}}}
        if len(replies) > len(part):
            above["replies"]["paging"]["next"] = "https://graph.facebook.com/next"
        return item


def moment(item: Item) -> str:
    return str(item.get("created_time") or item.get("timestamp"))


def facebook(server: Server, http: Http, *, secrets: Mapping[str, Secret] | None = None, **fields: Any) -> Facebook:
    options = {"page": PAGE} | fields.pop("options", {})
    config = SourceConfig("facebook", "f", server.url(), "env:F", options=options, **({"backfill": None} | fields))
    return Facebook(Setup(config, http, Secret(TOKEN), secrets=secrets or {}))


def instagram(server: Server, http: Http, **fields: Any) -> Instagram:
    options = {"account": ACCOUNT} | fields.pop("options", {})
    config = SourceConfig("instagram", "i", server.url(), "env:I", options=options, **({"backfill": None} | fields))
    return Instagram(Setup(config, http, Secret(TOKEN)))


async def poll(
    source: Facebook | Instagram,
    bookmark: dict[str, Any] | None = None,
    now: datetime = NOW,
    stream: str = "comments",
) -> list[Page]:
    cursor = Cursor("f", stream, json.loads(json.dumps(bookmark or {})), now, 0, None, "", "ok")
    return [page async for page in source.pages(cursor, now=now)]


def names(pages: list[Page]) -> list[str]:
    return [mention.external_id for page in pages for mention in page.mentions]
