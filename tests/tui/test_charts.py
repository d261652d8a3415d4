"""Charts say in text what the rows say: whole at every width, the same without colours, harmless whatever they hold."""

from __future__ import annotations

import re
import subprocess
import sys
from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from math import nan
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from store.buckets import Buckets, period
from store.domain.insight import AnswerTimes, Bucket, Count, Insights, IssueRow, Voice
from store.domain.safetext import SafeText
from tests.factories import A_DAY, NOW
from tui import charts, lettering
from tui.lettering import cells, duration, fit, percent, sparkline

ROOT = Path(__file__).parents[2]
BUCHAREST = ZoneInfo("Europe/Bucharest")
SGR = re.compile(r"\x1b\[[0-9;]*m")
Mood = tuple[int, int, int]


def insights(
    moods: Sequence[Mood] = ((3, 5, 2), (0, 0, 0), (1, 2, 9)),
    *,
    labels: Sequence[str] = ("Login fails",),
    since: datetime = datetime(2026, 11, 7, 22, tzinfo=UTC),
    step: timedelta = A_DAY,
    bucket: str = "day",
) -> Insights:
    """Insights of a period with (positive, neutral, negative) in each of its buckets."""
    until = since + step * len(moods)
    buckets = tuple(Bucket(since + step * i, since + step * (i + 1), *mood) for i, mood in enumerate(moods))
    spoken = sum(bucket.mentions for bucket in buckets)
    counts = tuple(Count(SafeText(label), 100 // (n + 1), 10) for n, label in enumerate(labels))
    return Insights(
        period=replace(period(since, until, UTC), bucket=bucket),
        watch=None,
        mentions=spoken,
        authors=spoken,
        cases=spoken,
        buckets=buckets,
        languages=counts,
        networks=counts,
        voices=tuple(Voice(SafeText(label), "own", 3, 0.75) for label in labels),
        issues=tuple(
            IssueRow(
                n, SafeText(label), 12, 9, 3, ("ro", "en", "de", "vi"), since, until,
                tuple(sum(mood) for mood in moods), 0.5, SafeText(f"{label}, again"),
            )
            for n, label in enumerate(labels)
        ),
        answers=AnswerTimes(4, 3, 7_800.0, None, 0.5),
    )  # fmt: skip


def columns(plot: str) -> dict[int, str]:
    """What stands above the axis of a plot, column by column, from the bottom up."""
    rows = [line[8:] for line in plot.splitlines() if line[7:8] in ("│", "┤", "├")]
    width = max(map(len, rows))
    return {x: "".join(row.ljust(width)[x] for row in reversed(rows)).rstrip() for x in range(width)}


# --- The page --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("width", [40, 55, 56, 72, 80, 84, 100, 119, 120, 160, 200])
@pytest.mark.parametrize("days", [1, 2, 14, 60])
def test_the_page_fits_whatever_the_width(width: int, days: int) -> None:
    labels = (
        "Login fails after the update of last Tuesday night",
        "アプリがとても遅いので困っています、どうにかして",
        "👩‍👩‍👧 down",
        "مشكلة",
        "",
    )
    found = replace(
        insights([(n % 7, n % 11, n % 5) for n in range(1, days + 1)], labels=labels),
        previous_mentions=7,
        previous_net=0.1,
    )

    lines = charts.report(found, width, BUCHAREST, False).splitlines()

    assert max(map(cells, lines)) <= width
    assert {"Recurring issues", "First answer"} <= set(lines)


def test_a_page_is_never_narrower_than_can_be_read_nor_endlessly_wide() -> None:
    assert charts.report(insights(), 1, UTC, False) == charts.report(insights(), 40, UTC, False)
    assert charts.report(insights(), 9_999, UTC, False) == charts.report(insights(), 200, UTC, False)


@pytest.mark.parametrize("width", [40, 80, 160])
def test_colours_only_repeat_what_signs_say(width: int) -> None:
    found = insights([(3, 5, 2), (0, 0, 0), (1, 2, 9)] * 5, labels=("one", "two"))
    coloured = charts.report(found, width, BUCHAREST, True)

    assert SGR.sub("", coloured) == charts.report(found, width, BUCHAREST, False)
    assert "\x1b[31m█" in coloured
    assert {int(code) for codes in re.findall(r"\x1b\[([0-9;]*)m", coloured) for code in codes.split(";")} <= {
        0, 1, 2, 31, 32, 90,
    }  # fmt: skip
    assert not re.search(r"\x1b\[31m[^\x1b]*[▒░]", coloured)


def test_the_page_tells_the_numbers() -> None:
    found = replace(insights(), watch="acme", previous_mentions=11, previous_net=-0.5)

    page = charts.report(found, 160, BUCHAREST, False)

    assert page.splitlines()[0] == "acme · 8 Nov 2026 – 10 Nov 2026   Europe/Bucharest"
    assert "22 mentions (▲ 100 % from 11)" in page
    assert "net sentiment −32 % (▲ 18 points)" in page
    assert "3 of 4 cases answered (75 %), 1 still wait." in page
    assert "Half had an answer within 2 h 10 min, but more than one in ten still waits." in page
    assert "50 % within what was promised." in page


def test_an_empty_period_says_where_there_is_something() -> None:
    silent = insights([(0, 0, 0)] * 3)

    page = charts.report(silent, 100, BUCHAREST, False, newest=datetime(2026, 10, 2, 9, 30, tzinfo=UTC))

    assert page.splitlines()[-1] == (
        "No mentions between 8 Nov 2026 and 10 Nov 2026; the newest is of 2 Oct 2026 12:30."
    )
    assert "┤" not in page
    assert charts.report(silent, 100, BUCHAREST, False).endswith("between 8 Nov 2026 and 10 Nov 2026.")
    one_day = replace(insights([(0, 0, 0)]), watch="apex")
    assert charts.report(one_day, 100, BUCHAREST, False).endswith("No mentions of apex on 8 Nov 2026.")


def test_what_is_hostile_is_drawn_harmless() -> None:
    evil = "\x1b]52;c;aGk=\x07\x9b31m\u202elogin\n[/]\x00"
    found = replace(insights(), watch=evil)
    row = replace(found.issues[0], label=SafeText(evil), example=SafeText(evil))  # as another writer could have left it
    count = Count(SafeText(evil), 3, 1)
    found = replace(found, issues=(row,), networks=(count,), voices=(Voice(SafeText(evil), "own", 1, 1.0),))

    page = charts.report(found, 80, UTC, False)

    assert not set(page) & set("\x1b\x07\x9b\u202e\x00")
    assert len(page.splitlines()) == len(charts.report(insights(), 80, UTC, False).splitlines())


# --- Plots -----------------------------------------------------------------------------------------------------------


def test_columns_are_as_high_as_what_was_said() -> None:
    plot = charts.volume(insights([(0, 0, 20), (0, 10, 0), (5, 5, 10), (0, 0, 0), (1, 0, 0)]).buckets, 80, 21, False)

    found = columns(plot)
    assert plot.splitlines()[0].startswith("     20┤")
    assert [len(found[x]) for x in (0, 10, 20, 30, 40)] == [19, 10, 19, 0, 2]
    assert found[0] == "█" * 19
    assert found[10] == "▒" * 10
    assert re.fullmatch("█{10}▒{4,5}░{4,5}", found[20])
    assert found[9] == ""


def test_net_sentiment_stands_above_or_below_zero() -> None:
    plot = charts.net_sentiment(insights([(10, 0, 0), (0, 0, 10), (5, 0, 5), (0, 0, 0)]).buckets, 80, 11, False)

    lines = [line[8:].ljust(40) for line in plot.splitlines()[:9]]
    assert plot.splitlines()[0].startswith(" +100 %┤")
    assert [line[0] for line in lines] == ["░"] * 5 + [" "] * 4
    assert [line[10] for line in lines] == [" "] * 4 + ["█"] * 5
    assert [line[20] for line in lines] == [" "] * 4 + ["▒"] + [" "] * 4
    assert lines[4][30] == "─"


@pytest.mark.parametrize("days", [1, 2, 3, 7, 14, 31, 60])
@pytest.mark.parametrize("width", [40, 80, 160])
def test_no_day_is_named_twice(days: int, width: int) -> None:
    plot = charts.volume(insights([(1, 1, 1)] * days).buckets, width, 12, False, BUCHAREST)

    names = re.findall(r"\d+ [A-Z][a-z]{2}", plot.splitlines()[-1])
    assert names[0] == "8 Nov"
    assert len(names) == len(set(names)) >= min(days, 3) // 2
    assert max(map(cells, plot.splitlines())) <= width
    assert len({column for x, column in columns(plot).items() if column}) == 1


@pytest.mark.parametrize(
    ("bucket", "length", "names"),
    [
        ("hour", timedelta(hours=12), ["14:00", "15:00", "16:00"]),
        ("week", timedelta(days=40), ["21 Nov", "23 Nov", "30 Nov"]),
        ("month", timedelta(days=90), ["Nov 2026", "Dec 2026", "Jan 2027"]),
    ],
)
def test_columns_are_named_in_the_reader_s_time(bucket: str, length: timedelta, names: list[str]) -> None:
    spans = Buckets(period(NOW, NOW + length, BUCHAREST, bucket), BUCHAREST).spans
    plot = charts.volume([Bucket(start, end, 1, 1, 1) for start, end in spans], 120, 8, False, BUCHAREST)

    shown = plot.splitlines()[-1]
    assert shown.strip().startswith(names[0])
    assert [name for name in names if name in shown] == names


def test_more_buckets_than_cells_are_added_up() -> None:
    plot = charts.volume(insights([(0, 0, 1)] * 300).buckets, 40, 12, False)

    assert plot.splitlines()[0].startswith("     10┤")
    assert {len(column) for column in columns(plot).values()} == {10}


def test_nothing_at_all_is_drawn_of_nothing() -> None:
    assert charts.volume((), 80, 12, False) == charts.net_sentiment((), 80, 12, False) == ""
    assert set("".join(columns(charts.volume(insights([(0, 0, 0)]).buckets, 80, 12, False)).values())) == set()


# --- Bars, tables, figures -------------------------------------------------------------------------------------------


def test_a_bar_says_how_many_what_part_and_how_bad() -> None:
    lines = charts.bars(
        [Count(SafeText("mastodon"), 30, 15), Count(SafeText("ロゴ"), 10, 0), Count(SafeText(""), 0)], 60
    )

    assert [line.split() for line in lines] == [
        ["mastodon", "█" * 20 + "▒" * 19, "30", "75", "%"],
        ["ロゴ", "▒" * 13, "10", "25", "%"],
        ["unknown", "0", "0", "%"],
    ]
    assert {cells(line) for line in lines} == {60}


def test_the_smallest_are_added_up_not_left_out() -> None:
    lines = charts.bars([Count(SafeText(f"n{i}"), 20 - i, 1) for i in range(12)], 60)

    assert len(lines) == 8
    assert lines[-1].split()[:2] == ["5", "more"]
    assert lines[-1].split()[-3:] == ["55", "32", "%"]


@pytest.mark.parametrize(("change", "words"), [(0.5, "▲ 50 %"), (-1.0, "▼ 100 %"), (0.0, "= 0 %"), (12.0, "▲ from 0")])
def test_how_an_issue_moved(change: float, words: str) -> None:
    row = replace(insights().issues[0], change=change)

    assert words in charts.issues([row], 80)[1]


def test_a_narrow_table_leaves_out_columns_and_never_lines() -> None:
    rows = insights(labels=("one", "two")).issues

    assert charts.issues(rows, 40)[0].split() == ["issue", "mentions", "change"]
    assert charts.issues(rows, 120)[0].split() == [
        "issue", "mentions", "change", "trend", "negative", "authors", "languages",
    ]  # fmt: skip
    assert len(charts.issues(rows, 40)) == len(charts.issues(rows, 120)) == 5
    assert len(charts.issues((), 80)) == 1


@pytest.mark.parametrize(
    ("values", "width", "line"),
    [
        ([], 0, ""),
        ([0, 0], 0, "▁▁"),
        ([0, 1, 1000], 0, "▁▂█"),
        ([8, 4, None, nan], 0, "█▅  "),
        ([1, 1, 2, 2, 4, 4], 3, "▃▅█"),
        ([3], 9, "█"),
    ],
)
def test_sparklines(values: list[float | None], width: int, line: str) -> None:
    assert sparkline(values, width) == line


def test_figures() -> None:
    assert [percent(value, signed=True) for value in (0.123, -0.5, 0.0, None, nan)] == [
        "+12 %",
        "−50 %",
        "0 %",
        "–",
        "–",
    ]
    assert [duration(value) for value in (0, 45, 600, 7_800, 97_200, 864_000, None)] == [
        "0 s", "45 s", "10 min", "2 h 10 min", "1 d 3 h", "10 d", "–",
    ]  # fmt: skip


@settings(max_examples=200)
@given(st.text(), st.integers(0, 40))
def test_fitted_text_takes_exactly_its_cells(text: str, width: int) -> None:
    assert cells(fit(text, width)) == width


COUNTS = st.integers(0, 10**7)


@settings(max_examples=40, deadline=None)
@given(st.lists(st.tuples(COUNTS, COUNTS, COUNTS), min_size=1, max_size=90), st.integers(40, 200))
def test_any_numbers_make_a_page(moods: list[Mood], width: int) -> None:
    lines = charts.report(insights(moods), width, UTC, False).splitlines()

    assert max(map(cells, lines)) <= width


def test_charts_cost_nothing_until_they_are_drawn() -> None:
    loaded = "import sys, tui.charts; print(*sorted({'plotext', 'sqlalchemy', 'textual'} & set(sys.modules)))"
    ran = subprocess.run([sys.executable, "-c", loaded], cwd=ROOT, capture_output=True, text=True, check=True)

    assert ran.stdout.strip() == ""


def test_parts_are_wrapped_between_each_other_only() -> None:
    assert lettering.wrap(["one two", "three", "four"], 16) == ["one two   three", "four"]
