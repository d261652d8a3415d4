"""What review sites have in common: stars, a list that is sorted newest first, one answer to a review at most."""

from __future__ import annotations

import copy
from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Any

from sources.adapters import fields
from sources.protocol import Page
from store.domain.mention import JsonObject

A_DAY = timedelta(days=1)
SCAN = timedelta(days=30)  # so far back is looked once a day for what was edited in its old place
WALKS = 4


def starred(rating: Any, title: str) -> str:
    """A review's title with its rating before it: "★★☆☆☆ Crashes". Raises ValueError where it is not 1 to 5."""
    stars = fields.count(rating)
    if stars is None or not 1 <= stars <= 5:
        raise ValueError("a review without a rating of 1 to 5")
    return f"{'★' * stars}{'☆' * (5 - stars)} {title}".strip()


@dataclass(frozen=True, slots=True)
class Batch:
    """One answer of a list that is sorted newest first; `page` has it oldest first. `names` are the ids of its items,
    `newest` and `oldest` the times of the first and the last of them, `below` is the place of the next answer ("" at
    the end)."""

    page: Page
    names: frozenset[str]
    newest: datetime | None
    oldest: datetime | None
    below: str


async def newest_first(
    read: Callable[[str], Awaitable[Batch]],
    bookmark: JsonObject,
    *,
    backfill: timedelta | None,
    overlap: timedelta,
    now: datetime,
    resume: Callable[[str], str] = str,
) -> AsyncIterator[Page]:
    """The pages of one poll: the top, then back to `overlap` before what is known (on first contact to the `backfill`).

    The bookmark: `floor`, first contact minus backfill; `newest`, the time of the newest item stored; `walks`, what is
    not read yet below a page that is: each from `place` back to `until`. The newest walk goes first, so old items never
    keep new ones waiting. `scanned` is when it was last looked further back, for edits. `resume` says where to go on
    in a walk that an earlier poll left: where places are page numbers, some items may have moved up meanwhile.
    """
    mark = copy.deepcopy(bookmark)
    if "floor" not in mark:
        floor = "" if backfill is None else (now.replace(microsecond=0) - backfill).isoformat()
        mark = {"floor": floor, "newest": "", "scanned": now.isoformat(), "walks": []}
    batch = await read("")
    until = _until(mark, overlap, now)
    if batch.newest is not None:
        mark["newest"] = max(mark["newest"], min(batch.newest, now).isoformat())
    mark["walks"] = [{**walk, "place": resume(walk["place"])} for walk in mark["walks"]]
    current: JsonObject | None = None
    before: frozenset[str] = frozenset()
    if not _is_end(batch, until):
        current, before = {"place": batch.below, "until": until}, batch.names
        mark["walks"].append(current)
        if len(mark["walks"]) > WALKS:  # read some twice rather than keep a list that grows
            current["until"] = min(walk["until"] for walk in mark["walks"])
            mark["walks"] = [current]
    yield _page(batch, mark)
    while mark["walks"] and batch.page.next_poll_at is None:
        walk = mark["walks"][-1]
        if walk is not current:
            current, before = walk, frozenset()
        batch = await read(walk["place"])
        if _is_end(batch, walk["until"]) or batch.names == before:  # some servers know one page only
            mark["walks"].pop()
        else:
            walk["place"] = batch.below
        before = batch.names
        yield _page(batch, mark)


def _until(mark: JsonObject, overlap: timedelta, now: datetime) -> str:
    """How far back this poll looks; "" is to the very first."""
    if not mark["newest"]:
        return str(mark["floor"])
    if now - datetime.fromisoformat(mark["scanned"]) >= A_DAY:
        overlap, mark["scanned"] = max(SCAN, overlap), now.isoformat()
    return max((datetime.fromisoformat(mark["newest"]) - overlap).isoformat(), str(mark["floor"]))


def _is_end(batch: Batch, until: str) -> bool:
    if not batch.below or not batch.names:
        return True
    return bool(until) and batch.oldest is not None and batch.oldest < datetime.fromisoformat(until)


def _page(batch: Batch, mark: JsonObject) -> Page:
    floor = datetime.fromisoformat(mark["floor"]) if mark["floor"] else None
    mentions = [one for one in batch.page.mentions if floor is None or one.ours or one.created_at >= floor]
    return replace(batch.page, mentions=mentions, bookmark=copy.deepcopy(mark))
