"""A mailbox (IMAP4rev1, RFC 3501; IDLE, RFC 2177), as much of it as reading and listening need.

A mailbox is only ever examined, so that nothing is marked as read. What a server sends is bounded before it is kept.
"""

from __future__ import annotations

import asyncio
import base64
import re
import ssl
from collections.abc import AsyncIterator, Iterable, Sequence
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime

from sources.errors import BadAnswer, RateLimited, SourceError, Unauthorised, Unreachable, quoted
from sources.smtp import is_loopback
from store.domain.secret import Secret

CONNECT_SECONDS = 15.0
COMMAND_SECONDS = 60.0
LINE_LIMIT = 16 * 1024 * 1024  # a search among a million mails is answered in one line
LITERAL_LIMIT = 8 * 1024 * 1024
ANSWER_LIMIT = 64 * 1024 * 1024
LITERALS = 100  # in one line
_LITERAL = re.compile(rb"\{(\d{1,12})\+?\}\r?\n$")
_CODE = re.compile(r"\[([A-Z][A-Z0-9-]*)")
_BUSY = frozenset({"UNAVAILABLE", "INUSE", "LIMIT", "OVERQUOTA", "THROTTLED"})


@dataclass(frozen=True, slots=True)
class Account:
    """`tls`: from the first byte on; else STARTTLS is taken where it is offered. `insecure`: the secret may go over a
    connection that is not encrypted; to this very machine it always may. `bearer`: it is an access token (XOAUTH2)."""

    host: str
    port: int
    tls: bool
    user: str
    insecure: bool = False
    bearer: bool = False


@dataclass(frozen=True, slots=True)
class Box:
    """`validity` (UIDVALIDITY): while it is the same, a uid names the same mail. `top` is the highest uid given yet."""

    validity: int
    top: int


@dataclass(frozen=True, slots=True)
class Fetched:
    uid: int
    arrived_at: datetime | None
    size: int
    body: bytes | None


@dataclass(slots=True)
class _Line:
    """One answer of the server: its text, with what came as literals apart."""

    text: bytes
    literals: list[bytes] = field(default_factory=list)


class Refusal(BadAnswer):
    """The server said NO to a command."""


