"""A Facebook page: comments, visitors' posts, limits and answers."""

from __future__ import annotations

import hashlib
import hmac
import json
from collections.abc import AsyncIterator, Iterator
from datetime import timedelta
from typing import Any

import pytest
import pytest_asyncio

from sources import registry
from sources.errors import BadAnswer, NotSent, RateLimited, Refused, SourceError, Unauthorised, Uncertain, Unreachable
from sources.http import Http
from store.domain.clock import utcnow
from store.domain.desk import SourceConfig
from store.domain.mention import UNKNOWN_AUTHOR, MentionType
from store.domain.poll import Cursor
from store.domain.secret import Secret
from tests.servers import Reply, Server, cut_off, json_reply, text
from tests.sources.fake_mastodon import delivery
from tests.sources.fake_mastodon import mention as stored
from tests.sources.fake_meta import GONE, NOW, PAGE, TOKEN, FakePage, error, facebook, names, poll, stamp

A_MINUTE = timedelta(minutes=1)


@pytest.fixture
def server() -> Iterator[Server]:
    with Server() as running:
        yield running


@pytest.fixture
def remote(server: Server) -> FakePage:
    return FakePage(server)


@pytest_asyncio.fixture
async def http(server: Server) -> AsyncIterator[Http]:
    async with Http({server.host}, pause=0) as client:
        yield client


def mention(name: str = "1_7", **fields: Any) -> Any:
    plain = {"external_id": name, "network": "facebook", "type": MentionType.COMMENT, "thread": "100_1"}
    return stored(name, **plain | fields)


async def test_comments_with_all_that_they_say(server: Server, http: Http, remote: FakePage) -> None:
    post = remote.post(1, NOW - timedelta(hours=5))
    remote.comment(post, 7, NOW - timedelta(hours=4), "acme is down", permalink_url="https://www.facebook.com/x?c=7")
    remote.comment(post, 8, NOW - timedelta(hours=3), "We are on it", parent={"id": "1_7"}, **{"from": {"id": PAGE}})
    hidden = remote.comment(post, 9, NOW - timedelta(hours=2), "", attachment={"type": "sticker"})
    del hidden["from"]
    remote.edge("100_1/comments").append({"id": "1_10", "message": "no time"})
    visitor = remote.post(2, NOW - timedelta(hours=1), author="8", message="Hello?")
    pages = await poll(facebook(server, http))
    found = {one.external_id: one for page in pages for one in page.mentions}

    assert list(found) == [visitor["id"], "1_7", "1_8", "1_9"]  # and nothing of what the page itself posts
    first = found["1_7"]
    assert (first.author.handle, first.author.name, first.text) == ("7", "Ana", "acme is down")
    assert (first.native_id, first.parent, first.thread) == ("1_7", "100_1", "100_1")
    assert (first.type, first.direct, first.ours) == (MentionType.COMMENT, True, False)
    assert (first.url, first.created_at) == ("https://www.facebook.com/x?c=7", NOW - timedelta(hours=4))
    assert (found["1_8"].ours, found["1_8"].parent) == (True, "1_7")
    assert (found["1_9"].author.handle, found["1_9"].text) == (UNKNOWN_AUTHOR, "[sticker]")
    assert (found[visitor["id"]].type, found[visitor["id"]].direct) == (MentionType.POST, True)
    assert [one.where for page in pages for one in page.rejected] == ["1_10"]


async def test_a_post_that_meta_stumbles_over_hides_no_other(server: Server, http: Http, remote: FakePage) -> None:
    posts = [remote.post(n, NOW - timedelta(hours=9 - n)) for n in range(5)]
    for n, post in enumerate(posts):
        remote.comment(post, 10 + n, NOW - timedelta(hours=1))
    server.on(remote.path(f"{posts[4]['id']}/comments"), error(1, "An unknown error occurred", 500))
    found: list[str] = []
    pages = facebook(server, http).pages(Cursor("x", "comments", {}, NOW, 0, None, "", "ok"), now=NOW)

    async def read() -> None:
        async for page in pages:
            found.extend(one.external_id for one in page.mentions)

    with pytest.raises(Unreachable, match="An unknown error"):
        await read()
    assert sorted(found) == ["0_10", "1_11", "2_12", "3_13"]

    for post in posts[1:]:
        server.on(remote.path(f"{post['id']}/comments"), error(1, "An unknown error occurred", 500))
    server.seen.clear()
    with pytest.raises(Unreachable):
        await poll(facebook(server, http))
    assert sum(seen.path.endswith("/comments") for seen in server.seen) == 3, "more than a few are an outage"


