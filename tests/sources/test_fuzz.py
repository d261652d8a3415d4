"""What nobody promised, by chance: every door through which strangers speak to us is given wrong answers, and must
tell of them, store nothing that can do harm, and go on with the next good one.

A run is made by its seed and can be made again: EARFUL_FUZZ_SEED=7. EARFUL_FUZZ_SECONDS=600 goes on for so long with
one seed after the other, shared among all tests here.
"""

from __future__ import annotations

import asyncio
import json
import random
import re
import time
import unicodedata
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import Text, select

from sources import registry
from sources.adapters import fields
from sources.errors import BadAnswer, SourceError
from sources.http import Http
from sources.intake import Intake
from sources.keep import Keep
from sources.poller import Poller, Source
from sources.protocol import Setup
from store import cursors, ledger, mentions
from store.database import Database
from store.domain.clock import utcnow
from store.domain.desk import Desk, SourceConfig, Watch
from store.domain.poll import PollLine
from store.domain.secret import Secret
from store.tables import author, cases, mention, mention_version, rejected, unmatched
from tests.factories import land
from tests.hostile import harm_in
from tests.servers import Reply, Seen, Server, json_reply
from tests.sources.mutations import seeds, wrong
from tests.sources.samples import Sample, samples

WATCH = Watch("acme", "acme")
NAMES = {"external_id", "native_id", "parent", "thread"}
SLOWEST = 20.0  # seconds for a poll


class Liar(Server):
    """Answers well, or, while it has a `seed`, often wrongly."""

    seed = ""

    def answer(self, seen: Seen) -> Reply:
        try:
            reply = super().answer(seen)
        except Exception:  # a question that a lie led to: a fake need not know what its network says to nonsense
            reply = json_reply({"error": "Bad request"}, status=400)
        # Requests may come side by side: what is drawn for one must not depend on the other.
        chance = random.Random(f"{self.seed} {seen.method} {seen.target} {len(self.seen)}")
        return wrong(chance, reply) if self.seed and reply.play is None and chance.random() < 0.7 else reply


class Life:
    """One source with its server and its store, from first contact on."""

    def __init__(self, sample: Sample, server: Liar, db: Database, folder: Path) -> None:
        self.sample, self.server, self.db = sample, server, db
        self.http = Http({server.host}, pause=0)
        self.lines: list[PollLine] = []
        self.config = SourceConfig(
            sample.type,
            "it",
            url=server.url(),
            token="env:IT" if sample.token else "",
            backfill=None,
            options=dict(sample.options(server)),
        )
        self.keep = Keep(folder, "it")

    def adapter(self) -> Any:
        secrets = {name: Secret(value) for name, value in self.sample.secrets.items()}
        token = Secret(self.sample.token) if self.sample.token else None
        return registry.adapter(Setup(self.config, self.http, token, (WATCH,), secrets, self.keep))

    async def poll(self) -> list[PollLine]:
        desk = Desk(watches=(WATCH,), sources=(self.config,))
        source = Source(self.config, registry.network(self.sample.type), self.adapter())
        poller = Poller(self.db, {"it": source}, Intake(self.db, desk), self.lines.append, page_deadline=10)
        await poller.prepare()
        await cursors.make_due(self.db, now=utcnow())
        return await poller.round(asyncio.Event())

    async def recheck(self) -> None:
        stored = await everything(self.db, select(mention.c.id).limit(30))

        async def work(connection: Any) -> Any:
            return await mentions.read(connection, [row["id"] for row in stored])

        found = await self.db.read(work)
        with suppress(SourceError):
            page = await self.adapter().recheck(found, now=utcnow())
            if page is not None:
                intake = Intake(self.db, Desk(watches=(WATCH,), sources=(self.config,)))
                await intake.take("it", "it", "recheck", page, started_at=utcnow(), next_poll_at=None)


async def everything(db: Database, query: Any) -> list[dict[str, Any]]:
    async def work(connection: Any) -> Any:
        return [dict(row) for row in (await connection.execute(query)).mappings()]

    return await db.read(work)  # type: ignore[no-any-return]


async def check(db: Database) -> list[str]:
    """What is wrong with what is stored."""
    found = []
    for line in await ledger.lines(db):
        if "unexpected" in line.error:
            found.append(f"ledger: {line.error} of {line.asked}")
        if line.returned != line.new + line.duplicate + line.unmatched + line.failed:
            found.append(f"ledger does not add up: {line}")
        found += [f"ledger {harm}" for text in (line.error, line.asked, line.stream) for harm in harm_in(text)]
    for row in await everything(db, select(rejected)):
        if "reading it failed" in row["reason"]:
            found.append(f"rejected: {row['reason']} {row['raw'][:3000]!r}")
    for table in (mention, author, unmatched, mention_version, cases, rejected):
        for row in await everything(db, select(table)):
            for column in table.columns:
                value = row[column.name]
                if not isinstance(column.type, Text) or not isinstance(value, str) or column is cases.c.thread:
                    continue  # a case's thread is our own key, made of two names
                if len(value) > 65_536:
                    found.append(f"{table.name}.{column.name} is long: {len(value)}")
                if harm := forbidden(value) if column.name in NAMES else harm_in(value):
                    found.append(f"{table.name}.{column.name}: {harm[:3]} in {value[:200]!r}")
                if (
                    column.name in ("url", "author_url")
                    and value
                    and not value.lower().startswith(("http://", "https://"))
                ):
                    found.append(f"{table.name}.{column.name}: {value[:200]!r}")
    return found


