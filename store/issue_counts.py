"""Recurring issues in numbers: how many, who, when, in which mood, and how many of them only repeat others."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace
from datetime import datetime, tzinfo
from typing import Any

from sqlalchemy import ColumnElement, Row, func, select
from sqlalchemy.ext.asyncio import AsyncConnection

from store import issues
from store.buckets import Buckets
from store.database import Database
from store.domain.errors import NotFound
from store.domain.insight import Count, IssueRow, Period
from store.domain.safetext import SafeText, safe, safe_line
from store.scope import AUTHORS, NEGATIVE, POSITIVE, Scope, slot, when
from store.tables import author, issue, issue_act, issue_phrase, mention

EXAMPLES = 5
ACTS = 20


@dataclass(frozen=True, slots=True)
class Example:
    """A mention of an issue, which may be a copy of another."""

    id: int
    case_id: int | None
    handle: SafeText
    text: SafeText
    url: str
    language: str
    created_at: datetime
    copy: bool


@dataclass(frozen=True, slots=True)
class Act:
    """What a person did to it."""

    at: datetime
    agent: SafeText
    action: str
    said: SafeText
    undone: bool


@dataclass(frozen=True, slots=True)
class IssueDetail:
    """`asked` is the id that was asked for, which leads here where that issue was merged; `row` counts the period."""

    asked: int
    row: IssueRow
    phrases: tuple[SafeText, ...]
    given: tuple[SafeText, ...]
    spoken: tuple[Count, ...]
    examples: tuple[Example, ...]
    acts: tuple[Act, ...]


async def listing(db: Database, over: Period, zone: tzinfo, *, limit: int) -> tuple[IssueRow, ...]:
    """The issues of a period, those with the most stories first. A pinned one is there without any mention too."""

    async def work(connection: AsyncConnection) -> tuple[IssueRow, ...]:
        buckets = Buckets(over, zone)
        found = await issues_of(connection, Scope(over, None), buckets, limit)
        pinned = (await connection.execute(select(issue).where(issue.c.pinned, issue.c.merged_into.is_(None)))).all()
        there = {row.id for row in found}
        silent = [_silent(row, buckets) for row in pinned if row.id not in there]
        return (*found, *silent)[:limit]

    return await db.read(work)


async def detail(db: Database, issue_id: int, over: Period, zone: tzinfo) -> IssueDetail:
    """All that is known of one. Raises NotFound."""

    async def work(connection: AsyncConnection) -> IssueDetail:
        rows = {row.id: row for row in await connection.execute(select(issue))}
        into = {row.id: row.merged_into for row in rows.values() if row.merged_into is not None}
        number = issues.led(issue_id, into)
        if number not in rows:
            raise NotFound(f"there is no issue {issue_id}; `earful issues` lists them")
        scope, buckets = Scope(over, None), Buckets(over, zone)
        found = await issues_of(connection, scope, buckets, 1, only=number)
        leading = [one for one in rows if issues.led(one, into) == number]
        known_by = select(issue_phrase).where(issue_phrase.c.issue_id.in_(leading)).order_by(issue_phrase.c.id)
        pinned = (await connection.execute(known_by)).all()
        acts = select(issue_act).where(issue_act.c.issue_id.in_(leading)).order_by(issue_act.c.id.desc()).limit(ACTS)
        return IssueDetail(
            asked=issue_id,
            row=found[0] if found else _silent(rows[number], buckets),
            phrases=tuple(dict.fromkeys(safe_line(row.phrase) for row in pinned if not row.example)),
            given=tuple(safe_line(row.phrase) for row in pinned if row.example),
            spoken=await _spoken(connection, scope, number),
            examples=await _examples(connection, rows[number].typical_id, number),
            acts=tuple(
                Act(row.at, safe_line(row.agent), row.action, safe_line(_said(row)), row.undone_at is not None)
                for row in await connection.execute(acts)
            ),
        )

    return await db.read(work)


async def issues_of(
    connection: AsyncConnection, scope: Scope, buckets: Buckets, limit: int, *, only: int | None = None
) -> tuple[IssueRow, ...]:
    """Those with the most stories of a period, a copy being no story of its own; `only` one of them."""
    over = scope.over
    later = when(mention.c.created_at >= over.since + (over.until - over.since) / 2).label("later")
    which = mention.c.issue_id.is_not(None) if only is None else mention.c.issue_id == only
    largest = (
        scope.select(mention.c.issue_id, func.count().label("mentions"), AUTHORS, NEGATIVE, POSITIVE, later)
        .where(which)
        .group_by(mention.c.issue_id)
        .order_by(func.count().desc(), func.max(mention.c.created_at).desc())
        .limit(2 * limit)  # as many again, because copies may have pushed them up
    )
    counted = {row.issue_id: row for row in await connection.execute(largest)}
    copies = await _counted(connection, scope, counted, mention.c.copy_of.is_not(None))
    top = dict(sorted(counted.items(), key=lambda one: copies.get(one[0], 0) - one[1].mentions)[:limit])
    earlier = replace(scope, over=replace(over, since=over.since - (over.until - over.since), until=over.since))
    previous = await _counted(connection, earlier, top)
    named = {row.id: row for row in await connection.execute(select(issue).where(issue.c.id.in_(top)))}
    of_top, time = mention.c.issue_id.in_(top), slot(buckets)
    spoken: dict[int, list[tuple[int, int]]] = {}
    by_slot = scope.select(mention.c.issue_id, time, func.count().label("mentions")).where(of_top)
    for row in await connection.execute(by_slot.group_by(mention.c.issue_id, time)):
        spoken.setdefault(row.issue_id, []).append((row.slot, row.mentions))
    languages: dict[int, list[str]] = {}
    by_language = scope.select(mention.c.issue_id, mention.c.language).where(of_top)
    by_language = by_language.group_by(mention.c.issue_id, mention.c.language)
    for row in await connection.execute(by_language.order_by(func.count().desc(), mention.c.language)):
        languages.setdefault(row.issue_id, []).append(row.language)
    examples = {number: await _example(connection, scope, number, named[number].typical_id) for number in top}
    return tuple(
        IssueRow(
            id=number,
            label=safe_line(named[number].label),
            mentions=row.mentions,
            authors=row.authors,
            negative=row.negative,
            languages=tuple(languages[number]),
            first_seen=named[number].first_seen,
            last_seen=named[number].last_seen,
            trend=buckets.fold(spoken[number]),
            change=(2 * row.later - row.mentions) / max(row.mentions - row.later, 1),
            example=safe_line(examples[number]),
            copies=copies.get(number, 0),
            positive=row.positive,
            previous=previous.get(number, 0),
            pinned=named[number].pinned,
        )
        for number, row in top.items()
    )


async def _counted(
    connection: AsyncConnection, scope: Scope, numbers: Iterable[int], *conditions: ColumnElement[bool]
) -> dict[int, int]:
    query = scope.select(mention.c.issue_id, func.count().label("mentions"))
    query = query.where(mention.c.issue_id.in_(numbers), *conditions).group_by(mention.c.issue_id)
    return {row.issue_id: row.mentions for row in await connection.execute(query)}


async def _example(connection: AsyncConnection, scope: Scope, number: int, typical: int | None) -> str:
    """The most typical words of an issue, or else its newest that are still there."""
    query = scope.select(mention.c.text).where(mention.c.issue_id == number, mention.c.deleted_at.is_(None))
    found = (await connection.execute(query.where(mention.c.id == typical))).scalar() if typical else None
    return found or (await connection.execute(query.order_by(mention.c.created_at.desc()).limit(1))).scalar() or ""


async def _examples(connection: AsyncConnection, typical: int | None, number: int) -> tuple[Example, ...]:
    """The most typical one first, then the newest."""
    columns = (mention.c[name] for name in ("id", "case_id", "text", "url", "language", "created_at", "copy_of"))
    query = select(*columns, author.c.handle).join(author, author.c.id == mention.c.author_id)
    query = query.where(mention.c.issue_id == number, mention.c.deleted_at.is_(None))
    newest = (await connection.execute(query.order_by(mention.c.created_at.desc()).limit(EXAMPLES))).all()
    first = (await connection.execute(query.where(mention.c.id == typical))).all() if typical else []
    rows = {row.id: row for row in (*first, *newest)}
    return tuple(
        Example(
            row.id,
            row.case_id,
            safe_line(row.handle),
            safe(row.text),
            row.url,
            row.language,
            row.created_at,
            row.copy_of is not None,
        )
        for row in list(rows.values())[:EXAMPLES]
    )


async def _spoken(connection: AsyncConnection, scope: Scope, number: int) -> tuple[Count, ...]:
    query = scope.select(mention.c.language, func.count().label("mentions"), NEGATIVE)
    query = query.where(mention.c.issue_id == number).group_by(mention.c.language)
    rows = await connection.execute(query.order_by(func.count().desc(), mention.c.language))
    return tuple(Count(safe_line(row.language), row.mentions, row.negative) for row in rows)


def _silent(row: Row[Any], buckets: Buckets) -> IssueRow:
    """One that nobody spoke of in the period."""
    trend = buckets.fold(())
    label, seen = safe_line(row.label), (row.first_seen, max(row.first_seen, row.last_seen))
    return IssueRow(row.id, label, 0, 0, 0, (), *seen, trend, 0.0, safe_line(""), pinned=row.pinned)


def _said(row: Row[Any]) -> str:
    return f"{row.before} -> {row.after}" if row.before and row.before != row.after else row.after
