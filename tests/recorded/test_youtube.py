"""YouTube against a recorded real answer, where a folder of them is named by EARFUL_RECORDED; skipped elsewhere."""

from __future__ import annotations

import json
import os
from collections.abc import AsyncIterator, Iterator
from datetime import UTC, datetime
from pathlib import Path

import pytest
import pytest_asyncio

from sources.adapters.youtube import YouTube
from sources.http import Http
from sources.protocol import Page, Setup
from store.domain.desk import SourceConfig
from store.domain.mention import JsonObject
from store.domain.poll import Cursor
from store.domain.secret import Secret
from tests.servers import Reply, Seen, Server, json_reply

FOLDER = Path(os.environ.get("EARFUL_RECORDED", "/nonexistent"))
NOW = datetime(2026, 11, 21, 12, 0, tzinfo=UTC)
VIDEO = "F1UP7wRCPH8"

pytestmark = pytest.mark.skipif(not FOLDER.is_dir(), reason="EARFUL_RECORDED names no folder of recorded answers")


@pytest.fixture
def server() -> Iterator[Server]:
    with Server() as running:
        yield running


@pytest_asyncio.fixture
async def http(server: Server) -> AsyncIterator[Http]:
    async with Http({server.host}, pause=0) as client:
        yield client


async def poll(source: YouTube, bookmark: JsonObject | None = None) -> list[Page]:
    cursor = Cursor("yt", f"video:{VIDEO}", bookmark or {}, NOW, 0, None, "", "ok")
    return [page async for page in source.pages(cursor, now=NOW)]


@pytest.mark.parametrize("below", ["an empty page", "the same page again", "nothing but an error"])
async def test_a_page_of_comments(server: Server, http: Http, below: str) -> None:
    (recorded,) = json.loads((FOLDER / "youtube_comment_threads.json").read_text(encoding="utf-8"))["exchanges"]
    threads = json.loads(recorded["body"])["items"]

    def answer(seen: Seen) -> Reply:
        if "pageToken" in seen.params and below == "an empty page":
            return json_reply({"kind": "youtube#commentThreadListResponse", "items": []})
        return Reply(200, recorded["body"].encode(), {"content-type": "application/json"})

    server.on("/youtube/v3/commentThreads", answer)
    if below != "nothing but an error":
        server.on("/youtube/v3/comments", json_reply({"kind": "youtube#commentListResponse", "items": []}))
    config = SourceConfig("youtube", "yt", url=server.url(), options={"videos": [VIDEO]}, backfill=None)
    source = YouTube(Setup(config, http, Secret("AIza-some-key")))
    first = await poll(source)
    found = {one.external_id: one for page in first for one in page.mentions}

    assert list(found) == [one["id"] for one in reversed(threads)], "oldest first"
    assert not any(page.rejected for page in first)
    for thread in threads:
        told, mention = thread["snippet"]["topLevelComment"]["snippet"], found[thread["id"]]
        assert mention.text == told["textOriginal"]
        assert mention.author.handle == told["authorChannelId"]["value"]
        assert mention.author.name == told["authorDisplayName"]
        assert mention.created_at == datetime.fromisoformat(told["publishedAt"])
        assert mention.url == f"https://www.youtube.com/watch?v={VIDEO}&lc={thread['id']}"
        assert mention.edited_at is None
    assert not any(page.mentions for page in await poll(source, first[-1].bookmark))
