"""Hacker News, against a server that searches as Algolia does: newest first, 1,000 hits at most, whole seconds."""

from __future__ import annotations

import json
import operator
import re
from collections.abc import AsyncIterator, Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
import pytest_asyncio

from sources.adapters.hackernews import HackerNews
from sources.asks import asks, left_out
from sources.errors import BadAnswer, RateLimited, Unreachable
from sources.http import Http
from sources.protocol import Page, Setup
from sources.text.clean import clean
from store.domain.desk import SourceConfig, Watch
from store.domain.mention import Author, Mention, MentionType, SentimentLabel
from store.domain.poll import Cursor
from store.domain.safetext import SafeText
from tests.servers import Reply, Seen, Server, json_reply, rate_limited, text

NOW = datetime(2026, 11, 21, 12, 0, tzinfo=UTC)
STREAM = "search:acme"
COMPARE = {">=": operator.ge, "<=": operator.le, ">": operator.gt, "<": operator.lt, "=": operator.eq}


class Algolia:
    """What `search_by_date` promises, and no more."""

    def __init__(self, per_page: int = 100, most: int = 1000) -> None:
        self.hits: list[dict[str, Any]] = []
        self._per_page, self._most = per_page, most

    def add(self, name: int, at: datetime, words: str = "acme is down", **fields: Any) -> None:
        self.hits.append(
            {
                "objectID": str(name),
                "author": "ana",
                "created_at_i": int(at.timestamp()),
                "comment_text": words,
                "parent_id": 7,
                "story_id": 5,
                "_highlightResult": {"author": {"value": "ana"}},
            }
            | fields
        )

    def __call__(self, seen: Seen) -> Reply:
        params = seen.params
        wanted = [(COMPARE[op], int(n)) for op, n in re.findall(r"created_at_i([<>=]+)(\d+)", params["numericFilters"])]
        words = re.findall(r"\w+", params["query"])
        found = [
            hit
            for hit in sorted(self.hits, key=lambda hit: -hit["created_at_i"])
            if all(compare(hit["created_at_i"], number) for compare, number in wanted)
            and all(word in json.dumps(hit).lower() for word in words)
        ]
        size = min(self._per_page, int(params["hitsPerPage"]))
        page, reachable = int(params["page"]), found[: self._most]
        return json_reply(
            {
                "hits": reachable[page * size : (page + 1) * size],
                "nbHits": len(found),
                "nbPages": -(-len(reachable) // size),
                "hitsPerPage": size,
                "page": page,
            }
        )


@pytest.fixture
def server() -> Iterator[Server]:
    with Server() as running:
        yield running


@pytest_asyncio.fixture
async def http(server: Server) -> AsyncIterator[Http]:
    async with Http({server.host}, pause=0) as client:
        yield client


def adapter(server: Server, http: Http, query: str = "acme", **fields: Any) -> HackerNews:
    given = {"backfill": timedelta(days=7), "options": {"items_url": server.url()}} | fields
    config = SourceConfig("hackernews", "hn", url=server.url(), **given)
    return HackerNews(Setup(config, http, None, (Watch("acme", query),)))


def cursor(bookmark: dict[str, Any] | None = None, stream: str = STREAM) -> Cursor:
    # As the store keeps it.
    return Cursor("hn", stream, json.loads(json.dumps(bookmark or {})), NOW, 0, None, "", "ok")


async def poll(source: HackerNews, bookmark: dict[str, Any] | None = None, now: datetime = NOW) -> list[Page]:
    return [page async for page in source.pages(cursor(bookmark), now=now)]


def names(pages: list[Page]) -> list[str]:
    return [mention.external_id for page in pages for mention in page.mentions]


async def test_every_hit_once_and_none_again(server: Server, http: Http) -> None:
    index = Algolia()
    server.on("/api/v1/search_by_date", index)
    for number in range(250):
        index.add(number, NOW - timedelta(minutes=number * 10))
    source = adapter(server, http)

    first = await poll(source)
    second = await poll(source, first[-1].bookmark)
    index.add(900, NOW + timedelta(minutes=1))
    index.add(901, NOW - timedelta(minutes=50))  # indexed late
    third = await poll(source, second[-1].bookmark, NOW + timedelta(minutes=2))

    assert sorted(map(int, names(first))) == list(range(250))
    assert len(names(first)) == 250
    assert set(names(second)) <= {str(number) for number in range(7)}, "only the hour of overlap is read again"
    assert {"900", "901"} <= set(names(third))
    assert server.seen[0].params["tags"] == "(story,comment)"
    assert server.seen[0].params["typoTolerance"] == "false"


async def test_more_hits_than_the_search_gives(server: Server, http: Http) -> None:
    index = Algolia(per_page=10, most=100)
    server.on("/api/v1/search_by_date", index)
    for number in range(730):
        index.add(number, NOW - timedelta(seconds=(number // 7) * 60))  # seven in each second
    pages = await poll(adapter(server, http, backfill=None))

    assert {int(name) for name in names(pages)} == set(range(730))


async def test_old_posts_never_keep_new_ones_waiting(server: Server, http: Http) -> None:
    index = Algolia(per_page=10)
    server.on("/api/v1/search_by_date", index)
    for number in range(200):
        index.add(number, NOW - timedelta(hours=number * 2))
    bookmark, found = None, []
    for turn in range(8):  # each poll is broken off after two pages, as the poller does with a long one
        index.add(900 + turn, NOW + timedelta(hours=turn * 2))
        walk = adapter(server, http, backfill=None).pages(cursor(bookmark), now=NOW + timedelta(hours=turn * 2))
        pages = [await anext(walk), await anext(walk)]
        assert str(900 + turn) in names(pages)
        bookmark, found = pages[-1].bookmark, found + names(pages)
        await walk.aclose()
    found += names(await poll(adapter(server, http, backfill=None), bookmark, NOW + timedelta(hours=16)))

    assert {int(name) for name in found} == {*range(200), *range(900, 908)}


@pytest.mark.parametrize("most", [100, 1000])
async def test_a_poll_that_dies_after_any_page_loses_nothing(server: Server, http: Http, most: int) -> None:
    index = Algolia(per_page=10, most=most)
    server.on("/api/v1/search_by_date", index)
    for number in range(205):
        index.add(number, NOW - timedelta(minutes=number * 20))
    source = adapter(server, http, query="acme OR anvil", backfill=None)
    whole = await poll(source)
    for boundary in range(len(whole)):
        index.hits = index.hits[:205]
        index.add(999, NOW + timedelta(minutes=5))  # while we were away
        before = whole[: boundary + 1]
        after = await poll(source, before[-1].bookmark, NOW + timedelta(minutes=10))
        assert {int(name) for name in names(before + after)} == {*range(205), 999}


@pytest.mark.parametrize(
    ("backfill", "expected"), [(timedelta(0), []), (timedelta(days=1), ["1", "2"]), (None, ["1", "2", "3"])]
)
async def test_how_far_back_the_first_contact_reads(
    server: Server, http: Http, backfill: timedelta | None, expected: list[str]
) -> None:
    index = Algolia()
    server.on("/api/v1/search_by_date", index)
    for number, age in enumerate((1, 20, 300), 1):
        index.add(number, NOW - timedelta(hours=age))
    source = adapter(server, http, backfill=backfill)

    first = await poll(source)
    index.add(4, NOW + timedelta(seconds=30))
    second = await poll(source, first[-1].bookmark, NOW + timedelta(minutes=1))

    assert sorted(names(first)) == expected
    assert set(names(second)) <= {*expected, "4"}
    assert "4" in names(second)


async def test_a_new_alternative_of_the_watch_gets_its_own_history(server: Server, http: Http) -> None:
    index = Algolia()
    server.on("/api/v1/search_by_date", index)
    index.add(1, NOW - timedelta(days=2), "acme is down")
    index.add(2, NOW - timedelta(days=2), "an anvil fell")
    first = await poll(adapter(server, http, "acme"))
    second = await poll(adapter(server, http, "acme OR anvil"), first[-1].bookmark)

    assert names(first) == ["1"]
    assert names(second) == ["1", "2"], "1 lies in the hour of overlap"


async def test_a_comment_and_a_story(server: Server, http: Http) -> None:
    index = Algolia()
    server.on("/api/v1/search_by_date", index)
    index.add(11, NOW - timedelta(hours=2), "It&#x27;s <i>acme</i> again<p>Why?")
    story = {"comment_text": None, "title": "Acme &amp; co", "url": "https://acme.example/?a=1&b=2", "story_text": None}
    index.add(12, NOW - timedelta(hours=3), **story)
    (page,) = await poll(adapter(server, http))

    older, newer = page.mentions
    assert (newer.type, newer.native_id, newer.parent, newer.thread) == (MentionType.COMMENT, "11", "7", "5")
    assert newer.url == "https://news.ycombinator.com/item?id=11"
    assert newer.author.handle == "ana"
    assert clean(newer)[1] == "It's acme again\n\nWhy?"
    assert (older.type, older.title, older.thread, older.parent) == (MentionType.POST, "Acme & co", "12", "")
    assert clean(older)[1] == "https://acme.example/?a=1&b=2"
    assert b"_highlightResult" not in newer.raw


async def test_a_broken_hit_is_kept_aside_and_the_rest_lands(server: Server, http: Http) -> None:
    index = Algolia()
    server.on("/api/v1/search_by_date", index)
    index.add(1, NOW - timedelta(hours=2))
    answer = json.loads(index(Seen("GET", "/?query=acme&numericFilters=&hitsPerPage=9&page=0", {}, b"")).body)
    answer["hits"] += [{"objectID": "2", "created_at_i": "never"}, "what", {"created_at_i": 1}]
    server.on("/api/v1/search_by_date", json_reply(answer))
    (page,) = await poll(adapter(server, http))

    assert [mention.external_id for mention in page.mentions] == ["1"]
    assert len(page.rejected) == 3
    assert b"never" in page.rejected[-1].raw


async def test_what_a_server_says_when_it_cannot(server: Server, http: Http) -> None:
    source = adapter(server, http)
    for reply, error in (
        (rate_limited("seconds", seconds=90), RateLimited),
        (Reply(502), Unreachable),
        (text("<html>sorry</html>", "text/html"), BadAnswer),
        (json_reply({"message": "blocked"}), BadAnswer),
    ):
        server.on("/api/v1/search_by_date", reply)
        with pytest.raises(error) as caught:
            await poll(source)
        if isinstance(caught.value, RateLimited):
            assert caught.value.retry_at == NOW + timedelta(seconds=90)


def mention(name: str, title: str, words: str) -> Mention:
    author = Author(1, "hackernews", SafeText("ana"), SafeText("ana"), "", None)
    return Mention(
        1, 1, "hn", "hackernews", name, name, "7", "5", author, MentionType.COMMENT, SafeText(title), SafeText(words),
        "", "en", SentimentLabel.NEUTRAL, 0.0, None, 0, (), None, "public", NOW, NOW, None, None, False,
    )  # fmt: skip


async def test_originals_are_looked_at_again(server: Server, http: Http) -> None:
    base = {"by": "ana", "time": 1_795_000_000, "type": "comment", "parent": 7}
    server.on("/v0/item/1.json", json_reply(base | {"id": 1, "text": "as it was&#x27;"}))
    server.on("/v0/item/2.json", json_reply(base | {"id": 2, "text": "changed"}))
    server.on("/v0/item/3.json", json_reply({"id": 3, "deleted": True, "time": 1, "type": "comment"}))
    server.on("/v0/item/4.json", json_reply(None))
    server.on("/v0/item/5.json", json_reply(base | {"id": 5, "text": "rude", "dead": True}))
    seen = [
        mention(name, "", words)
        for name, words in zip("12345", ["as it was'", "before", "x", "y", "rude"], strict=True)
    ]

    page = await adapter(server, http).recheck(seen, now=NOW)

    assert page is not None
    assert [(new.external_id, new.html, new.thread, new.edited_at) for new in page.mentions] == [
        ("2", "changed", "5", NOW)
    ]
    assert list(page.deleted) == ["3", "4", "5"]


def test_streams_are_the_watches_that_look_for_words(server: Server) -> None:
    watches = (Watch("acme", "acme"), Watch("big", "followers:>1000"), Watch("not", "NOT spam"))
    source = HackerNews(Setup(SourceConfig("hackernews", "hn"), Http(), None, watches))
    assert source.streams() == ["search:acme"]


@pytest.mark.parametrize(
    ("query", "expected"),
    [
        ("acme", [('"acme"', False)]),
        ('"acme cloud" OR acmecloud~1 NOT (acme NEAR/3 anvil)', [('"acme cloud"', False), ("acmecloud", True)]),
        ("acme OR (acme cloud) OR `C++`", [('"C++"', False), ('"acme"', False)]),
        ("acm* lang:en", [("acm", False)]),
        ("(a OR b) (c OR d)", [('"a" "c"', False), ('"a" "d"', False), ('"b" "c"', False), ('"b" "d"', False)]),
        ("title:acme -spam", [('"acme"', False)]),
        ("author:ana OR acme", [('"acme"', False)]),
        ("followers:>10", []),
        ("", []),
    ],
)
def test_what_a_query_asks_for(query: str, expected: list[tuple[str, bool]]) -> None:
    assert sorted((ask.text, ask.fuzzy) for ask in asks(query)) == sorted(expected)


def test_questions_are_bounded() -> None:
    assert left_out(" OR ".join(f"w{n}" for n in range(40))) == 8
    assert left_out("acme OR globex") == 0
    either = " ".join(f"(a{n} OR b{n})" for n in range(12))
    assert 0 < len(asks(either)) <= 32
