"""Finding issues as a store grows: what a batch of intake costs at 10,000, 100,000 and more mentions of two years.

    python -m benchmarks.issues [SIZE...] [--in FOLDER]

Each store is filled and its issues are found first, in the order in which the mentions were written; then a process of
its own, with nothing in its memory, takes in batches of 500 and finds their issues. Stores stay in FOLDER and are used
again. What people speak of changes with time: at each moment forty themes, each for some weeks; a third of all speak
of nothing that others speak of.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import resource
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from itertools import accumulate
from pathlib import Path
from random import Random

from sqlalchemy import func, select

from sources import issues
from store.database import Database
from store.dialects import dialect_of
from store.domain.desk import Desk, Watch
from store.domain.mention import ReadMention
from store.tables import issue, issue_state
from tests import factories

NOW = datetime(2026, 11, 21, 12, tzinfo=UTC)
SPAN = timedelta(days=730)
DESK = Desk(name="Acme", watches=(Watch("acme", "acme"),))
SIZES = (10_000, 100_000)
PAGE, BATCHES = 500, 3
ACTIVE, WEEKS = 40, 6  # themes at a moment, and how long one lasts
LANGUAGES = {"en": 60, "de": 15, "ro": 10, "it": 5, "hu": 5, "vi": 5}
SMALL = ("the", "is", "my", "not", "why", "since", "and", "again", "please", "for", "it", "was", "still", "with")


def main() -> None:
    asked = argparse.ArgumentParser()
    asked.add_argument("sizes", nargs="*", type=int, default=SIZES)
    asked.add_argument("--in", dest="folder", type=Path)
    asked.add_argument("--measure", type=Path, help=argparse.SUPPRESS)
    given = asked.parse_args()
    if given.measure:
        print(json.dumps(asyncio.run(measure(given.measure))))
        return
    with tempfile.TemporaryDirectory() as fresh:
        folder = given.folder or Path(fresh)
        first: dict[str, float] = {}
        for size in given.sizes or SIZES:
            file = folder / f"{size}.db"
            if not file.exists():
                asyncio.run(fill(file.with_suffix(".part"), size))
                file.with_suffix(".part").rename(file)
            asyncio.run(find(file))
            words = [sys.executable, "-m", "benchmarks.issues", "--measure", str(file)]
            told = json.loads(subprocess.run(words, check=True, capture_output=True, text=True).stdout)
            first = first or told
            ratios = "  ".join(f"{what} {told[what]:,.2f} ({told[what] / first[what]:.2f} x)" for what in first)
            print(f"{size:>9,} mentions: {ratios}", flush=True)


async def fill(file: Path, size: int) -> None:
    db = Database(file)
    await db.open()
    said = mentions(size)
    for first in range(0, size, PAGE):
        await factories.land(db, *(next(said) for _ in range(min(PAGE, size - first))), now=NOW)
        if first in (2 * PAGE, 20 * PAGE):
            await db.write(lambda connection: dialect_of(connection).settle(connection))
    await db.close()


async def find(file: Path) -> None:
    db = Database(file)
    await db.open()
    await issues.refresh(db, DESK, now=NOW)
    await db.close()


async def measure(file: Path) -> dict[str, float]:
    """Of one batch: CPU seconds of intake and of finding issues; of the process its memory at most; of the store the
    issues and what is remembered."""
    db = Database(file)
    await db.open()
    stored = int(time.time())
    said, taken, found = mentions(PAGE * BATCHES, seed=stored, since=NOW, name=f"late{stored} "), 0.0, 0.0
    for _ in range(BATCHES):
        batch = [next(said) for _ in range(PAGE)]
        began = time.process_time()
        await factories.land(db, *batch, now=NOW)
        then = time.process_time()
        await issues.refresh(db, DESK, now=NOW)
        taken, found = taken + then - began, found + time.process_time() - then
    count = [row[0] for row in await factories.rows(db, select(func.count()).select_from(issue))]
    kept = [row[0] for row in await factories.rows(db, select(func.sum(func.length(issue_state.c.body))))]
    await db.close()
    return {
        "CPU s to take in": taken / BATCHES,
        "CPU s to find issues": found / BATCHES,
        "MB": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024,
        "issues": count[0],
        "MB remembered": kept[0] / 1e6,
    }


def mentions(size: int, *, seed: int = 7, since: datetime = NOW - SPAN, name: str = "m") -> Iterator[ReadMention]:
    """Of `SPAN` from `since` on, or of its last moments: always the same for a seed."""
    random = Random(seed)
    step = SPAN / size if since < NOW else timedelta(0)
    words = ["".join(random.choice(SYLLABLES) for _ in range(n % 3 + 2)) for n in range(30_000)]
    common = list(accumulate(1 / (rank + 10) for rank in range(len(words))))
    codes, shares = list(LANGUAGES), list(accumulate(LANGUAGES.values()))
    for number in range(size):
        at = since + step * number
        language = random.choices(codes, cum_weights=shares)[0]
        told = random.choices(words, cum_weights=common, k=random.randint(4, 10)) + random.choices(SMALL, k=4)
        if random.random() < 2 / 3:
            theme = int((at - NOW + SPAN) / timedelta(weeks=WEEKS) * ACTIVE) + int(ACTIVE * random.random() ** 2)
            told += Random(theme).sample(words[:3_000], 4)[: random.randint(2, 4)]
        random.shuffle(told)
        bad = random.random() < 0.5
        yield factories.read_mention(
            " ".join(told),
            id=f"{name}{number}",
            author=f"{name}author{random.randrange(1 + size // 3)}",
            created_at=at,
            language=language,
            sentiment="negative" if bad else random.choice(("neutral", "positive")),
            intent="complaint" if bad else None,
        )


SYLLABLES = [begin + end for begin in "bdfgklmnprstv" for end in ("a", "e", "i", "o", "u", "an", "er", "il")]

if __name__ == "__main__":
    main()
