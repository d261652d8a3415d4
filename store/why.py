"""What the store knows of one post, wherever it is: mentions, what no watch matched, what could not be read, polls."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import ColumnElement, and_, literal, or_, select
from sqlalchemy.ext.asyncio import AsyncConnection

from store import journal, mentions, threads, unmatched
from store.database import Database
from store.dialects import dialect_of
from store.distinct import values_of
from store.domain.address import Address, address, at_uri
from store.domain.journal import JournalEntry
from store.domain.mention import Mention
from store.domain.seen import Unmatched
from store.domain.words import folded_words
from store.tables import author, cases, mention, mute, poll, rejected
from store.tables import unmatched as memories

CANDIDATES = 2_000  # addresses that begin alike
OF_A_CASE = 20
LIKE_IT = 50  # texts that hold the same first words
FIRST_WORDS = 8
RAW_FROM = 8  # characters: a shorter name stands in many a raw item by chance
BEHIND_ALL = "\U0010ffff"


@dataclass(frozen=True, slots=True)
class Aside:
    """One item that could not be read, with the poll that brought it."""

    source: str
    stream: str
    at: datetime
    where: str
    reason: str


@dataclass(frozen=True, slots=True)
class Found:
    """All rows of one post."""

    mentions: list[Mention]
    unmatched: list[Unmatched]
    aside: list[Aside]


@dataclass(frozen=True, slots=True)
class Poll:
    """A line of the ledger, as far as it tells whether a source was asked and answered."""

    source: str
    stream: str
    started_at: datetime
    gap_seconds: float
    error: str


@dataclass(frozen=True, slots=True)
class Standing:
    """The case of a mention: where it stands, what happened to it, and who muted its author, thread or words."""

    status: str
    reason: str
    journal: tuple[JournalEntry, ...]
    mutes: tuple[tuple[str, str, str, datetime], ...]  # (kind, value, agent, at)


async def of_case(db: Database, case_id: int) -> list[Mention]:
    """Their words in a case, oldest first; empty where there is no such case."""
    theirs = select(mention.c.id).where(mention.c.case_id == case_id, mention.c.ours.is_(False))

    async def work(connection: AsyncConnection) -> list[Mention]:
        ids = await connection.execute(theirs.order_by(mention.c.created_at, mention.c.id).limit(OF_A_CASE))
        return await mentions.read(connection, ids.scalars())

    return await db.read(work)


async def find(db: Database, name: str) -> Found:
    """By its address, its network's id or its at-uri."""
    names = [name, *filter(None, [at_uri(name)])]
    where = address(name) if "." in name or ":" in name else None

    async def work(connection: AsyncConnection) -> Found:
        ids = await _mention_ids(connection, names, where)
        same = or_(memories.c.external_id.in_(names), memories.c.native_id.in_(names))
        remembered = await unmatched.find(connection, same)
        if where is not None and not remembered:
            alike = await unmatched.find(connection, _begins(memories.c.url, where))
            remembered = [each for each in alike if _leads(where, each.seen.url)]
        return Found(await mentions.read(connection, ids), remembered, await _aside(connection, name))

    return await db.read(work)


async def standing(db: Database, case_id: int) -> Standing:
    async def work(connection: AsyncConnection) -> Standing:
        case = (
            await connection.execute(
                select(cases.c.status, cases.c.reason, cases.c.network, cases.c.thread, author.c.handle)
                .join(author, author.c.id == cases.c.author_id)
                .where(cases.c.id == case_id)
            )
        ).one()
        thread = threads.of_case(case.thread)
        by = select(mute.c.kind, mute.c.value, mute.c.agent, mute.c.at).where(
            or_(
                and_(mute.c.kind == "author", mute.c.network == case.network, mute.c.value == case.handle),
                and_(
                    mute.c.kind == "thread",
                    mute.c.network == case.network,
                    mute.c.value == thread,
                ),
                and_(mute.c.kind == "word", literal("muted word ") + mute.c.value == case.reason),
            )
        )
        muted = tuple((row.kind, row.value, row.agent, row.at) for row in await connection.execute(by))
        return Standing(case.status, case.reason, await journal.of_case(connection, case_id), muted)

    return await db.read(work)


