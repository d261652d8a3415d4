"""Whose turn it is: waking what slept, muting what is noise, and claiming the most urgent free case."""

from __future__ import annotations

from datetime import datetime, timedelta

from sqlalchemy import case, func, select
from sqlalchemy.ext.asyncio import AsyncConnection

from store import journal, threads
from store.cases.acting import Acted, act_in, commit
from store.cases.listing import rows_in
from store.database import Database
from store.dialects import dialect_of
from store.domain.action import Assign
from store.domain.case import CaseStatus, InboxRow, Priority
from store.domain.errors import BadInput
from store.domain.mention import UNKNOWN_AUTHOR, JsonObject, SentimentLabel
from store.domain.safetext import safe_line
from store.domain.standing import Standing, entering
from store.journal import Change
from store.steps import step
from store.tables import author, cases, mention
from store.tables import mute as mutes

A_STEP = 50  # cases that wake together
RANK = {Priority.URGENT: 3, Priority.HIGH: 2, Priority.NORMAL: 1, Priority.LOW: 0}
# Most finished cases have no assignee either: coalesce keeps that index out of it, the one of the status is shorter.
FREE = (cases.c.status.in_((CaseStatus.NEW, CaseStatus.OPEN)), func.coalesce(cases.c.assignee, "") == "")


async def wake(db: Database, *, now: datetime) -> int:
    """Open the snoozed cases whose time has come. Returns how many."""

    async def some(connection: AsyncConnection) -> int:
        over = (
            select(cases.c.id).where(cases.c.snoozed_until <= now, cases.c.status == CaseStatus.SNOOZED).limit(A_STEP)
        )
        numbers = list((await connection.execute(over)).scalars())
        woken = [Change(standing) for standing in (await journal.standings(connection, numbers)).values()]
        for change in woken:
            change.set(change.standing.changed(entering(CaseStatus.OPEN)))
        await commit(connection, woken, "wake", agent="earful", now=now)
        return len(woken)

    count = 0
    while woken := await step(db, some):
        count += woken
    return count


async def mute(db: Database, kind: str, case_id: int, word: str, *, agent: str, now: datetime) -> Acted:
    """Mute the case's author or thread, or a word (`kind` is "author", "thread" or "word"), from now on, and dismiss
    this case as muted: one decision. Raises NotFound, BadInput."""

    async def work(connection: AsyncConnection) -> Acted:
        standing = (await journal.standings(connection, [case_id]))[case_id]
        what = await _muted(connection, kind, standing, word)
        change = Change(standing)
        change.set(standing.changed(entering(CaseStatus.DISMISSED, reason=f"muted {kind}")))
        new = dialect_of(connection).insert(mutes).values(**what, agent=agent, at=now).on_conflict_do_nothing()
        if (await connection.execute(new.returning(mutes.c.id))).first():
            change.keep("mute", None, what)
        return Acted(*await commit(connection, [change], "mute", agent=agent, now=now))

    return await db.write(work)


async def _muted(connection: AsyncConnection, kind: str, standing: Standing, word: str) -> JsonObject:
    match kind:
        case "author":
            handle = select(author.c.handle).where(author.c.id == standing.author_id)
            value = (await connection.execute(handle)).scalar_one()
            if value == UNKNOWN_AUTHOR:
                raise BadInput(
                    "nobody is named here, and muting nobody would mute all of them; mute the thread or a word"
                )
            return {"kind": kind, "network": standing.network, "value": value}
        case "thread":
            return {"kind": kind, "network": standing.network, "value": threads.of_case(standing.thread)}
        case "word":
            if not any(letter.isalnum() for letter in word):
                raise BadInput("say which word to mute")
            return {"kind": kind, "network": "", "value": safe_line(word)}
    raise BadInput(f"mute an author, a thread or a word, not {kind!r}")


async def next_urgent(db: Database, *, agent: str, now: datetime) -> tuple[int, str] | None:
    """Claim the most urgent free case: assign it to `agent` atomically; (case id, why it is next) or None. The order is
    priority, then what is overdue, then the urgency of its newest word, then who waits longest."""

    async def work(connection: AsyncConnection) -> tuple[int, str] | None:
        overdue = func.coalesce(cases.c.due_at <= now, False)
        first = (
            select(cases.c.id)
            .outerjoin(mention, mention.c.id == cases.c.newest_mention_id)
            .where(*FREE)
            .order_by(
                case(RANK, value=cases.c.priority).desc(),
                overdue.desc(),
                func.coalesce(mention.c.urgency, 0).desc(),
                func.coalesce(cases.c.due_at, cases.c.last_at),
                cases.c.id,
            )
            .limit(1)
            .with_for_update(of=cases, skip_locked=True)  # who asks at the same moment is given the next one
        )
        case_id = (await connection.execute(first)).scalar_one_or_none()
        if case_id is None:
            return None
        (row,) = await rows_in(connection, [case_id])
        await act_in(connection, [(case_id, row.version)], Assign(agent), agent=agent, now=now)
        return case_id, why(row, now=now)

    return await db.write(work)


def why(row: InboxRow, *, now: datetime) -> str:
    """Why a case is next, in words: "urgent priority, due 20 min ago, negative"."""
    said: list[str] = []
    if RANK[row.priority] > RANK[Priority.NORMAL]:
        said.append(f"{row.priority} priority")
    if row.due_at is not None and row.due_at <= now:
        said.append(f"due {span(now - row.due_at)} ago")
    elif row.due_at is not None:
        said.append(f"due in {span(row.due_at - now)}")
    said += row.reasons
    if row.sentiment == SentimentLabel.NEGATIVE and SentimentLabel.NEGATIVE not in row.reasons:
        said.append(row.sentiment)
    return ", ".join(said) or f"waiting for {span(now - row.last_at)}"


def span(length: timedelta) -> str:
    """A length of time in its largest unit: "20 min", "3 h", "2 days"."""
    minutes = max(int(length.total_seconds()) // 60, 0)
    if minutes < 60:
        return f"{minutes} min"
    if minutes < 48 * 60:
        return f"{minutes // 60} h"
    return f"{minutes // (24 * 60)} days"
