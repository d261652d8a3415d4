"""The adapters against recorded real answers, where a folder of them is named by EARFUL_RECORDED; skipped elsewhere.

A recording is {"exchanges": [{"method", "url", "status", "headers": [[name, value], ...], "body"}]}.
"""

from __future__ import annotations

import json
import os
from collections.abc import AsyncIterator, Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from urllib.parse import parse_qsl, urlsplit

import pytest
import pytest_asyncio

from sources.adapters.hackernews import HackerNews
from sources.adapters.mastodon import Mastodon
from sources.errors import Refused
from sources.http import Http
from sources.protocol import Page, Setup
from sources.text.clean import clean
from store.domain.desk import SourceConfig, Watch
from store.domain.poll import Cursor
from store.domain.secret import Secret
from tests.servers import Reply, Seen, Server, json_reply
from tests.sources.fake_mastodon import delivery, mention

FOLDER = Path(os.environ.get("EARFUL_RECORDED", "/nonexistent"))
NOW = datetime(2026, 11, 21, 12, 0, tzinfo=UTC)
DROPPED = {"content-encoding", "content-length", "transfer-encoding", "connection"}
CURSORS = {"max_id", "min_id", "since_id"}

pytestmark = pytest.mark.skipif(not FOLDER.is_dir(), reason="EARFUL_RECORDED names no folder of recorded answers")


def exchanges(name: str) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = json.loads((FOLDER / f"{name}.json").read_text(encoding="utf-8"))["exchanges"]
    return found


def replay(server: Server, name: str) -> None:
    """Every recorded path answers with the recording whose cursor is the one asked for; a page that was not recorded
    is an empty list."""
    recorded = exchanges(name)
    hosts = {f"{parts.scheme}://{parts.netloc}" for parts in (urlsplit(one["url"]) for one in recorded)}

    def cursor(url: str) -> set[tuple[str, str]]:
        return {pair for pair in parse_qsl(urlsplit(url).query) if pair[0] in CURSORS}

    def answer(seen: Seen) -> Reply:
        for one in recorded:
            same = one["method"] == seen.method and urlsplit(one["url"]).path == seen.path
            if same and cursor(one["url"]) == cursor(seen.target):
                headers = {key.lower(): value for key, value in one["headers"] if key.lower() not in DROPPED}
                for host in hosts if "link" in headers else ():
                    headers["link"] = headers["link"].replace(host, server.url())
                return Reply(one["status"], one["body"].encode(), headers)
        return json_reply([])

    for one in recorded:
        server.on(urlsplit(one["url"]).path, answer)


@pytest.fixture
def server() -> Iterator[Server]:
    with Server() as running:
        yield running


@pytest_asyncio.fixture
async def http(server: Server) -> AsyncIterator[Http]:
    async with Http({server.host}, pause=0) as client:
        yield client


def mastodon(server: Server, http: Http, token: str = "") -> Mastodon:
    config = SourceConfig("mastodon", "m", url=server.url(), options={"tags": ["ichbinhanna"]}, backfill=None)
    return Mastodon(Setup(config, http, Secret(token) if token else None))


async def poll(source: Mastodon | HackerNews, stream: str, bookmark: dict[str, Any] | None = None) -> list[Page]:
    cursor = Cursor("x", stream, bookmark or {}, NOW, 0, None, "", "ok")
    return [page async for page in source.pages(cursor, now=NOW)]


async def test_four_pages_of_a_hashtag(server: Server, http: Http) -> None:
    replay(server, "mastodon_tag_4_pages")
    source = mastodon(server, http)
    first = await poll(source, "tag:ichbinhanna")
    second = await poll(source, "tag:ichbinhanna", first[-1].bookmark)
    found = [mention for page in first for mention in page.mentions]

    assert len(found) == len({mention.external_id for mention in found}) == 160
    assert not any(page.rejected for page in first)
    assert not any(page.mentions for page in second)
    assert all("@" in mention.author.handle and clean(mention)[1] for mention in found)
    for boundary in range(4):
        rest = await poll(source, "tag:ichbinhanna", first[boundary].bookmark)
        again = {mention.external_id for page in first[: boundary + 1] + rest for mention in page.mentions}
        assert len(again) == 160


async def test_an_edited_post(server: Server, http: Http) -> None:
    replay(server, "mastodon_edit")
    original = json.loads(exchanges("mastodon_edit")[0]["body"])
    known = mention(original["id"], external_id=original["uri"])
    page = await mastodon(server, http).recheck([known], now=NOW)

    assert page is not None
    (edited,) = page.mentions
    assert edited.external_id == original["uri"]
    assert edited.html != original["content"]


async def test_what_mastodon_social_allows(server: Server, http: Http) -> None:
    (one,) = exchanges("mastodon_instance_v2")
    server.on("/api/v2/instance", Reply(200, one["body"].encode(), {"content-type": "application/json"}))
    assert (await mastodon(server, http, "t").length("x" * 7, handle="ana@far.example")) == (7 + len("@ana "), 500)


async def test_a_post_that_is_too_long_is_refused_in_any_language(server: Server, http: Http) -> None:
    for one in exchanges("mastodon_too_long_localised"):
        server.on("/api/v1/statuses", Reply(one["status"], one["body"].encode(), {"content-type": "application/json"}))
        with pytest.raises(Refused, match="500"):
            await mastodon(server, http, "t").send(delivery(), mention())


async def test_every_recorded_hit_becomes_a_mention(server: Server, http: Http) -> None:
    for one in exchanges("hackernews_algolia"):
        if "search_by_date" not in one["url"]:
            continue
        server.on("/api/v1/search_by_date", Reply(200, one["body"].encode(), {"content-type": "application/json"}))
        config = SourceConfig("hackernews", "hn", url=server.url(), backfill=None)
        source = HackerNews(Setup(config, http, None, (Watch("apple", "apple"),)))
        pages = await poll(source, "search:apple")
        hits = {hit["objectID"] for hit in json.loads(one["body"])["hits"]}

        assert {mention.external_id for page in pages for mention in page.mentions} == hits
        assert all(
            any(clean(mention)) and mention.created_at < NOW - timedelta(days=365) for mention in pages[0].mentions
        )
