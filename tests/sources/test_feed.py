"""Feeds, from a real server through the real parser."""

from __future__ import annotations

import asyncio
import json
import os
import time
from collections.abc import AsyncIterator, Iterator
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from typing import Any
from xml.sax.saxutils import escape

import pytest
import pytest_asyncio

from sources.adapters.feed import Feed
from sources.errors import BadAnswer, Gone, RateLimited, Unauthorised, Unreachable
from sources.http import Http
from sources.protocol import Page, Setup
from sources.text.clean import clean
from store.domain.desk import SourceConfig
from store.domain.mention import MentionType
from store.domain.poll import Cursor
from store.domain.secret import Secret
from tests.servers import Reply, Seen, Server, cut_off, gzipped, rate_limited, redirect, text

NOW = datetime(2026, 11, 21, 12, 0, tzinfo=UTC)
XML = "application/rss+xml"


def item(name: str, at: datetime | None = NOW - timedelta(hours=1), title: str = "", **tags: str) -> str:
    parts = {"guid": name, "title": title or f"Acme {name}", "link": f"https://blog.example/{name}"} | tags
    if at is not None:
        parts["pubDate"] = format_datetime(at)
    return "<item>" + "".join(f"<{tag}>{escape(value)}</{tag}>" for tag, value in parts.items() if value) + "</item>"


def rss(*items: str, channel: str = "") -> str:
    head = "<title>The Blog</title><link>https://blog.example/</link>"
    return f'<?xml version="1.0"?><rss version="2.0"><channel>{head}{channel}{"".join(items)}</channel></rss>'


@pytest.fixture
def server() -> Iterator[Server]:
    with Server() as running:
        yield running


@pytest_asyncio.fixture
async def http(server: Server) -> AsyncIterator[Http]:
    async with Http({server.host}, pause=0) as client:
        yield client


def adapter(http: Http, url: str, token: str = "", **fields: Any) -> Feed:
    config = SourceConfig("feed", "blog", **({"backfill": timedelta(days=7), "options": {"feed": url}} | fields))
    return Feed(Setup(config, http, Secret(token) if token else None))


async def poll(source: Feed, bookmark: dict[str, Any] | None = None, now: datetime = NOW) -> Page:
    cursor = Cursor("blog", "feed", json.loads(json.dumps(bookmark or {})), now, 0, None, "", "ok")
    (page,) = [page async for page in source.pages(cursor, now=now)]
    return page


def titles(page: Page) -> list[str]:
    return [mention.title for mention in page.mentions]


async def test_an_entry_becomes_an_article(server: Server, http: Http) -> None:
    body = {"description": "<p>Acme is <b>great</b> &amp; down</p>", "author": "ana@blog.example (Ana Pop)"}
    server.on("/rss", text(rss(item("1", **body), item("2", NOW - timedelta(hours=2))), XML))

    page = await poll(adapter(http, server.url("/rss")))

    assert titles(page) == ["Acme 2", "Acme 1"], "oldest first"
    entry = page.mentions[1]
    assert (entry.network, entry.type, entry.url) == ("feed", MentionType.ARTICLE, "https://blog.example/1")
    assert (entry.author.name, entry.created_at) == ("Ana Pop", NOW - timedelta(hours=1))
    assert clean(entry) == ("Acme 1", "Acme is great & down")
    assert page.mentions[0].author.name == "The Blog"
    assert page.asked == server.url("/rss")


async def test_the_same_guid_in_two_feeds_is_two_entries(server: Server, http: Http) -> None:
    for path in ("/a", "/b"):
        server.on(path, text(rss(item("1")), XML))
    ids = {(await poll(adapter(http, server.url(path)))).mentions[0].external_id for path in ("/a", "/b")}
    assert len(ids) == 2


async def test_a_bare_number_is_another_article_in_another_feed(server: Server, http: Http) -> None:
    """Threads: the same article in two feeds of a blog is one, the first article of two blogs is not."""

    async def threads(name: str) -> int:
        for path in ("/a", "/b"):
            server.on(path, text(rss(item(name)), XML))
        pages = [await poll(adapter(http, server.url(path))) for path in ("/a", "/b")]
        return len({page.mentions[0].thread for page in pages})

    assert await threads("1") == 2
    assert await threads("https://blog.example/?p=1") == 1


@pytest.mark.parametrize("form", ["rss", "json"])
async def test_a_feed_beyond_the_limit_is_no_quiet_half(server: Server, http: Http, form: str) -> None:
    entries = 10_001
    small = rss("<item><guid>1</guid></item>" * entries), json.dumps({"items": [{"id": 1}] * entries})
    server.on("/rss", text(small[form == "json"]))
    with pytest.raises(BadAnswer, match=r"more than 10,000 entries|too much to read"):
        await poll(adapter(http, server.url("/rss")))


