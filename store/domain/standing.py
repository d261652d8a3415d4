"""Where a case stands, and where an action takes it. Pure: what a decision means, nothing of how it is kept."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from store.domain.action import (
    Action,
    AddNote,
    Assign,
    CorrectSentiment,
    Dismiss,
    Done,
    Escalate,
    Forward,
    Prioritise,
    Reopen,
    Reply,
    Snooze,
    Tag,
)
from store.domain.case import CaseStatus, Priority
from store.domain.mention import JsonObject

MACHINES = frozenset({"rule", "earful"})  # what they do leaves a `new` case new: nobody has touched it yet

WORDS: Mapping[type[Any], str] = {
    Reply: "reply",
    AddNote: "note",
    Assign: "assign",
    Tag: "tag",
    Prioritise: "prioritise",
    Snooze: "snooze",
    Escalate: "escalate",
    Forward: "forward",
    Done: "done",
    Dismiss: "dismiss",
    Reopen: "reopen",
    CorrectSentiment: "correct",
}

Fields = dict[str, Any]  # column of `cases` -> value


@dataclass(frozen=True, slots=True)
class Standing:
    """What deciding reads of one case, as of `version`."""

    id: int
    version: int
    author_id: int
    network: str
    source: str
    thread: str
    newest_mention_id: int | None
    status: CaseStatus
    priority: Priority
    assignee: str | None
    team: str | None
    reason: str
    snoozed_until: datetime | None

    def changed(self, fields: Fields) -> Fields:
        """Those of `fields` that differ from how the case stands."""
        return {name: value for name, value in fields.items() if getattr(self, name) != value}


def entering(status: CaseStatus, *, reason: str = "", until: datetime | None = None) -> Fields:
    """A status with what belongs to it: a reason to `escalated` and `dismissed`, a time to `snoozed`."""
    return {"status": status, "reason": reason, "snoozed_until": until}


def decide(standing: Standing, action: Action, *, agent: str) -> Fields:
    """The columns that change when `agent` does `action` on the case. A `new` case that a person touches is `open`
    unless the action says otherwise; a team stays with the case until another is named."""
    fields = _aim(action)
    if "status" not in fields and standing.status is CaseStatus.NEW and agent not in MACHINES:
        fields |= entering(CaseStatus.OPEN)
    return standing.changed(fields)


def _aim(action: Action) -> Fields:
    match action:
        case Reply():
            return entering(CaseStatus.WAITING)
        case Assign(agent):
            return {"assignee": agent}
        case Prioritise(priority):
            return {"priority": priority}
        case Snooze(until):
            return entering(CaseStatus.SNOOZED, until=until)
        case Escalate(team, reason):
            return entering(CaseStatus.ESCALATED, reason=reason) | {"team": team}
        case Done():
            return entering(CaseStatus.DONE)
        case Dismiss(reason):
            return entering(CaseStatus.DISMISSED, reason=reason)
        case Reopen():
            return entering(CaseStatus.OPEN)
        case _:
            return {}


def to_json(fields: Fields) -> JsonObject:
    """Column values as the journal keeps them: times in ISO 8601."""
    return {name: value.isoformat() if isinstance(value, datetime) else value for name, value in fields.items()}


def from_json(kept: JsonObject) -> Fields:
    """The column values of a journal entry; what else it holds is left out."""
    fields: Fields = {}
    for name, value in kept.items():
        match name:
            case "status":
                fields[name] = CaseStatus(value)
            case "priority":
                fields[name] = Priority(value)
            case "snoozed_until":
                fields[name] = None if value is None else datetime.fromisoformat(value)
            case "assignee" | "team" | "reason":
                fields[name] = value
    return fields
