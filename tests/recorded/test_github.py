"""GitHub's recorded answers, where a folder of them is named by EARFUL_RECORDED; skipped elsewhere."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator, Iterator
from datetime import UTC, datetime, timedelta

import pytest
import pytest_asyncio

from sources.errors import RateLimited
from sources.http import Http
from sources.text.clean import clean
from tests.recorded.test_recorded import DROPPED, FOLDER, exchanges
from tests.servers import Reply, Server
from tests.sources.fake_github import NOW, SEARCH, adapter, poll

pytestmark = pytest.mark.skipif(not FOLDER.is_dir(), reason="EARFUL_RECORDED names no folder of recorded answers")


@pytest.fixture
def server() -> Iterator[Server]:
    with Server() as running:
        yield running


@pytest_asyncio.fixture
async def http(server: Server) -> AsyncIterator[Http]:
    async with Http({server.host}, pause=0) as client:
        yield client


def recorded(name: str, status: int) -> Reply:
    (one,) = [exchange for exchange in exchanges(name) if exchange["status"] == status]
    headers = {key.lower(): value for key, value in one["headers"] if key.lower() not in DROPPED}
    return Reply(status, one["body"].encode(), headers)


async def test_every_recorded_issue_becomes_a_mention_once(server: Server, http: Http) -> None:
    """The server answers so whatever it is asked, which ends all the same."""
    reply = recorded("github_search_issues", 200)
    server.on(SEARCH, reply)
    items = {item["html_url"]: item for item in json.loads(reply.body)["items"]}
    source = adapter(server, http, backfill=None)
    first = await poll(source)
    requests = len(server.seen)
    second = await poll(source, first[-1].bookmark)
    found = [mention for page in first for mention in page.mentions]

    assert len(found) == len(items) == 30
    assert not any(page.rejected for page in first)
    assert requests < 10
    assert {mention.external_id for page in second for mention in page.mentions} == {one.external_id for one in found}
    for mention in found:
        item = items[mention.url]
        assert mention.title == item["title"]
        assert mention.author.handle == item["user"]["login"]
        assert mention.created_at == datetime.fromisoformat(item["created_at"])
        assert mention.native_id.endswith(f"#{item['number']}")
        assert any(clean(mention))


async def test_a_403_with_retry_after_is_a_limit(server: Server, http: Http) -> None:
    server.on(SEARCH, recorded("github_rate_limited", 403))
    with pytest.raises(RateLimited) as caught:
        await poll(adapter(server, http))
    assert caught.value.retry_at == NOW.astimezone(UTC) + timedelta(seconds=60)