@pytest.mark.parametrize("upwards", [False, True])
async def test_any_page_is_a_place_to_go_on_from(server: Server, http: Http, remote: FakePage, upwards: bool) -> None:
    remote.size, remote.upwards = 10, upwards
    posts = [remote.post(n, NOW - timedelta(days=9, hours=-n)) for n in range(15)]
    for n in range(75):
        remote.comment(posts[n % 3], 100 + n, NOW - timedelta(hours=30, minutes=-n))
    everything = {one["id"] for post in posts for one in remote.edge(f"{post['id']}/comments")}
    whole = await poll(facebook(server, http))
    assert set(names(whole)) == everything
    for stored_pages in range(1, len(whole)):
        rest = await poll(facebook(server, http), whole[stored_pages - 1].bookmark, NOW + A_MINUTE)
        assert set(names(whole[:stored_pages] + rest)) == everything, stored_pages


async def test_what_is_new_is_read_first_and_little_is_asked(server: Server, http: Http, remote: FakePage) -> None:
    remote.size = 5
    long = remote.post(1, NOW - timedelta(days=2))
    for n in range(200):
        remote.comment(long, 100 + n, NOW - timedelta(hours=20, minutes=-n))
    source = facebook(server, http)
    first = (await poll(source))[:20]  # broken off there
    assert len(names(first)) < 200
    new = remote.comment(long, 900, NOW + A_MINUTE)["id"]
    second = await poll(source, first[-1].bookmark, NOW + 2 * A_MINUTE)
    assert new in names(second[:2])
    mark, found = second[-1].bookmark, set(names(first + second))
    for n in range(3):
        pages = await poll(source, mark, NOW + (3 + n) * A_MINUTE)
        mark, found = pages[-1].bookmark, found | set(names(pages))
    assert len(found) == 201
    server.seen.clear()
    await poll(source, mark, NOW + 9 * A_MINUTE)
    assert [seen.path for seen in server.seen] == [remote.path(f"{PAGE}/feed")]
    burst = {remote.comment(long, 910 + n, NOW + timedelta(hours=2, minutes=n))["id"] for n in range(12)}
    server.seen.clear()
    assert burst <= set(names(await poll(source, mark, NOW + timedelta(hours=3))))
    assert len(server.at(remote.path("100_1/comments"))) <= 4


async def test_a_comment_under_an_old_post_is_found(server: Server, http: Http, remote: FakePage) -> None:
    posts = [remote.post(n, NOW - timedelta(days=90 - n)) for n in range(80)]
    source = facebook(server, http, backfill=timedelta(days=7))
    mark = None
    for n in range(6):
        mark = (await poll(source, mark, NOW + n * A_MINUTE))[-1].bookmark
    new = remote.comment(posts[3], 900, NOW + timedelta(minutes=30))["id"]
    found: list[str] = []
    for n in range(5):
        pages = await poll(source, mark, NOW + timedelta(hours=1, minutes=n))
        mark, found = pages[-1].bookmark, found + names(pages)
    assert found == [new]


async def test_many_posts_at_once_are_not_jumped_over(server: Server, http: Http, remote: FakePage) -> None:
    remote.post(1, NOW - timedelta(days=1))
    source = facebook(server, http)
    mark = (await poll(source))[-1].bookmark
    visitors = {remote.post(100 + n, NOW + n * A_MINUTE, author="8")["id"] for n in range(90)}
    assert set(names(await poll(source, mark, NOW + timedelta(hours=2)))) == visitors


async def test_backfill_bounds_first_contact(server: Server, http: Http, remote: FakePage) -> None:
    post = remote.post(1, NOW - timedelta(days=30))
    remote.comment(post, 7, NOW - timedelta(days=9))
    kept = remote.comment(post, 8, NOW - timedelta(days=6))["id"]
    assert names(await poll(facebook(server, http, backfill=timedelta(days=7)))) == [kept]
    nothing = await poll(facebook(server, http, backfill=timedelta(0)))
    assert names(nothing) == []
    new = remote.comment(post, 9, NOW + A_MINUTE)["id"]
    assert names(await poll(facebook(server, http), nothing[-1].bookmark, NOW + 2 * A_MINUTE)) == [new]


async def test_only_these_posts_and_nothing_else_need_be_there(server: Server, http: Http, remote: FakePage) -> None:
    post = remote.post(1, NOW - A_MINUTE)
    remote.comment(post, 7, NOW - A_MINUTE)
    for path in (PAGE, f"{PAGE}/feed", "me"):
        server.on(remote.path(path), Reply(599))
    source = facebook(server, http, options={"posts": ["100_1", "100_2"]})
    assert source.streams() == ["comments"]
    server.on(remote.path("100_2/comments"), json_reply({"error": GONE}, 400))
    pages = source.pages(Cursor("f", "comments", {}, NOW, 0, None, "", "ok"), now=NOW)
    assert names([await anext(pages)]) == ["1_7"]
    with pytest.raises(SourceError, match="does not exist"):  # told, after the others were read
        await anext(pages)


