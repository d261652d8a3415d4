"""What nobody promised, at the other doors: websocket frames, files, queries and what people ask `why` for. Made by
seeds, as in test_fuzz."""

from __future__ import annotations

import json
import random
import time
from contextlib import suppress
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from sources.adapters import bluesky_jetstream
from sources.adapters.file import read_pages
from sources.errors import SourceError
from sources.http import Http
from sources.intake import Intake
from sources.protocol import Page
from sources.text import match
from sources.why import why
from store import cases
from store.database import Database
from store.domain import query, query_text
from store.domain.address import address, written_at
from store.domain.clock import utcnow
from store.domain.desk import Desk, SourceConfig, Watch
from store.domain.errors import BadInput, NotFound, QueryError
from store.domain.mention import NewAuthor, NewMention
from tests.hostile import PAYLOADS
from tests.servers import Reply, Seen, Server
from tests.sources.fake_bluesky import STREAM, adapter, closed, frame, poll, websocket
from tests.sources.mutations import TEXTS, dumped, hostile, scrambled, seeds, structure, textual
from tests.sources.test_fuzz import check
from tests.sources.test_fuzz_mail import mail

WATCH = Watch("acme", "acme")
DESK = Desk(watches=(WATCH,))
SLOWEST = 30.0  # seconds for one item, where others compute too
PIECES = [
    *(
        "(",
        ")",
        '"',
        "“",
        "`",
        "｀",
        "OR",
        "AND",
        "NOT",
        "-",
        "−",
        "NEAR/3",
        "NEAR/",
        "NEAR/999",
        "*",
        "~",
        "~1",
        "~2",
        "~9",
        ",",
    ),
    *(
        "acme",
        "ÄCME",
        "日本",
        "é",
        "a",
        "e-mail",
        "don't",
        "ß",
        "½",
        "İ",
        "\u0301",
        " ",
        "  ",
        "\t",
        "\n",
        "\0",
        "\ud800",
    ),
    *(f"{name}:" for name in sorted(query.FIELDS)),
    *(
        "bogus:",
        "title:(",
        "since:7d",
        "until:2026-02-30",
        "followers:>10k",
        "followers:>=9e9",
        "lang:x",
        "id:12",
        "http://a.b/",
    ),
    *("\\", "'", "%", "_", "[", "]", "{", "}", "^", "$", ":", "：", "//", "\u200d", "\u202e", "\x1b[31m"),
]


