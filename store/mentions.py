"""Mentions: a page in, one transaction; a mention out."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import datetime, timedelta

from sqlalchemy import BigInteger, RowMapping, func, or_, select, type_coerce, update
from sqlalchemy.ext.asyncio import AsyncConnection

from store import watches
from store.chunks import chunks
from store.database import Database
from store.domain.case import FINISHED
from store.domain.errors import NotFound
from store.domain.mention import Author, Mention, MentionType, SentimentLabel
from store.domain.safetext import SafeText, safe, safe_line
from store.pages import save_page
from store.tables import author, cases, issue, mention, mention_version, mention_watch, watch
from store.types import to_micros

__all__ = ["get", "mark_checked", "read", "save_page", "sync_watches", "to_recheck"]

sync_watches = watches.sync

LATELY = timedelta(days=7)


async def get(db: Database, mention_id: int) -> Mention:
    """One mention with its versions. Raises NotFound."""

    async def work(connection: AsyncConnection) -> list[Mention]:
        return await read(connection, [mention_id])

    found = await db.read(work)
    if not found:
        raise NotFound(f"there is no mention {mention_id}")
    return found[0]


async def read(connection: AsyncConnection, ids: Iterable[int]) -> list[Mention]:
    """These mentions whole, in the order asked; ids that are not there are left out. `versions` are (since when it read
    so, what it read), oldest first, without what it reads now."""
    wanted = list(dict.fromkeys(ids))
    found: dict[int, Mention] = {}
    for some in chunks(wanted):
        names = await _watches(connection, some)
        versions = await _versions(connection, some)
        handle = [author.c[name].label(f"author_{name}") for name in ("handle", "name", "url", "followers")]
        query = (
            select(mention, *handle, issue.c.label.label("issue"))
            .join(author, author.c.id == mention.c.author_id)
            .outerjoin(issue, issue.c.id == mention.c.issue_id)
            .where(mention.c.id.in_(some))
        )
        for row in (await connection.execute(query)).mappings():
            found[row["id"]] = _mention(row, names.get(row["id"], ()), versions.get(row["id"], ()))
    return [found[mention_id] for mention_id in wanted if mention_id in found]


async def to_recheck(db: Database, source: str, *, now: datetime, age: timedelta, limit: int) -> list[Mention]:
    """Mentions of `source` whose originals are due for another look: theirs, in unfinished cases or cases answered
    in the last week, not deleted, not looked at for `age` nor for a quarter of the time that we know them, because what
    is fresh changes soonest; longest unseen first."""
    looked_at = func.coalesce(mention.c.checked_at, mention.c.seen_at, type_=mention.c.seen_at.type)
    micros = to_micros(now)
    unseen = micros - type_coerce(looked_at, BigInteger)
    known = micros - type_coerce(mention.c.seen_at, BigInteger)
    query = (
        select(mention.c.id)
        .join(cases, cases.c.id == mention.c.case_id)
        .where(mention.c.source == source, mention.c.ours.is_(False), mention.c.deleted_at.is_(None))
        .where(looked_at <= now - age, unseen * 4 >= known)
        .where(or_(cases.c.status.not_in(FINISHED), cases.c.answered_at >= now - LATELY))
        .order_by(looked_at, mention.c.id)
        .limit(limit)
    )

    async def work(connection: AsyncConnection) -> list[Mention]:
        return await read(connection, (await connection.execute(query)).scalars())

    return await db.read(work)


async def mark_checked(db: Database, ids: Sequence[int], *, now: datetime) -> None:
    """The originals of these mentions were looked at just now."""

    async def work(connection: AsyncConnection) -> None:
        for some in chunks(ids):
            await connection.execute(update(mention).where(mention.c.id.in_(some)).values(checked_at=now))

    await db.write(work)


async def _watches(connection: AsyncConnection, ids: Sequence[int]) -> dict[int, tuple[str, ...]]:
    query = select(mention_watch.c.mention_id, watch.c.name).join(watch, watch.c.id == mention_watch.c.watch_id)
    names: dict[int, tuple[str, ...]] = {}
    for row in await connection.execute(query.where(mention_watch.c.mention_id.in_(ids)).order_by(watch.c.name)):
        names[row.mention_id] = (*names.get(row.mention_id, ()), row.name)
    return names


async def _versions(
    connection: AsyncConnection, ids: Sequence[int]
) -> dict[int, tuple[tuple[datetime, SafeText], ...]]:
    query = select(mention_version).where(mention_version.c.mention_id.in_(ids)).order_by(mention_version.c.id)
    versions: dict[int, tuple[tuple[datetime, SafeText], ...]] = {}
    for row in await connection.execute(query):
        text = safe("\n\n".join(filter(None, (row.title, row.text))))
        versions[row.mention_id] = (*versions.get(row.mention_id, ()), (row.at, text))
    return versions


def _mention(row: RowMapping, watch_names: tuple[str, ...], versions: tuple[tuple[datetime, SafeText], ...]) -> Mention:
    same = (
        "id", "case_id", "source", "network", "external_id", "native_id", "parent", "thread", "url", "language",
        "score", "intent", "urgency", "visibility", "created_at", "seen_at", "edited_at", "deleted_at", "ours",
    )  # fmt: skip
    return Mention(
        **{name: row[name] for name in same},
        author=Author(
            id=row["author_id"],
            network=row["network"],
            handle=safe_line(row["author_handle"]),
            name=safe_line(row["author_name"]),
            url=row["author_url"],
            followers=row["author_followers"],
        ),
        type=MentionType(row["type"]),
        title=safe_line(row["title"]),
        text=safe(row["text"]),
        sentiment=SentimentLabel(row["sentiment"]),
        reasons=tuple(row["reasons"]),
        issue=row["issue"],
        watches=watch_names,
        versions=versions,
        corrected_by=row["corrected_by"],
    )