async def same_words(db: Database, title: str, body: str, *, but: Collection[int] = ()) -> list[tuple[int, str]]:
    """(case, network) of other stored mentions that say the very same, oldest first: posted twice, on two networks."""
    said = folded_words(body) or folded_words(title)
    if len(said) < 3:
        return []

    async def work(connection: AsyncConnection) -> list[tuple[int, str]]:
        index = dialect_of(connection).full_text
        like_it = select(mention.c.id, mention.c.case_id, mention.c.network, mention.c.text).where(
            index.found(index.phrase(said[:FIRST_WORDS])), mention.c.ours.is_(False), mention.c.deleted_at.is_(None)
        )
        rows = await connection.execute(like_it.limit(LIKE_IT))
        same = [row for row in rows if row.id not in but and row.case_id and folded_words(row.text) == said]
        return list(dict.fromkeys((row.case_id, row.network) for row in sorted(same, key=lambda row: int(row.id))))

    return await db.read(work)


async def polls(db: Database, sources: Sequence[str], *, since: datetime, until: datetime) -> list[Poll]:
    """The ledger lines of these sources, oldest first."""
    columns = (poll.c.source, poll.c.stream, poll.c.started_at, poll.c.gap_seconds, poll.c.error)
    query = select(*columns).where(poll.c.source.in_(sources), poll.c.started_at.between(since, until))

    async def work(connection: AsyncConnection) -> list[Poll]:
        rows = await connection.execute(query.order_by(poll.c.started_at, poll.c.id))
        return [Poll(**row) for row in rows.mappings()]

    return await db.read(work)


async def sources_of(db: Database, where: Address) -> set[str]:
    """The sources that have brought anything from this host."""
    host = Address(where.host, "", "", "")

    async def work(connection: AsyncConnection) -> set[str]:
        found: set[str] = set()
        for table in (mention, memories):
            some = select(table.c.source).where(_begins(table.c.url, host, "/")).limit(CANDIDATES).subquery()
            found |= set((await connection.execute(select(some.c.source).distinct())).scalars())
        return found

    return await db.read(work)


async def _mention_ids(connection: AsyncConnection, names: Sequence[str], where: Address | None) -> list[int]:
    # One index each, and the column that it begins with: only so is none of them a walk through the whole table.
    for first, column in ((mention.c.network, mention.c.external_id), (mention.c.source, mention.c.native_id)):
        named = select(mention.c.id).where(first.in_(values_of(first)), column.in_(names))
        if found := list((await connection.execute(named)).scalars()):
            return found
    if where is None:
        return []
    alike = select(mention.c.id, mention.c.url).where(_begins(mention.c.url, where)).limit(CANDIDATES)
    return [row.id for row in await connection.execute(alike) if _leads(where, row.url)]


def _begins(column: ColumnElement[str], where: Address, behind: str = "") -> ColumnElement[bool]:
    """Ranges of the index and not LIKE, which would read it all."""
    starts = [start + behind for start in where.beginnings()]
    return or_(*(and_(column >= start, column < start + BEHIND_ALL) for start in starts))


def _leads(where: Address, url: str) -> bool:
    there = address(url) if url else None
    return there is not None and where.leads_to(there)


async def _aside(connection: AsyncConnection, name: str) -> list[Aside]:
    holds = rejected.c.position == name
    if len(name) >= RAW_FROM:
        holds = or_(holds, dialect_of(connection).holds(rejected.c.raw, name))
    query = (
        select(poll.c.source, poll.c.stream, poll.c.started_at, rejected.c.position, rejected.c.reason)
        .join(poll, poll.c.id == rejected.c.poll_id)
        .where(holds)
        .order_by(rejected.c.id.desc())
        .limit(OF_A_CASE)
    )
    return [Aside(*row) for row in await connection.execute(query)]
