"""Who polls and sends: a lock that ends with the process and cannot be overtaken while it sleeps."""

from __future__ import annotations

import fcntl
import os
import time
from pathlib import Path
from typing import Protocol

TRIES, PAUSE_SECONDS = 3, 0.01


class WorkerLock(Protocol):
    """One per store. Never a time lease."""

    async def acquire(self) -> bool:
        """Take the lock if nobody has it; never waits for it. True again and again while this object holds it."""

    async def held(self) -> bool:
        """Whether this object holds it still: what lies on a server can be lost with the connection to it."""

    async def holder(self) -> str:
        """Who holds it now, in words ("process 4711"); "" where nobody does."""

    async def release(self) -> None:
        """Let go."""


class FileLock:
    """flock on `<store>.worker`, beside a store that is a file."""

    def __init__(self, store: Path) -> None:
        self.path = store.with_name(store.name + ".worker")
        self._file: int | None = None

    def take(self) -> bool:
        """`acquire` for who has no loop."""
        if self._file is not None:
            return True
        file = os.open(self.path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        if not _locked(file):
            os.close(file)
            return False
        os.ftruncate(file, 0)
        os.pwrite(file, str(os.getpid()).encode("ascii"), 0)
        self._file = file
        return True

    def taken_by(self) -> str:
        """`holder` for who has no loop: the pid that was written by the process that holds the lock now."""
        if self._file is not None:
            return f"process {os.getpid()}"
        try:
            file = os.open(self.path, os.O_RDWR | os.O_CLOEXEC)
        except OSError:
            return ""
        try:
            fcntl.flock(file, fcntl.LOCK_SH | fcntl.LOCK_NB)
        except BlockingIOError:
            return f"process {int(os.pread(file, 20, 0) or b'0')}"
        finally:
            os.close(file)
        return ""

    def let_go(self) -> None:
        """The file stays: who removes it lets two processes lock two files of one name."""
        if self._file is not None:
            os.ftruncate(self._file, 0)
            os.close(self._file)
            self._file = None

    async def acquire(self) -> bool:
        return self.take()

    async def held(self) -> bool:
        return self._file is not None

    async def holder(self) -> str:
        return self.taken_by()

    async def release(self) -> None:
        self.let_go()


class UseLock:
    """flock on `<store>.users`: shared by every process that has the store open, so that one that must be alone with it
    can know. It ends with the process."""

    def __init__(self, store: Path) -> None:
        self.path = store.with_name(store.name + ".users")
        self._file: int | None = None

    def share(self) -> bool:
        """False where somebody is alone with the store. Where no such file can be made nobody can be asked."""
        return self._take(fcntl.LOCK_SH)

    def alone(self) -> bool:
        """False where anybody has the store open."""
        return self._take(fcntl.LOCK_EX)

    def release(self) -> None:
        if self._file is not None:
            os.close(self._file)
            self._file = None

    def _take(self, how: int) -> bool:
        try:
            file = os.open(self.path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC | os.O_NOFOLLOW, 0o600)
        except OSError:
            return True
        try:
            fcntl.flock(file, how | fcntl.LOCK_NB)
        except BlockingIOError:
            os.close(file)
            return False
        self._file = file
        return True


def _locked(file: int) -> bool:
    for left in reversed(range(TRIES)):  # somebody's `holder()` may have it for an instant
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            if left:
                time.sleep(PAUSE_SECONDS)
        else:
            return True
    return False
