"""Files: read once, resumed at every page, followed while they grow, and full of what files are full of."""

from __future__ import annotations

import csv
import io
import json
import os
import tempfile
from collections.abc import Iterable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sources.adapters.file import File, read_pages
from sources.adapters.file_records import RECORD_LIMIT
from sources.errors import Unreachable
from sources.http import Http
from sources.protocol import Page, Setup
from sources.registry import adapter, problems
from sources.text.clean import clean
from store.domain.desk import SourceConfig
from store.domain.errors import BadInput
from store.domain.mention import MentionType
from store.domain.poll import Cursor

NOW = datetime(2026, 11, 21, 12, 0, tzinfo=UTC)


def written(path: Path, content: str | bytes) -> Path:
    path.write_bytes(content.encode() if isinstance(content, str) else content)
    os.utime(path, (NOW.timestamp() - 3600,) * 2)
    return path


def lines(*objects: Any) -> str:
    return "".join(json.dumps(one) + "\n" for one in objects)


def read(path: Path, kind: str = "", **options: Any) -> list[Page]:
    return list(read_pages(path, kind, now=NOW, **options))


def texts(pages: Iterable[Page]) -> list[str]:
    return [mention.text for page in pages for mention in page.mentions]


def rejects(pages: Iterable[Page]) -> list[tuple[str, str]]:
    return [(rejected.where, rejected.reason) for page in pages for rejected in page.rejected]


# JSON Lines.


def test_all_fields_of_a_line(tmp_path: Path) -> None:
    full = {
        "id": 17, "source": "Trustpilot", "url": "https://t.example/17", "author": "@ana", "author_name": "Ana Pop",
        "followers": "120", "text": "acme is down", "title": "Bad", "created_at": "2026-11-20T10:00:00+02:00",
        "language": "ro", "thread": "t1", "parent": "16", "type": "review",
    }  # fmt: skip
    (page,) = read(written(tmp_path / "a.jsonl", lines(full)))
    (mention,) = page.mentions

    assert (mention.network, mention.external_id, mention.native_id) == ("trustpilot", "17", "17")
    assert (mention.author.handle, mention.author.name, mention.author.followers) == ("ana", "Ana Pop", 120)
    assert (mention.url, mention.title, mention.text) == ("https://t.example/17", "Bad", "acme is down")
    assert (mention.thread, mention.parent, mention.type) == ("t1", "16", MentionType.REVIEW)
    assert (mention.created_at, mention.language_hint) == (datetime(2026, 11, 20, 8, tzinfo=UTC), "ro")
    assert json.loads(mention.raw) == full


def test_a_line_of_text_alone_and_earfuls_own_output(tmp_path: Path) -> None:
    own = {
        "id": 3,
        "network": "mastodon",
        "author": {"handle": "bob@x.example", "name": "Bob", "followers": 4},
        "text": "b",
    }
    path = written(tmp_path / "a", lines({"text": "acme"}, own, {"html": "<p>c</p>"}, {"title": "d"}))
    bare, bob, html, title = (mention for page in read(path) for mention in page.mentions)

    assert (bare.network, bare.author.handle, bare.thread, bare.parent) == ("file", "unknown", "", "")
    assert bare.created_at == NOW - timedelta(hours=1), "the time of the file"
    assert len(bare.external_id) == 64
    assert (bob.author.handle, bob.author.name, bob.author.followers, bob.network) == (
        "bob@x.example",
        "Bob",
        4,
        "mastodon",
    )
    assert (clean(html)[1], clean(title)[1]) == ("c", "d")


@pytest.mark.parametrize(
    ("given_time", "expected"),
    [
        ("2026-11-20T10:00:00Z", "2026-11-20T10:00:00+00:00"), ("2026-11-20 10:00", "2026-11-20T10:00:00+00:00"),
        ("2026-11-20", "2026-11-20T00:00:00+00:00"), (1_795_000_000, "2026-11-18T11:06:40+00:00"),
        (1_795_000_000_000, "2026-11-18T11:06:40+00:00"), ("1795000000", "2026-11-18T11:06:40+00:00"),
        ("Fri, 20 Nov 2026 10:00:00 +0100", "2026-11-20T09:00:00+00:00"), ("", None), (None, None),
    ],
)  # fmt: skip
def test_times(tmp_path: Path, given_time: Any, expected: str | None) -> None:
    (page,) = read(written(tmp_path / "a.jsonl", lines({"text": "acme", "created_at": given_time})))
    at = page.mentions[0].created_at
    assert at == (datetime.fromisoformat(expected) if expected else NOW - timedelta(hours=1))


