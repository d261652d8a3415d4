"""Rereading: stored mentions out in order of their numbers, and back in with another reading."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any

from sqlalchemy import Select, bindparam, delete, func, select, update
from sqlalchemy.ext.asyncio import AsyncConnection

from store import changes, corrections, mentions
from store import watches as watch_names
from store.cursors import NEVER, OURS
from store.database import Database
from store.dialects import dialect_of
from store.domain.mention import Mention, Reading, Taught
from store.tables import cursor, mention, mention_watch

A_CHUNK = 50
STREAM = "reread"


@dataclass(frozen=True, slots=True)
class Place:
    """How far a rereading came: behind mention `after`, up to `upto`. `name` tells one request from another."""

    name: str
    after: int
    upto: int

    def behind(self, number: int) -> Place:
        return replace(self, after=number)


@dataclass(frozen=True, slots=True)
class Reread:
    """`watches` are those that match now, out of `tried`; marks of others stay. `taught`: it says the same as a
    corrected one; sentiment and score of the reading are the reading's own all the same, but its intent and urgency
    follow the person's word."""

    reading: Reading
    watches: frozenset[str]
    tried: frozenset[str]
    taught: Taught | None = None


async def place(db: Database, name: str, *, now: datetime) -> Place:
    """Where the rereading of this name was broken off, else the beginning of one."""

    async def work(connection: AsyncConnection) -> Place:
        mine = select(cursor.c.bookmark).where(cursor.c.source == OURS, cursor.c.stream == STREAM)
        kept = (await connection.execute(mine)).scalar_one_or_none()
        if kept and kept.get("name") == name:
            return Place(**kept)
        last = (await connection.execute(select(func.max(mention.c.id)))).scalar_one()
        return Place(name, 0, last or 0)

    return await db.read(work)


async def count(db: Database, since: datetime | None, *, after: int = 0) -> int:
    query = _wanted(select(func.count()), since).where(mention.c.id > after)
    return await db.read(lambda connection: _number(connection, query))


async def chunk(db: Database, at: Place, since: datetime | None) -> list[Mention]:
    query = _wanted(select(mention.c.id), since).where(mention.c.id > at.after, mention.c.id <= at.upto)

    async def work(connection: AsyncConnection) -> list[Mention]:
        ids = (await connection.execute(query.order_by(mention.c.id).limit(A_CHUNK))).scalars()
        return await mentions.read(connection, ids)

    return await db.read(work)


async def write(
    connection: AsyncConnection, *, news: Sequence[tuple[Mention, Reread]], place: Place, now: datetime
) -> tuple[int, int]:
    """Inside a write: what reads otherwise, and how far it came: (changed, marked). One that was edited since it was
    taken out was read again by that."""
    ids = [old.id for old, _ in news]
    query = select(mention.c.id, mention.c.title, mention.c.text, mention.c.corrected_by, mention.c.analysis)
    stored = {row.id: row for row in await connection.execute(query.where(mention.c.id.in_(ids)))}
    same = [(old, new) for old, new in news if (stored[old.id].title, stored[old.id].text) == (old.title, old.text)]
    rows, changed = [], 0
    for old, new in same:
        said = _columns(old, new.reading, corrected=stored[old.id].corrected_by is not None)
        otherwise = said != _columns(old, old, corrected=False)
        changed += otherwise
        if otherwise or stored[old.id].analysis != new.reading.version:
            rows.append({"row_id": old.id, **said, "analysis": new.reading.version})
    if rows:
        values: dict[str, Any] = {name: bindparam(name) for name in rows[0] if name != "row_id"}
        await connection.execute(update(mention).where(mention.c.id == bindparam("row_id")).values(values), rows)
    await _corrected(connection, same, {row.id for row in stored.values() if row.corrected_by is not None}, now=now)
    marked = await _mark(connection, same)
    touched = marked | {row["row_id"] for row in rows}
    case_ids = [old.case_id for old, _ in same if old.id in touched and old.case_id is not None]
    await changes.note(connection, "case", case_ids, at=now)
    kept = {"name": place.name, "after": place.after, "upto": place.upto}
    fresh = dialect_of(connection).insert(cursor).values(source=OURS, stream=STREAM, bookmark=kept, next_poll_at=NEVER)
    await connection.execute(
        fresh.on_conflict_do_update(index_elements=["source", "stream"], set_={"bookmark": fresh.excluded.bookmark})
    )
    return changed, len(marked)


async def finished(db: Database) -> None:
    """The next one begins at the beginning."""

    async def work(connection: AsyncConnection) -> None:
        await connection.execute(delete(cursor).where(cursor.c.source == OURS, cursor.c.stream == STREAM))

    await db.write(work)


async def _mark(connection: AsyncConnection, news: Sequence[tuple[Mention, Reread]]) -> set[int]:
    """Give and take watches' marks: the mentions that got or lost one."""
    ids = await watch_names.ids(connection, {name for _, new in news for name in new.tried})
    gains = [(old.id, ids[name]) for old, new in news for name in new.watches - set(old.watches)]
    loses = [(old.id, ids[name]) for old, new in news for name in (new.tried - new.watches) & set(old.watches)]
    if gains:
        rows = [{"mention_id": number, "watch_id": watch_id} for number, watch_id in gains]
        await connection.execute(dialect_of(connection).insert(mention_watch).on_conflict_do_nothing(), rows)
    if loses:
        pair = (mention_watch.c.mention_id == bindparam("m"), mention_watch.c.watch_id == bindparam("w"))
        await connection.execute(delete(mention_watch).where(*pair), [{"m": m, "w": w} for m, w in loses])
    return {number for number, _ in (*gains, *loses)}


async def _corrected(
    connection: AsyncConnection, news: Sequence[tuple[Mention, Reread]], held: set[int], *, now: datetime
) -> None:
    """What the reading says of those whose mood is a person's is kept for the undo; a person's word on the same words
    reaches those that it has not reached yet."""
    readings = [(old.id, str(new.reading.sentiment), new.reading.score) for old, new in news if old.id in held]
    await corrections.reread(connection, readings)
    told = {old.id: new.taught for old, new in news if new.taught is not None and old.id not in held}
    await corrections.taught(connection, told, now=now)


def _columns(old: Mention, said: Reading | Mention, *, corrected: bool) -> dict[str, Any]:
    """What the analysis fills; of a mention that a person corrected, sentiment and score are the person's."""
    feeling = old if corrected else said
    return {
        "language": said.language,
        "sentiment": feeling.sentiment,
        "score": feeling.score,
        "intent": said.intent,
        "urgency": said.urgency,
        "reasons": list(said.reasons),
    }


def _wanted(query: Select[Any], since: datetime | None) -> Select[Any]:
    theirs = query.select_from(mention).where(mention.c.ours.is_(False), mention.c.deleted_at.is_(None))
    return theirs if since is None else theirs.where(mention.c.created_at >= since)


async def _number(connection: AsyncConnection, query: Select[Any]) -> int:
    return int((await connection.execute(query)).scalar_one())
