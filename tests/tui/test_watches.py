"""The watches by keys: a changed query is tried on the past before it is saved."""

from __future__ import annotations

import tomllib
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import pytest

from sources.intake import Intake
from sources.protocol import Page
from store.database import Database
from store.domain.desk import Watch
from store.domain.mention import NewAuthor, NewMention
from tests.hostile import PAYLOADS, harm_in
from tests.tui.desk import painted, press
from tests.tui.test_inbox import DESK, rows, running, said, until
from tui.keyboard import QUIET_SECONDS
from tui.screens.watches import WatchesScreen

WATCHED = replace(DESK, watches=(Watch("acme", '"acme cloud"'), Watch("rival", "globex")))
POSTS = ("my acme cloud is down", "acmecloud is slow today", "globex is fine", "nothing about anybody")


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "earful.db"


async def seen(path: Path, *posts: str) -> None:
    """A poll that returned these; what no watch matches is remembered."""
    database, now = Database(path), datetime.now(UTC)
    await database.open()
    news = [
        NewMention("mastodon", f"p{n}", NewAuthor(f"ana{n}"), now, text=words, native_id=f"p{n}")
        for n, words in enumerate(posts)
    ]
    await Intake(database, WATCHED).take(
        "m", "mastodon", "tag:acme", Page("tag", news), started_at=now, next_poll_at=None
    )
    await database.close()


def config(path: Path) -> Path:
    file = path.with_name("earful.toml")
    file.write_text(
        '# by hand\n[[watch]]\nname = "acme"\nrole = "own"\nquery = \'"acme cloud"\'  # mine\n'
        '[[watch]]\nname = "rival"\nrole = "own"\nquery = "globex"\n'
    )
    return file


async def test_a_query_is_tried_on_the_past_saved_and_lands(path: Path) -> None:
    await seen(path, *POSTS)
    file = config(path)
    async with running(path, desk=WATCHED, config=file) as (app, pilot):
        await press(pilot, "g", "w")
        screen = app.screen
        assert isinstance(screen, WatchesScreen)
        await until(pilot, lambda: "1 stay" in painted(screen.verdict)[0])
        assert "acme" in painted(screen.list)[0]
        await press(pilot, "enter", *" OR acmecloud~1")
        await until(pilot, lambda: "+1 appear (1 land)" in painted(screen.verdict)[0])
        shown = "\n".join(painted(screen.trial))
        assert "+" in shown
        assert "acmecloud is slow today" in shown
        assert len(await rows(path)) == 2  # trying changes nothing
        await press(pilot, "enter")
        await pilot.pause(QUIET_SECONDS)
        await press(pilot, "p")
        await until(pilot, lambda: "1 post landed" in said(app))
        assert len(await rows(path)) == 3
        assert app.settings.desk.watches[0].query == '"acme cloud" OR acmecloud~1'
    written = tomllib.loads(file.read_text())
    assert written["watch"][0]["query"] == '"acme cloud" OR acmecloud~1'
    assert "# by hand" in file.read_text()


async def test_what_is_no_query_is_said_and_nothing_is_saved(path: Path) -> None:
    await seen(path, *POSTS)
    file = config(path)
    before = file.read_text()
    async with running(path, desk=WATCHED, config=file) as (app, pilot):
        await press(pilot, "g", "w", "enter", " ", "(")
        screen = app.screen
        assert isinstance(screen, WatchesScreen)
        await until(pilot, lambda: "column" in painted(screen.verdict)[0])
        await press(pilot, "enter", "escape")
        assert app.screen is screen
        assert screen.edited is None
        await pilot.pause(QUIET_SECONDS)
        await press(pilot, "q")
        assert app.screen is app.inbox
    assert file.read_text() == before


async def test_a_hostile_post_is_harmless_here(path: Path) -> None:
    await seen(path, *(f"acmecloud {payload[:2_000]}" for payload in PAYLOADS))
    async with running(path, desk=WATCHED) as (app, pilot):
        await press(pilot, "g", "w", "enter", *" OR acmecloud")
        screen = app.screen
        assert isinstance(screen, WatchesScreen)
        await until(pilot, lambda: "appear" in painted(screen.verdict)[0] and len(screen.trial.lines) > 3)
        assert not harm_in("\n".join(painted(screen.trial)))
