"""A whole store into another one, of the same or of the other kind: table by table, in the order of keys, in
transactions of their own, so that what was broken off goes on behind the last row that arrived."""

from __future__ import annotations

import hashlib
import json
from collections.abc import AsyncIterator, Callable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Protocol, TypeVar

from sqlalchemy import Row, Table, exists, func, insert, literal, select, tuple_
from sqlalchemy.ext.asyncio import AsyncConnection

from store import changes, migrations, search
from store.database import Database, Work
from store.dialects import dialect_of
from store.domain.delivery import DeliveryState
from store.domain.errors import Conflict
from store.tables import delivery, mention, metadata, presence, schema_version

A_CHUNK = 500
LEAVING = (DeliveryState.HELD, DeliveryState.QUEUED, DeliveryState.SENDING, DeliveryState.UNKNOWN)
# Who has a case open is no part of what was said and done, and changes under the copy.
TABLES = [table for table in metadata.sorted_tables if table not in (schema_version, presence)]

T = TypeVar("T")
OnRows = Callable[[str, int, int], None]  # table, rows there by now, rows to come to


@dataclass(frozen=True, slots=True)
class Copied:
    """A table that is the same on both sides: how many rows, and the SHA-256 over all of them in the order of keys."""

    table: str
    rows: int
    sha256: str


class Source(Protocol):
    """What is copied: a store, or one moment of it."""

    async def read(self, work: Work[T]) -> T: ...


class Moment:
    """A store as one transaction sees it, whatever others write meanwhile."""

    def __init__(self, connection: AsyncConnection) -> None:
        self._connection = connection

    async def read(self, work: Work[T]) -> T:
        return await work(self._connection)


async def copy(
    source: Database, target: Database, on_rows: OnRows = lambda table, done, all_of_them: None
) -> list[Copied]:
    """Copy everything and prove it: what arrived is read back and compared, table by table, by count and hash.

    `source` is open, `target` is not: it is opened and closed here, and nobody else can open it before the copy is
    whole. Raises Conflict, with what to do, where a worker has one of them, where answers are on their way (two stores
    would send them twice), where `target` has something in it already, where `source` changed meanwhile and where the
    two differ; StoreError. Broken off at any place, the same call goes on there.
    """
    locks = [source.worker_lock(), target.worker_lock()]
    try:
        await target.open(half_copied=True)
        for lock in locks:
            if not await lock.acquire():
                raise Conflict(f"{await lock.holder()} polls and sends for one of the two stores; end it first")
        return await _copy(source, target, on_rows)
    finally:
        for lock in locks:
            await lock.release()
        await target.close()


async def _copy(source: Database, target: Database, on_rows: OnRows) -> list[Copied]:
    before = await changes.newest(source)
    await source.read(_nothing_leaves)
    copied = await transfer(source, target, on_rows)
    _, moved = await changes.since(source, before)
    if moved:
        raise Conflict(
            "the store was changed while it was copied; close earful everywhere, empty the other, copy again"
        )
    await target.write(finish)
    return copied


async def transfer(
    source: Source, target: Database, on_rows: OnRows = lambda table, done, all_of_them: None
) -> list[Copied]:
    """Every row of `source` into `target`, which is empty and open (`half_copied`), or goes on where this was broken
    off. What arrived is read back and compared; it is no store before `finish`. Raises Conflict, StoreError."""
    await target.write(_begin)
    for table in TABLES:
        await _table(source, target, table, on_rows)
    copied = []
    for table in TABLES:
        ours, theirs = await _print(source, table), await _print(target, table)
        if ours != theirs:
            raise Conflict(
                f"the two stores differ in {table.name} ({ours[0]:,} and {theirs[0]:,} rows): the first was changed "
                "while it was copied; close earful everywhere, empty the second and copy again"
            )
        copied.append(Copied(table.name, *ours))
    return copied


