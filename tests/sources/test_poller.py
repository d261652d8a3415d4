"""The poller against sources that page, limit, refuse, hang, break and end."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from datetime import datetime, timedelta
from typing import Any

import pytest
from sqlalchemy import select

from sources.errors import BadAnswer, Gone, RateLimited, SourceError, Unauthorised
from sources.intake import Intake
from sources.poller import Poller, Source
from sources.protocol import Page
from store import cursors, ledger
from store.database import Database
from store.domain.clock import utcnow
from store.domain.desk import Desk, SourceConfig, Watch
from store.domain.mention import Mention
from store.domain.poll import Cursor, PollLine
from store.tables import mention
from tests.factories import new_mention

Step = Page | Exception | Callable[[], Awaitable[None]]


class Told:
    """An adapter that gives what it was told to: one list of steps a poll, the last poll for ever."""

    def __init__(self, *polls: Sequence[Step], streams: Sequence[str] = ("feed",)) -> None:
        self.polls, self._streams, self.asked = list(polls), streams, list[Cursor]()
        self.at_once = self.most_at_once = 0

    def streams(self) -> Sequence[str]:
        return self._streams

    async def pages(self, cursor: Cursor, *, now: datetime) -> AsyncIterator[Page]:
        self.asked.append(cursor)
        self.at_once += 1
        self.most_at_once = max(self.most_at_once, self.at_once)
        try:
            for step in self.polls.pop(0) if len(self.polls) > 1 else self.polls[0]:
                if isinstance(step, Exception):
                    raise step
                if isinstance(step, Page):
                    yield step
                else:
                    await step()
        finally:
            self.at_once -= 1

    async def recheck(self, mentions: Sequence[Mention], *, now: datetime) -> Page | None:
        return None


def page(*ids: str, **fields: Any) -> Page:
    return Page(asked="feed", mentions=[new_mention(id=name) for name in ids], **fields)


def made(
    db: Database, tell: Callable[[PollLine], None] = lambda line: None, *, patience: float = 60, **adapters: Told
) -> Poller:
    configs = tuple(SourceConfig(type="feed", name=name, every=timedelta(seconds=60)) for name in adapters)
    desk = Desk(watches=(Watch("acme", "acme"),), sources=configs)
    sources = {config.name: Source(config, "feed", adapters[config.name]) for config in configs}
    return Poller(db, sources, Intake(db, desk), tell, page_deadline=patience)


async def polled(db: Database, poller: Poller, *, again: bool = False) -> list[PollLine]:
    await poller.prepare()
    if again:
        await cursors.make_due(db, now=utcnow())
    return await poller.round(asyncio.Event())


async def stored(db: Database) -> list[str]:
    async def work(connection: Any) -> list[str]:
        return list((await connection.execute(select(mention.c.external_id).order_by(mention.c.id))).scalars())

    return await db.read(work)


async def test_pages_land_one_by_one_and_the_next_poll_goes_on_where_the_last_one_ended(db: Database):
    adapter = Told([page("a", "b", bookmark={"at": 2}), page("c", bookmark={"at": 3})], [page("c", "d")])
    poller = made(db, blog=adapter)
    assert [(line.returned, line.new) for line in await polled(db, poller)] == [(2, 2), (1, 1)]
    assert [(line.new, line.duplicate) for line in await polled(db, poller, again=True)] == [(1, 1)]
    assert [cursor.bookmark for cursor in adapter.asked] == [{}, {"at": 3}]
    assert await stored(db) == ["a", "b", "c", "d"]


async def test_a_poll_that_breaks_in_the_middle_keeps_what_it_had(db: Database):
    adapter = Told([page("a", bookmark={"at": 1}), BadAnswer("cut off")], [page("b")])
    lines = await polled(db, made(db, blog=adapter))
    assert [(line.new, line.error) for line in lines] == [(1, ""), (0, "cut off")]
    (cursor,) = await cursors.all_of(db)
    assert (cursor.bookmark, cursor.failures, cursor.last_error) == ({"at": 1}, 1, "cut off")
    await polled(db, made(db, blog=adapter), again=True)
    (cursor,) = await cursors.all_of(db)
    assert (cursor.failures, cursor.last_error, await stored(db)) == (0, "", ["a", "b"])


@pytest.mark.parametrize("told", ["refused", "used up"])
async def test_a_source_that_wants_a_rest_is_not_asked_for_its_other_streams_either(db: Database, told: str):
    at = utcnow() + timedelta(minutes=10)
    step = RateLimited("slow down", at) if told == "refused" else page("a", quota_left=0, next_poll_at=at)
    adapter = Told([step], streams=("a", "b", "c"))
    await polled(db, made(db, blog=adapter))
    assert [cursor.stream for cursor in adapter.asked] == ["a"]
    after = await cursors.all_of(db)
    assert [(cursor.stream, cursor.next_poll_at >= at) for cursor in after] == [("a", True), ("b", True), ("c", True)]
    assert [cursor.last_error for cursor in after[1:]] == ["", ""]


async def test_nothing_new_is_a_poll_too_and_not_asked_again_at_once(db: Database):
    poller = made(db, blog=Told([]))
    assert [(line.returned, line.error) for line in await polled(db, poller)] == [(0, "")]
    assert await poller.round(asyncio.Event()) == []


@pytest.mark.parametrize(
    ("error", "state", "soonest", "latest"),
    [
        (BadAnswer("not a feed"), "ok", 60, 120),
        (RateLimited("slow down"), "ok", 60, 120),
        (Unauthorised("401"), "unauthorised", 15 * 60, 17 * 60),
        (Gone("410"), "gone", 3_600, 10**9),
        (KeyError("token=s3cret"), "ok", 60, 120),
        (SourceError("x\x1b]52;c;eA==\x07y"), "ok", 60, 120),
    ],
    ids=lambda value: type(value).__name__ if isinstance(value, Exception) else str(value),
)
async def test_every_failure_has_its_line_its_state_and_its_pause(db: Database, error, state, soonest, latest):
    before = utcnow()
    (line,) = await polled(db, made(db, blog=Told([error])))
    (cursor,) = await cursors.all_of(db)
    assert line.error
    assert line.error == cursor.last_error == (await ledger.lines(db))[0].error
    assert "s3cret" not in line.error
    assert "\x1b" not in line.error
    assert cursor.state == state
    assert soonest <= (cursor.next_poll_at - before).total_seconds() <= latest + 5


async def test_the_longest_overdue_source_is_asked_first(db: Database):
    order: list[str] = []

    def asked(name: str) -> Told:
        async def step() -> None:
            order.append(name)

        return Told([step])

    poller = made(db, **{name: asked(name) for name in ("a", "b", "c")})
    for name, minutes in (("a", 1), ("b", 3), ("c", 2)):
        await cursors.ensure(db, name, ("feed",), now=utcnow() - timedelta(minutes=minutes))
    await polled(db, poller)
    assert order == ["b", "c", "a"]


async def test_never_before_the_server_says(db: Database):
    at = utcnow() + timedelta(minutes=10)
    await polled(db, made(db, blog=Told([RateLimited("slow down", at)])))
    (cursor,) = await cursors.all_of(db)
    assert at <= cursor.next_poll_at <= at + timedelta(seconds=60)


async def test_failures_in_a_row_are_asked_ever_more_slowly_up_to_an_hour(db: Database):
    poller, waits = made(db, blog=Told([BadAnswer("down")])), []
    for _ in range(9):
        before = utcnow()
        await polled(db, poller, again=True)
        (cursor,) = await cursors.all_of(db)
        waits.append((cursor.next_poll_at - before).total_seconds())
    assert cursor.failures == 9
    assert all(wait <= min(60 * 2**n, 3_600) + 5 for n, wait in enumerate(waits, start=1))


async def test_a_hung_source_ends_at_its_deadline_and_the_others_go_on(db: Database):
    hung = Told([lambda: asyncio.sleep(60)])
    broken = Told([RuntimeError("boom")])
    before = time.monotonic()
    poller = made(db, patience=1.0, hung=hung, broken=broken, fine=Told([page("a")]))
    lines = {line.source: line for line in await polled(db, poller)}
    assert time.monotonic() - before < 30
    assert "no whole page within 1 s" in lines["hung"].error
    assert "unexpected RuntimeError" in lines["broken"].error
    assert lines["fine"].new == 1


async def test_streams_of_one_source_take_turns_and_sources_go_side_by_side(db: Database):
    def slow() -> Told:
        return Told([lambda: asyncio.sleep(0.1), page("x")], streams=("one", "two", "three"))

    left, right = slow(), slow()
    before = time.monotonic()
    lines = await polled(db, made(db, left=left, right=right))
    assert len(lines) == 6
    assert (left.most_at_once, right.most_at_once) == (1, 1)
    assert [cursor.stream for cursor in left.asked] == ["one", "three", "two"]
    assert time.monotonic() - before >= 0.3


async def test_a_source_wish_for_the_next_poll_is_heard(db: Database):
    at = utcnow() + timedelta(hours=3)
    await polled(db, made(db, blog=Told([page("a", next_poll_at=at)])))
    (cursor,) = await cursors.all_of(db)
    assert at <= cursor.next_poll_at <= at + timedelta(seconds=60)


async def running(db: Database, poller: Poller, stop: asyncio.Event, until: Callable[[], bool]) -> None:
    """Run until `until`, then stop; fails where that takes long."""
    task = asyncio.create_task(poller.run(stop))
    end = time.monotonic() + 60
    while not until():
        assert time.monotonic() < end
        await asyncio.sleep(0.01)
    stop.set()
    async with asyncio.timeout(15):
        await task


async def test_a_stop_breaks_off_a_fetch_and_leaves_nothing_half_done(db: Database):
    adapter, lines = Told([page("a", bookmark={"at": 1}), lambda: asyncio.sleep(60)]), list[PollLine]()
    poller = made(db, lines.append, blog=adapter)
    await running(db, poller, asyncio.Event(), lambda: bool(lines))
    (cursor,) = await cursors.all_of(db)
    assert (await stored(db), cursor.bookmark, cursor.failures) == (["a"], {"at": 1}, 0)
    assert adapter.at_once == 0
    assert cursor.next_poll_at <= utcnow()  # it goes on where it was, at once


async def test_what_becomes_due_is_polled_while_running_and_a_gone_stream_is_left_alone(db: Database):
    gone, fine, lines = Told([Gone("410")]), Told([page("a")], [page("b")]), list[PollLine]()
    poller, stop = made(db, lines.append, gone=gone, fine=fine), asyncio.Event()
    task = asyncio.create_task(poller.run(stop))
    while len(lines) < 2:
        await asyncio.sleep(0.01)
    await cursors.make_due(db, now=utcnow(), source="fine")
    while len(lines) < 3:
        await asyncio.sleep(0.01)
    stop.set()
    await task
    assert (await stored(db), len(gone.asked)) == (["a", "b"], 1)


async def test_a_long_walk_lets_the_other_streams_have_their_turn(db: Database, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr("sources.poller.PAGES_A_TURN", 3)
    walk = [page(f"w{n}", bookmark={"at": n}) for n in range(10)]
    adapter, lines = Told(walk, [page("n")], walk[3:], streams=("long", "short")), list[PollLine]()
    await running(db, made(db, lines.append, blog=adapter), asyncio.Event(), lambda: len(lines) >= 5)
    assert [line.stream for line in lines[:5]] == ["long"] * 3 + ["short"] + ["long"]
    assert adapter.asked[2].bookmark == {"at": 2}


async def test_what_is_known_already_does_not_end_a_turn(db: Database, monkeypatch: pytest.MonkeyPatch):
    """A watch of many questions has a page for each: all of them are read before it rests."""
    monkeypatch.setattr("sources.poller.PAGES_A_TURN", 3)
    adapter, lines = Told([page("a"), *[page("a")] * 9]), list[PollLine]()
    await running(db, made(db, lines.append, blog=adapter), asyncio.Event(), lambda: len(lines) >= 10)
    (cursor,) = await cursors.all_of(db)
    assert len(adapter.asked) == 1
    assert cursor.next_poll_at > utcnow()


async def test_a_turn_has_its_time(db: Database, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr("sources.poller.TURN_SECONDS", 0.0)
    adapter, lines = Told([page("a", bookmark={"at": 1}), page("a", bookmark={"at": 2})]), list[PollLine]()
    await running(db, made(db, lines.append, blog=adapter), asyncio.Event(), lambda: len(adapter.asked) >= 2)
    assert [cursor.bookmark for cursor in adapter.asked[:2]] == [{}, {"at": 1}]


async def test_a_long_walk_is_gone_on_with_no_sooner_than_its_source_wishes(
    db: Database, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr("sources.poller.PAGES_A_TURN", 2)
    at = utcnow() + timedelta(minutes=10)
    adapter, lines = Told([page(f"w{n}", next_poll_at=at) for n in range(5)]), list[PollLine]()
    await running(db, made(db, lines.append, blog=adapter), asyncio.Event(), lambda: len(lines) >= 2)
    (cursor,) = await cursors.all_of(db)
    assert len(lines) == 2
    assert cursor.next_poll_at >= at


async def test_streams_that_had_their_turn_wait_behind_those_that_had_none(db: Database):
    at = utcnow() + timedelta(minutes=10)
    adapter = Told([page("a")], [RateLimited("slow down", at)], streams=("a", "b", "c"))
    await polled(db, made(db, blog=adapter))
    after = {cursor.stream: cursor.next_poll_at for cursor in await cursors.all_of(db)}
    assert [cursor.stream for cursor in adapter.asked] == ["a", "b"]
    assert after["a"] >= after["c"] >= at
    assert after["b"] >= at


async def test_a_store_that_cannot_be_written_is_told_and_does_not_hammer_the_source(db: Database):
    async def full(connection: Any) -> None:
        await connection.exec_driver_sql("PRAGMA max_page_count=1")

    await db.write(full)
    adapter, lines = Told([page(*(f"p{n}" for n in range(500)))]), list[PollLine]()
    poller = made(db, lines.append, blog=adapter)
    await poller.prepare()
    await running(db, poller, asyncio.Event(), lambda: bool(lines))
    assert (lines[0].id, len(adapter.asked)) == (0, 1)
    assert "could not be written: database or disk is full; make room" in lines[0].error
