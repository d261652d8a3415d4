"""A period cut into buckets of the reader's own time."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta, tzinfo
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from store.buckets import Buckets, period
from store.domain.errors import BadInput
from tests.factories import A_DAY, NOW

BUCHAREST, KATHMANDU, NEW_YORK = ZoneInfo("Europe/Bucharest"), ZoneInfo("Asia/Kathmandu"), ZoneInfo("America/New_York")


def starts(since: datetime, until: datetime, zone: tzinfo, bucket: str) -> list[str]:
    """The buckets' first moments as the reader's clock shows them."""
    spans = Buckets(period(since, until, zone, bucket), zone).spans
    return [start.astimezone(zone).strftime("%d.%m. %H:%M") for start, _ in spans]


@pytest.mark.parametrize(
    ("days", "bucket"), [(1, "hour"), (2, "hour"), (3, "day"), (60, "day"), (61, "week"), (400, "week"), (401, "month")]
)
def test_a_period_gets_buckets_one_can_read(days: int, bucket: str) -> None:
    assert period(NOW - days * A_DAY, NOW, UTC).bucket == bucket


@pytest.mark.parametrize(("since", "bucket"), [(NOW, ""), (NOW + A_DAY, ""), (NOW - A_DAY, "minute")])
def test_what_is_no_period_is_said_so(since: datetime, bucket: str) -> None:
    with pytest.raises(BadInput):
        period(since, NOW, UTC, bucket)


def test_a_day_is_the_reader_s_day_also_when_the_clock_is_put_back() -> None:
    """Sunday, 25 October 2026 has 25 hours in Bucharest."""
    since, until = datetime(2026, 10, 24, tzinfo=BUCHAREST), datetime(2026, 10, 27, tzinfo=BUCHAREST)

    spans = Buckets(period(since, until, BUCHAREST, "day"), BUCHAREST).spans

    assert [(end - start) / timedelta(hours=1) for start, end in spans] == [24, 25, 24]
    assert starts(since, until, BUCHAREST, "day") == ["24.10. 00:00", "25.10. 00:00", "26.10. 00:00"]


def test_an_hour_that_comes_twice_is_two_buckets() -> None:
    since = datetime(2026, 10, 25, 0, 20, tzinfo=UTC)

    assert starts(since, since + timedelta(hours=2), BUCHAREST, "hour") == [
        "25.10. 03:20", "25.10. 03:00", "25.10. 04:00",
    ]  # fmt: skip


def test_hours_of_a_zone_that_is_off_by_three_quarters() -> None:
    buckets = Buckets(period(NOW, NOW + timedelta(hours=2), KATHMANDU, "hour"), KATHMANDU)

    assert [start.astimezone(KATHMANDU).strftime("%H:%M") for start, _ in buckets.spans] == ["17:45", "18:00", "19:00"]
    assert buckets.unit == 15 * 60 * 1_000_000


def test_weeks_begin_on_monday_and_months_on_the_first() -> None:
    since, until = datetime(2026, 10, 14, 8, tzinfo=NEW_YORK), datetime(2026, 11, 3, tzinfo=NEW_YORK)

    assert starts(since, until, NEW_YORK, "week") == ["14.10. 08:00", "19.10. 00:00", "26.10. 00:00", "02.11. 00:00"]
    assert starts(since, until, NEW_YORK, "month") == ["14.10. 08:00", "01.11. 00:00"]


def test_a_period_of_ages_is_refused_in_words() -> None:
    long = period(datetime(1026, 1, 1, tzinfo=UTC), NOW, UTC, "day")

    with pytest.raises(BadInput, match="shorter period"):
        Buckets(long, UTC)


ZONES = st.sampled_from(
    ["UTC", "Europe/Bucharest", "Asia/Kathmandu", "America/St_Johns", "Pacific/Auckland", "Asia/Beirut"]
)
TIMES = st.datetimes(datetime(1990, 1, 1), datetime(2040, 1, 1), timezones=st.just(UTC))


@given(TIMES, st.timedeltas(timedelta(microseconds=1), timedelta(days=900)), ZONES, st.data())
def test_every_moment_of_the_period_is_in_one_bucket(
    since: datetime, length: timedelta, zone: str, data: st.DataObject
) -> None:
    over = period(since, since + length, ZoneInfo(zone))
    buckets = Buckets(over, ZoneInfo(zone))

    assert (buckets.spans[0][0], buckets.spans[-1][1]) == (over.since, over.until)
    assert all(start < end for start, end in buckets.spans)
    assert [end for _, end in buckets.spans[:-1]] == [start for start, _ in buckets.spans[1:]]

    at = over.since + timedelta(microseconds=data.draw(st.integers(0, length // timedelta(microseconds=1) - 1)))
    slot = (at - datetime(1970, 1, 1, tzinfo=UTC)) // timedelta(microseconds=buckets.unit)
    assert buckets.fold([(slot, 7)]) == tuple(7 * (start <= at < end) for start, end in buckets.spans)
