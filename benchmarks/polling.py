"""Forty sources of every type, polled for an hour of their own time: is any poll late, does memory stay flat?

    python -m benchmarks.polling [--seconds 5] [--rounds 60]

An interval of a minute is shortened to `--seconds`; sixty rounds are an hour. Late is how long after its time a poll
began, as a share of its interval. Memory is what the process has resident.
"""

from __future__ import annotations

import argparse
import asyncio
import tempfile
from collections import defaultdict
from datetime import timedelta
from itertools import pairwise
from pathlib import Path

from sources.poller import Poller
from store import ledger
from store.database import Database
from tests.sources.many import Many

SOURCES = 40


def resident() -> float:
    """Megabytes."""
    pages = int(Path("/proc/self/statm").read_text().split()[1])
    return pages * 4096 / 1e6


async def measure(every: timedelta, rounds: int) -> None:
    with tempfile.TemporaryDirectory() as folder, Many(SOURCES, every) as many:
        db = Database(Path(folder) / "earful.db")
        await db.open()
        stop = asyncio.Event()
        running = asyncio.create_task(Poller(db, many.sources, many.intake(db), lambda line: None).run(stop))
        memory = []
        for _ in range(rounds):
            await asyncio.sleep(every.total_seconds())
            memory.append(resident())
        stop.set()
        await running
        lines = await ledger.lines(db)
        await db.close()
    polls = defaultdict(list)
    for line in lines:
        polls[line.source, line.stream].append(line.started_at)
    spans = [a - b for times in polls.values() for a, b in pairwise(times)]
    # A poll of several pages has a line each; the pause before the next one is what may be late.
    late = sorted(max(0.0, span / every - 1.1) for span in spans)
    quarter = len(memory) // 4
    print(f"{len(many.sources)} sources, {len(polls)} streams, {len(lines):,} ledger lines, {rounds} rounds of {every}")
    median, most = late[len(late) // 2], late[len(late) * 99 // 100]
    print(f"late, in intervals: median {median:.2f}, 99 % {most:.2f}, worst {late[-1]:.2f}")
    print(f"errors: {sum(bool(line.error) for line in lines)}")
    print(f"memory: {memory[quarter]:.0f} MB after a quarter, {memory[-1]:.0f} MB at the end")


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seconds", type=float, default=5.0, help="what stands for a minute")
    parser.add_argument("--rounds", type=int, default=60)
    given = parser.parse_args()
    asyncio.run(measure(timedelta(seconds=given.seconds), given.rounds))
