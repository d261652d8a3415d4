"""The index of words in PostgreSQL: a tsvector without positions under GIN, which narrows, beside the folded words,
which decide where words must stand side by side, near or in the title. No extension, no dictionary, no parser of the
server's is in it. A match is a function: asked whether of the title only, it gives the condition over the index."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Callable, Iterable, Sequence
from typing import Any

from sqlalchemy import ARRAY, ColumnElement, Text, and_, bindparam, cast, column, false, func, not_, or_, select, table
from sqlalchemy import text as sql
from sqlalchemy.dialects.postgresql import TSQUERY
from sqlalchemy.ext.asyncio import AsyncConnection

from store.dialects import Condition, Number
from store.domain.words import exact_pattern, folded_words
from store.tables import mention

Match = Callable[[bool], Condition]

LONGEST = 200  # characters of a word that the index tells apart: its entries are bounded
_SCHEMA = (
    'CREATE TABLE mention_fts (id BIGINT PRIMARY KEY, title TEXT COLLATE "C" NOT NULL, text TEXT COLLATE "C" NOT NULL,'
    " words TSVECTOR NOT NULL)",
    "CREATE INDEX mention_fts_words ON mention_fts USING gin (words)",
    'CREATE TABLE mention_words (term TEXT COLLATE "C" PRIMARY KEY)',
)
_WORDS = bindparam("words", type_=ARRAY(Text))
_PUT = sql(
    "INSERT INTO mention_fts (id, title, text, words) VALUES (:id, :title, :text, array_to_tsvector(:words))"
    " ON CONFLICT (id) DO UPDATE SET title = excluded.title, text = excluded.text, words = excluded.words"
).bindparams(_WORDS)
# Those that are new only: most are known, and looking is cheaper than trying to insert. In order, so that two at the
# same time wait for each other and not in a circle.
_LEARN = sql(
    "INSERT INTO mention_words SELECT term FROM unnest(:words) AS said(term) WHERE NOT EXISTS"
    " (SELECT FROM mention_words AS known WHERE known.term = said.term) ORDER BY 1 ON CONFLICT DO NOTHING"
).bindparams(_WORDS)
_SCRUB = (
    "DELETE FROM mention_words WHERE NOT EXISTS (SELECT FROM mention_fts WHERE words @@ cast("
    "quote_literal(term) AS tsquery))",
)
# A word that another transaction brings in at this very moment may be missed by `word~1` until it comes again.
_SHED = sql(
    "WITH looked_at AS (SELECT term FROM mention_words WHERE term > :after ORDER BY term LIMIT :limit), gone AS ("
    "DELETE FROM mention_words AS known USING looked_at WHERE known.term = looked_at.term AND NOT EXISTS"
    " (SELECT FROM mention_fts WHERE words @@ cast(quote_literal(looked_at.term) AS tsquery)))"
    " SELECT max(term) FROM looked_at"
)
_index = table("mention_fts", column("id"), column("title", Text), column("text", Text), column("words"))
_vocabulary = table("mention_words", column("term", Text))


class Tsvector:
    async def create(self, connection: AsyncConnection) -> None:
        for statement in _SCHEMA:
            await connection.exec_driver_sql(statement)

    async def add(self, connection: AsyncConnection, rows: Sequence[tuple[int, list[str], list[str]]]) -> None:
        put: list[dict[str, Any]] = [
            {
                "id": number,
                "title": f" {' '.join(title)} ",
                "text": f" {' '.join(body)} ",
                "words": sorted({word[:LONGEST] for word in (*title, *body)}),
            }
            for number, title, body in rows
        ]
        await connection.execute(_PUT, put)
        await connection.execute(_LEARN, {"words": sorted({word for row in put for word in row["words"]})})

    async def forget(self, connection: AsyncConnection, ids: Iterable[int]) -> None:
        await connection.execute(sql("DELETE FROM mention_fts WHERE id = ANY(:ids)"), {"ids": list(ids)})

    async def forget_for_good(self, connection: AsyncConnection) -> None:
        """Its rows are its rows; of its vocabulary see `scrub`."""

    async def scrub(self, connection: AsyncConnection) -> None:
        for statement in _SCRUB:
            await connection.exec_driver_sql(statement)

    async def shed(self, connection: AsyncConnection, after: str, limit: int) -> str | None:
        """One of the mentions that a word finds is enough to keep it: the index need not read all of them."""
        await connection.exec_driver_sql("SET LOCAL gin_fuzzy_search_limit = 1000")
        looked_at = await connection.execute(_SHED, {"after": after, "limit": limit})
        found: str | None = looked_at.scalar_one()
        return found

    async def vocabulary(self, connection: AsyncConnection, shortest: int, longest: int) -> Iterable[str]:
        length = func.length(_vocabulary.c.term)
        return (await connection.execute(select(_vocabulary.c.term).where(length.between(shortest, longest)))).scalars()

    def phrase(self, words: Sequence[str], prefix: bool = False) -> Match:
        held = _held(" & ".join(map(_lexeme, words)) + (":*" if prefix else ""))
        said = f" {' '.join(words)}" + ("" if prefix else " ")
        alone = len(words) == 1 and len(words[0]) < LONGEST

        def match(title_only: bool) -> Condition:
            if alone and not title_only:
                return held
            return and_(held, or_(*[each.contains(said, autoescape=True) for each in _columns(title_only)]))

        return match

    def one_of(self, words: Sequence[str]) -> Match:
        return self.either([self.phrase((word,)) for word in words])

    def near(self, left: Match, right: Match, distance: int) -> Match | None:
        return None

    def in_title(self, match: Match) -> Match:
        return lambda title_only: match(True)

    def either(self, matches: Sequence[Match]) -> Match:
        return lambda title_only: or_(false(), *[match(title_only) for match in matches])

    def both(self, wanted: Sequence[Match], unwanted: Sequence[Match]) -> Match:
        return lambda title_only: and_(
            *[match(title_only) for match in wanted], *[not_(match(title_only)) for match in unwanted]
        )

    def found(self, match: Match, which: Number = mention.c.id) -> Condition:
        return which.in_(select(_index.c.id).where(match(False)))

    def close(self, ends: Sequence[Match], pattern: str, which: Number, *, title_only: bool) -> Condition:
        held = or_(*[func.btrim(each).regexp_match(pattern) for each in _columns(title_only)])
        return which.in_(select(_index.c.id).where(*[end(title_only) for end in ends], held))

    async def exact(self, connection: AsyncConnection, text: str, which: Number, *, title_only: bool) -> Condition:
        """The server's patterns know other letters than `re`: it gives what holds the characters, `re` decides."""
        forms = sorted({unicodedata.normalize(form, text) for form in ("NFC", "NFD")})
        columns = [mention.c.title] if title_only else [mention.c.text, mention.c.title]
        likely = select(mention.c.id, *columns).where(
            or_(*[each.contains(form, autoescape=True) for each in columns for form in forms])
        )
        if words := folded_words(text):
            match = self.phrase(words)
            likely = likely.where(self.found(self.in_title(match) if title_only else match))
        pattern = re.compile(exact_pattern(text))
        found = []
        async for row in await connection.stream(likely):
            if any(pattern.search(said) for said in row[1:]):
                found.append(row[0])
        return which.in_(select(func.unnest(cast(found, ARRAY(mention.c.id.type)))))


def _lexeme(word: str) -> str:
    """Folded words have no quote in them."""
    return f"'{word[:LONGEST]}'"


def _held(query: str) -> Condition:
    return _index.c.words.bool_op("@@")(cast(query, TSQUERY))


def _columns(title_only: bool) -> list[ColumnElement[str]]:
    return [_index.c.title] if title_only else [_index.c.text, _index.c.title]
