"""Google Play: reviews of the last week, rewritten ones, answers that replace each other."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Iterator
from datetime import datetime, timedelta
from typing import Any

import pytest
import pytest_asyncio

from sources import registry
from sources.adapters.googleplay import GooglePlay
from sources.errors import BadAnswer, NotSent, RateLimited, Refused, Unauthorised, Uncertain
from sources.http import Http
from sources.intake import Intake
from sources.poller import Poller, Source
from sources.protocol import Page, Setup
from store import cursors
from store.database import Database
from store.domain.clock import utcnow
from store.domain.desk import Desk, SourceConfig
from store.domain.mention import MentionType
from store.domain.poll import Cursor
from store.domain.secret import Secret
from store.tables import cases, mention_version
from store.tables import mention as mentions
from tests.factories import rows
from tests.servers import Reply, Server, cut_off, free_port, json_reply, rate_limited, reset, text
from tests.sources.fake_google import NOW, PACKAGE, PLAY_PATH, TOKEN, FakePlay, error, mention
from tests.sources.fake_mastodon import delivery

STREAM = f"reviews:{PACKAGE}"
NAME = "gp:AOqpTOH1"


@pytest.fixture
def server() -> Iterator[Server]:
    with Server() as running:
        yield running


@pytest.fixture
def remote(server: Server) -> FakePlay:
    return FakePlay(server)


@pytest_asyncio.fixture
async def http(server: Server) -> AsyncIterator[Http]:
    async with Http({server.host}, pause=0) as client:
        yield client


def adapter(server: Server, http: Http, **fields: Any) -> GooglePlay:
    given: dict[str, Any] = {
        "url": server.url(),
        "token": "env:P",
        "backfill": None,
        "options": {"packages": [PACKAGE]},
    }
    return GooglePlay(Setup(SourceConfig("googleplay", "play", **(given | fields)), http, Secret(TOKEN)))


async def poll(
    source: GooglePlay, bookmark: dict[str, Any] | None = None, now: datetime = NOW, last: datetime | None = None
) -> list[Page]:
    cursor = Cursor("play", STREAM, json.loads(json.dumps(bookmark or {})), now, 0, last, "", "ok")
    return [page async for page in source.pages(cursor, now=now)]


def names(pages: list[Page]) -> list[str]:
    return [one.native_id for page in pages for one in page.mentions]


def ago(hours: float) -> datetime:
    return NOW - timedelta(hours=hours)


def review(**fields: Any) -> Any:
    return mention("googleplay", f"{PACKAGE}/{NAME}", NAME, **fields)


async def test_a_review_and_our_answer(server: Server, http: Http, remote: FakePlay) -> None:
    remote.add(NAME, ago(2), "Crash\tIt crashes on start")
    remote.answer(NAME, "Please update.", ago(1))
    (page,) = await poll(adapter(server, http))
    theirs, ours = page.mentions

    assert (theirs.title, theirs.text, theirs.type) == ("★★☆☆☆ Crash", "It crashes on start", MentionType.REVIEW)
    assert (theirs.external_id, theirs.author.handle, theirs.language_hint) == (f"{PACKAGE}/{NAME}", "Ana", "en")
    assert theirs.created_at == ago(2) + timedelta(milliseconds=250)
    assert theirs.direct
    assert theirs.edited_at is None
    assert theirs.url == f"https://play.google.com/store/apps/details?id={PACKAGE}&reviewId=gp%3AAOqpTOH1"
    assert (ours.ours, ours.text, ours.parent, ours.thread) == (True, "Please update.", NAME, theirs.thread)
    assert ours.external_id == f"{PACKAGE}/{NAME}/reply"
    (asked,) = server.seen
    assert asked.params == {"maxResults": "100"}
    assert asked.headers["authorization"] == f"Bearer {TOKEN}"


async def test_a_poll_that_dies_after_any_page_loses_nothing(server: Server, http: Http, remote: FakePlay) -> None:
    remote.page = 3
    for number in range(1, 12):
        remote.add(f"r{number:02}", ago(100 - number * 5))
    source = adapter(server, http)
    whole = await poll(source)
    assert sorted(names(whole)) == sorted(remote.reviews)
    for boundary in range(len(whole)):
        for number in range(50, 58):
            remote.add(f"r{number}", ago(10 - number / 10))
        rest = await poll(source, whole[boundary].bookmark)
        assert set(names(whole[: boundary + 1] + rest)) == remote.reviews.keys()
        assert names(await poll(source, rest[-1].bookmark)) == []
        for number in range(50, 58):
            remote.remove(f"r{number}")


async def test_a_review_that_is_written_again_is_an_edit_of_the_same_one(
    server: Server, http: Http, remote: FakePlay, db: Database
) -> None:
    source = adapter(server, http, every=timedelta(0))
    desk = Desk(sources=(SourceConfig("googleplay", "play"),))
    poller = Poller(db, {"play": Source(desk.sources[0], "googleplay", source)}, Intake(db, desk), lambda line: None)
    await poller.prepare()

    async def polled() -> None:
        await cursors.make_due(db, now=utcnow())
        assert not [line.error for line in await poller.round(asyncio.Event()) if line.error]

    now = utcnow()
    remote.add(NAME, now - timedelta(hours=3), "acme crashes", rating=1)
    await polled()
    remote.add(NAME, now - timedelta(hours=1), "acme works again", rating=5)
    await polled()
    remote.answer(NAME, "Glad to hear it!", now)
    await polled()
    await polled()

    stored = await rows(db, mentions)
    assert [(one.title, one.text, one.ours) for one in stored] == [
        ("★★★★★", "acme works again", False),
        ("", "Glad to hear it!", True),
    ]
    assert stored[0].edited_at > stored[0].created_at
    assert [one.text for one in await rows(db, mention_version)] == ["acme crashes"]
    (case,) = await rows(db, cases)
    assert {one.case_id for one in stored} == {case.id}, "what was answered elsewhere shows in the case"


async def test_an_answer_from_elsewhere_far_down_is_found(server: Server, http: Http, remote: FakePlay) -> None:
    remote.page = 3
    for number in range(9):
        remote.add(f"r{number}", ago(100 - number * 5))
    source = adapter(server, http)
    bookmark = (await poll(source))[-1].bookmark
    remote.answer("r0", "Sorry!", NOW)
    assert "r0/reply" in names(await poll(source, bookmark, NOW + timedelta(hours=7)))


async def test_what_google_does_not_give_any_more_is_a_gap(server: Server, http: Http, remote: FakePlay) -> None:
    remote.add("r1", ago(1))
    bookmark = (await poll(adapter(server, http)))[-1].bookmark
    late = await poll(adapter(server, http), bookmark, NOW, last=NOW - timedelta(days=9))
    assert late[0].gap_seconds == timedelta(days=2).total_seconds()
    assert (await poll(adapter(server, http), bookmark, NOW, last=NOW - timedelta(days=6)))[0].gap_seconds == 0
    month = await poll(adapter(server, http, backfill=timedelta(days=30)))
    assert month[0].gap_seconds == timedelta(days=23).total_seconds()


async def test_a_bad_review_is_kept_aside_and_nobody_is_unknown(server: Server, http: Http, remote: FakePlay) -> None:
    remote.add("r1", ago(1))["authorName"] = ""
    remote.add("r2", ago(2))["comments"] = []
    remote.add("r3", ago(3), lastModified={"seconds": "99999999999999"})
    (page,) = await poll(adapter(server, http))
    assert [one.author.handle for one in page.mentions] == ["unknown"]
    assert {one.where for one in page.rejected} == {"r2", "r3"}
    assert not (await poll(adapter(server, http), page.bookmark))[0].rejected


@pytest.mark.parametrize(
    ("reply", "wrong"),
    [
        (error(429, "RATE_LIMIT_EXCEEDED"), RateLimited), (error(403, "RATE_LIMIT_EXCEEDED"), RateLimited),
        (rate_limited("bare"), RateLimited), (error(401, "UNAUTHENTICATED"), Unauthorised),
        (error(403, "PERMISSION_DENIED"), Unauthorised), (error(403, "SERVICE_DISABLED"), Unauthorised),
        (error(404, "NOT_FOUND"), BadAnswer), (json_reply({"reviews": "x"}), BadAnswer), (text("<html>"), BadAnswer),
    ],
)  # fmt: skip
async def test_what_google_says_instead(server: Server, http: Http, reply: Reply, wrong: type[Exception]) -> None:
    server.on(PLAY_PATH, reply)
    with pytest.raises(wrong):
        await poll(adapter(server, http))


async def test_originals_are_looked_at_in_turns(server: Server, http: Http, remote: FakePlay) -> None:
    source = adapter(server, http)
    remote.add("r2", ago(0.1), "better now")
    known = [mention("googleplay", f"{PACKAGE}/r{n}", f"r{n}", id=n) for n in (1, 2, 3, 4, 5)]
    first = await source.recheck(known, now=NOW)
    second = await source.recheck(known, now=NOW)
    assert first is not None
    assert second is not None
    assert first.deleted == [f"{PACKAGE}/r1", f"{PACKAGE}/r3"]
    assert [one.text for one in first.mentions] == ["better now"]
    assert second.deleted[:2] == [f"{PACKAGE}/r4", f"{PACKAGE}/r5"]


async def test_an_answer_as_it_goes_out_and_is_found(server: Server, http: Http, remote: FakePlay) -> None:
    remote.add(NAME, ago(2))
    source = adapter(server, http)
    absent = await source.read_back(delivery("Sorry! Please update."), review())
    assert (absent.found, absent.complete) == (None, True)
    receipt = await source.send(delivery("Sorry! Please update."), review())
    (post,) = remote.posted

    assert post.method == "POST"
    assert json.loads(post.body) == {"replyText": "Sorry! Please update."}
    assert (receipt.native_id, receipt.key) == (f"{NAME}/reply", f"{PACKAGE}/{NAME}/reply")
    found = await source.read_back(delivery("<b>Sorry!</b> Please update."), review())
    assert found.found == receipt
    assert receipt.native_id in names(await poll(source)), "it comes back as the same one"
    assert await source.length("x" * 351, handle="") == (351, 350)


async def test_an_answer_to_our_answer_is_refused(server: Server, http: Http, remote: FakePlay) -> None:
    with pytest.raises(Refused):
        await adapter(server, http).send(delivery(), review(ours=True))


@pytest.mark.parametrize(
    ("reply", "wrong"),
    [
        (error(400, "INVALID_ARGUMENT", "Too long."), Refused), (error(404, "NOT_FOUND"), Refused),
        (error(403, "PERMISSION_DENIED"), Refused), (error(401, "UNAUTHENTICATED"), Unauthorised),
        (error(429, "RESOURCE_EXHAUSTED"), RateLimited), (Reply(500), Uncertain), (text("<html>"), Uncertain),
        (reset(), Uncertain), (cut_off(json_reply({"result": {}}), 3), Uncertain),
    ],
)  # fmt: skip
async def test_how_an_answer_can_end(server: Server, http: Http, reply: Reply, wrong: type[Exception]) -> None:
    server.on(f"{PLAY_PATH}/{NAME}:reply", reply)
    with pytest.raises(wrong):
        await adapter(server, http).send(delivery(), review())


async def test_an_answer_that_did_not_leave(server: Server) -> None:
    gone = f"127.0.0.1:{free_port()}"
    async with Http({gone}, pause=0) as other:
        with pytest.raises(NotSent):
            await adapter(server, other, url=f"http://{gone}").send(delivery(), review())


@pytest.mark.parametrize(
    ("options", "token", "says"),
    [
        ({"packages": "com.example"}, "env:T", "packages = "),
        ({"packages": []}, "env:T", "list of package names"),
        ({"packages": ["a/b"]}, "env:T", "list of package names"),
        ({"packages": [PACKAGE]}, "", "login is missing"),
    ],
)
def test_what_is_wrong_with_a_configuration(options: dict[str, Any], token: str, says: str) -> None:
    assert says in "; ".join(registry.problems(SourceConfig("googleplay", "p", token=token, options=options)))


def test_who_can_answer() -> None:
    assert registry.obstacle(SourceConfig("googleplay", "p", options={"service_account": "file:k"})) == ""
    assert "no login" in registry.obstacle(SourceConfig("googleplay", "p"))
