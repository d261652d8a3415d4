"""App Store reviews, by the public feed and by App Store Connect."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator, Iterator
from datetime import timedelta
from typing import Any

import jwt
import pytest
import pytest_asyncio
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec

from sources import registry
from sources.errors import BadAnswer, NotSent, RateLimited, Refused, Unauthorised, Uncertain
from sources.http import Http
from sources.intake import Intake
from sources.protocol import Page, ReadBack, Receipt
from sources.text.clean import clean
from store.database import Database
from store.domain.desk import Desk, SourceConfig
from store.domain.mention import NewMention
from store.domain.secret import Secret
from store.mentions import get
from tests.factories import NOW
from tests.servers import Reply, Server, cut_off, json_reply, rate_limited, reset
from tests.sources.fake_appstore import APP, TOKEN, FakeConnect, FakeFeed, adapter, label, poll
from tests.sources.fake_mastodon import delivery, mention

LIST, RESPOND = f"/v1/apps/{APP}/customerReviews", "/v1/customerReviewResponses"
FIRST = f"/us/rss/customerreviews/page=1/id={APP}/sortby=mostrecent/json"


@pytest.fixture
def server() -> Iterator[Server]:
    with Server() as running:
        yield running


@pytest.fixture
def feed(server: Server) -> FakeFeed:
    return FakeFeed(server)


@pytest.fixture
def connect(server: Server) -> FakeConnect:
    return FakeConnect(server)


@pytest_asyncio.fixture
async def http(server: Server) -> AsyncIterator[Http]:
    async with Http({server.host}, pause=0) as client:
        yield client


def mentions(pages: list[Page]) -> list[NewMention]:
    return [one for page in pages for one in page.mentions]


def names(pages: list[Page]) -> list[int]:
    return sorted({int(one.native_id) for one in mentions(pages)})


# The feed.


async def test_the_fields_of_a_review(server: Server, http: Http, feed: FakeFeed) -> None:
    feed.add(6290024630)
    (found,) = mentions(await poll(adapter(server, http)))

    assert (found.external_id, found.native_id, found.thread) == ("6290024630",) * 3
    assert (found.title, clean(found)[1]) == ("★★☆☆☆ Hm", "acme crashes 6290024630")
    assert (found.author.handle, found.author.name) == ("ana", "ana")
    assert found.author.url == "https://itunes.apple.com/us/reviews/id7"
    assert (found.url, found.created_at) == (f"https://itunes.apple.com/us/review?id={APP}", NOW - timedelta(hours=1))
    assert (found.direct, found.ours, found.type) == (True, False, "review")


@pytest.mark.parametrize("links", [True, False])
async def test_what_is_new_wherever_it_stopped(server: Server, http: Http, feed: FakeFeed, links: bool) -> None:
    feed.links = links
    for number in range(901, 1061):  # ids that grow by a digit on the way
        feed.add(number)
    source = adapter(server, http)
    whole = await poll(source)
    if links:
        assert names(whole) == list(range(901, 1061))
    for number in range(1061, 1131):
        feed.add(number)
    for boundary in range(len(whole)):
        stored = whole[: boundary + 1]
        rest = await poll(source, stored[-1].bookmark)
        assert names(stored + rest) == list(range(901, 1131))
    last = await poll(source, (await poll(source, whole[-1].bookmark))[-1].bookmark)
    assert len(last) == 1, "when nothing is new one page is read"


async def test_one_review_is_an_object_and_the_app_itself_is_none(server: Server, http: Http) -> None:
    entry = {"id": label("7"), "im:rating": label("5"), "title": label("ok"), "content": [label("acme")],
             "author": {"name": label("ana")}}  # fmt: skip
    app = {"im:name": label("Acme"), "id": {"label": "x"}}
    broken: list[Any] = [{**entry, "id": label("8"), "im:rating": label("six")}, "x", {**entry, "author": None}]
    server.on(FIRST, json_reply({"feed": {"entry": entry}}), json_reply({"feed": {"entry": [app, entry, *broken]}}))
    source = adapter(server, http)
    one, more = await poll(source), await poll(source)

    assert [names(one), names(more)] == [[7], [7]]
    assert [found.where for found in more[0].rejected] == ["8", "an entry", "7"]
    assert mentions(one)[0].created_at == NOW, "where the feed says no time, it is when we saw it"


async def test_an_empty_answer_is_asked_again_and_never_a_deletion(server: Server, http: Http, feed: FakeFeed) -> None:
    for number in range(1, 131):
        feed.add(number)
    feed.blank = {1}
    source = adapter(server, http, every=timedelta(hours=1))
    first = await poll(source)
    assert names(first) == list(range(1, 131)), "asked again at once"

    feed.blank = set(range(100))
    blank = await poll(source, first[-1].bookmark)
    assert [page.asked for page in blank] == ["us page 1: an empty answer, which this feed gives at random"]
    assert blank[0].next_poll_at == NOW + timedelta(minutes=2)
    assert blank[0].deleted == ()
    for _ in range(5):
        blank = await poll(source, blank[-1].bookmark)
    assert blank[0].next_poll_at is None, "not so often for ever"
    feed.blank = set()
    feed.add(131)
    assert 131 in names(await poll(source, blank[-1].bookmark))


async def test_an_empty_answer_in_the_middle_loses_nothing(server: Server, http: Http, feed: FakeFeed) -> None:
    for number in range(1, 131):
        feed.add(number)
    feed.blank = {3, 4}  # the third page, twice
    source = adapter(server, http)
    first = await poll(source)
    assert names(first) == list(range(31, 131))
    assert first[-1].next_poll_at is not None
    assert names(await poll(source, first[-1].bookmark)) == list(range(1, 131))


async def test_a_page_that_is_not_given_is_asked_for_again(server: Server, http: Http, feed: FakeFeed) -> None:
    for number in range(1, 131):
        feed.add(number)
    server.on(FIRST.replace("page=1/", "page=2/"), json_reply({}, 503), cut_off(json_reply({"feed": {}}), 5), feed.page)
    source = adapter(server, http)
    first = await poll(source)
    assert names(first) == list(range(81, 131))
    assert first[-1].asked.startswith("us page 2 not read: ")
    feed.add(131)
    second = await poll(source, first[-1].bookmark)
    assert 131 in names(second[:1])
    third = await poll(source, second[-1].bookmark)
    assert names(first + second + third) == list(range(1, 132))


async def test_an_edit_replaces_the_words(server: Server, http: Http, feed: FakeFeed, db: Database) -> None:
    config = SourceConfig("appstore", "a")
    intake = Intake(db, Desk(sources=(config,)))
    feed.add(5, words="bad")
    source = adapter(server, http)
    bookmark = None
    for words in ("bad", "good"):
        feed.add(5, words=words)
        for page in await poll(source, bookmark):
            await intake.take("a", "appstore", "reviews:us", page, started_at=NOW, next_poll_at=None)
            bookmark = page.bookmark
    found = await get(db, 1)
    assert (found.text, [text for _, text in found.versions]) == ("good 5", ["★★☆☆☆ Hm\n\nbad 5"])
    assert found.case_id is not None, "a review is addressed to us, whatever it says"


async def test_more_than_the_feed_holds_is_a_gap(server: Server, http: Http, feed: FakeFeed) -> None:
    feed.add(1, NOW - timedelta(days=2))
    source = adapter(server, http)
    first = await poll(source)
    for number in range(2, 700):
        feed.add(number, NOW - timedelta(minutes=700 - number))
    pages = await poll(source, first[-1].bookmark, last=NOW - timedelta(days=1))

    assert names(pages) == list(range(200, 700))
    oldest = NOW - timedelta(minutes=500)
    assert sum(page.gap_seconds for page in pages) == (oldest - (NOW - timedelta(days=1))).total_seconds()
    assert sum(page.gap_seconds for page in await poll(source, pages[-1].bookmark, last=NOW)) == 0


@pytest.mark.parametrize(
    ("dated", "backfill", "expected"),
    [
        (True, timedelta(0), 0), (True, timedelta(minutes=70), 70), (True, None, 130),
        (False, timedelta(0), 0), (False, timedelta(days=7), 50), (False, None, 130),
    ],
)  # fmt: skip
async def test_how_far_back_the_first_contact_reads(
    server: Server, http: Http, feed: FakeFeed, dated: bool, backfill: timedelta | None, expected: int
) -> None:
    feed.dated = dated
    for number in range(1, 131):
        feed.add(number, NOW - timedelta(minutes=131 - number))
    source = adapter(server, http, backfill=backfill)
    first = await poll(source)
    feed.add(131, NOW)
    second = await poll(source, first[-1].bookmark, NOW + timedelta(minutes=1))
    assert len(names(first)) == expected
    assert set(names(second)) - set(names(first)) == {131}


async def test_a_stream_a_country(server: Server, http: Http) -> None:
    for country in ("us", "de"):
        FakeFeed(server, country).add(8 if country == "de" else 7)
    source = adapter(server, http, options={"countries": ["us", "de"]})
    assert source.streams() == ["reviews:us", "reviews:de"]
    assert names(await poll(source, stream="reviews:de")) == [8]
    assert await source.recheck([mention("7")], now=NOW) is None


# App Store Connect.


async def test_reviews_and_our_responses(server: Server, http: Http, connect: FakeConnect) -> None:
    connect.per_page = 40
    for number in range(100):
        connect.add(number, NOW - timedelta(hours=number))
    connect.respond("00000028-b08c-0005", "Thanks!", NOW)
    source = adapter(server, http, TOKEN)
    assert source.streams() == ["reviews"]
    pages = await poll(source, stream="reviews")
    found = mentions(pages)

    theirs = [one for one in found if not one.ours]
    assert len({one.external_id for one in theirs}) == len(theirs) == 100
    (ours,) = [one for one in found if one.ours]
    assert (ours.parent, clean(ours)[1]) == ("00000028-b08c-0005", "Thanks!")
    assert (theirs[-1].title, theirs[-1].author.handle, theirs[-1].direct) == ("★★★★☆ Good", "ana", True)
    assert pages[0].quota_left == 3400
    connect.add(200, NOW)
    again = await poll(source, pages[-1].bookmark, stream="reviews")
    assert "00000028-b08c-0200" in {one.external_id for one in mentions(again)}
    assert len(again) == 2, "back to two days before what is known"


async def test_a_long_walk_back_keeps_nothing_new_waiting(server: Server, http: Http, connect: FakeConnect) -> None:
    connect.per_page = 2
    for number in range(100):
        connect.add(number, NOW - timedelta(days=number))
    source = adapter(server, http, TOKEN)
    first = (await poll(source, stream="reviews"))[:20]  # broken off there
    connect.add(500, NOW + timedelta(minutes=1))
    second = await poll(source, first[-1].bookmark, NOW + timedelta(minutes=2), stream="reviews")
    assert mentions(second[:1])[-1].external_id.endswith("0500"), "what is new comes first"
    cut = await poll(source, second[4].bookmark, NOW + timedelta(minutes=3), stream="reviews")  # killed in between
    rest = await poll(source, cut[-1].bookmark, NOW + timedelta(minutes=4), stream="reviews")
    last = await poll(source, rest[-1].bookmark, NOW + timedelta(minutes=5), stream="reviews")
    stored = {one.external_id for one in mentions([*first, *second[:5], *cut, *rest, *last])}
    assert len(stored) == 101


async def test_a_review_that_cannot_be_read_is_kept_aside(server: Server, http: Http, connect: FakeConnect) -> None:
    connect.add(1)
    connect.add(2, rating="many")
    connect.add(3, createdDate="soon")
    (page,) = await poll(adapter(server, http, TOKEN), stream="reviews")
    assert [one.external_id for one in page.mentions] == ["00000028-b08c-0001"]
    assert {one.where for one in page.rejected} == {"00000028-b08c-0002", "00000028-b08c-0003"}


async def test_a_key_signs_a_token_that_apple_takes(server: Server, http: Http, connect: FakeConnect) -> None:
    key = ec.generate_private_key(ec.SECP256R1())
    pem = key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    ).decode()
    source = adapter(server, http, secrets={"private_key": Secret(pem)}, options={"key_id": "2X9R4", "issuer": "team"})
    await poll(source, stream="reviews")
    await poll(source, stream="reviews")

    sent = {seen.headers["authorization"].removeprefix("Bearer ") for seen in server.at(LIST)}
    (token,) = sent
    assert jwt.get_unverified_header(token) == {"alg": "ES256", "kid": "2X9R4", "typ": "JWT"}
    claims = jwt.decode(token, key.public_key(), algorithms=["ES256"], audience="appstoreconnect-v1")
    assert claims["iss"] == "team"
    assert 0 < claims["exp"] - claims["iat"] <= 20 * 60

    with pytest.raises(Unauthorised, match="not a private key"):
        await poll(adapter(server, http, secrets={"private_key": Secret("x")}), stream="reviews")


async def test_no_request_is_left_this_hour(server: Server, http: Http, connect: FakeConnect) -> None:
    server.on(LIST, json_reply({"data": []}, x_rate_limit="user-hour-lim:3500;user-hour-rem:0;"))
    (page,) = await poll(adapter(server, http, TOKEN), stream="reviews")
    assert (page.quota_left, page.next_poll_at) == (0, NOW + timedelta(minutes=10))
    server.on(LIST, rate_limited("bare"))
    with pytest.raises(RateLimited) as caught:
        await poll(adapter(server, http, TOKEN), stream="reviews")
    assert caught.value.retry_at == NOW + timedelta(minutes=10)


async def test_originals_looked_at_again(server: Server, http: Http, connect: FakeConnect) -> None:
    for number in (1, 2):
        connect.add(number)
    source = adapter(server, http, TOKEN)
    stored = [
        mention(name, title="★★★★☆ Good", text=f"acme {int(name[-1])}", external_id=name)
        for name in ("00000028-b08c-0001", "00000028-b08c-0002", "00000028-b08c-0003")
    ]
    connect.add(2, body="acme 2, but slow")
    page = await source.recheck([*stored, mention("6290024630")], now=NOW)
    assert page is not None
    assert [(one.external_id, one.text, one.edited_at) for one in page.mentions] == [
        ("00000028-b08c-0002", "acme 2, but slow", NOW)
    ]
    assert page.deleted == ["00000028-b08c-0003"], "and not the one that was read from the feed"
    server.on(LIST, Reply(403))
    with pytest.raises(Unauthorised):
        await source.recheck(stored[2:], now=NOW)


async def test_an_answer_and_how_it_is_found_again(server: Server, http: Http, connect: FakeConnect) -> None:
    connect.add(1)
    parent = mention("00000028-b08c-0001")
    source = adapter(server, http, TOKEN)
    sent = delivery("Fixed in 3.5.", tried_at=NOW)
    assert await source.read_back(sent, parent) == ReadBack(None, complete=True)
    connect.respond("00000028-b08c-0001", "We look into it", NOW - timedelta(days=1))
    assert await source.read_back(sent, parent) == ReadBack(None, complete=True), "that one was there before"

    receipt = await source.send(sent, parent)
    assert receipt == Receipt("r-00000028-b08c-0001", "r-00000028-b08c-0001")
    assert json.loads(connect.posts[0].body) == {
        "data": {
            "type": "customerReviewResponses",
            "attributes": {"responseBody": "Fixed in 3.5."},
            "relationships": {"review": {"data": {"type": "customerReviews", "id": "00000028-b08c-0001"}}},
        }
    }
    assert await source.read_back(sent, parent) == ReadBack(receipt, complete=True)
    connect.respond("00000028-b08c-0001", "Another word", NOW + timedelta(minutes=1))
    assert not (await source.read_back(sent, parent)).complete, "somebody replaced it, or it never came"
    server.on("/v1/customerReviews/00000028-b08c-0001/response", json_reply({"oops": 1}))
    with pytest.raises(BadAnswer):
        await source.read_back(sent, parent)


WORDS = json_reply({"errors": [{"status": "409", "detail": "responseBody is too long"}]}, 409)


@pytest.mark.parametrize(
    ("reply", "error"),
    [
        (WORDS, Refused), (json_reply({"errors": []}, 403), Refused), (Reply(404), Refused), (Reply(401), Unauthorised),
        (rate_limited("bare"), RateLimited), (Reply(500), Uncertain), (Reply(201), Uncertain),
        (json_reply({"data": {}}, 201), Uncertain), (json_reply([], 201), Uncertain), (reset(), Uncertain),
        (cut_off(json_reply({"data": {}}), 3), Uncertain), (Reply(200, b"x", {"content-encoding": "br"}), Uncertain),
    ],
)  # fmt: skip
async def test_how_an_answer_can_end(
    server: Server, http: Http, connect: FakeConnect, reply: Reply, error: type[Exception]
) -> None:
    server.on(RESPOND, reply)
    with pytest.raises(error) as caught:
        await adapter(server, http, TOKEN).send(delivery(), mention("00000028-b08c-0001"))
    assert len(server.at(RESPOND)) == 1, "never sent twice"
    assert TOKEN not in str(caught.value)
    if reply is WORDS:
        assert "too long" in str(caught.value)


async def test_an_answer_that_did_not_leave(server: Server, http: Http) -> None:
    async with Http((), pause=0) as shut:  # a loopback address that nobody named is not dialled
        with pytest.raises(NotSent):
            await adapter(server, shut, TOKEN).send(delivery(), mention("x"))
    with pytest.raises(Refused, match="without a key"):
        await adapter(server, http).send(delivery(), mention("7"))
    assert await adapter(server, http).length("a👨‍👩‍👧", handle="ana") == (2, 5970)


def test_what_check_says() -> None:
    def said(**options: Any) -> list[str]:
        return registry.problems(SourceConfig("appstore", "a", options=options))

    assert "`app` is missing" in said()[0]
    assert "`app` is the app's number" in said(app="com.acme")[0]
    assert "`countries`" in said(app=APP, countries=["USA"])[0]
    assert "needed together" in said(app=APP, key_id="x")[0]
    assert said(app=APP, countries=["us"]) == []
    assert "only read" in registry.obstacle(SourceConfig("appstore", "a", options={"app": APP}))
    with_key = {"app": APP, "key_id": "x", "private_key": "file:/x"}
    assert registry.obstacle(SourceConfig("appstore", "a", options=with_key)) == ""
