"""A store into another: everything arrives, once, and is proved to have arrived; what was broken off goes on."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import pytest
import pytest_asyncio
from sqlalchemy import update

from store import cases, copying, insights, migrations, outbox, tables
from store.buckets import period
from store.database import Database
from store.domain.action import AddNote, Reply, Tag
from store.domain.delivery import DeliveryState
from store.domain.errors import Conflict, StoreError
from store.domain.query import parse
from tests import factories
from tests.factories import A_DAY, NOW, change, land, read_mention, rows
from tests.postgres import Server
from tests.store.desk import do, reply


@pytest_asyncio.fixture
async def full(tmp_path: Path) -> AsyncIterator[Database]:
    """A store with something in every corner, and 1,200 mentions."""
    db = Database(tmp_path / "full.db")
    await db.open()
    items = [
        read_mention(f"acme n\u0103scut \U0001f525 word{n}", id=f"p{n}", author=f"a{n % 50}") for n in range(1_200)
    ]
    await land(db, *items, bookmark={"page": 7, "a": [1, None]}, next_poll_at=NOW)
    await land(db, read_mention(id="raw", raw=b"\x00\xff{}", title="Null\0title"), deleted=("p1",))
    await do(db, Tag(("vip",)), 1, 2)
    await do(db, AddNote("a note"), 3)
    delivery = await outbox.get(db, await reply(db, 4))
    for state in (DeliveryState.QUEUED, DeliveryState.SENDING, DeliveryState.SENT):
        delivery = await outbox.move(db, delivery, state, now=NOW)
    yield db
    await db.close()


@pytest.fixture(params=["postgresql", "sqlite"])
def other(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[str]:
    """The address of a store to copy to."""
    if request.param == "sqlite":
        yield str(tmp_path / "other.db")
        return
    server: Server = request.getfixturevalue("postgres")
    url = server.empty()
    yield url
    server.drop(url)


async def test_everything_arrives_and_work_goes_on_there(full: Database, other: str) -> None:
    target = Database(other)
    copied = {table.table: table.rows for table in await copying.copy(full, target)}
    assert copied["mention"] == 1_201
    assert copied["delivery"] == copied["note"] == 1
    assert set(copied) == set(tables.metadata.tables) - {"schema_version", "presence"}

    await target.open()
    try:
        for query in ("nascut", '"nascut word7"', "tag:vip", "status:waiting"):
            asked = parse(query)
            found = await cases.ids(target, asked, me="ana", now=NOW)
            assert found
            assert found == await cases.ids(full, asked, me="ana", now=NOW)
        assert (await cases.get(target, 3)).notes == (await cases.get(full, 3)).notes
        over = period(NOW - A_DAY, NOW + A_DAY, NOW.tzinfo or factories.UTC)
        assert await insights.compute(target, over, factories.UTC) == await insights.compute(full, over, factories.UTC)
        line = await land(target, read_mention(id="p5"), read_mention("later", id="later", author="somebody"))
        assert (line.new, line.duplicate) == (1, 1)
        with pytest.raises(Conflict, match="has been sent"):
            await cases.undo(target, agent="ana", now=NOW)
        noted = await do(target, AddNote("on the new one"), 3)
        assert (await cases.undo(target, agent="ana", now=NOW)).cases.keys() == noted.cases.keys()
    finally:
        await target.close()


async def test_what_was_broken_off_goes_on_and_is_no_store_until_then(full: Database, other: str) -> None:
    class BrokenOffError(Exception):
        pass

    def breaks(table: str, done: int, total: int) -> None:
        if (table, done) == ("mention", 1_000):
            raise BrokenOffError

    with pytest.raises(BrokenOffError):
        await copying.copy(full, Database(other), breaks)
    with pytest.raises(StoreError, match="broken off"):
        await Database(other).open()

    told: list[tuple[str, int, int]] = []
    await copying.copy(full, Database(other), lambda *what: told.append(what))
    assert [what for what in told if what[0] == "mention"] == [("mention", 1_201, 1_201)]
    target = Database(other)
    await target.open()
    assert len(await rows(target, tables.mention)) == 1_201
    assert [row.version for row in await rows(target, tables.schema_version)] == [migrations.CURRENT]
    await target.close()


async def test_a_store_in_use_is_left_alone(full: Database, other: str) -> None:
    target = Database(other)
    await target.open()
    await land(target, read_mention("already here"))
    await target.close()

    with pytest.raises(Conflict, match="in use"):
        await copying.copy(full, target)

    await target.open()
    assert len(await rows(target, tables.mention)) == 1
    await target.close()


async def test_a_row_that_arrived_otherwise_is_seen(full: Database, other: str) -> None:
    target = Database(other)

    def breaks(table: str, done: int, total: int) -> None:
        if table == "change":
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        await copying.copy(full, target, breaks)
    await change(full, update(tables.author).where(tables.author.c.id == 7).values(followers=1))

    with pytest.raises(Conflict, match="differ in author"):
        await copying.copy(full, target)
    with pytest.raises(StoreError, match="broken off"):
        await target.open()


async def test_nothing_that_is_on_its_way_is_copied(full: Database, other: str) -> None:
    await do(full, Reply("one more", "id-2"), 9)

    with pytest.raises(Conflict, match="on their way"):
        await copying.copy(full, Database(other))


async def test_no_worker_works_meanwhile(full: Database, other: str) -> None:
    lock = full.worker_lock()
    await lock.acquire()

    with pytest.raises(Conflict, match="end it first"):
        await copying.copy(full, Database(other))
    await lock.release()
