"""The outbox: moved by compare-and-set only, in the order of each case, and nothing of it silent."""

from __future__ import annotations

import asyncio
from datetime import timedelta

import pytest
from sqlalchemy import select

from store import cases, changes, drafts, outbox
from store.database import Database
from store.domain.action import Assign, Escalate, Forward, Reply
from store.domain.case import CaseStatus
from store.domain.delivery import MOVES, SETTLED, Delivery, DeliveryState
from store.domain.errors import BadInput, Conflict, NotFound
from store.tables import attempt
from store.tables import cases as case_table
from tests.factories import NOW, land, read_mention
from tests.store.desk import do, open_cases, plan, reply, row_of, statements, status_of

pytestmark = pytest.mark.both

HELD, QUEUED, SENDING, SENT, FAILED, UNKNOWN, PERSON, WITHDRAWN = DeliveryState
A_MINUTE = timedelta(minutes=1)
LATER = NOW + A_MINUTE

# A way into each state, from held.
WAYS: dict[DeliveryState, tuple[DeliveryState, ...]] = {
    HELD: (),
    QUEUED: (QUEUED,),
    SENDING: (QUEUED, SENDING),
    SENT: (QUEUED, SENDING, SENT),
    FAILED: (QUEUED, SENDING, FAILED),
    UNKNOWN: (QUEUED, SENDING, UNKNOWN),
    PERSON: (QUEUED, SENDING, UNKNOWN, PERSON),
    WITHDRAWN: (WITHDRAWN,),
}


async def walk(db: Database, delivery_id: int, *states: DeliveryState) -> Delivery:
    one = await outbox.get(db, delivery_id)
    for state in states:
        one = await outbox.move(db, one, state, now=LATER)
    return one


async def attempts(db: Database, delivery_id: int) -> list[tuple[str, str]]:
    async def work(connection):  # type: ignore[no-untyped-def]
        told = select(attempt.c.before, attempt.c.after).where(attempt.c.delivery_id == delivery_id)
        return [tuple(row) for row in await connection.execute(told.order_by(attempt.c.id))]

    return await db.read(work)


@pytest.mark.parametrize("start", DeliveryState)
async def test_every_move_that_is_allowed_works_and_every_other_is_refused(db: Database, start: DeliveryState) -> None:
    case_ids = await open_cases(db, len(DeliveryState))
    acted = await do(db, Reply("hello", "draft"), *case_ids)
    for delivery_id, to in zip(acted.deliveries, DeliveryState, strict=True):
        one = await walk(db, delivery_id, *WAYS[start])
        assert one.state is start
        if to is start or to in MOVES[start]:
            moved = await outbox.move(db, one, to, now=LATER)
            assert moved == await outbox.get(db, delivery_id)
            assert (moved.state, moved.version) == (to, one.version + 1)
            assert (await attempts(db, delivery_id))[-1] == (start, to)
        else:
            with pytest.raises(BadInput, match=f"is {start}; it cannot become {to}"):
                await outbox.move(db, one, to, now=LATER)
            assert await outbox.get(db, delivery_id) == one


async def test_a_move_from_what_is_no_longer_so_is_a_conflict(db: Database) -> None:
    (case_id,) = await open_cases(db)
    stale = await walk(db, await reply(db, case_id), QUEUED)
    sending = await outbox.move(db, stale, SENDING, now=LATER)
    with pytest.raises(Conflict, match="moved meanwhile"):
        await outbox.move(db, stale, SENDING, now=LATER)
    same_state = await outbox.move(db, sending, SENDING, now=LATER, detail="still there")
    with pytest.raises(Conflict):
        await outbox.move(db, sending, SENT, now=LATER)
    assert await outbox.get(db, stale.id) == same_state


async def test_of_two_senders_one_gets_it(db: Database) -> None:
    other = Database(db.place)
    await other.open()
    try:
        for case_id in await open_cases(db, 10):
            one = await walk(db, await reply(db, case_id, identity=f"draft-{case_id}"), QUEUED)
            ended = await asyncio.gather(
                *(outbox.move(each, one, SENDING, now=LATER, tried=True) for each in (db, other)),
                return_exceptions=True,
            )
            assert sorted(type(each).__name__ for each in ended) == ["Conflict", "Delivery"]
            assert (await outbox.get(db, one.id)).attempts == 1
    finally:
        await other.close()


