"""Threads: where a new word belongs before it has a case."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import NamedTuple

from sqlalchemy import ColumnElement, select
from sqlalchemy.ext.asyncio import AsyncConnection

from store.chunks import chunks
from store.domain.mention import UNKNOWN_AUTHOR, NewMention, ReadMention
from store.tables import cases, delivery, mention

_SOMEBODY = "\x1f"  # in cases.thread, between a thread and the post of somebody who was not named


def of_case(case_thread: str) -> str:
    """The thread of a case, from its column."""
    return case_thread.partition(_SOMEBODY)[0]


def for_case(item: ReadMention, thread: str) -> str:
    """The column of the case that an item belongs to. Whom a source does not name is somebody else each time, and has a
    case of their own in a thread that others share."""
    new = item.new
    if item.author_handle != UNKNOWN_AUTHOR or thread in (new.native_id, new.external_id):
        return thread
    return f"{thread}{_SOMEBODY}{new.external_id}"


class Known(NamedTuple):
    """A stored post, or a sent delivery of ours: its thread and its case."""

    thread: str
    case_id: int | None


@dataclass(frozen=True, slots=True)
class Place:
    """Where one item of a page belongs: its thread; `delivery`, the case of our delivery that the item itself is;
    `case_id`, the case of what it answers; `parent`, what it answers by its position in the page, if new as well."""

    thread: str
    delivery: int | None
    case_id: int | None
    parent: int | None


async def places(connection: AsyncConnection, source: str, items: Sequence[ReadMention]) -> list[Place]:
    """The thread of each of these new items: the network's own id; else the thread of what it answers, be that a stored
    mention, a sent delivery of ours or another item of the page; else the native id of what it answers; else its own
    native or external id. Native ids count within `source`. Items that answer each other in a circle share a thread."""
    news = [item.new for item in items]
    own = [new for new in news if new.ours]
    parents = {new.parent for new in news} - {""}
    natives = {new.native_id for new in own} - {""}
    answered = await _stored(connection, source, parents)
    sent = await _sent(connection, source, delivery.c.remote_id, parents | natives)
    keys = await _sent(connection, source, delivery.c.remote_key, {new.external_id for new in own})
    above = {**sent, **answered}
    position = {new.native_id: i for i, new in enumerate(news) if new.native_id}

    def parent(i: int) -> int | None:
        return None if news[i].parent in above else position.get(news[i].parent)

    threads: dict[int, str] = {}
    for start in range(len(news)):
        at, path = start, dict[int, None]()
        while at not in threads and at not in path:
            path[at] = None
            up = parent(at)
            if news[at].thread or up is None:
                break
            at = up
        thread = threads.get(at) or _root(news[at], above)
        threads |= dict.fromkeys(path, thread)

    def place(i: int, new: NewMention) -> Place:
        ours = (sent.get(new.native_id) or keys.get(new.external_id)) if new.ours else None
        return Place(
            thread=new.thread or (ours.thread if ours else threads[i]),
            delivery=ours.case_id if ours else None,
            case_id=above[new.parent].case_id if new.parent in above else None,
            parent=parent(i),
        )

    return [place(i, new) for i, new in enumerate(news)]


def _root(new: NewMention, above: dict[str, Known]) -> str:
    if new.thread:
        return new.thread
    return above[new.parent].thread if new.parent in above else new.parent or new.native_id or new.external_id


async def _stored(connection: AsyncConnection, source: str, native_ids: Iterable[str]) -> dict[str, Known]:
    found: dict[str, Known] = {}
    for some in chunks(native_ids):
        query = select(mention.c.native_id, mention.c.thread, mention.c.case_id)
        rows = await connection.execute(query.where(mention.c.source == source, mention.c.native_id.in_(some)))
        found |= {row.native_id: Known(row.thread, row.case_id) for row in rows}
    return found


async def _sent(
    connection: AsyncConnection, source: str, column: ColumnElement[str], values: Iterable[str]
) -> dict[str, Known]:
    found: dict[str, Known] = {}
    for some in chunks(values):
        query = select(column.label("value"), cases.c.thread, cases.c.id).join_from(delivery, cases)
        rows = await connection.execute(query.where(delivery.c.source == source, column.in_(some)))
        found |= {row.value: Known(of_case(row.thread), row.id) for row in rows}
    return found
