"""Backups of a store on a server. A backup is a store in a file, as `earful backup` of a file makes it: one moment of
the database, read in one transaction while others write, compared row by row, and good for either kind of database.

The way back builds the store in a schema of its own and compares it there; then the tables change places with those of
the store, in one transaction, and those that were there stay in a schema that is named by the time.
"""

from __future__ import annotations

import asyncio
import os
import shutil
import tempfile
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager, closing, suppress
from datetime import datetime
from pathlib import Path
from typing import Any

import psycopg
from psycopg import sql
from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncConnection

from store import backup, copying
from store.backup import Backup
from store.copying import Moment, OnRows
from store.database import Database
from store.domain.errors import Conflict, StoreError
from store.domain.place import Server
from store.domain.secret import Secret
from store.engines.postgres import Postgres, in_schema
from store.engines.postgres_lock import ALONE, users
from store.engines.sqlite import sqlite3

Forget = Callable[[Database, set[str]], Awaitable[None]]
REPLACED = "_replaced_"  # SCHEMA_replaced_20261122T041500Z
_OURS = """
SELECT c.relname FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
WHERE n.nspname = %s AND c.relkind = 'r' AND c.relname = ANY(%s)
"""
_ERASED_SINCE = (
    "INSERT INTO {new}.erased SELECT * FROM {old}.erased AS was WHERE NOT EXISTS"
    " (SELECT FROM {new}.erased AS known WHERE known.digest = was.digest) RETURNING digest"
)


async def make(
    db: Database,
    target: Path,
    *,
    now: datetime,
    replace: bool = False,
    tell: OnRows = lambda table, done, all_of_them: None,
) -> Backup:
    """Copy the open store `db` to a file, mode 0600, while others work in it. Raises BadInput and StoreError, and
    leaves nothing."""
    target = target.absolute()
    backup.refuse_target(target, replace)
    try:
        folder = target.with_name(f".{target.name}.{os.getpid()}.part")
        backup.sweep(target, "part")
        folder.mkdir(mode=0o700)
        try:
            written = folder / "earful.db"
            copy = Database(written)
            await copy.open(half_copied=True)
            try:
                await db.read(lambda connection: copying.transfer(Moment(connection), copy, tell))
                await copy.write(copying.finish)
            finally:
                await copy.close()
            await asyncio.to_thread(_one_file, written)
            found = await asyncio.to_thread(backup.check, written)
            await asyncio.to_thread(backup.put, written, target)
        finally:
            await asyncio.to_thread(shutil.rmtree, folder, ignore_errors=True)
    except (OSError, sqlite3.Error) as error:
        raise StoreError(f"cannot write {target}: {getattr(error, 'strerror', None) or error}") from error
    made = Backup(target, now.isoformat(), target.stat().st_size, found.schema, found.mentions, found.cases)
    await asyncio.to_thread(backup.remember, db.place, made)
    return made


async def restore(
    place: Server,
    password: Secret | None,
    file: Path,
    *,
    now: datetime,
    forget: Forget | None = None,
    tell: OnRows = lambda table, done, all_of_them: None,
) -> tuple[str | None, set[str]]:
    """Put a backup in the place of the store. Returns the schema that the replaced one is kept in (None: there was
    none) and the fingerprints of whom was erased since the backup: `forget` erases them in the new one, which is not
    open, before it becomes the store.

    Nothing is touched before the backup is there as a whole and compared. What was about to leave the house when it was
    made is a person's to decide. Raises BadInput, StoreError; Conflict while anybody has the store open.
    """
    await asyncio.to_thread(backup.check, file)
    async with _alone(Postgres(place, password)) as session:
        (store,) = await _one(session, "SELECT current_schema()")
        building = f"{store}_restoring"
        await _run(session, "DROP SCHEMA IF EXISTS {} CASCADE", building)  # of one that was killed
        await _run(session, "CREATE SCHEMA {}", building)
        try:
            fresh = Database(in_schema(place, building), password)
            await _build(fresh, file, now, tell)
            since = await _carry_over(session, store, building)
            if since and forget is not None:
                await forget(fresh, since)
            return await _change_places(session, store, building, now), since
        finally:
            with suppress(psycopg.Error):
                await _run(session, "DROP SCHEMA IF EXISTS {} CASCADE", building)


