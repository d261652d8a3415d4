"""What an agent (or a rule) decides about a case."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from store.domain.case import Priority


@dataclass(frozen=True, slots=True)
class Reply:
    """`identity` is the draft's; `undo_window` in seconds is how long the delivery is held."""

    text: str
    identity: str
    undo_window: float = 15.0


@dataclass(frozen=True, slots=True)
class AddNote:
    text: str


@dataclass(frozen=True, slots=True)
class Assign:
    agent: str | None


@dataclass(frozen=True, slots=True)
class Tag:
    add: tuple[str, ...] = ()
    remove: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Prioritise:
    priority: Priority


@dataclass(frozen=True, slots=True)
class Snooze:
    """Until a time, or (None) until their next word. Their next word always wakes it."""

    until: datetime | None


@dataclass(frozen=True, slots=True)
class Escalate:
    """`notify` is true where the team has an address: then a delivery goes out."""

    team: str
    reason: str
    notify: bool = False
    undo_window: float = 15.0


@dataclass(frozen=True, slots=True)
class Forward:
    department: str
    comment: str = ""
    undo_window: float = 15.0


@dataclass(frozen=True, slots=True)
class Done:
    pass


@dataclass(frozen=True, slots=True)
class Dismiss:
    reason: str


@dataclass(frozen=True, slots=True)
class Reopen:
    pass


@dataclass(frozen=True, slots=True)
class CorrectSentiment:
    """A person's word on the newest mention of the case: positive, neutral or negative."""

    label: str


Action = (
    Reply
    | AddNote
    | Assign
    | Tag
    | Prioritise
    | Snooze
    | Escalate
    | Forward
    | Done
    | Dismiss
    | Reopen
    | CorrectSentiment
)
