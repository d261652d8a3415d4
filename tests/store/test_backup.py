"""Backups: one moment, whole, while others write; and a restore that touches nothing before it is sure."""

from __future__ import annotations

import asyncio
import os
import threading
from contextlib import closing
from pathlib import Path

import pytest

from store import backup, drafts, erase
from store.database import Database
from store.domain.action import Reply
from store.domain.delivery import DeliveryState
from store.domain.errors import BadInput, Conflict, StoreError
from store.engines.sqlite import sqlite3
from store.lock import FileLock
from store.outbox import listing, move
from tests.factories import NOW, land, read_mention
from tests.store.desk import do


def words_in(path: Path) -> set[str]:
    with closing(sqlite3.connect(path)) as connection:
        return {text for (text,) in connection.execute("SELECT text FROM mention")}


async def a_backup(db: Database, name: str = "copy.db", **how: object) -> backup.Backup:
    return await asyncio.to_thread(backup.make, db.path, db.path.parent / name, now=NOW, **how)


async def test_a_backup_is_a_private_whole_copy_and_is_remembered(db: Database) -> None:
    await land(db, read_mention("acme one"), read_mention("acme two"))
    made = await a_backup(db)
    assert (made.mentions, made.cases) == (2, 2)
    assert words_in(made.path) == {"acme one", "acme two"}
    assert made.path.stat().st_mode & 0o777 == 0o600
    assert sorted(path.name for path in db.path.parent.glob("*copy*")) == ["copy.db"]
    assert [one.path for one in backup.known(db.path)] == [made.path]
    made.path.unlink()
    assert backup.known(db.path) == []


async def test_it_is_of_one_moment_while_others_write(db: Database, monkeypatch: pytest.MonkeyPatch) -> None:
    """A writer that writes after every step neither waits long nor gets into the copy nor makes it begin anew."""
    await land(db, *(read_mention("acme " + "x" * 3_000, author=f"a{n}") for n in range(300)))
    written, steps = threading.Event(), 0
    monkeypatch.setattr(backup, "PAGES_A_STEP", 16)

    def tell(done: int, pages: int) -> None:
        nonlocal steps
        steps += 1
        with closing(sqlite3.connect(db.path, timeout=0.1)) as connection, connection:
            connection.execute("UPDATE mention SET text = 'changed' WHERE id = ?", (steps,))
        written.set()

    made = await a_backup(db, tell=tell)
    assert written.is_set()
    assert steps < made.size / 4096 / 16 + 3
    assert "changed" not in words_in(made.path)
    assert "changed" in words_in(db.path)


@pytest.mark.parametrize("target", ["earful.db", "there.db", ".", "no/such/folder.db"])
async def test_what_is_there_is_left_alone(db: Database, target: str) -> None:
    (db.path.parent / "there.db").write_text("precious")
    with pytest.raises(BadInput):
        await a_backup(db, target)
    assert (db.path.parent / "there.db").read_text() == "precious"
    assert [path.name for path in db.path.parent.iterdir() if path.name.endswith(".part")] == []


async def test_the_store_itself_is_never_written_over(db: Database) -> None:
    await land(db, read_mention())
    with pytest.raises(BadInput):
        await a_backup(db, "earful.db", replace=True)
    assert words_in(db.path) == {"acme cloud is down"}


async def test_a_restored_store_is_the_backup_and_the_replaced_one_is_kept(db: Database) -> None:
    await land(db, read_mention("acme before"))
    made = await a_backup(db)
    await land(db, read_mention("acme after"))
    await db.close()
    aside, since = await asyncio.to_thread(backup.restore, db.path, made.path, now=NOW)
    assert since == set()
    assert aside is not None
    assert words_in(aside) == {"acme before", "acme after"}
    assert words_in(db.path) == {"acme before"}
    assert db.path.stat().st_mode & 0o777 == 0o600
    await db.open()
    assert (await land(db, read_mention("acme goes on"))).new == 1


async def test_nothing_is_restored_while_anybody_works_in_the_store(db: Database) -> None:
    made = await a_backup(db)
    with pytest.raises(Conflict, match="open"):
        await asyncio.to_thread(backup.restore, db.path, made.path, now=NOW)
    await db.close()
    worker = FileLock(db.path)
    assert worker.take()
    with pytest.raises(Conflict, match=f"process {os.getpid()}"):
        await asyncio.to_thread(backup.restore, db.path, made.path, now=NOW)
    worker.let_go()
    await asyncio.to_thread(backup.restore, db.path, made.path, now=NOW)


