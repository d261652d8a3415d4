"""What goes on behind the screens: the store is opened, the worker polls and sends, changes are noticed.

Everything heavy (SQLAlchemy, the HTTP client, the adapters) is imported here, in a thread, after the first frame.
Nothing here touches a widget: news go out as messages.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine
from contextlib import suppress
from dataclasses import replace
from datetime import UTC, datetime
from importlib import import_module
from typing import TYPE_CHECKING, Any

from textual.message import Message

from store.domain.errors import EarfulError, StoreError
from tui import crash, log
from tui.attending import Attending
from tui.messages import Pulse, PulseChanged, SettingsChanged, StoreChanged, StoreFailed, StoreOpened, Trouble
from tui.settings_change import Changes

if TYPE_CHECKING:
    from sources.worker import Worker
    from store.database import Database
    from store.dialects import Mark
    from tui.settings import Settings

LOOK_SECONDS = 1.0  # how often another process's changes are looked for
LOOK_ANYWAY = 10  # looks after which the store is asked even if it seems untouched
FEEL_SECONDS = 1.0  # how long somebody who leaves waits to hear what is in the outbox
TAKE_OVER_SECONDS = 2.0  # how often a screen without the lock tries to become the one that polls and sends


class Background:
    """One for the app's life. `database()` waits until the store is open."""

    def __init__(self, settings: Settings, post: Callable[[Message], object]) -> None:
        self.settings = settings
        self.pulse = Pulse()
        self.attending = Attending(settings.agent)
        self._changes = Changes(settings)
        self._post = post
        self._stop = asyncio.Event()
        self._anew = asyncio.Event()  # the worker ends: for good, or to begin again with other settings
        self._opened: asyncio.Future[Database] = asyncio.get_running_loop().create_future()
        self._worker: asyncio.Future[Worker | None] = asyncio.get_running_loop().create_future()
        self._works = False
        self._tasks: set[asyncio.Task[None]] = set()

    def start(self) -> None:
        self._spawn(self._run())

    async def database(self) -> Database:
        """The open store. Raises StoreError where it could not be opened."""
        return await asyncio.shield(self._opened)

    async def worker(self) -> Worker | None:
        """What knows the sources' channels; None where this process holds no token (a separate worker does)."""
        return await asyncio.shield(self._worker)

    async def close(self, within: float | None = None) -> bool:
        """Stop the worker, let running transactions end, close the store. A reply that is on its way is waited for, but
        not longer than `within` seconds: False where it, and the store, is still open then."""
        self._stop.set()
        self._anew.set()
        if self._tasks and (await asyncio.wait(self._tasks, timeout=within))[1]:
            return False
        if self._opened.done() and not self._opened.cancelled() and not self._opened.exception():
            await self.attending.leave(self._opened.result())
            await self._opened.result().close()
        return True

    def read_again(self) -> None:
        """Take up the configuration where it was written anew."""
        try:
            settings = self._changes.look()
        except EarfulError as error:
            self._post(Trouble(f"the configuration changed and has a mistake, so the old one goes on: {error}"))
            return
        if settings is not None:
            self._renew(settings)
            log.use(settings)
            self._post(SettingsChanged(settings))

    def _renew(self, settings: Settings) -> None:
        """The worker of this process begins again with these; what it is sending is sent first."""
        self.settings = settings
        if self.settings.desk.worker == "embedded" and self._worker.done():
            self._worker = asyncio.get_running_loop().create_future()
            if not self._works:  # it ended in an error; with other settings it may not
                self._spawn(self._work(self._opened.result()))
        self._anew.set()

    def _spawn(self, work: Coroutine[Any, Any, None]) -> None:
        task = asyncio.create_task(self._guard(work))
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def _guard(self, work: Coroutine[Any, Any, None]) -> None:
        """Nothing that goes wrong behind the screens ends the screens; it is said instead."""
        try:
            await work
        except EarfulError as error:
            log.failed("background", error)
            self._post(Trouble(str(error)))
        except Exception as error:
            self._post(Trouble(f"unexpected {type(error).__name__}; details in {crash.keep(error)}"))

    async def _run(self) -> None:
        try:
            wiring = await asyncio.to_thread(import_module, "tui.wiring")
            database = await asyncio.to_thread(wiring.store_of, self.settings)
            await database.open()
            if self.settings.desk.watches:
                await import_module("store.mentions").sync_watches(database, self.settings.desk.watches)
            # From before the first screen reads: what changes between its look and ours is not to be missed.
            sequence = await import_module("store.changes").newest(database)
        except EarfulError as error:
            self._opened.set_exception(error)
            self._opened.exception()  # looked at: `database()` may never be called
            self._worker.set_result(None)
            self._post(StoreFailed(str(error)))
            return
        self._opened.set_result(database)
        self._post(StoreOpened())
        self._spawn(self._watch(database, sequence))
        self._spawn(self.attending.run(self.database, self._stop))
        if self.settings.desk.worker == "embedded":
            self._spawn(self._work(database))
        else:
            self._worker.set_result(None)
            self._spawn(self._look_who_works(database))

    async def _work(self, database: Database) -> None:
        """Poll and send while this process holds the lock; try now and then while another one has it, and while the
        store is not to be had."""
        self._works = True
        try:
            module = await asyncio.to_thread(import_module, "sources.worker")
            while not self._stop.is_set():
                self._anew.clear()
                try:
                    await self._work_with(module.Worker(database, self.settings.desk, told=log.told))
                except StoreError as error:
                    log.failed("background", error)
                    self._tell(worker="worker waits for the store")
                    if self._worker.done():
                        self._worker = asyncio.get_running_loop().create_future()
                    await self._pause(TAKE_OVER_SECONDS)
        except BaseException:
            self._tell(worker="worker stopped")
            raise
        finally:
            self._works = False
            if not self._worker.done():
                self._worker.set_result(None)

    async def _work_with(self, working: Worker) -> None:
        async with working as worker:
            self._worker.set_result(worker)
            while not self._anew.is_set():
                if await worker.acquire():
                    self._tell(worker="working")
                    await worker.run(self._anew, lambda event: None)
                else:
                    self._tell(worker="elsewhere", holder=await worker.holder())
                    await self._pause(TAKE_OVER_SECONDS)

    async def _look_who_works(self, database: Database) -> None:
        """A screen that never polls nor sends says who does, or that nobody does."""
        lock = database.worker_lock()
        try:
            while not self._stop.is_set():
                with suppress(EarfulError):  # a server that is away for a moment
                    holder = await lock.holder()
                    self._tell(worker="elsewhere" if holder else "nobody", holder=holder)
                await self._pause(TAKE_OVER_SECONDS)
        finally:
            await lock.release()

    async def _watch(self, database: Database, sequence: Mark) -> None:
        """Say what changed since, and how things stand, about a second after it did; also that the store is away, and
        that it is there again."""
        seen, looks = None, 0
        while not self._stop.is_set():
            self.read_again()
            pulse = database.pulse()
            if pulse != seen or looks % LOOK_ANYWAY == 0 or self.pulse.away:
                try:
                    sequence = await self._look(database, sequence, looks)
                    seen = pulse
                except StoreError as error:
                    if not self.pulse.away:
                        log.failed("background", error)
                        self._post(Trouble(str(error)))
                    self._tell(away=True)
            looks += 1
            await self._pause(LOOK_SECONDS)

    async def _look(self, database: Database, sequence: Mark, looks: int) -> Mark:
        from store import changes, presence

        kinds, cases = set(), set()
        while True:
            sequence, found = await changes.since(database, sequence)
            if not found:
                break
            kinds |= {kind for kind, _ in found}
            cases |= {case for _, case in found if case is not None}
        if self.pulse.away:  # what was asked for meanwhile got no answer
            self._tell(away=False)
            kinds |= {"new", "case", "delivery", "source"}
        if kinds:
            self._post(StoreChanged(frozenset(kinds), frozenset(cases)))
        self._tell(present=await presence.others(database, self.attending.session, now=datetime.now(UTC)))
        if kinds & {"delivery", "source"} or looks % LOOK_ANYWAY == 0:
            await self._feel(database)
        return sequence

    async def feel(self) -> Pulse:
        """How things stand this moment; as they were last where the store does not say so at once."""
        if self._opened.done() and not self._opened.exception():
            with suppress(EarfulError, TimeoutError):
                async with asyncio.timeout(FEEL_SECONDS):
                    await self._feel(self._opened.result())
        return self.pulse

    async def _feel(self, database: Database) -> None:
        """The pulse: what is in the outbox, which sources ail."""
        from sources.condition import condition
        from store import cursors, outbox
        from store.domain.delivery import DeliveryState as State

        pending = await outbox.pending(database)
        now = datetime.now(UTC)
        configured = {source.name: source for source in self.settings.desk.sources}
        ailing: dict[str, str] = {}
        for cursor in await cursors.all_of(database):
            if cursor.source in configured:
                found = condition(cursor, configured[cursor.source], now)
                if found.trouble and (found.stopped or cursor.source not in ailing):
                    ailing[cursor.source] = f"{cursor.source} {found.trouble}"
        self._tell(
            held=pending.get(State.HELD, 0),
            sending=pending.get(State.QUEUED, 0) + pending.get(State.SENDING, 0) + pending.get(State.UNKNOWN, 0),
            stuck=pending.get(State.PERSON, 0),
            failed=pending.get(State.FAILED, 0),
            ailing=tuple(ailing.values()),
        )

    def _tell(self, **news: Any) -> None:
        pulse = replace(self.pulse, **news)
        if pulse != self.pulse:
            self.pulse = pulse
            self._post(PulseChanged(pulse))

    async def _pause(self, seconds: float) -> None:
        with suppress(TimeoutError):
            await asyncio.wait_for(self._stop.wait(), seconds)
