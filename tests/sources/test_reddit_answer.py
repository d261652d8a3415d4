"""Answering on Reddit."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator
from datetime import timedelta
from typing import Any

import pytest
import pytest_asyncio

from sources.adapters.reddit import Reddit
from sources.errors import BadAnswer, NotSent, RateLimited, Refused, Unauthorised, Uncertain, Unreachable
from sources.http import Http
from sources.protocol import Receipt, Setup
from store.domain.clock import utcnow
from store.domain.desk import SourceConfig
from store.domain.secret import Secret
from tests.servers import Reply, Server, cut_off, free_port, json_reply, redirect, reset, text
from tests.sources.fake_mastodon import delivery
from tests.sources.fake_reddit import OWN, TOKEN, FakeReddit, Thing, adapter, comment, listing, mention

POST, THREAD, LATEST, SENT = "/api/comment/", "/comments/77", f"/user/{OWN}/comments", "/message/sent/"
PLACE = "/r/acme/comments/77/i_got_a_1/777/"


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


def told(*errors: list[str], **more: Any) -> Reply:
    return json_reply({"json": {"errors": list(errors), **more}})


def posted(*things: Thing) -> Reply:
    return told(data={"things": list(things)})


async def test_an_answer_as_it_goes_out(server: Server, http: Http) -> None:
    server.on(POST, posted(comment(777, utcnow())))
    source = adapter(server, http)
    receipt = await source.send(delivery(), mention())

    (seen,) = server.at(POST)
    assert receipt == Receipt("t1_777", "t1_777", f"https://www.reddit.com{PLACE}")
    assert seen.form == {"api_type": "json", "text": "Sorry!", "thing_id": "t1_7"}
    assert seen.params == {"raw_json": "1"}
    assert seen.headers["authorization"] == f"Bearer {TOKEN}"
    assert source.compose(mention()) == ""
    assert await source.length("häh", handle="ana") == (3, 10_000)


@pytest.mark.parametrize(
    ("reply", "error"),
    [
        (told(["THREAD_LOCKED", "Comments are locked.", "parent"]), Refused),
        (told(["TOO_LONG", "this is too long (max: 10000)", "text"]), Refused), (told(["?"]), Refused),
        (json_reply({"reason": "USER_BLOCKED", "message": "Forbidden"}, 403), Refused), (Reply(404), Refused),
        (json_reply({"message": "Unauthorized"}, 401), Unauthorised), (Reply(429), RateLimited),
        (Reply(500), Uncertain), (Reply(408), Uncertain), (text("<html>", "text/html"), Uncertain),
        (json_reply([]), Uncertain), (posted(), Uncertain), (posted({"kind": "t1"}), Uncertain),
        (told(), Uncertain), (cut_off(posted(comment(1, utcnow())), 9), Uncertain), (reset(), Uncertain),
        (redirect("/login"), Uncertain), (Reply(200, b"x", {"content-encoding": "br"}), Uncertain),
    ],
)  # fmt: skip
async def test_how_a_post_can_end(server: Server, http: Http, reply: Reply, error: type[Exception]) -> None:
    server.on(POST, reply)
    with pytest.raises(error):
        await adapter(server, http).send(delivery(), mention())
    assert len(server.at(POST)) == 1, "never sent twice"


async def test_a_refusal_is_in_reddits_words(server: Server, http: Http) -> None:
    server.on(POST, told(["DELETED_COMMENT", "that comment has been deleted", "parent"]))
    with pytest.raises(Refused, match="DELETED_COMMENT: that comment has been deleted"):
        await adapter(server, http).send(delivery(), mention())


@pytest.mark.parametrize(
    ("words", "more", "seconds"),
    [
        ("Looks like you've been doing that a lot. Try again in 3 minutes.", {}, 181),
        ("you are doing that too much. try again in 47 seconds.", {}, 48),
        ("Take a break for 1 hour before trying again.", {}, 3601),
        ("try again in 900 milliseconds", {}, 1.9),
        ("try again in 9 minutes", {"ratelimit": 512.5}, 513.5),
        ("try again later", {}, None),
    ],
)
async def test_a_limit_of_posting_names_its_time(
    server: Server, http: Http, words: str, more: dict[str, Any], seconds: float | None
) -> None:
    server.on(POST, told(["RATELIMIT", words, "ratelimit"], **more))
    with pytest.raises(RateLimited) as caught:
        await adapter(server, http).send(delivery(), mention())
    if seconds is None:
        assert caught.value.retry_at is None
    else:
        assert caught.value.retry_at is not None
        assert abs((caught.value.retry_at - utcnow()).total_seconds() - seconds) < 5


async def test_what_did_not_leave(server: Server, http: Http, remote: FakeReddit) -> None:
    gone = f"127.0.0.1:{free_port()}"
    async with Http({gone}, pause=0) as other:
        config = SourceConfig("reddit", "r", url=f"http://{gone}", token="env:T")
        with pytest.raises(NotSent):
            await Reddit(Setup(config, other, Secret(TOKEN))).send(delivery(), mention())
    with pytest.raises(Refused, match="no account"):
        await adapter(server, http, "").send(delivery(), mention())

    client = {"client_id": "x", "username": OWN}
    source = adapter(server, http, "", {"client_secret": "s", "password": "p"}, options=client)
    server.on("/api/v1/access_token", reset())
    with pytest.raises(NotSent):
        await source.send(delivery(), mention())
    server.on("/api/v1/access_token", json_reply({"access_token": "a", "expires_in": 3600}))
    server.on(POST, Reply(401), posted(comment(777, utcnow())))
    assert (await source.send(delivery(), mention())).native_id == "t1_777", "with 401 nothing was done"
    assert len(server.at("/api/v1/access_token")) == 3


def ours(number: int = 777, words: str = "Sorry! See &amp; read", **fields: Any) -> Thing:
    return comment(number, utcnow(), **({"author": OWN, "body": words, "parent_id": "t1_7"} | fields))


def thread(*under: Thing, parent: str = "t1_7") -> Reply:
    replies = {"kind": "Listing", "data": {"children": list(under)}} if under else ""
    shown = [comment(7, utcnow(), name="t1_7", replies=replies)] if parent == "t1_7" else list(under)
    return json_reply([{"kind": "Listing", "data": {"children": []}}, {"kind": "Listing", "data": {"children": shown}}])


async def read_back(server: Server, http: Http, under: Reply, latest: Any = (), parent: Any = None) -> tuple[str, bool]:
    server.on(THREAD, under)
    server.on(LATEST, latest if isinstance(latest, Reply) else listing(list(latest)))
    source = adapter(server, http, options={"username": "another"})  # whose the token is counts
    back = await source.read_back(delivery("Sorry! See & read "), parent or mention())
    return back.found.native_id if back.found else "", back.complete


async def test_our_post_is_found_again(server: Server, http: Http, remote: FakeReddit) -> None:
    assert await read_back(server, http, thread(ours())) == ("t1_777", True)
    assert await read_back(server, http, thread(), [ours(words="Sorry! See & read")]) == ("t1_777", True)
    post = mention("t3_77", thread="t3_77")
    assert await read_back(server, http, thread(ours(parent_id="t3_77"), parent="t3_77"), [], post) == ("t1_777", True)
    assert server.at(THREAD)[0].params["comment"] == "7"
    assert "comment" not in server.at(THREAD)[-1].params


async def test_what_is_not_our_post(server: Server, http: Http, remote: FakeReddit) -> None:
    others = [ours(1, author="eve"), ours(2, "about another thing"), ours(3, parent_id="t1_8"), ours(4, author=None)]
    assert await read_back(server, http, thread(*others), others) == ("", True)
    earlier = [ours(5, created_utc=(utcnow() - timedelta(hours=3)).timestamp())]  # or ours, by another clock
    assert await read_back(server, http, thread(*earlier)) == ("", False)
    assert await read_back(server, http, thread(), earlier) == ("", False)


async def test_absence_is_only_proven_by_a_whole_read(server: Server, http: Http, remote: FakeReddit) -> None:
    many = [ours(number, "about another thing") for number in range(100)]
    older = [*many[1:], ours(1, "x", created_utc=(utcnow() - timedelta(days=1)).timestamp())]
    more = {"kind": "more", "data": {"count": 3, "children": ["a"]}}
    assert await read_back(server, http, thread(), many) == ("", False)
    assert await read_back(server, http, thread(), older) == ("", True)
    assert await read_back(server, http, thread(more)) == ("", False)
    assert await read_back(server, http, json_reply([{}, {"data": {"children": []}}])) == ("", False), "no parent there"
    for under, latest in ((Reply(500), []), (thread(), Reply(500)), (json_reply({}), []), (thread(), json_reply({}))):
        with pytest.raises((Unreachable, BadAnswer)):
            await read_back(server, http, under, latest)


async def test_an_answer_to_a_message_is_looked_for_among_what_was_sent(
    server: Server, http: Http, remote: FakeReddit
) -> None:
    message = ours(name="t4_9", parent_id="t4_6")
    server.on(SENT, listing([message]))
    source = adapter(server, http, options={"username": OWN})
    found = await source.read_back(delivery("Sorry! See & read"), mention("t4_6", thread="t4_6"))
    assert (found.found and found.found.native_id, found.complete) == ("t4_9", True)


async def test_without_our_name_nothing_is_proven(server: Server, http: Http, remote: FakeReddit) -> None:
    server.on("/api/v1/me", Reply(500))
    with pytest.raises(Unreachable):
        await adapter(server, http).read_back(delivery(), mention())
    with pytest.raises(Unauthorised):
        await adapter(server, http, "").read_back(delivery(), mention())
