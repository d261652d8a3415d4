"""A Reddit whose listings page, forget and refuse as Reddit's do, and what is needed to ask it."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from typing import Any

from sources.adapters.reddit import Reddit
from sources.http import Http
from sources.protocol import Page, Setup
from store.domain.desk import SourceConfig, Watch
from store.domain.mention import Mention
from store.domain.poll import Cursor
from store.domain.secret import Secret
from tests.servers import Reply, Seen, Server, json_reply
from tests.sources import fake_mastodon

NOW = datetime(2026, 11, 21, 12, 0, tzinfo=UTC)
TOKEN = "t0ken"
OWN = "acme_support"
COMMENTS, NEW, SEARCH, INBOX = "/r/acme/comments/", "/r/acme/new", "/search", "/message/inbox/"
Thing = dict[str, Any]


class FakeReddit(dict[str, list[Thing]]):
    """The server's side: listings by path, oldest first; a listing gives no more than its `depth` newest."""

    def __init__(self, server: Server) -> None:
        super().__init__({COMMENTS: [], NEW: [], SEARCH: [], INBOX: []})
        self.server, self.depth = server, 1000
        self.gone: set[str] = set()
        self.headers: dict[str, str] = {}
        self.tokens = {TOKEN}
        self.posts: list[Seen] = []
        for path in self:
            server.on(path, self.listing)
        server.on("/api/v1/me", self.guarded(lambda seen: json_reply({"name": OWN})))
        server.on("/api/info/", self.guarded(self.info))

    def add(self, path: str, number: int, at: datetime, **fields: Any) -> Thing:
        thing = (post if path in (NEW, SEARCH) else comment)(number, at, **fields)
        self[path].append(thing)
        return thing

    def guarded(self, answer: Any) -> Any:
        def guard(seen: Seen) -> Reply:
            if seen.headers.get("authorization", "").removeprefix("Bearer ") not in self.tokens:
                return json_reply({"message": "Unauthorized", "error": 401}, 401)
            assert seen.params["raw_json"] == "1"
            reply: Reply = answer(seen)
            return reply

        return guard

    def listing(self, seen: Seen) -> Reply:
        return self.guarded(self.page)(seen)  # type: ignore[no-any-return]

    def page(self, seen: Seen) -> Reply:
        """before: the page just above; after: the page just below; nothing: the newest. Newest first, always. From a
        thing that is gone no way leads on."""
        things = [one for one in self[seen.path] if one["data"].get("name") not in self.gone][-self.depth :]
        names, size = [one["data"].get("name") for one in things], int(seen.params["limit"])
        below = None
        if "before" in seen.params:
            name = seen.params["before"]
            found = things[names.index(name) + 1 :][:size] if name in names else []
        else:
            end = names.index(seen.params["after"]) if "after" in seen.params else len(things)
            found = things[max(0, end - size) : end]
            below = found[0]["data"]["name"] if found and end > size else None
        return listing(found[::-1], after=below, **self.headers)

    def info(self, seen: Seen) -> Reply:
        wanted = seen.params["id"].split(",")
        assert len(wanted) <= 100
        return listing([one for things in self.values() for one in things if one["data"]["name"] in wanted])


def listing(things: list[Thing], after: str | None = None, **headers: str) -> Reply:
    return json_reply({"kind": "Listing", "data": {"children": things, "after": after, "before": None}}, **headers)


def comment(number: int, at: datetime, **fields: Any) -> Thing:
    data = {
        "id": str(number), "name": f"t1_{number}", "author": "ana", "body": f"acme {number}",
        "body_html": f'<div class="md"><p>acme {number}</p>\n</div>', "created_utc": at.timestamp(), "edited": False,
        "parent_id": "t3_77", "link_id": "t3_77", "subreddit": "acme", "link_title": "I got a 1",
        "permalink": f"/r/acme/comments/77/i_got_a_1/{number}/",
    }  # fmt: skip
    return {"kind": "t1", "data": data | fields}


def post(number: int, at: datetime, **fields: Any) -> Thing:
    data = {
        "id": str(number), "name": f"t3_{number}", "author": "ana", "title": f"acme {number}", "selftext": "It is down",
        "selftext_html": '<div class="md"><p>It is down</p></div>', "is_self": True, "created_utc": at.timestamp(),
        "edited": False, "subreddit": "acme", "permalink": f"/r/acme/comments/{number}/acme/",
        "url": f"https://www.reddit.com/r/acme/comments/{number}/acme/", "removed_by_category": None,
    }  # fmt: skip
    return {"kind": "t3", "data": data | fields}


def adapter(
    server: Server, http: Http, token: str = TOKEN, secrets: dict[str, str] | None = None, **fields: Any
) -> Reddit:
    options = {"subreddits": ["acme"], **fields.pop("options", {}), **dict.fromkeys(secrets or (), "env:X")}
    plain: dict[str, Any] = {"backfill": None, "token": "env:T" if token else "", "options": options}
    config = SourceConfig("reddit", "r", url=server.url(), **(plain | fields))
    found = {name: Secret(value) for name, value in (secrets or {}).items()}
    watches = (Watch("acme", '"acme cloud" OR acme~1'),)
    return Reddit(Setup(config, http, Secret(token) if token else None, watches, found))


async def poll(
    source: Reddit, bookmark: dict[str, Any] | None = None, now: datetime = NOW, stream: str = "comments:acme"
) -> list[Page]:
    cursor = Cursor("r", stream, json.loads(json.dumps(bookmark or {})), now, 0, None, "", "ok")
    return [page async for page in source.pages(cursor, now=now)]


def mention(name: str = "t1_7", **fields: Any) -> Mention:
    plain = {"external_id": name, "native_id": name, "network": "reddit", "thread": "t3_77", "handle": "ana"}
    return fake_mastodon.mention(**(plain | fields))
