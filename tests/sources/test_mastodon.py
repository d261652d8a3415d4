"""Reading Mastodon."""

from __future__ import annotations

import json
import random
from collections.abc import AsyncIterator, Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest
import pytest_asyncio

from sources.adapters.mastodon import Mastodon
from sources.errors import BadAnswer, RateLimited, Unauthorised, Unreachable
from sources.http import Http
from sources.protocol import Page, Setup
from sources.text.clean import clean
from store.domain.desk import SourceConfig, Watch
from store.domain.mention import UNKNOWN_AUTHOR
from store.domain.poll import Cursor
from store.domain.secret import Secret
from tests.servers import Reply, Seen, Server, json_reply, rate_limited, text
from tests.sources.fake_mastodon import (
    NOW,
    TAG,
    TAG_PATH,
    TOKEN,
    FakeMastodon,
    adapter,
    mention,
    poll,
)


@pytest.fixture
def server() -> Iterator[Server]:
    with Server() as running:
        yield running


@pytest.fixture
def remote(server: Server) -> FakeMastodon:
    return FakeMastodon(server)


@pytest_asyncio.fixture
async def http(server: Server) -> AsyncIterator[Http]:
    async with Http({server.host}, pause=0) as client:
        yield client


def names(pages: list[Page]) -> list[str]:
    return [mention.native_id for page in pages for mention in page.mentions]


# Reading.


@pytest.mark.parametrize("link", [True, False])
async def test_every_post_once_back_and_forward(server: Server, http: Http, remote: FakeMastodon, link: bool) -> None:
    remote.link = link
    for number in range(90, 215):  # ids that grow by a digit on the way
        remote.add(number, NOW - timedelta(minutes=300 - number))
    source = adapter(server, http)
    first = await poll(source)
    idle = await poll(source, first[-1].bookmark)
    for number in range(1000, 1110):
        remote.add(number, NOW)
    then = await poll(source, idle[-1].bookmark)

    assert sorted(map(int, names(first))) == list(range(90, 215))
    assert (len(idle), names(idle)) == (1, [])
    assert list(map(int, names(then))) == list(range(1000, 1110)), "forward, oldest first"
    assert not any("since_id" in seen.params for seen in server.seen)


async def test_a_poll_that_dies_after_any_page_loses_and_doubles_nothing(
    server: Server, http: Http, remote: FakeMastodon
) -> None:
    for number in range(1, 130):
        remote.add(number, NOW - timedelta(minutes=300 - number))
    source = adapter(server, http)
    whole = await poll(source)
    for boundary in range(len(whole)):
        for number in range(500, 590):  # came while we were away
            remote.add(number, NOW)
        stored = whole[: boundary + 1]
        rest = await poll(source, stored[-1].bookmark)
        found = names(stored + rest)
        assert sorted(map(int, found)) == [*range(1, 130), *range(500, 590)]
        for cut in range(len(rest)):  # and dies again
            again = await poll(source, rest[cut].bookmark)
            assert sorted(map(int, names(stored + rest[: cut + 1] + again))) == sorted(map(int, found))
        for number in range(500, 590):
            del remote[str(number)]


@pytest.mark.parametrize(
    ("backfill", "expected"), [(timedelta(0), set()), (timedelta(days=7), {3, 4}), (None, {1, 2, 3, 4})]
)
async def test_how_far_back_the_first_contact_reads(
    server: Server, http: Http, remote: FakeMastodon, backfill: timedelta | None, expected: set[int]
) -> None:
    for number, days in ((1, 30), (2, 20), (3, 5), (4, 1)):
        remote.add(number, NOW - timedelta(days=days))
    source = adapter(server, http, backfill=backfill)
    first = await poll(source)
    remote.add(5, NOW)
    second = await poll(source, first[-1].bookmark)

    assert set(map(int, names(first))) == expected
    assert names(second) == ["5"]


async def test_old_posts_never_keep_new_ones_waiting(server: Server, http: Http, remote: FakeMastodon) -> None:
    remote.limit = 10
    for number in range(100, 300):
        remote.add(number, NOW - timedelta(minutes=400 - number))
    bookmark, found = None, []
    for turn in range(5):  # each poll is broken off after two pages, as the poller does with a long one
        walk = adapter(server, http).pages(Cursor("m", TAG, bookmark or {}, NOW, 0, None, "", "ok"), now=NOW)
        pages = [await anext(walk), await anext(walk)]
        bookmark, found = pages[-1].bookmark, found + names(pages)
        await walk.aclose()
        assert not turn or str(900 + turn - 1) in names(pages)
        remote.add(900 + turn, NOW)
    found += names(await poll(adapter(server, http), bookmark))

    assert len(found) == len(set(found)) == 205


