"""Insights by keys: what is counted is what opens."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from textual.pilot import Pilot

from store import cases
from store.database import Database
from store.domain.action import Dismiss
from store.domain.desk import Role, Watch
from store.domain.mention import NewAuthor
from store.tables import mention
from tests import factories
from tests.hostile import PAYLOADS, harm_in
from tests.tui.desk import painted, place, press
from tests.tui.test_inbox import DESK, running, until
from tui.definitions import DEFINITIONS
from tui.keyboard import QUIET_SECONDS
from tui.modals.define import DefineScreen
from tui.screens.found import FoundScreen
from tui.screens.insights import InsightsScreen
from tui.shell import Earful
from tui.widgets.lines import Lines

METRICS = Path(__file__).parents[2] / "docs" / "metrics.md"
WATCHES = (Watch("acme", "acme"), Watch("anvil", "anvil", Role.COMPETITOR))
WATCHING = replace(DESK, watches=WATCHES)
NOON = datetime.now(UTC).replace(hour=0, minute=0, second=1, microsecond=0)


@pytest.fixture(autouse=True)
def _in_utc(monkeypatch: pytest.MonkeyPatch) -> None:
    from tui.times import local_zone

    monkeypatch.setenv("TZ", "UTC")
    local_zone.cache_clear()


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "earful.db"


async def fortnight(path: Path) -> None:
    """3 mentions today, 2 yesterday (one dismissed), 1 before that, 1 in Spanish of the other watch, 1 of long ago."""
    database = Database(path)
    await database.open()
    from store import mentions

    await mentions.sync_watches(database, WATCHES)

    def word(days: int, name: str, **fields: object) -> object:
        given = {"id": name, "author": name, "created_at": NOON - timedelta(days=days), "sentiment": "negative"}
        return factories.read_mention(f"{name} says", **(given | fields))  # type: ignore[arg-type]

    line = await factories.land(
        database,
        *(word(0, f"today{n}") for n in range(3)),  # type: ignore[arg-type]
        word(1, "yesterday"),  # type: ignore[arg-type]
        word(1, "noise"),  # type: ignore[arg-type]
        word(3, "before", network="bluesky"),  # type: ignore[arg-type]
        word(5, "otro", language="es", watches=("anvil",), sentiment="positive"),  # type: ignore[arg-type]
        word(400, "longago"),  # type: ignore[arg-type]
        now=NOON,
    )
    await cases.act(database, [(line.new_cases[4], None)], Dismiss("noise"), agent="ana", now=NOON)
    await database.close()


async def opened(pilot: Pilot[int], app: Earful) -> InsightsScreen:
    await press(pilot, "g", "t")
    await until(pilot, lambda: isinstance(app.screen, InsightsScreen) and app.screen.found is not None)
    assert isinstance(app.screen, InsightsScreen)
    return app.screen


async def behind(pilot: Pilot[int], app: Earful) -> list[str]:
    """Who wrote what the current number counts; comes back."""
    await press(pilot, "enter")
    await until(pilot, lambda: isinstance(app.screen, FoundScreen) and app.keyboard.idle)
    assert isinstance(app.screen, FoundScreen)
    listing = app.screen.listing
    found = [row.handle for n in range(len(listing)) if (row := listing.row(n)) is not None]
    await press(pilot, "escape")
    assert isinstance(app.screen, InsightsScreen)
    return sorted(found)


async def test_a_bar_opens_exactly_what_it_counts(path: Path) -> None:
    await fortnight(path)
    async with running(path, desk=WATCHING) as (app, pilot):
        screen = await opened(pilot, app)
        assert "6 mentions" in painted(screen.query_one("#totals", Lines))[1]
        assert "3 mentions, 3 negative" in painted(screen.query_one("#column", Lines))[0]
        assert await behind(pilot, app) == ["today0", "today1", "today2"]
        await press(pilot, "left")
        assert "1 mention, 1 negative" in painted(screen.query_one("#column", Lines))[0]
        assert await behind(pilot, app) == ["yesterday"]
        await press(pilot, "left")
        assert "0 mentions" in painted(screen.query_one("#column", Lines))[0]
        assert await behind(pilot, app) == []
        await press(pilot, "h", "l", "h")
        assert await behind(pilot, app) == ["before"]


async def test_a_row_opens_exactly_what_it_counts(path: Path) -> None:
    await fortnight(path)
    async with running(path, desk=WATCHING, size=(160, 50)) as (app, pilot):
        screen = await opened(pilot, app)
        await press(pilot, "j")
        counted = {}
        while True:
            row = screen.figures.row
            assert row is not None
            found = await behind(pilot, app)
            assert row.query not in counted
            counted[row.query] = found
            await press(pilot, "j")
            if screen.figures.row is row:
                break
        assert {query: len(found) for query, found in counted.items()} == {
            'network:"mastodon"': 5,
            'network:"bluesky"': 1,
            'lang:"en"': 5,
            'lang:"es"': 1,
            'watch:"acme"': 5,
            'watch:"anvil"': 1,
        }


async def test_period_and_watch_by_key(path: Path) -> None:
    await fortnight(path)
    async with running(path, desk=WATCHING) as (app, pilot):
        screen = await opened(pilot, app)
        totals = screen.query_one("#totals", Lines)
        await press(pilot, "6", "]")
        await until(pilot, lambda: "last 1 year" in painted(totals)[0])
        await press(pilot, "[", "[", "[", "[")
        await until(pilot, lambda: "last 7 days" in painted(totals)[0])
        await press(pilot, "w", *"anv", "enter")
        await until(pilot, lambda: "anvil" in painted(totals)[0])
        assert "1 mention" in painted(totals)[1]
        assert "net sentiment +100 %" in painted(totals)[1]


async def test_an_empty_period_says_so(path: Path) -> None:
    database = Database(path)
    await database.open()
    await database.close()
    async with running(path, desk=WATCHING) as (app, pilot):
        screen = await opened(pilot, app)
        assert "Nobody said anything in this period." in "\n".join(painted(screen.query_one("#totals", Lines)))
        await press(pilot, "enter", "j", "left", "tab", "m", "G")
        assert app.screen is screen
        await press(pilot, "q")
        assert app.screen is app.inbox


async def test_what_a_number_means(path: Path) -> None:
    await fortnight(path)
    async with running(path, desk=WATCHING) as (app, pilot):
        screen = await opened(pilot, app)
        await press(pilot, "?")
        assert isinstance(app.screen, DefineScreen)
        shown = " ".join(str(part.content) for part in app.screen.query("Static"))  # type: ignore[attr-defined]
        assert "(positive - negative) / all" in shown
        await press(pilot, "escape")
        assert app.screen is screen


def test_the_definitions_are_those_of_the_documentation() -> None:
    rows = [
        line.strip("| ").split(" | ")
        for line in METRICS.read_text(encoding="utf-8").partition("\n## ")[0].splitlines()
        if line.startswith("| ")
    ]
    documented = {row[0]: (row[1], row[2]) for row in rows[1:] if len(row) == 3}
    assert documented == DEFINITIONS


async def test_it_counts_again_when_something_comes_in(path: Path) -> None:
    await fortnight(path)
    async with running(path, desk=WATCHING) as (app, pilot):
        screen = await opened(pilot, app)
        other = Database(path)
        await other.open()
        await factories.land(other, factories.read_mention("one more", author="late", created_at=NOON), now=NOON)
        await other.close()
        totals = screen.query_one("#totals", Lines)
        await until(pilot, lambda: "7 mentions" in painted(totals)[1])
        assert "insights" in place(app)


@pytest.mark.parametrize("size", [(80, 24), (200, 50)])
async def test_all_of_it_is_usable_at_any_size_and_hostile_words_are_harmless(
    path: Path, size: tuple[int, int]
) -> None:
    database = Database(path)
    await database.open()
    texts = [text for text in PAYLOADS.values() if not any("\ud800" <= c <= "\udfff" for c in text)]
    items = [
        factories.read_mention(
            text,
            id=f"h{n}",
            author=NewAuthor(f"{text[:60]}{n}", name=text[:60]),
            network="".join(text[:20]),
            language="en",
            created_at=NOON - timedelta(hours=n),
        )
        for n, text in enumerate(texts)
    ]
    await factories.land(database, *items, now=NOON)
    await database.close()
    async with running(path, desk=WATCHING, size=size) as (app, pilot):
        screen = await opened(pilot, app)
        for keys in ((), ("m",), ("tab",), ("tab",), ("G",), ("pagedown",)):
            await press(pilot, *keys)
            for pane in screen.query(Lines):
                lines = painted(pane)
                assert not harm_in("\n".join(lines))
                assert all(len(pane.render_line(y).text) >= pane.size.width - 60 for y in range(pane.size.height))
        assert screen.chart.size.height >= 8
        assert screen.figures.size.height >= 6


async def test_issues_are_named_joined_and_split_by_keys_and_it_is_undone(path: Path) -> None:
    await fortnight(path)
    database = Database(path)
    await database.open()
    ids = {row.text: row.id for row in await factories.rows(database, mention)}
    await factories.issue_of(database, "lost parcels", [ids[f"today{n} says"] for n in range(3)])
    await factories.issue_of(database, "slow app", [ids["before says"]])
    await database.close()
    async with running(path, desk=WATCHING) as (app, pilot):
        screen = await opened(pilot, app)

        async def labels(*wanted: str) -> None:
            await until(pilot, lambda: {issue.label for issue in screen.found.issues} == set(wanted))

        async def typed(words: str) -> None:
            await press(pilot, *("space" if sign == " " else sign for sign in words), "enter")
            await pilot.pause(QUIET_SECONDS)

        assert "n rename" not in str(screen.keys.content)
        await press(pilot, "tab")
        assert "n rename  M merge  X split" in str(screen.keys.content)
        assert "q back" in str(screen.keys.content)
        await press(pilot, "n", *["backspace"] * len("lost parcels"))
        await typed("parcels")
        await labels("parcels", "slow app")
        await press(pilot, "X")
        await typed("today1")
        await typed("today only")
        await labels("parcels", "slow app", "today only")
        await press(pilot, "M")
        await typed("slow")
        await labels("slow app", "today only")
        await press(pilot, "u")
        await labels("parcels", "slow app", "today only")
        await press(pilot, "u", "u")
        await labels("lost parcels", "slow app")
        await press(pilot, "g", "g", "p", *["backspace"] * len("lost parcels"))
        await typed("gone")
        await press(pilot, "enter", "enter")
        await labels("gone", "slow app")
        assert app.screen is screen
