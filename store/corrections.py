"""Corrections: a person's word on the mood of a mention, and of all that say the same.

What holds of a mention: its own newest correction, else the newest of those that it is alike to, else what the reading
says. An undone correction is kept, for redo. One whose words go (erased, deleted, too old, edited) goes with them.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import ColumnElement, Row, bindparam, delete, insert, select, update
from sqlalchemy.ext.asyncio import AsyncConnection

from store import changes, owed
from store.chunks import chunks
from store.database import Database
from store.dialects import dialect_of
from store.domain.mention import Mention, Reading, SentimentLabel, Taught
from store.tables import correction, correction_alike, mention

SCORES = {"positive": 1.0, "neutral": 0.0, "negative": -1.0}  # a person's word is certain


@dataclass(frozen=True, slots=True)
class Brought:
    """One from another desk."""

    digest: str
    numbers: bytes
    language: str
    said: SentimentLabel
    score: float
    label: SentimentLabel
    agent: str
    at: datetime


async def add(
    connection: AsyncConnection, rows: Sequence[Row[Any]], label: str, *, agent: str, now: datetime
) -> dict[int, int]:
    """Inside a write, before the mentions get the label: correct these (id, language, sentiment, score, corrected_by).
    Mention id -> correction id."""
    said = await _readings(connection, [row.id for row in rows if row.corrected_by is not None])
    new = []
    for row in rows:
        label_then, score = said.get(row.id, (row.sentiment, row.score))
        new.append({"mention_id": row.id, "language": row.language, "said": label_then, "score": score})
    common = {"label": str(label), "agent": agent, "at": now}
    found = await connection.execute(
        insert(correction).returning(correction.c.mention_id, correction.c.id), [each | common for each in new]
    )
    numbers = {row.mention_id: row.id for row in found}
    await owed.owe(connection, numbers.values())
    return numbers


async def bring(db: Database, brought: Sequence[Brought]) -> dict[Brought, int]:
    """Take over what another desk corrected: those that are new here, with their ids."""

    async def work(connection: AsyncConnection) -> dict[Brought, int]:
        fresh: dict[Brought, int] = {}
        c = correction.c
        for each in brought:
            same = (c.digest == each.digest, c.label == str(each.label), c.agent == each.agent)
            if (await connection.execute(select(c.id).where(*same).limit(1))).first() is None:
                row = {name: getattr(each, name) for name in Brought.__slots__}
                fresh[each] = (await connection.execute(insert(correction).values(row).returning(c.id))).scalar_one()
        return fresh

    return await db.write(work)


async def undone(connection: AsyncConnection, ids: Mapping[int, bool], *, now: datetime) -> None:
    """Correction id -> whether it is undone from now on; what they moved follows."""
    if not ids:
        return
    await owed.owe(connection, ids)
    rows = [{"which": number, "undone": state} for number, state in ids.items()]
    await connection.execute(update(correction).where(correction.c.id == bindparam("which")), rows)
    for some in chunks(ids):
        alike = select(correction_alike.c.mention_id).where(correction_alike.c.correction_id.in_(some))
        own = select(correction.c.mention_id).where(correction.c.id.in_(some), correction.c.mention_id.is_not(None))
        moved = (await connection.execute(alike.union(own))).scalars()
        await settle(connection, list(moved), now=now)


async def spread(connection: AsyncConnection, *, correction_id: int, mention_ids: Sequence[int], now: datetime) -> int:
    """These say the same: they get the person's word, where nobody corrected them. Returns how many got it."""
    known = select(correction.c.undone).where(correction.c.id == correction_id)
    if (await connection.execute(known)).scalar_one_or_none() is not False:
        return 0
    alike = select(correction_alike.c.mention_id, correction_alike.c.said, correction_alike.c.score)
    said = {
        row.mention_id: row
        for row in await connection.execute(alike.where(correction_alike.c.mention_id.in_(mention_ids)))
    }
    columns = (mention.c.id, mention.c.sentiment, mention.c.score, mention.c.corrected_by)
    rows = []
    for row in await connection.execute(select(*columns).where(mention.c.id.in_(mention_ids))):
        if row.corrected_by is None:
            rows.append({"mention_id": row.id, "said": row.sentiment, "score": row.score})
        elif row.id in said:
            rows.append({"mention_id": row.id, "said": said[row.id].said, "score": said[row.id].score})
    await _keep(connection, [{"correction_id": correction_id, **row} for row in rows])
    return await settle(connection, [row["mention_id"] for row in rows], now=now)


async def taught(connection: AsyncConnection, told: Mapping[int, Taught], *, now: datetime) -> None:
    """Mentions that were just stored with a person's word: remember whose, or take it off again where it was undone
    meanwhile."""
    if not told:
        return
    known = await _existing(connection, {each.correction for each in told.values()})
    gone = [(row_id, each) for row_id, each in told.items() if each.correction not in known]
    await _write(connection, [_back(row_id, each.sentiment, each.score) for row_id, each in gone])
    rows = [
        {"correction_id": each.correction, "mention_id": row_id, "said": each.sentiment, "score": each.score}
        for row_id, each in told.items()
        if each.correction in known
    ]
    await _keep(connection, rows)
    await settle(connection, list(told), now=now)


