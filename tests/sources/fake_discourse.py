"""A Discourse forum as its source code has it: ten pages of search by the day, posts by id, topics, notifications."""

from __future__ import annotations

import json
import re
from datetime import UTC, datetime, timedelta
from typing import Any

from sources.adapters.discourse import Discourse
from sources.http import Http
from sources.protocol import Page, Setup
from store.domain.desk import SourceConfig, Watch
from store.domain.poll import Cursor
from store.domain.secret import Secret
from tests.servers import Reply, Seen, Server, json_reply

NOW = datetime(2026, 11, 21, 12, 0, tzinfo=UTC)
TOKEN, ACCOUNT = "k3y", "acme_support"
STREAM = "search:acme"


class FakeDiscourse(Server):
    def __init__(self, *, windows: bool = False) -> None:
        """`windows`: /posts.json gives what is visible of 50 ids, as before 2026, and not 50 posts."""
        super().__init__()
        self.posts: dict[int, dict[str, Any]] = {}
        self.hidden: set[int] = set()
        self.notices: list[dict[str, Any]] = []
        self.sent: list[Seen] = []
        self.windows, self.lookups = windows, True
        self.on("/search.json", self.search)
        self.on("/session/current.json", json_reply({"current_user": {"username": ACCOUNT}}))

    def add(self, name: int, at: datetime, words: str = "acme is down", number: int = 2, **fields: Any) -> None:
        self.posts[name] = {
            "id": name,
            "topic_id": 12,
            "post_number": number,
            "topic_slug": "a-topic",
            "topic_title": "About acme",
            "username": "ana",
            "name": "Ana",
            "created_at": f"{at:%Y-%m-%dT%H:%M:%S}.123Z",
            "updated_at": f"{at:%Y-%m-%dT%H:%M:%S}.123Z",
            "version": 1,
            "cooked": f"<p>{words}</p>",
            "raw": words,
            "reply_to_post_number": None,
        } | fields

    def notify(self, number: int, at: datetime, kind: int, post: int, *, named: bool = True) -> None:
        self.notices.append(
            {
                "id": number,
                "notification_type": kind,
                "created_at": f"{at:%Y-%m-%dT%H:%M:%S}.000Z",
                "topic_id": 12,
                "post_number": self.posts[post]["post_number"] if post in self.posts else 99,
                "fancy_title": "About acme",
                "data": {"original_post_id": post} if named else {},
            }
        )

    def answer(self, seen: Seen) -> Reply:
        post = re.fullmatch(r"/posts/(?:by_number/12/(\d+)|(\d+))\.json", seen.path)
        known = seen.path in self._scripts and seen.path != "/search.json"
        if known or not (post or seen.path in ("/posts.json", "/notifications.json") or seen.path.startswith("/t/12")):
            return super().answer(seen)
        self.seen.append(seen)
        if post:
            found = [
                one
                for one in self.posts.values()
                if self.lookups and (one["id"] == int(post[2]) if post[2] else one["post_number"] == int(post[1]))
            ]
            return json_reply(found[0]) if found else json_reply({"errors": ["gone"]}, 404)
        if seen.path == "/notifications.json":
            start, size = int(seen.params["offset"]), int(seen.params["limit"])
            newest = sorted(self.notices, key=lambda one: one["created_at"], reverse=True)
            return json_reply({"notifications": newest[start : start + size]})
        if seen.path.startswith("/t/12"):
            return self.topic(seen)
        return self.create(seen) if seen.method == "POST" else self.latest(seen)

    def search(self, seen: Seen) -> Reply:
        query, page = seen.params["q"], int(seen.params.get("page", 1))
        if page > 10:
            return json_reply({"errors": ["page parameter must not be greater than 10"]}, 400)
        after, before = re.search(r"after:(\S+)", query), re.search(r"before:(\S+)", query)
        words = re.findall(r'"([^"]+)"', query)
        found = [
            one
            for one in sorted(self.posts.values(), key=lambda one: one["created_at"], reverse=True)
            if (not after or one["created_at"] >= after[1])
            and (not before or one["created_at"] < before[1])
            and all(word in one["raw"] for word in words)
        ]
        some = found[(page - 1) * 50 : page * 50]
        kept = ("id", "topic_id", "post_number", "username", "name", "created_at")
        hits = [
            {name: one[name] for name in kept}
            | {"blurb": one["raw"] if len(one["raw"]) <= 300 else one["raw"][:300] + "..."}
            for one in some
        ]
        more = True if len(found) > page * 50 else None
        topics = [{"id": 12, "title": "About acme", "slug": "a-topic"}]
        return json_reply({"posts": hits, "topics": topics, "grouped_search_result": {"more_full_page_results": more}})

    def latest(self, seen: Seen) -> Reply:
        before = int(seen.params.get("before", 0))
        shown = sorted((n for n in self.posts if n not in self.hidden), reverse=True)
        if self.windows:
            top = before or max(self.posts)
            shown = [n for n in shown if top - 50 < n <= top]
        elif before:
            shown = [n for n in shown if n < before]
        return json_reply({"latest_posts": [self.posts[n] for n in shown[:50]]})

    def topic(self, seen: Seen) -> Reply:
        if seen.path == "/t/12.json":
            return json_reply({"post_stream": {"stream": sorted(self.posts), "posts": []}})
        wanted = [int(value) for name, value in seen.all_params if name == "post_ids[]"]
        return json_reply({"post_stream": {"posts": [self.posts[name] for name in wanted if name in self.posts]}})

    def create(self, seen: Seen) -> Reply:
        self.sent.append(seen)
        body = json.loads(seen.body)
        self.add(900, datetime.now(UTC), body["raw"], number=30, username=ACCOUNT)
        return json_reply(self.posts[900])


def adapter(server: Server, http: Http, token: str = "", query: str = "acme", **given: Any) -> Discourse:
    config = SourceConfig("discourse", "forum", url=server.url(), **({"backfill": timedelta(days=7)} | given))
    return Discourse(Setup(config, http, Secret(token) if token else None, (Watch("acme", query),)))


def cursor(bookmark: Any, stream: str) -> Cursor:
    """As the store keeps it."""
    return Cursor("forum", stream, json.loads(json.dumps(bookmark or {})), NOW, 0, None, "", "ok")


async def poll(
    source: Discourse, bookmark: Any = None, now: datetime = NOW, stream: str = STREAM, pages: int = 1000
) -> list[Page]:
    found: list[Page] = []
    walk = source.pages(cursor(bookmark, stream), now=now)
    async for page in walk:
        found.append(page)
        if len(found) == pages:
            break
    await walk.aclose()  # type: ignore[attr-defined]
    return found


def names(pages: list[Page]) -> list[str]:
    return [mention.external_id.rpartition("-")[2] for page in pages for mention in page.mentions]
