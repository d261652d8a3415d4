"""A delivery: one thing in the outbox that must leave the house."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from store.domain.safetext import SafeText


class DeliveryKind(StrEnum):
    REPLY = "reply"
    FORWARD = "forward"
    ESCALATION = "escalation"


class DeliveryState(StrEnum):
    """Where a delivery stands; MOVES says which way it may go from there."""

    HELD = "held"
    QUEUED = "queued"
    SENDING = "sending"
    SENT = "sent"
    FAILED = "failed"
    UNKNOWN = "unknown"
    PERSON = "needs a person"
    WITHDRAWN = "withdrawn"


MOVES: dict[DeliveryState, frozenset[DeliveryState]] = {
    DeliveryState.HELD: frozenset({DeliveryState.QUEUED, DeliveryState.WITHDRAWN}),
    DeliveryState.QUEUED: frozenset(
        {DeliveryState.SENDING, DeliveryState.WITHDRAWN, DeliveryState.FAILED, DeliveryState.PERSON}
    ),
    DeliveryState.SENDING: frozenset(
        {DeliveryState.SENT, DeliveryState.FAILED, DeliveryState.UNKNOWN, DeliveryState.QUEUED}
    ),
    DeliveryState.UNKNOWN: frozenset({DeliveryState.SENT, DeliveryState.QUEUED, DeliveryState.PERSON}),
    DeliveryState.PERSON: frozenset({DeliveryState.SENT, DeliveryState.QUEUED, DeliveryState.WITHDRAWN}),
    DeliveryState.SENT: frozenset(),
    DeliveryState.FAILED: frozenset({DeliveryState.QUEUED, DeliveryState.WITHDRAWN}),
    DeliveryState.WITHDRAWN: frozenset({DeliveryState.HELD}),
}
SETTLED = frozenset({DeliveryState.SENT, DeliveryState.FAILED, DeliveryState.WITHDRAWN})


@dataclass(frozen=True, slots=True)
class Delivery:
    """One row of the outbox. `identity` is born with the draft and is what a network is asked to de-duplicate by.

    `to` is shown: a handle for a reply, the department's name for a forward. `target` is what the channel needs: the
    parent's native id for a reply, the department's or team's name otherwise. `absences` counts complete read-backs
    that did not find it. Times are UTC; `due_at` is when the courier looks at it next.
    """

    id: int
    case_id: int
    kind: DeliveryKind
    state: DeliveryState
    source: str
    to: SafeText
    target: str
    text: str
    identity: str
    agent: str
    created_at: datetime
    due_at: datetime
    attempts: int
    absences: int
    tried_at: datetime | None
    error: SafeText
    remote_id: str
    url: str
    mention_id: int | None
    visibility: str
    version: int


def waits_behind(one: Delivery, others: Iterable[Delivery]) -> bool:
    """Whether an older answer of the same case must be settled before this one may leave."""
    return (
        one.kind is DeliveryKind.REPLY
        and one.state in (DeliveryState.HELD, DeliveryState.QUEUED)
        and any(
            older.kind is DeliveryKind.REPLY and older.id < one.id and older.state not in SETTLED for older in others
        )
    )
