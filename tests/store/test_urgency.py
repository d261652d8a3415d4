"""How urgent a case is when it is looked at: the clock, the author and the issue on top of what its words say."""

from __future__ import annotations

import random
from datetime import datetime, timedelta

import pytest
from sqlalchemy import update

from store import cases
from store.database import Database
from store.domain.action import Done, Prioritise
from store.domain.case import InboxRow, Priority
from store.domain.mention import UNKNOWN_AUTHOR
from store.tables import mention
from tests import factories
from tests.factories import A_DAY, NOW, change, land, read_mention
from tests.store.desk import do

HOUR = timedelta(hours=1)
pytestmark = pytest.mark.both


async def look(db: Database, case_id: int, now: datetime = NOW) -> InboxRow:
    (row,) = await cases.rows(db, [case_id], now=now)
    return row


async def test_waiting_grows_with_the_share_of_the_promise_that_is_used_up(db: Database) -> None:
    line = await land(db, read_mention(thread="t", created_at=NOW, urgency=25, reasons=["negative"]))
    (case_id,) = line.new_cases
    seen = [await look(db, case_id, NOW + hours * HOUR) for hours in (0, 1, 20, 26, 100)]
    assert [row.urgency for row in seen] == [25, 25, 41, 46, 55]
    assert [row.reasons[1:] for row in seen] == [
        (), (), ("waits 20 h of 24 h",), ("due 2 h ago",), ("due 3 days ago",)
    ]  # fmt: skip
    (bare,) = await cases.rows(db, [case_id])
    assert (bare.urgency, bare.reasons) == (25, ("negative",)), "without a moment it is what the words say"
    assert (await cases.get(db, case_id, now=NOW + 20 * HOUR)).row == seen[2]

    await do(db, Done(), case_id)
    done = await look(db, case_id, NOW + 100 * HOUR)
    assert (done.urgency, done.reasons) == (25, ("negative",)), "nobody waits any more"
    again = NOW + 200 * HOUR
    await land(db, read_mention("and again", thread="t", created_at=again), now=again)
    assert (await look(db, case_id, again + 12 * HOUR)).reasons == ("waits 12 h of 24 h",), "a new word, a new clock"


async def test_who_comes_back_within_a_week_counts_across_cases(db: Database) -> None:
    days = [9, 5, 3, 0]
    posts = [read_mention(author="ana", thread=f"t{n}", created_at=NOW - n * A_DAY, id=f"p{n}") for n in days]
    line = await land(db, *posts, read_mention(author="ben", created_at=NOW), reply_within=1000 * A_DAY)
    ana, ben = line.new_cases[days.index(0)], line.new_cases[-1]
    rows = {row.id: row for row in await cases.rows(db, line.new_cases, now=NOW)}
    back = [row for row in rows.values() if row.handle == "ana"]
    assert {(row.urgency, row.reasons) for row in back} == {(10, ("3rd message in 7 days",))}
    assert [row.reasons for row in rows.values() if row.handle == "ben"] == [()]
    later = await cases.rows(db, [ana, ben], now=NOW + 8 * A_DAY)
    assert [row.reasons for row in later] == [(), ()], "a week later nobody comes back"


async def test_people_who_are_not_named_do_not_come_back(db: Database) -> None:
    line = await land(db, *(read_mention(author=UNKNOWN_AUTHOR, created_at=NOW, thread=f"t{n}") for n in range(4)))
    assert {row.urgency for row in await cases.rows(db, line.new_cases, now=NOW)} == {0}


async def test_an_issue_that_grows_makes_its_cases_urgent(db: Database) -> None:
    before = [read_mention(author=f"a{n}", created_at=NOW - 30 * HOUR) for n in range(4)]
    lately = [read_mention(author=f"b{n}", created_at=NOW - HOUR) for n in range(19)]
    alone = read_mention(author="c", created_at=NOW - HOUR)
    line = await land(db, *before, *lately, alone, reply_within=1000 * A_DAY)
    await factories.issue_of(db, "login", line.new_mentions[:-1])
    rows = await cases.rows(db, line.new_cases, now=NOW)
    assert [row.urgency for row in rows] == [10] * 23 + [0]
    assert rows[5].reasons == ("issue growing: 4 -> 19 a day",)
    assert {row.urgency for row in await cases.rows(db, line.new_cases, now=NOW + 3 * A_DAY)} == {0}


async def test_the_most_urgent_first_is_the_order_of_what_is_shown(db: Database) -> None:
    rng = random.Random(3)
    posts = [
        read_mention(
            author=rng.choice(["ana", "ben", "cyd", "dan", UNKNOWN_AUTHOR]),
            thread=f"t{number}",
            urgency=rng.randrange(101),
            intent=rng.choice([None, "spam", "complaint"]),
            created_at=NOW - rng.randrange(1, 60) * HOUR,
        )
        for number in range(60)
    ]
    line = await land(db, *posts)
    await factories.issue_of(db, "login", line.new_mentions[::3])
    await change(db, update(mention).where(mention.c.id == 7).values(ours=True))
    await do(db, Done(), *line.new_cases[::7])
    await do(db, Prioritise(Priority.LOW), *line.new_cases[1::9])
    found = await cases.ids(db, None, me="ana", now=NOW, urgent_first=True)
    rows = await cases.rows(db, found, now=NOW)
    rank = [Priority.LOW, Priority.NORMAL, Priority.HIGH, Priority.URGENT]

    def place(row: InboxRow) -> tuple[object, ...]:
        return -rank.index(row.priority), -row.urgency, row.due_at, row.id

    assert found == [row.id for row in sorted(rows, key=place)]
    assert len(found) == len(line.new_cases)
    assert {row.id: row for row in rows} == {row.id: row for row in await cases.listing(db, None, me="ana", now=NOW)}
    assert all(0 <= row.urgency <= 100 for row in rows)
    assert await cases.ids(db, None, me="ana", now=NOW, urgent_first=True, limit=9) == found[:9]
