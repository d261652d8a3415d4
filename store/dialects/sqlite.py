"""SQLite's spelling."""

from __future__ import annotations

import json
import stat
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from sqlalchemy import ColumnElement, Select, Table, func, select
from sqlalchemy.dialects.sqlite import insert
from sqlalchemy.dialects.sqlite.dml import Insert
from sqlalchemy.ext.asyncio import AsyncConnection
from sqlalchemy.sql.expression import UnaryExpression
from sqlalchemy.sql.operators import custom_op

from store.dialects import Condition, Mark, Moved, T
from store.dialects.sqlite_words import Fts5
from store.domain.health import Health, Trouble
from store.domain.place import Place
from store.engines.sqlite import wal_is_safe
from store.tables import change, schema_version

UNUSED_BYTES = 50_000_000  # less than that is no reason to do anything


class Sqlite:
    full_text = Fts5()

    def schema(self, statement: str) -> str:
        return statement

    async def create(self, connection: AsyncConnection) -> None:
        await self.full_text.create(connection)

    def insert(self, table: Table) -> Insert:
        return insert(table)

    def same(self, column: ColumnElement[Any], value: str) -> Condition:
        return column.collate("NOCASE") == value

    def has(self, column: ColumnElement[str], value: str) -> Condition:
        return column.contains(value, autoescape=True)  # LIKE of SQLite folds A-Z

    def holds(self, column: ColumnElement[bytes], value: str) -> Condition:
        return func.instr(column, value) > 0

    def matches(self, column: ColumnElement[str], pattern: str) -> Condition:
        return column.regexp_match(pattern)

    def beyond_ascii(self, column: ColumnElement[str]) -> Condition:
        return column.op("GLOB", is_comparison=True)("*[^ -~]*")

    def at_hand(self, column: ColumnElement[T]) -> ColumnElement[T]:
        """SQLite takes any index that it can, also where that means a whole list for every row."""
        return UnaryExpression(column, operator=custom_op("+"), type_=column.type)

    def these(self, ids: Iterable[int]) -> Select[Any]:
        each = func.json_each(json.dumps(list(ids))).table_valued("value")
        return select(each.c.value)

    async def settle(self, connection: AsyncConnection) -> None:
        """Its plans here do not hang on how many rows there are."""

    async def count_on(self, connection: AsyncConnection, table: Table) -> None:
        """SQLite looks for the highest one itself."""

    async def stir(self, connection: AsyncConnection) -> None:
        """The file itself tells: see `store.engines.sqlite.Sqlite.pulse`."""

    async def mark(self, connection: AsyncConnection) -> Mark:
        last: int | None = (await connection.execute(select(func.max(change.c.id)))).scalar_one()
        return last or 0

    async def changes(self, connection: AsyncConnection, since: Mark, limit: int) -> tuple[Mark, list[Moved]]:
        """One writes at a time: the order of the ids is the order of the commits."""
        query = select(change.c.id, change.c.kind, change.c.case_id).where(change.c.id > since)
        rows = (await connection.execute(query.order_by(change.c.id).limit(limit))).all()
        return (rows[-1].id if rows else since), list(dict.fromkeys((row.kind, row.case_id) for row in rows))

    async def examine(self, connection: AsyncConnection, place: Place) -> Health:
        """Reads the whole file once (PRAGMA quick_check)."""
        assert isinstance(place, Path)

        async def first(statement: str) -> str:
            return str((await connection.exec_driver_sql(statement)).scalar_one())

        checked = (await connection.exec_driver_sql("PRAGMA quick_check(10)")).scalars().all()
        version, journal = await first("SELECT sqlite_version()"), await first("PRAGMA journal_mode")
        file = place.stat()
        troubles = []
        if stat.S_IMODE(file.st_mode) & 0o077:
            troubles.append(Trouble("store permissions", f"others may read {place}", f"chmod 600 {place}", grave=True))
        if not wal_is_safe(tuple(map(int, version.split(".")))):
            words = f"{version} can lose commits in WAL mode, so the slower {journal} is used"
            advice = "install SQLite 3.51.3 or later (on Linux: pip install pysqlite3)"
            troubles.append(Trouble("SQLite", words, advice))
        page, free = int(await first("PRAGMA page_size")), int(await first("PRAGMA freelist_count"))
        if page * free > max(UNUSED_BYTES, file.st_size / 3):
            words = f"{page * free / 1e6:,.0f} of {file.st_size / 1e6:,.0f} MB are unused, after much was erased"
            troubles.append(Trouble("store size", words, "`earful erase --compact` when nobody works"))
        return Health(
            schema=(await connection.execute(select(schema_version.c.version))).scalar_one(),
            size=file.st_size,
            software="SQLite",
            version=f"{version}, journal mode {journal}",
            checked="undamaged",
            damage=tuple(str(line) for line in checked if line != "ok"),
            troubles=tuple(troubles),
        )


SQLITE = Sqlite()
