"""What we answered: the newest words of ours in a case, whether sent from here or past earful."""

from __future__ import annotations

from collections.abc import Sequence

from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncConnection

from store.chunks import chunks
from store.database import Database
from store.domain.delivery import DeliveryKind, DeliveryState
from store.domain.safetext import SafeText, safe
from store.tables import delivery, mention


async def newest(db: Database, case_ids: Sequence[int]) -> dict[int, SafeText]:
    """Of these cases, those that have an answer with words left."""

    async def work(connection: AsyncConnection) -> dict[int, SafeText]:
        found: dict[int, SafeText] = {}
        for some in chunks(case_ids):
            past = select(mention.c.case_id, mention.c.text).where(
                mention.c.case_id.in_(some), mention.c.ours.is_(True)
            )
            here = select(delivery.c.case_id, delivery.c.text).where(delivery.c.case_id.in_(some))
            here = here.where(delivery.c.kind == DeliveryKind.REPLY, delivery.c.state == DeliveryState.SENT)
            for query in (past.order_by(mention.c.id), here.order_by(delivery.c.id)):
                found |= {row.case_id: safe(row.text) for row in await connection.execute(query) if row.text}
        return found

    return await db.read(work)
