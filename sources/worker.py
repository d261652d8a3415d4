"""The worker: the one process per store that polls and sends. Builds everything from the desk and runs it."""

from __future__ import annotations

import asyncio
import hashlib
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import suppress
from datetime import datetime
from pathlib import Path
from types import TracebackType
from typing import Self, cast
from urllib.parse import urlsplit

from sources import registry, secrets
from sources.chores import Chores
from sources.courier import Courier
from sources.errors import Unauthorised, in_words
from sources.forwarders import Forwarder, address, forwarder
from sources.http import Http
from sources.intake import Intake
from sources.keep import Keep
from sources.listening import Listening
from sources.poller import Poller, Source
from sources.protocol import Channel, Page, Setup, SourceType
from sources.stopping import Stopped, unless
from store import cursors
from store.database import Database
from store.domain.clock import utcnow
from store.domain.delivery import Delivery
from store.domain.desk import Desk, SourceConfig, Watch
from store.domain.errors import BadInput, Conflict, NotFound, StoreError
from store.domain.gone import Gone
from store.domain.mention import Mention
from store.domain.place import Place
from store.domain.poll import Cursor, PollLine
from store.lock import WorkerLock

LOCK_SECONDS = 2.0  # how often the worker makes sure that it still is the one

OnEvent = Callable[[PollLine | Delivery], None]
Told = Callable[[PollLine | Delivery | Gone], None]


class Worker:
    """An async context manager. Entering looks up secrets and makes adapters, nothing else: `channel()` works without
    the lock; `run`, `poll_once` and `send_once` take it and raise Conflict while another process holds it. A `lock`
    that is lent is not given back: so a worker can be followed by one with another desk, and nobody comes between.
    `told` hears of every poll, every step of a delivery and what was too old, whoever asked for it."""

    def __init__(
        self, db: Database, desk: Desk, lock: WorkerLock | None = None, *, told: Told = lambda event: None
    ) -> None:
        self._db, self._desk = db, desk
        self._lock, self._lends = lock or db.worker_lock(), lock is not None
        self._sessions = sessions_beside(db.place)
        self._never = asyncio.Event()
        self._told = told
        self._on_event: OnEvent = lambda event: None

    async def __aenter__(self) -> Self:
        self._http = Http(await asyncio.to_thread(_named_hosts, self._desk))
        intake = Intake(self._db, self._desk)
        unable: dict[str, str] = {}
        self._sources = {config.name: await self._source(config, unable) for config in self._desk.sources}
        forwarders = await asyncio.to_thread(self._forwarders, unable)
        channels = {name: channel for name in self._sources if (channel := self.channel(name))}
        self._poller = Poller(self._db, self._sources, intake, self._polled)
        self._listening = Listening(self._sources, intake, self._polled, self._poller.ask)
        self._chores = Chores(self._db, self._desk, self._sources, intake, self._polled, self._told)
        self._courier = Courier(self._db, self._desk, channels, forwarders, self._delivered, unable=unable)
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if not self._lends:
            await self._lock.release()
        await self._http.close()

    async def acquire(self) -> bool:
        """Whether this process polls and sends now. Takes the lock where it is free."""
        return await self._lock.acquire()

    async def holder(self) -> str:
        """Who polls and sends now, in words; "" where nobody does."""
        return await self._lock.holder()

    def channel(self, source: str) -> Channel | None:
        """The part of a source that can answer; None where it cannot, or is not configured."""
        adapter = self._sources[source].adapter if source in self._sources else None
        return cast(Channel, adapter) if hasattr(adapter, "send") else None

    def asks_nothing(self, source: str) -> bool:
        """Whether a source has no stream at all, by its keys and the desk's watches, and does not listen either."""
        adapter = self._sources[source].adapter
        return not adapter.streams() and not hasattr(adapter, "listen")

    async def run(self, stop: asyncio.Event, on_event: OnEvent) -> None:
        """Poll, listen, send and tidy until `stop`. Returns within a second of it, but for a send under way. Raises
        StoreError where the lock is lost meanwhile: another process may be the worker by then."""
        await self._hold()
        self._on_event = on_event
        parts = [part.run(stop) for part in (self._poller, self._listening, self._courier, self._chores)]
        parts.append(self._guard(stop))
        try:
            async with asyncio.TaskGroup() as group:
                for part in parts:
                    group.create_task(part)
        except ExceptionGroup as errors:
            raise errors.exceptions[0] from None

    async def poll_once(
        self, source: str | None = None, all_due: bool = False, *, stop: asyncio.Event | None = None
    ) -> list[PollLine]:
        """One round of what is due, or with `all_due` of everything; `stop` ends it with what it has so far. NotFound
        for a source that is not configured."""
        stop = stop or self._never
        if source is not None and source not in self._sources:
            raise NotFound(f"no source `{source}`; configured: {', '.join(self._sources) or 'none'}")
        await self._hold()
        await self._poller.prepare()
        if all_due:
            await cursors.make_due(self._db, now=utcnow(), source=source)
        lines = await self._poller.round(stop, source)
        with suppress(Stopped):
            lines += await unless(
                stop, self._chores.recheck_all({line.source: line for line in lines if not line.error})
            )
            await unless(stop, self._chores.wake())
            await unless(stop, self._chores.find_issues())
            await unless(stop, self._chores.tidy())
        return lines

    async def send_once(self, *, stop: asyncio.Event | None = None) -> list[Delivery]:
        """One step of everything in the outbox that is due."""
        await self._hold()
        return await self._courier.round(stop or self._never)

    async def _hold(self) -> None:
        if not await self._lock.acquire():
            who = f"another process ({await self.holder() or 'just gone'})"
            raise Conflict(f"{who} polls and sends for this store; leave it to that one, or end it")

    async def _guard(self, stop: asyncio.Event) -> None:
        while not stop.is_set():
            if not await self._lock.held():
                raise StoreError("the connection that made this process the worker is lost")
            with suppress(TimeoutError):
                await asyncio.wait_for(stop.wait(), LOCK_SECONDS)

    def _polled(self, line: PollLine) -> None:
        self._chores.noticed(line)
        self._told(line)
        self._on_event(line)

    def _delivered(self, delivery: Delivery) -> None:
        self._told(delivery)
        self._on_event(delivery)

    async def _source(self, config: SourceConfig, unable: dict[str, str]) -> Source:
        """A source that cannot be had, for want of its secret or by its configuration, is there too and says so."""
        network = registry.network(config.type)
        try:
            setup = await asyncio.to_thread(setup_of, config, self._http, self._desk.watches, self._sessions)
            return Source(config, network, registry.adapter(setup), _account(config))
        except Exception as error:
            unable[config.name] = f"{config.name} cannot be used: {in_words(error)}"
            streams = [cursor.stream for cursor in await cursors.all_of(self._db, config.name)]
            return Source(config, network, Unusable(error, streams or ["account"]))

    def _forwarders(self, unable: dict[str, str]) -> dict[str, Forwarder]:
        ready: dict[str, Forwarder] = {}
        for department in self._desk.departments:
            if department.to:
                try:
                    ready[department.name] = forwarder(department, self._desk, self._http)
                except BadInput as error:
                    unable[department.name] = f"{department.name} cannot be reached: {error}"
        return ready


