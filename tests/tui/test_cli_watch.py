"""`earful watch`: the watches, tried on the past, changed with the comments kept, and their variants."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.factories import read_mention
from tests.tui.command import Earful

CONFIGURATION = """# ours
[[watch]]
name = "acme" # the brand
query = '"acme cloud"'  # since May

[desk]
name = "Acme"
"""


@pytest.fixture
def earful(tmp_path: Path) -> Earful:
    earful = Earful(tmp_path)
    earful.configure(CONFIGURATION)
    earful.seed(
        read_mention("acme cloud is down", id="p1"),
        read_mention("the acme cloud anvil", id="p2", author="bob"),
        read_mention("my acmeclod is down", id="p3", author="cyd", watches=(), lands=False),
    )
    return earful


def test_list(earful: Earful) -> None:
    (line,) = earful("watch", "list").lines
    assert line.split()[:2] == ["acme", "own"]
    assert line.endswith('"acme cloud"')
    record = earful("watch", "list", "--json").record
    assert (record["name"], record["role"], record["query"]) == ("acme", "own", '"acme cloud"')
    assert "mentions_7d" in record


def test_a_query_is_tried_counts_first(earful: Earful) -> None:
    told = earful("watch", "test", "acme", "--query", '("acme cloud" OR acmecloud~1) NOT anvil')
    assert told.code == 0
    assert told.lines[0] == "+1 -1 and 1 as before, of 2 stored and 1 remembered posts"
    assert [line[0] for line in told.lines if line[:2] in ("+ ", "- ")] == ["-", "+"]
    assert "    `acmecloud~1`: my acmeclod is down" in told.lines
    assert "    `NOT anvil` kept it out: `anvil` at word 4" in told.lines
    counts, *differences = earful("watch", "test", "acme", "--query", "acmecloud~1", "--json").records
    assert (counts["appears"], counts["lands"], counts["vanishes"], counts["stays"]) == (1, 1, 2, 0)
    assert sorted(each["sign"] for each in differences) == ["+", "-", "-"]
    assert earful("watch", "test", "acme", "--query", "acmecloud~1", "--limit", "1", "--json").lines[1:] != []
    assert len(earful("watch", "test", "acme", "--query", "acmecloud~1", "--limit", "1", "--json").lines) == 3


def test_as_configured_nothing_changes(earful: Earful) -> None:
    assert earful("watch", "test", "acme").lines == ["+0 -0 and 2 as before, of 2 stored and 1 remembered posts"]


def test_wrong_use_says_what_is_right(earful: Earful) -> None:
    assert "a new one needs a --query" in earful("watch", "test", "acne").narration
    assert "did you mean `acme`" in earful("watch", "test", "acne").narration
    wrong = earful("watch", "set", "acme", "--query", 'acme "cloud')
    assert (wrong.code, "quote is never closed" in wrong.narration) == (2, True)
    assert earful("watch", "set", "acme", "--query", "acme status:new").code == 2
    assert earful("watch", "set", "acme", "--query", " ").code == 2
    assert earful("watch", "test").code == 2
    assert earful("watch", "set", "acme", "--role", "boss").code == 2


def test_set_keeps_the_comments_and_lands_only_when_asked(earful: Earful) -> None:
    path = earful.configure(CONFIGURATION)
    query = '"acme cloud" OR acmecloud~1'
    told = earful("watch", "set", "acme", "--query", query, "--json").record
    assert (told["written"], told["lands"], told["marks"], told["vanishes"]) == (True, 1, 0, 0)
    assert path.read_text() == CONFIGURATION.replace("""'"acme cloud"'""", f"'{query}'")
    assert len(earful("inbox", "--json").records) == 2

    told = earful("watch", "set", "acme", "--land", "--json").record
    assert (told["written"], told["landed"], told["cases"]) == (False, 1, 1)
    assert len(earful("inbox", "--json").records) == 3
    assert earful("watch", "set", "acme", "--land", "--json").record["landed"] == 0


def test_set_makes_a_watch_and_a_configuration(tmp_path: Path) -> None:
    earful = Earful(tmp_path)
    assert earful("watch", "set", "rival", "--query", "nimbus", "--role", "competitor").code == 0
    record = earful("watch", "list", "--json").record
    assert (record["name"], record["role"], record["query"]) == ("rival", "competitor", "nimbus")
    assert earful("check").code == 0
    assert earful("watch", "set", "rival", "--role", "industry").code == 0
    assert earful("watch", "list", "--json").record["role"] == "industry"


def test_suggest(earful: Earful) -> None:
    told = earful("watch", "suggest", "acme")
    assert told.code == 0
    assert "acmeclod" in told.lines[0]
    variant, query = earful("watch", "suggest", "acme", "--json").records
    assert (variant["term"], variant["posts"], variant["adds"], variant["likely"]) == ("acmeclod", 1, 1, True)
    assert query == {"watch": "acme", "query": '"acme cloud" OR acmeclod'}
    assert earful("watch", "set", "acme", "--query", query["query"]).code == 0
    assert earful("watch", "suggest", "acme").code == 3
