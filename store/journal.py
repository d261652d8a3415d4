"""The journal: every action with who, when, before and after. Undo reads it.

`before` and `after` of an entry hold what changed of one case: columns of `cases` by their names, and besides
`tags` (the whole list), `note` (its id), `sentiment` (of one mention), `correction` (its id), `delivery` (its id and
undo window in seconds), `mute` (what is muted). null is "not there".
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from sqlalchemy import Row, bindparam, insert, select, update
from sqlalchemy.ext.asyncio import AsyncConnection

from store.chunks import chunks
from store.domain.case import CaseStatus, Priority
from store.domain.errors import Conflict, NotFound
from store.domain.journal import JournalEntry
from store.domain.mention import JsonObject
from store.domain.safetext import safe_line
from store.domain.standing import Fields, Standing, to_json
from store.tables import cases, journal


@dataclass(slots=True)
class Change:
    """What one decision does to one case: `fields` are columns to write, `before` and `after` what the journal says."""

    standing: Standing
    fields: Fields = field(default_factory=dict)
    before: JsonObject = field(default_factory=dict)
    after: JsonObject = field(default_factory=dict)

    def set(self, fields: Fields) -> None:
        """Write these columns and journal them."""
        self.fields |= fields
        self.before |= to_json({name: getattr(self.standing, name) for name in fields})
        self.after |= to_json(fields)

    def keep(self, name: str, before: object, after: object) -> None:
        """Journal a change of something that is no column of `cases`."""
        self.before[name], self.after[name] = before, after

    def __bool__(self) -> bool:
        return bool(self.after)


async def standings(connection: AsyncConnection, case_ids: Sequence[int]) -> dict[int, Standing]:
    """Where these cases stand, in the order asked. Raises NotFound for the first that is not there."""
    found: dict[int, Standing] = {}
    columns = [cases.c[name] for name in Standing.__slots__]
    for some in chunks(case_ids):
        for row in await connection.execute(select(*columns).where(cases.c.id.in_(some))):
            values = dict(row._mapping)
            values["status"], values["priority"] = CaseStatus(row.status), Priority(row.priority)
            found[row.id] = Standing(**values)
    for case_id in case_ids:
        if case_id not in found:
            raise NotFound(f"there is no case {case_id}")
    return {case_id: found[case_id] for case_id in case_ids}


async def record(
    connection: AsyncConnection, changes: Sequence[Change], action: str, *, agent: str, now: datetime
) -> tuple[int, dict[int, int]]:
    """Write the columns by compare-and-set, bump every version and journal it all as one decision: (batch, case id ->
    new version). `changes` is not empty. Raises Conflict where a case moved since it was read."""
    shapes: dict[tuple[str, ...], list[dict[str, object]]] = {}
    for change in changes:
        key: dict[str, object] = {"which": change.standing.id, "seen": change.standing.version}
        shapes.setdefault(tuple(sorted(change.fields)), []).append(key | change.fields)
    where = (cases.c.id == bindparam("which"), cases.c.version == bindparam("seen"))
    for parameters in shapes.values():
        result = await connection.execute(update(cases).where(*where).values(version=cases.c.version + 1), parameters)
        if result.rowcount != len(parameters):
            raise Conflict("somebody changed the case at the same moment; look again")
    batch = await _append(connection, changes, action, agent=agent, now=now)
    return batch, {change.standing.id: change.standing.version + 1 for change in changes}


async def _append(
    connection: AsyncConnection, changes: Sequence[Change], action: str, *, agent: str, now: datetime
) -> int:
    """A batch is named by the id of its first entry."""
    entries = [
        {
            "case_id": change.standing.id,
            "action": action,
            "agent": agent,
            "at": now,
            "before": change.before,
            "after": change.after,
        }
        for change in changes
    ]
    first = insert(journal).values(batch=0, **entries[0]).returning(journal.c.id)
    batch: int = (await connection.execute(first)).scalar_one()
    await connection.execute(update(journal).where(journal.c.id == batch).values(batch=batch))
    if entries[1:]:
        await connection.execute(insert(journal), [{"batch": batch, **entry} for entry in entries[1:]])
    return batch


async def of_case(connection: AsyncConnection, case_id: int) -> tuple[JournalEntry, ...]:
    """What happened to a case, oldest first."""
    found = await connection.execute(select(journal).where(journal.c.case_id == case_id).order_by(journal.c.id))
    return tuple(_entry(row) for row in found)


async def of_batch(connection: AsyncConnection, batch: int) -> tuple[JournalEntry, ...]:
    """The entries of one decision. Raises NotFound."""
    found = await connection.execute(select(journal).where(journal.c.batch == batch).order_by(journal.c.id))
    entries = tuple(_entry(row) for row in found)
    if not entries:
        raise NotFound(f"there is no decision {batch} in the journal")
    return entries


def _entry(row: Row[Any]) -> JournalEntry:
    values = dict(row._mapping)
    undone = values.pop("undone_by") is not None
    values["agent"] = safe_line(row.agent)
    return JournalEntry(**values, undone=undone)
