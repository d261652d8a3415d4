"""Originals that change or go."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any

import pytest
from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncConnection

from store import cases, mentions, outbox, raws, tables
from store.database import Database
from store.dialects import dialect_of
from store.domain.action import Reply
from store.domain.errors import BadInput
from store.domain.mention import ReadMention
from tests.factories import A_DAY, NOW, change, land, read_mention, rows

pytestmark = pytest.mark.both

HOUR = timedelta(hours=1)


def post(words: str = "acme is fine", **fields: Any) -> ReadMention:
    return read_mention(words, **{"id": "a", "created_at": NOW - 5 * HOUR} | fields)


async def texts(db: Database) -> tuple[str, list[tuple[datetime, str]]]:
    """What the one mention says now, and what it said before."""
    [row] = await rows(db, tables.mention)
    stored = await mentions.get(db, row.id)
    return stored.text, list(stored.versions)


async def found_by(db: Database, word: str) -> int:
    """How many mentions the search index has under a word."""

    async def work(connection: AsyncConnection) -> int:
        index = dialect_of(connection).full_text
        found = select(tables.mention.c.id).where(index.found(index.phrase((word,))))
        return len((await connection.execute(found)).all())

    return await db.read(work)


async def test_an_edit_keeps_what_was_said_before(db: Database) -> None:
    await land(db, post("acme is fine", title="one"))
    await land(db, post("acme is slow", edited_at=NOW - 2 * HOUR, sentiment="negative", language="de"))
    line = await land(db, post("acme is dead", edited_at=NOW - HOUR, raw=b"{}"))

    assert (line.new, line.duplicate) == (0, 1)
    assert await texts(db) == (
        "acme is dead",
        [(NOW - 5 * HOUR, "one\n\nacme is fine"), (NOW - 2 * HOUR, "acme is slow")],
    )
    [row] = await rows(db, tables.mention)
    assert (row.edited_at, row.sentiment, row.language) == (NOW - HOUR, "neutral", "en")
    assert await raws.get(db, row.id) == b"{}"
    assert (await found_by(db, "dead"), await found_by(db, "fine")) == (1, 0)


async def test_the_same_words_again_are_no_edit(db: Database) -> None:
    await land(db, post())
    await land(db, post())
    await land(db, post(edited_at=NOW))

    assert await texts(db) == ("acme is fine", [])
    assert await rows(db, tables.journal) == []
    assert (await rows(db, tables.mention))[0].edited_at == NOW


@pytest.mark.parametrize(
    ("late", "source", "wins"),
    [
        ({"edited_at": NOW - 3 * HOUR}, "mastodon.social", False),
        ({"edited_at": NOW - HOUR}, "fosstodon.org", True),
        ({}, "fosstodon.org", False),
        ({}, "mastodon.social", True),
    ],
)
async def test_an_old_copy_from_elsewhere_does_not_win(
    db: Database, late: dict[str, datetime], source: str, wins: bool
) -> None:
    await land(db, post("acme is fine"))
    await land(db, post("acme is slow", edited_at=NOW - 2 * HOUR))

    await land(db, post("acme is odd", **late), source=source)

    assert (await texts(db))[0] == ("acme is odd" if wins else "acme is slow")


@pytest.mark.parametrize(
    ("before", "after", "status", "now"),
    [
        ("neutral", "negative", "done", "open"),
        ("positive", "negative", "done", "open"),
        ("negative", "negative", "done", "done"),
        ("neutral", "positive", "done", "done"),
        ("neutral", "negative", "waiting", "waiting"),
        ("neutral", "negative", "dismissed", "dismissed"),
    ],
)
async def test_an_edit_that_turns_negative_opens_what_was_done(
    db: Database, before: str, after: str, status: str, now: str
) -> None:
    await land(db, post(sentiment=before))
    await change(db, tables.cases.update().values(status=status))

    await land(db, post("acme is awful", sentiment=after, edited_at=NOW))

    [case] = await rows(db, tables.cases)
    [entry] = await rows(db, tables.journal)
    assert (case.status, case.version) == (now, 2)
    assert (entry.agent, entry.action, entry.before.get("status", status)) == ("earful", "edit", status)
    if now == "open":
        assert case.due_at == NOW + A_DAY


async def test_new_words_end_a_person_s_correction(db: Database) -> None:
    await land(db, post(sentiment="positive"))
    await change(db, tables.mention.update().values(sentiment="negative", score=-1.0, corrected_by="bo"))

    await land(db, post(edited_at=NOW))
    assert (await rows(db, tables.mention))[0].corrected_by == "bo"

    await land(db, post("thanks acme", sentiment="positive", edited_at=NOW + HOUR))
    [row] = await rows(db, tables.mention)
    assert (row.sentiment, row.corrected_by) == ("positive", None)


async def test_an_edit_moves_between_watches_but_never_out_of_all(db: Database) -> None:
    await land(db, post(watches=["acme"]))
    [row] = await rows(db, tables.mention)

    await land(db, post("two", watches=["outages"]))
    assert (await mentions.get(db, row.id)).watches == ("outages",)

    await land(db, post("three", watches=[], lands=False))
    assert (await mentions.get(db, row.id)).watches == ("outages",)


async def test_our_own_words_are_left_alone(db: Database) -> None:
    await land(db, post())
    await land(db, read_mention("we are on it", id="b", parent="a", ours=True, author="acme"))

    await land(db, read_mention("we are off it", id="b", parent="a", ours=True, author="acme", edited_at=NOW))

    assert [row.text for row in await rows(db, tables.mention)] == ["acme is fine", "we are on it"]


async def test_what_its_author_deleted_is_gone_everywhere(db: Database) -> None:
    await land(db, post("acme leaked my address", title="help", raw=b"raw"))
    await land(db, post("acme leaked everything", edited_at=NOW - HOUR, raw=b"raw"))

    line = await land(db, deleted=["a", "never seen"])

    assert line.returned == 0
    [row] = await rows(db, tables.mention)
    assert (row.text, row.title, row.deleted_at) == ("", "", NOW)
    assert await raws.get(db, row.id) == b""
    assert await rows(db, tables.mention_version) == []
    assert await found_by(db, "leaked") == await found_by(db, "help") == 0
    [case] = await rows(db, tables.cases)
    assert (case.mentions, case.version) == (1, 3)
    assert [entry.action for entry in await rows(db, tables.journal)] == ["edit", "delete"]


async def test_what_is_deleted_stays_so(db: Database) -> None:
    await land(db, post("acme leaked my address"))
    await land(db, deleted=["a"], now=NOW)

    await land(db, post("acme leaked my address", edited_at=NOW + HOUR), deleted=["a"], now=NOW + HOUR)

    [row] = await rows(db, tables.mention)
    assert (row.text, row.deleted_at) == ("", NOW)


async def test_a_deletion_on_one_network_spares_the_same_id_on_another(db: Database) -> None:
    await land(db, post("here"), post("there", network="hackernews"))

    await land(db, deleted=["a"])

    assert [row.text for row in await rows(db, tables.mention)] == ["", "there"]


async def test_an_edit_of_the_same_words_brings_the_watches_that_it_matches_by_now(db: Database) -> None:
    (row_id,) = (await land(db, post())).new_mentions
    await land(db, post(edited_at=NOW, watches=("acme", "status")))
    assert (await mentions.get(db, row_id)).watches == ("acme", "status")


async def test_where_their_newest_word_is_gone_the_one_before_is_answered(db: Database) -> None:
    asked = [
        post(f"{name}?", id=name, thread="t", created_at=NOW - hours * HOUR) for name, hours in (("a", 3), ("b", 2))
    ]
    (case_id,) = (await land(db, *asked)).new_cases
    await land(db, deleted=["b"])
    (row,) = await cases.rows(db, [case_id])
    assert row.text == "a?"
    acted = await cases.act(db, [(case_id, None)], Reply("yes", "id-1"), agent="ana", now=NOW)
    assert (await outbox.get(db, acted.deliveries[0])).target == "a"

    await land(db, deleted=["a"])
    with pytest.raises(BadInput, match="no word of theirs left"):
        await cases.act(db, [(case_id, None)], Reply("no", "id-2"), agent="ana", now=NOW)
