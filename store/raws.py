"""Raw items: every mention as it was received, kept aside, compressed, never shown."""

from __future__ import annotations

import zlib
from collections.abc import Mapping

from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncConnection

from store.database import Database
from store.dialects import dialect_of
from store.tables import mention_raw


async def keep(connection: AsyncConnection, items: Mapping[int, bytes]) -> None:
    """Mention id -> its bytes, in place of what was kept of it; empty ones are left out."""
    rows = [{"mention_id": row_id, "body": zlib.compress(raw)} for row_id, raw in items.items() if raw]
    if rows:
        query = dialect_of(connection).insert(mention_raw)
        body = {"body": query.excluded.body}
        await connection.execute(query.on_conflict_do_update(index_elements=["mention_id"], set_=body), rows)


async def get(db: Database, mention_id: int) -> bytes:
    """What was received; empty where nothing was kept or the original is gone."""

    async def work(connection: AsyncConnection) -> bytes:
        query = select(mention_raw.c.body).where(mention_raw.c.mention_id == mention_id)
        body = (await connection.execute(query)).scalar_one_or_none()
        return zlib.decompress(body) if body else b""

    return await db.read(work)
