"""Every command that writes, killed at its first and last statements and file operations, at random ones and at random
moments: the store never contradicts itself, it is as before or as after, and the same command said again ends as if
nothing had happened.

EARFUL_FAULT_KILLS says how many kills each command gets (10000: at every place), EARFUL_FAULT_SEED which.
"""

from __future__ import annotations

import os
import random
import shutil
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.faults.harness import Process
from tests.faults.scenarios import COMMANDS, Command
from tests.faults.shell import Shell, moments, store_faults

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
    assert faults(COMMANDS[name], tmp_path, commands, name) == []


@pytest.mark.parametrize(("name", "hand"), [("bulk", "one_by_one"), ("backup", "in_place")])
def test_the_harness_catches_a_command_that_is_wrong(tmp_path: Path, commands: Process, name: str, hand: str) -> None:
    assert faults(COMMANDS[name], tmp_path, commands, name, hand=hand, kills=12) != []


def faults(
    command: Command, home: Path, commands: Process, name: str, *, hand: str = "", kills: int = KILLS
) -> list[str]:
    """Kill it in as many ways, say it again each time. What is wrong in the first way in which anything is."""
    begun = Shell(home / "begun", commands)
    command.set_up(begun)
    unkilled, began = again(begun, "unkilled"), time.monotonic()
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
        shell = again(begun, "killed")
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


def again(begun: Shell, name: str) -> Shell:
    """A home like this one."""
    home = begun.home.with_name(name)
    shutil.rmtree(home, ignore_errors=True)
    shutil.copytree(begun.home, home)
    return Shell(home, begun.commands)
