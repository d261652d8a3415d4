"""Lobsters as its source code has it: pages of 25 stories, a feed of 20 comments."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from html import escape
from typing import Any

from sources.adapters.lobsters import Lobsters
from sources.http import Http
from sources.protocol import Page, Setup
from store.domain.desk import SourceConfig, Watch
from store.domain.poll import Cursor
from tests.servers import Reply, Server, json_reply, text

NOW = datetime(2026, 11, 21, 12, 0, tzinfo=UTC)


class FakeLobsters(Server):
    def __init__(self) -> None:
        super().__init__()
        self.stories: list[dict[str, Any]] = []
        self.comments: list[dict[str, Any]] = []

    def story(self, name: str, at: datetime, title: str = "acme is down", **fields: Any) -> None:
        self.stories.append(
            {
                "short_id": name,
                "created_at": at.isoformat(timespec="milliseconds"),
                "title": title,
                "url": f"https://blog.example/{name}",
                "description": "",
                "submitter_user": "ana",
                "short_id_url": self.url(f"/s/{name}"),
            }
            | fields
        )
        self.on(f"/s/{name}.json", lambda seen: json_reply(next(s for s in self.stories if s["short_id"] == name)))

    def comment(self, name: str, at: datetime, words: str = "acme again", **fields: Any) -> None:
        self.comments.append(
            {
                "short_id": name,
                "created_at": at.isoformat(),
                "last_edited_at": at.isoformat(),
                "is_deleted": False,
                "is_moderated": False,
                "parent_comment": None,
                "comment": f"<p>{words}</p>\n",
                "commenting_user": "ben",
                "short_id_url": self.url(f"/c/{name}"),
                "url": self.url(f"/s/story1/a_title#c_{name}"),
            }
            | fields
        )
        self.on(f"/c/{name}.json", lambda seen: json_reply(next(c for c in self.comments if c["short_id"] == name)))

    def answer(self, seen: Any) -> Reply:
        lists = {"/newest": self.stories, "/domains/acme.example": [s for s in self.stories if "acme" in s["url"]]}
        for path, stories in lists.items():
            if seen.path == f"{path}.json" or seen.path.startswith(f"{path}/page/"):
                self.seen.append(seen)
                number = 1 if seen.path == f"{path}.json" else int(seen.path.rpartition("/")[2].partition(".")[0])
                newest = sorted(stories, key=lambda one: one["created_at"], reverse=True)
                return json_reply(newest[(number - 1) * 25 : number * 25])
        if seen.path == "/comments.rss" and "/comments.rss" not in self._scripts:
            self.seen.append(seen)
            return self.feed()
        return super().answer(seen)

    def feed(self) -> Reply:
        newest = sorted(self.comments, key=lambda one: one["created_at"], reverse=True)[:20]
        items = "".join(
            f"<item><title>acme in the title</title><guid>{one['short_id_url']}</guid>"
            f"<author>{one['commenting_user']}@lobste.rs ({one['commenting_user']})</author>"
            f"<pubDate>{format_datetime(datetime.fromisoformat(one['created_at']))}</pubDate>"
            f"<description>{escape(one['comment'])}</description></item>"
            for one in newest
        )
        return text(f'<?xml version="1.0"?><rss version="2.0"><channel>{items}</channel></rss>', "text/plain")


def adapter(server: Server, http: Http, query: str = "acme", **given: Any) -> Lobsters:
    config = SourceConfig("lobsters", "lo", url=server.url(), **({"backfill": timedelta(days=7)} | given))
    return Lobsters(Setup(config, http, None, (Watch("acme", query),)))


async def poll(
    source: Lobsters, bookmark: Any = None, now: datetime = NOW, stream: str = "stories", pages: int = 1000
) -> list[Page]:
    cursor = Cursor("lo", stream, json.loads(json.dumps(bookmark or {})), now, 0, None, "", "ok")
    found: list[Page] = []
    walk = source.pages(cursor, now=now)
    async for page in walk:
        found.append(page)
        if len(found) == pages:
            break
    await walk.aclose()  # type: ignore[attr-defined]
    return found


def names(pages: list[Page]) -> list[str]:
    return [mention.native_id for page in pages for mention in page.mentions]
