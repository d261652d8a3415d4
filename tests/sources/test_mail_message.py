"""What a mail says, in the many ways in which mails say it."""

from __future__ import annotations

import time
from contextlib import suppress
from datetime import UTC, datetime
from email.message import EmailMessage

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sources.adapters.mail_message import received
from sources.text.clean import clean
from store.domain.mention import NewMention
from tests.factories import NOW
from tests.sources.fake_mail import REPORT

US = "support@acme.example"


def read(source: bytes | EmailMessage, **how: object) -> NewMention:
    raw = source if isinstance(source, bytes) else source.as_bytes()
    return received(raw, **({"at": NOW, "own": {US}} | how))  # type: ignore[arg-type]


def letter(**headers: str) -> EmailMessage:
    message = EmailMessage()
    given = {"From": "Ana <ana@x.example>", "To": US, "Subject": "help", "Message-ID": "<one@x.example>"}
    for name, value in (given | {key.replace("_", "-"): value for key, value in headers.items()}).items():
        message[name] = value
    message.set_content("it burns\n")
    return message


def shown(mention: NewMention) -> str:
    return clean(mention)[1]


def test_attachments_are_named_with_their_size():
    message = letter()
    message.add_attachment(b"x" * 120 * 1024, maintype="application", subtype="pdf", filename="invoice.pdf")
    message.add_attachment(b"x" * 3 * 1024 * 1024, maintype="image", subtype="png", filename="a\u202eb.png")
    text = shown(read(message))
    assert text.startswith("it burns")
    assert "[attachment: invoice.pdf, 120 KB]" in text
    assert "[attachment: ab.png, 3.0 MB]" in text


def test_attachments_of_a_mail_that_is_only_html_are_named_too():
    message = letter()
    message.set_content("<p>it <b>burns</b></p>", subtype="html")
    message.add_attachment(b"x", maintype="image", subtype="gif", filename="<b>.gif")
    assert shown(read(message)) == "it burns\n\n[attachment: <b>.gif, 1 KB]"


def test_words_after_a_picture_in_the_midst_are_read():
    raw = b"""From: ana@x.example
Content-Type: multipart/mixed; boundary=b

--b
Content-Type: text/plain

before
--b
Content-Type: image/png; name=shot.png
Content-Disposition: inline
Content-Transfer-Encoding: base64

eHh4eA==
--b
Content-Type: text/plain

after
--b--
"""
    text = shown(read(raw))
    assert [text.index(words) for words in ("before", "after", "[attachment: shot.png")] == sorted(
        text.index(words) for words in ("before", "after", "[attachment: shot.png")
    )


def test_a_mail_without_an_id_is_named_by_what_it_says():
    one, again = (read(b"From: ana@x.example\nSubject: hi\n\nfirst\n") for _ in range(2))
    other = read(b"From: ana@x.example\nSubject: hi\n\nsecond\n")
    assert one.external_id == again.external_id != other.external_id


@pytest.mark.parametrize(
    ("headers", "thread", "parent"),
    [
        ({}, "one@x.example", ""),
        ({"References": "<a@x> <b@x>", "In-Reply-To": "<b@x>"}, "a@x", "b@x"),
        ({"References": "<a@x>\n <b@x>"}, "a@x", "b@x"),
        ({"In-Reply-To": "<b@x>"}, "", "b@x"),
    ],
)
def test_where_it_belongs(headers: dict[str, str], thread: str, parent: str):
    lines = "".join(f"{name}: {value}\n" for name, value in headers.items())
    mention = read(f"From: a@x.example\nMessage-ID: <one@x.example>\n{lines}\nhi\n".encode())
    assert (mention.thread, mention.parent) == (thread, parent)


@pytest.mark.parametrize(
    ("headers", "direct", "ours", "handle"),
    [
        ({}, True, False, "ana@x.example"),
        ({"To": "undisclosed-recipients:;"}, True, False, "ana@x.example"),
        ({"To": "all@x.example", "List-Id": "<all.x.example>"}, False, False, "ana@x.example"),
        ({"To": "all@x.example", "Precedence": "Bulk"}, False, False, "ana@x.example"),
        ({"List-Id": "<all.x.example>"}, True, False, "ana@x.example"),
        ({"From": "Acme <SUPPORT@acme.example>"}, False, True, US),
        ({"From": f"Form <{US}>", "Reply-To": "Ana <ana@x.example>"}, True, False, "ana@x.example"),
        ({"From": f"Form <{US}>", "Reply-To": US}, False, True, US),
    ],
)
def test_whom_it_is_to_and_who_it_is_from(headers: dict[str, str], direct: bool, ours: bool, handle: str):
    mention = read(letter(**headers))
    assert (mention.direct, mention.ours, mention.author.handle) == (direct, ours, handle)


@pytest.mark.parametrize("kind", ["message/rfc822", "text/rfc822-headers"])
def test_a_report_that_an_answer_of_ours_did_not_arrive_belongs_to_its_case(kind: str):
    mention = read(REPORT.format(action="failed", kind=kind, domain="acme.example").encode())
    assert (mention.author.handle, mention.parent, mention.thread) == ("ana@x.example", "identity@acme.example", "")
    assert shown(mention).startswith("[the mail server says: not delivered to ana@x.example]\n\nI'm sorry")
    assert mention.direct


@pytest.mark.parametrize(("action", "domain"), [("delayed", "acme.example"), ("failed", "other.example")])
def test_other_reports_are_mails_of_their_own(action: str, domain: str):
    mention = read(REPORT.format(action=action, kind="message/rfc822", domain=domain).encode())
    assert mention.author.handle == "mailer-daemon@mx.example"


def test_a_broken_head_is_no_reason_to_lose_the_words():
    head = b"From: \xff\xfe <<<@@\nTo: =?x?q?=\nDate: never\nMessage-ID: <>\nReferences: <<>\nSubject: =?bad?\n"
    mention = read(head + b"\nstill words\n")
    assert (mention.text.strip(), mention.created_at) == ("still words", NOW)
    assert mention.external_id


def test_times_are_theirs_in_utc():
    assert read(letter(Date="Fri, 20 Nov 2026 10:00:00 +0100")).created_at == datetime(2026, 11, 20, 9, tzinfo=UTC)


@given(st.binary(max_size=600), st.sampled_from([b"", b"Content-Type: multipart/report; boundary=b\n\n--b\n"]))
@settings(max_examples=200, deadline=None)
def test_any_bytes_are_read_or_refused(content: bytes, head: bytes):
    with suppress(ValueError):
        assert read(head + content).external_id


@pytest.mark.parametrize(
    "head",
    [
        b"To: " + b"aaa@b.example, " * 20_000,
        b"From: " + b"a." * 100_000,
        b"References: " + b"<a@b> " * 50_000,
        b"Content-Type: text/plain; " + b"a=b; " * 40_000,
        b"Content-Type: multipart/mixed; boundary=b\n\n" + b"--b\n\nx\n" * 100_000,
    ],
    ids=["To", "From", "References", "Content-Type", "parts"],
)
def test_no_mail_takes_long_to_read(head: bytes):
    before = time.process_time()
    read(b"Subject: hi\n" + head + b"\n\nstill words\n")
    assert time.process_time() - before < 5