def test_bad_lines_are_named_and_the_good_ones_land(tmp_path: Path) -> None:
    good = json.dumps({"text": "acme"}).encode()
    content = b"\n".join(
        [
            b"\xef\xbb\xbf" + good, b"", b"{", b"[1]", b'"text"', b'{"text": ""}', b'{"text": ["a"]}',
            b'{"nothing": 1}',
            b'{"text": "a", "created_at": "soon"}', b'{"text": "a", "created_at": 1e300}', b'{"text": "\xff"}',
            b'{"text": "\0"}',
            b'{"text": "' + b"x" * (RECORD_LIMIT + 10) + b'"}', b"[" * 100_000,
            good + b"\r", b'{"text": "\\ud800 acme"}', good,
        ]
    )  # fmt: skip
    pages = read(written(tmp_path / "a.jsonl", content))

    assert len(texts(pages)) == 4
    assert rejects(pages) == [
        ("line 3", "not JSON"), ("line 4", "not a JSON object"), ("line 5", "not a JSON object"), ("line 6", "no text"),
        ("line 7", "text is not text"), ("line 8", "no text"), ("line 9", "created_at is not a time"),
        ("line 10", "created_at is not a time"), ("line 11", "not UTF-8"), ("line 12", "holds a NUL byte"),
        ("line 13", "longer than 4 MB"), ("line 14", "not JSON"),
    ]  # fmt: skip
    assert pages[0].rejected[0].raw == b"{\n"


def test_ids_and_links_are_storable(tmp_path: Path) -> None:
    odd = {
        "text": "a",
        "id": "x\x00\x1b[2J\ud800",
        "url": "javascript:alert(1)",
        "author": "a\nb",
        "thread": "t" * 5000,
        "type": "poem",
    }
    (page,) = read(written(tmp_path / "a.jsonl", lines(odd)))
    (mention,) = page.mentions
    assert (mention.external_id, mention.url, mention.author.handle) == ("x[2J", "", "ab")
    assert len(mention.thread) <= 400
    assert mention.type is MentionType.POST


def test_content_is_the_identity_where_there_is_no_id(tmp_path: Path) -> None:
    one, other = {"text": "acme"}, {"text": "acme", "author": "bob"}
    first = read(written(tmp_path / "a.jsonl", lines(one, other)))
    second = read(written(tmp_path / "b.jsonl", "\n" + lines(other, one)))
    ids = [[mention.external_id for page in pages for mention in page.mentions] for pages in (first, second)]
    assert ids[0] == ids[1][::-1]
    assert len(set(ids[0])) == 2


# CSV.


@pytest.mark.parametrize("delimiter", [",", ";", "\t", "|"])
def test_csv_in_the_dialects_of_spreadsheets(tmp_path: Path, delimiter: str) -> None:
    out = io.StringIO()
    table = csv.writer(out, delimiter=delimiter)
    table.writerow(["Post ID", "Content", "User", "Created At", "Note"])
    table.writerow(["1", f'she said "acme{delimiter} no"\nand left', "ana", "2026-11-20", "x"])
    table.writerow(["2", "größe", "bob", "", ""])
    pages = read(written(tmp_path / "a.csv", b"\xef\xbb\xbf" + out.getvalue().encode()))

    assert texts(pages) == [f'she said "acme{delimiter} no"\nand left', "größe"]
    first, second = pages[0].mentions
    assert (first.external_id, first.author.handle, first.created_at) == (
        "1",
        "ana",
        datetime(2026, 11, 20, tzinfo=UTC),
    )
    assert second.created_at == NOW - timedelta(hours=1)


