"""The change sequence: how screens learn what moved without reloading."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime

from sqlalchemy import delete, func, insert, select
from sqlalchemy.ext.asyncio import AsyncConnection

from store.database import Database
from store.tables import change


async def note(connection: AsyncConnection, kind: str, case_ids: Iterable[int | None], *, at: datetime) -> None:
    """Inside a write: say that these cases changed. Kinds: "new", "case", "delivery", "source" (its case is None)."""
    rows = [{"kind": kind, "case_id": case_id, "at": at} for case_id in dict.fromkeys(case_ids)]
    if rows:
        await connection.execute(insert(change), rows)


async def newest(db: Database) -> int:
    """The sequence number to start from; 0 where nothing ever changed."""

    async def work(connection: AsyncConnection) -> int:
        last: int | None = (await connection.execute(select(func.max(change.c.id)))).scalar_one()
        return last or 0

    return await db.read(work)


async def since(db: Database, sequence: int, *, limit: int = 1_000) -> tuple[int, list[tuple[str, int | None]]]:
    """(sequence to ask from next, distinct (kind, case_id) after `sequence`, oldest first). At most `limit` rows a
    time: who is further behind asks again until nothing comes."""

    async def work(connection: AsyncConnection) -> tuple[int, list[tuple[str, int | None]]]:
        rows = (
            await connection.execute(
                select(change.c.id, change.c.kind, change.c.case_id)
                .where(change.c.id > sequence)
                .order_by(change.c.id)
                .limit(limit)
            )
        ).all()
        return (rows[-1].id if rows else sequence), list(dict.fromkeys((row.kind, row.case_id) for row in rows))

    return await db.read(work)


async def trim(db: Database, *, before: datetime) -> int:
    """Forget what changed before a time, but the newest row: the sequence never starts again. Returns how many."""

    async def work(connection: AsyncConnection) -> int:
        last = select(func.max(change.c.id)).scalar_subquery()
        result = await connection.execute(delete(change).where(change.c.at < before, change.c.id < last))
        return result.rowcount

    return await db.write(work)
