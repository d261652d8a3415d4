"""What the store says of itself, for `earful doctor`."""

from __future__ import annotations

import stat
from dataclasses import dataclass

from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncConnection

from store.database import Database
from store.tables import schema_version


@dataclass(frozen=True, slots=True)
class Health:
    """`damage` is SQLite's own list of what is broken, empty where nothing is. `mode` are the file's permission bits.
    `wal_safe`: this SQLite may be used in WAL by several writers."""

    schema: int
    sqlite: str
    journal_mode: str
    wal_safe: bool
    damage: tuple[str, ...]
    mode: int
    size: int


async def examine(db: Database) -> Health:
    """Reads the whole file once (PRAGMA quick_check): seconds on a million mentions."""

    async def work(connection: AsyncConnection) -> Health:
        async def first(statement: str) -> str:
            return str((await connection.exec_driver_sql(statement)).scalar_one())

        checked = (await connection.exec_driver_sql("PRAGMA quick_check(10)")).scalars().all()
        file = db.path.stat()
        return Health(
            schema=(await connection.execute(select(schema_version.c.version))).scalar_one(),
            sqlite=await first("SELECT sqlite_version()"),
            journal_mode=await first("PRAGMA journal_mode"),
            wal_safe=db.wal,
            damage=tuple(str(line) for line in checked if line != "ok"),
            mode=stat.S_IMODE(file.st_mode),
            size=file.st_size,
        )

    return await db.read(work)
