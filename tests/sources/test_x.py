"""X: search, mentions, money, edits and answers."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator
from datetime import timedelta
from typing import Any

import pytest
import pytest_asyncio

from sources import registry
from sources.adapters.x import X
from sources.adapters.x_query import queries
from sources.errors import NotSent, RateLimited, Refused, Unauthorised, Uncertain
from sources.http import Http
from sources.keep import Keep
from sources.protocol import Page, Setup
from store.domain.desk import SourceConfig, Watch
from store.domain.mention import UNKNOWN_AUTHOR, MentionType
from store.domain.secret import Secret
from tests.servers import Reply, Server, cut_off, free_port, json_reply, rate_limited, text
from tests.sources.fake_mastodon import delivery
from tests.sources.fake_mastodon import mention as stored
from tests.sources.fake_x import MENTIONS, NOW, OWN, SEARCH, TIMELINE, TOKEN, FakeX, adapter, id_at, poll

A_MINUTE = timedelta(minutes=1)


@pytest.fixture
def server() -> Iterator[Server]:
    with Server() as running:
        yield running


@pytest.fixture
def remote(server: Server) -> FakeX:
    return FakeX(server)


@pytest_asyncio.fixture
async def http(server: Server) -> AsyncIterator[Http]:
    async with Http({server.host}, pause=0) as client:
        yield client


def names(pages: list[Page]) -> list[str]:
    return [mention.external_id for page in pages for mention in page.mentions]


def mention(name: str, **fields: Any) -> Any:
    return stored(name, **{"external_id": name, "network": "x"} | fields)


async def test_a_post_with_all_that_it_says(server: Server, http: Http, remote: FakeX) -> None:
    urls = [{"url": "https://t.co/a", "expanded_url": "https://acme.example/?a=1&lt=2"}]
    post = remote.add(
        NOW - A_MINUTE,
        "acme &lt;3 https://t.co/a and…",
        entities={"urls": urls},
        note_tweet={"text": "acme &lt;3 https://t.co/a and much more", "entities": {"urls": urls}},
        referenced_tweets=[{"type": "quoted", "id": "5"}, {"type": "replied_to", "id": "6"}],
        conversation_id="4",
        lang="de",
    )
    ours = remote.add(NOW - A_MINUTE, number=1, author_id=OWN)
    remote.add(NOW - A_MINUTE, number=2, created_at="yesterday")
    (page,) = await poll(adapter(server, http))
    theirs, mine = page.mentions

    assert theirs.text == "acme <3 https://acme.example/?a=1&lt=2 and much more"
    assert (theirs.network, theirs.external_id, theirs.native_id) == ("x", post["id"], post["id"])
    assert (theirs.parent, theirs.thread, theirs.type) == ("6", "4", MentionType.COMMENT)
    assert theirs.url == f"https://x.com/user1/status/{post['id']}"
    assert (theirs.author.handle, theirs.author.name, theirs.author.followers) == ("user1", "Ana", 1200)
    assert (theirs.language_hint, theirs.ours, theirs.direct) == ("de", False, False)
    assert mine.external_id == ours["id"]
    assert mine.ours
    assert [one.reason for one in page.rejected] == ["not a post (ValueError)"]


async def test_any_page_is_a_place_to_go_on_from_and_what_is_new_comes_first(
    server: Server, http: Http, remote: FakeX
) -> None:
    remote.size = 10
    old = [remote.add(NOW - timedelta(hours=5, minutes=-n), number=n)["id"] for n in range(35)]
    source = adapter(server, http)
    whole = await poll(source)
    assert sorted(names(whole)) == old
    assert [len(page.mentions) for page in whole] == [10, 10, 10, 5]
    assert all(names([page]) == sorted(names([page]), key=int) for page in whole)
    new = remote.add(NOW - A_MINUTE)["id"]
    for stored_pages in range(1, 5):
        rest = await poll(source, whole[stored_pages - 1].bookmark, NOW + A_MINUTE)
        assert names(rest)[0] == new
        assert sorted(set(names(whole[:stored_pages] + rest))) == [*old, new]


async def test_since_id_is_that_of_the_first_page_and_stays_while_paging(
    server: Server, http: Http, remote: FakeX
) -> None:
    remote.size = 10
    remote.add(NOW - timedelta(hours=9))
    source = adapter(server, http)
    first = await poll(source)
    posts = [remote.add(NOW - timedelta(minutes=90 - n), number=n)["id"] for n in range(25)]
    server.seen.clear()
    second = await poll(source, first[-1].bookmark, NOW)
    third = await poll(source, second[-1].bookmark, NOW)
    asked = [seen.params for seen in server.at(SEARCH)]

    assert [one["since_id"] for one in asked[:3]] == [id_at(NOW - timedelta(hours=9))] * 3
    assert [one.get("next_token", "") for one in asked[:3]] == ["", posts[15], posts[5]]
    assert asked[3]["since_id"] == posts[-1]
    assert names(third) == []


async def test_what_is_too_old_by_now_is_a_gap(server: Server, http: Http, remote: FakeX) -> None:
    remote.add(NOW - timedelta(hours=1))
    source = adapter(server, http)
    first = await poll(source)
    assert sum(page.gap_seconds for page in first) == 0  # seven days is what X gives, and what was wished
    later = NOW + timedelta(days=9)
    remote.clock = later
    new = remote.add(later - timedelta(days=3))["id"]
    second = await poll(source, first[-1].bookmark, later)

    assert names(second) == [new]
    assert sum(page.gap_seconds for page in second) == pytest.approx(timedelta(days=2).total_seconds(), abs=120)
    assert sum(page.gap_seconds for page in await poll(source, second[-1].bookmark, later)) == 0


async def test_x_may_think_it_too_old_before_we_do(server: Server, http: Http, remote: FakeX) -> None:
    remote.add(NOW - timedelta(minutes=2))
    source = adapter(server, http)
    first = await poll(source)
    remote.clock = NOW + timedelta(days=7, minutes=1)
    later = NOW + timedelta(days=6, hours=23, minutes=50)
    server.on(SEARCH, lambda seen: remote.search(seen) if "since_id" in seen.params else remote.page(seen, []))
    assert names(await poll(source, first[-1].bookmark, later)) == []


async def test_an_interrupted_walk_that_x_has_forgotten_is_told(server: Server, http: Http, remote: FakeX) -> None:
    remote.size = 10
    for n in range(25):
        remote.add(NOW - timedelta(minutes=90 - n), number=n)
    source = adapter(server, http)
    first = (await poll(source))[0]
    remote.clock = later = NOW + timedelta(days=8)
    server.on(SEARCH, lambda seen: Reply(400, b"{}") if "next_token" in seen.params else remote.search(seen))
    pages = await poll(source, first.bookmark, later)
    assert pages[-1].gap_seconds > 0
    assert await poll(source, pages[-1].bookmark, later)  # and is not asked for again


async def test_backfill_none_reads_nothing_of_before(server: Server, http: Http, remote: FakeX) -> None:
    remote.add(NOW - timedelta(seconds=40))
    source = adapter(server, http, backfill=timedelta(0))
    first = await poll(source)
    new = remote.add(NOW + timedelta(seconds=5))["id"]
    assert names(first) == []
    assert names(await poll(source, first[-1].bookmark, NOW + A_MINUTE)) == [new]


async def test_an_edit_is_the_same_mention(server: Server, http: Http, remote: FakeX) -> None:
    first = remote.add(NOW - timedelta(minutes=20), "acme is dwon")
    source = adapter(server, http)
    pages = await poll(source)
    history = [first["id"], id_at(NOW - timedelta(minutes=10))]
    remote.add(NOW - timedelta(minutes=10), "acme is down", edit_history_tweet_ids=history)
    first["edit_history_tweet_ids"] = history
    (edited,) = (await poll(source, pages[-1].bookmark))[0].mentions
    again = await source.recheck([mention(first["id"], text="acme is dwon")], now=NOW)

    assert (edited.external_id, edited.native_id) == (first["id"], history[1])
    assert edited.edited_at == NOW - timedelta(minutes=10)
    assert edited.created_at == NOW - timedelta(minutes=20)
    assert again is not None
    assert [(one.external_id, one.text) for one in again.mentions] == [(first["id"], "acme is down")]


async def test_recheck_tells_only_what_x_says_is_gone(server: Server, http: Http, remote: FakeX) -> None:
    kept = remote.add(NOW - A_MINUTE)["id"]
    hidden = id_at(NOW - A_MINUTE, 9)
    page = await adapter(server, http).recheck([mention(kept, text="acme is down"), mention("12")], now=NOW)
    assert page is not None
    assert (page.deleted, page.mentions) == (["12"], [])
    protected = {"resource_id": hidden, "type": "https://api.x.com/2/problems/not-authorized-for-resource"}
    server.on("/2/tweets", json_reply({"errors": [protected]}))
    page = await adapter(server, http).recheck([mention(hidden)], now=NOW)
    assert page is not None
    assert page.deleted == []


async def test_mentions_are_direct_and_an_app_without_an_account_goes_on(
    server: Server, http: Http, remote: FakeX
) -> None:
    remote.size = 5
    posts = [remote.add(NOW - timedelta(hours=2, minutes=-n), "@acme hi", number=n)["id"] for n in range(12)]
    pages = await poll(adapter(server, http), stream="mentions")
    assert sorted(names(pages)) == posts
    assert all(one.direct for page in pages for one in page.mentions)
    remote.user_context = False
    (page,) = await poll(adapter(server, http), stream="mentions")
    assert (page.mentions, page.next_poll_at) == ((), NOW + timedelta(hours=1))
    assert sorted(names(await poll(adapter(server, http, options={"account": OWN}), stream="mentions"))) == posts
    server.on("/2/users/me", Reply(599))
    remote.add(NOW - A_MINUTE)
    assert len(names(await poll(adapter(server, http)))) == 13


async def test_the_days_budget_stops_the_asking(server: Server, http: Http, remote: FakeX) -> None:
    for n in range(150):
        remote.add(NOW - timedelta(minutes=300 - n), number=n, author_id=str(n + 1))
    keep = Keep()
    source = adapter(server, http, keep=keep, options={"budget": 1})
    pages = await poll(source)
    asked = len(server.at(SEARCH))
    more = await poll(adapter(server, http, keep=keep, options={"budget": 1}), pages[-1].bookmark or pages[-2].bookmark)
    tomorrow = NOW.replace(hour=0) + timedelta(days=1)

    assert int(server.at(SEARCH)[0].params["max_results"]) * 0.015 <= 1.0
    assert (keep.load("spent") or {})["dollars"] <= 1.0 + 10 * 0.015
    assert len(server.at(SEARCH)) == asked
    assert "the day's budget of $1 is used up" in more[-1].asked
    assert (more[-1].next_poll_at, more[-1].quota_left, more[-1].bookmark) == (tomorrow, 0, None)
    found, mark = names(pages), pages[-2].bookmark
    for day in range(2):  # and goes on where it was
        later = await poll(source, mark, tomorrow + timedelta(days=day))
        found, mark = found + names(later), [page.bookmark for page in later if page.bookmark][-1]
    assert sorted(found) == sorted(remote)


async def test_limits_and_refusals(server: Server, http: Http, remote: FakeX) -> None:
    at = NOW + timedelta(minutes=10)
    server.on(SEARCH, json_reply({"title": "Too Many Requests"}, 429, x_rate_limit_reset=str(int(at.timestamp()))))
    with pytest.raises(RateLimited) as limited:
        await poll(adapter(server, http))
    assert limited.value.retry_at == at
    server.on(SEARCH, json_reply({"title": "CreditsDepleted", "detail": "no credits"}, 402))
    with pytest.raises(RateLimited, match="credits"):
        await poll(adapter(server, http))
    server.on(SEARCH, json_reply({"title": "Forbidden", "detail": "enroll your app"}, 403))
    with pytest.raises(Unauthorised, match="enroll your app"):
        await poll(adapter(server, http))
    reset = str(int(at.timestamp()))
    server.on(SEARCH, json_reply({"meta": {"result_count": 0}}, x_rate_limit_remaining="0", x_rate_limit_reset=reset))
    (page,) = await poll(adapter(server, http))
    assert (page.quota_left, page.next_poll_at) == (0, at)


def test_questions_cover_a_watch_and_fit() -> None:
    assert queries("acme") == ['("acme") -is:retweet']
    assert queries('"acme cloud" OR acmecloud~1 NOT anvil') == ['("acme cloud" OR "acmecloud") -is:retweet']
    assert queries("acme (down OR broken)") == ['(("broken" "acme") OR ("acme" "down")) -is:retweet']
    many = queries(" OR ".join(f"brand{'x' * 20}{n}" for n in range(30)))
    assert len(many) == 2
    assert all(len(query) <= 512 for query in many)
    assert sum(query.count("brand") for query in many) == 30
    assert len(queries(f"acme {'y' * 600}")[0]) <= 512
    assert queries("author:ana") == []


async def test_a_token_is_renewed_and_the_newest_refresh_token_kept(server: Server, http: Http, remote: FakeX) -> None:
    given = iter(["second", "third"])

    def grant(seen: Any) -> Reply:
        return json_reply({"access_token": TOKEN, "refresh_token": next(given), "expires_in": 7200})

    server.on("/2/oauth2/token", grant)
    config = SourceConfig("x", "x", url=server.url(), options={"client_id": "app", "refresh_token": "env:R"})
    assert registry.problems(config) == []
    keep = Keep()
    secrets = {"refresh_token": Secret("first"), "client_secret": Secret("hush")}
    source = X(Setup(config, http, None, (Watch("acme", "acme"),), secrets, keep))
    remote.add(NOW - A_MINUTE)
    assert len(names(await poll(source))) == 1
    server.on("/2/tweets/search/recent", Reply(401), remote.search)  # taken back before its time
    assert len(names(await poll(source))) == 1
    forms = [seen.form for seen in server.at("/2/oauth2/token")]

    assert [form["refresh_token"] for form in forms] == ["first", "second"]
    assert server.at("/2/oauth2/token")[0].headers["authorization"] == "Basic YXBwOmh1c2g="
    assert (keep.load("tokens") or {})["refresh"] == "third"


async def test_an_answer_as_it_goes_out(server: Server, http: Http, remote: FakeX) -> None:
    receipt = await adapter(server, http).send(delivery("Sorry!"), mention("7"))
    assert remote.posted == [{"text": "Sorry!", "reply": {"in_reply_to_tweet_id": "7"}}]
    assert (receipt.native_id, receipt.key, receipt.url) == ("777", "777", "https://x.com/i/web/status/777")


FORBIDDEN = "You are not allowed to reply: not mentioned or otherwise engaged by the author"
TWICE = "You are not allowed to create a Tweet with duplicate content."


async def test_a_post_that_says_no_more_than_its_words(server: Server, http: Http, remote: FakeX) -> None:
    written = NOW - timedelta(hours=2)
    bare = {"id": id_at(written, 5), "text": "acme &amp; co"}
    signed = {"id": id_at(written, 6), "text": "acme", "author_id": "7"}
    server.on(SEARCH, json_reply({"data": [signed, bare], "meta": {"result_count": 2}}))
    (page,) = await poll(adapter(server, http))
    nobody, somebody = page.mentions

    assert (nobody.text, nobody.created_at, nobody.author.handle) == ("acme & co", written, UNKNOWN_AUTHOR)
    assert nobody.url == f"https://x.com/i/web/status/{nobody.native_id}"
    assert (somebody.author.handle, somebody.author.url) == ("7", "https://x.com/i/user/7")


@pytest.mark.parametrize(
    ("reply", "attempts", "error", "words"),
    [
        (
            json_reply({"detail": FORBIDDEN, "title": "Forbidden"}, 403),
            1,
            Refused,
            "on its own page.*otherwise engaged",
        ),
        (json_reply({"detail": TWICE}, 403), 1, Refused, "change them"),
        (json_reply({"detail": TWICE}, 403), 2, Uncertain, "already posted"),
        (json_reply({"detail": "text is too long"}, 400), 1, Refused, "too long"),
        (json_reply({"title": "CreditsDepleted"}, 402), 1, Refused, "credits"),
        (json_reply({"title": "Unauthorized"}, 401), 1, Unauthorised, "token"),
        (rate_limited("seconds", seconds=60), 1, RateLimited, "too many"),
        (Reply(503), 1, Uncertain, "503"),
        (json_reply({"data": {}}, 201), 1, Uncertain, "without a post"),
        (text("<html>", "text/html", 200), 1, Uncertain, "not with whole JSON"),
        (cut_off(json_reply({"data": {"id": "7"}}), 5), 1, Uncertain, "cut off"),
    ],
)
async def test_what_becomes_of_an_answer(
    server: Server, http: Http, reply: Reply, attempts: int, error: type[Exception], words: str
) -> None:
    server.on("/2/tweets", reply)
    with pytest.raises(error, match=words):
        await adapter(server, http).send(delivery(attempts=attempts), mention("7"))


async def test_nothing_left_the_house() -> None:
    port = free_port()
    config = SourceConfig("x", "x", url=f"http://127.0.0.1:{port}", token="env:X")
    async with Http({f"127.0.0.1:{port}"}, pause=0) as http:
        with pytest.raises(NotSent):
            await X(Setup(config, http, Secret(TOKEN), ())).send(delivery(), mention("7"))


async def test_reading_back(server: Server, http: Http, remote: FakeX) -> None:
    remote.size = 5
    sent = delivery("Sorry, see example.com/help", tried_at=NOW)
    source = adapter(server, http)

    def ours(text: str, n: int, parent: str = "7", **fields: Any) -> str:
        referenced = [{"type": "replied_to", "id": parent}]
        post = remote.add(NOW + timedelta(seconds=n), text, author_id=OWN, referenced_tweets=referenced, **fields)
        return str(post["id"])

    for n in range(8):
        ours("Sorry, see https://t.co/x", n + 1, parent="8")
    assert await source.read_back(sent, mention("7")) == await source.read_back(sent, mention("7"))
    assert (await source.read_back(sent, mention("7"))).complete
    urls = [{"url": "https://t.co/x", "expanded_url": "http://example.com/help"}]
    name = ours("@ana Sorry, see https://t.co/x", 0, entities={"urls": urls})
    found = await source.read_back(sent, mention("7"))
    assert found.found is not None
    assert found.found.native_id == name
    remote[name]["text"], remote[name]["entities"] = "@ana Sorry, please see example.com", {}
    back = await source.read_back(sent, mention("7"))
    assert (back.found, back.complete) == (None, False)
    assert {seen.path for seen in server.seen} == {"/2/users/me", TIMELINE}


def test_what_is_wrong_with_a_configuration() -> None:
    def wrong(token: str = "env:X", **options: Any) -> list[str]:
        return registry.problems(SourceConfig("x", "x", token=token, options=options))

    assert wrong() == []
    assert "`token` is missing" in wrong(token="")[0]
    assert "`client_id` is missing" in wrong(refresh_token="env:R")[0]
    assert "numeric id" in wrong(account="acme")[0]
    assert "at least 1" in wrong(budget=0)[0]
    assert MENTIONS.endswith("/mentions")
