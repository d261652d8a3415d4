"""Mentions on their way from one issue to another, a few at a time, each with the issue that it had before.

An act of a person says with itself which mentions it is to move, so that what was broken off is known: `sweep` finishes
all of it.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from functools import partial
from typing import Any, NamedTuple

from sqlalchemy import ColumnElement, Row, delete, func, insert, literal, or_, select, update
from sqlalchemy.ext.asyncio import AsyncConnection

from store import changes, issues
from store.database import Database
from store.dialects import dialect_of
from store.steps import step
from store.tables import issue, issue_act, issue_move, mention

A_STEP = 500  # mentions moved in one transaction
PIN, RENAME, MERGE, SPLIT, SET = "pin", "rename", "merge", "split", "set"
PLANNING = (PIN, SPLIT)


async def sweep(db: Database, *, now: datetime) -> int:
    """Finish what moves mentions: those of pins and splits, those of merged issues to where these lead, those of undone
    acts back."""
    count = await carry_out(db, None, now=now)
    while moved := await step(db, partial(_forward, now=now)):
        count += moved
    while moved := await step(db, partial(_back, now=now)):
        count += moved
    return count


async def carry_out(db: Database, act: int | None, *, now: datetime) -> int:
    """What this act planned, or all of them. Returns how many mentions it moved."""
    count = 0
    while (done := await step(db, partial(_onward, act=act, now=now))).taken:
        count += done.moved
    return count


# In a transaction


class _Part(NamedTuple):
    taken: int
    moved: int


async def plan(connection: AsyncConnection, act: int, to: int, *meant: ColumnElement[bool]) -> int:
    """An act is to move these mentions to its issue: until it has, that issue stands where the one before will. Returns
    how many they are."""
    query = select(literal(act), mention.c.id, literal(to)).where(*meant, mention.c.ours.is_(False))
    columns = ["act_id", "mention_id", "before"]
    return (await connection.execute(insert(issue_move).from_select(columns, query))).rowcount


async def _onward(connection: AsyncConnection, act: int | None, *, now: datetime) -> _Part:
    """Some of what is planned. Where somebody moved a mention on since then, it stays there."""
    planned = (
        select(issue_move.c.act_id, issue_move.c.mention_id, issue_act.c.issue_id)
        .join(issue_act, issue_act.c.id == issue_move.c.act_id)
        .where(issue_act.c.undone_at.is_(None), issue_act.c.action.in_(PLANNING))
        .where(issue_move.c.before == issue_act.c.issue_id)
    )
    if act is not None:
        planned = planned.where(issue_act.c.id == act)
    rows = (await connection.execute(planned.order_by(issue_move.c.act_id).limit(A_STEP))).all()
    moved = 0
    for number, to in dict.fromkeys((row.act_id, row.issue_id) for row in rows):
        ids = [row.mention_id for row in rows if row.act_id == number]
        since = select(issue_move.c.mention_id).where(issue_move.c.mention_id.in_(ids), issue_move.c.act_id > number)
        elsewhere = set((await connection.execute(since)).scalars())
        mine = (issue_move.c.act_id == number, issue_move.c.mention_id.in_(ids))
        await connection.execute(delete(issue_move).where(*mine))
        moved += await put(connection, number, [each for each in ids if each not in elsewhere], to, now=now)
    return _Part(len(rows), moved)


async def _forward(connection: AsyncConnection, *, now: datetime) -> int:
    query = (
        select(mention.c.id, mention.c.issue_id, issue.c.merged_into)
        .join(issue, issue.c.id == mention.c.issue_id)
        .where(
            issue.c.merged_into.is_not(None), issue.c.id.in_(select(issue.c.id).where(issue.c.merged_into.is_not(None)))
        )
    )
    rows = (await connection.execute(query.limit(A_STEP))).all()
    for gone, into in {(row.issue_id, row.merged_into) for row in rows}:
        merged = (issue_act.c.action == MERGE, issue_act.c.other_id == gone, issue_act.c.undone_at.is_(None))
        act = (await connection.execute(select(func.max(issue_act.c.id)).where(*merged))).scalar_one()
        await put(connection, act, [row.id for row in rows if row.issue_id == gone], into, now=now)
    return len(rows)


async def _back(connection: AsyncConnection, *, now: datetime) -> int:
    """What somebody moved on since then stays there, as does what was only planned. A pin that is taken back lets go of
    what it took."""
    query = (
        select(issue_move, issue_act.c.action, issue_act.c.issue_id)
        .join(issue_act, issue_act.c.id == issue_move.c.act_id)
        .where(issue_act.c.undone_at.is_not(None))
        .limit(A_STEP)
    )
    rows = (await connection.execute(query)).all()
    real = [row for row in rows if not _planned(row)]
    for before, target in {(row.before, row.issue_id) for row in real}:
        ids = [row.mention_id for row in real if (row.before, row.issue_id) == (before, target)]
        still = or_(mention.c.issue_id == target, mention.c.issue_id.is_(None))
        await connection.execute(update(mention).where(mention.c.id.in_(ids), still).values(issue_id=before))
    for act in {row.act_id for row in rows}:
        moved = [row.mention_id for row in rows if row.act_id == act]
        await connection.execute(
            delete(issue_move).where(issue_move.c.act_id == act, issue_move.c.mention_id.in_(moved))
        )
    await note(connection, [row.mention_id for row in rows], now=now)
    if rows:
        return len(rows)
    empty = (
        select(mention.c.id)
        .join(issue_act, issue_act.c.issue_id == mention.c.issue_id)
        .join(issue, issue.c.id == mention.c.issue_id)
        .where(issue_act.c.action == PIN, issue_act.c.before == "", issue_act.c.undone_at.is_not(None))
        .where(issue.c.pinned.is_(False))
        .limit(A_STEP)
    )
    ids = list((await connection.execute(empty)).scalars())
    await connection.execute(update(mention).where(mention.c.id.in_(ids)).values(issue_id=None))
    await note(connection, ids, now=now)
    return len(ids)


async def put(connection: AsyncConnection, act: int, mentions: Sequence[int], to: int | None, *, now: datetime) -> int:
    """Give mentions another issue, and keep which they had."""
    query = select(mention.c.id, mention.c.issue_id, mention.c.created_at)
    rows = (await connection.execute(query.where(mention.c.id.in_(mentions), mention.c.ours.is_(False)))).all()
    moved = [row for row in rows if row.issue_id != to]
    if not moved:
        return 0
    kept = [{"act_id": act, "mention_id": row.id, "before": row.issue_id} for row in moved]
    await connection.execute(dialect_of(connection).insert(issue_move).on_conflict_do_nothing(), kept)
    ids = [row.id for row in moved]
    await connection.execute(update(mention).where(mention.c.id.in_(ids)).values(issue_id=to))
    await stale(connection, *{number for number in (to, *(row.issue_id for row in moved)) if number is not None})
    if to is not None:
        times = [row.created_at for row in moved]
        await issues.widen(connection, to, min(times), max(times))
    await note(connection, ids, now=now)
    return len(moved)


def _planned(row: Row[Any]) -> bool:
    return row.action in PLANNING and row.before == row.issue_id


async def stale(connection: AsyncConnection, *numbers: int) -> None:
    await connection.execute(update(issue).where(issue.c.id.in_(numbers)).values(stale=True))


async def note(connection: AsyncConnection, ids: Sequence[int], *, now: datetime) -> None:
    query = select(mention.c.case_id).where(mention.c.id.in_(ids))
    await changes.note(connection, "case", (await connection.execute(query)).scalars(), at=now)