def forbidden(name: str) -> list[str]:
    """A name of the network is compared and never shown as it is: it may hold anything but what no database takes."""
    return [f"U+{ord(char):04X}" for char in name if unicodedata.category(char) in ("Cc", "Cs")]


SAMPLES = samples()


@pytest.mark.parametrize("sample", SAMPLES, ids=lambda sample: sample.type)
async def test_wrong_answers_are_told_and_nothing_harmful_is_kept(sample: Sample, tmp_path: Path) -> None:
    for seed in seeds():
        folder = tmp_path / str(seed)
        folder.mkdir()
        db = Database(folder / "earful.db")
        await db.open()
        with Liar() as server:
            sample.prepare(server)
            life = Life(sample, server, db, folder / "sessions")
            try:
                server.seed = f"{sample.type} {seed}"
                for _ in range(3):
                    began = time.monotonic()
                    await life.poll()
                    assert time.monotonic() - began < SLOWEST, f"seed {seed}"
                await life.recheck()
                server.seed = ""
                await life.poll()
                good = await life.poll()
                found = await check(db)
                assert not found, f"seed {seed}: {found[:5]}"
                # A network that refuses the session which it just gave is left alone for a while, on purpose.
                errors = [line.error for line in good if line.error and "look again later" not in line.error]
                assert not errors, f"seed {seed}: {errors}"
            finally:
                await life.http.close()
                await db.close()


class Ahead(Server):
    """Everything on it was written in a hundred years."""

    def answer(self, seen: Seen) -> Reply:
        reply = super().answer(seen)
        return Reply(reply.status, later(reply.body), reply.headers, reply.play)


def later(body: bytes) -> bytes:
    words = re.sub(rb"\b20(2\d-\d\d-\d\d[T ])|( \w{3} )20(2\d )", rb"\g<2>21\1\3", body)
    return re.sub(rb"(?<![\w/.:-])17\d{8}(?=\d{3}\b|\b)", b"5033664000", words)


@pytest.mark.parametrize("sample", SAMPLES, ids=lambda sample: sample.type)
async def test_what_comes_from_the_future_does_not_make_us_deaf_until_then(
    sample: Sample, db: Database, tmp_path: Path
):
    """A post may have any time on it. Where it moved the place to go on from, nothing would be new for a century."""
    with Ahead() as server:
        sample.prepare(server)
        life = Life(sample, server, db, tmp_path / "sessions")
        lines = await life.poll()
        await life.http.close()
    assert any(line.new for line in lines)
    for cursor in await cursors.all_of(db):
        places = re.findall(r'"(?:newest|since|listed|at|looked)": *"?(21\d\d-|[45]\d{9})', json.dumps(cursor.bookmark))
        assert not places, cursor


class Endless(Server):
    """Every page is the first one, and leads to another: with the same items or, `empty`, with none."""

    empty = False

    def __init__(self) -> None:
        super().__init__()
        self.first: dict[str, Reply] = {}

    def answer(self, seen: Seen) -> Reply:
        reply = super().answer(seen)
        if reply.play is not None or reply.status != 200:
            return reply
        reply = self.first.setdefault(seen.path, reply)
        with suppress(ValueError):
            told, number = self.leading_on(json.loads(reply.body)), len(self.seen)
            link = f'<{self.url(seen.path)}?max_id={10**6 - number}>; rel="next"'
            return json_reply(told, link=link)
        return reply

    def leading_on(self, told: Any) -> Any:
        if isinstance(told, list):
            return [] if self.empty else [self.leading_on(one) for one in told]
        if not isinstance(told, dict):
            return told
        further = f"t1_{len(self.seen)}"
        named = {name for name in told if name in PLACES and isinstance(told[name], str)}
        inner = {name: further if name in named else self.leading_on(value) for name, value in told.items()}
        return inner | {"next_token": further, "nextPageToken": further, "has_more": True}


PLACES = {"next_token", "nextPageToken", "cursor", "next_page", "after", "endCursor"}


@pytest.mark.parametrize("empty", [False, True])
@pytest.mark.parametrize("sample", SAMPLES, ids=lambda sample: sample.type)
async def test_pages_without_end_come_to_an_end(sample: Sample, empty: bool, db: Database, tmp_path: Path) -> None:
    with Endless() as server:
        server.empty = empty
        sample.prepare(server)
        life = Life(sample, server, db, tmp_path / "sessions")
        async with asyncio.timeout(SLOWEST):
            await life.poll()
        await life.http.close()
        assert len(server.seen) < 100


def test_a_place_that_no_address_can_carry_is_not_kept() -> None:
    assert [fields.place(given) for given in ("abc=", "", None, 7)] == ["abc=", "", "", ""]
    assert fields.parameter("https://a.b/c?max_id=9&x=1", "max_id") == "9"
    for bad in ("a\x00", "\ud800", "x" * 5_000):
        with pytest.raises(BadAnswer):
            fields.place(bad)
    with pytest.raises(BadAnswer):
        fields.parameter("https://[::1?max_id=9", "max_id")


async def test_half_a_pair_in_a_bookmark_is_stored(db: Database) -> None:
    await land(db, source="it", stream="s", bookmark={"\ud800": ["\udfff", "é😀"]})
    (cursor,) = await cursors.all_of(db)
    assert cursor.bookmark == {"\ud800": ["\udfff", "é😀"]}
