"""Watches: the names and roles that mentions refer to. What they look for is configuration."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import datetime

from sqlalchemy import delete, func, insert, select
from sqlalchemy.ext.asyncio import AsyncConnection

from store import changes
from store.chunks import chunks
from store.database import Database
from store.dialects import dialect_of
from store.domain.desk import Role, Watch
from store.tables import mention, mention_watch, watch


async def sync(db: Database, watches: Iterable[Watch]) -> None:
    """Make the names and roles of the configured watches known to the store; old ones stay, rows refer to them. Where
    all are known nothing is written, so that who only reads waits for nobody."""
    rows = [{"name": each.name, "role": each.role} for each in watches]

    async def known(connection: AsyncConnection) -> dict[str, str]:
        return {row.name: row.role for row in await connection.execute(select(watch.c.name, watch.c.role))}

    async def work(connection: AsyncConnection) -> None:
        query = dialect_of(connection).insert(watch)
        role = {"role": query.excluded.role}
        await connection.execute(query.on_conflict_do_update(index_elements=["name"], set_=role), rows)

    if {each["name"]: each["role"] for each in rows}.items() - (await db.read(known)).items():
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


async def mark(db: Database, of: Watch, gains: Sequence[int], loses: Sequence[int], *, now: datetime) -> None:
    """Give these mentions the watch's mark and take it from those. Their cases stay as they are, and screens hear."""
    if not gains and not loses:
        return

    async def work(connection: AsyncConnection) -> None:
        watch_id = (await ids(connection, [of.name]))[of.name]
        for some in chunks(gains):
            rows = [{"mention_id": mention_id, "watch_id": watch_id} for mention_id in some]
            await connection.execute(dialect_of(connection).insert(mention_watch).on_conflict_do_nothing(), rows)
        for some in chunks(loses):
            theirs = (mention_watch.c.watch_id == watch_id, mention_watch.c.mention_id.in_(some))
            await connection.execute(delete(mention_watch).where(*theirs))
        for some in chunks([*gains, *loses]):
            touched = select(mention.c.case_id).where(mention.c.id.in_(some), mention.c.case_id.is_not(None))
            case_ids = (await connection.execute(touched)).scalars().all()
            await changes.note(connection, "case", case_ids, at=now)

    await db.write(work)


async def counts(db: Database, *, since: datetime) -> dict[str, int]:
    """How many mentions, written since, carry each watch; a watch without any is left out."""
    query = (
        select(watch.c.name, func.count().label("mentions"))
        .join(mention_watch, mention_watch.c.watch_id == watch.c.id)
        .join(mention, mention.c.id == mention_watch.c.mention_id)
        .where(mention.c.created_at >= since, mention.c.ours.is_(False))
        .group_by(watch.c.name)
    )

    async def work(connection: AsyncConnection) -> dict[str, int]:
        return {row.name: row.mentions for row in await connection.execute(query)}

    return await db.read(work)
