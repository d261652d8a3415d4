"""The session ends in the middle: a signal, a lost line, a kill, while an agent types, while many cases are closed,
while an answer is on its way. What was typed is there but for the last second, nothing is half done, nothing is sent
twice, and no process stays behind."""

from __future__ import annotations

import os
import signal
import sys
import time
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from tests.factories import read_mention
from tests.faults.shell import rows, store_faults
from tests.servers import Reply, Seen, Server, json_reply
from tests.sources.fake_mastodon import TOKEN, FakeMastodon
from tests.tui.command import Earful
from tests.tui.pty import Terminal
from tui.widgets.composer import KEEP_SECONDS

ROOT = Path(__file__).parents[2]
GONE_SECONDS = 60.0  # three where nobody else computes
CASES = 200
CONFIGURATION = """
[desk]
undo_window = "1s"
[[watch]]
name = "acme"
query = "acme"
[[source]]
type = "mastodon"
name = "here"
url = "{url}"
token = "env:M_TOKEN"
tags = ["acme"]
search = false
notifications = false
every = "600s"
settle = "2s"
"""


def by_signal(name: str) -> Callable[[Terminal], None]:
    return lambda terminal: os.kill(terminal.pid, getattr(signal, name))


ENDS = {name: by_signal(name) for name in ("SIGHUP", "SIGTERM", "SIGINT", "SIGKILL")} | {"line lost": Terminal.hang_up}


@pytest.fixture
def network() -> Iterator[FakeMastodon]:
    with Server() as server:
        mastodon = FakeMastodon(server)
        mastodon.add(7, datetime.now(UTC) - timedelta(minutes=5), content="<p>acme is down</p>")
        yield mastodon


def earful(home: Path, network: FakeMastodon | None = None) -> Terminal:
    env = {"HOME": str(home), "PYTHONPATH": str(ROOT), "USER": "ana", "LOGNAME": "ana", "M_TOKEN": TOKEN}
    argv = [sys.executable, "-m", "tui", "--database", str(home / "earful.db")]
    if network is not None:
        (home / "earful.toml").write_text(CONFIGURATION.format(url=network.server.url()))
        argv += ["--config", str(home / "earful.toml")]
    return Terminal(argv, env=env, cwd=home)


def left_of(session: int) -> list[int]:
    """The processes that still belong to a session, but for what only waits to be counted."""
    found = []
    for stat in Path("/proc").glob("[0-9]*/stat"):
        try:
            state, _, _, of = stat.read_text().rpartition(")")[2].split()[:4]
        except OSError:
            continue
        if int(of) == session and state != "Z":
            found.append(int(stat.parent.name))
    return found


def ends(terminal: Terminal, how: str) -> None:
    ENDS[how](terminal)
    assert terminal.ended(GONE_SECONDS) is not None, f"still there {GONE_SECONDS} s after {how}"
    assert left_of(terminal.pid) == []


@pytest.mark.parametrize("how", ["SIGKILL", "SIGINT", "line lost"])
def test_what_was_typed_is_there_but_for_the_last_second(tmp_path: Path, network: FakeMastodon, how: str) -> None:
    assert KEEP_SECONDS < 1
    kept: list[str] = []
    with earful(tmp_path, network) as terminal:
        terminal.wait("acme is down")
        terminal.send("r")
        terminal.wait("public reply")
        until = time.monotonic() + 60
        while len(kept) < 3 and time.monotonic() < until:  # without a pause
            terminal.send("x")
            terminal.read(0.04)
            kept += [words for (words,) in rows(tmp_path / "earful.db", "SELECT text FROM draft") if words not in kept]
        ends(terminal, how)
    assert len(kept) == 3, "who types without a pause is kept again and again"
    ((words,),) = rows(tmp_path / "earful.db", "SELECT text FROM draft")
    assert words.startswith(kept[-1])


@pytest.mark.parametrize(("how", "after"), [("SIGHUP", 0.0), ("SIGKILL", 0.1), ("line lost", 0.05)])
def test_a_decision_about_many_is_whole(tmp_path: Path, how: str, after: float) -> None:
    Earful(tmp_path).seed(*(read_mention(f"acme {n}", author=f"a{n}") for n in range(CASES)))
    with earful(tmp_path) as terminal:
        terminal.wait(f"1/{CASES}")
        terminal.send("*a")
        terminal.wait(f"{CASES} marked")
        terminal.send("e")
        terminal.read(after)
        ends(terminal, how)
    ((done,),) = rows(tmp_path / "earful.db", "SELECT count(*) FROM cases WHERE status = 'done'")
    assert done in (0, CASES)
    assert store_faults(tmp_path / "earful.db") == []


@pytest.mark.parametrize(
    ("how", "seconds"), [("SIGHUP", 1.0), ("SIGTERM", 30.0), ("line lost", 30.0), ("SIGKILL", 30.0)]
)
def test_an_answer_on_its_way_is_sent_once(tmp_path: Path, network: FakeMastodon, how: str, seconds: float) -> None:
    """The network has it and answers after a while: who hears it in time records it, else it is found again."""
    server, ours = network.server, []

    def statuses(seen: Seen) -> Reply:
        if seen.method == "POST":
            post = {"id": "777", "uri": "https://here/777", "url": "https://here/@brand/777", "in_reply_to_id": "7"}
            ours.append(post | {"content": seen.form["status"], "account": {"id": "99"}, "created_at": now()})
            server.wait(seconds)
            return json_reply(ours[-1])
        return network.statuses(seen)

    server.on("/api/v1/statuses", statuses)
    server.on("/api/v1/statuses/7/context", lambda seen: json_reply({"ancestors": [], "descendants": ours}))
    with earful(tmp_path, network) as terminal:
        terminal.wait("acme is down")
        for keys, shown in (("r", "public reply"), ("sorry", "draft kept"), ("\x04", "y send")):
            terminal.send(keys)
            terminal.wait(shown)
        terminal.read(0.5)
        terminal.send("y")
        while not ours:
            terminal.read(0.05)
        ends(terminal, how)
    command = Earful(tmp_path)
    for _ in range(60):
        command("--config", str(tmp_path / "earful.toml"), "send", "--once", M_TOKEN=TOKEN)
        if rows(tmp_path / "earful.db", "SELECT state FROM delivery") == [("sent",)]:
            break
        time.sleep(0.5)
    assert rows(tmp_path / "earful.db", "SELECT state, remote_id FROM delivery") == [("sent", "777")]
    assert len(ours) == 1


def now() -> str:
    return datetime.now(UTC).isoformat()
