"""The soft claim of this session: which case it has open, told to the others while it lasts."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from contextlib import suppress
from datetime import UTC, datetime
from typing import TYPE_CHECKING
from uuid import uuid4

from sources.stopping import Stopped, pause, unless
from store.domain.errors import EarfulError
from store.domain.presence import BEAT, Presence

if TYPE_CHECKING:
    from store.database import Database

SETTLE_SECONDS = 0.5  # who leafs through cases is at none of them


class Attending:
    """`at` says where we are; `run` tells the store, a write a change and one now and then as a sign of life."""

    def __init__(self, agent: str) -> None:
        self.session, self.agent = uuid4().hex, agent
        self._wanted: tuple[int, bool] | None = None
        self._told: Presence | None = None
        self._moved = asyncio.Event()

    def at(self, case_id: int, *, writing: bool = False) -> None:
        """At this case."""
        self._want((case_id, writing))

    def _want(self, wanted: tuple[int, bool] | None) -> None:
        if wanted != self._wanted:
            self._wanted = wanted
            self._moved.set()

    def off(self, case_id: int) -> None:
        """No more at this case; where we went to another one meanwhile, that stays."""
        if self._wanted is not None and self._wanted[0] == case_id:
            self._want(None)

    async def run(self, database: Callable[[], Awaitable[Database]], stop: asyncio.Event) -> None:
        """Until `stop`. A store that is busy or away hears of it with the next sign of life."""
        while not stop.is_set():
            with suppress(TimeoutError, Stopped):
                await unless(stop, asyncio.wait_for(self._moved.wait(), BEAT.total_seconds()))
                await pause(stop, SETTLE_SECONDS)
            self._moved.clear()
            if not stop.is_set():
                with suppress(EarfulError):
                    await self._tell(await database())

    async def leave(self, database: Database) -> None:
        """The session ends."""
        self._wanted = None
        with suppress(EarfulError):
            await self._tell(database)

    async def _tell(self, database: Database) -> None:
        from store import presence

        now = datetime.now(UTC)
        if self._wanted is None:
            if self._told is not None:
                await presence.leave(database, self.session)
            self._told = None
            return
        case_id, writing = self._wanted
        before = self._told
        same = before is not None and (before.case_id, before.writing) == self._wanted
        since = before.since if before is not None and same else now
        here = Presence(self.session, case_id, self.agent, writing, since, now)
        await presence.attend(database, here)
        self._told = here
