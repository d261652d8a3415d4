"""What nobody promised, at the doors that are no polls over HTTP: mails, a lying mail server, requests to the webhook,
websocket frames, files, queries and what people ask `why` for. Made by seeds, as in test_fuzz."""

from __future__ import annotations

import asyncio
import json
import random
import time
from contextlib import suppress
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from sources.adapters import bluesky_jetstream, mail_imap, mail_message, webhook_server
from sources.adapters.file import read_pages
from sources.errors import SourceError
from sources.http import Http
from sources.intake import Intake
from sources.protocol import Page
from sources.text import match
from sources.why import why
from store import cases
from store.database import Database
from store.domain import query, query_text
from store.domain.address import address, written_at
from store.domain.clock import utcnow
from store.domain.desk import Desk, SourceConfig, Watch
from store.domain.errors import BadInput, NotFound, QueryError
from store.domain.mention import NewAuthor, NewMention
from store.domain.poll import Rejected
from tests.hostile import PAYLOADS
from tests.servers import Reply, Seen, Server
from tests.sources import test_webhook
from tests.sources.fake_bluesky import STREAM, adapter, closed, frame, poll, websocket
from tests.sources.fake_mail import REPORT, MailBoxes, _Session, open_house
from tests.sources.mutations import TEXTS, dumped, hostile, scrambled, seeds, structure, textual
from tests.sources.test_fuzz import check
from tests.sources.test_mail import US, config, filled, letter, polled
from tests.sources.test_webhook import PLAIN, SECRET, hub, listening, slack, standard

WATCH = Watch("acme", "acme")
DESK = Desk(watches=(WATCH,))
SLOWEST = 5.0  # seconds for one item
MULTIPART = b"""From: =?utf-8?q?Ana_P=C3=B6p?= <ana@x.example>
To: support@acme.example, "Acme, Inc." <info@acme.example>
Cc: undisclosed-recipients:;
Reply-To: ana@x.example
Subject: =?utf-8?b?YWNtZSBpcyBkb3du?=
Date: Sat, 21 Nov 2026 10:00:00 +0200
Message-ID: <one@x.example>
References: <zero@x.example> <half@x.example>
List-Id: a list <list.x.example>
MIME-Version: 1.0
Content-Type: multipart/mixed; boundary="outer"

--outer
Content-Type: multipart/alternative; boundary=inner

--inner
Content-Type: text/plain; charset=iso-8859-2
Content-Transfer-Encoding: quoted-printable

acme is d=F3wn =
again
--inner
Content-Type: text/html; charset="utf-8"
Content-Transfer-Encoding: base64

PHA+YWNtZSBpcyBkb3duPC9wPg==
--inner--
--outer
Content-Type: application/pdf; name="=?utf-8?q?a=C3=B6.pdf?="
Content-Disposition: attachment; filename*=utf-8''a%C3%B6.pdf
Content-Transfer-Encoding: base64

JVBERi0=
--outer
Content-Type: message/rfc822

From: bob@x.example
Subject: within

acme within
--outer--
"""
BOUNCE = REPORT.format(action="failed", kind="message/rfc822", domain="acme.example").encode()
PIECES = [
    *(
        "(",
        ")",
        '"',
        "“",
        "`",
        "｀",
        "OR",
        "AND",
        "NOT",
        "-",
        "−",
        "NEAR/3",
        "NEAR/",
        "NEAR/999",
        "*",
        "~",
        "~1",
        "~2",
        "~9",
        ",",
    ),
    *(
        "acme",
        "ÄCME",
        "日本",
        "é",
        "a",
        "e-mail",
        "don't",
        "ß",
        "½",
        "İ",
        "\u0301",
        " ",
        "  ",
        "\t",
        "\n",
        "\0",
        "\ud800",
    ),
    *(f"{name}:" for name in sorted(query.FIELDS)),
    *(
        "bogus:",
        "title:(",
        "since:7d",
        "until:2026-02-30",
        "followers:>10k",
        "followers:>=9e9",
        "lang:x",
        "id:12",
        "http://a.b/",
    ),
    *("\\", "'", "%", "_", "[", "]", "{", "}", "^", "$", ":", "：", "//", "\u200d", "\u202e", "\x1b[31m"),
]


