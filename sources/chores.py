"""Beside polling and sending, the worker wakes the snoozed, looks again at originals, finds issues, goes on with
corrections that were broken off, and tidies."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Collection, Coroutine, Mapping
from dataclasses import replace
from datetime import timedelta
from functools import partial
from typing import Any

from sources import issues, schedule, teaching
from sources.deepening import deepen
from sources.errors import RateLimited, in_words
from sources.intake import Intake
from sources.poller import Source
from sources.stopping import Stopped, pause, unless
from sources.text.deep import engines
from store import cases, changes, mentions, retention, unmatched, vectors
from store.database import Database
from store.domain.clock import utcnow
from store.domain.desk import Desk
from store.domain.errors import BadInput
from store.domain.gone import Gone
from store.domain.poll import PollLine

WAKE = 20.0  # seconds between two rounds of each
ISSUES = 60.0
PATIENCE = timedelta(minutes=5)  # for deep reading: then issues are found by words alone
DEEP = 5.0
DEEP_AGAIN = 60.0
DEEP_REST = 1.0  # times as long as a batch took: half a core at most
RECHECK = 120.0
TRIM = 3_600.0
REST = 10  # times as long as a round took, at least
RECHECK_DEADLINE = 120.0
RECHECK_AGE = timedelta(minutes=5)
RECHECK_LIMIT = 40
CHANGES_KEPT = timedelta(days=2)


class Chores:
    """`on_gone` is told what was too old."""

    def __init__(
        self,
        db: Database,
        desk: Desk,
        sources: Mapping[str, Source],
        intake: Intake,
        on_line: Callable[[PollLine], None],
        on_gone: Callable[[Gone], None] = lambda gone: None,
    ) -> None:
        self._db, self._desk, self._sources, self._intake = db, desk, sources, intake
        self._on_line, self._on_gone = on_line, on_gone
        self._shallow = True

    def noticed(self, line: PollLine) -> None:
        self._shallow = self._shallow or line.new + line.duplicate > 0  # an edit is a duplicate

    async def run(self, stop: asyncio.Event) -> None:
        rounds = [
            self._every(stop, WAKE, "wake", self.wake),
            self._every(stop, ISSUES, "issues", self.find_issues),
            self._every(stop, ISSUES, "corrections", self.spread_corrections),
            self._every(stop, TRIM, "tidy", self.tidy),
            self._deep(stop),
        ]
        for source in self._sources.values():
            rounds.append(self._every(stop, RECHECK, "recheck", partial(self.recheck, source), source.config.name))
        await asyncio.gather(*rounds)

    async def wake(self) -> None:
        await cases.wake(self._db, now=utcnow())

    async def find_issues(self) -> None:
        await issues.refresh(self._db, self._desk, now=utcnow(), patience=PATIENCE)

    async def spread_corrections(self) -> None:
        await teaching.resume(self._db, self._desk.reading, now=utcnow())

    async def deepen(self) -> None:
        """Nothing where there is no engine, or nothing new. What comes in meanwhile waits for the next round."""
        if not self._shallow:
            return
        self._shallow = False
        engine = await asyncio.to_thread(engines.chosen, self._desk.reading.deep)
        if engine is not None:
            await deepen(self._db, engine, self._desk.reading, rest=DEEP_REST)

    async def recheck_all(self, names: Collection[str]) -> list[PollLine]:
        """One round of these sources: the lines of what changed. What goes wrong is told, and tried in the next one."""
        lines: list[PollLine | None] = []
        for name in names:
            try:
                lines.append(await self.recheck(self._sources[name]))
            except Exception as error:
                self._tell(name, "recheck", error)
        return [line for line in lines if line is not None]

    async def recheck(self, source: Source) -> PollLine | None:
        """Look again at the originals of what is being worked on: edits come in as mentions, the gone lose theirs."""
        name, started_at = source.config.name, utcnow()
        due = await mentions.to_recheck(self._db, name, now=started_at, age=RECHECK_AGE, limit=RECHECK_LIMIT)
        if not due:
            return None
        line: PollLine | None = None
        async with asyncio.timeout(RECHECK_DEADLINE):
            page = await source.adapter.recheck(due, now=started_at)
        if page is not None and (page.mentions or page.deleted or page.rejected):
            line = await self._intake.take(
                name,
                source.network,
                "recheck",
                replace(page, bookmark=None),
                started_at=started_at,
                next_poll_at=None,
            )
            self._on_line(line)
        await mentions.mark_checked(self._db, [mention.id for mention in due], now=utcnow())
        return line

    async def tidy(self) -> None:
        """Let go of what is older than it may be."""
        await changes.trim(self._db, before=utcnow() - CHANGES_KEPT)
        await unmatched.trim(self._db, now=utcnow())
        watches = {watch.name: watch.keep for watch in self._desk.watches}
        if gone := await retention.keep(self._db, self._desk.retention, watches, now=utcnow()):
            self._on_gone(gone)
        await vectors.tidy(self._db)

    async def _deep(self, stop: asyncio.Event) -> None:
        """An engine that cannot be used is told of once; the program goes on without it. Long work need not come round
        more rarely here: it takes its rests itself, and computes in another process."""
        while not stop.is_set():
            try:
                await unless(stop, self.deepen())
            except Stopped:
                return
            except BadInput as error:
                self._tell("", "deep reading", error)
                return
            except Exception as error:
                self._tell("", "deep reading", error)
                self._shallow = True
                await pause(stop, DEEP_AGAIN)
            await pause(stop, DEEP)

    async def _every(
        self,
        stop: asyncio.Event,
        seconds: float,
        what: str,
        chore: Callable[[], Coroutine[Any, Any, object]],
        source: str = "",
    ) -> None:
        """A chore that fails is told and tried again in its next round. One that takes long, as finding issues among
        many mentions does, comes round more rarely: the screens share this process."""
        clock = asyncio.get_running_loop().time
        while not stop.is_set():
            began, rest = clock(), 0.0
            try:
                await unless(stop, chore())
            except Stopped:
                return
            except Exception as error:
                self._tell(source, what, error)
                rest = _wished(error)
            await pause(stop, max(seconds, rest, REST * (clock() - began)))

    def _tell(self, source: str, what: str, error: Exception) -> None:
        self._on_line(PollLine(0, source, what, utcnow(), what, 0, 0, 0, 0, 0, 0.0, in_words(error)))


def _wished(error: Exception) -> float:
    """For how many seconds a source asks to be left alone."""
    if isinstance(error, RateLimited) and error.retry_at is not None:
        return min(error.retry_at - utcnow(), schedule.FAR).total_seconds()
    return 0.0
