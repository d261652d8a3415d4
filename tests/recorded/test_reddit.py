"""Reddit against recorded real answers, where a folder of them is named by EARFUL_RECORDED; skipped elsewhere."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator, Iterator
from typing import Any
from urllib.parse import parse_qsl, urlsplit

import pytest
import pytest_asyncio

from sources.http import Http
from sources.intake import Intake
from sources.text.clean import clean
from store.database import Database
from store.domain.clock import utcnow
from store.domain.desk import Desk, Watch
from tests.recorded.test_recorded import FOLDER, exchanges
from tests.servers import Reply, Seen, Server, json_reply
from tests.sources.fake_mastodon import delivery
from tests.sources.fake_reddit import adapter, listing, mention, poll

STREAM, EVERYTHING = "reddit_comment_stream", "comments:all"

pytestmark = pytest.mark.skipif(not FOLDER.is_dir(), reason="EARFUL_RECORDED names no folder of recorded answers")


@pytest.fixture
def server() -> Iterator[Server]:
    with Server() as running:
        yield running


@pytest_asyncio.fixture
async def http(server: Server) -> AsyncIterator[Http]:
    async with Http({server.host}, pause=0) as client:
        yield client


def replay(server: Server, name: str) -> None:
    """Every recorded path answers with the recording of the same `before`; what was not recorded is empty."""
    recorded = {
        (urlsplit(one["url"]).path, dict(parse_qsl(urlsplit(one["url"]).query)).get("before")): one
        for one in exchanges(name)
    }

    def answer(seen: Seen) -> Reply:
        one = None if "after" in seen.params else recorded.get((seen.path, seen.params.get("before")))
        return listing([]) if one is None else Reply(one["status"], one["body"].encode(), rate(one))

    for path, _ in recorded:
        server.on(path, answer)
    server.on("/api/v1/me", json_reply({}))


def rate(one: dict[str, Any]) -> dict[str, str]:
    return {name: value for name, value in one["headers"] if name.lower().startswith("x-ratelimit")}


async def test_four_pages_of_comments(server: Server, http: Http, db: Database) -> None:
    replay(server, STREAM)
    source = adapter(server, http, options={"subreddits": ["all"]})
    first = await poll(source, stream=EVERYTHING)
    second = await poll(source, first[-1].bookmark, stream=EVERYTHING)
    found = {one.external_id: one for page in first for one in page.mentions}
    sent = {
        child["data"]["name"]: child["data"]
        for one in exchanges(STREAM)
        if one["method"] == "GET"
        for child in json.loads(one["body"])["data"]["children"]
    }

    assert found.keys() == sent.keys()
    assert len(found) == 400
    assert not any(page.rejected for page in first)
    assert not any(page.mentions for page in second)
    for name, data in sent.items():
        one = found[name]
        assert (one.author.handle, one.parent, one.thread) == (data["author"], data["parent_id"], data["link_id"])
        assert one.url == f"https://www.reddit.com{data['permalink']}"
        assert one.created_at.timestamp() == data["created_utc"]
        assert (one.edited_at is not None) == bool(data["edited"])
        assert clean(one)[1]
    for boundary in range(len(first)):
        rest = await poll(source, first[boundary].bookmark, stream=EVERYTHING)
        again = {one.external_id for page in first[: boundary + 1] + rest for one in page.mentions}
        assert len(again) == 400

    intake = Intake(db, Desk(watches=(Watch("everything", "the OR a OR i OR you OR NOT zzz"),)))
    stored = [
        await intake.take("r", "reddit", EVERYTHING, page, started_at=utcnow(), next_poll_at=None)
        for page in [*first, *first]
    ]
    assert sum(line.new for line in stored) == 400


async def test_an_answer_and_a_deletion(server: Server, http: Http) -> None:
    replay(server, "reddit_reply")
    server.on("/api/comment/", Reply(200, exchanges("reddit_reply")[1]["body"].encode()))
    source = adapter(server, http)
    receipt = await source.send(delivery("Comment reply"), mention("t1_fx1ec2p"))
    assert (receipt.native_id, receipt.key) == ("t1_fx1ie8s", "t1_fx1ie8s")
    assert receipt.url == "https://www.reddit.com/r/Lil_SpazJoekp/comments/gx8r8z/test/fx1ie8s/"

    replay(server, "reddit_deleted")
    page = await source.recheck([mention("t1_fx1tgzm")], now=utcnow())
    assert page is not None
    assert (page.deleted, page.mentions) == (["t1_fx1tgzm"], [])