def mail(chance: random.Random) -> bytes:
    """A mail with hostile headers, values and bytes."""
    body = chance.choice([MULTIPART, BOUNCE, letter("m"), letter("h", "<p>acme</p>", Content_Type="text/html")])
    for _ in range(chance.choice([1, 2, 5, 20])):
        lines = body.split(b"\n")
        at = chance.randrange(len(lines))
        name, colon, value = lines[at].partition(b":")
        text = str(chance.choice(TEXTS))[: chance.choice([50, 500, 50_000])].encode("utf-8", "surrogatepass")
        kind = chance.randrange(6)
        if kind == 0 and colon:
            lines[at] = name + b": " + text
        elif kind == 1:
            lines.insert(at, lines[at])
        elif kind == 2:
            lines.insert(at, chance.choice([b"--inner", b"--outer", b"--outer--", b"", b" ", text]))
        elif kind == 3:
            wrong = chance.choice(
                ["utf-16", "x-unknown", "idna", "rot13", "unicode_escape", "utf-7", "bz2", "\xff", "undefined"]
            )
            lines[at] = b'Content-Type: text/plain; charset="' + wrong.encode() + b'"'
        elif kind == 4:
            lines[at] = b"Subject: =?" + chance.choice(
                [b"utf-8?q?=FF=1B=5D?=", b"x?b?!!!?=", b"utf-8?z?a?=", b"utf-7?q?+2AA-?="]
            )
        else:
            lines[at] = textual(chance, lines[at].decode("latin-1")).encode("utf-8", "replace")
        body = b"\n".join(lines)
    return scrambled(chance, body) if chance.random() < 0.3 else body


async def test_wrong_mails(db: Database) -> None:
    intake = Intake(db, DESK)
    for seed in seeds(20):
        chance = random.Random(f"mail {seed}")
        mentions, rejected = [], []
        for number in range(10):
            body = mail(chance)
            began = time.monotonic()
            try:
                at = utcnow()
                mentions.append(mail_message.received(body, at=at, own={US}, sent=chance.random() < 0.1))
                mentions.append(mail_message.from_mail(body, body, undated=at))
            except ValueError as error:
                rejected.append(Rejected(f"mail {number}", str(error), body))
            assert time.monotonic() - began < SLOWEST, (seed, number)
        await intake.take("it", "mail", "s", Page("x", mentions, rejected), started_at=utcnow(), next_poll_at=None)
        assert not (found := await check(db)), (seed, found[:5])


class _Liar(_Session):
    chance: random.Random

    def say(self, *parts: str | bytes) -> None:
        line = b"".join(part if isinstance(part, bytes) else part.encode() for part in parts)
        draw = self.chance.random()
        if draw < 0.08:
            line = scrambled(self.chance, line)
        elif draw < 0.14:
            line = chance_line(self.chance).replace(b"TAG", line.split(b" ")[0])
        self.writer.write(line + (b"\r\n" if draw > 0.01 else b""))


def chance_line(chance: random.Random) -> bytes:
    number = chance.choice([b"0", b"-1", b"4294967295", b"9" * 19, b"9" * 5_000, b"\xb2", b"99999999999"])
    return chance.choice(
        [b"* %s EXISTS", b"* SEARCH 1 %s 2", b"* OK [UIDVALIDITY %s] x", b"* OK [UIDNEXT %s] x", b"* 1 FETCH (UID %s BODY[] {3}\r\nabc)",
         b"* 1 FETCH (UID 1 RFC822.SIZE %s INTERNALDATE \"99-Foo-9999 99:99:99 +9999\")", b"* 1 FETCH (UID 1 BODY[] {%s}",
         b"TAG NO [%s", b"TAG OK %s", b"+ %s", b"* BYE %s", b"* CAPABILITY %s", b"{%s}", b"* 1 FETCH (UID 1 BODY[] \"\\\\%s\")"]
    ) % number  # fmt: skip


class LyingBoxes(MailBoxes):
    chance: random.Random | None = None

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        if self.chance is None:
            return await super().serve(reader, writer)
        session = _Liar(self, reader, writer)
        session.chance = self.chance
        try:
            await session.run()
        except Exception:
            pass
        finally:
            writer.close()


