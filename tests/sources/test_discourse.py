"""Discourse, against a forum that searches, lists and takes posts as its source code does."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator, Iterator
from datetime import UTC, datetime, timedelta

import pytest
import pytest_asyncio

from sources import registry
from sources.errors import BadAnswer, NotSent, RateLimited, Refused, Unauthorised, Uncertain, Unreachable
from sources.http import Http
from sources.protocol import ReadBack, Receipt
from sources.text.clean import clean
from store.domain.desk import SourceConfig
from store.domain.mention import UNKNOWN_AUTHOR, MentionType, NewAuthor
from store.domain.safetext import SafeText
from tests.servers import Reply, Seen, cut_off, free_port, json_reply, reset, text
from tests.sources import fake_mastodon
from tests.sources.fake_discourse import ACCOUNT, NOW, STREAM, TOKEN, FakeDiscourse, adapter, cursor, names, poll

MINUTE, HOUR = timedelta(minutes=1), timedelta(hours=1)
EVERYTHING = {"everything": True}


@pytest.fixture
def server() -> Iterator[FakeDiscourse]:
    with FakeDiscourse() as running:
        yield running


@pytest_asyncio.fixture
async def http(server: FakeDiscourse) -> AsyncIterator[Http]:
    async with Http({server.host}, pause=0) as client:
        yield client


async def test_a_topic_and_an_answer_as_search_gives_them(server: FakeDiscourse, http: Http) -> None:
    server.add(1, NOW - 2 * HOUR, number=1)
    server.add(2, NOW - HOUR, "acme " + "long " * 100, number=7, reply_to_post_number=3)
    (page,) = await poll(adapter(server, http))
    first, reply = page.mentions

    assert (first.external_id, first.native_id, first.thread, first.parent) == (
        f"{server.host}-post-1",
        "12/1",
        "12",
        "",
    )
    assert (first.title, first.type, clean(first)[1]) == ("About acme", MentionType.POST, "acme is down")
    assert (reply.native_id, reply.parent, reply.type, reply.title) == ("12/7", "12/3", MentionType.COMMENT, "")
    assert len(clean(reply)[1]) > 400, "what a blurb leaves out is looked up"
    assert reply.url == server.url("/t/a-topic/12/7")
    assert (reply.author.handle, reply.author.name, reply.author.url) == ("ana", "Ana", server.url("/u/ana"))
    assert len(server.seen) == 3
    assert server.seen[0].params["q"] == '"acme" order:latest after:2026-11-13'


async def test_a_blurb_stands_where_the_post_cannot_be_had(server: FakeDiscourse, http: Http) -> None:
    server.add(2, NOW - HOUR, "acme " + "long " * 100)
    server.lookups = False
    first = await poll(adapter(server, http))
    server.lookups = True
    assert clean(first[0].mentions[0])[1].endswith("...")
    assert names(await poll(adapter(server, http), first[-1].bookmark)) == [], "nor does it come again as an edit"


async def test_all_of_a_search_also_after_a_kill_at_any_page(server: FakeDiscourse, http: Http) -> None:
    for number in range(1, 731):
        server.add(number, NOW - HOUR * number)
    whole = await poll(adapter(server, http, backfill=None))
    assert {int(name) for name in names(whole)} == set(range(1, 731))
    for boundary in range(len(whole)):
        server.add(999, NOW + MINUTE)
        rest = await poll(adapter(server, http, backfill=None), whole[boundary].bookmark, NOW + 2 * MINUTE)
        assert {int(name) for name in names(whole[: boundary + 1] + rest)} == {*range(1, 731), 999}
        del server.posts[999]


async def test_a_day_that_holds_more_than_a_search_gives_is_a_gap(server: FakeDiscourse, http: Http) -> None:
    for number in range(1, 1400):
        server.add(number, NOW - timedelta(seconds=30 * number))
    pages = await poll(adapter(server, http))
    assert sum(page.gap_seconds for page in pages) > 0
    assert len(pages) < 60


@pytest.mark.parametrize("options", [{}, EVERYTHING])
async def test_old_posts_never_keep_new_ones_waiting(
    server: FakeDiscourse, http: Http, options: dict[str, bool]
) -> None:
    stream = "everything" if options else STREAM
    for number in range(1, 600):
        server.add(number, NOW - HOUR * (700 - number))
    bookmark, found = None, []
    for turn in range(4):
        now = NOW + turn * HOUR
        server.add(1000 + turn, now)
        pages = await poll(adapter(server, http, options=options, backfill=None), bookmark, now, stream, pages=2)
        assert str(1000 + turn) in names(pages)
        bookmark, found = pages[-1].bookmark, found + names(pages)
    found += names(await poll(adapter(server, http, options=options, backfill=None), bookmark, now, stream))
    assert {int(name) for name in found} == {*range(1, 600), *range(1000, 1004)}


@pytest.mark.parametrize("windows", [False, True])
async def test_everything_also_after_a_kill_at_any_page(windows: bool) -> None:
    with FakeDiscourse(windows=windows) as server:
        for number in range(1, 401):
            server.add(number, NOW - HOUR * (500 - number))
        server.hidden = {*range(120, 260), 333}  # whole windows of what nobody may see
        expected = set(range(1, 401)) - server.hidden
        async with Http({server.host}, pause=0) as http:
            source = adapter(server, http, options=EVERYTHING, backfill=None)
            assert list(source.streams()) == ["everything"]
            whole = await poll(source, stream="everything")
            assert {int(name) for name in names(whole)} == expected
            for boundary in range(len(whole)):
                server.add(401, NOW + MINUTE)
                rest = await poll(source, whole[boundary].bookmark, NOW + HOUR, "everything")
                assert {int(name) for name in names(whole[: boundary + 1] + rest)} == {*expected, 401}
                del server.posts[401]


@pytest.mark.parametrize("options", [{}, EVERYTHING])
@pytest.mark.parametrize(("backfill", "expected"), [(timedelta(0), []), (timedelta(days=1), ["2"]), (None, ["1", "2"])])
async def test_how_far_back_first_contact_reads(
    server: FakeDiscourse, http: Http, options: dict[str, bool], backfill: timedelta | None, expected: list[str]
) -> None:
    stream = "everything" if options else STREAM
    server.add(1, NOW - timedelta(days=9))
    server.add(2, NOW - 2 * HOUR)
    first = await poll(adapter(server, http, options=options, backfill=backfill), stream=stream)
    server.add(3, NOW + MINUTE)
    source = adapter(server, http, options=options, backfill=backfill)
    second = await poll(source, first[-1].bookmark, NOW + 2 * MINUTE, stream)

    assert sorted(names(first)) == expected
    assert set(names(second)) - {*expected} == {"3"}


async def test_an_edited_post_says_when(server: FakeDiscourse, http: Http) -> None:
    server.add(1, NOW - HOUR, updated_at="2026-11-21T11:30:00.000Z")
    server.add(2, NOW - HOUR, updated_at="2026-11-21T11:30:00.000Z", version=3)
    page, *_ = await poll(adapter(server, http, options=EVERYTHING), stream="everything")
    assert [mention.edited_at for mention in page.mentions] == [None, NOW - HOUR / 2]


async def test_what_is_addressed_to_the_account(server: FakeDiscourse, http: Http) -> None:
    for number, kind in enumerate((1, 2, 5, 6, 1, 15), 1):
        server.add(number, NOW - HOUR, "hello", number=number + 1)
        server.notify(number, NOW - HOUR + MINUTE * number, kind, number, named=number != 2)
    del server.posts[5]
    server.notify(7, NOW - timedelta(days=30), 1, 1)
    source = adapter(server, http, TOKEN)
    assert list(source.streams()) == [STREAM, "notifications"]
    first = await poll(source, stream="notifications")
    asked = len(server.seen)
    server.add(8, NOW, "@acme_support again")
    server.notify(8, NOW, 1, 8)
    second = await poll(source, first[-1].bookmark, stream="notifications")

    assert names(first) == ["1", "2", "4", "6"]
    assert all(mention.direct for mention in first[0].mentions)
    assert [mention.visibility for mention in first[0].mentions] == ["public", "public", "direct", "public"]
    assert names(second) == ["8"]
    assert len(server.seen) == asked + 2


async def test_a_small_quota_is_enough_for_a_long_list(server: FakeDiscourse, http: Http) -> None:
    for number in range(1, 41):
        server.add(number, NOW - HOUR, "hello", number=number)
        server.notify(number, NOW - HOUR + MINUTE * number, 1, number)
    left, answer = 0, server.answer

    def counted(seen):  # type: ignore[no-untyped-def]
        nonlocal left
        left -= 1
        return answer(seen) if left >= 0 else text("Slow down", status=429, retry_after="60")

    server.answer = counted  # type: ignore[method-assign]
    bookmark, found = None, []
    for _ in range(6):  # twenty requests a minute
        left = 20
        source = adapter(server, http, TOKEN, options={"username": ACCOUNT})
        try:
            async for page in source.pages(cursor(bookmark, "notifications"), now=NOW):
                bookmark, found = page.bookmark, found + names([page])
        except RateLimited:
            continue
    assert sorted(map(int, found)) == list(range(1, 41))


async def test_a_forum_that_has_only_search(server: FakeDiscourse, http: Http) -> None:
    for reply in (Reply(404), Reply(599)):
        server.on("/notifications.json", reply)
        server.on("/session/current.json", reply)
        source = adapter(server, http, TOKEN)
        (page,) = await poll(source, stream="notifications")
        assert (page.bookmark, page.next_poll_at) == (None, NOW + HOUR)
        with pytest.raises((BadAnswer, Unreachable)):
            await poll(source, {"begin": 0, "place": None}, stream="notifications")


@pytest.mark.parametrize(
    ("token", "options", "headers"),
    [
        ("", {}, {}),
        (TOKEN, {}, {"api-key": TOKEN}),
        (TOKEN, {"username": "acme"}, {"api-key": TOKEN, "api-username": "acme"}),
        (TOKEN, {"user_key": True}, {"user-api-key": TOKEN}),
    ],
)
async def test_who_we_say_we_are(
    server: FakeDiscourse, http: Http, token: str, options: dict[str, object], headers: dict[str, str]
) -> None:
    await poll(adapter(server, http, token, options=options))
    told = {name: value for name, value in server.at("/search.json")[0].headers.items() if "api" in name}
    assert told == headers


async def test_our_own_posts_are_ours(server: FakeDiscourse, http: Http) -> None:
    server.add(1, NOW - HOUR, "acme: we are on it", username=ACCOUNT.upper())
    (page,) = await poll(adapter(server, http, TOKEN))
    assert [mention.ours for mention in page.mentions] == [True]


@pytest.mark.parametrize(
    ("reply", "error", "wait"),
    [
        (text("Slow down", status=429, retry_after="7"), RateLimited, 7),
        (json_reply({"errors": ["slow"], "extras": {"wait_seconds": 11}}, 429), RateLimited, 11),
        (json_reply({"failed": "FAILED", "message": "Slow down"}, 429), RateLimited, None),
        (json_reply({"errors": ["You need to be logged in"], "error_type": "not_logged_in"}, 403), Unauthorised, None),
        (json_reply({"errors": ["The site is in read only mode"]}, 503), Unreachable, None),
        (json_reply({"grouped_search_result": {"error": "too busy"}, "posts": []}), BadAnswer, None),
        (text("<html>", "text/html"), BadAnswer, None),
        (json_reply([]), BadAnswer, None),
    ],
)  # fmt: skip
async def test_what_it_says_when_it_does_not_answer(
    server: FakeDiscourse, http: Http, reply: Reply, error: type[Exception], wait: int | None
) -> None:
    server.on("/search.json", reply)
    with pytest.raises(error) as caught:
        await poll(adapter(server, http, "s3cret"))
    assert "s3cret" not in str(caught.value)
    if isinstance(caught.value, RateLimited):
        assert caught.value.retry_at == (None if wait is None else NOW + timedelta(seconds=wait))


async def test_nothing_found_has_no_list_of_posts(server: FakeDiscourse, http: Http) -> None:
    server.on("/search.json", json_reply({"grouped_search_result": {"post_ids": []}}))
    (page,) = await poll(adapter(server, http))
    assert not page.mentions


async def test_a_broken_post_is_kept_aside(server: FakeDiscourse, http: Http) -> None:
    server.add(1, NOW - HOUR)
    server.add(2, NOW - HOUR, username=None)
    server.add(3, NOW - HOUR, created_at="never")
    page, *_ = await poll(adapter(server, http, options=EVERYTHING), stream="everything")
    assert names([page]) == ["1", "2"]
    assert page.mentions[1].author == NewAuthor(UNKNOWN_AUTHOR, "Ana")
    assert [item.where for item in page.rejected] == ["3"]


async def test_ids_that_nobody_may_see_are_not_the_end(server: FakeDiscourse, http: Http) -> None:
    """Before 2026 a page was of fifty ids, whether or not one may see any of them."""
    for number in (1, 2, 900):
        server.add(number, NOW - HOUR * (1000 - number))

    def by_ids(seen: Seen) -> Reply:
        before = int(seen.params.get("before", 0)) or max(server.posts)
        found = [post for number, post in server.posts.items() if before - 50 < number <= before]
        return json_reply({"latest_posts": sorted(found, key=lambda post: -post["id"])})

    server.on("/posts.json", by_ids)
    pages = await poll(adapter(server, http, options=EVERYTHING, backfill=None), stream="everything")
    assert sorted(names(pages)) == ["1", "2", "900"]


def mention(native: str = "12/7", **fields):  # type: ignore[no-untyped-def]
    plain = {"network": "discourse", "source": "forum", "handle": "ana", "external_id": "forum-post-2", "thread": "12"}
    return fake_mastodon.mention(native, **(plain | fields))


def delivery(words: str = "Sorry!", **fields):  # type: ignore[no-untyped-def]
    return fake_mastodon.delivery(words, source="forum", **fields)


async def test_an_answer_as_it_goes_out_and_comes_back(server: FakeDiscourse, http: Http) -> None:
    source = adapter(server, http, TOKEN, options={"username": ACCOUNT})
    receipt = await source.send(delivery("Sorry, acme!"), mention())
    back = await source.read_back(delivery("Sorry, acme!"), mention())
    (page,) = await poll(source, now=datetime.now(UTC) + MINUTE)
    await source.send(delivery(), mention("12/1"))

    first, second = server.sent
    assert json.loads(first.body) == {"raw": "Sorry, acme!", "topic_id": 12, "reply_to_post_number": 7}
    assert json.loads(second.body) == {"raw": "Sorry!", "topic_id": 12}
    assert (first.headers["api-key"], first.headers["api-username"]) == (TOKEN, ACCOUNT)
    assert receipt == Receipt("12/30", f"{server.host}-post-900", server.url("/t/a-topic/12/30"))
    assert back.found == receipt
    assert [(one.native_id, one.external_id, one.ours) for one in page.mentions] == [
        (receipt.native_id, receipt.key, True)
    ]


@pytest.mark.parametrize(
    ("reply", "error"),
    [
        (json_reply({"errors": ["Body is too similar to what you recently posted"]}, 422), Refused),
        (json_reply({"errors": ["You are not permitted to view the requested resource."]}, 403), Refused),
        (Reply(404), Refused), (json_reply({"errors": ["key"]}, 401), Unauthorised),
        (json_reply({"errors": ["slow"], "extras": {"wait_seconds": 5}}, 429), RateLimited),
        (Reply(500), Uncertain), (text("<html>", "text/html"), Uncertain), (json_reply({"raw": "x"}), Uncertain),
        (cut_off(json_reply({"id": 1}), 3), Uncertain), (reset(), Uncertain),
    ],
)  # fmt: skip
async def test_what_becomes_of_an_answer(
    server: FakeDiscourse, http: Http, reply: Reply, error: type[Exception]
) -> None:
    server.on("/posts.json", reply)
    with pytest.raises(error):
        await adapter(server, http, TOKEN).send(delivery(), mention())


async def test_an_answer_that_waits_for_approval_was_sent(server: FakeDiscourse, http: Http) -> None:
    server.on("/posts.json", json_reply({"success": True, "action": "enqueued", "pending_post": {"id": 3}}))
    assert (await adapter(server, http, TOKEN).send(delivery(), mention())).native_id == "pending/3"


async def test_nothing_is_sent_without_a_token_or_to_a_server_that_is_away(server: FakeDiscourse, http: Http) -> None:
    with pytest.raises(Refused, match="token"):
        await adapter(server, http).send(delivery(), mention())
    with pytest.raises(Refused, match="topic"):
        await adapter(server, http, TOKEN).send(delivery(), mention("pending/3"))
    server.port = free_port()
    async with Http({"127.0.0.1"}, pause=0) as other:
        with pytest.raises(NotSent):
            await adapter(server, other, TOKEN).send(delivery(), mention())


async def test_reading_back(server: FakeDiscourse, http: Http) -> None:
    tried = datetime.now(UTC)
    for number in range(1, 60):
        server.add(number, tried - timedelta(days=1), "Sorry!", username=ACCOUNT)
    server.add(60, tried, "Sorry!", username="ana")
    source = adapter(server, http, TOKEN)
    absent = await source.read_back(delivery(tried_at=tried), mention())
    server.add(61, tried, "Sorry!\n", number=61, username=ACCOUNT)
    there = await source.read_back(delivery(tried_at=tried), mention())
    del server.posts[61]["raw"]
    as_shown = await source.read_back(delivery(tried_at=tried), mention())
    for number in range(100, 300):
        server.add(number, tried, "busy")
    endless = await source.read_back(delivery("Something else", tried_at=tried), mention())

    assert (absent.found, absent.complete) == (None, True)
    assert there.found is not None
    assert there.found.native_id == "12/61"
    assert as_shown.found == there.found
    assert (endless.found, endless.complete) == (None, False)


async def test_the_same_words_to_somebody_else_in_the_topic_are_another_answer(
    server: FakeDiscourse, http: Http
) -> None:
    now = datetime.now(UTC)
    server.add(60, now, "Sorry!", number=60, username=ACCOUNT, reply_to_post_number=3)
    source = adapter(server, http, TOKEN)
    assert await source.read_back(delivery(), mention("12/7")) == ReadBack(None, complete=True)
    back = await source.read_back(delivery(), mention("12/3"))
    assert back.found is not None
    assert back.found.native_id == "12/60"


async def test_what_waits_for_approval_is_found_and_a_late_twin_is_no_refusal(
    server: FakeDiscourse, http: Http
) -> None:
    now = datetime.now(UTC)
    server.add(60, now, "another", number=60)
    pending = [{"id": 3, "raw": "Sorry!", "created_at": now.isoformat()}]
    stream = {"post_stream": {"stream": [60], "posts": []}}
    server.on("/t/12.json", json_reply(stream | {"pending_posts": pending}))
    source = adapter(server, http, TOKEN)
    back = await source.read_back(delivery(), mention())
    assert back.found is not None
    assert back.found.native_id == "pending/3"

    server.on("/posts.json", json_reply({"errors": ["Body is too similar to what you recently posted"]}, 422))
    with pytest.raises(Refused, match="too similar"):
        await source.send(delivery(), mention())
    with pytest.raises(Uncertain, match="too similar"):
        await source.send(delivery(absences=2), mention())


async def test_originals_are_looked_at_again(server: FakeDiscourse, http: Http) -> None:
    server.add(1, NOW - HOUR, "as it was", version=2)
    server.add(2, NOW - HOUR, "changed", version=2, updated_at=NOW.isoformat())
    server.on("/posts/4.json", json_reply({"errors": ["no"]}, 403))
    seen = [
        mention(f"12/{name}", external_id=f"forum-post-{name}", text=SafeText("as it was")) for name in (1, 2, 3, 4)
    ]
    page = await adapter(server, http).recheck(seen, now=NOW)

    assert page is not None
    assert [(one.native_id, one.edited_at) for one in page.mentions] == [("12/2", NOW)]
    assert list(page.deleted) == ["forum-post-3"]
    server.on("/posts.json", text("<html>parked</html>", "text/html"))
    with pytest.raises(BadAnswer):
        await adapter(server, http).recheck([seen[2]], now=NOW)


async def test_length_and_how_an_answer_begins(server: FakeDiscourse, http: Http) -> None:
    source = adapter(server, http, TOKEN)
    assert await source.length("Grüße", handle="ana") == (5, 32_000)
    assert source.compose(mention()) == ""


def test_a_forum_has_to_be_named() -> None:
    assert registry.problems(SourceConfig("discourse", "forum"))[0].startswith("`url`")
