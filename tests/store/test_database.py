"""The two units of work, and what a store file promises."""

from __future__ import annotations

import asyncio
import os
import sqlite3
import stat
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
import pytest_asyncio
from sqlalchemy import select, text
from sqlalchemy.ext.asyncio import AsyncConnection

from store import backup, migrations, tables
from store.database import Database
from store.domain.errors import StoreError
from store.engines.sqlite import wal_is_safe
from tests.factories import NOW, change, land, read_mention, rows

pytestmark = pytest.mark.both

ROOT = Path(__file__).parents[2]


async def count_one(connection: AsyncConnection) -> None:
    """Read, think, write: what loses updates where transactions overlap."""
    value = (await connection.execute(select(tables.mute.c.value))).scalar_one()
    await asyncio.sleep(0.005)
    await connection.execute(tables.mute.update().values(value=str(int(value) + 1)))


async def counted(db: Database) -> int:
    return int((await rows(db, tables.mute))[0].value)


@pytest_asyncio.fixture
async def counter(db: Database) -> Database:
    """A store with a counter at 0."""
    await change(db, tables.mute.insert().values(kind="word", value="0", agent="bo", at=NOW))
    return db


async def test_twelve_who_read_and_then_write_lose_nothing(counter: Database) -> None:
    await asyncio.gather(*(counter.write(count_one) for _ in range(12)))

    assert await counted(counter) == 12


async def test_nor_do_two_programs_on_one_store(counter: Database) -> None:
    other = Database(counter.place)
    await other.open()
    try:
        await asyncio.gather(*(db.write(count_one) for _ in range(6) for db in (counter, other)))
    finally:
        await other.close()

    assert await counted(counter) == 12


async def test_what_raises_is_rolled_back(counter: Database) -> None:
    async def half(connection: AsyncConnection) -> None:
        await count_one(connection)
        raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        await counter.write(half)

    assert await counted(counter) == 0
    await counter.write(count_one)
    assert await counted(counter) == 1


async def test_a_read_writes_nothing(counter: Database) -> None:
    await counter.read(count_one)

    assert await counted(counter) == 0


@pytest.mark.parametrize("delay", [0.0, 0.001, 0.003, 0.006, 0.01])
async def test_a_cancelled_caller_neither_loses_its_work_nor_leaves_it_open(counter: Database, delay: float) -> None:
    begun = asyncio.create_task(counter.write(count_one))
    await asyncio.sleep(delay)
    begun.cancel()
    await asyncio.gather(begun, return_exceptions=True)

    other = Database(counter.place)
    await asyncio.wait_for(other.open(), 60)
    await asyncio.wait_for(other.write(count_one), 60)
    await other.close()

    before_it_ran = begun.cancelled() and delay == 0.0
    assert await counted(counter) in ({1, 2} if before_it_ran else {2})


async def test_closing_waits_for_what_runs(counter: Database) -> None:
    begun = [asyncio.create_task(counter.write(count_one)) for _ in range(3)]
    await asyncio.sleep(0.001)

    await counter.close()

    assert [task.done() for task in begun] == [True] * 3
    await counter.close()
    with pytest.raises(StoreError, match="closed"):
        await counter.read(count_one)
    again = Database(counter.place)
    await again.open()
    assert await counted(again) == 3
    await again.close()


async def test_the_file_is_its_owner_s_alone(tmp_path: Path) -> None:
    path = tmp_path / "data" / "earful" / "earful.db"
    db = Database(path)
    await db.open()
    await change(db, tables.mute.insert().values(kind="word", value="0", agent="bo", at=NOW))

    files = {file.name: stat.S_IMODE(file.stat().st_mode) for file in path.parent.iterdir()}
    await db.close()

    assert set(files.values()) == {0o600}, files
    assert stat.S_IMODE(path.parent.stat().st_mode) == 0o700


async def test_a_file_that_others_can_read_is_made_private(tmp_path: Path) -> None:
    path = tmp_path / "earful.db"
    path.touch(0o644)
    db = Database(path)
    await db.open()
    await db.close()

    assert stat.S_IMODE(path.stat().st_mode) == 0o600


@pytest.mark.sqlite
@pytest.mark.parametrize("unit", ["read", "write"])
async def test_every_connection_keeps_what_it_acknowledges(db: Database, unit: str) -> None:
    async def pragmas(connection: AsyncConnection) -> dict[str, object]:
        names = ("journal_mode", "synchronous", "foreign_keys")
        return {name: (await connection.execute(text(f"PRAGMA {name}"))).scalar_one() for name in names}

    found = await getattr(db, unit)(pragmas)

    full, extra = 2, 3
    wal = wal_is_safe(sqlite3.sqlite_version_info)
    assert found["journal_mode"] == ("wal" if wal else "truncate")
    assert found["synchronous"] == (full if wal else extra)
    assert found["foreign_keys"] == 1


