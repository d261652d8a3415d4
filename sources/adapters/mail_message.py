"""One mail (RFC 5322) as a mention, wherever it was read from: a mailbox or a file of mails.

Its network is "mail" and its id the Message-ID, the same everywhere; a mail without one is named by its content. Its
thread begins with the first of `References`; where there is only `In-Reply-To` the store knows where that belongs.
"""

from __future__ import annotations

import email
import re
from collections.abc import Collection, Iterator
from dataclasses import replace
from datetime import UTC, datetime
from email.message import EmailMessage, Message
from email.policy import EmailPolicy
from email.utils import getaddresses
from html import escape
from typing import Any, NamedTuple

from sources.adapters import fields
from store.domain.mention import UNKNOWN_AUTHOR, MentionType, NewAuthor, NewMention

NETWORK = "mail"
ATTACHMENTS, NAME_LIMIT = 20, 100
# The library's parser takes minutes for what a stranger can write in a few hundred kilobytes.
HEADER_LIMIT = 8 * 1024
FIELD_LIMIT = 512  # of Content-Type and the like, which are read again for each question about a part
PARTS, DIVIDERS = 200, 500
_ID = re.compile(r"<([^<>\s]+)>")
_KB = 1024
_MACHINERY = frozenset(
    {"message/delivery-status", "text/rfc822-headers", "application/pgp-signature", "application/pkcs7-signature"}
)


class _Bounded(EmailPolicy):
    """The library's usual policy, for headers of a bounded length."""

    def header_source_parse(self, sourcelines: list[str]) -> tuple[str, str]:
        name, value = super().header_source_parse(sourcelines)
        return name, value[: FIELD_LIMIT if name.lower().startswith("content-") else HEADER_LIMIT]


_POLICY = _Bounded()


class Address(NamedTuple):
    """`spec` is lower case."""

    name: str
    spec: str


def from_mail(source: bytes, raw: bytes, *, undated: datetime) -> NewMention:
    """A mail of anybody to anybody. Raises ValueError with the reason."""
    return _mention(parsed(source), raw, undated)


def received(source: bytes, *, at: datetime, own: Collection[str], cut: str = "", sent: bool = False) -> NewMention:
    """A mail of our own mailbox. `own` are our addresses, lower case; `at` is when it arrived; `cut` says what is
    missing of it; `sent`: it lies where we keep what we sent. Raises ValueError with the reason.

    What is addressed to us is direct, and so is all else but the post of a list. The report that an answer of ours
    could not be delivered is told as a word of the one it did not reach: it belongs into that case.
    """
    message = parsed(source)
    mention = _mention(message, source, at, cut)
    if sent or mention.author.handle in own:
        asked_by = next((one for one in addresses(message, "Reply-To") if one.spec not in own), None)
        if sent or asked_by is None:
            return replace(mention, ours=True)
        # A form on our own site writes in our name, and names who filled it in as the one to answer to.
        mention = replace(mention, author=NewAuthor(asked_by.spec, asked_by.name))
    bounce = _bounce(message, {address.rpartition("@")[2] for address in own})
    if bounce is not None:
        whom, what = bounce
        words = f"[the mail server says: not delivered to {whom}]\n\n{mention.text or mention.title}"
        author = NewAuthor(fields.identifier(whom))
        return replace(mention, author=author, parent=what, thread="", text=words, html=None, direct=True)
    to_us = any(one.spec in own for name in ("To", "Cc", "Delivered-To") for one in addresses(message, name))
    return replace(mention, direct=to_us or not _is_of_a_list(message))


def parsed(source: bytes) -> EmailMessage:
    """Raises ValueError."""
    try:
        message: EmailMessage = email.message_from_bytes(_undivided(source), policy=_POLICY)  # type: ignore[arg-type]
        return message
    except Exception as error:  # the standard library's parser raises nearly anything on broken mails
        raise ValueError(f"not a readable mail ({type(error).__name__})") from None


def _undivided(source: bytes) -> bytes:
    """The mail up to where it has more parts than any reader could want."""
    at = -1
    for _ in range(DIVIDERS):
        at = source.find(b"\n--", at + 1)
        if at < 0:
            return source
    return source[:at]


def addresses(message: Message, name: str) -> list[Address]:
    """The addresses of a header, without those that are none."""
    try:
        header: Any = message.get(name)
        found = [] if header is None else [Address(one.display_name, one.addr_spec) for one in header.addresses]
    except Exception:  # absent, or broken in one of many ways
        found = [Address(*one) for one in getaddresses([header_of(message, name)])]
    named = [Address(one.name, fields.identifier(one.spec).lower()) for one in found]
    return [one for one in named if one.spec and one.spec != "<>"]


def ids(message: Message, name: str) -> list[str]:
    """The message ids of a header, without their brackets."""
    return [fields.identifier(one) for one in _ID.findall(header_of(message, name))]


def header_of(message: Message, name: str) -> str:
    """A header as text; "" where it is absent or cannot be read."""
    try:
        return str(message.get(name, ""))
    except Exception:  # see `parsed`
        return ""


