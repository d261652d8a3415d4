"""Forwards by mail and webhook against real loopback servers that do what servers do."""

from __future__ import annotations

import base64
import email
import email.policy
import hashlib
import hmac
import json
from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import pytest

from sources.errors import NotSent, RateLimited, Refused, SourceError, Uncertain
from sources.forwarders import forwarder
from sources.http import Http
from sources.protocol import Receipt
from store.domain.case import CaseDetail, CaseStatus, InboxRow, Priority
from store.domain.delivery import Delivery, DeliveryKind, DeliveryState
from store.domain.desk import Department, Desk, MailServer
from store.domain.errors import BadInput
from store.domain.mention import Author, Mention, MentionType, SentimentLabel
from store.domain.safetext import SafeText
from tests.factories import NOW
from tests.servers import Reply, Server, cut_off, free_port, rate_limited, redirect, reset, text
from tests.sources.fake_mail import MailHouse, open_house

IDENTITY = "0d3f8a52-6a43-4d0e-9c0f-8a64f2a1c9d7"
PATH = "/hooks/T0P-S3CRET"
HOSTILE = "stop <!channel> @everyone & <@U123>\nBcc: all@example.org"


def mention(words: str, **fields: Any) -> Mention:
    given: dict[str, Any] = {
        "id": 1, "case_id": 7, "source": "mastodon.social", "network": "mastodon", "external_id": "e", "native_id": "n",
        "parent": "", "thread": "t", "author": Author(1, "mastodon", SafeText("ana"), SafeText("Ana"), "", 1200),
        "type": MentionType.POST, "title": SafeText(""), "text": SafeText(words), "url": "https://social.example/1",
        "language": "en", "sentiment": SentimentLabel.NEGATIVE, "score": -0.5, "intent": None, "urgency": 0,
        "reasons": (), "issue": None, "visibility": "public", "created_at": NOW, "seen_at": NOW, "edited_at": None,
        "deleted_at": None, "ours": False,
    }  # fmt: skip
    return Mention(**given | fields)


def case(*mentions: Mention) -> CaseDetail:
    row = InboxRow(
        id=7, status=CaseStatus.OPEN, priority=Priority.HIGH, assignee="bo", source="mastodon.social",
        network="mastodon", handle=SafeText("ana"), name=SafeText("Ana Pop"), followers=1200, title=SafeText(""),
        text=mentions[-1].text, url="https://social.example/1", language="en", sentiment="negative", score=-0.5,
        intent="complaint", urgency=40, reasons=(), issue=None, watches=("acme",), tags=("vip",), due_at=None,
        created_at=NOW, last_at=NOW, seen_at=NOW, snoozed_until=None, mentions=1, delivery="", version=1,
    )  # fmt: skip
    return CaseDetail(row, "t", mentions, (), (), (), ())


def delivery(kind: DeliveryKind = DeliveryKind.FORWARD, words: str = "please refund") -> Delivery:
    return Delivery(
        id=3, case_id=7, kind=kind, state=DeliveryState.SENDING, source="mastodon.social", to=SafeText("billing"),
        target="billing", text=words, identity=IDENTITY, agent="bo", created_at=NOW, due_at=NOW, attempts=1, absences=0,
        tried_at=NOW, error=SafeText(""), remote_id="", url="", mention_id=None, visibility="", version=2,
    )  # fmt: skip


CASE = case(mention("my acme cloud is down"), mention(HOSTILE, id=2))


async def by_mail(house: MailHouse, words: str = "please refund", told: CaseDetail | None = None, **mail: Any) -> str:
    desk = Desk(mail=MailServer(host="127.0.0.1", port=house.port, sender="desk@acme.example", **mail))
    async with Http() as http:
        way = forwarder(Department("billing", "mailto:billing@example.org"), desk, http)
        return (await way.send(delivery(words=words), told or CASE)).native_id


