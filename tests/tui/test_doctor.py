"""`earful doctor` on a machine with one fault at a time: it is named, and the fix with it."""

from __future__ import annotations

import asyncio
import os
import socket
import stat
from collections.abc import Callable
from contextlib import closing
from datetime import timedelta
from email.utils import format_datetime
from pathlib import Path
from types import SimpleNamespace
from zoneinfo import ZoneInfoNotFoundError

import pytest

from store.database import Database
from store.domain.action import Reply
from store.domain.clock import utcnow
from store.engines.sqlite import sqlite3
from tests.factories import read_mention
from tests.servers import Server, text
from tests.tui.command import Earful
from tui.cli import doctor_machine
from tui.cli.findings import FAIL, OK, WARN

CONFIGURATION = '[[watch]]\nname = "acme"\nquery = "acme"\n'


@pytest.fixture
def earful(tmp_path: Path) -> Earful:
    earful = Earful(tmp_path)
    earful.configure(CONFIGURATION)
    earful.seed(read_mention("acme is down", author="bob"))
    return earful


def with_source(earful: Earful, url: str, more: str = "") -> None:
    earful.configure(f'{CONFIGURATION}[[source]]\ntype = "feed"\nname = "blog"\nfeed = "{url}"\n{more}')


def scribble(path: Path) -> None:
    whole = path.read_bytes()
    path.write_bytes(whole[:16_000] + b"\xff" * 60_000 + whole[76_000:])


def newer(path: Path) -> None:
    with closing(sqlite3.connect(path)) as connection, connection:
        connection.execute("UPDATE schema_version SET version = 999")


def in_the_config(earful: Earful) -> Path:
    return earful.home / ".config" / "earful" / "earful.toml"


FAULTS: dict[str, tuple[Callable[[Earful], object], str, str, str]] = {
    # what is done to the machine: (how, what the doctor names, a word of it, a word of the fix)
    "no worker runs": (lambda earful: None, "worker", "nobody polls", "earful worker"),
    "the store is damaged": (lambda earful: scribble(earful.store), "store", "damaged", "backup"),
    "the store is of a newer earful": (lambda earful: newer(earful.store), "store", "schema 999", "newer earful"),
    "the store is a text": (lambda earful: earful.store.write_text("x" * 9_000), "store", "no store", "--database"),
    "others may read the store": (lambda earful: earful.store.chmod(0o644), "store permissions", "read", "chmod 600"),
    "others may write its folder": (lambda earful: earful.home.chmod(0o777), "store folder", "write", "chmod go-w"),
    "others may write the configuration": (
        lambda earful: in_the_config(earful).chmod(0o666), "configuration", "write", "chmod go-w",
    ),
    "others may write the configuration's folder": (
        lambda earful: in_the_config(earful).parent.chmod(0o777), "configuration", "write", "chmod go-w",
    ),
    "no backup was ever made": (lambda earful: None, "backup", "none", "earful backup"),
    "the log cannot be written": (
        lambda earful: (earful.home / ".local").write_text("in the way"), "log", "cannot be written", "[log]",
    ),
    "a token is missing": (
        lambda earful: earful.configure('[mail]\npassword = "env:NOT_SET"\n'), "mail", "not set", "export NOT_SET",
    ),
    "others may read a token": (
        lambda earful: (
            (earful.home / "token").write_text("x"),
            (earful.home / "token").chmod(0o644),
            earful.configure(f'[mail]\npassword = "file:{earful.home}/token"\n'),
        ),
        "mail", "read by others", "chmod 600",
    ),
    "others may put a token of theirs there": (
        lambda earful: (
            (earful.home / "secrets").mkdir(),
            (earful.home / "secrets").chmod(0o777),
            (earful.home / "secrets" / "token").write_text("x"),
            (earful.home / "secrets" / "token").chmod(0o600),
            earful.configure(f'[mail]\npassword = "file:{earful.home}/secrets/token"\n'),
        ),
        "mail", "others may write", "chmod go-w",
    ),
    "a token is a pipe": (
        lambda earful: (
            os.mkfifo(earful.home / "pipe", 0o600),
            earful.configure(f'[mail]\npassword = "file:{earful.home}/pipe"\n'),
        ),
        "mail", "no ordinary file", "",
    ),
    "others may read sessions": (
        lambda earful: (earful.home / "earful.db.sessions").mkdir(mode=0o755),
        "sessions", "others may read", "chmod 700",
    ),
}  # fmt: skip


@pytest.mark.parametrize("fault", FAULTS)
def test_a_fault_is_named_with_its_fix(earful: Earful, fault: str) -> None:
    do, what, word, fix = FAULTS[fault]
    do(earful)
    result = earful("doctor", "--json")
    found = [line for line in result.records if line["what"] == what and line["level"] != OK]
    assert found, result.data + result.narration
    assert any(word in line["message"] and fix in f"{line['message']} {line['fix']}" for line in found), found
    assert result.code == (1 if any(line["level"] == FAIL for line in result.records) else 0)


