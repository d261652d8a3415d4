"""What was erased stays away: a fingerprint of each post's id and of each person, so that a source that shows an old
post once more does not bring it back, and a restored backup does not bring back a person."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable
from datetime import datetime

from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncConnection

from store.chunks import chunks
from store.dialects import dialect_of
from store.tables import erased

Key = tuple[str, str]  # (network, external id)
GONE = "[erased]"  # what stands where a person was named
MARK = "erased:"


def of_post(network: str, external_id: str) -> str:
    return _digest("post", network, external_id)


def of_person(network: str, handle: str) -> str:
    return _digest("person", network, handle)


def stand_in(value: str) -> str:
    """What stands where an id stood that leads to a person: the same for the same id, so that rows stay together."""
    return value if value.startswith(MARK) or not value else MARK + _digest("id", value)[:32]


async def keep(connection: AsyncConnection, digests: Iterable[str], *, now: datetime) -> None:
    rows = [{"digest": digest, "at": now} for digest in digests]
    if rows:
        await connection.execute(dialect_of(connection).insert(erased).on_conflict_do_nothing(), rows)


async def posts(connection: AsyncConnection, keys: Iterable[Key]) -> set[Key]:
    """Those of these posts that were erased."""
    by_digest = {of_post(*key): key for key in keys}
    return {by_digest[digest] for digest in await these(connection, by_digest)}


async def these(connection: AsyncConnection, digests: Iterable[str]) -> set[str]:
    found: set[str] = set()
    for some in chunks(digests):
        found |= set((await connection.execute(select(erased.c.digest).where(erased.c.digest.in_(some)))).scalars())
    return found


def _digest(*parts: str) -> str:
    return hashlib.sha256("\x1f".join(parts).encode("utf-8", "replace")).hexdigest()
