"""A tour through the whole program on a poisoned store: every screen, modal and command, and of the bytes on the
terminal none that is not ours. EARFUL_TOUR=7 goes round seven times, with every payload elsewhere each time."""

from __future__ import annotations

import base64
import fcntl
import json
import os
import re
import signal
import struct
import sys
import termios
from pathlib import Path

import pytest

from tests.hostile import PAYLOADS, harm_in
from tests.tui.command import Earful
from tests.tui.poisoned import DESK, poisoned
from tests.tui.pty import Terminal, foreign
from tests.tui.test_pty import COLOUR, HERE
from tui import log
from tui.cli import main

ROUNDS = int(os.environ.get("EARFUL_TOUR", "1"))
COPIED = re.compile(r"\x1b\]52;c;([A-Za-z0-9+/=]*)\x07")
SETTINGS = {
    "narrow, no colour": (80, 24, {"NO_COLOR": "1"}),
    "wide, 16 colours": (200, 50, {"TERM": "xterm-16color"}),
}


def home(folder: Path, first: int) -> Earful:
    import asyncio

    earful = Earful(folder)
    earful.configure(DESK)
    # A round of many has all of them; the one of every day each third, others in another test.
    payloads = list(PAYLOADS.values())[0 if ROUNDS > 1 else first % 3 :: 1 if ROUNDS > 1 else 3]
    asyncio.run(poisoned(earful.store, payloads, first=first))
    return earful


def screens(earful: Earful, columns: int, rows: int, env: dict[str, str]) -> Terminal:
    given = earful.environment | {"TERM": "xterm-256color", "TOKEN": "t0ken", "TZ": "UTC"} | env
    return Terminal(earful.command(), columns=columns, rows=rows, env=given, cwd=earful.home)


ESCAPE = "\x1b[27u"  # in kitty's protocol: a bare ESC and the key behind it could be read as one


class Guide:
    """Strikes keys and waits for the terminal to come to rest."""

    def __init__(self, terminal: Terminal) -> None:
        self.terminal = terminal

    def go(self, *keys: str, shows: str = "") -> None:
        for key in keys:
            self.terminal.send(ESCAPE if key == "\x1b" else key)
            self.terminal.read(0.06)
        if shows:
            self.terminal.wait(shows)

    def insist(self, key: str, shows: str) -> None:
        """Strike it until it is seen to work: right after a text field a letter is none."""
        for _ in range(100):
            self.terminal.send(key)
            self.terminal.read(0.5)
            if shows in self.terminal.text:
                return
        self.terminal.wait(shows, 1)

    def leave_text(self) -> None:
        """Letters right after a text field are none."""
        self.go("\x1b")
        self.terminal.read(0.5)

    def resize(self, columns: int, rows: int) -> None:
        fcntl.ioctl(self.terminal.fd, termios.TIOCSWINSZ, struct.pack("HHHH", rows, columns, 0, 0))
        os.kill(self.terminal.pid, signal.SIGWINCH)
        self.terminal.read(0.5)


def inbox(guide: Guide) -> None:
    guide.go("v", "y", "O")
    for modal in ("m", "a", "t", "s", "h", "S", "f", "E", "d"):
        guide.go(modal)
        guide.terminal.read(0.3)
        guide.leave_text()
    guide.insist(":", "Command")
    guide.go("view", "\x1b[B", "\x1b[B")
    guide.leave_text()
    guide.go("?")
    guide.terminal.read(0.4)
    guide.go("/", "e")
    guide.leave_text()
    guide.go("\x1b", "/", "acme OR a", "\r")
    guide.terminal.read(0.8)
    guide.leave_text()
    guide.go("/", "author:(", "\r")  # a mistake, told with its column
    guide.terminal.read(0.5)
    guide.leave_text()
    guide.go("\x1b", *"23456789")
    guide.go("1", "x", "x", "P")
    guide.terminal.read(0.3)
    guide.go("*", "a", "+")
    guide.terminal.read(1)
    guide.go("y" if "go on" in guide.terminal.text else "\x1b", "u")
    guide.terminal.read(1)
    guide.insist("p", "author:")
    guide.go("j", "k", "\x1b")
    guide.terminal.read(0.5)


