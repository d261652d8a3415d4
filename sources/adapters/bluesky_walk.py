"""Lists that give the newest first and know no place to go on from (search, notifications), read so that nothing is
skipped.

A place in the bookmark: `floor` is first contact minus `backfill`, `newest` the time of the newest item that is stored,
and `gaps` below it, newest first: what is from `since` up to `until` is not stored yet. A poll opens a gap above all
others, reads it from the top down, and then goes on with what earlier polls left open, so that old posts never keep new
ones waiting. What is a little older than `newest` is not taken for known, because the network's index lags.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import dataclass
from datetime import datetime, timedelta

from sources.protocol import Page
from store.domain.mention import JsonObject

EMPTY_PAGES = 3  # one after the other: what the reader may not see is taken out of a page after it is cut
GAPS = 8


@dataclass(frozen=True, slots=True)
class Listing:
    """One answer. `times` are those that the list is sorted by, `newest` is the last time at which one of its items
    came to be seen; `cursor` leads to the next answer and is good only now ("" at the end)."""

    names: frozenset[str]
    times: tuple[datetime, ...]
    newest: datetime | None
    cursor: str
    page: Page


Fetch = Callable[[datetime | None, datetime | None, str], Awaitable[Listing]]  # (since, until, cursor)


def opened(stored: JsonObject | None, *, backfill: timedelta | None, overlap: timedelta, now: datetime) -> JsonObject:
    """The place of a list with a gap above all that is stored. `overlap` is how much before `newest` is read again."""
    floor = "" if backfill is None else (now - backfill).isoformat()
    place: JsonObject = {"floor": floor, "newest": floor} | (stored or {})
    left = [dict(gap) for gap in place.get("gaps", ()) if gap["until"]]
    if len(left) > GAPS:  # read some twice rather than keep a list that grows
        left = [*left[: GAPS - 1], {"since": left[-1]["since"], "until": left[GAPS - 1]["until"]}]
    newest, lowest = time(place["newest"]), time(place["floor"])
    since = newest and newest - overlap
    if since and lowest:
        since = max(since, lowest)
    top = {"since": since.isoformat() if since else "", "until": ""}
    return {**place, "gaps": [top, *left]}


async def closed(place: JsonObject, gap: JsonObject, fetch: Fetch) -> AsyncIterator[Page]:
    """Read a gap from its newer end down, moving `place` with every page."""
    since, until = time(gap["since"]), time(gap["until"])
    seen: set[str] = set()
    cursor, empty = "", 0
    while True:
        listing = await fetch(since, until, cursor)
        fresh, seen = listing.names - seen, seen | listing.names
        empty = 0 if listing.names else empty + 1
        _moved(place, gap, listing)
        behind = since is not None and bool(listing.times) and max(listing.times) < since
        nothing_new = bool(listing.names) and not fresh
        over = not listing.cursor or listing.cursor == cursor or nothing_new or behind or empty >= EMPTY_PAGES
        if over:
            place["gaps"].remove(gap)
        cursor = listing.cursor
        yield listing.page
        if over:
            return


def _moved(place: JsonObject, gap: JsonObject, listing: Listing) -> None:
    newest, until = time(place["newest"]), time(gap["until"])
    if listing.newest:
        place["newest"] = max(listing.newest, newest or listing.newest).isoformat()
    if listing.times:
        gap["until"] = min(*listing.times, until or listing.times[0], listing.times[0]).isoformat()


def time(text: str) -> datetime | None:
    return datetime.fromisoformat(text) if text else None
