"""Videos that speak of a watch (https://developers.google.com/youtube/v3/docs/search/list), and their comments.

A search costs one of 100 a day, so it keeps a slow time of its own (`due`); what was found last is read again at every
poll. Its index lags: each search goes back two days behind the one before (`searched`).
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Collection, Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

from sources.adapters import fields
from sources.adapters.google_login import next_day
from sources.adapters.youtube_api import SEARCHES, CommentsOff, Missing, YouTubeApi
from sources.adapters.youtube_comment import video
from sources.adapters.youtube_threads import Threads, Where, start
from sources.asks import Ask
from sources.errors import RateLimited, SourceError
from sources.protocol import Page
from store.domain.mention import JsonObject, NewMention
from store.domain.poll import Rejected

PAGE_SIZE = 50
PAGES = 3
OVERLAP = timedelta(days=2)
SHORTEST = timedelta(minutes=15)
SHARE = 0.8  # of the day's searches; a second page costs one too
FOLLOWED = 25  # videos whose comments are read
REMEMBER = 60  # threads of each
KNOWN = 500


def begin_search(now: datetime, backfill: timedelta | None) -> JsonObject:
    floor = "" if backfill is None else (now - backfill).isoformat()
    return {"floor": floor, "searched": "", "due": now.isoformat(), "known": [], "videos": {}, "turn": ""}


class Search:
    """One poll of one watch. `all_questions`: how many the whole source asks."""

    def __init__(self, api: YouTubeApi, questions: Sequence[Ask], place: JsonObject, own: Collection[str]) -> None:
        self._api, self._questions, self._place, self._own = api, questions, place, own

    async def pages(self, now: datetime, *, spare: int, all_questions: int) -> AsyncIterator[Page]:
        """Pages without a bookmark; `place` is right when one comes out."""
        place = self._place
        if now >= datetime.fromisoformat(place["due"]):
            try:
                async for page in self._search(now):
                    yield page
                pause = timedelta(days=1) * all_questions / (SEARCHES * SHARE)
                place |= {"searched": place.pop("begun"), "due": (now + max(pause, SHORTEST)).isoformat()}
            except RateLimited as limited:  # searches are counted apart: comments go on
                place["due"] = (limited.retry_at or next_day(now)).isoformat()
                yield Page(f"no search before {place['due'][:16]}: {limited}")
        async for page in self._comments(now, spare):
            yield page

    async def _search(self, now: datetime) -> AsyncIterator[Page]:
        """A round of all questions. One that ended early (`left`: what it has not asked) is gone on with."""
        place = self._place
        if "begun" not in place:
            place |= {"begun": now.isoformat(), "left": [ask.text for ask in self._questions]}
        after = (datetime.fromisoformat(place["searched"]) - OVERLAP).isoformat() if place["searched"] else ""
        since = max(after, place["floor"])
        for ask in [ask for ask in self._questions if ask.text in place["left"]]:
            token, oldest = "", now
            for number in range(PAGES):
                if not self._api.budget.searches_left(now):
                    raise RateLimited("today's YouTube searches are used up", next_day(now))
                told = await self._api.list("search", _params(ask, since, token), now=now, searches=1)
                hits = [one for one in told["items"] if _hit(one)]
                page = await self._found(ask, hits, now)
                token = fields.place(told.get("nextPageToken"))
                oldest = min([oldest, *(one.created_at for one in page.mentions)])
                cut = token and hits and number == PAGES - 1 and since
                gap = (oldest - datetime.fromisoformat(since)).total_seconds() if cut else 0.0
                last = not token or not hits or number == PAGES - 1
                if last:
                    place["left"].remove(ask.text)
                yield replace(page, gap_seconds=max(gap, 0.0))
                if last:
                    break

    async def _found(self, ask: Ask, hits: Sequence[JsonObject], now: datetime) -> Page:
        """What is new among these; a search gives only the beginning of what a video says of itself."""
        new = [one for one in hits if one["id"]["videoId"] not in self._place["known"]]
        whole: dict[str, Any] = {}
        if new:
            try:
                ids = ",".join(one["id"]["videoId"] for one in new)
                told = await self._api.list("videos", (("part", "snippet"), ("id", ids)), now=now)
                whole = {fields.identifier(one.get("id")): one for one in told["items"] if isinstance(one, dict)}
            except RateLimited:
                raise
            except SourceError:
                pass  # the beginning will do
        mentions: list[NewMention] = []
        rejected: list[Rejected] = []
        for hit in reversed(new):
            name = hit["id"]["videoId"]
            try:
                mentions.append(video(whole.get(name, hit), own=self._own))
            except ValueError as error:
                rejected.append(Rejected(name, str(error), fields.raw(hit)))
                continue
            self._place["videos"][name] = {**start(now, None), "floor": self._place["floor"]}
        self._place["known"] = [*self._place["known"], *(one["id"]["videoId"] for one in new)][-KNOWN:]
        self._forget()
        return Page(f"search {ask.text}", mentions, rejected)

    def _forget(self) -> None:
        videos: JsonObject = self._place["videos"]
        for name in list(videos)[: max(len(videos) - FOLLOWED, 0)]:
            del videos[name]

    async def _comments(self, now: datetime, spare: int) -> AsyncIterator[Page]:
        """As many of the videos as the day's units allow, in turns."""
        videos: JsonObject = self._place["videos"]
        names = sorted(videos)
        ahead = [name for name in names if name > self._place["turn"]]
        for name in (ahead + [name for name in names if name not in ahead])[: max(spare, 1)]:
            threads = Threads(self._api, Where("videoId", name, remember=REMEMBER), videos[name], self._own, now)
            self._place["turn"] = name
            try:
                async for page in threads.pages(1):
                    yield page
            except (CommentsOff, Missing):
                del videos[name]


def _params(ask: Ask, since: str, token: str) -> tuple[tuple[str, str], ...]:
    after = datetime.fromisoformat(since).astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ") if since else ""
    return (
        ("part", "snippet"),
        ("type", "video"),
        ("order", "date"),
        ("maxResults", str(PAGE_SIZE)),
        ("q", ask.text),
        *((("publishedAfter", after),) if after else ()),
        *((("pageToken", token),) if token else ()),
    )


def _hit(one: Any) -> bool:
    return (
        isinstance(one, dict) and isinstance(one.get("id"), dict) and bool(fields.identifier(one["id"].get("videoId")))
    )
