"""The webhook as its senders see it: over a socket, into a real store."""

from __future__ import annotations

import asyncio
import base64
import hashlib
import hmac
import json
import socket
import time
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlencode

import pytest
from sqlalchemy import select

from sources import registry
from sources.adapters import webhook_server
from sources.http import Answer, Http, Request
from sources.worker import Worker
from store import cases, cursors, ledger
from store.database import Database
from store.domain.clock import utcnow
from store.domain.desk import Desk, SourceConfig, Watch
from store.domain.poll import PollLine
from store.tables import mention
from tests.factories import rows
from tests.servers import free_port

SECRET = "whsec_" + base64.b64encode(b"very secret bytes of ours").decode()
PLAIN = "a plain signing secret"


@dataclass
class Door:
    """A worker that listens; `lines` is its ledger as it is told."""

    port: int
    http: Http
    lines: list[PollLine]

    async def post(
        self, body: bytes | Any, headers: Mapping[str, str], path: str = "/", method: str = "POST"
    ) -> Answer:
        content = body if isinstance(body, bytes) else json.dumps(body).encode()
        url = f"http://127.0.0.1:{self.port}{path}"
        return await self.http.fetch(
            Request(method, url, headers=headers, content=content if method == "POST" else None)
        )


@asynccontextmanager
async def listening(db: Database, secret: str, monkeypatch: pytest.MonkeyPatch, **options: Any) -> AsyncIterator[Door]:
    monkeypatch.setenv("HOOK_SECRET", secret)
    port = free_port()
    source = SourceConfig("webhook", "hook", token="env:HOOK_SECRET", options={"listen": f"127.0.0.1:{port}"} | options)
    stop, lines = asyncio.Event(), list[PollLine]()
    async with Worker(db, Desk(watches=(Watch("acme", "acme"),), sources=(source,))) as worker:
        running = asyncio.create_task(worker.run(stop, lines.append))  # type: ignore[arg-type]
        async with asyncio.timeout(60):
            while True:
                with suppress(OSError):
                    (await asyncio.open_connection("127.0.0.1", port))[1].close()
                    break
                await asyncio.sleep(0.01)
        async with Http([f"127.0.0.1:{port}"]) as http:
            yield Door(port, http, lines)
        before = time.monotonic()
        stop.set()
        await running
        assert time.monotonic() - before < 15


def standard(body: bytes, name: str = "msg_1", at: float | None = None, key: str = SECRET) -> dict[str, str]:
    stamp = str(int(time.time() if at is None else at))
    secret = base64.b64decode(key.removeprefix("whsec_"))
    signed = base64.b64encode(hmac.new(secret, f"{name}.{stamp}.".encode() + body, hashlib.sha256).digest()).decode()
    return {"webhook-id": name, "webhook-timestamp": stamp, "webhook-signature": f"v1,b3RoZXI= v1,{signed}"}


def slack(body: bytes, at: float | None = None) -> dict[str, str]:
    stamp = str(int(time.time() if at is None else at))
    signed = hmac.new(PLAIN.encode(), f"v0:{stamp}:".encode() + body, hashlib.sha256).hexdigest()
    return {"x-slack-request-timestamp": stamp, "x-slack-signature": f"v0={signed}"}


def hub(body: bytes, event: str = "") -> dict[str, str]:
    signed = hmac.new(PLAIN.encode(), body, hashlib.sha256).hexdigest()
    return {"x-hub-signature-256": f"sha256={signed}", "x-github-event": event}


async def stored(db: Database) -> list[tuple[str, str, str]]:
    found = await rows(db, select(mention.c.network, mention.c.external_id, mention.c.text).order_by(mention.c.id))
    return [tuple(row) for row in found]  # type: ignore[misc]


COMMENT = {"id": "c1", "source": "tiktok", "author": "@ana", "text": "nice video", "url": "https://tiktok.example/c1"}


