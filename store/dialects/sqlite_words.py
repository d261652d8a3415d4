"""The index of words in SQLite: FTS5. A match is a query of its MATCH operator.

The tokenizer only splits at the spaces between the folded words ("ascii" takes every byte of a non-ASCII character as
part of a word, whatever Unicode version this SQLite knows). No text of a query reaches MATCH but as quoted words.
"""

from __future__ import annotations

import unicodedata
from collections.abc import Iterable, Sequence

from sqlalchemy import Boolean, Text, and_, column, func, literal_column, or_, select, table, text
from sqlalchemy.ext.asyncio import AsyncConnection

from store.dialects import Condition, Number
from store.domain.words import exact_pattern, folded_words
from store.tables import mention

SECURE_SINCE = (3, 44)  # it came with 3.42 and was mended until here
_PUT = text("INSERT OR REPLACE INTO mention_fts(rowid, title, text) VALUES (:id, :title, :text)")
_DROP = text("DELETE FROM mention_fts WHERE rowid = :id")
_index = table("mention_fts", column("rowid"), column("title", Text), column("text", Text))
_vocabulary = table("mention_words", column("term", Text))
_NOTHING = '"\ue000"'  # a word that no text has


class Fts5:
    async def create(self, connection: AsyncConnection) -> None:
        await connection.exec_driver_sql("CREATE VIRTUAL TABLE mention_fts USING fts5(title, text, tokenize = 'ascii')")
        await connection.exec_driver_sql("CREATE VIRTUAL TABLE mention_words USING fts5vocab(mention_fts, row)")
        await self.forget_for_good(connection)

    async def forget_for_good(self, connection: AsyncConnection) -> None:
        """One that is older than 3.42 cannot read such an index."""
        version = (await connection.exec_driver_sql("SELECT sqlite_version()")).scalar_one()
        if tuple(int(part) for part in version.split(".")[:2]) >= SECURE_SINCE:
            await connection.exec_driver_sql("INSERT INTO mention_fts(mention_fts, rank) VALUES ('secure-delete', 1)")

    async def add(self, connection: AsyncConnection, rows: Sequence[tuple[int, list[str], list[str]]]) -> None:
        put = [{"id": number, "title": " ".join(title), "text": " ".join(body)} for number, title, body in rows]
        await connection.execute(_PUT, put)

    async def forget(self, connection: AsyncConnection, ids: Iterable[int]) -> None:
        rows = [{"id": number} for number in ids]
        if rows:
            await connection.execute(_DROP, rows)

    async def scrub(self, connection: AsyncConnection) -> None:
        await connection.exec_driver_sql("INSERT INTO mention_fts(mention_fts) VALUES ('optimize')")

    async def shed(self, connection: AsyncConnection, after: str, limit: int) -> None:
        """Its vocabulary is the index."""

    async def vocabulary(self, connection: AsyncConnection, shortest: int, longest: int) -> Iterable[str]:
        length = func.length(_vocabulary.c.term)
        return (await connection.execute(select(_vocabulary.c.term).where(length.between(shortest, longest)))).scalars()

    def phrase(self, words: Sequence[str], prefix: bool = False) -> str:
        return f'"{" ".join(words)}"' + (" *" if prefix else "")

    def one_of(self, words: Sequence[str]) -> str:
        return " OR ".join(self.phrase((word,)) for word in words) or _NOTHING

    def near(self, left: str, right: str, distance: int) -> str | None:
        return f"NEAR({left} {right}, {distance})"

    def in_title(self, match: str) -> str:
        return f"{{title}} : ({match})"

    def either(self, matches: Sequence[str]) -> str:
        return " OR ".join(f"({match})" for match in matches)

    def both(self, wanted: Sequence[str], unwanted: Sequence[str]) -> str:
        all_of = " AND ".join(f"({match})" for match in wanted)
        return f"({all_of}) NOT ({self.either(unwanted)})" if unwanted else all_of

    def found(self, match: str, which: Number = mention.c.id) -> Condition:
        return which.in_(select(_index.c.rowid).where(_matches(match)))

    def close(self, ends: Sequence[str], pattern: str, which: Number, *, title_only: bool) -> Condition:
        match = self.both(ends, ())
        columns = [_index.c.title] if title_only else [_index.c.text, _index.c.title]
        held = or_(*[each.regexp_match(pattern) for each in columns])
        return which.in_(select(_index.c.rowid).where(_matches(self.in_title(match) if title_only else match), held))

    async def exact(self, connection: AsyncConnection, text: str, which: Number, *, title_only: bool) -> Condition:
        """The index narrows by the words; a text of signs alone is looked for everywhere."""
        columns = [mention.c.title] if title_only else [mention.c.text, mention.c.title]
        if words := folded_words(text):
            match = self.phrase(words)
            likely = self.found(self.in_title(match) if title_only else match, which)
        else:
            forms = sorted({unicodedata.normalize(form, text) for form in ("NFC", "NFD")})
            likely = or_(*[func.instr(column, form) > 0 for column in columns for form in forms])
        return and_(likely, or_(*[column.regexp_match(exact_pattern(text)) for column in columns]))


def _matches(match: str) -> Condition:
    return literal_column("mention_fts", Text).op("MATCH", is_comparison=True, return_type=Boolean())(match)
