"""The poller: takes what is due, asks, hands every page to intake, and says when to ask again.

Sources go side by side, the streams of one source one after the other. Whatever a source does, the others go on.
"""

from __future__ import annotations

import asyncio
import random
from collections.abc import AsyncGenerator, AsyncIterator, Callable, Iterable, Mapping
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from sources import schedule
from sources.errors import Gone, RateLimited, Unauthorised, Unreachable, in_words
from sources.intake import Intake
from sources.protocol import Adapter, Page
from sources.stopping import Stopped, pause, to_the_end, unless
from sources.wallclock import WallClock
from store import clock_set, cursors
from store.database import Database
from store.domain.clock import utcnow
from store.domain.desk import SourceConfig
from store.domain.errors import StoreError
from store.domain.poll import Cursor, PollLine
from store.killpoints import point

PULSE = 1.0  # seconds between two looks at what is due
PAGE_DEADLINE = 120.0  # an adapter that gives no page for so long is broken off
PAGES_A_TURN = 25  # with something new in them: then the source's other streams have their turn
TURN_SECONDS = 120.0  # and after so long anyhow
STORE_PAUSE = 30.0  # after trouble with the store: do not fetch what cannot be kept


@dataclass(frozen=True, slots=True)
class Source:
    """One configured place that mentions come from, with the adapter that speaks to it. `account` names the server and
    whom it takes us for: who shares it shares its limit of requests; "" is shared with nobody."""

    config: SourceConfig
    network: str
    adapter: Adapter
    account: str = ""


