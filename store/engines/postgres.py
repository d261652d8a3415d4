"""A store on a PostgreSQL server (psycopg 3), for teams.

Isolation is REPEATABLE READ, for reading and for writing: a transaction sees one picture, and where two write the same
row the second one fails, is rolled back and begins again on the new picture. That is enough here, and SERIALIZABLE not
needed, because nothing is decided by a row that the same transaction does not write or that a constraint does not
guard: every decision about a case moves the case's version, and what may exist once only is UNIQUE. SERIALIZABLE would
also fail those that took different cases out of the same list, which is what a desk does all day.
"""

from __future__ import annotations

import asyncio
import logging
import os
import socket
from collections.abc import AsyncIterator, Hashable
from contextlib import asynccontextmanager, suppress
from dataclasses import replace
from typing import Any

import psycopg
from psycopg.types.string import StrDumperUnknown
from sqlalchemy import event, make_url
from sqlalchemy.exc import DBAPIError
from sqlalchemy.ext.asyncio import AsyncEngine, create_async_engine

from store.domain.errors import StoreError
from store.domain.place import Server
from store.domain.secret import Secret
from store.engines.postgres_lock import SHARE, AdvisoryLock
from store.engines.postgres_upkeep import ServerUpkeep
from store.tables import metadata

# psycopg tells by a logger what it gets over by itself; without a handler that would be written over the screen.
logging.getLogger("psycopg").addHandler(logging.NullHandler())

CONNECT_SECONDS = 10
CHANNEL = "earful"  # notified by every transaction that changed a case
_MIGRATION = "hashtext('earful.migration'), hashtext(current_schema())"
# A process that stopped in the middle of a transaction, or a host that vanished, must not hold up the others for long.
_SESSION = {
    "lock_timeout": "5s",
    "idle_in_transaction_session_timeout": "30s",
    "tcp_keepalives_idle": "15",
    "tcp_keepalives_interval": "5",
    "tcp_keepalives_count": "3",
    "jit": "off",  # costs more than it gains on queries of milliseconds
}
# The same for this end: a cut line is noticed within half a minute, also while an answer is waited for.
_LINE = {"keepalives_idle": 15, "keepalives_interval": 5, "keepalives_count": 3, "tcp_user_timeout": 30_000}
# Another transaction was quicker: serialisation failure, deadlock, a row that it made at the same moment.
_PASSING = frozenset({"40001", "40P01", "23505"})
_REMEDIES = {
    "28P01": "name the right password: env:NAME in the address, ~/.pgpass or PGPASSWORD",
    "28000": "the server does not let you in: see its pg_hba.conf",
    "3D000": "make it first: createdb",
    "42501": "the store's role needs the right to do that",
    "57P01": "the server was stopped; try again when it is back",
    "57P03": "try again in a moment",
    "53100": "make room on the server's disk and try again",
    "53300": "the server has no connection left: raise its max_connections, or end some programs",
    "55P03": "another program has been writing the same for long; try again, or end that program",
    "25006": "this server only reads: give the address of the one that writes",
}


for _index in (index for table in metadata.tables.values() for index in table.indexes):
    _index.dialect_options["postgresql"]["where"] = _index.dialect_options["sqlite"]["where"]


