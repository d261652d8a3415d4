"""Forwards by mail. Sent means: the server said 250 to the whole message."""

from __future__ import annotations

import contextlib
import ssl
from email.message import EmailMessage
from email.policy import SMTP as WIRE
from email.utils import format_datetime, parseaddr
from urllib.parse import unquote, urlsplit

import aiosmtplib

from sources.errors import NotSent, Refused, SourceError, Unauthorised, Uncertain
from sources.forwarders import letter
from sources.protocol import Receipt
from store.domain.case import CaseDetail
from store.domain.clock import utcnow
from store.domain.delivery import Delivery
from store.domain.desk import Desk
from store.domain.errors import BadInput
from store.domain.safetext import safe_line
from store.domain.secret import Secret

TIME_LIMIT = 30.0  # seconds for each answer of the server
IMPLICIT_TLS_PORT = 465


class Mail:
    """One department's mailbox. Mail cannot be read back and is not de-duplicated: an uncertain end is a person's."""

    deduplicates = False

    def __init__(self, name: str, to: str, desk: Desk, password: Secret | None) -> None:
        self._to = unquote(urlsplit(to).path)
        self._server, self._password = desk.mail, password
        self._sender = desk.mail.sender or (desk.mail.user if "@" in desk.mail.user else "")
        for address, where in ((self._to, f"department {name}: mailto:"), (self._sender, "[mail] sender")):
            if "@" not in parseaddr(address)[1] or not address.isprintable():
                raise BadInput(f"{where} needs one mail address")

    async def send(self, delivery: Delivery, case: CaseDetail) -> Receipt:
        message = self.compose(delivery, case)
        smtp = self._client()
        try:
            await self._hand_over(smtp, message)
            with contextlib.suppress(aiosmtplib.SMTPException, OSError):
                await smtp.quit(timeout=1)
        finally:
            smtp.close()
        return Receipt(native_id=message["Message-ID"])

    def compose(self, delivery: Delivery, case: CaseDetail) -> EmailMessage:
        """Its Message-ID is the delivery's identity: the same however often it is tried."""
        message = EmailMessage(policy=WIRE)
        message["From"] = self._sender
        message["To"] = self._to
        # A stranger's =?utf-8?q?...?= would be decoded here, line ends and all, into headers of his own.
        message["Subject"] = letter.subject(delivery, case).replace("=?", "= ?")
        message["Date"] = format_datetime(utcnow())
        message["Message-ID"] = f"<{delivery.identity}@{parseaddr(self._sender)[1].rpartition('@')[2]}>"
        message["Auto-Submitted"] = "auto-generated"
        message.set_content(letter.plain(delivery, case), cte="quoted-printable")
        return message

    def _client(self) -> aiosmtplib.SMTP:
        """`tls`: "auto", "implicit", "starttls" or "none". Auto asks for a trusted connection only where a password
        travels; else STARTTLS is taken where it is offered, whoever signed it, as mail servers do among themselves."""
        server = self._server
        implicit = server.tls == "implicit" or (server.tls == "auto" and server.port == IMPLICIT_TLS_PORT)
        wanted = {"none": False, "starttls": True}.get(server.tls, True if server.user else None)
        return aiosmtplib.SMTP(
            hostname=server.host,
            port=server.port,
            use_tls=implicit,
            start_tls=False if implicit else wanted,
            validate_certs=implicit or bool(wanted),
            timeout=TIME_LIMIT,
        )

    async def _hand_over(self, smtp: aiosmtplib.SMTP, message: EmailMessage) -> None:
        where = f"{self._server.host}:{self._server.port}"
        try:
            await smtp.connect()
            if self._server.user and self._password:
                await smtp.login(self._server.user, self._password.reveal())
            await smtp.mail(parseaddr(self._sender)[1])
            await smtp.rcpt(parseaddr(self._to)[1])
        except aiosmtplib.SMTPAuthenticationError as error:
            raise Unauthorised(f"the mail server refused our login ({error.code})") from None
        except aiosmtplib.SMTPResponseException as error:
            raise _answered(error) from None
        except ssl.SSLCertVerificationError as error:
            raise NotSent(f"the certificate of {where} is not trusted ({error.verify_message})") from None
        except (aiosmtplib.SMTPException, OSError) as error:
            raise NotSent(f"{where} does not answer ({type(error).__name__})") from None
        try:
            await smtp.data(message.as_bytes())
        except aiosmtplib.SMTPResponseException as error:
            raise _answered(error) from None
        except (aiosmtplib.SMTPException, OSError) as error:
            raise Uncertain(f"the mail server was lost before it took it ({type(error).__name__})") from None


def _answered(error: aiosmtplib.SMTPResponseException) -> SourceError:
    """A server that answers 4xx or 5xx has not taken the message (RFC 5321, 4.2.1): 4xx asks us to come again."""
    words = f"the mail server said {error.code} {safe_line(error.message)}"
    if 400 <= error.code < 500:
        return NotSent(words)
    return Refused(words) if error.code >= 500 else Uncertain(words)
