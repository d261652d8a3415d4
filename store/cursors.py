"""Cursors: what is due, where each stream is, and the health of sources."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import UTC, datetime
from typing import Any

from sqlalchemy import Select, case, delete, literal, select, update
from sqlalchemy.ext.asyncio import AsyncConnection

from store import changes
from store.database import Database
from store.dialects import dialect_of
from store.domain.poll import Cursor, PageToStore
from store.tables import cursor
from store.types import UtcDateTime

OURS = "earful"  # the source of what earful itself goes on with
NEVER = datetime(9999, 1, 1, tzinfo=UTC)  # nobody polls it


async def ensure(db: Database, source: str, streams: Iterable[str], *, now: datetime) -> None:
    """Make a cursor, due at once, for each stream that has none; drop the cursors of streams that are not named."""
    named = list(dict.fromkeys(streams))

    async def work(connection: AsyncConnection) -> None:
        await connection.execute(delete(cursor).where(cursor.c.source == source, cursor.c.stream.not_in(named)))
        if named:
            rows = [{"source": source, "stream": stream, "bookmark": {}, "next_poll_at": now} for stream in named]
            await connection.execute(dialect_of(connection).insert(cursor).on_conflict_do_nothing(), rows)

    await db.write(work)


async def due(db: Database, *, now: datetime, sources: Iterable[str] | None = None) -> list[Cursor]:
    """Cursors whose next poll has come, longest overdue first; those in state "gone" never."""
    query = select(cursor).where(cursor.c.next_poll_at <= now, cursor.c.state != "gone")
    if sources is not None:
        query = query.where(cursor.c.source.in_(list(sources)))
    return await _cursors(db, query.order_by(cursor.c.next_poll_at, cursor.c.source, cursor.c.stream))


async def all_of(db: Database, source: str | None = None) -> list[Cursor]:
    """Every cursor (of one source), by source and stream."""
    query = select(cursor).order_by(cursor.c.source, cursor.c.stream)
    return await _cursors(db, query if source is None else query.where(cursor.c.source == source))


async def make_due(db: Database, *, now: datetime, source: str | None = None) -> int:
    """Ask for a poll now (`earful poll --once`). Also wakes streams that were given up as gone or unauthorised. Returns
    how many streams are due by it; a stream that is overdue already keeps its place in the queue."""
    at_latest_now = case((cursor.c.next_poll_at < now, cursor.c.next_poll_at), else_=literal(now, UtcDateTime))
    wake = update(cursor).where(cursor.c.source != OURS).values(next_poll_at=at_latest_now, state="ok")
    if source is not None:
        wake = wake.where(cursor.c.source == source)

    async def work(connection: AsyncConnection) -> int:
        woken = (await connection.execute(wake)).rowcount
        if woken:
            await changes.note(connection, "source", [None], at=now)
        return woken

    return await db.write(work)


async def postpone(db: Database, source: str, stream: str, *, until: datetime) -> None:
    """A poll is over: every page of it left the stream due, so that a poll that died is taken up at once."""
    same = (cursor.c.source == source, cursor.c.stream == stream)

    async def work(connection: AsyncConnection) -> None:
        await connection.execute(update(cursor).where(*same).values(next_poll_at=until))

    await db.write(work)


async def move(connection: AsyncConnection, page: PageToStore, *, now: datetime) -> None:
    """Where a page leaves its stream, inside the transaction that stores the page. Bookmark, next_poll_at and
    quota_left stay as they are where the page does not say; last_success_at moves only without an error. A page
    that says neither bookmark nor next_poll_at (an import) makes no cursor."""
    said = {"bookmark": page.bookmark, "next_poll_at": page.next_poll_at, "quota_left": page.quota_left}
    values: dict[str, Any] = {name: value for name, value in said.items() if value is not None}
    makes = "bookmark" in values or "next_poll_at" in values
    values |= {"failures": page.failures, "state": page.state, "last_error": page.error}
    if not page.error:
        values["last_success_at"] = now
    if makes:
        fresh = {"source": page.source, "stream": page.stream, "bookmark": {}, "next_poll_at": now}
        query = dialect_of(connection).insert(cursor).values(fresh | values)
        await connection.execute(query.on_conflict_do_update(index_elements=["source", "stream"], set_=values))
    else:
        same = (cursor.c.source == page.source, cursor.c.stream == page.stream)
        await connection.execute(update(cursor).where(*same).values(values))


async def _cursors(db: Database, query: Select[tuple[object, ...]]) -> list[Cursor]:
    async def work(connection: AsyncConnection) -> list[Cursor]:
        return [Cursor(**row) for row in (await connection.execute(query)).mappings()]

    return await db.read(work)
