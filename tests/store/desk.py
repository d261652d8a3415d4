"""What the tests of the desk's side share: cases to work on, and a look at all that undo must bring back."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from datetime import datetime
from pathlib import Path
from typing import Any

from sqlalchemy import Engine, event, select
from sqlalchemy.ext.asyncio import AsyncConnection

from store import cases
from store.cases import Acted
from store.database import Database
from store.domain.action import Action, Reply
from store.domain.case import CaseStatus, InboxRow
from store.tables import case_tag, mention, mute, note
from store.tables import cases as case_table
from tests.factories import NOW, land, read_mention


async def open_cases(db: Database, number: int = 1, **fields: Any) -> list[int]:
    """That many new cases, each of another author."""
    line = await land(db, *(read_mention(author=f"author{n}", **fields) for n in range(number)))
    return list(line.new_cases)


async def do(
    db: Database, action: Action, *case_ids: int, agent: str = "ana", now: datetime = NOW, seen: int | None = None
) -> Acted:
    return await cases.act(db, [(case_id, seen) for case_id in case_ids], action, agent=agent, now=now)


async def row_of(db: Database, case_id: int) -> InboxRow:
    (row,) = await cases.rows(db, [case_id])
    return row


async def status_of(db: Database, case_id: int) -> CaseStatus:
    return (await row_of(db, case_id)).status


async def reply(db: Database, case_id: int, text: str = "we are on it", identity: str = "id-1", **how: Any) -> int:
    """The id of the delivery of a fresh reply."""
    (delivery_id,) = (await do(db, Reply(text, identity), case_id, **how)).deliveries
    return delivery_id


async def snapshot(db: Database, case_ids: Sequence[int]) -> list[Any]:
    """All that an action changes and undo brings back, as plain rows; versions, journal, drafts and outbox aside."""
    columns = ("id", "status", "priority", "assignee", "team", "reason", "snoozed_until")
    queries = (
        select(*(case_table.c[name] for name in columns)).where(case_table.c.id.in_(case_ids)),
        select(case_tag.c.case_id, case_tag.c.tag),
        select(note.c.case_id, note.c.text).where(note.c.hidden.is_(False)),
        select(mention.c.id, mention.c.sentiment, mention.c.score, mention.c.corrected_by),
        select(mute.c.kind, mute.c.network, mute.c.value),
    )

    async def work(connection: AsyncConnection) -> list[Any]:
        return [sorted(map(tuple, await connection.execute(query)), key=repr) for query in queries]

    return await db.read(work)


Statement = tuple[str, Any]  # (SQL, parameters)


@contextmanager
def statements() -> Iterator[list[Statement]]:
    """Every statement that goes to the database meanwhile."""
    told: list[Statement] = []

    def listen(connection: Any, cursor: Any, statement: str, parameters: Any, context: Any, many: bool) -> None:
        if not statement.startswith("BEGIN"):
            told.append((statement, parameters[0] if many else parameters))

    event.listen(Engine, "before_cursor_execute", listen)
    try:
        yield told
    finally:
        event.remove(Engine, "before_cursor_execute", listen)


def plan(path: Path, statement: Statement) -> list[str]:
    """How SQLite goes about it, a line a step."""
    connection = sqlite3.connect(path)
    try:
        return [row[3] for row in connection.execute(f"EXPLAIN QUERY PLAN {statement[0]}", statement[1])]
    finally:
        connection.close()
