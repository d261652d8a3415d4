"""Source health by keys, over a real store."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from store import cursors
from store.database import Database
from store.domain.desk import SourceConfig
from tests import factories
from tests.hostile import PAYLOADS, harm_in
from tests.tui.desk import painted, press, store
from tests.tui.test_inbox import DESK, running, said, until
from tui.screens.health import HealthScreen
from tui.widgets.lines import Lines

SOURCES = tuple(
    SourceConfig("feed", name, options={"feed": f"https://{name}.example/rss"}, every=timedelta(days=1))
    for name in ("good", "slow", "shut", "away", "fresh")
)
WITH_SOURCES = replace(DESK, sources=SOURCES)


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "earful.db"


async def polled(path: Path, *, error: str = "401: it does not let us in") -> None:
    """good: a minute ago; slow: four days ago, overdue; shut: its token is refused; away: gone; fresh: never."""
    database, now = Database(path), datetime.now(UTC)
    await database.open()

    async def page(source: str, at: datetime, **fields: object) -> None:
        given = {"source": source, "stream": "feed", "started_at": at, "asked": "feed", "bookmark": {}}
        await factories.land(database, now=at, **(given | {"next_poll_at": at + timedelta(days=1)} | fields))  # type: ignore[arg-type]

    await page("good", now - timedelta(seconds=70), quota_left=290)
    await page("slow", now - timedelta(days=4))
    await page("shut", now - timedelta(minutes=2), error=error, state="unauthorised", failures=3, bookmark=None)
    await page("away", now - timedelta(minutes=3), error="410: gone for good", state="gone", failures=1)
    await database.close()


def rows(screen: HealthScreen) -> dict[str, str]:
    return {line.strip("▌ ").split()[0]: line for line in painted(screen.streams)[1:] if line.strip("▌ ")}


async def test_what_ails_is_loud_and_what_is_well_is_calm(path: Path) -> None:
    await polled(path)
    async with running(path, desk=WITH_SOURCES) as (app, pilot):
        await press(pilot, "g", "h")
        screen = app.screen
        assert isinstance(screen, HealthScreen)
        shown = rows(screen)
        for name, words in (
            ("good", ("✓ ok", "m ago", "290")),
            ("slow", ("⚠ late", "4d ago")),
            ("shut", ("⚠ unauthorised", "never", "3")),
            ("away", ("⚠ gone", "–")),
            ("fresh", ("⚠ never polled",)),
        ):
            for word in words:
                assert word in shown[name], (name, word)
        assert "4 of 5 streams need a look" in painted(screen.query_one("#verdict", Lines))[0]


async def test_the_polls_of_the_stream_under_the_cursor(path: Path) -> None:
    await polled(path)
    async with running(path, desk=WITH_SOURCES) as (app, pilot):
        await press(pilot, "g", "h", "G", "k", "k")
        screen = app.screen
        assert isinstance(screen, HealthScreen)
        await until(pilot, lambda: "shut" in painted(screen.polls)[0])
        shown = "\n".join(painted(screen.polls))
        assert "give it a token" in shown
        assert "401: it does not let us in" in shown


async def test_a_poll_that_just_failed_is_no_trouble_yet_but_is_not_called_well(path: Path) -> None:
    await polled(path)
    async with store(path) as database:
        at = datetime.now(UTC) - timedelta(seconds=5)
        reset = "https://good.example/rss: the connection broke"
        await factories.land(database, now=at, source="good", stream="feed", started_at=at, error=reset, failures=1)
    desk = replace(WITH_SOURCES, sources=SOURCES[:1])
    async with running(path, desk=desk) as (app, pilot):
        await press(pilot, "g", "h")
        screen = app.screen
        assert isinstance(screen, HealthScreen)
        assert "~ trying again" in rows(screen)["good"]
        assert "1 being tried again" in painted(screen.query_one("#verdict", Lines))[0]
        await until(pilot, lambda: any("20" in line and reset in line for line in painted(screen.polls)))


async def test_poll_now_wakes_what_was_given_up(path: Path) -> None:
    await polled(path)
    async with running(path, desk=WITH_SOURCES) as (app, pilot):
        await press(pilot, "g", "h", "g", "g", "j", "j", "j")
        screen = app.screen
        assert isinstance(screen, HealthScreen)
        assert screen.streams.current is not None
        assert screen.streams.current.source == "away"
        await press(pilot, "r")
        assert "1 stream will be polled now as soon as a worker runs" in said(app)
        async with store(path) as database:
            due = {cursor.source for cursor in await cursors.due(database, now=datetime.now(UTC))}
        assert due == {"away", "slow"}
        await press(pilot, "R")
        async with store(path) as database:
            assert len(await cursors.due(database, now=datetime.now(UTC))) == 4
        await press(pilot, "q")
        assert app.screen is app.inbox


async def test_without_a_source_it_says_what_to_do(path: Path) -> None:
    async with running(path) as (app, pilot):
        await press(pilot, "g", "h", "j", "r", "enter", "tab")
        assert isinstance(app.screen, HealthScreen)
        assert "No source is configured" in painted(app.screen.query_one("#verdict", Lines))[0]


async def test_hostile_words_of_a_server_are_harmless(path: Path) -> None:
    words = " ".join(p[:60] for p in PAYLOADS.values() if not any("\ud800" <= c <= "\udfff" for c in p))
    await polled(path, error=words)
    async with running(path, desk=WITH_SOURCES, size=(200, 50)) as (app, pilot):
        await press(pilot, "g", "h", "g", "g", "j", "j")
        screen = app.screen
        assert isinstance(screen, HealthScreen)
        await until(pilot, lambda: "shut" in painted(screen.polls)[0])
        assert not harm_in("\n".join(painted(screen.streams) + painted(screen.polls)))