async def test_what_a_bridge_pushes_is_stored_before_it_is_told_so(db: Database, monkeypatch: pytest.MonkeyPatch):
    body = json.dumps([COMMENT, {"text": "without an id"}, {"no": "words"}]).encode()
    async with listening(db, SECRET, monkeypatch) as door:
        assert (await door.post(body, standard(body))).status == 200
        expected = [("tiktok", "c1", "nice video"), ("webhook", "msg_1/2", "without an id")]
        assert await stored(db) == expected
        (line,) = [line for line in door.lines if line.returned]
        assert (line.returned, line.new, line.failed) == (3, 2, 1)
        assert (await door.post(body, standard(body))).status == 200, "the same request once more"
        assert (await door.post(body, standard(body, name="msg_2"))).status == 200
        assert [row[1] for row in await stored(db)] == ["c1", "msg_1/2", "msg_2/2"]
        assert len([line for line in door.lines if line.returned]) == 2, "a known webhook-id is not stored again"
        edited = json.dumps(COMMENT | {"text": "nice video, edited"}).encode()
        await door.post(edited, standard(edited, name="msg_3"))
    assert (await stored(db))[0][2] == "nice video, edited"
    assert len(await cases.listing(db, None, me="ana", now=utcnow())) == 3


@pytest.mark.parametrize(
    "spoil",
    [
        lambda headers: headers | {"webhook-signature": ""},
        lambda headers: headers | {"webhook-signature": headers["webhook-signature"].replace("v1,", "v2,")},
        lambda headers: headers | {"webhook-id": "other"},
        lambda headers: headers | {"webhook-timestamp": "9" * 30},
        lambda headers: headers | {"webhook-timestamp": "-1"},
        lambda headers: {},
    ],
)
async def test_nobody_else_gets_in(db: Database, monkeypatch: pytest.MonkeyPatch, spoil: Any):
    body = json.dumps(COMMENT).encode()
    async with listening(db, SECRET, monkeypatch) as door:
        assert (await door.post(body, spoil(standard(body)))).status == 401
        assert (await door.post(body + b" ", standard(body))).status == 401, "the signature is over the raw bytes"
    assert await stored(db) == []


@pytest.mark.parametrize("minutes", [-6, 6])
async def test_what_is_too_old_or_from_the_future_is_refused(
    db: Database, monkeypatch: pytest.MonkeyPatch, minutes: int
):
    body = json.dumps(COMMENT).encode()
    at = time.time() + minutes * 60
    async with listening(db, SECRET, monkeypatch) as door:
        assert (await door.post(body, standard(body, at=at))).status == 401
        assert (await door.post(body, standard(body, at=time.time() + minutes * 40))).status == 200
    challenge = b'{"type": "url_verification", "challenge": "c"}'
    async with listening(db, PLAIN, monkeypatch, format="slack") as door:
        assert (await door.post(challenge, slack(challenge, at))).status == 401


@pytest.mark.parametrize("body", [b"no json", b'"text"', b"[" * 100_000, b'{"no": "words"}', b"\xff\xfe{}"])
async def test_what_was_not_agreed_on_is_sent_back(db: Database, monkeypatch: pytest.MonkeyPatch, body: bytes):
    async with listening(db, SECRET, monkeypatch) as door:
        assert (await door.post(body, standard(body))).status == 400


async def test_other_paths_methods_and_sizes(db: Database, monkeypatch: pytest.MonkeyPatch):
    async with listening(db, SECRET, monkeypatch, path="/hooks/acme") as door:
        body = json.dumps(COMMENT).encode()
        assert (await door.post(body, standard(body))).status == 404
        answer = await door.post(b"", {}, "/hooks/acme", "GET")
        assert (answer.status, answer.headers["allow"]) == (405, "POST")
        huge = b" " * 2_000_000
        assert (await door.post(huge, standard(huge), "/hooks/acme")).status == 413
        assert (await door.post(body, standard(body), "/hooks/acme")).status == 200


async def raw(door: Door, sent: bytes, *, wait: float = 5) -> bytes:
    reader, writer = await asyncio.open_connection("127.0.0.1", door.port)
    writer.write(sent)
    try:
        async with asyncio.timeout(wait):
            return await reader.read()
    except TimeoutError:
        return b"still waiting"
    finally:
        writer.close()


