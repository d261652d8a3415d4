"""The stored mentions as a query sees them: all of them, some at a time, in bounded memory."""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence
from datetime import datetime
from typing import Any

from sqlalchemy import exists, select
from sqlalchemy.ext.asyncio import AsyncConnection

from store.database import Database
from store.domain.safetext import SafeText
from store.domain.seen import Seen
from store.tables import author, mention, mention_watch, watch

A_CHUNK = 2_000
_SAME = (
    "id", "case_id", "network", "external_id", "source", "url", "type", "title", "text", "language", "sentiment",
    "intent", "created_at", "seen_at",
)  # fmt: skip


async def newest_first(
    db: Database, watch_name: str, *, since: datetime | None = None, marked_only: bool = False
) -> AsyncIterator[Sequence[Seen]]:
    """Theirs, with their words; `marked` says whether a mention carries this watch. `since` is when it was written."""
    watch_id = select(watch.c.id).where(watch.c.name == watch_name).scalar_subquery()
    carries = exists().where(mention_watch.c.mention_id == mention.c.id, mention_watch.c.watch_id == watch_id)
    query = (
        select(*(mention.c[name] for name in _SAME), *(author.c[name] for name in ("handle", "name", "followers")))
        .add_columns(carries.label("marked"))
        .join(author, author.c.id == mention.c.author_id)
        .where(mention.c.ours.is_(False), mention.c.deleted_at.is_(None))
        .order_by(mention.c.id.desc())
        .limit(A_CHUNK)
    )
    if since is not None:
        query = query.where(mention.c.created_at >= since)
    if marked_only:
        query = query.where(carries)
    below: int | None = None
    while True:
        chunk = query if below is None else query.where(mention.c.id < below)

        async def work(connection: AsyncConnection, chunk: Any = chunk) -> list[Seen]:
            return [Seen(**_clean(row)) for row in (await connection.execute(chunk)).mappings()]

        found = await db.read(work)
        if not found:
            return
        yield found
        below = found[-1].id


def _clean(row: Any) -> dict[str, Any]:
    """Text of the store is clean already; it is cleaned once more where it is shown."""
    return {**row, **{name: SafeText(row[name]) for name in ("handle", "name", "title", "text")}}
