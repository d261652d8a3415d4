"""Retention: what is older than it may be goes, a few rows at a time; what is counted stays.

A mention is as old as its post. Its words go when it is older than every one of its watches keeps it, unless somebody
works on its case: one that is open, snoozed, escalated, assigned or with an answer that has not left is left alone
until it is finished.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import partial
from typing import Any

from sqlalchemy import ColumnElement, Row, Select, Table, and_, case, delete, exists, literal, or_, select
from sqlalchemy.ext.asyncio import AsyncConnection

from store import erase, erased, forgetting, search
from store.database import Database
from store.domain.case import CaseStatus
from store.domain.delivery import SETTLED
from store.domain.desk import Retention
from store.domain.gone import Gone
from store.domain.mention import UNKNOWN_AUTHOR
from store.steps import Pace, step
from store.tables import author, cases, delivery, journal, mention, mention_raw, mention_watch, poll, rejected, watch
from store.types import UtcDateTime

AGENT, ACTION = "earful", "retention"
ROWS_A_STEP = 500
NEVER = datetime(1, 1, 1, tzinfo=UTC)
WORKED_ON = (CaseStatus.OPEN, CaseStatus.SNOOZED, CaseStatus.ESCALATED)


async def keep(db: Database, retention: Retention, watches: Mapping[str, timedelta | None], *, now: datetime) -> Gone:
    """Let go of what is too old; `watches` are the configured ones with how long each keeps its mentions, None where
    `retention` says it. A few rows a transaction, with rests; what is to go is looked for outside of them, where it
    keeps nobody from writing. Raises StoreError; what went until then is gone."""
    gone = Gone()
    until = await db.read(partial(_until, retention=retention, watches=watches, now=now))
    if until is not None:
        place, pace = (NEVER, 0), Pace()
        while found := await db.read(partial(_next, until=until, place=place)):
            place = found[-1].created_at, found[-1].id
            while found:
                taken, count = await pace.step(db, partial(_words, until=until, found=found, now=now))
                gone.mentions, found = gone.mentions + count, found[taken:]
    if gone.mentions:
        await search.shed(db)
    for kept, table, name in (
        (retention.raw, mention_raw, "raws"),
        (retention.raw, rejected, "raws"),
        (retention.journal, journal, "journal"),
        (retention.ledger, poll, "polls"),
    ):
        after = 0
        while kept is not None and (ids := await db.read(partial(_old, table=table, before=now - kept, after=after))):
            setattr(gone, name, getattr(gone, name) + await step(db, partial(_drop, table=table, ids=ids)))
            after = ids[-1]
    return gone


@dataclass(frozen=True, slots=True)
class _Until:
    """`goes`: of a mention, that it is too old; `latest`: no mention that is younger can be."""

    goes: ColumnElement[bool]
    latest: datetime


async def _until(
    connection: AsyncConnection, retention: Retention, watches: Mapping[str, timedelta | None], now: datetime
) -> _Until | None:
    def until(kept: timedelta | None) -> datetime:
        return NEVER if kept is None else max(now - kept, NEVER)

    usual = until(retention.mentions)
    limits = {name: usual if kept is None else until(kept) for name, kept in watches.items()}
    latest = max((usual, *limits.values()))
    if latest == NEVER:
        return None
    rows = await connection.execute(select(watch.c.id, watch.c.name))
    times = {row.id: limits[row.name] for row in rows if row.name in limits}
    limit: ColumnElement[datetime] = literal(usual, UtcDateTime)
    if times:
        whens = [(mention_watch.c.watch_id == row_id, literal(at, UtcDateTime)) for row_id, at in times.items()]
        limit = case(*whens, else_=limit)
    marked = exists().where(mention_watch.c.mention_id == mention.c.id)
    young = marked.where(mention.c.created_at >= limit)
    return _Until(and_(~young, or_(marked, mention.c.created_at < usual)), latest)


def _too_old(until: _Until) -> Select[Any]:
    """The mentions that go, as far as nobody works on their cases."""
    unsettled = exists().where(delivery.c.case_id == cases.c.id, delivery.c.state.not_in(SETTLED))
    worked_on = or_(cases.c.status.in_(WORKED_ON), cases.c.assignee.is_not(None), unsettled)
    finished = cases.c.status.in_((CaseStatus.DONE, CaseStatus.DISMISSED))
    return (
        select(mention.c.id, mention.c.created_at, mention.c.case_id, mention.c.author_id)
        .outerjoin(cases, cases.c.id == mention.c.case_id)
        .where(mention.c.created_at < until.latest, mention.c.external_id.not_like(f"{erased.MARK}%"))
        .where(until.goes, or_(cases.c.id.is_(None), and_(or_(finished, ~worked_on), ~unsettled)))
        .order_by(mention.c.created_at, mention.c.id)
    )


async def _next(connection: AsyncConnection, *, until: _Until, place: tuple[datetime, int]) -> Sequence[Row[Any]]:
    """The next ones after `place`, oldest first."""
    at, last = place
    # So that an index walks there: with an OR over both, SQLite would gather and sort all that is left.
    behind = and_(mention.c.created_at >= at, or_(mention.c.created_at > at, mention.c.id > last))
    rows: Sequence[Row[Any]] = (await connection.execute(_too_old(until).where(behind).limit(ROWS_A_STEP))).all()
    return rows


async def _words(
    connection: AsyncConnection, *, until: _Until, found: Sequence[Row[Any]], now: datetime, limit: int
) -> tuple[int, int]:
    """The first few of these, but for those whose cases somebody took up since: (looked at, gone)."""
    taken = [row.id for row in found[:limit]]
    rows = (await connection.execute(_too_old(until).where(mention.c.id.in_(taken)))).all()
    await forgetting.words(connection, [row.id for row in rows], now=now)
    left = exists().where(mention.c.case_id == cases.c.id, mention.c.external_id.not_like(f"{erased.MARK}%"))
    empty = select(cases.c.id).where(cases.c.id.in_({row.case_id for row in rows}), ~left)
    case_ids = list((await connection.execute(empty)).scalars())
    await forgetting.papers(connection, case_ids, agent=AGENT, action=ACTION, now=now)
    await _authors(connection, {row.author_id for row in rows})
    return len(taken), len(rows)


async def _authors(connection: AsyncConnection, ids: set[int]) -> None:
    """Who has no words left here has no name left either; those whom no source named stay as they are."""
    words = exists().where(mention.c.author_id == author.c.id, mention.c.external_id.not_like(f"{erased.MARK}%"))
    silent = select(author.c.id).where(author.c.id.in_(ids), author.c.handle != UNKNOWN_AUTHOR, ~words)
    for author_id in (await connection.execute(silent)).scalars().all():
        await erase.anonymise(connection, author_id)


async def _old(connection: AsyncConnection, *, table: Table, before: datetime, after: int) -> list[int]:
    """The next few rows that are too old, by their keys."""
    (key,) = table.primary_key.columns
    query = select(key).where(key > after).order_by(key).limit(ROWS_A_STEP)
    if table is mention_raw:
        query = query.join(mention).where(mention.c.created_at < before)
    elif table is rejected:
        query = query.join(poll).where(poll.c.started_at < before)
    else:
        query = query.where((table.c.at if table is journal else table.c.started_at) < before)
    return list((await connection.execute(query)).scalars())


async def _drop(connection: AsyncConnection, *, table: Table, ids: Sequence[int]) -> int:
    (key,) = table.primary_key.columns
    return (await connection.execute(delete(table).where(key.in_(ids)))).rowcount
