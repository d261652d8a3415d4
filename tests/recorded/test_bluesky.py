"""Bluesky against recorded real answers, where a folder of them is named by EARFUL_RECORDED; skipped elsewhere."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator, Iterator
from datetime import UTC, datetime, timedelta
from urllib.parse import parse_qsl, urlsplit

import pytest
import pytest_asyncio

from sources.adapters.bluesky import Bluesky
from sources.adapters.bluesky_answer import record_key
from sources.http import Http
from sources.protocol import Page, Setup
from sources.text.clean import clean
from store.domain.desk import SourceConfig, Watch
from store.domain.poll import Cursor
from store.domain.secret import Secret
from tests.recorded.test_recorded import FOLDER, exchanges
from tests.servers import Reply, Seen, Server
from tests.sources.fake_bluesky import closed, websocket
from tests.sources.fake_mastodon import delivery, mention

OWN = "did:plc:5c2r73erhng4bszmxlfdtscf"
TOKEN = "eyJhbGciOiJFUzI1NiJ9.eyJzdWIiOiJkaWQ6cGxjOjVjMnI3M2VyaG5nNGJzem14bGZkdHNjZiJ9.c2ln"  # its subject is OWN
NOW = datetime(2025, 5, 22, 15, 0, tzinfo=UTC)

pytestmark = pytest.mark.skipif(not FOLDER.is_dir(), reason="EARFUL_RECORDED names no folder of recorded answers")


@pytest.fixture
def server() -> Iterator[Server]:
    with Server() as running:
        yield running


@pytest_asyncio.fixture
async def http(server: Server) -> AsyncIterator[Http]:
    async with Http({server.host}, pause=0) as client:
        yield client


def source(server: Server, http: Http, query: str, token: str = TOKEN) -> Bluesky:
    config = SourceConfig("bluesky", "b", url=server.url(), backfill=None)
    return Bluesky(Setup(config, http, Secret(token) if token else None, (Watch("w", query),)))


async def poll(source: Bluesky, stream: str, bookmark: dict[str, object] | None = None) -> list[Page]:
    cursor = Cursor("b", stream, bookmark or {}, NOW, 0, None, "", "ok")
    return [page async for page in source.pages(cursor, now=NOW)]


def replay(server: Server, name: str) -> None:
    for one in exchanges(name):
        headers = {"content-type": "application/json", **{k.lower(): v for k, v in one["headers"] if "Rate" in k}}
        server.on(urlsplit(one["url"]).path, Reply(one["status"], one["body"].encode(), headers))


async def test_a_search(server: Server, http: Http) -> None:
    replay(server, "bluesky_search")
    pages = await poll(source(server, http, "redistricting"), "search:w")
    again = await poll(source(server, http, "redistricting"), "search:w", pages[-1].bookmark)
    found = {one.external_id: one for page in pages for one in page.mentions}
    posts = {one["uri"]: one for one in json.loads(exchanges("bluesky_search")[0]["body"])["posts"]}

    assert found.keys() == posts.keys()
    assert len(found) == 25
    assert not any(page.rejected for page in pages)
    assert {one.external_id for page in again for one in page.mentions} <= found.keys()
    for uri, one in found.items():
        post = posts[uri]
        assert one.author.handle == post["author"]["handle"]
        assert one.created_at <= datetime.fromisoformat(post["indexedAt"]) + timedelta(minutes=1)
        assert one.parent == post["record"].get("reply", {}).get("parent", {}).get("uri", "")
        assert clean(one)[1].split()[0] == post["record"]["text"].split()[0]
    assert pages[0].quota_left == 2983


async def test_notifications(server: Server, http: Http) -> None:
    replay(server, "bluesky_notifications")
    pages = await poll(source(server, http, "x"), "notifications")
    again = await poll(source(server, http, "x"), "notifications", pages[-1].bookmark)
    found = {one.external_id for page in pages for one in page.mentions}

    assert len(found) == 11 + 7
    assert all(one.direct and not one.ours for page in pages for one in page.mentions)
    assert {one.external_id for page in again for one in page.mentions} <= found


async def test_jetstream(server: Server, http: Http) -> None:
    lines = (FOLDER / "bluesky_jetstream.jsonl").read_bytes().splitlines()
    server.on("/subscribe", lambda seen: websocket(seen, lines, closed))
    posts = [json.loads(line) for line in lines if b'"collection":"app.bsky.feed.post"' in line]
    made = {one["commit"]["rkey"] for one in posts if one["commit"]["operation"] == "create"}
    words = " OR ".join(["www", "a*", "e*", "link:http", "日", "た", "の", "ま"])
    pages = await poll(source(server, http, words, token=""), "jetstream")
    found = {one.external_id.rpartition("/")[2] for page in pages for one in page.mentions}

    assert len(made) == 17
    assert found <= made
    assert len(found) >= 12
    assert {uri for page in pages for uri in page.deleted} == {
        f"at://{one['did']}/app.bsky.feed.post/{one['commit']['rkey']}"
        for one in posts
        if one["commit"]["operation"] == "delete"
    }
    assert not any(page.rejected for page in pages)


async def test_an_answer(server: Server, http: Http) -> None:
    """The server knows nothing but what was recorded: there the older method of posting."""
    recorded = exchanges("bluesky_reply")
    parent = next(one for one in recorded if "getRecord" in one["url"])

    def get(seen: Seen) -> Reply:
        wanted = dict(parse_qsl(urlsplit(parent["url"]).query))
        return Reply(parent["status"] if seen.params["rkey"] == wanted["rkey"] else 599, parent["body"].encode())

    replay(server, "bluesky_reply")
    server.on("/xrpc/com.atproto.repo.getRecord", get)
    told = json.loads(parent["body"])
    answered = mention("x", network="bluesky", external_id=told["uri"], native_id=told["uri"])
    receipt = await source(server, http, "x").send(delivery("Thank you!"), answered)

    (seen,) = server.at("/xrpc/com.atproto.repo.createRecord")
    sent = json.loads(seen.body)
    reference = {"uri": told["uri"], "cid": told["cid"]}
    assert (sent["repo"], len(sent["rkey"]), record_key(delivery())[:1]) == (OWN, 13, sent["rkey"][:1])
    assert sent["record"]["reply"] == {"root": reference, "parent": reference}
    assert receipt.key == "at://did:plc:5c2r73erhng4bszmxlfdtscf/app.bsky.feed.post/3lprdue7ggw26"
