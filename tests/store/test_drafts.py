"""Drafts: kept at every pause, one of each kind for each agent and case, with an identity that stays."""

from __future__ import annotations

from datetime import timedelta

import pytest

from store import drafts
from store.database import Database
from store.domain.errors import BadInput, NotFound
from tests.factories import NOW
from tests.store.desk import open_cases

pytestmark = pytest.mark.both

LATER = NOW + timedelta(minutes=1)


async def test_a_draft_keeps_its_identity_from_the_first_save_on_and_survives_a_restart(db: Database) -> None:
    (case_id,) = await open_cases(db)
    first = await drafts.save(db, case_id, "ana", "we", now=NOW)
    second = await drafts.save(db, case_id, "ana", "we are\n  on it ", now=LATER)
    assert first.identity == second.identity
    again = Database(db.place)
    await again.open()
    try:
        assert await drafts.get(again, case_id, "ana") == second
    finally:
        await again.close()
    assert (second.text, second.updated_at) == ("we are\n  on it ", LATER)


async def test_drafts_of_agents_cases_and_kinds_are_their_own(db: Database) -> None:
    first, second = await open_cases(db, 2)
    for case_id, agent, kind in ((first, "ana", "reply"), (first, "ana", "note"), (second, "ana", "reply")):
        await drafts.save(db, case_id, agent, f"{case_id} {kind}", now=NOW + timedelta(seconds=case_id), kind=kind)
    await drafts.save(db, first, "ben", "mine", now=NOW)
    mine = await drafts.of_agent(db, "ana")
    assert next((one.case_id, one.kind) for one in mine) == (second, "reply")
    assert {(one.case_id, one.kind, one.text) for one in mine} == {
        (first, "reply", f"{first} reply"),
        (first, "note", f"{first} note"),
        (second, "reply", f"{second} reply"),
    }
    assert len({one.identity for one in mine} | {(await drafts.of_agent(db, "ben"))[0].identity}) == 4


async def test_an_empty_text_removes_the_draft(db: Database) -> None:
    (case_id,) = await open_cases(db)
    kept = await drafts.save(db, case_id, "ana", "hello", now=NOW)
    gone = await drafts.save(db, case_id, "ana", " \n", now=LATER)
    assert gone.identity == kept.identity
    assert await drafts.get(db, case_id, "ana") is None
    assert (await drafts.save(db, case_id, "ana", "", now=LATER)).identity


async def test_any_text_can_be_kept(db: Database) -> None:
    (case_id,) = await open_cases(db)
    await drafts.save(db, case_id, "ana", "half a pair \ud83d, a nul \x00, ședință", now=NOW)
    kept = await drafts.get(db, case_id, "ana")
    assert kept is not None
    assert kept.text.startswith("half a pair ")
    assert kept.text.endswith(", ședință")


async def test_a_draft_needs_a_case_and_a_known_kind(db: Database) -> None:
    with pytest.raises(NotFound, match="no case 4711"):
        await drafts.save(db, 4711, "ana", "hello", now=NOW)
    (case_id,) = await open_cases(db)
    with pytest.raises(BadInput):
        await drafts.save(db, case_id, "ana", "hello", now=NOW, kind="poem")