async def test_a_relative_link_of_a_json_feed_is_seen_from_the_feed(server: Server, http: Http) -> None:
    server.on("/blog/feed.json", text(json.dumps({"items": [{"id": "1", "url": "../post/1", "title": "Acme"}]})))
    (entry,) = (await poll(adapter(http, server.url("/blog/feed.json")))).mentions
    assert entry.url == server.url("/post/1")


async def test_validators_go_back_verbatim_and_304_brings_nothing(server: Server, http: Http) -> None:
    tag, date = 'W/"abc,\\"def"', "Sat, 21 Nov 2026 10:00:00 GMT"

    def answer(seen: Seen) -> Reply:
        if (seen.headers.get("if-none-match"), seen.headers.get("if-modified-since")) == (tag, date):
            return Reply(304, b"", {"etag": tag})
        return text(rss(item("1")), XML, etag=tag, last_modified=date)

    server.on("/rss", answer)
    source = adapter(http, server.url("/rss"))
    first = await poll(source)
    second = await poll(source, first.bookmark)
    third = await poll(source, second.bookmark)

    assert [len(page.mentions) for page in (first, second, third)] == [1, 0, 0]
    assert second.note == "not modified"
    assert third.bookmark == first.bookmark


async def test_a_feed_without_validators_is_read_only_when_it_changed(server: Server, http: Http) -> None:
    server.on("/rss", text(rss(item("1")), XML), text(rss(item("1")), XML), text(rss(item("2"), item("1")), XML))
    source = adapter(http, server.url("/rss"))
    first = await poll(source)
    second = await poll(source, first.bookmark)
    third = await poll(source, second.bookmark)

    assert [titles(page) for page in (first, second, third)] == [["Acme 1"], [], ["Acme 1", "Acme 2"]]


async def test_an_edit_comes_through_under_the_same_id(server: Server, http: Http) -> None:
    changed = (
        '<feed xmlns="http://www.w3.org/2005/Atom"><title>A</title><entry><id>urn:1</id><title>Acme</title>'
        "<published>2026-11-20T00:00:00Z</published><updated>{}</updated>"
        "<content type='html'>{}</content></entry></feed>"
    )
    server.on(
        "/atom",
        text(changed.format("2026-11-20T00:00:00Z", "up"), "application/atom+xml"),
        text(changed.format("2026-11-21T09:00:00Z", "down"), "application/atom+xml"),
    )
    source = adapter(http, server.url("/atom"))
    first = await poll(source)
    second = await poll(source, first.bookmark)

    (before,), (after,) = first.mentions, second.mentions
    assert before.external_id == after.external_id
    assert (before.html, before.edited_at) == ("up", None)
    assert (after.html, after.edited_at) == ("down", datetime(2026, 11, 21, 9, tzinfo=UTC))
    assert before.created_at == after.created_at == datetime(2026, 11, 20, tzinfo=UTC)


@pytest.mark.parametrize(
    ("backfill", "expected"),
    [
        (timedelta(0), []),
        (timedelta(days=2), ["Acme new", "Acme undated"]),
        (None, ["Acme new", "Acme old", "Acme undated"]),
    ],
)
async def test_history_of_a_new_feed_is_kept_out_for_good(
    server: Server, http: Http, backfill: timedelta | None, expected: list[str]
) -> None:
    there = (item("old", NOW - timedelta(days=9)), item("new"), item("undated", None))
    server.on("/rss", text(rss(*there), XML), text(rss(*there, item("next", NOW - timedelta(days=30))), XML))
    source = adapter(http, server.url("/rss"), backfill=backfill)
    first = await poll(source)
    second = await poll(source, first.bookmark)

    assert sorted(titles(first)) == expected
    assert sorted(titles(second)) == sorted([*expected, "Acme next"]), "whatever its date, it was not there before"
    assert next(m for m in second.mentions if m.title == "Acme next").created_at == NOW - timedelta(days=30)


async def test_an_entry_without_a_date_or_from_the_future_is_of_now(server: Server, http: Http) -> None:
    server.on("/rss", text(rss(item("1", None), item("2", NOW + timedelta(days=400))), XML))
    page = await poll(adapter(http, server.url("/rss")))
    assert [mention.created_at for mention in page.mentions] == [NOW, NOW]


async def test_entries_without_an_id_are_told_apart(server: Server, http: Http) -> None:
    bare = {"guid": "", "link": ""}
    one, two = item("x", title="One", **bare), item("x", title="Two", **bare)
    wordy = [item("x", None, title=" ", description=words, **bare) for words in ("acme a", "acme b")]
    server.on("/rss", text(rss(one, two, *wordy, item("x", title="Linked", guid="")), XML))
    source = adapter(http, server.url("/rss"))
    ids = [mention.external_id for mention in (await poll(source)).mentions]
    again = [mention.external_id for mention in (await poll(source)).mentions]

    assert len(set(ids)) == 5
    assert ids == again


