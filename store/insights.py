"""Insights: counting, in SQL. Our own posts and dismissed cases never count; deleted posts do, they were said."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime, timedelta, tzinfo

from sqlalchemy import BigInteger, ColumnElement, func, literal, select, type_coerce
from sqlalchemy.ext.asyncio import AsyncConnection

from store.buckets import Buckets, period
from store.database import Database
from store.domain.case import CaseStatus
from store.domain.desk import Role
from store.domain.errors import NotFound
from store.domain.insight import AnswerTimes, Bucket, Count, Insights, Period, Voice
from store.domain.safetext import safe_line
from store.issue_counts import issues_of
from store.scope import MOOD, NEGATIVE, TOTALS, Scope, heard_by, slot, when
from store.tables import cases, mention, mention_watch, watch
from store.types import to_micros

__all__ = ["compute", "period", "span"]

SHARED = (Role.OWN, Role.COMPETITOR)  # who share the voice


async def span(db: Database) -> tuple[datetime, datetime] | None:
    """The oldest and newest time of any mention; None in an empty store."""
    oldest, newest = (
        select(mention.c.created_at).order_by(order).limit(1).scalar_subquery()
        for order in (mention.c.created_at.asc(), mention.c.created_at.desc())
    )

    async def work(connection: AsyncConnection) -> tuple[datetime, datetime] | None:
        row = (await connection.execute(select(oldest.label("oldest"), newest.label("newest")))).one()
        return None if row.oldest is None else (row.oldest, row.newest)

    return await db.read(work)


async def compute(
    db: Database,
    over: Period,
    zone: tzinfo,
    *,
    watch: str | None = None,
    compare_previous: bool = False,
    issues: int = 10,
    reply_within: timedelta | None = None,
) -> Insights:
    """All insights of a period, of one watch or of all, as one consistent picture.

    `buckets` cover the period without a gap, in the time of `zone`. `voices` are of all own and competing watches, also
    where one watch is asked for: share = its mentions / those of all of them, a mention of two watches counts for both.
    `issues` is how many of the largest issues; their change = (later half - earlier half) / max(earlier half, 1).
    `previous_*` are of the period of the same length just before. Without `reply_within` nothing was promised, so that
    nothing was kept (within_promise None). Raises NotFound for a watch unknown to the store.
    """

    async def work(connection: AsyncConnection) -> Insights:
        scope = Scope(over, None if watch is None else await _watch_id(connection, watch))
        buckets = Buckets(over, zone)
        volume = await _volume(connection, scope, buckets)
        totals = (await connection.execute(scope.select(*TOTALS))).one()
        found = Insights(
            period=over,
            watch=watch,
            mentions=sum(bucket.mentions for bucket in volume),
            authors=totals.authors,
            cases=totals.cases,
            buckets=volume,
            languages=await _counts(connection, scope, mention.c.language),
            networks=await _counts(connection, scope, mention.c.network),
            voices=await _voices(connection, scope),
            issues=await issues_of(connection, scope, buckets, issues),
            answers=await _answers(connection, scope, reply_within),
        )
        if not compare_previous:
            return found
        before = replace(over, since=over.since - (over.until - over.since), until=over.since)
        row = (await connection.execute(replace(scope, over=before).select(*MOOD))).one()
        net = (row.positive - row.negative) / row.mentions if row.mentions else None
        return replace(found, previous_mentions=row.mentions, previous_net=net)

    return await db.read(work)


async def _watch_id(connection: AsyncConnection, name: str) -> int:
    watch_id: int | None = (await connection.execute(select(watch.c.id).where(watch.c.name == name))).scalar()
    if watch_id is None:
        raise NotFound(f"the store knows no watch {name!r}; name one of the configuration that has been polled")
    return watch_id


async def _volume(connection: AsyncConnection, scope: Scope, buckets: Buckets) -> tuple[Bucket, ...]:
    time = slot(buckets)
    rows = (await connection.execute(scope.select(time, *MOOD).group_by(time))).all()
    positive = buckets.fold((row.slot, row.positive) for row in rows)
    negative = buckets.fold((row.slot, row.negative) for row in rows)
    spoken = buckets.fold((row.slot, row.mentions) for row in rows)
    return tuple(
        Bucket(start, end, good, every - good - bad, bad)
        for (start, end), every, good, bad in zip(buckets.spans, spoken, positive, negative, strict=True)
    )


async def _counts(connection: AsyncConnection, scope: Scope, column: ColumnElement[str]) -> tuple[Count, ...]:
    query = scope.select(column.label("name"), func.count().label("mentions"), NEGATIVE).group_by(column)
    rows = await connection.execute(query.order_by(func.count().desc(), column))
    return tuple(Count(safe_line(row.name), row.mentions, row.negative) for row in rows)


async def _voices(connection: AsyncConnection, scope: Scope) -> tuple[Voice, ...]:
    number = mention_watch.c.watch_id
    counting = replace(scope, watch_id=None).select(number, func.count().label("mentions"))
    counting = counting.join(mention_watch, mention_watch.c.mention_id == mention.c.id).group_by(number)
    counted = {row.watch_id: row.mentions for row in await connection.execute(counting)}
    rows = (await connection.execute(select(watch).where(watch.c.role.in_(SHARED)))).all()
    total = sum(counted.get(row.id, 0) for row in rows)
    voices = [
        Voice(safe_line(row.name), row.role, spoken, spoken / total if total else 0.0)
        for row in rows
        for spoken in (counted.get(row.id, 0),)
    ]
    return tuple(sorted(voices, key=lambda voice: (-voice.mentions, voice.watch)))


async def _answers(connection: AsyncConnection, scope: Scope, reply_within: timedelta | None) -> AnswerTimes:
    """Of the cases whose first mention lies in the period. Those that wait count as waiting for ever: a percentile that
    falls among them is None. By a case that waits, a promise that ends after the period is neither kept nor broken."""
    of_period = [
        cases.c.created_at >= scope.over.since,
        cases.c.created_at < scope.over.until,
        cases.c.status != CaseStatus.DISMISSED,
    ]
    if scope.watch_id is not None:
        of_case = select(mention.c.id).where(mention.c.case_id == cases.c.id, heard_by(scope.watch_id))
        of_period.append(of_case.exists())
    wait = type_coerce(cases.c.answered_at, BigInteger) - type_coerce(cases.c.created_at, BigInteger)
    promised = literal(0 if reply_within is None else reply_within // timedelta(microseconds=1))
    not_due = type_coerce(cases.c.created_at, BigInteger) + promised > to_micros(scope.over.until)
    totals = select(
        func.count().label("cases"),
        func.count(cases.c.answered_at).label("answered"),
        when(wait <= promised).label("in_time"),
        when(cases.c.answered_at.is_(None) & not_due).label("not_due"),
    )
    row = (await connection.execute(totals.where(*of_period))).one()

    async def waited(rank: int) -> float | None:
        """Seconds until the answer of the case of this rank, the quickest being the first."""
        if not 0 < rank <= row.answered:
            return None
        query = select(wait).where(*of_period, cases.c.answered_at.is_not(None)).order_by(wait)
        return max((await connection.execute(query.offset(rank - 1).limit(1))).scalar_one() / 1_000_000, 0.0)

    lower, upper = await waited((row.cases + 1) // 2), await waited(row.cases // 2 + 1)
    due = row.cases - row.not_due
    return AnswerTimes(
        cases=row.cases,
        answered=row.answered,
        median_seconds=None if lower is None or upper is None else (lower + upper) / 2,
        p90_seconds=await waited(-(-row.cases * 9 // 10)),
        within_promise=row.in_time / due if reply_within is not None and due else None,
    )
