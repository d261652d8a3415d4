"""The X API as it pages, limits and posts, and what is needed to ask it."""

from __future__ import annotations

import json
import re
from datetime import UTC, datetime, timedelta
from typing import Any

from sources.adapters.x import X
from sources.adapters.x_post import EPOCH
from sources.http import Http
from sources.keep import Keep
from sources.protocol import Page, Setup
from store.domain.desk import SourceConfig, Watch
from store.domain.poll import Cursor
from store.domain.secret import Secret
from tests.servers import Reply, Seen, Server, json_reply

NOW = datetime(2026, 11, 21, 12, 0, tzinfo=UTC)
TOKEN, OWN = "t0ken", "900"
SEARCH, MENTIONS, TIMELINE = "/2/tweets/search/recent", f"/2/users/{OWN}/mentions", f"/2/users/{OWN}/tweets"
REACH = timedelta(days=7)
Post = dict[str, Any]


def id_at(at: datetime, number: int = 0) -> str:
    return str((int((at - EPOCH).total_seconds() * 1000) << 22) + number)


class FakeX(dict[str, Post]):
    """Posts by id. `clock` is what time it is there; `size` bounds a page; a search finds what holds the words."""

    def __init__(self, server: Server, clock: datetime = NOW, size: int = 100) -> None:
        super().__init__()
        self.server, self.clock, self.size = server, clock, size
        self.user_context = True
        self.posted: list[Any] = []
        server.on(SEARCH, self.search)
        server.on(MENTIONS, lambda seen: self.page(seen, self.naming("@acme")))
        server.on(TIMELINE, lambda seen: self.page(seen, [one for one in self.values() if one["author_id"] == OWN]))
        server.on("/2/users/me", self.me)
        server.on("/2/tweets", self.tweets)

    def add(self, at: datetime, text: str = "acme is down", *, number: int = 0, **fields: Any) -> Post:
        name = id_at(at, number)
        stamp = at.strftime("%Y-%m-%dT%H:%M:%S.") + f"{at.microsecond // 1000:03d}Z"
        post = {
            "id": name, "text": text, "created_at": stamp, "author_id": "1", "conversation_id": name, "lang": "en",
            "edit_history_tweet_ids": [name],
        } | fields  # fmt: skip
        self[name] = post
        return post

    def naming(self, word: str) -> list[Post]:
        return [one for one in self.values() if word in one["text"]]

    def search(self, seen: Seen) -> Reply:
        params = seen.params
        if len(params["query"]) > 512:
            return invalid("query is too long")
        if "since_id" in params and EPOCH + timedelta(milliseconds=int(params["since_id"]) >> 22) < self.clock - REACH:
            return invalid("'since_id' must be a tweet id created after 7 days ago")
        if "start_time" in params and datetime.fromisoformat(params["start_time"]) < self.clock - REACH:
            return invalid("'start_time' must be on or after 7 days ago")
        words = [word.strip('"') for word in re.findall(r'"[^"]+"', params["query"])]
        found = [one for one in self.values() if any(word in one["text"] for word in words)]
        return self.page(seen, [one for one in found if EPOCH + age(one) >= self.clock - REACH])

    def page(self, seen: Seen, posts: list[Post]) -> Reply:
        """Newest first; a token is the id to go on below. It asks for as much as it did on the first page."""
        if seen.headers.get("authorization") != f"Bearer {TOKEN}":
            return json_reply({"title": "Unauthorized", "detail": "Unauthorized", "status": 401}, 401)
        params, size = seen.params, min(self.size, int(seen.params.get("max_results", "10")))
        assert not {"since_id", "start_time"} <= params.keys()
        below = params.get("next_token") or params.get("pagination_token")
        found = sorted(posts, key=lambda one: int(one["id"]), reverse=True)
        if "since_id" in params:
            found = [one for one in found if int(one["id"]) > int(params["since_id"])]
        if "start_time" in params:
            since = datetime.fromisoformat(params["start_time"])
            found = [one for one in found if EPOCH + age(one) >= since]
        if below:
            found = [one for one in found if int(one["id"]) < int(below)]
        part = found[:size]
        meta: dict[str, Any] = {"result_count": len(part)}
        if part:
            meta |= {"newest_id": part[0]["id"], "oldest_id": part[-1]["id"]}
        if len(found) > len(part):
            meta["next_token"] = part[-1]["id"]
        headers = {"x_rate_limit_limit": "450", "x_rate_limit_remaining": "449", "x_rate_limit_reset": "1795262400"}
        return json_reply(self.with_authors(part) | {"meta": meta}, **headers)

    @staticmethod
    def with_authors(posts: list[Post]) -> dict[str, Any]:
        users = [
            {"id": name, "username": f"user{name}", "name": "Ana", "public_metrics": {"followers_count": 1200}}
            for name in sorted({one["author_id"] for one in posts})
        ]
        return {"data": posts, "includes": {"users": users}} if posts else {}

    def me(self, seen: Seen) -> Reply:
        if not self.user_context:
            return json_reply({"title": "Unsupported Authentication", "detail": "app-only", "status": 403}, 403)
        return json_reply({"data": {"id": OWN, "username": "acme", "name": "Acme"}})

    def tweets(self, seen: Seen) -> Reply:
        if seen.method == "POST":
            body = json.loads(seen.body)
            self.posted.append(body)
            return json_reply({"data": {"id": "777", "text": body["text"]}}, 201)
        names = seen.params["ids"].split(",")
        errors = [
            {
                "resource_id": name, "value": name, "resource_type": "tweet", "title": "Not Found Error",
                "detail": f"Could not find tweet with ids: [{name}].",
                "type": "https://api.x.com/2/problems/resource-not-found",
            }
            for name in names if name not in self
        ]  # fmt: skip
        return json_reply(self.with_authors([self[name] for name in names if name in self]) | {"errors": errors})


def age(post: Post) -> timedelta:
    return timedelta(milliseconds=int(post["id"]) >> 22)


def invalid(detail: str) -> Reply:
    return json_reply({"title": "Invalid Request", "detail": detail, "errors": [{"message": detail}]}, 400)


def adapter(server: Server, http: Http, query: str = "acme", keep: Keep | None = None, **fields: Any) -> X:
    config = SourceConfig("x", "x", url=server.url(), token="env:X", **({"backfill": timedelta(days=7)} | fields))
    return X(Setup(config, http, Secret(TOKEN), (Watch("acme", query),), keep=keep or Keep()))


async def poll(
    source: X, bookmark: dict[str, Any] | None = None, now: datetime = NOW, stream: str = "search:acme"
) -> list[Page]:
    cursor = Cursor("x", stream, json.loads(json.dumps(bookmark or {})), now, 0, None, "", "ok")
    return [page async for page in source.pages(cursor, now=now)]
