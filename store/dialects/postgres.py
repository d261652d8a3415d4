"""PostgreSQL's spelling. Texts are of the collation "C": they sort as in SQLite, by code point, and lower() of them
knows A-Z only."""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import Any, cast

import sqlalchemy as sql
from sqlalchemy import ARRAY, BigInteger, ColumnElement, LargeBinary, Select, Table, func, select, text
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.dialects.sqlite.dml import Insert
from sqlalchemy.ext.asyncio import AsyncConnection

from store.dialects import Condition, Mark, Moved, T
from store.dialects.postgres_words import Tsvector
from store.domain.fields import lower
from store.domain.health import Health, Trouble
from store.domain.place import Place
from store.tables import metadata, schema_version

_CHANGES = text(
    "SELECT kind, case_id FROM change WHERE tx >= pg_snapshot_xmin(CAST(:since AS pg_snapshot))"
    " AND NOT pg_visible_in_snapshot(tx, CAST(:since AS pg_snapshot)) ORDER BY id"
)
_TYPES = {
    "INTEGER NOT NULL PRIMARY KEY": "BIGSERIAL PRIMARY KEY",
    "INTEGER (?=(?:NOT NULL )?REFERENCES)": "BIGINT ",
    "BLOB": "BYTEA",
    "TEXT": 'TEXT COLLATE "C"',
}
_SETTINGS = {
    "fsync": "a crash of the server can destroy the store",
    "full_page_writes": "a power cut can destroy the store",
    "synchronous_commit": "a power cut can take back what was acknowledged, and an answer could be sent twice",
}


class Postgres:
    full_text = Tsvector()

    def schema(self, statement: str) -> str:
        for pattern, spelling in _TYPES.items():
            statement = re.sub(pattern, spelling, statement)
        return statement

    async def create(self, connection: AsyncConnection) -> None:
        """Changes know their transaction: ids are given before a commit, so that a lower one may be seen later."""
        await connection.exec_driver_sql("ALTER TABLE change ADD COLUMN tx xid8 NOT NULL DEFAULT pg_current_xact_id()")
        await connection.exec_driver_sql("CREATE INDEX change_by_tx ON change (tx)")
        await self.full_text.create(connection)

    def insert(self, table: Table) -> Insert:
        return cast(Insert, insert(table))  # the two have the same methods

    def same(self, column: ColumnElement[Any], value: str) -> Condition:
        return func.lower(column) == lower(value)

    def has(self, column: ColumnElement[str], value: str) -> Condition:
        return func.lower(column).contains(lower(value), autoescape=True)

    def holds(self, column: ColumnElement[bytes], value: str) -> Condition:
        return func.position(sql.literal(value.encode(), LargeBinary).op("IN")(column)) > 0

    def matches(self, column: ColumnElement[str], pattern: str) -> Condition:
        return column.regexp_match(re.sub(r"^\(\?ai\)", "(?i)", pattern))

    def beyond_ascii(self, column: ColumnElement[str]) -> Condition:
        return column.regexp_match("[^ -~]")

    def at_hand(self, column: ColumnElement[T]) -> ColumnElement[T]:
        return column

    def these(self, ids: Iterable[int]) -> Select[Any]:
        return select(func.unnest(sql.cast(list(ids), ARRAY(BigInteger))))

    async def settle(self, connection: AsyncConnection) -> None:
        """Autovacuum does it within a minute or two; until then looking up a page's keys may read the whole table."""
        names = ", ".join(f'"{name}"' for name in (*metadata.tables, "mention_fts", "mention_words"))
        await connection.exec_driver_sql(f"ANALYZE {names}")

    async def count_on(self, connection: AsyncConnection, table: Table) -> None:
        if table.autoincrement_column is not None:
            highest = select(func.max(table.autoincrement_column)).scalar_subquery()
            counter = func.pg_get_serial_sequence(table.name, table.autoincrement_column.name)
            await connection.execute(select(func.setval(counter, func.coalesce(highest, 0) + 1, False)))

    async def stir(self, connection: AsyncConnection) -> None:
        await connection.exec_driver_sql("NOTIFY earful")

    async def mark(self, connection: AsyncConnection) -> Mark:
        return str((await connection.exec_driver_sql("SELECT pg_current_snapshot()::text")).scalar_one())

    async def changes(self, connection: AsyncConnection, since: Mark, limit: int) -> tuple[Mark, list[Moved]]:
        """What is seen now and was not in the picture of `since`: exact, however the commits overlapped. All of it at
        once; `limit` is for those whose ids rise."""
        rows = await connection.execute(_CHANGES, {"since": since})
        found = list(dict.fromkeys((row.kind, row.case_id) for row in rows))
        return await self.mark(connection), found

    async def examine(self, connection: AsyncConnection, place: Place) -> Health:
        """Its pages are the server's business (checksums, amcheck); what can be seen from here are its promises."""

        async def first(statement: str) -> str:
            return str((await connection.exec_driver_sql(statement)).scalar_one())

        troubles = [
            Trouble("PostgreSQL", f"{name} is off: {risk}", f"set {name} = on", grave=True)
            for name, risk in _SETTINGS.items()
            if await first(f"SHOW {name}") == "off"
        ]
        if await first("SHOW server_encoding") != "UTF8":
            advice = "make the database with ENCODING 'UTF8'"
            troubles.append(
                Trouble("PostgreSQL", "its encoding is not UTF8: most texts do not fit", advice, grave=True)
            )
        return Health(
            schema=(await connection.execute(select(schema_version.c.version))).scalar_one(),
            size=int(await first("SELECT pg_database_size(current_database())")),
            software="PostgreSQL",
            version=await first("SHOW server_version"),
            checked="page checksums " + await first("SHOW data_checksums"),
            troubles=tuple(troubles),
        )


POSTGRES = Postgres()
