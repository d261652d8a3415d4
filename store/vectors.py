"""Vectors of mentions, as deep reading makes them: kept beside the words and gone with them.

Only the newest mentions have one: 200,000 of 512 bytes are 100 MB of a store, a million would be half a gigabyte.
"""

from __future__ import annotations

from array import array
from collections.abc import AsyncIterator, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import Select, and_, bindparam, case, delete, func, or_, select, update
from sqlalchemy.ext.asyncio import AsyncConnection

from store import changes, mentions
from store.chunks import chunks
from store.database import Database
from store.dialects import dialect_of
from store.domain.mention import Mention, Reading, SentimentLabel
from store.steps import step
from store.tables import cases, mention, vector, vector_sum

KEPT = 200_000  # of the newest mentions
A_PAGE = 4_000  # so that taking them out never holds a screen up for a moment that is seen
A_STEP = 500
OF_AN_ISSUE = 20
FIRST = ("complaint", "question", "request", "threat")  # the intents that cannot wait

_SUM = (vector_sum.c.engine, vector_sum.c.language, vector_sum.c.count, vector_sum.c.body)
Sum = tuple[int, bytes]  # how many vectors, and their sum as 32-bit floats


@dataclass(frozen=True, slots=True)
class Deep:
    """What deep reading found in a mention as it was taken out. `reading` is None where it has nothing to say."""

    mention: Mention
    digest: int
    body: bytes
    reading: Reading | None


@dataclass(frozen=True, slots=True)
class Page:
    """Some vectors of one engine: mention ids, their cases, their languages, bodies."""

    ids: list[int]
    cases: list[int]
    languages: list[str]
    bodies: list[bytes]


async def waiting(db: Database, engine: str, *, limit: int) -> list[int]:
    """The mentions that this engine has not read: those that complain or ask first, the newest of them first."""
    urgent = or_(mention.c.sentiment == SentimentLabel.NEGATIVE, mention.c.intent.in_(FIRST))

    async def work(connection: AsyncConnection) -> list[int]:
        query = await _waiting(connection, select(mention.c.id), engine)
        rank = case((urgent, 0), else_=1)
        return list((await connection.execute(query.order_by(rank, mention.c.id.desc()).limit(limit))).scalars())

    return await db.read(work)


async def count_waiting(db: Database, engine: str) -> int:
    async def work(connection: AsyncConnection) -> int:
        query = await _waiting(connection, select(func.count()).select_from(mention), engine)
        number: int = (await connection.execute(query)).scalar_one()
        return number

    return await db.read(work)


async def take(db: Database, ids: Sequence[int]) -> list[Mention]:
    return await db.read(lambda connection: mentions.read(connection, ids))


async def known(db: Database, engine: str, digests: Iterable[int]) -> dict[int, bytes]:
    """Those of these words that this engine has read already -> their vector."""

    async def work(connection: AsyncConnection) -> dict[int, bytes]:
        found: dict[int, bytes] = {}
        for some in chunks(set(digests)):
            query = select(vector.c.digest, vector.c.body).where(vector.c.engine == engine, vector.c.digest.in_(some))
            found |= {row.digest: row.body for row in await connection.execute(query)}
        return found

    return await db.read(work)


async def of(connection: AsyncConnection, engine: str, ids: Iterable[int]) -> dict[int, bytes]:
    """The vectors of these mentions, as far as this engine has made them."""
    found: dict[int, bytes] = {}
    for some in chunks(ids):
        query = select(vector.c.mention_id, vector.c.body)
        query = query.where(vector.c.engine == engine, vector.c.mention_id.in_(some))
        found |= {row.mention_id: row.body for row in await connection.execute(query)}
    return found


async def these(db: Database, engine: str, ids: Iterable[int]) -> dict[int, bytes]:
    return await db.read(lambda connection: of(connection, engine, ids))


async def of_case(db: Database, engine: str, case_id: int) -> list[tuple[str, bytes]]:
    """(language, vector) of what they said in a case."""

    async def work(connection: AsyncConnection) -> list[tuple[str, bytes]]:
        query = select(mention.c.language, vector.c.body).join(mention, mention.c.id == vector.c.mention_id)
        query = query.where(mention.c.case_id == case_id, mention.c.ours.is_(False), vector.c.engine == engine)
        return [(row.language, row.body) for row in await connection.execute(query)]

    return await db.read(work)


async def of_issues(db: Database, engine: str, issue_ids: Iterable[int]) -> list[tuple[int, str, bytes]]:
    """(issue, language, vector) of the newest mentions of each issue, a few of each, however many it has."""
    query = select(mention.c.issue_id, mention.c.language, vector.c.body).where(vector.c.engine == engine)
    query = query.join(vector, vector.c.mention_id == mention.c.id)
    query = query.order_by(mention.c.created_at.desc()).limit(OF_AN_ISSUE)

    async def work(connection: AsyncConnection) -> list[tuple[int, str, bytes]]:
        found: list[tuple[int, str, bytes]] = []
        for number in issue_ids:
            rows = await connection.execute(query.where(mention.c.issue_id == number))
            found += [(row.issue_id, row.language, row.body) for row in rows]
        return found

    return await db.read(work)


