"""Retention: what is older than it may be goes, a few rows at a time; what is counted stays.

A mention is as old as its post. Its words go when it is older than every one of its watches keeps it, unless somebody
works on its case: one that is open, snoozed, escalated, assigned or with an answer that has not left is left alone
until it is finished.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import partial

from sqlalchemy import ColumnElement, Table, and_, case, delete, exists, literal, or_, select
from sqlalchemy.ext.asyncio import AsyncConnection

from store import erase, erased, forgetting, search
from store.database import Database
from store.domain.case import CaseStatus
from store.domain.delivery import SETTLED
from store.domain.desk import Retention
from store.domain.mention import UNKNOWN_AUTHOR
from store.steps import Pace, step
from store.tables import author, cases, delivery, journal, mention, mention_raw, mention_watch, poll, rejected, watch
from store.types import UtcDateTime

AGENT, ACTION = "earful", "retention"
ROWS_A_STEP = 500
NEVER = datetime(1, 1, 1, tzinfo=UTC)
WORKED_ON = (CaseStatus.OPEN, CaseStatus.SNOOZED, CaseStatus.ESCALATED)


@dataclass(slots=True)
class Gone:
    """Rows of each that went."""

    mentions: int = 0
    raws: int = 0
    journal: int = 0
    polls: int = 0

    def __bool__(self) -> bool:
        return bool(self.mentions or self.raws or self.journal or self.polls)


async def keep(db: Database, retention: Retention, watches: Mapping[str, timedelta | None], *, now: datetime) -> Gone:
    """Let go of what is too old; `watches` are the configured ones with how long each keeps its mentions, None where
    `retention` says it. A few rows a transaction, with rests. Raises StoreError; what went until then is gone."""
    gone = Gone()
    until = await db.read(partial(_until, retention=retention, watches=watches, now=now))
    if until is not None:
        place, pace = (NEVER, 0), Pace()
        while some := await pace.step(db, partial(_words, until=until, place=place, now=now)):
            gone.mentions, place = gone.mentions + some[0], some[1]
    if gone.mentions:
        await search.shed(db)
    for kept, table, name in (
        (retention.raw, mention_raw, "raws"),
        (retention.raw, rejected, "raws"),
        (retention.journal, journal, "journal"),
        (retention.ledger, poll, "polls"),
    ):
        while kept is not None:
            count = await step(db, partial(_drop, table=table, before=now - kept))
            setattr(gone, name, getattr(gone, name) + count)
            if count < ROWS_A_STEP:
                break
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


async def _words(
    connection: AsyncConnection, until: _Until, place: tuple[datetime, int], now: datetime, limit: int
) -> tuple[int, tuple[datetime, int]] | None:
    """The next few mentions, oldest first, after `place`. None where no more are too old."""
    at, last = place
    unsettled = exists().where(delivery.c.case_id == cases.c.id, delivery.c.state.not_in(SETTLED))
    worked_on = or_(cases.c.status.in_(WORKED_ON), cases.c.assignee.is_not(None), unsettled)
    finished = cases.c.status.in_((CaseStatus.DONE, CaseStatus.DISMISSED))
    query = (
        select(mention.c.id, mention.c.created_at, mention.c.case_id, mention.c.author_id)
        .outerjoin(cases, cases.c.id == mention.c.case_id)
        .where(mention.c.created_at < until.latest, mention.c.external_id.not_like(f"{erased.MARK}%"))
        .where(or_(mention.c.created_at > at, and_(mention.c.created_at == at, mention.c.id > last)))
        .where(until.goes, or_(cases.c.id.is_(None), and_(or_(finished, ~worked_on), ~unsettled)))
        .order_by(mention.c.created_at, mention.c.id)
        .limit(limit)
    )
    rows = (await connection.execute(query)).all()
    if not rows:
        return None
    await forgetting.words(connection, [row.id for row in rows], now=now)
    left = exists().where(mention.c.case_id == cases.c.id, mention.c.external_id.not_like(f"{erased.MARK}%"))
    empty = select(cases.c.id).where(cases.c.id.in_({row.case_id for row in rows}), ~left)
    case_ids = list((await connection.execute(empty)).scalars())
    await forgetting.papers(connection, case_ids, agent=AGENT, action=ACTION, now=now)
    await _authors(connection, {row.author_id for row in rows})
    return len(rows), (rows[-1].created_at, rows[-1].id)


async def _authors(connection: AsyncConnection, ids: set[int]) -> None:
    """Who has no words left here has no name left either; those whom no source named stay as they are."""
    words = exists().where(mention.c.author_id == author.c.id, mention.c.external_id.not_like(f"{erased.MARK}%"))
    silent = select(author.c.id).where(author.c.id.in_(ids), author.c.handle != UNKNOWN_AUTHOR, ~words)
    for author_id in (await connection.execute(silent)).scalars().all():
        await erase.anonymise(connection, author_id)


async def _drop(connection: AsyncConnection, table: Table, before: datetime) -> int:
    if table is mention_raw:
        old = select(mention_raw.c.mention_id).join(mention).where(mention.c.created_at < before).limit(ROWS_A_STEP)
        statement = delete(mention_raw).where(mention_raw.c.mention_id.in_(old))
    elif table is rejected:
        old = select(rejected.c.id).join(poll).where(poll.c.started_at < before).limit(ROWS_A_STEP)
        statement = delete(rejected).where(rejected.c.id.in_(old))
    else:
        at = table.c.at if table is journal else table.c.started_at
        statement = delete(table).where(table.c.id.in_(select(table.c.id).where(at < before).limit(ROWS_A_STEP)))
    return (await connection.execute(statement)).rowcount
