"""A disk that is full, a store that is locked, read-only, damaged or of a newer program: said in one line with what to
do, what was acknowledged is there, and nothing leaves the house that could not be written down first."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import closing, contextmanager
from datetime import UTC, datetime
from pathlib import Path

import pytest

from store.domain.action import Reply
from store.engines.sqlite import sqlite3
from tests.factories import read_mention
from tests.faults.harness import Process
from tests.faults.shell import Shell, rows, store_faults
from tests.servers import Server
from tests.sources.fake_mastodon import TOKEN, FakeMastodon
from tests.tui.command import Earful
from tests.tui.pty import Terminal

ROOT = Path(__file__).parents[2]
SMALL = 2 << 20  # bytes
PAGE = 4096


@pytest.fixture(scope="module")
def commands() -> Iterator[Process]:
    with Process("tests.faults.commands") as process:
        yield process


@contextmanager
def small_disk(folder: Path) -> Iterator[Path]:
    """A file system of its own, which only the administrator may make."""
    folder.mkdir()
    made = subprocess.run(["mount", "-t", "tmpfs", "-o", f"size={SMALL}", "tmpfs", folder], capture_output=True)
    if made.returncode:
        pytest.skip("no file system can be mounted here; the same is tested with a limit on the size of files")
    try:
        yield folder
    finally:
        subprocess.run(["umount", "-l", folder], check=True)


@contextmanager
def home_on(disk: str, tmp_path: Path) -> Iterator[Path]:
    if disk == "small":
        with small_disk(tmp_path / "disk") as folder:
            yield folder / "home"
    else:
        yield tmp_path / "home"


def seeded(home: Path, *texts: str) -> None:
    home.mkdir(exist_ok=True)
    Earful(home).seed(*(read_mention(text, id=f"p{n}", author=f"a{n}") for n, text in enumerate(texts)), source="here")


def fill(folder: Path) -> Path:
    """Until not a byte goes in any more."""
    ballast = folder / "ballast"
    with ballast.open("wb", buffering=0) as file:
        for size in (65_536, 1):
            try:
                while file.write(b"x" * size):
                    pass
            except OSError:
                continue
    return ballast


@pytest.mark.parametrize("disk", ["small", "limited"])
def test_what_was_acknowledged_on_a_full_disk_is_there(tmp_path: Path, commands: Process, disk: str) -> None:
    with home_on(disk, tmp_path) as home:
        seeded(home, "acme one")
        shell, kept = Shell(home, commands), []
        largest = 0 if disk == "small" else SMALL
        while True:
            words = f"{len(kept)} " + "x" * 60_000
            ran = shell("note", 1, "--text", words, largest=largest)
            if ran.code:
                break
            kept.append(words)
            assert len(kept) < 2 * SMALL / len(words)
        assert ran.code == 1
        (line,) = ran.told.splitlines()
        assert "make room on the disk" in line or "look at the disk: it may be full" in line
        assert kept
        assert [text for (text,) in shell.rows("SELECT text FROM note ORDER BY id")] == kept
        assert store_faults(shell.store) == []
        (tmp_path / "posts.jsonl").write_text("".join(json.dumps({"text": f"acme {n}"}) + "\n" for n in range(40)))
        said = shell("import", tmp_path / "posts.jsonl", largest=largest)
        if disk == "limited":
            assert shell("note", 1, "--text", "room again").code == 0
        assert said.code in (0, 1)
        assert len(said.told.splitlines()) <= 1
        assert store_faults(shell.store) == []


def test_nothing_leaves_that_cannot_be_written_down_first(tmp_path: Path, commands: Process) -> None:
    with small_disk(tmp_path / "disk") as disk, Server() as server:
        network = FakeMastodon(server)
        network.add(7, datetime.now(UTC), content="<p>acme is down</p>")
        home = disk / "home"
        home.mkdir()
        earful = Earful(home)
        earful.configure(
            '[[watch]]\nname = "acme"\nquery = "acme"\n[[source]]\ntype = "mastodon"\nname = "here"\nsearch = false\n'
            f'url = "{server.url()}"\ntoken = "env:M_TOKEN"\ntags = ["acme"]\nnotifications = false\nsettle = "1s"\n'
        )
        shell = Shell(home, commands)
        assert shell("poll", "--once", M_TOKEN=TOKEN).code == 0
        earful.act([1], Reply("sorry", "identity-1", 0.0))
        ballast = fill(disk)
        told = shell("send", "--once", M_TOKEN=TOKEN)
        assert told.code == 1
        (line,) = told.told.splitlines()
        assert "full" in line
        assert network.posts == []
        ballast.unlink()
        assert shell("send", "--once", M_TOKEN=TOKEN).code == 0
        assert len(network.posts) == 1
        assert shell.rows("SELECT state FROM delivery") == [("sent",)]


def test_the_screen_says_it_and_goes_on(tmp_path: Path) -> None:
    with small_disk(tmp_path / "disk") as disk:
        seeded(disk, "acme one", "acme two")
        env = {"HOME": str(tmp_path), "PYTHONPATH": str(ROOT), "USER": "ana", "LOGNAME": "ana"}
        argv = [sys.executable, "-m", "tui", "--database", str(disk / "earful.db")]
        with Terminal(argv, env=env, cwd=tmp_path) as terminal:
            terminal.wait(lambda text: "1/2" in text and "acme two" in text)
            ballast = fill(disk)
            terminal.send("e")
            terminal.wait("full")
            assert rows(disk / "earful.db", "SELECT count(*) FROM cases WHERE status = 'done'") == [(0,)]
            ballast.unlink()
            terminal.read(1)
            terminal.send("e")
            terminal.wait("1/1")
        assert rows(disk / "earful.db", "SELECT count(*) FROM cases WHERE status = 'done'") == [(1,)]


def test_a_store_that_another_program_keeps(tmp_path: Path, commands: Process) -> None:
    """Who only reads waits for nobody; who writes is told what to do."""
    seeded(tmp_path, "acme one")
    shell = Shell(tmp_path, commands)
    Earful(tmp_path).configure('[[watch]]\nname = "acme"\nquery = "acme"\n')
    assert shell("inbox").code == 0  # the watch is known from here on
    with closing(sqlite3.connect(shell.store, isolation_level=None)) as other:
        other.execute("BEGIN IMMEDIATE")
        for words in ("inbox", "show 1", "insights", "ledger", "export -o all.jsonl"):
            ran = shell(*words.split())
            assert ran.code in (0, 3), (words, ran)
        ran = shell("note", 1, "--text", "words")
        other.execute("ROLLBACK")
    assert ran.code == 1
    (line,) = ran.told.splitlines()
    assert "another program has been writing to it for long" in line
    assert shell("note", 1, "--text", "words").code == 0


def test_a_file_system_that_is_read_only(tmp_path: Path, commands: Process) -> None:
    with small_disk(tmp_path / "disk") as disk:
        seeded(disk, "acme one")
        subprocess.run(["mount", "-o", "remount,ro", disk], check=True)
        home = Shell(tmp_path / "home", commands)
        for words in ("note 1 --text words", "inbox", "send --once"):
            ran = home(*words.split(), "--database", disk / "earful.db")
            assert (ran.code, len(ran.told.splitlines())) == (1, 1), ran
            assert "it needs to be writable for you, and so does its folder" in ran.told


@pytest.mark.parametrize("seed", [1, 2, 3])
def test_a_damaged_store_is_said_to_be_one(tmp_path: Path, commands: Process, seed: int) -> None:
    """Pages are scribbled over: `doctor` names it, a backup is not made of it, and nothing ends in a traceback."""
    import random

    seeded(tmp_path, *(f"acme {n} " + "words " * 40 for n in range(120)))
    shell = Shell(tmp_path, commands)
    assert shell("backup", "good.db").code == 0
    with closing(sqlite3.connect(shell.store)) as connection:
        connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    chance = random.Random(seed)
    with shell.store.open("r+b") as file:
        pages = os.stat(shell.store).st_size // PAGE
        for page in chance.sample(range(3, pages), pages // 4):
            file.seek(page * PAGE)
            file.write(chance.randbytes(600))
    for words in ("inbox", "show 5", "note 5 --text x", "insights", "export", "done 1 2 3", "backup bad.db", "reread",
                  "erase a5 --yes", "inbox --search words", "ledger"):  # fmt: skip
        ran = shell(*words.split())
        assert "unexpected" not in ran.told, (words, ran)
        assert ran.code in (0, 1, 3), (words, ran)
    assert not (tmp_path / "bad.db").exists()
    checked = shell("doctor", "--json")
    store = [json.loads(line) for line in checked.out.splitlines() if json.loads(line)["what"] == "store"]
    assert [line["level"] for line in store] == ["fail"]
    assert "restore" in json.dumps(store)
    assert shell("restore", "good.db").code == 0
    assert store_faults(shell.store) == []


def test_a_store_of_a_newer_program(tmp_path: Path, commands: Process) -> None:
    seeded(tmp_path, "acme one")
    shell = Shell(tmp_path, commands)
    with closing(sqlite3.connect(shell.store)) as connection, connection:
        connection.execute("UPDATE schema_version SET version = 999")
    for words in ("inbox", "note 1 --text x", "send --once"):
        ran = shell(*words.split())
        assert (ran.code, len(ran.told.splitlines())) == (1, 1)
        assert "newer earful" in ran.told


def test_a_folder_that_is_not_there_is_made_and_one_that_cannot_be_is_named(tmp_path: Path, commands: Process) -> None:
    shell = Shell(tmp_path / "home", commands)
    assert shell("inbox", "--database", tmp_path / "not" / "there" / "earful.db").code in (0, 3)
    assert (tmp_path / "not" / "there").stat().st_mode & 0o777 == 0o700
    (tmp_path / "file").write_text("x")
    ran = shell("inbox", "--database", tmp_path / "file" / "earful.db")
    assert (ran.code, len(ran.told.splitlines())) == (1, 1)
    assert "--database" in ran.told
