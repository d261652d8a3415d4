"""Correcting a mood by its keys, and why it reads so; the same from the shell."""

from __future__ import annotations

import json
from pathlib import Path

from tests import factories
from tests.tui.command import Earful
from tests.tui.desk import press
from tests.tui.test_inbox import current, rows, running, said, seed, until
from tui.modals.mood import MoodScreen

SAID = "the app is down again and nobody at support answers"


async def test_a_key_corrects_tells_how_many_say_the_same_and_undo_takes_it_back(tmp_path: Path) -> None:
    path = tmp_path / "earful.db"
    await seed(path, [SAID, f"@acme {SAID.title()}!", "thank you"])
    async with running(path) as (app, pilot):
        before = [row.sentiment for row in await rows(path)]
        await press(pilot, "S", "+")
        await until(pilot, lambda: "and 1 more like it" in said(app))
        assert [row.sentiment for row in await rows(path)] == ["positive", "positive", before[2]]
        assert [row.intent for row in await rows(path)] == ["praise", "praise", None]

        await press(pilot, "w")
        await until(pilot, lambda: isinstance(app.screen, MoodScreen))
        assert isinstance(app.screen, MoodScreen)
        shown = "\n".join(app.screen.lines)
        assert "ana said positive on case" in shown
        assert "by the model" in shown
        assert "nobody" in shown
        await press(pilot, "escape")

        await press(pilot, "u")
        assert [row.sentiment for row in await rows(path)] == before
        assert current(app).sentiment == before[0]
        await until(pilot, lambda: current(app).intent == "complaint")
        assert [row.intent for row in await rows(path)] == ["complaint", "complaint", None]


def test_the_shell_corrects_learns_tells_why_and_exchanges(tmp_path: Path) -> None:
    earful = Earful(tmp_path)
    line = earful.seed(
        *(factories.read_mention(f"the {thing} of acme is sick, dude", author=thing) for thing in "abcdef"),
        factories.read_mention("THE A of acme is SICK, dude http://acme.example", author="g"),
    )
    ids = [str(number) for number in line.new_cases]
    assert earful("teach").code == 3
    corrected = earful("correct", *ids[:6], "positive", "--json")
    assert "and 1 more" in corrected.narration
    assert {each["sentiment"]["label"] for each in corrected.records} == {"positive"}
    feeling = earful("show", ids[6], "--why", "--json").record["messages"][0]["sentiment"]
    why = feeling["why"]
    assert feeling["label"] == "positive"
    assert (why["corrected"]["by"], why["corrected"]["case"], why["engine"]) == ("ana", int(ids[0]), "model")

    tried = earful("teach", "--dry-run", "--json").record
    assert (tried["language"], tried["corrections"], tried["layer"]) == ("en", 6, None)
    assert 0 <= tried["right_before"] <= tried["right_unseen"] <= 6

    exported = earful("teach", "--export", "c.jsonl")
    assert exported.code == 0, exported.narration
    written = tmp_path / "c.jsonl"
    assert written.stat().st_mode & 0o077 == 0
    known = [json.loads(each) for each in written.read_text(encoding="utf-8").splitlines()]
    assert [(each["agent"], each["label"]) for each in known] == [("ana", "positive")] * 6

    other = Earful(tmp_path)
    other.store = tmp_path / "other.db"
    assert other("teach", "--import", "c.jsonl", "--json").record["new"] == 6
    (tmp_path / "bad.jsonl").write_text('{"text": "x"}\n', encoding="utf-8")
    refused = other("teach", "--import", "bad.jsonl")
    assert (refused.code, "line 1" in refused.narration) == (2, True)


def test_names_without_a_word_are_told(tmp_path: Path) -> None:
    earful = Earful(tmp_path)
    earful.configure('[reading]\nnames = ["War Zone", "!!"]\n')
    checked = earful("check")
    assert checked.code == 2
    assert "`!!` has no word" in checked.data + checked.narration
