"""The database: its engine, its pragmas and the two units of work that everything goes through.

`read(work)` and `write(work)` run `work(connection)` in a task of its own that outlives a cancelled caller, so that a
screen that closes, a worker that is cancelled and a quitting program never leave a transaction open or half done.
`write` begins IMMEDIATE, one at a time in this process; it commits when `work` returns and rolls back when it raises.
"""

from __future__ import annotations

import asyncio
import os
import stat
import sys
from collections.abc import Awaitable, Callable
from contextlib import closing
from pathlib import Path
from typing import Any, TypeVar

try:  # a fixed SQLite where one can be had; it must be in place before aiosqlite looks for "sqlite3"
    import pysqlite3  # type: ignore[import-not-found,unused-ignore]
    import pysqlite3.dbapi2 as dbapi2  # type: ignore[import-not-found,unused-ignore]

    sys.modules["sqlite3"], sys.modules["sqlite3.dbapi2"] = pysqlite3, dbapi2
except ImportError:
    pass

import sqlite3 as sqlite3  # for others too: what it is now depends on the lines above

from sqlalchemy import event
from sqlalchemy.exc import DBAPIError
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine, create_async_engine

from store.domain.errors import StoreError
from store.killpoints import point
from store.lock import UseLock

T = TypeVar("T")
Work = Callable[[AsyncConnection], Awaitable[T]]

BUSY_MILLISECONDS = 5_000
_REMEDIES = {
    "locked": "another program has been writing to it for long; try again, or end that program",
    "is full": "make room on the disk and try again",
    "readonly": "it needs to be writable for you, and so does its folder",
    "malformed": "put a backup in its place; `earful doctor` says what is broken",
}


def wal_is_safe(version: tuple[int, ...]) -> bool:
    """Whether this SQLite is free of the WAL-reset bug (sqlite.org/wal.html): 3.51.3, 3.50.7, 3.44.6 and later ones."""
    return version >= (3, 51, 3) or (3, 50, 7) <= version < (3, 51) or (3, 44, 6) <= version < (3, 45)


class Database:
    """One store. Open it on the loop that uses it; `close()` waits for running work and lets go of every thread."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.wal = wal_is_safe(sqlite3.sqlite_version_info)
        self._reader: AsyncEngine | None = None
        self._writer: AsyncEngine | None = None
        self._use = UseLock(path)
        self._turn = asyncio.Lock()
        self._running: set[asyncio.Task[Any]] = set()

    async def open(self) -> None:
        """Make or open the store, private to its owner, and bring its schema up to date. Raises StoreError."""
        from store import migrations

        await asyncio.to_thread(_refuse_foreign, self.path)
        _private(self.path)
        if not self._use.share():
            raise StoreError(f"a backup is just taking the place of the store {self.path}; try again in a moment")
        self._reader = self._engine(immediate=False)
        self._writer = self._engine(immediate=True)
        try:
            await self.write(migrations.migrate)
        except BaseException as error:
            await self.close()
            if isinstance(error.__cause__, DBAPIError):  # SQLite's own words, which do not name the file
                why = f"cannot open the store {self.path}: {_cause(error.__cause__)}; choose another with --database"
                raise StoreError(why) from error
            raise

    async def read(self, work: Work[T]) -> T:
        """Run `work` on a connection whose writes would be lost: it is rolled back."""
        return await self._track(self._read(work))

    async def write(self, work: Work[T]) -> T:
        """Run `work` in one BEGIN IMMEDIATE transaction; commit when it returns. Raises StoreError when the store is
        full, read-only or locked by somebody for longer than five seconds."""
        return await self._track(self._write(work))

    async def close(self) -> None:
        while self._running:
            await asyncio.wait(set(self._running))
        for engine in (self._reader, self._writer):
            if engine is not None:
                await engine.dispose()
        self._reader = self._writer = None
        self._use.release()

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
        except DBAPIError as error:
            raise StoreError(f"the store could not be read: {_cause(error)}") from error

    async def _write(self, work: Work[T]) -> T:
        async with self._turn:
            if self._writer is None:
                raise StoreError("the store is closed")
            try:
                async with self._writer.begin() as connection:
                    result = await work(connection)
                    point("before_commit")
                point("after_commit")
                return result
            except DBAPIError as error:
                raise StoreError(f"the store could not be written: {_cause(error)}") from error

    def _engine(self, *, immediate: bool) -> AsyncEngine:
        engine = create_async_engine(
            f"sqlite+aiosqlite:///{self.path}",
            pool_size=1 if immediate else 4,
            max_overflow=0,
            hide_parameters=True,  # an error's words may end in a log; a person's words may not
            pool_timeout=BUSY_MILLISECONDS / 1000 * 6,
        )
        wal = self.wal

        @event.listens_for(engine.sync_engine, "connect")
        def _prepare(connection: Any, record: Any) -> None:
            connection.isolation_level = None  # we say BEGIN ourselves
            cursor = connection.cursor()
            for pragma in (
                f"busy_timeout={BUSY_MILLISECONDS}",
                f"journal_mode={'WAL' if wal else 'TRUNCATE'}",
                f"synchronous={'FULL' if wal else 'EXTRA'}",
                "foreign_keys=ON",
                "secure_delete=ON",  # what is deleted is overwritten, in the file and not only in its tables
                "temp_store=MEMORY",
            ):
                cursor.execute(f"PRAGMA {pragma}")
            cursor.close()

        @event.listens_for(engine.sync_engine, "begin")
        def _begin(connection: Any) -> None:
            connection.exec_driver_sql("BEGIN IMMEDIATE" if immediate else "BEGIN")

        return engine


def _cause(error: Exception) -> str:
    """SQLite's own words, and what to do where they do not say."""
    words = str(getattr(error, "orig", None) or error)
    return words + next((f"; {what}" for sign, what in _REMEDIES.items() if sign in words), "")


def _refuse_foreign(path: Path) -> None:
    """Somebody else's file is left exactly as it is: not its mode, not its journal is touched."""
    if path.exists() and not path.is_file():  # a folder or a device, whose mode is nobody's to change
        raise StoreError(f"{path} is no file; choose another place with --database")
    if not path.is_file() or not path.stat().st_size:
        return
    try:
        with closing(sqlite3.connect(f"{path.absolute().as_uri()}?mode=ro", uri=True)) as connection:
            names = {name for (name,) in connection.execute("SELECT name FROM sqlite_master")}
    except sqlite3.OperationalError:
        return  # locked, no permission, ...: opening it says so in its own words
    except sqlite3.DatabaseError as error:
        raise StoreError(f"{path} is no store of earful ({error}); choose another place with --database") from error
    if names and "schema_version" not in names:
        raise StoreError(f"{path} is a database, but not a store of earful; choose another place with --database")


def _private(path: Path) -> None:
    """The folder 0700 and the file 0600 before SQLite first sees them. A folder that others own is left as it is."""
    try:
        if not path.parent.exists():
            path.parent.mkdir(parents=True, mode=0o700)
        if not path.exists():
            os.close(os.open(path, os.O_CREAT | os.O_RDWR, 0o600))
        elif stat.S_IMODE(path.stat().st_mode) & 0o077 and path.stat().st_uid == os.getuid():
            path.chmod(0o600)
    except OSError as error:
        raise StoreError(
            f"cannot make the store {path}: {error.strerror}; choose another place with --database"
        ) from error