async def test_the_walk_back_is_not_ended_by_one_old_post(server: Server, http: Http, remote: FakeMastodon) -> None:
    remote.limit = 2
    for number, hours in ((1, 20), (2, 3), (3, 900), (4, 1)):
        remote.add(number, NOW - timedelta(hours=hours))
    pages = await poll(adapter(server, http, backfill=timedelta(days=7)))
    assert set(names(pages)) == {"1", "2", "4"}


async def test_a_post_that_the_server_fetched_late_is_found_by_the_daily_scan(
    server: Server, http: Http, remote: FakeMastodon
) -> None:
    remote.add(100, NOW - timedelta(hours=3))
    remote.add(200, NOW)
    source = adapter(server, http)
    first = await poll(source)
    remote.add(150, NOW - timedelta(hours=2))
    soon = await poll(source, first[-1].bookmark, NOW + timedelta(hours=1))
    later = await poll(source, soon[-1].bookmark, NOW + timedelta(hours=25))
    same_day = await poll(source, later[-1].bookmark, NOW + timedelta(hours=26))

    assert names(soon) == []
    assert "150" in names(later)
    assert names(same_day) == []


async def test_a_server_that_gives_nothing_after_a_deleted_post(
    server: Server, http: Http, remote: FakeMastodon
) -> None:
    def forgetful(seen: Seen) -> Reply:
        gone = seen.params.get("min_id", seen.params.get("max_id", "1")) not in remote
        return json_reply([]) if gone else remote.timeline(seen)

    for number in (1, 2):
        remote.add(number, NOW)
    server.on(TAG_PATH, forgetful)
    source = adapter(server, http)
    first = await poll(source)
    del remote["2"]
    for number in range(3, 103):
        remote.add(number, NOW)
    blind = await poll(source, first[-1].bookmark, NOW + timedelta(minutes=5))
    looked = await poll(source, blind[-1].bookmark, NOW + timedelta(minutes=16))
    remote.add(200, NOW)
    then = await poll(source, looked[-1].bookmark, NOW + timedelta(minutes=17))

    assert names(blind) == []
    assert sorted(map(int, names(looked))) == list(range(3, 103))
    assert names(then) == ["200"]


async def test_ids_whose_text_says_nothing_about_order(server: Server, http: Http) -> None:
    """As with snac: a second and then a hash, so that many ids of one second stand in any order."""
    there = [
        f"{1_795_000_000 + number // 50}{hash_:08x}"
        for number, hash_ in enumerate(random.Random(7).sample(range(2**32), 300))
    ]
    at = {name: number for number, name in enumerate(there)}
    shown = 100

    def timeline(seen: Seen) -> Reply:
        known, params = there[:shown], seen.params
        if "min_id" in params:
            found = known[at[params["min_id"]] + 1 :][:20]
        else:
            end = at[params["max_id"]] if "max_id" in params else shown
            found = known[:end][-20:]
        account = {"id": "1", "acct": "ana@far.example"}
        post = {"created_at": NOW.isoformat(), "content": "acme", "account": account}
        return json_reply([post | {"id": name, "uri": f"urn:{name}"} for name in reversed(found)])

    server.on(TAG_PATH, timeline)
    source = adapter(server, http)
    first = await poll(source)
    shown = 300
    second = await poll(source, first[-1].bookmark)

    assert sorted(names(first)) == sorted(there[:100])
    assert sorted(names(second)) == sorted(there[100:])


async def test_a_tag_nobody_uses_yet(server: Server, http: Http, remote: FakeMastodon) -> None:
    source = adapter(server, http, backfill=timedelta(0))
    first = await poll(source)
    remote.add(1, NOW + timedelta(minutes=5))
    second = await poll(source, first[-1].bookmark, NOW + timedelta(minutes=6))
    assert (names(first), names(second)) == ([], ["1"])


