"""The whole program on SQLite and on PostgreSQL: from the first poll to the answer, and what a second screen sees."""

from __future__ import annotations

import asyncio
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from textual.message import Message

from store import cases
from store.database import Database
from store.domain.action import Assign
from store.domain.place import Place
from tests import factories
from tests.postgres import Server as Postgres
from tests.servers import Server, json_reply
from tests.sources.fake_mastodon import TOKEN, FakeMastodon
from tests.tui.command import Earful
from tests.tui.desk import store
from tests.tui.test_inbox import DESK, current, lines, running, seed, until
from tests.tui.test_reply_end_to_end import CONFIG
from tui.background import LOOK_ANYWAY, LOOK_SECONDS, Background
from tui.messages import StoreChanged, StoreOpened
from tui.settings import Settings

pytestmark = pytest.mark.both


def test_from_the_first_poll_to_the_answer(place: Place, tmp_path: Path) -> None:
    earful = Earful(tmp_path)
    earful.store = place
    earful.environment["M_TOKEN"] = TOKEN
    with Server() as server:
        mastodon = FakeMastodon(server)
        server.on("/api/v2/instance", json_reply({"configuration": {"statuses": {"max_characters": 60}}}))
        at = datetime.now(UTC) - timedelta(minutes=5)
        mastodon.add(7, at, content="<p>acme does not let me in</p>", visibility="unlisted")
        mastodon.add(8, at, content="<p>acme is gréat today</p>")
        earful.configure(CONFIG.format(url=server.url(), window="0s"))

        assert sum(each["new"] for each in earful("poll", "--once", "--json").records) == 2
        assert sum(each["new"] for each in earful("poll", "--once", "--json").records) == 0
        (found,) = earful("inbox", "--search", '"does not let"', "--json").records
        assert [each["text"] for each in earful("inbox", "--search", "great", "--json").records] == [
            "acme is gréat today"
        ]

        assert earful("tag", str(found["id"]), "+vip").code == 0
        assert earful("show", str(found["id"]), "--json").record["tags"] == ["vip"]
        assert earful("undo").code == 0
        answered = earful("reply", str(found["id"]), "--text", "We are on it", "--wait", "--json")
        assert (answered.code, answered.record["state"]) == (0, "sent"), answered.narration
        again = earful("reply", str(found["id"]), "--text", "We are on it", "--json")
        assert again.code == 0
        assert len(mastodon.posts) == 1
        assert earful("undo").code == 0

        shown = earful("show", str(found["id"]), "--json").record
        assert [(each["state"], each["attempts"]) for each in shown["deliveries"]] == [("sent", 1), ("withdrawn", 0)]
        assert earful("insights", "--json").record["mentions"] == 2
        assert "acme" in earful("why", str(found["id"])).data
        assert earful("ledger", "--json").records[-1]["returned"] == 2
        seen = earful("doctor", "--json")
        assert {each["what"]: each["level"] for each in seen.records}["store"] == "ok", seen.data


async def test_a_screen_learns_of_another_s_doing_within_two_seconds(place: Place) -> None:
    assert LOOK_SECONDS < 2
    await seed(place, ["one", "two"])
    other = Database(place)
    await other.open()
    try:
        async with running(place) as (app, pilot):
            await cases.act(other, [(current(app).id, None)], Assign("bo"), agent="bo", now=datetime.now(UTC))
            # At its next look: where it did not notice by itself it would ask the store after as many as LOOK_ANYWAY.
            await until(pilot, lambda: current(app).assignee == "bo", seconds=(LOOK_ANYWAY - 1) * LOOK_SECONDS)
            await factories.land(other, factories.read_mention("brand new words", author="new"), now=datetime.now(UTC))
            await until(pilot, lambda: any("brand new words" in line for line in lines(app)))
    finally:
        await other.close()


async def test_what_changes_as_the_first_screen_reads_is_not_missed(place: Place) -> None:
    await seed(place, ["one"])
    heard: list[Message] = []

    async def somebody_acts() -> None:
        async with store(place) as other:
            await cases.act(other, [(1, None)], Assign("bo"), agent="bo", now=datetime.now(UTC))

    def post(message: Message) -> None:
        heard.append(message)
        if isinstance(message, StoreOpened):
            with ThreadPoolExecutor(1) as thread:
                thread.submit(asyncio.run, somebody_acts()).result()

    background = Background(Settings(DESK, None, place, "ana"), post)
    background.start()
    try:
        async with asyncio.timeout(60):
            while not any(isinstance(one, StoreChanged) and 1 in one.cases for one in heard):
                await asyncio.sleep(0.02)
    finally:
        await background.close()


def test_a_copy_is_what_work_goes_on_with(tmp_path: Path, place: Place, postgres: Postgres) -> None:
    earful = Earful(tmp_path)
    earful.store = place
    earful.seed(
        factories.read_mention("acme is down", id="p1"), factories.read_mention("acme is up", id="p2", author="bo")
    )
    target = postgres.empty()

    copied = earful("copy", "--to", target, "--json")
    assert copied.code == 0, copied.narration
    assert {each["table"]: each["rows"] for each in copied.records}["mention"] == 2
    assert "copied and compared" in copied.narration
    before = earful("inbox", "--json").records
    earful.store = target
    assert earful("inbox", "--json").records == before
    assert earful("copy", "--to", target).code == 2
    postgres.drop(target)