async def test_nobody_opens_a_store_that_is_being_replaced(db: Database) -> None:
    await db.close()
    with backup._alone(db.path), pytest.raises(StoreError, match="backup"):
        await db.open()
    await db.open()


@pytest.mark.parametrize("damage", ["cut", "scribbled", "text", "newer", "other", "missing"])
async def test_what_is_no_good_backup_is_refused_before_anything_is_touched(db: Database, damage: str) -> None:
    await land(db, *(read_mention(f"acme {n} " + "x" * 500, author=f"a{n}") for n in range(60)))
    made = await a_backup(db)
    await db.close()
    whole, file = made.path.read_bytes(), made.path
    if damage == "cut":
        file.write_bytes(whole[: len(whole) // 2])
    elif damage == "scribbled":
        file.write_bytes(whole[:20_000] + b"\xff" * 60_000 + whole[80_000:])
    elif damage == "text":
        file.write_text("hello")
    elif damage == "missing":
        file.unlink()
    else:
        with closing(sqlite3.connect(file)) as connection, connection:
            connection.execute("UPDATE schema_version SET version = 999" if damage == "newer" else "DROP TABLE poll")
    before = db.path.read_bytes()
    with pytest.raises((BadInput, StoreError)):
        await asyncio.to_thread(backup.restore, db.path, file, now=NOW)
    assert db.path.read_bytes() == before
    assert [path.name for path in db.path.parent.iterdir() if "restoring" in path.name or "replaced" in path.name] == []


async def test_what_may_have_left_since_the_backup_waits_for_a_person(db: Database) -> None:
    """The backup says "queued"; the network has the answer already. Sending it again would be sending it twice."""
    line = await land(db, read_mention())
    await do(db, Reply("sorry!", "id-1"), line.new_cases[0])
    made = await a_backup(db)
    (held,) = await listing(db)
    queued = await move(db, held, DeliveryState.QUEUED, now=NOW)
    await move(db, await move(db, queued, DeliveryState.SENDING, now=NOW, tried=True), DeliveryState.SENT, now=NOW)
    await db.close()
    await asyncio.to_thread(backup.restore, db.path, made.path, now=NOW)
    await db.open()
    (delivery,) = await listing(db)
    assert delivery.state is DeliveryState.PERSON
    assert "may have been sent" in delivery.error


async def test_backups_that_hold_a_person_are_named_and_the_erasure_outlives_a_restore(db: Database) -> None:
    await land(db, read_mention("acme one", author="zerline"), read_mention("acme two", author="bob"))
    made = await a_backup(db)
    assert await backup.holding(db, "mastodon", "zerline") == [str(made.path)]
    (found,) = await erase.find(db, "zerline")
    await erase.erase(db, found, agent="ana", now=NOW)
    later = await a_backup(db, "later.db")
    assert await backup.holding(db, "mastodon", "zerline") == [str(made.path)]
    await db.close()
    aside, since = await asyncio.to_thread(backup.restore, db.path, later.path, now=NOW)
    assert since == set()
    assert aside is not None
    aside.unlink()
    _, since = await asyncio.to_thread(backup.restore, db.path, made.path, now=NOW)
    await db.open()
    assert await erase.was_erased(db, "zerline", ["mastodon"])
    assert len(since) == 2  # the person and the post


async def test_a_damaged_store_makes_no_backup_and_is_still_put_aside(db: Database) -> None:
    await land(db, *(read_mention(f"acme {n} " + "x" * 500, author=f"a{n}") for n in range(60)))
    made = await a_backup(db)
    await drafts.save(db, 1, "ana", "more", now=NOW)
    await db.close()
    whole = db.path.read_bytes()
    db.path.write_bytes(whole[:20_000] + b"\xff" * 60_000 + whole[80_000:])
    with pytest.raises(StoreError):
        await a_backup(db, "no.db")
    assert not db.path.with_name("no.db").exists()
    aside, _ = await asyncio.to_thread(backup.restore, db.path, made.path, now=NOW)
    assert aside is not None
    assert b"\xff" * 60_000 in aside.read_bytes()
    assert len(words_in(db.path)) == 60