async def test_what_is_held_is_released_after_its_window_only(db: Database) -> None:
    first, second = await open_cases(db, 2)
    await do(db, Reply("a", "a", undo_window=10), first)
    await do(db, Reply("b", "b", undo_window=60), second)
    assert await outbox.next_due_at(db) == NOW + timedelta(seconds=10)
    assert await outbox.release_held(db, now=NOW + timedelta(seconds=9)) == 0
    assert await outbox.due(db, now=LATER) == []
    assert await outbox.release_held(db, now=NOW + timedelta(seconds=10)) == 1
    assert [one.case_id for one in await outbox.due(db, now=LATER)] == [first]
    assert await outbox.release_held(db, now=LATER) == 1
    assert [one.case_id for one in await outbox.due(db, now=LATER)] == [first, second]
    assert [one.case_id for one in await outbox.due(db, now=LATER, limit=1)] == [first]


async def test_what_was_being_sent_when_the_program_ended_is_unknown(db: Database) -> None:
    first, second = await open_cases(db, 2)
    lost = await walk(db, await reply(db, first, identity="a"), QUEUED, SENDING)
    queued = await walk(db, await reply(db, second, identity="b"), QUEUED)
    assert await outbox.recover(db, now=LATER) == 1
    assert (await outbox.get(db, lost.id)).state is UNKNOWN
    assert (await outbox.get(db, queued.id)).state is QUEUED
    assert (await attempts(db, lost.id))[-1] == (SENDING, UNKNOWN)
    assert await outbox.recover(db, now=LATER) == 0
    assert {one.id for one in await outbox.due(db, now=LATER)} == {lost.id, queued.id}


async def test_answers_of_a_case_leave_in_their_order(db: Database) -> None:
    first, second = await open_cases(db, 2)
    one, two, three = [await reply(db, first, text, text) for text in ("one", "two", "three")]
    other = await reply(db, second, "hello", "other")
    await outbox.release_held(db, now=LATER)

    async def due() -> list[int]:
        return [each.id for each in await outbox.due(db, now=LATER)]

    assert await due() == [one, other]
    await walk(db, one, SENDING)
    assert await due() == [other]
    await walk(db, one, UNKNOWN, PERSON)
    assert await due() == [other], "nobody knows yet whether the first is there"
    await walk(db, other, SENDING, SENT)
    assert await outbox.next_due_at(db) is None, "the courier must not be woken for what it may not send"
    await walk(db, one, SENT)
    assert await due() == [two]
    await walk(db, two, WITHDRAWN)
    assert await due() == [three]


async def test_whether_one_arrived_is_looked_for_though_an_older_one_is_sent_again(db: Database) -> None:
    (case_id,) = await open_cases(db)
    one, two = [await reply(db, case_id, text, text) for text in ("one", "two")]
    await outbox.release_held(db, now=LATER)
    await walk(db, one, SENDING, FAILED)
    await walk(db, two, SENDING, UNKNOWN)
    await walk(db, one, QUEUED, SENDING, UNKNOWN, PERSON)
    assert [each.id for each in await outbox.due(db, now=LATER)] == [two]
    assert await outbox.next_due_at(db) is not None
    await walk(db, two, QUEUED)
    assert await outbox.due(db, now=LATER) == [], "it leaves in its turn"


@pytest.mark.parametrize(("stuck", "settled"), [(PERSON, SENT), (PERSON, QUEUED), (FAILED, QUEUED)])
async def test_what_a_person_sends_after_all_waits_for_its_author_again(
    db: Database, stuck: DeliveryState, settled: DeliveryState
) -> None:
    line = await land(db, *(read_mention(author=f"a{n}", thread=f"t{n}") for n in range(3)))
    quiet, speaking, kept = line.new_cases
    for case_id in (quiet, speaking, kept):
        one = await reply(db, case_id, f"to {case_id}", f"draft {case_id}")
        await walk(db, one, QUEUED, SENDING, *([UNKNOWN, stuck] if stuck is PERSON else [stuck]))
        assert (await row_of(db, case_id)).status is CaseStatus.OPEN
    await land(db, read_mention("still broken", author="a1", thread="t1", created_at=NOW))
    for one in await outbox.listing(db):
        await outbox.move(db, one, WITHDRAWN if one.case_id == kept else settled, now=LATER)
    statuses = [(await row_of(db, case_id)).status for case_id in (quiet, speaking, kept)]
    assert statuses == [CaseStatus.WAITING, CaseStatus.OPEN, CaseStatus.OPEN]


