"""Long work in small transactions: after each, others have at least as long as it took."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable
from typing import TypeVar

from sqlalchemy.ext.asyncio import AsyncConnection

from store.database import Database

T = TypeVar("T")
REST = 0.02  # seconds, at least


async def step(db: Database, work: Callable[[AsyncConnection], Awaitable[T]]) -> T:
    """One transaction of long work, then a rest. Who waits for the store looks for it every few milliseconds."""
    began = time.monotonic()
    done = await db.write(work)
    await asyncio.sleep(max(REST, time.monotonic() - began))
    return done