def test_bad_rows_are_named_and_the_good_ones_land(tmp_path: Path) -> None:
    rows = [
        b"id,text", b"1,good", b"2,\xff", b"3,a,b,c", b"", b"4,", b"5,\0", b'6,"never closed', b"7,good too",
        b'8,"closed"', b'9,"' + b"y" * (RECORD_LIMIT + 10) + b'"', b"10,last",
    ]  # fmt: skip
    pages = read(written(tmp_path / "a.csv", b"\n".join(rows)))

    assert texts(pages) == ["good", "good too", "closed", "last"]
    assert [where for where, _ in rejects(pages)] == ["line 3", "line 4", "line 6", "line 7", "line 8", "line 11"]
    assert dict(rejects(pages))["line 4"] == "4 columns where the first line names 2"


def test_an_open_quote_at_the_end_gives_up_one_line_only(tmp_path: Path) -> None:
    pages = read(written(tmp_path / "a.csv", 'id,text\n1,"open\n2,two\n3,"three"\n'))
    assert texts(pages) == ["two", "three"]
    assert [where for where, _ in rejects(pages)] == ["line 2"]


# mbox.

MAILS = b"""From ana@x.example Fri Nov 20 10:00:00 2026
From: =?utf-8?q?Ana_P=C3=B6p?= <Ana@X.example>
Subject: acme is down
Message-ID: <one@x.example>
Date: Fri, 20 Nov 2026 10:00:00 +0100
Content-Type: text/plain; charset=utf-8
Content-Transfer-Encoding: 8bit

acme h\xc3\xa4ngt
>From here it is worse

From bob@x.example Fri Nov 20 11:00:00 2026
From: bob@x.example
Subject: Re: acme is down
Message-ID: <two@x.example>
In-Reply-To: <one@x.example>
References: <zero@x.example> <one@x.example>
MIME-Version: 1.0
Content-Type: multipart/alternative; boundary=b

--b
Content-Type: text/html; charset=no-such-charset

<p>me <b>too</b></p>
--b--

From broken
From: \xff\xfe <<<@@
Date: never
Content-Type: text/plain

still words
"""


def test_mails(tmp_path: Path) -> None:
    pages = read(written(tmp_path / "box", MAILS))
    first, second, third = (mention for page in pages for mention in page.mentions)

    assert (first.network, first.type, first.external_id) == ("mail", MentionType.MAIL, "one@x.example")
    assert (first.author.handle, first.author.name, first.title) == ("ana@x.example", "Ana Pöp", "acme is down")
    assert first.text.strip() == "acme hängt\nFrom here it is worse"
    assert first.created_at == datetime(2026, 11, 20, 9, tzinfo=UTC)
    assert (first.thread, first.parent) == ("one@x.example", "")
    assert (second.thread, second.parent) == ("zero@x.example", "one@x.example")
    assert clean(second)[1] == "me too"
    assert second.created_at == NOW - timedelta(hours=1)
    assert third.text.strip() == "still words"
    assert not rejects(pages)


@given(st.binary(max_size=400), st.sampled_from(["jsonl", "csv", "mbox"]))
@settings(max_examples=300, deadline=None)
def test_any_bytes_are_read_or_named_and_never_raise(content: bytes, kind: str) -> None:
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "any"
        path.write_bytes((b"id,text\n" if kind == "csv" else b"") + content)
        for page in read_pages(path, kind, now=NOW, size=2):
            for mention in page.mentions:
                mention.external_id.encode()
                mention.author.handle.encode()


# Going on.


def sample(kind: str, count: int) -> bytes:
    if kind == "jsonl":
        return lines(*({"id": n, "text": f"acme {n}\n"} for n in range(count))).encode()
    if kind == "csv":
        return b"id,text\n" + b"".join(b'%d,"acme\n%d ""x"""\n' % (n, n) for n in range(count))
    return b"".join(b"From x\nMessage-ID: <%d>\nSubject: acme\n\nwords\n\n" % n for n in range(count))


