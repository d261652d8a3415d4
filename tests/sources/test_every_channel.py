"""What every way to answer must bear, whatever its network: through the real courier and a real store."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Iterator
from dataclasses import dataclass, replace
from datetime import timedelta
from itertools import count
from typing import Any

import pytest
import pytest_asyncio

from sources import courier as courier_module
from sources import errors, registry
from sources.courier import Courier
from sources.http import Http
from sources.protocol import Setup
from store import cases, mentions, outbox
from store.database import Database
from store.domain.action import Reply as Answer
from store.domain.clock import utcnow
from store.domain.delivery import Delivery, DeliveryState
from store.domain.desk import Desk, SourceConfig, Watch
from store.domain.mention import Mention
from store.domain.secret import Secret
from tests.factories import land, read_mention
from tests.servers import Reply, Seen, Server, cut_off, free_port, json_reply, rate_limited, redirect, reset, text
from tests.sources.channels import CHANNELS, ChannelSample, Login, Texts

WORDS = "Sorry, it is mended! Write to us where it is not (words-7f3a)."
NEXT = "One thing more: please restart it once (words-91bc)."
NUMBERS = count(1)
Fault = Callable[["Flaky", Seen], Reply]


class Flaky(Server):
    """A network that answers well, but for what it is told about the requests that post."""

    def __init__(self, sample: ChannelSample) -> None:
        super().__init__()
        self.sample = sample
        self.faults: list[Fault] = []

    def answer(self, seen: Seen) -> Reply:
        if self.faults and self.takes(seen):
            return self.faults.pop(0)(self, seen)
        return super().answer(seen)

    def takes(self, seen: Seen) -> bool:
        return seen.method != "GET" and seen.path == self.sample.at

    def told(self, seen: Seen, reply: Reply) -> Reply:
        self.seen.append(seen)
        return reply

    @property
    def tries(self) -> int:
        return sum(self.takes(seen) for seen in self.seen)


def says(reply: Reply) -> Fault:
    return lambda server, seen: server.told(seen, reply)


def answer_lost(server: Flaky, seen: Seen) -> Reply:
    """It is posted; the connection is reset instead of an answer."""
    Server.answer(server, seen)
    return reset()


def never_arrives(server: Flaky, seen: Seen) -> Reply:
    """It is read and forgotten; the connection is reset."""
    return server.told(seen, reset())


REFUSAL = json_reply({"error": {"message": "no"}, "message": "no"}, 400)
ENDINGS: dict[str, tuple[Reply, type[Exception]]] = {
    "a reset": (reset(), errors.Uncertain),
    "a body cut off": (cut_off(json_reply({"id": "1" * 500}), 9), errors.Uncertain),
    "a page of HTML with 200": (text("<html>please log in</html>", "text/html"), errors.Uncertain),
    "JSON that is no post": (json_reply({"hello": "there"}), errors.Uncertain),
    "a list": (json_reply([]), errors.Uncertain),
    "an encoding nobody asked for": (Reply(200, b"x", {"content-encoding": "br"}), errors.Uncertain),
    "a redirect": (redirect("/login"), errors.Uncertain),
    "400": (REFUSAL, errors.Refused),
    "404": (json_reply({"message": "not found"}, 404), errors.Refused),
    "401": (json_reply({"message": "who?"}, 401), errors.Unauthorised),
    "408": (Reply(408), errors.Uncertain),
    "425": (Reply(425), errors.Uncertain),
    "429": (rate_limited("seconds", seconds=60), errors.RateLimited),
    "500": (Reply(500), errors.Uncertain),
    "502": (text("<h1>bad gateway</h1>", "text/html", 502), errors.Uncertain),
    "503": (Reply(503, b"", {"retry-after": "60"}), errors.Uncertain),
    "504": (Reply(504), errors.Uncertain),
}


@dataclass
class Place:
    """One channel with its network and its store."""

    server: Flaky
    texts: Texts
    db: Database
    http: Http
    url: str

    def channel(self, login: Login | None = None) -> Any:
        """A fresh one, that remembers nothing."""
        sample, config = self.server.sample, self.config
        token, given = (sample.token, sample.secrets) if login is None else (login.token, login.secrets)
        secrets = {name: Secret(value) for name, value in given.items()}
        if login is not None:
            options = dict(sample.options) | login.options | dict.fromkeys(given, "env:IT")
            config = replace(config, token="env:IT" if token else "", options=options)
        watches = (Watch("acme", "acme"),)
        return registry.adapter(Setup(config, self.http, Secret(token) if token else None, watches, secrets))

    @property
    def config(self) -> SourceConfig:
        sample = self.server.sample
        options = dict(sample.options) | dict.fromkeys(sample.secrets, "env:IT")
        return SourceConfig(sample.type, "it", url=self.url, token="env:IT", settle=timedelta(0), options=options)

    async def written(self, words: str = WORDS, **fields: Any) -> Delivery:
        """An answer in the outbox."""
        sample = self.server.sample
        item = read_mention("acme is down", **({"network": sample.type, **sample.parent} | fields))
        line = await land(self.db, item, source="it", network=sample.type)
        self.case = (*line.new_cases, getattr(self, "case", 0))[0]
        return await self.another(words)

    async def another(self, words: str) -> Delivery:
        action = Answer(words, f"id-{next(NUMBERS)}", 0.0)
        acted = await cases.act(self.db, [(self.case, None)], action, agent="ana", now=utcnow())
        return await outbox.get(self.db, acted.deliveries[0])

    async def parent(self, delivery: Delivery) -> Mention:
        assert delivery.mention_id is not None
        return await mentions.get(self.db, delivery.mention_id)

    async def courier(self, delivery: Delivery, rounds: int = 1) -> Delivery:
        """So many steps, each by a courier and a channel of their own."""
        for _ in range(rounds):
            courier = Courier(self.db, Desk(sources=(self.config,)), {"it": self.channel()}, {}, lambda moved: None)
            await courier.round(asyncio.Event())
        return await outbox.get(self.db, delivery.id)


@pytest.fixture(params=CHANNELS, ids=lambda sample: sample.type)
def sample(request: pytest.FixtureRequest) -> ChannelSample:
    return request.param  # type: ignore[no-any-return]


@pytest.fixture
def server(sample: ChannelSample) -> Iterator[Flaky]:
    with Flaky(sample) as running:
        yield running


@pytest_asyncio.fixture
async def place(server: Flaky, db: Database, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Place]:
    monkeypatch.setattr(courier_module, "RETRY", timedelta(0))
    async with Http({server.host}, pause=0) as http:
        yield Place(server, server.sample.prepare(server), db, http, server.url())


async def test_an_answer_goes_out_once(place: Place) -> None:
    sent = await place.courier(await place.written(), 3)

    assert sent.state is DeliveryState.SENT, sent.error
    assert sent.remote_id
    assert place.texts() == [WORDS]
    assert place.server.tries == 1


@pytest.mark.parametrize("ending", ENDINGS)
async def test_how_a_post_can_end(place: Place, ending: str) -> None:
    reply, wrong = ENDINGS[ending]
    if place.server.sample.silent and ending in ("JSON that is no post", "a list"):
        pytest.skip("it says nothing of the post where it took one")
    if ending == "404":
        wrong = getattr(errors, place.server.sample.missing)
    delivery = await place.written()
    parent = await place.parent(delivery)
    place.server.faults = [says(reply)] * 5
    with pytest.raises(errors.SourceError) as caught:
        await place.channel().send(delivery, parent)

    assert type(caught.value) is wrong, caught.value
    assert "words-7f3a" not in str(caught.value)
    assert place.server.sample.token not in str(caught.value)
    assert place.server.tries == 1 or ending == "401", "with 401 alone nothing was done"
    assert place.texts() == []


async def test_a_network_that_is_away_has_got_nothing(place: Place) -> None:
    delivery = await place.written()
    parent = await place.parent(delivery)
    place.url = f"http://127.0.0.1:{free_port()}"
    async with Http({"127.0.0.1"}, pause=0) as http:
        place.http = http
        with pytest.raises(errors.NotSent):
            await place.channel().send(delivery, parent)


async def test_a_token_that_cannot_be_renewed_has_sent_nothing(place: Place) -> None:
    login = place.server.sample.login
    if login is None:
        pytest.skip("its token does not run out")
    delivery = await place.written()
    parent = await place.parent(delivery)
    for trouble in (reset(), text("<html>", "text/html"), Reply(503)):
        place.server.on(login.path, *([login.good] if login.opened else []), trouble)
        channel = place.channel(login)
        place.server.faults = [says(json_reply({"error": "ExpiredToken"}, 401))]
        before = place.server.tries
        with pytest.raises(errors.NotSent):
            await channel.send(delivery, parent)
        assert (place.server.tries - before, place.texts()) == (1, [])
    place.server.on(login.path, login.good)
    place.server.faults = [says(json_reply({"error": "ExpiredToken"}, 401))]
    await place.channel(login).send(delivery, parent)
    assert place.texts() == [WORDS]


async def test_a_lost_answer_is_settled_and_never_sent_again(place: Place) -> None:
    delivery = await place.written()
    place.server.faults = [answer_lost]
    lost = await place.courier(delivery)
    assert lost.state is DeliveryState.UNKNOWN, lost.error
    settled = await place.courier(delivery, 4)

    assert settled.state is (DeliveryState.SENT if place.server.sample.shown else DeliveryState.PERSON), settled.error
    assert bool(settled.remote_id) == place.server.sample.shown
    assert place.texts() == [WORDS]
    assert place.server.tries == 1


async def test_what_never_arrived_is_sent_once_more_where_that_is_proven(place: Place) -> None:
    delivery = await place.written()
    place.server.faults = [never_arrives]
    settled = await place.courier(delivery, 6)

    if place.server.sample.shown:
        assert (settled.state, place.texts()) == (DeliveryState.SENT, [WORDS]), settled.error
        assert (place.server.tries, settled.absences) == (2, 2)
    else:
        assert (settled.state, place.texts(), place.server.tries) == (DeliveryState.PERSON, [], 1)


async def test_a_network_that_cannot_be_read_proves_nothing(place: Place) -> None:
    delivery = await place.written()
    place.server.faults = [answer_lost]
    await place.courier(delivery)
    good = place.server.answer
    place.server.answer = lambda seen: place.server.told(seen, Reply(500))  # type: ignore[method-assign]
    settled = await place.courier(delivery, 3)
    place.server.answer = good  # type: ignore[method-assign]

    assert settled.state is DeliveryState.PERSON
    assert settled.absences == 0
    assert place.server.tries == 1


async def test_a_second_answer_is_not_taken_for_the_first(place: Place) -> None:
    first = await place.courier(await place.written())
    second = await place.another(NEXT)
    place.server.faults = [answer_lost]
    settled = await place.courier(second, 5)

    assert first.state is DeliveryState.SENT
    if place.server.sample.shown:
        assert settled.state is DeliveryState.SENT, settled.error
        assert (settled.remote_id == first.remote_id) == place.server.sample.replaces
    assert place.texts() == ([NEXT] if place.server.sample.replaces else [WORDS, NEXT])
    assert place.server.tries == 2


async def test_the_same_words_said_twice_are_never_one_answer(place: Place) -> None:
    """The first is there, the second never arrived: it is not taken for sent, nor sent without proof."""
    first = await place.courier(await place.written())
    second = await place.another(WORDS)
    place.server.faults = [never_arrives]
    settled = await place.courier(second, 6)

    assert first.state is DeliveryState.SENT
    assert settled.state is not DeliveryState.FAILED
    if not place.server.sample.replaces:
        assert settled.state is DeliveryState.PERSON or place.texts() == [WORDS, WORDS], settled.error
    assert place.server.tries <= 3


async def test_a_post_that_nobody_can_name_is_not_answered_anywhere(place: Place) -> None:
    delivery = await place.written(native_id="")
    with pytest.raises(errors.Refused):
        await place.channel().send(delivery, await place.parent(delivery))
    assert place.server.tries == 0


async def test_the_length_is_of_what_goes_out(place: Place) -> None:
    delivery = await place.written()
    parent = await place.parent(delivery)
    channel = place.channel()
    said = channel.compose(parent) + "x"
    size, most = await channel.length(said, handle=parent.author.handle)
    longer, _ = await channel.length(said + "y" * most, handle=parent.author.handle)

    assert 0 < size < most < longer
    assert not registry.obstacle(place.config)


def test_a_sample_for_every_type_that_can_answer() -> None:
    able = {name for name, kind in registry.types().items() if kind.can_answer}
    assert able - {sample.type for sample in CHANNELS} <= {"mail", "demo"}
