"""What the store says of itself, for `earful doctor`."""

from __future__ import annotations

from store.database import Database
from store.dialects import dialect_of
from store.domain.health import Health


async def examine(db: Database) -> Health:
    return await db.read(lambda connection: dialect_of(connection).examine(connection, db.place))
