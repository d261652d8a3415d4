"""Facebook comments as they were recorded, oldest first and without ids or authors."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator
from datetime import UTC, datetime
from typing import Any
from urllib.parse import urlsplit

import pytest
import pytest_asyncio

from sources.adapters.facebook import Facebook
from sources.http import Http
from sources.protocol import Page, Setup
from store.domain.desk import SourceConfig
from store.domain.mention import UNKNOWN_AUTHOR
from store.domain.poll import Cursor
from store.domain.secret import Secret
from tests.recorded.test_recorded import FOLDER, NOW, exchanges
from tests.servers import Reply, Server

pytestmark = pytest.mark.skipif(not FOLDER.is_dir(), reason="EARFUL_RECORDED names no folder of recorded answers")


@pytest.fixture
def server() -> Iterator[Server]:
    with Server() as running:
        yield running


@pytest_asyncio.fixture
async def http(server: Server) -> AsyncIterator[Http]:
    async with Http({server.host}, pause=0) as client:
        yield client


async def poll(source: Facebook, bookmark: dict[str, Any] | None = None) -> list[Page]:
    cursor = Cursor("f", "comments", bookmark or {}, NOW, 0, None, "", "ok")
    return [page async for page in source.pages(cursor, now=NOW)]


async def test_every_recorded_comment_becomes_a_mention(server: Server, http: Http) -> None:
    (one,) = exchanges("facebook_comments")
    path = urlsplit(one["url"]).path
    _, version, post, _ = path.split("/")
    server.on(path, Reply(200, one["body"].encode(), {"content-type": "application/json"}))
    options = {"version": version, "posts": [post]}
    config = SourceConfig("facebook", "f", server.url(), "env:F", options=options, backfill=None)
    source = Facebook(Setup(config, http, Secret("t")))
    first = await poll(source)
    found = {mention.external_id: mention for page in first for mention in page.mentions}
    again = await poll(source, first[-1].bookmark)

    assert len(found) == 10
    assert not any(page.rejected for page in first)
    assert {mention.external_id for page in again for mention in page.mentions} <= found.keys()
    reply = found["10158407654328553_10158409983033553"]
    assert reply.parent == "10158407654328553_10158407903973553"
    assert reply.created_at == datetime(2021, 8, 11, 23, 22, 14, tzinfo=UTC)
    assert all(
        mention.author.handle == UNKNOWN_AUTHOR and mention.text and mention.direct for mention in found.values()
    )
    assert all(
        mention.thread == post and mention.url.startswith("https://www.facebook.com/") for mention in found.values()
    )
