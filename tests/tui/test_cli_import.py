"""`earful import`: what lands, what is kept aside, and that a second or broken-off run adds nothing twice."""

from __future__ import annotations

import gzip
import json
import os
import signal
from pathlib import Path

import pytest

from tests.tui.command import Earful


@pytest.fixture
def earful(tmp_path: Path) -> Earful:
    return Earful(tmp_path)


def lines(*records: object) -> str:
    return "".join(f"{record if isinstance(record, str) else json.dumps(record)}\n" for record in records)


def mention(number: int, **more: object) -> dict[str, object]:
    return {"id": str(number), "text": f"acme cloud, word {number}", "author": f"a{number}", **more}


def summary(new: int, duplicate: int, failed: int) -> dict[str, int]:
    return {"returned": new + duplicate + failed, "new": new, "duplicate": duplicate, "failed": failed}


def test_it_works_without_any_set_up_and_a_second_run_adds_nothing(earful: Earful) -> None:
    path = earful.home / "mentions.jsonl"
    path.write_text(
        lines(mention(1, followers=7, created_at="2026-11-01T10:00:00Z", url="https://x.example/1"), mention(2))
    )
    first = earful("import", str(path), "--json")
    assert first.code == 0
    assert first.record == {"file": str(path), **summary(2, 0, 0), "rejects": None}
    record = earful("inbox", "--json", "--search", '"word 1"').record
    assert record["text"] == "acme cloud, word 1"
    assert record["author"] == {"handle": "a1", "name": "", "followers": 7}
    assert (record["source"], record["created_at"], record["url"]) == (
        "import",
        "2026-11-01T10:00:00Z",
        "https://x.example/1",
    )
    again = earful("import", str(path), "--json")
    assert again.code == 0
    assert again.record == {"file": str(path), **summary(0, 2, 0), "rejects": None}
    assert len(earful("inbox", "--json").records) == 2


def test_watches_mark_what_is_imported_and_do_not_keep_the_rest_out(earful: Earful) -> None:
    earful.configure('[[watch]]\nname = "acme"\nquery = "acme"\n')
    path = earful.home / "mentions.jsonl"
    path.write_text(lines(mention(1), {"text": "something else"}))
    assert earful("import", str(path)).code == 0
    marked = {record["text"]: record["watches"] for record in earful("inbox", "--json").records}
    assert marked == {"acme cloud, word 1": ["acme"], "something else": []}


def test_a_bad_line_is_named_and_kept_aside_and_the_good_ones_land(earful: Earful) -> None:
    path = earful.home / "mentions.jsonl"
    path.write_text(lines(mention(1), "{broken", {"id": "x"}, mention(2)))
    result = earful("import", str(path), "--json")
    rejects = earful.home / "mentions.jsonl.rejects.jsonl"
    assert result.code == 0
    assert result.record == {"file": str(path), **summary(2, 0, 2), "rejects": str(rejects)}
    assert "2 of 4" in result.narration
    assert rejects.stat().st_mode & 0o777 == 0o600
    kept = [json.loads(line) for line in rejects.read_text().splitlines()]
    assert [(line["line"], line["raw"]) for line in kept] == [(2, "{broken"), (3, '{"id": "x"}')]
    assert all(line["reason"] for line in kept)


def test_rejects_never_follow_a_link_out_of_the_folder(earful: Earful) -> None:
    path, prey = earful.home / "mentions.jsonl", earful.home / "prey"
    prey.write_text("precious")
    path.write_text("{broken\n")
    (earful.home / "mentions.jsonl.rejects.jsonl").symlink_to(prey)
    earful("import", str(path))
    assert prey.read_text() == "precious"


@pytest.mark.parametrize(
    ("name", "content", "code", "said"),
    [
        ("all-bad.jsonl", b"{\n[\n", 1, "2 of 2"),
        ("empty.jsonl", b"", 3, "nothing"),
        ("array.jsonl", b'[{"text": "x"}]', 2, "one JSON array"),
        ("what.bin", b"\x00\x01\x02", 2, "--format"),
        ("utf16.csv", "text\nacme".encode("utf-16"), 2, "UTF-16"),
        ("packed.jsonl.gz", gzip.compress(b'{"text": "acme"}\n', mtime=0), 2, "gunzip it"),
        ("macintosh.csv", b"text,author\racme,ana\r", 2, "first line"),
    ],
)
def test_a_file_that_cannot_be_imported(earful: Earful, name: str, content: bytes, code: int, said: str) -> None:
    (earful.home / name).write_bytes(content)
    result = earful("import", name)
    assert result.code == code
    assert said in result.narration
    assert "unexpected" not in result.narration


def test_only_a_file_can_be_gone_on_with(earful: Earful) -> None:
    os.mkfifo(earful.home / "pipe.jsonl")
    for name in ("pipe.jsonl", "/dev/zero"):
        result = earful("import", name)
        assert (result.code, "no regular file" in result.narration) == (2, True)


def test_a_name_in_another_encoding_is_a_name(earful: Earful) -> None:
    path = earful.home / os.fsdecode(b"caf\xe9.jsonl")
    path.write_text(lines(mention(1), "{broken"))
    result = earful("import", str(path), "--json")
    assert (result.code, result.record["new"], result.record["failed"]) == (0, 1, 1)
    assert path.with_name(f"{path.name}.rejects.jsonl").exists()


def test_csv_and_mbox(earful: Earful) -> None:
    (earful.home / "a.csv").write_text("id,text,author\n1,acme cloud from a table,tom\n")
    (earful.home / "b.mbox").write_text(
        "From ida@example.org Sat Nov 21 10:00:00 2026\nFrom: Ida <ida@example.org>\nSubject: acme cloud\n"
        "Message-ID: <1@example.org>\nDate: Sat, 21 Nov 2026 10:00:00 +0000\n\nacme cloud by mail\n"
    )
    assert earful("import", "a.csv").code == 0
    assert earful("import", "b.mbox", "--source", "list").code == 0
    found = {record["source"]: record["text"] for record in earful("inbox", "--json").records}
    assert found["import"] == "acme cloud from a table"
    assert "acme cloud by mail" in found["list"]


def test_a_killed_import_goes_on_and_loses_nothing(earful: Earful) -> None:
    path = earful.home / "many.jsonl"
    path.write_text(lines(*(mention(number) for number in range(1_200))))
    killed = earful("import", str(path), EARFUL_KILL="after_commit:3")  # the second page is stored, then the power goes
    assert killed.code == -signal.SIGKILL
    stored = len(earful("inbox", "--json").records)
    assert stored < 1_200
    result = earful("import", str(path), "--json")
    assert "going on" in result.narration
    assert result.record["new"] == 1_200 - stored
    assert result.record["returned"] < 1_200
    texts = [record["text"] for record in earful("inbox", "--json").records]
    assert len(texts) == len(set(texts)) == 1_200
    assert earful("import", str(path), "--json").record["duplicate"] == 1_200  # and from the beginning after that


def test_the_store_is_private(earful: Earful) -> None:
    (earful.home / "a.jsonl").write_text(lines(mention(1)))
    os.umask(0o022)
    earful("import", "a.jsonl")
    assert earful.store.stat().st_mode & 0o777 == 0o600
