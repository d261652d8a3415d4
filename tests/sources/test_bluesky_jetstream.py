"""Bluesky without an account: every public post, from Jetstream."""

from __future__ import annotations

import json
import time
from collections.abc import AsyncIterator, Iterator
from datetime import timedelta
from typing import Any

import pytest
import pytest_asyncio

from sources.adapters import bluesky_jetstream
from sources.adapters.bluesky import Bluesky
from sources.adapters.bluesky_post import html
from sources.adapters.bluesky_sieve import Sieve
from sources.errors import BadAnswer, RateLimited, SourceError, Unreachable
from sources.http import Http
from sources.intake import Intake
from sources.protocol import Page
from sources.text import match
from sources.text.clean import clean
from store import mentions
from store.database import Database
from store.domain import query
from store.domain.desk import Desk, Watch
from store.domain.mention import NewAuthor, NewMention
from tests.servers import Reply, Send, Server, json_reply, rate_limited, redirect, text
from tests.sources.fake_bluesky import (
    NOW,
    OPEN_PATH,
    STREAM,
    STREAM_2,
    FakeJetstream,
    adapter,
    broken,
    closed,
    frame,
    keys,
    link,
    micros,
    minutes,
    poll,
    record,
    websocket,
)

JETSTREAM = "jetstream"
HOUR = timedelta(hours=1)


