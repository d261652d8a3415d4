"""One process per store polls and sends."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from store.lock import WorkerLock

ROOT = Path(__file__).parents[2]

HOLDER = """
import sys
from pathlib import Path
from store.lock import WorkerLock

lock = WorkerLock(Path(sys.argv[1]))
print(lock.acquire(), flush=True)
sys.stdin.read()
lock.release()
print("released", flush=True)
sys.stdin.close()
"""


@contextmanager
def another_process(store: Path) -> Iterator[tuple[subprocess.Popen[str], str]]:
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


def test_only_one_process_holds_it(tmp_path: Path) -> None:
    store = tmp_path / "earful.db"
    mine = WorkerLock(store)
    assert mine.holder() == 0

    with another_process(store) as (other, got_it):
        assert got_it == "True"
        assert not mine.acquire()
        assert mine.holder() == other.pid
        assert not mine.acquire()  # having looked does not free it


def test_it_ends_with_a_killed_process(tmp_path: Path) -> None:
    store = tmp_path / "earful.db"
    mine = WorkerLock(store)

    with another_process(store) as (other, got_it):
        assert got_it == "True"
        other.send_signal(signal.SIGKILL)
        other.wait()

        assert mine.holder() == 0
        assert mine.acquire()
        assert mine.holder() == os.getpid()


def test_a_paused_holder_is_not_overtaken(tmp_path: Path) -> None:
    store = tmp_path / "earful.db"

    with another_process(store) as (other, _):
        other.send_signal(signal.SIGSTOP)
        assert not WorkerLock(store).acquire()


def test_it_passes_on_when_released(tmp_path: Path) -> None:
    store = tmp_path / "earful.db"
    mine = WorkerLock(store)
    assert mine.acquire()
    assert mine.acquire()

    with another_process(store) as (_, got_it):
        assert got_it == "False"
    mine.release()
    mine.release()
    with another_process(store) as (other, got_it):
        assert got_it == "True"
        assert other.stdin is not None
        assert other.stdout is not None
        other.stdin.close()
        assert other.stdout.readline().strip() == "released"
        assert mine.acquire()


def test_the_lock_file_is_private(tmp_path: Path) -> None:
    WorkerLock(tmp_path / "earful.db").acquire()

    assert (tmp_path / "earful.db.worker").stat().st_mode & 0o777 == 0o600
