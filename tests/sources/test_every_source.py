"""What every source type must bear, whatever its network: each sample of `samples/` goes through a real store."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta

import pytest

from sources import registry
from sources.http import Http
from sources.intake import Intake
from sources.poller import Poller, Source
from sources.protocol import Setup
from store import cursors, ledger
from store.database import Database
from store.domain.clock import utcnow
from store.domain.desk import Desk, SourceConfig, Watch
from store.domain.poll import PollLine
from store.domain.secret import Secret
from store.tables import mention
from tests.servers import (
    Reply,
    Seen,
    Server,
    cut_off,
    gzip_bomb,
    json_reply,
    rate_limited,
    redirect,
    reset,
    silence,
    text,
)
from tests.sources.samples import Sample, samples

SAMPLES = samples()
WATCH = Watch("acme", "acme")
XML_BOMB = (
    "<?xml version='1.0'?><!DOCTYPE a [<!ENTITY a 'aaaaaaaaaa'>"
    + "".join(f"<!ENTITY {b} '{f'&{a};' * 10}'>" for a, b in zip("abcdefgh", "bcdefghi", strict=True))
    + "]><rss><channel><title>&i;</title></channel></rss>"
)


class Faulty(Server):
    """A server that answers well, until told to do otherwise for the paths of its sample."""

    def __init__(self, sample: Sample) -> None:
        super().__init__()
        self.sample = sample
        self.fault: Callable[[Faulty, Seen], Reply] | None = None
        self.struck = 0

    def answer(self, seen: Seen) -> Reply:
        if self.fault is not None and seen.path.startswith(self.sample.paths):
            self.struck += 1
            return self.fault(self, seen)
        return super().answer(seen)


def in_an_hour() -> datetime:
    return datetime.now(UTC) + timedelta(hours=1)


FAULTS: dict[str, Callable[[Faulty, Seen], Reply]] = {
    "429 with seconds": lambda server, seen: rate_limited("seconds", seconds=600),
    "429 with a date": lambda server, seen: rate_limited("date", in_an_hour()),
    "429 with an ISO reset": lambda server, seen: rate_limited("iso", in_an_hour()),
    "429 with an epoch reset": lambda server, seen: rate_limited("epoch", in_an_hour()),
    "429 and no word": lambda server, seen: rate_limited("bare"),
    "500": lambda server, seen: text("<h1>oops</h1>", "text/html", 500),
    "502": lambda server, seen: Reply(502),
    "503 for a while": lambda server, seen: text("down", status=503, retry_after="120"),
    "a page of HTML with 200": lambda server, seen: text("<html>please log in</html>", "text/html"),
    "nothing with 200": lambda server, seen: Reply(200),
    "another kind of JSON": lambda server, seen: json_reply("acme"),
    "JSON cut in the middle": lambda server, seen: text('{"data": [{"id": "1', "application/json"),
    "JSON too deep": lambda server, seen: text("[" * 200_000, "application/json"),
    "a body cut off": lambda server, seen: cut_off(text("x" * 5_000), 100),
    "a reset": lambda server, seen: reset(),
    "silence": lambda server, seen: silence(server, 20),
    "a redirect loop": lambda server, seen: redirect(server.url(seen.target)),
    "a redirect to a private address": lambda server, seen: redirect("http://10.0.0.1/latest"),
    "a gzip bomb": lambda server, seen: gzip_bomb(64),
    "an XML bomb": lambda server, seen: text(XML_BOMB, "application/rss+xml"),
}


@dataclass
class Place:
    """One source with its server and its store."""

    server: Faulty
    db: Database
    http: Http
    lines: list[PollLine] = field(default_factory=list)

    async def poll(self) -> list[PollLine]:
        """One round of all its streams, by adapters that know nothing but their cursors."""
        sample = self.server.sample
        config = SourceConfig(
            sample.type,
            "it",
            url=self.server.url(),
            token="env:IT" if sample.token else "",
            backfill=None,
            options=dict(sample.options(self.server)),
        )
        secrets = {name: Secret(value) for name, value in sample.secrets.items()}
        token = Secret(sample.token) if sample.token else None
        adapter = registry.adapter(Setup(config, self.http, token, (WATCH,), secrets))
        desk = Desk(watches=(WATCH,), sources=(config,))
        source = Source(config, registry.network(sample.type), adapter)
        poller = Poller(self.db, {"it": source}, Intake(self.db, desk), self.lines.append, page_deadline=1.5)
        await poller.prepare()
        await cursors.make_due(self.db, now=utcnow())
        import asyncio

        return await poller.round(asyncio.Event())

    async def stored(self) -> int:
        from sqlalchemy import func, select

        async def work(connection):  # type: ignore[no-untyped-def]
            query = select(func.count()).select_from(mention).where(mention.c.ours.is_(False))
            return (await connection.execute(query)).scalar_one()

        return await self.db.read(work)


@pytest.fixture(params=SAMPLES, ids=lambda sample: sample.type)
def server(request: pytest.FixtureRequest) -> Iterator[Faulty]:
    with Faulty(request.param) as running:
        request.param.prepare(running)
        yield running


@pytest.fixture
def place(server: Faulty, db: Database) -> Place:
    return Place(server, db, Http({server.host}, pause=0))


def adds_up(lines: list[PollLine]) -> bool:
    return all(one.returned == one.new + one.duplicate + one.unmatched + one.failed for one in lines)


async def test_all_of_it_once_and_nothing_again(place: Place) -> None:
    first = await place.poll()
    assert await place.stored() == place.server.sample.expected
    assert sum(line.new for line in first) >= place.server.sample.expected
    second = await place.poll()
    await place.http.close()

    assert not any(line.error for line in first + second), first + second
    assert sum(line.new for line in second) == 0
    assert await place.stored() == place.server.sample.expected
    assert adds_up(await ledger.lines(place.db))


@pytest.mark.parametrize("fault", FAULTS)
async def test_a_fault_is_told_and_nothing_is_lost(place: Place, fault: str) -> None:
    place.server.fault = FAULTS[fault]
    struck = await place.poll()
    assert place.server.struck, "the sample's paths are not what it asks for"
    place.server.fault = None
    await place.poll()
    stored = await place.stored()
    lines = await ledger.lines(place.db)
    await place.http.close()

    assert all(line.error or line.returned == 0 for line in struck)
    assert any(line.error for line in struck) or "nothing" in fault, struck
    assert not any("unexpected" in line.error for line in lines), [line.error for line in lines]
    assert stored == place.server.sample.expected
    assert adds_up(lines)


async def test_a_source_in_trouble_says_when_it_comes_back(place: Place) -> None:
    place.server.fault = FAULTS["429 with seconds"]
    before = utcnow()
    await place.poll()
    await place.http.close()
    found = await cursors.all_of(place.db)

    assert min(cursor.next_poll_at for cursor in found) >= before + timedelta(seconds=55)
    assert any(cursor.next_poll_at >= before + timedelta(seconds=600) for cursor in found)


def test_a_sample_for_every_type_that_is_asked_over_http() -> None:
    without = registry.types().keys() - {sample.type for sample in SAMPLES}
    assert without <= {"file", "mail", "webhook"}
