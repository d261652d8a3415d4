"""What did not leave: the screen and the command line say so, a person decides, and nothing is forgotten on leaving."""

from __future__ import annotations

import asyncio
import signal
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from store import cases, drafts, outbox
from store.database import Database
from store.domain.action import Reply
from store.domain.delivery import DeliveryState
from store.domain.place import Place
from tests.factories import NOW, land, read_mention
from tests.store.test_lock import another_process
from tests.tui.command import Earful
from tests.tui.desk import CAN_ANSWER, go_on, press, store, thread
from tests.tui.desk import place as status_line
from tests.tui.test_inbox import DESK, lines, running, seed, until
from tui import background
from tui.modals.confirm import ConfirmScreen
from tui.screens.found import FoundScreen
from tui.screens.inbox import InboxScreen

QUEUED, PERSON = DeliveryState.QUEUED, DeliveryState.PERSON
WHY = "not sent: it could not leave for 25 h"
path = pytest.fixture(lambda tmp_path: tmp_path / "earful.db", name="path")


async def one_behind_the_other(db: Database, case_id: int) -> list[int]:
    """Two answers of ana's: the first waits for a person, the second behind it."""
    ids = []
    for text in ("first words", "second words"):
        acted = await cases.act(db, [(case_id, None)], Reply(text, f"id {text}", 0), agent="ana", now=NOW)
        ids += acted.deliveries
    await outbox.release_held(db, now=NOW)
    await outbox.move(db, await outbox.get(db, ids[0]), PERSON, now=NOW, error=WHY)
    return ids


async def test_on_the_case_the_first_in_the_way_is_decided_about_first(path: Path) -> None:
    await seed(path, ["it is down", "all is well"])
    async with store(path) as db:
        await one_behind_the_other(db, 1)
    async with running(path, desk=CAN_ANSWER) as (app, pilot):
        await until(pilot, lambda: "1 sending, 1 needs you" in status_line(app))
        assert any("·?" in line for line in lines(app)), "what waits behind it does not hide it"
        await press(pilot, "D")
        await until(pilot, lambda: isinstance(app.screen, FoundScreen) and list(app.screen.listing.ids) == [1])
        await press(pilot, "enter")
        assert any(WHY[:40] in line for line in thread(app)), thread(app)
        assert any("queued, leaves after the answer above it" in line for line in thread(app)), thread(app)
        await pilot.press("D", "x")
        await until(pilot, lambda: app.keyboard.idle and not any("needs a person" in line for line in thread(app)))
        async with store(path) as db:
            kept = await drafts.get(db, 1, "ana")
            assert kept is not None
            assert kept.text == "first words"
            assert [one.state for one in await outbox.listing(db)][::-1] == [DeliveryState.WITHDRAWN, QUEUED]


async def test_leaving_right_after_sending_says_what_is_held(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(background, "LOOK_SECONDS", 3600)  # nobody has looked at the outbox since
    await seed(path, ["it is down"])
    async with running(path, desk=CAN_ANSWER) as (app, pilot):
        await press(pilot, "enter", "r", *"on it")
        await go_on(pilot)
        await press(pilot, "y")
        await until(pilot, lambda: app.keyboard.idle)
        await press(pilot, "q")
        await until(pilot, lambda: isinstance(app.screen, InboxScreen) and app.keyboard.idle)
        await pilot.press("q")
        await until(pilot, lambda: isinstance(app.screen, ConfirmScreen))
        asked = " ".join(str(line.content) for line in app.screen.query("Static"))  # type: ignore[attr-defined]
        assert "1 held" in asked
        assert "goes out when earful runs again" in asked
        await pilot.press("y")
        await until(pilot, lambda: not app.is_running)


@pytest.mark.both
@pytest.mark.parametrize(("worker", "then"), [("embedded", "working"), ("separate", "nobody")])
async def test_the_screen_says_who_sends_and_takes_over_when_that_one_is_killed(
    place: Place, worker: str, then: str
) -> None:
    assert background.TAKE_OVER_SECONDS < 5
    await seed(place, ["it is down"])
    with another_process(place) as (other, got_it):
        assert got_it == "True"
        nothing_to_poll = replace(DESK, worker=worker, sources=())
        async with running(place, desk=nothing_to_poll) as (app, pilot):
            await until(pilot, lambda: f"process {other.pid}" in status_line(app))
            other.send_signal(signal.SIGKILL)
            await until(pilot, lambda: app.background.pulse.worker == then)


def test_from_the_command_line(tmp_path: Path) -> None:
    earful = Earful(tmp_path)

    async def prepare() -> None:
        async with store(earful.store) as db:
            await land(db, *(read_mention("it is down", author=f"a{n}") for n in range(2)))
            await one_behind_the_other(db, 1)
            now = datetime.now(UTC)
            held = Reply("to be held", "id-3", timedelta(hours=1).total_seconds())
            await cases.act(db, [(2, None)], held, agent="ana", now=now)

    asyncio.run(prepare())
    shown = earful("show", "1").data
    assert WHY in shown
    assert "queued behind the answer before it" in shown
    told = earful("send").narration
    assert all(words in told for words in ("1 held", "1 needs a person", "1 queued")), told
    assert f"case 1 needs a person: {WHY}; `earful settle 1 --send`, `--sent` or `--draft`" in told
    assert "1 needs a person" in earful("worker", "--for", "1s").narration

    sent_again = earful("settle", "1", "--send", "--json")
    assert (sent_again.code, sent_again.record["state"], sent_again.record["error"]) == (0, "queued", None)
    refused = earful("settle", "2", "--sent")
    assert refused.code == 2
    assert "held: what can be decided is `draft`" in refused.narration
    assert earful("settle", "2", "--draft", "--json").record["state"] == "withdrawn"
    assert earful("settle", "2", "--draft").code == 3
