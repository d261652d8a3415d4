"""What may come at a port that is open to anybody, and signed nonsense; made by seeds, as in test_fuzz."""

from __future__ import annotations

import asyncio
import json
import random
from collections.abc import Callable
from contextlib import suppress
from typing import Any

import pytest

from sources.adapters import webhook_server
from sources.errors import SourceError
from store.database import Database
from tests.sources import test_webhook
from tests.sources.mutations import dumped, scrambled, seeds, structure
from tests.sources.test_fuzz import check
from tests.sources.test_webhook import PLAIN, SECRET, hub, listening, slack, standard


def request(chance: random.Random, body: bytes) -> bytes:
    """What may come at a port that is open to anybody."""
    signed = "".join(f"{name}: {value}\r\n" for name, value in standard(body, f"m{chance.random()}").items())
    whole = f"POST / HTTP/1.1\r\nHost: x\r\n{signed}Content-Length: {len(body)}\r\n\r\n".encode() + body
    length = chance.choice([b"-1", b"0", b"5, 6", b"1e3", b"9" * 20, b"9" * 5_000, b"+4", b"0x10", b"\xb2", b" "])
    chunks = chance.choice(
        [
            b"FFFFFFFFFFFFFFFF\r\na",
            b"-1\r\na\r\n",
            b"5;" + b"x" * 20_000 + b"\r\nabcde\r\n0\r\n\r\n",
            b"0\r\nA: b\r\n\r\n",
            b"5\r\nabcde",
            b"1\r\na\r\n" * 500 + b"0\r\n\r\n",
            b"zz\r\n",
        ]
    )
    return chance.choice(
        [
            whole[: chance.randrange(len(whole))],
            scrambled(chance, whole),
            whole.replace(str(len(body)).encode() + b"\r\n\r\n", length + b"\r\n\r\n"),
            b"POST / HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n" + chunks,
            b"POST / HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\nContent-Length: 5\r\n\r\n" + chunks,
            b"GET " + chance.choice(URLS_OF_REQUESTS) + b" HTTP/1.1\r\nHost: x\r\n\r\n",
            b"GET / HTTP/1.1\r\nHost: x\r\n" + b"a: b\r\n" * chance.choice([10, 5_000]) + b"\r\n",
            b"GET / HTTP/1.1\r\n" + b"a" * 40_000,
            b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n",
            b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03" + bytes(200),
            bytes(chance.randrange(256) for _ in range(300)),
            b"POST / HTTP/1.1\r\nHost: x\r\nExpect: 100-continue\r\nContent-Length: 10\r\n\r\n",
            whole * 3,
            b"\r\n" * 1_000,
        ]
    )


URLS_OF_REQUESTS = [
    b"//",
    b"http://[::1",
    b"*",
    b"/%00%ff",
    b"/?" + b"a=b&" * 2_000,
    b"/../../etc/passwd",
    b"/\xff",
    b"http://x:99999/",
    b"?",
]


async def visit(port: int, words: bytes, chance: random.Random) -> None:
    with suppress(OSError, TimeoutError):
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        writer.write(words)
        if chance.random() < 0.5:
            writer.write_eof()
        async with asyncio.timeout(chance.choice([0.01, 0.3])):
            await reader.read(200_000)
        writer.close()


