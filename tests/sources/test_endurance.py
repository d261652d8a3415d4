"""Many sources of every type polled again and again: none left behind, none twice, memory flat."""

from __future__ import annotations

import asyncio
import gc
import tracemalloc
from collections import Counter
from datetime import timedelta

import pytest

from sources.poller import Poller
from store import ledger
from store.database import Database
from tests.sources.many import Many

SOURCES, EVERY, ROUNDS = 40, timedelta(seconds=2), 6
GROWTH = 4_000_000  # bytes; the ledger's own cache and the interpreter's habits are within


@pytest.mark.timeout(600)
async def test_forty_sources_of_every_type(db: Database) -> None:
    with Many(SOURCES, EVERY) as many:
        stop, told = asyncio.Event(), Counter[str]()
        poller = Poller(db, many.sources, many.intake(db), lambda line: told.update([line.source]))

        async def polled(times: int) -> None:
            wanted = {source: told[source] + times for source in many.sources}
            while any(told[source] < number for source, number in wanted.items()):
                await asyncio.sleep(0.1)

        running = asyncio.create_task(poller.run(stop))
        try:
            await polled(ROUNDS // 2)  # first contact has more to read
            tracemalloc.start()
            await polled(ROUNDS // 2)
            gc.collect()
            before, _ = tracemalloc.get_traced_memory()
            await polled(ROUNDS)
            gc.collect()
            after, _ = tracemalloc.get_traced_memory()
        finally:
            tracemalloc.stop()
            stop.set()
            await running

    lines = await ledger.lines(db)
    polls = Counter((line.source, line.stream) for line in lines)
    assert {source for source, _ in polls} == set(many.sources)
    assert not [line.error for line in lines if line.error]
    assert not [line for line in lines if line.returned != line.new + line.duplicate + line.unmatched + line.failed]
    often = {source: min(count for (name, _), count in polls.items() if name == source) for source in many.sources}
    assert min(often.values()) >= 3
    assert min(often.values()) * 3 >= sorted(often.values())[SOURCES // 2], often
    assert after - before < GROWTH, f"{(after - before) / 1e6:.1f} MB more after {ROUNDS} rounds"
