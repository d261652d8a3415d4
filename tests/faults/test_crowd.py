"""Twenty processes on one store for some seconds: no update is lost, nothing is answered twice, nobody is told that the
store is locked. EARFUL_CROWD_SECONDS=60 makes it as long as it is judged; EARFUL_CROWD_SEED says which."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections import Counter
from pathlib import Path

import pytest
from sqlalchemy import func, select, text

from store.database import Database
from store.tables import cases, delivery, journal, mention
from tests.factories import land, read_mention, rows

pytestmark = pytest.mark.both

ROOT = Path(__file__).parents[2]
PROCESSES, CASES = 20, 30
SECONDS = float(os.environ.get("EARFUL_CROWD_SECONDS", "4"))
SEED = os.environ.get("EARFUL_CROWD_SEED", "7")


@pytest.mark.timeout(120 + 3 * SECONDS)
async def test_a_crowd(db: Database, tmp_path: Path) -> None:
    assert await faults(db, tmp_path, PROCESSES, SECONDS) == [], f"seed {SEED}"


@pytest.mark.sqlite
@pytest.mark.parametrize(
    ("hand", "told"),
    [("LosesUpdates", "given twice"), ("AnswersTwice", "posted twice"), ("GivesUp", "database is locked")],
)
async def test_the_crowd_catches_one_that_is_wrong(db: Database, tmp_path: Path, hand: str, told: str) -> None:
    assert any(told in fault for fault in await faults(db, tmp_path, 8, 2.0, hand))


async def faults(db: Database, folder: Path, processes: int, seconds: float, hand: str = "") -> list[str]:
    """What a crowd did to the store that must not be."""
    await land(db, *(read_mention(id=f"c{n}", author=f"author{n}") for n in range(CASES)))
    before = len(await rows(db, mention))
    command = [sys.executable, str(ROOT / "tests/faults/crowd.py"), str(db.place), str(folder)]
    ended = subprocess.run(
        [*command, str(processes), str(seconds), SEED, str(CASES), *([hand] if hand else [])],
        env={**os.environ, "PYTHONPATH": str(ROOT)},
        capture_output=True,
        text=True,
    )
    found = [f"somebody was told: {line}" for line in ended.stderr.splitlines()]
    said = [json.loads(line) for file in folder.glob("*.log") for line in file.read_text().splitlines()]
    told = [json.loads(file.read_text()) for file in folder.glob("*.told")]
    deeds = sum((Counter(one) for one, _ in told), Counter())
    print(f"{db.place}: {dict(deeds)}, the slowest took {max((slowest for _, slowest in told), default=0.0):.2f} s")
    if len(told) != processes or ended.returncode:
        return [*found, f"{len(told)} of {processes} came to the end"]
    found += [f"nobody did {name}" for name in ("claim", "act", "answer", "land", "send") if not deeds[name]]

    # Each version of a case was given to one only, and each step of it is in the journal: no update was lost.
    versions = Counter((case_id, given) for what, case_id, *more in said if what == "version" for given in more)
    found += [f"version {one} was given twice" for one, number in versions.items() if number > 1]
    steps = {row.case_id: row.number for row in await rows(db, _STEPS)}
    for row in await rows(db, cases):
        if row.version != 1 + steps.get(row.id, 0):
            found.append(f"case {row.id} is at version {row.version} after {steps.get(row.id, 0)} steps")
    # A case was answered once, however many pressed; each answer left once, and each that left is known to have left.
    answers = Counter(case_id for what, case_id, *_ in said if what == "answer")
    recalled = Counter(words for what, words, *_ in said if what == "recalled")
    found += [f"case {one} was answered twice" for one, n in answers.items() if n > 1 + recalled[f"answer {one}"]]
    posted = Counter(number for what, number, *_ in said if what == "posted")
    found += [f"delivery {one} was posted twice" for one, number in posted.items() if number > 1]
    deliveries = await rows(db, delivery)
    if {row.id for row in deliveries if row.state == "sent"} != set(posted):
        found.append("what was posted is not what is marked as sent")
    if len({(row.target, row.body_hash) for row in deliveries}) != len(deliveries):
        found.append("the same answer is there twice")
    # What came to several readers is there once, and was counted as new once.
    if len(await rows(db, mention)) - before != sum(number for what, number, *_ in said if what == "new"):
        found.append("what is there is not what was counted as new")
    if await rows(db, text("SELECT id FROM cases WHERE newest_mention_id IS NULL")):
        found.append("a case without a mention")
    return found


_STEPS = select(journal.c.case_id, func.count().label("number")).group_by(journal.c.case_id)
