"""What SQLite and PostgreSQL spell differently. Everything else in `store` is written once, for both."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any, Protocol, TypeVar

from sqlalchemy import ColumnElement, Select, Table
from sqlalchemy.dialects.sqlite.dml import Insert
from sqlalchemy.ext.asyncio import AsyncConnection

from store.domain.health import Health
from store.domain.place import Place
from store.tables import mention

Condition = ColumnElement[bool]
Number = ColumnElement[int]
T = TypeVar("T")
Match = Any  # what one index of words can be asked; only the index that made it can read it
Mark = int | str  # a place in the sequence of changes: kept and given back, never looked into
Moved = tuple[str, int | None]  # (kind, case id)


class FullText(Protocol):
    """The index of all words: what goes in are the folded words of `store.domain.words`, so that search and watches
    agree on what a word is. Words of a query are folded ones too, so that no sign of them means anything."""

    async def create(self, connection: AsyncConnection) -> None: ...

    async def add(self, connection: AsyncConnection, rows: Sequence[tuple[int, list[str], list[str]]]) -> None:
        """(mention id, words of its title, words of its text): replaces what the index had of each."""

    async def forget(self, connection: AsyncConnection, ids: Iterable[int]) -> None:
        """What nobody shall find any more. Its words may stay in the index's own vocabulary until `scrub`."""

    async def forget_for_good(self, connection: AsyncConnection) -> None:
        """From now on the words of what is deleted or edited leave the index at once, where it can do that."""

    async def scrub(self, connection: AsyncConnection) -> None:
        """Writes the index anew, so that nothing is left of what was forgotten."""

    async def shed(self, connection: AsyncConnection, after: str, limit: int) -> str | None:
        """The next words of its own vocabulary behind `after` that no mention has any more go. Returns the last one it
        looked at; None where it looked at none, or keeps no vocabulary of its own."""

    async def vocabulary(self, connection: AsyncConnection, shortest: int, longest: int) -> Iterable[str]:
        """The words of the index of these lengths in characters, and maybe some that nobody uses any more."""

    def phrase(self, words: Sequence[str], prefix: bool = False) -> Match:
        """These words side by side, in the title or in the text; with `prefix` the last one may go on."""

    def one_of(self, words: Sequence[str]) -> Match:
        """Any of these words; of none, nothing."""

    def near(self, left: Match, right: Match, distance: int) -> Match | None:
        """Two phrases with at most so many words between; None where the index cannot say it (see `close`)."""

    def in_title(self, match: Match) -> Match: ...

    def either(self, matches: Sequence[Match]) -> Match: ...

    def both(self, wanted: Sequence[Match], unwanted: Sequence[Match]) -> Match:
        """All of `wanted`, which is not empty, and none of `unwanted`."""

    def found(self, match: Match, which: Number = mention.c.id) -> Condition:
        """The mention `which` is one of those that the index finds."""

    def close(self, ends: Sequence[Match], pattern: str, which: Number, *, title_only: bool) -> Condition:
        """As `found` of both ends, and the folded words, a space between two, hold the pattern (of `re`)."""

    async def exact(self, connection: AsyncConnection, text: str, which: Number, *, title_only: bool) -> Condition:
        """The mention holds these very characters, at the borders of words (`words.exact_pattern`)."""


class Dialect(Protocol):
    @property
    def full_text(self) -> FullText: ...

    def schema(self, statement: str) -> str:
        """A statement of a migration, written with the types of SQLite, as this database spells it."""

    async def create(self, connection: AsyncConnection) -> None:
        """What a fresh store needs besides `store.tables`."""

    def insert(self, table: Table) -> Insert:
        """An INSERT with `on_conflict_do_nothing` and `on_conflict_do_update`."""

    def same(self, column: ColumnElement[Any], value: str) -> Condition:
        """Equal without regard to the case of A-Z."""

    def has(self, column: ColumnElement[str], value: str) -> Condition:
        """Holds `value`, without regard to the case of A-Z."""

    def holds(self, column: ColumnElement[bytes], value: str) -> Condition:
        """Bytes that hold this text."""

    def matches(self, column: ColumnElement[str], pattern: str) -> Condition:
        """A plain pattern of `re`: classes by their characters, no Unicode in its escapes."""

    def beyond_ascii(self, column: ColumnElement[str]) -> Condition:
        """Holds something else than printable ASCII."""

    def at_hand(self, column: ColumnElement[T]) -> ColumnElement[T]:
        """A column of rows that are found by another: nothing to find them by."""

    def these(self, ids: Iterable[int]) -> Select[Any]:
        """Ids as one parameter, however many they are."""

    async def settle(self, connection: AsyncConnection) -> None:
        """Much was written at once: what the database learns of its rows for its plans, it shall learn now."""

    async def count_on(self, connection: AsyncConnection, table: Table) -> None:
        """The next row of a table that was filled with rows and their numbers gets the next number."""

    async def stir(self, connection: AsyncConnection) -> None:
        """Inside a write that noted changes: tell those who listen, once it is committed."""

    async def mark(self, connection: AsyncConnection) -> Mark:
        """Where the sequence of changes is now."""

    async def changes(self, connection: AsyncConnection, since: Mark, limit: int) -> tuple[Mark, list[Moved]]:
        """What was committed after `since`, oldest first, and the mark behind it."""

    async def examine(self, connection: AsyncConnection, place: Place) -> Health:
        """As thoroughly as this database lets us. Seconds on a million mentions."""


def dialect_of(connection: AsyncConnection) -> Dialect:
    if connection.dialect.name == "sqlite":
        from store.dialects.sqlite import SQLITE

        return SQLITE
    from store.dialects.postgres import POSTGRES

    return POSTGRES
