"""A mail provider on loopback: a server that takes mail (SMTP) and one that keeps it (IMAP), which do what servers do
and, where they are told so, what they should not."""

from __future__ import annotations

import asyncio
import base64
import re
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

PASSWORD = "s3cret-pass"
REPORT = """From: Mail Delivery System <MAILER-DAEMON@mx.example>
To: support@acme.example
Subject: Undelivered Mail Returned to Sender
Message-ID: <bounce@mx.example>
Auto-Submitted: auto-replied
Content-Type: multipart/report; report-type=delivery-status; boundary=b

--b
Content-Type: text/plain

I'm sorry to have to inform you...
--b
Content-Type: message/delivery-status

Reporting-MTA: dns; mx.example

Final-Recipient: rfc822; Ana@x.example
Action: {action}
Status: 5.1.1

--b
Content-Type: {kind}

From: support@acme.example
Message-ID: <identity@{domain}>

--b--
"""


class MailHouse:
    """A mail server of a few lines: answers each command as `script` says (`dot` is after the message), closes the line
    where it says "close", and keeps what it took."""

    def __init__(self, **script: str) -> None:
        self.script, self.taken, self.envelope = script, [], []
        self.port = 0

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        async def say(words: str) -> None:
            writer.write(words.encode() + b"\r\n")
            await writer.drain()

        try:
            await say(self.script.get("hello", "220 here"))
            while line := (await reader.readline()).decode().strip():
                verb = line.split()[0].upper()
                answer = self.script.get(verb, {"DATA": "354 go on", "QUIT": "221 bye"}.get(verb, "250 fine"))
                if answer == "close":
                    return
                await say(answer)
                if verb in ("MAIL", "RCPT"):
                    self.envelope.append(line)
                if verb == "DATA" and answer.startswith("354"):
                    body = await reader.readuntil(b"\r\n.\r\n")
                    if (ending := self.script.get("dot", "250 taken")) != "close":
                        self.taken += [body] if ending.startswith("250") else []
                        await say(ending)
                    else:
                        self.taken.append(body)  # taken, but the sender will never hear of it
                        return
        except (ConnectionError, asyncio.IncompleteReadError):
            pass
        finally:
            writer.close()


@asynccontextmanager
async def open_house(house: Any) -> AsyncIterator[Any]:
    server = await asyncio.start_server(house.serve, "127.0.0.1", 0)
    house.port = server.sockets[0].getsockname()[1]
    yield house
    server.close()


@dataclass
class Box:
    validity: int = 7
    mails: dict[int, tuple[bytes, datetime]] = field(default_factory=dict)
    next_uid: int = 1


class MailBoxes:
    """An IMAP server. `refused` are beginnings of commands and what is answered to them instead ("NO [CODE] why", or
    "close"). Everything that was asked is in `said`, tags and literals left out."""

    def __init__(self, *, idle: bool = True, capabilities: str = "IMAP4rev1", **boxes: Box) -> None:
        self.boxes = {"INBOX": Box(), **boxes}
        self.capabilities = capabilities + (" IDLE" if idle else "")
        self.refused: dict[str, str] = {}
        self.said: list[str] = []
        self.port = self.idling = 0
        self.hello, self.password = "* OK here", PASSWORD

    async def put(self, mail: bytes, at: datetime, box: str = "INBOX") -> int:
        here = self.boxes[box]
        uid, here.next_uid = here.next_uid, here.next_uid + 1
        here.mails[uid] = (mail.replace(b"\r\n", b"\n").replace(b"\n", b"\r\n"), at)
        return uid

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            await _Session(self, reader, writer).run()
        except (ConnectionError, asyncio.IncompleteReadError):
            pass
        finally:
            writer.close()


