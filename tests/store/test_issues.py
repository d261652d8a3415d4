"""Recurring issues in the store: which mentions have none, and what finding one does."""

from __future__ import annotations

from datetime import timedelta

import pytest

from store import changes, issues, mentions, tables
from store.database import Database
from tests.factories import NOW, change, land, read_mention, rows

pytestmark = pytest.mark.both

HOUR = timedelta(hours=1)


async def test_what_still_needs_an_issue(db: Database) -> None:
    posts = [(f"login fails {n}", {"title": f"no {n}", "id": f"{n}"}) for n in range(5, 0, -1)]
    line = await land(db, *(read_mention(words, **fields) for words, fields in posts))
    await land(db, read_mention("we are on it", id="o", parent="1", ours=True), deleted=["2"])
    dismissed = (await mentions.get(db, line.new_mentions[0])).case_id
    await change(db, tables.cases.update().where(tables.cases.c.id == dismissed).values(status="dismissed"))
    await issues.found(db, {"login fail": ("Login fails", [line.new_mentions[1]])}, now=NOW)

    left = await issues.unassigned(db)

    assert [(each.title, each.text) for each in left] == [("no 3", "login fails 3"), ("no 1", "login fails 1")]
    assert [each.text for each in await issues.unassigned(db, limit=1)] == ["login fails 1"]


async def test_a_found_issue_spans_its_mentions(db: Database) -> None:
    line = await land(db, *(read_mention(id=f"{n}", created_at=NOW - n * HOUR) for n in (3, 1, 2)))
    start = await changes.newest(db)

    assert await issues.found(db, {"login fail": ("Login fails", line.new_mentions)}, now=NOW) == 3

    [issue] = await rows(db, tables.issue)
    assert (issue.label, issue.first_seen, issue.last_seen) == ("Login fails", NOW - 3 * HOUR, NOW - HOUR)
    assert await issues.phrases(db) == {"login fail": issue.id}
    assert {(await mentions.get(db, each)).issue for each in line.new_mentions} == {"Login fails"}
    assert set((await changes.since(db, start))[1]) == {("case", case_id) for case_id in line.new_cases}


async def test_a_mention_never_changes_issue_and_an_issue_never_its_label(db: Database) -> None:
    one, two, three = (await land(db, *(read_mention() for _ in range(3)))).new_mentions
    await issues.found(db, {"login fail": ("Login fails", [one])}, now=NOW)

    assert await issues.found(db, {"app slow": ("Slow", [one]), "login fail": ("Other", [one, two])}, now=NOW) == 1

    assert await issues.phrases(db) == {"login fail": 1}
    assert [(await mentions.get(db, each)).issue for each in (one, two, three)] == ["Login fails", "Login fails", None]


async def test_our_own_answers_are_nobody_s_issue(db: Database) -> None:
    await land(db, read_mention(id="1"), read_mention(id="2", parent="1", ours=True))
    [_, ours] = await rows(db, tables.mention)

    assert await issues.found(db, {"on it": ("On it", [ours.id])}, now=NOW) == 0