async def by_web(host: str, scheme: str = "http", secret: str = "") -> Receipt:
    async with Http([host]) as http:
        way = forwarder(Department("billing", f"{scheme}://{host}{PATH}", secret), Desk(), http)
        return await way.send(delivery(), CASE)


@pytest.fixture
def web() -> Iterator[Server]:
    with Server() as server:
        yield server


async def test_a_mail_says_what_it_is_about_and_cannot_be_made_to_say_more():
    async with open_house(MailHouse()) as house:
        receipt = await by_mail(house)
    message = email.message_from_bytes(house.taken[0], policy=email.policy.default)
    assert receipt == message["Message-ID"] == f"<{IDENTITY}@acme.example>"
    assert house.envelope == ["MAIL FROM:<desk@acme.example>", "RCPT TO:<billing@example.org>"]
    assert (message["To"], message["Bcc"], message["In-Reply-To"]) == ("billing@example.org", None, None)
    assert message["Auto-Submitted"] == "auto-generated"
    assert "ana on mastodon" in message["Subject"]
    told = message.get_content()
    for part in (
        "please refund",
        "my acme cloud is down",
        "> Bcc: all@example.org",
        "https://social.example/1",
        "1,200",
    ):
        assert part in told


@pytest.mark.parametrize(
    "title",
    [
        "=?utf-8?q?a=0d=0aBcc:_all=40example.org=0d=0a=0d=0aBody?=",
        "=?utf-8?b?YQ0KQmNjOiBhbGxAZXhhbXBsZS5vcmcbWzMxbQ==?=",
    ],
)
async def test_an_encoded_title_stays_a_title(title: str):
    async with open_house(MailHouse()) as house:
        coded = case(mention("my acme cloud is down"))
        coded = replace(coded, row=replace(coded.row, title=SafeText(title)))
        await by_mail(house, told=coded)
    message = email.message_from_bytes(house.taken[0], policy=email.policy.default)
    assert "= ?utf-8?" in message["Subject"]
    assert message["Subject"].isprintable()
    assert (message["Bcc"], message["Message-ID"]) == (None, f"<{IDENTITY}@acme.example>")


async def test_the_same_delivery_is_the_same_mail_however_often_it_is_sent():
    async with open_house(MailHouse()) as house:
        assert await by_mail(house) == await by_mail(house)


async def test_a_line_that_is_only_a_dot_does_not_end_the_mail():
    async with open_house(MailHouse()) as house:
        await by_mail(house, words="first\n.\nlast")
    told = email.message_from_bytes(house.taken[0].replace(b"\r\n..", b"\r\n."), policy=email.policy.default)
    assert "first\n.\nlast" in told.get_content().replace("\r\n", "\n")


@pytest.mark.parametrize(
    ("script", "kind", "says"),
    [
        ({"hello": "421 busy"}, NotSent, "421"),
        ({"MAIL": "451 later"}, NotSent, "451 later"),
        ({"RCPT": "550 no such mailbox"}, Refused, "550 no such mailbox"),
        ({"RCPT": "close"}, NotSent, "does not answer"),
        ({"DATA": "451 later"}, NotSent, "451"),
        ({"dot": "554 spam"}, Refused, "554 spam"),
        ({"dot": "452 disk full"}, NotSent, "452"),
        ({"dot": "close"}, Uncertain, "before it took it"),
    ],
)
async def test_what_a_mail_server_may_say(script: dict[str, str], kind: type[SourceError], says: str):
    async with open_house(MailHouse(**script)) as house:
        with pytest.raises(kind, match=says) as caught:
            await by_mail(house)
    assert type(caught.value) is kind


async def test_no_mail_server_is_surely_not_sent():
    house = MailHouse()
    house.port = free_port()
    with pytest.raises(NotSent):
        await by_mail(house)


