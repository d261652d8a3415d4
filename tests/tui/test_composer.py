"""Writing an answer or a note by keys, to a delivery that is held, over a real store."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import pytest
from textual import events
from textual.app import App
from textual.pilot import Pilot
from textual.screen import ModalScreen
from textual.widgets import Static

from store import cases, drafts
from store.domain.action import Assign
from store.domain.case import CaseStatus
from store.domain.delivery import DeliveryState
from store.domain.desk import SourceConfig
from store.domain.errors import BadInput
from tests.factories import land, read_mention
from tests.hostile import PAYLOADS, harm_in
from tests.servers import Reply, Seen, Server, json_reply
from tests.tui.desk import CAN_ANSWER, deliveries, go_on, place, press, reader, store, thread, whole
from tests.tui.test_inbox import DESK, rows, running, said, seed, strike_at_once, until
from tui.editor import edit
from tui.keyboard import QUIET_SECONDS
from tui.modals.confirm import ConfirmScreen
from tui.modals.review import ReviewScreen
from tui.screens.case import CaseScreen
from tui.shell import Earful
from tui.widgets.composer import KEEP_SECONDS


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "earful.db"


@asynccontextmanager
async def answering(path: Path) -> AsyncIterator[tuple[Earful, Pilot[int]]]:
    async with running(path, desk=CAN_ANSWER) as there:
        yield there


async def test_an_answer_by_keys_is_held_and_u_brings_it_back_to_be_written(path: Path) -> None:
    await seed(path, ["it is down"])
    async with answering(path) as (app, pilot):
        await press(pilot, "r", *"we look into it")
        await go_on(pilot)
        assert isinstance(app.screen, ReviewScreen)
        assert await deliveries(path) == []
        await press(pilot, "enter")
        assert isinstance(app.screen, ReviewScreen)  # Enter sends nothing
        await press(pilot, "y")
        await until(pilot, lambda: not isinstance(app.screen, ReviewScreen))
        (held,) = await deliveries(path)
        assert (held.state, held.text, held.to, held.target) == (
            DeliveryState.HELD,
            "we look into it",
            "author0",
            "seed-0",
        )
        await until(pilot, lambda: app.background.pulse.held == 1)
        assert "u recalls" in place(app)
        assert (await rows(path))[0].status is CaseStatus.WAITING
        await press(pilot, "u")
        assert reader(app).composer.text == "we look into it"
        (recalled,) = await deliveries(path)
        assert recalled.state is DeliveryState.WITHDRAWN
        assert (await rows(path))[0].status is CaseStatus.NEW
        # The same words again are the same delivery: nothing was doubled by going back and forth.
        await go_on(pilot)
        await press(pilot, "y")
        await until(pilot, lambda: not isinstance(app.screen, ReviewScreen))
        (again,) = await deliveries(path)
        assert (again.id, again.identity, again.state) == (held.id, held.identity, DeliveryState.HELD)


async def test_a_draft_outlives_the_screen_and_the_program(path: Path) -> None:
    await seed(path, ["it is down"])
    async with answering(path) as (app, pilot):
        await press(pilot, "r", *"half")
        await pilot.press("escape")
        await until(pilot, lambda: app.keyboard.idle and not reader(app).composer.is_open)
        assert "kept as a draft" in said(app)
        assert "your draft" in place(app)
        await pilot.pause(QUIET_SECONDS)
        await press(pilot, "q", "r")
        assert reader(app).composer.text == "half"
        await pilot.press(*" a word")
    async with answering(path) as (app, pilot):
        await press(pilot, "r")
        assert reader(app).composer.text == "half a word"
    assert await deliveries(path) == []


async def test_it_is_in_the_store_a_moment_after_the_last_key(path: Path) -> None:
    assert KEEP_SECONDS < 1
    await seed(path, ["it is down"])
    async with answering(path) as (app, pilot):
        await press(pilot, "r", *"half")
        await until(pilot, lambda: "draft kept" in str(reader(app).composer._foot.content))
        async with store(path) as database:
            (draft,) = await drafts.of_agent(database, "ana")
        assert draft.text == "half"


async def test_nothing_written_is_nothing_kept_and_nothing_sent(path: Path) -> None:
    await seed(path, ["it is down"])
    async with answering(path) as (app, pilot):
        await press(pilot, "r", "space")
        await go_on(pilot)
        assert not isinstance(app.screen, ReviewScreen)
        async with store(path) as database:
            assert await drafts.of_agent(database, "ana") == []


async def test_what_is_struck_ahead_of_the_last_look_sends_nothing(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The network takes a second to say how long an answer may be; what is struck meanwhile was not looked at."""
    monkeypatch.setenv("M_TOKEN", "t0ken")
    await seed(path, ["it is down"])
    with Server() as server:

        def slow(_: Seen) -> Reply:
            server.wait(1)
            return json_reply({}, 503)

        server.on("/api/v2/instance", slow)
        source = SourceConfig(
            "mastodon", "mastodon.social", url=server.url(), token="env:M_TOKEN", options={"tags": ["acme"]}
        )
        async with running(path, desk=replace(CAN_ANSWER, worker="embedded", sources=(source,))) as (app, pilot):
            await press(pilot, "r", *"hasty")
            for key in ("ctrl+d", "y", "y"):
                app.simulate_key(key)
            await until(pilot, lambda: isinstance(app.screen, ReviewScreen) and app.keyboard.idle)
            await pilot.pause(QUIET_SECONDS)
            await press(pilot, "e")
            await until(pilot, lambda: not isinstance(app.screen, ReviewScreen))
            assert reader(app).composer.text == "@author0 hasty"
    assert await deliveries(path) == []


