"""Reading Reddit without an account, by its feeds."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator
from datetime import timedelta
from typing import Any

import pytest
import pytest_asyncio

from sources.adapters.reddit import Reddit
from sources.errors import Unauthorised
from sources.http import Http
from sources.protocol import Page, Setup
from sources.text.clean import clean
from store.domain.desk import SourceConfig
from store.domain.mention import MentionType
from tests.servers import Reply, Server, text
from tests.sources.fake_reddit import (
    COMMENTS,
    NOW,
    FakeReddit,
    adapter,
    mention,
    poll,
)

HOUR = timedelta(hours=1)


@pytest.fixture
def server() -> Iterator[Server]:
    with Server() as running:
        yield running


@pytest.fixture
def remote(server: Server) -> FakeReddit:
    return FakeReddit(server)


@pytest_asyncio.fixture
async def http(server: Server) -> AsyncIterator[Http]:
    async with Http({server.host}, pause=0) as client:
        yield client


def names(pages: list[Page]) -> list[str]:
    return [mention.native_id for page in pages for mention in page.mentions]


FEED = """<?xml version="1.0" encoding="UTF-8"?><feed xmlns="http://www.w3.org/2005/Atom"><title>x</title>{}</feed>"""
SUBMITTED = """ &amp;#32; submitted by &amp;#32; &lt;a href=&quot;https://www.reddit.com/user/ana&quot;&gt; /u/ana
 &lt;/a&gt; &lt;br/&gt; &lt;span&gt;&lt;a href=&quot;{}&quot;&gt;[link]&lt;/a&gt;&lt;/span&gt;"""


def entry(name: str, title: str = "acme cloud", words: str = "It is down", link: str = "", **fields: Any) -> str:
    at = fields.get("at", NOW - HOUR)
    written = f'&lt;!-- SC_OFF --&gt;&lt;div class="md"&gt;&lt;p&gt;{words}&lt;/p&gt;&lt;/div&gt;&lt;!-- SC_ON --&gt;'
    page = "https://www.reddit.com/r/acme/comments/77/acme/" + (f"{name[3:]}/" if name.startswith("t1") else "")
    return (
        f"<entry><author><name>/u/ana</name><uri>https://www.reddit.com/user/ana</uri></author>"
        f'<content type="html">{written if words else ""}{SUBMITTED.format(link or page)}</content><id>{name}</id>'
        f'<link href="{page}"/><updated>{at.isoformat()}</updated><published>{at.isoformat()}</published>'
        f"<title>{title}</title></entry>"
    )


def atom(*entries: str, **headers: str) -> Reply:
    return text(FEED.format("".join(entries)), "application/atom+xml; charset=UTF-8", **headers)


async def test_without_an_account_the_feeds_are_read(server: Server, http: Http) -> None:
    found = [entry("t3_77"), entry("t3_78", words="", link="https://acme.example/x"), entry("t5_9"), entry("?")]
    server.on("/search.rss", atom(*found))
    server.on("/r/acme/comments/.rss", atom(entry("t1_5", title="/u/ana on acme", words="me too")))
    source = adapter(server, http, "")
    page = (await poll(source, stream="search:acme"))[0]
    (comments,) = await poll(source)
    linked, written = page.mentions
    (reply,) = comments.mentions

    assert source.streams() == ["search:acme", "comments:acme", "new:acme"]
    assert (written.external_id, written.author.handle, written.thread) == ("t3_77", "ana", "t3_77")
    assert [str(part) for part in clean(written)] == ["acme cloud", "It is down"]
    assert str(clean(linked)[1]) == "https://acme.example/x"
    assert [str(part) for part in clean(reply)] == ["", "me too"]
    assert (reply.type, reply.thread) == (MentionType.COMMENT, "t3_77")
    assert len(page.rejected) == 1
    assert await source.recheck([mention()], now=NOW) is None
    assert all(":earful:" in seen.headers["user-agent"] for seen in server.seen)


async def test_a_feed_that_was_too_short_says_so_and_one_that_is_closed_too(server: Server, http: Http) -> None:
    source = adapter(server, http, "", options={"subreddits": ["acme"]})
    server.on("/r/acme/new/.rss", atom(entry("t3_1", at=NOW - 5 * HOUR)))
    (first,) = await poll(source, stream="new:acme")
    many = [entry(f"t3_{number}", at=NOW - HOUR) for number in range(100, 130)]
    server.on("/r/acme/new/.rss", atom(*many, x_ratelimit_remaining="0.0", x_ratelimit_reset="50"))
    (then,) = await poll(source, first.bookmark, stream="new:acme")
    server.on("/r/acme/new/.rss", Reply(403))

    assert (len(then.mentions), then.gap_seconds) == (30, 4 * 3600)
    assert then.next_poll_at == NOW + timedelta(seconds=50)
    with pytest.raises(Unauthorised, match="client_id"):
        await poll(source, stream="new:acme")


async def test_a_source_that_lost_its_account_goes_on_with_feeds(
    server: Server, http: Http, remote: FakeReddit
) -> None:
    remote.add(COMMENTS, 100, NOW - HOUR)
    bookmark = (await poll(adapter(server, http)))[-1].bookmark
    server.on("/r/acme/comments/.rss", atom(entry("t1_200"), entry("t1_100")))
    pages = await poll(adapter(server, http, ""), bookmark)
    assert "t1_200" in names(pages)
    assert not any("before" in seen.params for seen in server.at("/r/acme/comments/.rss"))


async def test_of_many_questions_each_has_its_turn(server: Server, http: Http) -> None:
    server.on("/search.rss", atom(x_ratelimit_remaining="0", x_ratelimit_reset="50"))
    source, bookmark = adapter(server, http, ""), None
    for minute in range(4):
        bookmark = (await poll(source, bookmark, NOW + timedelta(minutes=minute), "search:acme"))[-1].bookmark
    asked = [seen.params["q"] for seen in server.seen]
    assert len(asked) == 4
    assert asked[0] != asked[1]
    assert asked[:2] == asked[2:]


async def test_its_own_address_is_no_other_server(http: Http) -> None:
    for url in ("", "https://oauth.reddit.com", "https://www.reddit.com/"):
        source = Reddit(Setup(SourceConfig("reddit", "r", url=url), http, None))
        assert source._server.api == "https://oauth.reddit.com"
        assert source._server.site == "https://www.reddit.com"
