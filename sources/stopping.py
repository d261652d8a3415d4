"""Ending in good order: waits end at once, what may be broken off is, what must not be is finished."""

from __future__ import annotations

import asyncio
from collections.abc import Coroutine
from typing import Any, TypeVar

T = TypeVar("T")


class Stopped(Exception):
    """The stop came first; what was awaited has been cancelled and is over."""


async def pause(stop: asyncio.Event, seconds: float) -> bool:
    """Wait, but not longer than until `stop`. True where it was the stop."""
    try:
        async with asyncio.timeout(max(seconds, 0)):
            await stop.wait()
    except TimeoutError:
        pass
    return stop.is_set()


async def unless(stop: asyncio.Event, work: Coroutine[Any, Any, T]) -> T:
    """Run `work` to its end, or cancel it when `stop` is set and raise Stopped."""
    if stop.is_set():
        work.close()
        raise Stopped
    task, stopped = asyncio.create_task(work), asyncio.create_task(stop.wait())
    try:
        await asyncio.wait({task, stopped}, return_when=asyncio.FIRST_COMPLETED)
        if task.done():
            return task.result()
        raise Stopped
    finally:
        stopped.cancel()
        if not task.done():
            task.cancel()
            await asyncio.wait({task})
            _look_at(task)


async def to_the_end(work: Coroutine[Any, Any, T]) -> T:
    """Run `work` to its end even where the caller is cancelled meanwhile; the cancellation goes on afterwards."""
    task = asyncio.create_task(work)
    cancelled: asyncio.CancelledError | None = None
    while not task.done():
        try:
            await asyncio.shield(task)
        except asyncio.CancelledError as error:
            if task.done():
                break
            cancelled = error
        except Exception:
            break
    if cancelled is not None:
        _look_at(task)
        raise cancelled
    return task.result()


def _look_at(task: asyncio.Task[Any]) -> None:
    """Its error is nobody's any more; unseen, asyncio would complain of it."""
    if not task.cancelled():
        task.exception()
