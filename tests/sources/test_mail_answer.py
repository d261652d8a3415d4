"""Answers by mail, from a case in the store to a mail server and back."""

from __future__ import annotations

import email
import email.policy
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest

from sources.errors import Refused
from sources.worker import Worker
from store import cases, outbox
from store.database import Database
from store.domain.action import Reply
from store.domain.clock import utcnow
from store.domain.delivery import DeliveryState
from store.domain.desk import Desk, SourceConfig
from store.domain.mention import Mention
from store.domain.safetext import SafeText
from tests.sources.fake_mail import PASSWORD, REPORT, Box, MailBoxes, MailHouse, open_house

US = "support@acme.example"
LONG = f"<{'x' * 90}@mail.x.example>"
LETTER = f"""From: Ana <ana@x.example>
To: {US}
Reply-To: "Ana, at home" <ana@home.example>
Subject: {{subject}}
Message-ID: {LONG}
References: <root@x.example>
 <{"y" * 80}@x.example>

it burns
"""


def desk(boxes: MailBoxes, house: MailHouse, **more: Any) -> Desk:
    options = {
        "imap": f"imap://127.0.0.1:{boxes.port}",
        "smtp": f"smtp://127.0.0.1:{house.port}",
        "user": US,
        "from": f"Acme <{US}>",
        "sent": "Sent",
    }
    source = SourceConfig("mail", "box", token="env:MAIL_PASSWORD", settle=timedelta(0), options=options | more)
    return Desk(sources=(source,), undo_window=timedelta(0))


