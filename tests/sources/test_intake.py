"""Intake: what lands, what is kept aside, what the rules do with it, and that a page is never half there."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any

import pytest

from sources import rules
from sources.intake import Intake
from sources.protocol import Page
from store import cases, cursors, ledger, mentions
from store.database import Database
from store.domain.case import CaseStatus, Priority
from store.domain.clock import utcnow
from store.domain.desk import Department, Desk, Role, Rule, SourceConfig, Watch
from store.domain.errors import BadInput
from store.domain.mention import Mention, NewAuthor, NewMention
from store.domain.poll import PollLine
from tests.factories import NOW, new_mention
from tests.hostile import PAYLOADS, harm_in

ACME = Watch("acme", '"acme cloud"')
SOURCE = SourceConfig(type="mastodon", name="mastodon.social")


def desk(*watches: Watch, do: dict[str, Sequence[str]] | None = None) -> Desk:
    return Desk(
        watches=watches or (ACME,),
        sources=(SOURCE,),
        departments=(Department("billing", "mailto:billing@example.org"), Department("pr", team=True)),
        rules=tuple(Rule(when, tuple(words)) for when, words in (do or {}).items()),
    )


async def take(db: Database, intake: Intake, *new: NewMention, **more: Any) -> PollLine:
    lands = more.pop("lands", False)
    page = Page(asked="#acme", mentions=new, **more)
    return await intake.take(
        SOURCE.name, "mastodon", "tag:acme", page, started_at=utcnow(), next_poll_at=None, lands=lands
    )


async def landed(db: Database, line: PollLine) -> list[Mention]:
    return [await mentions.get(db, mention_id) for mention_id in line.new_mentions]


async def test_what_matches_lands_with_its_watches_and_what_does_not_is_counted(db: Database):
    intake = Intake(db, desk(ACME, Watch("down", "down", Role.INDUSTRY)))
    new = [
        new_mention("Acme-Cloud is down"),
        new_mention("ACME cloud!"),
        new_mention("acme anvil"),
        new_mention("Down?"),
    ]
    line = await take(db, intake, *new)
    assert (line.returned, line.new, line.unmatched) == (4, 3, 1)
    assert [one.watches for one in await landed(db, line)] == [("acme", "down"), ("acme",), ("down",)]


async def test_a_watch_for_some_languages_hears_only_those(db: Database):
    intake = Intake(db, desk(replace(ACME, languages=("de",))))
    german = new_mention(
        "Acme Cloud ist seit heute Morgen nicht mehr erreichbar, und niemand antwortet auf meine Fragen"
    )
    english = new_mention("Acme Cloud has been unreachable since this morning and nobody answers any of my questions")
    assert [one.language for one in await landed(db, await take(db, intake, german, english))] == ["de"]


async def test_a_watch_may_ask_for_what_reading_finds(db: Database):
    intake = Intake(db, desk(Watch("angry", "acme sentiment:negative")))
    line = await take(db, intake, new_mention("acme is awful, I hate it"), new_mention("acme is wonderful, I love it"))
    assert [one.text for one in await landed(db, line)] == ["acme is awful, I hate it"]


async def test_what_is_addressed_to_us_or_imported_lands_without_a_watch(db: Database):
    intake = Intake(db, desk())
    assert (await take(db, intake, new_mention("hello there", direct=True))).new == 1
    assert (await take(db, intake, new_mention("hello again"), lands=True)).new == 1
    assert (await take(db, intake, new_mention("hello you"))).unmatched == 1


async def test_hostile_text_lands_harmless_or_is_kept_aside(db: Database):
    def hostile(payload: str) -> NewMention:
        author = NewAuthor("eve", name=payload, url="javascript:alert(1)")
        words = {"title": payload, "url": f"https://e.example/{payload}", "html": payload, "author": author}
        return new_mention(f"acme cloud {payload}", **words)

    line = await take(db, Intake(db, desk()), *map(hostile, PAYLOADS.values()))
    assert line.new + line.failed == len(PAYLOADS)
    assert line.new > len(PAYLOADS) * 0.9
    for one in await landed(db, line):
        shown = "".join((one.text, one.title, one.url, one.author.name))
        assert harm_in(shown) == []
        assert one.author.url == ""


@pytest.mark.parametrize(
    ("fields", "why"),
    [
        ({"created_at": datetime(2026, 1, 1)}, "no zone"),
        ({"external_id": ""}, "no id"),
        ({"external_id": "x" * 5_000}, "longer than"),
        ({"external_id": "half \ud800"}, "surrogate"),
        ({"text": None, "html": 7}, "reading it failed"),
    ],
)
async def test_one_bad_item_is_kept_aside_and_the_rest_lands(db: Database, fields: dict[str, Any], why: str):
    bad = replace(new_mention("acme cloud", raw=b"as it came"), **fields)
    good = [new_mention(f"acme cloud {n}") for n in range(60)]
    line = await take(db, Intake(db, desk()), *good[:30], bad, *good[30:])
    assert (line.returned, line.new, line.failed) == (61, 60, 1)
    (rejected,) = await ledger.rejected(db, line.id)
    assert why in rejected.reason
    assert rejected.raw == b"as it came"


@pytest.mark.parametrize("at", [datetime.max.replace(tzinfo=NOW.tzinfo), datetime.min.replace(tzinfo=NOW.tzinfo)])
async def test_a_time_that_cannot_be_is_the_time_we_saw_it(db: Database, at: datetime):
    (one,) = await landed(db, await take(db, Intake(db, desk()), new_mention("acme cloud", created_at=at)))
    assert abs(one.created_at - utcnow()) < timedelta(minutes=1)


async def test_rules_act_on_the_case_that_a_mention_opens_and_only_then(db: Database):
    do = {"sentiment:negative followers:>1000": ["priority urgent", "tag vip", "escalate pr", "forward billing look"]}
    intake = Intake(db, desk(do=do))
    big, small = NewAuthor("big", followers=5_000), NewAuthor("small", followers=5)
    words = "acme cloud is awful, I hate it"
    line = await take(db, intake, new_mention(words, author=big, thread="t"), new_mention(words, author=small))
    loud, quiet = [await cases.get(db, case_id) for case_id in line.new_cases]
    assert (loud.row.priority, loud.row.status, loud.row.tags) == (Priority.URGENT, CaseStatus.ESCALATED, ("vip",))
    assert [(each.target, each.text) for each in loud.deliveries] == [("billing", "look")]
    assert {entry.agent for entry in loud.journal} == {rules.AGENT}
    assert (quiet.row.priority, quiet.row.status) == (Priority.NORMAL, CaseStatus.NEW)
    await take(db, intake, new_mention(words, author=big, thread="t"))
    assert len([entry for entry in (await cases.get(db, loud.row.id)).journal if entry.agent == rules.AGENT]) == 4


async def test_a_rule_asks_the_mention_that_opened_the_case_and_no_other_of_its_page(db: Database):
    intake = Intake(db, desk(do={"acme": ["note look here"], "awful": ["tag awful"]}))
    thread = [new_mention(f"acme cloud is {word}", thread="t", created_at=NOW - timedelta(hours=hours))
              for word, hours in (("awful", 1), ("down", 2))]  # fmt: skip
    (case,) = (await take(db, intake, *thread)).new_cases
    found = await cases.get(db, case)
    assert (len(found.mentions), len(found.notes), found.row.tags) == (2, 1, ())


async def test_a_rule_acts_for_the_mention_it_matched_though_another_network_has_one_of_that_id(db: Database):
    intake = Intake(db, desk(do={"awful": ["tag awful"]}))
    line = await take(
        db, intake, new_mention("acme cloud is awful", id="1"), new_mention("acme cloud", id="1", network="trustpilot")
    )
    assert [row.tags for row in await cases.rows(db, line.new_cases)] == [("awful",), ()]


async def test_a_rule_leaves_alone_what_is_muted(db: Database):
    intake = Intake(db, desk(do={"acme": ["escalate pr", "priority urgent"]}))
    (heard,) = (await take(db, intake, new_mention("acme cloud"))).new_cases
    await cases.mute(db, "word", heard, "lottery", agent="ana", now=utcnow())
    (muted,) = (await take(db, intake, new_mention("acme cloud lottery", author="bo"))).new_cases
    (row,) = await cases.rows(db, [muted])
    assert (row.status, row.priority) == (CaseStatus.DISMISSED, Priority.NORMAL)


async def test_what_a_rule_did_is_undone_like_anything_else(db: Database):
    line = await take(db, Intake(db, desk(do={"acme": ["done"]})), new_mention("acme cloud"))
    assert (await cases.get(db, line.new_cases[0])).row.status is CaseStatus.DONE
    await cases.undo(db, agent=rules.AGENT, now=utcnow())
    assert (await cases.get(db, line.new_cases[0])).row.status is CaseStatus.NEW


@pytest.mark.parametrize(
    ("when", "do", "says"),
    [
        ("acme", "shout loudly", "no action"),
        ("acme", "priority huge", "low, normal, high, urgent"),
        ("acme", "priority", "priority urgent"),
        ("acme", "forward sales", "known: billing"),
        ("acme", "snooze soon", "4h"),
        ("acme OR", "done", "column"),
        ("status:new", "done", "status"),
    ],
)
def test_a_rule_that_cannot_be_is_named_before_anything_is_polled(when: str, do: str, says: str):
    with pytest.raises(BadInput, match=says) as caught:
        Intake(None, desk(do={when: [do]}))  # type: ignore[arg-type]
    assert f"`{when}`" in str(caught.value)


def test_a_rule_may_snooze_for_a_while():
    (decide,) = rules.parse(Rule("acme", ("snooze 4h",)), desk()).do
    assert decide(NOW).until == NOW + timedelta(hours=4)  # type: ignore[union-attr]


def test_a_watch_that_does_not_parse_is_named():
    with pytest.raises(BadInput, match=r"watch broken.*column"):
        Intake(None, desk(Watch("broken", '"acme')))  # type: ignore[arg-type]


async def test_a_long_page_does_not_hold_up_the_loop(db: Database):
    intake, html = Intake(db, desk()), "<p>acme cloud is slow today and nobody at support answers</p>" * 40
    await take(db, intake, new_mention(html=html))  # what is loaded lazily is loaded
    pauses, began = [0.0], time.process_time()

    async def heart() -> None:
        while True:
            before = time.process_time()
            await asyncio.sleep(0.001)
            pauses.append(time.process_time() - before)

    beating = asyncio.create_task(heart())
    line = await take(db, intake, *(new_mention("", html=html, author=f"a{n}") for n in range(150)))
    beating.cancel()
    assert line.new == 150
    assert max(pauses) < (time.process_time() - began) / 3


@pytest.mark.parametrize("after", [0.0, 0.005, 0.02, 0.05, 0.1, 0.2])
async def test_a_page_that_is_called_off_is_there_whole_with_its_rules_or_not_at_all(db: Database, after: float):
    intake = Intake(db, desk(do={"acme": ["priority urgent"]}))
    await cursors.ensure(db, SOURCE.name, ["tag:acme"], now=utcnow())
    page = Page("#acme", [new_mention(f"acme cloud {n}", author=f"a{n}") for n in range(60)], bookmark={"at": 60})
    taking = asyncio.create_task(
        intake.take(SOURCE.name, "mastodon", "tag:acme", page, started_at=utcnow(), next_poll_at=None)
    )
    await asyncio.sleep(after)
    taking.cancel()
    await asyncio.wait({taking})
    rows = await cases.listing(db, None, me="ana", now=utcnow())
    (cursor,) = await cursors.all_of(db)
    assert (len(rows), cursor.bookmark) in [(0, {}), (60, {"at": 60})]
    assert all(row.priority is Priority.URGENT for row in rows)
