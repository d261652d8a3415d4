"""A person is erased while agents look at the inbox."""

from __future__ import annotations

from pathlib import Path

from store import erase
from tests.factories import NOW
from tests.tui.desk import store
from tests.tui.test_inbox import lines, press, running, seed, until


async def test_an_open_screen_follows_and_goes_on(tmp_path: Path) -> None:
    path = tmp_path / "earful.db"
    await seed(path, ["acme wombatting", "acme stays"])
    async with running(path) as (app, pilot):
        assert any("wombatting" in line for line in lines(app))
        await press(pilot, "enter")
        async with store(path) as other:
            (found,) = await erase.find(other, "author0")
            await erase.erase(other, found, agent="bob", now=NOW)
        await press(pilot, "q")
        await until(pilot, lambda: not any("wombatting" in line or "author0" in line for line in lines(app)))
        assert any("acme stays" in line for line in lines(app))
        await press(pilot, "j", "k", "enter", "q")
