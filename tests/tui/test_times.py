"""Times as people write them."""

from __future__ import annotations

from contextlib import suppress
from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from store.domain.errors import BadInput
from tests.factories import NOW
from tui.times import LONGEST, duration, in_words, iso, local, moment

BERLIN = ZoneInfo("Europe/Berlin")


@given(st.timedeltas(min_value=timedelta(0), max_value=LONGEST))
def test_a_duration_comes_back_to_the_second(length: timedelta) -> None:
    assert duration(in_words(length)) == timedelta(seconds=int(length.total_seconds()))


@pytest.mark.parametrize(
    ("text", "seconds"),
    [("90s", 90), ("1h30m", 5_400), ("1.5h", 5_400), ("7d", 604_800), ("2w", 1_209_600), (" 4 H ", 14_400)],
)
def test_durations(text: str, seconds: int) -> None:
    assert duration(text) == timedelta(seconds=seconds)


@given(st.text(max_size=12))
def test_any_other_text_is_bad_input_and_nothing_else(text: str) -> None:
    for read in (duration, lambda words: moment(words, now=NOW, zone=BERLIN)):
        with suppress(BadInput):
            read(text)


@pytest.mark.parametrize("text", ["", "5", "h", "-1h", "1y", "1h x", "99999999d", "4 parsecs"])
def test_what_is_no_duration(text: str) -> None:
    with pytest.raises(BadInput):
        duration(text)


@pytest.mark.parametrize(
    ("text", "wanted"),
    [
        ("2026-07-01", datetime(2026, 6, 30, 22, tzinfo=UTC)),  # summer time
        ("2026-12-01", datetime(2026, 11, 30, 23, tzinfo=UTC)),
        ("2026-12-01T09:30", datetime(2026, 12, 1, 8, 30, tzinfo=UTC)),
        ("2026-12-01 09:30Z", datetime(2026, 12, 1, 9, 30, tzinfo=UTC)),
        ("today", datetime(2026, 11, 20, 23, tzinfo=UTC)),
        ("tomorrow", datetime(2026, 11, 21, 23, tzinfo=UTC)),
        ("36h", NOW - timedelta(hours=36)),
    ],
)
def test_moments_in_the_readers_zone(text: str, wanted: datetime) -> None:
    assert moment(text, now=NOW, zone=BERLIN) == wanted


def test_a_duration_can_look_ahead() -> None:
    assert moment("4h", now=NOW, zone=BERLIN, ahead=True) == NOW + timedelta(hours=4)


def test_how_times_are_given() -> None:
    assert iso(NOW) == "2026-11-21T12:00:00Z"
    assert iso(None) is None
    assert local(NOW, BERLIN) == "2026-11-21 13:00"
