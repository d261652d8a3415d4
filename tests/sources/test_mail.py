"""A mailbox into a real store: what is new, what is old, what is broken, and being told at once."""

from __future__ import annotations

import asyncio
import time
from datetime import timedelta
from typing import Any

import pytest
from sqlalchemy import select

from sources import registry
from sources.adapters import mail as mail_adapter
from sources.errors import RateLimited, SourceError, Unauthorised, Unreachable
from sources.http import Http
from sources.protocol import Page, Setup
from sources.worker import Worker
from store import cases, ledger
from store.database import Database
from store.domain.clock import utcnow
from store.domain.desk import Desk, SourceConfig, Watch
from store.domain.poll import Cursor, PollLine
from store.domain.secret import Secret
from store.tables import mention
from tests.factories import rows
from tests.servers import Server, json_reply
from tests.sources.fake_mail import PASSWORD, Box, MailBoxes, open_house

NOW = utcnow()
US = "support@acme.example"


def letter(name: str, words: str = "acme is down", **headers: str) -> bytes:
    given = {
        "From": "Ana Pop <Ana@x.example>",
        "To": US,
        "Subject": f"about {name}",
        "Message-ID": f"<{name}@x.example>",
    }
    given |= {key.replace("_", "-"): value for key, value in headers.items()}
    return ("".join(f"{key}: {value}\n" for key, value in given.items()) + f"\n{words}\n").encode()


async def filled(house: MailBoxes, *ages: float, box: str = "INBOX") -> None:
    """A mail for each age in days, named by its place."""
    for number, days in enumerate(ages, house.boxes[box].next_uid):
        at = NOW - timedelta(days=days)
        await house.put(letter(f"m{number}"), at, box)


def config(house: MailBoxes, **more: Any) -> SourceConfig:
    options = {"imap": f"imap://127.0.0.1:{house.port}", "user": US} | more.pop("options", {})
    given: dict[str, Any] = {"type": "mail", "name": "box", "token": "env:MAIL_PASSWORD", "options": options}
    return SourceConfig(**given | more)


