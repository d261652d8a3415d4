"""Actions: what each does to a case in every status, and that it happens once, whole, and to what the agent saw."""

from __future__ import annotations

import asyncio
from datetime import timedelta

import pytest
from sqlalchemy.ext.asyncio import AsyncConnection

from store import cases, changes, drafts, journal, outbox
from store.database import Database
from store.domain.action import (
    Action,
    AddNote,
    Assign,
    CorrectSentiment,
    Dismiss,
    Done,
    Escalate,
    Forward,
    Prioritise,
    Reopen,
    Reply,
    Snooze,
    Tag,
)
from store.domain.case import CaseStatus, Priority
from store.domain.delivery import DeliveryKind, DeliveryState
from store.domain.errors import BadInput, Conflict, NotFound
from tests.factories import NOW, land, read_mention
from tests.store.desk import do, open_cases, reply, row_of, snapshot, status_of

pytestmark = pytest.mark.both

TOMORROW = NOW + timedelta(days=1)

ACTIONS: dict[str, Action] = {
    "reply": Reply("thank you", "identity"),
    "note": AddNote("called them"),
    "assign": Assign("ben"),
    "tag": Tag(("vip",)),
    "prioritise": Prioritise(Priority.HIGH),
    "snooze": Snooze(TOMORROW),
    "escalate": Escalate("pr", "newspaper"),
    "forward": Forward("billing"),
    "done": Done(),
    "dismiss": Dismiss("a namesake"),
    "reopen": Reopen(),
    "correct": CorrectSentiment("negative"),
}
STAY = ("note", "assign", "tag", "prioritise", "forward", "correct")
MOVES = {
    "reply": "waiting",
    "snooze": "snoozed",
    "escalate": "escalated",
    "done": "done",
    "dismiss": "dismissed",
    "reopen": "open",
}
INTO: dict[CaseStatus, Action | None] = {
    CaseStatus.NEW: None,
    CaseStatus.OPEN: Reopen(),
    CaseStatus.WAITING: Reply("first answer", "first"),
    CaseStatus.SNOOZED: Snooze(None),
    CaseStatus.ESCALATED: Escalate("legal", "contract"),
    CaseStatus.DONE: Done(),
    CaseStatus.DISMISSED: Dismiss("spam"),
}


@pytest.mark.parametrize("status", CaseStatus)
async def test_where_each_action_takes_a_case_from_each_status(db: Database, status: CaseStatus) -> None:
    opened = dict(zip(ACTIONS, await open_cases(db, len(ACTIONS)), strict=True))
    start = INTO[status]
    for case_id in opened.values():
        if start is not None:
            first = Reply("first answer", f"first-{case_id}") if isinstance(start, Reply) else start
            await do(db, first, case_id)
    assert {await status_of(db, case_id) for case_id in opened.values()} == {status}

    found = {}
    for name, case_id in opened.items():
        await do(db, ACTIONS[name], case_id)
        found[name] = (await status_of(db, case_id)).value

    untouched = "open" if status is CaseStatus.NEW else status.value
    assert found == MOVES | dict.fromkeys(STAY, untouched)


async def test_a_reason_and_a_time_belong_to_their_status_only(db: Database) -> None:
    (case_id,) = await open_cases(db)
    await do(db, Snooze(TOMORROW), case_id)
    assert (await row_of(db, case_id)).snoozed_until == TOMORROW
    await do(db, Escalate("pr", "newspaper"), case_id)
    (standing,) = (await snapshot(db, [case_id]))[0]
    assert standing[4:] == ("pr", "newspaper", None)
    await do(db, Done(), case_id)
    (standing,) = (await snapshot(db, [case_id]))[0]
    assert standing[4:] == ("pr", "", None)


async def test_what_a_rule_does_leaves_a_new_case_new(db: Database) -> None:
    (case_id,) = await open_cases(db)
    await do(db, Tag(("vip",)), case_id, agent="rule")
    assert await status_of(db, case_id) is CaseStatus.NEW
    await do(db, Tag(("press",)), case_id)
    assert await status_of(db, case_id) is CaseStatus.OPEN


async def test_what_changes_nothing_is_no_decision(db: Database) -> None:
    first, second = await open_cases(db, 2)
    await do(db, Done(), first)
    version = (await row_of(db, first)).version
    both = await do(db, Done(), first, second)
    assert list(both.cases) == [second]
    assert (await row_of(db, first)).version == version
    again = await do(db, Done(), first, second)
    assert (again.batch, again.cases) == (0, {})
    assert len((await cases.get(db, first)).journal) == 1


async def test_tags_are_one_lower_case_word_and_kept_once(db: Database) -> None:
    (case_id,) = await open_cases(db)
    await do(db, Tag(("#VIP", "  Very  Important, press ")), case_id)
    await do(db, Tag(("vip",), ("unknown",)), case_id)
    assert (await row_of(db, case_id)).tags == ("very-important-press", "vip")
    await do(db, Tag(remove=("Vip",)), case_id)
    assert (await row_of(db, case_id)).tags == ("very-important-press",)


