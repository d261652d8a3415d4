"""The schema is what its snapshot says. EARFUL_WRITE_SCHEMA=1 in this test's environment writes the snapshot anew."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
from sqlalchemy import Connection, inspect, text
from sqlalchemy.ext.asyncio import AsyncConnection

from store import mentions, migrations, tables
from store.database import Database
from tests.factories import change, land, read_mention, rows

SNAPSHOT = Path(__file__).with_name("schema.sql")


async def test_the_schema_changes_only_on_purpose(db: Database) -> None:
    query = text("SELECT sql FROM sqlite_master WHERE sql IS NOT NULL AND name NOT LIKE 'mention_fts_%' ORDER BY name")
    found = "".join(f"{row.sql.strip()};\n" for row in await rows(db, query))
    lines = "\n".join(line.rstrip() for line in found.splitlines() if line.strip()) + "\n"
    if os.environ.get("EARFUL_WRITE_SCHEMA"):
        SNAPSHOT.write_text(lines, encoding="utf-8")

    assert lines == SNAPSHOT.read_text(encoding="utf-8"), "add a step to store/migrations and write the snapshot anew"


async def test_every_foreign_key_that_is_followed_has_an_index(db: Database) -> None:
    """Without one, deleting or looking up a parent reads the whole child table."""
    tables = [row.name for row in await rows(db, text("SELECT name FROM sqlite_master WHERE type = 'table'"))]
    bare = []
    for table in tables:
        keys = {row[3] for row in await rows(db, text(f"PRAGMA foreign_key_list({table})"))}
        columns = [row.name for row in await rows(db, text(f"PRAGMA table_info({table})")) if row.pk == 1]
        for index in await rows(db, text(f"PRAGMA index_list({table})")):
            columns += [row.name for row in await rows(db, text(f"PRAGMA index_info({index.name})")) if row.seqno == 0]
        bare += [f"{table}.{key}" for key in keys - set(columns)]

    assert bare == ["delivery.mention_id"], "which no query asks for"


@pytest.mark.both
@pytest.mark.filterwarnings("ignore:Did not recognize type 'xid8'")
async def test_a_store_of_schema_1_becomes_the_one_of_today_with_all_that_is_in_it(db: Database) -> None:
    whole = await shape(db)
    line = await land(db, read_mention("acme cloud is down"))
    await back_to_schema_1(db)
    await db.close()

    await db.open()
    assert [row.version for row in await rows(db, tables.schema_version)] == [migrations.CURRENT]
    assert (await mentions.get(db, line.new_mentions[0])).text == "acme cloud is down"
    (case,) = await rows(db, tables.cases)
    assert case.waits_since == case.created_at
    assert await shape(db) == whole
    assert (await land(db, read_mention(watches=(), lands=False))).unmatched == 1


async def back_to_schema_1(db: Database) -> None:
    """What the steps did, undone; what is stored stays."""
    await change(db, text("DROP TABLE unmatched"))
    await change(db, text("DROP INDEX mention_by_url"))
    for table in ("erased", "vector", "vector_sum", "presence"):
        await change(db, text(f"DROP TABLE {table}"))
    await change(db, text("ALTER TABLE cases DROP COLUMN waits_since"))
    await change(db, text("DROP INDEX mention_by_author"))
    await change(db, text("CREATE INDEX ix_mention_author_id ON mention (author_id)"))
    for index in ("author_by_handle", "mention_by_issue", "cases_by_created", "delivery_by_key"):
        await change(db, text(f"DROP INDEX {index}"))
    await change(db, text("CREATE INDEX ix_mention_issue_id ON mention (issue_id)"))
    for table in ("correction_alike", "correction", "layer"):
        await change(db, text(f"DROP TABLE {table}"))
    for table in ("move", "phrase", "act", "pending", "state"):
        await change(db, text(f"DROP TABLE issue_{table}"))
    for index in ("mention_by_copy", "mention_copies"):
        await change(db, text(f"DROP INDEX {index}"))
    await change(db, text("ALTER TABLE mention DROP COLUMN copy_of"))
    await db.write(issues_of_schema_1)
    await change(db, text("UPDATE schema_version SET version = 1"))


async def issues_of_schema_1(connection: AsyncConnection) -> None:
    await connection.execute(text(f"DROP TABLE issue {'' if connection.dialect.name == 'sqlite' else 'CASCADE'}"))
    columns = "phrase TEXT NOT NULL UNIQUE, label TEXT NOT NULL, first_seen BIGINT NOT NULL, last_seen BIGINT NOT NULL"
    await migrations.run(connection, f"CREATE TABLE issue (id INTEGER NOT NULL PRIMARY KEY, {columns})")


async def shape(db: Database) -> dict[str, object]:
    """Every table with its columns, keys and indexes: what counts of a schema, however its SQL was written."""

    def look(connection: Connection) -> dict[str, object]:
        found = inspect(connection)
        return {
            name: (
                [(column["name"], str(column["type"]), column["nullable"]) for column in found.get_columns(name)],
                found.get_pk_constraint(name)["constrained_columns"],
                sorted(tuple(unique["column_names"]) for unique in found.get_unique_constraints(name)),
                sorted((str(index["name"]), tuple(index["column_names"])) for index in found.get_indexes(name)),
            )
            for name in found.get_table_names()
        }

    return await db.read(lambda connection: connection.run_sync(look))