async def test_a_mail_server_that_lies(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MAIL_PASSWORD", "s3cret-pass")
    monkeypatch.setattr(mail_imap, "COMMAND_SECONDS", 0.4)
    for seed in seeds(3):
        db = Database(tmp_path / f"{seed}.db")
        await db.open()
        async with open_house(LyingBoxes()) as house:
            await filled(house, *range(1, 8))
            for _ in range(3):
                await house.put(mail(random.Random(seed)), utcnow())
            house.chance = random.Random(f"imap {seed}")
            for _ in range(4):
                began = time.monotonic()
                await polled(db, config(house, backfill=None))
                assert time.monotonic() - began < 4 * SLOWEST, seed
            house.chance = None
            await polled(db, config(house, backfill=None))
            lines = await polled(db, config(house, backfill=None))
        found = await check(db)
        await db.close()
        assert not found, (seed, found[:5])
        assert not any(line.error for line in lines), (seed, lines)


def request(chance: random.Random, body: bytes) -> bytes:
    """What may come at a port that is open to anybody."""
    signed = "".join(f"{name}: {value}\r\n" for name, value in standard(body, f"m{chance.random()}").items())
    whole = f"POST / HTTP/1.1\r\nHost: x\r\n{signed}Content-Length: {len(body)}\r\n\r\n".encode() + body
    length = chance.choice([b"-1", b"0", b"5, 6", b"1e3", b"9" * 20, b"9" * 5_000, b"+4", b"0x10", b"\xb2", b" "])
    chunks = chance.choice([b"FFFFFFFFFFFFFFFF\r\na", b"-1\r\na\r\n", b"5;" + b"x" * 20_000 + b"\r\nabcde\r\n0\r\n\r\n", b"0\r\nA: b\r\n\r\n",
                            b"5\r\nabcde", b"1\r\na\r\n" * 500 + b"0\r\n\r\n", b"zz\r\n"])  # fmt: skip
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
    "standard": (SECRET, [test_webhook.COMMENT, [{"text": "acme", "author": {"handle": "a"}, "created_at": "2026-11-21"}]]),
    "slack": (PLAIN, [{"type": "event_callback", "team_id": "T", "api_app_id": "A", "authorizations": [{"user_id": "U", "is_bot": True}],
                       "event": {"type": "message", "channel": "C", "user": "U2", "ts": "1795262400.0001", "text": "<@U> acme <http://a|b>",
                                 "thread_ts": "1795262400.0000", "files": [{"name": "a"}], "user_profile": {"real_name": "A"}}}]),
    "github": (PLAIN, [{"action": "created", "issue": {"id": 1, "node_id": "N", "number": 1, "html_url": "https://github.com/a/b/issues/1", "title": "acme",
                        "body": "acme", "user": {"login": "a", "html_url": "https://github.com/a"}, "created_at": "2026-11-21T10:00:00Z"},
                        "comment": {"id": 2, "node_id": "M", "html_url": "https://github.com/a/b/issues/1#issuecomment-2", "body": "acme",
                                    "user": {"login": "b"}, "created_at": "2026-11-21T10:00:00Z", "updated_at": "2026-11-21T11:00:00Z"},
                        "repository": {"full_name": "a/b", "html_url": "https://github.com/a/b"}}]),
    "meta": (PLAIN, [{"object": "page", "entry": [{"id": "1", "time": 1795262400, "changes": [{"field": "feed", "value": {
                        "from": {"id": "2", "name": "A"}, "item": "comment", "verb": "add", "comment_id": "1_2", "post_id": "1_1", "parent_id": "1_1",
                        "created_time": 1795262400, "message": "acme"}}]}]},
                     {"object": "instagram", "entry": [{"id": "1", "time": 1795262400, "changes": [{"field": "comments", "value": {
                        "id": "5", "text": "acme", "from": {"id": "2", "username": "a"}, "media": {"id": "9"}}}]}]}]),
}  # fmt: skip


