"""Deep reading of what waits for it, at the end of a command that brought it in."""

from __future__ import annotations

import asyncio
import time
from dataclasses import dataclass

from sources.deepening import Progress, deepen
from sources.text.deep import engines
from store.database import Database
from store.domain.errors import BadInput
from tui.cli.call import Call

TELL_EVERY = 2.0  # seconds


@dataclass
class _Told:
    """The last thing said, and when."""

    at: float
    progress: Progress


async def deepen_here(call: Call, db: Database) -> Progress:
    """Read all that waits, where there is an engine. Ctrl+C leaves the rest to the worker, and is no failure; nor is an
    engine that cannot be used, which is said."""
    choice = call.settings.desk.reading
    told = _Told(time.monotonic(), Progress())

    def tell(so_far: Progress) -> None:
        told.progress = so_far
        if time.monotonic() - told.at >= TELL_EVERY:
            told.at = time.monotonic()
            call.out.tell(f"deep reading: {so_far.read:,} of {so_far.whole:,}; Ctrl+C leaves the rest to the worker")

    try:
        engine = engines.chosen(choice.deep)
        return Progress() if engine is None else await deepen(db, engine, choice, tell=tell)
    except BadInput as error:
        call.out.tell(f"{error}; the mentions are read without it")
    except asyncio.CancelledError:
        so_far, task = told.progress, asyncio.current_task()
        if task is None or not so_far.read:
            raise
        task.uncancel()
        call.out.tell(f"deep reading: {so_far.read:,} of {so_far.whole:,} done, the rest is left to the worker")
    return told.progress