async def test_an_answer_in_doubt_does_not_hold_up_an_escalation(db: Database) -> None:
    (case_id,) = await open_cases(db)
    await walk(db, await reply(db, case_id), QUEUED, SENDING, UNKNOWN, PERSON)
    (notice,) = (await do(db, Escalate("pr", "in doubt", notify=True), case_id)).deliveries
    await outbox.release_held(db, now=LATER)
    assert [one.id for one in await outbox.due(db, now=LATER)] == [notice]
    assert await outbox.next_due_at(db) is not None


async def test_one_department_that_cannot_be_reached_holds_up_no_other(db: Database) -> None:
    (case_id,) = await open_cases(db)
    forwards = (Forward("billing", "one"), Forward("billing", "two"), Forward("legal", "three"))
    first, *others = [number for action in forwards for number in (await do(db, action, case_id)).deliveries]
    await outbox.release_held(db, now=LATER)
    await walk(db, first, SENDING, UNKNOWN, PERSON)
    assert [one.id for one in await outbox.due(db, now=LATER)] == others
    assert await outbox.next_due_at(db) is not None


async def test_sent_tells_where_it_is_and_when_the_case_was_first_answered(db: Database) -> None:
    (case_id,) = await open_cases(db)
    version = (await row_of(db, case_id)).version
    for number, at in (("one", LATER), ("two", LATER + A_MINUTE)):
        sending = await walk(db, await reply(db, case_id, number, number), QUEUED, SENDING)
        sent = await outbox.move(db, sending, SENT, now=at, remote_id=number, remote_key="key", url="https://x.test/1")
        assert (sent.remote_id, sent.url) == (number, "https://x.test/1")

    async def answered(connection):  # type: ignore[no-untyped-def]
        return (await connection.execute(select(case_table.c.answered_at))).scalar_one()

    assert await db.read(answered) == LATER
    row = await row_of(db, case_id)
    assert (row.status, row.delivery, row.version) == (CaseStatus.WAITING, "", version + 2)


async def test_a_forward_that_left_is_no_answer(db: Database) -> None:
    (case_id,) = await open_cases(db)
    (forward,) = (await do(db, Forward("billing"), case_id)).deliveries
    await walk(db, forward, QUEUED, SENDING, SENT)

    async def answered(connection):  # type: ignore[no-untyped-def]
        return (await connection.execute(select(case_table.c.answered_at))).scalar_one()

    assert await db.read(answered) is None


async def test_a_failed_reply_is_a_draft_again_and_its_case_open(db: Database) -> None:
    (case_id,) = await open_cases(db)
    sending = await walk(db, await reply(db, case_id, "too long", "draft", agent="ben"), QUEUED, SENDING)
    version = (await row_of(db, case_id)).version
    sequence = await changes.newest(db)
    words = "422: \x1b[31mtext is too long"
    failed = await outbox.move(db, sending, FAILED, now=LATER, error=words, tried=True)
    assert (failed.attempts, failed.tried_at) == (1, LATER)
    assert "\x1b" not in failed.error
    row = await row_of(db, case_id)
    assert (row.status, row.version, row.delivery) == (CaseStatus.OPEN, version + 1, "failed")
    assert set((await changes.since(db, sequence))[1]) == {("delivery", case_id), ("case", case_id)}
    entry = (await cases.get(db, case_id)).journal[-1]
    assert (entry.action, entry.agent, entry.before["status"], entry.after["status"]) == (
        "delivery",
        "earful",
        "waiting",
        "open",
    )
    draft = await drafts.get(db, case_id, "ben")
    assert draft is not None
    assert draft.text == "too long"
    again = await reply(db, case_id, "short", draft.identity, agent="ben")
    assert again != failed.id
    assert (await row_of(db, case_id)).delivery == "held", "what failed has been followed by another"


async def test_a_failed_reply_does_not_overwrite_a_newer_draft(db: Database) -> None:
    (case_id,) = await open_cases(db)
    sending = await walk(db, await reply(db, case_id), QUEUED, SENDING)
    await drafts.save(db, case_id, "ana", "one more thing", now=NOW)
    await outbox.move(db, sending, FAILED, now=LATER)
    draft = await drafts.get(db, case_id, "ana")
    assert draft is not None
    assert draft.text == "one more thing"


