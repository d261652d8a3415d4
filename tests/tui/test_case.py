"""The case screen by its keys, over a real store."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from importlib import import_module
from pathlib import Path
from time import thread_time

import pytest
from textual.widgets import Static

from store import cases, drafts, outbox
from store.database import Database
from store.domain.action import AddNote, Assign, Forward, Reply
from store.domain.case import CaseStatus, Priority
from store.domain.delivery import DeliveryState
from store.domain.mention import NewAuthor
from tests import factories
from tests.hostile import PAYLOADS, harm_in
from tests.tui.desk import CAN_ANSWER, painted, place, press, reader, store, thread, whole
from tests.tui.test_inbox import DESK, START, rows, running, said, seed, until
from tui import actions
from tui.keyboard import QUIET_SECONDS
from tui.screens import SCREENS
from tui.screens.case import CaseScreen
from tui.screens.found import FoundScreen
from tui.shell import Earful
from tui.widgets.facts import Facts
from tui.widgets.lines import Lines


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "earful.db"


def head(app: Earful) -> str:
    return "\n".join(painted(reader(app).query_one("#head", Lines)))


@pytest.mark.parametrize(
    ("where", "screen"), [("case", "case"), ("compose", "case"), ("insights", "insights"), ("health", "health")]
)
def test_every_key_does_something_there_is_and_has_one_meaning(where: str, screen: str) -> None:
    module, _, name = SCREENS[screen].partition(":")
    taken: dict[str, str] = {}
    for action in actions.available(where):
        assert callable(getattr(getattr(import_module(module), name), f"action_{action.call.partition('(')[0]}", None))
        for key in actions.normal(action.keys).split(","):
            assert taken.setdefault(key, action.id) == action.id, key


async def talk(path: Path) -> int:
    """A case with two words of theirs (one edited), a stranger's, our answer that came back, a note, a forward."""
    database = Database(path)
    await database.open()
    first = START - timedelta(minutes=50)

    def word(text: str, minutes: int, **fields: object) -> object:
        return factories.read_mention(text, created_at=first + timedelta(minutes=minutes), **fields)

    line = await factories.land(database, word("it is down", 0, id="p1", sentiment="negative"), now=first)  # type: ignore[arg-type]
    case_id = line.new_cases[0]
    target = [(case_id, None)]
    acted = await cases.act(
        database, target, Reply("which one?", "id-1"), agent="bob", now=first + timedelta(minutes=5)
    )
    delivery = await outbox.get(database, acted.deliveries[0])
    for state in (DeliveryState.QUEUED, DeliveryState.SENDING):
        delivery = await outbox.move(database, delivery, state, now=first + timedelta(minutes=6))
    await outbox.move(
        database,
        delivery,
        DeliveryState.SENT,
        now=first + timedelta(minutes=6),
        remote_id="ours1",
        url="https://s.example/ours1",
    )
    await factories.land(
        database,
        word("which one?", 6, id="ours1", parent="p1", ours=True, author="brand"),  # type: ignore[arg-type]
        word("same here", 8, id="p2", parent="p1", author="eve"),  # type: ignore[arg-type]
        word("the one in Cluj", 9, id="p3", parent="ours1"),  # type: ignore[arg-type]
        now=START,
    )
    await factories.land(
        database,
        word("it is down, still", 0, id="p1", sentiment="negative", edited_at=first + timedelta(minutes=12)),  # type: ignore[arg-type]
        now=START,
    )
    await cases.act(database, target, AddNote("she is a journalist"), agent="ana", now=first + timedelta(minutes=20))
    await cases.act(database, target, Forward("billing", "refund?", 900), agent="ana", now=START)
    await database.close()
    return case_id


async def test_everything_that_was_said_in_the_order_it_was_said(path: Path) -> None:
    case_id = await talk(path)
    async with running(path, size=(80, 40)) as (app, pilot):
        await press(pilot, *("j" for _ in range(app.inbox.listing.place(case_id) or 0)), "enter")
        shown = thread(app)
        text = "\n".join(shown)
        order = [
            text.index(words)
            for words in (
                "│ it is down, still",
                "{+, still+}",
                "┃ which one?",
                "  same here",
                "│ the one in Cluj",
                "┊ she is a journalist",
                "┃ refund?",
            )
        ]
        assert order == sorted(order)
        assert "edited" in text
        assert ": it is down{+, still+}" in text
        assert text.count("which one?") == 1  # our answer and its delivery are one
        assert "we  bob" in text
        assert "note  ana" in text
        assert "stays in the house" in text
        assert "forwarded to billing  ana" in text
        assert "→ sending in" in text
        assert "u recalls" in text