async def test_a_sentiment_is_corrected_on_the_newest_word_of_theirs(db: Database) -> None:
    await land(db, read_mention("first", id="a", thread="t", created_at=NOW - timedelta(hours=2)))
    line = await land(db, read_mention("newest", id="b", thread="t", sentiment="positive"))
    (number,) = line.new_mentions
    (case_id,) = await cases.ids(db, None, me="ana", now=NOW)
    await do(db, CorrectSentiment("negative"), case_id)
    assert (number, "negative", -1.0, "ana") in (await snapshot(db, [case_id]))[3]
    assert [mention.sentiment for mention in (await cases.get(db, case_id)).mentions] == ["neutral", "negative"]


@pytest.mark.parametrize(
    "action",
    [
        Reply("  \n", "identity"),
        Reply("broken \ud800", "identity"),
        Reply("no identity", ""),
        AddNote(" "),
        Assign(" "),
        Tag(),
        Tag(("#",)),
        Snooze(NOW),
        Escalate("", "reason"),
        Escalate("pr", " "),
        Forward(" "),
        CorrectSentiment("furious"),
    ],
    ids=repr,
)
async def test_what_makes_no_sense_is_refused_and_nothing_is_written(db: Database, action: Action) -> None:
    (case_id,) = await open_cases(db)
    before = await snapshot(db, [case_id])
    with pytest.raises(BadInput):
        await do(db, action, case_id)
    assert await snapshot(db, [case_id]) == before
    assert await outbox.listing(db) == []


async def test_an_agent_needs_a_name(db: Database) -> None:
    (case_id,) = await open_cases(db)
    with pytest.raises(BadInput):
        await do(db, Done(), case_id, agent=" ")


async def test_a_case_that_moved_since_it_was_seen_stops_the_whole_decision(db: Database) -> None:
    first, second = await open_cases(db, 2)
    seen = (await row_of(db, second)).version
    await do(db, Assign("ben"), second, agent="ben")
    before = await snapshot(db, [first, second])
    sequence = await changes.newest(db)
    with pytest.raises(Conflict, match=rf"case {second} changed .*ben, assign") as caught:
        await cases.act(db, [(first, None), (second, seen)], Reply("hello", "x"), agent="ana", now=NOW)
    assert (caught.value.seen, caught.value.found) == (seen, seen + 1)
    assert await snapshot(db, [first, second]) == before
    assert await outbox.listing(db) == []
    assert (await changes.since(db, sequence))[1] == []


async def test_a_decision_on_how_a_case_stood_before_is_not_written(db: Database) -> None:
    """The compare-and-set itself, without the look before it."""
    (case_id,) = await open_cases(db)

    async def work(connection: AsyncConnection) -> None:
        stale = journal.Change((await journal.standings(connection, [case_id]))[case_id])
        stale.set({"assignee": "ana"})
        await cases.act_in(connection, [(case_id, None)], Assign("ben"), agent="ben", now=NOW)
        await journal.record(connection, [stale], "assign", agent="ana", now=NOW)

    with pytest.raises(Conflict, match="look again"):
        await db.write(work)
    row = await row_of(db, case_id)
    assert (row.assignee, row.version) == (None, 1)


async def test_an_unknown_case_stops_the_whole_decision(db: Database) -> None:
    (case_id,) = await open_cases(db)
    with pytest.raises(NotFound, match="no case 4711"):
        await do(db, Done(), case_id, 4711)
    assert await status_of(db, case_id) is CaseStatus.NEW


async def test_of_two_agents_who_act_at_once_exactly_one_wins(db: Database) -> None:
    """Two programs on one store, each with what it saw."""
    other = Database(db.place)
    await other.open()
    try:
        for case_id in await open_cases(db, 50):
            seen = (await row_of(db, case_id)).version
            ended = await asyncio.gather(
                do(db, Assign("ana"), case_id, agent="ana", seen=seen),
                do(other, Assign("ben"), case_id, agent="ben", seen=seen),
                return_exceptions=True,
            )
            assert [type(one) for one in ended if isinstance(one, Exception)] == [Conflict]
            row = await row_of(db, case_id)
            assert row.version == seen + 1
            assert row.assignee == ("ben" if isinstance(ended[0], Conflict) else "ana")
    finally:
        await other.close()


async def test_a_reply_waits_in_the_outbox_for_the_undo_window(db: Database) -> None:
    line = await land(db, read_mention(author="ana@example.org", id="post-77", visibility="unlisted"))
    (case_id,) = line.new_cases
    draft = await drafts.save(db, case_id, "ben", "sorry for that", now=NOW)
    delivery_id = await reply(db, case_id, draft.text, draft.identity, agent="ben")
    held = await outbox.get(db, delivery_id)
    assert (held.kind, held.state, held.text) == (DeliveryKind.REPLY, DeliveryState.HELD, "sorry for that")
    assert (held.to, held.target, held.source) == ("ana@example.org", "post-77", "mastodon.social")
    assert (held.mention_id, held.visibility) == (line.new_mentions[0], "unlisted")
    assert (held.identity, held.agent, held.due_at) == (draft.identity, "ben", NOW + timedelta(seconds=15))
    assert await drafts.get(db, case_id, "ben") is None
    assert (await row_of(db, case_id)).delivery == "held"


