"""`earful` in a home of its own, killed where a test says, and what must be true of its store whatever happened."""

from __future__ import annotations

import json
import random
import shutil
import signal
from collections.abc import Iterator
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from store.engines.sqlite import sqlite3
from tests.faults.harness import Process
from tests.postgres import Server


@dataclass(frozen=True)
class Ran:
    """One run of a command. `passes`: how often it came past the points that can be anywhere."""

    code: int
    out: str
    told: str
    passes: dict[str, int]

    @property
    def killed(self) -> bool:
        return self.code == -signal.SIGKILL


class Shell:
    store: Any  # a path, or the address of a database

    def __init__(self, home: Path, commands: Process) -> None:
        self.home, self.store, self.commands = home, home / "earful.db", commands
        home.mkdir(exist_ok=True)

    def again(self, name: str) -> Shell:
        """A home like this one, beside it."""
        return Shell(self._home_again(name), self.commands)

    def _home_again(self, name: str) -> Path:
        home = self.home.with_name(name)
        shutil.rmtree(home, ignore_errors=True)
        shutil.copytree(self.home, home)
        return home

    def __call__(
        self, *words: object, kill: str = "", after: float | None = None, largest: int = 0, hand: str = "", **env: str
    ) -> Ran:
        """`largest`: no file may become larger than so many bytes; `hand`: which mistake is planted into it."""
        said = ["--database", str(self.store), *map(str, words)]
        order = {"words": said, "home": str(self.home), "env": env, "kill": kill, "after": after}
        self.commands.ask(order | {"largest": largest, "hand": hand})
        told = json.loads(self.commands.line())
        assert "Traceback" not in told["told"], told["told"]
        return Ran(told["ended"], told["out"], told["told"], told["passes"])

    def rows(self, query: str) -> list[tuple[Any, ...]]:
        return rows(self.store, query)

    def holding(self, words: str) -> set[str]:
        """Where these words still stand."""
        return {file.name for file in self.home.glob("earful.db*") if words.encode() in file.read_bytes()}

    def holds(self, words: str) -> bool:
        return words.encode() in self.store.read_bytes()


class ServerShell(Shell):
    """The same with its store on a server."""

    def __init__(self, home: Path, commands: Process, server: Server, store: str = "") -> None:
        super().__init__(home, commands)
        self.server, self.store = server, store or server.fresh()

    def again(self, name: str) -> Shell:
        return ServerShell(self._home_again(name), self.commands, self.server, self.server.again(self.store))

    def __call__(self, *words: object, **how: Any) -> Ran:
        ran = super().__call__(*words, **how)
        if ran.killed:
            self.server.leave(self.store)
        return ran

    def holding(self, words: str) -> set[str]:
        tables = self.rows("SELECT table_name FROM information_schema.tables WHERE table_schema = 'public'")
        return {name for (name,) in tables if self.rows(f"SELECT 1 FROM \"{name}\" t WHERE t::text LIKE '%{words}%'")}

    def holds(self, words: str) -> bool:
        return bool(self.holding(words))


def rows(place: Path | str, query: str) -> list[tuple[Any, ...]]:
    """Read as anybody could, past the program."""
    if isinstance(place, str):
        import psycopg

        with psycopg.connect(place) as session:
            return session.execute(query.encode()).fetchall()
    with closing(sqlite3.connect(place)) as connection:
        return list(connection.execute(query).fetchall())


def store_faults(path: Path | str) -> list[str]:
    """Every way in which a store contradicts itself. A server looks after its pages and its keys itself."""
    if isinstance(path, str):
        contradictions = {what: query.replace(*STATUS_ON_A_SERVER) for what, query in CONTRADICTIONS.items()}
        return [f"{what}: {row}" for what, query in contradictions.items() for row in rows(path, query)]
    found = [f"integrity: {word}" for (word,) in rows(path, "PRAGMA integrity_check") if word != "ok"]
    if not rows(path, "SELECT 1 FROM sqlite_master"):
        return found  # it died before there was anything
    found += [f"foreign key: {row}" for row in rows(path, "PRAGMA foreign_key_check")]
    for what, query in CONTRADICTIONS.items():
        found += [f"{what}: {row}" for row in rows(path, query.replace(*STATUS))]
    with closing(sqlite3.connect(path)) as connection:
        connection.execute("INSERT INTO mention_fts(mention_fts, rank) VALUES ('integrity-check', 1)")
    return found


STATUS = ("STATUS", "json_extract(\"after\", '$.status')")
STATUS_ON_A_SERVER = ("STATUS", "(\"after\"::json ->> 'status')")
CONTRADICTIONS = {
    "a case whose version is not one more than its steps in the journal": """
        SELECT c.id, c.version, count(j.id) FROM cases c LEFT JOIN journal j ON j.case_id = c.id
        GROUP BY c.id HAVING c.version <> 1 + count(j.id)""",
    "a case that counts its mentions wrongly": """
        SELECT c.id, c.mentions, count(m.id) FROM cases c LEFT JOIN mention m ON m.case_id = c.id AND NOT m.ours
        GROUP BY c.id HAVING c.mentions <> count(m.id)""",
    "a status that the journal says otherwise": """
        SELECT c.id, c.status, s.after FROM cases c JOIN (SELECT id, case_id, STATUS AS after FROM journal) s
            ON s.id = (SELECT max(k.id) FROM (SELECT id, case_id FROM journal WHERE STATUS IS NOT NULL) k
            WHERE k.case_id = c.id)
        WHERE c.status <> s.after""",
    "a ledger line that does not add up": """
        SELECT id, returned FROM poll WHERE returned <> "new" + duplicate + unmatched + failed""",
    "a mention that nobody counted": """
        SELECT m.n, p.n FROM (SELECT count(*) n FROM mention) m, (SELECT coalesce(sum("new"), 0) n FROM poll) p
        WHERE m.n <> p.n""",
    "a delivery that moved and is not logged": """
        SELECT id, version FROM delivery d WHERE version <> 1 + (SELECT count(*) FROM attempt WHERE delivery_id = d.id)
        """,
}


def moments(passes: dict[str, int], chance: random.Random, count: int) -> Iterator[str]:
    """`count` places to kill at, of all that a run came past: its first and its last ones, and others at random."""
    places = [f"{name}:{number}" for name, most in sorted(passes.items()) for number in range(1, most + 1)]
    ends = [place for name, most in passes.items() for place in (f"{name}:1", f"{name}:{most}")]
    others = [place for place in places if place not in ends]
    yield from [*ends, *chance.sample(others, len(others))][:count]