async def reread(connection: AsyncConnection, readings: Sequence[tuple[int, str, float]]) -> None:
    """(mention id, label, score): what the reading says today of mentions whose mood is a person's."""
    rows = [{"which": row_id, "said": label, "score": score} for row_id, label, score in readings]
    if rows:
        await connection.execute(
            update(correction_alike).where(correction_alike.c.mention_id == bindparam("which")), rows
        )


async def follow(connection: AsyncConnection, found: Sequence[tuple[Mention, Reading]], *, now: datetime) -> int:
    """Inside a write: intent and urgency that follow from the mood of these mentions, where it is still the one that
    they follow from. Returns how many changed."""
    other = [
        (old, new)
        for old, new in found
        if (old.intent, old.urgency, old.reasons) != (new.intent, new.urgency, new.reasons)
    ]
    columns = (mention.c.id, mention.c.title, mention.c.text, mention.c.sentiment, mention.c.score)
    query = select(*columns).where(mention.c.id.in_([old.id for old, _ in other]), mention.c.deleted_at.is_(None))
    stored = {row.id: tuple(row) for row in await connection.execute(query)}
    same = [
        (old, new)
        for old, new in other
        if stored.get(old.id) == (old.id, old.title, old.text, new.sentiment, new.score)
    ]
    if same:
        values: dict[str, Any] = {name: bindparam(name) for name in ("intent", "urgency", "reasons")}
        rows = [
            {"row_id": old.id, "intent": new.intent, "urgency": new.urgency, "reasons": list(new.reasons)}
            for old, new in same
        ]
        await connection.execute(update(mention).where(mention.c.id == bindparam("row_id")).values(values), rows)
        cases = [old.case_id for old, _ in same if old.case_id is not None]
        await changes.note(connection, "case", cases, at=now)
    return len(same)


async def settle(connection: AsyncConnection, ids: Sequence[int], *, now: datetime) -> int:
    """Bring mentions that are alike to a corrected one to what holds of them. Returns how many changed."""
    changed = 0
    for some in chunks(dict.fromkeys(ids)):
        own = set((await connection.execute(_own(some))).scalars())
        at = {row.id: row for row in await connection.execute(select(mention).where(mention.c.id.in_(some)))}
        wanted: dict[int, dict[str, Any]] = {}
        for row in await connection.execute(_alike(some)):
            if row.mention_id in own or at[row.mention_id].deleted_at is not None:
                continue
            if not row.undone:
                said = {"sentiment": row.label, "score": SCORES[row.label], "corrected_by": row.agent}
                wanted[row.mention_id] = {"row_id": row.mention_id, **said}
            else:
                wanted.setdefault(row.mention_id, _back(row.mention_id, row.said, row.score))
        new = [
            values
            for row_id, values in wanted.items()
            if any(values[name] != getattr(at[row_id], name) for name in ("sentiment", "score", "corrected_by"))
        ]
        await _write(connection, new)
        cases = [at[values["row_id"]].case_id for values in new]
        await changes.note(connection, "case", [case for case in cases if case is not None], at=now)
        changed += len(new)
    return changed


async def forget(connection: AsyncConnection, mention_ids: Iterable[int]) -> None:
    """The words of these mentions are gone, or are others now."""
    for some in chunks(mention_ids):
        await connection.execute(delete(correction).where(correction.c.mention_id.in_(some)))
        await connection.execute(delete(correction_alike).where(correction_alike.c.mention_id.in_(some)))


def _own(ids: Sequence[int]) -> Any:
    return select(correction.c.mention_id).where(correction.c.mention_id.in_(ids), correction.c.undone.is_(False))


def _alike(ids: Sequence[int]) -> Any:
    """Oldest first."""
    columns = (correction.c.label, correction.c.agent, correction.c.undone)
    return (
        select(correction_alike, *columns)
        .join(correction, correction.c.id == correction_alike.c.correction_id)
        .where(correction_alike.c.mention_id.in_(ids))
        .order_by(correction.c.id)
    )


async def _readings(connection: AsyncConnection, ids: Sequence[int]) -> dict[int, tuple[str, float]]:
    """What the reading said of mentions whose mood is a person's."""
    found: dict[int, tuple[str, float]] = {}
    for some in chunks(ids):
        for table in (correction_alike, correction):
            where: ColumnElement[bool] = table.c.mention_id.in_(some)
            for row in await connection.execute(select(table.c.mention_id, table.c.said, table.c.score).where(where)):
                found[row.mention_id] = (row.said, row.score)
    return found


async def _existing(connection: AsyncConnection, ids: Iterable[int]) -> set[int]:
    found: set[int] = set()
    for some in chunks(ids):
        found |= set((await connection.execute(select(correction.c.id).where(correction.c.id.in_(some)))).scalars())
    return found


async def _keep(connection: AsyncConnection, rows: Sequence[dict[str, Any]]) -> None:
    if rows:
        await connection.execute(dialect_of(connection).insert(correction_alike).on_conflict_do_nothing(), rows)


def _back(mention_id: int, said: str, score: float) -> dict[str, Any]:
    return {"row_id": mention_id, "sentiment": said, "score": score, "corrected_by": None}


async def _write(connection: AsyncConnection, rows: Sequence[dict[str, Any]]) -> None:
    if rows:
        values: dict[str, Any] = {name: bindparam(name) for name in ("sentiment", "score", "corrected_by")}
        await connection.execute(update(mention).where(mention.c.id == bindparam("row_id")).values(values), list(rows))
