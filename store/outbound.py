"""What enters the outbox by an agent's decision, and what undo takes back out of it while it is still in the house."""

from __future__ import annotations

import hashlib
import uuid
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlalchemy import insert, select
from sqlalchemy.exc import IntegrityError
from sqlalchemy.ext.asyncio import AsyncConnection

from store import changes, drafts, outbox
from store.chunks import chunks
from store.domain.delivery import SETTLED, Delivery, DeliveryKind, DeliveryState
from store.domain.errors import Conflict
from store.tables import delivery

RECALLABLE = frozenset({DeliveryState.HELD, DeliveryState.QUEUED, DeliveryState.FAILED})


@dataclass(frozen=True, slots=True)
class Outgoing:
    """One delivery to be. `identity` names it for good: the same one again is the same delivery."""

    case_id: int
    kind: DeliveryKind
    source: str
    to: str
    target: str
    text: str
    identity: str
    mention_id: int | None = None
    visibility: str = ""

    @property
    def body_hash(self) -> str:
        """For a reply what a network would see as the same post under the same parent. A department may get the same
        comment with many cases."""
        body = " ".join(self.text.split())
        if self.kind is not DeliveryKind.REPLY:
            body = f"{self.kind}\x1f{self.case_id}\x1f{body}"
        return hashlib.sha256(body.encode()).hexdigest()

    @property
    def identity_if_reworded(self) -> str:
        """The identity of other words under an identity that was called back before: made from both, so that pressing
        send twice stays one delivery."""
        name = "\x1f".join((self.identity, str(self.case_id), self.target, self.text))
        return str(uuid.uuid5(uuid.NAMESPACE_OID, name))


async def hold(
    connection: AsyncConnection, outgoing: Sequence[Outgoing], *, agent: str, now: datetime, window: float
) -> dict[int, int]:
    """Put these into the outbox, `held` for `window` seconds: case id -> delivery id, at most one a case.

    What was called back and comes again with the same identity, words and target is the same row, held anew. Raises
    Conflict where an identity, or the same body for the same target, is on its way already.
    """
    await _refuse_twins(connection, outgoing)
    names = [name for one in outgoing for name in (one.identity, one.identity_if_reworded)]
    known: dict[str, Delivery] = {}
    for some in chunks(names):
        found = await outbox.find(connection, delivery.c.identity.in_(some))
        known |= {one.identity: one for one in found}
    held: dict[int, int] = {}
    fresh: list[dict[str, object]] = []
    for one in outgoing:
        before = known.get(one.identity)
        if before and before.state is DeliveryState.WITHDRAWN and not _same(one, before):
            before = known.get(one.identity_if_reworded)
            identity = one.identity_if_reworded
        else:
            identity = one.identity
        if before and before.state is not DeliveryState.WITHDRAWN:
            raise Conflict(f"this {before.kind} is in the outbox already: {before.state}")
        if before:
            await rehold(connection, [before], now=now, window=window, agent=agent)
            held[one.case_id] = before.id
        else:
            fresh.append(_row(one, identity, agent=agent, now=now, window=window))
    if fresh:
        statement = insert(delivery).returning(delivery.c.case_id, delivery.c.id)
        try:
            held |= {row.case_id: row.id for row in await connection.execute(statement, fresh)}
        except IntegrityError as error:
            raise Conflict(outbox.TWIN) from error
    await changes.note(connection, "delivery", held, at=now)
    return held


async def withdraw(connection: AsyncConnection, numbers: Sequence[int], *, now: datetime) -> list[Delivery]:
    """Call these deliveries back; the text of a reply is its agent's draft again, under the same identity. Raises
    Conflict, in words, where one has left the house or may have."""
    calling = [one for one in await _these(connection, numbers) if one.state is not DeliveryState.WITHDRAWN]
    for one in calling:
        if one.state not in RECALLABLE:
            raise Conflict(f"case {one.case_id}: {_gone(one)}")
    moved = await outbox.shift(connection, calling, DeliveryState.WITHDRAWN, now=now, detail="called back")
    for one in moved:
        if one.kind is DeliveryKind.REPLY:
            await drafts.put_back(connection, one.case_id, one.agent, one.text, identity=one.identity, now=now)
    return moved


async def rehold(
    connection: AsyncConnection, again: Sequence[Delivery], *, now: datetime, window: float, agent: str = ""
) -> None:
    """Hold anew what was called back."""
    values = {"agent": agent} if agent else {}
    due_at = now + timedelta(seconds=window)
    await outbox.shift(
        connection, again, DeliveryState.HELD, now=now, due_at=due_at, attempts=0, absences=0, error="", **values
    )


async def redo(connection: AsyncConnection, windows: Mapping[int, float], *, now: datetime) -> None:
    """Hold these called-back deliveries again (id -> undo window in seconds): what undo took back is done again."""
    for one in await _these(connection, list(windows)):
        if one.state is not DeliveryState.WITHDRAWN:
            raise Conflict(f"case {one.case_id}: its {one.kind} is {one.state} already")
        await rehold(connection, [one], now=now, window=windows[one.id])
        if one.kind is DeliveryKind.REPLY:
            await drafts.taken(connection, one.case_id, one.agent, one.text)


async def _refuse_twins(connection: AsyncConnection, outgoing: Sequence[Outgoing]) -> None:
    bodies = {(one.case_id, one.source, one.target, one.body_hash): one for one in outgoing}
    c = delivery.c
    unsettled = select(c.case_id, c.source, c.target, c.body_hash, c.state).where(c.state.not_in(SETTLED))
    for some in chunks(one.case_id for one in outgoing):
        for *body, state in await connection.execute(unsettled.where(c.case_id.in_(some))):
            twin = bodies.get(tuple(body))
            if twin:
                again = f"the same {twin.kind} to {twin.to} is in the outbox already"
                raise Conflict(f"case {twin.case_id}: {again}: {state}")


async def _these(connection: AsyncConnection, numbers: Sequence[int]) -> list[Delivery]:
    found: list[Delivery] = []
    for some in chunks(numbers):
        found += await outbox.find(connection, delivery.c.id.in_(some))
    return found


def _same(one: Outgoing, before: Delivery) -> bool:
    return (one.case_id, one.target, one.text) == (before.case_id, before.target, before.text)


def _row(one: Outgoing, identity: str, *, agent: str, now: datetime, window: float) -> dict[str, object]:
    return {
        "case_id": one.case_id,
        "mention_id": one.mention_id,
        "kind": one.kind,
        "state": DeliveryState.HELD,
        "source": one.source,
        "to": one.to,
        "target": one.target,
        "text": one.text,
        "visibility": one.visibility,
        "body_hash": one.body_hash,
        "identity": identity,
        "agent": agent,
        "created_at": now,
        "due_at": now + timedelta(seconds=window),
    }


def _gone(one: Delivery) -> str:
    match one.state:
        case DeliveryState.SENT:
            return f"the {one.kind} to {one.to} has been sent and cannot be called back"
        case DeliveryState.SENDING:
            return f"the {one.kind} to {one.to} is being sent and cannot be called back"
        case _:
            return f"the {one.kind} to {one.to} may have been sent ({one.state}); settle that in the outbox first"
