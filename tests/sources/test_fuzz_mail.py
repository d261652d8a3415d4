"""Mails and mail servers that nobody promised; made by seeds, as in test_fuzz."""

from __future__ import annotations

import asyncio
import random
import time
from contextlib import suppress
from pathlib import Path

import pytest

from sources.adapters import mail_imap, mail_message
from sources.intake import Intake
from sources.protocol import Page
from store.database import Database
from store.domain.clock import utcnow
from store.domain.desk import Desk, Watch
from store.domain.poll import Rejected
from tests.sources.fake_mail import REPORT, MailBoxes, _Session, open_house
from tests.sources.mutations import TEXTS, scrambled, seeds, textual
from tests.sources.test_fuzz import check
from tests.sources.test_mail import US, config, filled, letter, polled

WATCH = Watch("acme", "acme")
DESK = Desk(watches=(WATCH,))
SLOWEST = 30.0  # seconds for one item, where others compute too
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


def mail(chance: random.Random) -> bytes:
    """A mail with hostile headers, values and bytes."""
    body = chance.choice([MULTIPART, BOUNCE, letter("m"), letter("h", "<p>acme</p>", Content_Type="text/html")])
    for _ in range(chance.choice([1, 2, 5, 20])):
        lines = body.split(b"\n")
        at = chance.randrange(len(lines))
        name, colon, _ = lines[at].partition(b":")
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
    for seed in seeds(6):
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
    return (
        chance.choice(
            [
                b"* %s EXISTS",
                b"* SEARCH 1 %s 2",
                b"* OK [UIDVALIDITY %s] x",
                b"* OK [UIDNEXT %s] x",
                b"* 1 FETCH (UID %s BODY[] {3}\r\nabc)",
                b'* 1 FETCH (UID 1 RFC822.SIZE %s INTERNALDATE "99-Foo-9999 99:99:99 +9999")',
                b"* 1 FETCH (UID 1 BODY[] {%s}",
                b"TAG NO [%s",
                b"TAG OK %s",
                b"+ %s",
                b"* BYE %s",
                b"* CAPABILITY %s",
                b"{%s}",
                b'* 1 FETCH (UID 1 BODY[] "\\\\%s")',
            ]
        )
        % number
    )


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
    for seed in seeds():
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


@pytest.mark.parametrize(
    "flood", [b"{0}\r\n" * 300_000, b"* SEARCH " + b"9" * 5_000 + b"\r\n" * 10], ids=["literals", "numbers"]
)
async def test_a_flood_of_little_things(db: Database, monkeypatch: pytest.MonkeyPatch, flood: bytes) -> None:
    """Each of them is within its bounds; together they would keep everybody else waiting."""
    monkeypatch.setenv("MAIL_PASSWORD", "s3cret-pass")

    class Flood(_Session):
        async def on_search(self, command: str) -> None:
            self.writer.write(flood)

    class Floods(MailBoxes):
        async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            with suppress(OSError):
                await Flood(self, reader, writer).run()
            writer.close()

    async with open_house(Floods()) as house:
        began = time.monotonic()
        (line,) = await polled(db, config(house))
    assert time.monotonic() - began < SLOWEST
    assert "unexpected" not in line.error
