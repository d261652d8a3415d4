"""Search: the index of all words, and the one query language as conditions over the stored mentions and cases."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime

from sqlalchemy import ColumnElement, and_, select, text
from sqlalchemy.ext.asyncio import AsyncConnection

from store.domain.query import And, Node
from store.domain.words import folded_words
from store.search_query import Compiler, asks_only_cases
from store.tables import cases, mention

SECURE_SINCE = (3, 44)  # it came with 3.42 and was mended until here
_PUT = text("INSERT OR REPLACE INTO mention_fts(rowid, title, text) VALUES (:id, :title, :text)")
_DROP = text("DELETE FROM mention_fts WHERE rowid = :id")


async def create(connection: AsyncConnection) -> None:
    """The index of a fresh store. What goes in are the folded words of `store.domain.words`, so that search and watches
    agree on what a word is; the tokenizer only splits at the spaces between them ("ascii" takes every byte of a
    non-ASCII character as part of a word, whatever Unicode version this SQLite knows)."""
    await connection.exec_driver_sql("CREATE VIRTUAL TABLE mention_fts USING fts5(title, text, tokenize = 'ascii')")
    await connection.exec_driver_sql("CREATE VIRTUAL TABLE mention_words USING fts5vocab(mention_fts, row)")
    await forget_for_good(connection)


async def forget_for_good(connection: AsyncConnection) -> None:
    """From now on the words of what is deleted or edited leave the file at once, where this SQLite can do that. One
    that is older than 3.42 cannot read such an index."""
    version = (await connection.exec_driver_sql("SELECT sqlite_version()")).scalar_one()
    if tuple(int(part) for part in version.split(".")[:2]) >= SECURE_SINCE:
        await connection.exec_driver_sql("INSERT INTO mention_fts(mention_fts, rank) VALUES ('secure-delete', 1)")


async def add(connection: AsyncConnection, items: Iterable[tuple[int, str, str]]) -> None:
    """(mention id, title, text): replaces what the index had of each."""
    rows = [
        {"id": mention_id, "title": " ".join(folded_words(title)), "text": " ".join(folded_words(body))}
        for mention_id, title, body in items
    ]
    if rows:
        await connection.execute(_PUT, rows)


async def forget(connection: AsyncConnection, ids: Iterable[int]) -> None:
    """What nobody shall find any more. Before SQLite 3.44 its words stay in the file until they are merged away; see
    `scrub`."""
    rows = [{"id": mention_id} for mention_id in ids]
    if rows:
        await connection.execute(_DROP, rows)


async def scrub(connection: AsyncConnection) -> None:
    """Writes the index anew, so that nothing is left of what was forgotten. Some seconds for a million mentions."""
    await connection.exec_driver_sql("INSERT INTO mention_fts(mention_fts) VALUES ('optimize')")


async def condition(connection: AsyncConnection, query: Node, *, me: str, now: datetime) -> ColumnElement[bool]:
    """A condition over `tables.mention` joined with `tables.cases` (by mention.case_id) that is true of exactly the
    mentions that `query` matches. Needs the connection to expand fuzzy words over the index's vocabulary, and to find
    authors and issues by name; the condition is good for this transaction."""
    return await Compiler(connection, me, now, mention.c.network).compile(query)


async def case_condition(connection: AsyncConnection, query: Node, *, me: str, now: datetime) -> ColumnElement[bool]:
    """A condition over `tables.cases` alone: some mention of theirs in the case matches. A query of case fields only
    (status:, assignee:, tag:) touches no mention and uses the indexes of `cases`; so do such parts of a longer one."""
    parts = query.nodes if isinstance(query, And) else (query,)
    of_cases = [part for part in parts if asks_only_cases(part)]
    of_mentions = tuple(part for part in parts if not asks_only_cases(part))
    on_cases = Compiler(connection, me, now, cases.c.network)
    conditions = [await on_cases.compile(part) for part in of_cases]
    if of_mentions:
        on_mentions = Compiler(connection, me, now, mention.c.network)
        matches = await on_mentions.compile(of_mentions[0] if len(of_mentions) == 1 else And(of_mentions))
        found = select(mention.c.case_id).where(matches, mention.c.ours.is_(False))
        if on_mentions.asked_cases:
            found = found.join(cases, cases.c.id == mention.c.case_id)
        conditions.append(cases.c.id.in_(found))
    return and_(*conditions)