FORMS: dict[str, tuple[str, list[Any]]] = {
    "standard": (
        SECRET,
        [test_webhook.COMMENT, [{"text": "acme", "author": {"handle": "a"}, "created_at": "2026-11-21"}]],
    ),
    "slack": (
        PLAIN,
        [
            {
                "type": "event_callback",
                "team_id": "T",
                "api_app_id": "A",
                "authorizations": [{"user_id": "U", "is_bot": True}],
                "event": {
                    "type": "message",
                    "channel": "C",
                    "user": "U2",
                    "ts": "1795262400.0001",
                    "text": "<@U> acme <http://a|b>",
                    "thread_ts": "1795262400.0000",
                    "files": [{"name": "a"}],
                    "user_profile": {"real_name": "A"},
                },
            }
        ],
    ),
    "github": (
        PLAIN,
        [
            {
                "action": "created",
                "issue": {
                    "id": 1,
                    "node_id": "N",
                    "number": 1,
                    "html_url": "https://github.com/a/b/issues/1",
                    "title": "acme",
                    "body": "acme",
                    "user": {"login": "a", "html_url": "https://github.com/a"},
                    "created_at": "2026-11-21T10:00:00Z",
                },
                "comment": {
                    "id": 2,
                    "node_id": "M",
                    "html_url": "https://github.com/a/b/issues/1#issuecomment-2",
                    "body": "acme",
                    "user": {"login": "b"},
                    "created_at": "2026-11-21T10:00:00Z",
                    "updated_at": "2026-11-21T11:00:00Z",
                },
                "repository": {"full_name": "a/b", "html_url": "https://github.com/a/b"},
            }
        ],
    ),
    "meta": (
        PLAIN,
        [
            {
                "object": "page",
                "entry": [
                    {
                        "id": "1",
                        "time": 1795262400,
                        "changes": [
                            {
                                "field": "feed",
                                "value": {
                                    "from": {"id": "2", "name": "A"},
                                    "item": "comment",
                                    "verb": "add",
                                    "comment_id": "1_2",
                                    "post_id": "1_1",
                                    "parent_id": "1_1",
                                    "created_time": 1795262400,
                                    "message": "acme",
                                },
                            }
                        ],
                    }
                ],
            },
            {
                "object": "instagram",
                "entry": [
                    {
                        "id": "1",
                        "time": 1795262400,
                        "changes": [
                            {
                                "field": "comments",
                                "value": {
                                    "id": "5",
                                    "text": "acme",
                                    "from": {"id": "2", "username": "a"},
                                    "media": {"id": "9"},
                                },
                            }
                        ],
                    }
                ],
            },
        ],
    ),
}


EVENTS = ["issue_comment", "issues", "discussion", "discussion_comment", "ping", "x" * 500]
SIGNED: dict[str, Callable[[bytes, str, str], dict[str, str]]] = {
    "standard": lambda body, name, event: standard(body, name),
    "slack": lambda body, name, event: slack(body),
    "github": lambda body, name, event: hub(body, event),
    "meta": lambda body, name, event: hub(body),
}


@pytest.mark.parametrize("form", FORMS)
async def test_wrong_requests_to_the_webhook(db: Database, monkeypatch: pytest.MonkeyPatch, form: str) -> None:
    monkeypatch.setattr(webhook_server, "REQUEST_SECONDS", 2)
    secret, good = FORMS[form]
    async with listening(db, secret, monkeypatch, format=form) as door:
        for seed in seeds():
            chance = random.Random(f"{form} {seed}")
            body = dumped(test_webhook.COMMENT)
            async with asyncio.timeout(60):
                await asyncio.gather(*(visit(door.port, request(chance, body), chance) for _ in range(30)))
            for number in range(15):
                payload: Any = json.loads(json.dumps(chance.choice(good)))
                for _ in range(chance.choice([1, 3, 10])):
                    payload = structure(chance, payload)
                body = dumped(payload)
                answer = await door.post(body, SIGNED[form](body, f"s{seed}-{number}", chance.choice(EVENTS)))
                assert answer.status in (200, 400), (seed, number, answer, body[:2_000])
        assert not any("unexpected" in line.error for line in door.lines), door.lines
        body = dumped(good[0])
        assert (await door.post(body, SIGNED[form](body, "last", EVENTS[0]))).status == 200
    assert not (found := await check(db)), found[:5]


async def test_a_stranger_who_says_nothing_does_not_keep_others_out(
    db: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(webhook_server, "REQUEST_SECONDS", 0.3)
    async with listening(db, SECRET, monkeypatch) as door:
        crowd = [await asyncio.open_connection("127.0.0.1", door.port) for _ in range(webhook_server.CONNECTIONS + 20)]
        for _, writer in crowd[::2]:
            writer.write(b"POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 9\r\n\r\na")
        body = dumped(test_webhook.COMMENT)
        status = 0
        async with asyncio.timeout(60):
            while status != 200:
                with suppress(SourceError):
                    status = (await door.post(body, standard(body))).status
                await asyncio.sleep(0.05)
        for _, writer in crowd:
            writer.close()