async def test_a_password_never_travels_without_encryption(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setenv("MAIL_PASSWORD", "hunter2")
    async with open_house(MailHouse()) as house:
        with pytest.raises(NotSent):
            await by_mail(house, user="desk", password="env:MAIL_PASSWORD")
    assert not house.taken


async def test_a_signed_webhook_carries_the_whole_case_and_verifies(web: Server, monkeypatch: pytest.MonkeyPatch):
    key = b"0123456789abcdef"
    monkeypatch.setenv("HOOK", "whsec_" + base64.b64encode(key).decode())
    web.on(PATH, Reply(202))
    receipt = await by_web(web.host, secret="env:HOOK")
    seen = web.seen[0]
    assert receipt.native_id == seen.headers["webhook-id"] == IDENTITY
    signed = f"{IDENTITY}.{seen.headers['webhook-timestamp']}.".encode() + seen.body
    expected = base64.b64encode(hmac.new(key, signed, hashlib.sha256).digest()).decode()
    assert seen.headers["webhook-signature"] == f"v1,{expected}"
    told = json.loads(seen.body)
    assert (told["type"], told["id"], told["comment"]) == ("case.forwarded", IDENTITY, "please refund")
    assert [message["text"] for message in told["case"]["messages"]] == ["my acme cloud is down", HOSTILE]


async def test_slack_gets_words_that_ping_nobody(web: Server):
    web.on(PATH, text("ok"))
    await by_web(web.host, "slack+http")
    told = json.loads(web.seen[0].body)["text"]
    assert "&lt;!channel&gt;" in told
    assert "&lt;@U123&gt;" in told
    assert "@everyone" not in told


@pytest.mark.parametrize("scheme", ["http", "slack+http"])
@pytest.mark.parametrize(
    ("reply", "kind"),
    [
        (text("gone", status=410), Refused),
        (text("no_service", status=404), Refused),
        (redirect("http://127.0.0.1:1/T0P-S3CRET", 307), Refused),
        (rate_limited("seconds", seconds=30), RateLimited),
        (text("busy", status=503), Uncertain),
        (reset(), Uncertain),
        (cut_off(text("ok" * 50), 3), Uncertain),
    ],
)
async def test_what_a_webhook_may_answer(web: Server, scheme: str, reply: Reply, kind: type[SourceError]):
    web.on(PATH, reply)
    with pytest.raises(kind) as caught:
        await by_web(web.host, scheme)
    assert type(caught.value) is kind
    assert "S3CRET" not in str(caught.value)
    assert len(web.seen) == 1
    if isinstance(caught.value, RateLimited):
        assert caught.value.retry_at is not None


async def test_slack_without_its_ok_is_not_sent_for_sure(web: Server):
    web.on(PATH, text("<html>please log in</html>"))
    with pytest.raises(Uncertain):
        await by_web(web.host, "slack+http")


async def test_a_webhook_that_nobody_listens_at_is_surely_not_sent():
    with pytest.raises(NotSent) as caught:
        await by_web(f"127.0.0.1:{free_port()}")
    assert "S3CRET" not in str(caught.value)


async def test_an_address_may_be_kept_as_a_secret(web: Server, monkeypatch: pytest.MonkeyPatch):
    web.on(PATH, text("ok"))
    monkeypatch.setenv("SLACK_URL", f"slack+http://{web.host}{PATH}")
    async with Http([web.host]) as http:
        way = forwarder(Department("pr", "env:SLACK_URL"), Desk(), http)
        await way.send(delivery(DeliveryKind.ESCALATION), CASE)
    assert "Escalated" in json.loads(web.seen[0].body)["text"]


@pytest.mark.parametrize(
    "to", ["ftp://example.org/x", "billing@example.org", "mailto:", "mailto:a@b.example%0d%0aBcc:x@y.example"]
)
async def test_an_address_that_cannot_be_is_refused_before_anything_is_sent(to: str):
    desk = Desk(mail=MailServer(sender="desk@acme.example"))
    async with Http() as http:
        with pytest.raises(BadInput):
            forwarder(Department("billing", to), desk, http)
