"""A wall clock that can be set. Imported before anything that reads the time, it takes the place of the real one in
this process; what only goes on (time.monotonic) goes on."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from store.domain import clock

_ahead = timedelta(0)


def put(seconds: float) -> None:
    """Forward, or back where it is negative."""
    global _ahead
    _ahead += timedelta(seconds=seconds)


def _utcnow() -> datetime:
    return datetime.now(UTC) + _ahead


clock.utcnow = _utcnow
