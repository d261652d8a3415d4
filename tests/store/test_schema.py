"""The schema is what its snapshot says. EARFUL_WRITE_SCHEMA=1 in this test's environment writes the snapshot anew."""

from __future__ import annotations

import os
from pathlib import Path

from sqlalchemy import text

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


async def test_a_store_of_schema_1_becomes_the_one_of_today_with_all_that_is_in_it(tmp_path: Path) -> None:
    new, old = Database(tmp_path / "new.db"), Database(tmp_path / "old.db")
    for db in (new, old):
        await db.open()
    line = await land(old, read_mention("acme cloud is down"))
    await change(old, text("DROP TABLE unmatched"))
    await change(old, text("DROP INDEX mention_by_url"))
    await change(old, text("DROP TABLE erased"))
    await change(old, text("UPDATE schema_version SET version = 1"))
    await old.close()

    await old.open()
    assert [row.version for row in await rows(old, tables.schema_version)] == [migrations.CURRENT]
    assert (await mentions.get(old, line.new_mentions[0])).text == "acme cloud is down"
    assert await shape(old) == await shape(new)
    assert (await land(old, read_mention(watches=(), lands=False))).unmatched == 1
    for db in (new, old):
        await db.close()


async def shape(db: Database) -> dict[str, list[tuple[object, ...]]]:
    """Every table and index with its columns: what counts of a schema, however its SQL was written."""
    names = await rows(db, text("SELECT name, type FROM sqlite_master ORDER BY name"))
    return {
        row.name: [tuple(each) for each in await rows(db, text(f"PRAGMA {row.type}_xinfo({row.name})"))]
        for row in names
    }
