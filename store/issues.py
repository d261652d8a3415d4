"""Recurring issues: stable groups of mentions. An issue keeps its id; a mention never silently changes issue."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import bindparam, case, select, update
from sqlalchemy.ext.asyncio import AsyncConnection

from store import changes
from store.chunks import chunks
from store.database import Database
from store.dialects import dialect_of
from store.domain.case import CaseStatus
from store.domain.mention import UNKNOWN_AUTHOR
from store.domain.safetext import SafeText, safe, safe_line
from store.tables import author, cases, issue, mention


@dataclass(frozen=True, slots=True)
class Unassigned:
    """What finding new issues needs of a mention."""

    id: int
    author_id: int
    language: str
    sentiment: str
    intent: str | None
    title: SafeText
    text: SafeText
    created_at: datetime


async def phrases(db: Database) -> dict[str, int]:
    """Every known issue's phrase -> issue id."""

    async def work(connection: AsyncConnection) -> dict[str, int]:
        rows = await connection.execute(select(issue.c.phrase, issue.c.id))
        return {row.phrase: row.id for row in rows}

    return await db.read(work)


async def unassigned(db: Database, *, limit: int = 20_000) -> list[Unassigned]:
    """The newest theirs-mentions without an issue that are not deleted or dismissed, in arrival order. Where a source
    named nobody, each mention counts as by an author of its own (a negative id)."""
    wanted = ("id", "language", "sentiment", "intent", "title", "text", "created_at")
    somebody = case((author.c.handle == UNKNOWN_AUTHOR, -mention.c.id), else_=mention.c.author_id)
    query = (
        select(*(mention.c[name] for name in wanted), somebody.label("author_id"))
        .join(cases, cases.c.id == mention.c.case_id)
        .join(author, author.c.id == mention.c.author_id)
        .where(mention.c.issue_id.is_(None), mention.c.deleted_at.is_(None), mention.c.ours.is_(False))
        .where(cases.c.status != CaseStatus.DISMISSED)
        .order_by(mention.c.id.desc())
        .limit(limit)
    )

    async def work(connection: AsyncConnection) -> list[Unassigned]:
        rows = (await connection.execute(query)).mappings().all()
        return [
            Unassigned(**{**row, "title": safe_line(row["title"]), "text": safe(row["text"])}) for row in reversed(rows)
        ]

    return await db.read(work)


async def found(db: Database, groups: Mapping[str, tuple[str, Sequence[int]]], *, now: datetime) -> int:
    """New issues: phrase -> (label, mention ids). A phrase that exists takes the mentions that have no issue yet and
    keeps its label. A group of which no mention is left makes no issue. Returns how many mentions got one."""

    async def work(connection: AsyncConnection) -> int:
        return sum([await _found(connection, phrase, *group, now=now) for phrase, group in groups.items()])

    return await db.write(work)


async def known(connection: AsyncConnection, wanted: Iterable[str]) -> dict[str, int]:
    """Those of these phrases that are an issue's -> its id."""
    ids: dict[str, int] = {}
    for some in chunks(set(wanted), 4_000):
        rows = await connection.execute(select(issue.c.phrase, issue.c.id).where(issue.c.phrase.in_(some)))
        ids |= {row.phrase: row.id for row in rows}
    return ids


async def seen(connection: AsyncConnection, times: Iterable[tuple[int, datetime]]) -> None:
    """Widen first_seen and last_seen of the issues of new mentions: (issue id, the mention's own time)."""
    spans: dict[int, tuple[datetime, datetime]] = {}
    for issue_id, at in times:
        begin, end = spans.get(issue_id, (at, at))
        spans[issue_id] = (min(begin, at), max(end, at))
    if spans:
        rows = [{"issue": issue_id, "first": begin, "last": end} for issue_id, (begin, end) in spans.items()]
        first, last = (bindparam(name, type_=issue.c.first_seen.type) for name in ("first", "last"))
        wider: dict[str, Any] = {
            "first_seen": case((issue.c.first_seen <= first, issue.c.first_seen), else_=first),
            "last_seen": case((issue.c.last_seen >= last, issue.c.last_seen), else_=last),
        }
        await connection.execute(update(issue).where(issue.c.id == bindparam("issue")).values(wider), rows)


async def _found(
    connection: AsyncConnection, phrase: str, label: str, mention_ids: Sequence[int], *, now: datetime
) -> int:
    free: dict[int, tuple[datetime, int | None]] = {}
    for some in chunks(mention_ids):
        query = select(mention.c.id, mention.c.created_at, mention.c.case_id)
        query = query.where(mention.c.id.in_(some), mention.c.issue_id.is_(None), mention.c.ours.is_(False))
        free |= {row.id: (row.created_at, row.case_id) for row in await connection.execute(query)}
    if not free:
        return 0
    times = [at for at, _ in free.values()]
    fresh = {"phrase": phrase, "label": label, "first_seen": min(times), "last_seen": max(times)}
    await connection.execute(dialect_of(connection).insert(issue).on_conflict_do_nothing(), [fresh])
    issue_id = (await connection.execute(select(issue.c.id).where(issue.c.phrase == phrase))).scalar_one()
    for some in chunks(free):
        await connection.execute(update(mention).where(mention.c.id.in_(some)).values(issue_id=issue_id))
    await seen(connection, [(issue_id, at) for at in times])
    await changes.note(connection, "case", [case_id for _, case_id in free.values()], at=now)
    return len(free)
