"""Watches: the names and roles that mentions refer to. What they look for is configuration."""

from __future__ import annotations

from collections.abc import Iterable

from sqlalchemy import select
from sqlalchemy.dialects.sqlite import insert
from sqlalchemy.ext.asyncio import AsyncConnection

from store.database import Database
from store.domain.desk import Role, Watch
from store.tables import watch


async def sync(db: Database, watches: Iterable[Watch]) -> None:
    """Make the names and roles of the configured watches known to the store; old ones stay, rows refer to them."""
    rows = [{"name": each.name, "role": each.role} for each in watches]

    async def work(connection: AsyncConnection) -> None:
        query = insert(watch)
        role = {"role": query.excluded.role}
        await connection.execute(query.on_conflict_do_update(index_elements=["name"], set_=role), rows)

    if rows:
        await db.write(work)


async def ids(connection: AsyncConnection, names: Iterable[str]) -> dict[str, int]:
    """The ids of these watches, inside a write. One that the store was not told about is made known as `own`: a name is
    no reason to lose a page."""
    wanted = set(names)
    if not wanted:
        return {}
    query = select(watch.c.name, watch.c.id)
    known = {row.name: row.id for row in await connection.execute(query)}
    if missing := sorted(wanted - known.keys()):
        await connection.execute(insert(watch), [{"name": name, "role": Role.OWN} for name in missing])
        known = {row.name: row.id for row in await connection.execute(query)}
    return known
