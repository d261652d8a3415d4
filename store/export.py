"""What leaves as a file: mentions of theirs with what their cases say, oldest number first, in bounded memory."""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from functools import partial
from typing import Any

from sqlalchemy import BigInteger, ColumnElement, Select, func, select, type_coerce
from sqlalchemy.ext.asyncio import AsyncConnection

from store import search
from store.cases.effects import tags_of
from store.database import Database
from store.domain.errors import NotFound
from store.domain.query import Node
from store.tables import author, cases, issue, mention, mention_watch, watch

A_CHUNK = 1_000
FIRST_DAY, A_DAY = date(1970, 1, 1), 86_400_000_000  # as times are stored: microseconds since
OF_MENTION = (
    "id", "case_id", "external_id", "source", "network", "url", "type", "title", "text", "language", "sentiment",
    "score", "intent", "urgency", "parent", "thread", "created_at", "seen_at", "edited_at",
)  # fmt: skip
OF_CASE = ("status", "priority", "assignee", "answered_at")
OF_AUTHOR = ("handle", "name", "followers")


@dataclass(frozen=True, slots=True)
class Wanted:
    """Which mentions: written in [since, until), of a watch, found by a query; `me` and `now` are for the query."""

    now: datetime
    me: str = ""
    since: datetime | None = None
    until: datetime | None = None
    watch: str | None = None
    query: Node | None = None


@dataclass(frozen=True, slots=True)
class Totals:
    """Of all that is wanted: (name, count), most first; days in UTC, oldest first."""

    mentions: int
    authors: int
    cases: int
    sentiments: tuple[tuple[str, int], ...]
    networks: tuple[tuple[str, int], ...]
    languages: tuple[tuple[str, int], ...]
    issues: tuple[tuple[str, int], ...]
    days: tuple[tuple[str, int], ...]


async def stream(db: Database, wanted: Wanted, *, after: int = 0) -> AsyncIterator[Sequence[dict[str, Any]]]:
    """Mentions with a number above `after`, some at a time: columns of the mention, its author and its case, `issue`,
    `watches`, `tags`. What has no words any more is left out. Raises NotFound for an unknown watch."""
    while rows := await db.read(partial(_chunk, wanted=wanted, after=after)):
        yield rows
        after = rows[-1]["id"]


async def totals(db: Database, wanted: Wanted) -> Totals:
    """Raises NotFound for an unknown watch."""

    async def work(connection: AsyncConnection) -> Totals:
        conditions = await _conditions(connection, wanted)

        async def counted(column: ColumnElement[Any], most: int | None = None) -> tuple[tuple[str, int], ...]:
            number = func.count().label("number")
            query = _from(select(column, number)).where(*conditions, column.is_not(None)).group_by(column)
            rows = await connection.execute(query.order_by(number.desc(), column).limit(most))
            return tuple((str(row[0]), row[1]) for row in rows)

        columns = (func.count(), func.count(mention.c.author_id.distinct()), func.count(mention.c.case_id.distinct()))
        row = (await connection.execute(_from(select().add_columns(*columns)).where(*conditions))).one()
        day = type_coerce(mention.c.created_at, BigInteger) // A_DAY
        return Totals(
            mentions=row[0],
            authors=row[1],
            cases=row[2],
            sentiments=await counted(mention.c.sentiment),
            networks=await counted(mention.c.network),
            languages=await counted(mention.c.language),
            issues=await counted(issue.c.label, 20),
            days=tuple(sorted([(str(FIRST_DAY + timedelta(int(day))), count) for day, count in await counted(day)])),
        )

    return await db.read(work)


def _from(query: Select[Any]) -> Select[Any]:
    return (
        query.select_from(mention)
        .join(cases, cases.c.id == mention.c.case_id)
        .join(author, author.c.id == mention.c.author_id)
        .outerjoin(issue, issue.c.id == mention.c.issue_id)
    )


async def _conditions(connection: AsyncConnection, wanted: Wanted) -> list[ColumnElement[bool]]:
    conditions: list[ColumnElement[bool]] = [mention.c.ours.is_(False), mention.c.deleted_at.is_(None)]
    if wanted.since is not None:
        conditions.append(mention.c.created_at >= wanted.since)
    if wanted.until is not None:
        conditions.append(mention.c.created_at < wanted.until)
    if wanted.watch is not None:
        row = (await connection.execute(select(watch.c.id).where(watch.c.name == wanted.watch))).one_or_none()
        if row is None:
            raise NotFound(f"there is no watch `{wanted.watch}`; `earful watch list` names them")
        conditions.append(
            mention.c.id.in_(select(mention_watch.c.mention_id).where(mention_watch.c.watch_id == row.id))
        )
    if wanted.query is not None:
        conditions.append(await search.condition(connection, wanted.query, me=wanted.me, now=wanted.now))
    return conditions


async def _chunk(connection: AsyncConnection, *, wanted: Wanted, after: int) -> list[dict[str, Any]]:
    columns = [
        table.c[name]
        for table, names in ((mention, OF_MENTION), (cases, OF_CASE), (author, OF_AUTHOR))
        for name in names
    ]
    query = _from(select(*columns, issue.c.label.label("issue"))).where(
        mention.c.id > after, *await _conditions(connection, wanted)
    )
    rows = [dict(row._mapping) for row in await connection.execute(query.order_by(mention.c.id).limit(A_CHUNK))]
    ids = [row["id"] for row in rows]
    marks = select(mention_watch.c.mention_id, watch.c.name).join(watch, watch.c.id == mention_watch.c.watch_id)
    watches: dict[int, list[str]] = {number: [] for number in ids}
    for number, name in await connection.execute(
        marks.where(mention_watch.c.mention_id.in_(ids)).order_by(watch.c.name)
    ):
        watches[number].append(name)
    tags = await tags_of(connection, list({row["case_id"] for row in rows}))
    for row in rows:
        row["watches"], row["tags"] = watches[row["id"]], tags[row["case_id"]]
    return rows
