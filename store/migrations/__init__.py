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


async def _wait_since(connection: AsyncConnection) -> None:
    """3 -> 4: since when a case waits for us is kept beside when its answer is due, and how often an author wrote
    lately is counted by an index."""
    await run(connection, "ALTER TABLE cases ADD COLUMN waits_since BIGINT")
    await run(connection, "UPDATE cases SET waits_since = created_at WHERE due_at IS NOT NULL")
    await run(connection, "CREATE INDEX mention_by_author ON mention (author_id, created_at)")
    await run(connection, "DROP INDEX ix_mention_author_id")


async def _remember_corrections(connection: AsyncConnection) -> None:
    """4 -> 5: what people said of moods has a place of its own, and so has what was learnt from it."""
    await run(
        connection,
        "CREATE TABLE correction (id INTEGER NOT NULL PRIMARY KEY, "
        "mention_id INTEGER REFERENCES mention (id) ON DELETE CASCADE, digest TEXT NOT NULL DEFAULT '', numbers BLOB, "
        "language TEXT NOT NULL, said TEXT NOT NULL, score FLOAT NOT NULL, label TEXT NOT NULL, agent TEXT NOT NULL, "
        "at BIGINT NOT NULL, undone BOOLEAN NOT NULL DEFAULT FALSE)",
    )
    await run(connection, "CREATE INDEX ix_correction_mention_id ON correction (mention_id)")
    await run(connection, "CREATE INDEX ix_correction_digest ON correction (digest)")
    await run(
        connection,
        "CREATE TABLE correction_alike (correction_id INTEGER NOT NULL REFERENCES correction (id) ON DELETE CASCADE, "
        "mention_id INTEGER NOT NULL REFERENCES mention (id) ON DELETE CASCADE, said TEXT NOT NULL, "
        "score FLOAT NOT NULL, PRIMARY KEY (correction_id, mention_id))",
    )
    await run(connection, "CREATE INDEX correction_alike_by_mention ON correction_alike (mention_id)")
    await run(
        connection,
        "CREATE TABLE layer (id INTEGER NOT NULL PRIMARY KEY, at BIGINT NOT NULL, agent TEXT NOT NULL, "
        "corrections INTEGER NOT NULL, body BLOB NOT NULL, undone BOOLEAN NOT NULL DEFAULT FALSE)",
    )


async def _keep_up_issues(connection: AsyncConnection) -> None:
    """5 -> 6: issues are kept up as mentions come in, can be pinned, merged and split; copies are known. What has no
    issue yet is looked at anew, the newest of it."""
    for statement in (
        "ALTER TABLE issue ADD COLUMN pinned BOOLEAN DEFAULT false NOT NULL",
        "ALTER TABLE issue ADD COLUMN merged_into INTEGER REFERENCES issue (id)",
        "ALTER TABLE issue ADD COLUMN typical_id BIGINT",
        "ALTER TABLE issue ADD COLUMN stale BOOLEAN DEFAULT true NOT NULL",
        "CREATE INDEX ix_issue_merged_into ON issue (merged_into)",
        "CREATE TABLE issue_act (id INTEGER NOT NULL PRIMARY KEY, at BIGINT NOT NULL, agent TEXT NOT NULL, "
        "action TEXT NOT NULL, issue_id INTEGER NOT NULL REFERENCES issue (id), other_id BIGINT, "
        "before TEXT DEFAULT '' NOT NULL, after TEXT DEFAULT '' NOT NULL, undone_at BIGINT)",
        "CREATE INDEX ix_issue_act_issue_id ON issue_act (issue_id)",
        "CREATE INDEX issue_act_by_agent ON issue_act (agent, id)",
        "CREATE TABLE issue_phrase (id INTEGER NOT NULL PRIMARY KEY, issue_id INTEGER NOT NULL REFERENCES issue (id), "
        "act_id INTEGER NOT NULL REFERENCES issue_act (id), phrase TEXT NOT NULL, example BOOLEAN NOT NULL)",
        "CREATE INDEX ix_issue_phrase_issue_id ON issue_phrase (issue_id)",
        "CREATE INDEX ix_issue_phrase_act_id ON issue_phrase (act_id)",
        "CREATE TABLE issue_move (act_id INTEGER NOT NULL REFERENCES issue_act (id) ON DELETE CASCADE, "
        "mention_id INTEGER NOT NULL REFERENCES mention (id) ON DELETE CASCADE, before BIGINT, "
        "PRIMARY KEY (act_id, mention_id))",
        "CREATE INDEX issue_move_by_mention ON issue_move (mention_id)",
        "CREATE TABLE issue_pending (mention_id INTEGER NOT NULL REFERENCES mention (id) ON DELETE CASCADE, "
        "pins_only BOOLEAN DEFAULT false NOT NULL, PRIMARY KEY (mention_id))",
        "CREATE TABLE issue_state (language TEXT NOT NULL, version BIGINT NOT NULL, body BLOB NOT NULL, "
        "PRIMARY KEY (language))",
        "ALTER TABLE mention ADD COLUMN copy_of BIGINT",
        "CREATE INDEX mention_by_copy ON mention (copy_of) WHERE copy_of IS NOT NULL",
        "CREATE INDEX mention_copies ON mention (issue_id, created_at) WHERE copy_of IS NOT NULL",
        "INSERT INTO issue_pending (mention_id) SELECT id FROM mention WHERE issue_id IS NULL AND ours = false "
        "AND deleted_at IS NULL ORDER BY id DESC LIMIT 20000",
    ):
        await run(connection, statement)


async def _keep_vectors(connection: AsyncConnection) -> None:
    """6 -> 7: what deep reading makes of words is kept."""
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


async def _say_who_is_there(connection: AsyncConnection) -> None:
    """7 -> 8: who has a case open is seen by the others."""
    await run(
        connection,
        "CREATE TABLE presence (session TEXT NOT NULL, case_id INTEGER NOT NULL REFERENCES cases (id) "
        "ON DELETE CASCADE, agent TEXT NOT NULL, writing BOOLEAN NOT NULL, since BIGINT NOT NULL, "
        "seen_at BIGINT NOT NULL, PRIMARY KEY (session))",
    )
    await run(connection, "CREATE INDEX ix_presence_case_id ON presence (case_id)")


async def _look_up_by_index(connection: AsyncConnection) -> None:
    """8 -> 9: what had to be read whole is found by an index."""
    for statement in (
        "CREATE INDEX author_by_handle ON author (handle)",
        "DROP INDEX ix_mention_issue_id",
        "CREATE INDEX mention_by_issue ON mention (issue_id, created_at)",
        "CREATE INDEX cases_by_created ON cases (created_at, status, answered_at)",
        "CREATE INDEX delivery_by_key ON delivery (source, remote_key)",
    ):
        await run(connection, statement)


# STEPS[n] leads from version n + 1 to n + 2. Add at the end only.
STEPS: tuple[Callable[[AsyncConnection], Awaitable[None]], ...] = (
    _remember_unmatched,
    _remember_erased,
    _wait_since,
    _remember_corrections,
    _keep_up_issues,
    _keep_vectors,
    _say_who_is_there,
    _look_up_by_index,
)
CURRENT = len(STEPS) + 1
HALF_COPIED = 0


async def is_current(connection: AsyncConnection) -> bool:
    """Whether there is nothing to do for `migrate`; asked by reading, which waits for nobody who writes."""
    if not await connection.run_sync(lambda sync: inspect(sync).has_table(schema_version.name)):
        return False
    return (await connection.execute(select(schema_version.c.version))).scalar_one_or_none() == CURRENT


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
