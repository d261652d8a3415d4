"""The inbox by its keys, over a real store, at 80x24."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager, closing
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from rich.color_triplet import ColorTriplet
from textual.pilot import Pilot
from textual.widgets import Input

from store import cases, outbox
from store.database import Database
from store.domain.action import Assign, Done, Reply
from store.domain.case import CaseStatus, InboxRow, Priority
from store.domain.delivery import DeliveryState
from store.domain.desk import Department, Desk
from store.domain.mention import NewAuthor
from store.engines.sqlite import sqlite3
from tests import factories
from tests.hostile import PAYLOADS, harm_in
from tui import keyboard
from tui.keyboard import QUIET_SECONDS
from tui.modals.confirm import ConfirmScreen
from tui.modals.pick import PickScreen
from tui.settings import Settings
from tui.shell import Earful
from tui.widgets.preview import Preview
from tui.widgets.status_line import KeysLine, StatusLine

DESK = Desk(
    worker="separate",
    departments=(Department("billing", "mailto:b@example.org"), Department("pr", "mailto:pr@example.org", team=True)),
)
START = datetime.now(UTC).replace(microsecond=0)


async def seed(path: Path, texts: Sequence[str], **fields: object) -> None:
    """A store with one case a text, the first text the newest."""
    database = Database(path)
    await database.open()
    items = [
        factories.read_mention(
            text,
            id=f"seed-{n}",
            author=str(fields.get("author", f"author{n}")),
            created_at=START - timedelta(minutes=n + 1),
        )
        for n, text in enumerate(texts)
    ]
    for first in range(0, len(items), 500):
        await factories.land(database, *items[first : first + 500], now=START)
    await database.close()


@asynccontextmanager
async def running(
    path: Path, *, desk: Desk = DESK, size: tuple[int, int] = (80, 24), config: Path | None = None
) -> AsyncIterator[tuple[Earful, Pilot[int]]]:
    app = Earful(Settings(desk, config, path, "ana"))
    async with app.run_test(size=size) as pilot:
        await until(pilot, lambda: app.keyboard.idle)
        yield app, pilot


async def until(pilot: Pilot[int], there: Callable[[], bool], seconds: float = 60) -> None:
    deadline = asyncio.get_running_loop().time() + seconds
    while not there():
        assert asyncio.get_running_loop().time() < deadline, "never happened"
        await pilot.pause(0.02)
    await pilot.pause()


async def strike(pilot: Pilot[int], *keys: str) -> None:
    """Strike keys one after the other, and let what they say reach who hears it, from widget to widget."""
    await pilot.press(*keys)
    for _ in range(3):
        await pilot.pause(0)


async def strike_at_once(pilot: Pilot[int], *keys: str) -> None:
    """Strike keys faster than anything can be done about them, whatever the machine."""
    for key in keys:
        pilot.app.simulate_key(key)
    await pilot.pause()


async def press(pilot: Pilot[int], *keys: str) -> None:
    """Strike keys and wait until what they began is done."""
    await strike(pilot, *keys)
    app = pilot.app
    assert isinstance(app, Earful)
    await until(pilot, lambda: app.keyboard.idle or len(app.screen_stack) > 1)


def lines(app: Earful) -> list[str]:
    """The list as it is drawn."""
    return [app.inbox.list.render_line(y).text for y in range(app.inbox.list.size.height)]


def current(app: Earful) -> InboxRow:
    row = app.inbox.listing.row(app.inbox.listing.cursor)
    assert row is not None
    return row


def said(app: Earful) -> str:
    return str(app.screen.query_one(KeysLine).content)


def status(app: Earful) -> str:
    return app.inbox.query_one(StatusLine).words


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "earful.db"


async def test_a_whole_working_screen_at_80x24(path: Path) -> None:
    await seed(path, [f"words number {n}" for n in range(60)])
    async with running(path) as (app, _):
        shown = lines(app)
        assert len(shown) == 21
        assert all(len(line) == 80 for line in shown)
        assert "words number 0" in shown[0]
        assert shown[0].startswith("▌")
        assert "●" in shown[0]
        for words in ("done", "search", "help", "quit"):
            assert words in said(app)
        assert "inbox 1/60" in status(app)
        assert "ana" in status(app)


async def test_a_wide_footer_has_more_keys_and_the_case_never_lacks_the_way_back(path: Path) -> None:
    await seed(path, ["one"])
    for size, more in (((80, 24), False), ((200, 50), True)):
        async with running(path, size=size) as (app, pilot):
            assert ("snooze" in said(app)) is more
            await pilot.press("enter")
            await until(pilot, lambda: app.screen is not app.inbox and app.keyboard.idle)
            footer = str(app.screen.query_one(KeysLine).content)
            assert "q back" in footer
            assert "? help" in footer
            assert ("snooze" in footer) is more


async def test_a_line_without_words_says_why_and_a_number_is_not_a_name(path: Path) -> None:
    database = Database(path)
    await database.open()
    mia = NewAuthor("10158", name="Mia")
    await factories.land(database, factories.read_mention("soon gone", author=mia, id="gone"), now=START)
    await factories.land(database, deleted=["gone"], now=START)
    await database.close()
    async with running(path) as (app, _):
        assert "Mia " in lines(app)[0]
        assert "(deleted by its author)" in lines(app)[0]


async def test_moving(path: Path) -> None:
    await seed(path, [f"words number {n}" for n in range(60)])
    async with running(path) as (app, pilot):
        listing = app.inbox.listing
        for keys, place in (
            (["j", "j", "down"], 3),
            (["k"], 2),
            (["G"], 59),
            (["g", "g"], 0),
            (["ctrl+d"], 10),
            (["pagedown"], 31),
            (["ctrl+u", "pageup"], 0),
            (["end"], 59),
            (["j"], 59),
            (["home", "k"], 0),
        ):
            await press(pilot, *keys)
            assert listing.cursor == place, keys
            assert sum(line.startswith("▌") for line in lines(app)) == 1


async def test_a_sequence_says_what_goes_on_and_a_wrong_one_does_nothing(path: Path) -> None:
    await seed(path, ["one", "two"])
    async with running(path) as (app, pilot):
        await press(pilot, "g")
        assert "i inbox" in said(app)
        await press(pilot, "e")  # g e: escalated, not done
        assert app.inbox.view.name == "escalated"
        await press(pilot, "g", "i", "*", "e")
        assert [row.status for row in await rows(path)] == [CaseStatus.NEW, CaseStatus.NEW]


async def rows(path: Path) -> list[InboxRow]:
    """All cases of the store, newest first, by a second connection."""
    database = Database(path)
    await database.open()
    try:
        return await cases.listing(database, None, me="ana", now=datetime.now(UTC))
    finally:
        await database.close()


async def test_done_goes_on_to_the_next_and_undo_brings_it_back(path: Path) -> None:
    await seed(path, ["one", "two", "three"])
    async with running(path) as (app, pilot):
        await press(pilot, "j")
        two = current(app).id
        await press(pilot, "e")
        assert current(app).text == "three"
        assert "done" in said(app)
        assert "u undoes" in said(app)
        assert [row.status for row in await rows(path)] == [CaseStatus.NEW, CaseStatus.DONE, CaseStatus.NEW]
        await press(pilot, "u")
        assert current(app).id == two
        assert [row.status for row in await rows(path)] == [CaseStatus.NEW] * 3
        await press(pilot, "U")
        assert [row.status for row in await rows(path)][1] is CaseStatus.DONE


async def test_keys_struck_faster_than_the_store_meet_the_next_case(path: Path) -> None:
    await seed(path, [f"words {n}" for n in range(6)])
    async with running(path) as (app, pilot):
        await strike_at_once(pilot, "e", "e", "j", "e")
        await until(pilot, lambda: app.keyboard.idle and len(app.inbox.listing) == 3)
        finished = [row.text for row in await rows(path) if row.status is CaseStatus.DONE]
        assert finished == ["words 0", "words 1", "words 3"]


async def test_keys_struck_before_the_first_frame_are_not_lost(path: Path) -> None:
    await seed(path, [f"words {n}" for n in range(5)])
    app = Earful(Settings(DESK, None, path, "ana"))
    async with app.run_test(size=(80, 24)) as pilot:
        await strike_at_once(pilot, "j", "j", "e", "j")
        await until(pilot, lambda: app.keyboard.idle and len(app.inbox.listing) == 4)
        assert current(app).text == "words 4"
        assert [row.text for row in await rows(path) if row.status is CaseStatus.DONE] == ["words 2"]


async def test_what_is_typed_ahead_of_a_picker_goes_into_the_picker(path: Path) -> None:
    await seed(path, ["one", "two"])
    async with running(path) as (app, pilot):
        await strike_at_once(pilot, "a", "b", "e", "a", "enter")  # b and e would snooze and finish
        await until(pilot, lambda: app.keyboard.idle and len(app.screen_stack) == 1)
        found = await rows(path)
        assert [row.assignee for row in found] == ["bea", None]
        assert {row.status for row in found} <= {CaseStatus.OPEN, CaseStatus.NEW}


async def test_keys_behind_one_that_chose_at_once_are_commands_and_wait_for_what_it_began(path: Path) -> None:
    await seed(path, ["one", "two", "three"])
    async with running(path) as (app, pilot):
        before = [row.sentiment for row in await rows(path)]
        await strike_at_once(pilot, "S", "+", "j", "S", "-")
        await until(pilot, lambda: app.keyboard.idle and len(app.screen_stack) == 1)
        assert [row.sentiment for row in await rows(path)] == ["positive", "negative", before[2]]
        await strike_at_once(pilot, "S", "escape", "j", "e")
        await until(pilot, lambda: app.keyboard.idle and len(app.screen_stack) == 1)
        assert [row.text for row in await rows(path) if row.status is CaseStatus.DONE] == ["three"]


async def test_whoever_spells_out_what_one_letter_chose_gives_no_commands(path: Path) -> None:
    await seed(path, ["one", "two", "three"])
    async with running(path) as (app, pilot):
        await strike_at_once(pilot, "s", *"done", "j", "e")
        await until(pilot, lambda: app.keyboard.idle and len(app.screen_stack) == 1)
        found = await rows(path)
        assert sorted(row.text for row in found if row.status is CaseStatus.DONE) == ["one", "three"]


async def test_nor_does_a_slow_store_make_commands_of_the_rest(path: Path) -> None:
    await seed(path, ["one", "two", "three"])
    async with running(path) as (app, pilot):
        with closing(sqlite3.connect(path, isolation_level=None)) as other:
            other.execute("BEGIN IMMEDIATE")
            await strike_at_once(pilot, "s", *"done")
            await pilot.pause(2 * QUIET_SECONDS)
            other.execute("ROLLBACK")
        await until(pilot, lambda: app.keyboard.idle and len(app.screen_stack) == 1)
        assert [row.text for row in await rows(path) if row.status is CaseStatus.DONE] == ["one"]


async def test_what_is_typed_right_behind_enter_is_no_part_of_the_line(path: Path) -> None:
    await seed(path, ["one", "two", "three"])
    async with running(path) as (app, pilot):
        await strike_at_once(pilot, "slash", *"two", "enter", "e")
        await until(pilot, lambda: app.keyboard.idle)
        assert [app.inbox.listing.row(n).text for n in range(len(app.inbox.listing))] == ["two"]  # type: ignore[union-attr]
        assert all(row.status is CaseStatus.NEW for row in await rows(path))
        await pilot.pause(QUIET_SECONDS)
        await strike_at_once(pilot, "f", "enter", *"urgent", "enter")
        await until(pilot, lambda: app.keyboard.idle and len(app.screen_stack) == 1)
        [delivery] = await outbox.listing(await app.database())
        assert delivery.text == "urgent"


async def test_keys_right_after_a_text_field_are_no_commands(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    await seed(path, ["one", "two"])
    async with running(path) as (app, pilot):
        with monkeypatch.context() as patch:
            patch.setattr(keyboard, "QUIET_SECONDS", 3_600)  # whatever the machine, it is right after
            await press(pilot, "/", *"two", "enter")
            await until(pilot, lambda: len(app.inbox.listing) == 1)
            await press(pilot, "e")
        assert all(row.status is CaseStatus.NEW for row in await rows(path))
        await pilot.pause(QUIET_SECONDS)
        await press(pilot, "e")
        assert [row.text for row in await rows(path) if row.status is CaseStatus.DONE] == ["two"]


async def test_search_filter_and_the_way_back(path: Path) -> None:
    await seed(path, ["red apple", "green apple", "red brick", "blue brick"])
    async with running(path) as (app, pilot):
        await press(pilot, "/", *"red", "enter")
        assert [app.inbox.listing.row(n).text for n in range(2)] == ["red apple", "red brick"]  # type: ignore[union-attr]
        assert "search" in status(app)
        segments = app.inbox.list.render_line(1)
        assert any(segment.text == "red" and segment.style and segment.style.underline for segment in segments)
        await pilot.pause(QUIET_SECONDS)
        await press(pilot, "n")
        assert current(app).text == "red brick"
        await press(pilot, "escape")
        assert len(app.inbox.listing) == 4
        await press(pilot, "\\", *"brick", "enter")
        assert len(app.inbox.listing) == 2
        assert "inbox \\ brick 1/2" in status(app)


async def test_a_wrong_query_is_told_and_changes_nothing(path: Path) -> None:
    await seed(path, ["one", "two"])
    async with running(path) as (app, pilot):
        await press(pilot, "/", *'"one', "enter")
        assert app.screen.query_one("#prompt", Input).has_focus
        assert len(app.inbox.listing) == 2
        await press(pilot, "escape")
        assert app.inbox.list.has_focus


async def test_views_by_key_number_and_bracket(path: Path) -> None:
    await seed(path, ["one", "two", "three"])
    async with running(path) as (app, pilot):
        await press(pilot, "e", "7")
        assert app.inbox.view.name == "done"
        assert [current(app).text, len(app.inbox.listing)] == ["one", 1]
        await press(pilot, "]")
        assert app.inbox.view.name == "dismissed"
        await press(pilot, "[", "[", "g", "m")
        assert app.inbox.view.name == "mine"
        assert len(app.inbox.listing) == 0
        assert "nothing in mine" in "".join(lines(app))


async def test_an_arrival_is_counted_and_nothing_jumps(path: Path) -> None:
    await seed(path, [f"words number {n}" for n in range(60)])
    async with running(path) as (app, pilot):
        await press(pilot, *"jjjjj")
        before, where = current(app).id, lines(app)
        other = Database(path)
        await other.open()
        await factories.land(
            other,
            *(
                factories.read_mention(f"fresh {n}", author=f"new{n}", created_at=START + timedelta(minutes=n))
                for n in range(3)
            ),
            now=START,
        )
        await until(pilot, lambda: len(app.inbox.listing) == 63)
        await until(pilot, lambda: "3 new" in status(app))
        assert current(app).id == before
        assert [line[12:] for line in lines(app)] == [line[12:] for line in where]  # but for the ages
        await press(pilot, "g", "g")
        assert "fresh 2" in lines(app)[0]
        assert "new" not in status(app)
        # What another agent does shows too.
        await cases.act(other, [(before, None)], Assign("bob"), agent="bob", now=datetime.now(UTC))
        await until(pilot, lambda: any("@bob" in line for line in lines(app)))
        await other.close()


async def test_marks_ranges_and_one_decision_for_many(path: Path) -> None:
    await seed(path, [f"words number {n}" for n in range(8)])
    async with running(path) as (app, pilot):
        await press(pilot, "space", "x", "j", "j", "V", "j", "j")
        assert len(app.inbox.listing.marked) == 5
        assert "5 marked" in status(app)
        await press(pilot, "V", "+")
        assert [row.priority for row in await rows(path)].count(Priority.HIGH) == 5
        await press(pilot, "u")
        assert all(row.priority is Priority.NORMAL for row in await rows(path))
        await press(pilot, "*", "a", "*", "n")
        assert not app.inbox.listing.marked


async def test_many_at_once_are_asked_about(path: Path) -> None:
    await seed(path, [f"words number {n}" for n in range(30)])
    async with running(path) as (app, pilot):
        await pilot.press("*", "a")
        await until(pilot, lambda: app.keyboard.idle)
        await pilot.press("e")
        await until(pilot, lambda: isinstance(app.screen, ConfirmScreen))
        asked = " ".join(str(line.content) for line in app.screen.query("Static"))  # type: ignore[attr-defined]
        assert "30 cases" in asked
        assert "words number 2" in asked
        await press(pilot, "enter")
        assert isinstance(app.screen, ConfirmScreen)  # Enter confirms nothing
        await press(pilot, "n")
        await until(pilot, lambda: app.keyboard.idle)
        assert all(row.status is CaseStatus.NEW for row in await rows(path))
        await pilot.press("e")
        await until(pilot, lambda: isinstance(app.screen, ConfirmScreen))
        await pilot.press("y")
        await until(pilot, lambda: app.keyboard.idle and len(app.inbox.listing) == 0)
        assert all(row.status is CaseStatus.DONE for row in await rows(path))


@pytest.mark.parametrize(
    ("keys", "field", "value"),
    [
        (("a", "enter"), "assignee", "ana"),
        (("t", *"vip", "enter"), "tags", ("vip",)),
        (("d", "2"), "status", CaseStatus.DISMISSED),
        (("h", "enter"), "status", CaseStatus.SNOOZED),
        (("h", *"3d", "enter"), "status", CaseStatus.SNOOZED),
        (("s", "d"), "status", CaseStatus.DONE),
        (("S", "+"), "sentiment", "positive"),
        (("-",), "priority", Priority.LOW),
        (("m", "a"), "status", CaseStatus.DISMISSED),
        (("E", "enter", *"angry", "enter"), "status", CaseStatus.ESCALATED),
        (("P",), "assignee", "ana"),
    ],
)
async def test_every_decision_by_its_keys_and_back(
    path: Path, keys: tuple[str, ...], field: str, value: object
) -> None:
    await seed(path, ["one"])
    before = getattr((await rows(path))[0], field)
    async with running(path) as (app, pilot):
        await pilot.press(*keys)
        await until(pilot, lambda: app.keyboard.idle and len(app.screen_stack) == 1)
        assert getattr((await rows(path))[0], field) == value
        await pilot.pause(QUIET_SECONDS)
        await press(pilot, "u")
        assert getattr((await rows(path))[0], field) == before


async def test_forward_leaves_by_the_outbox_and_the_status_line_says_so(path: Path) -> None:
    await seed(path, ["please refund"])
    async with running(path) as (app, pilot):
        await pilot.press("f", "enter", *"urgent", "enter")
        await until(pilot, lambda: app.keyboard.idle and len(app.screen_stack) == 1)
        await until(pilot, lambda: "1 held" in status(app))
        database = await app.database()
        [delivery] = await outbox.listing(database)
        assert (delivery.target, delivery.text, delivery.state) == ("billing", "urgent", DeliveryState.HELD)


async def test_repeat_does_the_last_change_here_but_sends_nothing(path: Path) -> None:
    await seed(path, ["one", "two", "three"])
    async with running(path) as (app, pilot):
        await pilot.press("t", *"vip", "enter")
        await until(pilot, lambda: app.keyboard.idle and len(app.screen_stack) == 1)
        await pilot.pause(QUIET_SECONDS)
        await press(pilot, "j", ".")
        assert [row.tags for row in await rows(path)] == [("vip",), ("vip",), ()]
        await pilot.press("f", "enter", "enter")
        await until(pilot, lambda: app.keyboard.idle and len(app.screen_stack) == 1)
        await pilot.pause(QUIET_SECONDS)
        await press(pilot, "j", ".")
        assert len(await outbox.listing(await app.database())) == 1
        assert (await rows(path))[2].tags == ("vip",)


async def test_a_case_that_moved_is_told_and_shown_anew(path: Path) -> None:
    await seed(path, ["one", "two"])
    async with running(path) as (app, pilot):
        other = Database(path)
        await other.open()
        await cases.act(other, [(current(app).id, None)], Assign("bob"), agent="bob", now=datetime.now(UTC))
        await other.close()
        await press(pilot, "e")
        assert [n.severity for n in app._notifications] == ["error"]
        assert all(not n.markup for n in app._notifications)
        assert (await rows(path))[0].status is not CaseStatus.DONE
        await until(pilot, lambda: "@bob" in lines(app)[0])
        await press(pilot, "e")
        assert [row.text for row in await rows(path) if row.status is CaseStatus.DONE] == ["one"]


async def test_leaving_asks_only_when_something_is_unsent(path: Path) -> None:
    await seed(path, ["one", "two"])
    async with running(path) as (app, pilot):
        await pilot.press("escape")
        assert app.is_running
        await pilot.press("q")
        await until(pilot, lambda: not app.is_running)
    database = Database(path)
    await database.open()
    await cases.act(database, [(1, None)], Reply("on it", "identity-1", 3600), agent="ana", now=datetime.now(UTC))
    await database.close()
    async with running(path) as (app, pilot):
        await until(pilot, lambda: "1 held" in status(app))
        await pilot.press("q")
        await until(pilot, lambda: isinstance(app.screen, ConfirmScreen))
        asked = " ".join(str(line.content) for line in app.screen.query("Static"))  # type: ignore[attr-defined]
        assert "1 held" in asked
        await pilot.press("n")
        await until(pilot, lambda: app.keyboard.idle)
        assert app.is_running


async def test_hostile_words_are_shown_harmless_and_act_on_nothing(path: Path) -> None:
    texts = [text for text in PAYLOADS.values() if not any("\ud800" <= c <= "\udfff" for c in text)]
    await seed(path, texts)
    async with running(path, size=(140, 30)) as (app, pilot):
        for _ in texts:
            assert harm_in("".join(lines(app))) == []
            assert all(
                line.cell_length == app.inbox.list.size.width for line in map(app.inbox.list.render_line, range(5))
            )
            await pilot.press("j")
        await pilot.pause(0.3)
        assert app.is_running
        assert len(await rows(path)) == len(texts)


async def test_help_is_of_this_screen_searchable_and_runs(path: Path) -> None:
    await seed(path, ["one", "two"])
    async with running(path) as (app, pilot):
        await press(pilot, "?")
        hint = str(app.screen.query_one(".hint").content)  # type: ignore[attr-defined]
        assert "there is more" in hint
        await pilot.press(*"untouched case", "enter")
        await until(pilot, lambda: len(app.screen_stack) == 1 and app.keyboard.idle)
        assert app.inbox.listing.cursor == 1  # "next untouched"


async def test_the_menu_finds_a_command_by_its_name(path: Path) -> None:
    await seed(path, ["one", "two"])
    async with running(path) as (app, pilot):
        await pilot.press(":")
        await until(pilot, lambda: isinstance(app.screen, PickScreen))
        await pilot.press(*"view: done", "enter")
        await until(pilot, lambda: len(app.screen_stack) == 1 and app.keyboard.idle)
        assert app.inbox.view.name == "done"


async def test_the_users_keys(path: Path) -> None:
    await seed(path, ["one", "two"])
    desk = Desk(worker="separate", keymap={"case.done": "Z,g d", "case.mute": ""})
    async with running(path, desk=desk) as (app, pilot):
        assert "Z done" in said(app)
        await press(pilot, "e", "m")
        assert all(row.status is CaseStatus.NEW for row in await rows(path))
        assert len(app.screen_stack) == 1
        await press(pilot, "g", "d", "Z")
        assert all(row.status is CaseStatus.DONE for row in await rows(path))


async def test_a_large_view_is_loaded_as_far_as_it_is_read(path: Path) -> None:
    await seed(path, [f"words number {n}" for n in range(1_300)])
    async with running(path) as (app, pilot):
        assert len(app.inbox.listing) == 500
        assert "1/1,300" in status(app)
        await press(pilot, "G")
        await until(pilot, lambda: app.inbox.listing.row(app.inbox.listing.cursor) is not None)
        assert current(app).text == "words number 1299"
        assert "1,300/1,300" in status(app)


async def test_a_store_that_cannot_be_opened_is_told(tmp_path: Path) -> None:
    bad = tmp_path / "not-a-store.db"
    bad.write_bytes(b"these are not the pages you are looking for" * 100)
    async with running(bad) as (app, pilot):
        assert "store" in "".join(lines(app))
        await pilot.press("q")
        await until(pilot, lambda: not app.is_running)


async def test_no_locals_are_printed_when_it_breaks(path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    await seed(path, ["one"])

    class Broken(Exception):
        pass

    def breaks() -> None:
        token = "s3cret-canary"  # noqa: F841
        raise Broken("it broke")

    app = Earful(Settings(DESK, None, path, "ana"))
    with pytest.raises(Broken):  # noqa: PT012
        async with app.run_test(size=(80, 24)) as pilot:
            app.call_later(breaks)
            await pilot.pause(0.5)
    assert isinstance(app.crashed, Broken)
    printed = capsys.readouterr()
    assert "s3cret-canary" not in printed.out + printed.err


async def test_done_from_elsewhere_keeps_the_place(path: Path) -> None:
    """The current case leaves the view by another agent's hand: the cursor stands on the next one, on the same line."""
    await seed(path, [f"words number {n}" for n in range(10)])
    async with running(path) as (app, pilot):
        await press(pilot, *"jjj")
        other = Database(path)
        await other.open()
        await cases.act(other, [(current(app).id, None)], Done(), agent="bob", now=datetime.now(UTC))
        await other.close()
        await until(pilot, lambda: len(app.inbox.listing) == 9)
        assert current(app).text == "words number 4"
        assert app.inbox.listing.cursor == 3


