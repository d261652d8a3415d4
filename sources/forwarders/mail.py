"""Forwards by mail."""

from __future__ import annotations

from email.message import EmailMessage
from email.policy import SMTP as WIRE
from email.utils import format_datetime, parseaddr
from urllib.parse import unquote, urlsplit

from sources.forwarders import letter
from sources.protocol import Receipt
from sources.smtp import IMPLICIT_TLS_PORT, Submission
from store.domain.case import CaseDetail
from store.domain.clock import utcnow
from store.domain.delivery import Delivery
from store.domain.desk import Desk
from store.domain.errors import BadInput
from store.domain.secret import Secret


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
        await self._submission().hand_over(self._sender, self._to, message.as_bytes())
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

    def _submission(self) -> Submission:
        """`tls`: "auto", "implicit", "starttls" or "none". Auto asks for a trusted connection only where a password
        travels."""
        server = self._server
        return Submission(
            server.host,
            server.port,
            implicit_tls=server.tls == "implicit" or (server.tls == "auto" and server.port == IMPLICIT_TLS_PORT),
            start_tls={"none": False, "starttls": True}.get(server.tls, True if server.user else None),
            user=server.user,
            password=self._password,
        )
