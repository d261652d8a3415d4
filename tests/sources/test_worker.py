"""The worker whole: built from a desk, against real loopback servers and a real store."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from sources.worker import Worker
from store import cases, cursors, ledger, mentions, outbox
from store.database import Database
from store.domain.action import Forward, Reply, Snooze
from store.domain.case import CaseStatus
from store.domain.clock import utcnow
from store.domain.delivery import DeliveryState
from store.domain.desk import Department, Desk, SourceConfig, Watch
from store.domain.errors import Conflict, NotFound
from tests.factories import land, read_mention
from tests.servers import Reply as Answer
from tests.servers import Server, json_reply, silence, text

RSS = """<?xml version="1.0"?><rss version="2.0"><channel><title>Blog</title>
<item><guid>one</guid><title>acme cloud is down again</title><link>https://blog.example/one</link></item>
<item><guid>two</guid><title>of other things</title><link>https://blog.example/two</link></item></channel></rss>"""


A_DAY = timedelta(days=1)


@pytest.fixture
def web() -> Iterator[Server]:
    with Server() as server:
        server.on("/feed", text(RSS, "application/rss+xml"))
        yield server


def feed(web: Server, name: str = "blog", path: str = "/feed", **more: Any) -> SourceConfig:
    return SourceConfig(type="feed", name=name, url=web.url(path), backfill=None, **more)


def desk(*sources: SourceConfig, **more: Any) -> Desk:
    return Desk(watches=(Watch("acme", "acme"),), sources=sources, undo_window=timedelta(0), **more)


async def wait_for(condition: Callable[[], bool], seconds: float = 60) -> None:
    end = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < end, "it never came true"
        await asyncio.sleep(0.01)


async def test_one_round_lands_what_matches_and_writes_its_line(db: Database, web: Server):
    async with Worker(db, desk(feed(web))) as worker:
        (line,) = await worker.poll_once()
        assert (line.returned, line.new, line.unmatched) == (2, 1, 1)
        assert await worker.poll_once() == []
        (again,) = await worker.poll_once(all_due=True)
    assert (again.new, again.error) == (0, "")
    (row,) = await cases.listing(db, None, me="ana", now=utcnow())
    assert "acme cloud is down again" in row.title + row.text


async def test_a_round_looks_at_the_originals_too(db: Database, web: Server):
    post = {
        "id": "1", "uri": "https://social.example/1", "created_at": utcnow().isoformat(), "content": "acme is down",
        "visibility": "public", "account": {"id": "2", "acct": "ana"},
    }  # fmt: skip
    web.on("/api/v1/timelines/tag/acme", json_reply([post]))
    web.on("/api/v1/instance", json_reply({"uri": "social.example"}))
    source = SourceConfig(type="mastodon", name="social", url=web.url(), options={"tags": ["acme"]})
    async with Worker(db, desk(source)) as worker:
        await worker.poll_once()
        assert not web.at("/api/v1/statuses/1"), "it was read a moment ago"
        line = await land(
            db, read_mention("acme was up", id="old", thread="old"), source="social", now=utcnow() - A_DAY
        )
        lines = await worker.poll_once(all_due=True)
        assert lines[-1].stream == "recheck"
        assert (await mentions.get(db, line.new_mentions[0])).deleted_at is not None
        web.on("/api/v1/instance", Answer(500))
        line = await land(
            db, read_mention("acme is up", id="older", thread="older"), source="social", now=utcnow() - A_DAY
        )
        assert not [line.error for line in await worker.poll_once(all_due=True) if line.error]
        assert (await mentions.get(db, line.new_mentions[0])).deleted_at is None


async def test_one_source_alone_and_one_that_is_not_there(db: Database, web: Server):
    async with Worker(db, desk(feed(web, "left"), feed(web, "right"))) as worker:
        assert [line.source for line in await worker.poll_once("right")] == ["right"]
        with pytest.raises(NotFound, match="left, right"):
            await worker.poll_once("middle")


async def test_only_one_process_polls_and_sends(db: Database, web: Server):
    async with Worker(db, desk(feed(web))) as first, Worker(db, desk(feed(web))) as second:
        assert await first.acquire()
        assert not await second.acquire()
        for door in (second.poll_once, second.send_once):
            with pytest.raises(Conflict, match="another process"):
                await door()
        with pytest.raises(Conflict):
            await second.run(asyncio.Event(), print)
    async with Worker(db, desk(feed(web))) as third:
        assert await third.acquire()


