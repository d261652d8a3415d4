"""One case, whole."""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import or_, select
from sqlalchemy.ext.asyncio import AsyncConnection

from store import journal, mentions, outbox, threads
from store.cases.listing import rows_in
from store.database import Database
from store.domain.case import CaseDetail, Note
from store.domain.errors import NotFound
from store.domain.safetext import safe, safe_line
from store.tables import cases, delivery, mention
from store.tables import note as notes

AROUND = 200  # other people's words in the thread: the newest of them


async def get(db: Database, case_id: int, *, now: datetime | None = None) -> CaseDetail:
    """The whole case; its urgency is that of `now`, without it that of its words alone. Raises NotFound."""

    async def work(connection: AsyncConnection) -> CaseDetail:
        found = await rows_in(connection, [case_id], now=now)
        if not found:
            raise NotFound(f"there is no case {case_id}")
        column = (await connection.execute(select(cases.c.thread).where(cases.c.id == case_id))).scalar_one()
        thread = threads.of_case(column)
        c = mention.c
        theirs = select(c.id).where(c.case_id == case_id).order_by(c.created_at, c.id)
        others = (
            select(c.id)
            .where(c.network == found[0].network, c.thread == thread, or_(c.case_id != case_id, c.case_id.is_(None)))
            .order_by(c.created_at.desc(), c.id.desc())
            .limit(AROUND)
        )
        around = list((await connection.execute(others)).scalars())[::-1]
        return CaseDetail(
            row=found[0],
            thread=thread,
            mentions=tuple(await mentions.read(connection, (await connection.execute(theirs)).scalars())),
            around=tuple(await mentions.read(connection, around)),
            notes=await _notes(connection, case_id),
            journal=await journal.of_case(connection, case_id),
            deliveries=tuple(await outbox.find(connection, delivery.c.case_id == case_id)),
        )

    return await db.read(work)


async def _notes(connection: AsyncConnection, case_id: int) -> tuple[Note, ...]:
    shown = select(notes).where(notes.c.case_id == case_id, notes.c.hidden.is_(False)).order_by(notes.c.id)
    return tuple(Note(row.id, safe_line(row.agent), row.at, safe(row.text)) for row in await connection.execute(shown))
