"""Beside polling and sending, the worker wakes the snoozed, looks again at originals, finds issues and tidies."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import replace
from datetime import timedelta
from functools import partial

from sources import issues
from sources.errors import in_words
from sources.intake import Intake
from sources.poller import Source
from sources.stopping import Stopped, pause, unless
from store import cases, changes, mentions
from store.database import Database
from store.domain.clock import utcnow
from store.domain.desk import Desk
from store.domain.poll import PollLine

WAKE = 20.0  # seconds between two rounds of each
ISSUES = 60.0
RECHECK = 600.0
TRIM = 3_600.0
RECHECK_DEADLINE = 120.0
RECHECK_AGE = timedelta(hours=1)
RECHECK_LIMIT = 40
CHANGES_KEPT = timedelta(days=2)


class Chores:
    """`noticed` is told every ledger line, so that issues are looked for only when something new came in."""

    def __init__(
        self,
        db: Database,
        desk: Desk,
        sources: Mapping[str, Source],
        intake: Intake,
        on_line: Callable[[PollLine], None],
    ) -> None:
        self._db, self._desk, self._sources, self._intake, self._on_line = db, desk, sources, intake, on_line
        self._news = True

    def noticed(self, line: PollLine) -> None:
        self._news = self._news or line.new > 0

    async def run(self, stop: asyncio.Event) -> None:
        rounds = [
            self._every(stop, WAKE, "wake", self.wake),
            self._every(stop, ISSUES, "issues", self.find_issues),
            self._every(stop, TRIM, "changes", self._trim),
        ]
        for source in self._sources.values():
            rounds.append(self._every(stop, RECHECK, "recheck", partial(self.recheck, source), source.config.name))
        await asyncio.gather(*rounds)

    async def wake(self) -> None:
        await cases.wake(self._db, now=utcnow())

    async def find_issues(self) -> None:
        if self._news:
            self._news = False
            await issues.refresh(self._db, self._desk, now=utcnow())

    async def recheck(self, source: Source) -> None:
        """Look again at the originals of what is being worked on: edits come in as mentions, the gone lose theirs."""
        name, started_at = source.config.name, utcnow()
        due = await mentions.to_recheck(self._db, name, now=started_at, age=RECHECK_AGE, limit=RECHECK_LIMIT)
        if not due:
            return
        async with asyncio.timeout(RECHECK_DEADLINE):
            page = await source.adapter.recheck(due, now=started_at)
        if page is not None and (page.mentions or page.deleted or page.rejected):
            line = await self._intake.take(
                name,
                source.network,
                None,
                "recheck",
                replace(page, bookmark=None),
                started_at=started_at,
                next_poll_at=None,
            )
            self._on_line(line)
        await mentions.mark_checked(self._db, [mention.id for mention in due], now=utcnow())

    async def _trim(self) -> None:
        await changes.trim(self._db, before=utcnow() - CHANGES_KEPT)

    async def _every(
        self, stop: asyncio.Event, seconds: float, what: str, chore: Callable[[], Awaitable[None]], source: str = ""
    ) -> None:
        """A chore that fails is told and tried again in its next round."""

        async def once() -> None:
            await chore()

        while not stop.is_set():
            try:
                await unless(stop, once())
            except Stopped:
                return
            except Exception as error:
                self._on_line(PollLine(0, source, what, utcnow(), what, 0, 0, 0, 0, 0, 0.0, in_words(error)))
            await pause(stop, seconds)