async def test_wrong_frames(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(bluesky_jetstream, "FIRST_QUIET", 0.2)
    monkeypatch.setattr(bluesky_jetstream, "QUIET", 0.1)
    post = {
        "did": "did:plc:ana",
        "time_us": 1795262400_000000,
        "kind": "commit",
        "commit": {
            "rev": "r",
            "operation": "create",
            "collection": "app.bsky.feed.post",
            "rkey": "1",
            "cid": "c",
            "record": {
                "$type": "app.bsky.feed.post",
                "text": "acme",
                "createdAt": "2026-11-21T10:00:00Z",
                "langs": ["en"],
                "reply": {"root": {"uri": "at://a/b/c"}, "parent": {"uri": "at://a/b/d"}},
                "facets": [
                    {
                        "index": {"byteStart": 0, "byteEnd": 4},
                        "features": [{"$type": "app.bsky.richtext.facet#link", "uri": "https://a.b"}],
                    }
                ],
            },
        },
    }
    for seed in seeds(2):
        chance = random.Random(f"frames {seed}")
        db = Database(tmp_path / f"{seed}.db")
        await db.open()

        def subscribe(seen: Seen, chance: random.Random = chance) -> Reply:
            messages = []
            for number in range(20):
                event: Any = json.loads(json.dumps(post))
                event["commit"]["rkey"] = str(number)
                for _ in range(chance.choice([0, 1, 2, 6])):
                    event = structure(chance, event)
                messages.append(dumped(event) if chance.random() < 0.95 else scrambled(chance, dumped(event)))
            good = websocket(seen, messages, closed)

            def play(send: Any, connection: Any) -> None:
                def sent(words: bytes) -> None:
                    kind = chance.random()
                    if kind < 0.03:
                        words = scrambled(chance, words)
                    elif kind < 0.06:
                        words = frame(bytes(chance.randrange(130)), kind=chance.randrange(16)) + words
                    send(words)

                assert good.play is not None
                with suppress(OSError):
                    good.play(sent, connection)

            return Reply(play=play)

        with Server() as server:
            server.on(STREAM, subscribe)
            options = {"jetstream": True, "jetstream_url": server.url().replace("http", "ws"), "search": False}
            async with Http({server.host}, pause=0) as http:
                source = adapter(server, http, token="", options=options)
                bookmark: dict[str, Any] = {}
                for _ in range(3):
                    pages: list[Page] = []
                    began = time.monotonic()
                    with suppress(SourceError):
                        await poll(source, bookmark, utcnow(), "jetstream", into=pages)
                    assert time.monotonic() - began < 4 * SLOWEST, seed
                    for page in pages:
                        await Intake(db, DESK).take("it", "bluesky", "s", page, started_at=utcnow(), next_poll_at=None)
                        bookmark = page.bookmark or bookmark
        found = await check(db)
        await db.close()
        assert not found, (seed, found[:5])


@pytest.mark.parametrize("suffix", ["jsonl", "csv", "mbox", "txt"])
async def test_wrong_files(db: Database, tmp_path: Path, suffix: str) -> None:
    path = tmp_path / f"mentions.{suffix}"
    record = {
        "id": "1",
        "text": "acme",
        "author": "a",
        "url": "https://a.b/",
        "created_at": "2026-11-21",
        "followers": 5,
        "type": "post",
    }
    for seed in seeds(10):
        chance = random.Random(f"{suffix} {seed}")
        records = [structure(chance, dict(record, id=str(number))) for number in range(8)]
        content = b"\n".join(dumped(one) for one in records)
        if suffix == "csv" or (suffix == "txt" and chance.random() < 0.5):
            quoted = ['"' + str(hostile(chance))[:5_000].replace('"', '""') + '"' for _ in range(24)]
            content = (
                "id,text,author,url\n" + "\n".join(",".join(quoted[at : at + 4]) for at in range(0, 24, 4))
            ).encode("utf-8", "replace")
        elif suffix == "mbox":
            content = b"\n".join(b"From a@b Sat Nov 21 10:00:00 2026\n" + mail(chance) + b"\n" for _ in range(4))
        path.write_bytes(scrambled(chance, content) if chance.random() < 0.5 else content)
        bookmark = None
        with suppress(BadInput):
            for page in read_pages(path, now=utcnow(), bookmark=bookmark, growing=chance.random() < 0.5, size=3):
                await Intake(db, DESK).take("it", "file", "s", page, started_at=utcnow(), next_poll_at=None, lands=True)
        assert not (found := await check(db)), (seed, found[:5])


def question(chance: random.Random) -> str:
    parts = [
        chance.choice(PIECES) if chance.random() < 0.97 else str(chance.choice(TEXTS))[:300]
        for _ in range(chance.choice([1, 3, 6, 15, 60]))
    ]
    return chance.choice(["", " ", " "]).join(parts)


async def test_wrong_queries(db: Database) -> None:
    texts, intake = [*PAYLOADS.values(), "acme " * 500], Intake(db, DESK)
    mentioned = NewMention("it", "1", NewAuthor("ana"), utcnow(), url="https://a.b/c")
    for seed in seeds(3_000):
        chance = random.Random(f"query {seed}")
        asked = question(chance)
        began = time.monotonic()
        try:
            node = query.parse(asked)
        except QueryError:
            continue
        if node is not None:
            written = query_text.written(node)
            if len(written) <= 4_096:
                assert query.parse(written) == node, (seed, asked, written)
            if seed % 10 == 0:
                read = intake.read(replace(mentioned, text=chance.choice(texts)))
                with suppress(BadInput):  # fields of a case are nothing to a watch
                    match.compile(node)(match.document(read, source="it", now=utcnow()))
                await cases.listing(db, node, me="ana", now=utcnow())
        assert time.monotonic() - began < SLOWEST, (seed, asked)


async def test_whatever_is_asked_for_has_an_answer(db: Database) -> None:
    desk = Desk(watches=(WATCH,), sources=(SourceConfig("mastodon", "m", url="https://m.example"),))
    for seed in seeds(60):
        chance = random.Random(f"why {seed}")
        asked = chance.choice(
            [
                str(chance.choice(TEXTS)),
                textual(chance, "https://bsky.app/profile/did:plc:a/post/3laaaaaaaaaa2"),
                "#" + str(chance.choice(TEXTS)),
                textual(chance, "https://m.example/@ana/115500000000000000"),
                textual(chance, "at://did:plc:a/app.bsky.feed.post/3l"),
                "\udcff\udc80",
            ]
        )
        began = time.monotonic()
        with suppress(NotFound):
            await why(db, desk, asked, now=utcnow())
        address(asked)
        written_at(asked, now=utcnow() + timedelta(days=1))
        assert time.monotonic() - began < SLOWEST, (seed, asked[:200])