async def test_what_breaks_the_rules_of_http_ends_soon_and_harms_nobody(db: Database, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(webhook_server, "REQUEST_SECONDS", 0.5)
    async with listening(db, SECRET, monkeypatch) as door:
        assert b" 431 " in await raw(door, b"POST / HTTP/1.1\r\nx: " + b"y" * 70_000)
        assert b" 400 " in await raw(door, b"\x16\x03\x01 this is TLS\r\n\r\n")
        chunks = b"".join(b"10000\r\n" + b"z" * 65_536 + b"\r\n" for _ in range(20))
        head = b"POST / HTTP/1.1\r\nhost: x\r\ntransfer-encoding: chunked\r\n\r\n"
        assert b" 413 " in await raw(door, head + chunks)
        assert b" 408 " in await raw(door, b"POST / HTTP/1.1\r\nhost: x\r\ncontent-length: 5\r\n\r\nab")
        assert await raw(door, b"") == b"", "who says nothing is shown out"
        body = json.dumps(COMMENT).encode()
        assert (await door.post(body, standard(body))).status == 200


async def test_several_requests_come_over_one_connection_and_a_big_one_is_asked_for(
    db: Database, monkeypatch: pytest.MonkeyPatch
):
    async with listening(db, SECRET, monkeypatch) as door:
        sent = b""
        for number in range(3):
            body = json.dumps(COMMENT | {"id": f"c{number}"}).encode()
            headers = standard(body, name=f"msg_{number}") | {"host": "x", "content-length": str(len(body))}
            headers |= {"expect": "100-continue", "connection": "close"} if number == 2 else {}
            sent += "".join(["POST / HTTP/1.1\r\n", *(f"{k}: {v}\r\n" for k, v in headers.items()), "\r\n"]).encode()
            sent += body
        answers = await raw(door, sent)
        assert answers.count(b"HTTP/1.1 200") == 3
    assert [row[1] for row in await stored(db)] == ["c0", "c1", "c2"]


async def test_a_crowd_at_the_door_is_bounded(db: Database, monkeypatch: pytest.MonkeyPatch):
    async with listening(db, SECRET, monkeypatch) as door:
        crowd = [await asyncio.open_connection("127.0.0.1", door.port) for _ in range(webhook_server.CONNECTIONS)]
        await asyncio.sleep(0.1)
        body = json.dumps(COMMENT).encode()
        assert b" 503 " in await raw(door, b"")
        for _, writer in crowd:
            writer.close()
        async with asyncio.timeout(60):
            while (await door.post(body, standard(body))).status != 200:
                await asyncio.sleep(0.05)


async def test_what_is_refused_is_one_line_a_minute(db: Database, monkeypatch: pytest.MonkeyPatch):
    async with listening(db, SECRET, monkeypatch) as door:
        for _ in range(5):
            await door.post(b"{}", {})
        async with asyncio.timeout(60):
            while not any(line.asked == "refused" for line in door.lines):
                await asyncio.sleep(0.05)
        for _ in range(20):
            await door.post(b"{}", {}, "/other")
        await asyncio.sleep(1.2)
        (line,) = [line for line in door.lines if line.asked == "refused"]
    (kept,) = await ledger.rejected(db, line.id)
    assert "5 with a wrong signature" in kept.reason
    last = next(line for line in await ledger.lines(db) if line.asked == "refused")
    assert "20 for another path" in (await ledger.rejected(db, last.id))[0].reason, "said at the end at the latest"


async def test_a_store_that_does_not_take_it_lets_the_sender_come_again(db: Database, monkeypatch: pytest.MonkeyPatch):
    async def full(connection: Any, pages: int) -> None:
        await connection.exec_driver_sql(f"PRAGMA max_page_count={pages}")

    long = json.dumps([COMMENT | {"id": f"c{n}", "text": "acme " * 5_000} for n in range(30)]).encode()
    async with listening(db, SECRET, monkeypatch) as door:
        await asyncio.sleep(0.5)
        await db.write(lambda connection: full(connection, 1))
        answer = await door.post(long, standard(long))
        assert (answer.status, answer.headers["retry-after"]) == (503, "30")
        await db.write(lambda connection: full(connection, 1_000_000))
        assert (await door.post(long, standard(long))).status == 200
    assert len(await stored(db)) == 30


async def test_an_address_that_is_taken_is_said_with_what_to_do(db: Database, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setenv("HOOK_SECRET", PLAIN)
    with socket.socket() as other:
        other.bind(("127.0.0.1", 0))
        other.listen()
        options = {"listen": f"127.0.0.1:{other.getsockname()[1]}"}
        source = SourceConfig("webhook", "hook", token="env:HOOK_SECRET", options=options)
        stop, lines = asyncio.Event(), list[Any]()
        async with Worker(db, Desk(sources=(source,))) as worker:
            running = asyncio.create_task(worker.run(stop, lines.append))
            async with asyncio.timeout(60):
                while not any(line.error for line in lines):
                    await asyncio.sleep(0.02)
            stop.set()
            await running
    (error,) = {line.error for line in lines if line.error}
    assert "cannot listen at 127.0.0.1" in error
    assert "choose another `listen`" in error


def said(text: str, ts: str = "1795000000.000100", **more: Any) -> dict[str, Any]:
    event = {"type": "message", "channel": "C1", "user": "U1", "text": text, "ts": ts, "channel_type": "channel"}
    return {"type": "event_callback", "team_id": "T1", "api_app_id": "A1", "event": event | more}


async def test_slack(db: Database, monkeypatch: pytest.MonkeyPatch):
    async def told(payload: dict[str, Any]) -> str:
        body = json.dumps(payload).encode()
        answer = await door.post(body, slack(body))
        assert answer.status == 200
        return answer.body.decode()

    async with listening(db, PLAIN, monkeypatch, format="slack") as door:
        assert await told({"type": "url_verification", "challenge": "abc", "token": "x"}) == "abc"
        await told(said("acme is &lt;down&gt;, see <https://status.example|status> <@U2|bo>"))
        await told(said("of other things", "1795000001.0"))
        await told(said("hi app", "1795000002.0", channel="D1", channel_type="im"))
        await told(said("<@UBOT> help", "1795000003.0", type="app_mention", thread_ts="1795000000.000100"))
        await told(said("joined", "1795000004.0", subtype="channel_join"))
        await told(said("acme answer", "1795000005.0", bot_id="B1", app_id="A1", thread_ts="1795000000.000100"))
        name = "T1/C1/1795000000.000100"
        assert [row[1:] for row in await stored(db)] == [
            (name, "acme is <down>, see status (https://status.example) @bo"),
            ("T1/D1/1795000002.0", "hi app"),
            ("T1/C1/1795000003.0", "@UBOT help"),
            ("T1/C1/1795000005.0", "acme answer"),
        ]
        (ours,) = await rows(db, select(mention.c.external_id, mention.c.case_id).where(mention.c.ours))
        assert (ours.external_id, (await cases.get(db, ours.case_id)).row.status) == ("T1/C1/1795000005.0", "waiting")
        edited = {"type": "message", "user": "U1", "text": "acme is up", "ts": "1795000000.000100"}
        unfolded = {"subtype": "message_changed", "message": edited | {"text": "acme, unfolded"}}
        await told(said("", "1795000006.0", **unfolded))
        assert (await stored(db))[0][2].startswith("acme is <down>"), "a link that unfolds is no edit"
        changed = edited | {"edited": {"user": "U1", "ts": "1795000007.0"}}
        await told(said("", "1795000007.0", subtype="message_changed", message=changed))
        assert (await stored(db))[0][2] == "acme is up"
        await told(said("", "1795000008.0", subtype="message_deleted", deleted_ts="1795000000.000100"))
        assert (await stored(db))[0][2] == ""
        await told(said("acme", ""))
    assert [line.failed for line in door.lines if line.failed] == [1]


USER = {"login": "ana", "html_url": "https://github.com/ana", "type": "User"}
ISSUE: dict[str, Any] = {
    "node_id": "I_1", "number": 7, "title": "it burns", "body": "my acme", "user": USER, "author_association": "NONE",
    "created_at": "2026-11-20T10:00:00Z", "updated_at": "2026-11-20T10:00:00Z",
    "html_url": "https://github.com/acme/cloud/issues/7", "url": "https://api.github.com/repos/acme/cloud/issues/7",
}  # fmt: skip


def remark(name: str, **more: Any) -> dict[str, Any]:
    given = {
        "node_id": name,
        "id": 9,
        "body": f"words of {name}",
        "html_url": "https://github.com/acme/cloud/issues/7#c",
    }
    return ISSUE | given | {"issue_url": ISSUE["url"], "parent_id": None} | more


async def test_github(db: Database, monkeypatch: pytest.MonkeyPatch):
    async def told(event: str, payload: dict[str, Any], *, form: bool = False) -> None:
        body = json.dumps(payload).encode()
        body = urlencode({"payload": body.decode()}).encode() if form else body
        headers = hub(body, event)
        headers["content-type"] = "application/x-www-form-urlencoded" if form else "application/json"
        assert (await door.post(body, headers)).status == 200

    async with listening(db, PLAIN, monkeypatch, format="github") as door:
        await told("ping", {"zen": "Keep it logically awesome."})
        await told("issues", {"action": "opened", "issue": ISSUE})
        await told("issues", {"action": "labeled", "issue": ISSUE})
        await told("issue_comment", {"action": "created", "comment": remark("IC_1"), "issue": ISSUE}, form=True)
        member = remark("IC_2", author_association="MEMBER", user=USER | {"login": "staff"})
        await told("issue_comment", {"action": "created", "comment": member, "issue": ISSUE})
        robot = remark("IC_3", user=USER | {"login": "ci[bot]", "type": "Bot"})
        await told("issue_comment", {"action": "created", "comment": robot, "issue": ISSUE})
        review = remark("RC_1", pull_request_url="https://api.github.com/repos/acme/cloud/pulls/8")
        review.pop("issue_url")
        await told("pull_request_review_comment", {"action": "created", "comment": review})
        talk = ISSUE | {"node_id": "D_1", "title": "an idea"}
        await told("discussion", {"action": "created", "discussion": talk})
        await told("discussion_comment", {"action": "created", "discussion": talk, "comment": remark("DC_1")})
        assert [row[:2] for row in await stored(db)] == [
            ("github", name) for name in ("I_1", "IC_1", "IC_2", "RC_1", "D_1", "DC_1")
        ]
        later = {"body": "my acme, solved", "updated_at": "2026-11-21T10:00:00Z"}
        await told("issues", {"action": "edited", "issue": ISSUE | later})
        assert (await stored(db))[0][2] == "my acme, solved"
        await told("issue_comment", {"action": "deleted", "comment": remark("IC_1"), "issue": ISSUE})
        assert (await stored(db))[1][2] == ""
        await told("issues", {"action": "opened", "issue": {"node_id": "I_2"}})
        assert [line.failed for line in door.lines if line.failed] == [1]
    opened = await cases.listing(db, None, me="ana", now=utcnow())
    assert sorted((row.handle, row.status) for row in opened if row.title == "it burns") == [("ana", "waiting")]


async def test_meta(db: Database, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setenv("VERIFY", "our word")
    value = {
        "item": "comment", "verb": "add", "post_id": "77_1", "comment_id": "1_2", "message": "acme, help",
        "created_time": int(time.time()), "from": {"id": "5", "name": "Ana Pop"}, "parent_id": "77_1",
    }  # fmt: skip
    change = {"object": "page", "entry": [{"id": "77", "time": int(time.time()), "changes": []}]}
    change["entry"][0]["changes"] = [{"field": "feed", "value": value}]  # type: ignore[index]
    async with listening(db, PLAIN, monkeypatch, format="meta", verify_token="env:VERIFY") as door:
        query = {"hub.mode": "subscribe", "hub.verify_token": "our word", "hub.challenge": "1158201444"}
        answer = await door.post(b"", {}, f"/?{urlencode(query)}", "GET")
        assert (answer.status, answer.body) == (200, b"1158201444")
        wrong = query | {"hub.verify_token": "their word"}
        assert (await door.post(b"", {}, f"/?{urlencode(wrong)}", "GET")).status == 401
        body = json.dumps(change).encode()
        assert (await door.post(body, hub(body))).status == 200
        assert (await door.post(body, hub(body + b" "))).status == 401
        (found,) = await stored(db)
        assert (found[0], found[2]) == ("facebook", "acme, help")
        value["verb"] = "remove"
        body = json.dumps(change).encode()
        assert (await door.post(body, hub(body))).status == 200
        assert (await stored(db))[0][2] == ""
        assert (await door.post(b"{}", hub(b"{}"))).status == 400


async def test_a_round_of_polls_asks_nothing_and_does_not_listen(db: Database, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setenv("HOOK_SECRET", PLAIN)
    source = SourceConfig("webhook", "hook", token="env:HOOK_SECRET", options={"listen": f"127.0.0.1:{free_port()}"})
    async with Worker(db, Desk(sources=(source,))) as worker:
        (line,) = await worker.poll_once()
    assert (line.returned, line.error) == (0, "")
    (cursor,) = await cursors.all_of(db)
    assert (cursor.next_poll_at - utcnow()).total_seconds() > 3_600


@pytest.mark.parametrize(
    ("options", "token", "says"),
    [
        ({"listen": "8787"}, "env:X", "`listen` is a host and a port"),
        ({"listen": "127.0.0.1"}, "env:X", "`listen` is a host and a port"),
        ({"path": "hooks"}, "env:X", "`path` begins with /"),
        ({"format": "discord"}, "env:X", "`format` is standard"),
        ({}, "", "the signing secret is needed"),
        ({"verify_token": "env:Y"}, "env:X", "`verify_token` is for"),
    ],
)
def test_what_is_wrong_with_its_options(options: dict[str, str], token: str, says: str):
    assert says in "; ".join(registry.problems(SourceConfig("webhook", "hook", token=token, options=options)))
