"""Kill workers, then count: what the server has on disk against what the store says."""

from __future__ import annotations

import json
import os
import random
import signal
import sqlite3
import subprocess
import sys
import time
from collections import Counter
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Any, Self

ROOT = Path(__file__).resolve().parents[2]


class Process:
    """A helper process that answers in lines and ends with us."""

    def __init__(self, module: str, *arguments: str) -> None:
        self._process = subprocess.Popen(
            [sys.executable, "-m", module, *arguments],
            cwd=ROOT, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, bufsize=1,
        )  # fmt: skip

    def ask(self, order: dict[str, Any]) -> None:
        assert self._process.stdin is not None
        self._process.stdin.write(json.dumps(order) + "\n")

    def line(self) -> str:
        assert self._process.stdout is not None
        return self._process.stdout.readline()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        assert self._process.stdin is not None
        self._process.stdin.close()  # it ends with its input
        try:
            self._process.wait(5)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()


@dataclass
class Life:
    """How one worker's life ended: by `killed` or by itself. `begun`: its loop was running by then."""

    begun: bool
    killed: bool


class Harness:
    """One store, one network, many short lives."""

    def __init__(
        self,
        folder: Path,
        nursery: Process,
        network: Process,
        *,
        what: str,
        hand: str = "",
        house: Process | None = None,
        store: str = "",
    ) -> None:
        self.folder, self._nursery, self._what, self._hand, self.store = folder, nursery, what, hand, store
        self._port = int(network.line())
        self._house = [int(port) for port in house.line().split()] if house else []
        self._ended: int | None = None

    def live(self, *, kill: str = "", after: float | None = None, seconds: float = 60.0, clock: float = 0.0) -> Life:
        """One worker: killed at a named point (`kill`), so long after its loop began (`after`), or by nobody. `clock`:
        seconds that the wall clock jumps by meanwhile."""
        pid = self.begin(kill=kill, seconds=seconds, clock=clock)
        if pid and after is not None:
            time.sleep(after)
            with suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)
        return self.end()

    def begin(self, *, kill: str = "", seconds: float = 60.0, clock: float = 0.0) -> int:
        """The pid of a worker whose loop has begun; 0 where it was dead before."""
        order = {"folder": str(self.folder), "port": self._port, "what": self._what, "hand": self._hand}
        order |= {"store": self.store, "house": self._house, "clock": clock}
        self._nursery.ask(order | {"kill": kill, "seconds": seconds})
        told = json.loads(self._nursery.line())
        self._ended = told.get("ended")
        return int(told.get("ready", 0))

    def end(self) -> Life:
        begun = self._ended is None
        how = json.loads(self._nursery.line())["ended"] if self._ended is None else self._ended
        assert how in (0, -signal.SIGKILL), f"a worker ended with {how}"
        return Life(begun, how == -signal.SIGKILL)

    def random_lives(self, count: int, seed: int, longest: float) -> list[Life]:
        chance = random.Random(seed)
        return [self.live(after=chance.uniform(0, longest)) for _ in range(count)]

    def posts(self, name: str = "posts.jsonl") -> list[dict[str, str]]:
        file = self.folder / name
        return [json.loads(line) for line in file.read_text().splitlines()] if file.exists() else []

    def rows(self, query: str) -> list[tuple[Any, ...]]:
        """Read as anybody could: after the worker's end, past its code."""
        if self.store:
            import psycopg

            with psycopg.connect(self.store) as session:
                return session.execute(query).fetchall()
        connection = sqlite3.connect(f"file:{self.folder / 'earful.db'}?mode=ro", uri=True)
        try:
            return connection.execute(query).fetchall()
        finally:
            connection.close()


def sending_faults(harness: Harness) -> list[str]:
    """Every way in which an answer was lost or doubled; empty is what we promise."""
    posts = Counter(post["parent"] for post in harness.posts())
    ids = {post["parent"]: post["id"] for post in harness.posts()}
    found = [f"{parent}: posted {count} times" for parent, count in posts.items() if count > 1]
    rows = harness.rows("SELECT id, target, state, remote_id, error FROM delivery WHERE kind = 'reply'")
    for number, target, state, remote_id, error in rows:
        if state == "sent" and (not posts[target] or remote_id != ids[target]):
            found.append(f"{target}: marked sent as {remote_id!r}, posted as {ids.get(target)}")
        if state in ("failed", "queued", "withdrawn") and posts[target]:
            found.append(f"{target}: {state}, but it is out")
        if state not in ("sent", "failed", "needs a person"):
            steps = harness.rows(f'SELECT at, "after", detail FROM attempt WHERE delivery_id = {number} ORDER BY id')
            found.append(f"{target}: left {state}, after {steps}")
        if state != "sent" and not error:
            found.append(f"{target}: {state} without a word")
    return found + integrity_faults(harness)


def forwarding_faults(harness: Harness) -> list[str]:
    """The same for forwards and escalations. Mail is sent once at most; a webhook's receiver knows an identity again,
    and is told twice at most."""
    taken = Counter((one["by"], one["identity"]) for one in harness.posts("forwards.jsonl"))
    found = []
    for target, state, identity, error in harness.rows(
        "SELECT target, state, identity, error FROM delivery WHERE kind <> 'reply'"
    ):
        by, most = ("mail", 1) if target == "billing" else ("hook", 2)
        times = taken.pop((by, identity), 0)
        if times > most:
            found.append(f"{identity} to {target}: taken {times} times")
        if (state == "sent" and not times) or (state in ("failed", "queued", "withdrawn") and times):
            found.append(f"{identity} to {target}: {state}, taken {times} times")
        if state not in ("sent", "failed", "needs a person"):
            found.append(f"{identity} to {target}: left {state}")
        if state != "sent" and not error:
            found.append(f"{identity} to {target}: {state} without a word")
    return found + [f"{one} was taken, and nobody sent it" for one in taken]


def intake_faults(harness: Harness, offered: int) -> list[str]:
    stored = Counter(name for (name,) in harness.rows("SELECT native_id FROM mention"))
    found = [f"{name}: stored {count} times" for name, count in stored.items() if count > 1]
    if len(stored) != offered:
        found.append(f"{len(stored)} of {offered} posts stored")
    (sums,) = harness.rows('SELECT sum(returned), sum("new"), sum("new" + duplicate + unmatched + failed) FROM poll')
    if sums[0] != sums[2]:
        found.append(f"the ledger does not add up: {sums}")
    if sums[1] != len(stored):
        found.append(f"the ledger says {sums[1]} new, there are {len(stored)}")
    (unread,) = harness.rows("SELECT count(*) FROM cases WHERE mentions = 0")
    if unread[0]:
        found.append(f"{unread[0]} cases without a mention")
    return found + integrity_faults(harness)


def integrity_faults(harness: Harness) -> list[str]:
    if harness.store:  # a server looks after its pages and its keys itself
        return []
    found = [f"integrity: {word}" for (word,) in harness.rows("PRAGMA integrity_check") if word != "ok"]
    return found + [f"foreign key: {row}" for row in harness.rows("PRAGMA foreign_key_check")]