async def keep(
    connection: AsyncConnection, engine: str, found: Sequence[Deep], sums: Mapping[str, Sum], *, now: datetime
) -> int:
    """Inside a write: the vectors, the sums by language, and the reading of those that nobody corrected. What was
    edited or deleted since it was taken out is left for the next time. Returns how many read otherwise now."""
    columns = ("id", "title", "text", "deleted_at", "corrected_by")
    query = select(*(mention.c[name] for name in columns)).where(mention.c.id.in_([deep.mention.id for deep in found]))
    stored = {row.id: row for row in await connection.execute(query)}
    same = [deep for deep in found if (row := stored.get(deep.mention.id)) is not None and row.deleted_at is None
            and (row.title, row.text) == (deep.mention.title, deep.mention.text)]  # fmt: skip
    if not same:
        return 0
    fresh = dialect_of(connection).insert(vector)
    news = {name: fresh.excluded[name] for name in ("engine", "digest", "body")}
    replaced = fresh.on_conflict_do_update(index_elements=["mention_id"], set_=news)
    rows = [{"mention_id": d.mention.id, "engine": engine, "digest": d.digest, "body": d.body} for d in same]
    await connection.execute(replaced, rows)
    await _add(connection, engine, sums)
    changed = [deep for deep in same if stored[deep.mention.id].corrected_by is None and _otherwise(deep)]
    if changed:
        said = [{"row_id": deep.mention.id, **_columns(deep.reading)} for deep in changed if deep.reading]
        values: dict[str, Any] = {name: bindparam(name) for name in said[0] if name != "row_id"}
        await connection.execute(update(mention).where(mention.c.id == bindparam("row_id")).values(values), said)
        case_ids = [deep.mention.case_id for deep in changed if deep.mention.case_id is not None]
        await changes.note(connection, "case", case_ids, at=now)
    return len(changed)


async def sums(db: Database, engine: str) -> dict[str, Sum]:
    """By language; see `Sum`."""

    async def work(connection: AsyncConnection) -> dict[str, Sum]:
        rows = await connection.execute(select(*_SUM).where(vector_sum.c.engine == engine))
        return {row[1]: (row[2], row[3]) for row in rows}

    return await db.read(work)


async def pages(db: Database, engine: str, *, answered: bool = False) -> AsyncIterator[Page]:
    """All vectors of theirs, some at a time, newest first; with `answered` of cases that we answered."""
    before: int | None = None
    while True:
        query = select(vector.c.mention_id, mention.c.case_id, mention.c.language, vector.c.body)
        query = query.join(mention, mention.c.id == vector.c.mention_id)
        query = query.where(vector.c.engine == engine, mention.c.case_id.is_not(None))
        if answered:
            query = query.join(cases, cases.c.id == mention.c.case_id).where(cases.c.answered_at.is_not(None))
        if before is not None:
            query = query.where(vector.c.mention_id < before)

        async def work(connection: AsyncConnection, query: Select[Any] = query) -> Sequence[Any]:
            return list(await connection.execute(query.order_by(vector.c.mention_id.desc()).limit(A_PAGE)))

        rows = await db.read(work)
        if rows:
            yield Page(*map(list, zip(*rows, strict=True)))
        if len(rows) < A_PAGE:
            return
        before = rows[-1][0]


async def forget(connection: AsyncConnection, ids: Iterable[int]) -> None:
    """The words of these mentions are gone or others now."""
    for some in chunks(ids):
        await connection.execute(delete(vector).where(vector.c.mention_id.in_(some)))


async def tidy(db: Database) -> None:
    """Let go of the vectors of those that are no longer among the newest, a few at a time."""
    while await step(db, _trim) == A_STEP:
        pass


async def _trim(connection: AsyncConnection) -> int:
    old = select(vector.c.mention_id).where(vector.c.mention_id <= await _oldest(connection))
    some = old.order_by(vector.c.mention_id).limit(A_STEP)
    return (await connection.execute(delete(vector).where(vector.c.mention_id.in_(some)))).rowcount


async def _waiting(connection: AsyncConnection, query: Select[Any], engine: str) -> Select[Any]:
    mine = and_(vector.c.mention_id == mention.c.id, vector.c.engine == engine)
    theirs = (mention.c.ours.is_(False), mention.c.deleted_at.is_(None), mention.c.id > await _oldest(connection))
    return query.outerjoin(vector, mine).where(vector.c.mention_id.is_(None), *theirs)


async def _oldest(connection: AsyncConnection) -> int:
    """The mention behind the newest; 0 where there are not so many."""
    query = select(mention.c.id).order_by(mention.c.id.desc()).offset(KEPT).limit(1)
    return int((await connection.execute(query)).scalar_one_or_none() or 0)


async def _add(connection: AsyncConnection, engine: str, more: Mapping[str, Sum]) -> None:
    for language, (count, body) in more.items():
        mine = (vector_sum.c.engine == engine, vector_sum.c.language == language)
        stored = (await connection.execute(select(*_SUM).where(*mine))).one_or_none()
        if stored is None:
            row = {"engine": engine, "language": language, "count": count, "body": body}
            await connection.execute(dialect_of(connection).insert(vector_sum).on_conflict_do_nothing(), [row])
            continue
        whole = array("f", (one + other for one, other in zip(array("f", stored[3]), array("f", body), strict=True)))
        await connection.execute(update(vector_sum).where(*mine).values(count=stored[2] + count, body=whole.tobytes()))


def _otherwise(deep: Deep) -> bool:
    old, new = deep.mention, deep.reading
    return new is not None and (new.sentiment, new.score, new.intent, new.urgency, new.reasons) != (
        old.sentiment, old.score, old.intent, old.urgency, old.reasons,
    )  # fmt: skip


def _columns(said: Reading) -> dict[str, Any]:
    return {
        "sentiment": said.sentiment,
        "score": said.score,
        "intent": said.intent,
        "urgency": said.urgency,
        "reasons": list(said.reasons),
    }
