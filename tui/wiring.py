"""The composition root: settings in, an open store and what works on it out. Imported where it is used, because it
brings SQLAlchemy with it."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from typing import TypeVar

from sources import secrets
from store import mentions
from store.database import Database
from store.domain.place import Place, Server
from store.domain.secret import Secret
from tui.settings import Settings

T = TypeVar("T")


def store_of(settings: Settings) -> Database:
    """The store, not opened yet."""
    return store_at(settings.database)


def store_at(place: Place) -> Database:
    """A store, not opened yet. Blocks where its password is in a key store. Raises BadInput where there is none."""
    return Database(place, password_of(place))


def password_of(place: Place) -> Secret | None:
    """Blocks where it is in a key store. Raises BadInput where it is named and not to be had."""
    return secrets.resolve(place.password) if isinstance(place, Server) and place.password else None


@asynccontextmanager
async def opened(settings: Settings) -> AsyncIterator[Database]:
    """The store, made where there is none, knowing the configured watches."""
    db = await asyncio.to_thread(store_of, settings)
    await db.open()
    try:
        if settings.desk.watches:
            await mentions.sync_watches(db, settings.desk.watches)
        yield db
    finally:
        await db.close()


def with_store(settings: Settings, work: Callable[[Database], Awaitable[T]]) -> T:
    """Run `work` on the open store, on a loop of its own."""

    async def run() -> T:
        async with opened(settings) as db:
            return await work(db)

    return asyncio.run(run())