@pytest.mark.parametrize("read", [True, False])
def test_a_log_into_a_pipe_is_neither_waited_for_nor_taken_from_others(earful: Earful, read: bool) -> None:
    pipe = earful.home / "pipe"
    os.mkfifo(pipe)
    pipe.chmod(0o644)
    reader = os.open(pipe, os.O_RDONLY | os.O_NONBLOCK) if read else None
    earful.configure(f'{CONFIGURATION}[log]\nfile = "{pipe}"\n')
    assert earful("worker", "--once").code == 0  # its start and its end are logged
    assert pipe.stat().st_mode == stat.S_IFIFO | 0o644
    if reader is not None:
        os.close(reader)


@pytest.mark.parametrize("name", ["socket", "pipe", "/"])
def test_a_socket_or_a_pipe_is_no_store_and_no_place_for_a_file(
    earful: Earful, name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Neither replaced nor waited for; nor is a device, for whom all of the machine is theirs."""
    os.mkfifo(earful.home / "pipe")
    place = Path(earful.home, name)
    with socket.socket(socket.AF_UNIX) as listening:
        monkeypatch.chdir(earful.home)  # the name of a socket must be short
        listening.bind("socket")
        before = place.stat()
        for words in (["inbox", "--database"], ["export", "-o"], ["teach", "--export"], ["copy", "--to"]):
            assert earful(*words, name).code == 2
        assert earful("backup", name, "--replace").code == 2
    assert (place.stat().st_mode, place.stat().st_ino) == (before.st_mode, before.st_ino)


def test_a_source_that_is_gone_refused_or_late_is_named(earful: Earful) -> None:
    with Server() as web:
        web.on("/feed", text("gone", status=410))
        with_source(earful, web.url("/feed"))
        earful("poll", "--once")
        gone = earful("doctor", "--json")
    found = next(line for line in gone.records if line["what"] == "source blog" and line["level"] != OK)
    assert (found["level"], gone.code) == (FAIL, 1)
    assert "correct or remove" in found["fix"]


@pytest.mark.parametrize(("ahead", "level"), [(timedelta(hours=-2), FAIL), (timedelta(0), OK)])
def test_a_clock_that_is_off_is_noticed_by_what_servers_say(earful: Earful, ahead: timedelta, level: str) -> None:
    feed = '<rss version="2.0"><channel><title>t</title></channel></rss>'
    with Server() as web:
        web.on("/feed", text(feed, "application/rss+xml", Date=format_datetime(utcnow() + ahead)))
        with_source(earful, web.url("/feed"))
        result = earful("doctor", "--online", "--json")
    (found,) = (line for line in result.records if line["what"] == "clock")
    assert found["level"] == level, result.data
    if level == FAIL:
        assert "ahead" in found["message"]
        assert "set-ntp" in found["fix"]


def test_an_answer_that_nobody_sends_is_named(earful: Earful) -> None:
    earful.act([1], Reply("sorry", "id-1"), at=utcnow() - timedelta(hours=2))
    result = earful("doctor", "--json")
    (found,) = (line for line in result.records if line["what"] == "outbox")
    assert (found["level"], result.code) == (FAIL, 1)
    assert "should have left" in found["message"]
    assert "earful worker" in found["fix"]


@pytest.mark.parametrize(("free", "level"), [(10_000_000, FAIL), (200_000_000, WARN), (9_000_000_000, OK)])
def test_a_disk_that_is_nearly_full_is_named(tmp_path: Path, free: int, level: str) -> None:
    found = doctor_machine.disk(tmp_path / "not" / "yet", lambda folder: SimpleNamespace(free=free))
    assert found.level == level
    assert ("make room" in found.fix) == (level != OK)


def test_a_missing_database_of_time_zones_is_named() -> None:
    def missing(name: str) -> None:
        raise ZoneInfoNotFoundError(name)

    assert "tzdata" in doctor_machine.zones(missing).fix
    assert doctor_machine.zones().level == OK


def test_an_old_sqlite_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from tui.cli.doctor import _store

    async def examined() -> list[str]:
        for module in ("engines", "dialects"):
            monkeypatch.setattr(f"store.{module}.sqlite.wal_is_safe", lambda version: False)
        db = Database(tmp_path / "earful.db")
        await db.open()
        try:
            return [f"{found.level} {found.what} {found.fix}" async for found in _store(db)]
        finally:
            await db.close()

    assert any(words.startswith("warn SQLite install SQLite 3.51.3") for words in asyncio.run(examined()))


def test_on_a_good_machine_nothing_fails(earful: Earful) -> None:
    assert earful("backup", "a.db").code == 0
    result = earful("doctor", "--json")
    assert result.code == 0
    assert {line["what"] for line in result.records if line["level"] != OK} == {"worker"}