class _Session:
    def __init__(self, house: MailBoxes, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.house, self.reader, self.writer = house, reader, writer
        self.box = Box()

    def say(self, *parts: str | bytes) -> None:
        self.writer.write(b"".join(part if isinstance(part, bytes) else part.encode() for part in parts) + b"\r\n")

    async def run(self) -> None:
        self.say(self.house.hello)
        while line := (await self.reader.readline()).decode().rstrip("\r\n"):
            tag, _, command = line.partition(" ")
            self.house.said.append(command)
            instead = next((told for begin, told in self.house.refused.items() if command.startswith(begin)), None)
            if instead == "close":
                return
            if instead is not None:
                self.say(f"{tag} {instead}")
                continue
            verb = command.split()[0] if not command.startswith("UID") else command.split()[1]
            ended = await getattr(self, f"on_{verb.lower()}")(command)
            self.say(f"{tag} {ended or 'OK done'}")
            if verb == "LOGOUT":
                return

    async def on_capability(self, command: str) -> None:
        self.say(f"* CAPABILITY {self.house.capabilities}")

    async def on_logout(self, command: str) -> None:
        self.say("* BYE")

    async def on_login(self, command: str) -> str:
        password = re.sub(r'(["\\])', r"\\\1", self.house.password)
        return "OK" if command.endswith(f'"{password}"') else f"NO [AUTHENTICATIONFAILED] not you: {command}"

    async def on_authenticate(self, command: str) -> str:
        self.say("+ ")
        plain = base64.b64decode(await self.reader.readline()).decode()
        self.house.said.append(plain)
        if f"auth=Bearer {PASSWORD}" in plain:
            return "OK"
        self.say("+ eyJzdGF0dXMiOiI0MDAifQ==")
        assert await self.reader.readline() == b"\r\n"
        return "NO invalid token"

    async def on_examine(self, command: str) -> str:
        name = command.partition(" ")[2].strip('"')
        if name not in self.house.boxes:
            return "NO [NONEXISTENT] no such mailbox"
        self.box = self.house.boxes[name]
        self.say(f"* {len(self.box.mails)} EXISTS")
        self.say(f"* OK [UIDVALIDITY {self.box.validity}] ok")
        self.say(f"* OK [UIDNEXT {self.box.next_uid}] ok")
        return "OK [READ-ONLY] done"

    async def on_search(self, command: str) -> None:
        found = list(self.box.mails)
        if span := re.search(r"SEARCH UID (\d+):(\d+|\*)", command):
            low, high = int(span[1]), int(span[2]) if span[2] != "*" else max(found, default=0)
            found = [uid for uid in found if min(low, high) <= uid <= max(low, high)]  # 9:* names the last one too
        if day := re.search(r"SINCE (\S+)", command):
            since = datetime.strptime(day[1], "%d-%b-%Y").replace(tzinfo=UTC)
            found = [uid for uid in found if self.box.mails[uid][1] >= since]
        if name := re.search(r'HEADER Message-ID "(.*)"$', command):
            found = [uid for uid in found if f"Message-ID: {name[1]}".encode() in self.box.mails[uid][0]]
        self.say("* SEARCH ", " ".join(map(str, found)))

    async def on_fetch(self, command: str) -> None:
        wanted = [int(uid) for uid in command.split()[2].split(",")]
        for number, (uid, (mail, at)) in enumerate(self.box.mails.items(), 1):
            if uid not in wanted:
                continue
            self.say(f"* {number} FETCH (FLAGS (\\Seen))")  # as another session's doings come in between
            parts = [f"* {number} FETCH (UID {uid}"]
            if "INTERNALDATE" in command:
                parts.append(f' INTERNALDATE "{at.strftime("%d-%b-%Y %H:%M:%S +0000")}" RFC822.SIZE {len(mail)}')
            if "BODY.PEEK[HEADER]" in command:
                parts.append(f" BODY[HEADER] {{{len(mail)}}}")
                self.say("".join(parts))
                self.say(mail.partition(b"\r\n\r\n")[0].ljust(len(mail), b"\n"), ")")
            elif cut := re.search(r"BODY\.PEEK\[\](?:<0\.(\d+)>)?", command):
                body = mail[: int(cut[1])] if cut[1] else mail
                parts.append(f" BODY[]{'<0>' if cut[1] else ''} {{{len(body)}}}")
                self.say("".join(parts))
                self.say(body, ")")
            else:
                self.say("".join(parts), ")")

    async def on_append(self, command: str) -> str:
        found = re.fullmatch(r'APPEND "(.*)" \(\\Seen\) \{(\d+)\}', command)
        assert found is not None
        self.say("+ go on")
        mail = await self.reader.readexactly(int(found[2]))
        await self.reader.readline()
        await self.house.put(mail, datetime.now(UTC), found[1])
        return "OK [APPENDUID 7 1] done"

    async def on_idle(self, command: str) -> None:
        self.say("+ idling")
        done = asyncio.create_task(self.reader.readline())
        known = len(self.box.mails)
        self.house.idling += 1
        try:
            while not done.done():
                await asyncio.wait({done}, timeout=0.02)
                if len(self.box.mails) > known:
                    known = len(self.box.mails)
                    self.say(f"* {known} EXISTS")
        finally:
            self.house.idling -= 1
        assert await done in (b"DONE\r\n", b"")
