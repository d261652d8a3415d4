"""The change sequence."""

from __future__ import annotations

from datetime import timedelta

import pytest

from store import changes
from store.database import Database
from tests.factories import NOW

pytestmark = pytest.mark.both


async def note(db: Database, kind: str, *cases: int | None, hours_ago: int = 0) -> None:
    at = NOW - timedelta(hours=hours_ago)
    await db.write(lambda connection: changes.note(connection, kind, cases, at=at))


async def test_a_screen_learns_what_moved_since_it_looked(db: Database) -> None:
    await note(db, "new", 1, 2, 2)
    seen = await changes.newest(db)
    assert await changes.since(db, seen) == (seen, [])

    await note(db, "case", 2)
    await note(db, "source", None)
    await note(db, "case", 2)

    newest, moved = await changes.since(db, seen)
    assert moved == [("case", 2), ("source", None)]
    assert newest == await changes.newest(db)


@pytest.mark.sqlite
async def test_who_is_far_behind_catches_up_in_steps(db: Database) -> None:
    await note(db, "new", *range(1, 26))

    sequence, found = 0, []
    while True:
        sequence, some = await changes.since(db, sequence, limit=10)
        if not some:
            break
        assert len(some) <= 10
        found += some

    assert found == [("new", n) for n in range(1, 26)]


async def test_trimming_never_starts_the_sequence_again(db: Database) -> None:
    await note(db, "new", 1, 2, hours_ago=30)
    await note(db, "new", 3, hours_ago=2)
    newest = await changes.newest(db)

    assert await changes.trim(db, before=NOW - timedelta(hours=24)) == 2
    assert await changes.trim(db, before=NOW) == 0

    await note(db, "new", 4)
    after, moved = await changes.since(db, newest)
    assert moved == [("new", 4)]
    assert await changes.since(db, after) == (after, [])
