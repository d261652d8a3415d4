"""The outbox: what must leave the house, moved by compare-and-set only, each move logged in `attempt`.

`move`, `release_held` and `recover` are the courier's; what enters the outbox and comes back out of it by an agent's
decision is in `store.outbound`.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import ColumnElement, Row, and_, bindparam, func, insert, or_, select, update
from sqlalchemy.exc import IntegrityError
from sqlalchemy.ext.asyncio import AsyncConnection

from store import changes, drafts, journal
from store.database import Database
from store.domain.case import CaseStatus
from store.domain.clock import utcnow
from store.domain.delivery import MOVES, SETTLED, Delivery, DeliveryKind, DeliveryState
from store.domain.errors import BadInput, Conflict, NotFound
from store.domain.safetext import safe_line
from store.domain.standing import Standing, entering
from store.tables import attempt, cases, delivery

A_DAY = timedelta(days=1)
TWIN = "the same text is already on its way to the same place; say it in other words, or wait"
WAITING = (DeliveryState.QUEUED, DeliveryState.UNKNOWN)  # what the courier may have something to do with


async def get(db: Database, delivery_id: int) -> Delivery:
    """One delivery. Raises NotFound."""

    async def work(connection: AsyncConnection) -> Delivery:
        found = await find(connection, delivery.c.id == delivery_id)
        if not found:
            raise NotFound(f"there is no delivery {delivery_id}")
        return found[0]

    return await db.read(work)


async def release_held(db: Database, *, now: datetime) -> int:
    """held whose undo window is over -> queued. Returns how many."""

    async def work(connection: AsyncConnection) -> int:
        over = await find(connection, delivery.c.state == DeliveryState.HELD, delivery.c.due_at <= now)
        return len(await shift(connection, over, DeliveryState.QUEUED, now=now, detail="the undo window is over"))

    return await db.write(work)


async def recover(db: Database, *, now: datetime) -> int:
    """At the courier's start, under the kernel's lock: what is found `sending` is `unknown`, never queued. It is due
    now; how long its network may take to show it counts from `tried_at`, and is the courier's to know."""

    async def work(connection: AsyncConnection) -> int:
        left = await find(connection, delivery.c.state == DeliveryState.SENDING)
        why = "the program ended while it was being sent"
        return len(await shift(connection, left, DeliveryState.UNKNOWN, now=now, detail=why, error=why, due_at=now))

    return await db.write(work)


async def due(db: Database, *, now: datetime, limit: int = 20) -> list[Delivery]:
    """queued and unknown deliveries whose due_at has come, longest due first. Of the answers within a case only the
    oldest unsettled one leaves, so that they keep their order; a forward or an escalation waits for no other delivery,
    and nor does looking whether one arrived."""

    async def work(connection: AsyncConnection) -> list[Delivery]:
        first = (
            select(delivery.c.id)
            .where(delivery.c.state.in_(WAITING), delivery.c.due_at <= now, _has_its_turn())
            .order_by(delivery.c.due_at, delivery.c.id)
            .limit(limit)
        )
        numbers = list((await connection.execute(first)).scalars())
        found = {one.id: one for one in await find(connection, delivery.c.id.in_(numbers))}
        return [found[number] for number in numbers]

    return await db.read(work)


async def next_due_at(db: Database) -> datetime | None:
    """When the courier has something to do next: the earliest due_at of held, queued and unknown, but for a queued
    answer that stands behind an older one of its case."""

    async def work(connection: AsyncConnection) -> datetime | None:
        ready = delivery.c.state.in_(WAITING) & _has_its_turn()
        earliest = select(func.min(delivery.c.due_at)).where(or_(delivery.c.state == DeliveryState.HELD, ready))
        when: datetime | None = (await connection.execute(earliest)).scalar_one()
        return when

    return await db.read(work)


async def pending(db: Database, *, now: datetime | None = None) -> dict[DeliveryState, int]:
    """How many of each state that is not settled, and failed of the last day: for the status line and for quitting."""

    async def work(connection: AsyncConnection) -> dict[DeliveryState, int]:
        unsettled = delivery.c.state.in_(set(DeliveryState) - SETTLED)
        counted = select(delivery.c.state, func.count()).where(or_(unsettled, _failed_lately(now)))
        counted = counted.group_by(delivery.c.state)
        return {DeliveryState(state): number for state, number in await connection.execute(counted)}

    return await db.read(work)