async def test_a_missing_secret_is_said_loudly_and_stops_nothing_else(db: Database, web: Server):
    await cursors.ensure(db, "private", ["feed"], now=utcnow())
    async with Worker(db, desk(feed(web, "private", token="env:NOT_SET_ANYWHERE"), feed(web))) as worker:
        lines = {line.source: line for line in await worker.poll_once()}
        assert worker.channel("private") is None
    assert "export NOT_SET_ANYWHERE" in lines["private"].error
    assert lines["blog"].new == 1
    (cursor,) = await cursors.all_of(db, "private")
    assert (cursor.stream, cursor.state) == ("feed", "unauthorised")
    assert cursor.next_poll_at >= utcnow() + timedelta(minutes=14)


async def test_a_source_that_cannot_be_configured_is_said_and_stops_nothing_else(db: Database, web: Server):
    wrong = SourceConfig(type="carrier-pigeon", name="roof")
    async with Worker(db, desk(wrong, feed(web))) as worker:
        lines = {line.source: line for line in await worker.poll_once()}
    assert "unknown source type" in lines["roof"].error
    assert lines["blog"].new == 1


async def test_what_has_no_way_out_fails_with_words(db: Database, web: Server):
    line = await land(db, read_mention("help"), source="blog")
    now, case = utcnow(), line.new_cases[0]
    await cases.act(db, [(case, None)], Reply("sorry", "identity-1", 0.0), agent="ana", now=now)
    await cases.act(db, [(case, None)], Forward("billing", "", 0.0), agent="ana", now=now)
    departments = (Department("billing", "https://hooks.example/T0P-S3CRET", secret="env:NOT_SET_ANYWHERE"),)
    async with Worker(db, desk(feed(web), departments=departments)) as worker:
        await worker.send_once()
    failed = await outbox.listing(db)
    assert [one.state for one in failed] == [DeliveryState.FAILED] * 2
    assert "export NOT_SET_ANYWHERE" in failed[0].error
    assert "cannot answer" in failed[1].error
    assert not any("S3CRET" in one.error for one in failed)


async def test_a_forward_reaches_its_webhook_while_the_worker_runs(db: Database, web: Server):
    web.on("/hook", Answer(200))
    line, events, stop = await land(db, read_mention("refund me"), source="blog"), list[Any](), asyncio.Event()
    departments = (Department("billing", web.url("/hook")),)
    async with Worker(db, desk(feed(web), departments=departments)) as worker:
        running = asyncio.create_task(worker.run(stop, events.append))
        await cases.act(db, [(line.new_cases[0], None)], Forward("billing", "", 0.0), agent="ana", now=utcnow())
        await wait_for(lambda: any(getattr(event, "state", "") == DeliveryState.SENT for event in events))
        await wait_for(lambda: any(getattr(event, "new", 0) == 1 for event in events))
        stop.set()
        await running
    (forward,) = await outbox.listing(db)
    assert web.at("/hook")[0].headers["webhook-id"] == forward.identity == forward.remote_id


async def test_running_wakes_the_snoozed_and_a_stop_is_a_matter_of_a_second(db: Database, web: Server):
    web.on("/slow", silence(web, 60))
    line = await land(db, read_mention("later"))
    case, stop = line.new_cases[0], asyncio.Event()
    past = utcnow() - timedelta(hours=1)
    await cases.act(db, [(case, None)], Snooze(past + timedelta(minutes=1)), agent="ana", now=past)
    async with Worker(db, desk(feed(web), feed(web, "slow", "/slow"))) as worker:
        running = asyncio.create_task(worker.run(stop, lambda event: None))
        await wait_for(lambda: bool(web.at("/slow")))
        while (await cases.get(db, case)).row.status is CaseStatus.SNOOZED:
            await asyncio.sleep(0.02)
        before = time.monotonic()
        stop.set()
        await running
    assert time.monotonic() - before < 15  # of the 60 that the server is silent for
    assert (await cases.get(db, case)).row.status is CaseStatus.OPEN
    assert [one for one in await ledger.lines(db, source="slow") if one.error] == []


async def test_a_broken_watch_is_named_before_anything_starts(tmp_path: Path, db: Database):
    with pytest.raises(Exception, match="watch broken"):
        async with Worker(db, Desk(watches=(Watch("broken", '"acme'),))):
            pass


async def test_sources_of_one_account_wait_together(db: Database, web: Server):
    """Two on one server without a login share its limit; another server's has nothing to do with it."""
    web.on("/limited", text(RSS, "application/rss+xml"), Answer(429, b"", {"retry-after": "900"}))
    with Server() as other:
        other.on("/feed", text(RSS, "application/rss+xml"))
        async with Worker(db, desk(feed(web, "a", "/limited"), feed(web, "b"), feed(other, "c"))) as worker:
            await worker.poll_once()
            await worker.poll_once("a", all_due=True)
    due = {cursor.source: cursor.next_poll_at - utcnow() for cursor in await cursors.all_of(db)}
    assert due["a"] > timedelta(seconds=890)
    assert due["b"] > timedelta(seconds=890)
    assert due["c"] < timedelta(seconds=120)
