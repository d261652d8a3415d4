"""`earful why`: what people and programs read of it."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.factories import read_mention
from tests.tui.command import Earful

CONFIGURATION = """
[[watch]]
name = "acme"
query = '"acme cloud" OR acmecloud NOT anvil'

[[source]]
type = "hackernews"
"""


@pytest.fixture
def earful(tmp_path: Path) -> Earful:
    earful = Earful(tmp_path)
    earful.configure(CONFIGURATION)
    earful.seed(
        read_mention("help: acme cloud is down", id="p1"),
        read_mention("my acmeclod is down", id="p2", watches=(), lands=False),
    )
    return earful


def test_what_is_here_says_where_and_by_which_words(earful: Earful) -> None:
    told = earful("why", "https://social.example/p1")
    assert told.code == 0
    assert told.lines[:2] == ["here case 1", "ana help: acme cloud is down"]
    assert told.lines[3:] == ["watch acme", '  `"acme cloud"`: help: acme cloud is down']
    assert earful("why", "1").data == earful("why", "#1").data == told.data


def test_what_is_not_says_what_was_nearest(earful: Earful) -> None:
    told = earful("why", "p2")
    assert told.code == 0
    assert told.lines[0] == "not matched"
    assert "  `acmecloud`: nearest word is `acmeclod`, 1 edit away" in told.lines


def test_fields_for_programs_are_the_same_for_every_verdict(earful: Earful) -> None:
    records = [earful("why", name, "--json").record for name in ("p1", "p2", "https://news.ycombinator.com/item?id=1")]
    assert [record["verdict"] for record in records] == ["here", "unmatched", "unseen"]
    assert len({tuple(record) for record in records}) == 1
    assert records[0]["watches"][0]["reasons"][0] == {
        "term": '"acme cloud"',
        "holds": True,
        "negated": False,
        "why": "`acme cloud` at word 2",
        "words": ["acme cloud"],
        "context": "help: acme cloud is down",
    }
    assert records[2]["sources"][0]["source"] == "hackernews"
    assert records[2]["sources"][0]["asked"] == 0


def test_what_was_never_seen_is_not_found(earful: Earful) -> None:
    told = earful("why", "https://news.ycombinator.com/item?id=1")
    assert told.code == 3
    assert told.lines[0] == "never seen"
    assert any("earful poll --once --source hackernews" in line for line in told.lines)
    assert earful("why", "#99").code == 3
    assert earful("why", "x", "--at", "soon").code == 2
