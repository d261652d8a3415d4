"""When an answer that could not leave is no longer sent by itself, but looked at by a person first. Pure."""

from __future__ import annotations

from datetime import datetime, timedelta

from store.domain.desk import Desk
from store.lateness import Since

LATE = timedelta(minutes=15)  # behind its undo window


def overdue(since: Since, desk: Desk, now: datetime) -> str:
    """Why it waits for a person, in words; "" where nothing is in the way of sending it."""
    waited = now - since.decided_at
    if since.gone:
        return "what it answers was deleted meanwhile"
    if waited >= desk.answers_expire:
        return f"it could not leave for {_span(waited)}"
    if waited >= desk.undo_window + LATE and since.news:
        return f"it waited for {_span(waited)}, and meanwhile {since.news}"
    return ""


def _span(length: timedelta) -> str:
    minutes = int(length / timedelta(minutes=1))
    return f"{minutes} min" if minutes < 120 else f"{minutes // 60} h"