async def test_letters_struck_right_before_it_are_still_text(path: Path) -> None:
    await seed(path, ["it is down"])
    async with answering(path) as (app, pilot):
        await press(pilot, "r")
        for key in (*"allofit", "ctrl+d"):
            app.simulate_key(key)
        await until(pilot, lambda: isinstance(app.screen, ReviewScreen))
        assert "allofit" in str(app.screen.query_one("#words", Static).content)


async def test_a_draft_that_somebody_else_wrote_into_the_store_is_harmless(path: Path) -> None:
    await seed(path, ["it is down"])
    (row,) = await rows(path)
    words = " ".join(p[:200] for p in PAYLOADS.values() if not any("\ud800" <= c <= "\udfff" for c in p))
    async with store(path) as database:
        await drafts.save(database, row.id, "ana", words, now=datetime.now(UTC))
    async with answering(path) as (app, pilot):
        await press(pilot, "r")
        assert not harm_in(reader(app).composer.text)
        await go_on(pilot)
        assert not harm_in(str(app.screen.query_one("#words", Static).content))


async def test_postponed_is_kept_and_dropped_is_gone_once_it_was_asked(path: Path) -> None:
    await seed(path, ["it is down"])
    async with answering(path) as (app, pilot):
        await press(pilot, "r", *"later")
        await go_on(pilot)
        await press(pilot, "p")
        await until(pilot, lambda: app.keyboard.idle and not reader(app).composer.is_open)
        await press(pilot, "r")
        assert reader(app).composer.text == "later"
        await go_on(pilot)
        await press(pilot, "n")
        await until(pilot, lambda: isinstance(app.screen, ConfirmScreen))
        await press(pilot, "n")
        await until(pilot, lambda: isinstance(app.screen, ReviewScreen))
        await pilot.pause(QUIET_SECONDS)
        await press(pilot, "n")
        await until(pilot, lambda: isinstance(app.screen, ConfirmScreen))
        await press(pilot, "y")
        await until(pilot, lambda: app.keyboard.idle and not reader(app).composer.is_open)
        await press(pilot, "r")
        assert reader(app).composer.text == ""
    assert await deliveries(path) == []


async def test_a_note_looks_different_and_never_leaves(path: Path) -> None:
    await seed(path, ["it is down"])
    async with answering(path) as (app, pilot):
        await press(pilot, "c", *"call her first")
        composer = reader(app).composer
        assert composer.styles.border_top[0] == "dashed"
        await go_on(pilot)
        assert not isinstance(app.screen, ReviewScreen)
        detail = await whole(path)
        assert [note.text for note in detail.notes] == ["call her first"]
        assert detail.deliveries == ()
        assert any("note" in line and "stays in the house" in line for line in thread(app))
        await press(pilot, "u")
        assert (await whole(path)).notes == ()


async def test_what_others_did_meanwhile_is_shown_and_asked_about(path: Path) -> None:
    await seed(path, ["it is down"])
    async with answering(path) as (app, pilot):
        await press(pilot, "r", *"on it")
        (row,) = await rows(path)
        async with store(path) as database:
            await cases.act(database, [(row.id, None)], Assign("bob"), agent="bob", now=datetime.now(UTC))
        await go_on(pilot)
        await press(pilot, "y")
        await until(pilot, lambda: isinstance(app.screen, ConfirmScreen))
        asked = " ".join(str(part.content) for part in app.screen.query("Static"))  # type: ignore[attr-defined]
        assert "bob: assign" in asked
        await press(pilot, "n")
        await until(pilot, lambda: app.keyboard.idle and isinstance(app.screen, CaseScreen))
        assert await deliveries(path) == []
        assert reader(app).composer.text == "on it"
        await go_on(pilot)
        assert any("bob has this case" in str(part.content) for part in app.screen.query("Static"))  # type: ignore[attr-defined]
        await press(pilot, "y")
        await until(pilot, lambda: isinstance(app.screen, CaseScreen) and not reader(app).composer.is_open)
        assert [delivery.text for delivery in await deliveries(path)] == ["on it"]


