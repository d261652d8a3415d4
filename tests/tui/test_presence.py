"""Two screens on one store: each sees at which case the other is, as long as it is."""

from __future__ import annotations

import time
from datetime import timedelta
from pathlib import Path

import pytest

from store import presence
from store.database import Database
from store.domain.place import Place
from store.domain.presence import ALIVE, BEAT, Presence
from store.tables import presence as table
from tests import factories
from tests.tui.desk import CAN_ANSWER, press, store
from tests.tui.test_inbox import START, lines, running, seed, until
from tui import signs


@pytest.mark.both
async def test_who_opens_a_case_is_seen_until_the_session_ends(place: Place) -> None:
    await seed(place, ["somebody else has it", "another one"])
    async with running(place, desk=CAN_ANSWER) as (_, watching):
        app = watching.app
        async with running(place, desk=CAN_ANSWER) as (_, pilot):
            pilot.app.background.attending.agent = "zoe"
            await press(pilot, "enter")
            await until(watching, lambda: "zoe reading" in lines(app)[0])
            assert "zoe" not in lines(app)[1]
            await press(pilot, "J")
            await until(watching, lambda: "zoe reading" in lines(app)[1])
            assert "zoe" not in lines(app)[0]
            await press(pilot, "r")
            await until(watching, lambda: "zoe writing 0:" in lines(app)[1])
            assert "zoe" not in lines(pilot.app)[1]

            await press(watching, "j", "enter")
            await until(watching, lambda: "zoe writing" in watching.app.screen.status.words)
            await press(watching, "q")
        await until(watching, lambda: "zoe" not in lines(app)[1])
    async with store(place) as database:
        assert await factories.rows(database, table) == []


@pytest.mark.both
async def test_a_session_that_was_killed_fades_and_the_next_one_clears_it_away(db: Database) -> None:
    line = await factories.land(db, factories.read_mention("help"), now=START)
    (case,) = line.new_cases
    killed = Presence("k", case, "kim", True, START, START)
    await presence.attend(db, killed)
    assert await presence.others(db, "me", now=START + ALIVE / 2) == (killed,)
    assert await presence.others(db, "k", now=START) == ()
    assert signs.at_it([killed], case, START + timedelta(seconds=40)) == "kim writing 0:40"
    assert signs.at_it([killed], case, START + ALIVE) == ""
    assert await presence.others(db, "me", now=START + ALIVE) == ()
    later = START + 2 * ALIVE
    await presence.attend(db, Presence("n", case, "nat", False, later, later))
    assert [row.session for row in await factories.rows(db, table)] == ["n"]


async def test_nobody_waits_for_a_sign_of_life_to_leave(tmp_path: Path) -> None:
    for _ in range(2):
        async with running(tmp_path / "earful.db", desk=CAN_ANSWER):
            leaves = time.monotonic()
        assert time.monotonic() - leaves < BEAT.total_seconds() / 2