@pytest.fixture(autouse=True)
def _password(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MAIL_PASSWORD", PASSWORD)


async def polled(db: Database, source: SourceConfig) -> list[PollLine]:
    async with Worker(db, Desk(watches=(Watch("acme", "acme"),), sources=(source,))) as worker:
        return await worker.poll_once(all_due=True)


async def stored(db: Database) -> list[str]:
    return [row[0] for row in await rows(db, select(mention.c.external_id).order_by(mention.c.id))]


async def adapter_pages(source: SourceConfig, bookmark: dict[str, Any], password: str = PASSWORD) -> list[Page]:
    async with Http() as http:
        setup = Setup(source, http, Secret(password))
        cursor = Cursor("box", "mailbox:INBOX", bookmark, NOW, 0, None, "", "ok")
        return [page async for page in registry.adapter(setup).pages(cursor, now=NOW)]


async def test_first_contact_goes_back_so_far_and_later_polls_bring_only_what_is_new(db: Database):
    async with open_house(MailBoxes()) as house:
        await filled(house, 40, 8, 6, 1)
        assert sum(line.new for line in await polled(db, config(house))) == 2
        assert await stored(db) == ["m3@x.example", "m4@x.example"]
        bodies = [said for said in house.said if "BODY" in said]
        (line,) = await polled(db, config(house))
        assert (line.returned, line.error) == (0, "")
        assert [said for said in house.said if "BODY" in said] == bodies, "5:* names the last mail again: not fetched"
        await filled(house, 0)
        (line,) = await polled(db, config(house))
        assert (line.returned, line.new) == (1, 1)
    (row, *_) = await cases.listing(db, None, me="ana", now=utcnow())
    assert (row.handle, row.name, row.network, row.title) == ("ana@x.example", "Ana Pop", "mail", "about m5")
    (mention,) = (await cases.get(db, row.id)).mentions
    assert mention.visibility == "direct"  # an answer to it is read by nobody else
    touching = [said for said in house.said if said.startswith(("SELECT", "UID STORE")) or "BODY[" in said]
    assert not touching, "nothing may be marked as read"


@pytest.mark.parametrize(("backfill", "expected"), [(None, 3), (timedelta(0), 0)])
async def test_all_or_none_of_what_lies_there(db: Database, backfill: timedelta | None, expected: int):
    async with open_house(MailBoxes()) as house:
        await filled(house, 4000, 40, 1)
        assert sum(line.new for line in await polled(db, config(house, backfill=backfill))) == expected
        await filled(house, 0)
        assert sum(line.new for line in await polled(db, config(house, backfill=backfill))) == 1


async def test_a_mailbox_made_anew_is_read_again_and_nothing_is_doubled(db: Database):
    async with open_house(MailBoxes()) as house:
        await filled(house, 40, 2, 1)
        await polled(db, config(house))
        box = house.boxes["INBOX"]
        box.validity, box.mails, box.next_uid = 8, {90 + uid: mail for uid, mail in box.mails.items()}, 200
        await house.put(letter("late"), NOW)
        lines = await polled(db, config(house))
    assert [(sum(line.new for line in lines), sum(line.duplicate for line in lines))] == [(1, 2)]
    assert await stored(db) == ["m2@x.example", "m3@x.example", "late@x.example"]


async def test_wherever_it_dies_nothing_is_lost_and_what_is_new_comes_first(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(mail_adapter, "PAGE", 2)
    async with open_house(MailBoxes()) as house:
        await filled(house, *[30 - n for n in range(9)])
        source, mark, came = config(house, backfill=None), dict[str, Any](), list[str]()
        for life in range(30):
            (page, *rest) = await adapter_pages(source, mark)  # only the first page of each life is stored
            came += [one.external_id for one in page.mentions]
            mark = page.bookmark or mark
            if life == 2:
                await filled(house, 0, 0, 0)
            if not rest and not page.mentions:
                break
    assert came == [f"m{n}@x.example" for n in (1, 2, 3, 4, 5, 6, 10, 11, 12, 7, 8, 9)]


async def test_a_long_walk_goes_on_where_it_was_broken_off(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(mail_adapter, "PAGE", 1)
    async with open_house(MailBoxes()) as house:
        await filled(house, 5, 4, 3, 2, 1)
        first = await adapter_pages(config(house, backfill=None), {})
        assert [len(page.mentions) for page in first] == [1] * 5
        second = await adapter_pages(config(house, backfill=None), first[2].bookmark or {})
        assert [len(page.mentions) for page in second] == [1] * 2


async def test_one_mail_that_the_server_does_not_give_keeps_back_no_other(db: Database):
    async with open_house(MailBoxes()) as house:
        await filled(house, 3, 2, 1)
        house.refused = {"UID FETCH 1,2,3 (UID BODY": "NO broken", "UID FETCH 2 (UID BODY": "NO [SERVERBUG] broken"}
        (line,) = await polled(db, config(house))
        assert (line.returned, line.new, line.failed) == (3, 2, 1)
        (kept,) = await ledger.rejected(db, line.id)
    assert (kept.where, "SERVERBUG" in kept.reason) == ("uid 2", True)


async def test_a_huge_mail_lands_as_far_as_it_was_read(db: Database, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(mail_adapter, "WHOLE", 100_000)
    monkeypatch.setattr(mail_adapter, "BEGINNING", 1_000)
    async with open_house(MailBoxes()) as house:
        await house.put(letter("huge", "acme again\n" + "x" * 3_000_000), NOW)
        await polled(db, config(house))
        assert not [said for said in house.said if said.endswith("BODY.PEEK[])")]
    (row,) = await rows(db, mention)
    assert row.text.startswith("acme again")
    assert row.text.endswith("[a mail of 2 MB, read as far as here]")
    assert len(row.text) < 1_200


@pytest.mark.parametrize(
    ("refused", "kind", "says"),
    [
        ({"LOGIN": "NO [AUTHENTICATIONFAILED] bad {secret}"}, Unauthorised, "renew the token"),
        ({"LOGIN": "NO [UNAVAILABLE] later"}, RateLimited, "come again later"),
        ({"EXAMINE": "NO [NONEXISTENT] none"}, SourceError, "the mailbox INBOX cannot be opened"),
        ({"UID SEARCH": "close"}, Unreachable, "broke off"),
        ({"UID SEARCH": "BAD what"}, SourceError, "did not understand"),
    ],
)
async def test_what_goes_wrong_is_said_without_the_password(refused: dict[str, str], kind: type[Exception], says: str):
    async with open_house(MailBoxes()) as house:
        house.refused = {command: told.format(secret=PASSWORD) for command, told in refused.items()}
        with pytest.raises(kind, match=says) as caught:
            await adapter_pages(config(house), {})
    assert PASSWORD not in str(caught.value)


async def test_a_password_stays_here_where_the_way_is_open_to_others(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr("sources.adapters.mail_imap.is_loopback", lambda host: False)
    async with open_house(MailBoxes()) as house:
        with pytest.raises(Unauthorised, match="no encryption"):
            await adapter_pages(config(house), {})
        assert not [said for said in house.said if PASSWORD in said]
        await adapter_pages(config(house, options={"insecure": True}), {})
        assert [said for said in house.said if PASSWORD in said]


async def test_an_access_token_is_renewed_and_logged_in_with(monkeypatch: pytest.MonkeyPatch, db: Database):
    monkeypatch.setenv("REFRESH", "r3fresh")
    with Server() as web:
        web.on("/token", json_reply({"access_token": PASSWORD, "expires_in": 3600}))
        async with open_house(MailBoxes(capabilities="IMAP4rev1 AUTH=XOAUTH2")) as house:
            await filled(house, 1)
            options = {
                "login": "xoauth2",
                "client_id": "me",
                "token_url": web.url("/token"),
                "refresh_token": "env:REFRESH",
            }
            (line,) = await polled(db, config(house, token="", options=options))
            assert (line.new, line.error) == (1, "")
            assert f"user={US}\x01auth=Bearer {PASSWORD}\x01\x01" in house.said
            with pytest.raises(Unauthorised, match="invalid token"):
                await adapter_pages(config(house, options={"login": "xoauth2"}), {}, "old-token")
    assert web.at("/token")[0].form["refresh_token"] == "r3fresh"


async def test_a_mail_is_there_a_moment_after_it_came_and_a_stop_takes_no_time(db: Database):
    async with open_house(MailBoxes()) as house:
        source = config(house, every=timedelta(hours=1))
        stop, heard = asyncio.Event(), asyncio.Event()
        async with Worker(db, Desk(sources=(source,))) as worker:
            running = asyncio.create_task(worker.run(stop, lambda line: getattr(line, "new", 0) and heard.set()))
            async with asyncio.timeout(60):
                while not house.idling:
                    await asyncio.sleep(0.01)
            await asyncio.sleep(1.5)  # the polls of the start are over
            await filled(house, 0)
            async with asyncio.timeout(60):
                await heard.wait()
            before = time.monotonic()
            stop.set()
            await running
        assert time.monotonic() - before < 15
    assert [line.error for line in await ledger.lines(db) if line.error] == []


async def test_a_server_that_cannot_tell_is_polled_and_nothing_is_said_of_it(db: Database):
    async with open_house(MailBoxes(idle=False)) as house:
        await filled(house, 1)
        stop = asyncio.Event()
        async with Worker(db, Desk(sources=(config(house),))) as worker:
            running = asyncio.create_task(worker.run(stop, lambda line: None))
            async with asyncio.timeout(60):
                while not await stored(db):
                    await asyncio.sleep(0.05)
            stop.set()
            await running
        assert not [said for said in house.said if said == "IDLE"]
    assert [line.error for line in await ledger.lines(db) if line.error] == []


async def test_what_we_wrote_elsewhere_answers_the_case_and_opens_none(db: Database):
    async with open_house(MailBoxes(Sent=Box())) as house:
        await house.put(letter("one"), NOW)
        by_us = {"From": f"Acme <{US}>", "To": "ana@x.example"}
        await house.put(letter("two", "sorry!", In_Reply_To="<one@x.example>", **by_us), NOW, "Sent")
        await house.put(letter("three", "hello", **by_us), NOW, "Sent")
        await house.put(letter("four", "note to ourselves", **by_us), NOW)
        await polled(db, config(house, options={"sent": "Sent"}))
    (row,) = await cases.listing(db, None, me="ana", now=utcnow())
    detail = await cases.get(db, row.id)
    assert [(one.ours, one.text.strip()) for one in detail.mentions] == [(False, "acme is down"), (True, "sorry!")]
    assert row.status == "waiting"


@pytest.mark.parametrize(
    ("changed", "says"),
    [
        ({"imap": "https://imap.example"}, "`imap` begins with imaps://"),
        ({"imap": "imaps://me:pw@imap.example"}, "`imap` begins with"),
        ({"imap": ""}, "`imap` is missing"),
        ({"smtp": "mail.example"}, "`smtp` begins with"),
        ({"smtp": "smtps://mail.example", "from": "nobody"}, "`from` must be one mail address"),
        ({"refresh_token": "env:X"}, "`token_url`"),
        ({"user": ""}, "`user` is missing"),
    ],
)
def test_what_is_wrong_with_its_options(changed: dict[str, str], says: str):
    options = {"imap": "imaps://imap.example", "user": US} | changed
    assert says in "; ".join(registry.problems(SourceConfig("mail", "box", token="env:X", options=options)))


def test_the_address_may_stand_in_url():
    source = SourceConfig("mail", "box", "imap://localhost", "env:X", options={"user": US})
    assert registry.problems(source) == []
    assert "no `smtp`" in registry.obstacle(source)