async def test_what_the_agent_did_meanwhile_is_not_asked_about(path: Path) -> None:
    await seed(path, ["it is down"])
    async with answering(path) as (app, pilot):
        await press(pilot, "r", *"on it")
        await pilot.press("tab")
        await pilot.pause(QUIET_SECONDS)
        await press(pilot, "+")
        assert "high priority" in said(app)
        await pilot.press("tab")
        await go_on(pilot)
        await press(pilot, "y")
        await until(pilot, lambda: isinstance(app.screen, CaseScreen) and not reader(app).composer.is_open)
        assert len(await deliveries(path)) == 1


async def test_a_chord_that_is_struck_while_writing_does_nothing_to_the_case(path: Path) -> None:
    await seed(path, ["it is down"])
    async with answering(path) as (app, pilot):
        await press(pilot, "+")
        await press(pilot, "u")
        await press(pilot, "r", "e", "ctrl+r", "d")
        assert reader(app).composer.text == "ed"
        (row,) = await rows(path)
        assert (row.status, row.priority.value) == (CaseStatus.NEW, "normal")


async def test_where_nobody_can_answer_the_page_is_named_and_notes_still_work(path: Path) -> None:
    await seed(path, ["it is down"])
    async with running(path, desk=replace(DESK, sources=())) as (app, pilot):
        # An answer typed before the refusal is read does nothing.
        await strike_at_once(pilot, "r", *"seeanddismiss")
        await until(pilot, lambda: app.keyboard.idle)
        assert "nothing can be sent there" in said(app)
        assert not reader(app).composer.is_open
        assert not isinstance(app.screen, ModalScreen)
        assert (await rows(path))[0].status is CaseStatus.NEW
        await pilot.pause(QUIET_SECONDS)
        await press(pilot, "v")
        assert "https://social.example/seed-0" in said(app)
        await press(pilot, "c")
        assert reader(app).composer.is_open


async def test_who_will_read_an_answer_is_said_before_it_is_written(path: Path) -> None:
    async with store(path) as database:
        await land(database, read_mention("for you alone", visibility="direct"), source="mastodon.social")
    async with answering(path) as (app, pilot):
        await press(pilot, "r", *"psst")
        assert "private reply" in str(reader(app).composer.query_one(".heading", Static).content)
        await go_on(pilot)
        assert isinstance(app.screen, ReviewScreen)
        words = " ".join(str(one.content) for one in app.screen.query(Static))
        assert "direct, only who it names" in words
        assert "everybody" not in words


async def test_quoting(path: Path) -> None:
    await seed(path, ["first line\n\nsecond line"])
    async with answering(path) as (app, pilot):
        await press(pilot, "R")
        assert reader(app).composer.text == "> first line\n>\n> second line\n"


async def test_too_long_is_counted_as_the_network_counts_and_refused(
    path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("M_TOKEN", "t0ken")
    await seed(path, ["it is down"], author="ana@far.example")
    with Server() as server:
        server.on("/api/v2/instance", json_reply({"configuration": {"statuses": {"max_characters": 20}}}))
        source = SourceConfig(
            "mastodon", "mastodon.social", url=server.url(), token="env:M_TOKEN", options={"tags": ["acme"]}
        )
        async with running(path, desk=replace(DESK, worker="embedded", sources=(source,))) as (app, pilot):
            await press(pilot, "r")
            composer = reader(app).composer
            assert composer.text == "@ana@far.example "
            await pilot.press(*"0123456789abcde")
            await until(pilot, lambda: composer.length is not None and composer.length.used == 20)
            assert composer.length is not None
            assert composer.length.over == 0
            await pilot.press("f")
            await until(pilot, lambda: composer.length is not None and composer.length.over == 1)
            await until(pilot, lambda: "1 too many" in str(composer._foot.content))
            await go_on(pilot)
            assert not isinstance(app.screen, ReviewScreen)
            await pilot.press("backspace")
            await go_on(pilot)
            assert isinstance(app.screen, ReviewScreen)
    assert await deliveries(path) == []


async def test_a_paste_is_text_and_only_text(path: Path) -> None:
    await seed(path, ["it is down"])
    async with answering(path) as (app, pilot):
        await press(pilot, "r")
        pad = reader(app).composer.pad
        for name, payload in PAYLOADS.items():
            pad.post_message(events.Paste(payload[:2_000]))
            await pilot.pause()
            assert not harm_in(pad.text), name
            pad.load_text("")
        pad.post_message(events.Paste("two\r\nlines e u d"))
        await pilot.pause()
        assert pad.text == "two\nlines e u d"
        assert (await rows(path))[0].status is CaseStatus.NEW


async def test_an_editor_that_is_named_wrongly_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("VISUAL", raising=False)
    monkeypatch.setenv("EDITOR", "vi 'half")
    with pytest.raises(BadInput, match="inside quotes"):
        await edit(App(), "words")
