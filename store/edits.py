"""Edits and deletions: what happens to a stored mention when its original changes or goes."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from typing import Any

from sqlalchemy import Row, bindparam, delete, insert, select, update
from sqlalchemy.ext.asyncio import AsyncConnection

from store import corrections, raws, search, vectors
from store.chunks import chunks
from store.domain.mention import ReadMention
from store.erased import GONE
from store.tables import mention, mention_raw, mention_version, mention_watch

A_NAME = 200  # letters of a handle or a name at most
Stored = Row[Any]  # the columns COLUMNS of a stored mention
COLUMNS = tuple(
    mention.c[name]
    for name in (
        "id", "network", "external_id", "source", "title", "text", "ours", "sentiment", "case_id", "created_at",
        "edited_at", "deleted_at",
    )
)  # fmt: skip


def is_edit(stored: Stored, item: ReadMention, source: str) -> bool:
    """Whether `item` is a later form of what is stored. Where the network says when it was edited, the later time wins;
    where it does not, another text is an edit only from the source that it was read from: elsewhere it may be an old
    copy. Our own posts and deleted ones stay as they are."""
    if stored.ours or item.new.ours or stored.deleted_at is not None:
        return False
    if item.new.edited_at is None:
        return rewrites(stored, item) and stored.source == source
    if stored.edited_at is None or item.new.edited_at > stored.edited_at:
        return True
    return rewrites(stored, item) and item.new.edited_at == stored.edited_at


def rewrites(stored: Stored, item: ReadMention) -> bool:
    """Whether the words are others; a network may also say "edited" of the same ones. That somebody who was erased is
    still named in the original makes no other words of it: or the next look at it would bring the name back."""
    return not (_is_same(stored.title, item.title) and _is_same(stored.text, item.text))


def _is_same(stored: str, given: str) -> bool:
    """Whether nothing differs but a short piece wherever somebody was erased from what is stored."""
    first, *others = stored.split(GONE)
    if not others or not given.startswith(first):
        return stored == given
    at = len(first)
    for part in others[:-1]:
        found = given.find(part, at, at + A_NAME + len(part))
        if found < 0:
            return False
        at = found + len(part)
    return given.endswith(others[-1]) and 0 <= len(given) - len(others[-1]) - at <= A_NAME


async def apply(
    connection: AsyncConnection,
    edits: Sequence[tuple[Stored, ReadMention]],
    watches: Mapping[str, int],
    *,
    now: datetime,
) -> None:
    """Keep the old words as a version (`at` is when they were written), then take the new words, their reading and
    their watches; watches stay where the new words match none, because it was under them that we heard of it."""
    if not edits:
        return
    rewritten = [(stored, item) for stored, item in edits if rewrites(stored, item)]
    times = [{"row_id": stored.id, "edited_at": item.new.edited_at or now} for stored, item in edits]
    await _change(connection, times)
    if not rewritten:
        return
    versions = [
        {"mention_id": old.id, "at": old.edited_at or old.created_at, "title": old.title, "text": old.text}
        for old, _ in rewritten
    ]
    await connection.execute(insert(mention_version), versions)
    await _change(
        connection,
        [
            {"row_id": stored.id, "title": item.title, "text": item.text, "corrected_by": None, **reading(item)}
            for stored, item in rewritten
        ],
    )
    await corrections.forget(connection, [stored.id for stored, _ in rewritten])
    told = {stored.id: item.taught for stored, item in rewritten if item.taught is not None}
    await corrections.taught(connection, told, now=now)
    heard = [(stored.id, item.watches) for stored, item in rewritten if item.watches]
    for some in chunks(row_id for row_id, _ in heard):
        await connection.execute(delete(mention_watch).where(mention_watch.c.mention_id.in_(some)))
    if heard:
        rows = [{"mention_id": row_id, "watch_id": watches[name]} for row_id, names in heard for name in names]
        await connection.execute(insert(mention_watch), rows)
    await raws.keep(connection, {stored.id: item.new.raw for stored, item in rewritten})
    await search.add(connection, [(stored.id, item.title, item.text) for stored, item in rewritten])
    await vectors.forget(connection, [stored.id for stored, _ in rewritten])


def reading(item: ReadMention) -> dict[str, Any]:
    """The columns that the analysis fills."""
    said = item.reading
    return {
        "language": said.language,
        "sentiment": said.sentiment,
        "score": said.score,
        "intent": said.intent,
        "urgency": said.urgency,
        "reasons": list(said.reasons),
        "analysis": said.version,
    }


async def remove(connection: AsyncConnection, network: str, external_ids: Iterable[str], *, now: datetime) -> list[int]:
    """Take the words of posts that are gone: text, title, raw bytes, versions and what the search index knew. Returns
    the cases that held one."""
    gone: dict[int, int | None] = {}
    for some in chunks(dict.fromkeys(external_ids)):
        query = select(mention.c.id, mention.c.case_id).where(mention.c.network == network)
        query = query.where(mention.c.external_id.in_(some), mention.c.deleted_at.is_(None))
        gone |= {row.id: row.case_id for row in await connection.execute(query)}
    for ids in chunks(gone):
        empty = update(mention).where(mention.c.id.in_(ids))
        await connection.execute(empty.values(text="", title="", reasons=[], deleted_at=now))
        for table in (mention_raw, mention_version):
            await connection.execute(delete(table).where(table.c.mention_id.in_(ids)))
        await corrections.forget(connection, ids)
        await vectors.forget(connection, ids)
        await search.forget(connection, ids)
    return [case_id for case_id in dict.fromkeys(gone.values()) if case_id is not None]


async def _change(connection: AsyncConnection, rows: Sequence[dict[str, Any]]) -> None:
    values: dict[str, Any] = {name: bindparam(name) for name in rows[0] if name != "row_id"}
    await connection.execute(update(mention).where(mention.c.id == bindparam("row_id")).values(values), rows)
