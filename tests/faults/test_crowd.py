"""Twenty processes on one store: no update is lost, nothing is answered twice, nobody is told that the store is locked.
EARFUL_CROWD_SECONDS and EARFUL_CROWD_SEED in the environment make it longer and another one."""

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
    await land(db, *(read_mention(id=f"c{n}", author=f"author{n}") for n in range(CASES)))
    before = len(await rows(db, mention))
    command = [sys.executable, str(ROOT / "tests/faults/crowd.py"), str(db.place), str(tmp_path)]
    ended = subprocess.run(
        [*command, str(PROCESSES), str(SECONDS), SEED, str(CASES)],
        env={**os.environ, "PYTHONPATH": str(ROOT)},
        capture_output=True,
        text=True,
    )

    assert (ended.returncode, ended.stderr) == (0, ""), f"seed {SEED}"
    said = [json.loads(line) for file in tmp_path.glob("*.log") for line in file.read_text().splitlines()]
    told = [json.loads(file.read_text()) for file in tmp_path.glob("*.told")]
    deeds = sum((Counter(one) for one, _ in told), Counter())
    print(f"{db.place}: {dict(deeds)}, the slowest took {max(slowest for _, slowest in told):.2f} s")
    assert len(told) == PROCESSES
    assert all(deeds[name] for name in ("claim", "act", "answer", "land", "send"))

    # Each version of a case was given to one only, and each step of it is in the journal: no update was lost.
    versions = Counter(
        (case_id, version) for what, case_id, *version in said if what == "version" for version in version
    )
    assert versions
    assert max(versions.values()) == 1
    steps = {row.case_id: row.number for row in await rows(db, _STEPS)}
    assert {row.id: row.version for row in await rows(db, cases)} == {
        row.id: 1 + steps.get(row.id, 0) for row in await rows(db, cases)
    }
    # A case was answered once, however many pressed; each answer left once, and each that left is known to have left.
    answers = Counter(case_id for what, case_id, *_ in said if what == "answer")
    recalled = Counter(words for what, words, *_ in said if what == "recalled")
    assert all(number <= 1 + recalled[f"answer {case_id}"] for case_id, number in answers.items())
    posted = Counter(number for what, number, *_ in said if what == "posted")
    assert posted
    assert max(posted.values()) == 1
    deliveries = await rows(db, delivery)
    assert {row.id for row in deliveries if row.state == "sent"} == set(posted)
    assert len({(row.target, row.body_hash) for row in deliveries}) == len(deliveries)
    # What came to several readers is there once, and was counted as new once.
    assert len(await rows(db, mention)) - before == sum(number for what, number, *_ in said if what == "new")
    assert {row.id for row in await rows(db, text("SELECT id FROM cases WHERE newest_mention_id IS NULL"))} == set()


_STEPS = select(journal.c.case_id, func.count().label("number")).group_by(journal.c.case_id)
