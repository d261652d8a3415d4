"""What only a store on a server has to promise."""

from __future__ import annotations

import asyncio
import subprocess
import sys
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import pytest
import pytest_asyncio
from sqlalchemy.ext.asyncio import AsyncConnection

from store import changes, health, migrations, tables
from store.database import Database
from store.domain.errors import BadInput, StoreError
from store.domain.place import place, server
from store.domain.secret import Secret
from tests.factories import NOW, land, read_mention, rows
from tests.postgres import Server
from tests.store.test_database import OPENER, ROOT


@pytest.fixture
def empty(postgres: Server) -> Iterator[str]:
    """The address of a database with nothing in it."""
    url = postgres.empty()
    yield url
    postgres.drop(url)


@pytest_asyncio.fixture
async def db(empty: str) -> AsyncIterator[Database]:
    database = Database(empty)
    await database.open()
    yield database
    await database.close()


async def test_programs_that_start_at_once_share_one_fresh_store(empty: str) -> None:
    code = OPENER.replace("Path(sys.argv[1])", "sys.argv[1]")
    command = [sys.executable, "-c", code, empty]
    started = [subprocess.Popen(command, cwd=ROOT, stdin=subprocess.PIPE, stderr=subprocess.PIPE) for _ in range(4)]
    ended = await asyncio.gather(*(asyncio.to_thread(process.communicate) for process in started))

    assert [(process.returncode, error) for process, (_, error) in zip(started, ended, strict=True)] == [(0, b"")] * 4
    db = Database(empty)
    await db.open()
    assert [row.version for row in await rows(db, tables.schema_version)] == [migrations.CURRENT]
    await db.close()


async def test_somebody_else_s_database_is_left_alone(empty: str, postgres: Server) -> None:
    postgres.run("CREATE TABLE photo (id int)", empty.partition("@/")[2].partition("?")[0])

    with pytest.raises(StoreError, match="not a store of earful"):
        await Database(empty).open()


async def test_a_store_lives_in_a_schema_of_its_own(empty: str, postgres: Server) -> None:
    name = empty.partition("@/")[2].partition("?")[0]
    for schema in ("desk_a", "desk_b"):
        postgres.run(f"CREATE SCHEMA {schema}", name)
        db = Database(f"{empty}&options=-csearch_path%3D{schema}")
        await db.open()
        lock = db.worker_lock()
        assert await lock.acquire()
        assert (await land(db, read_mention(id="same"))).new == 1
        await lock.release()
        await db.close()


async def test_a_change_that_is_committed_late_is_not_missed(db: Database) -> None:
    """Its number is lower than that of one which was seen already."""
    begun, go_on = asyncio.Event(), asyncio.Event()

    async def slow(connection: AsyncConnection) -> None:
        await changes.note(connection, "case", [1], at=NOW)
        begun.set()
        await go_on.wait()

    mark = await changes.newest(db)
    first = asyncio.create_task(db.write(slow))
    await begun.wait()
    await db.write(lambda connection: changes.note(connection, "case", [2], at=NOW))
    mark, seen = await changes.since(db, mark)
    assert seen == [("case", 2)]
    go_on.set()
    await first

    mark, seen = await changes.since(db, mark)
    assert seen == [("case", 1)]
    assert await changes.since(db, mark) == (mark, [])


async def test_listening_goes_on_when_the_server_broke_it_off(db: Database, postgres: Server) -> None:
    async def changed(seen: object) -> object:
        for _ in range(6_000):
            if (now := db.pulse()) != seen:
                return now
            await asyncio.sleep(0.01)
        raise AssertionError("never heard")

    heard = await changed(db.pulse())
    await db.write(lambda connection: changes.note(connection, "case", [1], at=NOW))
    heard = await changed(heard)
    postgres.run("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE application_name LIKE 'earful listen%'")
    heard = await changed(heard)
    for _ in range(3_000):
        if postgres.run(
            "SELECT 1 FROM pg_stat_activity WHERE application_name LIKE 'earful listen%' AND wait_event = 'ClientRead'"
        ):
            break
        await asyncio.sleep(0.02)
    await asyncio.sleep(0.2)
    heard = db.pulse()
    await db.write(lambda connection: changes.note(connection, "case", [2], at=NOW))
    await changed(heard)


async def test_work_goes_on_when_the_server_has_been_away(db: Database, postgres: Server) -> None:
    assert (await land(db, read_mention(id="one"))).new == 1
    postgres.run("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE application_name LIKE 'earful store%'")

    assert (await land(db, read_mention(id="two"))).new == 1


async def test_a_null_byte_costs_no_page(db: Database) -> None:
    line = await land(db, read_mention(id="n", url="https://a.example/\0"), read_mention(id="m"))

    assert line.new == 2
    assert (await rows(db, tables.mention))[0].url == "https://a.example/\ufffd"


async def test_a_word_longer_than_the_index_takes_is_found(db: Database) -> None:
    from store import cases
    from store.domain.query import parse

    long = "ă" * 3_000
    await land(db, read_mention(long, author="a"), read_mention(long + "x", author="b"))

    for asked, found in ((long, 1), (long[:-1] + "*", 2), ("a" * 300, 0)):
        assert len(await cases.ids(db, parse(asked), me="ana", now=NOW)) == found, asked[:5]


async def test_what_the_server_does_not_promise_is_told(db: Database) -> None:
    found = await health.examine(db)

    assert found.software == "PostgreSQL"
    assert {trouble.words.split()[0] for trouble in found.troubles} == {"fsync", "full_page_writes"}
    assert found.size > 1_000_000


@pytest.mark.parametrize("address", ["postgresql://ana@127.0.0.1:1/earful", "postgresql://ana@/earful?host=/nowhere"])
async def test_a_server_that_is_not_there_is_said_without_the_password(address: str) -> None:
    with pytest.raises(StoreError, match="cannot open the store postgresql://ana@") as told:
        await Database(server(address), Secret("hunter2", "env:DB")).open()

    error: BaseException | None = told.value
    while error is not None:
        assert "hunter2" not in repr(error)
        error = error.__cause__ or error.__context__


@pytest.mark.parametrize(
    ("text", "shown", "password"),
    [
        ("postgres://ana@db/earful", "postgresql://ana@db/earful", ""),
        ("postgresql://ana:env:PW@db:99/x?a=b", "postgresql://ana@db:99/x?a=b", "env:PW"),
        ("postgresql://ana:file:%2Frun%2Fpw@[::1]:99/x", "postgresql://ana@[::1]:99/x", "file:/run/pw"),
        ("postgresql:///x?host=/tmp", "postgresql:///x?host=/tmp", ""),
    ],
)
def test_an_address_is_shown_without_its_password(text: str, shown: str, password: str) -> None:
    found = server(text)
    assert (str(found), found.password) == (shown, password)


@pytest.mark.parametrize(
    "text", ["postgresql://a:hunter2@db/x", "postgresql://db/x?password=hunter2", "postgresql://db"]
)
def test_a_password_that_was_written_down_is_refused_and_not_repeated(text: str) -> None:
    with pytest.raises(BadInput) as told:
        server(text)
    assert "hunter2" not in str(told.value)


def test_a_path_is_a_file() -> None:
    assert place("data/earful.db") == Path("data/earful.db")
