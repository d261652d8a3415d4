"""What the pickers of the deeds offer."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

from store.domain.case import InboxRow
from store.domain.desk import Department
from store.domain.errors import BadInput
from store.domain.safetext import safe_line
from tui.modals.pick import Choice
from tui.safe import clip
from tui.times import local_zone, moment

if TYPE_CHECKING:
    from tui.shell import Earful

FREE = "type to narrow, or a new one · Enter takes · Esc leaves"
STATUSES = (
    Choice("open", "open", "o"),
    Choice("done", "done", "d"),
    Choice("snoozed", "snoozed …", "s"),
    Choice("escalated", "escalated …", "e"),
    Choice("dismissed", "dismissed …", "x"),
)
REASONS = tuple(
    Choice(reason, reason, str(number))
    for number, reason in enumerate(("not about us", "spam", "duplicate", "nothing to answer", "job advert"), 1)
)
SENTIMENTS = (
    Choice("positive", "positive", "+"),
    Choice("neutral", "neutral", "0"),
    Choice("negative", "negative", "-"),
)


@dataclass(frozen=True, slots=True)
class Until:
    """`time` None: until their next word."""

    time: datetime | None
    words: str


def many(rows: Sequence[InboxRow], done: str) -> tuple[str, list[str]]:
    """Title and lines of the question before a bulk deed."""
    return f"{len(rows):,} cases: {done}?", first_three(rows)


def first_three(rows: Sequence[InboxRow]) -> list[str]:
    lines = [clip(f"{row.handle}: {row.title or row.text}", 58) for row in rows[:3]]
    return lines + ([f"and {len(rows) - 3:,} more"] if len(rows) > 3 else [])


def name(typed: str) -> str:
    """A name of an agent, a tag or a team as typed. Raises BadInput."""
    clean = safe_line(typed).strip().lstrip("#@")
    if not clean or " " in clean or "," in clean:
        raise BadInput("one word, please")
    return clean


def agents(app: Earful) -> list[Choice[str]]:
    """Me first, then nobody (""), then everybody who has something on this screen."""
    others = sorted({a for a in app.known_agents() if a != app.agent})
    return [Choice(app.agent, app.agent, aside="me"), Choice("", "nobody", aside="give it back")] + [
        Choice(other, other) for other in others
    ]


def tags(app: Earful, on: set[str]) -> list[Choice[str]]:
    return [
        Choice(tag, tag, aside="on; takes it off" if tag in on else "") for tag in sorted(set(app.known_tags()) | on)
    ]


def departments(them: Sequence[Department]) -> list[Choice[str]]:
    return [Choice(d.name, d.name, aside="" if d.to else "no address") for d in them]


def mutes(row: InboxRow) -> list[Choice[str]]:
    return [
        Choice("author", f"everything by {clip(row.handle, 40)}", "a"),
        Choice("thread", "this thread", "t"),
        Choice("word", "a word …", "w"),
    ]


def snoozes(now: datetime) -> list[Choice[Until]]:
    """Usual times in the reader's own day."""
    here = now.astimezone(local_zone())
    morning = here.replace(hour=9, minute=0, second=0, microsecond=0)
    evening = here.replace(hour=18, minute=0, second=0, microsecond=0)
    offered = [
        ("an hour", here + timedelta(hours=1)),
        ("three hours", here + timedelta(hours=3)),
        ("this evening", evening) if here < evening else ("tomorrow evening", evening + timedelta(days=1)),
        ("tomorrow morning", morning + timedelta(days=1)),
        ("Monday morning", morning + timedelta(days=(7 - here.weekday()) or 7)),
        ("a week", here + timedelta(days=7)),
    ]
    timed = [(words, at.astimezone(UTC), f"{at:%a %d %b %H:%M}") for words, at in offered]
    return [
        *(Choice(Until(at, shown), words, aside=shown) for words, at, shown in timed),
        Choice(Until(None, "their next word"), "until their next word"),
    ]


def until(now: datetime) -> Callable[[str], Until]:
    """What was typed as a time ahead."""

    def read(typed: str) -> Until:
        at = moment(typed, now=now, zone=local_zone(), ahead=True)
        if at <= now:
            raise BadInput("that is not ahead of us")
        return Until(at, f"{at.astimezone(local_zone()):%a %d %b %H:%M}")

    return read
