"""What carries a store: a file of SQLite, or a PostgreSQL server. Here is all that a process does differently with
them; what is spelt differently in SQL is in `store.dialects`."""

from __future__ import annotations

from collections.abc import Hashable
from contextlib import AbstractAsyncContextManager
from typing import Protocol

from sqlalchemy.exc import DBAPIError
from sqlalchemy.ext.asyncio import AsyncEngine

from store.domain.errors import StoreError
from store.domain.place import Place, Server
from store.domain.secret import Secret
from store.engines.sqlite import Sqlite
from store.lock import WorkerLock
from store.upkeep import Upkeep


class Engine(Protocol):
    """`writers`: how many transactions of this process may write at the same time."""

    writers: int

    async def open(self) -> tuple[AsyncEngine, AsyncEngine]:
        """What reads and what writes; every connection of both begins its transactions as it must. Raises StoreError
        where something else than a store of ours is there."""

    def migrating(self) -> AbstractAsyncContextManager[None]:
        """While inside, no other process migrates this store."""

    def is_passing(self, error: DBAPIError) -> bool:
        """Whether the transaction failed only because another one was quicker: the same again will do."""

    def cause(self, error: Exception) -> str:
        """The database's own words, and what to do where they do not say. Without values, addresses or passwords."""

    def lock(self) -> WorkerLock:
        """The lock of who polls and sends for this store; a new object each time."""

    def upkeep(self) -> Upkeep: ...

    def pulse(self) -> Hashable:
        """Another value than before where anybody may have written since. Costs next to nothing."""

    async def close(self) -> None:
        """Let go of everything but what `open` gave."""


def engine_for(place: Place, password: Secret | None) -> Engine:
    if isinstance(place, Server):
        try:
            from store.engines.postgres import Postgres
        except ImportError as error:
            raise StoreError("PostgreSQL needs one thing more: pip install 'earful[postgres]'") from error
        return Postgres(place, password)
    return Sqlite(place)