@pytest.mark.parametrize(
    ("version", "safe"),
    [
        ((3, 40, 1), False),
        ((3, 44, 5), False),
        ((3, 44, 6), True),
        ((3, 45, 0), False),
        ((3, 50, 6), False),
        ((3, 50, 7), True),
        ((3, 51, 2), False),
        ((3, 51, 3), True),
        ((3, 53, 4), True),
    ],
)
def test_wal_only_where_sqlite_keeps_its_word(version: tuple[int, ...], safe: bool) -> None:
    assert wal_is_safe(version) is safe


async def test_a_store_of_a_newer_program_is_left_alone(db: Database) -> None:
    await change(db, tables.schema_version.update().values(version=migrations.CURRENT + 1))
    await db.close()

    with pytest.raises(StoreError, match="install a newer earful"):
        await Database(db.place).open()


async def test_somebody_else_s_database_is_left_alone(tmp_path: Path) -> None:
    path = tmp_path / "photos.db"
    make = "import sqlite3, sys; sqlite3.connect(sys.argv[1]).execute('CREATE TABLE photo (id INTEGER)')"
    subprocess.run([sys.executable, "-c", make, str(path)], check=True)
    path.chmod(0o644)
    before = path.read_bytes()

    with pytest.raises(StoreError, match="not a store of earful"):
        await Database(path).open()

    assert path.read_bytes() == before
    assert path.stat().st_mode & 0o777 == 0o644


async def test_what_is_no_database_is_left_alone(tmp_path: Path) -> None:
    path = tmp_path / "letter.txt"
    path.write_text("Dear Ana, " * 1_000)

    with pytest.raises(StoreError, match="no store of earful"):
        await Database(path).open()

    assert path.read_text() == "Dear Ana, " * 1_000


@pytest.mark.parametrize("make", [Path.mkdir, os.mkfifo])
async def test_what_is_no_file_keeps_its_mode(tmp_path: Path, make: Callable[[Path], None]) -> None:
    path = tmp_path / "place"
    make(path)
    path.chmod(0o755)

    with pytest.raises(StoreError, match="is no file"):
        await Database(path).open()

    assert path.stat().st_mode & 0o777 == 0o755


@pytest.mark.skipif(os.getuid() == 0, reason="root may write everywhere")
async def test_a_folder_that_cannot_be_made_is_said_so(tmp_path: Path) -> None:
    tmp_path.chmod(0o500)

    with pytest.raises(StoreError, match="choose another place"):
        await Database(tmp_path / "data" / "earful.db").open()


async def test_a_folder_that_is_a_file_is_said_so(tmp_path: Path) -> None:
    (tmp_path / "data").touch()

    with pytest.raises(StoreError, match="choose another place"):
        await Database(tmp_path / "data" / "earful.db").open()


OPENER = """
import asyncio, sys
from pathlib import Path
from store.database import Database

async def start():
    db = Database(Path(sys.argv[1]))
    await db.open()
    await db.close()

sys.stdin.read()
asyncio.run(start())
"""


async def test_programs_that_start_at_once_share_one_fresh_store(tmp_path: Path) -> None:
    path = tmp_path / "earful.db"
    command = [sys.executable, "-c", OPENER, str(path)]
    started = [subprocess.Popen(command, cwd=ROOT, stdin=subprocess.PIPE, stderr=subprocess.PIPE) for _ in range(4)]
    ended = await asyncio.gather(*(asyncio.to_thread(process.communicate) for process in started))

    assert [(process.returncode, error) for process, (_, error) in zip(started, ended, strict=True)] == [(0, b"")] * 4
    db = Database(path)
    await db.open()
    assert [row.version for row in await rows(db, tables.schema_version)] == [migrations.CURRENT]
    await db.close()


@pytest.mark.parametrize("name", ["100%41.db", "what?mode=memory&cache=shared", "a#b%2Fc.db", "uri?uri=true"])
async def test_a_store_is_the_file_that_is_named_and_no_other(tmp_path: Path, name: str) -> None:
    """What means something in an address means nothing in a path; a backup copies the file that is named."""
    path = tmp_path / name
    db = Database(path)
    await db.open()
    await land(db, read_mention("acme is down"))
    await db.close()
    assert {file.name.removeprefix(name) for file in tmp_path.iterdir()} <= {"", ".users", "-wal", "-shm"}
    assert backup.make(path, tmp_path / "copy.db", now=NOW).mentions == 1
