"""An answer from the key to the network: the real program in a real terminal, a Mastodon-like server on loopback."""

from __future__ import annotations

import os
import signal
import sys
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from tests.faults.shell import rows
from tests.servers import Server, json_reply
from tests.sources.fake_mastodon import TOKEN, FakeMastodon
from tests.tui.pty import Terminal

HERE = Path(__file__).parents[2]
CONFIG = """
[desk]
name = "Acme"
undo_window = "{window}"
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
"""


@pytest.fixture
def network() -> Iterator[FakeMastodon]:
    with Server() as server:
        mastodon = FakeMastodon(server)
        server.on("/api/v2/instance", json_reply({"configuration": {"statuses": {"max_characters": 60}}}))
        mastodon.add(
            7, datetime.now(UTC) - timedelta(minutes=5), content="<p>acme does not let me in</p>", visibility="unlisted"
        )
        yield mastodon


def earful(tmp_path: Path, network: FakeMastodon, *, window: str, editor: str = "") -> Terminal:
    config = tmp_path / "earful.toml"
    config.write_text(CONFIG.format(url=network.server.url(), window=window))
    env = {"HOME": str(tmp_path), "PYTHONPATH": str(HERE), "USER": "ana", "LOGNAME": "ana", "M_TOKEN": TOKEN}
    env |= {"EDITOR": editor} if editor else {}
    argv = [sys.executable, "-m", "tui", "--config", str(config), "--database", str(tmp_path / "earful.db")]
    return Terminal(argv, env=env, cwd=tmp_path)


def test_an_answer_goes_out_once_as_it_was_shown(tmp_path: Path, network: FakeMastodon) -> None:
    with earful(tmp_path, network, window="2s") as terminal:
        terminal.wait("acme does not let me in")
        terminal.send("r")
        terminal.wait("public reply to ana@far.example")
        terminal.send("try it again now")
        terminal.wait("21/60")  # @ana counts without its host
        terminal.wait("draft kept")
        terminal.send("\x04")
        shown = terminal.wait("y send")
        for fact in ("mastodon", "as here", "to ana@far.example", "unlisted", "21/60", "try it again now"):
            assert fact in shown, shown
        terminal.read(0.5)
        terminal.send("y")
        terminal.wait("✓ sent")
        terminal.read(2)
        (post,) = network.posts
        assert post.form == {
            "status": "@ana@far.example try it again now",
            "in_reply_to_id": "7",
            "visibility": "unlisted",
        }
        assert len(post.headers["idempotency-key"]) == 36
        assert "↩ waiting" in terminal.text


def test_one_that_is_recalled_never_leaves(tmp_path: Path, network: FakeMastodon) -> None:
    with earful(tmp_path, network, window="60s") as terminal:
        terminal.wait("acme does not let me in")
        terminal.send("r")
        terminal.wait("public reply")
        terminal.send("too hasty")
        terminal.wait("draft kept")
        terminal.send("\x04")
        terminal.wait("y send")
        terminal.read(0.5)
        terminal.send("y")
        terminal.wait("u recalls")
        terminal.send("u")
        terminal.wait(lambda text: "too hasty" in text and "public reply" in text)
        terminal.wait("● new")
    assert rows(tmp_path / "earful.db", "SELECT state FROM delivery") == [("withdrawn",)]
    assert network.posts == []


def test_the_agents_own_editor_and_back(tmp_path: Path, network: FakeMastodon) -> None:
    editor = tmp_path / "editor"
    editor.write_text("#!/bin/sh\ncat $1; sleep 0.5; printf ' and more' >> $1\n")
    editor.chmod(0o700)
    with earful(tmp_path, network, window="2s", editor=str(editor)) as terminal:
        terminal.wait("acme does not let me in")
        terminal.send("r")
        terminal.wait("public reply")
        terminal.send("some")
        terminal.wait("draft kept")
        terminal.send("\x07")
        terminal.wait("@ana@far.example some and more")
        assert "public reply" in terminal.text
        editor.write_text("#!/bin/sh\nexit 3\n")
        terminal.send("\x07")
        terminal.wait("ended with 3")
        editor.unlink()
        terminal.send("\x07")
        terminal.wait("No such file")
        terminal.send(" still here")
        terminal.wait("some and more still here")


def test_what_is_written_outlives_the_session(tmp_path: Path, network: FakeMastodon) -> None:
    with earful(tmp_path, network, window="2s") as terminal:
        terminal.wait("acme does not let me in")
        terminal.send("r")
        terminal.wait("public reply")
        terminal.send("half a thou")
        terminal.wait("half a thou")
        os.kill(terminal.pid, signal.SIGHUP)
        assert terminal.ended() == 129
    with earful(tmp_path, network, window="2s") as terminal:
        terminal.wait("acme does not let me in")
        terminal.send("r")
        terminal.wait("half a thou")
    assert network.posts == []