async def test_the_head_says_how_it_stands_and_the_panel_everything_else(path: Path) -> None:
    case_id = await talk(path)
    async with store(path) as database:
        await cases.act(database, [(case_id, None)], Assign("bob"), agent="ana", now=START)
        await factories.land(
            database,
            factories.read_mention("of other things", id="p9", created_at=START - timedelta(days=3)),
            now=START,
        )
    async with running(path) as (app, pilot):
        await press(pilot, *("j" for _ in range(app.inbox.listing.place(case_id) or 0)), "enter")
        for words in ("open", "bob", "answer due", "ana", "mastodon", "neutral", "en"):
            assert words in head(app), words
        await until(pilot, lambda: reader(app).others is not None)
        await press(pilot, "i")
        panel = reader(app).query_one(Facts)
        assert panel.size.width == 80
        await press(pilot, "G")
        shown = "\n".join("".join(words for words, _ in line) for line in panel.lines)
        assert "other cases: 1" in shown
        assert "of other things" in shown
        first = START - timedelta(minutes=50)
        assert f"this one {START:%Y-%m-%dT%H:%M:%S}Z" in shown
        assert f"first word {first:%Y-%m-%dT%H:%M:%S}Z" in shown
        assert "ana: assign (assignee → bob)" in shown
        assert "bob: reply (status new → waiting)" in shown
        await press(pilot, "escape")
        assert reader(app).thread.display
        await press(pilot, "escape")
        assert app.screen is app.inbox


async def test_a_wide_screen_shows_the_panel_beside_the_thread(path: Path) -> None:
    await talk(path)
    async with running(path, size=(200, 50)) as (app, pilot):
        await press(pilot, "enter")
        panel = reader(app).query_one(Facts)
        assert panel.region.x > 100
        assert any("journal" in line for line in painted(panel))
        await press(pilot, "i")
        assert not panel.display


async def test_from_case_to_case_none_is_skipped_though_one_leaves_the_list(path: Path) -> None:
    await seed(path, ["one", "two", "three", "four"])
    async with running(path) as (app, pilot):
        await press(pilot, "enter", "J")
        assert "two" in thread(app)[1]
        await press(pilot, "e")
        assert "✓ done" in head(app)
        assert "u undoes" in said(app)
        await until(pilot, lambda: len(app.inbox.listing) == 3)
        await press(pilot, "J")
        assert "three" in thread(app)[1]
        await press(pilot, "J", "J")
        assert "four" in thread(app)[1]
        assert "no next case" in said(app)
        await press(pilot, "K", "K", "K")
        assert "one" in thread(app)[1]
        await press(pilot, "q")
        assert app.inbox.listing.cursor == 0
        assert [row.status for row in await rows(path)].count(CaseStatus.DONE) == 1


async def test_the_actions_of_the_inbox_work_here_and_undo_too(path: Path) -> None:
    await seed(path, ["one"])
    async with running(path) as (app, pilot):
        await press(pilot, "enter", "+", "a", "enter")
        await until(pilot, lambda: app.keyboard.idle and isinstance(app.screen, CaseScreen))
        (row,) = await rows(path)
        assert (row.priority, row.assignee) == (Priority.HIGH, "ana")
        assert "↑ high" in head(app)
        await pilot.pause(QUIET_SECONDS)
        await press(pilot, "u", "u")
        (row,) = await rows(path)
        assert (row.priority, row.assignee, row.status) == (Priority.NORMAL, None, CaseStatus.NEW)


async def test_the_person_key_lists_their_cases_and_esc_comes_back(path: Path) -> None:
    database = Database(path)
    await database.open()
    for n, author in enumerate(("ana", "eve", "ana")):
        await factories.land(
            database,
            factories.read_mention(f"words {n}", author=author, id=f"w{n}", created_at=START - timedelta(hours=n)),
            now=START,
        )
    await database.close()
    async with running(path) as (app, pilot):
        await press(pilot, "enter", "p")
        await until(pilot, lambda: isinstance(app.screen, FoundScreen) and len(app.screen.listing) == 2)
        found = app.screen
        assert isinstance(found, FoundScreen)
        assert "all cases of ana" in str(found.query_one("#views", Static).content)
        await press(pilot, "j", "enter")
        assert "words 2" in thread(app)[1]
        await press(pilot, "q", "escape")
        assert "words 0" in thread(app)[1]


