"""The whole words of cases, for programs; a line of the inbox holds only the beginning."""

from __future__ import annotations

from collections.abc import Sequence

from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncConnection

from store.chunks import chunks
from store.database import Database
from store.domain.safetext import SafeText, safe
from store.tables import cases, mention


async def newest(db: Database, case_ids: Sequence[int]) -> dict[int, SafeText]:
    """The whole text of each case's newest mention; cases that are not there are left out."""

    async def work(connection: AsyncConnection) -> dict[int, SafeText]:
        query = select(cases.c.id, mention.c.text).join(mention, mention.c.id == cases.c.newest_mention_id)
        found: dict[int, SafeText] = {}
        for some in chunks(case_ids):
            for row in await connection.execute(query.where(cases.c.id.in_(some))):
                found[row.id] = safe(row.text)
        return found

    return await db.read(work)
