"""What happened to an answer's case since a person last said that it should leave."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import and_, func, or_, select
from sqlalchemy.ext.asyncio import AsyncConnection

from store.database import Database
from store.domain.delivery import Delivery, DeliveryKind, DeliveryState
from store.tables import attempt, delivery, mention

# A delivery comes out of these by a person's decision only, which is as good as a new one.
A_PERSONS = (DeliveryState.PERSON, DeliveryState.FAILED, DeliveryState.WITHDRAWN)


@dataclass(frozen=True, slots=True)
class Since:
    """`gone`: what it answers was deleted. `news`: how the case moved on, in words; both are of `decided_at` and later,
    and of answers only."""

    decided_at: datetime
    gone: bool = False
    news: str = ""


async def since(db: Database, one: Delivery) -> Since:
    async def work(connection: AsyncConnection) -> Since:
        again = select(func.max(attempt.c.at)).where(attempt.c.delivery_id == one.id, attempt.c.before.in_(A_PERSONS))
        decided_at = (await connection.execute(again)).scalar_one() or one.created_at
        if one.kind is not DeliveryKind.REPLY:
            return Since(decided_at)
        mine = select(delivery.c.remote_id).where(delivery.c.case_id == one.case_id)
        back = and_(mention.c.ours, mention.c.native_id.in_(mine))
        parent = mention.c.id == one.mention_id
        query = select(mention.c.ours, mention.c.deleted_at).where(
            mention.c.case_id == one.case_id,
            or_(
                and_(parent, mention.c.deleted_at > decided_at),
                and_(~parent, mention.c.seen_at > decided_at, mention.c.deleted_at.is_(None), ~back),
            ),
        )
        rows = (await connection.execute(query)).all()
        ours = {bool(row.ours) for row in rows if row.deleted_at is None}
        words = {False: "they wrote again", True: "somebody answered there already"}
        return Since(
            decided_at,
            gone=any(row.deleted_at is not None for row in rows),
            news=" and ".join(words[each] for each in sorted(ours)),
        )

    return await db.read(work)