async def test_a_permanent_move_is_remembered_and_brings_nothing_twice(server: Server, http: Http) -> None:
    server.on("/old", redirect("/blog/new", 301))
    server.on("/blog/new", text(rss(item("1")), XML), text(rss(item("2"), item("1")), XML))
    source = adapter(http, server.url("/old"))
    first = await poll(source)
    second = await poll(source, first.bookmark)

    assert len(server.at("/old")) == 1
    assert first.mentions[0].external_id in {mention.external_id for mention in second.mentions}
    assert second.asked == server.url("/blog/new")


async def test_a_passing_redirect_is_not_remembered(server: Server, http: Http) -> None:
    server.on("/old", redirect("/new", 302))
    server.on("/new", text(rss(item("1")), XML))
    source = adapter(http, server.url("/old"))
    first = await poll(source)
    await poll(source, first.bookmark)
    assert len(server.at("/old")) == 2


async def test_a_feed_configured_anew_starts_anew(server: Server, http: Http) -> None:
    server.on("/a", text(rss(item("1")), XML, etag='"a"'))
    server.on("/b", text(rss(item("1")), XML))
    first = await poll(adapter(http, server.url("/a")))
    second = await poll(adapter(http, server.url("/b")), first.bookmark)

    assert len(second.mentions) == 1
    assert "if-none-match" not in server.at("/b")[0].headers


@pytest.mark.parametrize(
    ("reply", "error"),
    [
        (Reply(410), Gone), (Reply(401), Unauthorised), (Reply(403), Unauthorised), (Reply(404), BadAnswer),
        (Reply(500), Unreachable), (rate_limited("bare"), RateLimited), (text("<html><p>hello</p></html>"), BadAnswer),
        (text(""), BadAnswer), (text("http://127.0.0.1/other"), BadAnswer), (text("/etc/passwd"), BadAnswer),
        (text("{}", "application/json"), BadAnswer), (text("{" * 100_000, "application/json"), BadAnswer),
    ],
)  # fmt: skip
async def test_what_is_no_feed(server: Server, http: Http, reply: Reply, error: type[Exception]) -> None:
    server.on("/rss", reply)
    with pytest.raises(error):
        await poll(adapter(http, server.url("/rss")))
    assert len(server.seen) == 1, "a document that is itself an address or a path is not followed"


async def test_retry_after_is_told(server: Server, http: Http) -> None:
    server.on("/rss", rate_limited("seconds", seconds=600))
    with pytest.raises(RateLimited) as caught:
        await poll(adapter(http, server.url("/rss")))
    assert caught.value.retry_at == NOW + timedelta(minutes=10)


@pytest.mark.parametrize(
    ("headers", "channel", "rest"),
    [
        ({}, "", None), ({}, "<ttl>30</ttl>", timedelta(minutes=30)), ({}, "<ttl>soon</ttl>", None),
        ({"cache_control": "public, max-age=600"}, "", timedelta(minutes=10)),
        ({"cache_control": "max-age=5"}, "", None),
        ({"cache_control": "max-age=31536000"}, "<ttl>99999</ttl>", timedelta(days=1)),
        ({"retry_after": "120"}, "", timedelta(minutes=2)),
    ],
)  # fmt: skip
async def test_a_feed_may_ask_for_rest(
    server: Server, http: Http, headers: dict[str, str], channel: str, rest: timedelta | None
) -> None:
    server.on("/rss", text(rss(item("1"), channel=channel), XML, **headers))
    page = await poll(adapter(http, server.url("/rss")))
    assert page.next_poll_at == (None if rest is None else NOW + rest)


async def test_a_document_that_was_cut_off_is_asked_for_again(server: Server, http: Http) -> None:
    document = rss(item("3"), item("2"), item("1"))
    half = document[: document.index("<guid>1")]
    server.on("/rss", text(half, XML, etag='"x"'), text(document, XML, etag='"x"'))
    source = adapter(http, server.url("/rss"))
    first = await poll(source)
    second = await poll(source, first.bookmark)

    assert "if-none-match" not in server.seen[1].headers
    assert {"Acme 1", "Acme 2", "Acme 3"} <= {*titles(first), *titles(second)}


