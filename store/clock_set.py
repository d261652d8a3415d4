"""What it means for what waits that somebody set the clock, or that the machine slept: who was to wait a while waits as
long as before, no shorter and not for ever. What waits for a time of day is left alone."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from datetime import datetime, timedelta

from sqlalchemy import func, or_, select, update
from sqlalchemy.ext.asyncio import AsyncConnection

from store import outbox
from store.database import Database
from store.domain.delivery import Delivery, DeliveryState
from store.tables import attempt, cursor, delivery

WAITING = (DeliveryState.HELD, DeliveryState.QUEUED, DeliveryState.UNKNOWN)
SOON = timedelta(hours=1)  # what waits for longer waits for a time of day
A_MINUTE = timedelta(minutes=1)  # by so much the clocks of two machines may differ


async def deliveries(db: Database, by: timedelta, *, now: datetime) -> None:
    """The clock moved `by` so much: the undo window, and the time that a network may take to show a post, go on from
    where they were."""
    before = now - by

    async def work(connection: AsyncConnection) -> None:
        soon = (delivery.c.due_at > min(before, now), delivery.c.due_at <= before + SOON)
        waiting = await outbox.find(connection, delivery.c.state.in_(WAITING), *soon)
        await _shift(connection, waiting, {one.id: by for one in waiting}, now=now)

    await db.write(work)


async def deliveries_of_the_future(db: Database, *, now: datetime) -> None:
    """What came to where it stands at a time that is still to come, by a clock that was put back while nobody looked,
    waits from now on as long as it was to wait from then."""
    newest = select(attempt.c.at).where(attempt.c.delivery_id == delivery.c.id).order_by(attempt.c.id.desc()).limit(1)
    since = func.coalesce(newest.scalar_subquery(), delivery.c.created_at, type_=delivery.c.created_at.type)

    async def work(connection: AsyncConnection) -> None:
        query = select(delivery.c.id, since).where(delivery.c.state.in_(WAITING), since > now + A_MINUTE)
        by = {number: now - at for number, at in await connection.execute(query)}
        await _shift(connection, await outbox.find(connection, delivery.c.id.in_(by)), by, now=now)

    await db.write(work)


async def polls(db: Database, by: timedelta, sources: Collection[str], *, now: datetime) -> None:
    """The clock was put back `by` so much: what was to be polled after a while is polled after that while."""

    async def work(connection: AsyncConnection) -> None:
        later = (cursor.c.source.in_(sources), cursor.c.next_poll_at > now, cursor.c.state != "gone")
        rows = await connection.execute(select(cursor.c.source, cursor.c.stream, cursor.c.next_poll_at).where(*later))
        for row in rows.all():
            same = (cursor.c.source == row.source, cursor.c.stream == row.stream)
            sooner = max(now, row.next_poll_at - by)
            await connection.execute(update(cursor).where(*same).values(next_poll_at=sooner))

    await db.write(work)


async def polls_of_the_future(db: Database, sources: Collection[str], *, now: datetime) -> None:
    """A stream that was read at a time that is still to come, by a clock that was put back while nobody looked, or that
    was never read, is due now. One in trouble keeps its pause: nobody knows what its server wished."""
    unread = or_(cursor.c.last_success_at > now + A_MINUTE, cursor.c.last_success_at.is_(None))
    ahead = (unread, cursor.c.next_poll_at > now)
    well = (cursor.c.source.in_(sources), cursor.c.failures == 0, cursor.c.state == "ok")

    async def work(connection: AsyncConnection) -> None:
        await connection.execute(update(cursor).where(*ahead, *well).values(next_poll_at=now))

    await db.write(work)


async def _shift(
    connection: AsyncConnection, moved: Sequence[Delivery], by: Mapping[int, timedelta], *, now: datetime
) -> None:
    for one in moved:
        due_at = one.due_at + by[one.id]
        await outbox.shift(connection, [one], one.state, now=now, detail="the clock was set", due_at=due_at)
