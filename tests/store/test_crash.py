"""kill -9 while a page is stored: its mentions, cases, search words and cursor are all there or none is."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest
from sqlalchemy import text

from store import cursors, ledger, tables
from store.database import Database
from tests.factories import rows

ROOT = Path(__file__).parents[2]

POLLER = """
import asyncio, sys
from pathlib import Path
from store.database import Database
from tests.factories import NOW, land, read_mention

async def poll():
    db = Database(Path(sys.argv[1]))
    await db.open()
    for number in range(int(sys.argv[2]), 6):
        items = [read_mention(f"word{number}", id=f"{number}.{n}", author=f"a{n}", thread="t") for n in range(20)]
        await land(db, *items, bookmark={"page": number}, next_poll_at=NOW)
        print(number, flush=True)
    await db.close()

asyncio.run(poll())
"""


def run_poller(store: Path, first: int, kill: str = "") -> subprocess.CompletedProcess[str]:
    environment = {**os.environ, "PYTHONPATH": str(ROOT), "EARFUL_KILL": kill}
    command = [sys.executable, "-c", POLLER, str(store), str(first)]
    return subprocess.run(command, env=environment, capture_output=True, text=True, timeout=60)


@pytest.mark.parametrize(
    ("kill", "stored"),
    [
        ("after_insert:1", 0),
        ("after_insert:4", 3),
        ("before_commit:4", 2),  # the first commit makes the schema
        ("after_commit:4", 3),
    ],
)
async def test_a_killed_poller_leaves_whole_pages(tmp_path: Path, kill: str, stored: int) -> None:
    path = tmp_path / "earful.db"

    died = run_poller(path, 1, kill)

    assert died.returncode == -signal.SIGKILL, died.stderr
    assert len(died.stdout.split()) <= stored
    await expect_pages(path, stored)

    await_end = run_poller(path, stored + 1)

    assert await_end.returncode == 0, await_end.stderr
    await expect_pages(path, 5)


async def expect_pages(path: Path, pages: int) -> None:
    db = Database(path)
    await db.open()
    try:
        names = [row.external_id for row in await rows(db, tables.mention)]
        assert names == [f"{page}.{n}" for page in range(1, pages + 1) for n in range(20)]
        assert [each.bookmark for each in await cursors.all_of(db)] == ([{"page": pages}] if pages else [])
        assert [line.new for line in await ledger.lines(db)] == [20] * pages
        assert sum(case.mentions for case in await rows(db, tables.cases)) == 20 * pages
        indexed = await rows(db, text("SELECT rowid AS id FROM mention_fts WHERE mention_fts MATCH 'word*'"))
        assert len(indexed) == 20 * pages
        assert await rows(db, text("PRAGMA integrity_check")) == [("ok",)]
    finally:
        await db.close()