@pytest.fixture(autouse=True)
def short_silence(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(bluesky_jetstream, "FIRST_QUIET", 0.5)
    monkeypatch.setattr(bluesky_jetstream, "QUIET", 0.2)


@pytest.fixture
def server() -> Iterator[Server]:
    with Server() as running:
        yield running


@pytest.fixture
def stream(server: Server) -> FakeJetstream:
    return FakeJetstream(server)


@pytest_asyncio.fixture
async def http(server: Server) -> AsyncIterator[Http]:
    async with Http({server.host}, pause=0) as client:
        yield client


def source(server: Server, http: Http, **fields: Any) -> Bluesky:
    return adapter(server, http, "", **fields)


async def read(reader: Bluesky, bookmark: dict[str, Any] | None = None, now: Any = NOW, **fields: Any) -> list[Page]:
    return await poll(reader, bookmark, now, JETSTREAM, **fields)


def second(server: Server) -> dict[str, str]:
    return {"jetstream_url": f"ws://{server.host}{STREAM_2}"}


async def test_only_what_a_watch_may_look_for_is_handed_over(
    server: Server, http: Http, stream: FakeJetstream, db: Database
) -> None:
    words = "see acme.example/x..."
    stream.post("yes", NOW - HOUR, "My ÁCME cloud is down")
    stream.post("no", NOW - HOUR, "nothing of it")
    stream.post("linked", NOW - HOUR, words, facets=[link(words, "acme.example/x...", "https://acme.example/xyz")])
    stream.post("card", NOW - HOUR, "look", embed={"external": {"uri": "https://n.example", "title": "Acme fails"}})
    stream.tell(NOW, {"did": "did:plc:ana", "time_us": micros(NOW), "kind": "identity", "identity": {}})
    pages = await read(source(server, http))
    line = await Intake(db, Desk(watches=(Watch("acme", "acme"),))).take(
        "b", "bluesky", JETSTREAM, pages[-1], started_at=NOW, next_poll_at=None
    )

    assert keys(pages) == ["yes", "linked", "card"]
    assert line.new == 3
    assert "5 events" in pages[-1].asked
    (asked, *_) = [seen.all_params for seen in server.at(STREAM)]
    assert ("wantedCollections", "app.bsky.feed.post") in asked
    first = pages[-1].mentions[0]
    assert (first.external_id, first.author.handle) == ("at://did:plc:ana/app.bsky.feed.post/yes", "did:plc:ana")
    assert first.created_at == NOW - HOUR


QUERIES = [
    "acme", '"acme cloud"', "acm*", "acme~1", "acmecloud~2", "acme NEAR/3 cloud", "acme NOT cloud", "`Acme++`",
    "acme OR (widget down)", "link:acme.example/x", "acme followers:>10", "lang:de acme", "title:acme OR cloud",
    "akme~1 link:acme", '"é cloud"', "東京",
]  # fmt: skip
TEXTS = [
    "My ÁCME—cloud is down", "acmme cloud", "amce!", "Acme++ now", "acme++", "widget is so down", "cloud acme",
    "acme cluod", "ACME\ncloud", "ac\u00adme", "e\u0301 cloud", "東京タワー", "nothing", "acmecloud", "ａｃｍｅ",
]  # fmt: skip


@pytest.mark.parametrize("asked", QUERIES)
def test_the_sieve_lets_through_all_that_a_watch_matches(asked: str) -> None:
    matches, sieve, passed = match.compile(query.parse(asked)), Sieve([asked]), 0
    for words in TEXTS:
        for facets in ([], [link(f"{words} there", "there", "https://acme.example/xyz")]):
            post = record(f"{words} there", facets=facets)
            title, cleaned = clean(NewMention("bluesky", "x", NewAuthor("a"), NOW, html=html(post)))
            shown = match.Document(title=title, text=cleaned, followers=100, language="de", created_at=NOW, now=NOW)
            through = sieve.lets_through(post)
            passed += through
            assert through or not matches(shown), words
    assert 0 < passed < 2 * len(TEXTS), "it is a sieve"


async def test_a_poll_goes_on_where_the_last_one_stopped(server: Server, http: Http, stream: FakeJetstream) -> None:
    stream.post(1, NOW - minutes(5))
    stream.post(2, NOW - minutes(1))
    first = await read(source(server, http, backfill=minutes(9)))
    stream.post(3, NOW + minutes(1))
    second = await read(source(server, http, backfill=minutes(9)), first[-1].bookmark, NOW + minutes(2))

    assert (keys(first), keys(second)) == (["1", "2"], ["2", "3"])
    assert stream.cursors == [micros(NOW - minutes(9)), micros(NOW - minutes(1)) - 5_000_000]
    assert not any(page.gap_seconds for page in first + second)


@pytest.mark.parametrize(
    ("backfill", "expected"),
    [(timedelta(0), []), (minutes(5), ["4"]), (2 * HOUR, ["4", "60"]), (None, ["4", "60", "2100"])],
)
async def test_how_far_back_the_first_contact_reads(
    server: Server, http: Http, stream: FakeJetstream, backfill: timedelta | None, expected: list[str]
) -> None:
    for age in (2_100, 60, 4):
        stream.post(age, NOW - minutes(age))
    pages = await read(source(server, http, backfill=backfill))
    assert sorted(set(keys(pages)), key=int) == expected
    assert sum(page.gap_seconds for page in pages) == 0


@pytest.mark.parametrize(("backfill", "away"), [(timedelta(days=7), None), (None, timedelta(hours=50))])
async def test_what_is_too_old_for_the_replay_is_told_once(
    server: Server, http: Http, stream: FakeJetstream, backfill: timedelta | None, away: timedelta | None
) -> None:
    reader, bookmark, now, before = source(server, http, backfill=backfill), None, NOW, 0.0
    stream.post("old", NOW)
    if away:
        bookmark = (await read(reader))[-1].bookmark
        now = NOW + away
    stream.post("new", now - minutes(1))
    pages = await read(reader, bookmark, now)
    again = await read(reader, pages[-1].bookmark, now + minutes(1))
    before = timedelta(hours=50 if away else 7 * 24).total_seconds() - 36 * 3_600

    assert "new" in keys(pages)
    assert sum(page.gap_seconds for page in pages) == pytest.approx(before, abs=1)
    assert sum(page.gap_seconds for page in again) == 0


async def test_a_quiet_network_loses_nothing(server: Server, http: Http, stream: FakeJetstream) -> None:
    stream.hold = True
    stream.post(1, NOW)
    bookmark = (await read(source(server, http)))[-1].bookmark
    for hours in (12, 30, 47, 60):
        pages = await read(source(server, http), bookmark, NOW + hours * HOUR)
        bookmark = pages[-1].bookmark
        assert not any(page.gap_seconds for page in pages)


async def test_old_posts_never_keep_new_ones_waiting(
    server: Server, http: Http, stream: FakeJetstream, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(bluesky_jetstream, "PAGE_EVENTS", 10)
    monkeypatch.setattr(bluesky_jetstream, "BATCH", 5)
    for age in range(600, 3, -3):
        stream.post(age, NOW - minutes(age))
    stream.post("now", NOW)
    bookmark, found = None, []
    for turn in range(40):  # each poll is broken off after two pages
        pages = await read(source(server, http), bookmark, NOW + minutes(turn), most=2)
        assert "now" in keys(pages) or turn, "the newest come first"
        stream.post(f"new{turn}", NOW + minutes(turn + 0.5))
        bookmark, found = pages[-1].bookmark, found + keys(pages)
    found += keys(await read(source(server, http), bookmark, NOW + minutes(40)))

    assert {*map(str, range(600, 3, -3)), "now", *(f"new{turn}" for turn in range(40))} == set(found)


async def test_a_poll_that_dies_after_any_page_loses_nothing(
    server: Server, http: Http, stream: FakeJetstream, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(bluesky_jetstream, "PAGE_EVENTS", 10)
    monkeypatch.setattr(bluesky_jetstream, "BATCH", 5)
    for number in range(100):
        stream.post(number, NOW - timedelta(seconds=500 - 5 * number))
    bookmark, found = None, []
    for _ in range(30):
        pages = await read(source(server, http), bookmark, most=2)
        bookmark, found = pages[-1].bookmark, found + keys(pages)
    assert {int(name) for name in found} == set(range(100))


@pytest.mark.parametrize("path", [STREAM, STREAM_2])
async def test_edits_and_deletions_come_by(server: Server, http: Http, path: str) -> None:
    stream = FakeJetstream(server, path)
    options = second(server) if path == STREAM_2 else {}
    stream.post("a", NOW - minutes(3))
    stream.post("b", NOW - minutes(3))
    stream.post("a", NOW - minutes(2), "not a word of them any more", "update")
    gone = stream.post("b", NOW - minutes(1), operation="delete")
    stream.post("c", NOW - minutes(1), operation="delete")
    stream.post("c", NOW, "acme, written anew")
    (page,) = await read(source(server, http, options=options, backfill=minutes(9)))

    assert keys([page]) == ["a", "b", "a", "c"]
    assert [mention.edited_at for mention in page.mentions] == [None, None, NOW - minutes(2), None]
    assert list(page.deleted) == [gone]


async def test_a_deleted_original_loses_its_words(
    server: Server, http: Http, stream: FakeJetstream, db: Database
) -> None:
    stream.post("a", NOW - minutes(3), "acme secret")
    intake = Intake(db, Desk(watches=(Watch("acme", "acme"),)))
    reader = source(server, http, backfill=minutes(9))
    (page,) = await read(reader)
    await intake.take("b", "bluesky", JETSTREAM, page, started_at=NOW, next_poll_at=None)
    stream.post("a", NOW, operation="delete")
    (page,) = await read(reader, page.bookmark, NOW + minutes(1))
    await intake.take("b", "bluesky", JETSTREAM, page, started_at=NOW, next_poll_at=None)

    async def stored(connection: Any) -> Any:
        return await mentions.read(connection, [1])

    (mention,) = await db.read(stored)
    assert mention.deleted_at is not None
    assert mention.text == ""


async def test_the_second_version_keeps_its_own_place(server: Server, http: Http) -> None:
    stream = FakeJetstream(server, STREAM_2)
    reader = source(server, http, options=second(server), backfill=minutes(9))
    stream.post(1, NOW - minutes(2))
    stream.post(2, NOW - minutes(1))
    first = await read(reader)
    stream.post(3, NOW)
    again = await read(reader, first[-1].bookmark, NOW + minutes(1))
    elsewhere = dict(again[-1].bookmark or {}, host="other.example")
    await read(reader, elsewhere, NOW + minutes(1))

    assert (keys(first), keys(again)) == (["1", "2"], ["2", "3"])
    assert stream.cursors == [micros(NOW - minutes(9)), 2, micros(NOW) - 5_000_000]
    assert ("kinds", "commit") in server.at(STREAM_2)[0].all_params
    assert server.at(STREAM_2)[0].headers["sec-websocket-protocol"] == "xrpc.v1.json"


async def test_a_place_that_the_second_version_has_forgotten(server: Server, http: Http) -> None:
    stream = FakeJetstream(server, STREAM_2)
    reader = source(server, http, options=second(server), backfill=minutes(9))
    stream.post(1, NOW)
    bookmark = (await read(reader))[-1].bookmark
    stream.post("lost", NOW + minutes(1))
    stream.post(2, NOW + minutes(4))
    stream.oldest = 2
    pages = await read(reader, bookmark, NOW + minutes(5))

    assert keys(pages) == ["2"]
    assert sum(page.gap_seconds for page in pages) == pytest.approx(240, abs=1)


async def test_what_speaks_to_our_account_lands_without_a_match(
    server: Server, http: Http, stream: FakeJetstream
) -> None:
    own = "did:plc:brand"
    ours = {"uri": f"at://{own}/app.bsky.feed.post/k", "cid": "c"}
    named = [{"index": {"byteStart": 0, "byteEnd": 2}, "features": [{"$type": "app.bsky.richtext.facet#mention"}]}]
    named[0]["features"][0]["did"] = own  # type: ignore[index]
    stream.post("named", NOW, "hi", facets=named)
    stream.post("answer", NOW, "hi", reply={"root": ours, "parent": ours})
    stream.post("quote", NOW, "hi", embed={"record": ours})
    stream.post("ours", NOW, "hi", did=own)
    stream.post("other", NOW, "hi")
    (page,) = await read(source(server, http, options={"handle": own}, backfill=minutes(9)))

    assert [(key, one.direct, one.ours) for key, one in zip(keys([page]), page.mentions, strict=True)] == [
        ("named", True, False), ("answer", True, False), ("quote", True, False), ("ours", False, True),
    ]  # fmt: skip


async def test_people_get_their_names_where_the_server_tells_them(
    server: Server, http: Http, stream: FakeJetstream
) -> None:
    profile = {"did": "did:plc:ana", "handle": "ana.example", "displayName": "Ana", "followersCount": 1_234}
    server.on("/xrpc/app.bsky.actor.getProfiles", json_reply({"profiles": [profile]}))
    stream.post(1, NOW)
    stream.post(2, NOW, did="did:plc:bob")
    (page,) = await read(source(server, http, backfill=minutes(9)))

    first, other = (mention.author for mention in page.mentions)
    assert (first.handle, first.name, first.followers) == ("ana.example", "Ana", 1_234)
    assert (other.handle, other.followers) == ("did:plc:bob", None)


NOT_EVENTS = [
    b"",
    b"{",
    b"[]",
    b"5",
    b'{"time_us":"x"}',
    b'{"time_us":-4}',
    b"\xff",
    b"[" * 10_000,
    b'{"$type":"message"}',
]


async def test_what_is_no_event_is_kept_aside(server: Server, http: Http, stream: FakeJetstream) -> None:
    stream.post(1, NOW - minutes(1))
    stream.events += [(micros(NOW), bad) for bad in NOT_EVENTS]
    commit = {"operation": "create", "collection": "app.bsky.feed.post", "rkey": "r"}
    stream.tell(NOW, {"did": "did:plc:a", "time_us": micros(NOW), "kind": "commit", "commit": commit})
    stream.post(2, NOW)
    (page,) = await read(source(server, http, backfill=minutes(9)))

    assert keys([page]) == ["1", "2"]
    assert len(page.rejected) == len(NOT_EVENTS) + 1


async def test_what_was_read_before_the_connection_broke_is_kept(
    server: Server, http: Http, stream: FakeJetstream
) -> None:
    stream.post(1, NOW - minutes(1))
    stream.after = broken
    reader = source(server, http, backfill=minutes(9))
    pages: list[Page] = []
    with pytest.raises(Unreachable):
        await read(reader, into=pages)
    stream.after = closed
    stream.post(2, NOW)
    again = await read(reader, pages[-1].bookmark)

    assert keys(pages) == ["1"]
    assert "2" in keys(again)


def error_frame(send: Send) -> None:
    send(frame(b'{"$type":"error","error":"ConsumerTooSlow","message":"x"}'))


async def test_public_posts_are_read_also_when_the_account_is_not_let_in(
    server: Server, http: Http, stream: FakeJetstream
) -> None:
    server.on(OPEN_PATH, json_reply({"error": "AuthenticationRequired"}, 401))
    stream.post(1, NOW)
    assert keys(await read(adapter(server, http, options={"jetstream": True}, backfill=minutes(9)))) == ["1"]


async def test_a_server_that_stops_with_a_word(server: Server, http: Http) -> None:
    stream = FakeJetstream(server, STREAM_2)
    stream.after = error_frame
    with pytest.raises(SourceError, match="ConsumerTooSlow"):
        await read(source(server, http, options=second(server), backfill=minutes(9)))


@pytest.mark.parametrize(
    ("reply", "error"),
    [
        (rate_limited("seconds", seconds=60), RateLimited), (Reply(503), Unreachable), (Reply(404), BadAnswer),
        (redirect("/elsewhere"), BadAnswer), (text("hello"), BadAnswer),
        (json_reply({"error": "InvalidRequest", "message": "bad cursor"}, 400), BadAnswer),
    ],
)  # fmt: skip
async def test_how_opening_can_fail(server: Server, http: Http, reply: Reply, error: type[Exception]) -> None:
    server.on(STREAM, reply)
    with pytest.raises(error):
        await read(source(server, http))
    assert len(server.seen) == 1, "no redirect is followed"


async def test_a_server_that_does_not_heed_the_cursor(server: Server, http: Http, stream: FakeJetstream) -> None:
    """What it gives is taken, and it is not asked for the same again and again."""
    for number in range(3):
        stream.post(number, NOW - timedelta(days=100) + minutes(number))
    told = [message for _, message in stream.events]
    server.on(STREAM, lambda seen: websocket(seen, told, closed))
    pages = await read(source(server, http))
    assert set(keys(pages)) == {"0", "1", "2"}
    assert len(server.at(STREAM)) <= 2


@pytest.mark.parametrize("operation", ["create", "delete"])
async def test_a_long_replay_is_read_fast_and_in_pieces(
    server: Server, http: Http, stream: FakeJetstream, operation: str
) -> None:
    for number in range(20_000):
        words = "acme" if number % 1_000 == 0 else f"something else 東京 {number} " + "word " * 30
        stream.post(number, NOW - timedelta(seconds=500 - number / 50), words, operation)
    begun = time.process_time()
    pages = await read(source(server, http, backfill=minutes(9)))
    spent = time.process_time() - begun

    assert 20_000 / spent > 1_000, "events a second"
    if operation == "create":
        assert len(keys(pages)) == 20
    else:
        assert max(len(page.deleted) for page in pages) <= 1_000
        assert sum(len(page.deleted) for page in pages) == 20_000
    assert json.dumps(pages[-1].bookmark)
