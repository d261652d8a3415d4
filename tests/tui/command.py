"""The command line as other programs meet it: a process of its own, in a home of its own."""

from __future__ import annotations

import asyncio
import atexit
import json
import os
import select
import signal
import subprocess
import sys
import tempfile
import threading
from collections.abc import Sequence
from contextlib import suppress
from datetime import datetime
from pathlib import Path
from typing import Any

from store import cases
from store.database import Database
from store.domain.action import Action
from store.domain.poll import PollLine
from tests.factories import NOW, land

ROOT = Path(__file__).parents[2]
SECONDS = 100


class Result:
    def __init__(self, code: int, data: bytes, narration: bytes) -> None:
        self.code, self.raw, self.raw_narration = code, data, narration

    @property
    def data(self) -> str:
        return self.raw.decode()

    @property
    def narration(self) -> str:
        return self.raw_narration.decode()

    @property
    def lines(self) -> list[str]:
        return self.data.splitlines()

    @property
    def records(self) -> list[dict[str, Any]]:
        return [json.loads(line) for line in self.lines]

    @property
    def record(self) -> dict[str, Any]:
        (record,) = self.records
        return record


class Door:
    """`tests.tui.door`, opened when the first command is run, as the children of this process share it."""

    def __init__(self) -> None:
        self._process: subprocess.Popen[bytes] | None = None
        self._turn = threading.Lock()

    def free(self) -> bool:
        return self._turn.acquire(blocking=False)

    def run(self, words: list[str], home: Path, environment: dict[str, str], given: bytes) -> Result:
        """After `free` said so."""
        try:
            with tempfile.TemporaryDirectory() as folder:
                Path(folder, "in").write_bytes(given)
                process = self._open()
                assert process.stdin is not None
                assert process.stdout is not None
                order = {"words": words, "home": str(home), "environment": environment, "folder": folder}
                process.stdin.write(json.dumps(order).encode() + b"\n")
                if not select.select([process.stdout], [], [], SECONDS)[0]:
                    self._close()
                    raise subprocess.TimeoutExpired(words, SECONDS)
                code = int(process.stdout.readline())
                return Result(code, Path(folder, "out").read_bytes(), Path(folder, "told").read_bytes())
        finally:
            self._turn.release()

    def _open(self) -> subprocess.Popen[bytes]:
        if self._process is None or self._process.poll() is not None:
            self._process = subprocess.Popen(
                [sys.executable, "-m", "tests.tui.door"],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                bufsize=0,
                cwd=ROOT,
                env={"PATH": os.environ["PATH"], "PYTHONPATH": str(ROOT), "LANG": "C.UTF-8", "TZ": "UTC"},
                start_new_session=True,
            )
            atexit.register(self._close)
        return self._process

    def _close(self) -> None:
        if self._process is not None:
            with suppress(ProcessLookupError):
                os.killpg(self._process.pid, signal.SIGKILL)
            self._process.wait()


DOOR = Door()


class Earful:
    """Runs `earful` with HOME and everything below it in `home`."""

    def __init__(self, home: Path) -> None:
        self.home = home
        self.store = home / "earful.db"
        self.environment = {
            "PATH": os.environ["PATH"],
            "HOME": str(home),
            "PYTHONPATH": str(ROOT),
            "LOGNAME": "ana",
            "LANG": "C.UTF-8",
            "TZ": "UTC",
        }

    def __call__(self, *words: str, given: bytes | None = None, **environment: str) -> Result:
        """`environment`, which may change what an import does, gets a process from the beginning."""
        if not environment and DOOR.free():
            return DOOR.run(self.command(*words)[3:], self.home, self.environment, given or b"")
        done = subprocess.run(
            self.command(*words),
            input=given if given is not None else b"",
            capture_output=True,
            env=self.environment | environment,
            cwd=self.home,
            timeout=SECONDS,
        )
        return Result(done.returncode, done.stdout, done.stderr)

    def start(self, *words: str) -> subprocess.Popen[bytes]:
        return subprocess.Popen(
            self.command(*words),
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            env=self.environment,
            cwd=self.home,
        )

    def command(self, *words: str) -> list[str]:
        # Both stand before the words: `--` and what looks like an option may follow.
        return [sys.executable, "-m", "tui", "--database", str(self.store), *words]

    def configure(self, text: str) -> Path:
        path = self.home / ".config" / "earful" / "earful.toml"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")
        return path

    def seed(self, *items: Any, **page: Any) -> PollLine:
        """Store these items as one page, as a poll would."""

        async def work() -> PollLine:
            db = Database(self.store)
            await db.open()
            try:
                return await land(db, *items, **page)
            finally:
                await db.close()

        return asyncio.run(work())

    def act(self, case_ids: Sequence[int], action: Action, *, agent: str = "ana", at: datetime = NOW) -> None:
        async def work() -> None:
            db = Database(self.store)
            await db.open()
            try:
                await cases.act(db, [(case_id, None) for case_id in case_ids], action, agent=agent, now=at)
            finally:
                await db.close()

        asyncio.run(work())
