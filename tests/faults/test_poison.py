"""What crashes a parser: it is kept aside or refused, what stands beside it lands, and the ledger tells."""

from __future__ import annotations

import json
import zlib
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

import pytest

from tests.faults.harness import Process
from tests.faults.shell import Shell, store_faults
from tests.servers import Reply, Server, gzip_bomb, json_reply, text
from tests.sources.fake_mastodon import TAG_PATH, FakeMastodon

DEEP = 200_000
POISON = {
    "deep list": '{"id": "p", "text": "acme", "extra": ' + "[" * DEEP + "]" * DEEP + "}",
    "deep object": '{"id": "p", "text": "acme", "x": ' + '{"a":' * DEEP + "1" + "}" * DEEP + "}",
    "long number": '{"id": "p", "text": "acme", "followers": ' + "9" * 5_000_000 + "}",
    "large exponent": '{"id": "p", "text": "acme", "followers": 1e999999999}',
    "no number": '{"id": "p", "text": "acme", "followers": NaN}',
    "half a pair": '{"id": "p\\ud800", "text": "acme \\udfff\\ud800", "author": "\\ud83d"}',
    "nul": '{"id": "p\\u0000", "text": "acme \\u0000", "author": "\\u0000"}',
    "no text": '{"id": "p", "text": {"acme": ["acme"]}}',
    "no time": '{"id": "p", "text": "acme", "created_at": "99999999999999999-01-01"}',
    "long id": '{"id": "' + "p" * 3_000_000 + '", "text": "acme"}',
    "many marks": '{"id": "p", "text": "acme ' + "a\\u0301" * 400_000 + '"}',
    "long text": '{"id": "p", "text": "' + "acme " * 1_500_000 + '"}',
    "html": '{"id": "p", "html": "' + "<div>" * DEEP + 'acme"}',
    "not utf-8": b'{"id": "p", "text": "acme \xff\xfe"}',
    "not json": "\x00\x01\x02{{{[[[",
}
CONFIGURATION = """
[[watch]]
name = "acme"
query = "acme"
[[source]]
type = "{type}"
name = "here"
url = "{url}"
{more}
"""
TAGS = 'tags = ["acme"]\nsearch = false\nnotifications = false'


@pytest.fixture(scope="module")
def commands() -> Iterator[Process]:
    with Process("tests.faults.commands") as process:
        yield process


def texts(shell: Shell) -> set[str]:
    return {words for (words,) in shell.rows("SELECT text FROM mention")}


def test_lines_of_a_file(tmp_path: Path, commands: Process) -> None:
    """Each between two good lines: both land, and the line in between lands or is in the rejects with its number."""
    shell = Shell(tmp_path, commands)
    lines = []
    for number, poison in enumerate(POISON.values()):
        lines.append(json.dumps({"id": f"before {number}", "text": f"acme before {number}"}).encode())
        lines.append(poison if isinstance(poison, bytes) else poison.replace('"p"', f'"p{number}"').encode())
    lines.append(b'{"id": "last", "text": "acme last"}')
    (tmp_path / "posts.jsonl").write_bytes(b"\n".join(lines) + b"\n")
    ran = shell("import", "posts.jsonl", "--json")
    assert ran.code == 0, ran.told
    said = json.loads(ran.out)
    assert said["returned"] == len(lines) == said["new"] + said["duplicate"] + said["failed"]
    assert {f"acme before {number}" for number in range(len(POISON))} | {"acme last"} <= texts(shell)
    aside = [json.loads(line) for line in (tmp_path / "posts.jsonl.rejects.jsonl").read_text().splitlines()]
    assert len(aside) == said["failed"] >= 6
    assert all(one["line"] % 2 == 0 and one["reason"] for one in aside)
    assert store_faults(shell.store) == []


def test_rows_of_a_table_and_mails(tmp_path: Path, commands: Process) -> None:
    shell = Shell(tmp_path, commands)
    rows = [
        b"id,text,created_at",
        b"1,acme one,",
        b'2,"acme \x00 two",',
        b"3," + b"acme " * 800_000 + b",",
        b"4,acme \xff,",
    ]
    rows += [b"5,acme five,-99999999999999-01-01", b'6,"acme never closed', b"7,acme seven,"]
    (tmp_path / "posts.csv").write_bytes(b"\n".join(rows) + b"\n")
    mails = [
        b"From a\nFrom: a@x.example\nSubject: acme one\n\nacme by mail\n",
        b"From a\n" + b"Content-Type: multipart/mixed; boundary=b\n\n--b\n" * 3_000 + b"\nacme\n",
        b"From a\nFrom: =?utf-8?b?"
        + b"/////w==" * 5_000
        + b"?=\nDate: never\nSubject: =?no-such?q?acme?=\n\nacme\xff\n",
        b"From a\nContent-Type: text/html; charset=\x00\n\n" + b"<table>" * 50_000 + b"acme\n",
        b"From a\nContent-Transfer-Encoding: base64\nSubject: acme\n\n" + b"!" * 200_000 + b"\n",
        b"From a\nFrom: z@x.example\nSubject: last\n\nacme is last\n",
    ]
    (tmp_path / "mails.mbox").write_bytes(b"\n".join(mails))
    for name in ("posts.csv", "mails.mbox"):
        ran = shell("import", name, "--json")
        assert ran.code == 0, ran.told
        said = json.loads(ran.out)
        assert said["returned"] == said["new"] + said["duplicate"] + said["failed"]
    assert {"acme one", "acme by mail", "acme is last"} <= texts(shell)
    assert store_faults(shell.store) == []


