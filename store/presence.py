"""Soft claims: who has a case open. They lock nothing, end with their session, and fade without a sign of life."""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import delete, select
from sqlalchemy.exc import IntegrityError
from sqlalchemy.ext.asyncio import AsyncConnection

from store.database import Database
from store.dialects import dialect_of
from store.domain.errors import NotFound
from store.domain.presence import ALIVE, Presence
from store.tables import presence


async def attend(db: Database, here: Presence) -> None:
    """This session is at this case and at no other; what faded goes. Raises NotFound for an unknown case."""
    row = {name: getattr(here, name) for name in Presence.__slots__}

    async def work(connection: AsyncConnection) -> None:
        await connection.execute(delete(presence).where(presence.c.seen_at < here.seen_at - ALIVE))
        put = dialect_of(connection).insert(presence).values(row)
        try:
            await connection.execute(put.on_conflict_do_update(index_elements=["session"], set_=row))
        except IntegrityError as error:
            raise NotFound(f"there is no case {here.case_id}") from error
        await dialect_of(connection).stir(connection)

    await db.write(work)


async def leave(db: Database, session: str) -> None:
    """This session is at no case any more."""

    async def work(connection: AsyncConnection) -> None:
        await connection.execute(delete(presence).where(presence.c.session == session))
        await dialect_of(connection).stir(connection)

    await db.write(work)


async def others(db: Database, session: str, *, now: datetime) -> tuple[Presence, ...]:
    """Who else is there, who came first first."""

    async def work(connection: AsyncConnection) -> tuple[Presence, ...]:
        alive = select(presence).where(presence.c.session != session, presence.c.seen_at > now - ALIVE)
        rows = await connection.execute(alive.order_by(presence.c.since, presence.c.session))
        return tuple(Presence(**row._mapping) for row in rows)

    return await db.read(work)
