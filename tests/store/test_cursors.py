"""Cursors: what is due, and where a page leaves its stream."""

from __future__ import annotations

from datetime import timedelta

import pytest

from store import changes, cursors
from store.database import Database
from store.domain.poll import Cursor
from tests.factories import NOW, land, read_mention

pytestmark = pytest.mark.both

MINUTE = timedelta(minutes=1)


async def cursor(db: Database) -> Cursor:
    [one] = await cursors.all_of(db)
    return one


async def streams(db: Database, **wanted: object) -> list[str]:
    return [each.stream for each in await cursors.due(db, now=NOW, **wanted)]  # type: ignore[arg-type]


async def test_streams_come_and_go_with_the_configuration(db: Database) -> None:
    await cursors.ensure(db, "hn", ["search:acme", "search:apex"], now=NOW)
    await cursors.ensure(db, "feed", ["feed"], now=NOW)
    await land(db, source="hn", stream="search:apex", bookmark={"at": 7}, next_poll_at=NOW + MINUTE)

    await cursors.ensure(db, "hn", ["search:apex", "search:new", "search:new"], now=NOW)

    found = {(each.source, each.stream): each.bookmark for each in await cursors.all_of(db)}
    assert found == {("feed", "feed"): {}, ("hn", "search:apex"): {"at": 7}, ("hn", "search:new"): {}}
    assert [each.stream for each in await cursors.all_of(db, "hn")] == ["search:apex", "search:new"]


async def test_the_longest_overdue_is_first_and_the_gone_never(db: Database) -> None:
    for stream, minutes, state in (("b", -1, "ok"), ("a", -5, "unauthorised"), ("later", 1, "ok"), ("x", -9, "gone")):
        await land(db, stream=stream, next_poll_at=NOW + minutes * MINUTE, state=state)

    assert await streams(db) == ["a", "b"]
    assert await streams(db, sources=["hn"]) == []


async def test_nothing_is_ever_due_without_streams(db: Database) -> None:
    assert await cursors.make_due(db, now=NOW) == 0


async def test_a_person_can_ask_for_a_poll_now(db: Database) -> None:
    await land(db, source="hn", stream="a", next_poll_at=NOW + MINUTE, state="gone", error="410", failures=3)
    await land(db, source="hn", stream="b", next_poll_at=NOW - MINUTE)
    await land(db, source="feed", stream="feed", next_poll_at=NOW + MINUTE)
    start = await changes.newest(db)

    assert await cursors.make_due(db, now=NOW, source="hn") == 2

    assert await streams(db) == ["b", "a"]
    assert [each.state for each in await cursors.all_of(db, "hn")] == ["ok", "ok"]
    assert (await changes.since(db, start))[1] == [("source", None)]


async def test_a_page_moves_its_cursor(db: Database) -> None:
    await cursors.ensure(db, "mastodon.social", ["tag:acme"], now=NOW)

    await land(db, read_mention(), bookmark={"since": "9"}, next_poll_at=NOW + MINUTE, quota_left=299)

    assert await cursor(db) == Cursor(
        source="mastodon.social",
        stream="tag:acme",
        bookmark={"since": "9"},
        next_poll_at=NOW + MINUTE,
        failures=0,
        last_success_at=NOW,
        last_error="",
        state="ok",
        quota_left=299,
    )


async def test_a_failed_fetch_keeps_the_place_and_says_why(db: Database) -> None:
    await land(db, bookmark={"since": "9"}, next_poll_at=NOW, quota_left=0)

    later = NOW + MINUTE
    await land(db, now=later, next_poll_at=later + MINUTE, error="503 from the server", failures=1)

    one = await cursor(db)
    assert (one.bookmark, one.next_poll_at, one.quota_left) == ({"since": "9"}, later + MINUTE, 0)
    assert (one.failures, one.last_error, one.last_success_at) == (1, "503 from the server", NOW)

    await land(db, now=later, next_poll_at=later + MINUTE)
    assert (await cursor(db)).last_error == ""


async def test_an_import_leaves_no_cursor(db: Database) -> None:
    await land(db, read_mention(), source="import", stream="file")

    assert await cursors.all_of(db) == []
