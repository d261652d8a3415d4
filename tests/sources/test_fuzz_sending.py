"""Networks that say nonsense while we send. Made by seeds, as in test_fuzz: an answer goes out at most once, whatever
is said about it; nothing crashes; and what is said is harmless where it is kept."""

from __future__ import annotations

import asyncio
import random
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from sources import courier as courier_module
from sources import smtp
from sources.courier import TRIES, Courier
from sources.forwarders import forwarder
from sources.http import Http
from store import cases, outbox
from store.database import Database
from store.domain.action import Escalate, Forward
from store.domain.clock import utcnow
from store.domain.delivery import SETTLED, Delivery, DeliveryState
from store.domain.desk import Department, Desk, MailServer
from tests.factories import land, read_mention
from tests.hostile import harm_in
from tests.servers import Reply, Seen, Server, cut_off, reset
from tests.sources.channels import CHANNELS, ChannelSample
from tests.sources.fake_mail import MailHouse, open_house
from tests.sources.mutations import STATUSES, TEXTS, scrambled, seeds, wrong
from tests.sources.test_every_channel import WORDS, Flaky, Place

ENDED = SETTLED | {DeliveryState.PERSON}
SLOWEST = 20.0  # seconds for a step


class Liar(Flaky):
    """`everything`: each request is often answered wrongly. Else only what a post is answered, and never so that it
    would be a refusal of what was taken: no courier can know better than the network."""

    def __init__(self, sample: ChannelSample) -> None:
        super().__init__(sample)
        self.seed, self.everything = "", False

    def answer(self, seen: Seen) -> Reply:
        try:
            reply = super().answer(seen)
        except Exception:  # a question that a lie led to
            reply = Reply(400, b"{}")
        chance = random.Random(f"{self.seed} {len(self.seen)}")
        if not self.seed or reply.play is not None or chance.random() < 0.2:
            return reply
        if self.everything:
            return lie(chance, reply) if chance.random() < 0.6 else reply
        if not self.takes(seen) or not 200 <= reply.status < 300:
            return reply
        lied = lie(chance, reply)
        return Reply(reply.status, lied.body, lied.headers, lied.play) if 300 <= lied.status < 500 else lied


def lie(chance: random.Random, reply: Reply) -> Reply:
    kind = chance.randrange(10)
    if kind == 0:
        return reset()
    if kind == 1:
        return cut_off(reply, chance.randrange(len(reply.body) + 1))
    if kind == 2:
        return Reply(reply.status, scrambled(chance, reply.body), reply.headers)
    return wrong(chance, reply)


def faults_of(delivery: Delivery) -> list[str]:
    found = [f"{name} {harm}" for name in ("error", "url", "to") for harm in harm_in(getattr(delivery, name))]
    if "unexpected" in delivery.error:
        found.append(delivery.error)
    if delivery.url and not delivery.url.lower().startswith(("http://", "https://")):
        found.append(f"url {delivery.url[:200]!r}")
    if len(delivery.error) > 2_000 or len(delivery.url) > 4_000 or len(delivery.remote_id) > 4_000:
        found.append(f"long: {len(delivery.error)} {len(delivery.url)} {len(delivery.remote_id)}")
    return found


@pytest.fixture(autouse=True)
def _at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(courier_module, "RETRY", timedelta(0))


@pytest.mark.parametrize("everything", [False, True], ids=["its answer", "everything"])
@pytest.mark.parametrize("sample", CHANNELS, ids=lambda sample: sample.type)
async def test_an_answer_goes_out_at_most_once(sample: ChannelSample, everything: bool, tmp_path: Path) -> None:
    for seed in seeds():
        db = Database(tmp_path / f"{seed}.db")
        await db.open()
        with Liar(sample) as server:
            async with Http({server.host}, pause=0) as http:
                place = Place(server, sample.prepare(server), db, http, server.url())
                delivery = await place.written()
                server.seed, server.everything = f"{sample.type} {seed}", everything
                for _ in range(4):
                    async with asyncio.timeout(SLOWEST):
                        delivery = await place.courier(delivery)
                    assert not (found := faults_of(delivery)), (seed, delivery.state, found)
                server.seed = ""
                for _ in range(6):
                    delivery = await place.courier(delivery)
                there = place.texts()
        told = (seed, delivery.state, delivery.error, there)
        assert not (found := faults_of(delivery)), (seed, found)
        # Put back to wait by a time that the network named, it may still be there; else it has come to an end.
        assert delivery.state in ENDED or everything, told
        if not everything:
            assert there.count(WORDS) == 1, told
            assert server.tries == 1, told
        if delivery.state is DeliveryState.SENT:
            assert delivery.remote_id
        assert server.tries <= 2 * TRIES, told
        await db.close()


