"""A source type of somebody else's: the example of docs/adapters.md, installed and used as that page says."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.servers import Reply, Seen, Server, json_reply

ROOT = Path(__file__).parent.parent.parent
PAGE = (ROOT / "docs" / "adapters.md").read_text(encoding="utf-8")
ENTRIES = [
    {"id": 1, "who": "ana", "at": "2026-11-20T10:00:00Z", "words": "acme is great"},
    {"id": 2, "who": "bob", "at": "2026-11-20T11:00:00Z", "words": "acme is down", "to": 1},
    {"id": 3, "who": "eve", "at": "never", "words": "acme"},
]


@pytest.fixture
def server() -> Iterator[Server]:
    with Server() as running:
        written: dict[str, dict[str, object]] = {}

        def entries(seen: Seen) -> Reply:
            if seen.method == "PUT":
                assert seen.headers["authorization"] == "Bearer t0p"
                body = json.loads(seen.body)
                written.setdefault(body["name"], body | {"id": 90 + len(written)})
                return json_reply(written[body["name"]], 201)
            return json_reply([one for one in ENTRIES if one["id"] > int(seen.params["after"])])

        running.on("/main/entries", entries)
        running.written = written  # type: ignore[attr-defined]
        yield running


@pytest.fixture
def place(tmp_path: Path, server: Server) -> Path:
    package = tmp_path / "installed"
    facts = package / "earful_guestbook-1.0.dist-info"
    facts.mkdir(parents=True)
    code = "".join(re.findall(r"```python\n(.*?)```", PAGE, re.DOTALL))
    (package / "earful_guestbook.py").write_text(code, encoding="utf-8")
    (facts / "METADATA").write_text("Metadata-Version: 2.1\nName: earful-guestbook\nVersion: 1.0\n")
    (facts / "entry_points.txt").write_text(
        "[earful.sources]\nguestbook = earful_guestbook:Guestbook\n"
        "answering-guestbook = earful_guestbook:AnsweringGuestbook\nbroken = earful_guestbook:Missing\n"
    )
    (tmp_path / "earful.toml").write_text(
        '[desk]\nundo_window = "0s"\n[[watch]]\nname = "acme"\nquery = "acme"\n'
        f'[[source]]\ntype = "answering-guestbook"\nurl = "{server.url()}"\nbook = "main"\n'
        'token = "env:BOOK"\nbackfill = "all"\n'
    )
    return tmp_path


def earful(place: Path, *words: str) -> subprocess.CompletedProcess[str]:
    paths = os.pathsep.join((str(place / "installed"), str(ROOT)))
    environment = os.environ | {"PYTHONPATH": paths, "BOOK": "t0p", "EARFUL_CONFIG": str(place / "earful.toml")}
    command = [
        sys.executable,
        "-c",
        "import sys; from tui.cli import main; sys.exit(main())",
        "--database",
        str(place / "earful.db"),
        *words,
    ]
    return subprocess.run(command, env=environment, capture_output=True, text=True, timeout=60, cwd=place)


def test_the_example_is_short() -> None:
    assert len(re.findall(r"```python\n(.*?)```", PAGE, re.DOTALL)[0].splitlines()) < 60


def test_the_example_reads_and_answers(place: Path, server: Server) -> None:
    assert "guestbook" in earful(place, "sources").stdout
    assert "60 requests a minute" in earful(place, "sources", "guestbook").stdout
    assert earful(place, "check").returncode == 0
    polled = [json.loads(line) for line in earful(place, "poll", "--once", "--json").stdout.splitlines()]
    assert (sum(line["new"] for line in polled), sum(line["failed"] for line in polled)) == (2, 1)
    assert sum(json.loads(line)["new"] for line in earful(place, "poll", "--once", "--json").stdout.splitlines()) == 0

    cases = [json.loads(line) for line in earful(place, "inbox", "--json").stdout.splitlines()]
    (bob,) = [case for case in cases if case["author"]["handle"] == "bob"]
    replied = earful(place, "reply", str(bob["id"]), "--text", "We are on it", "--wait")
    assert replied.returncode == 0, replied.stderr
    (answer,) = server.written.values()  # type: ignore[attr-defined]
    assert (answer["words"], answer["to"]) == ("We are on it", "2")


def test_a_type_that_cannot_be_loaded_harms_no_other(place: Path) -> None:
    assert "broken" not in earful(place, "sources").stdout
    (place / "earful.toml").write_text('[[source]]\ntype = "broken"\n')
    checked = earful(place, "check")
    assert checked.returncode == 2
    assert "`broken` cannot be loaded" in checked.stdout + checked.stderr