def case(guide: Guide) -> None:
    guide.go("9")
    guide.terminal.read(0.8)
    guide.go("g", "g")
    guide.insist("\r", "case ")
    for _ in range(4 * len(PAYLOADS)):
        guide.go("T", "J")
        if "no next case" in guide.terminal.text:
            break
    guide.terminal.wait("no next case")
    guide.insist("p", "all cases of")
    guide.go("j", "q", shows="case ")
    for _ in range(12):
        guide.go("i", "K", "i", "D")
        guide.terminal.read(0.2)
        guide.leave_text()
    guide.insist("c", "internal note")
    guide.go("a note of mine")
    guide.terminal.wait("draft kept")
    guide.leave_text()
    guide.insist("r", "public reply to")
    guide.go("an answer of mine", shows="an answer of mine")
    guide.go("\x04", shows="Send this to")
    guide.go("\x1b")
    guide.terminal.wait(lambda text: "Send this to" not in text)
    guide.leave_text()
    guide.insist("gi", "[inbox]")


def other_screens(guide: Guide) -> None:
    guide.insist("gt", "insights · ")
    guide.terminal.wait("mentions")
    guide.go("]", "m", "m", "w")
    guide.leave_text()
    guide.go("?")
    guide.leave_text()
    guide.go("\t", "G", "\r")
    guide.terminal.read(0.8)
    guide.insist("gi", "[inbox]")
    guide.insist("gt", "insights · ")
    for modal in ("p", "n", "M", "X"):
        guide.go("\t", "j", modal)
        guide.terminal.read(0.3)
        guide.leave_text()
    guide.go("u")
    guide.insist("gi", "[inbox]")
    guide.insist("gh", "source health")
    guide.go("j", "j", "\t", "j", "G", "r")
    guide.terminal.read(0.5)
    guide.insist("gi", "[inbox]")
    guide.insist("gw", "watches")
    guide.go("j", "w")
    guide.terminal.read(1)
    guide.go("e", " OR title")
    guide.terminal.read(1)
    guide.leave_text()
    guide.insist("gi", "[inbox]")


@pytest.mark.parametrize("name", SETTINGS)
def test_no_screen_lets_anything_through(name: str, tmp_path: Path) -> None:
    columns, rows, env = SETTINGS[name]
    for first in range(ROUNDS):
        folder = tmp_path / str(first)
        folder.mkdir()
        with screens(home(folder, columns + first * 7), columns, rows, env) as terminal:
            guide = Guide(terminal)
            terminal.wait(re.compile(r"1/\d+").search)
            inbox(guide)
            case(guide)
            other_screens(guide)
            for size in ((170, 45), (40, 10), (20, 5), (columns, rows)):
                guide.resize(*size)
            guide.go("\x14", "\x14", "\x14")
            terminal.read(0.5)
            terminal.send("\x11")
            terminal.read(1)
            terminal.send("\ry")
            assert terminal.ended() == 0, terminal.text
        written = terminal.written.decode()
        for copied in COPIED.findall(written):
            assert re.fullmatch(r"https?://\S+", base64.b64decode(copied).decode())
        assert foreign(COPIED.sub("", written)) == []
        assert "NO_COLOR" not in env or not COLOUR.search(terminal.written)
        assert "Traceback" not in written
        assert "unexpected" not in written


P = PAYLOADS
# fmt: off
COMMANDS = [
    ["inbox"], ["inbox", "--view", "all"], ["inbox", "--search", "acme"], ["show", "1"], ["show", "7"], ["show", "23"],
    ["insights"], ["insights", "--compare", "previous"], ["ledger"], ["why", "1"], ["why", "https://x.example/3"],
    ["doctor"], ["check"], ["sources"], ["watch", "list"], ["watch", "suggest", "acme"], ["send"],
    ["watch", "test", "acme", "--query", "title"], ["undo"], ["redo"], ["tag", "3", "+\x1b[31mx"], ["poll", "--once"],
    ["note", "4", "--text", P["clipboard"]], ["done", "5"], ["reopen", "5"], ["assign", "6", "\x9b31m"],
    ["inbox", "--search", P["title, st"]], ["show", P["c1 osc"]], [P["csi colour"]], ["why", P["hyperlink"]],
    ["forward", "8", "--to", P["clipboard"]], ["import", P["title, bell"]], ["export", "--format", "jsonl"],
    ["export", "--format", "csv"], ["export", "--format", "md"], ["export", "--format", "html"],
    ["issues"], ["issues", "show", "1"], ["issues", "show", P["clipboard"]], ["correct", "9", "negative"], ["teach"],
    ["issues", "pin", P["title, st"], "--phrase", P["c1 osc"]], ["issues", "undo"], ["inbox", "--like", P["hyperlink"]],
    ["erase", "nobody\x1b[31m"], ["--config", P["clipboard"], "inbox"],
]
# fmt: on


