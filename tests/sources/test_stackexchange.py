"""Stack Exchange, against a server that searches and counts as its documentation says."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest
import pytest_asyncio

from sources import registry
from sources.adapters import stackexchange
from sources.adapters.stackexchange_post import domain
from sources.errors import BadAnswer, RateLimited, Unauthorised, Unreachable
from sources.http import Http
from sources.text.clean import clean
from store.domain.desk import SourceConfig
from store.domain.mention import MentionType
from store.domain.safetext import SafeText
from tests.servers import Reply, Server, json_reply, text
from tests.sources import fake_mastodon
from tests.sources.fake_stackexchange import NOW, SEARCH, STREAM, FakeStackExchange, adapter, names, poll

MINUTE, HOUR = timedelta(minutes=1), timedelta(hours=1)
TOMORROW = datetime(2026, 11, 22, tzinfo=UTC)


@pytest.fixture
def server() -> Iterator[Server]:
    with Server() as running:
        yield running


@pytest.fixture
def remote(server: Server) -> FakeStackExchange:
    return FakeStackExchange(server)


@pytest_asyncio.fixture
async def http(server: Server) -> AsyncIterator[Http]:
    async with Http({server.host}, pause=0) as client:
        yield client


async def test_a_question_and_an_answer_are_looked_up_whole(
    server: Server, http: Http, remote: FakeStackExchange
) -> None:
    remote.add(111, NOW - 2 * HOUR, last_edit_date=int(NOW.timestamp()))
    remote.add(222, NOW - HOUR, answers=111)
    (page,) = await poll(adapter(server, http, "k3y"))
    question, answer = page.mentions

    assert (question.external_id, question.thread, question.parent) == (
        "stackoverflow/q/111",
        "stackoverflow/q/111",
        "",
    )
    assert (question.title, question.type, question.edited_at) == ('Why "so"?', MentionType.POST, NOW)
    assert (answer.external_id, answer.parent) == ("stackoverflow/a/222", question.native_id)
    assert (answer.thread, answer.title, answer.type) == (question.thread, "", MentionType.COMMENT)
    assert (answer.author.handle, answer.author.name) == ("stackoverflow/5", "Ana & Co")
    assert answer.url == "https://stackoverflow.com/x/222"
    assert clean(answer)[1].endswith("leaves out")
    first, second = server.seen
    assert first.params["q"] == '"acme"'
    assert (first.params["site"], first.params["sort"], first.params["order"]) == ("stackoverflow", "creation", "desc")
    assert int(first.params["min"]) == int((NOW - timedelta(days=7)).timestamp())
    assert {one.params["key"] for one in (first, second)} == {"k3y"}
    assert {*second.path.rpartition("/")[2].split(";")} == {"111", "222"}


async def test_where_posts_cannot_be_looked_up_the_excerpt_stands(server: Server, http: Http) -> None:
    remote = FakeStackExchange(server, lookups=False)
    remote.add(222, NOW - HOUR, answers=111)
    first = await poll(adapter(server, http))
    remote.lookups = True
    second = await poll(adapter(server, http), first[-1].bookmark, NOW + MINUTE)

    (found,) = first[0].mentions
    assert clean(found)[1] == "…acme is down…"
    assert (found.author.handle, found.url) == ("unknown", "https://stackoverflow.com/a/222")
    assert names(second) == [], "what is known does not come again with other words"


@pytest.mark.parametrize("deepest", [25, 3])
async def test_all_of_them_also_after_a_kill_at_any_page(
    server: Server, http: Http, deepest: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(stackexchange, "DEEPEST", deepest)
    remote = FakeStackExchange(server, deepest=deepest)
    for number in range(1, 731):
        remote.add(number, NOW - MINUTE * (number // 3))
    source = adapter(server, http, backfill=None)
    whole = await poll(source)
    assert {int(name) for name in names(whole)} == set(range(1, 731))
    assert len(names(whole)) < 750
    for boundary in range(len(whole)):
        remote.add(999, NOW + MINUTE)
        rest = await poll(source, whole[boundary].bookmark, NOW + 2 * MINUTE)
        assert {int(name) for name in names(whole[: boundary + 1] + rest)} == {*range(1, 731), 999}
        del remote.posts[999]


async def test_old_posts_never_keep_new_ones_waiting(server: Server, http: Http, remote: FakeStackExchange) -> None:
    for number in range(1, 801):
        remote.add(number, NOW - HOUR * number)
    bookmark, found = None, []
    for turn in range(5):
        remote.add(1000 + turn, NOW + turn * HOUR)
        pages = await poll(adapter(server, http, backfill=None), bookmark, NOW + turn * HOUR, pages=2)
        assert str(1000 + turn) in names(pages)
        bookmark, found = pages[-1].bookmark, found + names(pages)
    found += names(await poll(adapter(server, http, backfill=None), bookmark, NOW + 5 * HOUR))
    assert {int(name) for name in found} == {*range(1, 801), *range(1000, 1005)}


@pytest.mark.parametrize(("backfill", "expected"), [(timedelta(0), []), (timedelta(days=1), ["2"]), (None, ["1", "2"])])
async def test_how_far_back_first_contact_reads_and_late_ones(
    server: Server, http: Http, remote: FakeStackExchange, backfill: timedelta | None, expected: list[str]
) -> None:
    remote.add(1, NOW - timedelta(days=9))
    remote.add(2, NOW - 2 * HOUR)
    first = await poll(adapter(server, http, backfill=backfill))
    remote.add(3, NOW + MINUTE)
    second = await poll(adapter(server, http, backfill=backfill), first[-1].bookmark, NOW + 2 * MINUTE)
    remote.add(4, NOW + MINUTE / 2)  # indexed late
    third = await poll(adapter(server, http, backfill=backfill), second[-1].bookmark, NOW + 4 * MINUTE)

    assert sorted(names(first)) == expected
    assert names(second) == ["3"]
    assert names(third) == ["4"]


async def test_a_backoff_holds_for_the_method_whatever_the_answer(
    server: Server, http: Http, remote: FakeStackExchange
) -> None:
    for number in range(1, 251):
        remote.add(number, NOW - MINUTE * number)
    remote.wrapper = {"backoff": 10, "quota_remaining": 9_000}
    source = adapter(server, http, options={"sites": ["stackoverflow", "serverfault"]}, every=MINUTE)
    (page,) = await poll(source)
    asked = len(server.at(SEARCH))
    other = "search:serverfault:acme"
    (resting,) = await poll(source, None, NOW + timedelta(seconds=5), other)
    still = len(server.at(SEARCH))
    remote.wrapper = {}
    rest = await poll(source, page.bookmark, NOW + timedelta(seconds=11))

    assert list(source.streams()) == [STREAM, other]
    assert asked == still == 1
    assert page.next_poll_at == resting.next_poll_at == NOW + timedelta(seconds=10)
    assert resting.bookmark is None
    assert {int(name) for name in names([page, *rest])} == set(range(1, 251))


async def test_the_days_quota(server: Server, http: Http, remote: FakeStackExchange) -> None:
    for number in range(1, 251):
        remote.add(number, NOW - MINUTE * number)
    remote.wrapper = {"quota_remaining": 0}
    (page,) = await poll(adapter(server, http))
    assert (page.quota_left, page.next_poll_at) == (0, TOMORROW)
    assert len(page.mentions) == 100, "what was given is kept"

    remote.wrapper = {"quota_remaining": 9_900}
    assert (await poll(adapter(server, http, every=MINUTE), page.bookmark))[-1].next_poll_at is None
    remote.wrapper = {"quota_remaining": 120}
    last = (await poll(adapter(server, http, every=MINUTE), page.bookmark))[-1]
    assert last.next_poll_at is not None
    assert NOW + 5 * MINUTE < last.next_poll_at < TOMORROW, "so that it lasts the day"


@pytest.mark.parametrize(("left", "pages"), [(290, 3), (60, 1)])
async def test_a_walk_back_leaves_what_news_need_of_the_days_quota(
    server: Server, http: Http, remote: FakeStackExchange, left: int, pages: int
) -> None:
    for number in range(1, 251):
        remote.add(number, NOW - timedelta(minutes=number))
    remote.wrapper = {"quota_max": 300, "quota_remaining": left}
    first = await poll(adapter(server, http))
    remote.wrapper = {"quota_max": 300, "quota_remaining": 250}
    rest = await poll(adapter(server, http), first[-1].bookmark)

    assert len(first) == pages
    assert {int(name) for name in names(first + rest)} == set(range(1, 251)), "it is gone on with"


async def test_every_question_gets_its_turn_in_a_small_quota(
    server: Server, http: Http, remote: FakeStackExchange
) -> None:
    remote.add(1, NOW - HOUR, "acme")
    remote.add(2, NOW - HOUR, "anvil")
    remote.wrapper = {"quota_remaining": 0}
    bookmark, found = None, []
    for turn in range(2):
        pages = await poll(adapter(server, http, query="acme OR anvil"), bookmark, NOW + turn * HOUR)
        bookmark, found = pages[-1].bookmark, found + names(pages)
    assert sorted(found) == ["1", "2"]


def error(number: int, name: str, message: str = "no", status: int = 400) -> Reply:
    return json_reply({"error_id": number, "error_name": name, "error_message": message}, status)


@pytest.mark.parametrize(
    ("reply", "raised", "wait"),
    [
        (error(502, "throttle_violation", "too many requests from this IP, more requests available in 26114 seconds"),
         RateLimited, 26_114),
        (error(502, "throttle_violation", "Violation of backoff parameter", 502), RateLimited, 60),
        (error(403, "access_denied"), Unauthorised, 0),
        (error(400, "bad_parameter", "No site found for name `x`"), BadAnswer, 0),
        (error(503, "temporarily_unavailable", status=503), Unreachable, 0),
        (text("<html>", "text/html", 502), Unreachable, 0),
        (json_reply({"has_more": False}), BadAnswer, 0),
    ],
)  # fmt: skip
async def test_what_it_says_when_it_does_not_answer(
    server: Server, http: Http, reply: Reply, raised: type[Exception], wait: int
) -> None:
    server.on(SEARCH, reply)
    with pytest.raises(raised) as caught:
        await poll(adapter(server, http, "s3cret"))
    assert "s3cret" not in str(caught.value)
    if isinstance(caught.value, RateLimited):
        assert caught.value.retry_at == NOW + timedelta(seconds=wait)


async def test_a_broken_hit_is_kept_aside(server: Server, http: Http, remote: FakeStackExchange) -> None:
    remote.add(1, NOW - HOUR)
    good = {"item_type": "question", "question_id": 1, "title": "x", "creation_date": int(NOW.timestamp()) - 60}
    bad = {"item_type": "question", "question_id": 2, "title": "x", "creation_date": "never"}
    server.on(SEARCH, json_reply({"items": [good, bad, "what", {"item_type": "wiki"}], "has_more": False}))
    (page,) = await poll(adapter(server, http))
    assert names([page]) == ["1"]
    assert len(page.rejected) == 3


async def test_originals_are_looked_at_again(server: Server, http: Http, remote: FakeStackExchange) -> None:
    edited = int(NOW.timestamp())
    for number in (1, 2):
        remote.add(number, NOW - HOUR, last_edit_date=edited)
    for number in range(10, 160):
        remote.add(number, NOW - HOUR)

    def mention(number: int, words: str = "as it was"):  # type: ignore[no-untyped-def]
        name = f"stackoverflow/q/{number}"
        return fake_mastodon.mention(name, external_id=name, network="stackexchange", text=SafeText(words))

    same = mention(2, "acme is down, and much more that an excerpt leaves out")
    seen = [mention(1), same, mention(3), *(mention(number) for number in range(10, 160))]
    page = await adapter(server, http).recheck(seen, now=NOW)

    assert page is not None
    assert [(new.external_id, new.edited_at) for new in page.mentions] == [("stackoverflow/q/1", NOW)]
    assert list(page.deleted) == ["stackoverflow/q/3"]
    assert len(server.seen) == 2, "a hundred at a time"


@pytest.mark.parametrize(
    ("site", "host"),
    [
        ("stackoverflow", "stackoverflow.com"), ("mathoverflow.net", "mathoverflow.net"),
        ("meta.serverfault", "meta.serverfault.com"), ("ru.stackoverflow", "ru.stackoverflow.com"),
        ("cooking", "cooking.stackexchange.com"), ("cooking.meta", "cooking.meta.stackexchange.com"),
    ],
)  # fmt: skip
def test_where_a_site_is(site: str, host: str) -> None:
    assert domain(site) == host


def test_options_are_checked() -> None:
    config = SourceConfig("stackexchange", "se", options={"sites": ["https://stackoverflow.com"]})
    assert "sites" in registry.problems(config)[0]
    assert registry.problems(replace(config, options={"sites": ["meta.serverfault"]})) == []
