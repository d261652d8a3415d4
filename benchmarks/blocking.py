"""How long one key waits for the store while another process does long work in it, against the same keys in a store of
their own at the same time; and how long the transactions of the long work are, in time and in work of the processor.

    python -m benchmarks.blocking [--rows N] [import reread backup erase retention issues insights export ...]

The last two only read, long; of each work it says how large SQLite's log of changes was behind it.
"""

from __future__ import annotations

import argparse
import asyncio
import io
import json
import subprocess
import sys
import tempfile
import time
from collections.abc import Awaitable, Callable
from contextlib import redirect_stdout
from datetime import UTC, datetime, timedelta
from pathlib import Path
from random import Random
from typing import Any

from sqlalchemy import Engine, event

import store.database
from benchmarks.storage import WORDS
from sources import issues
from sources.reread import reread
from store import backup, cases, erase, export, insights, retention
from store.database import Database
from store.domain.action import Assign
from store.domain.desk import Desk, Retention, Watch
from tests import factories

NOW = datetime.now(UTC)
EVERY = 0.02  # seconds between two keys
KEYS = 50  # cases that the keys act on
LOUD = "loud"  # the author of a tenth of all mentions
DESK = Desk(watches=(Watch("acme", "acme OR cloud"),))
COMPLAINTS = ("the login page stays white", "my refund never came", "the parcel arrived broken", "calls drop all day")

Spent = list[tuple[float, float]]  # a transaction: seconds, seconds of the processor


async def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--rows", type=int, default=20_000)
    parser.add_argument("works", metavar="WORK", nargs="*", help=f"of {', '.join(WORKS)} (default: each)")
    parser.add_argument("--run", help=argparse.SUPPRESS)
    parser.add_argument("--folder", type=Path, help=argparse.SUPPRESS)
    args = parser.parse_args()
    if args.run:
        print(json.dumps(await PARTS[args.run](args.folder, args.rows)))
        return
    with tempfile.TemporaryDirectory() as folder:
        own = Path(folder) / "own"
        own.mkdir()
        await fill(own, KEYS)
        for work in args.works or WORKS:
            await measure(Path(folder) / work, own, work, args.rows)


async def measure(folder: Path, own: Path, work: str, rows: int) -> None:
    folder.mkdir()
    await fill(folder, KEYS if work == "import" else rows)
    (own / "stop").unlink(missing_ok=True)
    keys = [part("keys", each, rows) for each in (folder, own)]
    await asyncio.sleep(3)
    spent: Spent = json.loads(part(work, folder, rows).communicate()[0])
    log = folder / "earful.db-wal"
    log_bytes = log.stat().st_size if log.exists() else 0
    for each in (folder, own):
        (each / "stop").touch()
    shared, alone = (sorted(json.loads(each.communicate()[0])) for each in keys)
    took, busy = sorted(took for took, _ in spent), sorted(busy for _, busy in spent)
    heading = f"{work}, {rows:,} rows, {len(spent):,} transactions, {len(shared):,} keys"
    print(f"{heading}, log of changes {log_bytes / 1e6:.1f} MB")
    print(f"  {'milliseconds':30}{''.join(f'{share:>9}' for share in ('median', '95 %', '99 %', 'longest'))}")
    for name, figures in (
        ("a key meanwhile", shared),
        ("a key in a store of its own", alone),
        ("a transaction of the work", took),
        ("  on the processor", busy),
    ):
        print(
            f"  {name:30}{''.join(f'{at(figures, share) * 1000:9.1f}' for share in (0.5, 0.95, 0.99, 1.0))}", flush=True
        )


def part(name: str, folder: Path, rows: int) -> subprocess.Popen[str]:
    command = [sys.executable, "-m", "benchmarks.blocking", "--run", name, "--folder", str(folder), "--rows", str(rows)]
    return subprocess.Popen(command, stdout=subprocess.PIPE, text=True)


def at(figures: list[float], share: float) -> float:
    return figures[min(len(figures) - 1, int(len(figures) * share))] if figures else 0.0