def test_no_command_lets_anything_through(
    tmp_path: Path, capfd: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    for first in range(ROUNDS):
        folder = tmp_path / str(first)
        folder.mkdir()
        earful = home(folder, 3 + first * 7)
        for key, value in (earful.environment | {"TOKEN": "t0ken"}).items():
            monkeypatch.setenv(key, value)
        monkeypatch.chdir(folder)
        monkeypatch.setattr(log, "_place", None)  # where another test of this process had it written
        found = []
        for words in COMMANDS:
            for form in ([], ["--json"]):
                main(["--database", str(earful.store), *words, *form])
                said = capfd.readouterr()
                ends = "\r\n" if "csv" in words else "\n"
                found += [(words, form, harm) for text in said for harm in harm_in(text.replace(ends, "\n"))[:3]]
                if "unexpected" in said.err:
                    found.append((words, form, said.err))
                if form and words[0] != "export":
                    for line in said.out.splitlines():
                        json.loads(line)
        written = (folder / ".local" / "state" / "earful" / "earful.log").read_text(encoding="utf-8")
        found += [("log", [], harm) for harm in harm_in(written)]
        assert found == []


BROKEN = """
import sys
from tui.widgets.status_line import StatusLine

class Broken(RuntimeError):
    pass

def tell(self, **facts):
    if facts.get("place") == "source health":
        raise {error}({words!r})
    return told(self, **facts)

told, StatusLine.tell = StatusLine.tell, tell
from tui.cli import main
sys.exit(main(sys.argv[1:]))
"""


HOLED = """
import sys
from textual._compositor import LayoutUpdate
from textual.geometry import Region
from textual.strip import Strip
from tui.widgets.status_line import StatusLine

def tell(self, **facts):
    if facts.get("place") == "source health":
        frame = LayoutUpdate([{0: None, 5: Strip.blank(75)}.values()], Region(0, 0, 80, 1))
        self.app._display(self.screen, frame)
    return told(self, **facts)

told, StatusLine.tell = StatusLine.tell, tell
from tui.cli import main
sys.exit(main(sys.argv[1:]))
"""


def test_a_frame_that_is_not_whole_ends_nothing(tmp_path: Path) -> None:
    """As Textual makes one where the size changes at the wrong moment."""
    earful = Earful(tmp_path)
    argv = [sys.executable, "-c", HOLED, "--database", str(earful.store)]
    env = earful.environment | {"TERM": "xterm-256color", "PYTHONPATH": str(HERE)}
    with Terminal(argv, env=env, cwd=tmp_path) as terminal:
        terminal.wait("[inbox]")
        terminal.read(1)
        terminal.send("gh")
        terminal.wait("source health")
        terminal.send("gi")
        terminal.wait("[inbox]")
        terminal.send("\x11")
        assert terminal.ended(30) == 0, terminal.text


@pytest.mark.parametrize("error", ["Broken", "ValueError"])
def test_not_even_a_crash_lets_anything_through(tmp_path: Path, error: str) -> None:
    words = P["clipboard"] + P["title, st"] + P["c1 csi"] + P["alternate screen off"] + P["bidi override"]
    earful = Earful(tmp_path)
    program = BROKEN.format(error=error, words=words)
    argv = [sys.executable, "-c", program, "--database", str(earful.store)]
    env = earful.environment | {"TERM": "xterm-256color", "PYTHONPATH": str(HERE)}
    with Terminal(argv, env=env, cwd=tmp_path) as terminal:
        terminal.wait("[inbox]")
        terminal.read(1)
        terminal.send("gh")
        assert terminal.ended() == 1
    written = terminal.written.decode()
    assert "unexpected" in written
    assert foreign(written) == []
    told = (tmp_path / ".local" / "state" / "earful" / "earful.log").read_text(encoding="utf-8")
    assert '"crash"' in told
    assert harm_in(told) == []
