"""The inbox and the case: what a line shows, in which order, by which index; whose turn it is."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict
from datetime import datetime, timedelta
from typing import Any

import pytest
from sqlalchemy import update
from sqlalchemy.ext.asyncio import AsyncConnection

from store import cases, changes, mentions, outbox, tables
from store.database import Database
from store.domain.action import AddNote, Assign, Dismiss, Done, Escalate, Prioritise, Reply, Snooze, Tag
from store.domain.case import CaseStatus, Priority
from store.domain.delivery import DeliveryState
from store.domain.desk import DEFAULT_VIEWS, Role, View, Watch
from store.domain.errors import BadInput, NotFound
from store.domain.mention import UNKNOWN_AUTHOR, NewAuthor, ReadMention
from store.domain.query import parse
from tests.factories import NOW, issue_of, land, read_mention
from tests.hostile import PAYLOADS, harm_in
from tests.store.desk import do, open_cases, plan, reply, row_of, statements, status_of

pytestmark = pytest.mark.both

HOUR = timedelta(hours=1)


async def found(db: Database, query: str, *, me: str = "ana") -> list[int]:
    return await cases.ids(db, parse(query), me=me, now=NOW)


async def test_a_line_of_the_inbox_says_what_the_newest_word_of_theirs_is(db: Database) -> None:
    await mentions.sync_watches(db, [Watch("acme", "acme"), Watch("rival", "rival", role=Role.COMPETITOR)])
    ana = NewAuthor("ana@example.org", "Ana", followers=1200)
    first = read_mention(
        "all fine", author=ana, id="1", thread="t", watches=["acme"], created_at=NOW - 3 * HOUR, sentiment="positive"
    )
    newest = read_mention(
        "x" * 500,
        title="Down again",
        author=ana,
        id="2",
        thread="t",
        watches=["acme", "rival"],
        created_at=NOW - HOUR,
        language="ro",
        sentiment="negative",
        score=-0.7,
        intent="complaint",
        urgency=80,
        reasons=["outage"],
    )
    line = await land(db, first, now=NOW - 2 * HOUR)
    await land(db, newest)
    (case_id,) = line.new_cases
    await issue_of(db, "Login is down", [2])
    await do(db, Tag(("vip", "press")), case_id)
    await reply(db, case_id)

    row = await row_of(db, case_id)
    assert (row.handle, row.name, row.followers) == ("ana@example.org", "Ana", 1200)
    assert (row.title, row.text, row.url) == ("Down again", "x" * 300, "https://social.example/2")
    assert (row.language, row.sentiment, row.score) == ("ro", "negative", -0.7)
    assert (row.intent, row.urgency, row.reasons) == ("complaint", 80, ("outage",))
    assert (row.issue, row.watches, row.tags) == ("Login is down", ("acme", "rival"), ("press", "vip"))
    assert (row.created_at, row.last_at, row.seen_at) == (NOW - 3 * HOUR, NOW - HOUR, NOW - 2 * HOUR)
    assert (row.status, row.priority, row.assignee) == (CaseStatus.WAITING, Priority.NORMAL, None)
    assert (row.source, row.network, row.mentions, row.delivery) == ("mastodon.social", "mastodon", 2, "held")


async def test_rows_come_in_the_order_asked_and_a_page_of_them_is_a_handful_of_statements(db: Database) -> None:
    case_ids = await open_cases(db, 60)
    asked = [*case_ids[::2], 4711, *case_ids[1::2]]
    with statements() as told:
        rows = await cases.rows(db, asked)
    assert [row.id for row in rows] == [case_id for case_id in asked if case_id != 4711]
    assert len(told) <= 5


async def test_more_rows_than_a_statement_takes(db: Database) -> None:
    case_ids = await open_cases(db, 1_000)
    assert [row.id for row in await cases.rows(db, case_ids)] == case_ids


async def test_what_another_program_wrote_into_the_store_is_harmless(db: Database) -> None:
    """Intake cleans what comes in, but a store that a team shares has other writers."""
    payloads = [payload.encode("utf-8", "replace").decode() for payload in PAYLOADS.values()]
    case_ids = await open_cases(db, len(payloads))
    await do(db, AddNote("x"), *case_ids)
    await do(db, Reply("x", "draft"), *case_ids)
    await do(db, Tag(("x",)), *case_ids)

    async def write(connection: AsyncConnection) -> None:
        for case_id, text in zip(case_ids, payloads, strict=True):
            one = tables.mention.c.case_id == case_id
            await connection.execute(update(tables.mention).where(one).values(text=text, title=text, url=text))
            await connection.execute(update(tables.mention).where(one).values(reasons=[text]))
            foreign = {"author": {"name": text, "handle": f"{case_id} {text}"}, "cases": {"assignee": text}}
            for name, values in foreign.items():
                table = tables.metadata.tables[name]
                await connection.execute(update(table).where(table.c.id == case_id).values(values))
            for table, column in ((tables.note, "text"), (tables.case_tag, "tag"), (tables.delivery, "to")):
                await connection.execute(update(table).where(table.c.case_id == case_id).values({column: text}))

    await db.write(write)
    for case_id in case_ids:
        whole = await cases.get(db, case_id)
        shown = [asdict(whole.row), [asdict(note) for note in whole.notes], whole.deliveries[0].to]
        assert [harm for text in texts_in(shown) for harm in harm_in(text)] == []


def texts_in(thing: object) -> Iterator[str]:
    if isinstance(thing, str):
        yield thing
    elif isinstance(thing, Mapping):
        yield from texts_in(tuple(thing.values()))
    elif isinstance(thing, Sequence):
        for part in thing:
            yield from texts_in(part)


async def test_pages_by_key_show_every_case_once_in_inbox_order_also_where_times_are_equal(db: Database) -> None:
    times = [NOW - HOUR * (n // 4) for n in range(23)]
    await land(db, *(read_mention(author=f"a{n}", created_at=at) for n, at in enumerate(times)))
    whole = await cases.ids(db, None, me="ana", now=NOW)
    seen: list[int] = []
    after: cases.Place | None = None
    while page := await cases.listing(db, None, me="ana", now=NOW, limit=5, after=after):
        seen += [row.id for row in page]
        after = (page[-1].last_at, page[-1].id)
    assert seen == whole
    rows = await cases.rows(db, whole)
    assert [(row.last_at, row.id) for row in rows] == sorted(((row.last_at, row.id) for row in rows), reverse=True)
    assert await cases.ids(db, None, me="ana", now=NOW, limit=7) == whole[:7]
    assert len(await cases.listing(db, None, me="ana", now=NOW)) == 23


async def test_a_case_that_moves_up_while_pages_are_read_is_not_shown_twice(db: Database) -> None:
    await land(db, *(read_mention(author=f"a{n}", thread=f"t{n}", created_at=NOW - HOUR * n) for n in range(6)))
    first = await cases.listing(db, None, me="ana", now=NOW, limit=3)
    await land(db, read_mention("again", author="a5", thread="t5", created_at=NOW))
    rest = await cases.listing(db, None, me="ana", now=NOW, after=(first[-1].last_at, first[-1].id))
    assert {row.id for row in first}.isdisjoint({row.id for row in rest})
    assert len(rest) == 2


async def test_counting_stops_at_the_ceiling(db: Database) -> None:
    await open_cases(db, 12)
    assert await cases.count(db, None, me="ana", now=NOW) == 12
    assert await cases.count(db, None, me="ana", now=NOW, ceiling=10) == 10


async def test_the_views_show_what_their_names_say(db: Database) -> None:
    new, opened, mine, waiting, snoozed, escalated, done, dismissed = await open_cases(db, 8)
    await do(db, AddNote("looking"), opened)
    await do(db, Assign("ana"), mine)
    await do(db, Reply("hello", "draft"), waiting)
    await do(db, Snooze(None), snoozed)
    await do(db, Escalate("pr", "press"), escalated)
    await do(db, Done(), done)
    await do(db, Dismiss("spam"), dismissed)
    views = {view.name: sorted(await found(db, view.query)) for view in DEFAULT_VIEWS}
    assert views == {
        "inbox": [new, opened, mine],
        "mine": [mine],
        "unassigned": [new, opened],
        "waiting": [waiting],
        "snoozed": [snoozed],
        "escalated": [escalated],
        "done": [done],
        "dismissed": [dismissed],
        "all": [new, opened, mine, waiting, snoozed, escalated, done, dismissed],
    }


@pytest.mark.sqlite
@pytest.mark.parametrize("view", DEFAULT_VIEWS, ids=lambda view: view.name)
async def test_a_view_is_read_by_index(db: Database, view: View) -> None:
    query = parse(view.query)
    with statements() as told:
        await cases.listing(db, query, me="ana", now=NOW, limit=60, after=(NOW, 10))
    (select,) = [each for each in told if "FROM cases" in each[0] and "ORDER BY" in each[0]]
    steps = plan(db.path, select)
    assert not [step for step in steps if step.startswith("SCAN") and "USING" not in step], steps
    if query is None or view.query.count("status:") == 1:
        assert not [step for step in steps if "TEMP B-TREE" in step], steps


async def test_a_case_whole(db: Database) -> None:
    at = iter(NOW - HOUR * n for n in range(9, 0, -1))

    def said(text: str, author: str, name: str, **fields: Any) -> ReadMention:
        return read_mention(text, author=author, id=name, created_at=next(at), **fields)

    line = await land(
        db,
        said("question", "ana", "1", thread="t"),
        said("same here", "ben", "2", thread="t"),
        said("anybody?", "ana", "3", thread="t"),
        said("elsewhere", "ana", "4", thread="other"),
    )
    case_id = line.new_cases[0]
    await do(db, AddNote("known issue"), case_id)
    hidden = await do(db, AddNote("wrong case"), case_id)
    await cases.undo(db, agent="ana", now=NOW, batch=hidden.batch)
    await reply(db, case_id, "on it")
    whole = await cases.get(db, case_id)
    assert (whole.row.id, whole.thread) == (case_id, "t")
    assert [(one.text, one.author.handle) for one in whole.mentions] == [("question", "ana"), ("anybody?", "ana")]
    assert [(one.text, one.author.handle) for one in whole.around] == [("same here", "ben")]
    assert [note.text for note in whole.notes] == ["known issue"]
    assert [entry.action for entry in whole.journal] == ["note", "note", "undo", "reply"]
    assert [one.text for one in whole.deliveries] == ["on it"]
    with pytest.raises(NotFound, match="no case 4711"):
        await cases.get(db, 4711)


async def test_what_failed_is_shown_until_another_of_its_kind_follows(db: Database) -> None:
    (case_id,) = await open_cases(db)
    delivery_id = await reply(db, case_id, "one", "one")
    for state in (DeliveryState.QUEUED, DeliveryState.FAILED):
        await outbox.move(db, await outbox.get(db, delivery_id), state, now=NOW)
    assert (await row_of(db, case_id)).delivery == "failed"
    second = await reply(db, case_id, "two", "two")
    for state in (DeliveryState.QUEUED, DeliveryState.SENDING, DeliveryState.SENT):
        await outbox.move(db, await outbox.get(db, second), state, now=NOW)
    assert (await row_of(db, case_id)).delivery == ""


async def test_snoozed_cases_wake_when_their_time_has_come(db: Database) -> None:
    soon, later, until_reply, done = await open_cases(db, 4)
    await do(db, Snooze(NOW + HOUR), soon, done)
    await do(db, Snooze(NOW + 2 * HOUR), later)
    await do(db, Snooze(None), until_reply)
    await do(db, Done(), done)
    sequence = await changes.newest(db)
    assert await cases.wake(db, now=NOW + HOUR - timedelta(seconds=1)) == 0
    assert await cases.wake(db, now=NOW + HOUR) == 1
    row = await row_of(db, soon)
    assert (row.status, row.snoozed_until) == (CaseStatus.OPEN, None)
    assert [await status_of(db, case_id) for case_id in (later, until_reply, done)] == ["snoozed", "snoozed", "done"]
    assert (await changes.since(db, sequence))[1] == [("case", soon)]
    entry = (await cases.get(db, soon)).journal[-1]
    assert (entry.action, entry.agent) == ("wake", "earful")


async def test_what_is_muted_is_dismissed_now_and_from_now_on(db: Database) -> None:
    def post(text: str, author: str, thread: str) -> ReadMention:
        return read_mention(text, author=author, thread=thread)

    line = await land(db, post("buy now", "spammer", "t1"), post("hi", "ben", "t2"), post("giveaway!", "eve", "t3"))
    by_author, by_thread, by_word = line.new_cases
    await cases.mute(db, "author", by_author, "", agent="ana", now=NOW)
    await cases.mute(db, "thread", by_thread, "", agent="ana", now=NOW)
    await cases.mute(db, "word", by_word, "Giveaway", agent="ana", now=NOW)
    assert [await status_of(db, case_id) for case_id in line.new_cases] == ["dismissed"] * 3
    later = await land(
        db,
        post("again", "spammer", "t4"),
        post("me too", "zoe", "t2"),
        post("a GIVEAWAY for you", "max", "t5"),
        post("a question", "max", "t6"),
    )
    statuses = [await status_of(db, case_id) for case_id in later.new_cases]
    assert statuses == ["dismissed", "dismissed", "dismissed", "new"]
    for kind, word in (("word", " !"), ("planet", "mars")):
        with pytest.raises(BadInput):
            await cases.mute(db, kind, by_word, word, agent="ana", now=NOW)


async def test_nobody_cannot_be_muted(db: Database) -> None:
    """ "unknown" stands for everybody whom a source does not name."""
    (case_id,) = (await land(db, read_mention(author=UNKNOWN_AUTHOR))).new_cases
    with pytest.raises(BadInput, match="mute the thread or a word"):
        await cases.mute(db, "author", case_id, "", agent="ana", now=NOW)
    assert await status_of(db, case_id) == "new"


async def test_the_most_urgent_free_case_comes_first_and_says_why(db: Database) -> None:
    def post(author: str, **fields: Any) -> ReadMention:
        return read_mention(author=author, created_at=NOW - 20 * timedelta(minutes=1), **fields)

    line = await land(
        db,
        post("calm"),
        post("angry", sentiment="negative", urgency=70, reasons=["outage"]),
        post("taken", urgency=100),
        post("vip"),
        post("finished", urgency=100),
        reply_within=HOUR,
    )
    calm, angry, taken, vip, finished = line.new_cases
    overdue = (await land(db, read_mention(author="late", created_at=NOW - 3 * HOUR), reply_within=HOUR)).new_cases[0]
    await do(db, Assign("ben"), taken)
    await do(db, Done(), finished)
    await do(db, Prioritise(Priority.URGENT), vip)
    order: list[int] = []
    reasons: list[str] = []
    while claimed := await cases.next_urgent(db, agent="ana", now=NOW):
        order.append(claimed[0])
        reasons.append(claimed[1])
    assert order == [vip, angry, overdue, calm]
    assert reasons == [
        "urgent priority, urgency 6: waits 20 min of 1 h",
        "urgency 76: outage, waits 20 min of 1 h",
        "urgency 30: due 2 h ago",
        "urgency 6: waits 20 min of 1 h",
    ]
    assert {(await row_of(db, case_id)).assignee for case_id in order} == {"ana"}
    await cases.undo(db, agent="ana", now=NOW)
    assert (await row_of(db, calm)).assignee is None


async def test_two_agents_never_claim_the_same_case(db: Database) -> None:
    case_ids = await open_cases(db, 20)
    other = Database(db.place)
    await other.open()

    async def claim(each: Database, agent: str) -> list[int]:
        mine: list[int] = []
        while claimed := await cases.next_urgent(each, agent=agent, now=NOW):
            mine.append(claimed[0])
        return mine

    try:
        by_ana, by_ben = await asyncio.gather(claim(db, "ana"), claim(other, "ben"))
    finally:
        await other.close()
    assert sorted(by_ana + by_ben) == case_ids


@pytest.mark.parametrize(
    ("ago", "words"),
    [
        (timedelta(seconds=30), "0 min"),
        (59 * timedelta(minutes=1), "59 min"),
        (47 * HOUR, "47 h"),
        (49 * HOUR, "2 days"),
    ],
)
async def test_a_span_is_said_in_its_largest_unit(db: Database, ago: timedelta, words: str) -> None:
    due: datetime = NOW - ago
    line = await land(db, read_mention(created_at=due - HOUR), reply_within=HOUR)
    claimed = await cases.next_urgent(db, agent="ana", now=NOW)
    assert claimed is not None
    assert claimed[0] == line.new_cases[0]
    assert claimed[1].endswith(f": due {words} ago")


async def test_people_who_are_not_named_are_not_one_person(db: Database) -> None:
    """Each has a case of their own in the thread that they share; all of it stands around each."""
    posts = [read_mention(f"word {n}", id=f"c{n}", thread="post", author=UNKNOWN_AUTHOR) for n in range(3)]
    line = await land(db, *posts)
    assert len(line.new_cases) == 3
    case = await cases.get(db, line.new_cases[0])
    assert (case.thread, len(case.mentions), len(case.around)) == ("post", 1, 2)
    await cases.mute(db, "thread", line.new_cases[0], "", agent="ana", now=NOW)
    again = await land(db, read_mention("more", id="c9", thread="post", author="eve"))
    assert await status_of(db, again.new_cases[0]) == "dismissed"
