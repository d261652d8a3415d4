"""A mail on its way out (RFC 5321). Sent means: the server said 250 to the whole message."""

from __future__ import annotations

import contextlib
import ipaddress
import ssl
from dataclasses import dataclass
from email.utils import parseaddr
from typing import TYPE_CHECKING

from sources.errors import NotSent, Refused, SourceError, Unauthorised, Uncertain, quoted
from store.domain.secret import Secret

if TYPE_CHECKING:
    import aiosmtplib

TIME_LIMIT = 30.0  # seconds for each answer of the server
IMPLICIT_TLS_PORT = 465


@dataclass(frozen=True, slots=True)
class Submission:
    """Where mail leaves. `start_tls` None: taken where it is offered, whoever signed it, as mail servers do among
    themselves. `bearer`: the password is an access token (XOAUTH2)."""

    host: str
    port: int
    implicit_tls: bool = False
    start_tls: bool | None = None
    user: str = ""
    password: Secret | None = None
    bearer: bool = False

    async def hand_over(self, sender: str, recipient: str, message: bytes) -> None:
        """Raises Refused (final), NotSent, Unauthorised, or Uncertain where the line was lost with the message on it.
        `sender` and `recipient` may have a name."""
        import aiosmtplib

        smtp = aiosmtplib.SMTP(
            hostname=self.host,
            port=self.port,
            use_tls=self.implicit_tls,
            start_tls=False if self.implicit_tls else self.start_tls,
            validate_certs=self.implicit_tls or bool(self.start_tls),
            timeout=TIME_LIMIT,
        )
        try:
            await self._hand_over(smtp, parseaddr(sender)[1], parseaddr(recipient)[1], message)
            with contextlib.suppress(aiosmtplib.SMTPException, OSError):
                await smtp.quit(timeout=1)
        finally:
            smtp.close()

    async def _hand_over(self, smtp: aiosmtplib.SMTP, sender: str, recipient: str, message: bytes) -> None:
        import aiosmtplib

        where = f"{self.host}:{self.port}"
        try:
            await smtp.connect()
            await self._login(smtp)
            await smtp.mail(sender)
            await smtp.rcpt(recipient)
        except aiosmtplib.SMTPAuthenticationError as error:
            if 400 <= error.code < 500:
                raise _answered(error.code, "to our login, for now") from None
            raise Unauthorised(f"the mail server refused our login ({error.code})") from None
        except aiosmtplib.SMTPResponseException as error:
            raise _answered(error.code, error.message) from None
        except ssl.SSLCertVerificationError as error:
            raise NotSent(f"the certificate of {where} is not trusted ({error.verify_message})") from None
        except (aiosmtplib.SMTPException, OSError) as error:
            raise NotSent(f"{where} does not answer ({type(error).__name__})") from None
        try:
            await smtp.data(message)
        except aiosmtplib.SMTPResponseException as error:
            raise _answered(error.code, error.message) from None
        except (aiosmtplib.SMTPException, OSError) as error:
            raise Uncertain(f"the mail server was lost before it took it ({type(error).__name__})") from None

    async def _login(self, smtp: aiosmtplib.SMTP) -> None:
        """A server that offers no login is tried without: it says itself where it wants one."""
        if not (self.user and self.password):
            return
        if smtp.is_ehlo_or_helo_needed:
            await smtp.ehlo()
        if smtp.supports_extension("auth"):
            login = smtp.auth_xoauth2 if self.bearer else smtp.login
            await login(self.user, self.password.reveal())


def is_loopback(host: str) -> bool:
    """Whether a host is this machine by its very name: what goes there cannot be read on the way."""
    try:
        return host == "localhost" or ipaddress.ip_address(host.strip("[]")).is_loopback
    except ValueError:
        return False


def _answered(code: int, said: str) -> SourceError:
    """A server that answers 4xx or 5xx has not taken the message (RFC 5321, 4.2.1): 4xx asks us to come again."""
    words = f"the mail server said {code} {quoted(said)}"
    if 400 <= code < 500:
        return NotSent(words)
    return Refused(words) if code >= 500 else Uncertain(words)
