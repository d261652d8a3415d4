"""Authors: a person is a handle on a network."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from sqlalchemy import bindparam, select, update
from sqlalchemy.ext.asyncio import AsyncConnection

from store.chunks import chunks
from store.dialects import dialect_of
from store.domain.mention import ReadMention
from store.tables import author

Key = tuple[str, str]  # (network, handle)


def key(item: ReadMention) -> Key:
    return item.new.network, str(item.author_handle)


async def known(connection: AsyncConnection, items: Iterable[ReadMention]) -> dict[Key, int]:
    """The ids of these items' authors, made where they are new. What the network says of them now (name, address,
    followers) replaces what it said before; what it does not say stays. The last item of an author counts."""
    said: dict[Key, dict[str, Any]] = {}
    for item in items:
        by = item.new.author
        said[key(item)] = {"name": str(item.author_name), "url": by.url, "followers": by.followers}
    stored = await _stored(connection, said)
    fresh = [
        {"network": network, "handle": handle, **facts}
        for (network, handle), facts in said.items()
        if (network, handle) not in stored
    ]
    if fresh:
        await connection.execute(dialect_of(connection).insert(author).on_conflict_do_nothing(), fresh)
        stored |= await _stored(connection, [(row["network"], row["handle"]) for row in fresh])
    changed = []
    for author_key, facts in said.items():
        row = stored[author_key]
        now = {name: value if value not in ("", None) else getattr(row, name) for name, value in facts.items()}
        if any(getattr(row, name) != value for name, value in now.items()):
            changed.append({"row_id": row.id, **now})
    if changed:
        values: dict[str, Any] = {name: bindparam(name) for name in ("name", "url", "followers")}
        await connection.execute(update(author).where(author.c.id == bindparam("row_id")).values(values), changed)
    return {author_key: row.id for author_key, row in stored.items()}


async def _stored(connection: AsyncConnection, keys: Iterable[Key]) -> dict[Key, Any]:
    handles: dict[str, list[str]] = {}
    for network, handle in keys:
        handles.setdefault(network, []).append(handle)
    found: dict[Key, Any] = {}
    for network, names in handles.items():
        for some in chunks(names):
            query = select(author).where(author.c.network == network, author.c.handle.in_(some))
            found |= {(row.network, row.handle): row for row in await connection.execute(query)}
    return found
