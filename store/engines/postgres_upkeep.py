"""The tables of a store on a server: vacuumed, searched, written anew. Its files, its write-ahead log and what copies
of both there are lie where this program cannot look."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Iterable
from contextlib import asynccontextmanager
from typing import Any

import psycopg
from psycopg import sql

from store.domain.errors import StoreError

PATIENCE = 10.0  # seconds to wait for transactions that still see what is gone
IN_THE_WAY = (
    "a transaction that began before keeps what was deleted; end it (see pg_stat_activity), then say this again"
)
_TABLES = """
SELECT c.relname FROM pg_class c WHERE c.relnamespace = current_schema()::regnamespace AND c.relkind = 'r'
AND EXISTS (SELECT FROM pg_class v WHERE v.relname = 'schema_version' AND v.relnamespace = c.relnamespace)
AND pg_get_userbyid(c.relowner) = current_user ORDER BY 1
"""
_OLDER = """
SELECT (SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND pid <> pg_backend_pid()
AND age(backend_xmin) > age(%(xid)s::xid))
+ (SELECT count(*) FROM pg_prepared_xacts WHERE database = current_database() AND age(transaction) > age(%(xid)s::xid))
"""
_WORDS = ("text", "character varying", "tsvector")


class ServerUpkeep:
    beyond = (
        "unused room in its tables until it is written over (--compact writes them anew), its write-ahead log and"
        " archive, base backups, dumps, replicas"
    )

    def __init__(
        self,
        connect: Callable[[], Awaitable[psycopg.AsyncConnection[Any]]],
        cause: Callable[[Exception], str],
    ) -> None:
        self._connect, self._cause = connect, cause

    async def write_out(self) -> str:
        """VACUUM and ANALYZE: the deleted rows are overwritten as room is needed, and no sample of them is left in the
        statistics. Nobody waits for it."""
        async with self._session() as session:
            (xid,) = await _one(session, "SELECT pg_current_xact_id()::xid::text")
            until = time.monotonic() + PATIENCE
            while (await _one(session, _OLDER, {"xid": xid}))[0]:
                if time.monotonic() > until:
                    return IN_THE_WAY
                await asyncio.sleep(0.1)
            await session.execute(_for_each("VACUUM (ANALYZE)", await _tables(session)))
            await session.execute("VACUUM pg_catalog.pg_statistic")
        return ""

    async def holds(self, needles: Iterable[bytes]) -> bool:
        """In any text of any table; reads them all."""
        wanted = [needle.decode("utf-8", "ignore").lower() for needle in needles if needle]
        if not wanted:
            return False
        async with self._session() as session:
            rows = await session.execute(
                "SELECT table_name, column_name FROM information_schema.columns WHERE table_schema = current_schema()"
                " AND table_name = ANY(%s) AND data_type = ANY(%s)",
                (await _tables(session), list(_WORDS)),
            )
            for table, column in await rows.fetchall():
                look = sql.SQL(
                    "SELECT EXISTS (SELECT FROM {} AS t, unnest(%s::text[]) AS said(needle)"
                    " WHERE strpos(lower(t.{}::text), needle) > 0)"
                ).format(sql.Identifier(table), sql.Identifier(column))
                if (await _one(session, look, (wanted,)))[0]:
                    return True
        return False

    async def size(self) -> int:
        async with self._session() as session:
            query = (
                "SELECT sum(pg_total_relation_size(quote_ident(name)::regclass)) FROM unnest(%s::text[]) AS of(name)"
            )
            return int((await _one(session, query, (await _tables(session),)))[0] or 0)

    async def compact(self) -> None:
        """VACUUM FULL, one table after the other. Needs as much room as the largest one."""
        async with self._session() as session:
            for table in await _tables(session):
                await session.execute(_for_each("VACUUM (FULL, ANALYZE)", [table]))
            await session.execute("VACUUM (FULL) pg_catalog.pg_statistic")

    @asynccontextmanager
    async def _session(self) -> AsyncIterator[psycopg.AsyncConnection[Any]]:
        try:
            async with await self._connect() as session:
                yield session
        except psycopg.Error as error:
            raise StoreError(f"the store's tables could not be cleaned: {self._cause(error)}") from error


async def _tables(session: psycopg.AsyncConnection[Any]) -> list[str]:
    return [name for (name,) in await (await session.execute(_TABLES)).fetchall()]


def _for_each(what: str, tables: Iterable[str]) -> sql.Composed:
    return sql.SQL("{} {}").format(sql.SQL(what), sql.SQL(", ").join(map(sql.Identifier, tables)))


async def _one(session: psycopg.AsyncConnection[Any], query: Any, values: Any = None) -> Any:
    return await (await session.execute(query, values)).fetchone()
