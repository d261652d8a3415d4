"""Who is at a case right now."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta

ALIVE = timedelta(seconds=50)  # without a sign of life for so long, nobody is there any more
BEAT = timedelta(seconds=15)  # how often a session gives one


@dataclass(frozen=True, slots=True)
class Presence:
    """One session at one case: reading it, or `writing` an answer. `since` is when that began, `seen_at` the last sign
    of life."""

    session: str
    case_id: int
    agent: str
    writing: bool
    since: datetime
    seen_at: datetime

    def alive(self, now: datetime) -> bool:
        return now - self.seen_at < ALIVE