async def _nothing_leaves(connection: AsyncConnection) -> None:
    leaving = select(func.count()).select_from(delivery).where(delivery.c.state.in_(LEAVING))
    if number := (await connection.execute(leaving)).scalar_one():
        raise Conflict(f"{number} answers are on their way; let them leave first (`earful send`), or recall them")


async def _begin(connection: AsyncConnection) -> None:
    """Version 0 says: half copied. Only an empty store becomes one."""
    version = (await connection.execute(select(schema_version.c.version))).scalar_one()
    if version == migrations.HALF_COPIED:
        return
    for table in TABLES:
        if (await connection.execute(select(exists().select_from(table)))).scalar_one():
            raise Conflict("the store to copy to is in use already; give an empty database")
    await connection.execute(schema_version.update().values(version=migrations.HALF_COPIED))


async def finish(connection: AsyncConnection) -> None:
    """What was transferred is a store now."""
    for table in TABLES:
        await dialect_of(connection).count_on(connection, table)
    await dialect_of(connection).settle(connection)
    await connection.execute(schema_version.update().values(version=migrations.CURRENT))


async def _table(source: Source, target: Database, table: Table, on_rows: OnRows) -> None:
    count = select(func.count()).select_from(table)
    total = await source.read(lambda connection: _scalar(connection, count))
    done = await target.read(lambda connection: _scalar(connection, count))
    last = await target.read(lambda connection: _last(connection, table))
    async for rows in _chunks(source, table, last):

        async def put(connection: AsyncConnection, rows: Sequence[Row[Any]] = rows) -> None:
            await connection.execute(insert(table), [_plain(row) for row in rows])
            if table is mention:
                await search.add(connection, [(row.id, row.title, row.text) for row in rows if row.deleted_at is None])

        await target.write(put)
        done += len(rows)
        on_rows(table.name, done, total)


async def _chunks(db: Source, table: Table, last: Sequence[Any] | None) -> AsyncIterator[Sequence[Row[Any]]]:
    """The rows behind a key, in the order of keys, some at a time."""
    key = list(table.primary_key.columns)
    while True:
        query = select(table).order_by(*key).limit(A_CHUNK)
        if last is not None:
            behind = [literal(value, column.type) for value, column in zip(last, key, strict=True)]
            query = query.where(tuple_(*key) > tuple_(*behind) if len(key) > 1 else key[0] > behind[0])

        async def work(connection: AsyncConnection, query: Any = query) -> Sequence[Row[Any]]:
            return (await connection.execute(query)).all()

        rows = await db.read(work)
        if not rows:
            return
        yield rows
        last = [getattr(rows[-1], column.name) for column in key]


async def _last(connection: AsyncConnection, table: Table) -> Sequence[Any] | None:
    key = list(table.primary_key.columns)
    newest = select(*key).order_by(*(column.desc() for column in key)).limit(1)
    row = (await connection.execute(newest)).one_or_none()
    return None if row is None else tuple(row)


async def _print(db: Source, table: Table) -> tuple[int, str]:
    """(rows, SHA-256)."""
    number, sha = 0, hashlib.sha256()
    async for rows in _chunks(db, table, None):
        number += len(rows)
        for row in rows:
            sha.update(json.dumps(_plain(row), ensure_ascii=False, sort_keys=True, default=_said).encode())
    return number, sha.hexdigest()


def _plain(row: Row[Any]) -> dict[str, Any]:
    """A NUL, which PostgreSQL does not keep in a text, is a sign of replacement there: the same on both sides."""
    return {
        name: value.replace("\0", "\ufffd") if isinstance(value, str) else value for name, value in row._mapping.items()
    }


def _said(value: object) -> str:
    if isinstance(value, datetime):
        return value.isoformat()
    assert isinstance(value, bytes)
    return value.hex()


async def _scalar(connection: AsyncConnection, query: Any) -> int:
    number: int = (await connection.execute(query)).scalar_one()
    return number
