"""Every public post of the network, read from Jetstream and sifted here (bluesky_wire has its addresses and forms).

A poll connects where the last one stopped, reads what came since until it has caught up with its own beginning, and
disconnects. The bookmark is a place, `at` (microseconds since 1970, the server's) with `seq` and the `host` that gave
it, `caught_up` (when we knew that nothing was left), and `gaps`: what is from a place up to `until` is not read yet.
After a long pause the last minutes are read first, the rest is a gap, so that old posts never keep new ones waiting.
A server replays 36 hours; what is older is told as a gap in time.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack
from copy import deepcopy
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from urllib.parse import urlsplit

from sources.adapters import fields
from sources.adapters.bluesky_post import author, from_record
from sources.adapters.bluesky_service import Service
from sources.adapters.bluesky_sieve import Sieve
from sources.adapters.bluesky_wire import MESSAGE_LIMIT, SUBPROTOCOL, TOO_OLD, Event, event, is_second, subscription
from sources.adapters.bluesky_xrpc import error_name, understood
from sources.errors import BadAnswer, SourceError
from sources.http import Http
from sources.protocol import Page
from sources.websocket import Declined, Ended, Socket, opened
from store.domain.mention import JsonObject, NewMention
from store.domain.poll import Rejected

SECOND = 1_000_000  # microseconds
REPLAY = 36 * 3_600 * SECOND
OVERLAP = 5 * SECOND
BEHIND = 600 * SECOND  # after a longer pause the newest is read first,
RECENT = 120 * SECOND  # from so far back
GAPS = 4
PAGE_EVENTS, PAGE_SECONDS, PAGE_MENTIONS, PAGE_DELETED = 20_000, 5.0, 200, 500
PASS_SECONDS = 120.0  # a server that lags behind is not waited for longer than this
FIRST_QUIET, QUIET = 8.0, 3.0  # seconds of silence after which there is nothing more: looking up a place takes a while
BATCH = 500


@dataclass(slots=True)
class _Haul:
    """What a page is made of: sifted events. `first` is the time of the first one, `over` says that `until` is
    reached, `quiet` that the server has nothing more to say now,
    `clamped` that it began later than it was asked to."""

    looked: int = 0
    first: int = 0
    gap_seconds: float = 0.0
    over: bool = False
    quiet: bool = False
    clamped: bool = False
    found: list[tuple[Event, bytes]] = field(default_factory=list)
    deleted: dict[str, None] = field(default_factory=dict)
    rejected: list[Rejected] = field(default_factory=list)

    def full(self) -> bool:
        return (
            self.looked >= PAGE_EVENTS
            or len(self.found) + len(self.rejected) >= PAGE_MENTIONS
            or len(self.deleted) >= PAGE_DELETED
        )


@dataclass(slots=True)
class _Span:
    """What is to be read: from a place on, which moves, up to a time. All up to `known` is stored; before `oldest` the
    server has nothing any more, before `floor` nothing is wanted."""

    place: JsonObject
    known: int
    until: int
    oldest: int
    floor: int

    def lost(self, haul: _Haul) -> float:
        """Seconds that cannot be had any more, said once."""
        begun = max(self.oldest, haul.first if haul.clamped else 0)
        lost = max(0, min(begun, self.until) - self.known)
        self.place["at"] = max(self.place["at"], self.oldest)
        return lost / SECOND


class Jetstream:
    def __init__(self, http: Http, url: str, sieve: Sieve, service: Service, backfill: timedelta | None) -> None:
        self._http, self._url, self._sieve, self._service, self._backfill = http, url, sieve, service, backfill
        self._host = urlsplit(url).netloc

    async def pages(self, stored: JsonObject, *, now: datetime) -> AsyncIterator[Page]:
        own, top = await self._own(), _micros(now)
        floor = top - REPLAY if self._backfill is None else _micros(now - self._backfill)
        mark: JsonObject = deepcopy(stored) or {"floor": floor, "at": floor, "gaps": []}
        place: JsonObject = {name: mark[name] for name in ("at", "seq", "host") if name in mark}
        span = _Span(place, max(mark["at"], mark.get("caught_up", 0)), top, top - REPLAY, mark["floor"])
        split = False
        if top - span.known > BEHIND:
            recent = _Span({"at": top - RECENT}, top - RECENT, top, top - REPLAY, mark["floor"])
            async for haul in self._read(recent, own, now):
                if not split and not haul.looked:
                    break  # nothing is there, or nothing comes: then from where we are
                if not split:
                    split = True
                    if haul.first > mark["at"]:
                        mark["gaps"] = _bounded([place | {"until": haul.first}, *mark["gaps"]])
                yield await self._page(haul, _moved(mark, recent, haul), own)
        if not split:
            async for haul in self._read(span, own, now):
                yield await self._page(haul, _moved(mark, span, haul), own)
        for gap in list(mark["gaps"]):
            begun = -1
            while gap in mark["gaps"] and gap["at"] > begun:  # a pass has its time; one that moves nothing is the last
                begun = gap["at"]
                older = _Span(gap, begun, gap["until"], top - REPLAY, mark["floor"])
                async for haul in self._read(older, own, now):
                    if haul.over:
                        mark["gaps"].remove(gap)
                    yield await self._page(haul, deepcopy(mark), own)

    async def _own(self) -> str:
        """The DID of our account; the posts of all others are public, whether it is let in or not."""
        try:
            return await self._service.did()
        except SourceError:
            return ""

    async def _read(self, span: _Span, own: str, now: datetime) -> AsyncIterator[_Haul]:
        """What is there of a span, moving its place, until an event is as late as its end, or nothing comes. Raises
        SourceError, after what was read by then."""
        clock = asyncio.get_running_loop().time
        end, page_end, quiet = clock() + PASS_SECONDS, clock() + PAGE_SECONDS, FIRST_QUIET
        haul, trouble = _Haul(), None
        async with AsyncExitStack() as stack:
            socket, haul.clamped = await self._opened(stack, span, now)
            told = False
            while True:
                try:
                    batch = await socket.batch(quiet=quiet, most=BATCH)
                    await asyncio.to_thread(self._sift, batch, haul, span, own.encode())
                    quiet, haul.quiet = QUIET, not batch
                except Ended:
                    haul.quiet = True
                except SourceError as error:
                    if not haul.looked:
                        raise
                    trouble = error
                last = haul.over or haul.quiet or trouble is not None or clock() > end
                if not (last or haul.full() or clock() > page_end):
                    continue
                if not told:
                    haul.gap_seconds, told = span.lost(haul), True
                yield haul
                if trouble is not None:
                    raise trouble
                if last:
                    return
                haul, page_end = _Haul(), clock() + PAGE_SECONDS

    async def _opened(self, stack: AsyncExitStack, span: _Span, now: datetime) -> tuple[Socket, bool]:
        """(a socket that replays the span, whether the server begins later). Raises SourceError."""
        at = max(span.place["at"] - OVERLAP, span.floor, span.oldest)
        seq = span.place.get("seq", 0) if span.place.get("host") == self._host else 0
        for number in (seq, 0):
            try:
                protocol = SUBPROTOCOL if is_second(self._url) else ""
                url = subscription(self._url, at=at, seq=number)
                socket = opened(self._http, url, subprotocol=protocol, limit=2 * MESSAGE_LIMIT)
                return await stack.enter_async_context(socket), number != seq
            except Declined as declined:
                if not number or error_name(declined.answer) != TOO_OLD:
                    understood(declined.answer, now=now)
                    raise BadAnswer(str(declined)) from None
        raise AssertionError("the second time is without a number")

    def _sift(self, batch: list[bytes], haul: _Haul, span: _Span, own: bytes) -> None:
        """Runs in a thread: a replay brings thousands of events a second."""
        place = span.place
        for message in batch:
            haul.looked += 1
            try:
                one = event(message)
            except ValueError as error:
                haul.rejected.append(Rejected("an event", str(error), message[: fields.RAW_LIMIT]))
                continue
            if not one.at:
                haul.clamped = haul.clamped or one.clamped
                continue
            haul.first = haul.first or one.at
            haul.over = haul.over or one.at >= span.until
            place["at"] = max(place["at"], one.at)
            if one.seq:
                place |= {"seq": one.seq, "host": self._host}
            if one.record is None:
                if one.operation:
                    haul.deleted[str(one.where)] = None
                continue
            haul.deleted.pop(str(one.where), None)
            # Another form of a post is looked at whatever it says now: it may be one that is stored.
            if one.operation == "update" or (own and own in message) or self._sieve.lets_through(one.record):
                haul.found.append((one, message))

    async def _page(self, haul: _Haul, bookmark: JsonObject, own: str) -> Page:
        people = await self._service.people(one.where.repo for one, _ in haul.found if one.where)
        mentions: list[NewMention] = []
        rejected = list(haul.rejected)
        for one, message in haul.found:
            assert one.where is not None
            at, did = _time(one.at), one.where.repo
            try:
                mention = from_record(
                    one.where,
                    one.record,
                    author=author(people.get(did), did),
                    own=own,
                    seen_at=at,
                    edited_at=at if one.operation == "update" else None,
                    raw=message[: fields.RAW_LIMIT],
                )
            except ValueError as error:
                rejected.append(Rejected(str(one.where), str(error), message[: fields.RAW_LIMIT]))
                continue
            mentions.append(mention)
        asked = f"Jetstream: {haul.looked:,} events from {_time(haul.first).isoformat()}" if haul.first else "Jetstream"
        return Page(asked, mentions, rejected, tuple(haul.deleted), bookmark, gap_seconds=haul.gap_seconds)


def _moved(mark: JsonObject, span: _Span, haul: _Haul) -> JsonObject:
    """The bookmark once this haul is stored."""
    if span.place["at"] >= mark["at"]:
        mark |= span.place
    if haul.over or haul.quiet:
        mark["caught_up"] = span.until
    return deepcopy(mark)


def _bounded(gaps: list[JsonObject]) -> list[JsonObject]:
    """Newest first; the oldest ones become one, and some is read twice, rather than keep a list that grows."""
    if len(gaps) <= GAPS:
        return gaps
    return [*gaps[: GAPS - 1], gaps[-1] | {"until": gaps[GAPS - 1]["until"]}]


def _micros(at: datetime) -> int:
    return int(at.timestamp() * SECOND)


def _time(micros: int) -> datetime:
    return datetime.fromtimestamp(micros / SECOND, UTC)
