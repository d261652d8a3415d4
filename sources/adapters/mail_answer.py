"""Answers by mail: composed for the thread (RFC 5322, 3.6.4), handed to a server (sources/smtp.py), kept among what we
sent. The Message-ID is the delivery's identity, the same however often it is tried; many servers drop a second one."""

from __future__ import annotations

import asyncio
import re
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass
from email.message import EmailMessage
from email.policy import SMTP as WIRE
from email.utils import format_datetime, parseaddr
from typing import Any
from urllib.parse import urlsplit

from sources.adapters.mail_imap import Account, Imap, opened
from sources.adapters.mail_message import addresses, ids, parsed
from sources.errors import NotSent, RateLimited, Refused, SourceError, Unauthorised
from sources.oauth import Tokens
from sources.protocol import ReadBack, Receipt, Setup
from sources.smtp import Submission, is_loopback
from store.domain.clock import utcnow
from store.domain.delivery import Delivery
from store.domain.mention import Mention
from store.domain.safetext import safe_line
from store.domain.secret import Secret

LIMIT = 100_000
LOOK_SECONDS = 15.0
KEEP_SECONDS = 10.0
REFERENCES = 20  # RFC 5322 sets no bound, a line of headers does
SMTP_PORTS = {"smtps": 465, "smtp": 587}
_ADDRESS = re.compile(r"[!#-'*+\-./-9=?A-Z^-~]+@[A-Za-z0-9.\-\[\]:]+")
_ID = re.compile(r"[!-;=?-~]{1,900}")
_AGAIN = re.compile(r"(re|aw|sv|antw|odp|r[eé]f)\s*(\[\d+\])?\s*:", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class Letterbox:
    """The way into the mailbox. `tokens` renews the access token where there is a way to."""

    account: Account
    password: Secret | None
    tokens: Tokens | None = None

    @classmethod
    def of(cls, setup: Setup, account: Account) -> Letterbox:
        refresh = setup.secrets.get("refresh_token")
        if refresh is None:
            return cls(account, setup.token)
        options, client = setup.config.options, setup.secrets.get("client_secret")

        def grant(newest: str) -> tuple[tuple[str, str], ...]:
            form = (("grant_type", "refresh_token"), ("refresh_token", newest or refresh.reveal()))
            secret = (("client_secret", client.reveal()),) if client else ()
            return (*form, ("client_id", str(options["client_id"])), *secret)

        return cls(account, setup.token, Tokens(setup.http, setup.keep, str(options["token_url"]), grant))

    async def secret(self) -> Secret:
        if self.tokens is not None:
            return await self.tokens.access()
        if self.password is None:
            raise Unauthorised("there is no password to log in with; give the source a token")
        return self.password

    @asynccontextmanager
    async def opened(self) -> AsyncIterator[Imap]:
        async with opened(self.account, await self.secret()) as imap:
            yield imap


@dataclass(frozen=True, slots=True)
class _Thread:
    """What an answer must know of the mail that it answers: where to, and what that mail itself named."""

    to: str
    references: tuple[str, ...] = ()


class MailAnswers:
    """The channel of the source type "mail"."""

    def __init__(self, letterbox: Letterbox, options: Mapping[str, Any], smtp_password: Secret | None) -> None:
        self._letterbox, self._smtp_password = letterbox, smtp_password
        self._from = MailAnswers.sender(options)
        self._smtp = urlsplit(str(options.get("smtp", "")))
        self._mailbox = str(options.get("mailbox", "") or "INBOX")
        self._sent = str(options.get("sent", ""))
        user = letterbox.account.user.lower()
        self._own = {address for address in (parseaddr(self._from)[1].lower(), user) if "@" in address}

    @staticmethod
    def sender(options: Mapping[str, Any]) -> str:
        """Whom answers are from; "" where that is no address."""
        sender = str(options.get("from", "") or options.get("user", ""))
        fits = sender.isprintable() and _ADDRESS.fullmatch(parseaddr(sender)[1])
        return sender if fits else ""

    async def length(self, text: str, *, handle: str) -> tuple[int, int]:
        return len(text), LIMIT

    def compose(self, mention: Mention) -> str:
        return ""  # a mail has its addressee on the envelope

    async def send(self, delivery: Delivery, parent: Mention) -> Receipt:
        if not self._smtp.hostname:
            raise Refused("this source has no `smtp` to answer with; give it one, or answer in your mail program")
        if len(delivery.text) > LIMIT:
            raise Refused(f"{len(delivery.text):,} characters are more than the {LIMIT:,} that are sent as one mail")
        try:
            async with asyncio.timeout(LOOK_SECONDS):
                thread = await self._thread(parent)
                secret = self._smtp_password or await self._letterbox.secret()
        except TimeoutError:
            raise NotSent("the mailbox does not answer, so the thread of the mail is not known yet") from None
        except (RateLimited, Refused, Unauthorised):
            raise
        except SourceError as error:
            raise NotSent(str(error)) from None
        message, name = self._letter(delivery, parent, thread)
        await self._submission(secret).hand_over(self._from, thread.to, message)
        await self._keep(message)
        return Receipt(native_id=name, key=name)

    async def read_back(self, delivery: Delivery, parent: Mention) -> ReadBack:
        """Among what we sent. Absence there proves nothing: a mail may have left and not been kept."""
        name = self._name(delivery)
        if not self._sent:
            return ReadBack(None, complete=False)
        async with self._letterbox.opened() as imap:
            await imap.examine(self._sent)
            found = await imap.search(f'HEADER Message-ID "<{name}>"')
        return ReadBack(Receipt(native_id=name, key=name) if found else None, complete=False)

    def _name(self, delivery: Delivery) -> str:
        return f"{delivery.identity}@{parseaddr(self._from)[1].rpartition('@')[2]}"

    async def _thread(self, parent: Mention) -> _Thread:
        """Where an answer goes: the mail itself says it better than its author's address (Reply-To). One that is not in
        the mailbox any more, or came another way, is answered to its author."""
        author = parent.author.handle
        if not _ID.fullmatch(parent.native_id) or '"' in parent.native_id or "\\" in parent.native_id:
            return _Thread(_deliverable(author))
        async with self._letterbox.opened() as imap:
            await imap.examine(self._mailbox)
            found = await imap.search(f'HEADER Message-ID "<{parent.native_id}>"')
            heads = await imap.fetch(found[-1:], "BODY.PEEK[HEADER]") if found else {}
        for head in heads.values():
            message = parsed(head.body or b"")
            reply_to = next(iter(addresses(message, "Reply-To")), None)
            return _Thread(_deliverable(reply_to.spec if reply_to else author), tuple(ids(message, "References")))
        above = [one for one in (parent.thread, parent.parent) if one and one != parent.native_id]
        return _Thread(_deliverable(author), tuple(dict.fromkeys(above)))

    def _letter(self, delivery: Delivery, parent: Mention, thread: _Thread) -> tuple[bytes, str]:
        """(the mail as it leaves, its Message-ID without brackets)."""
        name = self._name(delivery)
        message = EmailMessage(policy=WIRE)
        message["From"] = self._from
        message["To"] = thread.to
        title = safe_line(parent.title)
        # A stranger's =?utf-8?q?...?= would be decoded here, line ends and all, into headers of his own.
        message["Subject"] = (title if _AGAIN.match(title) else f"Re: {title}").replace("=?", "= ?").rstrip()
        message["Date"] = format_datetime(utcnow())
        message["Message-ID"] = f"<{name}>"
        text = delivery.text.encode("utf-8", "replace").decode()
        message.set_content(f"{text}\n", charset="utf-8", cte="quoted-printable")
        return _answering(parent.native_id, thread.references) + message.as_bytes(), name

    def _submission(self, secret: Secret) -> Submission:
        """A password goes only over a connection whose other end is known, but for this very machine."""
        account, host = self._letterbox.account, self._smtp.hostname or ""
        return Submission(
            host,
            self._smtp.port or SMTP_PORTS[self._smtp.scheme],
            implicit_tls=self._smtp.scheme == "smtps",
            start_tls=None if is_loopback(host) or account.insecure else True,
            user=account.user,
            password=secret,
            bearer=account.bearer and self._smtp_password is None,
        )

    async def _keep(self, message: bytes) -> None:
        """Among what we sent. It is sent, whatever becomes of this."""
        if not self._sent:
            return
        with suppress(SourceError, TimeoutError):
            async with asyncio.timeout(KEEP_SECONDS), self._letterbox.opened() as imap:
                await imap.append(self._sent, message)


def _answering(name: str, references: tuple[str, ...]) -> bytes:
    """In-Reply-To and References, written by hand: the library would encode an id that is longer than its line, and
    nobody would find the thread again."""
    if "@" not in name or not _ID.fullmatch(name):
        return b""  # a mail without an id of its own
    known = [one for one in references if _ID.fullmatch(one) and one != name]
    if len(known) > REFERENCES:
        known = [known[0], *known[1 - REFERENCES :]]
    lines = "\r\n ".join(f"<{one}>" for one in (*known, name))
    return f"In-Reply-To: <{name}>\r\nReferences: {lines}\r\n".encode("ascii")


def _deliverable(address: str) -> str:
    """Raises Refused where no mail can be sent to it."""
    local, _, domain = address.rpartition("@")
    with suppress(UnicodeError):
        domain = domain.encode("idna").decode("ascii")
    if not _ADDRESS.fullmatch(f"{local}@{domain}"):
        raise Refused(f"{safe_line(address, limit=80) or 'the author'} is no address that a mail can be sent to")
    return f"{local}@{domain}"