@pytest.mark.parametrize("name", ["half a pair", "nul", "no text", "html", "many marks", "no time"])
def test_a_post_on_a_page(tmp_path: Path, commands: Process, name: str) -> None:
    """Its neighbours land, the ledger adds up, and the next poll goes on behind it."""
    with Server() as server:
        network = FakeMastodon(server)
        now = datetime.now(UTC)
        for number in (1, 2, 3):
            network.add(number, now, content=f"<p>acme {number}</p>")
        poison = POISON[name]
        assert isinstance(poison, str)
        odd = json.loads(poison)
        who = odd.get("author", "")
        account = {"id": "1", "acct": who or "ana", "display_name": who, "followers_count": 1}
        network.add(2, now, content=odd.get("html", odd.get("text")), account=account)
        network["2"] |= {"created_at": odd["created_at"]} if "created_at" in odd else {}
        shell = configured(tmp_path, commands, "mastodon", server.url(), TAGS)
        for _ in range(2):
            assert shell("poll", "--once").code in (0, 1)
            network.add(4, now, content="<p>acme 4</p>")
        assert {"acme 1", "acme 3", "acme 4"} <= texts(shell)
        (sums,) = shell.rows('SELECT sum(returned), sum("new" + duplicate + unmatched + failed) FROM poll')
        assert sums[0] == sums[1] >= 4
        assert store_faults(shell.store) == []


WHOLE = {
    "deep JSON": text("[" * DEEP + "]" * DEEP, "application/json"),
    "a long number": text("[" + "9" * 5_000_000 + "]", "application/json"),
    "a gzip bomb": gzip_bomb(60),
    "half a gzip": Reply(200, zlib.compress(b"[]" * 99)[:9], {"content-encoding": "gzip"}),
    "not JSON": json_reply("acme"),
}
ENTITIES = '<!ENTITY a0 "acme">' + "".join(f'<!ENTITY a{n} "{f"&a{n - 1};" * 10}">' for n in range(1, 10))
FEEDS = {
    "deep XML": "<rss><channel>" + "<a>" * DEEP,
    "entities": f"<!DOCTYPE r [{ENTITIES}]><rss><channel><item><title>&a9;</title></item></channel></rss>",
    "an outside entity": '<!DOCTYPE r [<!ENTITY x SYSTEM "file:///etc/passwd">]>'
    "<rss><channel><item><title>acme &x;</title></item></channel></rss>",
    "no characters": "<rss><channel><item><title>acme \x00\x01&#0;&#27;&#xD800;</title></item></channel></rss>",
}


@pytest.mark.parametrize("name", [*WHOLE, *FEEDS])
def test_a_page_that_cannot_be_read_is_told_and_the_next_lands(tmp_path: Path, commands: Process, name: str) -> None:
    with Server() as server:
        now = datetime.now(UTC)
        if name in WHOLE:
            FakeMastodon(server).add(1, now, content="<p>acme good</p>")
            server.on(TAG_PATH, WHOLE[name])
            shell = configured(tmp_path, commands, "mastodon", server.url(), TAGS)
        else:
            server.on("/feed", text(FEEDS[name], "application/rss+xml"))
            shell = configured(tmp_path, commands, "feed", server.url("/feed"), 'backfill = "all"')
        ran = shell("poll", "--once")
        assert "unexpected" not in ran.told, ran
        errors = [error for (error,) in shell.rows("SELECT error FROM poll")]
        assert errors
        assert all(errors) == bool(ran.code), (errors, ran)
        assert "root:" not in "".join(texts(shell))
        if name in WHOLE:
            assert all(errors)
            network = FakeMastodon(server)
            network.add(1, now, content="<p>acme good</p>")
        else:
            item = "<item><guid>g</guid><title>acme good</title></item>"
            server.on("/feed", text(f"<rss version='2.0'><channel>{item}</channel></rss>", "application/rss+xml"))
        assert shell("poll", "--once").code == 0
        assert any("acme good" in one for (one,) in shell.rows("SELECT title || text FROM mention"))
        assert store_faults(shell.store) == []


def configured(home: Path, commands: Process, kind: str, url: str, more: str) -> Shell:
    folder = home / ".config" / "earful"
    folder.mkdir(parents=True)
    (folder / "earful.toml").write_text(CONFIGURATION.format(type=kind, url=url, more=more))
    return Shell(home, commands)
