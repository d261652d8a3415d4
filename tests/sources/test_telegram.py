"""A Telegram bot."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator, Iterator
from datetime import timedelta
from typing import Any

import pytest
import pytest_asyncio

from sources import registry
from sources.errors import (
    BadAnswer,
    NotSent,
    RateLimited,
    Refused,
    SourceError,
    Unauthorised,
    Uncertain,
    Unreachable,
)
from sources.http import Http
from sources.intake import Intake
from sources.protocol import Page, ReadBack, Receipt
from sources.text.clean import clean
from store.database import Database
from store.domain.desk import Desk, SourceConfig, Watch
from store.domain.errors import NotFound
from store.domain.mention import NewMention
from store.mentions import get as mentions_of
from tests.factories import NOW
from tests.servers import Reply, Server, cut_off, json_reply, reset, text
from tests.sources.fake_mastodon import delivery, mention
from tests.sources.fake_telegram import BOT, GROUP, TOKEN, FakeTelegram, adapter, poll

UPDATES, SEND = f"/bot{TOKEN}/getUpdates", f"/bot{TOKEN}/sendMessage"


@pytest.fixture
def server() -> Iterator[Server]:
    with Server() as running:
        yield running


@pytest.fixture
def remote(server: Server) -> FakeTelegram:
    return FakeTelegram(server)


@pytest_asyncio.fixture
async def http(server: Server) -> AsyncIterator[Http]:
    async with Http({server.host}, pause=0) as client:
        yield client


def mentions(pages: list[Page]) -> list[NewMention]:
    return [one for page in pages for one in page.mentions]


async def test_an_update_is_only_forgotten_once_it_is_stored(server: Server, http: Http, remote: FakeTelegram) -> None:
    for number in range(250):
        remote.add(f"acme {number}")
    source = adapter(server, http)
    answers = source.pages(_cursor(), now=NOW)
    first = await anext(answers)
    assert len(first.mentions) == 100
    assert remote.confirmed == [], "nothing is confirmed before the poller comes back for more"
    await answers.aclose()  # killed here, after the first page was stored

    rest = await poll(adapter(server, http), first.bookmark)
    remote.add("acme 250")
    then = await poll(adapter(server, http), rest[-1].bookmark)
    said = [clean(one)[1] for one in [*first.mentions, *mentions(rest), *mentions(then)]]
    assert said == [f"acme {number}" for number in range(251)]
    assert remote.updates == []


def _cursor(**fields: Any) -> Any:
    from store.domain.poll import Cursor

    return Cursor(**{"source": "t", "stream": "updates", "bookmark": {}, "next_poll_at": NOW, "failures": 0,
                     "last_success_at": None, "last_error": "", "state": "ok"} | fields)  # fmt: skip


async def test_a_server_that_repeats_itself_ends_the_poll(server: Server, http: Http, remote: FakeTelegram) -> None:
    remote.add()
    server.on(UPDATES, json_reply({"ok": True, "result": remote.updates}))
    pages = await poll(adapter(server, http))
    assert len(mentions(pages)) == 1
    assert len(server.at(UPDATES)) == 2


@pytest.mark.parametrize(("hours", "gap"), [(1, 0.0), (24, 0.0), (30, 6 * 3600.0)])
async def test_what_was_not_fetched_for_a_day_is_a_gap(
    server: Server, http: Http, remote: FakeTelegram, hours: int, gap: float
) -> None:
    pages = await poll(adapter(server, http), last=NOW - timedelta(hours=hours))
    assert [page.gap_seconds for page in pages] == [gap]


async def test_after_a_quiet_week_updates_may_begin_at_a_lower_number(
    server: Server, http: Http, remote: FakeTelegram
) -> None:
    remote.add()
    bookmark = (await poll(adapter(server, http)))[-1].bookmark
    remote.next = 5
    remote.add("acme again")
    pages = await poll(adapter(server, http), bookmark, NOW + timedelta(days=8))
    assert [clean(one)[1] for one in mentions(pages)] == ["acme again"]


@pytest.mark.parametrize(("backfill", "count"), [(timedelta(0), 0), (timedelta(minutes=30), 1), (None, 2)])
async def test_how_far_back_the_first_contact_reads(
    server: Server, http: Http, remote: FakeTelegram, backfill: timedelta | None, count: int
) -> None:
    for minutes in (50, 20):
        remote.add(date=int((NOW - timedelta(minutes=minutes)).timestamp()))
    source = adapter(server, http, backfill=backfill)
    first = await poll(source, now=NOW.replace(microsecond=700_000))
    remote.add("in the same second", date=int(NOW.timestamp()))
    second = await poll(source, first[-1].bookmark)
    assert (len(mentions(first)), len(mentions(second))) == (count, 1)


REPLY_TO_BOT = {"message_id": 3, "chat": GROUP, "from": BOT, "text": "hi", "date": 1}
REPLY_TO_BOB = REPLY_TO_BOT | {"from": {"id": 5, "username": "bob"}}
TOPIC = REPLY_TO_BOB | {"forum_topic_created": {"name": "Help"}}


@pytest.mark.parametrize(
    ("fields", "direct"),
    [
        ({}, True),
        ({"chat": GROUP}, False),
        ({"chat": GROUP, "text": "hey @acmebot!"}, True),
        ({"chat": GROUP, "text": "hey @acmebots"}, False),
        ({"chat": GROUP, "text": None, "caption": "@AcmeBot look"}, True),
        ({"chat": GROUP, "reply_to_message": REPLY_TO_BOT}, True),
        ({"chat": GROUP, "reply_to_message": REPLY_TO_BOB}, False),
        ({"chat": GROUP, "text": "you", "entities": [{"type": "text_mention", "user": BOT}]}, True),
    ],
)
async def test_what_is_addressed_to_the_bot(
    server: Server, http: Http, remote: FakeTelegram, fields: dict[str, Any], direct: bool
) -> None:
    remote.add(**({"words": fields.pop("text")} if "text" in fields else {}), **fields)
    (found,) = mentions(await poll(adapter(server, http)))
    assert found.direct is direct


async def test_the_fields_of_a_message(server: Server, http: Http, remote: FakeTelegram) -> None:
    remote.add(message_id=9)
    remote.add(chat=GROUP, message_id=9, message_thread_id=3, reply_to_message=REPLY_TO_BOB)
    remote.add(chat=GROUP, message_id=10, message_thread_id=3, reply_to_message=TOPIC, is_topic_message=True)
    remote.add(chat={"id": -1002222, "type": "supergroup", "title": "Inner"}, message_id=11)
    private, answer, topic, inner = mentions(await poll(adapter(server, http)))

    assert (private.author.handle, private.author.name) == ("anapop", "Ana Pop")
    assert (private.external_id, private.native_id, private.thread) == ("77/9@4242", "77/9", "77")
    assert (private.url, private.visibility) == ("", "direct")
    assert (answer.external_id, answer.native_id, answer.url) == (
        "-1001111/9",
        "-1001111/9",
        "https://t.me/acmeusers/9",
    )
    assert (answer.parent, answer.thread, answer.visibility) == ("-1001111/3", "-1001111/3", "public")
    assert (topic.parent, topic.thread) == ("", "")
    assert (inner.url, inner.visibility) == ("https://t.me/c/2222/11", "private")


@pytest.mark.parametrize(
    ("fields", "said"),
    [
        ({"photo": [{"file_id": "x"}], "caption": "broken <b>"}, "[photo]\nbroken <b>"),
        ({"document": {"file_name": "log.txt"}}, "[document: log.txt]"),
        ({"sticker": {"emoji": "😡"}}, "[sticker: 😡]"),
        ({"poll": {"question": "Better?", "options": [{"text": "yes"}, {"text": "no"}]}},
         "[poll: Better?]\n- yes\n- no"),
        ({"venue": {"title": "Shop", "address": "1 Road"}, "location": {}}, "[venue: Shop 1 Road]"),
        ({"text": "😀 see this & that\nnow", "entities": [
            {"type": "text_link", "offset": 7, "length": 4, "url": "https://acme.example/x"}]},
         "😀 see this <https://acme.example/x> & that\nnow"),
    ],
)  # fmt: skip
async def test_what_a_message_says(
    server: Server, http: Http, remote: FakeTelegram, fields: dict[str, Any], said: str
) -> None:
    remote.add(None, **fields)
    (found,) = mentions(await poll(adapter(server, http)))
    assert clean(found)[1] == said


async def test_what_is_no_message_and_what_is_ours(server: Server, http: Http, remote: FakeTelegram) -> None:
    remote.add(None, new_chat_members=[BOT])
    remote.add(None, hologram={"of": "a kind of the future"})
    remote.add(None, chat="?")
    remote.add(
        "news", kind="channel_post", chat={"id": -1003, "type": "channel", "username": "AcmeNews"}, **{"from": 0}
    )
    remote.add("hello", chat=GROUP, **{"from": {"id": 6, "username": "kim"}})
    remote.add("hello", chat=GROUP, **{"from": BOT})
    pages = await poll(adapter(server, http, options={"own": ["@acmenews", "6"]}))

    assert [one.ours for one in mentions(pages)] == [True, True, True]
    assert [one.where for page in pages for one in page.rejected] == ["update 1001", "update 1002"]
    assert json.loads(pages[0].rejected[0].raw)["message"]["hologram"]


async def test_an_edit_replaces_the_words(server: Server, http: Http, remote: FakeTelegram, db: Database) -> None:
    config = SourceConfig("telegram", "t")
    intake = Intake(db, Desk(watches=(Watch("acme", "acme"),), sources=(config,)))
    source, bookmark = adapter(server, http), None

    async def take() -> None:
        nonlocal bookmark
        for page in await poll(source, bookmark):
            line = await intake.take("t", "telegram", "updates", page, started_at=NOW, next_poll_at=None)
            assert line.returned == line.new + line.duplicate + line.unmatched + line.failed
            bookmark = page.bookmark

    remote.add("acme is dwon", message_id=9)
    remote.add("lunch?", chat=GROUP)
    remote.add("acme is down", "edited_message", message_id=9, edit_date=int(NOW.timestamp()))
    await take()
    remote.add("acme is up", "edited_message", message_id=9, edit_date=int(NOW.timestamp()) + 60)
    await take()

    found = await mentions_of(db, 1)
    assert (found.text, [text for _, text in found.versions]) == ("acme is up", ["acme is down"])
    with pytest.raises(NotFound):
        await mentions_of(db, 2)


@pytest.mark.parametrize(
    ("reply", "error", "words"),
    [
        (json_reply({"ok": False, "error_code": 401, "description": "Unauthorized"}, 401), Unauthorised, "BotFather"),
        (json_reply({"ok": False, "error_code": 404, "description": "Not Found"}, 404), Unauthorised, "BotFather"),
        (json_reply({"ok": False, "error_code": 409, "description": "Conflict: can't use getUpdates method while"
                     " webhook is active"}, 409), SourceError, "deleteWebhook"),
        (json_reply({"ok": False, "error_code": 409, "description": "Conflict: terminated by other getUpdates"}, 409),
         SourceError, "another program"),
        (json_reply({"ok": False, "error_code": 409, "description": "webhook"}), SourceError, "deleteWebhook"),
        (json_reply({"ok": True, "result": {}}), BadAnswer, "without updates"),
        (text("<html>", "text/html"), BadAnswer, "not with whole JSON"),
        (Reply(502), Unreachable, "out of order"),
        (Reply(302, b"", {"location": "/elsewhere"}), BadAnswer, "redirects"),
        (reset(), SourceError, ""), (cut_off(text("x" * 99), 5), SourceError, ""),
    ],
)  # fmt: skip
async def test_how_a_poll_can_fail_without_showing_the_token(
    server: Server, http: Http, remote: FakeTelegram, reply: Reply, error: type[Exception], words: str
) -> None:
    server.on(UPDATES, reply)
    with pytest.raises(error) as caught:
        await poll(adapter(server, http))
    assert words in str(caught.value)
    assert "s3cret" not in str(caught.value)


async def test_the_bot_is_read_where_the_server_knows_nothing_else(
    server: Server, http: Http, remote: FakeTelegram
) -> None:
    server.on(f"/bot{TOKEN}/getMe", Reply(599))
    remote.add()
    remote.add(chat=GROUP, **{"from": BOT})
    assert [one.ours for one in mentions(await poll(adapter(server, http)))] == [False, True]


@pytest.mark.parametrize("status", [429, 200])
async def test_the_time_to_wait_is_in_the_body(server: Server, http: Http, remote: FakeTelegram, status: int) -> None:
    limited = {"ok": False, "error_code": 429, "description": "Too Many", "parameters": {"retry_after": 35}}
    server.on(UPDATES, json_reply(limited, status))
    with pytest.raises(RateLimited) as caught:
        await poll(adapter(server, http))
    assert caught.value.retry_at == NOW + timedelta(seconds=35)


async def test_an_answer_as_it_goes_out(server: Server, http: Http, remote: FakeTelegram) -> None:
    source = adapter(server, http)
    in_group = await source.send(delivery("Sorry <b>!"), mention("-1001111/9", network="telegram"))
    await source.send(delivery("Sorry!"), mention("77/9", network="telegram"))

    assert in_group == Receipt("-1001111/5000", "-1001111/5000", "https://t.me/c/1111/5000")
    assert [json.loads(seen.body) for seen in remote.posts] == [
        {"chat_id": -1001111, "text": "Sorry <b>!", "reply_parameters": {"message_id": 9}},
        {"chat_id": 77, "text": "Sorry!", "reply_parameters": {"message_id": 9, "allow_sending_without_reply": True}},
    ]
    assert await source.length("a😀", handle="anapop") == (2, 4096)
    assert await source.read_back(delivery(), mention("77/9")) == ReadBack(None, complete=False)


@pytest.mark.parametrize(
    ("reply", "error"),
    [
        (json_reply({"ok": False, "error_code": 403, "description": "Forbidden: bot was blocked by the user"}, 403),
         Refused),
        (json_reply({"ok": False, "error_code": 400, "description": "Bad Request: blocked message is too long"}),
         Refused),
        (json_reply({"ok": False, "error_code": 401}, 401), Unauthorised), (Reply(500), Uncertain),
        (json_reply({"ok": False, "error_code": 429, "parameters": {"retry_after": 3}}, 429), RateLimited),
        (json_reply({"ok": True, "result": True}), Uncertain), (text("<html>"), Uncertain), (reset(), Uncertain),
        (cut_off(json_reply({"ok": True}), 3), Uncertain),
    ],
)  # fmt: skip
async def test_how_an_answer_can_end(
    server: Server, http: Http, remote: FakeTelegram, reply: Reply, error: type[Exception]
) -> None:
    server.on(SEND, reply)
    with pytest.raises(error) as caught:
        await adapter(server, http).send(delivery(), mention("77/9"))
    assert len(server.at(SEND)) == 1, "never sent twice"
    assert "s3cret" not in str(caught.value)
    if error is Refused:
        assert "blocked" in str(caught.value)


async def test_an_answer_that_did_not_leave(server: Server) -> None:
    async with Http((), pause=0) as shut:  # a loopback address that nobody named is not dialled
        with pytest.raises(NotSent) as caught:
            await adapter(server, shut).send(delivery(), mention("77/9"))
    assert "s3cret" not in str(caught.value)


def test_what_check_says() -> None:
    assert "`token` is missing" in registry.problems(SourceConfig("telegram", "t"))[0]
    assert registry.problems(SourceConfig("telegram", "t", token="env:T", options={"own": ["a"]})) == []
    assert registry.obstacle(SourceConfig("telegram", "t", token="env:T")) == ""