async def test_a_new_name_is_not_taken_for_one_that_contains_it(path: Path) -> None:
    await seed(path, ["one", "two"])
    async with running(path) as (app, pilot):
        await pilot.press("a", *"body", "enter")  # "nobody" contains it
        await until(pilot, lambda: app.keyboard.idle and len(app.screen_stack) == 1)
        assert [row.assignee for row in await rows(path)] == ["body", None]


@pytest.mark.parametrize("theme", ["terminal", "dark", "light"])
async def test_every_theme_can_be_read(path: Path, theme: str) -> None:
    """Letters stand out from what is behind them, on the line under the cursor and on the others."""
    await seed(path, ["one", "two", "three"])
    async with running(path, size=(130, 24)) as (app, pilot):
        app.theme = theme
        await pilot.pause(0.3)
        for strip in [app.inbox.list.render_line(y) for y in range(3)] + [app.inbox.query_one(Preview).render_line(0)]:
            for segment in strip:
                style = segment.style
                if segment.text.strip() and style and style.color and style.bgcolor and style.color.triplet:
                    front, back = (colour.get_truecolor() for colour in (style.color, style.bgcolor))
                    assert _contrast(front, back) >= 4, (segment, theme)


def _contrast(one: ColorTriplet, other: ColorTriplet) -> float:
    """WCAG 2 contrast ratio."""

    def luminance(colour: ColorTriplet) -> float:
        linear = [c / 12.92 if c <= 0.03928 else ((c + 0.055) / 1.055) ** 2.4 for c in colour.normalized]
        return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]

    low, high = sorted((luminance(one), luminance(other)))
    return (high + 0.05) / (low + 0.05)


async def test_the_most_urgent_first_and_the_newest_again(tmp_path: Path) -> None:
    path = tmp_path / "s.db"
    database = Database(path)
    await database.open()
    posts = [
        factories.read_mention(
            f"case {points}", author=f"a{points}", urgency=points, reasons=[f"{points} points"], created_at=START
        )
        for points in (50, 90, 10)
    ]
    await factories.land(database, *posts, now=START)
    await database.close()
    async with running(path) as (app, pilot):
        newest = list(app.inbox.listing.ids)
        await pilot.press("!")
        await until(pilot, lambda: list(app.inbox.listing.ids) != newest and app.keyboard.idle)
        assert [app.inbox.listing.rows[i].urgency for i in app.inbox.listing.ids] == [90, 50, 10]
        assert "urgent first" in status(app)
        assert "urgency 90: 90 points" in status(app)
        await pilot.press("P")
        await until(pilot, lambda: app.keyboard.idle and "yours now" in said(app))
        assert "urgency 90: 90 points" in said(app)
        await pilot.press("!")
        await until(pilot, lambda: list(app.inbox.listing.ids) == newest)
        assert "urgent first" not in status(app)
