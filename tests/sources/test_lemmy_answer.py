"""Answering on Lemmy, 0.19 and 1.0."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator, Iterator
from datetime import timedelta
from typing import Any

import pytest
import pytest_asyncio

from sources.adapters.lemmy import Lemmy
from sources.adapters.lemmy_server import V3, V4
from sources.errors import BadAnswer, NotSent, RateLimited, Refused, Unauthorised, Uncertain, Unreachable
from sources.http import Http
from sources.protocol import Receipt, Setup
from store.domain.clock import utcnow
from store.domain.desk import SourceConfig
from store.domain.secret import Secret
from tests.servers import Reply, Seen, Server, cut_off, free_port, json_reply, redirect, reset, text
from tests.sources.fake_lemmy import HOME, OWN, TOKEN, FakeLemmy, View, adapter, comment, creator, mention
from tests.sources.fake_mastodon import delivery


@pytest.fixture
def server() -> Iterator[Server]:
    with Server() as running:
        yield running


@pytest.fixture(params=[V3, V4])
def remote(server: Server, request: pytest.FixtureRequest) -> FakeLemmy:
    return FakeLemmy(server, request.param)


@pytest_asyncio.fixture
async def http(server: Server) -> AsyncIterator[Http]:
    async with Http({server.host}, pause=0) as client:
        yield client


@pytest.mark.parametrize(("parent", "ids"), [("77/7", {"post_id": 77, "parent_id": 7}), ("77", {"post_id": 77})])
async def test_an_answer_as_it_goes_out(
    server: Server, http: Http, remote: FakeLemmy, parent: str, ids: dict[str, int]
) -> None:
    path = f"/api/{remote.api}/comment"
    server.on(path, json_reply({"comment_view": comment(777, utcnow(), remote.api)}))
    source = adapter(server, http, TOKEN)
    receipt = await source.send(delivery(), mention(parent))
    await source.send(delivery(), mention(parent))

    seen = server.at(path)
    assert receipt == Receipt("77/777", f"{HOME}/comment/777", f"{HOME}/comment/777")
    assert json.loads(seen[0].body) == {"content": "Sorry!"} | ids
    assert seen[0].headers["authorization"] == f"Bearer {TOKEN}"
    assert len(seen[0].headers["idempotency-key"]) == 32
    assert seen[0].headers["idempotency-key"] == seen[1].headers["idempotency-key"]
    assert source.compose(mention()) == ""
    assert await source.length("häh", handle="ana") == (3, 10_000)


def view(**fields: Any) -> Reply:
    return json_reply({"comment_view": comment(777, utcnow(), **fields)})


@pytest.mark.parametrize(
    ("reply", "error"),
    [
        (json_reply({"error": "locked"}, 400), Refused), (json_reply({"error": "deleted"}, 400), Refused),
        (json_reply({"error": "not_logged_in"}, 400), Unauthorised),
        (json_reply({"error": "couldnt_like_comment"}, 400), Uncertain), (Reply(404), Refused),
        (json_reply({"error": "rate_limit_error"}, 400), RateLimited), (Reply(429), RateLimited),
        (json_reply({"error": "incorrect_login"}, 401), Unauthorised), (Reply(422), Uncertain),
        (Reply(500), Uncertain), (Reply(408), Uncertain), (text("<html>", "text/html"), Uncertain),
        (json_reply([]), Uncertain), (json_reply({}), Uncertain), (view(ap_id=""), Uncertain),
        (cut_off(view(), 9), Uncertain), (reset(), Uncertain), (redirect("/login"), Uncertain),
    ],
)  # fmt: skip
async def test_how_a_post_can_end(server: Server, http: Http, reply: Reply, error: type[Exception]) -> None:
    FakeLemmy(server)
    server.on("/api/v3/comment", reply)
    with pytest.raises(error) as caught:
        await adapter(server, http, TOKEN).send(delivery(), mention())
    assert len(server.at("/api/v3/comment")) == 1, "never sent twice"
    if b"locked" in reply.body:
        assert "locked" in str(caught.value)


async def test_what_did_not_leave(server: Server, http: Http, remote: FakeLemmy) -> None:
    gone = f"127.0.0.1:{free_port()}"
    async with Http({gone}, pause=0) as other:
        config = SourceConfig("lemmy", "l", url=f"http://{gone}", token="env:T")
        with pytest.raises(NotSent):
            await Lemmy(Setup(config, other, Secret(TOKEN))).send(delivery(), mention())
    with pytest.raises(Refused, match="no token"):
        await adapter(server, http).send(delivery(), mention())
    with pytest.raises(Refused, match="answered from here"):
        await adapter(server, http, TOKEN).send(delivery(), mention("message/7"))
    with pytest.raises(Refused, match="answered from here"):
        await adapter(server, http, TOKEN).send(delivery(), mention("/7"))


SENT = "Sorry! See https://acme.example/x?utm_source=y and wait"


def written(one: View) -> str:
    return str(one["comment"].get("published") or one["comment"].get("published_at"))


async def read_back(
    server: Server, http: Http, remote: FakeLemmy, *under: View, size: int = 50, parent: str = "77/7"
) -> tuple[str, bool]:
    def listing(seen: Seen) -> Reply:
        assert (seen.params["post_id"], seen.params.get("parent_id")) == ("77", "7" if "/" in parent else None)
        found = sorted(under, key=written, reverse=True)
        if remote.api == V4:
            return json_reply(remote.cursored(found, seen))
        number = int(seen.params.get("page", "1"))
        return json_reply({"comments": found[(number - 1) * size : number * size]})

    remote.size = size
    server.on(f"/api/{remote.api}/comment/list", listing)
    back = await adapter(server, http, TOKEN).read_back(delivery(SENT), mention(parent))
    return back.found.native_id if back.found else "", back.complete


def ours(
    remote: FakeLemmy, number: int = 777, words: str = SENT, path: str = "", ago: float = 0, **fields: Any
) -> View:
    mine = creator(remote.api, OWN, "acme")
    place = path or f"0.7.{number}"
    at = utcnow() - timedelta(seconds=ago)
    return comment(number, at, remote.api, **({"content": words, "path": place, "creator": mine} | fields))


async def test_our_post_is_found_again(server: Server, http: Http, remote: FakeLemmy) -> None:
    assert await read_back(server, http, remote, ours(remote)) == ("77/777", True)
    rewritten = ours(remote, words=SENT.replace("?utm_source=y", ""))
    found = await read_back(server, http, remote, rewritten)
    assert found in (("77/777", True), ("", False)), "never proven absent"
    top = ours(remote, path="0.777")
    assert await read_back(server, http, remote, top, parent="77") == ("77/777", True)
    others = [ours(remote, number, "about another thing altogether") for number in range(100)]
    assert await read_back(server, http, remote, *others, ours(remote, ago=9), size=20) == ("77/777", True)


async def test_what_is_not_our_post(server: Server, http: Http, remote: FakeLemmy) -> None:
    others = [
        ours(remote, 1, creator=creator(remote.api)),
        ours(remote, 2, "about another thing altogether"),
        ours(remote, 3, path="0.7.8.3"),
        ours(remote, 7, "the parent itself", path="0.7", creator=creator(remote.api)),
    ]
    assert await read_back(server, http, remote, *others) == ("", True)
    assert await read_back(server, http, remote) == ("", True)
    assert await read_back(server, http, remote, ours(remote, ago=9_000)) == ("", False), "ours, by another clock?"


async def test_absence_is_only_proven_by_a_whole_read(server: Server, http: Http, remote: FakeLemmy) -> None:
    many = [ours(remote, number, "about another thing altogether") for number in range(1, 60)]
    assert await read_back(server, http, remote, *many, size=2) == ("", False), "more than is read"
    older = [ours(remote, 900, "about another thing altogether", ago=90_000)]
    assert await read_back(server, http, remote, *many[:20], *older, size=5) == ("", True)
    unreadable = ours(remote, 5, ap_id="")
    assert await read_back(server, http, remote, *many[:3], unreadable) == ("", False)
    for reply in (Reply(500), json_reply({})):
        server.on(f"/api/{remote.api}/comment/list", reply)
        with pytest.raises((Unreachable, BadAnswer)):
            await adapter(server, http, TOKEN).read_back(delivery(), mention())
    with pytest.raises(Unauthorised):
        await adapter(server, http, "wrong").read_back(delivery(), mention())


async def test_an_instance_that_answers_nothing_else(server: Server, http: Http) -> None:
    server.on("/api/v3/comment", view())
    assert (await adapter(server, http, TOKEN).send(delivery(), mention())).native_id == "77/777"


async def test_the_same_full_page_again_proves_nothing(server: Server, http: Http) -> None:
    """The v3 of Lemmy 1.0 forgets what page it is asked for."""
    remote = FakeLemmy(server)
    full = [ours(remote, number, "about another thing altogether") for number in range(1, 51)]
    server.on("/api/v3/comment/list", json_reply({"comments": full}))
    back = await adapter(server, http, TOKEN).read_back(delivery(SENT), mention())
    assert (back.found, back.complete) == (None, False)
