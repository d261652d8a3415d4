"""Recurring issues: stable groups of mentions. An issue keeps its id; a mention never silently changes issue.

Here is what finding them needs: which mentions wait for one, what is known of the issues, and what a lot of mentions
became, written at once. Several processes may look for issues: a lot whose memory another one moved on meanwhile is
refused and taken again. What persons do to issues is in `store.issue_acts`.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from sqlalchemy import Row, bindparam, case, delete, exists, literal, or_, select, update
from sqlalchemy.ext.asyncio import AsyncConnection

from store import changes
from store.chunks import chunks
from store.database import Database
from store.dialects import dialect_of
from store.domain.case import CaseStatus
from store.domain.errors import Conflict
from store.domain.mention import UNKNOWN_AUTHOR
from store.domain.safetext import SafeText, safe, safe_line
from store.tables import author, cases, issue, issue_pending, issue_phrase, issue_state, mention

LEARNT_FROM = 50  # mentions of an issue, the newest


@dataclass(frozen=True, slots=True)
class Waiting:
    """A mention without an issue. Where a source named nobody, it is by an author of its own (a negative id);
    `pins_only`: it was looked at before, and a pin came since."""

    id: int
    author_id: int
    language: str
    sentiment: str
    intent: str | None
    title: SafeText
    text: SafeText
    pins_only: bool

    @property
    def whole(self) -> str:
        return f"{self.title}\n{self.text}" if self.title else self.text


@dataclass(frozen=True, slots=True)
class Known:
    """An issue that takes mentions. `phrases` and `examples` are what a person pinned it by."""

    id: int
    key: str
    label: str
    pinned: bool
    stale: bool
    phrases: tuple[str, ...] = ()
    examples: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Lot:
    """What there is to do: `taken` are the mentions it is about, of which `waiting` can have an issue. `leads` says
    where the key of every issue leads to, merged ones included."""

    taken: tuple[int, ...]
    waiting: tuple[Waiting, ...]
    issues: Mapping[int, Known]
    leads: Mapping[str, int]


@dataclass(frozen=True, slots=True)
class Memory:
    """What grouping remembers of a language, and which version of it that is; 0 before the first."""

    version: int
    body: bytes


@dataclass(frozen=True, slots=True)
class Founded:
    key: str
    label: str
    mentions: Sequence[int]
    typical: int | None = None


@dataclass(slots=True)
class Outcome:
    """What a lot became: mentions by the issue that takes them, new issues, copies with their originals, issues that
    were learnt anew with their most typical mention, memories by language."""

    joined: dict[int, list[int]] = field(default_factory=dict)
    founded: list[Founded] = field(default_factory=list)
    copies: dict[int, int] = field(default_factory=dict)
    learnt: dict[int, int | None] = field(default_factory=dict)
    memories: dict[str, Memory] = field(default_factory=dict)


async def expect(connection: AsyncConnection, ids: Sequence[int]) -> None:
    """Inside a write: these mentions came in, and wait for an issue."""
    if ids:
        rows = [{"mention_id": number} for number in ids]
        await connection.execute(dialect_of(connection).insert(issue_pending).on_conflict_do_nothing(), rows)


async def any_waiting(db: Database) -> bool:
    """Whether there is anything to do: next to nothing to ask."""
    stale = (issue.c.stale, issue.c.merged_into.is_(None))
    query = select(or_(exists().select_from(issue_pending), exists().where(*stale)))

    async def work(connection: AsyncConnection) -> bool:
        return bool((await connection.execute(query)).scalar_one())

    return await db.read(work)


async def lot(db: Database, *, limit: int) -> Lot:
    """The mentions that wait longest, and what is known of the issues."""

    async def work(connection: AsyncConnection) -> Lot:
        taken = (
            (
                await connection.execute(
                    select(issue_pending.c.mention_id).order_by(issue_pending.c.mention_id).limit(limit)
                )
            )
            .scalars()
            .all()
        )
        waiting = [one for some in chunks(taken, 4_000) for one in await _waiting(connection, some)]
        known, leads = await _known(connection)
        return Lot(tuple(taken), tuple(waiting), known, leads)

    return await db.read(work)


async def memories(db: Database, languages: Iterable[str]) -> dict[str, Memory]:
    """What is remembered of these languages, of those of which anything is."""
    query = select(issue_state).where(issue_state.c.language.in_(set(languages)))

    async def work(connection: AsyncConnection) -> dict[str, Memory]:
        return {row.language: Memory(row.version, row.body) for row in await connection.execute(query)}

    return await db.read(work)


async def texts(db: Database, ids: Iterable[int]) -> dict[int, str]:
    """The words of these mentions, of those that still have any."""

    async def work(connection: AsyncConnection) -> dict[int, str]:
        found: dict[int, str] = {}
        for some in chunks(ids, 4_000):
            query = select(mention.c.id, mention.c.title, mention.c.text)
            query = query.where(mention.c.id.in_(some), mention.c.deleted_at.is_(None))
            found |= {row.id: _whole(row.title, row.text) for row in await connection.execute(query)}
        return found

    return await db.read(work)


async def examples(db: Database, issue_ids: Iterable[int]) -> dict[int, list[tuple[int, str, str]]]:
    """Of each issue the newest mentions, without copies: (id, language, words)."""

    async def work(connection: AsyncConnection) -> dict[int, list[tuple[int, str, str]]]:
        found: dict[int, list[tuple[int, str, str]]] = {}
        for number in issue_ids:
            query = select(mention.c.id, mention.c.language, mention.c.title, mention.c.text)
            query = query.where(
                mention.c.issue_id == number, mention.c.deleted_at.is_(None), mention.c.copy_of.is_(None)
            )
            rows = await connection.execute(query.order_by(mention.c.id.desc()).limit(LEARNT_FROM))
            found[number] = [(row.id, row.language, _whole(row.title, row.text)) for row in rows]
        return found

    return await db.read(work)


async def settle(db: Database, lot: Lot, outcome: Outcome, *, now: datetime) -> int:
    """Write what a lot became. Returns how many mentions got an issue. Raises Conflict where another process was
    quicker with any of these languages: nothing is written then."""

    async def work(connection: AsyncConnection) -> int:
        for language, memory in outcome.memories.items():
            await _remember(connection, language, memory)
        for some in chunks(lot.taken, 4_000):
            await connection.execute(delete(issue_pending).where(issue_pending.c.mention_id.in_(some)))
        if outcome.copies:
            rows = [{"row_id": number, "original": original} for number, original in outcome.copies.items()]
            copied = update(mention).where(mention.c.id == bindparam("row_id"))
            await connection.execute(copied.values(copy_of=bindparam("original")), rows)
        got = [await take(connection, issue_id, ids, now=now) for issue_id, ids in outcome.joined.items()]
        got += [await _found(connection, founded, now=now) for founded in outcome.founded]
        got += [
            await take(connection, issue_id, ids, now=now)
            for issue_id, ids in (await _of_copies(connection, outcome)).items()
        ]
        for issue_id, typical_id in outcome.learnt.items():
            values = {"stale": False, "typical_id": typical_id}
            await connection.execute(update(issue).where(issue.c.id == issue_id).values(values))
        return sum(got)

    return await db.write(work)


async def take(connection: AsyncConnection, issue_id: int, ids: Iterable[int], *, now: datetime) -> int:
    """Inside a write: give these mentions and their copies an issue, those that have none. Returns how many."""
    dialect = dialect_of(connection)
    free: dict[int, Row[Any]] = {}
    for some in chunks(ids, 4_000):
        for column in (mention.c.id, mention.c.copy_of):
            query = select(mention.c.id, mention.c.created_at, mention.c.case_id).where(
                column.in_(dialect.these(some)), mention.c.issue_id.is_(None), mention.c.ours.is_(False)
            )
            free |= {row.id: row for row in await connection.execute(query)}
    if free:
        for some in chunks(free, 4_000):
            await connection.execute(
                update(mention).where(mention.c.id.in_(dialect.these(some))).values(issue_id=issue_id)
            )
        times = [row.created_at for row in free.values()]
        await widen(connection, issue_id, min(times), max(times))
        await changes.note(connection, "case", [row.case_id for row in free.values()], at=now)
    return len(free)


async def widen(connection: AsyncConnection, issue_id: int, first: datetime, last: datetime) -> None:
    """Inside a write: an issue reaches at least from `first` to `last`."""
    begin, end = literal(first, issue.c.first_seen.type), literal(last, issue.c.last_seen.type)
    wider = {
        "first_seen": case((issue.c.first_seen <= begin, issue.c.first_seen), else_=begin),
        "last_seen": case((issue.c.last_seen >= end, issue.c.last_seen), else_=end),
    }
    await connection.execute(update(issue).where(issue.c.id == issue_id).values(wider))


async def _found(connection: AsyncConnection, founded: Founded, *, now: datetime) -> int:
    """A group of which no mention is left makes no issue."""
    free = [mention.c.id.in_(founded.mentions), mention.c.issue_id.is_(None), mention.c.ours.is_(False)]
    if not (await connection.execute(select(exists().where(*free)))).scalar_one():
        return 0
    fresh = {"phrase": founded.key, "label": founded.label, "first_seen": now, "last_seen": now}
    row = {**fresh, "stale": False, "typical_id": founded.typical}
    await connection.execute(dialect_of(connection).insert(issue).on_conflict_do_nothing(), [row])
    issue_id = (await connection.execute(select(issue.c.id).where(issue.c.phrase == founded.key))).scalar_one()
    ids = (await connection.execute(select(mention.c.created_at).where(*free))).scalars().all()
    await connection.execute(
        update(issue).where(issue.c.id == issue_id).values(first_seen=min(ids), last_seen=max(ids))
    )
    return await take(connection, issue_id, founded.mentions, now=now)


async def _of_copies(connection: AsyncConnection, outcome: Outcome) -> dict[int, list[int]]:
    """Copies by the issue that their original has."""
    found: dict[int, list[int]] = {}
    for some in chunks(set(outcome.copies.values())):
        query = select(mention.c.id, mention.c.issue_id).where(mention.c.id.in_(some), mention.c.issue_id.is_not(None))
        issue_of = {row.id: row.issue_id for row in await connection.execute(query)}
        for number, original in outcome.copies.items():
            if original in issue_of:
                found.setdefault(issue_of[original], []).append(number)
    return found


async def _remember(connection: AsyncConnection, language: str, memory: Memory) -> None:
    values = {"version": memory.version + 1, "body": memory.body}
    if memory.version:
        mine = (issue_state.c.language == language, issue_state.c.version == memory.version)
        query: Any = update(issue_state).where(*mine).values(values)
    else:
        query = dialect_of(connection).insert(issue_state).values(language=language, **values).on_conflict_do_nothing()
    if (await connection.execute(query.returning(issue_state.c.version))).one_or_none() is None:
        raise Conflict("another process looked for issues at the same moment")


async def _waiting(connection: AsyncConnection, ids: Sequence[int]) -> list[Waiting]:
    columns = (mention.c[name] for name in ("id", "language", "sentiment", "intent", "title", "text"))
    somebody = case((author.c.handle == UNKNOWN_AUTHOR, -mention.c.id), else_=mention.c.author_id)
    query = (
        select(*columns, somebody.label("author_id"), issue_pending.c.pins_only)
        .join(issue_pending, issue_pending.c.mention_id == mention.c.id)
        .join(cases, cases.c.id == mention.c.case_id)
        .join(author, author.c.id == mention.c.author_id)
        .where(mention.c.id.in_(ids), mention.c.issue_id.is_(None), mention.c.deleted_at.is_(None))
        .where(mention.c.ours.is_(False), cases.c.status != CaseStatus.DISMISSED)
        .order_by(mention.c.id)
    )
    rows = (await connection.execute(query)).mappings()
    return [Waiting(**{**row, "title": safe_line(row["title"]), "text": safe(row["text"])}) for row in rows]


async def _known(connection: AsyncConnection) -> tuple[dict[int, Known], dict[str, int]]:
    rows = (await connection.execute(select(issue))).all()
    into = {row.id: row.merged_into for row in rows if row.merged_into is not None}
    phrases: dict[int, list[str]] = {}
    whole: dict[int, list[str]] = {}
    for row in await connection.execute(select(issue_phrase).order_by(issue_phrase.c.id)):
        (whole if row.example else phrases).setdefault(led(row.issue_id, into), []).append(row.phrase)
    known = {
        row.id: Known(
            row.id,
            row.phrase,
            row.label,
            row.pinned,
            row.stale,
            tuple(phrases.get(row.id, ())),
            tuple(whole.get(row.id, ())),
        )
        for row in rows
        if row.id not in into
    }
    return known, {row.phrase: led(row.id, into) for row in rows}


def led(number: int, into: Mapping[int, int]) -> int:
    """The issue that an id leads to after all mergers."""
    while number in into:
        number = into[number]
    return number


def _whole(title: str, text: str) -> str:
    return f"{safe_line(title)}\n{safe(text)}" if title else safe(text)
