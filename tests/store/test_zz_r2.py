from __future__ import annotations
from datetime import timedelta
from pathlib import Path
import pytest
from store import cases, mentions, outbox, drafts, insights, changes
from store.database import Database
from store.domain.action import AddNote, Reply, Tag
from store.domain.errors import BadInput
from store.domain.query import parse
from store.domain.desk import Desk, Rule, Watch
from sources.intake import Intake
from sources.protocol import Page
from sources.adapters.file import read_pages
from sources.adapters import fields
from tests.factories import NOW, land, new_mention, page, read_mention, rows
from tests.store.desk import *
from store import tables
from datetime import UTC


def test_file_resume_loses_twins(tmp_path: Path) -> None:
    f = tmp_path / "x.jsonl"
    f.write_text('{"text": "Thanks!"}\n{"text": "a"}\n{"text": "Thanks!"}\n')
    whole = [m.external_id for p in read_pages(f, now=NOW, size=2) for m in p.mentions]
    first = next(read_pages(f, now=NOW, size=2))
    rest = [m.external_id for p in read_pages(f, now=NOW, size=2, bookmark=first.bookmark) for m in p.mentions]
    assert [m.external_id for m in first.mentions] + rest == whole


async def _take(db, desk, *new, lands=False):
    return await Intake(db, desk).take(
        "s", "mastodon", None, "st", Page("x", new), started_at=NOW, next_poll_at=None, lands=lands
    )


async def test_rule_note_twice(db: Database) -> None:
    desk = Desk(watches=(Watch("acme", "acme"),), rules=(Rule("acme", ("note hello",)),))
    line = await _take(db, desk, new_mention("acme a", id="1", thread="t"), new_mention("acme b", id="2", thread="t"))
    assert len(line.new_cases) == 1
    assert len((await cases.get(db, line.new_cases[0])).notes) == 1


async def test_rule_other_network(db: Database) -> None:
    desk = Desk(watches=(Watch("acme", "acme"),), rules=(Rule("bad", ("tag bad",)),))
    line = await _take(
        db, desk, new_mention("acme bad", id="1", network="a"), new_mention("acme good", id="1", network="b")
    )
    tags = {r.text: r.tags for r in await cases.rows(db, line.new_cases)}
    assert tags == {"acme bad": ("bad",), "acme good": ()}


async def test_rule_on_muted(db: Database) -> None:
    desk = Desk(watches=(Watch("acme", "acme"),), rules=(Rule("acme", ("escalate pr",)),))
    (case,) = await open_cases(db)
    await cases.mute(db, "word", case, "lottery", agent="ana", now=NOW)
    line = await _take(db, desk, new_mention("acme lottery", id="z", author="spammer"))
    (r,) = (
        await rows(db, tables.cases.select().where(tables.cases.c.author_id == 2))
        if False
        else [r for r in await rows(db, tables.cases) if r.id != case]
    )
    assert r.status == "dismissed"


async def test_reply_after_delete(db: Database) -> None:
    line = await land(
        db,
        read_mention("one", id="1", thread="t", created_at=NOW - timedelta(hours=3)),
        read_mention("two", id="2", thread="t"),
    )
    (case,) = line.new_cases
    await land(db, deleted=("2",))
    did = await reply(db, case)
    assert (await outbox.get(db, did)).target == "1"


async def test_mute_unknown(db: Database) -> None:
    (case,) = (await land(db, read_mention(author="unknown"))).new_cases
    with pytest.raises(BadInput):
        await cases.mute(db, "author", case, "", agent="ana", now=NOW)


def test_date():
    assert fields.moment("20260101").year == 2026


async def test_authors_unknown(db: Database) -> None:
    await land(db, *(read_mention(author="unknown", id=f"q{n}") for n in range(3)))
    got = await insights.compute(db, insights.period(NOW - timedelta(days=1), NOW, UTC), UTC)
    assert got.authors == 3


async def test_ours_not_negative(db: Database) -> None:
    (case,) = (await land(db, read_mention("hello acme", id="1", thread="t", sentiment="positive"))).new_cases
    await land(
        db, read_mention("so sorry, terrible", id="2", parent="1", ours=True, sentiment="negative", author="acme")
    )
    assert await cases.ids(db, parse("sentiment:negative"), me="ana", now=NOW) == []


async def test_same_words_edit_brings_watch(db: Database) -> None:
    line = await land(db, read_mention("acme", id="1"))
    await land(db, read_mention("acme", id="1", edited_at=NOW, watches=("acme", "other")))
    assert (await mentions.get(db, line.new_mentions[0])).watches == ("acme", "other")