async def test_pressing_send_twice_is_one_delivery(db: Database) -> None:
    (case_id,) = await open_cases(db)
    delivery_id = await reply(db, case_id, "hello", "same")
    with pytest.raises(Conflict, match="outbox already: held"):
        await reply(db, case_id, "hello", "same")
    with pytest.raises(Conflict, match="outbox already: held"):
        await reply(db, case_id, "other words", "same")
    await outbox.release_held(db, now=TOMORROW)
    for state in (DeliveryState.SENDING, DeliveryState.SENT):
        await outbox.move(db, await outbox.get(db, delivery_id), state, now=NOW, remote_id="r1")
    with pytest.raises(Conflict, match="outbox already: sent"):
        await reply(db, case_id, "hello", "same")
    assert [one.id for one in await outbox.listing(db)] == [delivery_id]


async def test_the_same_words_to_the_same_post_wait_until_the_first_are_settled(db: Database) -> None:
    (case_id,) = await open_cases(db)
    first = await reply(db, case_id, "Thanks!", "one")
    with pytest.raises(Conflict, match="same reply to author0"):
        await reply(db, case_id, "  Thanks! ", "two", agent="ben")
    await outbox.release_held(db, now=TOMORROW)
    for state in (DeliveryState.SENDING, DeliveryState.SENT):
        await outbox.move(db, await outbox.get(db, first), state, now=NOW)
    assert await reply(db, case_id, "Thanks!", "two", agent="ben") != first


async def test_eight_presses_at_once_are_one_delivery(db: Database) -> None:
    (case_id,) = await open_cases(db)
    others = [Database(db.place) for _ in range(3)]
    for other in others:
        await other.open()
    try:
        ended = await asyncio.gather(
            *(reply(each, case_id, "hello", "same") for each in (db, *others) for _ in range(2)),
            return_exceptions=True,
        )
    finally:
        for other in others:
            await other.close()
    assert sorted(type(one).__name__ for one in ended) == ["Conflict"] * 7 + ["int"]
    assert len(await outbox.listing(db)) == 1


async def test_one_reply_to_many_cases_is_one_delivery_each(db: Database) -> None:
    case_ids = await open_cases(db, 5)
    await do(db, Reply("we are back", "one-draft"), *case_ids)
    sent = await outbox.listing(db)
    assert sorted(one.case_id for one in sent) == case_ids
    assert len({one.identity for one in sent}) == 5


async def test_forwards_differ_by_case_department_and_comment(db: Database) -> None:
    first, second = await open_cases(db, 2)
    await do(db, Forward("billing"), first, second)
    await do(db, Forward("legal"), first)
    await do(db, Forward("billing", "again, please"), first)
    with pytest.raises(Conflict, match="same forward to billing"):
        await do(db, Forward("billing"), first)
    for one in await outbox.listing(db):
        assert (one.kind, one.to, one.target) == (DeliveryKind.FORWARD, one.target, one.to)
    oldest = (await outbox.listing(db))[-1]
    await outbox.release_held(db, now=TOMORROW)
    for state in (DeliveryState.SENDING, DeliveryState.SENT):
        await outbox.move(db, await outbox.get(db, oldest.id), state, now=NOW)
    await do(db, Forward("billing"), first)
    assert len(await outbox.listing(db)) == 5


async def test_an_escalation_tells_a_team_that_has_an_address(db: Database) -> None:
    first, second = await open_cases(db, 2)
    await do(db, Escalate("pr", "newspaper"), first)
    assert await outbox.listing(db) == []
    await do(db, Escalate("pr", "newspaper", notify=True), second)
    (notice,) = await outbox.listing(db)
    assert (notice.kind, notice.target, notice.text) == (DeliveryKind.ESCALATION, "pr", "newspaper")


async def test_every_action_is_journaled_and_told_to_the_screens(db: Database) -> None:
    case_ids = await open_cases(db, 3)
    sequence = await changes.newest(db)
    acted = await do(db, Assign("ben"), *case_ids)
    _, told = await changes.since(db, sequence)
    assert told == [("case", case_id) for case_id in case_ids]
    for case_id in case_ids:
        (entry,) = (await cases.get(db, case_id)).journal
        assert (entry.batch, entry.action, entry.agent, entry.at) == (acted.batch, "assign", "ana", NOW)
        assert entry.before == {"assignee": None, "status": "new"}
        assert entry.after == {"assignee": "ben", "status": "open"}
    assert acted.cases == dict.fromkeys(case_ids, 2)


async def test_a_note_is_shown_with_the_case_and_never_leaves(db: Database) -> None:
    (case_id,) = await open_cases(db)
    await drafts.save(db, case_id, "ana", "call\x1b[2J them", now=NOW, kind="note")
    await do(db, AddNote("call\x1b[2J them"), case_id)
    (note,) = (await cases.get(db, case_id)).notes
    assert (note.agent, note.at) == ("ana", NOW)
    assert "\x1b" not in note.text
    assert await drafts.of_agent(db, "ana") == []
    assert await outbox.listing(db) == []
