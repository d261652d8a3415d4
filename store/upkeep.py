"""The files of a store: written out, looked into byte by byte, made small. Everything here goes past the tables."""

from __future__ import annotations

import asyncio
import mmap
import time
from collections.abc import Iterable
from contextlib import closing, suppress
from pathlib import Path

from store.database import Database
from store.domain.errors import StoreError
from store.engines.sqlite import sqlite3, wal_is_safe

PATIENCE = 10.0  # seconds to wait for those who still read what is old
BUSY_MILLISECONDS = 50  # others wait no longer for us
FILES = ("", "-wal", "-journal")  # the shared-memory file holds page numbers only


async def write_out(db: Database) -> bool:
    """Bring everything into the main file and empty the log of changes. False where somebody kept it from it."""
    if not wal_is_safe(sqlite3.sqlite_version_info):  # then there is no such log
        return True
    until = time.monotonic() + PATIENCE
    while not await asyncio.to_thread(_checkpoint, db.path):
        if time.monotonic() > until:
            return False
        await asyncio.sleep(0.1)
    return True


async def holds(path: Path, needles: Iterable[bytes]) -> bool:
    """Whether the files of a store hold any of these, in a table or in what is left over between the tables."""
    return await asyncio.to_thread(_holds, path, [needle for needle in needles if needle])


async def compact(db: Database) -> None:
    """Write the store anew without what is left over. Whoever writes waits meanwhile: a second for every 150 MB. Raises
    StoreError where there is no room for it, or where others leave no moment for it."""

    def vacuum() -> None:
        with closing(sqlite3.connect(db.path, isolation_level=None)) as connection:
            connection.execute("PRAGMA busy_timeout = 30000")
            connection.execute("VACUUM")

    try:
        await asyncio.to_thread(vacuum)
    except sqlite3.Error as error:
        raise StoreError(f"the store could not be written anew: {error}") from error


def _checkpoint(path: Path) -> bool:
    with closing(sqlite3.connect(path, isolation_level=None)) as connection:
        connection.execute(f"PRAGMA busy_timeout = {BUSY_MILLISECONDS}")
        connection.execute("PRAGMA wal_checkpoint(PASSIVE)")  # most of it, while others write
        with suppress(sqlite3.OperationalError):
            return bool(connection.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchone()[0] == 0)
    return False


def _holds(path: Path, needles: list[bytes]) -> bool:
    for end in FILES:
        file = path.with_name(path.name + end)
        if not file.exists() or not file.stat().st_size:
            continue
        with file.open("rb") as opened, mmap.mmap(opened.fileno(), 0, access=mmap.ACCESS_READ) as whole:
            if any(whole.find(needle) >= 0 for needle in needles):
                return True
    return False