def _mention(message: EmailMessage, raw: bytes, undated: datetime, cut: str = "") -> NewMention:
    try:
        plain, html = _body(message, "plain"), _body(message, "html")
        asides = [*_attachments(message, sized=not cut), *([f"[{cut}]"] if cut else [])]
    except Exception as error:  # see `parsed`
        raise ValueError(f"not a readable mail ({type(error).__name__})") from None
    subject = header_of(message, "Subject")
    if not (plain.strip() or html.strip() or subject.strip() or asides):
        raise ValueError("no text")
    sender = next(iter(addresses(message, "From")), Address("", ""))
    references, answered = ids(message, "References"), ids(message, "In-Reply-To")
    name = fields.identifier(header_of(message, "Message-ID").strip().strip("<>"))
    name = name or fields.digest(sender.spec, header_of(message, "Date"), subject, plain, html)
    if asides and html.strip():
        html = "".join([html, *(f"<p>{escape(line)}</p>" for line in asides)])
    if asides and (plain.strip() or not html.strip()):
        plain = "\n".join([plain.rstrip(), "", *asides]).lstrip("\n")
    return NewMention(
        network=NETWORK,
        external_id=name,
        author=NewAuthor(sender.spec or UNKNOWN_AUTHOR, sender.name),
        created_at=_time(message, undated),
        text=plain,
        html=html or None,
        title=subject,
        type=MentionType.MAIL,
        native_id=name,
        parent=(answered or references or [""])[-1],
        thread=references[0] if references else "" if answered else name,
        visibility="direct",
        raw=raw[: fields.RAW_LIMIT],
    )


def _time(message: Message, undated: datetime) -> datetime:
    try:
        header: Any = message["Date"]
        at = header.datetime
        return undated if at is None else at.replace(tzinfo=UTC) if at.tzinfo is None else at.astimezone(UTC)
    except Exception:  # absent, or broken in one of many ways
        return undated


def _body(message: EmailMessage, kind: str) -> str:
    """The text and what goes on after a picture in its midst."""
    body = message.get_body(preferencelist=(kind,))
    more = [part for part in _leaves(message) if part is not body and _is_text(part, kind)]
    return "\n\n".join(_content(part) for part in ([body] if body is not None else []) + more)


def _is_text(part: Message, kind: str) -> bool:
    attached = part.get_content_disposition() == "attachment" or part.get_filename()
    return part.get_content_type() == f"text/{kind}" and not attached


def _content(part: Message) -> str:
    try:
        return str(part.get_content())  # type: ignore[attr-defined]
    except (LookupError, UnicodeError):  # a charset nobody knows
        payload = part.get_payload(decode=True)
        return payload.decode("utf-8", "replace") if isinstance(payload, bytes) else ""


def _attachments(message: EmailMessage, *, sized: bool) -> list[str]:
    """A line for each part that is not text to read."""
    lines = []
    for part in _leaves(message):
        if _is_text(part, "plain") or _is_text(part, "html") or part.get_content_type() in _MACHINERY:
            continue
        name = " ".join((part.get_filename() or "").split())[:NAME_LIMIT]
        payload = part.get_payload(decode=True)
        size = f", {_size(len(payload))}" if sized and isinstance(payload, bytes) else ""
        lines.append(f"[attachment: {name or part.get_content_type()}{size}]")
    more = len(lines) - ATTACHMENTS
    return [*lines[:ATTACHMENTS], *([f"[and {more} more attachments]"] if more > 0 else [])]


def _leaves(part: Message) -> Iterator[Message]:
    """The parts that hold something, in order; a mail within the mail is one of them."""
    waiting = [part]
    for _ in range(PARTS):
        if not waiting:
            return
        one = waiting.pop()
        if one.get_content_maintype() != "multipart":
            yield one
        elif one.is_multipart():
            waiting += reversed(one.get_payload())  # type: ignore[arg-type]


def _size(count: int) -> str:
    return f"{max(1, round(count / _KB))} KB" if count < _KB * _KB else f"{count / _KB / _KB:.1f} MB"


def _is_of_a_list(message: Message) -> bool:
    return "List-Id" in message or header_of(message, "Precedence").strip().lower() in ("bulk", "list", "junk")


def _bounce(message: EmailMessage, domains: Collection[str]) -> tuple[str, str] | None:
    """(whom a mail of ours did not reach, which): of a report of RFC 3464; None for anything else."""
    try:
        kind = message.get_param("report-type")
        if message.get_content_type() != "multipart/report" or str(kind).lower() != "delivery-status":
            return None
        whom = what = ""
        for part in _leaves(message):
            payload: Any = part.get_payload()
            if part.get_content_type() == "message/delivery-status":
                failed = [block for block in payload if header_of(block, "Action").strip().lower() == "failed"]
                names = [header_of(block, "Final-Recipient").partition(";")[2].strip() for block in failed]
                whom = next(iter(names), "").strip("<>").lower()
            elif part.get_content_type() == "message/rfc822":
                what = next(iter(ids(payload[0], "Message-ID")), what)
            elif part.get_content_type() == "text/rfc822-headers":
                what = next(iter(ids(email.message_from_string(_content(part)), "Message-ID")), what)
    except Exception:  # a broken report is still a mail
        return None
    return (whom, what) if "@" in whom and what.rpartition("@")[2].lower() in domains else None
