"""The same kills of commands, and of a migration, with the store on a server: what was not committed is taken back when
the server notices that the program is gone.

Only with EARFUL_FAULT_KILLS: how many kills each command gets; a migration is killed after every statement.
EARFUL_FAULT_SEED says which."""

from __future__ import annotations

import asyncio
import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from store.database import Database
from store.migrations import CURRENT
from tests.factories import land, read_mention
from tests.faults.harness import Process
from tests.faults.scenarios import COMMANDS
from tests.faults.shell import ServerShell, Shell, store_faults
from tests.faults.test_commands import faults
from tests.postgres import Server
from tests.store.test_schema import back_to_schema_1

KILLS = int(os.environ.get("EARFUL_FAULT_KILLS", "0"))

pytestmark = [
    pytest.mark.timeout(240 + 20 * KILLS),
    pytest.mark.skipif(not KILLS, reason="takes minutes: EARFUL_FAULT_KILLS=3 kills commands on PostgreSQL too"),
]


@pytest.fixture(scope="module")
def commands() -> Iterator[Process]:
    with Process("tests.faults.commands") as process:
        yield process


@pytest.fixture
def shell(tmp_path: Path, commands: Process, postgres: Server) -> ServerShell:
    return ServerShell(tmp_path / "begun", commands, postgres)


@pytest.mark.parametrize("name", COMMANDS)
def test_a_killed_command(shell: ServerShell, name: str) -> None:
    assert faults(COMMANDS[name], shell, name, kills=KILLS) == []


def test_the_harness_catches_a_command_that_is_wrong(shell: ServerShell) -> None:
    assert faults(COMMANDS["bulk"], shell, "bulk", hand="one_by_one", kills=12) != []


def test_a_killed_migration(shell: ServerShell) -> None:
    assert migration_faults(shell) == []


def test_the_harness_catches_a_migration_in_pieces(shell: ServerShell) -> None:
    assert migration_faults(shell, hand="step_by_step") != []


def migration_faults(begun: ServerShell, *, hand: str = "") -> list[str]:
    """Opened and killed after statements of the way: it is the old store or the new one."""
    asyncio.run(an_old_store(begun.store))
    migrated = begun.again("migrated")
    ran = migrated("inbox", "--json")
    old, new = shape(begun), shape(migrated)
    assert (ran.code, old[0], new[0]) == (0, [(1,)], [(CURRENT,)])
    found, places = {0: 0, 1: 0}, list(range(1, ran.passes["statement"] + 1))
    for number in places:
        shell = begun.again("killed")
        shell("inbox", kill=f"statement:{number}", hand=hand)
        if shape(shell) not in (old, new):
            return [f"killed at statement {number} it is neither old nor new: {shape(shell)}"]
        found[shape(shell) == new] += 1
    assert found[0], "no kill hit the migration"
    last = shell("inbox", "--json", "--view", "all")
    words = [line for line in last.out.splitlines() if "from before" in line]
    return store_faults(shell.store) + ([] if len(words) == 1 else [f"{last}"])


async def an_old_store(url: str) -> None:
    db = Database(url)
    await db.open()
    await land(db, read_mention("acme from before"))
    await back_to_schema_1(db)
    await db.close()


def shape(shell: Shell) -> tuple[Any, ...]:
    columns = "SELECT table_name, column_name, data_type, is_nullable FROM information_schema.columns"
    return (
        shell.rows("SELECT version FROM schema_version"),
        shell.rows(f"{columns} WHERE table_schema = 'public' ORDER BY 1, 2"),
        shell.rows("SELECT indexname, indexdef FROM pg_indexes WHERE schemaname = 'public' ORDER BY 1"),
    )
