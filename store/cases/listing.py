"""The inbox: which cases, in which order, and what one line of it shows."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Sequence
from datetime import datetime
from typing import Any

from sqlalchemy import Row, Select, and_, func, or_, select
from sqlalchemy.ext.asyncio import AsyncConnection

from store import search
from store.cases import urgency
from store.cases.effects import tags_of
from store.cases.urgency import Urgency
from store.chunks import chunks
from store.database import Database
from store.domain.case import CaseStatus, InboxRow, Priority
from store.domain.delivery import SETTLED, DeliveryState
from store.domain.query import Node
from store.domain.safetext import safe, safe_line
from store.tables import author, cases, delivery, issue, mention, mention_watch, watch

Place = tuple[datetime, int]  # (last_at, id): where a row stands in the inbox, newest first

TEXT_SHOWN = 300


async def ids(
    db: Database, query: Node | None, *, me: str, now: datetime, limit: int | None = None, urgent_first: bool = False
) -> list[int]:
    """Ids of the cases that `query` finds, in inbox order (newest word first, then id) or the most urgent first. A
    screen keeps these 8 bytes a row and fetches what it shows by `rows`."""

    async def work(connection: AsyncConnection) -> list[int]:
        found = await _found(connection, query, me, now, limit)
        if urgent_first:
            found = by_urgency(found, await urgency.at(connection, now))
        return list((await connection.execute(found)).scalars())

    return await db.read(work)


async def rows(db: Database, case_ids: Sequence[int], *, now: datetime | None = None) -> list[InboxRow]:
    """The inbox rows of these cases, in the order asked; ids that are not there are left out. The urgency is that of
    `now`; without it, of their words alone."""

    async def work(connection: AsyncConnection) -> list[InboxRow]:
        return await rows_in(connection, case_ids, now=now)

    return await db.read(work)


async def listing(
    db: Database,
    query: Node | None,
    *,
    me: str,
    now: datetime,
    limit: int | None = None,
    after: Place | None = None,
) -> list[InboxRow]:
    """One keyset page of the inbox: rows after `after` (the `last_at` and `id` of the last row seen) in inbox order."""

    async def work(connection: AsyncConnection) -> list[InboxRow]:
        found = await _found(connection, query, me, now, limit, after)
        return await rows_in(connection, list((await connection.execute(found)).scalars()), now=now)

    return await db.read(work)


async def count(db: Database, query: Node | None, *, me: str, now: datetime, ceiling: int = 10_000) -> int:
    """How many, counted up to `ceiling`."""

    async def work(connection: AsyncConnection) -> int:
        found = select(cases.c.id)
        if query is not None:
            found = found.where(await search.case_condition(connection, query, me=me, now=now))
        counted = select(func.count()).select_from(found.limit(ceiling).subquery())
        number: int = (await connection.execute(counted)).scalar_one()
        return number

    return await db.read(work)


async def _found(
    connection: AsyncConnection,
    query: Node | None,
    me: str,
    now: datetime,
    limit: int | None,
    after: Place | None = None,
) -> Select[int]:
    c = cases.c
    found = select(c.id).order_by(c.last_at.desc(), c.id.desc())
    if query is not None:
        found = found.where(await search.case_condition(connection, query, me=me, now=now))
    if after is not None:
        last_at, case_id = after
        found = found.where(and_(c.last_at <= last_at, or_(c.last_at < last_at, c.id < case_id)))
    return found if limit is None else found.limit(limit)


def by_urgency(found: Select[int], moment: Urgency) -> Select[int]:
    """A select over `cases`, the most urgent first."""
    newest = mention.c.id == cases.c.newest_mention_id
    joined = found.join(author, author.c.id == cases.c.author_id).outerjoin(mention, newest)
    return moment.join(joined).order_by(None).order_by(*moment.order)


async def rows_in(
    connection: AsyncConnection, case_ids: Sequence[int], *, now: datetime | None = None
) -> list[InboxRow]:
    """`rows` inside somebody's transaction: four statements for every 400 cases, and one for all."""
    found: dict[int, InboxRow] = {}
    whole = await urgency.at(connection, now) if now is not None and case_ids else None
    for some in chunks(case_ids):
        tags = await tags_of(connection, some)
        watches = await _watches(connection, some)
        deliveries = await _deliveries(connection, some)
        moment = whole.of(some) if whole else None
        line = moment.join(_LINE.add_columns(*moment.columns)) if moment else _LINE
        for row in await connection.execute(line.where(cases.c.id.in_(some))):
            found[row.id] = _row(row, tags[row.id], watches[row.id], deliveries.get(row.id, ""), moment)
    return [found[case_id] for case_id in case_ids if case_id in found]


