"""Lists that come newest first, read so that nothing is lost and old posts never keep new ones waiting.

A place in a bookmark is {"floor", "newest", "known", "gaps"}: `floor` is where first contact begins, `newest` the order
of the newest item that is stored, `known` those stored lately by name with their order, `gaps` what is not stored yet,
newest first: {"since", "until", "page"}. A poll opens a gap above all others and closes it from the top down; then it
goes on with what earlier polls left open. An order is a whole number that grows: seconds since 1970, or an id.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta

from sources.protocol import Page
from store.domain.mention import JsonObject

GAPS = 8
ENDLESS = 10**9  # for `deepest`: pages are counted on without end


@dataclass(frozen=True, slots=True)
class Window:
    """What to ask for: items from `since` up to `until` (0: from the top), the `page`-th page of them, from 1."""

    since: int
    until: int
    page: int


@dataclass(frozen=True, slots=True)
class Got:
    """One answer. `orders` are its items by name; `more`: the server says that it has another page."""

    page: Page
    orders: Mapping[str, int]
    more: bool


Ask = Callable[[Window], Awaitable[Got]]


def seconds(at: datetime) -> int:
    return int(at.timestamp())


def floor(backfill: timedelta | None, now: datetime) -> int:
    """Where first contact begins, in seconds since 1970; 0 for the beginning of all things."""
    return 0 if backfill is None else seconds(now - backfill)


def opened(stored: JsonObject | None, start: int, overlap: int) -> JsonObject:
    """The place with a new gap above all that is stored. Nothing younger than `overlap` before the newest is taken for
    stored, because servers show some items late."""
    place: JsonObject = {"floor": start, "newest": start, "known": {}, "gaps": []} | (stored or {})
    left = [dict(gap) for gap in place["gaps"] if gap["until"]]
    if len(left) > GAPS:  # read some twice rather than keep a list that grows
        left = [*left[: GAPS - 1], {**left[GAPS - 1], "since": left[-1]["since"]}]
    since = max(place["newest"] - overlap, place["floor"])
    return place | {"known": dict(place["known"]), "gaps": [{"since": since, "until": 0, "page": 1}, *left]}


async def closed(
    place: JsonObject, gap: JsonObject, ask: Ask, *, deepest: int, overlap: int, latest: int | None = None
) -> AsyncIterator[Page]:
    """Read a gap from its newer end down, moving `place` with every page. After the page `deepest` it is asked again
    for what is older than the last item. With ENDLESS an item is only found by the number of its page. `latest` is now,
    where orders are times: one from the future must not make all that is written until then look old."""
    seen: set[str] = set()
    first = max(gap["page"] - 1, 1) if deepest == ENDLESS else 1  # one page may have moved up meanwhile
    window = Window(gap["since"], gap["until"], first)
    while True:
        got = await ask(window)
        names = got.orders.keys() | {one.where for one in got.page.rejected}
        fresh = names - seen
        seen |= names
        place["newest"] = max([place["newest"], *(at for at in got.orders.values() if latest is None or at <= latest)])
        known = {**place["known"], **got.orders}
        place["known"] = {name: order for name, order in known.items() if order >= place["newest"] - overlap}
        oldest = min(got.orders.values(), default=0)
        if got.orders:
            gap["until"] = min(oldest, gap["until"] or oldest)
        gap["page"] = window.page
        # The oldest order is asked again: not all of its items need have been there; but no more than once.
        below = gap["until"] - (gap["until"] == window.until)
        reached = bool(got.orders) and oldest < window.since
        if reached or not (fresh and got.more) or (window.page >= deepest and below <= 0):
            place["gaps"].remove(gap)
            yield got.page
            return
        yield got.page
        deeper = window.page < deepest
        window = Window(window.since, window.until, window.page + 1) if deeper else Window(window.since, below, 1)
