"""An Instagram account: comments, answers inside of them, tags and answers of ours."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator
from datetime import timedelta
from typing import Any

import pytest
import pytest_asyncio

from sources import registry
from sources.adapters.instagram import Instagram
from sources.errors import BadAnswer, Refused
from sources.http import Http
from sources.protocol import Setup
from store.domain.clock import utcnow
from store.domain.desk import SourceConfig
from store.domain.mention import MentionType
from store.domain.secret import Secret
from tests.servers import Reply, Server, json_reply
from tests.sources.fake_mastodon import delivery
from tests.sources.fake_mastodon import mention as stored
from tests.sources.fake_meta import ACCOUNT, GONE, NOW, TOKEN, FakeAccount, error, instagram, names, poll, stamp

A_MINUTE = timedelta(minutes=1)


@pytest.fixture
def server() -> Iterator[Server]:
    with Server() as running:
        yield running


@pytest.fixture
def remote(server: Server) -> FakeAccount:
    return FakeAccount(server)


@pytest_asyncio.fixture
async def http(server: Server) -> AsyncIterator[Http]:
    async with Http({server.host}, pause=0) as client:
        yield client


def mention(name: str = "7", **fields: Any) -> Any:
    plain = {"external_id": name, "network": "instagram", "type": MentionType.COMMENT, "thread": "50", "parent": "50"}
    return stored(name, **plain | fields)


async def test_comments_and_what_stands_inside_of_them(server: Server, http: Http, remote: FakeAccount) -> None:
    media = remote.media(50, NOW - timedelta(days=1))
    above = remote.comment(media, 7, NOW - timedelta(hours=5), text="acme is down")
    for n in range(4):  # only two come with the comment
        remote.comment(media, 8 + n, NOW - timedelta(hours=4, minutes=-n), above)
    remote.comment(media, 20, NOW - A_MINUTE, above, username="acme", **{"from": {"id": ACCOUNT, "username": "acme"}})
    above["replies"]["data"].append({"id": "66"})
    pages = await poll(instagram(server, http))
    found = {one.external_id: one for page in pages for one in page.mentions}

    assert sorted(found, key=int) == ["7", "8", "9", "10", "11", "20"]
    assert (found["7"].author.handle, found["7"].text, found["7"].direct) == ("ana", "acme is down", True)
    assert (found["7"].native_id, found["7"].parent, found["7"].thread) == ("7", "50", "50")
    assert found["7"].url == "https://www.instagram.com/p/50/c/7/"
    assert (found["7"].type, found["7"].created_at) == (MentionType.COMMENT, NOW - timedelta(hours=5))
    assert (found["11"].parent, found["11"].thread) == ("7", "50")
    assert [one.external_id for one in found.values() if one.ours] == ["20"]
    assert [one.where for page in pages for one in page.rejected] == ["66"]


async def test_a_new_answer_under_an_old_comment_is_found(server: Server, http: Http, remote: FakeAccount) -> None:
    remote.size = 5
    media = remote.media(50, NOW - timedelta(days=9))
    comments = [remote.comment(media, 100 + n, NOW - timedelta(days=8, hours=-n)) for n in range(30)]
    source = instagram(server, http)
    first = await poll(source)
    assert len(set(names(first))) == 30
    quiet = await poll(source, first[-1].bookmark, NOW + A_MINUTE)
    assert names(quiet) == []
    remote.comment(media, 900, NOW + A_MINUTE, comments[2])
    second = await poll(source, quiet[-1].bookmark, NOW + 2 * A_MINUTE)
    assert "900" in names(second)


async def test_any_page_is_a_place_to_go_on_from(server: Server, http: Http, remote: FakeAccount) -> None:
    remote.size = 4
    everything = set()
    for m in range(6):
        media = remote.media(50 + m, NOW - timedelta(days=9 - m))
        for n in range(9):
            everything.add(remote.comment(media, 1000 + 100 * m + n, NOW - timedelta(days=2, minutes=-n))["id"])
    whole = await poll(instagram(server, http))
    assert set(names(whole)) == everything
    for stored_pages in range(1, len(whole)):
        rest = await poll(instagram(server, http), whole[stored_pages - 1].bookmark, NOW + A_MINUTE)
        assert set(names(whole[:stored_pages] + rest)) == everything, stored_pages


async def test_only_these_posts_and_nothing_else_need_be_there(server: Server, http: Http, remote: FakeAccount) -> None:
    remote.comment(remote.media(50, NOW), 7, NOW)
    for path in (ACCOUNT, f"{ACCOUNT}/media", "50", "me"):
        server.on(remote.path(path), Reply(599))
    config = SourceConfig("instagram", "i", server.url(), "env:I", options={"media": ["50"]}, backfill=None)
    assert registry.problems(config) == []
    source = Instagram(Setup(config, http, Secret(TOKEN)))
    assert source.streams() == ["comments"]
    (page,) = await poll(source)
    assert [(one.external_id, one.url) for one in page.mentions] == [("7", "")]


async def test_posts_that_tag_the_account(server: Server, http: Http, remote: FakeAccount) -> None:
    tag = {
        "id": "60",
        "caption": "with @acme",
        "timestamp": stamp(NOW),
        "username": "bob",
        "permalink": "https://i.x/p",
    }
    remote.edge(f"{ACCOUNT}/tags").append(tag)
    (page,) = await poll(instagram(server, http), stream="tagged")
    (one,) = page.mentions
    assert (one.external_id, one.text, one.author.handle, one.direct) == ("60", "with @acme", "bob", True)
    assert (one.type, one.url, one.thread) == (MentionType.POST, "https://i.x/p", "60")


async def test_recheck(server: Server, http: Http, remote: FakeAccount) -> None:
    remote.object("7", text="acme", timestamp=stamp(NOW), username="ana")
    server.on(remote.path("8"), json_reply({"error": GONE}, 400))
    server.on(remote.path("9"), error(10, "not ours", 403))
    page = await instagram(server, http).recheck([mention("7"), mention("8"), mention("9")], now=NOW)
    assert page is not None
    assert (page.mentions, page.deleted) == ([], ["8"])
    server.on(remote.path(ACCOUNT), error(190, "expired"))
    with pytest.raises(BadAnswer, match="not taken for deletions"):
        await instagram(server, http).recheck([mention("8")], now=NOW)


async def test_an_answer_as_it_goes_out(server: Server, http: Http, remote: FakeAccount) -> None:
    remote.edge("7/replies")
    source = instagram(server, http)
    words = source.compose(mention(handle="ana")) + "sorry!"
    receipt = await source.send(delivery(words), mention(url="https://www.instagram.com/p/50/c/7/"))
    assert remote.posted == [("7/replies", {"message": "@ana sorry!"})]
    assert (receipt.native_id, receipt.url) == ("7/replies_777", "https://www.instagram.com/p/50/c/7/")
    assert await source.length("12345", handle="ana") == (5, 2_200)
    with pytest.raises(Refused, match="on its own page"):
        await source.send(delivery(), mention("60", type=MentionType.POST))


async def test_reading_back(server: Server, http: Http, remote: FakeAccount) -> None:
    now = utcnow()
    remote.edge("8/replies")
    above = remote.edge("7/replies")
    sent, parent = delivery("@ana sorry!", tried_at=now), mention("8", parent="7")
    source = instagram(server, http)
    above.append({"id": "30", "text": "@ana sorry!", "timestamp": stamp(now), "username": "ana"})  # she mocks us
    back = await source.read_back(sent, parent)
    assert (back.found, back.complete) == (None, True)
    above[0].pop("username")  # whose?
    assert not (await source.read_back(sent, parent)).complete
    above[0]["text"] = "when will it be there at last?"
    assert (await source.read_back(sent, parent)).complete
    above.append({"id": "31", "text": "@ana sorry!", "timestamp": stamp(now), "username": "acme"})
    back = await source.read_back(sent, parent)
    assert back.found is not None
    assert back.found.native_id == "31"


def test_what_is_wrong_with_a_configuration() -> None:
    def wrong(token: str = "env:I", **options: Any) -> list[str]:
        return registry.problems(SourceConfig("instagram", "i", token=token, options=options))

    assert wrong(account=ACCOUNT) == []
    assert "`account` is missing" in wrong()[0]
    assert "`token` is missing" in wrong("", account=ACCOUNT)[0]
    assert "`media` is a list of ids" in wrong(media=[1])[0]