async def test_a_post_becomes_a_mention(server: Server, http: Http, remote: FakeMastodon) -> None:
    remote.add(
        7,
        NOW,
        in_reply_to_id="3",
        spoiler_text="work & <tech>",
        content="<p>Acme is down</p>",
        edited_at="2026-11-21T12:05:00.000Z",
        visibility="unlisted",
        account={
            "id": "5",
            "acct": "bob",
            "url": "https://Here.example/@bob",
            "display_name": "",
            "username": "bob",
            "followers_count": 5,
        },
    )
    remote.add(8, NOW, visibility="mutuals_only")
    page, *_ = await poll(adapter(server, http))
    post, other = page.mentions

    assert (post.external_id, post.native_id, post.parent) == ("https://far.example/statuses/7", "7", "3")
    assert (post.author.handle, post.author.name, post.author.followers) == ("bob@here.example", "bob", 5)
    assert (post.visibility, post.language_hint, post.direct, post.ours) == ("unlisted", "en", False, False)
    assert post.edited_at == datetime(2026, 11, 21, 12, 5, tzinfo=UTC)
    assert clean(post)[1] == "work & <tech>\n\nAcme is down"
    assert other.visibility == "direct", "an unknown kind is not taken for public"


async def test_a_line_end_in_a_post_is_one(server: Server, http: Http, remote: FakeMastodon) -> None:
    """Posts of a bridge hold no <br>; line ends inside a tag are none of the text."""
    remote.add(1, NOW, content='<p>Acme is down.\n\n<a\nhref="https://x.example/tag/a">#acme</a>\n#cloud</p>')
    page, *_ = await poll(adapter(server, http))
    assert clean(page.mentions[0])[1] == "Acme is down.\n\n#acme\n#cloud"


async def test_broken_posts_are_kept_aside(server: Server, http: Http, remote: FakeMastodon) -> None:
    remote.add(1, NOW)
    remote.add(2, NOW, created_at="yesterday")
    nobody = remote.add(3, NOW, account=None)
    server.on(TAG_PATH, json_reply([*remote.values(), "what"]), json_reply([]))
    pages = await poll(adapter(server, http))
    assert sorted(names(pages)) == ["1", "3"]
    assert {one.external_id: one.author.handle for one in pages[0].mentions}[nobody["uri"]] == UNKNOWN_AUTHOR
    assert sorted(rejected.where for rejected in pages[0].rejected) == ["2", "an item"]


async def test_streams_follow_the_options(server: Server, http: Http) -> None:
    assert adapter(server, http).streams() == [TAG]
    assert adapter(server, http, TOKEN).streams() == [TAG, "notifications", "search:acme"]
    off = adapter(server, http, TOKEN, options={"search": False, "notifications": False, "tags": ["#über uns"]})
    assert off.streams() == ["tag:#über uns"]


async def test_notifications_are_addressed_to_us(server: Server, http: Http, remote: FakeMastodon) -> None:
    for number in range(1, 100):
        remote.add(number, NOW - timedelta(minutes=200 - number))
    remote.add(100, NOW, account={"id": "99", "acct": "brand", "url": server.url("/@brand")})
    source = adapter(server, http, TOKEN)
    first = await poll(source, stream="notifications")
    remote.add(200, NOW)
    second = await poll(source, first[-1].bookmark, stream="notifications")

    assert sorted(map(int, names(first))) == list(range(1, 101))
    assert names(second) == ["200"]
    assert all(mention.direct for page in first for mention in page.mentions)
    assert [mention.native_id for page in first for mention in page.mentions if mention.ours] == ["100"]
    assert server.at("/api/v1/notifications")[0].params["types[]"] == "mention"
    assert len(server.at("/api/v1/accounts/verify_credentials")) == 1


async def test_other_notifications_are_left_out(server: Server, http: Http, remote: FakeMastodon) -> None:
    post = remote.add(1, NOW)
    kinds = [
        {"id": str(n), "type": kind, "status": post} for n, kind in enumerate(("favourite", "mention", "follow"), 1)
    ]
    del kinds[2]["status"]
    server.on("/api/v1/notifications", json_reply(kinds[::-1]), json_reply([]))
    pages = await poll(adapter(server, http, TOKEN), stream="notifications")
    assert (names(pages), pages[0].rejected) == (["1"], [])
    assert (pages[-1].bookmark or {})["newest"] == "3"