@pytest.mark.parametrize("kind", ["jsonl", "csv", "mbox"])
def test_goes_on_after_every_page(tmp_path: Path, kind: str) -> None:
    path = written(tmp_path / f"a.{kind}", sample(kind, 23))
    whole = read(path, size=5)
    ids = [[mention.external_id for mention in page.mentions] for page in whole]
    assert [len(page) for page in ids] == [5, 5, 5, 5, 3]
    for done in range(len(whole)):
        bookmark = json.loads(json.dumps(whole[done].bookmark))
        rest = [mention.external_id for page in read(path, bookmark=bookmark, size=5) for mention in page.mentions]
        assert rest == [name for page in ids[done + 1 :] for name in page]


def test_line_numbers_count_on_after_a_page(tmp_path: Path) -> None:
    path = written(tmp_path / "a.jsonl", lines({"text": "a"}, {"text": "b"}) + "bad\n")
    first, *_ = read(path, size=2)
    assert rejects(read(path, bookmark=first.bookmark)) == [("line 3", "not JSON")]


def source(path: Path, **fields: Any) -> File:
    made = adapter(
        Setup(SourceConfig("file", "f", options={"path": str(path)}, **({"backfill": None} | fields)), Http(), None)
    )
    assert isinstance(made, File)
    return made


async def poll(made: File, bookmark: dict[str, Any] | None = None) -> list[Page]:
    cursor = Cursor("f", "file", json.loads(json.dumps(bookmark or {})), NOW, 0, None, "", "ok")
    return [page async for page in made.pages(cursor, now=NOW)]


async def test_follows_a_file_that_grows_and_waits_for_whole_lines(tmp_path: Path) -> None:
    path = written(tmp_path / "a.jsonl", lines({"text": "one"}))
    first = await poll(source(path))
    idle = await poll(source(path), first[-1].bookmark)
    with path.open("a") as handle:
        handle.write('{"text": "two"}\n{"text": "thr')
    half = await poll(source(path), idle[-1].bookmark)
    with path.open("a") as handle:
        handle.write('ee"}')
    rest = await poll(source(path), half[-1].bookmark)

    assert [texts(pages) for pages in (first, idle, half, rest)] == [["one"], [], ["two"], ["three"]]
    assert not rejects(half)


async def test_a_csv_row_that_is_being_written_is_waited_for(tmp_path: Path) -> None:
    path = written(tmp_path / "a.csv", 'id,text\n1,one\n2,"two')
    first = await poll(source(path))
    with path.open("a") as handle:
        handle.write(' lines\nlong"\n3,thr')
    second = await poll(source(path), first[-1].bookmark)
    assert (texts(first), texts(second), rejects(first + second)) == (["one"], ["two lines\nlong"], [])


@pytest.mark.parametrize(
    "content", [lines({"text": "other"}), lines({"text": "xne"}, {"text": "two"}, {"text": "three"})]
)
async def test_a_replaced_file_is_read_from_its_beginning(tmp_path: Path, content: str) -> None:
    path = written(tmp_path / "a.jsonl", lines({"text": "one"}, {"text": "two"}))
    first = await poll(source(path))
    written(path, content)
    second = await poll(source(path), first[-1].bookmark)
    assert texts(second) == [json.loads(line)["text"] for line in content.splitlines()]


async def test_old_records_of_a_followed_file_are_history(tmp_path: Path) -> None:
    old, new = {"text": "old", "created_at": "2026-01-01"}, {"text": "new", "created_at": "2026-11-20"}
    path = written(tmp_path / "a.jsonl", lines(old, new))
    pages = await poll(source(path, backfill=timedelta(days=7)))
    written(path, lines({"text": "newest"}, old, new))
    again = await poll(source(path, backfill=timedelta(days=7)), pages[-1].bookmark)
    assert (texts(pages), texts(again)) == (["new"], ["newest", "new"])


# What is no such file.


@pytest.mark.parametrize(
    ("name", "content", "words"),
    [
        ("a.txt", "hello\nworld\n", "neither JSON Lines nor CSV nor mbox"),
        ("a.jsonl", '[{"text": "a"}]', "one JSON array"),
        ("a.csv", "a,b".encode("utf-16"), "UTF-16"),
    ],
)  # fmt: skip
def test_says_what_it_cannot_read(tmp_path: Path, name: str, content: str | bytes, words: str) -> None:
    with pytest.raises(BadInput, match=words):
        read(written(tmp_path / name, content))


