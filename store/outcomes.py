"""What a lot of mentions became, written in small steps, so that nobody waits for the store.

Several processes may look for issues. Each step moves the version of what is remembered of all languages on, and only
from the version that the lot was read at: of two, one goes on and the other is refused and takes its lot again. What is
remembered and who waits no longer are the last step, in one. Where the steps before it were broken off, those that
have no issue still wait, and a new issue is "stale": it is learnt anew from the mentions that it has.
"""

from __future__ import annotations

import time
from collections.abc import Awaitable, Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from functools import partial
from typing import Any, TypeVar

from sqlalchemy import bindparam, delete, select, update
from sqlalchemy.ext.asyncio import AsyncConnection

from store.chunks import chunks
from store.database import Database
from store.dialects import dialect_of
from store.domain.errors import Conflict
from store.issues import EVERYWHERE, Lot, Memory, take
from store.steps import step
from store.tables import issue, issue_pending, issue_state, mention

SOME = 100  # mentions in a part of a step
LONG = 0.015  # seconds after which a step takes no further part

T = TypeVar("T")
Part = Callable[[AsyncConnection], Awaitable[int]]


@dataclass(frozen=True, slots=True)
class Founded:
    key: str
    label: str
    mentions: Sequence[int]
    typical: int | None = None


@dataclass(slots=True)
class Outcome:
    """What a lot became: mentions by the issue that takes them, new issues, copies with their originals, issues that
    were learnt anew with their most typical mention, memories by language, that of all languages always. `given`: how
    many mentions have got an issue by it so far."""

    joined: dict[int, list[int]] = field(default_factory=dict)
    founded: list[Founded] = field(default_factory=list)
    copies: dict[int, int] = field(default_factory=dict)
    learnt: dict[int, int | None] = field(default_factory=dict)
    memories: dict[str, Memory] = field(default_factory=dict)
    given: int = 0


async def settle(db: Database, lot: Lot, outcome: Outcome, *, now: datetime) -> None:
    """Write what a lot became. Raises Conflict where another process was quicker: what is written by then stays, and
    the rest of the lot waits still."""
    writer = _Writer(db, outcome)
    parts: list[Part] = [partial(_copy, some) for some in chunks(outcome.copies.items(), SOME)]
    parts += _taken(outcome.joined, now)
    for founded in outcome.founded:
        parts += [partial(_found, founded, some, now=now) for some in _from_before_first(founded.mentions, lot)]
    await writer.write(parts)
    found = await db.read(partial(_issues_of_copies, outcome.copies))
    await writer.write(_taken(found, now))
    await writer.step(partial(_remember, lot, outcome))


def _taken(joined: Mapping[int, Sequence[int]], now: datetime) -> list[Part]:
    pieces = [(number, some) for number, ids in joined.items() for some in chunks(ids, SOME)]
    return [partial(take, issue_id=number, ids=some, now=now) for number, some in pieces]


class _Writer:
    """Steps that follow one another from a version on."""

    def __init__(self, db: Database, outcome: Outcome) -> None:
        self._db, self._outcome, self._version = db, outcome, outcome.memories[EVERYWHERE].version

    async def write(self, parts: Sequence[Part]) -> None:
        done = 0
        while done < len(parts):
            done, given = await self.step(partial(_some, parts[done:], done))
            self._outcome.given += given

    async def step(self, work: Callable[[AsyncConnection], Awaitable[T]]) -> T:
        async def checked(connection: AsyncConnection) -> T:
            await _move_on(connection, self._version)
            return await work(connection)

        result = await step(self._db, checked)
        self._version += 1
        return result


async def _some(parts: Sequence[Part], before: int, connection: AsyncConnection) -> tuple[int, int]:
    """As many parts as a step has time for: how many are done then, and how many mentions got an issue by them."""
    began, count = time.monotonic(), 0
    for place, part in enumerate(parts, 1):
        count += await part(connection)
        if time.monotonic() - began > LONG:
            return before + place, count
    return before + len(parts), count


async def _move_on(connection: AsyncConnection, version: int) -> None:
    """Raises Conflict."""
    if version:
        mine = (issue_state.c.language == EVERYWHERE, issue_state.c.version == version)
        query: Any = update(issue_state).where(*mine).values(version=version + 1)
    else:
        query = dialect_of(connection).insert(issue_state).values(language=EVERYWHERE, version=1, body=b"")
        query = query.on_conflict_do_nothing()
    if (await connection.execute(query.returning(issue_state.c.version))).one_or_none() is None:
        raise Conflict("another process looked for issues at the same moment")


def _from_before_first(ids: Sequence[int], lot: Lot) -> Iterable[list[int]]:
    """Those of earlier lots wait no more: they are all in the first piece, together with the issue."""
    taken = set(lot.taken)
    older, rest = [n for n in ids if n not in taken], [n for n in ids if n in taken]
    yield older + rest[:SOME]
    yield from chunks(rest[SOME:], SOME)


async def _copy(copies: Iterable[tuple[int, int]], connection: AsyncConnection) -> int:
    rows = [{"row_id": number, "original": original} for number, original in copies]
    copied = update(mention).where(mention.c.id == bindparam("row_id"))
    await connection.execute(copied.values(copy_of=bindparam("original")), rows)
    return 0


async def _found(founded: Founded, ids: Sequence[int], connection: AsyncConnection, *, now: datetime) -> int:
    """A group of which no mention is left makes no issue."""
    free = [mention.c.id.in_(ids), mention.c.issue_id.is_(None), mention.c.ours.is_(False)]
    times = (await connection.execute(select(mention.c.created_at).where(*free))).scalars().all()
    if not times:
        return 0
    fresh = {"phrase": founded.key, "label": founded.label, "first_seen": min(times), "last_seen": max(times)}
    row = {**fresh, "stale": True, "typical_id": founded.typical}
    await connection.execute(dialect_of(connection).insert(issue).on_conflict_do_nothing(), [row])
    number = (await connection.execute(select(issue.c.id).where(issue.c.phrase == founded.key))).scalar_one()
    return await take(connection, number, ids, now=now)


async def _issues_of_copies(copies: Mapping[int, int], connection: AsyncConnection) -> dict[int, list[int]]:
    """Copies by the issue that their original has."""
    found: dict[int, list[int]] = {}
    issue_of: dict[int, int] = {}
    for some in chunks(set(copies.values())):
        query = select(mention.c.id, mention.c.issue_id).where(mention.c.id.in_(some), mention.c.issue_id.is_not(None))
        issue_of |= {row.id: row.issue_id for row in await connection.execute(query)}
    for number, original in copies.items():
        if original in issue_of:
            found.setdefault(issue_of[original], []).append(number)
    return found


async def _remember(lot: Lot, outcome: Outcome, connection: AsyncConnection) -> None:
    for language, memory in outcome.memories.items():
        told = dialect_of(connection).insert(issue_state).values(language=language, version=1, body=memory.body)
        again = {"version": issue_state.c.version + 1, "body": memory.body}
        kept = told.on_conflict_do_update(index_elements=["language"], set_=again)
        await connection.execute(kept)
    looked_at = dialect_of(connection).these(lot.taken)
    await connection.execute(delete(issue_pending).where(issue_pending.c.mention_id.in_(looked_at)))
    keys = [founded.key for founded in outcome.founded]
    for some_keys in chunks(keys):
        await connection.execute(update(issue).where(issue.c.phrase.in_(some_keys)).values(stale=False))
    for number, typical in outcome.learnt.items():
        await connection.execute(update(issue).where(issue.c.id == number).values(stale=False, typical_id=typical))