async def fill(folder: Path, rows: int) -> None:
    db, random = Database(folder / "earful.db"), Random(7)
    await db.open()
    for first in range(0, rows, 500):
        items = [
            factories.read_mention(
                f"acme: {random.choice(COMPLAINTS)} {' '.join(random.choices(WORDS, k=30))}",
                id=f"m{n}",
                author=LOUD if n % 10 == 9 and n > KEYS else f"author{n}",
                thread=f"t{n // 3}" if n % 10 == 9 else "",
                created_at=NOW - timedelta(days=400, seconds=n),
                raw=b"{}" * 300,
            )
            for n in range(first, min(first + 500, rows))
        ]
        await factories.land(db, *items, now=NOW)
    await db.close()


async def keys(folder: Path, rows: int) -> list[float]:
    """Claim and give back, until told to stop: how long each took."""
    db, waits = Database(folder / "earful.db"), list[float]()
    await db.open()
    while not (folder / "stop").exists():
        begun = time.perf_counter()
        who = "bo" if len(waits) // KEYS % 2 == 0 else None
        await cases.act(db, [(len(waits) % KEYS + 1, None)], Assign(who), agent="bo", now=datetime.now(UTC))
        waits.append(time.perf_counter() - begun)
        await asyncio.sleep(EVERY)
    await db.close()
    return waits


def watched(work: Callable[[Database, Path, int], Awaitable[object]]) -> Callable[[Path, int], Awaitable[Spent]]:
    """Do it in an open store; every transaction from its lock to its end."""

    async def run(folder: Path, rows: int) -> Spent:
        db, spent, begun = Database(folder / "earful.db"), Spent(), [0.0, 0.0]
        await db.open()

        def locked(connection: Any, cursor: Any, statement: str, *_: Any) -> None:
            if statement == "BEGIN IMMEDIATE":
                begun[:] = time.perf_counter(), time.process_time()

        def passed(name: str) -> None:
            if name == "after_commit":
                spent.append((time.perf_counter() - begun[0], time.process_time() - begun[1]))

        event.listen(Engine, "after_cursor_execute", locked)
        store.database.point = passed  # type: ignore[attr-defined]
        await work(db, folder, rows)
        await db.close()
        return spent

    return run


async def import_(db: Database, folder: Path, rows: int) -> None:
    from tui.cli import main as earful

    random, file = Random(8), folder / "mentions.jsonl"
    with file.open("w") as lines:
        for n in range(rows):
            text = f"acme: {random.choice(COMPLAINTS)} {' '.join(random.choices(WORDS, k=30))}"
            lines.write(json.dumps({"id": f"i{n}", "text": text, "author": f"reader{n}"}) + "\n")
    words = ["--database", str(db.place), "--quiet", "import", str(file), "--json"]
    with redirect_stdout(io.StringIO()):
        await asyncio.to_thread(earful, words)


async def reread_(db: Database, folder: Path, rows: int) -> None:
    await reread(db, DESK, now=NOW)


async def backup_(db: Database, folder: Path, rows: int) -> None:
    await asyncio.to_thread(backup.make, folder / "earful.db", folder / "copy.db", now=NOW)


async def erase_(db: Database, folder: Path, rows: int) -> None:
    (found,) = await erase.find(db, LOUD)
    await erase.erase(db, found, agent="ana", now=NOW)


async def retention_(db: Database, folder: Path, rows: int) -> None:
    year = timedelta(days=365)
    await retention.keep(db, Retention(mentions=year, raw=year, ledger=timedelta(0)), {}, now=NOW)


async def issues_(db: Database, folder: Path, rows: int) -> None:
    await issues.refresh(db, DESK, now=NOW)


async def insights_(db: Database, folder: Path, rows: int) -> None:
    over = insights.period(NOW - timedelta(days=500), NOW, UTC)
    await insights.compute(db, over, UTC, compare_previous=True, reply_within=timedelta(days=1))


async def export_(db: Database, folder: Path, rows: int) -> None:
    async for _ in export.stream(db, export.Wanted(now=NOW)):
        pass


WORKS = {
    "import": import_,
    "reread": reread_,
    "backup": backup_,
    "erase": erase_,
    "retention": retention_,
    "issues": issues_,
    "insights": insights_,
    "export": export_,
}
PARTS: dict[str, Callable[[Path, int], Awaitable[Any]]] = {name: watched(work) for name, work in WORKS.items()}
PARTS["keys"] = keys

if __name__ == "__main__":
    asyncio.run(main())
