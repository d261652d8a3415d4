"""Bluesky with an account: search, what is addressed to it, its session, and looking again."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator, Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
import pytest_asyncio

from sources import registry
from sources.adapters.bluesky import DEFAULT_URL, Bluesky
from sources.adapters.bluesky_post import from_view
from sources.errors import BadAnswer, RateLimited, Unauthorised
from sources.http import Http
from sources.intake import Intake
from sources.keep import Keep
from sources.protocol import Setup
from sources.text.clean import clean
from store.database import Database
from store.domain.desk import Desk, SourceConfig, Watch
from store.domain.mention import Mention
from store.domain.secret import Secret
from tests.servers import Reply, Server, json_reply, rate_limited, text
from tests.sources.fake_bluesky import (
    HANDLE,
    NOTED_PATH,
    NOW,
    OPEN_PATH,
    OWN,
    REFRESH_PATH,
    SEARCH,
    SEARCH_PATH,
    FakeBluesky,
    adapter,
    keys,
    link,
    minutes,
    poll,
    reference,
)
from tests.sources.fake_mastodon import mention as stored

NOTED = "notifications"


@pytest.fixture
def server() -> Iterator[Server]:
    with Server() as running:
        yield running


@pytest.fixture
def remote(server: Server) -> FakeBluesky:
    return FakeBluesky(server)


@pytest_asyncio.fixture
async def http(server: Server) -> AsyncIterator[Http]:
    async with Http({server.host}, pause=0) as client:
        yield client


async def test_a_post_as_it_is_found(server: Server, http: Http, remote: FakeBluesky) -> None:
    words = "Look 👀 acme.example/pricing/fo... #acme"
    target = "https://acme.example/pricing/for-teams"
    root, parent = (
        reference("at://did:plc:bob/app.bsky.feed.post/r"),
        reference("at://did:plc:bob/app.bsky.feed.post/p"),
    )
    embed = {"external": {"uri": "https://news.example/a?b=1&c=2", "title": "Acme <b>is</b> down"}}
    uri = remote.add(
        "k", NOW, words, facets=[link(words, "acme.example/pricing/fo...", target)], embed=embed, langs=["de", "en"],
        reply={"root": root, "parent": parent},
    )  # fmt: skip
    (page,) = await poll(adapter(server, http))

    (found,) = page.mentions
    assert (found.network, found.external_id, found.native_id) == ("bluesky", uri, uri)
    assert (found.parent, found.thread) == (parent["uri"], root["uri"])
    assert found.url == "https://bsky.app/profile/ana.example/post/k"
    assert (found.author.handle, found.author.name) == ("ana.example", "Ana")
    assert (found.created_at, found.language_hint, found.ours, found.direct) == (NOW, "de", False, False)
    assert clean(found)[1] == (
        f"Look 👀 {target} #acme\n\nAcme <b>is</b> down <https://news.example/a?b=1&c=2>"
    )  # fmt: skip


@pytest.mark.parametrize(
    ("written", "indexed", "at"),
    [
        ("2026-11-21T11:00:00Z", "2026-11-21T11:00:01.5Z", datetime(2026, 11, 21, 11, 0, tzinfo=UTC)),
        ("2026-11-21T13:00:00.123456+02:00", "2026-11-21T11:00:02Z", datetime(2026, 11, 21, 11, 0, 0, 123456, UTC)),
        ("2026-11-21T11:00:00.590331Z", "2026-11-21T11:00:00.224Z", datetime(2026, 11, 21, 11, 0, 0, 590331, UTC)),
        ("2031-01-01T00:00:00Z", "2026-11-21T11:00:00.000Z", datetime(2026, 11, 21, 11, 0, tzinfo=UTC)),
        ("yesterday", "2026-11-21T11:00:00.000Z", datetime(2026, 11, 21, 11, 0, tzinfo=UTC)),
        ("2026-11-21T11:00:00Z", None, datetime(2026, 11, 21, 11, 0, tzinfo=UTC)),
    ],
)
def test_when_it_was_written(written: str, indexed: str | None, at: datetime) -> None:
    view = {
        "uri": "at://did:plc:a/app.bsky.feed.post/k",
        "author": {"did": "did:plc:a", "handle": "handle.invalid"},
        "record": {"text": "x", "createdAt": written},
        "indexedAt": indexed,
    }
    found = from_view(view, own="")
    assert (found.created_at, found.author.handle) == (at, "did:plc:a")


@pytest.mark.parametrize(
    "damage",
    [
        {"uri": "at://did:plc:a"}, {"uri": None}, {"author": 7, "uri": "x"}, {"record": None}, {"record": {"text": 5}},
        {"record": {"text": "x"}, "indexedAt": "never"}, {"uri": "at://did:plc:a/app.bsky.feed.like/k"},
    ],
)  # fmt: skip
async def test_what_is_no_post_is_kept_aside_and_the_others_land(
    server: Server, http: Http, remote: FakeBluesky, damage: dict[str, Any]
) -> None:
    good, bad = remote.add("good", NOW), remote.add("bad", NOW)
    remote.posts[bad] |= damage
    server.on(SEARCH_PATH, json_reply({"posts": [remote.posts[bad], 7, remote.posts[good]]}))
    (page,) = await poll(adapter(server, http))

    assert keys([page]) == ["good"]
    assert len(page.rejected) == 2
    assert json.loads(page.rejected[1].raw) == remote.posts[bad]


def test_strange_facets_do_no_harm() -> None:
    words = "ä acme"
    features = [{"$type": "app.bsky.richtext.facet#link", "uri": "https://x.example"}]
    spans = [(0, 1), (-3, 2), (2, 999), (5, 3), ("0", 2), (0, None)]
    facets: list[Any] = [{"index": {"byteStart": a, "byteEnd": b}, "features": features} for a, b in spans]
    facets += [None, {"index": 5, "features": []}, {"index": {"byteStart": 0, "byteEnd": 2}, "features": [3, {}]}]
    facets.append({"index": {"byteStart": 0, "byteEnd": 2}, "features": [features[0] | {"uri": "javascript:alert(1)"}]})
    view = {
        "uri": "at://did:plc:a/app.bsky.feed.post/k",
        "author": {"handle": "a.example"},
        "record": {"text": words, "createdAt": "2026-11-21T11:00:00Z", "facets": facets, "embed": {"media": 3}},
    }
    assert "acme" in clean(from_view(view, own=""))[1]
    assert "javascript" not in clean(from_view(view, own=""))[1]


async def test_only_what_is_new_and_a_little_more_is_asked_for(server: Server, http: Http, remote: FakeBluesky) -> None:
    for number in range(5):
        remote.add(number, NOW - minutes(number))
    first = await poll(adapter(server, http))
    remote.add("late", NOW - minutes(10), indexed=NOW + minutes(1))
    second = await poll(adapter(server, http), first[-1].bookmark, NOW + minutes(2))

    assert keys(first) == ["4", "3", "2", "1", "0"], "oldest first"
    assert "late" in keys(second)
    (asked,) = [seen.params for seen in server.at(SEARCH_PATH)][1:]
    assert asked == {"q": "acme", "sort": "latest", "limit": "100", "since": "2026-11-21T11:45:00.000Z"}


async def test_every_way_to_match_is_asked_for(server: Server, http: Http, remote: FakeBluesky) -> None:
    await poll(adapter(server, http, query='"acme cloud" OR acmecloud down NOT anvil'))
    assert {seen.params["q"] for seen in server.at(SEARCH_PATH)} == {'"acme cloud"', "acmecloud down"}


async def test_what_came_very_late_is_found_within_a_day(server: Server, http: Http, remote: FakeBluesky) -> None:
    remote.add(1, NOW)
    bookmark = (await poll(adapter(server, http)))[-1].bookmark
    remote.add("late", NOW - timedelta(hours=5), indexed=NOW + minutes(1))
    assert "late" not in keys(await poll(adapter(server, http), bookmark, NOW + minutes(2)))
    bookmark = (await poll(adapter(server, http), bookmark, NOW + minutes(2)))[-1].bookmark
    assert "late" in keys(await poll(adapter(server, http), bookmark, NOW + timedelta(days=1)))


@pytest.mark.parametrize(
    ("backfill", "expected"), [(None, ["3", "2", "1"]), (timedelta(hours=3), ["2", "1"]), (timedelta(0), [])]
)
@pytest.mark.parametrize("stream", [SEARCH, NOTED])
async def test_how_far_back_the_first_contact_reads(
    server: Server, http: Http, remote: FakeBluesky, backfill: timedelta | None, expected: list[str], stream: str
) -> None:
    for number in (1, 2, 3):
        remote.add(number, NOW - timedelta(hours=number + number // 3), reason="mention")
    first = await poll(adapter(server, http, backfill=backfill), stream=stream)
    remote.add(9, NOW + minutes(1), reason="reply")
    second = await poll(adapter(server, http, backfill=backfill), first[-1].bookmark, NOW + minutes(2), stream)

    assert keys(first) == expected
    assert "9" in keys(second)
    assert "3" not in keys(second) or backfill is None


@pytest.mark.parametrize("stream", [SEARCH, NOTED])
async def test_a_poll_that_dies_after_any_page_loses_nothing(
    server: Server, http: Http, remote: FakeBluesky, stream: str
) -> None:
    remote.per_page = 10
    for number in range(73):
        remote.add(number, NOW - minutes(number), reason="mention")
    bookmark, found, turn = None, [], 0
    while True:  # every poll is broken off after its first page, while new posts come
        remote.add(900 + turn, NOW + minutes(turn), reason="reply")
        pages = await poll(adapter(server, http), bookmark, NOW + minutes(turn), stream, most=1)
        bookmark, turn = pages[-1].bookmark, turn + 1
        assert str(900 + turn - 1) in keys(pages), "what is new comes first"
        found += keys(pages)
        if turn == 12:
            break
    found += keys(await poll(adapter(server, http), bookmark, NOW + minutes(turn), stream))

    assert {int(name) for name in found} == {*range(73), *range(900, 912)}


@pytest.mark.parametrize("knows_until", [True, False])
async def test_a_long_list_is_read_to_its_end(
    server: Server, http: Http, remote: FakeBluesky, knows_until: bool
) -> None:
    remote.per_page, remote.knows_until = 10, knows_until
    for number in range(295):
        remote.add(number, NOW - minutes(number))
    cut = await poll(adapter(server, http, backfill=timedelta(days=1)), most=4)
    rest = await poll(adapter(server, http, backfill=timedelta(days=1)), cut[-1].bookmark, NOW + minutes(1))

    assert {int(name) for name in keys([*cut, *rest])} == set(range(295))
    assert rest[-1].bookmark is not None
    assert rest[-1].bookmark["asks"]['"acme"']["gaps"] == []


async def test_the_news_of_every_alternative_come_before_the_past_of_one(
    server: Server, http: Http, remote: FakeBluesky
) -> None:
    remote.per_page = 10
    for number in range(95):
        remote.add(number, NOW - minutes(number))
    query = "acme OR bolt OR crane"
    cut = await poll(adapter(server, http, query=query, backfill=None), most=2)
    again = await poll(adapter(server, http, query=query, backfill=None), cut[-1].bookmark, NOW + minutes(1))
    order = list(dict.fromkeys(page.asked.split()[1] for page in again))
    assert order == ["bolt", "crane", "acme"], "what has waited longest is asked first"


async def test_a_page_that_was_emptied_is_not_the_end(server: Server, http: Http, remote: FakeBluesky) -> None:
    post = remote.posts[remote.add("k", NOW)]
    server.on(
        SEARCH_PATH,
        json_reply({"posts": [], "cursor": "100"}),
        json_reply({"posts": [post], "cursor": "200"}),
        json_reply({"posts": [post], "cursor": "300"}),
    )
    assert keys(await poll(adapter(server, http))) == ["k", "k"]
    assert len(server.at(SEARCH_PATH)) == 3


async def test_what_is_addressed_to_us(server: Server, http: Http, remote: FakeBluesky, db: Database) -> None:
    for number, reason in enumerate(["mention", "reply", "quote", "like", "repost"]):
        remote.add(number, NOW - minutes(number), text="no word of it", reason=reason)
    remote.add("own", NOW, did=OWN, text="acme, by us")
    source = adapter(server, http)
    told, found = await poll(source, stream=NOTED), await poll(source)
    intake = Intake(db, Desk(watches=(Watch("acme", "acme"),)))
    line = await intake.take("b", "bluesky", NOTED, told[0], started_at=NOW, next_poll_at=None)
    again = await intake.take("b", "bluesky", NOTED, told[0], started_at=NOW, next_poll_at=None)

    assert keys(told) == ["2", "1", "0"]
    assert all(mention.direct and not mention.ours for mention in told[0].mentions)
    assert [seen.all_params for seen in server.at(NOTED_PATH)] == [
        [("limit", "100"), ("reasons", "mention"), ("reasons", "reply"), ("reasons", "quote")]
    ]
    assert (line.new, again.new, again.duplicate) == (3, 0, 3)
    assert [(m.ours, m.external_id.startswith(f"at://{OWN}/")) for m in found[0].mentions].count((True, True)) == 1


async def test_one_login_serves_every_poll_and_every_program(
    server: Server, http: Http, remote: FakeBluesky, tmp_path: Path
) -> None:
    for _ in range(3):
        source = adapter(server, http, keep=Keep(tmp_path, "b"))
        await poll(source)
        await poll(source, stream=NOTED)
    assert [json.loads(seen.body) for seen in server.at(OPEN_PATH)] == [
        {"identifier": HANDLE, "password": "abcd-efgh-ijkl-mnop"}
    ]
    other = replace(SourceConfig("bluesky", "b", url=server.url()), options={"handle": "other.example"})
    with pytest.raises(Unauthorised, match="handle"):
        await poll(Bluesky(Setup(other, http, Secret("x"), (Watch("acme", "acme"),), keep=Keep(tmp_path, "b"))))
    assert len(server.at(OPEN_PATH)) == 2, "the session of one account is not another's"


async def test_a_token_that_ran_out_is_renewed_and_the_new_pair_kept(
    server: Server, http: Http, remote: FakeBluesky, tmp_path: Path
) -> None:
    remote.add(1, NOW)
    await poll(adapter(server, http, keep=Keep(tmp_path, "b")))
    kept = Keep(tmp_path, "b")
    kept.store("session", (kept.load("session") or {}) | {"access": "access-0"})
    again = await poll(adapter(server, http, keep=Keep(tmp_path, "b")))
    third = await poll(adapter(server, http, keep=Keep(tmp_path, "b")))

    assert keys(again) == keys(third) == ["1"]
    assert (len(server.at(OPEN_PATH)), len(server.at(REFRESH_PATH)), remote.pair) == (1, 1, 2)
    assert [seen.headers["authorization"] for seen in server.at(REFRESH_PATH)] == ["Bearer refresh-1"]


async def test_logging_in_again_is_the_last_resort_and_rare(
    server: Server, http: Http, remote: FakeBluesky, tmp_path: Path
) -> None:
    await poll(adapter(server, http, keep=Keep(tmp_path, "b")))
    kept = Keep(tmp_path, "b")
    kept.store("session", (kept.load("session") or {}) | {"access": "access-0", "refresh": "refresh-0"})
    await poll(adapter(server, http, keep=Keep(tmp_path, "b")))
    assert (len(server.at(OPEN_PATH)), len(server.at(REFRESH_PATH))) == (2, 1)

    kept = Keep(tmp_path, "b")
    kept.store("session", (kept.load("session") or {}) | {"access": "access-0", "refresh": "refresh-0"})
    with pytest.raises(Unauthorised, match="a moment ago"):
        await poll(adapter(server, http, keep=Keep(tmp_path, "b")))
    assert len(server.at(OPEN_PATH)) == 2, "300 a day are all there are"


async def test_a_login_that_is_refused(server: Server, http: Http, remote: FakeBluesky) -> None:
    remote.logins = False
    with pytest.raises(Unauthorised, match="app password"):
        await poll(adapter(server, http))
    server.on(OPEN_PATH, json_reply({"error": "AuthFactorTokenRequired"}, 401))
    with pytest.raises(Unauthorised, match="second factor"):
        await poll(adapter(server, http))
    server.on(OPEN_PATH, Reply(429, b"{}", {"ratelimit-reset": "1795348800"}))
    with pytest.raises(RateLimited) as limited:
        await poll(adapter(server, http))
    assert limited.value.retry_at == datetime.fromtimestamp(1795348800, UTC)


async def test_a_server_that_knows_nothing_but_the_search(server: Server, http: Http) -> None:
    for status in (404, 599):
        with Server() as bare:
            view = {
                "uri": "at://did:plc:a/app.bsky.feed.post/k",
                "author": {"did": "did:plc:a", "handle": "a.example"},
                "record": {"text": "acme", "createdAt": "2026-11-21T11:00:00Z"},
            }
            bare.on(SEARCH_PATH, json_reply({"posts": [view]}))
            for path in (OPEN_PATH, "/xrpc/com.atproto.server.getSession"):
                bare.on(path, Reply(status))
            async with Http({bare.host}, pause=0) as client:
                for token, options in (("any", {}), ("abcd", {"handle": "brand.example"})):
                    assert keys(await poll(adapter(bare, client, token, options=options))) == ["k"]
            assert {seen.headers["authorization"] for seen in bare.at(SEARCH_PATH)} == {"Bearer any", "Bearer abcd"}


async def test_the_handle_tells_who_we_are_where_the_session_does_not(
    server: Server, http: Http, remote: FakeBluesky
) -> None:
    own = remote.add("own", NOW, did=OWN)
    server.on(SEARCH_PATH, json_reply({"posts": [remote.posts[own]]}))
    server.on(OPEN_PATH, Reply(404))
    server.on("/xrpc/com.atproto.identity.resolveHandle", json_reply({"did": OWN}))
    (page,) = await poll(adapter(server, http, "abcd", options={"handle": HANDLE}))
    assert page.mentions[0].ours


async def test_an_access_token_is_used_as_it_is(server: Server, http: Http, remote: FakeBluesky) -> None:
    token = "eyJhbGciOiJFUzI1NksifQ.eyJzdWIiOiJkaWQ6cGxjOmJyYW5kIn0.c2ln"  # its subject is did:plc:brand
    own = remote.add("own", NOW, did=OWN)
    server.on(SEARCH_PATH, json_reply({"posts": [remote.posts[own]]}))
    (page,) = await poll(adapter(server, http, token, options={"handle": HANDLE}))

    assert page.mentions[0].ours
    assert {seen.path for seen in server.seen} == {SEARCH_PATH}
    assert server.seen[0].headers["authorization"] == f"Bearer {token}"


LIMITED = Reply(429, b'{"error":"RateLimitExceeded"}', {"ratelimit-reset": "1795262700", "ratelimit-remaining": "0"})


@pytest.mark.parametrize(
    ("reply", "error"),
    [
        (LIMITED, RateLimited), (rate_limited("seconds", seconds=60), RateLimited),
        (json_reply({"error": "RateLimitExceeded"}, 400), RateLimited),
        (json_reply({"error": "AccountTakedown"}, 400), Unauthorised), (Reply(403, b"{}"), Unauthorised),
        (json_reply({"error": "InvalidRequest", "message": "q must not be empty"}, 400), BadAnswer),
        (json_reply([]), BadAnswer), (json_reply({"feed": []}), BadAnswer), (text("<html>"), BadAnswer),
    ],
)  # fmt: skip
async def test_how_a_search_can_fail(
    server: Server, http: Http, remote: FakeBluesky, reply: Reply, error: type[Exception]
) -> None:
    server.on(SEARCH_PATH, reply)
    with pytest.raises(error) as raised:
        await poll(adapter(server, http))
    if reply is LIMITED:
        assert isinstance(raised.value, RateLimited)
        assert raised.value.retry_at == datetime.fromtimestamp(1795262700, UTC)
    assert "access-1" not in str(raised.value)


async def test_a_used_up_quota_ends_the_poll(server: Server, http: Http, remote: FakeBluesky) -> None:
    remote.add(1, NOW)
    headers = {"ratelimit_remaining": "0", "ratelimit_reset": "1795262700"}
    server.on(SEARCH_PATH, json_reply({"posts": list(remote.posts.values()), "cursor": "1"}, **headers))
    (page,) = await poll(adapter(server, http))
    assert (page.quota_left, page.next_poll_at) == (0, datetime.fromtimestamp(1795262700, UTC))


async def test_edited_and_deleted_originals(server: Server, http: Http, remote: FakeBluesky) -> None:
    names = [remote.add(number, NOW, text=f"acme {number}") for number in range(30)]
    known = [as_stored(remote, name) for name in names]
    remote.posts[names[3]]["record"]["text"] = "acme, edited"
    hidden = remote.posts[names[4]]
    server.on("/xrpc/app.bsky.feed.getPosts", lambda seen: json_reply(
        {"posts": [one for uri, one in remote.posts.items() if uri != names[4] and ("uris", uri) in seen.all_params]}
    ))  # fmt: skip
    del remote.posts[names[5]]
    page = await adapter(server, http).recheck(known, now=NOW)

    assert page is not None
    assert [(mention.external_id, mention.edited_at) for mention in page.mentions] == [(names[3], NOW)]
    assert page.deleted == [names[5]], "one that is only left out of the list is not deleted"
    assert hidden in remote.posts.values()


async def test_a_server_that_knows_no_post_is_not_believed(server: Server, http: Http, remote: FakeBluesky) -> None:
    known = [as_stored(remote, remote.add(1, NOW))]
    server.on("/xrpc/app.bsky.feed.getPosts", json_reply({"posts": []}))
    server.on("/xrpc/com.atproto.repo.getRecord", Reply(404))
    with pytest.raises(BadAnswer):
        await adapter(server, http).recheck(known, now=NOW)


def as_stored(remote: FakeBluesky, uri: str) -> Mention:
    title, words = clean(from_view(remote.posts[uri], own=""))
    return stored("x", network="bluesky", external_id=uri, native_id=uri, title=title, text=words)


@pytest.mark.parametrize(
    ("token", "options", "streams"),
    [
        ("", {}, ["jetstream"]),
        ("x", {}, ["notifications", SEARCH]),
        ("x", {"search": False, "jetstream": True}, ["notifications", "jetstream"]),
        ("x", {"notifications": False}, [SEARCH]),
    ],
)
def test_streams(http: Http, token: str, options: dict[str, Any], streams: list[str]) -> None:
    config = SourceConfig("bluesky", "b", options=options)
    setup = Setup(config, http, Secret(token) if token else None, (Watch("acme", "acme"), Watch("no words", "lang:de")))
    assert Bluesky(setup).streams() == streams


def test_options_are_checked() -> None:
    def problems(**options: Any) -> list[str]:
        return registry.problems(SourceConfig("bluesky", "b", options=options))

    assert problems() == problems(jetstream_url="wss://x.example/subscribe", handle="a.example") == []
    assert "wss://" in problems(jetstream_url="https://x.example/subscribe")[0]
    assert "jetstream" in problems(jetstream=False)[0]
    assert registry.source_type("bluesky").default_url == DEFAULT_URL
