"""The whole program on SQLite and on PostgreSQL: from the first poll to the answer, and what a second screen sees."""

from __future__ import annotations

import time
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from store import cases
from store.database import Database
from store.domain.action import Assign
from store.domain.place import Place
from tests import factories
from tests.postgres import Server as Postgres
from tests.servers import Server, json_reply
from tests.sources.fake_mastodon import TOKEN, FakeMastodon
from tests.tui.command import Earful
from tests.tui.test_inbox import current, lines, running, seed, until
from tests.tui.test_reply_end_to_end import CONFIG

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
    await seed(place, ["one", "two"])
    other = Database(place)
    await other.open()
    try:
        async with running(place) as (app, pilot):
            await pilot.pause(1.5)  # it looks around by now
            begun = time.monotonic()
            await cases.act(other, [(current(app).id, None)], Assign("bo"), agent="bo", now=datetime.now(UTC))
            await until(pilot, lambda: current(app).assignee == "bo")
            assert time.monotonic() - begun < 2
            await factories.land(other, factories.read_mention("brand new words", author="new"), now=datetime.now(UTC))
            await until(pilot, lambda: any("brand new words" in line for line in lines(app)))
    finally:
        await other.close()


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