@pytest.mark.parametrize("form", FORMS)
async def test_wrong_requests_to_the_webhook(db: Database, monkeypatch: pytest.MonkeyPatch, form: str) -> None:
    monkeypatch.setattr(webhook_server, "REQUEST_SECONDS", 0.2)
    secret, good = FORMS[form]
    async with listening(db, secret, monkeypatch, format=form) as door:
        for seed in seeds():
            chance = random.Random(f"{form} {seed}")
            body = dumped(test_webhook.COMMENT)
            async with asyncio.timeout(20):
                await asyncio.gather(*(visit(door.port, request(chance, body), chance) for _ in range(30)))
            for number in range(15):
                payload: Any = json.loads(json.dumps(chance.choice(good)))
                for _ in range(chance.choice([1, 3, 10])):
                    payload = structure(chance, payload)
                body = dumped(payload)
                event = chance.choice(["issue_comment", "issues", "discussion", "discussion_comment", "ping", "\xb2"])
                signed = {
                    "standard": lambda body: standard(body, f"s{seed}-{number}"),
                    "slack": slack,
                    "github": lambda body: hub(body, event),
                    "meta": hub,
                }
                answer = await door.post(body, signed[form](body))
                assert answer.status in (200, 400), (seed, number, answer, body[:2_000])
        assert not any("unexpected" in line.error for line in door.lines), door.lines
        body = dumped(good[0])
        signed = {"standard": standard, "slack": slack, "github": lambda body: hub(body, "issue_comment"), "meta": hub}
        assert (await door.post(body, signed[form](body))).status == 200
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
        async with asyncio.timeout(5):
            while status != 200:
                with suppress(SourceError):
                    status = (await door.post(body, standard(body))).status
                await asyncio.sleep(0.05)
        for _, writer in crowd:
            writer.close()


