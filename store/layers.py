"""Layers: what was learnt from corrections, for every process that reads. The newest that is not undone is in force."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import delete, insert, select, update
from sqlalchemy.ext.asyncio import AsyncConnection

from store.database import Database
from store.domain.errors import NotFound
from store.tables import layer

KEPT = 10  # so many can be gone back to


_NEWEST = select(layer).where(layer.c.undone.is_(False)).order_by(layer.c.id.desc()).limit(1)


@dataclass(frozen=True, slots=True)
class Stored:
    """`body` is packed by sources.text.local."""

    id: int
    at: datetime
    agent: str
    corrections: int
    body: bytes


async def add(db: Database, body: bytes, corrections: int, *, agent: str, now: datetime) -> int:
    """In force from now on; what is older than the last ten goes."""

    async def work(connection: AsyncConnection) -> int:
        new = insert(layer).values(body=body, corrections=corrections, agent=agent, at=now).returning(layer.c.id)
        number: int = (await connection.execute(new)).scalar_one()
        oldest = select(layer.c.id).order_by(layer.c.id.desc()).offset(KEPT - 1).limit(1)
        if (last := (await connection.execute(oldest)).scalar_one_or_none()) is not None:
            await connection.execute(delete(layer).where(layer.c.id < last))
        return number

    return await db.write(work)


async def undo(db: Database) -> Stored | None:
    """Back to the layer before: that one, None where there was none. Raises NotFound where none is in force."""

    async def work(connection: AsyncConnection) -> Stored | None:
        current = await _stored(connection)
        if current is None:
            raise NotFound("nothing was taught, so nothing is taken back")
        await connection.execute(update(layer).where(layer.c.id == current.id).values(undone=True))
        return await _stored(connection)

    return await db.write(work)


async def number(db: Database) -> int:
    """Of the one in force; 0 where there is none."""

    async def work(connection: AsyncConnection) -> int:
        found: int | None = (await connection.execute(_NEWEST.with_only_columns(layer.c.id))).scalar_one_or_none()
        return found or 0

    return await db.read(work)


async def current(db: Database) -> Stored | None:
    return await db.read(_stored)


async def _stored(connection: AsyncConnection) -> Stored | None:
    row = (await connection.execute(_NEWEST)).one_or_none()
    return None if row is None else Stored(row.id, row.at, row.agent, row.corrections, row.body)
