"""A program in a pseudo-terminal: keys in, bytes out, the screen they make, and whether each byte is one of ours."""

from __future__ import annotations

import fcntl
import os
import re
import select
import signal
import struct
import termios
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from types import TracebackType
from typing import Self

import pyte

from tests.hostile import harm_in

# All that Textual itself writes: cursor places, colours and styles, its modes and the questions it asks at the start,
# the mouse pointer's shape, and line ends. Nothing else begins with ESC.
_OURS = re.compile(
    r"\x1b\[\d{1,4};\d{1,4}H"
    r"|\x1b\[[\d;]{0,60}m"
    r"|\x1b\[\?(?:7|25|1000|1003|1004|1006|1015|1016|1049|2004|2026|2048)[hl]"
    r"|\x1b\[\?(?:2026|2048)\$p"
    r"|\x1b\[>\d{1,2}u|\x1b\[<u"
    r"|\x1b\]22;[a-z-]*\x07"
    r"|\r?\n"
)


def foreign(written: str) -> list[str]:
    """What was written to the terminal and is neither Textual's own nor harmless text."""
    found = []
    text = _OURS.sub("\n", written)
    for match in re.finditer(r"\x1b.{0,20}", text, re.DOTALL):
        found.append(f"sequence {match.group()!r}")
    return found + harm_in(text.replace("\x1b", "").replace("\x07", ""))


class Terminal:
    """Runs `argv`; a context manager that never leaves a process behind."""

    def __init__(
        self,
        argv: Sequence[str],
        *,
        columns: int = 80,
        rows: int = 24,
        env: dict[str, str] | None = None,
        cwd: Path | None = None,
        hangs_up: bool = True,
    ) -> None:
        """`hangs_up` false: the terminal is not the controlling one, so that its end sends no signal."""
        self.argv, self.columns, self.rows, self.hangs_up = list(argv), columns, rows, hangs_up
        self.env = {"PATH": os.environ["PATH"], "TERM": "xterm-256color", "LANG": "C.UTF-8"} | (env or {})
        self.cwd = cwd or Path.cwd()
        self.written = b""
        self.status: int | None = None
        self._screen = pyte.Screen(columns, rows)
        self._stream = pyte.ByteStream(self._screen)

    def __enter__(self) -> Self:
        self.fd, inner = os.openpty()
        fcntl.ioctl(inner, termios.TIOCSWINSZ, struct.pack("HHHH", self.rows, self.columns, 0, 0))
        self.pid = os.fork()
        if self.pid == 0:
            os.setsid()
            if self.hangs_up:
                fcntl.ioctl(inner, termios.TIOCSCTTY, 0)
            for stream in range(3):
                os.dup2(inner, stream)
            os.closerange(3, 256)
            os.chdir(self.cwd)
            os.execvpe(self.argv[0], self.argv, self.env)
        os.close(inner)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self.status is None:
            os.kill(self.pid, signal.SIGKILL)
            os.waitpid(self.pid, 0)
        self.hang_up()

    @property
    def screen(self) -> list[str]:
        # pyte's own `display` stumbles over half a wide sign that was written over.
        rows = (self._screen.buffer[y] for y in range(self._screen.lines))
        return ["".join(row[x].data for x in range(self._screen.columns)).rstrip() for row in rows]

    @property
    def text(self) -> str:
        return "\n".join(self.screen)

    def send(self, keys: str) -> None:
        os.write(self.fd, keys.encode())

    def read(self, seconds: float) -> bytes:
        """What it writes within so many seconds."""
        start, until = len(self.written), time.monotonic() + seconds
        while (left := until - time.monotonic()) > 0 and self._read_some(left):
            pass
        return self.written[start:]

    def wait(self, shows: str | Callable[[str], bool], seconds: float = 60) -> str:
        """Until the screen shows it. Fails with the screen as it is."""
        there = (lambda text: shows in text) if isinstance(shows, str) else shows
        until = time.monotonic() + seconds
        while not there(self.text):
            left = until - time.monotonic()
            if left <= 0 or not self._read_some(left):
                raise AssertionError(f"never showed {shows!r}:\n{self.text}\n{self.written[-2000:]!r}")
        return self.text

    def ended(self, seconds: float = 60) -> int | None:
        """The exit code (negative: a signal), or None where it still runs after so many seconds."""
        until = time.monotonic() + seconds
        while self.status is None and time.monotonic() < until:
            self._read_some(0.05)
            pid, status = os.waitpid(self.pid, os.WNOHANG)
            if pid:
                self.status = os.waitstatus_to_exitcode(status)
        return self.status

    def hang_up(self) -> None:
        """Close the terminal, as a lost connection does."""
        if self.fd >= 0:
            os.close(self.fd)
            self.fd = -1

    def _read_some(self, seconds: float) -> bool:
        """False where the other side is gone."""
        if self.fd < 0 or not select.select([self.fd], [], [], max(0, seconds))[0]:
            if self.fd < 0:
                time.sleep(seconds)
            return True
        try:
            data = os.read(self.fd, 65_536)
        except OSError:
            return False
        self.written += data
        self._stream.feed(_FOR_PYTE.sub(b"", data))
        return bool(data)


_FOR_PYTE = re.compile(rb"\x1b\[[<>]\d{0,2}u|\x1b\[\?\d+\$p")  # pyte shows what it does not know
