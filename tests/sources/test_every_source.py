"""What every source type must bear, whatever its network: each sample of `samples/` goes through a real store."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Callable, Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta

import pytest
import pytest_asyncio
from sqlalchemy import func, select
from sqlalchemy.ext.asyncio import AsyncConnection

from sources import registry
from sources.errors import SourceError
from sources.http import Http
from sources.intake import Intake
from sources.poller import Poller, Source
from sources.protocol import Adapter, Page, Setup
from sources.text.clean import clean
from store import cursors, ledger
from store.database import Database
from store.domain.clock import utcnow
from store.domain.desk import Desk, SourceConfig, Watch
from store.domain.mention import JsonObject, Mention, NewMention
from store.domain.poll import Cursor, PollLine
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
from tests.sources import fake_mastodon
from tests.sources.samples import Sample, samples

SAMPLES = samples()
WATCH = Watch("acme", "acme")
BOOKMARK = 64 * 1024  # bytes; it is written with every page
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
        self.hand = sample.prepare(self)
        self.everywhere = False
        self.fault: Callable[[Faulty, Seen], Reply] | None = None
        self.struck = 0

    def answer(self, seen: Seen) -> Reply:
        if self.fault is not None and (self.everywhere or seen.path.startswith(self.sample.paths)):
            self.struck += 1
            return self.fault(self, seen)
        return super().answer(seen)


def as_stored(new: NewMention) -> Mention:
    said = {name: getattr(new, name) for name in ("network", "external_id", "native_id", "parent", "thread", "type")}
    title, text = clean(new)
    more = {"title": title, "text": text, "edited_at": new.edited_at, "created_at": new.created_at, "ours": new.ours}
    return fake_mastodon.mention(handle=new.author.handle, **said, **more)


async def rows(db: Database) -> list[tuple[str, int, bool]]:
    """(external id, case, ours) of all mentions."""

    async def work(connection: AsyncConnection) -> list[tuple[str, int, bool]]:
        query = select(mention.c.external_id, mention.c.case_id, mention.c.ours)
        return [(name, case, ours) for name, case, ours in (await connection.execute(query)).all()]

    return await db.read(work)


def in_an_hour() -> datetime:
    return datetime.now(UTC) + timedelta(hours=1)


def nothing_said(server: Faulty, seen: Seen) -> Reply:
    return silence(server, 20)


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
    "silence": nothing_said,
    "a redirect loop": lambda server, seen: redirect(server.url(seen.target)),
    "a redirect to a private address": lambda server, seen: redirect("http://10.0.0.1/latest"),
    "a gzip bomb": lambda server, seen: gzip_bomb(64),
    "an XML bomb": lambda server, seen: text(XML_BOMB, "application/rss+xml"),
}


TROUBLE: dict[str, Callable[[Faulty, Seen], Reply]] = {
    name: FAULTS[name] for name in ("500", "429 and no word", "a page of HTML with 200", "nothing with 200", "a reset")
} | {
    "401": lambda server, seen: json_reply({"error": "who are you?"}, 401),
    "403": lambda server, seen: json_reply({"error": "not for you"}, 403),
    "404 for all": lambda server, seen: text("<h1>Not Found</h1>", "text/html", 404),
    "an empty list": lambda server, seen: json_reply([]),
    "nothing in any list": lambda server, seen: json_reply(
        {name: [] for name in ("items", "posts", "reviews", "data", "statuses", "hits", "result", "nodes")}
    ),
    "null": lambda server, seen: json_reply(None),
}


def configured(server: Faulty) -> SourceConfig:
    sample = server.sample
    token, options = "env:IT" if sample.token else "", dict(sample.options(server))
    return SourceConfig(sample.type, "it", url=server.url(), token=token, backfill=None, options=options)


def adapter(server: Faulty, http: Http, watches: Sequence[Watch] = (WATCH,)) -> Adapter:
    sample = server.sample
    secrets = {name: Secret(value) for name, value in sample.secrets.items()}
    token = Secret(sample.token) if sample.token else None
    return registry.adapter(Setup(configured(server), http, token, watches, secrets))


@dataclass
class Place:
    """One source with its server and its store."""

    server: Faulty
    db: Database
    http: Http
    lines: list[PollLine] = field(default_factory=list)

    async def poll(self) -> list[PollLine]:
        """One round of all its streams, by adapters that know nothing but their cursors."""
        config = configured(self.server)
        desk = Desk(watches=(WATCH,), sources=(config,))
        source = Source(config, registry.network(config.type), adapter(self.server, self.http))
        patience = 1.5 if self.server.fault is nothing_said else 60.0
        poller = Poller(self.db, {"it": source}, Intake(self.db, desk), self.lines.append, page_deadline=patience)
        await poller.prepare()
        await cursors.make_due(self.db, now=utcnow())
        return await poller.round(asyncio.Event())

    async def stored(self) -> int:
        async def work(connection: AsyncConnection) -> int:
            query = select(func.count()).select_from(mention).where(mention.c.ours.is_(False))
            return int((await connection.execute(query)).scalar_one())

        return await self.db.read(work)


@pytest.fixture(params=SAMPLES, ids=lambda sample: sample.type)
def server(request: pytest.FixtureRequest) -> Iterator[Faulty]:
    with Faulty(request.param) as running:
        yield running


@pytest.fixture
def place(server: Faulty, db: Database) -> Place:
    return Place(server, db, Http({server.host}, pause=0))


@pytest_asyncio.fixture
async def http(server: Faulty) -> AsyncIterator[Http]:
    fetching = Http({server.host}, pause=0)
    yield fetching
    await fetching.close()


async def read(
    server: Faulty,
    http: Http,
    stream: str,
    bookmark: JsonObject | None = None,
    *,
    most: int = 10_000,
    watches: Sequence[Watch] = (WATCH,),
) -> list[Page]:
    """A poll of one stream by an adapter that knows nothing but a bookmark from the store, broken off after `most`
    pages."""
    now = utcnow()
    cursor = Cursor("it", stream, json.loads(json.dumps(bookmark or {})), now, 0, None, "", "ok")
    answers, pages = adapter(server, http, watches).pages(cursor, now=now), list[Page]()
    async for page in answers:
        pages.append(page)
        if len(pages) == most:
            break
    await answers.aclose()  # type: ignore[attr-defined]
    return pages


def bookmark_of(pages: list[Page], before: JsonObject | None = None) -> JsonObject | None:
    """The one that is stored after these."""
    return next((page.bookmark for page in reversed(pages) if page.bookmark is not None), before)


def names(pages: list[Page]) -> set[str]:
    return {mention.external_id for page in pages for mention in page.mentions if not mention.ours}


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


async def test_a_poll_that_dies_after_any_page_is_gone_on_with(server: Faulty, http: Http) -> None:
    found: set[str] = set()
    for stream in adapter(server, http).streams():
        if server.sample.forgets:
            pages = await read(server, http, stream, most=1)
            while len(found) < len(found := found | names(pages)):
                pages = await read(server, http, stream, bookmark_of(pages), most=1)
            continue
        whole = await read(server, http, stream)
        for kept in range(1, len(whole)):
            rest = await read(server, http, stream, bookmark_of(whole[:kept]))
            assert names(whole[:kept]) | names(rest) >= names(whole), (stream, kept)
        found |= names(whole)
    assert len(found) == server.sample.expected


async def test_what_is_new_does_not_wait_for_what_is_old(server: Faulty, http: Http) -> None:
    """The poll was broken off in the middle of a long walk; then three more posts appear."""
    before, found = set[str](), set[str]()
    marks: dict[str, JsonObject | None] = {}
    for stream in adapter(server, http).streams():
        before |= names(await read(server, http, stream))
        marks[stream] = bookmark_of(await read(server, http, stream, most=2))
    for number in range(3):
        server.hand.more(number, utcnow())
    for stream, mark in marks.items():
        found |= names(await read(server, http, stream, mark, most=3))
    assert len(found - before) == 3


async def test_many_polls_lose_nothing_and_remember_little(server: Faulty, http: Http) -> None:
    streams = adapter(server, http).streams()
    marks: dict[str, JsonObject | None] = dict.fromkeys(streams)
    found: set[str] = set()
    largest = 0
    for turn in range(25):
        for stream in streams:
            # Every other poll dies at its second page.
            pages = await read(server, http, stream, marks[stream], most=2 if turn % 2 and turn < 24 else 10_000)
            marks[stream] = bookmark_of(pages, marks[stream])
            found |= names(pages)
        largest = max(largest, *(len(json.dumps(mark)) for mark in marks.values()))
        for number in range(7):
            server.hand.more(turn * 7 + number, utcnow())
    for stream in streams:
        found |= names(await read(server, http, stream, marks[stream]))

    assert len(found) == server.sample.expected + 25 * 7
    assert largest < BOOKMARK, f"{largest:,} bytes"


async def test_our_own_posts_open_no_case(place: Place) -> None:
    if place.server.hand.own is None:
        pytest.skip("this source knows of no account of ours")
    await place.poll()
    place.server.hand.own(utcnow())
    place.server.hand.more(0, utcnow())
    await place.poll()
    await place.http.close()
    new = {external_id for external_id, _, ours in await rows(place.db) if not ours}
    theirs = {case for _, case, ours in await rows(place.db) if not ours}

    assert len(new) == place.server.sample.expected + 1
    assert {case for _, case, ours in await rows(place.db) if ours} <= theirs


@pytest.mark.parametrize("trouble", TROUBLE)
async def test_trouble_is_never_taken_for_deletions(server: Faulty, http: Http, trouble: str) -> None:
    stored: dict[str, Mention] = {}
    asking = adapter(server, http)
    for stream in asking.streams():
        for page in await read(server, http, stream, most=2):
            stored |= {one.external_id: as_stored(one) for one in page.mentions[:3]}
    assert stored
    with suppress(SourceError):  # all is well as yet, and whoever logs in has logged in
        await asking.recheck(list(stored.values()), now=utcnow())
    for one in (asking, adapter(server, http)):
        server.fault, server.everywhere = TROUBLE[trouble], True
        try:
            page = await one.recheck(list(stored.values()), now=utcnow())
        except SourceError:
            continue
        assert page is None or not page.deleted, page.deleted


WATCHES = {
    "twenty": tuple(Watch(f"acme {number}", f"acme OR bolt{number}") for number in range(20)),
    "of fields only": (Watch("ana", "author:ana lang:en NOT lang:de"),),
    "of forty alternatives": (Watch("acme", " OR ".join(["acme", *(f"bolt{number}" for number in range(39))])),),
}


@pytest.mark.parametrize("watches", WATCHES)
async def test_whatever_the_watches_are(server: Faulty, http: Http, watches: str) -> None:
    streams = adapter(server, http, WATCHES[watches]).streams()
    assert len(set(streams)) == len(streams)
    found: set[str] = set()
    for stream in streams[:4]:
        found |= names(await read(server, http, stream, watches=WATCHES[watches]))
    if watches != "of fields only":
        assert found, "all of them ask for acme"
    else:
        assert not any(stream.startswith("search") for stream in streams)


def test_a_sample_for_every_type_that_is_asked_over_http() -> None:
    without = registry.types().keys() - {sample.type for sample in SAMPLES}
    assert without <= {"file", "mail", "webhook"}
