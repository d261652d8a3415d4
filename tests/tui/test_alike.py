"""Search by meaning, and answered cases like the one on screen, by their keys."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest
from textual.widgets import Input

from sources.deepening import deepen
from sources.text.deep.engines import Engine
from store import cases, outbox
from store.domain.action import Reply
from store.domain.delivery import DeliveryState
from store.domain.desk import ReadingChoice
from tests.sources.deep_engine import engine
from tests.tui.desk import CAN_ANSWER, press, reader, store
from tests.tui.test_inbox import START, rows, running, seed, until
from tui.modals.alike import AlikeScreen
from tui.modals.mood import MoodScreen
from tui.screens.found import FoundScreen

__all__ = ["engine"]
ANSWER = "@author1 your refund is under way"


async def answered(path: Path) -> None:
    """Three cases, newest first: somebody asks for a refund in German, in English (answered), and for a parcel."""
    await seed(path, ["wo ist meine erstattung", "where is my refund", "no parcel yet [bold]"])
    _, english, _ = await rows(path)
    async with store(path) as database:
        target = [(english.id, None)]
        acted = await cases.act(database, target, Reply(ANSWER, "id-1", 0), agent="bob", now=START)
        delivery = await outbox.get(database, acted.deliveries[0])
        for state in (DeliveryState.QUEUED, DeliveryState.SENDING, DeliveryState.SENT):
            delivery = await outbox.move(database, delivery, state, now=START + timedelta(minutes=1))
        await deepen(database, engine_of(path), ReadingChoice())


def engine_of(path: Path) -> Engine:
    from sources.text.deep import engines

    found = engines.chosen("auto")
    assert found is not None
    return found


async def test_an_answer_to_the_like_is_taken_as_a_draft_and_nothing_is_sent(engine: Engine, tmp_path: Path) -> None:
    path = tmp_path / "earful.db"
    await answered(path)
    async with running(path, desk=CAN_ANSWER) as (app, pilot):
        await press(pilot, "9")
        await press(pilot, "enter", "A")
        asked = app.screen
        assert isinstance(asked, AlikeScreen)
        assert [each.row.text for each in asked.found] == ["where is my refund"]
        assert asked.found[0].answer == ANSWER

        await press(pilot, "d")
        await until(pilot, lambda: reader(app).composer.is_open)
        assert reader(app).composer.text.endswith("your refund is under way")
        assert "@author1" not in reader(app).composer.text
    async with store(path) as database:
        assert len(await outbox.listing(database)) == 1


async def test_search_by_meaning_finds_other_languages(engine: Engine, tmp_path: Path) -> None:
    path = tmp_path / "earful.db"
    await answered(path)
    async with running(path) as (app, pilot):
        await press(pilot, "slash")
        app.screen.query_one("#prompt", Input).value = "like:rambursare"
        await press(pilot, "enter")
        await until(pilot, lambda: isinstance(app.screen, FoundScreen) and len(app.screen.listing) > 0)
        assert isinstance(app.screen, FoundScreen)
        found = await rows(path)
        assert list(app.screen.listing.ids) == [row.id for row in found if "parcel" not in row.text]


async def test_without_an_engine_the_keys_say_what_would_give_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from sources.text.deep import engines

    monkeypatch.setattr(engines, "ENGINES", {})
    path = tmp_path / "earful.db"
    await seed(path, ["one"])
    desk = replace(CAN_ANSWER, reading=ReadingChoice(deep="auto"))
    async with running(path, desk=desk) as (app, pilot):
        await press(pilot, "enter", "A")
        await until(pilot, lambda: any("needs deep reading" in told.message for told in app._notifications))


async def test_the_likest_stands_first_and_a_mood_tells_of_deep_reading(engine: Engine, tmp_path: Path) -> None:
    path = tmp_path / "earful.db"
    await seed(path, ["refund bill login parcel", "a splendid refund"])
    async with store(path) as database:
        await deepen(database, engine_of(path), ReadingChoice())
    newer, older = await rows(path)
    async with running(path) as (app, pilot):
        await press(pilot, "slash")
        app.screen.query_one("#prompt", Input).value = "like:refund"
        await press(pilot, "enter")
        await until(pilot, lambda: isinstance(app.screen, FoundScreen) and len(app.screen.listing) > 0)
        assert isinstance(app.screen, FoundScreen)
        assert list(app.screen.listing.ids) == [older.id, newer.id]
        await press(pilot, "w")
        assert isinstance(app.screen, MoodScreen)
        assert any("deep reading has half a say" in said for said in app.screen.lines), app.screen.lines
