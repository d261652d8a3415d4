"""`earful follow`: what it writes for a name, and that it leaves alone what somebody wrote."""

from __future__ import annotations

import os
import tomllib
from datetime import timedelta
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sources.registry import source_type
from sources.text import match
from store.domain.errors import BadInput
from store.domain.query import parse
from tests.factories import NOW
from tests.tui.command import Earful
from tui.settings import load
from tui.settings_edit import follow, name_of

HAND_WRITTEN = """\
# my own desk
[desk]
name = "Me"   # that is me

[[watch]]
name = "other"
query = 'other'  # by hand

[[source]]
type = "mastodon"   # the big one
name = "m"
tags = ["other"]  # more to come

[mail]
host = "mail.example.org"
"""


@pytest.mark.parametrize(
    ("name", "query"),
    [
        ("Acme Cloud", '"Acme Cloud" OR acmecloud~1'),
        ("acmecloud", '"acmecloud" OR acmecloud~1'),
        ("IBM", '"IBM"'),
        ("A B", '"A B" OR ab'),
        ('The "Best" Café', '"The Best Café" OR thebestcafe~1'),
    ],
)
def test_the_query_of_a_name(name: str, query: str) -> None:
    assert name_of(name).query == query


@given(st.text(min_size=1, max_size=30))
def test_a_name_finds_itself_whatever_it_is(name: str) -> None:
    try:
        query = name_of(name).query
    except BadInput:
        return
    found = match.compile(parse(query))
    assert found(match.Document(text=f"so {name_of(name).name} it is", created_at=NOW, now=NOW))


def test_from_nothing(tmp_path: Path) -> None:
    path = tmp_path / "new" / "earful.toml"
    added = follow(path, [name_of("Acme Cloud"), name_of("IBM")])
    desk = load(str(path)).desk
    assert [watch.name for watch in desk.watches] == ["Acme Cloud", "IBM"]
    kinds = [source.type for source in desk.sources]
    asked = ["hackernews", "bluesky", "reddit", "lemmy", "stackexchange", "github", "lobsters"]
    assert kinds == [*asked, "feed", "feed", "mastodon", "mastodon"]
    assert all(source_type(kind).without_account for kind in kinds)
    assert all(not source.token for source in desk.sources)
    assert desk.sources[-1].options == {"tags": ["acmecloud", "ibm"]}
    assert tomllib.loads(added) == tomllib.loads(path.read_text())
    assert path.stat().st_mode & 0o777 == 0o600


def test_what_somebody_wrote_stays(tmp_path: Path) -> None:
    path = tmp_path / "earful.toml"
    path.write_text(HAND_WRITTEN)
    follow(path, [name_of("Acme")])
    text = path.read_text()
    assert text.startswith(HAND_WRITTEN.replace('["other"]', '["other", "acme"]'))
    desk = load(str(path)).desk
    names = [source.name for source in desk.sources]
    assert (names[:2], names[-2:]) == (["m", "hackernews"], ["news: Acme", "mstdn.social"])
    assert "mastodon.social" not in names
    assert follow(path, [name_of("acme")]) == ""
    assert path.read_text() == text


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("[[watch]]\nname = 'acme'\nquery = 'mine'\n", "a query of its own"),
        ("[[source]]\ntype = 'file'\nname = 'hackernews'\npath = 'x'\n", "another name"),
        ("[[watch]\n", "cannot add"),
    ],
)
def test_a_conflict_changes_nothing(tmp_path: Path, text: str, said: str) -> None:
    path = tmp_path / "earful.toml"
    path.write_text(text)
    with pytest.raises(BadInput, match=said):
        follow(path, [name_of("Acme")])
    assert path.read_text() == text
    assert [file.name for file in tmp_path.iterdir()] == ["earful.toml"]


def test_what_is_no_file_is_not_replaced(tmp_path: Path) -> None:
    pipe = tmp_path / "pipe"
    os.mkfifo(pipe)
    for place in (pipe, tmp_path):
        with pytest.raises(BadInput, match="no file"):
            follow(place, [name_of("Acme")])
    assert pipe.is_fifo()


def test_a_configuration_with_mistakes_is_not_added_to(tmp_path: Path) -> None:
    earful = Earful(tmp_path)
    path = earful.configure("[[source]]\ntype = 'hackernews'\nevry = '60s'\n")
    before = path.read_text()
    result = earful("follow", "Acme Cloud", "--no-poll")
    assert (result.code, "earful.toml:3:" in result.narration) == (2, True)
    assert path.read_text() == before


def test_the_command_writes_and_shows_what_it_wrote(tmp_path: Path) -> None:
    earful = Earful(tmp_path)
    result = earful("follow", "Acme Cloud", "--no-poll")
    path = tmp_path / ".config" / "earful" / "earful.toml"
    assert result.code == 0
    assert str(path) in result.narration
    assert "query = '\"Acme Cloud\" OR acmecloud~1'" in result.narration
    assert earful("check").code == 0
    assert "already" in earful("follow", "Acme Cloud", "--no-poll").narration


def test_how_far_back(tmp_path: Path) -> None:
    path = tmp_path / "earful.toml"
    follow(path, [name_of("Acme")], "30d")
    assert {source.backfill for source in load(str(path)).desk.sources} == {timedelta(days=30)}
    told = Earful(tmp_path)("follow", "IBM", "--back", "yesterdayish", "--no-poll")
    assert told.code == 2
    assert "none, all" in told.narration
