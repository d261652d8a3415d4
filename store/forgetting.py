"""Forgetting: the words of mentions and the papers of cases go for good; what is counted stays.

Inside a write. What stays of a mention: its numbers (network, source, type, times, language, sentiment, intent,
urgency), its watches and its issue, its author's row and its case. `store.erase` and `store.retention` use it.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import Table, bindparam, case, delete, select, update
from sqlalchemy.ext.asyncio import AsyncConnection

from store import changes, corrections, erased, search, vectors
from store.domain.case import FINISHED, CaseStatus
from store.domain.delivery import SETTLED, DeliveryKind, DeliveryState
from store.domain.mention import JsonObject
from store.domain.standing import entering
from store.erased import GONE
from store.journal import Change, record, standings
from store.tables import attempt, cases, delivery, draft, journal, mention, mention_raw, mention_version, note

KEPT_OF_A_JOURNAL = frozenset({"reason"})  # words whose being there still tells something
DROPPED_OF_A_JOURNAL = frozenset({"correction", "delivery", "mute", "note"})  # what undo and redo would bring back


@dataclass(frozen=True, slots=True)
class Papers:
    """How much of cases went: rows of each."""

    notes: int = 0
    drafts: int = 0
    deliveries: int = 0
    journal: int = 0

    def __add__(self, other: Papers) -> Papers:
        return Papers(
            self.notes + other.notes,
            self.drafts + other.drafts,
            self.deliveries + other.deliveries,
            self.journal + other.journal,
        )


async def words(connection: AsyncConnection, ids: Sequence[int], *, now: datetime) -> tuple[int, int]:
    """Words, titles, addresses, ids, raw items, versions, corrections, vectors and the index of these: (versions, raw
    items) that went. Their ids stay as fingerprints: no source brings them back."""
    columns = (mention.c[name] for name in ("id", "network", "external_id", "thread", "ours", "deleted_at"))
    rows = (await connection.execute(select(*columns).where(mention.c.id.in_(ids)))).all()
    theirs = [row for row in rows if not row.external_id.startswith(erased.MARK)]
    posts = {row.id: erased.of_post(row.network, row.external_id) for row in theirs}
    await erased.keep(connection, posts.values(), now=now)
    empty: dict[str, Any] = {
        "title": "",
        "text": "",
        "url": "",
        "native_id": "",
        "parent": "",
        "reasons": [],
        "corrected_by": None,
    }
    named = [
        {
            "row_id": row.id,
            "external_id": erased.MARK + posts[row.id],
            "thread": erased.stand_in(row.thread),
            "deleted_at": row.deleted_at or now,
        }
        for row in theirs
    ]
    if named:
        values: dict[str, Any] = {name: bindparam(name) for name in ("external_id", "thread", "deleted_at")}
        await connection.execute(
            update(mention).where(mention.c.id == bindparam("row_id")).values(values | empty), named
        )
    await corrections.forget(connection, ids)
    versions = await _drop(connection, mention_version, ids)
    raws = await _drop(connection, mention_raw, ids)
    await vectors.forget(connection, ids)
    await search.forget(connection, ids)
    return versions, raws


async def papers(
    connection: AsyncConnection, case_ids: Sequence[int], *, agent: str, action: str, now: datetime
) -> Papers:
    """The words that were written here about these cases: notes, drafts, answers, reasons. What has not left the house
    does not leave it any more. A case that was still to be worked is done: there is nothing left to answer."""
    if not case_ids:
        return Papers()
    notes = await connection.execute(
        update(note).where(note.c.case_id.in_(case_ids), note.c.text != GONE).values(text=GONE)
    )
    drafts = await connection.execute(delete(draft).where(draft.c.case_id.in_(case_ids)))
    gone = Papers(
        notes.rowcount,
        drafts.rowcount,
        await _deliveries(connection, case_ids, now=now),
        await _journal(connection, case_ids),
    )
    rows = (await connection.execute(select(cases.c.id, cases.c.thread).where(cases.c.id.in_(case_ids)))).all()
    threads = [{"row_id": row.id, "thread": erased.stand_in(row.thread)} for row in rows]
    reason = case((cases.c.reason == "", ""), else_=GONE)
    renamed = update(cases).where(cases.c.id == bindparam("row_id"))
    await connection.execute(renamed.values(thread=bindparam("thread"), reason=reason), threads)
    changed = [Change(standing) for standing in (await standings(connection, case_ids)).values()]
    for change in changed:
        if change.standing.status not in FINISHED:
            change.set(change.standing.changed(entering(CaseStatus.DONE)))
    await record(connection, changed, action, agent=agent, now=now)
    await changes.note(connection, "case", case_ids, at=now)
    return gone


async def _drop(connection: AsyncConnection, table: Table, ids: Sequence[int]) -> int:
    return (await connection.execute(delete(table).where(table.c.mention_id.in_(ids)))).rowcount


async def _deliveries(connection: AsyncConnection, case_ids: Sequence[int], *, now: datetime) -> int:
    """One that is on its way is withdrawn too, past MOVES: what became of it is nobody's to record any more."""
    theirs = delivery.c.case_id.in_(case_ids)
    unsettled = update(delivery).where(theirs, delivery.c.state.not_in(SETTLED))
    await connection.execute(
        unsettled.values(state=DeliveryState.WITHDRAWN, settled_at=now, version=delivery.c.version + 1)
    )
    await connection.execute(
        update(attempt).where(attempt.c.delivery_id.in_(select(delivery.c.id).where(theirs))).values(detail="")
    )
    emptied = update(delivery).where(theirs).values(text="", error="", url="", body_hash="")
    emptied_count = (await connection.execute(emptied)).rowcount
    to_them = update(delivery).where(theirs, delivery.c.kind == DeliveryKind.REPLY)
    await connection.execute(to_them.values(to="", target="", remote_id="", remote_key=""))
    return emptied_count


async def _journal(connection: AsyncConnection, case_ids: Sequence[int]) -> int:
    rows = await connection.execute(select(journal).where(journal.c.case_id.in_(case_ids)))
    changed = []
    for row in rows:
        before, after = _without_words(row.before), _without_words(row.after)
        if (before, after) != (row.before, row.after):
            changed.append({"row_id": row.id, "b": before, "a": after})
    if changed:
        values: dict[str, Any] = {"before": bindparam("b"), "after": bindparam("a")}
        await connection.execute(update(journal).where(journal.c.id == bindparam("row_id")).values(values), changed)
    return len(changed)


def _without_words(said: JsonObject) -> JsonObject:
    return {
        name: GONE if name in KEPT_OF_A_JOURNAL and value else value
        for name, value in said.items()
        if name not in DROPPED_OF_A_JOURNAL
    }
