"""Reading the comments of a channel's videos, or of one video.

Its place in the bookmark is that of google_list, and two things more, because a new answer does not move its thread up:
`pending` are the threads of which not all answers came along, each asked for by itself; `turn` is where the round
through the known threads stands, that looks 50 at a time whether anything about them changed.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Collection
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import partial

from sources.adapters import fields
from sources.adapters.google_list import Item, Listed, Reader, Scan, begin
from sources.adapters.youtube_api import Missing, YouTubeApi
from sources.adapters.youtube_comment import comment, thread_item
from sources.errors import RateLimited, SourceError
from sources.protocol import Page
from store.domain.mention import JsonObject, NewMention
from store.domain.poll import Rejected

PAGE_SIZE = 100
BATCH = 50
ROUND = timedelta(days=30)  # older threads are not looked at again
SCAN = Scan(every=timedelta(days=1), back=timedelta(days=7))
MOST_PENDING = 1_000
TEXT = (("textFormat", "plainText"),)


@dataclass(frozen=True, slots=True)
class Where:
    """`filter` is the parameter that names it, `direct`: all that is written there is addressed to us."""

    filter: str
    name: str
    direct: bool = False
    remember: int = 300

    def __str__(self) -> str:
        return f"{'video' if self.filter == 'videoId' else 'channel'} {self.name}"


def start(now: datetime, backfill: timedelta | None) -> JsonObject:
    return {**begin(now, backfill), "pending": [], "turn": ""}


class Threads:
    """One poll of one place. Its pages have no bookmark yet; `place` is right when one comes out."""

    def __init__(self, api: YouTubeApi, where: Where, place: JsonObject, own: Collection[str], now: datetime) -> None:
        self._api, self._where, self._place, self._own, self._now = api, where, place, own, now
        self._reader = Reader(
            place, self._fetch, now=now, remember=where.remember, scan=SCAN, most=partial(api.budget.for_history, now)
        )

    async def pages(self, spare: int) -> AsyncIterator[Page]:
        """`spare`: requests for a look at known threads."""
        async for fresh, page in self._reader.pages():
            self._note(fresh)
            yield page
        try:
            async for page in self._look_again(spare):
                yield page
            allowed = max(spare, self._api.budget.for_history(self._now))
            for _ in range(min(len(self._place["pending"]), allowed)):
                async for page in self._answers():
                    yield page
        except RateLimited:
            raise
        except SourceError as error:  # the comments themselves were read: what is missing is asked for again
            self._place["pending"] = self._place["pending"][1:] + self._place["pending"][:1]
            yield Page(f"answers of {self._where} not read: {error}")

    async def _fetch(self, token: str) -> Listed:
        paging = (("pageToken", token),) if token else ()
        told = await self._api.list(
            "commentThreads",
            (
                ("part", "snippet,replies"),
                (self._where.filter, self._where.name),
                ("order", "time"),
                ("maxResults", str(PAGE_SIZE)),
                *TEXT,
                *paging,
            ),
            now=self._now,
        )
        found = [thread_item(one, own=self._own, direct=self._where.direct) for one in told["items"]]
        asked = f"comments of {self._where}{' page ' + token[:20] if token else ''}"
        return Listed(asked, found, fields.place(told.get("nextPageToken")))

    def _note(self, fresh: Collection[Item]) -> None:
        """What is missing of these threads is asked for after this page."""
        pending = {entry[0]: entry for entry in self._place["pending"]}
        for item in fresh:
            if item.more and item.mentions:
                top = item.mentions[0]
                pending[item.name] = [item.name, top.url.partition("v=")[2].partition("&")[0], top.direct]
        self._place["pending"] = list(pending.values())[-MOST_PENDING:]

    async def _look_again(self, spare: int) -> AsyncIterator[Page]:
        """Has anything changed about the threads that this poll has not seen?"""
        known: JsonObject = self._place["known"]
        since = (self._now - ROUND).isoformat()
        names = sorted(name for name in known if known[name][0] >= since and name not in self._reader.looked_at)
        ahead = [name for name in names if name > self._place["turn"]] + [
            name for name in names if name <= self._place["turn"]
        ]
        for begun in range(0, min(len(ahead), spare * BATCH), BATCH):
            some = ahead[begun : begun + BATCH]
            params = (("part", "snippet,replies"), ("id", ",".join(some)), *TEXT)
            try:
                told = await self._api.list("commentThreads", params, now=self._now)
            except Missing:  # all of them are gone
                told = {"items": []}
            self._place["turn"] = some[-1]
            found = [thread_item(one, own=self._own, direct=self._where.direct) for one in told["items"]]
            asked = f"{len(some)} known threads of {self._where}"
            fresh, page = self._reader.take(Listed(asked, [item for item in found if item.name in some]))
            self._note(fresh)
            if fresh:
                yield page

    async def _answers(self) -> AsyncIterator[Page]:
        """All answers of the thread that waits longest; it waits no more when the last page is out."""
        name, video, direct = self._place["pending"][0]
        token, seen = "", set[str]()
        while True:
            paging = (("pageToken", token),) if token else ()
            params = (("part", "snippet"), ("parentId", name), ("maxResults", str(PAGE_SIZE)), *TEXT, *paging)
            try:
                told = await self._api.list("comments", params, now=self._now)
            except Missing:
                told = {"items": []}
            mentions: list[NewMention] = []
            rejected: list[Rejected] = []
            for one in told["items"]:
                try:
                    mentions.append(comment(one, own=self._own, video=video, thread=name, direct=direct))
                except ValueError as error:
                    rejected.append(Rejected(f"an answer in {name}", str(error), fields.raw(one)))
            token = fields.place(told.get("nextPageToken"))
            fresh = {one.external_id for one in mentions} - seen
            seen |= fresh
            if not token or not fresh:
                del self._place["pending"][0]
            wanted = sorted(filter(self._reader.wanted, mentions), key=lambda one: one.created_at)
            yield Page(f"answers in thread {name}", wanted, rejected)
            if not token or not fresh:
                return