async def test_posts_that_tag_the_page(server: Server, http: Http, remote: FakePage) -> None:
    tagged = remote.post(4, NOW - A_MINUTE, author="9", message="look, Acme")
    remote.edge(f"{PAGE}/tagged").append(tagged)
    source = facebook(server, http)
    pages = await poll(source, stream="tagged")
    (one,) = [one for page in pages for one in page.mentions]
    assert (one.external_id, one.text, one.direct, one.thread) == ("100_4", "look, Acme", True, "100_4")
    assert facebook(server, http, options={"tagged": False}).streams() == ["comments"]


async def test_secrets_stay_out_of_addresses(server: Server, http: Http, remote: FakePage) -> None:
    post = remote.post(1, NOW)
    remote.size = 1
    for n in range(3):
        remote.comment(post, n, NOW)
    await poll(facebook(server, http, secrets={"app_secret": Secret("hush")}))
    proof = hmac.new(b"hush", TOKEN.encode(), hashlib.sha256).hexdigest()

    assert not any(TOKEN in seen.target or "hush" in seen.target for seen in server.seen)
    assert {seen.params["appsecret_proof"] for seen in server.seen} == {proof}
    assert {seen.headers["authorization"] for seen in server.seen} == {f"Bearer {TOKEN}"}
    server.on(remote.path(f"{PAGE}/feed"), error(100, f"Malformed {TOKEN}"))
    with pytest.raises(BadAnswer) as bad:
        await poll(facebook(server, http))
    assert TOKEN not in str(bad.value)


BUSINESS = json.dumps({PAGE: [{"type": "pages", "call_count": 100, "estimated_time_to_regain_access": 19}]})


@pytest.mark.parametrize("code", [4, 17, 32, 613, 80001])
async def test_limits_with_the_time_that_meta_names(server: Server, http: Http, remote: FakePage, code: int) -> None:
    body = error(code, "limit reached").body
    headers = {"x-business-use-case-usage": BUSINESS}
    for status in (200, 400):  # an error is read whatever the status
        server.on(remote.path(f"{PAGE}/feed"), Reply(status, body, headers))
        with pytest.raises(RateLimited) as limited:
            await poll(facebook(server, http))
        assert limited.value.retry_at == NOW + timedelta(minutes=19)


@pytest.mark.parametrize(
    ("reply", "kind", "words"),
    [
        (error(190, f"Malformed access token {TOKEN}"), Unauthorised, "code 190.*make a new one"),
        (error(10, "pages_read_user_content is needed"), Unauthorised, "give the token the permission"),
        (error(100, "Unknown fields"), BadAnswer, "Unknown fields"),
        (json_reply({"data": {}}), BadAnswer, "no list"),
        (text("<html>", "text/html"), BadAnswer, "not with whole JSON"),
    ],
)
async def test_errors_in_metas_words(
    server: Server, http: Http, remote: FakePage, reply: Reply, kind: type[Exception], words: str
) -> None:
    server.on(remote.path(f"{PAGE}/feed"), reply)
    with pytest.raises(kind, match=words) as error:
        await poll(facebook(server, http))
    assert TOKEN not in str(error.value)


async def test_it_slows_down_before_the_limit(server: Server, http: Http, remote: FakePage) -> None:
    remote.comment(remote.post(1, NOW), 7, NOW)
    remote.headers = {"x-app-usage": json.dumps({"call_count": 86, "total_time": 25, "total_cputime": 3})}
    pages = await poll(facebook(server, http))
    assert [(page.quota_left, page.next_poll_at) for page in pages] == [(14, NOW + timedelta(minutes=5))]
    remote.headers = {}
    assert names(await poll(facebook(server, http), pages[-1].bookmark)) == ["1_7"]


async def test_a_cursor_that_is_no_more(server: Server, http: Http, remote: FakePage) -> None:
    remote.size = 5
    post = remote.post(1, NOW - timedelta(days=1))
    for n in range(30):
        remote.comment(post, 100 + n, NOW - timedelta(hours=9, minutes=-n))
    pages = await poll(facebook(server, http))
    at = next(n for n, page in enumerate(pages) if page.mentions)
    mark = pages[at].bookmark
    assert mark is not None
    mark["places"]["100_1"]["walks"][0]["after"] = "long gone"
    assert len({*names(pages[: at + 1]), *names(await poll(facebook(server, http), mark))}) == 30


