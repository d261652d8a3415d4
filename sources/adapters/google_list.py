"""Reading a list that is sorted newest first and paged by tokens, so that a stop after any page loses nothing.

A list's place in the bookmark is flat: `floor` is first contact minus `backfill`; `newest` the latest time seen;
`known` the newest items with their time and a stamp that changes with them; `walks` are the ways down that are not at
their end, each with the `token` of its next page and `until`, the time down to which it goes. Every poll begins a walk
at the top; one that was broken off is gone on with after it. A time alone is never trusted: a walk overlaps what is
known, and a `scan` now and then looks further down, because what was held back for review appears at its old place.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from sources.errors import BadAnswer
from sources.protocol import Page
from store.domain.mention import JsonObject, NewMention
from store.domain.poll import Rejected

OVERLAP = timedelta(hours=1)
MOST_WALKS = 8
EMPTY_PAGES = 5  # one after the other


def _any_number() -> int:
    return 1


class StaleToken(BadAnswer):
    """The server does not know the token of a page any more."""


@dataclass(frozen=True, slots=True)
class Item:
    """One of the list. `at` is what the list is sorted by; `more`: its answers are not all in `mentions`."""

    name: str
    at: datetime | None
    stamp: str
    mentions: Sequence[NewMention] = ()
    rejected: Sequence[Rejected] = ()
    more: bool = False


@dataclass(frozen=True, slots=True)
class Listed:
    """One page of it; `below` is the token of the next one, "" at the end."""

    asked: str
    items: Sequence[Item]
    below: str = ""


Fetch = Callable[[str], Awaitable[Listed]]


@dataclass(frozen=True, slots=True)
class Scan:
    """How often to look further down, and how far."""

    every: timedelta
    back: timedelta


def begin(now: datetime, backfill: timedelta | None) -> JsonObject:
    """The place of a list that was never read."""
    floor = "" if backfill is None else (now - backfill).isoformat()
    return {"floor": floor, "newest": "", "known": {}, "walks": [], "scanned": now.isoformat()}


class Reader:
    """One poll of one list. `place` is changed with every page that comes out."""

    def __init__(
        self,
        place: JsonObject,
        fetch: Fetch,
        *,
        now: datetime,
        remember: int,
        scan: Scan,
        most: Callable[[], int] = _any_number,
    ) -> None:
        """`most`: how many pages of old items the quota allows now; what is new is always read."""
        self._place, self._fetch, self._now, self._remember, self._scan = place, fetch, now, remember, scan
        self._most = most
        self.looked_at: set[str] = set()

    async def pages(self) -> AsyncIterator[tuple[list[Item], Page]]:
        """(what is new or changed, the page of it); the place is right when a page comes out."""
        place = self._place
        walks: list[JsonObject] = place["walks"]
        if len(walks) > MOST_WALKS:  # read some twice rather than keep a list that grows
            walks[:] = [{"token": "", "until": min(walk["until"] for walk in walks)}]
        old = list(walks)
        if self._now - datetime.fromisoformat(place["scanned"]) >= self._scan.every:
            place["scanned"] = self._now.isoformat()
            old.append({"token": "", "until": max((self._now - self._scan.back).isoformat(), place["floor"])})
        first = not place["newest"]
        overlap = "" if first else (datetime.fromisoformat(place["newest"]) - OVERLAP).isoformat()
        top: JsonObject = {"token": "", "until": max(overlap, place["floor"])}
        walks[:] = [top, *old]
        async for found in self._walk(top, self._most if first else _any_number, stops_at_known=True):
            yield found
        for walk in old:
            if self._most() <= 0:
                return
            async for found in self._walk(walk, self._most, stops_at_known=False):
                yield found

    async def _walk(
        self, walk: JsonObject, most: Callable[[], int], *, stops_at_known: bool
    ) -> AsyncIterator[tuple[list[Item], Page]]:
        """Down the list, one page at least. The walk is forgotten when it is at its end."""
        seen: set[str] = set()
        begun_again, empty = False, 0
        while not seen or most() > 0:
            try:
                listed = await self._fetch(walk["token"])
            except BadAnswer:  # not all of Google's servers say that it is the token of a page that ran out
                if begun_again or not walk["token"]:
                    raise
                walk["token"], begun_again, seen = "", True, set()
                continue
            names = {item.name for item in listed.items}
            empty = 0 if names else empty + 1  # one may be: what nobody may see is taken out after it is cut
            repeats = not names - seen and (bool(names) or listed.below == walk["token"] or empty == EMPTY_PAGES)
            known = bool(names) and names <= self._place["known"].keys()
            times = [item.at for item in listed.items if item.at is not None]
            deep_enough = bool(times) and times[-1].isoformat() < walk["until"]
            end = not listed.below or repeats or deep_enough or (stops_at_known and known)
            seen |= names
            walk["token"] = listed.below
            if end:
                self._place["walks"].remove(walk)
            yield self.take(listed)
            if end:
                return

    def take(self, listed: Listed) -> tuple[list[Item], Page]:
        """What of a page is new or changed; it is known from now on."""
        place = self._place
        fresh: list[Item] = []
        known: JsonObject = place["known"]
        for item in reversed(listed.items):
            self.looked_at.add(item.name)
            if known.get(item.name, ("", ""))[1] == item.stamp:
                continue
            fresh.append(item)
            at = min(item.at or self._now, self._now).isoformat()
            known[item.name] = [at, item.stamp]
            if item.at is not None:
                place["newest"] = max(place["newest"], at)
        if len(known) > self._remember:
            newest = sorted(known, key=lambda name: known[name][0], reverse=True)[: self._remember]
            place["known"] = {name: known[name] for name in newest}
        mentions = [one for item in fresh for one in item.mentions if self.wanted(one)]
        rejected = [one for item in fresh for one in item.rejected]
        return fresh, Page(listed.asked, mentions, rejected)

    def wanted(self, mention: NewMention) -> bool:
        """Whether it is not older than first contact reaches."""
        latest = max(mention.created_at, mention.edited_at or mention.created_at)
        return not self._place["floor"] or latest >= datetime.fromisoformat(self._place["floor"])
