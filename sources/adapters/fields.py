"""One field of an untrusted answer, made storable: what is not what it should be becomes empty or a ValueError."""

from __future__ import annotations

import hashlib
import json
import math
import re
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from typing import Any
from urllib.parse import parse_qs, urlsplit

from sources.errors import BadAnswer

IDENTIFIER_LIMIT = 400
URL_LIMIT = 2_000
PLACE_LIMIT = 4_000
RAW_LIMIT = 256 * 1024
EARLIEST, LATEST = datetime(1970, 1, 1, tzinfo=UTC), datetime(2200, 1, 1, tzinfo=UTC)
_UTC, _LEAP_SECOND = re.compile(r" (UTC|GMT)$"), re.compile(r"(?<=\d:\d\d:)60")
_TOKEN = re.compile(r"[\x20-\x7e]{1,16000}")
_UNSTORABLE = re.compile(r"[\x00-\x1f\x7f-\x9f\ud800-\udfff\ufffe\uffff]")


def identifier(value: Any) -> str:
    """An id or a handle: text or a whole number, without control characters. A very long one keeps its hash."""
    if isinstance(value, bool) or not isinstance(value, str | int):
        return ""
    text = _UNSTORABLE.sub("", str(value)).strip()
    if len(text) <= IDENTIFIER_LIMIT:
        return text
    return f"{text[: IDENTIFIER_LIMIT - 70]}…{digest(text)}"


def text(value: Any) -> str:
    return value if isinstance(value, str) else ""


def place(value: Any) -> str:
    """Where a list goes on, as its server names it: "" where it does not. It is kept and sent back, so one that no
    address can carry raises BadAnswer: every later poll would stumble over it."""
    if not isinstance(value, str):
        return ""
    if len(value) > PLACE_LIMIT or _UNSTORABLE.search(value):
        raise BadAnswer("the answer goes on at a place that is none")
    return value


def parameter(url: str, name: str) -> str:
    """Where a list goes on, as a parameter of the address of its next page. Raises BadAnswer, as `place` does."""
    try:
        return place(parse_qs(urlsplit(url).query).get(name, [""])[0])
    except ValueError:
        raise BadAnswer("the answer goes on at an address that is none") from None


def token(value: Any) -> str:
    """A token that a header can carry; anything else is none."""
    return value if isinstance(value, str) and _TOKEN.fullmatch(value) else ""


def web_url(value: Any) -> str:
    """An http(s) address; anything else (javascript:, data:, files) is no link."""
    url = _UNSTORABLE.sub("", value).strip() if isinstance(value, str) else ""
    try:
        parts = urlsplit(url)
    except ValueError:
        return ""
    return url if parts.scheme in ("http", "https") and parts.netloc and len(url) <= URL_LIMIT else ""


def count(value: Any) -> int | None:
    """A number of people, where it is one."""
    if isinstance(value, str) and re.fullmatch(r"[0-9]{1,15}", value.strip()):
        value = int(value)
    if isinstance(value, float) and math.isfinite(value):
        value = int(value)
    if isinstance(value, bool) or not isinstance(value, int) or not 0 <= value < 10**15:
        return None
    return value


def moment(value: Any) -> datetime:
    """A time: ISO 8601 (naive is UTC; 20261121 is a day), an RFC 2822 date, or seconds or milliseconds since 1970.
    Raises ValueError."""
    if isinstance(value, str) and re.fullmatch(r"\s*[0-9]{9,20}(\.[0-9]+)?\s*", value):
        value = float(value)
    try:
        at = _moment(value)
    except (ValueError, TypeError, OverflowError, OSError, IndexError):
        at = None
    if at is None or not EARLIEST <= at < LATEST:
        raise ValueError("not a time")
    return at


def _moment(value: Any) -> datetime | None:
    if isinstance(value, bool) or not isinstance(value, str | int | float):
        return None
    if isinstance(value, str):
        try:
            at = datetime.fromisoformat(_LEAP_SECOND.sub("59", _UTC.sub("Z", value.strip().upper())))
        except ValueError:
            at = parsedate_to_datetime(value)
        return at.replace(tzinfo=UTC) if at.tzinfo is None else at.astimezone(UTC)
    return datetime.fromtimestamp(value / 1000 if abs(value) > 1e11 else value, UTC)


def why(error: Exception) -> str:
    """Why an item was set aside, for the ledger. Only a ValueError says it in words for people."""
    return str(error) if isinstance(error, ValueError) else f"not what it promises ({type(error).__name__})"


def raw(item: Any) -> bytes:
    """An item of a JSON answer as it is kept aside."""
    return json.dumps(item, separators=(",", ":")).encode("ascii")[:RAW_LIMIT]


def digest(*parts: str) -> str:
    """A stable name for content that has none (64 hexadecimal digits)."""
    return hashlib.sha256("\x1f".join(parts).encode("utf-8", "replace")).hexdigest()
