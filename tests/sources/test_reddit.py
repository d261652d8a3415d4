"""Reading Reddit by its API."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator
from datetime import timedelta
from typing import Any

import pytest
import pytest_asyncio

from sources import registry
from sources.errors import BadAnswer, RateLimited, Unauthorised
from sources.http import Http
from sources.protocol import Page
from sources.text.clean import clean
from store.domain.desk import SourceConfig
from store.domain.mention import MentionType
from tests.servers import Reply, Seen, Server, json_reply
from tests.sources.fake_reddit import (
    COMMENTS,
    INBOX,
    NEW,
    NOW,
    OWN,
    SEARCH,
    FakeReddit,
    adapter,
    comment,
    listing,
    mention,
    poll,
    post,
)

HOUR = timedelta(hours=1)


@pytest.fixture
def server() -> Iterator[Server]:
    with Server() as running:
        yield running


@pytest.fixture
def remote(server: Server) -> FakeReddit:
    return FakeReddit(server)


@pytest_asyncio.fixture
async def http(server: Server) -> AsyncIterator[Http]:
    async with Http({server.host}, pause=0) as client:
        yield client


def names(pages: list[Page]) -> list[str]:
    return [mention.native_id for page in pages for mention in page.mentions]


def numbers(pages: list[Page]) -> list[int]:
    return [int(name.removeprefix("t1_").removeprefix("t3_")) for name in names(pages)]


# The comment stream.


async def test_every_comment_once_back_and_forward(server: Server, http: Http, remote: FakeReddit) -> None:
    for number in range(100, 450):
        remote.add(COMMENTS, number, NOW - timedelta(minutes=600 - number))
    source = adapter(server, http)
    first = await poll(source)
    for number in range(1000, 1250):
        remote.add(COMMENTS, number, NOW)
    then = await poll(source, first[-1].bookmark)
    idle = await poll(source, then[-1].bookmark)

    assert sorted(numbers(first)) == list(range(100, 450))
    assert numbers(then) == list(range(1000, 1250)), "forward, oldest first"
    assert numbers(idle) == []
    assert all(page.gap_seconds == 0 for page in first + then + idle)


async def test_a_poll_that_dies_after_any_page_loses_nothing(server: Server, http: Http, remote: FakeReddit) -> None:
    for number in range(100, 430):
        remote.add(COMMENTS, number, NOW - timedelta(minutes=600 - number))
    source = adapter(server, http)
    whole = await poll(source)
    before = list(remote[COMMENTS])
    for boundary in range(len(whole)):
        for number in range(1000, 1150):
            remote.add(COMMENTS, number, NOW)
        rest = await poll(source, whole[boundary].bookmark)
        everything = {*range(100, 430), *range(1000, 1150)}
        assert {*numbers(whole[: boundary + 1]), *numbers(rest)} == everything
        assert numbers(rest[:1]) == list(range(1000, 1100)), "what is new first"
        for cut in range(len(rest)):
            again = await poll(source, rest[cut].bookmark)
            assert {*numbers(whole[: boundary + 1]), *numbers(rest[: cut + 1]), *numbers(again)} == everything
        remote[COMMENTS] = list(before)


async def test_a_comment_that_was_deleted_does_not_end_the_stream(
    server: Server, http: Http, remote: FakeReddit
) -> None:
    for number in range(100, 110):
        remote.add(COMMENTS, number, NOW - HOUR)
    source = adapter(server, http)
    bookmark = (await poll(source))[-1].bookmark
    remote.gone.add("t1_109")
    for number in range(200, 420):
        remote.add(COMMENTS, number, NOW - timedelta(seconds=500 - number))
    found: list[int] = []
    for _ in range(3):
        pages = await poll(source, bookmark)
        found, bookmark = [*found, *numbers(pages)], pages[-1].bookmark
    limits = [seen.params["limit"] for seen in server.at(COMMENTS) if not {"before", "after"} & seen.params.keys()]

    assert set(found) >= set(range(200, 420))
    assert limits == ["100", "99"]


async def test_a_quiet_subreddit_is_asked_once_a_poll_and_never_the_same(
    server: Server, http: Http, remote: FakeReddit
) -> None:
    remote.add(COMMENTS, 100, NOW - HOUR)
    source = adapter(server, http)
    bookmark = (await poll(source))[-1].bookmark
    asked = len(server.at(COMMENTS))
    for _ in range(40):
        bookmark = (await poll(source, bookmark))[-1].bookmark
    seen = server.at(COMMENTS)[asked + 1 :]

    assert len(seen) == 39
    assert {int(one.params["limit"]) for one in seen} == set(range(71, 101))


async def test_what_a_moderator_let_in_late_is_found(server: Server, http: Http, remote: FakeReddit) -> None:
    for number in range(100, 350):
        remote.add(COMMENTS, number, NOW - timedelta(minutes=400 - number))
    source = adapter(server, http)
    bookmark = (await poll(source))[-1].bookmark
    remote[COMMENTS].insert(50, comment(77, NOW - timedelta(minutes=250)))
    soon = await poll(source, bookmark, NOW + timedelta(minutes=5))
    later = await poll(source, soon[-1].bookmark, NOW + timedelta(hours=2))

    assert 77 not in numbers(soon)
    assert 77 in numbers(later)


@pytest.mark.parametrize(
    ("backfill", "expected"), [(timedelta(0), set()), (timedelta(days=7), {3, 4}), (None, {1, 2, 3, 4})]
)
async def test_how_far_back_the_first_contact_reads(
    server: Server, http: Http, remote: FakeReddit, backfill: timedelta | None, expected: set[int]
) -> None:
    for number, days in ((1, 30), (2, 20), (3, 5), (4, 1)):
        remote.add(COMMENTS, number, NOW - timedelta(days=days))
    source = adapter(server, http, backfill=backfill)
    first = await poll(source)
    remote.add(COMMENTS, 5, NOW)

    assert set(numbers(first)) == expected
    assert numbers(await poll(source, first[-1].bookmark)) == [5]


async def test_what_a_listing_does_not_give_is_told(server: Server, http: Http, remote: FakeReddit) -> None:
    for number in range(1, 11):
        remote.add(COMMENTS, number, NOW - timedelta(hours=10))
    source = adapter(server, http)
    bookmark = (await poll(source))[-1].bookmark
    for number in range(2000, 3500):  # more than a listing is deep, while we were away
        remote.add(COMMENTS, number, NOW - timedelta(seconds=4000 - number))
    missed: list[Page] = []
    for _ in range(3):
        pages = await poll(source, bookmark)
        missed, bookmark = [*missed, *pages], pages[-1].bookmark

    assert set(numbers(missed)) == set(range(2500, 3500))
    oldest = NOW - timedelta(seconds=1500)
    assert sum(page.gap_seconds for page in missed) == (oldest - (NOW - timedelta(hours=10))).total_seconds()


@pytest.mark.parametrize("stubborn", ["before", "after"])
async def test_a_server_that_ignores_where_we_are_ends_the_poll(
    server: Server, http: Http, remote: FakeReddit, stubborn: str
) -> None:
    def deaf(seen: Seen) -> Reply:
        return listing(remote[COMMENTS][::-1], after="t1_100") if stubborn in seen.params else remote.listing(seen)

    for number in range(100, 200):
        remote.add(COMMENTS, number, NOW - HOUR)
    server.on(COMMENTS, deaf)
    source = adapter(server, http)
    pages = await poll(source)
    await poll(source, pages[-1].bookmark)

    assert set(numbers(pages)) == set(range(100, 200))
    assert len(server.seen) < 12


# What a thing becomes.


async def test_a_comment_as_a_mention(server: Server, http: Http, remote: FakeReddit) -> None:
    remote.add(COMMENTS, 1, NOW - HOUR, parent_id="t1_0", edited=(NOW - HOUR / 2).timestamp())
    remote.add(COMMENTS, 2, NOW, author=OWN.upper())
    remote.add(COMMENTS, 3, NOW, author="[deleted]", body="kept", body_html="<p>kept</p>")
    remote.add(COMMENTS, 4, NOW, author="[deleted]", body="[deleted]")
    remote.add(COMMENTS, 5, NOW, body="[removed]")
    remote[COMMENTS] += [{"kind": "t1", "data": {"name": "t1_6"}}, {"kind": "t9", "data": {}}]
    page = (await poll(adapter(server, http)))[0]
    found = {one.native_id: one for one in page.mentions}
    one = found["t1_1"]

    assert (one.network, one.external_id, one.parent, one.thread) == ("reddit", "t1_1", "t1_0", "t3_77")
    assert one.url == "https://www.reddit.com/r/acme/comments/77/i_got_a_1/1/"
    assert (one.type, one.title, str(clean(one)[1])) == (MentionType.COMMENT, "", "acme 1")
    assert (one.author.handle, one.author.url) == ("ana", "https://www.reddit.com/user/ana")
    assert (one.created_at, one.edited_at) == (NOW - HOUR, NOW - HOUR / 2)
    assert (one.ours, one.direct, found["t1_2"].ours) == (False, False, True)
    assert found["t1_3"].author.handle == "unknown"
    assert sorted(page.deleted) == ["t1_4", "t1_5"]
    assert [item.where for item in page.rejected] == ["t1_6", "an item"]


async def test_posts_with_text_and_with_a_link(server: Server, http: Http, remote: FakeReddit) -> None:
    remote.add(NEW, 1, NOW - HOUR)
    remote.add(NEW, 2, NOW, is_self=False, url="https://acme.example/?a=1&b=2", selftext="", selftext_html=None)
    remote.add(NEW, 3, NOW, is_self=False, url="https://acme.example/", selftext="1 < 2", selftext_html=None)
    remote.add(NEW, 4, NOW, removed_by_category="moderator")
    (page, _) = await poll(adapter(server, http), stream="new:acme")
    written, linked, both = (clean(one) for one in page.mentions)

    assert [one.thread for one in page.mentions] == ["t3_1", "t3_2", "t3_3"]
    assert (str(written[0]), str(written[1])) == ("acme 1", "It is down")
    assert "https://acme.example/?a=1&b=2" in linked[1]
    assert "1 < 2" in both[1]
    assert page.deleted == ["t3_4"]


async def test_a_comment_whose_listing_gives_no_address(server: Server, http: Http, remote: FakeReddit) -> None:
    remote.add(COMMENTS, 5, NOW - HOUR, permalink=None)
    (found,) = (await poll(adapter(server, http)))[0].mentions
    assert found.url == "https://www.reddit.com/r/acme/comments/77/_/5/"


async def test_the_inbox(server: Server, http: Http, remote: FakeReddit) -> None:
    context = "/r/acme/comments/77/i_got_a_1/5/?context=3"
    remote.add(INBOX, 5, NOW - HOUR, permalink=None, link_id=None, context=context, subject="comment reply")
    message = {"name": "t4_6", "id": "6", "subject": "Refund?", "body_html": "<p>Please</p>", "context": ""}
    message |= {"author": "bob", "parent_id": None, "first_message_name": None, "created_utc": NOW.timestamp()}
    remote[INBOX].append({"kind": "t4", "data": message})
    reply, private = (await poll(adapter(server, http), stream="inbox"))[0].mentions

    assert reply.direct
    assert private.direct
    assert (reply.title, reply.thread, reply.parent) == ("", "t3_77", "t3_77")
    assert reply.url == "https://www.reddit.com/r/acme/comments/77/i_got_a_1/5/"
    assert (private.title, private.visibility, private.thread) == ("Refund?", "direct", "t4_6")


async def test_search_asks_for_every_way_and_reads_an_hour_twice(
    server: Server, http: Http, remote: FakeReddit
) -> None:
    for number in range(100, 350):
        remote.add(SEARCH, number, NOW - timedelta(minutes=600 - number))
    source = adapter(server, http)
    first = await poll(source, stream="search:acme")
    asked = len(server.at(SEARCH))
    remote[SEARCH].insert(-3, post(400, NOW - timedelta(minutes=253)))  # indexed late
    then = await poll(source, first[-1].bookmark, stream="search:acme")
    questions = {(seen.params["q"], seen.params["sort"], seen.params["type"]) for seen in server.at(SEARCH)}

    assert set(numbers(first)) == set(range(100, 350))
    assert 400 in numbers(then)
    assert len(server.at(SEARCH)) - asked == len(questions) == 2
    assert questions == {('"acme cloud"', "new", "link"), ("acme", "new", "link")}


async def test_what_is_looked_at_again(server: Server, http: Http, remote: FakeReddit) -> None:
    remote.add(COMMENTS, 1, NOW, author="[deleted]", body="[deleted]")
    remote.add(COMMENTS, 2, NOW, edited=NOW.timestamp(), body_html="<p>better</p>")
    remote.add(COMMENTS, 3, NOW)
    remote.add(NEW, 4, NOW, edited=NOW.timestamp())
    known = [mention(name) for name in ("t1_1", "t1_2", "t1_3", "t1_99", "t4_5")]
    page = await adapter(server, http).recheck([*known, mention("t3_4", edited_at=NOW)], now=NOW)

    assert page is not None
    assert page.deleted == ["t1_1"]
    assert [one.html for one in page.mentions] == ["<p>better</p>"]


# Limits and logins.


async def test_a_share_that_is_used_up(server: Server, http: Http, remote: FakeReddit) -> None:
    for number in range(100, 400):
        remote.add(COMMENTS, number, NOW - HOUR)
    remote.headers = {"x-ratelimit-remaining": "0.0", "x-ratelimit-reset": "370"}
    (page,) = await poll(adapter(server, http))
    assert (page.quota_left, page.next_poll_at) == (0, NOW + timedelta(seconds=370))

    remote.headers = {"x-ratelimit-remaining": "402.0"}
    assert {page.quota_left for page in await poll(adapter(server, http), page.bookmark)} == {402}
    server.on(COMMENTS, Reply(429, headers={"x-ratelimit-reset": "30"}))
    with pytest.raises(RateLimited) as caught:
        await poll(adapter(server, http))
    assert caught.value.retry_at == NOW + timedelta(seconds=30)


@pytest.mark.parametrize(
    ("options", "secrets", "form"),
    [
        ({}, {}, {"grant_type": "client_credentials"}),
        ({}, {"refresh_token": "re"}, {"grant_type": "refresh_token", "refresh_token": "re"}),
        ({"username": OWN}, {"password": "pw"}, {"grant_type": "password", "username": OWN, "password": "pw"}),
    ],
)
async def test_a_client_gets_its_own_tokens(
    server: Server, http: Http, remote: FakeReddit, options: dict[str, Any], secrets: dict[str, str], form: Any
) -> None:
    given = iter("abc")

    def grant(seen: Seen) -> Reply:
        token = next(given)
        remote.tokens = {token}
        return json_reply({"access_token": token, "token_type": "bearer", "expires_in": 3600, "scope": "*"})

    server.on("/api/v1/access_token", grant)
    remote.add(COMMENTS, 1, NOW)
    source = adapter(server, http, "", {"client_secret": "hush", **secrets}, options={"client_id": "me", **options})
    assert numbers(await poll(source)) == [1]
    remote.tokens = {"another"}  # Reddit does not take it any more, long before its time
    await poll(source)

    asked = server.at("/api/v1/access_token")
    assert [seen.form for seen in asked] == [form, form]
    assert asked[0].headers["authorization"] == "Basic bWU6aHVzaA=="
    agents = {seen.headers["user-agent"] for seen in server.seen}
    by = f" (by /u/{OWN})" if options else ""
    assert len(agents) == 1
    assert agents.pop().endswith(by)
    assert ("inbox" in source.streams()) == bool(secrets)


async def test_our_name_is_not_needed_to_read(server: Server, http: Http, remote: FakeReddit) -> None:
    server.on("/api/v1/me", Reply(599))
    remote.add(COMMENTS, 1, NOW)
    assert numbers(await poll(adapter(server, http))) == [1]
    with pytest.raises(Unauthorised):
        await poll(adapter(server, http, "wrong"))
    server.on(COMMENTS, json_reply({"kind": "Listing"}))
    with pytest.raises(BadAnswer):
        await poll(adapter(server, http))


@pytest.mark.parametrize(
    ("options", "token", "words"),
    [
        ({"subreddits": ["r/acme"]}, "", "`subreddits`"),
        ({"username": "u/x"}, "", "`username`"),
        ({"password": "env:P"}, "", "`client_id`"),
        ({"client_id": "x"}, "", "`client_secret`"),
        ({"client_id": "x", "client_secret": "env:S", "password": "env:P"}, "", "`username`"),
    ],
)
def test_what_is_wrong_with_a_configuration(options: dict[str, Any], token: str, words: str) -> None:
    assert any(words in line for line in registry.problems(SourceConfig("reddit", "r", token=token, options=options)))


def test_who_can_answer() -> None:
    client = {"client_id": "x", "client_secret": "env:S"}
    assert registry.obstacle(SourceConfig("reddit", "r", options=client))
    for more in ({"refresh_token": "env:R"}, {"username": "me", "password": "env:P"}):
        config = SourceConfig("reddit", "r", options=client | more)
        assert (registry.problems(config), registry.obstacle(config)) == ([], "")
    assert registry.obstacle(SourceConfig("reddit", "r", token="env:T")) == ""