@pytest.fixture(autouse=True)
def _password(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MAIL_PASSWORD", PASSWORD)


async def answered(db: Database, worker: Worker, words: str = "sorry ✓") -> Any:
    await worker.poll_once(all_due=True)
    (row,) = await cases.listing(db, None, me="ana", now=utcnow())
    await cases.act(db, [(row.id, None)], Reply(words, "identity-1", 0.0), agent="bo", now=utcnow())
    return (await worker.send_once())[-1]


CODED_TWICE = "=?utf-8?q?=3D=3Futf-8=3Fq=3Fa=3D0d=3D0aBcc:_all=40example.org=3F=3D?="


@pytest.mark.parametrize("subject", ["acme burns", CODED_TWICE, "Re: acme burns"])
async def test_an_answer_joins_the_thread_and_goes_where_it_was_asked_to(db: Database, subject: str):
    async with open_house(MailBoxes(Sent=Box())) as boxes, open_house(MailHouse()) as house:
        await boxes.put(LETTER.format(subject=subject).encode(), utcnow())
        async with Worker(db, desk(boxes, house)) as worker:
            delivery = await answered(db, worker)
            assert (delivery.state, delivery.remote_id) == (DeliveryState.SENT, "identity-1@acme.example")
            lines = await worker.poll_once(all_due=True)
        raw = house.taken[0].removesuffix(b".\r\n")
        message = email.message_from_bytes(raw, policy=email.policy.default)
        assert house.envelope == [f"MAIL FROM:<{US}>", "RCPT TO:<ana@home.example>"]
        assert (message["From"], message["To"], message["Bcc"]) == (f"Acme <{US}>", "ana@home.example", None)
        assert message["Subject"].startswith("Re: ")
        assert message["Subject"].count("Re:") == 1
        assert message["Message-ID"] == "<identity-1@acme.example>"
        assert f"In-Reply-To: {LONG}\r\n".encode() in raw, "an id is never folded or encoded"
        assert message["References"].split() == ["<root@x.example>", f"<{'y' * 80}@x.example>", LONG]
        assert message["Auto-Submitted"] is None
        assert message.get_content().strip() == "sorry ✓"
        assert [mail for mail, _ in boxes.boxes["Sent"].mails.values()] == [raw]
    assert sum(line.new for line in lines) == 0, "our answer that comes back is no mention"
    (row,) = await cases.listing(db, None, me="ana", now=utcnow())
    assert (row.status, row.mentions) == ("waiting", 1)


async def test_an_answer_to_a_mail_that_is_gone_goes_to_its_author(db: Database):
    async with open_house(MailBoxes(Sent=Box())) as boxes, open_house(MailHouse()) as house:
        await boxes.put(LETTER.format(subject="x").encode(), utcnow())
        async with Worker(db, desk(boxes, house)) as worker:
            await worker.poll_once()
            boxes.boxes["INBOX"].mails.clear()
            await answered(db, worker)
        assert house.envelope[1] == "RCPT TO:<ana@x.example>"
        message = email.message_from_bytes(house.taken[0], policy=email.policy.default)
        assert message["References"].split()[0] == "<root@x.example>"


async def test_their_next_word_and_a_report_of_the_mail_server_come_into_the_same_case(db: Database):
    async with open_house(MailBoxes(Sent=Box())) as boxes, open_house(MailHouse()) as house:
        await boxes.put(LETTER.format(subject="x").encode(), utcnow())
        async with Worker(db, desk(boxes, house)) as worker:
            await answered(db, worker)
            again = "From: ana@x.example\nMessage-ID: <two@x.example>\nIn-Reply-To: <identity-1@acme.example>\n\nwell\n"
            await boxes.put(again.encode(), utcnow())
            report = REPORT.format(action="failed", kind="message/rfc822", domain="acme.example")
            await boxes.put(report.replace("<identity@", "<identity-1@").encode(), utcnow())
            await worker.poll_once(all_due=True)
    (row,) = await cases.listing(db, None, me="ana", now=utcnow())
    assert (row.status, row.mentions) == ("open", 3)


@pytest.mark.parametrize(
    ("script", "state", "says"),
    [
        ({"RCPT": "550 no such mailbox"}, DeliveryState.FAILED, "550 no such mailbox"),
        ({"dot": "554 spam"}, DeliveryState.FAILED, "554 spam"),
        ({"RCPT": "451 greylisted"}, DeliveryState.QUEUED, "451 greylisted"),
        ({"hello": "421 busy"}, DeliveryState.QUEUED, "421"),
        ({"dot": "close"}, DeliveryState.UNKNOWN, "before it took it"),
    ],
)
async def test_what_became_of_it(db: Database, script: dict[str, str], state: DeliveryState, says: str):
    async with open_house(MailBoxes(Sent=Box())) as boxes, open_house(MailHouse(**script)) as house:
        await boxes.put(LETTER.format(subject="x").encode(), utcnow())
        async with Worker(db, desk(boxes, house)) as worker:
            delivery = await answered(db, worker)
        assert not boxes.boxes["Sent"].mails
    assert (delivery.state, says in delivery.error) == (state, True)


async def test_after_a_lost_line_it_is_looked_for_and_never_sent_again(db: Database):
    async with open_house(MailBoxes(Sent=Box())) as boxes, open_house(MailHouse(dot="close")) as house:
        await boxes.put(LETTER.format(subject="x").encode(), utcnow())
        async with Worker(db, desk(boxes, house)) as worker:
            await answered(db, worker)
            for _ in range(3):
                await worker.send_once()
            (delivery,) = await outbox.listing(db)
            assert delivery.state in (DeliveryState.UNKNOWN, DeliveryState.PERSON)
            back = await worker.channel("box").read_back(delivery, await parent(db))  # type: ignore[union-attr]
            assert (back.found, back.complete) == (None, False)
            await boxes.put(house.taken[0], utcnow(), "Sent")  # the server keeps what it takes, after a while
            back = await worker.channel("box").read_back(delivery, await parent(db))  # type: ignore[union-attr]
        assert back.found is not None
        assert back.found.native_id == "identity-1@acme.example"
        assert len(house.taken) == 1


async def test_a_sent_mail_is_sent_even_if_it_cannot_be_kept(db: Database):
    async with open_house(MailBoxes(Sent=Box())) as boxes, open_house(MailHouse()) as house:
        await boxes.put(LETTER.format(subject="x").encode(), utcnow())
        boxes.refused = {"APPEND": "NO [OVERQUOTA] full"}
        async with Worker(db, desk(boxes, house)) as worker:
            delivery = await answered(db, worker)
    assert delivery.state is DeliveryState.SENT


async def test_nothing_leaves_before_it_is_known_where_it_goes(db: Database):
    async with open_house(MailBoxes(Sent=Box())) as boxes, open_house(MailHouse()) as house:
        await boxes.put(LETTER.format(subject="x").encode(), utcnow())
        async with Worker(db, desk(boxes, house)) as worker:
            await worker.poll_once()
            boxes.refused = {"UID SEARCH HEADER": "close"}
            delivery = await answered(db, worker)
        assert (delivery.state, house.envelope) == (DeliveryState.QUEUED, [])


@pytest.mark.parametrize("handle", ["unknown", "a b@x.example", "a@x.example\r\nRCPT TO:<b@x.example>", "ü@x.example"])
async def test_an_author_without_an_address_cannot_be_answered(db: Database, handle: str):
    async with open_house(MailBoxes(Sent=Box())) as boxes, open_house(MailHouse()) as house:
        await boxes.put(LETTER.format(subject="x").encode(), utcnow())
        async with Worker(db, desk(boxes, house)) as worker:
            await answered(db, worker)
            (delivery,) = await outbox.listing(db)
            boxes.boxes["INBOX"].mails.clear()
            channel = worker.channel("box")
            with pytest.raises(Refused, match="no address"):
                await channel.send(delivery, with_author(await parent(db), handle))  # type: ignore[union-attr]


async def parent(db: Database) -> Mention:
    (row,) = await cases.listing(db, None, me="ana", now=utcnow())
    return (await cases.get(db, row.id)).mentions[0]


def with_author(mention: Mention, handle: str) -> Mention:
    return replace(mention, author=replace(mention.author, handle=SafeText(handle)))
