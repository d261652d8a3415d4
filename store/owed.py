"""Corrections that have not reached yet all that says the same, or whose undo has not: kept in the transaction that
makes them so, so that whoever comes next goes on where a process was killed."""

from __future__ import annotations

from collections.abc import Iterable
from typing import NamedTuple

from sqlalchemy import delete, select
from sqlalchemy.ext.asyncio import AsyncConnection

from store.chunks import chunks
from store.cursors import NEVER, OURS
from store.database import Database
from store.dialects import dialect_of
from store.tables import correction, cursor

STREAM = "correction "


class Owed(NamedTuple):
    correction: int
    mention: int
    undone: bool


async def owe(connection: AsyncConnection, corrections: Iterable[int]) -> None:
    """Inside the write that makes or undoes them."""
    rows = [
        {"source": OURS, "stream": f"{STREAM}{number}", "bookmark": {}, "next_poll_at": NEVER} for number in corrections
    ]
    if rows:
        await connection.execute(dialect_of(connection).insert(cursor).on_conflict_do_nothing(), rows)


async def owed(db: Database) -> list[Owed]:
    """Oldest first; of those whose words are gone nothing is owed."""
    streams = select(cursor.c.stream).where(cursor.c.source == OURS, cursor.c.stream.startswith(STREAM))
    columns = (correction.c.id, correction.c.mention_id, correction.c.undone)

    async def work(connection: AsyncConnection) -> list[Owed]:
        found: list[Owed] = []
        numbers = [int(stream.removeprefix(STREAM)) for stream in (await connection.execute(streams)).scalars()]
        for some in chunks(sorted(numbers)):
            theirs = (correction.c.id.in_(some), correction.c.mention_id.is_not(None))
            query = select(*columns).where(*theirs).order_by(correction.c.id)
            found += [Owed(*row) for row in await connection.execute(query)]
        return found

    return await db.read(work)


async def paid(db: Database, corrections: Iterable[int]) -> None:
    streams = [f"{STREAM}{number}" for number in corrections]

    async def work(connection: AsyncConnection) -> None:
        for some in chunks(streams):
            await connection.execute(delete(cursor).where(cursor.c.source == OURS, cursor.c.stream.in_(some)))

    if streams:
        await db.write(work)
