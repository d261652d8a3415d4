"""Trustpilot reviews and our replies."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator, Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
import pytest_asyncio

from sources import registry
from sources.errors import BadAnswer, NotSent, RateLimited, Refused, Unauthorised, Uncertain, Unreachable
from sources.http import Http
from sources.intake import Intake
from sources.keep import Keep
from sources.protocol import Page, ReadBack
from sources.text.clean import clean
from store.database import Database
from store.domain.desk import Desk, SourceConfig
from store.domain.mention import NewMention
from store.domain.poll import Cursor
from store.mentions import get
from tests.factories import NOW
from tests.servers import Reply, Server, cut_off, json_reply, rate_limited, reset
from tests.sources.fake_mastodon import delivery, mention
from tests.sources.fake_trustpilot import KEY, SECRET, UNIT, USER, FakeTrustpilot, adapter, poll

LOGGED_IN = {"client_secret": SECRET}


@pytest.fixture
def server() -> Iterator[Server]:
    with Server() as running:
        yield running


@pytest.fixture
def remote(server: Server) -> FakeTrustpilot:
    return FakeTrustpilot(server)


@pytest_asyncio.fixture
async def http(server: Server) -> AsyncIterator[Http]:
    async with Http({server.host}, pause=0) as client:
        yield client


def mentions(pages: list[Page]) -> list[NewMention]:
    return [one for page in pages for one in page.mentions]


def names(pages: list[Page]) -> set[int]:
    return {int(one.external_id, 16) for one in mentions(pages) if not one.ours}


async def test_the_fields_of_a_review_and_of_our_reply(server: Server, http: Http, remote: FakeTrustpilot) -> None:
    edited = NOW - timedelta(minutes=5)
    reply = {"text": "We are sorry", "createdAt": NOW.isoformat()}
    name = remote.add(1, updatedAt=edited.isoformat(), companyReply=reply)
    review, ours = mentions(await poll(adapter(server, http)))

    assert (review.title, clean(review)[1], review.language_hint) == ("★★☆☆☆ Late", "acme was late 1", "en")
    assert (review.author.handle, review.author.name) == ("c1", "Ana P.")
    assert (review.created_at, review.edited_at) == (NOW - timedelta(hours=1), edited)
    assert (review.external_id, review.thread, review.url) == (name, name, f"https://www.trustpilot.com/reviews/{name}")
    assert (review.direct, review.ours) == (True, False)
    assert (ours.ours, ours.parent, ours.thread, clean(ours)[1]) == (True, name, name, "We are sorry")
    assert {seen.headers["apikey"] for seen in server.seen} == {KEY}


async def test_nothing_is_lost_wherever_a_poll_dies(server: Server, http: Http, remote: FakeTrustpilot) -> None:
    remote.per_page = 10
    for number in range(65):
        remote.add(number, NOW - timedelta(days=number))
    source = adapter(server, http)
    whole = await poll(source)
    assert names(whole) == set(range(65))
    for number in range(100, 130):
        remote.add(number, NOW + timedelta(minutes=number))
    remote.reviews.pop(f"{20:024x}")  # what was below moves up
    for boundary in range(len(whole)):
        stored = whole[: boundary + 1]
        rest = await poll(source, stored[-1].bookmark, NOW + timedelta(hours=3))
        assert names(stored + rest) >= {*range(65), *range(100, 130)} - {20}
        new = [one.external_id for one in rest[0].mentions]
        assert f"{129:024x}" in new, "what is new comes first"


async def test_a_second_page_that_fails_for_long_loses_nothing(
    server: Server, http: Http, remote: FakeTrustpilot
) -> None:
    remote.per_page = 10
    for number in range(45):
        remote.add(number, NOW - timedelta(minutes=number))
    source, bookmark, stored = adapter(server, http), None, []
    path = f"/v1/business-units/{UNIT}/reviews"
    server.on(path, lambda seen: remote.page(seen) if seen.params["page"] == "1" else Reply(500))
    for hour in range(12):
        cursor = Cursor("tp", "reviews", bookmark or {}, NOW, 0, None, "", "ok")
        answers = source.pages(cursor, now=NOW + timedelta(hours=hour))
        stored.append(await anext(answers))
        with pytest.raises(Unreachable):
            await anext(answers)
        bookmark = stored[-1].bookmark
        remote.add(100 + hour, NOW + timedelta(hours=hour))
    assert len(json.dumps(bookmark)) < 1000, "the bookmark does not grow for ever"
    server.on(path, remote.page)
    stored += await poll(source, bookmark, NOW + timedelta(hours=13))
    assert names(stored) == {*range(45), *range(100, 112)}


async def test_a_server_that_knows_one_page_only(server: Server, http: Http, remote: FakeTrustpilot) -> None:
    remote.add(1)
    told = {"reviews": list(remote.reviews.values()), "links": [{"rel": "next-page", "href": ""}]}
    server.on(f"/v1/business-units/{UNIT}/reviews", json_reply(told))
    pages = await poll(adapter(server, http))
    assert (len(pages), names(pages)) == (2, {1})
    assert len(await poll(adapter(server, http), pages[-1].bookmark)) <= 2


async def test_a_quiet_poll_costs_one_request(server: Server, http: Http, remote: FakeTrustpilot) -> None:
    for number in range(250):
        remote.add(number, NOW - timedelta(hours=6 * number))
    source = adapter(server, http)
    first = await poll(source)
    assert len(await poll(source, first[-1].bookmark, NOW + timedelta(minutes=1))) == 1


@pytest.mark.parametrize(("backfill", "expected"), [(timedelta(0), 0), (timedelta(days=7), 7), (None, 150)])
async def test_how_far_back_the_first_contact_reads(
    server: Server, http: Http, remote: FakeTrustpilot, backfill: timedelta | None, expected: int
) -> None:
    for number in range(150):
        remote.add(number, NOW - timedelta(days=number, hours=1))
    source = adapter(server, http, backfill=backfill)
    first = await poll(source)
    remote.add(500, NOW + timedelta(minutes=1))
    second = await poll(source, first[-1].bookmark, NOW + timedelta(minutes=2))
    assert len(names(first)) == expected
    assert names(second) - names(first) == {500}


async def test_an_edit_in_its_old_place_is_found(
    server: Server, http: Http, remote: FakeTrustpilot, db: Database
) -> None:
    config = SourceConfig("trustpilot", "tp")
    intake = Intake(db, Desk(sources=(config,)))
    remote.per_page = 5
    for number in range(60):
        remote.add(number, NOW - timedelta(hours=number * 6))
    source, bookmark = adapter(server, http), None
    old = remote.reviews[f"{50:024x}"]
    stored = 0
    for hours in (0, 1, 26):
        for page in await poll(source, bookmark, NOW + timedelta(hours=hours)):
            line = await intake.take("tp", "trustpilot", "reviews", page, started_at=NOW, next_poll_at=None)
            assert line.returned == line.new + line.duplicate
            stored, bookmark = stored + line.new, page.bookmark
        if hours == 0:
            assert stored == 60
            old |= {"text": "acme made it good", "updatedAt": (NOW + timedelta(minutes=5)).isoformat()}
    found = [await get(db, number) for number in range(1, 61)]
    assert [one.text for one in found if one.versions] == ["acme made it good"]


async def test_a_company_by_its_domain(server: Server, http: Http, remote: FakeTrustpilot) -> None:
    remote.add(1)
    source = adapter(server, http, options={"business_unit": "acme.example"})
    assert names(await poll(source)) == names(await poll(source)) == {1}
    assert len(server.at("/v1/business-units/find")) == 1
    with pytest.raises(BadAnswer):
        await poll(adapter(server, http, options={"business_unit": "other.example"}))


async def test_a_review_that_cannot_be_read_is_kept_aside(server: Server, http: Http, remote: FakeTrustpilot) -> None:
    remote.add(1)
    remote.add(2, stars=7)
    remote.add(3, createdAt="soon")
    remote.reviews["x"] = {"createdAt": ""}
    (page,) = await poll(adapter(server, http))
    assert names([page]) == {1}
    assert {one.where for one in page.rejected} == {f"{2:024x}", f"{3:024x}", "a review"}


async def test_originals_looked_at_again(server: Server, http: Http, remote: FakeTrustpilot) -> None:
    same, other = remote.add(1), remote.add(2)
    source = adapter(server, http)

    def stored(name: str, number: int) -> Any:
        return mention(name, external_id=name, title="★★☆☆☆ Late", text=f"acme was late {number}")

    remote.reviews[other]["text"] = "acme was fine"
    page = await source.recheck([stored(same, 1), stored(other, 2), stored("f" * 24, 3)], now=NOW)
    assert page is not None
    assert [(one.external_id, one.text, one.edited_at) for one in page.mentions] == [(other, "acme was fine", NOW)]
    assert page.deleted == ["f" * 24]
    server.on(f"/v1/business-units/{UNIT}/reviews", Reply(404))
    with pytest.raises(BadAnswer):
        await source.recheck([stored("f" * 24, 3)], now=NOW)


async def test_a_login_is_kept_renewed_and_used_for_all(
    server: Server, http: Http, remote: FakeTrustpilot, tmp_path: Path
) -> None:
    remote.add(1)
    assert names(await poll(adapter(server, http, LOGGED_IN, Keep(tmp_path, "tp")))) == {1}
    assert names(await poll(adapter(server, http, LOGGED_IN, Keep(tmp_path, "tp")))) == {1}
    assert [seen.form for seen in remote.logins] == [{"grant_type": "client_credentials"}]
    assert {seen.path for seen in server.seen[1:]} == {f"/v1/private/business-units/{UNIT}/reviews"}
    remote.access = "another"  # the server forgot ours before its time
    assert names(await poll(adapter(server, http, LOGGED_IN, Keep(tmp_path, "tp")))) == {1}
    assert remote.logins[-1].form == {"grant_type": "refresh_token", "refresh_token": "refresh-1"}
    with pytest.raises(Unauthorised) as caught:
        await poll(adapter(server, http, {"client_secret": "wr0ng"}))
    assert "wr0ng" not in str(caught.value)


@pytest.mark.parametrize(
    ("secrets", "form"),
    [
        ({"password": "pw"}, {"grant_type": "password", "username": "kim@acme.example", "password": "pw"}),
        ({"refresh_token": "r0"}, {"grant_type": "refresh_token", "refresh_token": "r0"}),
    ],
)
async def test_ways_to_log_in(
    server: Server, http: Http, remote: FakeTrustpilot, secrets: dict[str, str], form: dict[str, str]
) -> None:
    options = {"username": "kim@acme.example"} if "password" in secrets else {}
    await poll(adapter(server, http, LOGGED_IN | secrets, options=options))
    assert remote.logins[0].form == form


async def test_an_answer_and_how_it_is_found_again(server: Server, http: Http, remote: FakeTrustpilot) -> None:
    name = remote.add(1)
    source = adapter(server, http, LOGGED_IN, options={"user": USER})
    parent, sent = mention(name), delivery("So sorry, Ana", tried_at=NOW)
    assert await source.read_back(sent, parent) == ReadBack(None, complete=True)

    remote.access = "forgotten"  # a refused token posts nothing: it is fetched anew, and then sent once
    receipt = await source.send(sent, parent)
    assert [json.loads(seen.body) for seen in remote.posts] == [
        {"authorBusinessUserId": USER, "message": "So sorry, Ana"}
    ]
    assert await source.read_back(sent, parent) == ReadBack(receipt, complete=True)
    (ours,) = [one for one in mentions(await poll(source)) if one.ours]
    assert (ours.native_id, ours.external_id) == (receipt.native_id, receipt.key)

    other = delivery("Something else", tried_at=NOW)
    assert await source.read_back(other, parent) == ReadBack(None, complete=False)
    remote.reviews[name]["companyReply"]["createdAt"] = (NOW - timedelta(days=1)).isoformat()
    assert await source.read_back(other, parent) == ReadBack(None, complete=True), "that one was there before"
    del remote.reviews[name]["companyReply"]
    assert await source.read_back(other, parent) == ReadBack(None, complete=False), "an answer that does not say"


WORDS = json_reply({"message": "This review is flagged"}, 400)


@pytest.mark.parametrize(
    ("reply", "error"),
    [
        (WORDS, Refused), (Reply(403), Refused), (Reply(404), Refused), (Reply(401), Unauthorised),
        (rate_limited("seconds", seconds=9), RateLimited), (Reply(500), Uncertain), (Reply(409), Uncertain),
        (reset(), Uncertain), (cut_off(json_reply({}), 1), Uncertain),
        (Reply(200, b"x", {"content-encoding": "br"}), Uncertain),
    ],
)  # fmt: skip
async def test_how_an_answer_can_end(
    server: Server, http: Http, remote: FakeTrustpilot, reply: Reply, error: type[Exception]
) -> None:
    name = remote.add(1)
    path = f"/v1/private/reviews/{name}/reply"
    server.on(path, reply)
    with pytest.raises(error) as caught:
        await adapter(server, http, LOGGED_IN, options={"user": USER}).send(delivery(), mention(name))
    assert len(server.at(path)) == (2 if reply.status == 401 else 1), "never sent twice"
    if reply is WORDS:
        assert "This review is flagged" in str(caught.value)


async def test_an_answer_that_did_not_leave(server: Server, http: Http) -> None:
    async with Http((), pause=0) as shut:  # a loopback address that nobody named is not dialled
        with pytest.raises(NotSent):
            await adapter(server, shut, {"access_token": "a"}, options={"user": USER}).send(delivery(), mention("x"))
    with pytest.raises(Refused, match="an API key can only read"):
        await adapter(server, http).send(delivery(), mention("x"))


def test_what_check_says() -> None:
    def config(token: str = "env:TP", **options: Any) -> SourceConfig:
        return SourceConfig("trustpilot", "tp", token=token, options={"business_unit": UNIT} | options)

    assert registry.problems(config()) == []
    assert "`token` is missing" in registry.problems(config(""))[0]
    assert "needed together" in registry.problems(config(client_secret="env:S", username="kim"))[0]
    assert "`client_secret` is missing" in registry.problems(config(refresh_token="env:R"))[0]
    assert "can only read" in registry.obstacle(config())
    assert "`user`" in registry.obstacle(config(client_secret="env:S"))
    assert registry.obstacle(config(client_secret="env:S", user=USER)) == ""
