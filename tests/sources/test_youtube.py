"""YouTube: comments of channels and videos, the search for videos, and answers."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator, Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
import pytest_asyncio

from sources import registry
from sources.adapters.youtube import YouTube
from sources.adapters.youtube_api import FOR_ANSWERS, UNITS
from sources.errors import BadAnswer, Gone, NotSent, RateLimited, Refused, Unauthorised, Uncertain
from sources.http import Http
from sources.keep import Keep
from sources.protocol import Setup
from store.domain.clock import utcnow
from store.domain.desk import SourceConfig, Watch
from store.domain.mention import MentionType
from store.domain.poll import Cursor
from store.domain.secret import Secret
from tests.servers import Reply, Server, cut_off, free_port, json_reply, rate_limited, reset, text
from tests.sources.fake_mastodon import delivery
from tests.sources.fake_youtube import (
    KEY,
    NOW,
    OWN,
    TOKEN,
    VIDEO,
    FakeYouTube,
    adapter,
    error,
    mention,
    names,
    poll,
    stamp,
)

THREADS, COMMENTS = "/youtube/v3/commentThreads", "/youtube/v3/comments"


@pytest.fixture
def server() -> Iterator[Server]:
    with Server() as running:
        yield running


@pytest.fixture
def remote(server: Server) -> FakeYouTube:
    return FakeYouTube(server)


@pytest_asyncio.fixture
async def http(server: Server) -> AsyncIterator[Http]:
    async with Http({server.host}, pause=0) as client:
        yield client


def ago(minutes: float) -> Any:
    return NOW - timedelta(minutes=minutes)


# Reading.


async def test_a_comment_and_its_answers_as_mentions(server: Server, http: Http, remote: FakeYouTube) -> None:
    remote.add("Ug1", ago(60), "acme <3", updatedAt=stamp(ago(30)))
    remote.answer("Ug1", "a", ago(20))
    remote.answer("Ug1", "b", ago(10), "we are on it", author=OWN)
    pages = await poll(adapter(server, http))
    top, answer, ours = pages[0].mentions

    assert (top.external_id, top.text, top.edited_at, top.parent, top.thread) == ("Ug1", "acme <3", ago(30), "", "Ug1")
    assert top.url == f"https://www.youtube.com/watch?v={VIDEO}&lc=Ug1"
    assert (top.author.handle, top.author.name, top.author.url) == (
        "UCana", "@ucana", "https://www.youtube.com/channel/UCana",
    )  # fmt: skip
    assert (answer.parent, answer.thread, answer.native_id) == ("Ug1", "Ug1", "Ug1.a")
    assert [one.ours for one in (top, answer, ours)] == [False, False, True]
    assert all(one.direct and one.type is MentionType.COMMENT for one in (top, answer, ours))
    (asked,) = server.seen
    assert asked.params == {
        "part": "snippet,replies", "allThreadsRelatedToChannelId": OWN, "order": "time", "maxResults": "100",
        "textFormat": "plainText",
    }  # fmt: skip
    assert asked.headers["x-goog-api-key"] == KEY
    assert KEY not in asked.target


async def test_a_comment_on_a_channel_itself_has_an_address_too(server: Server, http: Http) -> None:
    at = stamp(ago(60))
    snippet = {"authorDisplayName": "ana", "channelId": OWN, "textOriginal": "hi", "publishedAt": at, "updatedAt": at}
    top = {"kind": "youtube#comment", "id": "Ug1", "snippet": snippet}
    thread = {"kind": "youtube#commentThread", "id": "Ug1",
              "snippet": {"channelId": OWN, "topLevelComment": top, "totalReplyCount": 0}}  # fmt: skip
    server.on(THREADS, json_reply({"items": [thread]}))
    (found,) = (await poll(adapter(server, http)))[0].mentions
    assert (found.url, found.created_at) == (f"https://www.youtube.com/channel/{OWN}/discussion?lc=Ug1", ago(60))


async def test_a_poll_that_dies_after_any_page_loses_nothing(server: Server, http: Http, remote: FakeYouTube) -> None:
    remote.page = 5
    for number in range(1, 24):
        remote.add(f"Ug{number:03}", ago(5000 - number * 100))
    remote.answer("Ug004", "a", ago(90))
    for letter in "bcde":
        remote.answer("Ug004", letter, ago(80))
    everything = {*remote.threads, *(one["id"] for one in remote.answers["Ug004"])}
    source = adapter(server, http)
    whole = await poll(source)
    assert set(names(whole)) == everything
    for boundary in range(len(whole)):
        for number in range(50, 62):  # came while we were away
            remote.add(f"Ug{number:03}", ago(70 - number))
        stored = whole[: boundary + 1]
        rest = await poll(source, stored[-1].bookmark)
        assert set(names(stored + rest)) == everything | {f"Ug{number:03}" for number in range(50, 62)}
        first = [name for name in names(rest) if name > "Ug05"]
        assert first == names(rest)[: len(first)], "what is new is read first"
        for cut in range(len(rest)):  # and dies again
            again = await poll(source, rest[cut].bookmark)
            assert set(names(stored + rest[: cut + 1] + again)) == set(names(stored + rest))
        for number in range(50, 62):
            del remote.threads[f"Ug{number:03}"]


async def test_what_is_known_is_not_given_again(server: Server, http: Http, remote: FakeYouTube) -> None:
    for number in range(250):
        remote.add(f"Ug{number:03}", ago(500 - number))
    source = adapter(server, http)
    bookmark = (await poll(source))[-1].bookmark
    before = len(server.seen)
    idle = await poll(source, bookmark, NOW + timedelta(minutes=1))
    assert names(idle) == []
    assert len(server.seen) - before <= 8, "a page from the top, and a look at known threads 50 at a time"


@pytest.mark.parametrize(
    ("backfill", "expected"),
    [(timedelta(0), set()), (timedelta(days=7), {"Ug3", "Ug4"}), (None, {"Ug1", "Ug3", "Ug4"})],
)
async def test_how_far_back_the_first_contact_reads(
    server: Server, http: Http, remote: FakeYouTube, backfill: timedelta | None, expected: set[str]
) -> None:
    for number, days in ((1, 30), (3, 5), (4, 1)):
        remote.add(f"Ug{number}", NOW - timedelta(days=days))
    source = adapter(server, http, backfill=backfill)
    first = await poll(source)
    remote.add("Ug5", NOW + timedelta(minutes=1))
    remote.answer("Ug1", "new", NOW + timedelta(minutes=1))
    second = await poll(source, first[-1].bookmark, NOW + timedelta(minutes=2))

    assert set(names(first)) == expected
    assert {"Ug5", "Ug1.new"} <= set(names(second)) <= {"Ug5", "Ug1.new", "Ug1"}
    assert "Ug1" in expected or "Ug1" not in names(second), "and no further"


async def test_a_new_answer_far_down_is_found(server: Server, http: Http, remote: FakeYouTube) -> None:
    remote.page = 10
    for number in range(60):
        remote.add(f"Ug{number:03}", ago(9000 - number * 100))
    source = adapter(server, http)
    bookmark = (await poll(source))[-1].bookmark
    for letter in "abcde":  # more than come along
        remote.answer("Ug007", letter, NOW)
    remote.add("Ug008", ago(8200), "acme is up again", updatedAt=stamp(NOW))
    found = await poll(source, bookmark, NOW + timedelta(minutes=5))

    assert {*(f"Ug007.{letter}" for letter in "abcde"), "Ug008"} <= set(names(found))
    answers = {one.external_id: one for page in found for one in page.mentions}
    assert answers["Ug007.a"].direct
    assert answers["Ug007.a"].url.endswith(f"v={VIDEO}&lc=Ug007.a"), "the list of answers does not name the video"
    assert answers["Ug008"].edited_at == NOW
    assert names(await poll(source, found[-1].bookmark, NOW + timedelta(minutes=10))) == []


@pytest.mark.parametrize("reply", [Reply(404), Reply(599), error(403, "forbidden"), reset()])
async def test_answers_that_are_not_given_do_not_stop_the_comments(
    server: Server, http: Http, remote: FakeYouTube, reply: Reply
) -> None:
    remote.add("Ug1", ago(60))
    for letter in "abcde":
        remote.answer("Ug1", letter, ago(50))
    server.on(COMMENTS, reply)
    server.on("/youtube/v3/channels", reply)
    source = adapter(server, http, TOKEN)
    first = await poll(source)
    assert "Ug1" in names(first)
    server.on(COMMENTS, remote.comments)
    assert len(set(names(first + await poll(source, first[-1].bookmark)))) == 6


async def test_a_comment_that_was_held_back_appears_at_its_old_place(
    server: Server, http: Http, remote: FakeYouTube
) -> None:
    remote.page = 10
    for number in range(60):
        remote.add(f"Ug{number:03}", ago(6000 - number * 100))
    source = adapter(server, http)
    bookmark = (await poll(source))[-1].bookmark
    remote.add("Ugheld", ago(2950))
    soon = await poll(source, bookmark, NOW + timedelta(hours=1))
    daily = await poll(source, soon[-1].bookmark, NOW + timedelta(hours=25))
    assert "Ugheld" in names(daily)


async def test_a_bad_item_is_kept_aside_once(server: Server, http: Http, remote: FakeYouTube) -> None:
    remote.add("Ug1", ago(10))
    remote.add("Ug2", ago(20), publishedAt="soon")
    remote.threads["Ug2"]["snippet"]["publishedAt"] = "soon"
    remote.answer("Ug1", "a", ago(5), textDisplay="x")["snippet"]["publishedAt"] = None
    source = adapter(server, http)
    first = await poll(source)
    assert names(first) == ["Ug1"]
    assert len(first[0].rejected) == 2
    assert b"soon" in b"".join(one.raw for one in first[0].rejected)
    assert not any(page.rejected for page in await poll(source, first[-1].bookmark))


async def test_a_video_without_comments_is_no_error(server: Server, http: Http) -> None:
    source = adapter(server, http, options={"videos": [VIDEO]})
    server.on(THREADS, error(403, "commentsDisabled"))
    (page,) = await poll(source, stream=f"video:{VIDEO}")
    assert page.bookmark is None
    assert page.next_poll_at is not None
    assert page.next_poll_at > NOW + timedelta(hours=1)
    server.on(THREADS, error(404, "videoNotFound"))
    with pytest.raises(Gone):
        await poll(source, stream=f"video:{VIDEO}")


@pytest.mark.parametrize(
    ("reply", "wrong", "at"),
    [
        (error(403, "quotaExceeded"), RateLimited, NOW.replace(day=22, hour=8)),
        (error(403, "rateLimitExceeded"), RateLimited, NOW + timedelta(minutes=1)),
        (rate_limited("seconds", seconds=600), RateLimited, NOW + timedelta(minutes=10)),
        (error(400, "keyInvalid"), Unauthorised, None),
        (error(403, "forbidden"), Unauthorised, None),
        (error(403, "accessNotConfigured"), Unauthorised, None),
        (json_reply({"kind": "x"}), BadAnswer, None),
        (json_reply([]), BadAnswer, None),
        (text("<html>"), BadAnswer, None),
    ],
)  # fmt: skip
async def test_what_google_says_instead(
    server: Server, http: Http, reply: Reply, wrong: type[Exception], at: Any
) -> None:
    server.on(THREADS, reply)
    with pytest.raises(wrong) as caught:
        await poll(adapter(server, http))
    assert getattr(caught.value, "retry_at", None) == at
    assert KEY not in str(caught.value)


async def test_the_units_of_a_day_are_counted_beyond_the_process(
    server: Server, http: Http, remote: FakeYouTube, tmp_path: Path
) -> None:
    remote.add("Ug1", ago(10))
    (page,) = await poll(adapter(server, http, keep=Keep(tmp_path, "yt")))
    assert page.quota_left == UNITS - FOR_ANSWERS - 1
    (page,) = await poll(adapter(server, http, keep=Keep(tmp_path, "yt")), page.bookmark)
    assert page.quota_left == UNITS - FOR_ANSWERS - 2
    Keep(tmp_path, "yt").store("quota", {"day": "2026-11-22T08:00:00+00:00", "units": UNITS - FOR_ANSWERS - 1})
    source = adapter(server, http, keep=Keep(tmp_path, "yt"))
    (page,) = await poll(source, page.bookmark)
    assert (page.quota_left, page.next_poll_at) == (0, NOW.replace(day=22, hour=8))
    before = len(server.seen)
    with pytest.raises(RateLimited) as caught:
        await poll(source, page.bookmark)
    assert (caught.value.retry_at, len(server.seen)) == (NOW.replace(day=22, hour=8), before)
    assert (await poll(source, page.bookmark, NOW + timedelta(days=1)))[0].quota_left == UNITS - FOR_ANSWERS - 1


async def test_many_streams_share_the_day(server: Server, http: Http, remote: FakeYouTube) -> None:
    videos = [f"video{number}" for number in range(40)]
    source = adapter(server, http, options={"videos": videos})
    (page,) = await poll(source, stream="video:video1")
    assert page.next_poll_at is not None
    wait = page.next_poll_at - NOW
    assert wait > timedelta(minutes=5)
    assert timedelta(hours=20) / wait * len(videos) < UNITS


# Searching.


def a_video(name: str, **fields: Any) -> dict[str, Any]:
    snippet = {
        "publishedAt": stamp(ago(300)), "channelId": "UCbo", "channelTitle": "Bo", "title": "Acme &amp; me",
        "description": "all about acme cloud",
    }  # fmt: skip
    return {"id": name, "snippet": snippet | fields}


async def test_videos_that_speak_of_a_watch_and_their_comments(server: Server, http: Http, remote: FakeYouTube) -> None:
    remote.videos = [a_video("vid1"), a_video("vid2")]
    remote.add("Ug1", ago(10))
    source = adapter(server, http, options={"search": True}, backfill=timedelta(days=7))
    assert source.streams() == ["search:acme"]
    pages = await poll(source, stream="search:acme")
    video = pages[0].mentions[-1]

    assert (video.external_id, video.type, video.author.name) == ("vid1", MentionType.POST, "Bo")
    assert (video.text, video.title) == ("all about acme cloud", "Acme &amp; me"), "whole, and as it is"
    assert set(names(pages)[2:]) == {"Ug1"}
    (asked,) = server.at("/youtube/v3/search")
    assert asked.params["publishedAfter"] == "2026-11-14T12:00:00Z"
    assert asked.params["q"] == '"acme"'

    soon = await poll(source, pages[-1].bookmark, NOW + timedelta(minutes=5), "search:acme")
    assert len(server.at("/youtube/v3/search")) == 1, "100 a day: it keeps a time of its own"
    remote.videos.insert(0, a_video("vid3", title="Acme again"))
    later = await poll(source, soon[-1].bookmark, NOW + timedelta(hours=1), "search:acme")
    assert [name for name in names(later) if name.startswith("vid")] == ["vid3"]


async def test_the_past_leaves_new_comments_half_of_what_the_day_has_left(
    server: Server, http: Http, remote: FakeYouTube
) -> None:
    remote.page = 1
    for number in range(120):
        remote.add(f"Ug{number:03}", ago(number + 1))
    source = adapter(server, http, options={"channels": [OWN], "units": 100}, backfill=None)
    first = await poll(source)
    again = await poll(source, first[-1].bookmark)
    assert 20 < len(first) < 90
    assert len(again) < 10, "the top, and a page of what is left"
    assert first[-1].quota_left


async def test_a_long_watch_is_asked_for_to_its_end_however_often_the_poll_is_broken_off(
    server: Server, http: Http, remote: FakeYouTube
) -> None:
    config = SourceConfig("youtube", "yt", url=server.url(), token="env:IT", options={"search": True})
    watch = Watch("acme", " OR ".join(f"acme{number}" for number in range(40)))
    bookmark: Any = {}
    for _ in range(4):
        source = YouTube(Setup(config, http, Secret(KEY), (watch,)))
        walk = source.pages(Cursor("yt", "search:acme", bookmark, NOW, 0, None, "", "ok"), now=NOW)
        for _ in range(10):
            if (page := await anext(walk, None)) is not None:
                bookmark = json.loads(json.dumps(page.bookmark))
        await walk.aclose()  # type: ignore[attr-defined]
    asked = [seen.params["q"] for seen in server.at("/youtube/v3/search")]
    assert (len(asked), len(set(asked))) == (32, 32)


async def test_comments_go_on_where_the_searches_are_used_up(server: Server, http: Http, remote: FakeYouTube) -> None:
    remote.videos = [a_video("vid1")]
    source = adapter(server, http, options={"search": True})
    first = await poll(source, stream="search:acme")
    server.on("/youtube/v3/search", error(403, "quotaExceeded"))
    remote.add("Ug1", NOW)
    then = await poll(source, first[-1].bookmark, NOW + timedelta(hours=1), "search:acme")
    assert "Ug1" in names(then)
    assert await poll(source, then[-1].bookmark, NOW + timedelta(hours=2), "search:acme")
    assert len(server.at("/youtube/v3/search")) == 2


async def test_a_video_that_cannot_be_looked_up_is_taken_from_the_hit(
    server: Server, http: Http, remote: FakeYouTube
) -> None:
    remote.videos = [a_video("vid1")]
    server.on("/youtube/v3/videos", Reply(404))
    pages = await poll(adapter(server, http, options={"search": True}), stream="search:acme")
    assert (pages[0].mentions[0].title, pages[0].mentions[0].text) == ("Acme & me", "acm...")


# Looking again.


async def test_edits_and_deletions_are_found(server: Server, http: Http, remote: FakeYouTube) -> None:
    remote.add("Ug1", ago(60), "acme is fine now", updatedAt=stamp(ago(1)))
    remote.add("Ug2", ago(60))
    page = await adapter(server, http).recheck([mention("Ug1"), mention("Ug2"), mention("Ug3")], now=NOW)
    assert page is not None
    assert [(one.external_id, one.text, one.edited_at) for one in page.mentions] == [
        ("Ug1", "acme is fine now", ago(1))
    ]
    assert page.deleted == ["Ug3"]


@pytest.mark.parametrize("reply", [Reply(404), json_reply({"items": []}), text("<html>")])
async def test_what_is_not_youtube_deletes_nothing(server: Server, http: Http, reply: Reply) -> None:
    server.on(COMMENTS, reply)
    assert await adapter(server, http).recheck([mention("Ug1")], now=NOW) is None


# Answering.


async def test_an_answer_goes_under_the_first_comment(server: Server, http: Http, remote: FakeYouTube) -> None:
    source = adapter(server, http, TOKEN)
    below = mention("Ug1.a", parent="Ug1", thread="Ug1")
    receipt = await source.send(delivery("Sorry!"), below)

    (post,) = remote.posted
    assert json.loads(post.body) == {"snippet": {"parentId": "Ug1", "textOriginal": "Sorry!"}}
    assert (post.path, post.params) == (COMMENTS, {"part": "snippet"})
    assert post.headers["authorization"] == f"Bearer {TOKEN}"
    assert receipt.native_id == receipt.key == "Ug1.our"
    assert receipt.url == f"https://www.youtube.com/watch?v={VIDEO}&lc=Ug1.our"
    assert source.compose(below) == "@ana "
    assert source.compose(mention("Ug1")) == ""
    assert await source.length("x" * 9, handle="") == (9, 10_000)


async def test_an_answer_to_a_video_is_a_comment_on_it(server: Server, http: Http, remote: FakeYouTube) -> None:
    await adapter(server, http, TOKEN).send(delivery("Thanks!"), mention("vid1", type=MentionType.POST))
    (post,) = remote.posted
    words = {"snippet": {"textOriginal": "Thanks!"}}
    assert post.path == THREADS
    assert json.loads(post.body)["snippet"] == {"videoId": "vid1", "channelId": "UCana", "topLevelComment": words}


@pytest.mark.parametrize(
    ("reply", "wrong"),
    [
        (error(400, "commentTextTooLong", "Too long."), Refused), (error(403, "forbidden"), Refused),
        (error(404, "parentCommentNotFound"), Refused), (error(401, "authError"), Unauthorised),
        (error(403, "quotaExceeded"), RateLimited), (rate_limited("bare"), RateLimited),
        (error(400, "processingFailure"), Uncertain), (Reply(500), Uncertain), (Reply(503), Uncertain),
        (json_reply({}), Uncertain), (text("<html>"), Uncertain), (reset(), Uncertain),
        (cut_off(json_reply({"id": "1"}), 4), Uncertain),
    ],
)  # fmt: skip
async def test_how_an_answer_can_end(server: Server, http: Http, reply: Reply, wrong: type[Exception]) -> None:
    server.on(COMMENTS, reply)
    with pytest.raises(wrong):
        await adapter(server, http, TOKEN).send(delivery(), mention())
    assert len(server.at(COMMENTS)) == 1, "never sent twice"


async def test_an_answer_that_did_not_leave(server: Server, http: Http) -> None:
    with pytest.raises(Refused, match="API key"):
        await adapter(server, http, KEY).send(delivery(), mention())
    gone = f"127.0.0.1:{free_port()}"
    async with Http({gone}, pause=0) as other:
        with pytest.raises(NotSent):
            await adapter(server, other, TOKEN, url=f"http://{gone}").send(delivery(), mention())


async def test_our_answer_is_found_again(server: Server, http: Http, remote: FakeYouTube) -> None:
    remote.add("Ug1", ago(60))
    remote.page = 2
    for number in range(5):
        remote.answer("Ug1", f"x{number}", utcnow(), "Sorry!")
    source = adapter(server, http, TOKEN)
    absent = await source.read_back(delivery("Sorry!"), mention())
    assert (absent.found, absent.complete) == (None, True)

    remote.answer("Ug1", "mine", utcnow(), "Sorry!", author=OWN)
    there = await source.read_back(delivery("sorry !"), mention("Ug1.x1", parent="Ug1"))
    assert there.found is not None
    assert there.found.native_id == "Ug1.mine"
    other = await source.read_back(delivery("We refund it on Monday"), mention())
    assert (other.found, other.complete) == (None, False), "it may be this one, as YouTube writes it"


async def test_absence_is_not_proven_by_who_does_not_know_who_it_is(
    server: Server, http: Http, remote: FakeYouTube
) -> None:
    remote.add("Ug1", ago(60))
    server.on("/youtube/v3/channels", Reply(404))
    back = await adapter(server, http, TOKEN).read_back(delivery(), mention())
    assert (back.found, back.complete) == (None, False)


@pytest.mark.parametrize(
    ("token", "options", "says"),
    [
        ("env:KEY", {}, "is needed"),
        ("env:KEY", {"channels": ["@acme"]}, "begin with UC"),
        ("env:KEY", {"channels": [1]}, "list of ids"),
        ("env:KEY", {"channels": ["UC1"], "refresh_token": "env:R"}, "client_id"),
        ("", {"channels": ["UC1"]}, "login is missing"),
    ],
)
def test_what_is_wrong_with_a_configuration(token: str, options: dict[str, Any], says: str) -> None:
    assert says in "; ".join(registry.problems(SourceConfig("youtube", "yt", token=token, options=options)))