class LyingHouse(MailHouse):
    """A mail server whose every line may be wrong."""

    chance = random.Random()

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        verbs = ["hello", "EHLO", "HELO", "MAIL", "RCPT", "DATA", "dot", "QUIT"]
        self.script = {verb: mail_line(self.chance, verb) for verb in verbs if self.chance.random() < 0.3}
        await super().serve(reader, writer)


def mail_line(chance: random.Random, verb: str) -> str:
    words = str(chance.choice(TEXTS))[: chance.choice([20, 600, 5_000])].encode("utf-8", "replace").decode()
    good = {"hello": "220", "DATA": "354", "QUIT": "221"}.get(verb, "250")
    code = chance.choice([good, good, "250", "251", "354", "421", "451", "452", "550", "554", "999", "²50", "", "-1"])
    return chance.choice([f"{code} {words}", f"{code}-{words}", code, words, f"{code}-a\r\n{code} b", "close"])


async def forwarded(db: Database, number: int, target: str) -> Delivery:
    line = await land(db, read_mention("acme is down", id=f"m{number}"))
    action = Forward(target, "please look", 0.0) if number % 2 else Escalate(target, "please look", True, 0.0)
    acted = await cases.act(db, [(line.new_cases[0], None)], action, agent="ana", now=utcnow())
    return await outbox.get(db, acted.deliveries[0])


async def carried(db: Database, desk: Desk, delivery: Delivery, rounds: int = 12) -> Delivery:
    async with Http({"127.0.0.1"}, pause=0) as http:
        for _ in range(rounds):
            way = forwarder(desk.departments[0], desk, http)
            async with asyncio.timeout(SLOWEST):
                await Courier(db, desk, {}, {"billing": way}, lambda moved: None).round(asyncio.Event())
            delivery = await outbox.get(db, delivery.id)
            assert not (found := faults_of(delivery)), found
    return delivery


async def test_a_forward_by_mail_is_taken_at_most_once(db: Database, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(smtp, "TIME_LIMIT", 0.3)
    for seed in seeds(4):
        async with open_house(LyingHouse()) as house:
            house.chance = random.Random(f"smtp {seed}")
            mail = MailServer(host="127.0.0.1", port=house.port, sender="desk@acme.example")
            desk = Desk(mail=mail, departments=(Department("billing", "mailto:billing@example.org"),))
            delivery = await carried(db, desk, await forwarded(db, seed, "billing"))
            assert delivery.state in ENDED, (seed, delivery)
            assert len(house.taken) <= 1, (seed, delivery)


class Hook(Server):
    """A receiver that says anything; what it says 2xx or 5xx to it may have taken."""

    def __init__(self) -> None:
        super().__init__()
        self.chance = random.Random()
        self.taken: list[Seen] = []

    def answer(self, seen: Seen) -> Reply:
        self.seen.append(seen)
        reply = Reply(self.chance.choice(STATUSES), str(self.chance.choice(TEXTS)).encode("utf-8", "replace"))
        self.taken += [seen] if not 400 <= reply.status < 500 else []
        return lie(self.chance, reply) if reply.status >= 500 else reply


@pytest.mark.parametrize("scheme", ["http", "slack+http"])
async def test_a_forward_to_a_program_is_known_by_one_name(db: Database, scheme: str) -> None:
    for seed in seeds(4):
        with Hook() as hook:
            hook.chance = random.Random(f"hook {seed}")
            desk = Desk(departments=(Department("billing", f"{scheme}://{hook.host}/hook"),))
            delivery = await carried(db, desk, await forwarded(db, seed, "billing"))
        names: set[Any] = {seen.headers.get("webhook-id") for seen in hook.seen}
        assert len(names) <= 1, (seed, names)
        assert len(hook.taken) <= (1 if scheme.startswith("slack") else 2), (seed, delivery)
        assert delivery.state in ENDED | {DeliveryState.QUEUED, DeliveryState.UNKNOWN}, (seed, delivery)
