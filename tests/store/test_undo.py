"""Undo and redo: a decision of any size is taken back whole, also after a restart; nothing of others is overwritten."""

from __future__ import annotations

import asyncio
import tempfile
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from store import cases, changes, drafts, outbox
from store.database import Database
from store.domain.action import (
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
from store.domain.delivery import DeliveryState
from store.domain.errors import BadInput, Conflict, EarfulError, NotFound
from tests.factories import NOW, land, read_mention
from tests.store.desk import do, open_cases, reply, row_of, snapshot, status_of

pytestmark = pytest.mark.both

LATER = NOW + timedelta(minutes=1)
WINDOW = timedelta(seconds=15)


async def undo(db: Database, agent: str = "ana", **how: Any) -> cases.Undone:
    return await cases.undo(db, agent=agent, now=LATER, **how)


async def redo(db: Database, agent: str = "ana") -> cases.Undone:
    return await cases.redo(db, agent=agent, now=LATER)


async def send(db: Database, delivery_id: int, *states: DeliveryState) -> None:
    await outbox.release_held(db, now=NOW + timedelta(days=1))
    for state in states:
        await outbox.move(db, await outbox.get(db, delivery_id), state, now=NOW, error="refused")


async def test_one_undo_takes_back_2000_cases_also_after_a_restart(db: Database) -> None:
    case_ids = await open_cases(db, 2_000)
    await do(db, Assign("ben"), *case_ids[::2], agent="ben")
    before = await snapshot(db, case_ids)
    await do(db, Done(), *case_ids)
    done = await snapshot(db, case_ids)
    again = Database(db.place)
    await again.open()
    try:
        undone = await cases.undo(again, agent="ana", now=LATER)
    finally:
        await again.close()
    assert (undone.words, len(undone.cases)) == ("2000 cases reopened", 2_000)
    assert await snapshot(db, case_ids) == before != done
    assert (await redo(db)).words == "done again: 2000 cases"
    assert await snapshot(db, case_ids) == done


async def test_undo_leaves_what_others_did_to_other_fields(db: Database) -> None:
    (case_id,) = await open_cases(db)
    await do(db, Tag(("mine",)), case_id)
    await do(db, Assign("ben"), case_id, agent="ben")
    await do(db, Tag(("theirs",)), case_id, agent="ben")
    await do(db, Prioritise(Priority.URGENT), case_id)
    await undo(db)
    await undo(db)
    row = await row_of(db, case_id)
    assert (row.assignee, row.priority, row.tags, row.status) == ("ben", Priority.NORMAL, ("theirs",), CaseStatus.NEW)


async def test_undo_never_overwrites_what_somebody_changed_since(db: Database) -> None:
    first, second = await open_cases(db, 2)
    await do(db, Assign("ana"), first, second)
    await do(db, Assign("ben"), second, agent="ben")
    before = await snapshot(db, [first, second])
    with pytest.raises(Conflict, match=f"case {second}: its assignee was changed since and is now ben"):
        await undo(db)
    assert await snapshot(db, [first, second]) == before


async def test_undo_of_a_corrected_sentiment_yields_to_a_later_correction(db: Database) -> None:
    (case_id,) = await open_cases(db)
    before = await snapshot(db, [case_id])
    await do(db, CorrectSentiment("negative"), case_id)
    await do(db, CorrectSentiment("positive"), case_id, agent="ben")
    with pytest.raises(Conflict, match="sentiment"):
        await undo(db)
    await undo(db, "ben")
    await undo(db)
    assert await snapshot(db, [case_id]) == before


async def test_each_agent_undoes_their_own_and_anybody_a_named_decision(db: Database) -> None:
    (case_id,) = await open_cases(db)
    by_rule = await do(db, Tag(("vip",)), case_id, agent="rule")
    with pytest.raises(NotFound, match="nothing left to undo"):
        await undo(db)
    assert (await undo(db, batch=by_rule.batch)).words == "tags put back on 1 case"
    assert (await row_of(db, case_id)).tags == ()
    with pytest.raises(NotFound, match="undone already"):
        await undo(db, batch=by_rule.batch)
    with pytest.raises(NotFound, match="no decision 4711"):
        await undo(db, batch=4711)
    await redo(db)
    assert (await row_of(db, case_id)).tags == ("vip",)


async def test_what_earful_noted_itself_is_no_decision_to_undo(db: Database) -> None:
    (case_id,) = (await land(db, read_mention(id="a", thread="t"))).new_cases
    await land(db, read_mention(id="b", thread="t"))
    (entry,) = (await cases.get(db, case_id)).journal
    with pytest.raises(NotFound):
        await undo(db, "earful")
    with pytest.raises(BadInput, match="not an action that can be undone"):
        await undo(db, batch=entry.batch)


async def test_redo_goes_as_far_as_undo_went_and_ends_at_a_new_action(db: Database) -> None:
    (case_id,) = await open_cases(db)
    await do(db, Tag(("one",)), case_id)
    await do(db, Tag(("two",)), case_id)
    await undo(db)
    await undo(db)
    await redo(db)
    assert (await row_of(db, case_id)).tags == ("one",)
    await redo(db)
    assert (await row_of(db, case_id)).tags == ("one", "two")
    with pytest.raises(NotFound, match="nothing to redo"):
        await redo(db)
    await undo(db)
    await do(db, Tag(("three",)), case_id)
    with pytest.raises(NotFound, match="nothing to redo"):
        await redo(db)
    await undo(db)
    await undo(db)
    assert (await row_of(db, case_id)).tags == ()


async def test_the_journal_tells_what_was_undone_and_that_it_was(db: Database) -> None:
    (case_id,) = await open_cases(db)
    await do(db, Done(), case_id)
    sequence = await changes.newest(db)
    undone = await undo(db)
    assert (await changes.since(db, sequence))[1] == [("case", case_id)]
    done, back = (await cases.get(db, case_id)).journal
    assert (done.action, done.undone, back.action, back.undone) == ("done", True, "undo", False)
    assert (back.before, back.after, back.batch) == (done.after, done.before, undone.batch)
    await redo(db)
    assert [entry.undone for entry in (await cases.get(db, case_id)).journal] == [False, True, False]


async def test_a_held_reply_is_recalled_into_its_draft_and_sent_again_as_the_same(db: Database) -> None:
    (case_id,) = await open_cases(db)
    draft = await drafts.save(db, case_id, "ana", "we are on it", now=NOW)
    delivery_id = await reply(db, case_id, draft.text, draft.identity)
    recalled = await undo(db)
    assert (recalled.words, recalled.text) == ("reply recalled on 1 case", "we are on it")
    assert (await outbox.get(db, delivery_id)).state is DeliveryState.WITHDRAWN
    assert await status_of(db, case_id) is CaseStatus.NEW
    kept = await drafts.get(db, case_id, "ana")
    assert kept is not None
    assert (kept.text, kept.identity) == (draft.text, draft.identity)
    assert await reply(db, case_id, kept.text, kept.identity) == delivery_id
    held = await outbox.get(db, delivery_id)
    assert (held.state, held.identity, held.due_at) == (DeliveryState.HELD, draft.identity, NOW + WINDOW)


async def test_a_recalled_reply_with_other_words_is_another_delivery_and_still_only_one(db: Database) -> None:
    (case_id,) = await open_cases(db)
    first = await reply(db, case_id, "we are on it", "draft")
    await undo(db)
    second = await reply(db, case_id, "it works again", "draft")
    assert second != first
    with pytest.raises(Conflict):
        await reply(db, case_id, "it works again", "draft")
    await send(db, second, DeliveryState.SENDING, DeliveryState.SENT)
    with pytest.raises(Conflict, match="sent"):
        await reply(db, case_id, "it works again", "draft")
    old, new = await outbox.get(db, first), await outbox.get(db, second)
    assert (old.state, old.text, new.state, new.text) == (
        DeliveryState.WITHDRAWN,
        "we are on it",
        DeliveryState.SENT,
        "it works again",
    )
    assert old.identity != new.identity


async def test_redo_of_a_recalled_reply_holds_it_anew_and_takes_the_draft(db: Database) -> None:
    (case_id,) = await open_cases(db)
    delivery_id = await reply(db, case_id, "we are on it", "draft")
    await undo(db)
    await redo(db)
    held = await outbox.get(db, delivery_id)
    assert (held.state, held.due_at) == (DeliveryState.HELD, LATER + WINDOW)
    assert await drafts.get(db, case_id, "ana") is None
    await undo(db)
    await drafts.save(db, case_id, "ana", "other words", now=LATER)
    await redo(db)
    kept = await drafts.get(db, case_id, "ana")
    assert kept is not None
    assert kept.text == "other words"
    assert kept.identity != held.identity, "the old identity is on its way with the old words"


async def test_what_is_held_anew_has_all_its_tries_before_it(db: Database) -> None:
    (case_id,) = await open_cases(db)
    delivery_id = await reply(db, case_id)
    await send(db, delivery_id, DeliveryState.SENDING)
    queued = await outbox.move(db, await outbox.get(db, delivery_id), DeliveryState.QUEUED, now=NOW, tried=True)
    assert queued.attempts == 1
    await undo(db)
    await redo(db)
    held = await outbox.get(db, delivery_id)
    assert (held.state, held.attempts, held.error) == (DeliveryState.HELD, 0, "")


async def test_a_newer_draft_is_not_overwritten_by_a_recalled_text(db: Database) -> None:
    (case_id,) = await open_cases(db)
    await reply(db, case_id, "sent too early", "draft")
    await drafts.save(db, case_id, "ana", "written since", now=NOW)
    assert (await undo(db)).text == "sent too early"
    kept = await drafts.get(db, case_id, "ana")
    assert kept is not None
    assert kept.text == "written since"


async def test_their_next_word_does_not_stop_the_recall(db: Database) -> None:
    line = await land(db, read_mention(id="a", thread="t"))
    (case_id,) = line.new_cases
    delivery_id = await reply(db, case_id)
    await land(db, read_mention("never mind", id="b", thread="t"))
    await undo(db)
    assert (await outbox.get(db, delivery_id)).state is DeliveryState.WITHDRAWN
    assert await status_of(db, case_id) is CaseStatus.OPEN


@pytest.mark.parametrize(
    ("states", "words"),
    [
        ((DeliveryState.SENDING,), "is being sent"),
        ((DeliveryState.SENDING, DeliveryState.SENT), "has been sent"),
        ((DeliveryState.SENDING, DeliveryState.UNKNOWN), "may have been sent"),
        ((DeliveryState.SENDING, DeliveryState.UNKNOWN, DeliveryState.PERSON), "may have been sent"),
    ],
)
async def test_what_left_the_house_cannot_be_recalled(
    db: Database, states: tuple[DeliveryState, ...], words: str
) -> None:
    first, second = await open_cases(db, 2)
    acted = await do(db, Reply("hello", "draft"), first, second)
    await send(db, acted.deliveries[1], *states)
    before = await snapshot(db, [first, second])
    with pytest.raises(Conflict, match=f"case {second}: the reply to author1 {words}"):
        await undo(db)
    assert await snapshot(db, [first, second]) == before
    assert (await outbox.get(db, acted.deliveries[0])).state is DeliveryState.QUEUED


async def test_forwards_and_escalation_notices_are_recalled_too(db: Database) -> None:
    case_ids = await open_cases(db, 3)
    before = await snapshot(db, case_ids)
    await do(db, Forward("billing", "please look"), *case_ids)
    await do(db, Escalate("pr", "newspaper", notify=True), *case_ids)
    assert (await undo(db)).words == "escalation taken back on 3 cases"
    assert (await undo(db)).words == "forward recalled on 3 cases"
    assert await snapshot(db, case_ids) == before
    assert {one.state for one in await outbox.listing(db)} == {DeliveryState.WITHDRAWN}


async def test_a_mute_is_taken_back_and_set_again(db: Database) -> None:
    (case_id,) = (await land(db, read_mention("buy now", author="spammer"))).new_cases
    before = await snapshot(db, [case_id])
    await cases.mute(db, "author", case_id, "", agent="ana", now=NOW)
    assert await status_of(db, case_id) is CaseStatus.DISMISSED
    muted = await snapshot(db, [case_id])
    await undo(db)
    assert await snapshot(db, [case_id]) == before
    await redo(db)
    assert await snapshot(db, [case_id]) == muted


async def test_undo_keeps_the_mute_that_somebody_else_had_set(db: Database) -> None:
    case_ids = list((await land(db, read_mention(id="a", thread="t1"), read_mention(id="b", thread="t2"))).new_cases)
    await cases.mute(db, "author", case_ids[0], "", agent="ben", now=NOW)
    muted = (await snapshot(db, case_ids))[4]
    await cases.mute(db, "author", case_ids[1], "", agent="ana", now=NOW)
    await undo(db)
    assert (await snapshot(db, case_ids))[4] == muted != []


ACTION = st.one_of(
    st.builds(AddNote, st.sampled_from(["one", "two"])),
    st.builds(Assign, st.sampled_from(["ana", "ben", None])),
    st.builds(
        Tag,
        st.lists(st.sampled_from("abc"), max_size=2).map(tuple),
        st.lists(st.sampled_from("abc"), max_size=2).map(tuple),
    ),
    st.builds(Prioritise, st.sampled_from(Priority)),
    st.builds(Snooze, st.sampled_from([None, LATER + timedelta(hours=1), LATER + timedelta(hours=2)])),
    st.builds(Escalate, st.sampled_from(["pr", "legal"]), st.sampled_from(["press", "angry"]), st.booleans()),
    st.builds(Forward, st.sampled_from(["billing", "legal"]), st.sampled_from(["", "please"])),
    st.builds(Done),
    st.builds(Dismiss, st.sampled_from(["spam", "namesake"])),
    st.builds(Reopen),
    st.builds(CorrectSentiment, st.sampled_from(["positive", "neutral", "negative"])),
    st.builds(Reply, st.sampled_from(["hello", "sorry"]), st.sampled_from(["one", "two", "three"])),
)
STEP = st.one_of(
    st.tuples(ACTION, st.sets(st.integers(0, 2), min_size=1)),
    st.tuples(ACTION, st.sets(st.integers(0, 2), min_size=1)),
    st.sampled_from(["undo", "redo", "mute"]),
)


@settings(max_examples=30, deadline=None, suppress_health_check=list(HealthCheck))
@given(st.lists(STEP, max_size=14))
def test_whatever_one_agent_did_undo_leads_back_to_where_it_began(steps: list[Any]) -> None:
    async def example(folder: str) -> None:
        db = Database(Path(folder) / "earful.db")
        await db.open()
        try:
            await _walk_and_return(db, steps)
        finally:
            await db.close()

    with tempfile.TemporaryDirectory() as folder:
        asyncio.run(example(folder))


async def _walk_and_return(db: Database, steps: list[Any]) -> None:
    case_ids = await open_cases(db, 3)
    looks = [await snapshot(db, case_ids)]
    for step in steps:
        try:
            if step == "undo":
                await undo(db)
            elif step == "redo":
                await redo(db)
            elif step == "mute":
                await cases.mute(db, "word", case_ids[0], "noise", agent="ana", now=NOW)
            else:
                action, chosen = step
                await do(db, action, *(case_ids[n] for n in chosen))
        except EarfulError:  # an empty tag, the same words again, nothing to undo: nothing may have been written
            assert await snapshot(db, case_ids) == looks[-1]
        looks.append(await snapshot(db, case_ids))
    versions = [(await row_of(db, case_id)).version for case_id in case_ids]
    back = [await _all(undo, db)]
    assert await snapshot(db, case_ids) == looks[0]
    assert {one.state for one in await outbox.listing(db)} <= {DeliveryState.WITHDRAWN}
    assert [(await row_of(db, case_id)).version for case_id in case_ids] >= versions
    back.append(await _all(redo, db))
    assert back[1] >= back[0]
    assert await _all(undo, db) == back[1]
    assert await snapshot(db, case_ids) == looks[0]


async def _all(step: Any, db: Database) -> int:
    """Undo or redo until there is nothing left; how many it were."""
    number = 0
    while True:
        try:
            await step(db)
        except NotFound:
            return number
        number += 1
