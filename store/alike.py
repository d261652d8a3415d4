"""Stored mentions that may say the same as a text, for whoever compares them: by phrases of it, newest first."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from sqlalchemy import func, select
from sqlalchemy.ext.asyncio import AsyncConnection

from store.database import Database
from store.dialects import dialect_of
from store.tables import mention

NEWEST = 100_000  # of so many the other texts of a language are looked for


@dataclass(frozen=True, slots=True)
class Likely:
    id: int
    language: str
    title: str
    text: str


_COLUMNS = (mention.c.id, mention.c.language, mention.c.title, mention.c.text)
_THEIRS = (mention.c.ours.is_(False), mention.c.deleted_at.is_(None))


async def holding(
    db: Database, phrases: Sequence[Sequence[str]], *, before: int | None = None, limit: int
) -> list[Likely]:
    """Theirs that hold any of the phrases (folded words), with a number below `before`."""

    async def work(connection: AsyncConnection) -> list[Likely]:
        index = dialect_of(connection).full_text
        held = index.found(index.either([index.phrase(phrase) for phrase in phrases]))
        query = select(*_COLUMNS).where(held, *_THEIRS).order_by(mention.c.id.desc()).limit(limit)
        if before is not None:
            query = query.where(mention.c.id < before)
        return [Likely(*row) for row in await connection.execute(query)]

    return await db.read(work)


async def uncorrected(db: Database, language: str, *, limit: int) -> list[Likely]:
    """The newest of theirs in this language on whose mood nobody said anything."""

    async def work(connection: AsyncConnection) -> list[Likely]:
        last = (await connection.execute(select(func.max(mention.c.id)))).scalar_one() or 0
        query = select(*_COLUMNS).where(*_THEIRS, mention.c.id > last - NEWEST, mention.c.language == language)
        query = query.where(mention.c.corrected_by.is_(None)).order_by(mention.c.id.desc()).limit(limit)
        return [Likely(*row) for row in await connection.execute(query)]

    return await db.read(work)