@pytest.mark.parametrize(
    ("version", "question"),
    [
        ("4.6.0-nightly.2026-04-09", '"acme cloud"'), ("4.3.0+glitch", '"acme cloud"'), ("4.1.9", "acme cloud"),
        ("4.0.0 (not true; really snac/2.75)", "acme cloud"), ("0.17.3+git", "acme cloud"),
    ],
)  # fmt: skip
async def test_search_speaks_the_servers_language(
    server: Server, http: Http, remote: FakeMastodon, version: str, question: str
) -> None:
    server.on("/api/v2/instance", json_reply({"version": version}))
    server.on("/api/v2/search", json_reply({"statuses": []}))
    await poll(adapter(server, http, TOKEN), stream="search:acme")
    assert server.at("/api/v2/search")[0].params["q"] == question


async def test_search_asks_every_alternative_with_overlap(server: Server, http: Http, remote: FakeMastodon) -> None:
    found = [remote.add(number, NOW - timedelta(hours=number)) for number in range(1, 51)]

    def search(seen: Seen) -> Reply:
        assert remote.known(seen)
        offset = int(seen.params.get("offset", 0))
        return json_reply(
            {"accounts": [], "statuses": found[offset : offset + 40] if "cloud" in seen.params["q"] else []}
        )

    server.on("/api/v2/search", search)
    source = adapter(server, http, TOKEN, backfill=timedelta(days=1))
    first = await poll(source, stream="search:acme")
    await poll(source, first[-1].bookmark, NOW + timedelta(days=9), stream="search:acme")
    questions = [seen.params["q"] for seen in server.at("/api/v2/search")]

    assert set(map(int, names(first))) == set(range(1, 25)), "nothing from before first contact minus backfill"
    assert questions[:4] == 3 * ['"acme cloud" after:2026-11-19'] + ["acme after:2026-11-19"], "until nothing comes"
    assert questions[4].startswith('"acme cloud" after:2026-11-1'), "from what was last seen, with overlap"
    marks = [page.bookmark["asks"]['"acme cloud"']["newest"] for page in first if page.bookmark]
    assert marks[:2] == ["", ""], "only the whole answer moves the place"
    assert marks[2]


async def test_a_busy_search_is_not_read_whole_by_every_poll(server: Server, http: Http, remote: FakeMastodon) -> None:
    found = [remote.add(number, NOW - timedelta(minutes=10 * number)) for number in range(1, 400)]

    def search(seen: Seen) -> Reply:
        offset = int(seen.params.get("offset", 0))
        return json_reply({"statuses": found[offset : offset + 40] if "cloud" in seen.params["q"] else []})

    server.on("/api/v2/search", search)
    source = adapter(server, http, TOKEN)
    first = await poll(source, stream="search:acme")
    found.insert(0, remote.add(500, NOW))
    asked = len(server.at("/api/v2/search"))
    soon = await poll(source, first[-1].bookmark, NOW + timedelta(minutes=1), stream="search:acme")
    few = len(server.at("/api/v2/search")) - asked
    later = await poll(source, soon[-1].bookmark, NOW + timedelta(hours=2), stream="search:acme")

    assert set(map(int, names(first))) == set(range(1, 400))
    assert "500" in names(soon)
    assert few <= 3
    assert set(map(int, names(later))) == {*range(1, 400), 500}, "now and then all of it: some come late"


async def test_no_alternative_of_a_long_watch_waits_for_ever(server: Server, http: Http, remote: FakeMastodon) -> None:
    """A turn, or our share of requests, ends before all of them are asked."""
    config = SourceConfig("mastodon", "m", url=server.url(), backfill=None, options={"tags": []})
    watch = Watch("acme", " OR ".join(f"acme{number}" for number in range(40)))
    server.on("/api/v2/search", json_reply({"statuses": []}))
    bookmark, asked = None, set[str]()
    for _ in range(4):
        cut = await poll(Mastodon(Setup(config, http, Secret(TOKEN), (watch,))), bookmark, stream="search:acme")
        bookmark = json.loads(json.dumps(cut[9].bookmark))
        asked |= {page.asked for page in cut[:10]}
        del server.seen[:]
    assert len(asked) == 32, "as many as are asked for one watch"


@pytest.mark.parametrize("dialect", ["iso", "epoch"])
async def test_429_names_the_time(server: Server, http: Http, dialect: str) -> None:
    at = NOW + timedelta(minutes=4, microseconds=399_976 if dialect == "iso" else 0)
    server.on(TAG_PATH, rate_limited(dialect, at=at))
    with pytest.raises(RateLimited) as caught:
        await poll(adapter(server, http))
    assert caught.value.retry_at == at


