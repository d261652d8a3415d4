"""The ledger: one line a poll, newest first."""

from __future__ import annotations

from datetime import timedelta

from store import ledger
from store.database import Database
from store.domain.poll import Rejected
from tests.factories import A_DAY, NOW, land, read_mention


async def test_lines_by_source_and_time(db: Database) -> None:
    for days, source in ((3, "hn"), (1, "feed"), (2, "hn")):
        await land(db, read_mention(), source=source, started_at=NOW - days * A_DAY)

    async def days_ago(**wanted: object) -> list[int]:
        return [(NOW - line.started_at).days for line in await ledger.lines(db, **wanted)]  # type: ignore[arg-type]

    assert await days_ago() == [1, 2, 3]
    assert await days_ago(source="hn") == [2, 3]
    assert await days_ago(since=NOW - 2 * A_DAY) == [1, 2]
    assert await days_ago(limit=1) == [1]


async def test_a_failed_fetch_has_a_line_too(db: Database) -> None:
    await land(db, error="no answer in 30 s", failures=2, next_poll_at=NOW + timedelta(minutes=4))

    [line] = await ledger.lines(db)
    assert (line.returned, line.error) == (0, "no answer in 30 s")


async def test_a_line_says_why_the_first_of_what_failed_could_not_be_read(db: Database) -> None:
    aside = [Rejected("7", "an item without url", b"{}"), Rejected("8", "no date", b"{}")]
    line = await land(db, read_mention(), rejected=aside)

    [stored] = await ledger.lines(db)
    assert (line.failed, line.reason) == (stored.failed, stored.reason) == (2, "an item without url")


async def test_nothing_was_rejected_by_a_good_page(db: Database) -> None:
    line = await land(db, read_mention())
    [stored] = await ledger.lines(db)
    assert line.reason == stored.reason == ""

    assert await ledger.rejected(db, line.id) == []
