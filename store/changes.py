"""The change sequence: how screens learn what moved without reloading."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime

from sqlalchemy import delete, func, insert, select
from sqlalchemy.ext.asyncio import AsyncConnection

from store.database import Database
from store.dialects import Mark, Moved, dialect_of
from store.steps import step
from store.tables import change

ROWS_A_STEP = 1_000


async def note(connection: AsyncConnection, kind: str, case_ids: Iterable[int | None], *, at: datetime) -> None:
    """Inside a write: say that these cases changed. Kinds: "new", "case", "delivery", "source" (its case is None)."""
    rows = [{"kind": kind, "case_id": case_id, "at": at} for case_id in dict.fromkeys(case_ids)]
    if rows:
        await connection.execute(insert(change), rows)
        await dialect_of(connection).stir(connection)


async def newest(db: Database) -> Mark:
    """The mark to start from."""
    return await db.read(lambda connection: dialect_of(connection).mark(connection))


async def since(db: Database, mark: Mark, *, limit: int = 1_000) -> tuple[Mark, list[Moved]]:
    """(mark to ask from next, distinct (kind, case_id) after `mark`, oldest first). Who is further behind than `limit`
    may be given a part only, and asks again until nothing comes."""
    return await db.read(lambda connection: dialect_of(connection).changes(connection, mark, limit))


async def trim(db: Database, *, before: datetime) -> int:
    """Forget what changed before a time, but the newest row: the sequence never starts again. Returns how many."""
    newest_of_all = select(func.max(change.c.id)).scalar_subquery()
    old = select(func.max(change.c.id)).where(change.c.at < before, change.c.id < newest_of_all)

    async def last(connection: AsyncConnection) -> int:
        return (await connection.execute(old)).scalar_one() or 0

    async def some(connection: AsyncConnection) -> int:
        oldest = select(change.c.id).where(change.c.id <= upto).order_by(change.c.id).limit(ROWS_A_STEP)
        return (await connection.execute(delete(change).where(change.c.id.in_(oldest)))).rowcount

    upto, count = await db.read(last), 0
    while upto and (gone := await step(db, some)):
        count += gone
    return count
