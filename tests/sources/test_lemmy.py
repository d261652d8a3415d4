"""Reading Lemmy, 0.19 and 1.0."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator
from datetime import timedelta

import pytest
import pytest_asyncio

from sources.adapters.lemmy_server import V3, V4
from sources.errors import BadAnswer, RateLimited, Unauthorised
from sources.http import Http
from sources.protocol import Page
from store.domain.mention import MentionType
from tests.servers import Reply, Seen, Server, json_reply, rate_limited
from tests.sources.fake_lemmy import HOME, NOW, OWN, TOKEN, FakeLemmy, adapter, comment, creator, mention, poll, post

HOUR = timedelta(hours=1)


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


def names(pages: list[Page]) -> list[str]:
    return [one.native_id for page in pages for one in page.mentions]


def searches(server: Server) -> list[Seen]:
    return [seen for seen in server.seen if seen.path.endswith("/search")]


@pytest.mark.parametrize("size", [50, 20])
async def test_posts_and_comments_over_many_pages(server: Server, http: Http, remote: FakeLemmy, size: int) -> None:
    remote.size = size  # an instance may give less than it is asked for
    for number in range(1000, 1130):
        remote.post(number, NOW - timedelta(hours=2000 - number))
        remote.comment(number, NOW - timedelta(hours=1500 - number))
    remote.post(1, NOW, name="another thing", body="altogether")
    source = adapter(server, http)
    first = await poll(source)
    asked = len(searches(server))
    remote.post(2000, NOW)
    remote.comment(2000, NOW)
    then = await poll(source, first[-1].bookmark)
    expected = {str(number) for number in range(1000, 1130)} | {f"77/{number}" for number in range(1000, 1130)}

    assert set(names(first)) == expected
    assert {"2000", "77/2000"} <= set(names(then))
    assert len(searches(server)) - asked <= 2, "a quiet poll costs one question each"


async def test_a_poll_that_dies_after_any_page_loses_nothing(server: Server, http: Http, remote: FakeLemmy) -> None:
    for number in range(1000, 1120):
        remote.post(number, NOW - timedelta(hours=1500 - number))
    source = adapter(server, http)
    whole = await poll(source)
    before = list(remote.posts)
    for boundary in range(len(whole)):
        for number in range(3000, 3060):
            remote.post(number, NOW)
        rest = await poll(source, whole[boundary].bookmark)
        everything = {*map(str, range(1000, 1120)), *map(str, range(3000, 3060))}
        assert {*names(whole[: boundary + 1]), *names(rest)} == everything
        for cut in range(len(rest)):
            again = await poll(source, rest[cut].bookmark)
            assert {*names(whole[: boundary + 1]), *names(rest[: cut + 1]), *names(again)} == everything
        remote.posts = list(before)


async def test_a_long_past_does_not_keep_new_ones_waiting(server: Server, http: Http, remote: FakeLemmy) -> None:
    remote.size = 5
    for number in range(1000, 1150):
        remote.post(number, NOW - timedelta(hours=1500 - number))
    source = adapter(server, http)
    first = (await poll(source))[:20]  # broken off there
    remote.post(5000, NOW)
    then = (await poll(source, first[-1].bookmark))[:5]
    rest = await poll(source, then[-1].bookmark)

    assert len(set(names(first))) < 150
    assert "5000" in names([page for page in then if "posts" in page.asked.lower()][:1])
    assert {*names(first), *names(then), *names(rest)} == {*map(str, range(1000, 1150)), "5000"}


async def test_what_comes_late_from_another_instance_is_found(server: Server, http: Http, remote: FakeLemmy) -> None:
    for number in range(1000, 1060):
        remote.post(number, NOW - timedelta(minutes=1100 - number))
    source = adapter(server, http)
    first = await poll(source)
    remote.post(7, NOW - timedelta(hours=20))
    soon = await poll(source, first[-1].bookmark, NOW + timedelta(minutes=5))
    later = await poll(source, soon[-1].bookmark, NOW + 2 * HOUR)

    assert "7" not in names(soon)
    assert "7" in names(later)


@pytest.mark.parametrize(
    ("backfill", "expected"), [(timedelta(0), set()), (timedelta(days=7), {"3", "4"}), (None, {"1", "2", "3", "4"})]
)
async def test_how_far_back_the_first_contact_reads(
    server: Server, http: Http, remote: FakeLemmy, backfill: timedelta | None, expected: set[str]
) -> None:
    for number, days in ((1, 30), (2, 20), (3, 5), (4, 1)):
        remote.post(number, NOW - timedelta(days=days))
    source = adapter(server, http, backfill=backfill)
    first = await poll(source)
    remote.post(5, NOW + timedelta(seconds=1))

    assert set(names(first)) == expected
    assert "5" in names(await poll(source, first[-1].bookmark, NOW + timedelta(minutes=1)))


async def test_a_server_that_ignores_the_page_ends_the_poll(server: Server, http: Http) -> None:
    remote = FakeLemmy(server)
    remote.post(1, NOW - HOUR)

    def deaf(seen: Seen) -> Reply:
        return json_reply({"posts": remote.found("posts", "acme"), "comments": []})

    server.on("/api/v3/search", deaf)
    assert set(names(await poll(adapter(server, http)))) == {"1"}
    assert len(searches(server)) <= 4


# What a view becomes.


async def test_a_comment_and_a_post_as_mentions(server: Server, http: Http, remote: FakeLemmy) -> None:
    api = remote.api
    remote.comment(12, NOW - HOUR, path="0.11.12", edited=NOW)
    remote.comment(13, NOW, creator=creator(api, OWN, "acme"), path="0.13")
    remote.comment(14, NOW, deleted=True)
    remote.post(20, NOW - HOUR, url="https://acme.example/x")
    remote.post(21, NOW, removed=True)
    remote.comments.append({"comment": {"id": 1, "content": "acme", "published": "", "published_at": ""}})
    pages = await poll(adapter(server, http, TOKEN))
    found = {one.native_id: one for page in pages for one in page.mentions}
    one, linked = found["77/12"], found["20"]

    assert found.keys() == {"77/12", "77/13", "20"}
    assert (one.network, one.external_id, one.url) == ("lemmy", f"{HOME}/comment/12", f"{HOME}/comment/12")
    assert (one.parent, one.thread, found["77/13"].parent) == ("77/11", f"{HOME}/post/77", "77")
    assert (one.author.handle, one.author.name, one.author.url) == ("ana@far.example", "Ana", f"{HOME}/u/ana")
    assert (one.type, one.text, one.title) == (MentionType.COMMENT, "acme 12", "")
    assert (one.created_at, one.edited_at) == (NOW - HOUR, NOW)
    assert (one.ours, found["77/13"].ours, one.direct) == (False, True, False)
    assert (linked.type, linked.title, linked.thread) == (MentionType.POST, "acme 20", f"{HOME}/post/20")
    assert linked.text == "https://acme.example/x\n\nIt is down"
    assert {name for page in pages for name in page.deleted} == {f"{HOME}/comment/14", f"{HOME}/post/21"}
    assert len({item.raw for page in pages for item in page.rejected}) == 1


async def test_what_is_addressed_to_us(server: Server, http: Http, remote: FakeLemmy) -> None:
    api = remote.api
    remote.tell("mention", comment(1, NOW - HOUR, api, content="hey you"), NOW)
    remote.tell("reply", comment(2, NOW - HOUR, api), NOW - HOUR)
    if api == V4:
        remote.tell("mention", post(3, NOW, api), NOW)
        remote.tell("subscribed", post(4, NOW, api), NOW)
    source = adapter(server, http, TOKEN)
    first = await poll(source, stream="notifications")
    remote.tell("reply", comment(9, NOW - 500 * HOUR, api), NOW)  # an old one that we are told of now
    then = await poll(source, first[-1].bookmark, stream="notifications")

    assert set(names(first)) == {"77/1", "77/2", *(["3"] if api == V4 else [])}
    assert all(one.direct for page in first for one in page.mentions)
    assert "77/9" in names(then)
    assert adapter(server, http).streams() == ["search:acme"]


async def test_what_is_looked_at_again(server: Server, http: Http, remote: FakeLemmy) -> None:
    api = remote.api
    there = {
        "1": json_reply({"comment_view": comment(1, NOW, api, edited=NOW, content="better")}),
        "2": json_reply({"comment_view": comment(2, NOW, api, deleted=True, content="")}),
        "3": json_reply({"error": "couldnt_find_comment" if api == V3 else "not_found"}, 404),
        "4": json_reply({"comment_view": comment(4, NOW, api)}),
        "5": json_reply({"comment_view": comment(6, NOW, api, removed=True)}),
    }
    server.on(f"/api/{api}/comment", lambda seen: there[seen.params["id"]])
    server.on(f"/api/{api}/post", json_reply({"post_view": post(8, NOW, api, removed=True)}))
    known = [mention(f"77/{number}") for number in "12345"]
    page = await adapter(server, http).recheck([*known, mention("8")], now=NOW)

    assert page is not None
    assert [one.text for one in page.mentions] == ["better"]
    assert page.deleted == [f"{HOME}/comment/2", f"{HOME}/comment/3", f"{HOME}/post/8"]
    server.on(f"/api/{api}/comment", Reply(404))
    with pytest.raises(BadAnswer):
        await adapter(server, http).recheck(known[:1], now=NOW)


# Which API, which limits, which words.


async def test_what_is_asked_of_an_instance_that_hides_its_version(server: Server, http: Http) -> None:
    for api in (V3, V4):
        with Server() as other:
            remote = FakeLemmy(other, api)
            remote.post(1, NOW - HOUR)
            other.on("/api/v3/site", Reply(599))
            async with Http({other.host}, pause=0) as client:
                assert set(names(await poll(adapter(other, client)))) == {"1"}
                other.on("/nodeinfo/2.1", json_reply({"software": {"version": "0.19.3" if api == V3 else "1.2.0"}}))
                assert set(names(await poll(adapter(other, client, TOKEN)))) == {"1"}
    with pytest.raises(BadAnswer):
        await poll(adapter(server, http))


@pytest.mark.parametrize(
    ("reply", "seconds"),
    [
        (json_reply({"error": "rate_limit_error"}, 400), None),
        (json_reply({"error": "too_many_requests"}, 429, x_ratelimit_reset="30"), 30),
        (rate_limited("seconds", seconds=60), 60),
    ],
)
async def test_every_way_to_say_that_it_is_too_much(
    server: Server, http: Http, remote: FakeLemmy, reply: Reply, seconds: int | None
) -> None:
    server.on(f"/api/{remote.api}/search", reply)
    with pytest.raises(RateLimited) as caught:
        await poll(adapter(server, http))
    assert caught.value.retry_at == (None if seconds is None else NOW + timedelta(seconds=seconds))


async def test_a_share_that_is_used_up_ends_the_poll_and_the_next_line_is_first(server: Server, http: Http) -> None:
    remote = FakeLemmy(server)
    remote.headers = {"x-ratelimit-remaining": "0", "x-ratelimit-reset": "30"}
    source = adapter(server, http)
    (first,) = await poll(source)
    (then,) = await poll(source, first.bookmark, NOW + HOUR / 60)

    assert (first.quota_left, first.next_poll_at) == (0, NOW + timedelta(seconds=30))
    assert [seen.params["type_"] for seen in searches(server)] == ["Posts", "Comments"]
    assert then.bookmark != first.bookmark


async def test_the_search_is_asked_as_nobody_unless_the_instance_is_closed(
    server: Server, http: Http, remote: FakeLemmy
) -> None:
    remote.post(1, NOW - HOUR)
    await poll(adapter(server, http, TOKEN))
    assert not any("authorization" in seen.headers for seen in searches(server))
    remote.closed = True
    assert "1" in names(await poll(adapter(server, http, TOKEN)))
    with pytest.raises(Unauthorised):
        await poll(adapter(server, http))


async def test_words_that_stand_apart_are_asked_for_by_the_longest(server: Server, http: Http) -> None:
    remote = FakeLemmy(server)
    remote.post(1, NOW - HOUR, name="The cloud of acme", body="")
    remote.post(2, NOW - HOUR, name="big acme cloud", body="")
    assert set(names(await poll(adapter(server, http, query="acme cloud")))) == {"1", "2"}
    assert set(names(await poll(adapter(server, http, query='"acme cloud"')))) == {"2"}


async def test_a_place_that_is_not_known_any_more(server: Server, http: Http) -> None:
    remote = FakeLemmy(server, V4, size=5)
    for number in range(1000, 1150):
        remote.post(number, NOW - timedelta(hours=1500 - number))
    source = adapter(server, http)
    first = (await poll(source))[:20]  # broken off there
    answer = remote.search_v4

    def forgetful(seen: Seen) -> Reply:
        if seen.params.get("page_cursor") == "c100" and not lost:
            lost.append(seen)
            return json_reply({"error": "couldnt_parse_pagination_token"}, 400)
        return answer(seen)

    lost: list[Seen] = []
    server.on("/api/v4/search", forgetful)
    then = await poll(source, first[-1].bookmark)
    assert lost
    assert len({*names(first), *names(then)}) == 150
