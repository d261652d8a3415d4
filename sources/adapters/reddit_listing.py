"""How a listing of Reddit is read without losing anything. Listings stand newest first and end after about 1,000 items.

A listing's place is flat: `floor` is first contact minus `backfill`, `newest` the fullname from which `before` goes on
forward ("" where the top is read instead), `at` the time of the newest item that is known, `seen` the newest known
names, `read` when it was last asked for, `looked` when a day of it was, `walk` what the top did not reach: everything
from `below` down to `until`.

Forward is the sure way, but a listing stays empty for ever once the thing named by `before` is deleted: a poll that
finds nothing drops it, and the next ones read the top, asking for one less each time, because answers to the same
question come from a cache. Once an hour the top is read a day down: what a moderator lets in late stands at its old
place.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from sources.protocol import Page
from store.domain.mention import JsonObject

LIMIT = 100
SEEN = 500
LIMITS = 30  # how many different limits are asked for in turn
LOOK_EVERY, LOOK_BACK = 3600.0, 86400.0
DEEP = 900  # a listing that ends here or later may have been cut


@dataclass(frozen=True, slots=True)
class Line:
    """One listing. `forward`: it takes `before`. `feed`: of the web site, one page and no more. `overlap` seconds
    before the newest known item are read again."""

    path: str
    params: tuple[tuple[str, str], ...] = ()
    forward: bool = True
    feed: bool = False
    direct: bool = False
    overlap: float = 60.0

    @property
    def cut(self) -> int:
        """As many items as a listing has that may have been cut."""
        return 25 if self.feed else DEEP


@dataclass(frozen=True, slots=True)
class Read:
    """One answer: names newest first, times in seconds since 1970, what is asked for next further down ("" at the
    end)."""

    names: list[str]
    times: list[float]
    page: Page
    after: str


Reader = Callable[[tuple[tuple[str, str], ...], int], Awaitable[Read]]


def begin(backfill: timedelta | None, now: datetime) -> JsonObject:
    """The place of a listing at first contact."""
    floor = 0.0 if backfill is None else (now - backfill).timestamp()
    return {"floor": floor, "newest": "", "at": floor, "seen": [], "quiet": 0, "looked": 0.0, "read": 0.0}


class Walker:
    """One poll of one listing; moves `place` with every page."""

    def __init__(self, line: Line, place: JsonObject, read: Reader, now: datetime) -> None:
        self._line, self._place, self._read, self._now = line, place, read, now.timestamp()
        self._known = set(place["seen"])

    async def news(self) -> AsyncIterator[Page]:
        """What is new since the last poll."""
        place = self._place
        due = self._now - place["looked"] >= LOOK_EVERY
        place["read"] = self._now
        if place["newest"] and self._line.forward:
            found = False
            while True:
                page, fresh = await self._forward()
                found = found or fresh
                if not found:
                    place["newest"] = ""
                yield page
                if not fresh:
                    break
            if not due:
                return
        page, fresh = await self._top(deep=due)
        yield page
        while fresh and self._line.forward:
            page, fresh = await self._forward()
            yield page

    async def history(self) -> AsyncIterator[Page]:
        """What the top did not reach."""
        below: set[str] = set()
        while walk := self._place.get("walk"):
            read = await self._read((("after", walk["below"]),), LIMIT)
            fresh = set(read.names) - below
            below |= fresh
            walk["count"] += len(fresh)
            walk["oldest"] = min([walk["oldest"], *read.times])
            gap = 0.0
            if walk["oldest"] <= walk["until"] or not fresh or not read.after:
                promised_more = not read.names
                gap = self._gap(walk["oldest"], walk["known"], walk["count"] >= self._line.cut or promised_more)
                del self._place["walk"]
            else:
                walk["below"] = read.after
            yield replace(read.page, gap_seconds=gap)

    async def _forward(self) -> tuple[Page, bool]:
        read = await self._read((("before", self._place["newest"]),), LIMIT)
        fresh = self._note(read)
        if fresh:
            self._place["newest"] = read.names[0]
        return read.page, fresh

    async def _top(self, *, deep: bool) -> tuple[Page, bool]:
        place = self._place
        known, until = place["at"], max(place["floor"], place["at"] - (LOOK_BACK if deep else self._line.overlap))
        read = await self._read((), LIMIT - place["quiet"])
        fresh = self._note(read)
        place["quiet"] = (place["quiet"] + 1) % LIMITS
        place["looked"] = self._now if deep else place["looked"]
        if fresh and self._line.forward:
            place["newest"] = read.names[0]
        oldest = min(read.times, default=self._now)
        if not read.names or oldest <= until:
            return read.page, fresh
        if self._line.feed or not read.after:
            return replace(read.page, gap_seconds=self._gap(oldest, known, len(read.names) >= self._line.cut)), fresh
        if fresh or oldest > known or deep:
            older = place.get("walk", {"until": until, "known": known})
            place["walk"] = {
                "below": read.after,
                "until": min(until, older["until"]),
                "known": min(known, older["known"]),
                "oldest": oldest,
                "count": len(read.names),
            }
        return read.page, fresh

    def _note(self, read: Read) -> bool:
        """Take down what came; whether some of it was not known."""
        fresh = [name for name in reversed(read.names) if name not in self._known]
        self._known.update(fresh)
        self._place["seen"] = [*self._place["seen"], *fresh][-SEEN:]
        self._place["at"] = max([self._place["at"], *(at for at in read.times if at <= self._now)])
        return bool(fresh)

    @staticmethod
    def _gap(oldest: float, known: float, cut: bool) -> float:
        """What lies between the oldest item that was given and the newest one known before."""
        return max(0.0, oldest - known) if cut and known else 0.0