async def test_a_missing_file(tmp_path: Path) -> None:
    with pytest.raises(BadInput, match="No such file"):
        read(tmp_path / "none.jsonl")
    with pytest.raises(BadInput, match="known are jsonl, csv, mbox"):
        read(written(tmp_path / "a.jsonl", ""), "xml")
    with pytest.raises(Unreachable, match="No such file"):
        await poll(source(tmp_path / "none.jsonl"))


def test_an_empty_file_is_one_empty_page(tmp_path: Path) -> None:
    (page,) = read(written(tmp_path / "a.jsonl", ""))
    assert (len(page.mentions), page.bookmark and page.bookmark["offset"]) == (0, 0)


# The registry.


@pytest.mark.parametrize(
    ("config", "words"),
    [
        (SourceConfig("mastodn", "x"), "did you mean `mastodon`"), (SourceConfig("file", "x"), "`path` is missing"),
        (SourceConfig("file", "x", options={"pth": "a", "path": "b"}), "did you mean `path`"),
        (SourceConfig("feed", "x"), "`feed` is missing"), (SourceConfig("mastodon", "x"), "`tags` are needed"),
        (SourceConfig("mastodon", "x", options={"tags": "acme"}), 'tags = ["acme"'),
        (SourceConfig("mastodon", "x", options={"tags": [1]}), "a list of words"),
        (SourceConfig("mastodon", "x", options={"tags": ["a"], "local": "yes"}), "local = false"),
        (SourceConfig("feed", "x", options={"feed": "blog"}), "`feed` is a whole address"),
        (SourceConfig("file", "x", options={"path": "a", "format": "xls"}), "jsonl, csv or mbox"),
    ],
)  # fmt: skip
def test_wrong_options_are_named(config: SourceConfig, words: str) -> None:
    assert any(words in problem for problem in problems(config))
    with pytest.raises(BadInput):
        adapter(Setup(config, Http(), None))


def test_right_options_are_not() -> None:
    for config in (
        SourceConfig("mastodon", "x", token="env:T"),
        SourceConfig("mastodon", "x", options={"tags": ["acme"], "local": True}),
        SourceConfig("feed", "x", url="https://x.example/rss"),
        SourceConfig("hackernews", "x"),
    ):
        assert problems(config) == []
        assert adapter(Setup(config, Http(), None)) is not None


@pytest.mark.parametrize("name", ["reviews.jsonl", "reviews.csv"])
def test_the_same_words_twice_stay_two_where_reading_goes_on_between_them(tmp_path: Path, name: str) -> None:
    said = ["Thanks!", "a", "Thanks!", "b", "Thanks!"]
    path = written(
        tmp_path / name, "text\n" + "\n".join(said) + "\n" if "csv" in name else lines(*({"text": t} for t in said))
    )
    whole = [mention.external_id for page in read(path) for mention in page.mentions]
    assert len(set(whole)) == 5
    parts, bookmark = [], None
    while True:
        page = next(read_pages(path, now=NOW, size=1, bookmark=bookmark))
        if not page.mentions:
            break
        parts += [mention.external_id for mention in page.mentions]
        bookmark = page.bookmark
    assert parts == whole


@pytest.mark.parametrize("day", ["2026-11-01", "20261101", 1793491200, "1793491200", "1793491200000"])
def test_a_day_in_any_of_its_usual_forms(tmp_path: Path, day: object) -> None:
    (page,) = read(written(tmp_path / "x.jsonl", lines({"text": "a", "created_at": day})))
    assert page.mentions[0].created_at == datetime(2026, 11, 1, tzinfo=UTC)


def test_a_page_keeps_others_waiting_for_a_hundred_records_at_most(tmp_path: Path) -> None:
    pages = read(written(tmp_path / "x.jsonl", lines(*({"text": f"{n}"} for n in range(250)))))
    assert [len(page.mentions) for page in pages] == [100, 100, 50]


def test_a_page_of_large_records_stays_small(tmp_path: Path) -> None:
    pages = read(written(tmp_path / "x.jsonl", lines(*({"text": f"{n} " + "x" * 250_000} for n in range(12)))))
    assert [len(page.mentions) for page in pages] == [5, 5, 2]
