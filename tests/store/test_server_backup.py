"""Backups of a store on a server: one moment, whole, while others write; and back, on either kind of database."""

from __future__ import annotations

import asyncio
import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from store import backup, erase, server_backup, tables
from store.database import Database
from store.domain.action import Reply
from store.domain.delivery import DeliveryState
from store.domain.errors import BadInput, Conflict, StoreError
from store.domain.place import Server as Place
from store.domain.place import server
from store.outbox import listing, move
from tests.factories import NOW, change, land, read_mention, rows
from tests.postgres import Server
from tests.store.desk import do


@pytest.fixture
def url(postgres: Server) -> Iterator[str]:
    """The address of a database with nothing in it."""
    url = postgres.empty()
    yield url
    postgres.drop(url)


@pytest.fixture(autouse=True)
def at_home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Where backups are remembered."""
    monkeypatch.setenv("XDG_DATA_HOME", str(tmp_path / "share"))


async def texts(db: Database) -> set[str]:
    return {row.text for row in await rows(db, tables.mention)}


async def test_a_backup_is_one_moment_whole_and_good_for_either_kind(url: str, tmp_path: Path) -> None:
    db, other = Database(url), Database(url)
    await db.open()
    await other.open()
    await land(db, *(read_mention(f"acme word{n}", author=f"a{n}") for n in range(600)))
    await do(db, Reply("sorry", "id-1"), 1)
    writing: list[asyncio.Task[object]] = []

    def tell(table: str, done: int, total: int) -> None:
        """After the first rows were read, others write."""
        if not writing:
            later = read_mention("acme later", id="later", author="later")
            writing.append(asyncio.ensure_future(land(other, later)))
            writing.append(asyncio.ensure_future(change(other, tables.mention.update().values(text="changed"))))

    made = await server_backup.make(db, tmp_path / "copy.db", now=NOW, tell=tell)
    await asyncio.gather(*writing)
    assert "changed" in await texts(db)
    assert (made.mentions, made.cases, made.path.stat().st_mode & 0o777) == (600, 600, 0o600)
    assert [path.name for path in tmp_path.iterdir() if "copy" in path.name] == ["copy.db"]
    assert backup.known(server(url)) == [made]
    with pytest.raises(BadInput, match="there already"):
        await server_backup.make(db, tmp_path / "copy.db", now=NOW)
    await other.close()
    await db.close()

    file = tmp_path / "earful.db"
    backup.restore(file, made.path, now=NOW)
    restored = Database(file)
    await restored.open()
    assert await texts(restored) == {f"acme word{n}" for n in range(600)}
    (delivery,) = await listing(restored)
    assert delivery.state is DeliveryState.PERSON
    await restored.close()

    aside, since = await server_backup.restore(server(url), None, made.path, now=NOW)
    assert (aside, since) == ("public_replaced_20261121T120000Z", set())
    await db.open()
    assert await texts(db) == {f"acme word{n}" for n in range(600)}
    (delivery,) = await listing(db)
    assert (delivery.state, delivery.error) == (DeliveryState.PERSON, backup.PUT_BACK)
    assert (await land(db, read_mention("goes on", id="on", author="on"))).new == 1
    await db.close()


async def test_nothing_is_restored_while_anybody_works_there_and_nobody_comes_in_meanwhile(
    url: str, postgres: Server, tmp_path: Path
) -> None:
    db = Database(url)
    await db.open()
    await land(db, read_mention("acme one"))
    made = await server_backup.make(db, tmp_path / "copy.db", now=NOW)

    with pytest.raises(Conflict, match=f"process {os.getpid()} on .* open"):
        await server_backup.restore(server(url), None, made.path, now=NOW)
    worker = db.worker_lock()
    assert await worker.acquire()
    await db.close()
    with pytest.raises(Conflict, match=f"process {os.getpid()} on .* polls and sends"):
        await server_backup.restore(server(url), None, made.path, now=NOW)
    await worker.release()

    came: list[str] = []

    async def comes() -> None:
        try:
            await Database(url).open()
        except StoreError as error:
            came.append(str(error))

    coming: list[asyncio.Task[None]] = []
    await server_backup.restore(
        server(url), None, made.path, now=NOW, tell=lambda *row: coming.append(asyncio.ensure_future(comes()))
    )
    await asyncio.gather(*coming)
    assert came
    assert all("just taking the place" in words for words in came)


@pytest.mark.parametrize("damage", ["cut", "text"])
async def test_what_is_no_good_backup_touches_nothing(url: str, postgres: Server, tmp_path: Path, damage: str) -> None:
    db = Database(url)
    await db.open()
    await land(db, read_mention("acme one"))
    made = await server_backup.make(db, tmp_path / "copy.db", now=NOW)
    await db.close()
    whole = made.path.read_bytes()
    made.path.write_bytes(whole[: len(whole) // 2] if damage == "cut" else b"hello")

    with pytest.raises((BadInput, StoreError)):
        await server_backup.restore(server(url), None, made.path, now=NOW)

    await db.open()
    assert await texts(db) == {"acme one"}
    schemas = {
        row[0] for row in postgres.run("SELECT nspname FROM pg_namespace", url.partition("@/")[2].partition("?")[0])
    }
    assert not {name for name in schemas if name.startswith("public_")}
    await db.close()


async def test_the_erased_stay_erased_and_where_they_still_are_is_named(url: str, tmp_path: Path) -> None:
    db = Database(url)
    await db.open()
    await land(db, read_mention("acme one", author="zerline"), read_mention("acme two", author="bob"))
    made = await server_backup.make(db, tmp_path / "copy.db", now=NOW)
    await db.close()
    aside, _ = await server_backup.restore(server(url), None, made.path, now=NOW)
    await db.open()
    (found,) = await erase.find(db, "zerline")
    await erase.erase(db, found, agent="ana", now=NOW)
    assert await backup.holding(db, "mastodon", "zerline") == [str(made.path), f"schema {aside}"]
    await db.close()

    later = NOW.replace(hour=13)
    _, since = await server_backup.restore(server(url), None, made.path, now=later)

    await db.open()
    assert len(since) == 2  # the person and the post
    assert await erase.was_erased(db, "zerline", ["mastodon"])
    await db.close()


async def test_a_backup_of_a_file_is_restored_to_an_empty_database_and_to_a_schema(url: str, tmp_path: Path) -> None:
    file = Database(tmp_path / "earful.db")
    await file.open()
    line = await land(file, read_mention("acme one"))
    await do(file, Reply("sorry!", "id-1"), line.new_cases[0])
    (held,) = await listing(file)
    await move(file, held, DeliveryState.QUEUED, now=NOW)
    await file.close()
    made = backup.make(tmp_path / "earful.db", tmp_path / "copy.db", now=NOW)

    place: Place = server(url)
    assert (await server_backup.restore(place, None, made.path, now=NOW))[0] is None
    db = Database(place)
    await db.open()
    assert await texts(db) == {"acme one"}
    assert [one.state for one in await listing(db)] == [DeliveryState.PERSON]
    await db.close()
    with pytest.raises(StoreError, match="not there"):
        await server_backup.restore(server(f"{url}&options=-csearch_path%3Ddesk"), None, made.path, now=NOW)
