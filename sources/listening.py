"""Listening: sources that are told instead of asking (protocol.Listener), each kept alive beside the polls.

What ends or breaks is begun again, later each time; a ledger line says what happened. Whatever one source does, the
others go on.
"""

from __future__ import annotations

import asyncio
import random
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import cast

from sources import schedule
from sources.errors import RateLimited, Unauthorised, Unreachable, in_words
from sources.intake import Intake
from sources.poller import Source
from sources.protocol import Listener, Page
from sources.stopping import Stopped, pause, unless
from store.domain.clock import utcnow
from store.domain.errors import StoreError
from store.domain.poll import PollLine

GRACE = 0.5  # seconds in which a listener may end in good order; then it is broken off
STEADY = 300.0  # one that listened for so long is not in trouble: its next failure counts as the first


@dataclass(frozen=True, slots=True)
class _Ear:
    """What one source speaks into."""

    source: Source
    intake: Intake
    on_line: Callable[[PollLine], None]
    ask: Callable[[str], None]

    async def hear(self, stream: str, page: Page) -> PollLine:
        name, network = self.source.config.name, self.source.network
        line = await self.intake.take(name, network, stream, page, started_at=utcnow(), next_poll_at=None)
        self.on_line(line)
        return line

    async def poll(self) -> None:
        self.ask(self.source.config.name)


class Listening:
    """`ask` is told the name of a source that wants a poll; `on_line` every ledger line, one with id 0 where it could
    not be written down."""

    def __init__(
        self,
        sources: Mapping[str, Source],
        intake: Intake,
        on_line: Callable[[PollLine], None],
        ask: Callable[[str], None],
    ) -> None:
        self._sources, self._intake, self._on_line, self._ask = sources, intake, on_line, ask

    async def run(self, stop: asyncio.Event) -> None:
        """Until `stop` and, for those who use it, GRACE after."""
        listening = [source for source in self._sources.values() if hasattr(source.adapter, "listen")]
        if not listening:
            return
        over = asyncio.Event()
        kept = [asyncio.create_task(self._keep(source, stop, over)) for source in listening]
        try:
            await stop.wait()
            await asyncio.wait(kept, timeout=GRACE)
        finally:
            over.set()
            await asyncio.gather(*kept)

    async def _keep(self, source: Source, stop: asyncio.Event, over: asyncio.Event) -> None:
        listener, clock, failures = cast(Listener, source.adapter), asyncio.get_running_loop().time, 0
        ear = _Ear(source, self._intake, self._on_line, self._ask)
        while not stop.is_set():
            began = clock()
            try:
                await unless(over, listener.listen(ear, stop))
                if stop.is_set():
                    return
                raise Unreachable("it ended")
            except Stopped:
                return
            except Exception as error:
                failures = 1 if clock() - began > STEADY else failures + 1
                await pause(stop, await self._failed(source, error, failures))

    async def _failed(self, source: Source, error: Exception, failures: int) -> float:
        """Write it down; after how many seconds to listen again."""
        every, now, chance = source.config.every, utcnow(), random.random()
        state, stream = "ok", next(iter(source.adapter.streams()), "listen")
        if isinstance(error, Unauthorised):
            state, again = "unauthorised", schedule.unauthorised(every, now=now, chance=chance)
        else:
            retry_at = error.retry_at if isinstance(error, RateLimited) else None
            again = schedule.after_failure(every, failures, now=now, retry_at=retry_at, chance=chance)
        words = f"listening: {in_words(error)}"
        try:
            line = await self._intake.failed(
                source.config.name,
                source.network,
                stream,
                words,
                started_at=now,
                next_poll_at=None,  # its polls keep their own time
                failures=failures,
                state=state,
            )
        except StoreError as trouble:
            line = PollLine(0, source.config.name, stream, now, "", 0, 0, 0, 0, 0, 0.0, f"{words}; {in_words(trouble)}")
        self._on_line(line)
        return (again - now).total_seconds()
