from __future__ import annotations

from collections import Counter
from dataclasses import replace
from datetime import timedelta
from types import SimpleNamespace
from typing import Any, cast

import pytest

from sources.adapters.demo import Demo as Network
from sources.demo import fill, world
from sources.demo.desk import desk
from sources.demo.people import NETWORKS
from sources.demo.voices import LANGUAGES
from sources.protocol import Setup
from sources.text.clean import clean
from store import cases, mentions
from store.database import Database
from store.domain import query
from store.domain.clock import utcnow
from store.domain.delivery import Delivery
from store.domain.desk import DEFAULT_VIEWS
from store.domain.mention import Mention
from store.domain.poll import Cursor
from store.tables import delivery, issue, mention, poll
from tests.factories import NOW, rows
from tests.hostile import harm_in


def test_the_same_seed_is_the_same_world() -> None:
    assert world(NOW) == world(NOW)
    assert world(NOW).mentions != world(NOW, seed=8).mentions


def test_a_believable_fortnight() -> None:
    said = world(NOW).mentions
    assert 900 <= len(said) <= 1_500
    assert said == sorted(said, key=lambda one: (one.created_at, one.external_id))
    assert NOW - timedelta(days=15) < said[0].created_at
    assert said[-1].created_at <= NOW
    assert len({one.external_id for one in said}) == len(said)
    assert {one.network for one in said} == set(NETWORKS)
    assert 350 <= len({(one.network, one.author.handle) for one in said}) <= 520
    assert max(one.author.followers or 0 for one in said) == 1_200_000
    texts = Counter(clean(one) for one in said)
    assert len(texts) > 0.85 * len(said)
    assert not [text for title, text in texts if "{" in text or harm_in(title) or harm_in(text)]


def test_the_outage_stands_out_and_answers_stand_under_what_they_answer() -> None:
    said = world(NOW).mentions
    a_day = Counter((NOW - one.created_at).days for one in said)
    usual = sorted(a_day.values())[len(a_day) // 2]
    assert max(a_day.values()) > 2.5 * usual
    assert max(a_day, key=lambda day: a_day[day]) in (4, 5)
    natives = {one.native_id for one in said}
    answers = [one for one in said if one.parent and not one.direct]
    assert len(answers) > 15
    assert {one.parent for one in answers} <= natives


async def test_filling_gives_every_view_something(db: Database) -> None:
    invented = world(NOW)
    await fill(db, invented, NOW)
    for view in (*DEFAULT_VIEWS, *invented.desk.views):
        count = await cases.count(db, query.parse(view.query), me="ana", now=NOW)
        assert count > 0, view.name

    stored = await rows(db, mention)
    assert {row.language for row in stored} >= set(LANGUAGES)
    lines = await rows(db, poll)
    assert sum(line.failed for line in lines) == 0
    assert sum(line.returned for line in lines) == len(invented.mentions)
    assert sum(line.unmatched for line in lines) > 0  # what is not about us was looked at and left out
    assert {row.state for row in await rows(db, delivery)} == {"sent"}

    issues = {row.phrase: row.id for row in await rows(db, issue)}
    login = [row for row in stored if row.issue_id == issues["login"]]
    assert len(login) > 80
    assert {row.language for row in login} >= set(LANGUAGES)
    assert len({row.author_id for row in login}) > 60


@pytest.fixture
def network() -> Network:
    config = next(source for source in desk().sources if source.name == "mastodon")
    return Network(Setup(config, cast(Any, None), None))


CURSOR = cast(Cursor, SimpleNamespace(bookmark={}, stream="mastodon"))


async def test_the_network_goes_on_talking(network: Network) -> None:
    heard: list[str] = []
    for minute in range(30):
        async for page in network.pages(CURSOR, now=NOW + timedelta(minutes=minute)):
            assert page.next_poll_at is not None
            heard += [one.external_id for one in page.mentions]
    assert len(heard) > 15
    assert len(set(heard)) == len(heard)
    after_the_night = [page async for page in network.pages(CURSOR, now=NOW + timedelta(hours=9))]
    assert sum(len(page.mentions) for page in after_the_night) <= 20


async def test_who_is_answered_answers_back_in_the_thread(network: Network, db: Database) -> None:
    await fill_one(db)
    parent = await first_mention(db)
    sent = cast(Delivery, SimpleNamespace(identity="draft-1", text="Bună! Verificăm acum."))
    receipt = await network.send(sent, parent)
    assert await network.send(sent, parent) == receipt
    assert (await network.read_back(sent, parent)).found == receipt

    now = utcnow()
    pages = [page async for page in network.pages(CURSOR, now=now)]
    pages += [page async for page in network.pages(CURSOR, now=now + timedelta(seconds=30))]
    heard = [one for page in pages for one in page.mentions if one.thread == parent.thread]
    ours, theirs = heard
    assert (ours.ours, ours.native_id, ours.parent) == (True, receipt.native_id, parent.native_id)
    assert (theirs.author.handle, theirs.parent) == (parent.author.handle, receipt.native_id)
    assert theirs.created_at > ours.created_at
    assert "nimbari" in clean(theirs)[1]


async def fill_one(db: Database) -> None:
    invented = world(NOW)
    one = next(said for said in invented.mentions if said.network == "mastodon" and "nimbari" in (said.html or ""))
    await fill(db, replace(invented, mentions=[one], history=[]), NOW)


async def first_mention(db: Database) -> Mention:
    return await mentions.get(db, (await rows(db, mention))[0].id)
