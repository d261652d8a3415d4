"""A watch tried on the past, and the past made as if it had always been so."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from datetime import timedelta

import pytest

from sources import hindsight
from sources.hindsight import Sign, Trial
from sources.intake import Intake
from sources.protocol import Page
from store import ledger, mentions, seen, unmatched
from store.database import Database
from store.domain.desk import Desk, Watch
from store.domain.errors import BadInput
from store.domain.mention import Mention, NewMention
from store.tables import change, mention
from tests.factories import NOW, new_mention, rows

ACME = Watch("acme", '"acme cloud"')
OTHER = Watch("anvils", "anvil")
WIDER = replace(ACME, query='"acme cloud" OR acmecloud~1')


async def take(db: Database, posts: Sequence[NewMention], *watches: Watch, source: str = "mastodon.social") -> None:
    page = Page(asked="#acme", mentions=posts)
    intake = Intake(db, Desk(watches=watches or (ACME, OTHER)))
    await intake.take(source, "mastodon", "tag:acme", page, started_at=NOW, next_poll_at=None)


def posts(*texts: str) -> list[NewMention]:
    return [new_mention(text, id=text, author=f"author{n}") for n, text in enumerate(texts)]


@pytest.fixture
async def past(db: Database) -> Database:
    await take(
        db, posts("acme cloud is down", "the acme cloud anvil", "acmecloud anvil", "my acmeclod is slow", "unrelated")
    )
    return db


def differences(trial: Trial) -> dict[tuple[Sign, str], list[str]]:
    return {(each.sign, each.post.text): [reason.term for reason in each.reasons] for each in trial.differences}


async def test_what_would_appear_and_what_would_vanish(past: Database) -> None:
    changed = replace(ACME, query='acmecloud~1 OR ("acme cloud" NOT anvil)')
    trial = await hindsight.trial(past, changed, now=NOW)
    assert differences(trial) == {
        (Sign.APPEARS, "acmecloud anvil"): ["acmecloud~1"],
        (Sign.APPEARS, "my acmeclod is slow"): ["acmecloud~1"],
        (Sign.VANISHES, "the acme cloud anvil"): ["anvil", "acmecloud~1"],
    }
    assert (trial.stays, trial.marks, trial.lands, trial.vanishes) == (1, 1, 1, 1)
    assert (trial.stored, trial.remembered, trial.appears) == (3, 2, 2)


async def test_a_new_watch_and_the_one_that_is_configured(past: Database) -> None:
    fresh = await hindsight.trial(past, Watch("clouds", "cloud"), now=NOW)
    assert (fresh.stays, fresh.marks, fresh.vanishes) == (0, 2, 0)
    drift = await hindsight.trial(past, ACME, now=NOW)
    assert (drift.stays, drift.appears, drift.vanishes) == (2, 0, 0)


async def test_languages_count_as_at_intake(past: Database) -> None:
    trial = await hindsight.trial(past, replace(ACME, languages=("de",)), now=NOW)
    assert (trial.stays, trial.vanishes) == (0, 2)
    assert all(reason.term == "languages de" for each in trial.differences for reason in each.reasons)


async def test_only_what_was_written_since(db: Database) -> None:
    old = new_mention("my acmeclod", created_at=NOW - timedelta(days=9))
    await take(db, [old, new_mention("acmeclod today")])
    trial = await hindsight.trial(db, WIDER, now=NOW, since=NOW - timedelta(days=7))
    assert [each.post.text for each in trial.differences] == ["acmeclod today"]


async def test_few_are_kept_and_all_are_counted(db: Database, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(seen, "A_CHUNK", 3)
    monkeypatch.setattr(unmatched, "A_CHUNK", 3)
    await take(db, posts(*(f"acme cloud {n}" for n in range(8)), *(f"acmeclod {n}" for n in range(8))))
    told: list[int] = []
    trial = await hindsight.trial(
        db, replace(ACME, query="acmeclod"), now=NOW, shown=2, tell=lambda so_far: told.append(so_far.stored)
    )
    assert (trial.vanishes, trial.lands, len(trial.differences)) == (8, 8, 4)
    assert told == [3, 6, 8, 8, 8, 8]


async def test_trying_only_reads(past: Database) -> None:
    before = [len(await rows(past, table)) for table in (mention, change)]
    await hindsight.trial(past, WIDER, now=NOW)
    assert [len(await rows(past, table)) for table in (mention, change)] == before


async def test_a_query_that_no_watch_can_have(db: Database) -> None:
    with pytest.raises(BadInput, match="watch acme: status: cannot be asked here"):
        await hindsight.trial(db, Watch("acme", "acme status:new"), now=NOW)
    with pytest.raises(BadInput, match="watch acme: "):
        await hindsight.trial(db, Watch("acme", 'acme "cloud'), now=NOW)


async def test_landing_is_as_if_the_watch_had_always_been_so(past: Database) -> None:
    desk = Desk(watches=(WIDER, OTHER))
    landed = await hindsight.land(past, desk, WIDER, now=NOW)
    assert landed == hindsight.Landed(landed=1, cases=1, marked=1, unmarked=0)
    (line, _) = await ledger.lines(past)
    assert (line.source, line.stream, line.new) == ("mastodon.social", "watch:acme", 1)
    stored = {each.text: each for each in await everything(past)}
    assert stored["my acmeclod is slow"].watches == ("acme",)
    assert stored["my acmeclod is slow"].source == "mastodon.social", "it can be answered where it was written"
    assert stored["acmecloud anvil"].watches == ("acme", "anvils")

    assert await hindsight.land(past, desk, WIDER, now=NOW) == hindsight.Landed(0, 0, 0, 0)
    trial = await hindsight.trial(past, WIDER, now=NOW)
    assert (trial.appears, trial.vanishes, trial.stays) == (0, 0, 4)
    await take(past, posts("my acmeclod is slow"), WIDER, OTHER)
    (line, *_) = await ledger.lines(past)
    assert (line.new, line.duplicate) == (0, 1), "the next poll knows it"


async def test_what_a_watch_no_longer_finds_loses_the_mark_and_stays(past: Database) -> None:
    narrow = replace(ACME, query='"acme cloud" NOT anvil')
    landed = await hindsight.land(past, Desk(watches=(narrow, OTHER)), narrow, now=NOW)
    assert landed == hindsight.Landed(landed=0, cases=0, marked=0, unmarked=1)
    stored = {each.text: each for each in await everything(past)}
    assert stored["the acme cloud anvil"].watches == ("anvils",)
    assert stored["the acme cloud anvil"].case_id is not None


async def everything(db: Database) -> list[Mention]:
    return [await mentions.get(db, row.id) for row in await rows(db, mention)]
