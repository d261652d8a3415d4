"""Lists that are asked for what was updated since a time, oldest first: read so that nothing is lost.

A place in a bookmark is {"floor", "since", "head"}: all that was updated up to `since` is stored. Pages are gone
through by the time and not by their number, because what is updated meanwhile moves to the end and everything behind it
up by one. While much is left to read (`head` is set), a second look from `head` on comes first, so that old items never
keep new ones waiting; it only brings forward what the walk will come to anyway.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from itertools import count

from sources.adapters import fields
from sources.protocol import Page
from store.domain.mention import JsonObject

OVERLAP = timedelta(minutes=10)  # the search index lags
A_SECOND = timedelta(seconds=1)
HEAD_PAGES = 3
DEEPEST = 10  # pages of 100: a search gives 1,000 results and no more


@dataclass(frozen=True, slots=True)
class Read:
    """One answer; `updated` are its items by name in the server's order."""

    page: Page
    updated: Mapping[str, datetime]
    more: bool


# What was updated since a time (None: ever), and which page of it, from 1.
Reader = Callable[[datetime | None, int], Awaitable[Read]]


def opened(stored: JsonObject | None, backfill: timedelta | None, now: datetime) -> JsonObject:
    if stored:
        return dict(stored)
    floor = "" if backfill is None else (now - backfill).isoformat()
    place: JsonObject = {"floor": floor, "since": floor}
    return place if backfill is not None and backfill <= OVERLAP else place | {"head": now.isoformat()}


def time(text: str) -> datetime | None:
    return datetime.fromisoformat(text) if text else None


async def walked(place: JsonObject, read: Reader, now: datetime) -> AsyncIterator[Page]:
    """Moves `place` with every page; a page is right to be stored with the place as it then is."""
    told: set[str] = set()

    async def once(at: datetime | None, number: int) -> Read:
        got = await read(at, number)
        new = [mention for mention in got.page.mentions if mention.external_id not in told]
        told.update(mention.external_id for mention in new)
        return replace(got, page=replace(got.page, mentions=new))

    if place.get("head") and not place.pop("stopped", False):
        place["stopped"] = True  # where the quota ends the poll here, the next one goes on with the walk
        async for got, _ in _lane(place, "head", once, HEAD_PAGES, now):
            yield got.page
    async for got, whole in _lane(place, "since", once, 0, now):
        place.pop("stopped", None)
        if whole:
            place.pop("head", None)
        elif got.more:
            place.setdefault("head", now.isoformat())
        yield got.page


async def _lane(
    place: JsonObject, key: str, read: Reader, limit: int, now: datetime
) -> AsyncIterator[tuple[Read, bool]]:
    """(an answer, whether it is the last one that there is), `limit` of them at most (0: any number). A time from the
    future moves nothing: all that is written until then would look old."""
    start, floor = time(place[key]), time(place["floor"])
    at = max(start - OVERLAP, floor) if start and floor else start and start - OVERLAP
    newest, seen = start or fields.EARLIEST, set[str]()
    number, deepest = 1, 0  # the page to ask for, and the last one that brought something new
    for _ in range(limit) if limit else count():
        got = await read(at, number)
        fresh = got.updated.keys() - seen
        seen |= got.updated.keys()
        deepest = max(deepest, number) if fresh else deepest
        times = list(got.updated.values())
        newest = max([newest, *(at for at in times if at <= now)])
        in_order = times == sorted(times)
        whole = not got.more or (not fresh and number > deepest)
        if (whole or in_order) and newest > fields.EARLIEST:
            place[key] = newest.isoformat()
        if not fresh:  # a server that does not look at the time still has its next page to give
            number = deepest + 1
        elif in_order and (at is None or times[-1] > at):
            at, number = times[-1], 1
        elif number < DEEPEST:
            number += 1
        else:  # more in one second than a search gives
            at, number = (at or newest) + A_SECOND, 1
            got = replace(got, page=replace(got.page, gap_seconds=got.page.gap_seconds + 1))
        yield got, whole
        if whole:
            return