async def test_recheck(server: Server, http: Http, remote: FakePage) -> None:
    remote.object("1_7", message="acme is up", created_time=stamp(NOW), **{"from": {"id": "7", "name": "Ana"}})
    remote.object("1_8", message="same", created_time=stamp(NOW))
    server.on(remote.path("1_9"), json_reply({"error": GONE}, 400))
    server.on(remote.path("1_10"), error(200, "not allowed", 403))
    seen = [mention("1_7", text="acme is down"), mention("1_8", text="same"), mention("1_9"), mention("1_10")]
    tagged = mention("55_1", type=MentionType.POST)
    page = await facebook(server, http).recheck([*seen, tagged], now=NOW)
    assert page is not None
    assert [(one.external_id, one.text, one.edited_at) for one in page.mentions] == [("1_7", "acme is up", NOW)]
    assert page.deleted == ["1_9"]
    server.on(remote.path(PAGE), json_reply({"error": GONE}, 400))
    with pytest.raises(BadAnswer, match="not taken for deletions"):
        await facebook(server, http).recheck([mention("1_9")], now=NOW)


async def test_an_answer_as_it_goes_out(server: Server, http: Http, remote: FakePage) -> None:
    remote.edge("1_7/comments")
    source = facebook(server, http)
    receipt = await source.send(delivery("Sorry!"), mention())
    assert remote.posted == [("1_7/comments", {"message": "Sorry!"})]
    assert (receipt.native_id, receipt.key, receipt.url) == ("1_777", "1_777", "https://www.facebook.com/1_777")
    assert await source.length("é" * 10, handle="ana") == (10, 8_000)


@pytest.mark.parametrize(
    ("reply", "kind", "words"),
    [
        (error(4, "too many"), RateLimited, "too many"),
        (error(190, "expired"), Unauthorised, "make a new one"),
        (error(200, "no permission"), Unauthorised, "permission"),
        (error(506, "Duplicate status message"), Refused, "Duplicate"),
        (error(368, "The action attempted has been deemed abusive"), Refused, "abusive"),
        (error(100, "(#100) Invalid parameter", 200), Refused, "Invalid parameter"),
        (json_reply({"error": GONE}, 400), Refused, "does not exist"),
        (error(2, "Service temporarily unavailable", 500), Uncertain, "may have been posted"),
        (Reply(502), Uncertain, "502"),
        (json_reply({"success": True}), Uncertain, "without a post"),
        (cut_off(json_reply({"id": "1_777"}), 4), Uncertain, "cut off"),
    ],
)
async def test_what_becomes_of_an_answer(
    server: Server, http: Http, remote: FakePage, reply: Reply, kind: type[Exception], words: str
) -> None:
    server.on(remote.path("1_7/comments"), reply)
    with pytest.raises(kind, match=words):
        await facebook(server, http).send(delivery(), mention())


async def test_nothing_left_the_house(server: Server, remote: FakePage) -> None:
    async with Http(pause=0) as http:  # which may not go to this machine
        with pytest.raises(NotSent):
            await facebook(server, http).send(delivery(), mention())


async def test_reading_back(server: Server, http: Http, remote: FakePage) -> None:
    remote.size = 2
    now = utcnow()
    under, above = remote.edge("1_9/comments"), remote.edge("1_7/comments")
    parent = mention("1_9", parent="1_7")
    sent = delivery("Sorry  to hear!", tried_at=now)
    source = facebook(server, http)

    def comment(number: int, message: str, who: str | None = "7", at: Any = now) -> dict[str, Any]:
        item: dict[str, Any] = {"id": f"1_{number}", "message": message, "created_time": stamp(at)}
        return item | ({"from": {"id": who}} if who else {})

    for n in range(5):
        under.append(comment(20 + n, "me too", at=now + n * A_MINUTE))
    back = await source.read_back(sent, parent)
    assert (back.found, back.complete) == (None, True)
    above.append(comment(30, "Sorry to hear!", None))  # whose?
    back = await source.read_back(sent, parent)
    assert (back.found, back.complete) == (None, False)
    above[:] = [comment(31, "Sorry to hear!", PAGE, now - timedelta(days=1))]  # an answer of before
    back = await source.read_back(sent, parent)
    assert (back.found, back.complete) == (None, False)
    above.append(comment(32, "Sorry to hear!", PAGE, now))  # an answer to an answer stands beside it
    back = await source.read_back(sent, parent)
    assert back.found is not None
    assert (back.found.native_id, back.complete) == ("1_32", True)


def test_what_is_wrong_with_a_configuration() -> None:
    def wrong(token: str = "env:F", **options: Any) -> list[str]:
        return registry.problems(SourceConfig("facebook", "f", token=token, options=options))

    assert wrong() == []
    assert "`token` is missing" in wrong("")[0]
    assert "`posts` is a list of ids" in wrong(posts=[1])[0]