async def test_news_from_elsewhere_show_by_themselves_and_the_place_stays(path: Path) -> None:
    await seed(path, ["\n".join(f"line {n}" for n in range(60))])
    async with running(path) as (app, pilot):
        await press(pilot, "enter", "T", "g", "g", "j", "j")
        before = thread(app)
        (row,) = await rows(path)
        async with store(path) as database:
            await cases.act(database, [(row.id, None)], AddNote("a word from bob"), agent="bob", now=datetime.now(UTC))
        await until(pilot, lambda: "1/2" in place(app))
        assert thread(app) == before
        await press(pilot, "enter")
        assert any("a word from bob" in line for line in thread(app))


async def test_long_texts_are_folded_and_unfold(path: Path) -> None:
    await seed(path, ["w" * 60_000, "\n".join(f"line {n}" for n in range(3_000))])
    async with running(path) as (app, pilot):
        await press(pilot, "enter")
        assert len(reader(app).thread.lines) < 60
        await press(pilot, "J", "G")
        assert any("T unfolds" in line for line in thread(app))
        await press(pilot, "T", "G")
        assert "line 2999" in thread(app)[-1]
        await press(pilot, "g", "g")
        assert "line 0" in thread(app)[1]


@pytest.mark.parametrize("handle", ["\ufffd", "---", '"', "\U0001f525", "(", "\\"])
async def test_who_has_a_name_without_a_word_is_found_by_it(path: Path, handle: str) -> None:
    async with store(path) as database:
        one, two = [factories.read_mention(text, author=handle, thread=text) for text in ("one", "two")]
        await factories.land(database, one, two)
    async with running(path) as (app, pilot):
        await press(pilot, "enter", "p")
        await until(pilot, lambda: isinstance(app.screen, FoundScreen) and len(app.screen.listing) > 0)
        assert isinstance(app.screen, FoundScreen)
        assert len(app.screen.listing) == (1 if handle == '"' else 2)


async def test_five_hundred_words_in_a_thread_scroll_at_once(path: Path) -> None:
    database = Database(path)
    await database.open()
    items = [
        factories.read_mention(
            f"word {n} " + "and more of it " * 40,
            id=f"t{n}",
            parent="t0" if n else "",
            created_at=START - timedelta(minutes=600 - n),
        )
        for n in range(500)
    ]
    await factories.land(database, *items, now=START)
    await database.close()
    async with running(path) as (app, pilot):
        await press(pilot, "enter")
        assert "500/500" in place(app)
        assert any("word 499" in line for line in thread(app))
        began = thread_time()
        for _ in range(50):
            reader(app).action_page(-1)
            painted(reader(app).thread)
        assert (thread_time() - began) / 50 < 0.05
        await press(pilot, "g", "g")
        assert "word 0" in thread(app)[1]


async def test_hostile_text_is_harmless_in_every_pane(path: Path) -> None:
    database = Database(path)
    await database.open()
    names = [name for name, text in PAYLOADS.items() if not any("\ud800" <= c <= "\udfff" for c in text)]
    items = [
        factories.read_mention(
            PAYLOADS[name],
            id=f"h{n}",
            title=PAYLOADS[name][:300],
            author=NewAuthor(f"{PAYLOADS[name][:100]}{n}", name=PAYLOADS[name][:200]),
            url=f"https://x.example/{PAYLOADS[name][:80]}",
            created_at=START - timedelta(minutes=n),
        )
        for n, name in enumerate(names)
    ]
    line = await factories.land(database, *items, now=START)
    for case_id, name in zip(line.new_cases, names, strict=True):
        target = [(case_id, None)]
        await cases.act(database, target, AddNote("note " + PAYLOADS[name][:2_000]), agent="bob", now=START)
        await cases.act(
            database, target, Reply("reply " + PAYLOADS[name][:2_000], f"id-{case_id}"), agent="bob", now=START
        )
    await database.close()
    async with running(path, desk=CAN_ANSWER, size=(160, 40)) as (app, pilot):
        await press(pilot, "4", "enter")  # all of them wait for their answer
        seen = 0
        while True:
            screen = reader(app)
            panes = [screen.thread, screen.query_one(Facts), screen.query_one("#head", Lines)]
            said_here = "\n".join("\n".join(painted(pane)) for pane in panes)
            assert not harm_in(said_here), screen.case_id
            assert all(len(painted(pane)) == pane.size.height for pane in panes)
            seen += 1
            before = screen.case_id
            await press(pilot, "J")
            if reader(app).case_id == before:
                break
        assert seen == len(names)