async def test_what_failed_and_is_sent_again_leaves_no_second_copy_to_send(db: Database) -> None:
    (case_id,) = await open_cases(db)
    failed = await walk(db, await reply(db, case_id), QUEUED, SENDING, FAILED)
    assert await drafts.get(db, case_id, "ana") is not None
    await outbox.move(db, failed, QUEUED, now=LATER)
    assert await drafts.get(db, case_id, "ana") is None


async def test_the_same_words_are_not_queued_beside_their_twin(db: Database) -> None:
    (case_id,) = await open_cases(db)
    failed = await walk(db, await reply(db, case_id, "hello", "one"), QUEUED, SENDING, FAILED)
    await reply(db, case_id, "hello", "two")
    with pytest.raises(Conflict, match="already on its way"):
        await outbox.move(db, failed, QUEUED, now=LATER)
    assert (await outbox.get(db, failed.id)).state is FAILED


async def test_what_a_person_must_decide_opens_the_case_and_absences_are_counted(db: Database) -> None:
    (case_id,) = await open_cases(db)
    unknown = await walk(db, await reply(db, case_id), QUEUED, SENDING, UNKNOWN)
    waited = await outbox.move(db, unknown, UNKNOWN, now=LATER, absent=True, due_at=LATER + A_MINUTE)
    assert (waited.absences, waited.due_at) == (1, LATER + A_MINUTE)
    assert await outbox.due(db, now=LATER) == []
    queued = await outbox.move(db, waited, QUEUED, now=LATER, absent=True)
    assert queued.absences == 2
    person = await walk(db, queued.id, SENDING, UNKNOWN, PERSON)
    assert person.absences == 2, "one automatic try after an unknown end, not one each time"
    assert await status_of(db, case_id) is CaseStatus.OPEN
    assert await drafts.get(db, case_id, "ana") is None, "it may be there: not to be sent again by habit"
    assert (await outbox.move(db, person, QUEUED, now=LATER)).absences == 0


async def test_a_failed_delivery_opens_a_case_that_others_changed_meanwhile(db: Database) -> None:
    (case_id,) = await open_cases(db)
    sending = await walk(db, await reply(db, case_id), QUEUED, SENDING)
    await do(db, Assign("ben"), case_id, agent="ben")
    await outbox.move(db, sending, FAILED, now=LATER)
    row = await row_of(db, case_id)
    assert (row.status, row.assignee) == (CaseStatus.OPEN, "ben")


async def test_counts_and_lists_for_the_status_line(db: Database) -> None:
    case_ids = await open_cases(db, len(WAYS))
    acted = await do(db, Reply("hello", "draft"), *case_ids)
    for delivery_id, way in zip(acted.deliveries, WAYS.values(), strict=True):
        await walk(db, delivery_id, *way)
    unsettled = set(DeliveryState) - SETTLED
    assert await outbox.pending(db, now=LATER) == dict.fromkeys([*unsettled, FAILED], 1)
    assert await outbox.pending(db, now=LATER + timedelta(days=1)) == dict.fromkeys(unsettled, 1)
    newest_first = await outbox.listing(db)
    assert [one.id for one in newest_first] == sorted(acted.deliveries, reverse=True)
    assert [one.state for one in await outbox.listing(db, states=(SENT, FAILED))] == [FAILED, SENT]
    assert [one.id for one in await outbox.listing(db, limit=2)] == [one.id for one in newest_first[:2]]
    with pytest.raises(NotFound):
        await outbox.get(db, 4711)


async def test_a_hostile_handle_is_harmless_in_the_outbox(db: Database) -> None:
    line = await land(db, read_mention(author="ana\x1b[2J"))
    one = await outbox.get(db, await reply(db, line.new_cases[0]))
    assert "\x1b" not in one.to


@pytest.mark.sqlite
async def test_the_courier_finds_its_work_by_index(db: Database) -> None:
    for look in (outbox.due(db, now=NOW), outbox.release_held(db, now=NOW), outbox.recover(db, now=NOW)):
        with statements() as told:
            await look
        steps = [step for each in told for step in plan(db.path, each)]
        assert any("delivery_due" in step for step in steps)
        assert not any(step.startswith("SCAN delivery") and "USING" not in step for step in steps)
