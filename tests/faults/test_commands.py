"""Every command that writes, killed at its first and last statements and file operations, at random ones and at random
moments: the store never contradicts itself, it is as before or as after, and the same command said again ends as if
nothing had happened.

EARFUL_FAULT_KILLS says how many kills each command gets (10000: at every place), EARFUL_FAULT_SEED which.
"""

from __future__ import annotations

import os
import random
import time
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest

from store.engines.sqlite import sqlite3
from tests.faults.harness import Process
from tests.faults.scenarios import COMMANDS, Command
from tests.faults.shell import Shell, moments, rows, store_faults

KILLS = int(os.environ.get("EARFUL_FAULT_KILLS", "5"))
SEED = int(os.environ.get("EARFUL_FAULT_SEED", "5"))
SCHEMAS = sorted((Path(__file__).parents[1] / "store" / "schemas").glob("*.sql"))

pytestmark = pytest.mark.timeout(120 + 12 * KILLS)


@pytest.fixture(scope="module")
def commands() -> Iterator[Process]:
    with Process("tests.faults.commands") as process:
        yield process


@pytest.mark.parametrize("name", COMMANDS)
def test_a_killed_command(tmp_path: Path, commands: Process, name: str) -> None:
    assert faults(COMMANDS[name], Shell(tmp_path / "begun", commands), name) == []


@pytest.mark.parametrize(("name", "hand"), [("bulk", "one_by_one"), ("backup", "in_place")])
def test_the_harness_catches_a_command_that_is_wrong(tmp_path: Path, commands: Process, name: str, hand: str) -> None:
    begun = Shell(tmp_path / "begun", commands)
    assert faults(COMMANDS[name], begun, name, hand=hand, kills=12) != []


def faults(command: Command, begun: Shell, name: str, *, hand: str = "", kills: int = KILLS) -> list[str]:
    """Kill it in as many ways, say it again each time. What is wrong in the first way in which anything is."""
    command.set_up(begun)
    unkilled, began = begun.again("unkilled"), time.monotonic()
    ran = unkilled(*command.words.split(), hand=hand)
    length = time.monotonic() - began
    assert ran.code in command.fine, ran
    before, after = command.said(begun) if command.whole else None, command.said(unkilled)
    chance = random.Random(f"{SEED} {name}")
    ways: list[str | float] = [
        *moments(ran.passes, chance, kills),
        *(chance.uniform(0, length) for _ in range(kills // 3)),
    ]
    for way in ways:
        shell = begun.again("killed")
        how = {"kill": way} if isinstance(way, str) else {"after": way}
        shell(*command.words.split(), hand=hand, **how)
        found = store_faults(shell.store) + command.broken(shell)
        done = command.said(shell) == after if command.whole else False
        if command.whole and not done and command.said(shell) != before:
            found.append(f"neither as before nor as after: {command.said(shell)}")
        if not done and not found:
            last = shell(*(command.again or command.words).split(), hand=hand)
            if last.code not in command.fine:
                found.append(f"said again, it ended with {last}")
            elif command.said(shell) != after:
                found.append(f"said again, it left {command.said(shell)}, not {after}")
            found += store_faults(shell.store)
        if found:
            return [f"killed at {way}", *found]
    return []


@pytest.mark.parametrize("schema", SCHEMAS, ids=lambda file: f"from {file.stem}")
def test_a_killed_migration(tmp_path: Path, commands: Process, schema: Path) -> None:
    assert migration_faults(tmp_path, commands, schema) == []


def test_the_harness_catches_a_migration_in_pieces(tmp_path: Path, commands: Process) -> None:
    assert migration_faults(tmp_path, commands, SCHEMAS[0], hand="step_by_step") != []


def migration_faults(home: Path, commands: Process, schema: Path, *, hand: str = "") -> list[str]:
    """Opened and killed after every statement until the store is the new one: it is the old one or the new one."""
    begun = Shell(home / "begun", commands)
    an_old_store(begun.store, schema)
    migrated = begun.again("migrated")
    assert migrated("inbox", "--json").code == 0
    old, new = shape(begun.store), shape(migrated.store)
    number, found = 0, {old: 0, new: 0}
    assert new != old
    while not found[new]:
        number += 1
        shell = begun.again("killed")
        assert shell("inbox", kill=f"statement:{number}", hand=hand).killed
        if shape(shell.store) not in found:
            return [f"killed at statement {number} it is neither old nor new: {shape(shell.store)}"]
        found[shape(shell.store)] += 1
    assert found[old] >= 8
    last = shell("inbox", "--json", "--view", "all")
    words = [line for line in last.out.splitlines() if "from before" in line]
    return store_faults(shell.store) + ([] if len(words) == 1 else [f"{last}"])


def an_old_store(path: Path, schema: Path) -> None:
    """As the program of that schema left it, with one case in it."""
    statements = [one.strip() for one in schema.read_text().split(";\n") if one.strip()]
    with closing(sqlite3.connect(path)) as connection, connection:
        for statement in sorted(statements, key=lambda one: not one.startswith(("CREATE TABLE", "CREATE VIRTUAL"))):
            connection.execute(statement)
        connection.execute(f"INSERT INTO schema_version VALUES ({schema.stem})")
        connection.execute("INSERT INTO author (id, network, handle) VALUES (1, 'mastodon', 'ana')")
        connection.execute(
            "INSERT INTO cases (id, author_id, network, source, thread, status, priority, created_at, last_at, seen_at,"
            " mentions, newest_mention_id) VALUES (1, 1, 'mastodon', 's', 't', 'new', 'normal', 1, 1, 1, 1, 1)"
        )
        connection.execute(
            "INSERT INTO mention (id, network, external_id, source, thread, case_id, author_id, type, text, language,"
            " sentiment, score, analysis, created_at, seen_at)"
            " VALUES (1, 'mastodon', 'x', 's', 't', 1, 1, 'post', 'acme from before', 'en', 'neutral', 0, 1, 1, 1)"
        )
        connection.execute("INSERT INTO mention_fts (rowid, title, text) VALUES (1, '', 'acme from before')")
        connection.execute(
            "INSERT INTO poll (source, stream, started_at, asked, returned, new, duplicate, unmatched, failed)"
            " VALUES ('s', 'x', 1, '', 1, 1, 0, 0, 0)"
        )


def shape(path: Path) -> tuple[object, ...]:
    version = rows(path, "SELECT version FROM schema_version")
    return (*version, *rows(path, "SELECT type, name, sql FROM sqlite_master ORDER BY type, name"))