async def stuck(db: Database, *, now: datetime | None = None) -> list[int]:
    """The cases of what needs a person, and of what failed in the last day; the newest first."""

    async def work(connection: AsyncConnection) -> list[int]:
        wanted = or_(delivery.c.state == DeliveryState.PERSON, _failed_lately(now))
        found = select(delivery.c.case_id).where(wanted).group_by(delivery.c.case_id)
        return list((await connection.execute(found.order_by(func.max(delivery.c.id).desc()))).scalars())

    return await db.read(work)


def _failed_lately(now: datetime | None) -> ColumnElement[bool]:
    return (delivery.c.state == DeliveryState.FAILED) & (delivery.c.settled_at > (now or utcnow()) - A_DAY)


async def listing(db: Database, *, states: tuple[DeliveryState, ...] = (), limit: int = 100) -> list[Delivery]:
    """Newest first; of these states only, where any are named."""

    async def work(connection: AsyncConnection) -> list[Delivery]:
        wanted = select(delivery.c.id).order_by(delivery.c.id.desc()).limit(limit)
        if states:
            wanted = wanted.where(delivery.c.state.in_(states))
        return (await find(connection, delivery.c.id.in_(wanted)))[::-1]

    return await db.read(work)


async def known_as(db: Database, source: str, remote_id: str) -> list[Delivery]:
    """The answers that have this post of a network as their receipt, whatever their case."""

    async def work(connection: AsyncConnection) -> list[Delivery]:
        same = delivery.c.source == source, delivery.c.remote_id == remote_id
        return await find(connection, delivery.c.kind == DeliveryKind.REPLY, *same)

    return await db.read(work)


async def move(
    db: Database,
    delivery: Delivery,
    to: DeliveryState,
    *,
    now: datetime,
    due_at: datetime | None = None,
    error: str = "",
    remote_id: str = "",
    remote_key: str = "",
    url: str = "",
    absent: bool = False,
    tried: bool = False,
    detail: str = "",
) -> Delivery:
    """Compare-and-set on (id, state, version), checked against MOVES; a stay in the same state is allowed for a new
    due_at or one more absence. Logs the attempt, notes the change. `tried` counts an attempt and sets tried_at.
    sent: sets the case's answered_at (first time). failed and person: the case is `open` again with its version bumped;
    and `waiting` again where a person settles that by sending, unless they wrote meanwhile.
    For failed replies, and for those that a person keeps instead of sending, the text becomes the agent's draft again
    (if it has no newer one). Raises Conflict when it moved meanwhile, BadInput for a move that MOVES does not know.

    `error` is what this move says: the last one is forgotten. A person who sends again what had failed or was in doubt
    starts counting attempts and absences anew. To call a delivery back use `store.cases.undo`, which puts the case
    back too.
    """

    async def work(connection: AsyncConnection) -> Delivery:
        values: dict[str, Any] = {"error": error}
        kept = {"due_at": due_at, "remote_id": remote_id, "remote_key": remote_key, "url": url}
        values |= {name: value for name, value in kept.items() if value}
        if tried:
            values |= {"attempts": delivery.attempts + 1, "tried_at": now}
        if absent:
            values["absences"] = delivery.absences + 1
        again = delivery.state in (DeliveryState.PERSON, DeliveryState.FAILED) and to is DeliveryState.QUEUED
        if again:
            values |= {"absences": 0, "attempts": 0}
        (moved,) = await shift(connection, [delivery], to, now=now, detail=detail or error, **values)
        if again and delivery.kind is DeliveryKind.REPLY:
            await drafts.taken(connection, delivery.case_id, delivery.agent, delivery.text)
        if to is not delivery.state:
            await _tell_the_case(connection, moved, now=now)
            if delivery.state in (DeliveryState.PERSON, DeliveryState.FAILED):
                await _their_turn(connection, moved, now=now)
        if (
            moved.kind is DeliveryKind.REPLY
            and delivery.state is DeliveryState.PERSON
            and to is DeliveryState.WITHDRAWN
        ):
            # The same words under the same identity: should it have arrived after all, a network may know it by that.
            await drafts.put_back(connection, moved.case_id, moved.agent, moved.text, identity=moved.identity, now=now)
        return moved

    return await db.write(work)