class Poller:
    """`on_line` is told every ledger line; one with id 0 could not be written down."""

    def __init__(
        self,
        db: Database,
        sources: Mapping[str, Source],
        intake: Intake,
        on_line: Callable[[PollLine], None],
        *,
        page_deadline: float = PAGE_DEADLINE,
    ) -> None:
        self._db, self._sources, self._intake, self._on_line = db, sources, intake, on_line
        self._page_deadline = page_deadline
        self._clock = WallClock(utcnow())
        self._asked: set[str] = set()

    async def prepare(self) -> None:
        """Give every stream of every source its cursor."""
        for name, source in self._sources.items():
            await cursors.ensure(self._db, name, source.adapter.streams(), now=utcnow())
        await clock_set.polls_of_the_future(self._db, self._sources.keys(), now=utcnow())

    async def run(self, stop: asyncio.Event) -> None:
        """Until `stop`: then waits and fetches end at once, a page that is being stored is stored."""
        await self.prepare()
        turns: dict[str, asyncio.Task[list[PollLine]]] = {}
        try:
            while not stop.is_set():
                turns = {name: task for name, task in turns.items() if not task.done()}
                try:
                    if (by := self._clock.moved(now := utcnow())) < timedelta(0):
                        await clock_set.polls(self._db, -by, self._sources.keys(), now=now)
                    idle = [name for name in self._sources if name not in turns]
                    await self._make_asked_due(idle)
                    for name, due in self._by_source(await cursors.due(self._db, now=utcnow(), sources=idle)):
                        turns[name] = asyncio.create_task(self._turn(name, due, stop, pages=PAGES_A_TURN))
                except StoreError as error:
                    self._tell("", "", error)
                    await pause(stop, STORE_PAUSE)
                await pause(stop, PULSE)
        finally:
            for task in turns.values():
                if not stop.is_set():
                    task.cancel()
            await asyncio.gather(*turns.values(), return_exceptions=True)

    def ask(self, source: str) -> None:
        """Poll a source as soon as it is free: one that is being polled may have looked too early."""
        self._asked.add(source)

    async def round(self, stop: asyncio.Event, source: str | None = None) -> list[PollLine]:
        """Poll what is due now (of one source), once, to its end. Returns the ledger lines."""
        names = list(self._sources) if source is None else [source]
        due = self._by_source(await cursors.due(self._db, now=utcnow(), sources=names))
        turns = await asyncio.gather(*(self._turn(name, group, stop, pages=None) for name, group in due))
        return [line for lines in turns for line in lines]

    async def _make_asked_due(self, idle: Iterable[str]) -> None:
        """A stream in trouble, or out of quota, keeps its pause: whoever asks does not know what its server wished."""
        for name in self._asked.intersection(idle):
            now = utcnow()
            for cursor in await cursors.all_of(self._db, name):
                well = cursor.state == "ok" and not cursor.failures and cursor.quota_left != 0
                if well and cursor.next_poll_at > now:
                    await cursors.postpone(self._db, name, cursor.stream, until=now)
            self._asked.discard(name)

    def _by_source(self, due: Iterable[Cursor]) -> list[tuple[str, list[Cursor]]]:
        """Longest overdue first, as they come: else a host that many sources share may never answer the last one."""
        groups: dict[str, list[Cursor]] = {}
        for cursor in due:
            if cursor.source in self._sources:
                groups.setdefault(cursor.source, []).append(cursor)
        return list(groups.items())

    async def _turn(self, name: str, due: list[Cursor], stop: asyncio.Event, *, pages: int | None) -> list[PollLine]:
        lines: list[PollLine] = []
        try:
            left_alone: datetime | None = None
            for cursor in due:
                if left_alone is not None:  # a source counts the requests of all its streams together
                    await cursors.postpone(self._db, name, cursor.stream, until=left_alone)
                elif not stop.is_set():
                    left_alone = await self._poll(self._sources[name], cursor, stop, lines, pages)
                    if left_alone is not None:
                        await self._leave_alone(self._sources[name], cursor.stream, left_alone)
        except Exception as error:  # the store, mostly: nothing can be written down now
            lines.append(self._tell(name, due[0].stream, error))
            await pause(stop, STORE_PAUSE if pages else 0)
        return lines

    async def _leave_alone(self, limited: Source, stream: str, until: datetime) -> None:
        """The other sources of the same account wait too, and of this one what had its turn before `stream`: after what
        had none."""
        for name, source in self._sources.items():
            if source is not limited and not (source.account and source.account == limited.account):
                continue
            for cursor in await cursors.all_of(self._db, name):
                if cursor.next_poll_at < until and not (source is limited and cursor.stream == stream):
                    later = until + source.config.every * schedule.SPREAD * random.random()
                    await cursors.postpone(self._db, name, cursor.stream, until=later)

    async def _poll(
        self, source: Source, cursor: Cursor, stop: asyncio.Event, lines: list[PollLine], pages: int | None
    ) -> datetime | None:
        """One poll of one stream, page by page, at most `pages` that bring something new: what is over and known may be
        long, and would never be read to its end. Until when the whole source wants no more requests, where it says so.
        Raises StoreError only."""
        name, every, done, started_at = source.config.name, source.config.every, 0, utcnow()
        clock, fresh, cut = asyncio.get_running_loop().time, 0, False
        end = clock() + TURN_SECONDS
        wish: datetime | None = None
        quota_left: int | None = None
        answers: AsyncIterator[Page] | None = None
        try:
            answers = source.adapter.pages(cursor, now=started_at)
            while not cut:
                page = await unless(stop, self._next(answers))
                if page is None and done:
                    break
                point("poll_fetched")
                line = await self._intake.take(
                    name,
                    source.network,
                    cursor.stream,
                    page or Page(asked=cursor.stream),  # nothing at all is worth a line too
                    started_at=started_at,
                    next_poll_at=started_at,
                )
                lines.append(line)
                self._on_line(line)
                if page is None:
                    break
                done, wish, quota_left, started_at = done + 1, page.next_poll_at, page.quota_left, utcnow()
                fresh += bool(line.new)
                cut = pages is not None and (fresh >= pages or clock() > end)
            if wish is not None or not cut:  # else it is due at once
                later = schedule.after_success(every, now=utcnow(), asked_for=wish, chance=random.random())
                await cursors.postpone(self._db, name, cursor.stream, until=later)
                return later if quota_left == 0 and wish is not None else None
        except Stopped:
            pass
        except StoreError:
            raise
        except Exception as error:
            failures = 1 if done else cursor.failures + 1
            lines.append(await self._failed(source, replace(cursor, failures=failures), error, started_at))
            self._on_line(lines[-1])
            if isinstance(error, RateLimited) and error.retry_at is not None:
                chance = random.random()
                return schedule.after_failure(every, 1, now=utcnow(), retry_at=error.retry_at, chance=chance)
        finally:
            if isinstance(answers, AsyncGenerator):
                await answers.aclose()
        return None

    async def _next(self, answers: AsyncIterator[Page]) -> Page | None:
        try:
            async with asyncio.timeout(self._page_deadline):
                return await anext(answers, None)
        except TimeoutError:
            raise Unreachable(f"no whole page within {self._page_deadline:g} s") from None

    async def _failed(self, source: Source, cursor: Cursor, error: Exception, started_at: datetime) -> PollLine:
        """`cursor.failures` counts this one already."""
        every, now, chance = source.config.every, utcnow(), random.random()
        state = "ok"
        if isinstance(error, Unauthorised):
            state, next_poll_at = "unauthorised", schedule.unauthorised(every, now=now, chance=chance)
        elif isinstance(error, Gone):
            state, next_poll_at = "gone", now + schedule.FAR
        else:
            retry_at = error.retry_at if isinstance(error, RateLimited) else None
            next_poll_at = schedule.after_failure(every, cursor.failures, now=now, retry_at=retry_at, chance=chance)
        return await to_the_end(
            self._intake.failed(
                source.config.name,
                source.network,
                cursor.stream,
                in_words(error),
                started_at=started_at,
                next_poll_at=next_poll_at,
                failures=cursor.failures,
                state=state,
            )
        )

    def _tell(self, source: str, stream: str, error: Exception) -> PollLine:
        line = PollLine(0, source, stream, utcnow(), "", 0, 0, 0, 0, 0, 0.0, in_words(error))
        self._on_line(line)
        return line
