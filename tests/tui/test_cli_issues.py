"""`earful issues`: imported complaints become issues; a person names, joins and splits them, and takes it back."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from wcwidth import wcswidth

from tests.tui.command import Earful

SAID = [
    "the rotor blade broke again",
    "my rotor blade snapped, terrible",
    "rotor blade came off on day two, refund?",
    "i was charged twice for one month!",
    "why was my card charged twice?",
    "charged twice again, this is wrong",
]


@pytest.fixture
def earful(tmp_path: Path) -> Earful:
    earful = Earful(tmp_path)
    file = tmp_path / "said.jsonl"
    file.write_text("".join(f"{json.dumps({'id': f'{n}', 'text': text})}\n" for n, text in enumerate(SAID)))
    assert earful("import", str(file)).code == 0
    return earful


def test_what_is_imported_has_its_issues_at_once(earful: Earful) -> None:
    listed = earful("issues", "--json").records
    assert {(row["label"], row["mentions"], row["copies"]) for row in listed} == {
        ("rotor blade", 3, 0),
        ("charged twice", 3, 0),
    }
    assert {row["issue"] for row in earful("inbox", "--json").records} == {"rotor blade", "charged twice"}
    rotor = next(row["id"] for row in listed if row["label"] == "rotor blade")
    shown = earful("issues", "show", str(rotor), "--json").record
    assert {one["text"] for one in shown["examples"]} == set(SAID[:3])
    assert shown["languages"] == {"en": 3}
    assert "3 mentions" in earful("issues").data
    assert all(wcswidth(line) <= 80 for line in earful("issues", "--since", "7d").data.splitlines())
    assert len(earful("inbox", "--search", 'issue:"rotor blade"', "--json").records) == 3


def test_a_merged_number_leads_on_and_undo_takes_it_back(earful: Earful) -> None:
    rotor, charge = sorted(row["id"] for row in earful("issues", "--json").records)
    merged = earful("issues", "merge", str(rotor), str(charge), "--json").record
    assert (merged["id"], merged["moved"]) == (rotor, 3)
    assert earful("issues", "show", str(charge), "--json").record["mentions"] == 6
    assert len(earful("inbox", "--search", f"issue:{charge}", "--json").records) == 6
    assert earful("issues", "undo", "--json").record["undone"] is True
    assert [row["mentions"] for row in earful("issues", "--json").records] == [3, 3]


def test_what_makes_no_sense_is_said_and_changes_nothing(earful: Earful) -> None:
    before = earful("issues", "--json").data
    wrong = {"show": 2, "show 99": 3, "pin ...": 2, "merge 1 1": 2, "split 1 x --phrase nowhere": 2, "undo": 3}
    for words, code in wrong.items():
        told = earful("issues", *words.split())
        assert (told.code, told.data, told.narration.count("\n")) == (code, "", 1), words
    assert earful("issues", "--json").data == before
