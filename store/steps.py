"""Long work in small transactions: after each, others have at least as long as it took."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable
from functools import partial
from typing import TypeVar

from sqlalchemy.ext.asyncio import AsyncConnection

from store.database import Database

T = TypeVar("T")
REST = 0.02  # seconds, at least
LONG, SHORT = 0.04, 0.01  # seconds of a step: shorter ones then, longer ones
LEAST, MOST = 4, 24  # things a step; fewer would save no time, because each step costs some


async def step(db: Database, work: Callable[[AsyncConnection], Awaitable[T]]) -> T:
    """One transaction of long work, then a rest. Who waits for the store looks for it every few milliseconds."""
    began = time.monotonic()
    done = await db.write(work)
    await asyncio.sleep(max(REST, time.monotonic() - began))
    return done


class Pace:
    """How many things a step may do, so that it takes a hundredth of a second or two, on this machine, now."""

    def __init__(self) -> None:
        self.size = LEAST

    async def step(self, db: Database, work: Callable[..., Awaitable[T]]) -> T:
        """`step` of work that takes a `limit`."""
        took = 0.0

        async def timed(connection: AsyncConnection) -> T:
            nonlocal took
            began = time.monotonic()
            done = await partial(work, limit=self.size)(connection)
            took = time.monotonic() - began
            return done

        done = await step(db, timed)
        if took > LONG:
            self.size = max(LEAST, self.size // 2)
        elif took < SHORT:
            self.size = min(MOST, self.size + 2)
        return done
