"""What an answer of an atproto server says (https://atproto.com/specs/xrpc): its error's name, its limits."""

from __future__ import annotations

import re
from datetime import datetime, timedelta
from typing import Any

from sources.adapters import fields
from sources.addresses import shown
from sources.errors import BadAnswer, RateLimited, Unauthorised, quoted
from sources.http import Answer
from sources.status import whole

# The server does not know the method, so it has done nothing; 599 is what a proxy says that has nothing behind it.
UNKNOWN_METHOD = frozenset({404, 405, 501, 599})
_NOT_LET_IN = frozenset({"ExpiredToken", "InvalidToken", "AuthMissing", "AuthenticationRequired", "AccountTakedown"})


def understood(answer: Answer, *, now: datetime) -> Any:
    """The JSON of an answer that is one. Raises SourceError; RateLimited with the time that the server names."""
    status, name = answer.status, error_name(answer)
    if status == 400 and name == "RateLimitExceeded":
        raise RateLimited(f"{shown(answer.url)}: too many requests", reset_time(answer, now))
    if status == 400 and name in _NOT_LET_IN:
        raise Unauthorised(f"{shown(answer.url)} does not let us in ({name}); check `handle` and `token`")
    if status == 400:
        raise BadAnswer(f"{shown(answer.url)} refused with 400: {error_words(answer)}")
    whole(answer, now=now, reset=reset_time(answer, now) if status == 429 else None)
    return answer.json()


def quota(answer: Answer, now: datetime) -> tuple[int | None, datetime | None]:
    """(requests that are left, when there are more again where none is)."""
    left = fields.count(answer.headers.get("ratelimit-remaining"))
    return left, reset_time(answer, now) if left == 0 else None


def reset_time(answer: Answer, now: datetime) -> datetime | None:
    """RateLimit-Reset: seconds since 1970 (a PDS), or from now (the IETF's draft)."""
    value = answer.headers.get("ratelimit-reset", "")
    if re.fullmatch(r"[0-9]{1,6}", value):
        return now + timedelta(seconds=int(value))
    try:
        return fields.moment(value)
    except ValueError:
        return None


def error_name(answer: Answer) -> str:
    """The error's name in the lexicon; "" where the answer is no error of a method."""
    told = _error(answer)
    return fields.identifier(told.get("error")) if isinstance(told, dict) else ""


def error_words(answer: Answer) -> str:
    """What the server says of it, on one line."""
    told = _error(answer)
    words = fields.text(told.get("message")) or fields.text(told.get("error")) if isinstance(told, dict) else ""
    return quoted(words) or "no reason given"


def _error(answer: Answer) -> Any:
    if answer.status < 400:
        return None
    try:
        return answer.json()
    except BadAnswer:
        return None
