"""The store: the write path against bare SQLite, reading on a large store against a small one, and actions; on SQLite,
on PostgreSQL, or on both."""

from __future__ import annotations

import asyncio
import os
import sqlite3
import statistics
import sys
import tempfile
import time
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from random import Random

from store import cases, insights
from store.database import Database
from store.dialects import dialect_of
from store.domain.action import Tag
from store.domain.place import Place, place
from store.domain.query import parse
from tests import factories, postgres

NOW = datetime(2026, 11, 21, 12, tzinfo=UTC)
PAGE = 500
SMALL, ACTS = 1_000, 200
WORDS = ("cloud", "login", "slow", "refund", "great", "thanks", "help", "broken", "update", "app", "price", "delivery")


async def main(rows: int = 50_000, on: str = "sqlite") -> None:
    """`on` is sqlite, postgresql (a server with its usual settings is started for it) or both."""
    with tempfile.TemporaryDirectory() as folder:
        bare = bare_inserts(Path(folder) / "bare.db", rows)
        if on in ("sqlite", "both"):
            await measure("SQLite", Path(folder) / "large.db", Path(folder) / "small.db", rows, bare)
    if on in ("postgresql", "both"):
        with postgres.started(f"bench{os.getpid()}", settings="") as server:
            await measure("PostgreSQL", place(server.fresh()), place(server.fresh()), rows, bare)


async def measure(name: str, much: Place, little: Place, rows: int, bare: float) -> None:
    large, small = Database(much), Database(little)
    for db in (large, small):
        await db.open()
    whole = await fill(large, rows)
    await fill(small, SMALL)
    print(f"{name}: write path, {rows:,} mentions: {whole / bare:.1f} x bare inserts ({rows / whole:,.0f} a second)")
    for what, read in READS.items():
        here, there = await median(lambda read=read: read(large)), await median(lambda read=read: read(small))
        ratio, milliseconds = here / there, here * 1000
        print(f"{name}: {what:32} at {rows:,}: {ratio:5.2f} x the time at {SMALL:,} ({milliseconds:.1f} ms)")
    begun = time.perf_counter()
    for number in range(ACTS):
        await cases.act(large, [(number + 1, None)], Tag(("bench",)), agent="ana", now=NOW)
    print(f"{name}: {ACTS / (time.perf_counter() - begun):,.0f} actions a second, one after the other")
    for db in (large, small):
        await db.close()


async def fill(db: Database, rows: int) -> float:
    random, spent = Random(7), 0.0
    for first in range(0, rows, PAGE):
        items = [
            factories.read_mention(
                " ".join(random.choices(WORDS, k=12)),
                id=f"m{n}",
                author=f"author{n % 5_000}",
                created_at=NOW - timedelta(seconds=40 * (rows - n)),
            )
            for n in range(first, min(first + PAGE, rows))
        ]
        start = time.perf_counter()
        await factories.land(db, *items, now=NOW)
        if first in (2 * PAGE, 20 * PAGE):
            await db.write(lambda connection: dialect_of(connection).settle(connection))  # as autovacuum would
        spent += time.perf_counter() - start
    return spent


def bare_inserts(path: Path, rows: int) -> float:
    connection = sqlite3.connect(path, isolation_level=None)
    connection.execute("PRAGMA journal_mode=WAL")
    connection.execute("PRAGMA synchronous=FULL")
    connection.execute(
        "CREATE TABLE mention (id INTEGER PRIMARY KEY, external_id TEXT, author TEXT, text TEXT, at INTEGER)"
    )
    random, spent = Random(7), 0.0
    for first in range(0, rows, PAGE):
        page = [
            (f"m{n}", f"author{n % 5_000}", " ".join(random.choices(WORDS, k=12)), n)
            for n in range(first, first + PAGE)
        ]
        start = time.perf_counter()
        connection.execute("BEGIN IMMEDIATE")
        connection.executemany("INSERT INTO mention (external_id, author, text, at) VALUES (?, ?, ?, ?)", page)
        connection.execute("COMMIT")
        spent += time.perf_counter() - start
    connection.close()
    return spent


async def first_page(db: Database) -> object:
    return await cases.listing(db, parse("status:new OR status:open"), me="ana", now=NOW, limit=60)


async def search(db: Database) -> object:
    return await cases.ids(db, parse("login refund"), me="ana", now=NOW, limit=60)


async def one_day(db: Database) -> object:
    return await insights.compute(db, insights.period(NOW - timedelta(days=1), NOW, UTC), UTC)


READS: dict[str, Callable[[Database], Awaitable[object]]] = {
    "first page of the inbox": first_page,
    "search of two words, 60 found": search,
    "insights of one day": one_day,
}


async def median(read: Callable[[], Awaitable[object]], rounds: int = 15) -> float:
    times = []
    for _ in range(rounds):
        start = time.perf_counter()
        await read()
        times.append(time.perf_counter() - start)
    return statistics.median(times)


if __name__ == "__main__":
    asyncio.run(main(*map(int, sys.argv[1:2]), *sys.argv[2:3]))
