"""The memory of what sources returned and no watch matched: bounded, compact, and gone once a post lands.

With it a query can be tried on what it did not bring in, a changed watch can let posts land after all, and
`earful why` can say which word was missing.
"""

from __future__ import annotations

import zlib
from collections.abc import AsyncIterator, Iterable, Sequence
from datetime import datetime, timedelta
from functools import partial
from typing import Any

from sqlalchemy import ColumnElement, RowMapping, delete, func, select
from sqlalchemy.ext.asyncio import AsyncConnection

from store import erased
from store.chunks import chunks
from store.database import Database
from store.dialects import dialect_of
from store.domain.mention import ReadMention
from store.domain.safetext import safe, safe_line
from store.domain.seen import Seen, Unmatched
from store.steps import step
from store.tables import unmatched

KEPT = 20_000  # the newest
KEPT_FOR = timedelta(days=14)
TEXT_KEPT = 2_000  # characters: all of most posts, the beginning of an article
A_CHUNK = 1_000
_PLAIN, _PACKED = b"\0", b"\1"


async def remember(
    connection: AsyncConnection, source: str, stream: str, items: Iterable[ReadMention], *, now: datetime
) -> None:
    """Inside the page's transaction. What is known stays as it is, unless the network says that it was edited since."""
    rows = [_row(item, source, stream, now) for item in items]
    if not rows:
        return
    query = dialect_of(connection).insert(unmatched)
    new, old = query.excluded, unmatched.c
    edited = new.edited_at > func.coalesce(old.edited_at, old.created_at)
    words = ("handle", "name", "followers", "title", "body", "language", "sentiment", "intent", "edited_at", "seen_at")
    again = query.on_conflict_do_update(
        index_elements=["network", "external_id"], set_={name: new[name] for name in words}, where=edited
    )
    await connection.execute(again, rows)
    newest = select(func.max(unmatched.c.id)).scalar_subquery()
    await connection.execute(delete(unmatched).where(unmatched.c.id <= newest - KEPT))


async def forget(connection: AsyncConnection, keys: Iterable[tuple[str, str]]) -> None:
    """These (network, external id) landed, or are gone upstream."""
    by_network: dict[str, list[str]] = {}
    for network, external_id in keys:
        by_network.setdefault(network, []).append(external_id)
    for network, external_ids in by_network.items():
        for some in chunks(external_ids):
            same = (unmatched.c.network == network, unmatched.c.external_id.in_(some))
            await connection.execute(delete(unmatched).where(*same))


async def erase(connection: AsyncConnection, network: str, handle: str, *, now: datetime, limit: int = A_CHUNK) -> int:
    """Forget for good what this person wrote, so many posts at a time. Returns how many; 0 where nothing is left."""
    theirs = select(unmatched.c.id, unmatched.c.external_id)
    theirs = theirs.where(unmatched.c.network == network, unmatched.c.handle == handle).limit(limit)
    rows = (await connection.execute(theirs)).all()
    await erased.keep(connection, (erased.of_post(network, row.external_id) for row in rows), now=now)
    for some in chunks(row.id for row in rows):
        await connection.execute(delete(unmatched).where(unmatched.c.id.in_(some)))
    return len(rows)


async def trim(db: Database, *, now: datetime) -> int:
    """Forget what was seen too long ago. Returns how many."""

    query = select(unmatched.c.id).where(unmatched.c.seen_at < now - KEPT_FOR)

    async def old(connection: AsyncConnection) -> list[int]:
        return list((await connection.execute(query)).scalars())

    ids = await db.read(old)
    for some in chunks(ids):
        await step(db, partial(_drop, ids=some))
    return len(ids)


async def _drop(connection: AsyncConnection, *, ids: Sequence[int]) -> None:
    await connection.execute(delete(unmatched).where(unmatched.c.id.in_(ids)))


async def find(connection: AsyncConnection, condition: ColumnElement[bool]) -> list[Unmatched]:
    """Newest first."""
    query = select(unmatched).where(condition).order_by(unmatched.c.id.desc())
    return [_unmatched(row) for row in (await connection.execute(query)).mappings()]


async def newest_first(db: Database, *, since: datetime | None = None) -> AsyncIterator[Sequence[Unmatched]]:
    """All that is remembered, some at a time; `since` is when it was written. Own posts are left out: none of them
    ever lands by a match."""
    below: int | None = None
    while True:
        query = select(unmatched).where(unmatched.c.ours.is_(False)).order_by(unmatched.c.id.desc()).limit(A_CHUNK)
        if since is not None:
            query = query.where(unmatched.c.created_at >= since)
        if below is not None:
            query = query.where(unmatched.c.id < below)

        async def work(connection: AsyncConnection, query: Any = query) -> list[Unmatched]:
            return [_unmatched(row) for row in (await connection.execute(query)).mappings()]

        found = await db.read(work)
        if not found:
            return
        yield found
        below = found[-1].seen.id


def _row(item: ReadMention, source: str, stream: str, now: datetime) -> dict[str, Any]:
    new = item.new
    return {
        "network": new.network,
        "external_id": new.external_id,
        "source": source,
        "stream": stream,
        "native_id": new.native_id,
        "parent": new.parent,
        "thread": new.thread,
        "url": new.url,
        "handle": item.author_handle,
        "name": item.author_name,
        "author_url": new.author.url,
        "followers": new.author.followers,
        "type": new.type,
        "title": item.title,
        "body": _packed(item.text),
        "language": item.reading.language,
        "sentiment": item.reading.sentiment,
        "intent": item.reading.intent,
        "visibility": new.visibility,
        "ours": new.ours,
        "created_at": new.created_at,
        "edited_at": new.edited_at,
        "seen_at": now,
    }


def _packed(text: str) -> bytes:
    """The beginning of a text, compressed where that is shorter. One character more is kept of a text that was cut:
    so it is told apart."""
    plain = text[: TEXT_KEPT + 1].encode()
    small = zlib.compress(plain) if len(plain) > 200 else plain
    return _PACKED + small if len(small) < len(plain) else _PLAIN + plain


def text_of(body: bytes) -> str:
    return (zlib.decompress(body[1:]) if body[:1] == _PACKED else body[1:]).decode()


def _unmatched(row: RowMapping) -> Unmatched:
    text = text_of(row["body"])
    same = (
        "id", "network", "external_id", "source", "url", "followers", "type", "language", "sentiment", "intent",
        "created_at", "seen_at",
    )  # fmt: skip
    more = ("stream", "native_id", "parent", "thread", "author_url", "visibility", "edited_at", "ours")
    seen = Seen(
        **{name: row[name] for name in same},
        case_id=None,
        handle=safe_line(row["handle"]),
        name=safe_line(row["name"]),
        title=safe_line(row["title"]),
        text=safe(text, limit=TEXT_KEPT),
        whole=len(text) <= TEXT_KEPT,
    )
    return Unmatched(seen, **{name: row[name] for name in more})
