"""What the tests of the screens above the inbox share: a desk that can answer, keys that wait, panes as painted."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

from textual.pilot import Pilot
from textual.screen import ModalScreen

from store import cases, outbox
from store.database import Database
from store.domain.case import CaseDetail
from store.domain.delivery import Delivery
from store.domain.desk import SourceConfig
from tests.tui.test_inbox import DESK, rows, strike, until
from tui.keyboard import QUIET_SECONDS
from tui.screens.case import CaseScreen
from tui.shell import Earful
from tui.widgets.lines import Lines
from tui.widgets.status_line import StatusLine

CAN_ANSWER = replace(
    DESK,
    undo_window=timedelta(seconds=90),
    sources=(SourceConfig("mastodon", "mastodon.social", token="env:NOBODY_READS_IT", options={"tags": ["acme"]}),),
)


@asynccontextmanager
async def store(path: Path) -> AsyncIterator[Database]:
    """The same store, as another process has it."""
    database = Database(path)
    await database.open()
    try:
        yield database
    finally:
        await database.close()


async def deliveries(path: Path) -> list[Delivery]:
    async with store(path) as database:
        return await outbox.listing(database)


async def whole(path: Path) -> CaseDetail:
    """The newest case."""
    (row, *_) = await rows(path)
    async with store(path) as database:
        return await cases.get(database, row.id)


async def press(pilot: Pilot[int], *keys: str) -> None:
    """Strike keys and wait until what they began is done, or asks."""
    await strike(pilot, *keys)
    app = pilot.app
    assert isinstance(app, Earful)
    await until(pilot, lambda: app.keyboard.idle or isinstance(app.screen, ModalScreen))


async def go_on(pilot: Pilot[int]) -> None:
    """Ctrl+D in the composer; afterwards keys are commands again."""
    await press(pilot, "ctrl+d")
    await pilot.pause(QUIET_SECONDS)


def reader(app: Earful) -> CaseScreen:
    """The case that is on screen, or under what asks."""
    return next(screen for screen in reversed(app.screen_stack) if isinstance(screen, CaseScreen))


def painted(pane: Lines) -> list[str]:
    return [pane.render_line(y).text.rstrip() for y in range(pane.size.height)]


def thread(app: Earful) -> list[str]:
    return painted(reader(app).thread)


def place(app: Earful) -> str:
    return app.screen.query_one(StatusLine).words