class Postgres:
    """One pool for reading and writing, opened as it is needed."""

    writers = 3

    def __init__(self, server: Server, password: Secret | None) -> None:
        self._server = server
        self._password = password
        self._heard = 0
        self._listener: asyncio.Task[None] | None = None

    async def open(self) -> tuple[AsyncEngine, AsyncEngine]:
        url = make_url(self._server.url).set(drivername="postgresql+psycopg")
        engine = create_async_engine(
            url.difference_update_query(["options"]),
            hide_parameters=True,
            isolation_level="REPEATABLE READ",
            pool_size=2,
            max_overflow=self.writers + 2,
            pool_timeout=30,
            pool_pre_ping=True,
            connect_args=self._arguments("store"),
        )

        @event.listens_for(engine.sync_engine, "connect")
        def _prepare(connection: Any, record: Any) -> None:
            connection.driver_connection.adapters.register_dumper(str, _WithoutNul)
            cursor = connection.cursor()
            cursor.execute(SHARE)
            (shared,) = cursor.fetchone()
            cursor.close()
            connection.rollback()
            if shared is False:  # None: there is no such schema, which the first statement says
                raise StoreError(
                    f"a backup is just taking the place of the store {self._server}; try again in a moment"
                )

        return engine, engine

    @asynccontextmanager
    async def migrating(self) -> AsyncIterator[None]:
        try:
            connection = await self.connect("migration")
            try:
                await connection.execute("SET lock_timeout = '60s'")
                await connection.execute(f"SELECT pg_advisory_lock({_MIGRATION})")
                yield
            finally:
                await connection.close()
        except psycopg.Error as error:
            why = self.cause(error)
            raise StoreError(f"cannot open the store {self._server}: {why}") from error

    def is_passing(self, error: DBAPIError) -> bool:
        return getattr(error.orig, "sqlstate", None) in _PASSING

    def cause(self, error: Exception) -> str:
        """The server's first line only: what follows it quotes the rows."""
        said = getattr(error, "orig", None) or error
        state = getattr(said, "sqlstate", None)
        primary = getattr(getattr(said, "diag", None), "message_primary", None)
        words = primary or next(iter(str(said).splitlines()), type(said).__name__)
        if self._password:
            words = words.replace(self._password.reveal(), "***")
        if state is None and "password authentication failed" in words:
            state = "28P01"
        return f"{words}; {_REMEDIES[state]}" if state in _REMEDIES else words

    def lock(self) -> AdvisoryLock:
        return AdvisoryLock(lambda: self.connect("worker"))

    def upkeep(self) -> ServerUpkeep:
        return ServerUpkeep(lambda: self.connect("upkeep"), self.cause)

    def pulse(self) -> Hashable:
        """How many notifications came. Asking begins to listen."""
        if self._listener is None:
            self._listener = asyncio.get_running_loop().create_task(self._listen())
        return self._heard

    async def close(self) -> None:
        if self._listener is not None:
            self._listener.cancel()
            await asyncio.gather(self._listener, return_exceptions=True)
            self._listener = None

    async def _listen(self) -> None:
        """A connection that breaks is made again; what was said meanwhile counts as heard."""
        while True:
            with suppress(psycopg.Error, OSError):
                async with await self.connect("listening") as connection:
                    await connection.execute(f"LISTEN {CHANNEL}")
                    self._heard += 1
                    async for _ in connection.notifies():
                        self._heard += 1
            self._heard += 1
            await asyncio.sleep(1)

    async def connect(self, role: str) -> psycopg.AsyncConnection[Any]:
        """A connection of its own, outside of the pool and of transactions."""
        return await psycopg.AsyncConnection.connect(self._server.url, autocommit=True, **self._arguments(role))

    def _arguments(self, role: str) -> dict[str, Any]:
        """The user's own `options` come last and win."""
        settings = [f"-c {name}={value}" for name, value in _SESSION.items()]
        asked = make_url(self._server.url).query
        own = asked.get("options", "")
        arguments: dict[str, Any] = {
            **{name: value for name, value in _LINE.items() if name not in asked},
            "options": " ".join([*settings, *([own] if isinstance(own, str) else own)]),
            "application_name": f"earful {role} {os.getpid()}@{socket.gethostname()}",
            "connect_timeout": CONNECT_SECONDS,
        }
        if self._password:
            arguments["password"] = self._password.reveal()
        return arguments


class _WithoutNul(StrDumperUnknown):
    """PostgreSQL keeps no NUL in a text, and one of them must not cost the whole page."""

    def dump(self, obj: str) -> Any:
        return super().dump(obj.replace("\0", "\ufffd") if "\0" in obj else obj)


def in_schema(server: Server, name: str) -> Server:
    """Another schema of the same database."""
    url = make_url(server.url)
    own = url.query.get("options", ())
    options = " ".join([*([own] if isinstance(own, str) else own), f'-csearch_path="{name}"'])
    return replace(server, url=url.update_query_dict({"options": options}).render_as_string(hide_password=False))
