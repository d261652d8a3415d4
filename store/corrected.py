"""The corrections that hold, for whoever learns from them or explains by them. `store.corrections` writes them."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import func, select
from sqlalchemy.ext.asyncio import AsyncConnection

from store.chunks import chunks
from store.database import Database
from store.domain.mention import SentimentLabel
from store.tables import correction, correction_alike, mention

A_CHUNK = 500

Mark = tuple[int, int, int]


@dataclass(frozen=True, slots=True)
class Correction:
    """One in force. `said` and `score` are what the reading had said. Without a `mention` it is from another desk, and
    `numbers` are what it brought (see sources.lessons); title and text are then empty."""

    id: int
    mention: int | None
    numbers: bytes | None
    language: str
    said: SentimentLabel
    score: float
    label: SentimentLabel
    agent: str
    at: datetime
    title: str
    text: str


@dataclass(frozen=True, slots=True)
class Told:
    """Why a mention's mood is a person's: what they said, who, when, on which mention; what the reading said."""

    label: str
    agent: str
    at: datetime
    mention: int | None
    case: int | None
    said: str
    score: float


async def mark(db: Database) -> Mark:
    """Another one than before where a correction came, went, or was undone."""
    table = correction.c
    query = select(func.count(), func.coalesce(func.max(table.id), 0), func.coalesce(func.sum(table.id), 0))

    async def work(connection: AsyncConnection) -> Mark:
        count, last, whole = (await connection.execute(query.where(table.undone.is_(False)))).one()
        return int(count), int(last), int(whole)

    return await db.read(work)


async def in_force(db: Database, after: int = 0) -> list[Correction]:
    """Some of those that hold, by number, with the words that they are about."""
    words = (mention.c.title, mention.c.text)
    query = (
        select(correction, *words)
        .outerjoin(mention, mention.c.id == correction.c.mention_id)
        .where(correction.c.undone.is_(False), correction.c.id > after)
        .order_by(correction.c.id)
        .limit(A_CHUNK)
    )

    async def work(connection: AsyncConnection) -> list[Correction]:
        return [
            Correction(
                id=row.id,
                mention=row.mention_id,
                numbers=row.numbers,
                language=row.language,
                said=SentimentLabel(row.said),
                score=row.score,
                label=SentimentLabel(row.label),
                agent=row.agent,
                at=row.at,
                title=row.title or "",
                text=row.text or "",
            )
            for row in await connection.execute(query)
        ]

    return await db.read(work)


async def told(db: Database, mention_id: int) -> Told | None:
    """Whose word a mention's mood is; None where it is the reading's."""
    case = mention.alias()
    columns = (correction.c.label, correction.c.agent, correction.c.at, correction.c.mention_id, case.c.case_id)
    held = (correction.c.undone.is_(False), mention.c.id == mention_id, mention.c.corrected_by.is_not(None))
    about = select(*columns).outerjoin(case, case.c.id == correction.c.mention_id)
    own = about.add_columns(correction.c.said, correction.c.score).join(
        mention, mention.c.id == correction.c.mention_id
    )
    pair = correction_alike.c.correction_id == correction.c.id
    alike = (
        about.add_columns(correction_alike.c.said, correction_alike.c.score)
        .join(correction_alike, pair)
        .join(mention, mention.c.id == correction_alike.c.mention_id)
    )

    async def work(connection: AsyncConnection) -> Told | None:
        for query in (own, alike):
            row = (await connection.execute(query.where(*held).order_by(correction.c.id.desc()).limit(1))).one_or_none()
            if row is not None:
                return Told(*row)
        return None

    return await db.read(work)


async def moved(db: Database, ids: Iterable[int]) -> list[int]:
    """The mentions that these corrections are about, and those that say the same; also of undone ones."""

    async def work(connection: AsyncConnection) -> list[int]:
        found: dict[int, None] = {}
        for some in chunks(ids):
            own = select(correction.c.mention_id).where(correction.c.id.in_(some), correction.c.mention_id.is_not(None))
            alike = select(correction_alike.c.mention_id).where(correction_alike.c.correction_id.in_(some))
            for query in (own, alike):
                found |= dict.fromkeys((await connection.execute(query)).scalars())
        return list(found)

    return await db.read(work)
