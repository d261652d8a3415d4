"""What is too old goes, what somebody works on stays, and what is counted stays as it was."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, timedelta

import pytest

from store import cases, insights, ledger, raws, retention, tables
from store.database import Database
from store.domain.action import Action, Assign, Dismiss, Done, Escalate, Reply, Snooze
from store.domain.case import CaseStatus
from store.domain.desk import Retention, Watch
from store.domain.place import Server
from store.domain.poll import Rejected
from store.watches import sync
from tests.factories import NOW, land, read_mention, rows
from tests.postgres import files_of
from tests.store.desk import do, row_of
from tests.store.waiting import waits_during

pytestmark = pytest.mark.both
A_DAY = timedelta(days=1)
OLD, YOUNG = NOW - 400 * A_DAY, NOW - 10 * A_DAY
YEAR = Retention(mentions=365 * A_DAY)


async def keep(db: Database, kept: Retention, watches: Mapping[str, timedelta | None] | None = None) -> retention.Gone:
    return await retention.keep(db, kept, watches or {}, now=NOW)


async def words(db: Database) -> dict[str, str]:
    """Who still says what."""
    found = await cases.listing(db, None, me="ana", now=NOW)
    return {str(row.handle): str(row.text) for row in found if row.text}


async def test_what_is_too_old_goes_and_what_is_counted_stays(db: Database) -> None:
    old = read_mention("acme wombatting", author="zerline_q", created_at=OLD, raw=b"{wombatting}", sentiment="negative")
    line = await land(db, old, read_mention("acme young", author="bob", created_at=YOUNG))
    over = insights.period(OLD - A_DAY, NOW, UTC)
    before = await insights.compute(db, over, UTC)
    gone = await keep(db, YEAR)
    assert (gone.mentions, await words(db)) == (1, {"bob": "acme young"})
    assert await insights.compute(db, over, UTC) == before
    assert (await row_of(db, line.new_cases[0])).status is CaseStatus.DONE
    await db.upkeep().write_out()
    if isinstance(db.place, Server):
        await db.upkeep().compact()
    for file in files_of(db.place):
        assert not {word for word in (b"wombatting", b"zerline_q") if word in file.read_bytes()}, file
    assert not await keep(db, YEAR)
    again = await land(db, old)
    assert (again.new, again.duplicate) == (0, 1)


async def test_people_who_are_not_named_are_still_counted_one_by_one(db: Database) -> None:
    await land(db, *(read_mention(f"acme {n}", author="unknown", created_at=OLD) for n in range(3)))
    over = insights.period(OLD - A_DAY, NOW, UTC)
    before = await insights.compute(db, over, UTC)
    assert before.authors == 3
    assert (await keep(db, YEAR)).mentions == 3
    assert await insights.compute(db, over, UTC) == before


async def test_nothing_goes_where_nothing_is_said(db: Database) -> None:
    await land(db, read_mention(created_at=OLD, raw=b"{}"))
    assert not await keep(db, Retention(), {"acme": None})


@pytest.mark.parametrize(
    ("action", "goes"),
    [
        (None, True),
        (Done(), True),
        (Dismiss("other"), True),
        (Assign("ana"), False),
        (Snooze(NOW + A_DAY), False),
        (Escalate("pr", "why"), False),
        (Reply("sorry", "id-1"), False),
    ],
)
async def test_what_somebody_works_on_stays_until_it_is_finished(
    db: Database, action: Action | None, goes: bool
) -> None:
    line = await land(db, read_mention("acme old", created_at=OLD))
    if action:
        await do(db, action, line.new_cases[0])
    assert (await keep(db, YEAR)).mentions == goes


async def test_a_finished_case_goes_though_it_is_assigned(db: Database) -> None:
    line = await land(db, read_mention("acme old", created_at=OLD))
    await do(db, Assign("ana"), line.new_cases[0])
    await do(db, Done(), line.new_cases[0])
    assert (await keep(db, YEAR)).mentions == 1


@pytest.mark.parametrize(
    ("kept", "watches", "stays"),
    [
        (Retention(), {"short": 90 * A_DAY, "long": None}, {"long", "both", "none"}),
        (YEAR, {"short": 90 * A_DAY, "long": 900 * A_DAY}, {"long", "both"}),
        (Retention(mentions=30 * A_DAY), {"short": None, "long": 900 * A_DAY}, {"long", "both"}),
    ],
)
async def test_the_watch_that_keeps_longest_says(
    db: Database, kept: Retention, watches: dict[str, timedelta | None], stays: set[str]
) -> None:
    await sync(db, [Watch(name, name) for name in watches])
    marks = {"short": ["short"], "long": ["long"], "both": ["short", "long"], "none": []}
    await land(db, *(read_mention(author=name, watches=of, created_at=OLD) for name, of in marks.items()))
    await keep(db, kept, watches)
    assert set(await words(db)) == stays


async def test_raw_items_journal_and_ledger_have_ages_of_their_own(db: Database) -> None:
    ago = NOW - 40 * A_DAY
    line = await land(
        db, read_mention(created_at=ago, raw=b"{}"), rejected=[Rejected("1", "broken", b"x")], started_at=ago
    )
    await do(db, Assign("ana"), line.new_cases[0], now=ago)
    young = await land(db, read_mention(author="bob", raw=b"{}"))
    month = 30 * A_DAY
    gone = await keep(db, Retention(raw=month, journal=month, ledger=month))
    assert (gone.mentions, gone.raws, gone.journal, gone.polls) == (0, 2, 1, 1)
    assert await raws.get(db, line.new_mentions[0]) == b""
    assert await raws.get(db, young.new_mentions[0]) == b"{}"
    assert await rows(db, tables.journal) == []
    assert [kept.id for kept in await ledger.lines(db)] == [young.id]


@pytest.mark.sqlite
async def test_others_write_meanwhile_without_waiting_long(db: Database) -> None:
    text = "acme and very many other words that an index has to forget one by one, " * 8
    for start in range(0, 400, 100):
        batch = range(start, start + 100)
        await land(db, *(read_mention(f"{text} {n}", author=f"a{n}", created_at=OLD, raw=b"x" * 900) for n in batch))
    gone, _ = await waits_during(db, keep(db, YEAR))
    assert gone.mentions == 400
