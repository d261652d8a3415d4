"""The registry: keys, presets, the user's table, the documentation."""

from __future__ import annotations

from pathlib import Path

import pytest

from store.domain.errors import BadInput
from tui import actions, keys
from tui.screens import SCREENS, make
from tui.screens.inbox import InboxScreen
from tui.shell import Earful

DOCUMENTED = Path(__file__).parents[2] / "docs" / "keys.md"


def test_every_key_of_the_inbox_does_something_there_is() -> None:
    for action in actions.available("inbox"):
        name = action.call.partition("(")[0]
        assert callable(getattr(InboxScreen, f"action_{name}", None)), action.id
    for action in actions.available("global"):
        name = action.call.removeprefix("app.").partition("(")[0]
        assert callable(getattr(Earful, f"action_{name}", None)), action.id


def test_no_key_has_two_meanings_on_one_screen() -> None:
    for place in ("inbox", "case"):
        taken: dict[str, str] = {}
        for action in actions.available(place, "global"):
            for key in actions.normal(action.keys).split(","):
                assert taken.setdefault(key, action.id) == action.id, key
    assert len({action.id for action in actions.ACTIONS}) == len(actions.ACTIONS)


def test_no_sequence_begins_with_a_key_that_acts_alone() -> None:
    for place in ("inbox", "case"):
        known = [key for a in actions.available(place, "global") for key in actions.normal(a.keys).split(",")]
        prefixes = {key.split()[0] for key in known if " " in key}
        assert prefixes.isdisjoint(known)


@pytest.mark.parametrize("preset", keys.PRESETS)
def test_presets_keep_every_action_apart(preset: str) -> None:
    keymap = keys.keymap(preset, {})
    assert set(keymap) <= {action.id for action in actions.ACTIONS}


def test_the_users_table_wins_over_the_preset_and_can_switch_off() -> None:
    keymap = keys.keymap("mutt", {"case.done": "Z", "case.mute": ""})
    assert keymap["case.done"] == "Z"
    assert keymap["case.mute"] == keys.OFF
    assert keymap["case.tag"] == "Y"


@pytest.mark.parametrize(
    ("preset", "table", "says"),
    [
        ("emacs", {}, "no such preset"),
        ("default", {"case.dune": "x"}, "did you mean `case.done`"),
        ("default", {"case.done": "a"}, "both"),
    ],
)
def test_a_mistake_in_the_table_is_told(preset: str, table: dict[str, str], says: str) -> None:
    with pytest.raises(BadInput, match=says):
        keys.keymap(preset, table)


def test_keys_are_read_as_they_are_written() -> None:
    assert actions.normal("?,g i") == "question_mark,g i"
    assert actions.shown("question_mark") == "?"
    assert actions.shown("* a") == "*a"
    assert actions.shown("ctrl+d,pagedown") == "ctrl+d PgDn"


def test_every_screen_can_be_made_by_name() -> None:
    for name, where in SCREENS.items():
        module, _, attribute = where.partition(":")
        assert hasattr(__import__(module, fromlist=[attribute]), attribute), name
    assert isinstance(make("inbox"), InboxScreen)


def test_the_documentation_is_in_step() -> None:
    assert actions.table() in DOCUMENTED.read_text(encoding="utf-8"), (
        "write it anew: python -m tui.actions > docs/keys.md"
    )
