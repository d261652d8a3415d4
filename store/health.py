"""What the store says of itself, for `earful doctor`."""

from __future__ import annotations

from store.database import Database
from store.dialects import dialect_of
from store.domain.health import Health


async def settle(db: Database) -> None:
    """Much was written: what the database needs to know of its rows for good plans, it learns now."""
    await db.write(lambda connection: dialect_of(connection).settle(connection))


async def examine(db: Database) -> Health:
    return await db.read(lambda connection: dialect_of(connection).examine(connection, db.place))
