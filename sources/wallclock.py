"""Whether the wall clock was set, or the machine slept: what was to come after a while is then due at another time."""

from __future__ import annotations

import time
from datetime import datetime, timedelta

SLACK = timedelta(seconds=5)  # what clocks are put right by all the time


class WallClock:
    """Compared with the clock that only goes on. That one stands still while the machine sleeps (Linux,
    clock_gettime(2), CLOCK_MONOTONIC), so that a sleep looks like a clock that was put forward."""

    def __init__(self, now: datetime) -> None:
        self._began = self._gap(now)

    def moved(self, now: datetime) -> timedelta:
        """By how much it was put forward, or back, since this was asked last."""
        gap = self._gap(now)
        by = gap - self._began
        if abs(by) < SLACK:
            return timedelta(0)
        self._began = gap
        return by

    @staticmethod
    def _gap(now: datetime) -> datetime:
        return now - timedelta(seconds=time.monotonic())
