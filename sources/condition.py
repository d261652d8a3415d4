"""What ails a stream, as the health screen, the status line and `earful doctor` say it. Pure."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta

from store.domain.desk import SourceConfig
from store.domain.poll import Cursor

LATE_INTERVALS = 3
SHORTEST = timedelta(seconds=30)  # a source that is polled more often is not late sooner than one polled so often


@dataclass(frozen=True, slots=True)
class Condition:
    """`trouble` is what ails it in a word or two, `advice` what to do about it; both "" where nothing does. `stopped`:
    it will not mend by itself."""

    trouble: str = ""
    advice: str = ""
    stopped: bool = False


def condition(cursor: Cursor, config: SourceConfig, now: datetime) -> Condition:
    poll = f"then `earful poll --once --source '{config.name}'`"
    if cursor.state == "unauthorised":
        what = "renew its token" if config.token else "it asks for a login: give it a token or remove it"
        return Condition("unauthorised", f"{what}, {poll}", stopped=True)
    if cursor.state == "gone":
        return Condition("gone", f"correct or remove the source, {poll}", stopped=True)
    late = LATE_INTERVALS * max(config.every, SHORTEST)
    if cursor.last_success_at is None:
        if cursor.failures:
            return Condition("never worked", "read what it says; it is tried again by itself")
        if now - cursor.next_poll_at > late:
            return Condition("late", "nobody polls it: is a worker running?")
    elif now - cursor.last_success_at > late:
        if cursor.failures:
            return Condition("failing", "read what it says; it is tried again by itself")
        if now - cursor.next_poll_at > late:
            return Condition("late", "nobody polls it: is a worker running?")
    return Condition()
