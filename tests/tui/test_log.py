"""The log: one line an event, private, bounded, and without words of mentions or secrets."""

from __future__ import annotations

import json
import multiprocessing
import signal
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from store.domain.delivery import Delivery, DeliveryKind, DeliveryState
from store.domain.desk import Desk, Log
from store.domain.gone import Gone
from store.domain.safetext import SafeText
from store.domain.secret import Secret
from tests.factories import read_mention
from tests.servers import Server, text
from tests.tui.command import Earful
from tui import crash, log
from tui.settings import Settings

CANARY = "canary-4711"


@pytest.fixture
def file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setattr(log, "_place", None)
    monkeypatch.setattr(log, "_level", "info")
    path = tmp_path / "state" / "earful.log"
    log.use(Settings(Desk(log=Log(file=str(path))), None, tmp_path / "earful.db", "ana"))
    return path


def lines(path: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in path.read_text().splitlines()]


def events(earful: Earful) -> list[dict[str, Any]]:
    return lines(earful.home / ".local" / "state" / "earful" / "earful.log")


def test_a_line_is_json_with_time_and_process_in_a_private_file(file: Path) -> None:
    log.write("start", program="worker")
    (line,) = lines(file)
    assert (line["event"], line["level"], line["program"]) == ("start", "info", "worker")
    assert datetime.fromisoformat(line["at"]).tzinfo is not None
    assert file.stat().st_mode & 0o777 == 0o600
    assert file.parent.stat().st_mode & 0o777 == 0o700


def test_what_is_written_stays_one_line_and_harmless(file: Path) -> None:
    log.failed("reply", RuntimeError('no\n{"event": "forged"}\x1b[2J\u202e' + "x" * 5_000))
    (line,) = file.read_text().splitlines()
    assert len(line) < 1_000
    assert json.loads(line)["event"] == "failed"
    assert "\x1b" not in line
    assert "\u202e" not in line


def test_a_level_leaves_out_what_is_below_it(file: Path, tmp_path: Path) -> None:
    log.use(Settings(Desk(log=Log("error", str(file))), None, tmp_path, "ana"))
    assert log.write("start") is None
    assert log.write("crash", level="error") == file
    assert [line["event"] for line in lines(file)] == ["crash"]


def test_it_says_what_a_delivery_did_and_not_to_whom_nor_what(file: Path) -> None:
    now = datetime.now(UTC)
    log.told(
        Delivery(
            7, 3, DeliveryKind.REPLY, DeliveryState.SENT, "mastodon.social", SafeText(f"{CANARY}-to"), f"{CANARY}-at",
            f"{CANARY}-words", "id", "ana", now, now, 1, 0, now, SafeText(""), "r1", f"https://x/{CANARY}", 1, "", 4,
        )
    )  # fmt: skip
    (line,) = lines(file)
    assert (line["event"], line["delivery"], line["case"], line["state"]) == ("send", 7, 3, "sent")
    assert CANARY not in file.read_text()


def test_it_says_how_much_was_too_old(file: Path) -> None:
    log.told(Gone(mentions=4, raws=2))
    (line,) = lines(file)
    assert {name: line[name] for name in ("event", "mentions", "raws", "journal", "polls")} == {
        "event": "retention", "mentions": 4, "raws": 2, "journal": 0, "polls": 0
    }  # fmt: skip


@pytest.mark.parametrize("error", [ValueError(CANARY), KeyError(CANARY), TypeError(CANARY)])
def test_a_crash_is_kept_with_its_place_and_without_a_value(file: Path, error: Exception) -> None:
    def broken(words: str, secret: Secret) -> None:
        raise error

    with pytest.raises(type(error)) as caught:
        broken(f"{CANARY}-local", Secret(f"{CANARY}-secret"))
    assert crash.keep(caught.value) == str(file)
    (line,) = lines(file)
    assert (line["event"], line["kind"]) == ("crash", type(error).__name__)
    assert "in broken" in line["trace"]
    assert CANARY not in file.read_text()


def write_many(path: str, name: int) -> None:
    log.use(Settings(Desk(log=Log(file=path)), None, Path(path), "ana"))
    log.LARGEST = 20_000
    for number in range(200):
        log.write("poll", source=f"s{name}", number=number, words="x" * 100)


def test_many_processes_write_and_turn_it_over_without_losing_or_mixing_lines(
    file: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    writers = [multiprocessing.get_context("fork").Process(target=write_many, args=(str(file), n)) for n in range(4)]
    for writer in writers:
        writer.start()
    for writer in writers:
        writer.join()
    files = sorted(file.parent.iterdir())
    assert [path.name for path in files] == ["earful.log", *(f"earful.log.{n}" for n in range(1, log.KEPT + 1))]
    assert all(path.stat().st_mode & 0o777 == 0o600 for path in files)
    kept = [line for path in files for line in lines(path)]
    assert len({(line["source"], line["number"]) for line in kept}) == len(kept) > 300
    assert all(path.stat().st_size < 20_500 for path in files)


def test_no_room_for_a_log_is_no_reason_to_stop(file: Path) -> None:
    file.parent.write_text("in the way")
    assert log.write("start") is None
    assert "no file" in crash.keep(RuntimeError())


def test_a_link_in_its_place_is_not_followed(file: Path, tmp_path: Path) -> None:
    prey = tmp_path / "prey"
    prey.write_text("precious")
    file.parent.mkdir()
    file.symlink_to(prey)
    assert log.write("start") is None
    assert prey.read_text() == "precious"


def test_a_worker_tells_start_polls_failures_and_stop(tmp_path: Path) -> None:
    earful = Earful(tmp_path)
    item = "<item><title>acme wombatting</title><guid>1</guid></item>"
    feed = f'<rss version="2.0"><channel><title>t</title>{item}</channel></rss>'
    with Server() as web:
        web.on("/feed", text(feed, "application/rss+xml"))
        web.on("/private", text("no", status=401))
        earful.configure(
            '[[watch]]\nname = "acme"\nquery = "acme"\n'
            f'[[source]]\ntype = "feed"\nname = "blog"\nfeed = "{web.url()}/feed"\n'
            f'[[source]]\ntype = "mastodon"\nname = "m"\nurl = "{web.url()}"\ntoken = "env:TOKEN"\ntags = ["acme"]\n'
        )
        result = earful("worker", "--once", TOKEN=CANARY)
    told = events(earful)
    assert [line["event"] for line in (told[0], told[-1])] == ["start", "stop"], result.narration
    polls = {line["source"]: line for line in told if line["event"] == "poll"}
    assert polls["blog"]["new"] == 1
    assert polls["m"]["level"] == "error"
    written = (tmp_path / ".local/state/earful/earful.log").read_text()
    assert "wombatting" not in written
    assert CANARY not in written


def test_a_failed_action_and_a_stopped_worker_are_told(tmp_path: Path) -> None:
    earful = Earful(tmp_path)
    earful.seed(read_mention())
    worker = earful.start("worker")
    assert worker.stderr is not None
    worker.stderr.readline()
    earful("backup", "a.db")
    assert earful("restore", "a.db").code == 1
    worker.send_signal(signal.SIGTERM)
    assert worker.wait(60) == 0
    told = events(earful)
    assert [(line["event"], line.get("action")) for line in told] == [
        ("start", None), ("failed", "restore"), ("stop", None),
    ]  # fmt: skip
