"""`earful insights`: the numbers of a period, as JSON and as a page; and `earful demo`, which has many to show."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path

import pytest

from tests.factories import NOW, read_mention
from tests.tui.command import Earful

DAYS = ("negative", "negative", "positive", "neutral")  # one mention on each of the last four days, the newest today


@pytest.fixture
def earful(tmp_path: Path) -> Earful:
    earful = Earful(tmp_path)
    earful.seed(
        *(
            read_mention(f"acme {day}", author=f"a{day}", sentiment=label, created_at=NOW - timedelta(days=day))
            for day, label in enumerate(DAYS)
        )
    )
    return earful


def test_without_a_period_it_is_all_that_is_stored(earful: Earful) -> None:
    record = earful("insights", "--json").record
    assert record["period"]["since"] == "2026-11-18T12:00:00Z"
    assert (record["mentions"], record["authors"], record["cases"]) == (4, 4, 4)
    assert record["sentiment"] == {"positive": 1, "neutral": 1, "negative": 2}
    assert record["net_sentiment"] == -0.25
    assert sum(bucket["mentions"] for bucket in record["volume"]) == 4
    assert record["previous"] is None


def test_a_period_and_the_one_before(earful: Earful) -> None:
    words = ["--since", "2026-11-20", "--until", "2026-11-22", "--compare", "previous", "--json"]
    record = earful("insights", *words).record
    assert record["period"] == {"since": "2026-11-20T00:00:00Z", "until": "2026-11-22T00:00:00Z", "bucket": "hour"}
    assert record["mentions"] == 2
    assert record["net_sentiment"] == -1
    assert record["previous"] == {"mentions": 2, "net_sentiment": 0.5}


def test_days_are_the_readers_own(earful: Earful) -> None:
    record = earful("insights", "--since", "2026-11-20", "--until", "2026-11-22", "--json", TZ="Asia/Tokyo").record
    assert record["period"]["since"] == "2026-11-19T15:00:00Z"


def test_by_watch(earful: Earful) -> None:
    earful.configure('[[watch]]\nname = "acme"\nquery = "acme"\n[[watch]]\nname = "other"\nquery = "other"\n')
    earful("inbox")
    assert earful("insights", "--watch", "acme", "--json").record["mentions"] == 4
    assert earful("insights", "--watch", "other", "--json").record["mentions"] == 0
    unknown = earful("insights", "--watch", "nobody")
    assert unknown.code == 3
    assert "nobody" in unknown.narration


def test_the_page_has_no_colour_in_a_pipe_and_an_honest_empty_state(earful: Earful, tmp_path: Path) -> None:
    page = earful("insights")
    assert page.code == 0
    assert "\x1b" not in page.data
    assert "4" in page.data
    assert "No mentions" in earful("insights", "--since", "2020-01-01", "--until", "2020-02-01").data
    assert earful("insights", "--database", str(tmp_path / "empty.db")).code == 0


def test_the_demo_fills_a_store_of_its_own_and_leaves_nothing_behind(earful: Earful) -> None:
    (earful.home / "tmp").mkdir()
    before = set(earful.home.rglob("*"))
    command = [word for word in earful.command("demo", "--json") if word not in ("--database", str(earful.store))]
    earful.command = lambda *words: command  # type: ignore[method-assign]
    result = earful(TMPDIR=str(earful.home / "tmp"))
    assert result.code == 0, result.narration
    assert {record["language"] for record in result.records} >= {"en", "de", "ro", "hu", "it", "es", "vi"}
    assert {record["status"] for record in result.records} == {"new", "open"}
    assert set(earful.home.rglob("*")) == before


def test_the_demo_never_touches_a_store_that_is_there(earful: Earful) -> None:
    result = earful("demo")
    assert result.code == 2
    assert "new store only" in result.narration
    assert len(earful("inbox").lines) == 4
