"""Schema steps. A fresh store is made whole from `store.tables`; an older one goes step by step, in one transaction.

To change the schema: change `store.tables`, append a step to STEPS, and let the schema test write its new snapshot.
A step is spelt out in SQL and never touched again: `store.tables` goes on changing under it. It is
SQLite's SQL; `run` has it translated (see `store.dialects.Dialect.schema`).
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable

from sqlalchemy import inspect, select
from sqlalchemy.ext.asyncio import AsyncConnection

from store.dialects import dialect_of
from store.domain.errors import StoreError
from store.tables import metadata, schema_version


async def run(connection: AsyncConnection, statement: str) -> None:
    await connection.exec_driver_sql(dialect_of(connection).schema(statement))


async def _remember_unmatched(connection: AsyncConnection) -> None:
    """1 -> 2: what no watch matched is remembered, and a post is found by its address."""
    await run(
        connection,
        "CREATE TABLE unmatched (id INTEGER NOT NULL PRIMARY KEY, network TEXT NOT NULL, external_id TEXT NOT NULL, "
        "source TEXT NOT NULL, stream TEXT NOT NULL, native_id TEXT NOT NULL, parent TEXT NOT NULL, "
        "thread TEXT NOT NULL, url TEXT NOT NULL, handle TEXT NOT NULL, name TEXT NOT NULL, "
        "author_url TEXT NOT NULL, followers BIGINT, type TEXT NOT NULL, title TEXT NOT NULL, body BLOB NOT NULL, "
        "language TEXT NOT NULL, sentiment TEXT NOT NULL, intent TEXT, visibility TEXT NOT NULL, "
        "ours BOOLEAN NOT NULL, created_at BIGINT NOT NULL, edited_at BIGINT, seen_at BIGINT NOT NULL, "
        "UNIQUE (network, external_id))",
    )
    await run(connection, "CREATE INDEX mention_by_url ON mention (url)")


async def _remember_erased(connection: AsyncConnection) -> None:
    """2 -> 3: what was erased is known by its fingerprint, and what is deleted leaves the search index at once. What
    was deleted before leaves it here: once some seconds for a million mentions."""
    await run(
        connection,
        "CREATE TABLE erased (digest TEXT NOT NULL, at BIGINT NOT NULL, PRIMARY KEY (digest))",
    )
    await dialect_of(connection).full_text.forget_for_good(connection)
    await dialect_of(connection).full_text.scrub(connection)


async def _keep_vectors(connection: AsyncConnection) -> None:
    """3 -> 4: what deep reading makes of words is kept."""
    await run(
        connection,
        "CREATE TABLE vector (mention_id INTEGER NOT NULL REFERENCES mention (id) ON DELETE CASCADE, "
        "engine TEXT NOT NULL, digest BIGINT NOT NULL, body BLOB NOT NULL, PRIMARY KEY (mention_id))",
    )
    await run(connection, "CREATE INDEX ix_vector_digest ON vector (digest)")
    await run(
        connection,
        "CREATE TABLE vector_sum (engine TEXT NOT NULL, language TEXT NOT NULL, count BIGINT NOT NULL, "
        "body BLOB NOT NULL, PRIMARY KEY (engine, language))",
    )


# STEPS[n] leads from version n + 1 to n + 2. Add at the end only.
STEPS: tuple[Callable[[AsyncConnection], Awaitable[None]], ...] = (
    _remember_unmatched,
    _remember_erased,
    _keep_vectors,
)
CURRENT = len(STEPS) + 1
HALF_COPIED = 0


async def migrate(connection: AsyncConnection, *, half_copied: bool = False) -> None:
    """Bring the store to CURRENT. Raises StoreError where it is newer than this program or no store of ours."""
    names = set(await connection.run_sync(lambda sync: inspect(sync).get_table_names()))
    if not names:
        await connection.run_sync(metadata.create_all)
        await dialect_of(connection).create(connection)
        await connection.execute(schema_version.insert().values(version=CURRENT))
        return
    if "schema_version" not in names:
        raise StoreError("this is a database, but not a store of earful; choose another place with --database")
    version = (await connection.execute(select(schema_version.c.version))).scalar_one()
    if version == HALF_COPIED:
        if not half_copied:
            raise StoreError("a copy into this store was broken off; `earful copy` from the same store goes on with it")
        return
    if version > CURRENT:
        raise StoreError(f"this store has schema {version}, this earful knows up to {CURRENT}: install a newer earful")
    for step in STEPS[version - 1 :]:
        await step(connection)
    if version != CURRENT:
        await connection.execute(schema_version.update().values(version=CURRENT))
