"""Times as people write and read them: durations, moments, the reader's own zone. Below the screen all is UTC."""

from __future__ import annotations

import os
import re
import time
from datetime import UTC, datetime, timedelta, tzinfo
from functools import cache
from pathlib import Path
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from store.domain.errors import BadInput

UNITS = {"s": 1, "m": 60, "h": 3600, "d": 86_400, "w": 604_800}
LOCAL_TIME = Path("/etc/localtime")
LONGEST = timedelta(days=36_500)
_PART = re.compile(r"(\d{1,9}(?:\.\d{1,6})?)\s*([smhdw])", re.ASCII)
_DAYS = {"yesterday": -1, "today": 0, "tomorrow": 1}


def duration(text: str) -> timedelta:
    """ "90s", "15m", "4h", "7d", "2w" or several together ("1h30m"). Raises BadInput."""
    compact = text.strip().lower()
    parts = _PART.findall(compact)
    if not parts or _PART.sub("", compact).strip():
        raise BadInput(f"`{text}` is not a duration; write for example 30s, 15m, 4h, 7d or 2w")
    length = timedelta(seconds=sum(float(number) * UNITS[unit] for number, unit in parts))
    if length > LONGEST:
        raise BadInput(f"`{text}` is longer than a hundred years")
    return length


def in_words(length: timedelta) -> str:
    """The shortest exact form that `duration` reads: "15m", "1h30m", "0s"."""
    seconds, words = int(length.total_seconds()), ""
    for unit, size in sorted(UNITS.items(), key=lambda item: -item[1]):
        if unit != "w" and seconds >= size:
            words += f"{seconds // size}{unit}"
            seconds %= size
    return words or "0s"


def moment(text: str, *, now: datetime, zone: tzinfo, ahead: bool = False) -> datetime:
    """A time, UTC: a date (its first minute), a date and time, today, yesterday, tomorrow, in the reader's own zone
    where it names none; or a duration, counted back from now (`ahead`: forward). Raises BadInput."""
    word = text.strip()
    try:
        if word.lower() in _DAYS:
            day = (now.astimezone(zone) + timedelta(days=_DAYS[word.lower()])).date()
            return datetime(day.year, day.month, day.day, tzinfo=zone).astimezone(UTC)
        if re.match(r"\d{4}-?\d\d", word):
            parsed = datetime.fromisoformat(word)
            return (parsed if parsed.tzinfo else parsed.replace(tzinfo=zone)).astimezone(UTC)
        length = duration(word)
        return now + length if ahead else now - length
    except (ValueError, OverflowError, BadInput):
        raise BadInput(
            f"`{text}` is not a time; write 2026-11-01, 2026-11-01T09:30, today, or a duration such as 7d"
        ) from None


@cache
def local_zone() -> tzinfo:
    """The reader's zone with its summer time: TZ, else the machine's, else UTC."""
    name = os.environ.get("TZ", "").lstrip(":") or str(LOCAL_TIME.resolve()).partition("zoneinfo/")[2]
    try:
        if name:
            return ZoneInfo(name)
        with LOCAL_TIME.open("rb") as file:
            return ZoneInfo.from_file(file, key=time.tzname[0])
    except (OSError, ValueError, ZoneInfoNotFoundError):
        # A TZ such as "CET-1CEST" is no name of a zone; the C library reads it, for the moment's offset at least.
        return datetime.now().astimezone().tzinfo or UTC


def iso(at: datetime | None) -> str | None:
    """ISO 8601, UTC, with Z: as JSON gives it."""
    return None if at is None else at.astimezone(UTC).isoformat().replace("+00:00", "Z")


def local(at: datetime, zone: tzinfo | None = None) -> str:
    """To the minute in the reader's zone: as lines show it."""
    return at.astimezone(zone or local_zone()).strftime("%Y-%m-%d %H:%M")