async def _tell_the_case(connection: AsyncConnection, moved: Delivery, *, now: datetime) -> None:
    if moved.state is DeliveryState.SENT and moved.kind is DeliveryKind.REPLY:
        first = update(cases).where(cases.c.id == moved.case_id, cases.c.answered_at.is_(None))
        await connection.execute(first.values(answered_at=now))
    elif moved.state in (DeliveryState.FAILED, DeliveryState.PERSON):
        standing = (await journal.standings(connection, [moved.case_id]))[moved.case_id]
        await _enter(connection, standing, CaseStatus.OPEN, moved, now=now)
        if moved.state is DeliveryState.FAILED and moved.kind is DeliveryKind.REPLY:
            # What failed keeps its identity; another try from the composer is another delivery.
            await drafts.put_back(
                connection, moved.case_id, moved.agent, moved.text, identity=drafts.new_identity(), now=now
            )


async def _their_turn(connection: AsyncConnection, moved: Delivery, *, now: datetime) -> None:
    """An answer that needed a person has left after all, or leaves now: the case waits for its author as after any."""
    if moved.kind is DeliveryKind.REPLY and moved.state in (DeliveryState.SENT, DeliveryState.QUEUED):
        standing = (await journal.standings(connection, [moved.case_id]))[moved.case_id]
        if standing.status is CaseStatus.OPEN and standing.newest_mention_id == moved.mention_id:
            await _enter(connection, standing, CaseStatus.WAITING, moved, now=now)


async def _enter(
    connection: AsyncConnection, standing: Standing, status: CaseStatus, moved: Delivery, *, now: datetime
) -> None:
    entered = journal.Change(standing)
    entered.set(standing.changed(entering(status)))
    entered.after["delivery_state"] = moved.state
    await journal.record(connection, [entered], "delivery", agent="earful", now=now)
    await changes.note(connection, "case", [moved.case_id], at=now)


async def find(connection: AsyncConnection, *where: ColumnElement[bool]) -> list[Delivery]:
    """Deliveries by any condition over the table, oldest first."""
    columns = [delivery.c[name] for name in Delivery.__slots__]
    return [_delivery(row) for row in await connection.execute(select(*columns).where(*where).order_by(delivery.c.id))]


async def shift(
    connection: AsyncConnection,
    moved: Sequence[Delivery],
    to: DeliveryState,
    *,
    now: datetime,
    detail: str = "",
    **values: Any,
) -> list[Delivery]:
    """Inside a write: move these deliveries, all or none, by compare-and-set; log each and note the change. Nothing
    is done to their cases. Raises Conflict and BadInput as `move` does."""
    if not moved:
        return []
    for one in moved:
        if to is not one.state and to not in MOVES[one.state]:
            raise BadInput(f"delivery {one.id} is {one.state}; it cannot become {to}")
    values |= {"state": to, "settled_at": now if to in SETTLED else None}
    statement = (
        update(delivery)
        .where(
            delivery.c.id == bindparam("which"),
            delivery.c.state == bindparam("was"),
            delivery.c.version == bindparam("seen"),
        )
        .values(version=delivery.c.version + 1, **values)
    )
    try:
        result = await connection.execute(
            statement, [{"which": one.id, "was": one.state, "seen": one.version} for one in moved]
        )
    except IntegrityError as error:
        raise Conflict(TWIN) from error
    if result.rowcount != len(moved):
        which = f"delivery {moved[0].id}" if len(moved) == 1 else "one of the deliveries"
        raise Conflict(f"{which} moved meanwhile; look again")
    await connection.execute(
        insert(attempt),
        [{"delivery_id": one.id, "at": now, "before": one.state, "after": to, "detail": detail} for one in moved],
    )
    await changes.note(connection, "delivery", [one.case_id for one in moved], at=now)
    shown = {name: value for name, value in values.items() if name in Delivery.__slots__}
    if "error" in shown:
        shown["error"] = safe_line(shown["error"])
    return [replace(one, version=one.version + 1, **shown) for one in moved]


def _has_its_turn() -> ColumnElement[bool]:
    older = delivery.alias()
    earlier_answer = select(older.c.id).where(
        older.c.case_id == delivery.c.case_id,
        older.c.kind == DeliveryKind.REPLY,
        older.c.id < delivery.c.id,
        older.c.state.not_in(SETTLED),
    )
    leaves = delivery.c.kind == DeliveryKind.REPLY, delivery.c.state == DeliveryState.QUEUED
    return or_(~and_(*leaves), ~earlier_answer.exists())


def _delivery(row: Row[Any]) -> Delivery:
    values = dict(row._mapping)
    values["kind"], values["state"] = DeliveryKind(row.kind), DeliveryState(row.state)
    values |= {name: safe_line(values[name]) for name in ("to", "error", "agent")}
    return Delivery(**values)
