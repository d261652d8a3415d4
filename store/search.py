"""Search: the index of all words, and the one query language as conditions over the stored mentions and cases."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime
from functools import partial

from sqlalchemy import ColumnElement, and_, exists, select
from sqlalchemy.ext.asyncio import AsyncConnection

from store.database import Database
from store.dialects import dialect_of
from store.domain import fields
from store.domain.query import And, Field, Node
from store.domain.words import folded_words
from store.search_query import Compiler, asks_only_cases
from store.steps import step
from store.tables import cases, mention

WORDS_A_STEP = 2_000
FEW = 10_000  # mentions


async def add(connection: AsyncConnection, items: Iterable[tuple[int, str, str]]) -> None:
    """(mention id, title, text): replaces what the index had of each."""
    rows = [(mention_id, folded_words(title), folded_words(body)) for mention_id, title, body in items]
    if rows:
        await dialect_of(connection).full_text.add(connection, rows)


async def forget(connection: AsyncConnection, ids: Iterable[int]) -> None:
    """What nobody shall find any more. Its words may stay in the store until the index is written anew; see `scrub`."""
    await dialect_of(connection).full_text.forget(connection, ids)


async def scrub(connection: AsyncConnection) -> None:
    """Writes the index anew, so that nothing is left of what was forgotten. Some seconds for a million mentions."""
    await dialect_of(connection).full_text.scrub(connection)


async def shed(db: Database) -> None:
    """The words that no mention has any more leave the store, some at a time."""
    last: str | None = ""
    while last is not None:
        last = await step(db, partial(_shed, after=last))


async def _shed(connection: AsyncConnection, *, after: str) -> str | None:
    return await dialect_of(connection).full_text.shed(connection, after, WORDS_A_STEP)


async def condition(connection: AsyncConnection, query: Node, *, me: str, now: datetime) -> ColumnElement[bool]:
    """A condition over `tables.mention` joined with `tables.cases` (by mention.case_id) that is true of exactly the
    mentions that `query` matches. Needs the connection to expand fuzzy words over the index's vocabulary, and to find
    authors and issues by name; the condition is good for this transaction."""
    return await Compiler(connection, me, now, mention.c.network).compile(query)


async def case_condition(
    connection: AsyncConnection, query: Node, *, me: str, now: datetime, few: int = FEW
) -> ColumnElement[bool]:
    """A condition over `tables.cases` alone: some mention of theirs in the case matches. A query of case fields only
    (status:, assignee:, tag:) touches no mention and uses the indexes of `cases`; so do such parts of a longer one.

    What at most `few` mentions match is looked up by these; where more do, each case is asked in its turn, so that who
    shows the newest need not gather them all. The condition is good for this transaction."""
    parts = query.nodes if isinstance(query, And) else (query,)
    of_cases = [part for part in parts if asks_only_cases(part)]
    of_mentions = tuple(part for part in parts if not asks_only_cases(part))
    on_cases = Compiler(connection, me, now, cases.c.network)
    conditions = [await on_cases.compile(part) for part in of_cases]
    if of_mentions:
        # No word of theirs is younger than the case's last: the index of that one ends the walk.
        conditions += [
            cases.c.last_at >= fields.moment(part.value, now)
            for part in of_mentions
            if isinstance(part, Field) and part.name == "since"
        ]
        whole = of_mentions[0] if len(of_mentions) == 1 else And(of_mentions)
        conditions.append(await _heard(connection, whole, me=me, now=now, few=few))
    return and_(*conditions)


async def _heard(connection: AsyncConnection, asked: Node, *, me: str, now: datetime, few: int) -> ColumnElement[bool]:
    dialect = dialect_of(connection)
    on_mentions = Compiler(connection, me, now, mention.c.network)
    found = select(mention.c.case_id).where(await on_mentions.compile(asked), mention.c.ours.is_(False)).limit(few + 1)
    if on_mentions.asked_cases:
        found = found.join(cases, cases.c.id == mention.c.case_id)
    numbers = (await connection.execute(found)).scalars().all()
    if len(numbers) <= few:
        return cases.c.id.in_(dialect.these(number for number in dict.fromkeys(numbers) if number is not None))
    near_words = on_mentions.near_words
    in_a_case = Compiler(connection, me, now, mention.c.network, at_hand=True, near_words=near_words)
    matches = await in_a_case.compile(asked)
    return exists().where(mention.c.case_id == cases.c.id, mention.c.ours.is_(False), matches).correlate(cases)
