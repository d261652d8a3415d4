"""What the worker does beside polling and sending."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Sequence
from dataclasses import replace
from datetime import datetime, timedelta

import pytest

from sources import chores as module
from sources.chores import Chores
from sources.errors import BadAnswer, RateLimited
from sources.intake import Intake
from sources.poller import Source
from sources.protocol import Page
from sources.text.deep import engines
from sources.text.deep.engines import Engine
from store import cases, cursors, ledger, mentions, unmatched
from store.database import Database
from store.domain.action import Snooze
from store.domain.case import CaseStatus
from store.domain.clock import utcnow
from store.domain.desk import Desk, ReadingChoice, SourceConfig, Watch
from store.domain.mention import Mention
from store.domain.poll import Cursor, PollLine
from store.tables import issue
from tests.factories import land, new_mention, read_mention, rows
from tests.sources.deep_engine import engine

__all__ = ["engine"]

CONFIG = SourceConfig(type="mastodon", name="mastodon.social")
DESK = Desk(watches=(Watch("acme", "acme"),), sources=(CONFIG,))


class Originals:
    """A source whose originals have become `page`; `asked` is what was looked up."""

    def __init__(self, page: Page | Exception | None) -> None:
        self.page, self.asked, self.seconds = page, list[str](), 0.0

    def streams(self) -> Sequence[str]:
        return ["tag:acme"]

    async def pages(self, cursor: Cursor, *, now: datetime) -> AsyncIterator[Page]:
        return
        yield

    async def recheck(self, mentions: Sequence[Mention], *, now: datetime) -> Page | None:
        self.asked += [mention.external_id for mention in mentions]
        await asyncio.sleep(self.seconds)
        if isinstance(self.page, Exception):
            raise self.page
        return self.page


def made(db: Database, page: Page | Exception | None = None) -> tuple[Chores, Originals, list[PollLine]]:
    originals, lines = Originals(page), list[PollLine]()
    sources = {CONFIG.name: Source(CONFIG, "mastodon", originals)}
    return Chores(db, DESK, sources, Intake(db, DESK), lines.append), originals, lines


async def test_what_comes_in_is_read_deeply_and_an_engine_that_cannot_be_used_is_told_of_once(
    db: Database, engine: Engine, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "DEEP", 0.01)
    chores, _, lines = made(db)
    stop = asyncio.Event()
    running = asyncio.create_task(chores.run(stop))
    chores.noticed(await land(db, read_mention("it was dreadful really")))
    async with asyncio.timeout(60):
        while (await mentions.get(db, 1)).sentiment != "negative":
            await asyncio.sleep(0.02)
    stop.set()
    async with asyncio.timeout(15):
        await running
    assert not lines

    engines.register(replace(engine, package="no-such-package"))
    chores, _, lines = made(db)
    chores._desk = replace(DESK, reading=ReadingChoice(deep="test"))
    stop = asyncio.Event()
    running = asyncio.create_task(chores.run(stop))
    async with asyncio.timeout(60):
        while not lines:
            await asyncio.sleep(0.02)
    await asyncio.sleep(0.1)
    stop.set()
    await running
    (line,) = lines
    assert "no-such-package is not installed: pip install 'earful[test]'" in line.error


async def recheck(chores: Chores) -> None:
    await chores.recheck(next(iter(chores._sources.values())))


async def test_originals_that_changed_or_went_are_seen_and_not_asked_again_at_once(db: Database):
    was = [read_mention("acme works", id=name, author=name) for name in ("same", "edited", "gone")]
    first = await land(db, *was, now=utcnow() - timedelta(hours=2))
    edited = replace(new_mention("acme never works", id="edited", author="edited"), edited_at=utcnow())
    page = Page("recheck", [edited], deleted=["gone"], bookmark={"not": "of a stream"})
    chores, originals, lines = made(db, page)
    await recheck(chores)
    await recheck(chores)
    assert sorted(originals.asked) == ["edited", "gone", "same"]
    texts = {one.external_id: one for one in [await mentions.get(db, number) for number in first.new_mentions]}
    assert [texts[name].text for name in ("same", "edited", "gone")] == ["acme works", "acme never works", ""]
    assert texts["gone"].deleted_at is not None
    assert [(line.stream, line.error) for line in lines] == [("recheck", "")]
    assert await cursors.all_of(db) == []


async def test_what_is_unchanged_leaves_no_line(db: Database):
    await land(db, read_mention("acme works"), now=utcnow() - timedelta(hours=2))
    chores, _, lines = made(db, Page("recheck"))
    await recheck(chores)
    assert lines == []
    assert len(await ledger.lines(db)) == 1


async def test_issues_are_looked_for(db: Database):
    chores, _, _ = made(db)
    said = ("login page shows error 503", "error 503 on the login page", "the login page: error 503 again")
    angry = [read_mention(words, author=words, sentiment="negative", intent="complaint") for words in said]
    await land(db, *angry)
    await chores.find_issues()
    assert await rows(db, issue) != []


async def test_a_chore_that_fails_is_told_and_the_others_go_on(db: Database, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(module, "RECHECK", 0.05)
    monkeypatch.setattr(module, "WAKE", 0.05)
    line = await land(db, read_mention("acme works"), now=utcnow() - timedelta(hours=2))
    chores, originals, lines = made(db, RateLimited("slow down"))
    stop = asyncio.Event()
    running = asyncio.create_task(chores.run(stop))
    while len(originals.asked) < 2:
        await asyncio.sleep(0.01)
    past = utcnow() - timedelta(hours=1)
    await cases.act(db, [(line.new_cases[0], None)], Snooze(past + timedelta(minutes=1)), agent="ana", now=past)
    while (await cases.get(db, line.new_cases[0])).row.status is CaseStatus.SNOOZED:
        await asyncio.sleep(0.01)
    before = time.monotonic()
    stop.set()
    await running
    assert time.monotonic() - before < 15
    assert {(line.source, line.stream, line.error) for line in lines} == {(CONFIG.name, "recheck", "slow down")}


@pytest.mark.parametrize("polite", ["told how long", "slow"])
async def test_a_source_is_not_looked_at_again_before_it_has_had_its_rest(
    db: Database, monkeypatch: pytest.MonkeyPatch, polite: str
):
    monkeypatch.setattr(module, "RECHECK", 0.0)
    await land(db, read_mention("acme works"), now=utcnow() - timedelta(hours=2))
    chores, originals, lines = made(db, RateLimited("slow down", utcnow() + timedelta(hours=1)))
    if polite == "slow":
        originals.page = BadAnswer("broken")
        originals.seconds = 0.1
    stop = asyncio.Event()
    running = asyncio.create_task(chores.run(stop))
    while not lines:
        await asyncio.sleep(0.01)
    await asyncio.sleep(0.4)
    assert len(originals.asked) == 1
    stop.set()
    await running


async def test_what_no_watch_matched_is_forgotten_in_time(db: Database):
    for name, age in (("old", unmatched.KEPT_FOR + timedelta(hours=1)), ("young", timedelta(hours=1))):
        await land(db, read_mention(id=name, watches=(), lands=False), now=utcnow() - age)
    chores, _, _ = made(db)
    stop = asyncio.Event()
    running = asyncio.create_task(chores.run(stop))

    async def remembered() -> list[str]:
        return [each.seen.external_id async for some in unmatched.newest_first(db) for each in some]

    while "old" in await remembered():
        await asyncio.sleep(0.01)
    stop.set()
    await running
    assert await remembered() == ["young"]
