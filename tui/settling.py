"""What a person decides about a delivery that waits for it, or that has not left yet. The same for the screen and the
command line."""

from __future__ import annotations

from datetime import datetime
from enum import StrEnum
from typing import TYPE_CHECKING

from store.domain.case import CaseDetail
from store.domain.delivery import Delivery, DeliveryKind, DeliveryState
from store.domain.errors import BadInput

if TYPE_CHECKING:
    from store.database import Database


class Decision(StrEnum):
    SENT = "sent"  # a person looked there, or answered by hand
    SEND = "send"  # now, whatever kept it
    DRAFT = "draft"  # not to be sent; the words of a reply are a draft again


OPEN = {
    DeliveryState.PERSON: (Decision.SEND, Decision.SENT, Decision.DRAFT),
    DeliveryState.UNKNOWN: (Decision.SENT, Decision.SEND),
    DeliveryState.HELD: (Decision.DRAFT,),
    DeliveryState.QUEUED: (Decision.DRAFT,),
    DeliveryState.FAILED: (Decision.SEND, Decision.DRAFT),
}
BECOMES = {
    Decision.SENT: DeliveryState.SENT,
    Decision.SEND: DeliveryState.QUEUED,
    Decision.DRAFT: DeliveryState.WITHDRAWN,
}
DONE = {Decision.SENT: "marked as sent", Decision.SEND: "sent again", Decision.DRAFT: "not sent"}


def waiting(detail: CaseDetail) -> Delivery | None:
    """The one to decide about first: the oldest that others wait behind, else the newest that could still be called
    back or sent again."""
    for state in (DeliveryState.PERSON, DeliveryState.UNKNOWN):
        for delivery in detail.deliveries:
            if delivery.state is state:
                return delivery
    return next((one for one in reversed(detail.deliveries) if one.state in OPEN), None)


async def settle(
    db: Database, detail: CaseDetail, delivery: Delivery, decision: Decision, *, agent: str, now: datetime
) -> str:
    """What was done, in words. Raises BadInput for what cannot be decided about it now, Conflict when it moved."""
    from store import cases, outbox

    allowed = OPEN.get(delivery.state, ())
    if decision not in allowed:
        ways = " or ".join(f"`{way}`" for way in allowed) or "nothing"
        raise BadInput(f"the {delivery.kind} to {delivery.to} is {delivery.state}: what can be decided is {ways}")
    if delivery.state in (DeliveryState.HELD, DeliveryState.QUEUED):
        # The decision that put it into the outbox is taken back, whoever made it.
        return (await cases.undo(db, agent=agent, now=now, batch=_batch(detail, delivery))).words
    detail_words = f"{DONE[decision]} by {agent}"
    await outbox.move(db, delivery, BECOMES[decision], now=now, due_at=now, detail=detail_words)
    if decision is Decision.DRAFT and delivery.kind is DeliveryKind.REPLY:
        return "not sent; its words are a draft"
    return DONE[decision]


def _batch(detail: CaseDetail, delivery: Delivery) -> int:
    for entry in reversed(detail.journal):
        if not entry.undone and (entry.after.get("delivery") or {}).get("id") == delivery.id:
            return entry.batch
    raise BadInput("what put it into the outbox is not in the journal any more")