async def aside_with(db: Database, network: str, handle: str) -> list[str]:
    """The schemas that `restore` put aside and that hold this person."""

    async def work(connection: AsyncConnection) -> list[str]:
        query = text(
            "SELECT nspname, quote_ident(nspname) AS quoted FROM pg_namespace"
            " WHERE starts_with(nspname, current_schema() || :mark) AND to_regclass(quote_ident(nspname) || '.author')"
            " IS NOT NULL AND has_schema_privilege(nspname, 'USAGE') ORDER BY 1"
        )
        found = []
        for name, quoted in (await connection.execute(query, {"mark": REPLACED})).all():
            known = text(f"SELECT 1 FROM {quoted}.author WHERE network = :network AND handle = :handle")  # noqa: S608
            if (await connection.execute(known, {"network": network, "handle": handle})).first():
                found.append(f"schema {name}")
        return found

    return await db.read(work)


async def _build(target: Database, file: Path, now: datetime, tell: OnRows) -> None:
    """The backup's rows in a schema of their own, compared."""
    folder = Path(tempfile.mkdtemp(prefix="earful-restore-"))
    try:
        fresh = folder / "earful.db"
        await asyncio.to_thread(_copied, file, fresh)
        await asyncio.to_thread(backup.keep_back, fresh, now)
        source = Database(fresh)
        await source.open()  # one of an older earful comes up to date
        try:
            await target.open(half_copied=True)
            try:
                await copying.transfer(source, target, tell)
                await target.write(copying.finish)
            finally:
                await target.close()
        finally:
            await source.close()
    except (OSError, sqlite3.Error) as error:
        raise StoreError(f"cannot restore {file}: {getattr(error, 'strerror', None) or error}") from error
    finally:
        await asyncio.to_thread(shutil.rmtree, folder, ignore_errors=True)


@asynccontextmanager
async def _alone(server: Postgres) -> AsyncIterator[psycopg.AsyncConnection[Any]]:
    """Nobody works in the store and nobody opens it meanwhile."""
    worker = server.lock()
    try:
        async with await server.connect("restore") as session:
            if await _one(session, "SELECT current_schema()") == (None,):
                raise StoreError("the schema that the store's address names is not there; CREATE SCHEMA makes it")
            if not await worker.acquire():
                raise Conflict(f"{await worker.holder()} polls and sends for this store; end it, then try again")
            if (await _one(session, ALONE))[0] is False:
                who = await users(session) or "an earful"
                raise Conflict(f"{who} has this store open; close it (`q`), then try again")
            yield session
    except psycopg.Error as error:
        raise StoreError(f"the store could not be restored: {server.cause(error)}") from error
    finally:
        await worker.release()


async def _carry_over(session: psycopg.AsyncConnection[Any], store: str, building: str) -> set[str]:
    """The fingerprints of what was erased since: they go with the store, whatever is put in its place."""
    if not await (await session.execute(_OURS, (store, ["erased"]))).fetchall():
        return set()
    carry = sql.SQL(_ERASED_SINCE).format(new=sql.Identifier(building), old=sql.Identifier(store))
    return {digest for (digest,) in await (await session.execute(carry)).fetchall()}


async def _change_places(session: psycopg.AsyncConnection[Any], store: str, building: str, now: datetime) -> str | None:
    """Returns the schema that the tables of the store are in now."""
    new = [name for (name,) in await (await session.execute(
        "SELECT tablename FROM pg_tables WHERE schemaname = %s", (building,))).fetchall()]  # fmt: skip
    async with session.transaction():
        old = [name for (name,) in await (await session.execute(_OURS, (store, new))).fetchall()]
        if old and "schema_version" not in old:
            raise StoreError(f"in the schema {store} are tables that are no store of earful; name another one")
        aside = f"{store}{REPLACED}{now:%Y%m%dT%H%M%SZ}" if old else None
        if aside:
            await _run(session, "CREATE SCHEMA {}", aside)
        for table in old:
            await _run(session, "ALTER TABLE {}.{} SET SCHEMA {}", store, table, aside or "")
        for table in new:
            await _run(session, "ALTER TABLE {}.{} SET SCHEMA {}", building, table, store)
        await _run(session, "DROP SCHEMA {}", building)
    return aside


async def _run(session: psycopg.AsyncConnection[Any], statement: str, *names: str) -> None:
    await session.execute(sql.SQL(statement).format(*map(sql.Identifier, names)))


async def _one(session: psycopg.AsyncConnection[Any], query: str) -> Any:
    return await (await session.execute(query)).fetchone()


def _one_file(path: Path) -> None:
    with closing(sqlite3.connect(path, isolation_level=None)) as connection:
        connection.execute("PRAGMA journal_mode = DELETE")


def _copied(file: Path, fresh: Path) -> None:
    with os.fdopen(os.open(fresh, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o600), "wb") as copy, file.open("rb") as given:
        shutil.copyfileobj(given, copy, 1 << 20)
