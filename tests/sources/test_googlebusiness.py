"""Google Business Profile: reviews of one location and of all, and answers that replace each other."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator, Iterator
from datetime import datetime, timedelta
from typing import Any

import pytest
import pytest_asyncio

from sources import registry
from sources.adapters.googlebusiness import GoogleBusiness, original
from sources.errors import BadAnswer, RateLimited, Refused, Unauthorised, Uncertain
from sources.http import Http
from sources.protocol import Page, Setup
from store.domain.desk import SourceConfig
from store.domain.poll import Cursor
from store.domain.secret import Secret
from tests.servers import Reply, Server, json_reply, reset, text
from tests.sources.fake_google import BUSINESS_PATH, NOW, PLACE, TOKEN, FakeBusiness, error, mention
from tests.sources.fake_mastodon import delivery

ONE = {"account": "1", "locations": ["2"]}
STREAM = f"reviews:{PLACE}"


@pytest.fixture
def server() -> Iterator[Server]:
    with Server() as running:
        yield running


@pytest.fixture
def remote(server: Server) -> FakeBusiness:
    return FakeBusiness(server)


@pytest_asyncio.fixture
async def http(server: Server) -> AsyncIterator[Http]:
    async with Http({server.host}, pause=0) as client:
        yield client


def adapter(server: Server, http: Http, **fields: Any) -> GoogleBusiness:
    given: dict[str, Any] = {"url": server.url(), "token": "env:B", "backfill": None, "options": ONE}
    return GoogleBusiness(Setup(SourceConfig("googlebusiness", "gbp", **(given | fields)), http, Secret(TOKEN)))


async def poll(
    source: GoogleBusiness, bookmark: dict[str, Any] | None = None, now: datetime = NOW, stream: str = STREAM
) -> list[Page]:
    cursor = Cursor("gbp", stream, json.loads(json.dumps(bookmark or {})), now, 0, None, "", "ok")
    return [page async for page in source.pages(cursor, now=now)]


def names(pages: list[Page]) -> list[str]:
    return [one.native_id.partition("/reviews/")[2] for page in pages for one in page.mentions]


def ago(hours: float) -> datetime:
    return NOW - timedelta(hours=hours)


def review(name: str = "r1", **fields: Any) -> Any:
    return mention("googlebusiness", f"{PLACE}/reviews/{name}", f"{PLACE}/reviews/{name}", **fields)


async def test_reviews_with_and_without_words_and_our_answer(server: Server, http: Http, remote: FakeBusiness) -> None:
    remote.add("r1", ago(9), updateTime=(ago(3).isoformat()))
    remote.add("r2", ago(2), "", "FIVE", reviewer={"isAnonymous": True, "displayName": "A Google User"})
    remote.answer("r1", "Sorry, we open at 9.", ago(1))
    (page,) = await poll(adapter(server, http))
    theirs, ours, silent = page.mentions

    assert (theirs.external_id, theirs.title, theirs.text) == (f"{PLACE}/reviews/r1", "★★☆☆☆", "acme is closed")
    assert (theirs.created_at, theirs.edited_at, theirs.direct) == (ago(9), ago(3), True)
    assert (ours.ours, ours.parent, ours.text) == (True, theirs.native_id, "Sorry, we open at 9.")
    assert (silent.title, silent.text, silent.author.handle) == ("★★★★★", "", "unknown")
    (asked,) = server.seen
    assert asked.params == {"pageSize": "50", "orderBy": "updateTime desc"}


async def test_an_answer_that_google_has_turned_down_is_none(server: Server, http: Http, remote: FakeBusiness) -> None:
    remote.add("r1", ago(9))
    remote.answer("r1", "Call +1 555", ago(1), reviewReplyState="REJECTED")
    assert names(await poll(adapter(server, http))) == ["r1"]


async def test_a_poll_that_dies_after_any_page_loses_nothing(server: Server, http: Http, remote: FakeBusiness) -> None:
    remote.page = 3
    for number in range(1, 12):
        remote.add(f"r{number:02}", ago(100 - number * 5))
    source = adapter(server, http)
    whole = await poll(source)
    assert sorted(names(whole)) == sorted(remote.reviews)
    for boundary in range(len(whole)):
        for number in range(50, 58):
            remote.add(f"r{number}", ago(10 - number / 10))
        rest = await poll(source, whole[boundary].bookmark)
        assert set(names(whole[: boundary + 1] + rest)) == remote.reviews.keys()
        assert names(await poll(source, rest[-1].bookmark)) == []
        for number in range(50, 58):
            remote.remove(f"r{number}")


def several(server: Server, count: int) -> list[FakeBusiness]:
    made = [FakeBusiness(server, place=f"accounts/1/locations/{number}") for number in range(count)]
    for number, one in enumerate(made):
        one.add(f"r{number}", ago(number + 1))
    listed = [{"name": f"locations/{number}"} for number in range(count)]
    server.on("/v1/accounts", json_reply({"accounts": [{"name": "accounts/1"}]}))
    server.on(
        "/v1/accounts/1/locations",
        lambda seen: json_reply(
            {"locations": listed[1:]} if "pageToken" in seen.params else {"locations": listed[:1], "nextPageToken": "x"}
        ),
    )
    return made


async def test_all_locations_of_the_login(server: Server, http: Http) -> None:
    places = several(server, 45)
    source = adapter(server, http, options={})
    assert source.streams() == ["reviews"]
    whole = await poll(source, stream="reviews")
    assert sorted(names(whole)) == sorted(f"r{number}" for number in range(45))
    assert server.at("/v1/accounts/1/locations")[0].params["readMask"] == "name"
    idle = await poll(source, whole[-1].bookmark, stream="reviews")
    assert names(idle) == []
    assert len(idle) <= 3, "what is quiet shares a page"
    assert len(server.at("/v1/accounts")) == 1
    places[7].add("late", NOW)
    assert names(await poll(source, idle[-1].bookmark, NOW + timedelta(minutes=1), "reviews")) == ["late"]
    for boundary in (0, 20, 40):  # and dies
        rest = await poll(source, whole[boundary].bookmark, stream="reviews")
        assert len(set(names(whole[: boundary + 1] + rest))) == 46


async def test_a_location_that_gives_nothing_does_not_stop_the_others(server: Server, http: Http) -> None:
    several(server, 3)
    server.on("/v4/accounts/1/locations/0/reviews", error(403, "PERMISSION_DENIED"))
    source = adapter(server, http, options={})
    assert names(await poll(source, stream="reviews")) == ["r1", "r2"]
    for number in (1, 2):
        server.on(f"/v4/accounts/1/locations/{number}/reviews", error(403, "PERMISSION_DENIED"))
    with pytest.raises(Unauthorised):
        await poll(source, stream="reviews")


@pytest.mark.parametrize(
    ("reply", "wrong"),
    [
        (error(429, "RESOURCE_EXHAUSTED"), RateLimited), (error(401, "UNAUTHENTICATED"), Unauthorised),
        (error(404, "NOT_FOUND"), BadAnswer), (json_reply([]), BadAnswer), (text("<html>"), BadAnswer),
    ],
)  # fmt: skip
async def test_what_google_says_instead(server: Server, http: Http, reply: Reply, wrong: type[Exception]) -> None:
    server.on(BUSINESS_PATH, reply)
    with pytest.raises(wrong):
        await poll(adapter(server, http))


async def test_edits_and_deletions_are_found(server: Server, http: Http, remote: FakeBusiness) -> None:
    remote.add("r1", ago(9), "acme is open now", updateTime=ago(0.5).isoformat())
    page = await adapter(server, http).recheck([review("r1"), review("r2")], now=NOW)
    assert page is not None
    assert [one.text for one in page.mentions] == ["acme is open now"]
    assert page.deleted == [f"{PLACE}/reviews/r2"]


async def test_an_answer_as_it_goes_out_and_is_found(server: Server, http: Http, remote: FakeBusiness) -> None:
    remote.add("r1", ago(9))
    source = adapter(server, http)
    absent = await source.read_back(delivery("Sorry!"), review())
    assert (absent.found, absent.complete) == (None, True)
    receipt = await source.send(delivery("Sorry!"), review())
    (put,) = remote.posted
    assert (put.method, json.loads(put.body)) == ("PUT", {"comment": "Sorry!"})
    assert receipt.native_id == f"{PLACE}/reviews/r1/reply"
    assert (await source.read_back(delivery("Sorry!"), review())).found == receipt
    assert await source.length("é€", handle="") == (5, 4096)


@pytest.mark.parametrize(
    ("reply", "wrong"),
    [
        (error(400, "INVALID_ARGUMENT"), Refused), (error(404, "NOT_FOUND"), Refused), (Reply(500), Uncertain),
        (error(401, "UNAUTHENTICATED"), Unauthorised), (reset(), Uncertain),
    ],
)  # fmt: skip
async def test_how_an_answer_can_end(server: Server, http: Http, reply: Reply, wrong: type[Exception]) -> None:
    server.on(f"{BUSINESS_PATH}/r1/reply", reply)
    with pytest.raises(wrong):
        await adapter(server, http).send(delivery(), review())


@pytest.mark.parametrize(
    ("comment", "words"),
    [
        ("Très bien", "Très bien"),
        ("(Translated by Google) Very good\n\n(Original)\nTrès bien", "Très bien"),
        ("Très bien\n\n(Translated by Google)\nVery good", "Très bien"),
        ("(Translated by Google) Very good", "(Translated by Google) Very good"),
    ],
)
def test_a_translation_is_not_what_they_wrote(comment: str, words: str) -> None:
    assert original(comment) == words


@pytest.mark.parametrize(
    ("options", "token", "says"),
    [
        ({"locations": ["2"]}, "env:T", "account"),
        ({"locations": [2], "account": "1"}, "env:T", "in quotes"),
        (ONE, "", "login is missing"),
    ],
)
def test_what_is_wrong_with_a_configuration(options: dict[str, Any], token: str, says: str) -> None:
    assert says in "; ".join(registry.problems(SourceConfig("googlebusiness", "g", token=token, options=options)))