async def test_the_last_allowed_request_ends_the_poll(server: Server, http: Http, remote: FakeMastodon) -> None:
    for number in range(1, 100):
        remote.add(number, NOW)
    at = NOW + timedelta(minutes=5)

    def nearly(seen: Seen) -> Reply:
        reply = remote.timeline(seen)
        left = {"x-ratelimit-remaining": "0", "x-ratelimit-reset": at.strftime("%Y-%m-%dT%H:%M:%S.%fZ")}
        return replace(reply, headers=reply.headers | left)

    server.on(TAG_PATH, nearly)
    source = adapter(server, http)
    first = await poll(source)
    assert [(page.next_poll_at, page.quota_left) for page in first] == [(at, 0)]
    server.on(TAG_PATH, remote.timeline)
    rest = await poll(source, first[-1].bookmark)
    assert sorted(map(int, names(first + rest))) == list(range(1, 100))


@pytest.mark.parametrize(
    ("reply", "error"),
    [
        (json_reply({"error": "x"}, 401), Unauthorised), (json_reply({"error": "x"}, 403), Unauthorised),
        (json_reply({"error": "x"}, 404), BadAnswer), (Reply(500), Unreachable),
        (text("<html>", "text/html"), BadAnswer), (json_reply({"error": "x"}), BadAnswer),
    ],
)  # fmt: skip
async def test_what_a_server_says_when_it_cannot(
    server: Server, http: Http, reply: Reply, error: type[Exception]
) -> None:
    server.on(TAG_PATH, reply)
    with pytest.raises(error):
        await poll(adapter(server, http))


async def test_a_token_of_no_account_is_a_refused_one(server: Server, http: Http, remote: FakeMastodon) -> None:
    words = {"error": "This method requires an authenticated user"}
    server.on("/api/v1/accounts/verify_credentials", json_reply(words, 422))
    with pytest.raises(Unauthorised, match="no account"):
        await poll(adapter(server, http, TOKEN))


async def test_a_server_that_cannot_say_who_we_are_is_read_all_the_same(
    server: Server, http: Http, remote: FakeMastodon
) -> None:
    remote.add(1, NOW, account={"id": "99", "acct": "brand", "url": server.url("/@brand")})
    server.on("/api/v1/accounts/verify_credentials", text("out of order", status=599))
    source = adapter(server, http, TOKEN)
    first = await poll(source)
    server.on("/api/v1/accounts/verify_credentials", remote.me)
    remote.add(2, NOW, account={"id": "99", "acct": "brand", "url": server.url("/@brand")})
    second = await poll(source, first[-1].bookmark)

    assert names(first + second) == ["1", "2"]
    assert [one.ours for page in first + second for one in page.mentions] == [False, True]


# Looking again.


@pytest.mark.parametrize("batch", [True, False])
async def test_originals_are_looked_at_again(server: Server, http: Http, remote: FakeMastodon, batch: bool) -> None:
    remote.batch = batch
    remote.add(1, NOW)
    remote.add(2, NOW, edited_at="2026-11-21T13:00:00.000Z", content="<p>changed</p>")
    remote.add(3, NOW, edited_at="2026-11-21T13:00:00.000Z")
    server.on("/api/v1/statuses/5", json_reply({"error": "authenticated users only"}, 401))
    known = mention("3", edited_at=datetime(2026, 11, 21, 13, tzinfo=UTC))
    private = mention("6", visibility="private")
    page = await adapter(server, http).recheck(
        [mention("1"), mention("2"), known, mention("4"), mention("5"), private], now=NOW
    )

    assert page is not None
    assert [(new.native_id, new.html) for new in page.mentions] == [("2", "<p>changed</p>")]
    assert list(page.deleted) == ["https://far.example/statuses/4"], "not what we may not see"


async def test_what_is_no_server_at_all_deletes_nothing(server: Server, http: Http) -> None:
    known = [mention("4"), mention("5")]
    with pytest.raises(BadAnswer, match="nor itself"):
        await adapter(server, http).recheck(known, now=NOW)
    server.on("/api/v1/instance", json_reply({"uri": "here", "version": "4.5.0"}))
    page = await adapter(server, http).recheck(known, now=NOW)
    assert page is not None
    assert list(page.deleted) == [one.external_id for one in known]


async def test_a_server_in_trouble_deletes_nothing(server: Server, http: Http) -> None:
    server.on("/api/v1/statuses", Reply(502))
    server.on("/api/v1/statuses/4", Reply(502))
    with pytest.raises(Unreachable):
        await adapter(server, http).recheck([mention("4")], now=NOW)
