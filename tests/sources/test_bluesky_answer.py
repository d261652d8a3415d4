"""Answering on Bluesky."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator, Iterator
from datetime import UTC, datetime
from typing import Any

import pytest
import pytest_asyncio

from sources.adapters.bluesky import Bluesky
from sources.adapters.bluesky_answer import record_key
from sources.errors import NotSent, RateLimited, Refused, SourceError, Unauthorised, Uncertain
from sources.http import Http
from sources.keep import Keep
from sources.protocol import ReadBack, Receipt, Setup
from store.domain.delivery import Delivery
from store.domain.desk import SourceConfig
from store.domain.mention import Mention
from store.domain.secret import Secret
from tests.servers import Reply, Seen, Server, cut_off, free_port, json_reply, rate_limited, redirect, reset, text
from tests.sources.fake_bluesky import GET_PATH, NOW, OPEN_PATH, OWN, PUT_PATH, FakeBluesky, adapter, reference
from tests.sources.fake_mastodon import delivery as any_delivery
from tests.sources.fake_mastodon import mention

CREATE_PATH = "/xrpc/com.atproto.repo.createRecord"
BORN = datetime(2026, 11, 21, 11, 59, 58, 765_432, tzinfo=UTC)


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


def delivery(words: str = "Sorry!", **fields: Any) -> Delivery:
    return any_delivery(words, **({"created_at": BORN} | fields))


def parent(uri: str) -> Mention:
    return mention("x", network="bluesky", external_id=uri, native_id=uri, language="de")


def put(server: Server) -> list[dict[str, Any]]:
    return [json.loads(seen.body) for seen in server.at(PUT_PATH)]


async def test_an_answer_as_it_goes_out(server: Server, http: Http, remote: FakeBluesky) -> None:
    uri = remote.add("p", NOW)
    words = "Es tut uns sehr leid, 👩‍👩‍👧 @ana.example! Bitte hier lesen: https://acme.example/a?b=1. #hilfe"
    receipt = await adapter(server, http).send(delivery(words), parent(uri))

    (sent,) = put(server)
    facets = sent["record"].pop("facets")
    assert sent == {
        "repo": OWN,
        "collection": "app.bsky.feed.post",
        "rkey": record_key(delivery()),
        "swapRecord": None,
        "record": {
            "$type": "app.bsky.feed.post",
            "text": words,
            "createdAt": "2026-11-21T11:59:58.765Z",
            "langs": ["de"],
            "reply": {"root": reference(uri, "cid-of-p"), "parent": reference(uri, "cid-of-p")},
        },
    }
    data = words.encode()
    assert [
        (data[one["index"]["byteStart"] : one["index"]["byteEnd"]].decode(), one["features"][0]) for one in facets
    ] == [
        ("@ana.example", {"$type": "app.bsky.richtext.facet#mention", "did": "did:plc:ana"}),
        ("https://acme.example/a?b=1", {"$type": "app.bsky.richtext.facet#link", "uri": "https://acme.example/a?b=1"}),
        ("#hilfe", {"$type": "app.bsky.richtext.facet#tag", "tag": "hilfe"}),
    ]
    key = f"at://{OWN}/app.bsky.feed.post/{sent['rkey']}"
    assert receipt == Receipt(key, key, f"https://bsky.app/profile/{OWN}/post/{sent['rkey']}")


@pytest.mark.parametrize("words", ["mail kim@acme.example", "@nobody.example", "#1", "a#b", "ftp://x.example", "@kim"])
async def test_what_only_looks_like_a_link_is_none(server: Server, http: Http, remote: FakeBluesky, words: str) -> None:
    await adapter(server, http).send(delivery(words), parent(remote.add("p", NOW)))
    assert "facets" not in put(server)[0]["record"]


async def test_it_joins_the_thread_of_what_it_answers(server: Server, http: Http, remote: FakeBluesky) -> None:
    root = reference("at://did:plc:bob/app.bsky.feed.post/r", "cid-r")
    uri = remote.add("p", NOW, reply={"root": root, "parent": reference("at://did:plc:bob/app.bsky.feed.post/q")})
    remote.posts[uri]["cid"] = "cid-after-an-edit"
    await adapter(server, http).send(delivery(), parent(uri))
    assert put(server)[0]["record"]["reply"] == {"root": root, "parent": reference(uri, "cid-after-an-edit")}


def test_the_key_is_a_timestamp_identifier_of_the_delivery() -> None:
    keys = {record_key(delivery(identity=str(number))) for number in range(2_000)}
    assert len(keys) == 2_000
    assert record_key(delivery("other words")) == record_key(delivery())
    digits = "234567abcdefghijklmnopqrstuvwxyz"
    for key in keys:
        assert len(key) == 13
        assert key[0] in digits[:16]
        number = sum(digits.index(digit) << (5 * place) for place, digit in enumerate(reversed(key)))
        assert datetime.fromtimestamp((number >> 10) / 1_000_000, UTC).replace(microsecond=0) == BORN.replace(
            microsecond=0
        )


async def test_a_second_try_makes_no_second_post(server: Server, http: Http, remote: FakeBluesky) -> None:
    uri = remote.add("p", NOW)
    keep = Keep()
    source = adapter(server, http, keep=keep)
    first = await adapter(server, http, keep=keep).send(delivery(), parent(uri))
    again = await source.send(delivery(attempts=2), parent(uri))
    remote.posts[uri]["cid"] = "cid-after-an-edit"  # now the record would be another one
    third = await source.send(delivery(attempts=3), parent(uri))

    assert first == again == third
    assert len(remote.records) == 1
    assert put(server)[0] == put(server)[1]


@pytest.mark.parametrize("arrives", [True, False])
async def test_a_lost_answer_is_settled_by_looking(
    server: Server, http: Http, remote: FakeBluesky, arrives: bool
) -> None:
    uri, source = remote.add("p", NOW), adapter(server, http)

    def lost(seen: Seen) -> Reply:
        if arrives:
            remote.put(seen)
        return reset()

    server.on(PUT_PATH, lost)
    with pytest.raises(Uncertain):
        await source.send(delivery(), parent(uri))
    assert len(server.at(PUT_PATH)) == 1, "never sent twice"
    back = await source.read_back(delivery(), parent(uri))
    server.on(PUT_PATH, remote.put)
    receipt = await source.send(delivery(), parent(uri))

    assert back == ReadBack(receipt if arrives else None, complete=True)
    assert len(remote.records) == 1


@pytest.mark.parametrize(
    "reply", [Reply(404), json_reply({"error": "Record not found"}, 404), text("<html>"), Reply(599)]
)
async def test_absence_is_only_proven_by_the_servers_word(
    server: Server, http: Http, remote: FakeBluesky, reply: Reply
) -> None:
    server.on(GET_PATH, reply)
    with pytest.raises(SourceError):
        await adapter(server, http).read_back(delivery(), parent(remote.add("p", NOW)))


TOO_LONG = json_reply({"error": "InvalidRequest", "message": "must not be longer than 300 graphemes"}, 400)


@pytest.mark.parametrize(
    ("reply", "error"),
    [
        (TOO_LONG, Refused), (json_reply({"error": "x"}, 403), Refused), (text("nope", status=400), Refused),
        (Reply(413), Refused), (json_reply({"error": "AuthMissing"}, 401), Unauthorised),
        (rate_limited("bare"), RateLimited), (json_reply({"error": "RateLimitExceeded"}, 400), RateLimited),
        (Reply(500), Uncertain), (Reply(502), Uncertain), (text("<html>ok</html>", "text/html"), Uncertain),
        (json_reply([]), Uncertain), (json_reply({"cid": "x"}), Uncertain), (Reply(409), Uncertain),
        (cut_off(json_reply({"uri": "at://x"}), 4), Uncertain), (reset(), Uncertain), (redirect("/login"), Uncertain),
    ],
)  # fmt: skip
async def test_how_a_post_can_end(
    server: Server, http: Http, remote: FakeBluesky, reply: Reply, error: type[Exception]
) -> None:
    uri = remote.add("p", NOW)
    source = adapter(server, http)
    server.on("/xrpc/com.atproto.server.refreshSession", json_reply({"error": "ExpiredToken"}, 400))
    server.on(PUT_PATH, reply)
    with pytest.raises(error) as raised:
        await source.send(delivery(), parent(uri))
    refused = error is Unauthorised  # then it was not done, and a new session may be let in
    assert len(server.at(PUT_PATH)) == 1 + refused, "never sent twice"
    if reply is TOO_LONG:
        assert "300 graphemes" in str(raised.value)


async def test_a_token_that_ran_out_is_renewed_on_the_way(server: Server, http: Http, remote: FakeBluesky) -> None:
    uri, source = remote.add("p", NOW), adapter(server, http)
    await source.length("x", handle="")
    await source.read_back(delivery(), parent(uri))
    server.on(PUT_PATH, json_reply({"error": "ExpiredToken"}, 400), remote.put)
    await source.send(delivery(), parent(uri))
    assert (len(remote.records), remote.pair) == (1, 2)


async def test_nothing_has_left_the_house(server: Server, http: Http, remote: FakeBluesky) -> None:
    uri, source = remote.add("p", NOW), adapter(server, http)
    for path, reply in ((OPEN_PATH, reset()), (OPEN_PATH, Reply(503)), (GET_PATH, Reply(500))):
        server.on(path, reply)
        server.on("/xrpc/app.bsky.feed.getPosts", Reply(500))
        with pytest.raises(NotSent):
            await source.send(delivery(), parent(uri))
        server.on(OPEN_PATH, remote.open)
    assert not server.at(PUT_PATH)
    config = SourceConfig("bluesky", "b", url=f"http://127.0.0.1:{free_port()}", options={"handle": OWN})
    async with Http({"127.0.0.1"}, pause=0) as client:
        with pytest.raises(NotSent):
            await Bluesky(Setup(config, client, Secret("x"))).send(delivery(), parent(uri))


async def test_a_post_that_is_gone_cannot_be_answered(server: Server, http: Http, remote: FakeBluesky) -> None:
    uri = remote.add("p", NOW)
    del remote.posts[uri]
    for gone in (parent(uri), parent("7")):
        with pytest.raises(Refused):
            await adapter(server, http).send(delivery(), gone)
    assert not server.at(PUT_PATH)


@pytest.mark.parametrize("status", [404, 501])
async def test_a_server_that_knows_only_the_older_method(
    server: Server, http: Http, remote: FakeBluesky, status: int
) -> None:
    server.on(PUT_PATH, Reply(status))
    server.on(CREATE_PATH, remote.put)
    receipt = await adapter(server, http).send(delivery(), parent(remote.add("p", NOW)))
    (seen,) = server.at(CREATE_PATH)
    assert json.loads(seen.body)["rkey"] == record_key(delivery())
    assert receipt.key in remote.records


@pytest.mark.parametrize(
    ("words", "length"),
    [("x" * 301, (301, 300)), ("👩‍👩‍👧" * 100, (100, 300)), ("👩‍👩‍👧" * 200, (3_600, 3_000)), ("é" * 300, (300, 300))],
)
async def test_length(server: Server, http: Http, words: str, length: tuple[int, int]) -> None:
    source = adapter(server, http)
    assert await source.length(words, handle="ana.example") == length
    assert source.compose(parent("x")) == ""
