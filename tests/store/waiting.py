"""How long another process's key waits while long work goes on in small steps."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Coroutine
from typing import Any, TypeVar

from store import drafts
from store.database import Database
from tests.factories import NOW

T = TypeVar("T")


async def waits_during(db: Database, work: Coroutine[Any, Any, T]) -> tuple[T, list[float]]:
    """What `work` returns, and how long each write of another connection took meanwhile, shortest first. Asserts that
    nobody waits for a tenth of a second more than on this machine, as busy as it is, without the work."""
    other = Database(db.place)
    await other.open()
    usual = [await _write(other) for _ in range(30)]
    working, waits = asyncio.create_task(work), list[float]()
    while not working.done():
        waits.append(await _write(other))
    usual += [await _write(other) for _ in range(30)]  # others may have begun to compute meanwhile
    await other.close()
    waits.sort()
    usual.sort()
    likely = int(len(waits) * 0.95)
    print(
        f"{len(waits)} writes: median {waits[len(waits) // 2]:.3f} s, 95 % {waits[likely]:.3f}, longest {waits[-1]:.3f}"
    )
    assert waits[likely] < 0.1 + 3 * usual[-2]
    return working.result(), waits


async def _write(other: Database) -> float:
    began = time.monotonic()
    await drafts.save(other, 1, "bob", f"at {began}", now=NOW)
    took = time.monotonic() - began
    await asyncio.sleep(0.005)
    return took