async def test_wrong_frames(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(bluesky_jetstream, "FIRST_QUIET", 0.2)
    monkeypatch.setattr(bluesky_jetstream, "QUIET", 0.1)
    post = {"did": "did:plc:ana", "time_us": 1795262400_000000, "kind": "commit", "commit": {
        "rev": "r", "operation": "create", "collection": "app.bsky.feed.post", "rkey": "1", "cid": "c",
        "record": {"$type": "app.bsky.feed.post", "text": "acme", "createdAt": "2026-11-21T10:00:00Z", "langs": ["en"],
                   "reply": {"root": {"uri": "at://a/b/c"}, "parent": {"uri": "at://a/b/d"}},
                   "facets": [{"index": {"byteStart": 0, "byteEnd": 4}, "features": [{"$type": "app.bsky.richtext.facet#link", "uri": "https://a.b"}]}]}}}  # fmt: skip
    for seed in seeds(2):
        chance = random.Random(f"frames {seed}")
        db = Database(tmp_path / f"{seed}.db")
        await db.open()

        def subscribe(seen: Seen, chance: random.Random = chance) -> Reply:
            messages = []
            for number in range(20):
                event: Any = json.loads(json.dumps(post))
                event["commit"]["rkey"] = str(number)
                for _ in range(chance.choice([0, 1, 2, 6])):
                    event = structure(chance, event)
                messages.append(dumped(event) if chance.random() < 0.95 else scrambled(chance, dumped(event)))
            good = websocket(seen, messages, closed)

            def play(send: Any, connection: Any) -> None:
                def sent(words: bytes) -> None:
                    kind = chance.random()
                    if kind < 0.03:
                        words = scrambled(chance, words)
                    elif kind < 0.06:
                        words = frame(bytes(chance.randrange(130)), kind=chance.randrange(16)) + words
                    send(words)

                assert good.play is not None
                with suppress(OSError):
                    good.play(sent, connection)

            return Reply(play=play)

        with Server() as server:
            server.on(STREAM, subscribe)
            options = {"jetstream": True, "jetstream_url": server.url().replace("http", "ws"), "search": False}
            async with Http({server.host}, pause=0) as http:
                source = adapter(server, http, token="", options=options)
                bookmark: dict[str, Any] = {}
                for _ in range(3):
                    pages: list[Page] = []
                    began = time.monotonic()
                    with suppress(SourceError):
                        await poll(source, bookmark, utcnow(), "jetstream", into=pages)
                    assert time.monotonic() - began < 4 * SLOWEST, seed
                    for page in pages:
                        await Intake(db, DESK).take("it", "bluesky", "s", page, started_at=utcnow(), next_poll_at=None)
                        bookmark = page.bookmark or bookmark
        found = await check(db)
        await db.close()
        assert not found, (seed, found[:5])


@pytest.mark.parametrize("suffix", ["jsonl", "csv", "mbox", "txt"])
async def test_wrong_files(db: Database, tmp_path: Path, suffix: str) -> None:
    path = tmp_path / f"mentions.{suffix}"
    record = {
        "id": "1",
        "text": "acme",
        "author": "a",
        "url": "https://a.b/",
        "created_at": "2026-11-21",
        "followers": 5,
        "type": "post",
    }
    for seed in seeds(10):
        chance = random.Random(f"{suffix} {seed}")
        records = [structure(chance, dict(record, id=str(number))) for number in range(8)]
        content = b"\n".join(dumped(one) for one in records)
        if suffix == "csv" or (suffix == "txt" and chance.random() < 0.5):
            quoted = ['"' + str(hostile(chance))[:5_000].replace('"', '""') + '"' for _ in range(24)]
            content = (
                "id,text,author,url\n" + "\n".join(",".join(quoted[at : at + 4]) for at in range(0, 24, 4))
            ).encode("utf-8", "replace")
        elif suffix == "mbox":
            content = b"\n".join(b"From a@b Sat Nov 21 10:00:00 2026\n" + mail(chance) + b"\n" for _ in range(4))
        path.write_bytes(scrambled(chance, content) if chance.random() < 0.5 else content)
        bookmark = None
        with suppress(BadInput):
            for page in read_pages(path, now=utcnow(), bookmark=bookmark, growing=chance.random() < 0.5, size=3):
                await Intake(db, DESK).take("it", "file", "s", page, started_at=utcnow(), next_poll_at=None, lands=True)
        assert not (found := await check(db)), (seed, found[:5])


def question(chance: random.Random) -> str:
    parts = [
        chance.choice(PIECES) if chance.random() < 0.97 else str(chance.choice(TEXTS))[:300]
        for _ in range(chance.choice([1, 3, 6, 15, 60]))
    ]
    return chance.choice(["", " ", " "]).join(parts)


async def test_wrong_queries(db: Database) -> None:
    texts, intake = [*PAYLOADS.values(), "acme " * 500], Intake(db, DESK)
    mentioned = NewMention("it", "1", NewAuthor("ana"), utcnow(), url="https://a.b/c")
    for seed in seeds(3_000):
        chance = random.Random(f"query {seed}")
        asked = question(chance)
        began = time.monotonic()
        try:
            node = query.parse(asked)
        except QueryError as error:
            assert 1 <= error.column <= len(asked) + 2, (seed, asked)
            continue
        if node is not None:
            written = query_text.written(node)
            if len(written) <= 4_096:
                assert query.parse(written) == node, (seed, asked, written)
            if seed % 10 == 0:
                read = intake.read(replace(mentioned, text=chance.choice(texts)))
                with suppress(BadInput):  # fields of a case are nothing to a watch
                    match.compile(node)(match.document(read, source="it", now=utcnow()))
                await cases.listing(db, node, me="ana", now=utcnow())
        assert time.monotonic() - began < SLOWEST, (seed, asked)


async def test_whatever_is_asked_for_has_an_answer(db: Database) -> None:
    desk = Desk(watches=(WATCH,), sources=(SourceConfig("mastodon", "m", url="https://m.example"),))
    for seed in seeds(60):
        chance = random.Random(f"why {seed}")
        asked = chance.choice(
            [str(chance.choice(TEXTS)), textual(chance, "https://bsky.app/profile/did:plc:a/post/3laaaaaaaaaa2"), "#" + str(chance.choice(TEXTS)),
             textual(chance, "https://m.example/@ana/115500000000000000"), textual(chance, "at://did:plc:a/app.bsky.feed.post/3l"), "\udcff\udc80"]
        )  # fmt: skip
        began = time.monotonic()
        with suppress(NotFound):
            await why(db, desk, asked, now=utcnow())
        address(asked)
        written_at(asked, now=utcnow() + timedelta(days=1))
        assert time.monotonic() - began < SLOWEST, (seed, asked[:200])