_LINE: Select[Any] = (
    select(
        *(cases.c[name] for name in ("id", "status", "priority", "assignee", "source", "network", "due_at", "version")),
        *(cases.c[name] for name in ("created_at", "last_at", "seen_at", "snoozed_until", "mentions")),
        *(author.c[name] for name in ("handle", "name", "followers")),
        *(mention.c[name] for name in ("url", "language", "sentiment", "score", "intent", "urgency", "reasons")),
        func.substr(mention.c.title, 1, TEXT_SHOWN).label("title"),
        func.substr(mention.c.text, 1, TEXT_SHOWN).label("text"),
        mention.c.deleted_at.is_not(None).label("deleted"),
        issue.c.label.label("issue"),
    )
    .join(author, author.c.id == cases.c.author_id)
    .outerjoin(mention, mention.c.id == cases.c.newest_mention_id)
    .outerjoin(issue, issue.c.id == mention.c.issue_id)
)


async def _watches(connection: AsyncConnection, case_ids: Sequence[int]) -> dict[int, list[str]]:
    """Every watch that any mention of the case matched, in alphabetical order."""
    matched = (
        select(mention.c.case_id, watch.c.name)
        .distinct()
        .select_from(mention)
        .join(mention_watch, mention_watch.c.mention_id == mention.c.id)
        .join(watch, watch.c.id == mention_watch.c.watch_id)
        .where(mention.c.case_id.in_(case_ids))
        .order_by(watch.c.name)
    )
    found: dict[int, list[str]] = defaultdict(list)
    for case_id, name in await connection.execute(matched):
        found[case_id].append(name)
    return found


async def _deliveries(connection: AsyncConnection, case_ids: Sequence[int]) -> dict[int, str]:
    c = delivery.c
    made = select(c.case_id, c.kind, c.state).where(c.case_id.in_(case_ids), c.state != DeliveryState.WITHDRAWN)
    of_case: dict[int, list[tuple[str, str]]] = defaultdict(list)
    for case_id, kind, state in await connection.execute(made.order_by(c.id)):
        of_case[case_id].append((kind, state))
    return {case_id: _pressing(states) for case_id, states in of_case.items()}


def _pressing(made: Iterable[tuple[str, str]]) -> str:
    """The state that asks for attention: the oldest that others wait behind, else the newest unfinished one, else
    failed where that was not followed by another of its kind."""
    newest: dict[str, str] = {}
    unfinished = ""
    for kind, state in made:
        newest[kind] = state
        if state not in SETTLED and unfinished not in (DeliveryState.PERSON, DeliveryState.UNKNOWN):
            unfinished = state
    return unfinished or (DeliveryState.FAILED if DeliveryState.FAILED in newest.values() else "")


def _row(row: Row[Any], tags: Sequence[str], watches: Sequence[str], pressing: str, moment: Urgency | None) -> InboxRow:
    return InboxRow(
        id=row.id,
        status=CaseStatus(row.status),
        priority=Priority(row.priority),
        assignee=None if row.assignee is None else safe_line(row.assignee),
        source=row.source,
        network=row.network,
        handle=safe_line(row.handle),
        name=safe_line(row.name),
        followers=row.followers,
        title=safe_line(row.title or "", limit=TEXT_SHOWN),
        text=safe(row.text or "", limit=TEXT_SHOWN),
        url=safe_line(row.url or "", limit=2_000),
        language=row.language or "und",
        sentiment=row.sentiment or "neutral",
        score=row.score or 0.0,
        intent=row.intent,
        urgency=(row.urgency or 0) if moment is None else row.whole,
        reasons=(*map(safe_line, row.reasons or ()), *(moment.reasons(row) if moment else ())),
        issue=None if row.issue is None else safe_line(row.issue),
        watches=tuple(map(safe_line, watches)),
        tags=tuple(map(safe_line, tags)),
        due_at=row.due_at,
        created_at=row.created_at,
        last_at=row.last_at,
        seen_at=row.seen_at,
        snoozed_until=row.snoozed_until,
        mentions=row.mentions,
        delivery=pressing,
        version=row.version,
        deleted=bool(row.deleted),
    )