class Imap:
    """One connection, logged in. Raises SourceError."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, where: str) -> None:
        self._reader, self._writer, self._where = reader, writer, where
        self._count, self._news = 0, False
        self.capabilities: frozenset[str] = frozenset()

    async def examine(self, mailbox: str) -> Box:
        try:
            lines = await self._command(f"EXAMINE {_quoted(utf7(mailbox))}")
        except Refusal as error:
            raise BadAnswer(f"the mailbox {mailbox} cannot be opened ({error}); correct `mailbox` or `sent`") from None
        said = b"\n".join(line.text for line in lines)
        validity, next_uid = (re.search(rb"\[%s (\d{1,20})\b" % name, said) for name in (b"UIDVALIDITY", b"UIDNEXT"))
        if validity is None:
            raise BadAnswer(f"{self._where} does not say how long its ids hold (UIDVALIDITY)")
        top = int(next_uid[1]) - 1 if next_uid else max(await self.search("ALL"), default=0)
        return Box(int(validity[1]), top)

    async def search(self, criteria: str) -> list[int]:
        """The uids of mails, ascending."""
        lines = await self._command(f"UID SEARCH {criteria}")
        found = [line.text.split()[2:] for line in lines if line.text[:8].upper() == b"* SEARCH"]
        return sorted({int(uid) for uids in found for uid in uids if uid.isdigit() and len(uid) <= 20})

    async def fetch(self, uids: Sequence[int], items: str) -> dict[int, Fetched]:
        """What the server gives of these mails; one that is gone meanwhile is left out."""
        lines = await self._command(f"UID FETCH {','.join(map(str, uids))} (UID {items})")
        wanted, found = set(uids), dict[int, Fetched]()
        for line in lines:
            one = _fetched(line)
            if one is not None and one.uid in wanted:
                found[one.uid] = one
        return found

    async def append(self, mailbox: str, message: bytes) -> None:
        await self._command(f"APPEND {_quoted(utf7(mailbox))} (\\Seen) {{{len(message)}}}", [message])

    async def idle(self, seconds: float) -> bool:
        """Wait until something came in, at most so long. False where nothing did. May be cancelled, which leaves the
        connection good for nothing but closing."""
        self._news = False
        tag = await self._send("IDLE")
        await self._continuation(tag)
        with suppress(TimeoutError):
            async with asyncio.timeout(seconds):
                while not self._news:
                    self._look_at(await self._read())
        self._writer.write(b"DONE\r\n")
        async with self._in_time():
            await self._finish(tag)
        return self._news

    async def login(self, account: Account, secret: Secret) -> None:
        try:
            if account.bearer:
                plain = f"user={account.user}\x01auth=Bearer {secret.reveal()}\x01\x01"
                await self._authenticate("XOAUTH2", plain)
            elif account.user.isascii() and "LOGINDISABLED" not in self.capabilities:
                await self._command(f"LOGIN {_quoted(account.user)} {_quoted(secret.reveal())}")
            else:
                await self._authenticate("PLAIN", f"\0{account.user}\0{secret.reveal()}")
        except Refusal as error:
            said = str(error).replace(secret.reveal(), "...")  # however short
            raise Unauthorised(f"the mail server refuses our login ({said}); renew the token") from None
        await self.ask_capabilities()  # most servers offer more once they know us

    async def ask_capabilities(self) -> None:
        lines = await self._command("CAPABILITY")
        words = [line.text.decode("latin-1").upper().split()[2:] for line in lines if b"CAPABILITY" in line.text[:14]]
        self.capabilities = frozenset(word for some in words for word in some)

    async def greeting(self) -> bool:
        """Whether the server knows us already, by the way we came."""
        async with self._in_time():
            line = await self._read()
        if not line.text.upper().startswith((b"* OK", b"* PREAUTH")):
            raise Unreachable(f"{self._where} is no mail server, or closed at once: {_shown(line.text)}")
        return line.text.upper().startswith(b"* PREAUTH")

    async def start_tls(self, host: str, context: ssl.SSLContext) -> None:
        await self._command("STARTTLS")
        early = asyncio.create_task(self._reader.read(1))
        await asyncio.sleep(0)
        if early.done():  # somebody on the way put words in before the encryption
            raise BadAnswer(f"{self._where} spoke out of turn before the encryption began")
        early.cancel()
        async with self._in_time():
            await self._writer.start_tls(context, server_hostname=host)
        await self.ask_capabilities()

    async def close(self) -> None:
        with suppress(OSError, TimeoutError, SourceError):
            async with asyncio.timeout(1):
                await self._send("LOGOUT")
                await self._writer.drain()
        self._writer.close()

    async def _authenticate(self, mechanism: str, plain: str) -> None:
        tag = await self._send(f"AUTHENTICATE {mechanism}")
        await self._continuation(tag)
        self._writer.write(base64.b64encode(plain.encode()) + b"\r\n")
        async with self._in_time():
            await self._finish(tag, challenged=True)

    async def _command(self, words: str, literals: Iterable[bytes] = ()) -> list[_Line]:
        tag = await self._send(words)
        for literal in literals:
            await self._continuation(tag)
            self._writer.write(literal + b"\r\n")
        async with self._in_time():
            await self._writer.drain()
            return await self._finish(tag)

    async def _send(self, words: str) -> bytes:
        self._count += 1
        tag = f"A{self._count}"
        self._writer.write(f"{tag} {words}\r\n".encode())
        return tag.encode()

    async def _continuation(self, tag: bytes) -> None:
        async with self._in_time():
            while not (line := await self._read()).text.startswith(b"+"):
                self._judge(line, tag)
                self._look_at(line)

    async def _finish(self, tag: bytes, *, challenged: bool = False) -> list[_Line]:
        """Everything up to the end of a command. `challenged`: a server that refuses a token says why first, and waits
        for an empty line."""
        lines: list[_Line] = []
        size = 0
        while not self._judge(line := await self._read(), tag):
            size += len(line.text) + sum(map(len, line.literals))
            if size > ANSWER_LIMIT:
                raise BadAnswer(f"{self._where} sends more than was asked for")
            if challenged and line.text.startswith(b"+"):
                self._writer.write(b"\r\n")
            self._look_at(line)
            lines.append(line)
        return [*lines, line]

    def _judge(self, line: _Line, tag: bytes) -> bool:
        """Whether a line ends the command. Raises where it did not end well."""
        mine, _, rest = line.text.partition(b" ")
        if mine != tag:
            return False
        state, _, words = rest.partition(b" ")
        if state.upper() == b"OK":
            return True
        said = _shown(words)
        code = _CODE.match(said.upper())
        if code and code[1] in _BUSY:
            raise RateLimited(f"{self._where} asks us to come again later ({said})")
        if state.upper() == b"NO":
            raise Refusal(said or "no reason given")
        raise BadAnswer(f"{self._where} did not understand us ({said})")

    def _look_at(self, line: _Line) -> None:
        head = line.text.upper()
        if head.startswith(b"* BYE"):
            raise Unreachable(f"{self._where} closed the connection ({_shown(line.text[5:])})")
        if re.match(rb"\* \d+ (EXISTS|RECENT)\b", head):
            self._news = True

    async def _read(self) -> _Line:
        line = _Line(b"")
        size = 0
        try:
            while True:
                part = await self._reader.readuntil(b"\n")
                size += len(part)
                literal = _LITERAL.search(part)
                if size > LINE_LIMIT or (literal and int(literal[1]) > LITERAL_LIMIT):
                    raise BadAnswer(f"{self._where} sends more than was asked for")
                line.text += part[: literal.start()] if literal else part.rstrip(b"\r\n")
                if literal is None:
                    return line
                if len(line.literals) == LITERALS:
                    raise BadAnswer(f"{self._where} sends more than was asked for")
                line.literals.append(await self._reader.readexactly(int(literal[1])))
                size += int(literal[1])
                line.text += b"{}"
        except asyncio.LimitOverrunError:
            raise BadAnswer(f"{self._where} sends a line without end") from None
        except (asyncio.IncompleteReadError, OSError) as error:
            raise Unreachable(f"{self._where} broke off the connection ({type(error).__name__})") from None

    @asynccontextmanager
    async def _in_time(self) -> AsyncIterator[None]:
        try:
            async with asyncio.timeout(COMMAND_SECONDS):
                yield
        except TimeoutError:
            raise Unreachable(f"{self._where} does not answer") from None
        except OSError as error:
            raise Unreachable(f"{self._where} broke off the connection ({type(error).__name__})") from None


@asynccontextmanager
async def opened(account: Account, secret: Secret) -> AsyncIterator[Imap]:
    """A connection for the length of a block. The secret is not sent before the connection is one to send it over."""
    where = f"{account.host}:{account.port}"
    near = is_loopback(account.host)
    try:
        async with asyncio.timeout(CONNECT_SECONDS):
            reader, writer = await asyncio.open_connection(
                account.host,
                account.port,
                ssl=ssl.create_default_context() if account.tls else None,
                limit=LINE_LIMIT,
            )
    except ssl.SSLCertVerificationError as error:
        raise Unreachable(f"the certificate of {where} is not trusted ({error.verify_message})") from None
    except ssl.SSLError as error:
        raise Unreachable(f"{where} does not speak TLS ({error.reason}); try imap:// instead of imaps://") from None
    except (OSError, UnicodeError) as error:  # TimeoutError is one
        raise Unreachable(f"{where} cannot be reached ({type(error).__name__})") from None
    imap = Imap(reader, writer, where)
    try:
        known = await imap.greeting()
        await imap.ask_capabilities()
        if not account.tls and "STARTTLS" in imap.capabilities:
            try:
                await imap.start_tls(account.host, _to_ourselves() if near else ssl.create_default_context())
            except ssl.SSLCertVerificationError as error:
                raise Unreachable(f"the certificate of {where} is not trusted ({error.verify_message})") from None
        elif not (account.tls or near or account.insecure):
            raise Unauthorised(
                f"{where} offers no encryption, so the password stays here; use imaps://, or `insecure = true`"
            )
        if not known:
            await imap.login(account, secret)
        yield imap
    finally:
        await imap.close()


def utf7(name: str) -> str:
    """The name of a mailbox as IMAP has it (RFC 3501, 5.1.3)."""
    parts = []
    for plain, other in re.findall(r"([\x20-\x7e]+)|([^\x20-\x7e]+)", name):
        coded = base64.b64encode(other.encode("utf-16-be", "surrogatepass")).decode().rstrip("=").replace("/", ",")
        parts.append(plain.replace("&", "&-") if plain else f"&{coded}-")
    return "".join(parts)


def _to_ourselves() -> ssl.SSLContext:
    """Bridges on this machine sign for themselves; what goes to them could as well go plain."""
    context = ssl.create_default_context()
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE
    return context


def _quoted(text: str) -> str:
    return '"' + re.sub(r'(["\\])', r"\\\1", text) + '"'


def _fetched(line: _Line) -> Fetched | None:
    head = re.match(rb"\* \d+ FETCH \(", line.text, re.IGNORECASE)
    uid = re.search(rb"[( ]UID (\d{1,20})\b", line.text, re.IGNORECASE)
    if head is None or uid is None:
        return None
    size = re.search(rb"RFC822\.SIZE (\d{1,20})\b", line.text, re.IGNORECASE)
    date = re.search(rb'INTERNALDATE "([^"]+)"', line.text, re.IGNORECASE)
    body = re.search(rb'BODY\[[^\]]*\](?:<\d+>)? (\{\}|"((?:[^"\\]|\\.)*)"|NIL)', line.text, re.IGNORECASE)
    content = None
    if body is not None:
        content = line.literals[0] if body[1] == b"{}" and line.literals else body[2] or b""
    return Fetched(int(uid[1]), _moment(date[1]) if date else None, int(size[1]) if size else 0, content)


def _moment(text: bytes) -> datetime | None:
    """ "17-Jul-2026 02:44:25 -0700" """
    with suppress(ValueError, TypeError, IndexError, OverflowError):
        at = parsedate_to_datetime(text.decode("ascii").strip().replace("-", " ", 2))
        return at.replace(tzinfo=UTC) if at.tzinfo is None else at.astimezone(UTC)
    return None


def _shown(words: bytes) -> str:
    return quoted(words.decode("utf-8", "replace").strip(), limit=200)
