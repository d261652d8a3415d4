"""Buckets: a period cut into the hours, days, weeks or months of the reader's own time zone."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Iterable
from datetime import UTC, datetime, timedelta, tzinfo

from store.domain.errors import BadInput
from store.domain.insight import Period
from store.types import to_micros

HOUR, DAY = timedelta(hours=1), timedelta(days=1)
LONGEST = ((2 * DAY, "hour"), (60 * DAY, "day"), (400 * DAY, "week"))
MOST = 20_000
HOUR_MICROS, QUARTER_MICROS = 3_600_000_000, 900_000_000


def period(since: datetime, until: datetime, zone: tzinfo, bucket: str = "") -> Period:
    """The period with a bucket that gives about 10 to 60 of them: hour up to 2 days, day up to 60, week up to 400, else
    month. Raises BadInput where it does not begin before it ends, or for a bucket of another name."""
    since, until = since.astimezone(UTC), until.astimezone(UTC)
    if since >= until:
        raise BadInput("the period ends before it begins; put the earlier time first")
    if bucket not in ("", "hour", "day", "week", "month"):
        raise BadInput(f"a bucket is an hour, day, week or month, not {bucket!r}")
    length = until.astimezone(zone).replace(tzinfo=None) - since.astimezone(zone).replace(tzinfo=None)
    fitting = next((name for longest, name in LONGEST if length <= longest), "month")
    return Period(since, until, bucket or fitting)


class Buckets:
    """The buckets of a period. They cover it without a gap or overlap; the first and the last may be cut short by it.

    `spans` are their (start, end), UTC. The store counts by `unit`, a length in microseconds, counted from 1970, inside
    which no bucket begins: an hour, or a quarter of one for the zones that are off by that.
    """

    def __init__(self, over: Period, zone: tzinfo) -> None:
        starts = [over.since]
        while (begin := _next(starts[-1], zone, over.bucket)) < over.until:
            starts.append(begin)
            if len(starts) > MOST:
                raise BadInput(f"that is more than {MOST:,} {over.bucket}s; ask for a shorter period")
        self.spans = tuple(zip(starts, [*starts[1:], over.until], strict=True))
        self._starts = [to_micros(start) for start in starts]
        self.unit = QUARTER_MICROS if any(start % HOUR_MICROS for start in self._starts[1:]) else HOUR_MICROS

    def fold(self, counts: Iterable[tuple[int, int]]) -> tuple[int, ...]:
        """(number of the unit since 1970, count) added up by bucket."""
        sums = [0] * len(self.spans)
        for slot, count in counts:
            sums[max(bisect_right(self._starts, slot * self.unit) - 1, 0)] += count
        return tuple(sums)


def _next(at: datetime, zone: tzinfo, bucket: str) -> datetime:
    """When the bucket after that of `at` begins, UTC. An hour is sixty minutes also where the clock is put back."""
    local = at.astimezone(zone)
    if bucket == "hour":
        return at - timedelta(minutes=local.minute, seconds=local.second, microseconds=local.microsecond) + HOUR
    day = local.date()
    if bucket == "day":
        day += DAY
    elif bucket == "week":
        day += DAY * (7 - day.weekday())
    else:
        day = (day.replace(day=1) + 32 * DAY).replace(day=1)
    return datetime(day.year, day.month, day.day, tzinfo=zone).astimezone(UTC)
