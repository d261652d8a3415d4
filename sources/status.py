"""What an HTTP status means to a poll."""

from __future__ import annotations

from datetime import datetime

from sources.addresses import shown
from sources.errors import BadAnswer, Gone, RateLimited, Unauthorised, Unreachable
from sources.http import Answer, retry_after


def whole(answer: Answer, *, now: datetime, reset: datetime | None = None) -> Answer:
    """The answer if its status is 2xx or 304. Raises RateLimited (429, or 503 with a time; `reset` is the network's own
    word for it), Unauthorised (401, 403), Gone (410), Unreachable (5xx) or BadAnswer (what else was not expected)."""
    status = answer.status
    if 200 <= status < 300 or status == 304:
        return answer
    told = f"{shown(answer.url)} answered {status}"
    retry_at = reset or retry_after(answer.headers, now=now)
    if status == 429:
        raise RateLimited(f"{told}: too many requests", retry_at)
    if status == 503 and retry_at is not None:
        raise RateLimited(f"{told}: it is out of order and says when to come again", retry_at)
    if status in (401, 403):
        raise Unauthorised(f"{told}: it does not let us in; check the token")
    if status == 410:
        raise Gone(f"{told}: it is gone for good; remove the source, or ask again with earful poll --once")
    if status >= 500:
        raise Unreachable(f"{told}: it is out of order")
    raise BadAnswer(f"{told}; check the address" if status == 404 else told)