def sessions_beside(store: Place) -> Path:
    """Where the sources of a store keep their sessions: beside a file; for a server in this user's data folder."""
    if isinstance(store, Path):
        return store.with_name(f"{store.name}.sessions")
    import platformdirs

    folder = platformdirs.user_data_path("earful", appauthor=False)
    return folder / f"{hashlib.sha256(store.url.encode()).hexdigest()[:16]}.sessions"


def setup_of(config: SourceConfig, http: Http, watches: Sequence[Watch], sessions: Path | None = None) -> Setup:
    """What a source's adapter is made with, its secrets looked up. Blocks. Raises Unauthorised where one is missing."""
    kind = registry.source_type(config.type)
    try:
        token = secrets.resolve(config.token) if config.token else None
        named = [option.name for option in kind.options if option.secret and config.options.get(option.name)]
        found = {name: secrets.resolve(config.options[name], document=True) for name in named}
    except BadInput as error:
        raise Unauthorised(str(error)) from None
    return Setup(config, http, token, watches, found, Keep(sessions, config.name))


class Unusable:
    """Stands in for a source that cannot be had: every poll of its streams says why, and its bookmarks stay."""

    kind = SourceType("unusable", "", "")

    def __init__(self, error: Exception, streams: Sequence[str]) -> None:
        self._error, self._streams = error, streams

    def streams(self) -> Sequence[str]:
        return self._streams

    async def pages(self, cursor: Cursor, *, now: datetime) -> AsyncIterator[Page]:
        raise self._error
        yield

    async def recheck(self, mentions: Sequence[Mention], *, now: datetime) -> Page | None:
        return None


def _account(config: SourceConfig) -> str:
    """The server that a source asks, and by which secrets."""
    kind = registry.source_type(config.type)
    server = urlsplit(config.url or kind.default_url).netloc.rpartition("@")[2].lower()
    secrets_named = sorted(str(config.options.get(option.name, "")) for option in kind.options if option.secret)
    return " ".join([server, config.token, *secrets_named]) if server else ""


def _named_hosts(desk: Desk) -> set[str]:
    """Every "host" or "host:port" that the configuration itself names: only these may be private addresses."""
    urls = [source.url for source in desk.sources]
    urls += [option for source in desk.sources for option in source.options.values() if isinstance(option, str)]
    for department in desk.departments:
        with suppress(BadInput):  # said again, with its name, where the department is needed
            urls.append(address(department).removeprefix("slack+"))
    hosts: set[str] = set()
    for url in urls:
        with suppress(ValueError):
            parts = urlsplit(url)
            if parts.scheme in ("http", "https", "ws", "wss"):
                hosts.add(parts.netloc.rpartition("@")[2])
    return hosts
