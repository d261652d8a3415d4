"""Sources that are told: kept alive beside the polls, begun again after trouble, ended in time."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from datetime import datetime, timedelta

from sources import listening
from sources.errors import Unauthorised, Unreachable
from sources.intake import Intake
from sources.listening import Listening
from sources.poller import Poller, Source
from sources.protocol import Ear, Page
from store import cursors, ledger
from store.database import Database
from store.domain.clock import utcnow
from store.domain.desk import Desk, SourceConfig, Watch
from store.domain.errors import StoreError
from store.domain.mention import Mention
from store.domain.poll import Cursor, PollLine
from tests.factories import new_mention

Listen = Callable[[Ear, asyncio.Event], Awaitable[None]]


class Deaf:
    """An adapter that can only be polled."""

    def __init__(self) -> None:
        self.polls = 0

    def streams(self) -> Sequence[str]:
        return ("feed",)

    async def pages(self, cursor: Cursor, *, now: datetime) -> AsyncIterator[Page]:
        self.polls += 1
        yield Page("feed")

    async def recheck(self, mentions: Sequence[Mention], *, now: datetime) -> Page | None:
        return None


class Told(Deaf):
    """One that listens as it was told to: once each, the last one again and again."""

    def __init__(self, *ways: Listen) -> None:
        super().__init__()
        self.ways, self.begun = list(ways), list[float]()

    async def listen(self, ear: Ear, stop: asyncio.Event) -> None:
        self.begun.append(time.monotonic())
        await (self.ways.pop(0) if len(self.ways) > 1 else self.ways[0])(ear, stop)


def made(
    db: Database, tell: Callable[[PollLine], None], every: timedelta = timedelta(seconds=0.05), **adapters: Deaf
) -> tuple[Poller, Listening]:
    configs = tuple(SourceConfig(type="feed", name=name, every=every) for name in adapters)
    desk = Desk(watches=(Watch("acme", "acme"),), sources=configs)
    sources = {config.name: Source(config, "feed", adapters[config.name]) for config in configs}
    intake = Intake(db, desk)
    poller = Poller(db, sources, intake, tell)
    return poller, Listening(sources, intake, tell, poller.ask)


async def until(condition: Callable[[], bool], seconds: float = 60) -> None:
    async with asyncio.timeout(seconds):
        while not condition():
            await asyncio.sleep(0.01)


async def patient(ear: Ear, stop: asyncio.Event) -> None:
    await stop.wait()


async def broken(ear: Ear, stop: asyncio.Event) -> None:
    raise Unreachable("the line is dead")


async def test_what_is_heard_is_stored_with_its_line_before_its_sender_is_told(db: Database):
    said, lines = list[PollLine](), list[PollLine]()

    async def once(ear: Ear, stop: asyncio.Event) -> None:
        line = await ear.hear("push", Page("pushed", [new_mention(id="a"), new_mention("of other things", id="b")]))
        said.extend([line, *await ledger.lines(db)])
        await stop.wait()

    _, ears = made(db, lines.append, box=Told(once), deaf=Deaf())
    stop = asyncio.Event()
    running = asyncio.create_task(ears.run(stop))
    await until(lambda: len(said) == 2)
    stop.set()
    await running
    assert [(line.stream, line.returned, line.new, line.unmatched) for line in said] == [("push", 2, 1, 1)] * 2
    assert lines == said[:1]
    assert await cursors.all_of(db) == [], "a stream that is only heard is not polled"


async def test_what_breaks_is_begun_again_later_each_time_and_the_others_go_on(db: Database):
    async def boom(ear: Ear, stop: asyncio.Event) -> None:
        raise RuntimeError("token=s3cret")

    async def ended(ear: Ear, stop: asyncio.Event) -> None:
        return

    lines = list[PollLine]()
    bad, good = Told(broken, boom, ended, broken), Told(patient)
    poller, ears = made(db, lines.append, bad=bad, good=good)
    await poller.prepare()
    stop = asyncio.Event()
    running = asyncio.create_task(ears.run(stop))
    await until(lambda: len(lines) >= 4)
    stop.set()
    await running
    errors = [line.error for line in lines[:4]]
    assert errors[0] == "listening: the line is dead"
    assert "unexpected RuntimeError" in errors[1]
    assert errors[2] == "listening: it ended"
    assert "s3cret" not in "".join(errors)
    assert {line.error for line in await ledger.lines(db)} >= set(errors)
    waits = [later - before for before, later in zip(bad.begun, bad.begun[1:], strict=False)]
    assert all(wait >= 0.04 for wait in waits), "never at once"
    assert len(good.begun) == 1
    (cursor, _) = await cursors.all_of(db)
    assert (cursor.failures >= 4, cursor.last_error) == (True, "listening: the line is dead")
    assert cursor.next_poll_at <= utcnow(), "its polls keep their own time"


async def test_the_pauses_grow_and_one_that_listened_long_begins_with_a_short_one(db: Database, monkeypatch):
    monkeypatch.setattr("sources.listening.random.random", lambda: 1.0)
    lines, spans = list[PollLine](), list[int]()
    poller, ears = made(db, lines.append, box=Told(broken))
    await poller.prepare()
    stop = asyncio.Event()
    running = asyncio.create_task(ears.run(stop))
    await until(lambda: len(lines) >= 3)
    spans.append((await cursors.all_of(db))[0].failures)
    monkeypatch.setattr(listening, "STEADY", -1.0)
    count = len(lines)
    await until(lambda: len(lines) > count)
    spans.append((await cursors.all_of(db))[0].failures)
    stop.set()
    await running
    assert (spans[0] >= 3, spans[1]) == (True, 1)


async def test_a_refused_account_is_asked_again_slowly(db: Database):
    async def refused(ear: Ear, stop: asyncio.Event) -> None:
        raise Unauthorised("renew the token")

    lines = list[PollLine]()
    poller, ears = made(db, lines.append, box=(adapter := Told(refused)))
    await poller.prepare()
    stop = asyncio.Event()
    running = asyncio.create_task(ears.run(stop))
    await until(lambda: bool(lines))
    await asyncio.sleep(0.3)
    stop.set()
    await running
    (cursor,) = await cursors.all_of(db)
    assert (cursor.state, len(adapter.begun)) == ("unauthorised", 1)


async def test_a_listener_that_does_not_hear_the_stop_is_broken_off_within_a_second(db: Database):
    told = list[str]()

    async def deaf_to_it(ear: Ear, stop: asyncio.Event) -> None:
        try:
            await asyncio.sleep(60)
        finally:
            told.append("broken off")

    async def in_good_order(ear: Ear, stop: asyncio.Event) -> None:
        await stop.wait()
        await asyncio.sleep(0.1)
        told.append("ended")

    _, ears = made(db, lambda line: None, one=(one := Told(deaf_to_it)), two=Told(in_good_order))
    stop = asyncio.Event()
    running = asyncio.create_task(ears.run(stop))
    await until(lambda: bool(one.begun))
    before = time.monotonic()
    stop.set()
    await running
    assert time.monotonic() - before < 15
    assert told == ["ended", "broken off"]
    assert await ledger.lines(db) == []


async def test_asking_for_a_poll_makes_the_source_due_but_ends_no_pause(db: Database):
    ears_of = dict[str, Ear]()

    def named(name: str) -> Listen:
        async def keep(ear: Ear, stop: asyncio.Event) -> None:
            ears_of[name] = ear
            await stop.wait()

        return keep

    well, ill = Told(named("well")), Told(named("ill"))
    poller, ears = made(db, lambda line: None, timedelta(hours=1), well=well, ill=ill)
    stop = asyncio.Event()
    running = [asyncio.create_task(part.run(stop)) for part in (poller, ears)]
    await until(lambda: well.polls == ill.polls == 1 and len(ears_of) == 2)
    while not all(cursor.last_success_at for cursor in await cursors.all_of(db)):
        await asyncio.sleep(0.01)
    later = utcnow() + timedelta(hours=1)
    intake = Intake(db, Desk())
    await intake.failed("ill", "feed", "feed", "429", started_at=utcnow(), next_poll_at=later, failures=1)
    for ear in ears_of.values():
        await ear.poll()
    await until(lambda: well.polls == 2)
    stop.set()
    await asyncio.gather(*running)
    assert (well.polls, ill.polls) == (2, 1)


async def test_news_during_a_poll_are_asked_for_after_it(db: Database):
    ear_of, looking, go_on = list[Ear](), asyncio.Event(), asyncio.Event()

    class Slow(Told):
        async def pages(self, cursor: Cursor, *, now: datetime) -> AsyncIterator[Page]:
            self.polls += 1
            looking.set()
            await go_on.wait()
            yield Page("feed")

    async def keep(ear: Ear, stop: asyncio.Event) -> None:
        ear_of.append(ear)
        await stop.wait()

    adapter = Slow(keep)
    poller, ears = made(db, lambda line: None, timedelta(hours=1), box=adapter)
    stop = asyncio.Event()
    running = [asyncio.create_task(part.run(stop)) for part in (poller, ears)]
    await looking.wait()
    await until(lambda: bool(ear_of))
    await ear_of[0].poll()
    await asyncio.sleep(1.2)
    assert adapter.polls == 1
    go_on.set()
    await until(lambda: adapter.polls == 2)
    stop.set()
    await asyncio.gather(*running)


async def test_trouble_with_the_store_reaches_whoever_pushes_and_is_told(db: Database):
    raised, lines = list[Exception](), list[PollLine]()

    async def once(ear: Ear, stop: asyncio.Event) -> None:
        try:
            await ear.hear("push", Page("pushed", [new_mention("acme " * 2_000, id=f"p{n}") for n in range(200)]))
        except StoreError as error:
            raised.append(error)
            raise

    async def full(connection: object) -> None:
        await connection.exec_driver_sql("PRAGMA max_page_count=1")  # type: ignore[attr-defined]

    await db.write(full)
    _, ears = made(db, lines.append, box=Told(once))
    stop = asyncio.Event()
    running = asyncio.create_task(ears.run(stop))
    await until(lambda: bool(lines))
    stop.set()
    await running
    assert raised
    assert "disk is full" in lines[0].error
