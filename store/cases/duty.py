"""Whose turn it is: waking what slept, muting what is noise, and claiming the most urgent free case."""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import case, func, select
from sqlalchemy.ext.asyncio import AsyncConnection

from store import journal, threads
from store.cases import urgency
from store.cases.acting import Acted, act_in, commit
from store.cases.listing import by_urgency, rows_in
from store.cases.urgency import RANK
from store.database import Database
from store.dialects import dialect_of
from store.domain.action import Assign
from store.domain.case import CaseStatus, InboxRow, Priority
from store.domain.errors import BadInput
from store.domain.mention import UNKNOWN_AUTHOR, JsonObject
from store.domain.safetext import safe_line
from store.domain.standing import Standing, entering
from store.domain.urgency import span
from store.journal import Change
from store.steps import step
from store.tables import author, cases
from store.tables import mute as mutes

A_STEP = 50  # cases that wake together
# Most finished cases have no assignee either: coalesce keeps that index out of it, the one of the status is shorter.
FREE = (cases.c.status.in_((CaseStatus.NEW, CaseStatus.OPEN)), func.coalesce(cases.c.assignee, "") == "")
CANDIDATES = 50  # more than agents who ask at the same moment


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
    priority, then urgency as of `now`, then whose answer is due first, then who came first."""

    async def rank(connection: AsyncConnection) -> list[int]:
        free = by_urgency(select(cases.c.id).where(*FREE), await urgency.at(connection, now))
        return list((await connection.execute(free.limit(CANDIDATES))).scalars())

    while ranked := await db.read(rank):  # ordering all that is free takes a while: nobody's writing waits for it

        async def claim(connection: AsyncConnection, ranked: list[int] = ranked) -> tuple[int, str] | None:
            place = case({case_id: number for number, case_id in enumerate(ranked)}, value=cases.c.id)
            free = select(cases.c.id).where(cases.c.id.in_(ranked), *FREE).order_by(place).limit(1)
            # Who asks at the same moment is given the next one.
            case_id = (await connection.execute(free.with_for_update(skip_locked=True))).scalar_one_or_none()
            if case_id is None:
                return None
            (row,) = await rows_in(connection, [case_id], now=now)
            await act_in(connection, [(case_id, row.version)], Assign(agent), agent=agent, now=now)
            return case_id, why(row, now=now)

        if claimed := await db.write(claim):
            return claimed
    return None


def why(row: InboxRow, *, now: datetime) -> str:
    """Why a case is next, in words: "urgent priority, urgency 55: negative, complaint, due 20 min ago"."""
    said = [f"{row.priority} priority"] if RANK[row.priority] > RANK[Priority.NORMAL] else []
    said.append(f"urgency {row.urgency}: {', '.join(row.reasons)}" if row.reasons else "")
    return ", ".join(filter(None, said)) or f"waiting for {span(now - row.last_at)}"
