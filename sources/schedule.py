"""When to ask again. Pure: `chance` is a number in [0, 1) that the caller draws: no two pollers march in step.

A server's own time (Retry-After, a reset) is a floor: never before it, and spread out after it. Without one, full
jitter over a doubling span (aws.amazon.com/blogs/architecture/exponential-backoff-and-jitter).
"""

from __future__ import annotations

from datetime import datetime, timedelta

CAP = timedelta(hours=1)
FAR = timedelta(days=1)  # no server keeps us away for longer
UNAUTHORISED = timedelta(minutes=15)
SPREAD = 0.1  # of the interval


def after_success(every: timedelta, *, now: datetime, asked_for: datetime | None = None, chance: float) -> datetime:
    """`every` from now and up to a tenth later; `asked_for` is what the source itself wished and replaces `every`."""
    wished = now + every if asked_for is None else min(max(asked_for, now), now + FAR)
    return wished + every * SPREAD * chance


def after_failure(
    every: timedelta, failures: int, *, now: datetime, retry_at: datetime | None = None, chance: float
) -> datetime:
    """After the `failures`-th failure in a row (1 is the first): somewhere between `every` and `every` doubled so
    often, at most an hour (or `every`, where that is longer); never before `retry_at`."""
    if retry_at is not None:
        floor = min(max(retry_at, now), now + FAR)
        return floor + min(every, CAP) * chance
    return now + every + (_doubled(every, failures) - every) * chance


def unauthorised(every: timedelta, *, now: datetime, chance: float) -> datetime:
    """A refused account: asked again slowly, in case it was the other side's fault."""
    return now + max(every, UNAUTHORISED) * (1 + SPREAD * chance)


def _doubled(every: timedelta, failures: int) -> timedelta:
    doublings: int = 2 ** min(failures, 12)
    return min(every * doublings, max(every, CAP))
