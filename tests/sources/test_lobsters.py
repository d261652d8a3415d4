"""Lobsters, against a server that lists as its source code does."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator
from datetime import timedelta

import pytest
import pytest_asyncio

from sources import registry
from sources.adapters.lobsters import Lobsters
from sources.errors import BadAnswer, RateLimited, Unreachable
from sources.http import Http
from sources.protocol import Setup
from sources.text.clean import clean
from store.domain.desk import SourceConfig, Watch
from store.domain.mention import MentionType
from store.domain.safetext import SafeText
from tests.servers import Reply, json_reply, text
from tests.sources import fake_mastodon
from tests.sources.fake_lobsters import NOW, FakeLobsters, adapter, names, poll

MINUTE, HOUR = timedelta(minutes=1), timedelta(hours=1)


@pytest.fixture
def server() -> Iterator[FakeLobsters]:
    with FakeLobsters() as running:
        yield running


@pytest_asyncio.fixture
async def http(server: FakeLobsters) -> AsyncIterator[Http]:
    async with Http({server.host}, pause=0) as client:
        yield client


async def test_a_story(server: FakeLobsters, http: Http) -> None:
    server.story("abc123", NOW - HOUR, url="https://acme.example/?a=1&b=2", description="<p>Read this</p>")
    ((story,),) = [page.mentions for page in await poll(adapter(server, http))]

    assert (story.native_id, story.thread, story.parent, story.type) == ("s/abc123", "s/abc123", "", MentionType.POST)
    assert (story.external_id, story.title) == (f"{server.host}/s/abc123", "acme is down")
    assert story.url == server.url("/s/abc123")
    assert (story.author.handle, story.author.url) == ("ana", server.url("/~ana"))
    assert clean(story)[1] == "https://acme.example/?a=1&b=2\n\nRead this"


async def test_comments_are_placed_where_a_watch_may_want_them(server: FakeLobsters, http: Http) -> None:
    server.comment("c1", NOW - 2 * HOUR, "nothing for us")
    server.comment("c2", NOW - HOUR, "ACME &amp; co", parent_comment="c1")
    server.comment("c3", NOW - HOUR / 2, "acme too")
    (page,) = await poll(adapter(server, http), stream="comments")
    other, answer, plain = page.mentions

    assert (answer.native_id, answer.parent, answer.thread) == ("c/c2", "c/c1", "s/story1")
    assert (plain.parent, plain.type, plain.title) == ("s/story1", MentionType.COMMENT, "")
    assert (answer.author.handle, answer.url) == ("ben", server.url("/c/c2"))
    assert (answer.created_at, clean(answer)[1]) == (NOW - HOUR, "ACME & co")
    assert (other.native_id, other.thread) == ("c/c1", "")
    assert not server.at("/c/c1.json"), "nobody wants it"


async def test_all_stories_also_after_a_kill_at_any_page(server: FakeLobsters, http: Http) -> None:
    for number in range(180):
        server.story(f"s{number}", NOW - HOUR * number)
    expected = {f"s/s{number}" for number in range(180)}
    whole = await poll(adapter(server, http, backfill=None))
    assert set(names(whole)) == expected
    for boundary in range(len(whole)):
        server.story("new", NOW + MINUTE)
        rest = await poll(adapter(server, http, backfill=None), whole[boundary].bookmark, NOW + 2 * MINUTE)
        rest += await poll(adapter(server, http, backfill=None), rest[-1].bookmark, NOW + 3 * MINUTE)
        assert set(names(whole[: boundary + 1] + rest)) == {*expected, "s/new"}
        server.stories.pop()
    again = await poll(adapter(server, http, backfill=None), whole[-1].bookmark)
    assert len(again) == 1, "the page that holds what is known is the last one"


async def test_a_long_way_back_never_keeps_new_stories_waiting(server: FakeLobsters, http: Http) -> None:
    for number in range(500):
        server.story(f"s{number}", NOW - HOUR * number)
    bookmark, found = None, []
    for turn in range(5):
        server.story(f"new{turn}", NOW + HOUR * turn)
        pages = await poll(adapter(server, http, backfill=None), bookmark, NOW + HOUR * turn)
        pages = pages if turn == 4 else pages[:6]  # broken off there
        assert f"s/new{turn}" in names(pages[:1])
        bookmark, found = pages[-1].bookmark, found + names(pages)
        if turn == 1:
            del server.stories[3]  # what is gone makes the rest move up
    assert set(found) == {*(f"s/s{number}" for number in range(500)), *(f"s/new{turn}" for turn in range(5))}


async def test_the_public_site_is_asked_for_a_few_pages_at_a_time(
    server: FakeLobsters, http: Http, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("sources.adapters.lobsters.DEFAULT_URL", server.url())
    for number in range(300):
        server.story(f"s{number}", NOW - HOUR * number)
    config = SourceConfig("lobsters", "l", backfill=None, every=HOUR)
    bookmark, found = None, []
    for turn in range(2):
        asked = len(server.seen)
        pages = await poll(Lobsters(Setup(config, http, None, (Watch("acme", "acme"),))), bookmark, NOW)
        bookmark, found = pages[-1].bookmark, found + names(pages)
        assert len(server.seen) - asked <= 8
        assert pages[-1].next_poll_at == (None if turn else NOW + 2 * MINUTE), "and soon for what is left"
    assert len(set(found)) == 300


@pytest.mark.parametrize(
    ("backfill", "expected"), [(timedelta(0), set()), (timedelta(days=1), {"b"}), (None, {"a", "b"})]
)
async def test_how_far_back_first_contact_reads(
    server: FakeLobsters, http: Http, backfill: timedelta | None, expected: set[str]
) -> None:
    for kind, add in (("stories", server.story), ("comments", server.comment)):
        add("a", NOW - timedelta(days=3))
        add("b", NOW - HOUR)
        first = await poll(adapter(server, http, backfill=backfill), stream=kind)
        add("c", NOW + MINUTE)
        second = await poll(adapter(server, http, backfill=backfill), first[-1].bookmark, NOW + HOUR, kind)
        assert {name[2:] for name in names(first)} == expected
        assert {name[2:] for name in names(second)} - expected == {"c"}


async def test_comments_that_went_by_unseen_are_a_gap(server: FakeLobsters, http: Http) -> None:
    for number in range(10):
        server.comment(f"a{number}", NOW - MINUTE * (20 - number))
    source = adapter(server, http, backfill=None)
    (first,) = await poll(source, stream="comments")
    for number in range(15):
        server.comment(f"b{number}", NOW + MINUTE * number)
    (second,) = await poll(source, first.bookmark, NOW + HOUR, "comments")
    for number in range(25):
        server.comment(f"c{number}", NOW + 2 * HOUR + MINUTE * number)
    (third,) = await poll(source, second.bookmark, NOW + 3 * HOUR, "comments")

    assert (len(first.mentions), len(second.mentions), len(third.mentions)) == (10, 15, 20)
    assert first.gap_seconds == second.gap_seconds == 0
    assert third.gap_seconds == (NOW + 2 * HOUR + 5 * MINUTE - (NOW + 14 * MINUTE)).total_seconds()
    assert names(await poll(source, third.bookmark, NOW + 3 * HOUR, "comments")) == []


async def test_stories_of_a_domain_come_in_whatever_they_say(server: FakeLobsters, http: Http) -> None:
    server.story("a", NOW - HOUR, "a post", url="https://acme.example/post")
    server.story("b", NOW - HOUR, "other", url="https://other.example/post")
    source = adapter(server, http, options={"domains": ["acme.example"], "comments": False})
    assert list(source.streams()) == ["stories", "domain:acme.example"]
    (page,) = await poll(source, stream="domain:acme.example")
    assert [(mention.native_id, mention.direct) for mention in page.mentions] == [("s/a", True)]


async def test_a_site_that_has_no_list_of_comments(server: FakeLobsters, http: Http) -> None:
    for reply in (Reply(404), Reply(599)):
        server.on("/comments.rss", reply)
        (page,) = await poll(adapter(server, http), stream="comments")
        assert not page.mentions
        assert page.bookmark is None
        with pytest.raises((BadAnswer, Unreachable)):
            await poll(adapter(server, http), {"floor": 0, "newest": 1, "known": []}, stream="comments")


async def test_what_it_says_when_it_cannot(server: FakeLobsters, http: Http) -> None:
    epoch = str(int(NOW.timestamp()) + 40)
    for reply, error in (
        (Reply(429, b"Throttled", {"ratelimit-reset": epoch}), RateLimited),
        (Reply(429, b"Throttled", {"ratelimit-reset": "40"}), RateLimited),
        (text("<rss><channel><item/></channel></rss>", "text/html"), None),
        (text("<!DOCTYPE a [<!ENTITY b 'c'>]><rss><channel>&b;</channel></rss>", "text/xml"), BadAnswer),
        (text("<html>sorry</html>", "text/html"), BadAnswer),
        (json_reply([]), BadAnswer),
    ):
        server.on("/comments.rss", reply)
        if error is None:
            (page,) = await poll(adapter(server, http), {"floor": 0}, stream="comments")
            assert len(page.rejected) == 1
            continue
        with pytest.raises(error) as caught:
            await poll(adapter(server, http), {"floor": 0}, stream="comments")
        if isinstance(caught.value, RateLimited):
            assert caught.value.retry_at == NOW + timedelta(seconds=40)


async def test_a_broken_story_is_kept_aside(server: FakeLobsters, http: Http) -> None:
    server.story("a", NOW - HOUR)
    server.story("b", NOW - 2 * HOUR, title=None)
    server.story("c", NOW - 3 * HOUR, submitter_user={"username": "older"})
    (page,) = await poll(adapter(server, http))
    assert names([page]) == ["s/c", "s/a"]
    assert page.mentions[0].author.handle == "older"
    assert [item.where for item in page.rejected] == ["b"]


async def test_originals_are_looked_at_again(server: FakeLobsters, http: Http) -> None:
    server.story("same", NOW - HOUR, "as it was", url="")
    server.story("new", NOW - HOUR, "renamed", url="")
    server.comment("edited", NOW - HOUR, "changed", last_edited_at=NOW.isoformat())
    server.comment("gone", NOW - HOUR, is_deleted=True)
    server.on("/c/never.json", text("can't find comment", status=400))

    def mention(name: str, words: str, title: str = ""):  # type: ignore[no-untyped-def]
        return fake_mastodon.mention(
            name, external_id=f"{server.host}/{name}", network="lobsters", text=SafeText(words), title=SafeText(title)
        )

    seen = [
        mention("s/same", "as it was", "as it was"), mention("s/new", "named", "named"), mention("s/away", "x"),
        mention("c/edited", "before"), mention("c/gone", "x"), mention("c/never", "x"),
    ]  # fmt: skip
    page = await adapter(server, http).recheck(seen, now=NOW)

    assert page is not None
    assert {(one.native_id, one.edited_at) for one in page.mentions} == {("s/new", NOW), ("c/edited", NOW)}
    assert [name.partition("/")[2] for name in page.deleted] == ["s/away", "c/gone", "c/never"]


def test_the_real_site_is_left_in_peace_for_two_minutes() -> None:
    assert "two minutes" in registry.source_type("lobsters").quota
    wrong = SourceConfig("lobsters", "lo", options={"domains": ["https://acme.example/"]})
    assert "domains" in registry.problems(wrong)[0]
