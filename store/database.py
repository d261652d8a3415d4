"""The database: the two units of work that everything goes through, on whatever carries the store.

`read(work)` and `write(work)` run `work(connection)` in a task of its own that outlives a cancelled caller, so that a
screen that closes, a worker that is cancelled and a quitting program never leave a transaction open or half done.
`write` commits when `work` returns and rolls back when it raises. Where another transaction was quicker, `work` runs
again from its beginning on a new connection's picture: it must do nothing but what it does with the connection.
"""

from __future__ import annotations

import asyncio
import random
from collections.abc import Awaitable, Callable, Hashable
from pathlib import Path
from time import monotonic
from typing import Any, TypeVar

from sqlalchemy.exc import DBAPIError
from sqlalchemy.exc import TimeoutError as PoolTimeout
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine

from store.domain.errors import StoreError
from store.domain.place import Place, place
from store.domain.secret import Secret
from store.engines import engine_for
from store.killpoints import point
from store.lock import WorkerLock
from store.upkeep import Upkeep

T = TypeVar("T")
Work = Callable[[AsyncConnection], Awaitable[T]]

AGAIN_SECONDS = 10.0  # how long a write goes on trying while others are quicker
PAUSE_SECONDS = 0.002  # the first pause between two tries at most; doubled up to LONGEST_PAUSE
LONGEST_PAUSE = 0.25


class Database:
    """One store. Open it on the loop that uses it; `close()` waits for running work and lets go of every thread."""

    def __init__(self, where: Place | str, password: Secret | None = None) -> None:
        self.place = place(where) if isinstance(where, str) else where
        self._engine = engine_for(self.place, password)
        self._reader: AsyncEngine | None = None
        self._writer: AsyncEngine | None = None
        self._turn = asyncio.Semaphore(self._engine.writers)
        self._running: set[asyncio.Task[Any]] = set()

    @property
    def path(self) -> Path:
        """The file of a store that is one. Raises StoreError for one on a server."""
        if not isinstance(self.place, Path):
            raise StoreError(f"{self.place} is no file")
        return self.place

    async def open(self, *, half_copied: bool = False) -> None:
        """Make or open the store, private to its owner, and bring its schema up to date. Raises StoreError; also for a
        store that a copy was broken off on, unless `half_copied`: who copies goes on with it."""
        from store import migrations

        self._reader, self._writer = await self._engine.open()
        try:
            if not await self.read(migrations.is_current):
                async with self._engine.migrating():
                    await self.write(lambda connection: migrations.migrate(connection, half_copied=half_copied))
        except BaseException as error:
            await self.close()
            if isinstance(error.__cause__, DBAPIError):  # the database's own words, which do not name the store
                why = f"cannot open the store {self.place}: {self._engine.cause(error.__cause__)}"
                raise StoreError(f"{why}; choose another with --database") from error
            raise

    async def read(self, work: Work[T]) -> T:
        """Run `work` on a connection whose writes would be lost: it is rolled back."""
        return await self._track(self._read(work))

    async def write(self, work: Work[T]) -> T:
        """Run `work` in one transaction; commit when it returns. Raises StoreError when the store is full, read-only or
        kept busy by others for longer than some seconds."""
        return await self._track(self._write(work))

    def worker_lock(self) -> WorkerLock:
        """The lock of who polls and sends; a new object each time."""
        return self._engine.lock()

    def upkeep(self) -> Upkeep:
        """What the store keeps between and behind its tables."""
        return self._engine.upkeep()

    def pulse(self) -> Hashable:
        """Another value than before where anybody may have written since; costs next to nothing."""
        return self._engine.pulse()

    async def close(self) -> None:
        while self._running:
            await asyncio.wait(set(self._running))
        for engine in {self._reader, self._writer} - {None}:
            if engine is not None:
                await engine.dispose()
        self._reader = self._writer = None
        await self._engine.close()

    async def _track(self, work: Awaitable[T]) -> T:
        task: asyncio.Task[T] = asyncio.ensure_future(work)
        self._running.add(task)
        task.add_done_callback(self._running.discard)
        try:
            return await asyncio.shield(task)
        except asyncio.CancelledError:
            # The caller is gone; what is running ends by itself and its error, if any, is nobody's.
            task.add_done_callback(lambda t: None if t.cancelled() else t.exception())
            raise

    async def _read(self, work: Work[T]) -> T:
        if self._reader is None:
            raise StoreError("the store is closed")
        try:
            async with self._reader.connect() as connection:
                return await work(connection)
        except (DBAPIError, PoolTimeout) as error:
            raise StoreError(f"the store could not be read: {self._engine.cause(error)}") from error

    async def _write(self, work: Work[T]) -> T:
        async with self._turn:
            begun, pause = monotonic(), PAUSE_SECONDS
            while True:
                if self._writer is None:
                    raise StoreError("the store is closed")
                try:
                    async with self._writer.begin() as connection:
                        result = await work(connection)
                        point("before_commit")
                    point("after_commit")
                    return result
                except DBAPIError as error:
                    if not self._engine.is_passing(error) or monotonic() - begun > AGAIN_SECONDS:
                        raise StoreError(f"the store could not be written: {self._engine.cause(error)}") from error
                except PoolTimeout as error:
                    raise StoreError(f"the store could not be written: {self._engine.cause(error)}") from error
                await asyncio.sleep(random.uniform(0, pause))
                pause = min(pause * 2, LONGEST_PAUSE)