async def stuck(path: Path, state: DeliveryState) -> int:
    """An answer of ana's that got as far as `state`."""
    await seed(path, ["one"])
    (row,) = await rows(path)
    async with store(path) as database:
        acted = await cases.act(database, [(row.id, None)], Reply("hello", "id-1", 0), agent="ana", now=START)
        delivery = await outbox.get(database, acted.deliveries[0])
        way = {
            DeliveryState.FAILED: [DeliveryState.FAILED],
            DeliveryState.UNKNOWN: [DeliveryState.UNKNOWN],
            DeliveryState.PERSON: [DeliveryState.UNKNOWN, DeliveryState.PERSON],
        }[state]
        for step in (DeliveryState.QUEUED, DeliveryState.SENDING, *way):
            delivery = await outbox.move(
                database, delivery, step, now=START, error="the network's own words" if step is way[-1] else ""
            )
    return row.id


@pytest.mark.parametrize(
    ("state", "shown", "key", "becomes"),
    [
        (DeliveryState.FAILED, "✗ failed: the network's own words", "a", DeliveryState.QUEUED),
        (DeliveryState.FAILED, "✗ failed", "x", DeliveryState.WITHDRAWN),
        (DeliveryState.UNKNOWN, "? no answer came", "s", DeliveryState.SENT),
        (DeliveryState.PERSON, "? needs a person: the network's own words", "s", DeliveryState.SENT),
        (DeliveryState.PERSON, "? needs a person", "a", DeliveryState.QUEUED),
        (DeliveryState.PERSON, "? needs a person", "x", DeliveryState.WITHDRAWN),
    ],
)
async def test_what_got_stuck_is_shown_with_the_networks_words_and_a_person_settles_it(
    path: Path, state: DeliveryState, shown: str, key: str, becomes: DeliveryState
) -> None:
    await stuck(path, state)
    async with running(path, desk=CAN_ANSWER) as (app, pilot):
        await press(pilot, *(() if state is not DeliveryState.UNKNOWN else ("4",)), "enter")
        assert any(shown in line for line in thread(app)), thread(app)
        await pilot.press("D", key)
        await until(pilot, lambda: app.keyboard.idle and isinstance(app.screen, CaseScreen))
        (delivery,) = (await whole(path)).deliveries
        assert delivery.state is becomes


async def test_what_failed_is_a_draft_again(path: Path) -> None:
    case_id = await stuck(path, DeliveryState.FAILED)
    async with running(path, desk=CAN_ANSWER) as (app, pilot):
        await press(pilot, "enter", "r")
        assert reader(app).composer.text == "hello"
        async with store(path) as database:
            kept = await drafts.get(database, case_id, "ana")
        assert kept is not None


async def test_with_the_program_of_a_team_no_editor_is_started(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("EDITOR", "touch")
    await seed(path, ["one"])
    async with running(path, desk=replace(DESK, worker="separate")) as (app, pilot):
        await press(pilot, "c", "h", "i", "ctrl+g")
        await until(pilot, lambda: app.keyboard.idle)
        assert reader(app).composer.text == "hi"
        assert any("no other program" in str(note.message) for note in app._notifications)


async def test_a_head_that_has_no_room_gives_up_the_name_then_says_that_it_is_cut(path: Path) -> None:
    author = NewAuthor(handle="somebody.with.a.long.handle@mastodon.example", name="Somebody Named")
    item = factories.read_mention("words", author=author, language="vi")
    async with store(path) as database:
        line = await factories.land(database, item, now=START)
        await factories.issue_of(database, "no answer from the support", line.new_mentions)
    for size, named in (((80, 24), False), ((160, 50), True)):
        async with running(path, size=size) as (app, pilot):
            await press(pilot, "enter")
            who = painted(reader(app).head)[1]
            assert ("Somebody" in who) is named
            assert who.endswith("…" if not named else "support")
