"""Stack Exchange as its documentation has it: search by excerpts, posts by id, one quota for all."""

from __future__ import annotations

import json
import re
from datetime import UTC, datetime, timedelta
from typing import Any

from sources.adapters.stackexchange import StackExchange
from sources.http import Http
from sources.protocol import Page, Setup
from store.domain.desk import SourceConfig, Watch
from store.domain.poll import Cursor
from store.domain.secret import Secret
from tests.servers import Reply, Seen, Server, json_reply

NOW = datetime(2026, 11, 21, 12, 0, tzinfo=UTC)
SEARCH, POSTS = "/2.3/search/excerpts", "/2.3/posts/"
STREAM = "search:stackoverflow:acme"


class FakeStackExchange:
    def __init__(self, server: Server, *, deepest: int = 25, lookups: bool = True) -> None:
        self.server, self.deepest, self.lookups = server, deepest, lookups
        self.posts: dict[int, dict[str, Any]] = {}
        self.wrapper: dict[str, Any] = {}
        server.on(SEARCH, self.search)
        self.found = server.answer
        server.answer = self.answer  # type: ignore[method-assign]

    def add(self, number: int, at: datetime, body: str = "acme is down", answers: int = 0, **fields: Any) -> None:
        self.posts[number] = {
            "post_id": number,
            "post_type": "answer" if answers else "question",
            "question": answers or number,
            "creation_date": int(at.timestamp()),
            "title": "Why &quot;so&quot;?",
            "body": f"<p>{body}, and much more that an excerpt leaves out</p>",
            "excerpt": f'&hellip;<span class="highlight">{body}</span>&hellip;',
            "owner": {"user_id": 5, "display_name": "Ana &amp; Co", "link": "https://stackoverflow.com/users/5/ana"},
            "link": f"https://stackoverflow.com/x/{number}",
        } | fields

    def search(self, seen: Seen) -> Reply:
        params = seen.params
        low, high = int(params.get("min", 0)), int(params.get("max", 10**12))
        words = re.findall(r'"([^"]+)"', params["q"])
        found = [
            one
            for one in sorted(self.posts.values(), key=lambda one: -one["creation_date"])
            if low <= one["creation_date"] <= high and all(word in one["body"] for word in words)
        ]
        size, page = int(params["pagesize"]), int(params["page"])
        if page > self.deepest:
            return json_reply({"error_id": 403, "error_name": "access_denied", "error_message": "page above 25"}, 403)
        hits = [
            {
                "item_type": one["post_type"],
                "question_id": one["question"],
                **({"answer_id": one["post_id"]} if one["post_type"] == "answer" else {}),
                **{name: one[name] for name in ("title", "excerpt", "creation_date")},
            }
            for one in found[(page - 1) * size : page * size]
        ]
        return self.wrapped(hits, has_more=len(found) > page * size)

    def answer(self, seen: Seen) -> Reply:
        if seen.path.startswith(POSTS) and self.lookups:
            self.server.seen.append(seen)
            numbers = [int(number) for number in seen.path.removeprefix(POSTS).split(";")]
            return self.wrapped([self.posts[number] for number in numbers if number in self.posts], has_more=False)
        return self.found(seen)

    def wrapped(self, items: list[Any], *, has_more: bool) -> Reply:
        return json_reply({"items": items, "has_more": has_more, "quota_max": 10_000} | self.wrapper)


def adapter(server: Server, http: Http, token: str = "", query: str = "acme", **given: Any) -> StackExchange:
    config = SourceConfig("stackexchange", "se", url=server.url(), **({"backfill": timedelta(days=7)} | given))
    return StackExchange(Setup(config, http, Secret(token) if token else None, (Watch("acme", query),)))


async def poll(
    source: StackExchange, bookmark: Any = None, now: datetime = NOW, stream: str = STREAM, pages: int = 1000
) -> list[Page]:
    cursor = Cursor("se", stream, json.loads(json.dumps(bookmark or {})), now, 0, None, "", "ok")
    found: list[Page] = []
    walk = source.pages(cursor, now=now)
    async for page in walk:
        found.append(page)
        if len(found) == pages:
            break
    await walk.aclose()  # type: ignore[attr-defined]
    return found


def names(pages: list[Page]) -> list[str]:
    return [mention.external_id.rpartition("/")[2] for page in pages for mention in page.mentions]
