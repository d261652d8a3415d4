"""One process per store polls and sends."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from store.database import Database
from store.domain.errors import StoreError
from store.domain.place import Place, Server

pytestmark = pytest.mark.both

ROOT = Path(__file__).parents[2]

HOLDER = """
import asyncio, sys
from store.database import Database

async def hold():
    lock = Database(sys.argv[1]).worker_lock()
    print(await lock.acquire(), flush=True)
    await asyncio.to_thread(sys.stdin.read)
    await lock.release()
    print("released", flush=True)

asyncio.run(hold())
"""


@contextmanager
def another_process(store: Place) -> Iterator[tuple[subprocess.Popen[str], str]]:
    """A process that tried to take the lock, and whether it got it."""
    process = subprocess.Popen(
        [sys.executable, "-c", HOLDER, str(store)],
        cwd=ROOT,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )
    try:
        assert process.stdout is not None
        yield process, process.stdout.readline().strip()
    finally:
        process.kill()
        process.wait()
        for pipe in (process.stdin, process.stdout):
            if pipe is not None:
                pipe.close()


async def test_only_one_process_holds_it(place: Place) -> None:
    mine = Database(place).worker_lock()
    assert await mine.holder() == ""

    with another_process(place) as (other, got_it):
        assert got_it == "True"
        assert not await mine.acquire()
        assert str(other.pid) in await mine.holder()
        assert not await mine.acquire()  # having looked does not free it
        assert not await mine.held()


async def test_it_ends_with_a_killed_process(place: Place) -> None:
    mine = Database(place).worker_lock()

    with another_process(place) as (other, got_it):
        assert got_it == "True"
        other.send_signal(signal.SIGKILL)
        other.wait()

        for _ in range(200):  # a server needs a moment to see it
            if await mine.acquire():
                break
        assert await mine.held()
        assert str(os.getpid()) in await mine.holder()
    await mine.release()


async def test_a_paused_holder_is_not_overtaken(place: Place) -> None:
    with another_process(place) as (other, _):
        other.send_signal(signal.SIGSTOP)
        assert not await Database(place).worker_lock().acquire()


async def test_it_passes_on_when_released(place: Place) -> None:
    mine = Database(place).worker_lock()
    assert await mine.acquire()
    assert await mine.acquire()

    with another_process(place) as (_, got_it):
        assert got_it == "False"
    await mine.release()
    await mine.release()
    with another_process(place) as (other, got_it):
        assert got_it == "True"
        assert other.stdin is not None
        assert other.stdout is not None
        other.stdin.close()
        assert other.stdout.readline().strip() == "released"
        other.wait()
        assert await mine.acquire()
    await mine.release()


async def test_a_lock_that_the_server_took_away_is_lost(place: Place, request: pytest.FixtureRequest) -> None:
    if not isinstance(place, Server):
        return
    mine, other = Database(place).worker_lock(), Database(place).worker_lock()
    assert await mine.acquire()
    request.getfixturevalue("postgres").run(
        "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE application_name LIKE 'earful worker %'"
    )

    assert not await mine.held()
    assert await other.acquire()
    assert not await mine.acquire()
    await other.release()


async def test_a_server_that_is_not_there_is_said_so() -> None:
    with pytest.raises(StoreError, match="cannot be reached"):
        await Database("postgresql://ana@127.0.0.1:1/earful").worker_lock().acquire()


@pytest.mark.sqlite
async def test_the_lock_file_is_private(tmp_path: Path) -> None:
    lock = Database(tmp_path / "earful.db").worker_lock()
    await lock.acquire()

    assert (tmp_path / "earful.db.worker").stat().st_mode & 0o777 == 0o600
    await lock.release()
