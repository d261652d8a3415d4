"""The ledger: every poll one line, so that nobody has to wonder what was missed."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Any

from sqlalchemy import func, insert, select
from sqlalchemy.ext.asyncio import AsyncConnection

from store import tables
from store.database import Database
from store.domain.poll import PageToStore, PollLine, Rejected


async def lines(
    db: Database, *, source: str | None = None, since: datetime | None = None, limit: int | None = None
) -> list[PollLine]:
    """Newest first. `new_mentions` and `new_cases` are empty: they belong to the moment of the poll."""
    aside = tables.rejected
    first = select(aside.c.reason).where(aside.c.poll_id == tables.poll.c.id).order_by(aside.c.id).limit(1)
    reason = func.coalesce(first.scalar_subquery(), "").label("reason")
    query = select(tables.poll, reason).order_by(tables.poll.c.started_at.desc(), tables.poll.c.id.desc()).limit(limit)
    if source is not None:
        query = query.where(tables.poll.c.source == source)
    if since is not None:
        query = query.where(tables.poll.c.started_at >= since)

    async def work(connection: AsyncConnection) -> list[PollLine]:
        return [PollLine(**row) for row in (await connection.execute(query)).mappings()]

    return await db.read(work)


async def gaps(db: Database, source: str, *, since: datetime) -> dict[str, float]:
    """Seconds that each stream of a source could not cover, where there are any."""
    total = func.sum(tables.poll.c.gap_seconds)
    query = select(tables.poll.c.stream, total).where(tables.poll.c.source == source, tables.poll.c.started_at >= since)

    async def work(connection: AsyncConnection) -> dict[str, float]:
        return {row[0]: row[1] for row in await connection.execute(query.group_by(tables.poll.c.stream)) if row[1]}

    return await db.read(work)


async def rejected(db: Database, poll_id: int) -> list[Rejected]:
    """What one poll could not read, in the order it came."""
    query = select(tables.rejected).where(tables.rejected.c.poll_id == poll_id).order_by(tables.rejected.c.id)

    async def work(connection: AsyncConnection) -> list[Rejected]:
        rows = await connection.execute(query)
        return [Rejected(where=row.position, reason=row.reason, raw=row.raw) for row in rows]

    return await db.read(work)


async def write(
    connection: AsyncConnection,
    page: PageToStore,
    aside: Sequence[Rejected],
    *,
    new: int,
    duplicate: int,
    unmatched: int,
    new_mentions: tuple[int, ...],
    new_cases: tuple[int, ...],
) -> PollLine:
    """The line of one page, with what could not be read kept `aside`, inside the transaction that stores the page."""
    line: dict[str, Any] = {
        "source": page.source,
        "stream": page.stream,
        "started_at": page.started_at,
        "asked": page.asked,
        "returned": new + duplicate + unmatched + len(aside),
        "new": new,
        "duplicate": duplicate,
        "unmatched": unmatched,
        "failed": len(aside),
        "gap_seconds": page.gap_seconds,
        "error": page.error,
    }
    poll_id = (await connection.execute(insert(tables.poll).values(line).returning(tables.poll.c.id))).scalar_one()
    rows = [{"poll_id": poll_id, "position": each.where, "reason": each.reason, "raw": each.raw} for each in aside]
    if rows:
        await connection.execute(insert(tables.rejected), rows)
    reason = aside[0].reason if aside else ""
    return PollLine(id=poll_id, **line, new_mentions=new_mentions, new_cases=new_cases, reason=reason)
