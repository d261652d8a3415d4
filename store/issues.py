"""Recurring issues: stable groups of mentions. An issue keeps its id; a mention never silently changes issue.

Here is what finding them needs: which mentions wait for one, what is known of the issues, and what is remembered. What
a lot of mentions became is written by `store.outcomes`; what persons do to issues is in `store.issue_acts`.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import Row, and_, case, exists, false, func, literal, or_, select, update
from sqlalchemy.ext.asyncio import AsyncConnection

from store import changes
from store.chunks import chunks
from store.database import Database
from store.dialects import dialect_of
from store.domain.case import CaseStatus
from store.domain.mention import UNKNOWN_AUTHOR
from store.domain.safetext import SafeText, safe, safe_line
from store.tables import author, cases, issue, issue_pending, issue_phrase, issue_state, mention, vector

EVERYWHERE = ""  # the language of what is remembered of all languages
LEARNT_FROM = 50  # mentions of an issue, the newest


@dataclass(frozen=True, slots=True)
class Waiting:
    """A mention to look at. Where a source named nobody, it is by an author of its own (a negative id); `pins_only`: it
    was looked at before, and a pin came since; `placed`: it has an issue, before its words were remembered."""

    id: int
    author_id: int
    language: str
    sentiment: str
    intent: str | None
    title: SafeText
    text: SafeText
    pins_only: bool
    placed: bool

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
    last_seen: datetime
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
class Unread:
    """Mentions that came in from `since` on wait until this engine has read them."""

    engine: str
    since: datetime


@dataclass(frozen=True, slots=True)
class Memory:
    """What grouping remembers of a language, and which version of it that is; 0 before the first."""

    version: int
    body: bytes


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


async def lot(db: Database, *, limit: int, unread: Unread | None = None) -> Lot:
    """The mentions that wait longest, and what is known of the issues."""
    query = select(issue_pending.c.mention_id).order_by(issue_pending.c.mention_id).limit(limit)
    if unread is not None:
        mine = and_(vector.c.mention_id == mention.c.id, vector.c.engine == unread.engine)
        query = query.join(mention, mention.c.id == issue_pending.c.mention_id).outerjoin(vector, mine)
        query = query.where(or_(vector.c.mention_id.is_not(None), mention.c.seen_at < unread.since))

    async def work(connection: AsyncConnection) -> Lot:
        taken = (await connection.execute(query)).scalars().all()
        waiting = [one for some in chunks(taken, 4_000) for one in await _waiting(connection, some)]
        known, leads = await _known(connection)
        return Lot(tuple(taken), tuple(waiting), known, leads)

    return await db.read(work)


async def free(db: Database, ids: Iterable[int]) -> list[Waiting]:
    """Those of these mentions that have no issue and can have one."""

    async def work(connection: AsyncConnection) -> list[Waiting]:
        looked_at = [one for some in chunks(ids, 4_000) for one in await _waiting(connection, some)]
        return [one for one in looked_at if not one.placed]

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
            rows = await connection.execute(query.order_by(mention.c.created_at.desc()).limit(LEARNT_FROM))
            found[number] = [(row.id, row.language, _whole(row.title, row.text)) for row in rows]
        return found

    return await db.read(work)


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


async def _waiting(connection: AsyncConnection, ids: Sequence[int]) -> list[Waiting]:
    columns = (mention.c[name] for name in ("id", "language", "sentiment", "intent", "title", "text"))
    somebody = case((author.c.handle == UNKNOWN_AUTHOR, -mention.c.id), else_=mention.c.author_id)
    query = (
        select(
            *columns,
            somebody.label("author_id"),
            func.coalesce(issue_pending.c.pins_only, false()).label("pins_only"),
            mention.c.issue_id.is_not(None).label("placed"),
        )
        .outerjoin(issue_pending, issue_pending.c.mention_id == mention.c.id)
        .join(cases, cases.c.id == mention.c.case_id)
        .join(author, author.c.id == mention.c.author_id)
        .where(mention.c.id.in_(ids), mention.c.deleted_at.is_(None))
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
            row.last_seen,
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