async def test_atom_json_feed_and_gzip(server: Server, http: Http) -> None:
    feed = {
        "version": "https://jsonfeed.org/version/1.1",
        "title": "J",
        "authors": [{"name": "Bo", "url": "https://bo.example/"}],
        "items": [
            {
                "id": 7,
                "url": "https://j.example/7",
                "content_html": "<p>Acme</p>",
                "date_published": "2026-11-21T10:00:00+01:00",
            },
            {"id": "8", "content_text": "acme too", "author": {"name": "Cy"}, "title": 5},
            "nonsense",
        ],
    }
    server.on("/json", gzipped(json.dumps(feed).encode(), **{"content-type": "application/feed+json"}))
    page = await poll(adapter(http, server.url("/json")))

    second, first = page.mentions
    assert (first.html, first.author.name, first.created_at) == (
        "<p>Acme</p>",
        "Bo",
        datetime(2026, 11, 21, 9, tzinfo=UTC),
    )
    assert (second.text, second.author.name) == ("acme too", "Cy")


async def test_google_wraps_links_and_titles(server: Server, http: Http) -> None:
    alert = item(
        "tag:google.com,2013:1",
        title="<b>Acme</b> is down",
        link="https://www.google.com/url?rct=j&sa=t&url=https://news.example/a%3Fb%3D1&ct=ga",
    )
    news = item(
        "CBMi", title="Acme falls - The Paper", source="The Paper", link="https://news.google.com/rss/articles/CBMi"
    )
    server.on("/rss", text(rss(news, alert), XML))
    page = await poll(adapter(http, server.url("/rss")))

    assert titles(page) == ["Acme is down", "Acme falls"]
    assert page.mentions[0].url == "https://news.example/a?b=1"
    assert page.mentions[1].author.name == "The Paper"


async def test_a_token_goes_with_the_request_only(server: Server, http: Http) -> None:
    server.on("/rss", text(rss(item("1")), XML))
    await poll(adapter(http, server.url("/rss"), "t0ken"))
    await poll(adapter(http, server.url("/rss"), "ana:pässword"))
    assert [seen.headers["authorization"] for seen in server.seen] == ["Bearer t0ken", "Basic YW5hOnDDpHNzd29yZA=="]


async def test_entries_that_cannot_be_read_are_kept_aside(server: Server, http: Http) -> None:
    server.on("/rss", text(rss(item("1"), "<item><guid>2</guid></item>"), XML))
    page = await poll(adapter(http, server.url("/rss")))
    assert titles(page) == ["Acme 1"]
    assert [rejected.reason for rejected in page.rejected] == ["no text"]


async def test_links_that_are_no_links_are_dropped(server: Server, http: Http) -> None:
    server.on("/rss", text(rss(item("1", link="javascript:alert(1)")), XML))
    page = await poll(adapter(http, server.url("/rss")))
    assert page.mentions[0].url == ""


LAUGHS = (
    '<?xml version="1.0"?><!DOCTYPE l [<!ENTITY a "ha">'
    + "".join(f'<!ENTITY {name} "{f"&{inner};" * 10}">' for inner, name in zip("abcdefgh", "bcdefghi", strict=True))
    + "]><rss version='2.0'><channel><title>&i;</title></channel></rss>"
)


@pytest.mark.parametrize("body", [LAUGHS, "<rss><channel>" + "<a>" * 200_000], ids=["laughs", "nesting"])
async def test_a_hostile_document_never_holds_up_the_loop(server: Server, http: Http, body: str) -> None:
    server.on("/rss", text(body, XML))
    slowest = 0.0

    async def heart() -> None:
        nonlocal slowest
        while True:
            before = time.process_time()
            await asyncio.sleep(0.01)
            slowest = max(slowest, time.process_time() - before)

    beating = asyncio.create_task(heart())
    try:
        await poll(adapter(http, server.url("/rss")))
    except BadAnswer:
        pass
    beating.cancel()
    assert slowest < 0.5


async def test_the_parser_gets_no_secret_of_the_environment(
    monkeypatch: pytest.MonkeyPatch, server: Server, http: Http
) -> None:
    started: list[dict[str, str]] = []
    real = asyncio.create_subprocess_exec

    async def watched(*program: Any, env: dict[str, str], **more: Any) -> Any:
        started.append(env)
        return await real(*program, env=env, **more)

    monkeypatch.setenv("MASTODON_TOKEN", "canary")
    monkeypatch.setattr(asyncio, "create_subprocess_exec", watched)
    server.on("/rss", text(rss(item("1")), XML))
    await poll(adapter(http, server.url("/rss")))
    assert started
    assert "MASTODON_TOKEN" in os.environ
    assert "MASTODON_TOKEN" not in started[0]


async def test_a_broken_connection_moves_nothing(server: Server, http: Http) -> None:
    server.on("/rss", cut_off(text(rss(item("1")), XML), 60), text(rss(item("1")), XML))
    source = adapter(http, server.url("/rss"))
    with pytest.raises(Exception, match="cut off"):
        await poll(source)
    assert titles(await poll(source)) == ["Acme 1"]
