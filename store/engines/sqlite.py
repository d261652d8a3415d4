"""A store in a file of SQLite: its pragmas, its permissions, and whether this SQLite keeps its word."""

from __future__ import annotations

import os
import stat
import sys
from collections.abc import AsyncIterator, Hashable
from contextlib import asynccontextmanager, closing, suppress
from pathlib import Path
from typing import Any

try:  # a fixed SQLite where one can be had; it must be in place before aiosqlite looks for "sqlite3"
    import pysqlite3  # type: ignore[import-not-found,unused-ignore]
    import pysqlite3.dbapi2 as dbapi2  # type: ignore[import-not-found,unused-ignore]

    sys.modules["sqlite3"], sys.modules["sqlite3.dbapi2"] = pysqlite3, dbapi2
except ImportError:
    pass

import asyncio
import sqlite3 as sqlite3  # for others too: what it is now depends on the lines above

from sqlalchemy import URL, event
from sqlalchemy.exc import DBAPIError
from sqlalchemy.ext.asyncio import AsyncEngine, create_async_engine

from store.domain.errors import StoreError
from store.lock import FileLock, UseLock
from store.upkeep import Upkeep

BUSY_MILLISECONDS = 5_000
# Who waits for SQLite's write lock looks ever more seldom and starves among many: we begin to wait anew this often.
TURN_MILLISECONDS = 100
# While somebody reads for long, the log of changes grows; behind that it is cut back to this.
LOG_BYTES = 32_000_000
WRITABLE = "it needs to be writable for you, and so does its folder"
DAMAGED = "it is damaged; put a backup in its place (`earful restore FILE`)"
_REMEDIES = {
    "locked": "another program has been writing to it for long; try again, or end that program",
    "is full": "make room on the disk and try again",
    "disk I/O error": "look at the disk: it may be full, or broken",
    "readonly": WRITABLE,
    "unable to open": WRITABLE,
    "malformed": DAMAGED,
}


def wal_is_safe(version: tuple[int, ...]) -> bool:
    """Whether this SQLite is free of the WAL-reset bug (sqlite.org/wal.html): 3.51.3, 3.50.7, 3.44.6 and later ones."""
    return version >= (3, 51, 3) or (3, 50, 7) <= version < (3, 51) or (3, 44, 6) <= version < (3, 45)


class Sqlite:
    """Writes begin IMMEDIATE, one at a time; every connection keeps what it acknowledges."""

    writers = 1

    def __init__(self, path: Path) -> None:
        self._path = path
        self._use = UseLock(path)
        self._wal = wal_is_safe(sqlite3.sqlite_version_info)

    async def open(self) -> tuple[AsyncEngine, AsyncEngine]:
        await asyncio.to_thread(_refuse_foreign, self._path)
        _private(self._path)
        if not self._use.share():
            raise StoreError(f"a backup is just taking the place of the store {self._path}; try again in a moment")
        return self._engine(immediate=False), self._engine(immediate=True)

    @asynccontextmanager
    async def migrating(self) -> AsyncIterator[None]:
        yield  # BEGIN IMMEDIATE keeps the others out

    def is_passing(self, error: DBAPIError) -> bool:
        return "database is locked" in str(error.orig)

    def cause(self, error: Exception) -> str:
        words = str(getattr(error, "orig", None) or error)
        return words + next((f"; {what}" for sign, what in _REMEDIES.items() if sign in words), "")

    def lock(self) -> FileLock:
        return FileLock(self._path)

    def upkeep(self) -> Upkeep:
        from store.engines.sqlite_upkeep import FileUpkeep

        return FileUpkeep(self._path)

    def pulse(self) -> Hashable:
        """Size and time of the store's files."""
        found = []
        for name in (self._path, f"{self._path}-wal"):
            with suppress(OSError):
                status = os.stat(name)
                found.append((status.st_size, status.st_mtime_ns))
        return tuple(found)

    async def close(self) -> None:
        self._use.release()

    def _engine(self, *, immediate: bool) -> AsyncEngine:
        engine = create_async_engine(
            URL.create("sqlite+aiosqlite", database=str(self._path)),  # as a string, % and ? would mean something
            pool_size=1 if immediate else 4,
            max_overflow=0,
            hide_parameters=True,  # an error's words may end in a log; a person's words may not
            pool_timeout=BUSY_MILLISECONDS / 1000 * 6,
        )
        wal = self._wal

        @event.listens_for(engine.sync_engine, "connect")
        def _prepare(connection: Any, record: Any) -> None:
            connection.isolation_level = None  # we say BEGIN ourselves
            cursor = connection.cursor()
            for pragma in (
                f"busy_timeout={TURN_MILLISECONDS if immediate and wal else BUSY_MILLISECONDS}",
                f"journal_mode={'WAL' if wal else 'TRUNCATE'}",
                f"journal_size_limit={LOG_BYTES}",
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
        if "malformed" in str(error):
            raise StoreError(f"the store {path} cannot be read ({error}); {DAMAGED}") from error
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
