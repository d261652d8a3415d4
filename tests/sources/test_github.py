"""GitHub, against a server that searches and lists as its documentation says."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator, Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
import pytest_asyncio

from sources.errors import BadAnswer, NotSent, RateLimited, Refused, Unauthorised, Uncertain
from sources.http import Http
from sources.protocol import ReadBack, Receipt
from sources.text.clean import clean
from store.domain.clock import utcnow
from store.domain.mention import MentionType
from store.domain.safetext import SafeText
from tests.servers import Reply, Server, free_port, json_reply, reset, text
from tests.sources import fake_mastodon
from tests.sources.fake_github import LOGIN, NOW, SEARCH, STREAM, TOKEN, FakeGitHub, adapter, names, poll, stamp

MINUTE, HOUR = timedelta(minutes=1), timedelta(hours=1)
MENTION = {"network": "github", "source": "gh", "handle": "ana"}
ISSUE = "acme/cloud#7"


@pytest.fixture
def server() -> Iterator[Server]:
    with Server() as running:
        yield running


@pytest.fixture
def remote(server: Server) -> FakeGitHub:
    return FakeGitHub(server)


@pytest_asyncio.fixture
async def http(server: Server) -> AsyncIterator[Http]:
    async with Http({server.host}, pause=0) as client:
        yield client


async def test_an_issue_a_pull_request_and_a_comment_found_by_its_words(
    server: Server, http: Http, remote: FakeGitHub
) -> None:
    remote.add(7, NOW - 3 * HOUR, "**acme** loses data", pull_request={"url": "x"})
    remote.add(8, NOW - 3 * HOUR, "nothing to see")
    remote.comment(70, 8, NOW - 2 * HOUR, "is this acme again?")
    remote.comment(71, 8, NOW - 2 * HOUR, "no")
    pages = await poll(adapter(server, http))
    issues = {one.native_id: one for page in pages for one in page.mentions}

    assert sorted(issues) == [ISSUE, "acme/cloud#8", "acme/cloud#8/70"]
    issue, comment = issues[ISSUE], issues["acme/cloud#8/70"]
    assert (issue.external_id, issue.title, issue.thread, issue.type) == ("I_7", "Trouble 7", ISSUE, MentionType.POST)
    assert (issue.author.handle, issue.author.url) == ("ana", "https://github.com/ana")
    assert clean(issue)[1] == "**acme** loses data"
    assert (comment.external_id, comment.parent, comment.thread) == ("IC_70", "acme/cloud#8", "acme/cloud#8")
    assert comment.url == "https://github.com/acme/cloud/issues/8#issuecomment-70"
    (first, *_) = server.at(SEARCH)
    assert first.params["q"].startswith('"acme" in:title,body,comments updated:>=')
    assert (first.params["sort"], first.params["order"], first.params["per_page"]) == ("updated", "asc", "100")


@pytest.mark.parametrize("most", [1000, 200])
async def test_more_than_a_search_gives_and_a_kill_after_any_page(server: Server, http: Http, most: int) -> None:
    remote = FakeGitHub(server, most=most)
    for number in range(1, 731):
        remote.add(number, NOW - MINUTE * (731 - number // 60 * 60))  # sixty in each second
    source = adapter(server, http, backfill=None)
    whole = await poll(source)
    assert sorted(map(int, names(whole))) == list(range(1, 731))

    for boundary in range(0, len(whole), 2):
        remote.add(999, NOW + MINUTE)
        rest = await poll(source, whole[boundary].bookmark, NOW + 2 * MINUTE)
        assert {int(name) for name in names(whole[: boundary + 1] + rest)} == {*range(1, 731), 999}
        del remote.issues[999]


async def test_old_issues_never_keep_new_ones_waiting(server: Server, http: Http, remote: FakeGitHub) -> None:
    for number in range(1, 1500):
        remote.add(number, NOW - HOUR * (1500 - number))
    bookmark, found = None, []
    for turn in range(6):  # each poll is broken off after two pages
        now = NOW + turn * HOUR
        remote.add(2000 + turn, now - MINUTE)
        pages = await poll(adapter(server, http, backfill=None), bookmark, now, pages=2)
        assert str(2000 + turn) in names(pages)
        bookmark, found = pages[-1].bookmark, found + names(pages)
    found += names(await poll(adapter(server, http, backfill=None), bookmark, NOW + 6 * HOUR))

    assert {int(name) for name in found} == {*range(1, 1500), *range(2000, 2006)}


async def test_what_is_updated_during_a_walk_pushes_nothing_out(server: Server, http: Http, remote: FakeGitHub) -> None:
    """The page after it moves up by one."""
    for number in range(1, 301):
        remote.add(number, NOW - MINUTE * (400 - number))
    search = remote.search

    def touched(seen):  # type: ignore[no-untyped-def]
        reply = search(seen)
        remote.issues[len(server.at(SEARCH))]["updated_at"] = stamp(NOW)
        return reply

    server.on(SEARCH, touched)
    assert {int(name) for name in names(await poll(adapter(server, http, backfill=None)))} == set(range(1, 301))


@pytest.mark.parametrize(
    ("backfill", "expected"), [(timedelta(0), []), (timedelta(days=1), ["2"]), (None, ["1", "1/10", "2"])]
)
async def test_how_far_back_first_contact_reads(
    server: Server, http: Http, remote: FakeGitHub, backfill: timedelta | None, expected: list[str]
) -> None:
    remote.add(1, NOW - timedelta(days=40), updated_at=stamp(NOW - HOUR))  # an old one that somebody commented on
    remote.comment(10, 1, NOW - timedelta(days=40), "acme, long ago")
    remote.comment(11, 1, NOW - HOUR, "of late")
    remote.add(2, NOW - 2 * HOUR)
    first = await poll(adapter(server, http, backfill=backfill))
    remote.add(3, NOW + MINUTE)
    second = await poll(adapter(server, http, backfill=backfill), first[-1].bookmark, NOW + 2 * MINUTE)

    assert sorted(names(first)) == expected
    assert "3" in names(second)
    assert set(names(second)) <= {*expected, "3"}


async def test_where_issues_and_pull_requests_are_asked_apart(server: Server, http: Http) -> None:
    remote = FakeGitHub(server, apart=True)
    remote.add(1, NOW - HOUR)
    remote.add(2, NOW - HOUR, pull_request={})
    source = adapter(server, http)
    first = await poll(source)
    remote.add(3, NOW, pull_request={})
    second = await poll(adapter(server, http), first[-1].bookmark, NOW + MINUTE)

    assert sorted(names(first)) == ["1", "2"]
    assert "3" in names(second)


async def test_comments_stay_owed_until_they_can_be_had(server: Server, http: Http, remote: FakeGitHub) -> None:
    remote.add(8, NOW - 3 * HOUR, "nothing")
    remote.comment(70, 8, NOW - 2 * HOUR, "acme one")
    remote.comment(71, 8, NOW - 2 * HOUR, "acme two")
    limited = Reply(403, b'{"message": "API rate limit exceeded"}', {"x-ratelimit-remaining": "0"})
    server.on("/repositories/7/issues/comments/71", limited)
    first = await poll(adapter(server, http))
    server.on("/repositories/7/issues/comments/71", lambda seen: json_reply(remote.comments[71]))
    at_once = await poll(adapter(server, http), first[-1].bookmark)
    second = await poll(adapter(server, http), at_once[-1].bookmark, NOW + 2 * MINUTE)
    asked = len(server.at("/repositories/7/issues/comments/70"))
    third = await poll(adapter(server, http), second[-1].bookmark, NOW + 3 * MINUTE)

    assert "8/70" in names(first)
    assert "8/71" not in names(first + at_once), "whoever is limited does not ask again at once"
    assert "8/71" in names(second)
    assert len(server.at("/repositories/7/issues/comments/70")) == asked == 1, "what was had is not asked for again"
    assert "8/71" not in names(third)


async def test_repositories_of_our_own_come_in_whole(server: Server, http: Http, remote: FakeGitHub) -> None:
    for number in range(1, 251):
        remote.add(number, NOW - MINUTE * (300 - number), "it broke")
    remote.comment(70, 7, NOW - MINUTE, "same here")
    source = adapter(server, http, TOKEN, options={"repos": ["acme/cloud"]}, backfill=None)
    assert list(source.streams()) == [
        STREAM, "discussions:acme", "mentions", "issues:acme/cloud", "comments:acme/cloud",
    ]  # fmt: skip
    issues = await poll(source, stream="issues:acme/cloud")
    comments = await poll(source, stream="comments:acme/cloud")
    again = await poll(source, comments[-1].bookmark, stream="comments:acme/cloud")
    third = await poll(source, again[-1].bookmark, stream="comments:acme/cloud")

    assert sorted(map(int, names(issues))) == list(range(1, 251))
    assert names(comments) == ["7/70"]
    assert all(mention.direct for page in issues + comments for mention in page.mentions)
    assert server.seen[-1].headers.get("if-none-match"), "what did not change is asked for conditionally"
    assert names(third) == names(again), "and is what it was"


async def test_what_mentions_the_account_is_direct_and_its_own_words_are_ours(
    server: Server, http: Http, remote: FakeGitHub
) -> None:
    remote.add(1, NOW - HOUR, f"hello @{LOGIN}, help")
    remote.add(2, NOW - 2 * HOUR, "no word of you")
    remote.comment(70, 2, NOW - HOUR, f"@{LOGIN} please")
    remote.comment(71, 2, NOW - HOUR, f"@{LOGIN}-not somebody else")
    remote.comment(72, 2, NOW - HOUR, "acme: we are on it", LOGIN)
    told = await poll(adapter(server, http, TOKEN), stream="mentions")
    found = await poll(adapter(server, http, TOKEN))

    assert sorted(names(told)) == ["1", "2/70"]
    assert all(mention.direct for page in told for mention in page.mentions)
    for name in range(100, 240):
        words = f"@{LOGIN} still" if name == 230 else "so"
        remote.comment(name, 2, NOW - HOUR / 2 + name * timedelta(seconds=1), words)
    more = await poll(adapter(server, http, TOKEN), told[-1].bookmark, stream="mentions")
    assert "2/230" in names(more), "a long thread is read to its end"
    assert [m.native_id for page in found for m in page.mentions if m.ours] == ["acme/cloud#2/72"]


@pytest.mark.parametrize(
    ("reply", "error", "wait"),
    [
        (Reply(403, b'{"message": "slow"}', {"retry-after": "60"}), RateLimited, 60),
        (
            Reply(403, b"{}", {"x-ratelimit-remaining": "0", "x-ratelimit-reset": str(int(NOW.timestamp()) + 30)}),
            RateLimited, 30,
        ),
        (json_reply({"message": "You have exceeded a secondary rate limit."}, 403), RateLimited, 60),
        (Reply(429, b"{}"), RateLimited, 60),
        (json_reply({"message": "Resource not accessible by personal access token"}, 403), Unauthorised, 0),
        (json_reply({"message": "Bad credentials"}, 401), Unauthorised, 0),
        (json_reply({"message": "Validation Failed"}, 422), BadAnswer, 0),
        (json_reply({"items": "none"}), BadAnswer, 0),
    ],
)  # fmt: skip
async def test_what_it_says_when_it_does_not_answer(
    server: Server, http: Http, reply: Reply, error: type[Exception], wait: int
) -> None:
    server.on(SEARCH, reply)
    with pytest.raises(error) as caught:
        await poll(adapter(server, http))
    if isinstance(caught.value, RateLimited):
        assert caught.value.retry_at == NOW + timedelta(seconds=wait)


async def test_a_minute_whose_searches_are_used_up_ends_the_poll(
    server: Server, http: Http, remote: FakeGitHub
) -> None:
    remote.add(1, NOW - HOUR, "acme")
    remote.add(2, NOW - HOUR, "anvil")
    search, reset_at = remote.search, NOW + timedelta(seconds=40)
    spent = {"x-ratelimit-remaining": "0", "x-ratelimit-reset": str(int(reset_at.timestamp()))}
    server.on(SEARCH, lambda seen: Reply(200, search(seen).body, spent))
    bookmark, found = None, []
    for turn in range(6):
        pages = await poll(adapter(server, http, query="acme OR anvil"), bookmark, NOW + turn * MINUTE)
        assert len(pages) == 1
        assert pages[0].quota_left == 0
        assert pages[0].next_poll_at == reset_at
        bookmark, found = pages[-1].bookmark, found + names(pages)

    assert {*found} == {"1", "2"}, "each question gets its turn"


async def test_an_answer_that_ran_out_of_time(server: Server, http: Http, remote: FakeGitHub) -> None:
    remote.add(1, NOW - HOUR)
    search = remote.search

    def hurried(seen):  # type: ignore[no-untyped-def]
        return json_reply(json.loads(search(seen).body) | {"incomplete_results": True})

    server.on(SEARCH, hurried)
    told = await poll(adapter(server, http))
    assert max(page.gap_seconds for page in told) > 0


async def test_a_broken_item_is_kept_aside(server: Server, http: Http, remote: FakeGitHub) -> None:
    remote.add(1, NOW - HOUR)
    remote.add(2, NOW - HOUR, url="nowhere")
    server.on(SEARCH, json_reply({"total_count": 3, "items": [*remote.issues.values(), "what"]}))
    pages = await poll(adapter(server, http))
    assert {*names(pages)} == {"1"}
    assert {item.where for page in pages for item in page.rejected} == {"I_2", "an item"}


REPLY = {"id": "DC_2", "body": "no", "createdAt": stamp(NOW - HOUR), "author": {"login": LOGIN}}
DISCUSSION = {
    "id": "D_1", "title": "Is acme safe?", "body": "I wonder", "url": "https://github.com/acme/cloud/discussions/4",
    "createdAt": stamp(NOW - HOUR), "updatedAt": stamp(NOW - HOUR), "lastEditedAt": None,
    "author": {"login": "ana", "url": "https://github.com/ana"},
    "comments": {"totalCount": 1, "nodes": [
        {"id": "DC_1", "body": "acme is", "createdAt": stamp(NOW - HOUR), "author": None, "url": "",
         "replies": {"nodes": [REPLY]}},
    ]},
}  # fmt: skip


async def test_a_discussion_with_what_is_said_in_it(server: Server, http: Http, remote: FakeGitHub) -> None:
    found = {"discussionCount": 1, "pageInfo": {"endCursor": "x", "hasNextPage": False}, "nodes": [DISCUSSION]}
    server.on("/graphql", json_reply({"data": {"search": found}}))
    pages = await poll(adapter(server, http, TOKEN), stream="discussions:acme")
    began, comment, reply = (mention for page in pages for mention in page.mentions)

    assert (began.native_id, began.thread, began.title, began.parent) == ("D_1", "D_1", "Is acme safe?", "")
    assert (comment.native_id, comment.thread, comment.parent, comment.author.handle) == (
        "DC_1",
        "D_1",
        "D_1",
        "unknown",
    )
    assert (reply.parent, reply.thread, reply.ours) == ("DC_1", "D_1", True)


@pytest.mark.parametrize("reply", [Reply(404), Reply(599)])
async def test_a_server_that_has_only_search(server: Server, http: Http, remote: FakeGitHub, reply: Reply) -> None:
    remote.add(1, NOW - HOUR)
    for path in ("/user", "/graphql"):
        server.on(path, reply)
    source = adapter(server, http, TOKEN)
    assert {*names(await poll(source))} == {"1"}
    (page,) = await poll(source, stream="discussions:acme")
    assert not page.mentions
    assert page.bookmark is None
    assert page.next_poll_at == NOW + HOUR


async def test_discussions_that_were_there_and_fail_are_told(server: Server, http: Http) -> None:
    server.on("/graphql", json_reply({"errors": [{"type": "SOMETHING", "message": "went wrong"}]}))
    with pytest.raises(BadAnswer, match="went wrong"):
        await poll(adapter(server, http, TOKEN), {"places": {}}, stream="discussions:acme")
    server.on("/graphql", json_reply({"errors": [{"type": "RATE_LIMITED", "message": "x"}]}))
    with pytest.raises(RateLimited):
        await poll(adapter(server, http, TOKEN), {"places": {}}, stream="discussions:acme")


def mention(native: str = ISSUE, **fields):  # type: ignore[no-untyped-def]
    return fake_mastodon.mention(native, **(MENTION | {"external_id": "I_7", "thread": ISSUE} | fields))


def delivery(words: str = "@ana Sorry!", **fields):  # type: ignore[no-untyped-def]
    return fake_mastodon.delivery(words, source="gh", **fields)


@pytest.mark.parametrize("native", [ISSUE, "acme/cloud#7/70"])
async def test_an_answer_as_it_goes_out_and_comes_back(
    server: Server, http: Http, remote: FakeGitHub, native: str
) -> None:
    remote.add(7, NOW - HOUR)
    source = adapter(server, http, TOKEN)
    receipt = await source.send(delivery(), mention(native))
    back = await source.read_back(delivery(), mention(native))
    (comment,) = [one for page in await poll(source, stream=STREAM) for one in page.mentions if one.ours] or [None]

    (post,) = remote.posts
    assert json.loads(post.body) == {"body": "@ana Sorry!"}
    assert post.headers["authorization"] == f"Bearer {TOKEN}"
    assert receipt == Receipt("acme/cloud#7/900", "IC_900", "https://github.com/acme/cloud/issues/7#issuecomment-900")
    assert back.found == receipt
    assert comment is None, "it does not hold the words of the watch"


async def test_an_answer_in_a_discussion(server: Server, http: Http) -> None:
    made = {"id": "DC_9", "url": "https://github.com/x#9", "body": "Hi", "createdAt": stamp(utcnow()), "author": None}
    server.on("/user", json_reply({"login": LOGIN}))
    server.on("/graphql", json_reply({"data": {"addDiscussionComment": {"comment": made}}}))
    source = adapter(server, http, TOKEN)
    for native, parent, under in (("D_1", "", None), ("DC_1", "D_1", "DC_1"), ("DC_2", "DC_1", "DC_1")):
        receipt = await source.send(delivery("Hi"), mention(native, thread="D_1", parent=parent))
        sent = json.loads(server.at("/graphql")[-1].body)["variables"]["input"]
        assert receipt == Receipt("DC_9", "DC_9", "https://github.com/x#9")
        assert (sent["discussionId"], sent["body"], sent.get("replyToId")) == ("D_1", "Hi", under)

    nobodys = {"data": {"node": {"said": {"totalCount": 1, "nodes": [made | {"author": {"login": "eve"}}]}}}}
    server.on("/graphql", json_reply(nobodys))
    assert (await source.read_back(delivery("Hi"), mention("D_1", thread="D_1"))) == ReadBack(None, complete=True)
    made["author"] = {"login": LOGIN}
    server.on("/graphql", json_reply({"data": {"node": {"said": {"totalCount": 1, "nodes": [made]}}}}))
    back = await source.read_back(delivery("Hi"), mention("DC_2", thread="D_1", parent="DC_1"))
    assert back.found == receipt
    assert not (await source.read_back(delivery("Other"), mention("D_1", thread="D_1"))).found
    server.on("/graphql", json_reply({"data": {"node": {"said": {"totalCount": 300, "nodes": [made]}}}}))
    assert not (await source.read_back(delivery("Other"), mention("D_1", thread="D_1"))).complete


@pytest.mark.parametrize(
    ("told", "end"),
    [
        ({"data": {"addDiscussionComment": None}, "errors": [{"type": "NOT_FOUND", "message": "no node"}]}, Refused),
        ({"data": None, "errors": [{"type": "FORBIDDEN", "message": "no"}]}, Unauthorised),
        ({"data": None, "errors": [{"type": "RATE_LIMITED", "message": "no"}]}, RateLimited),
        ({"errors": [{"message": "no such field", "extensions": {"code": "undefinedField"}}]}, Refused),
        ({"data": None, "errors": [{"message": "Something went wrong while executing your query."}]}, Uncertain),
        ({"data": {"addDiscussionComment": {"comment": {"id": "DC_9"}}}, "errors": [{"type": "X"}]}, None),
    ],
)
async def test_errors_with_200_are_read(server: Server, http: Http, told: Any, end: type[Exception] | None) -> None:
    """What took too long may be there; and a comment that is told is there, whatever else went wrong."""
    server.on("/graphql", json_reply(told))
    source = adapter(server, http, TOKEN)
    if end is None:
        assert (await source.send(delivery("Hi"), mention("D_1", thread="D_1"))).native_id == "DC_9"
        return
    with pytest.raises(end):
        await source.send(delivery("Hi"), mention("D_1", thread="D_1"))


@pytest.mark.parametrize(
    ("reply", "error"),
    [
        (json_reply({"message": "Validation Failed", "errors": [{"message": "Body is too long"}]}, 422), Refused),
        (json_reply({"message": "Unable to create comment because issue is locked."}, 403), Refused),
        (json_reply({"message": "Not Found"}, 404), Refused), (Reply(410), Refused),
        (json_reply({"message": "Bad credentials"}, 401), Unauthorised),
        (Reply(403, b"{}", {"retry-after": "60"}), RateLimited),
        (json_reply({"message": "You have exceeded a secondary rate limit"}, 403), RateLimited),
        (Reply(502), Uncertain), (text("<html>", "text/html", 201), Uncertain), (reset(), Uncertain),
        (json_reply({"body": "x"}, 201), Uncertain),
    ],
)  # fmt: skip
async def test_what_becomes_of_an_answer(server: Server, http: Http, reply: Reply, error: type[Exception]) -> None:
    server.on("/repos/acme/cloud/issues/7/comments", reply)
    with pytest.raises(error):
        await adapter(server, http, TOKEN).send(delivery(), mention())


async def test_errors_of_a_discussion_come_with_200(server: Server, http: Http) -> None:
    for errors, error in (
        ([{"type": "UNPROCESSABLE", "message": "Body is too long"}], Refused),
        ([{"type": "NOT_FOUND", "message": "Could not resolve to a node"}], Refused),
        ([{"type": "RATE_LIMITED", "message": "API rate limit exceeded"}], RateLimited),
        ([{"type": "INSUFFICIENT_SCOPES", "message": "Your token has not been granted"}], Unauthorised),
    ):
        server.on("/graphql", json_reply({"data": {"addDiscussionComment": None}, "errors": errors}))
        with pytest.raises(error):
            await adapter(server, http, TOKEN).send(delivery(), mention("D_1", thread="D_1"))


async def test_nothing_is_sent_without_a_token_or_to_a_server_that_is_away(server: Server, http: Http) -> None:
    with pytest.raises(Refused, match="token"):
        await adapter(server, http).send(delivery(), mention())
    async with Http({"127.0.0.1"}, pause=0) as other:
        source = adapter(server, other, TOKEN)
        source._server.url = f"http://127.0.0.1:{free_port()}"
        with pytest.raises(NotSent):
            await source.send(delivery(), mention())


async def test_reading_back(server: Server, http: Http, remote: FakeGitHub) -> None:
    remote.add(7, NOW - HOUR)
    source, tried = adapter(server, http, TOKEN), datetime.now(UTC)
    remote.comment(71, 7, tried - timedelta(days=1), "@ana Sorry!", LOGIN)
    remote.comment(72, 7, tried, "@ana Sorry!", "ben")
    absent = await source.read_back(delivery(tried_at=tried), mention())
    remote.comment(73, 7, tried, "@ana Sorry!\r\n", LOGIN)
    there = await source.read_back(delivery(tried_at=tried), mention())
    for name in range(1000, 2100):
        remote.comment(name, 7, tried, "busy")
    endless = await source.read_back(delivery("Something else", tried_at=tried), mention())

    assert (absent.found, absent.complete) == (None, True)
    assert there.found is not None
    assert there.found.native_id == "acme/cloud#7/73"
    assert (endless.found, endless.complete) == (None, False)


async def test_originals_are_looked_at_again(server: Server, http: Http, remote: FakeGitHub) -> None:
    remote.add(7, NOW - HOUR, "as it was", title="Trouble", updated_at=stamp(NOW))
    remote.comment(70, 7, NOW, "changed")
    gone = mention("acme/cloud#404", external_id="I_404")
    nodes = [None, {**DISCUSSION, "body": "Edited", "lastEditedAt": stamp(NOW)}]
    server.on("/graphql", json_reply({"data": {"nodes": nodes}}))
    same = mention(ISSUE, title=SafeText("Trouble"), text=SafeText("as it was"))
    edited = mention("acme/cloud#7/70", external_id="IC_70", text=SafeText("before"))
    discussions = [mention(name, external_id=name, thread=name) for name in ("D_0", "D_1")]
    page = await adapter(server, http, TOKEN).recheck([same, edited, gone, *discussions], now=NOW)

    assert page is not None
    assert {(one.external_id, one.edited_at) for one in page.mentions} == {("IC_70", NOW), ("D_1", NOW)}
    assert sorted(page.deleted) == ["D_0", "I_404"]
    assert await adapter(server, http).recheck([gone], now=NOW) is None
    server.on("/rate_limit", Reply(404))
    with pytest.raises(BadAnswer, match="deletions"):
        await adapter(server, http, TOKEN).recheck([gone], now=NOW)


async def test_length_and_how_an_answer_begins(server: Server, http: Http) -> None:
    source = adapter(server, http, TOKEN)
    assert await source.length("Grüße", handle="ana") == (5, 65_536)
    assert source.compose(mention()) == "@ana "
