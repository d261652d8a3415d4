"""The only way the command line prints: standard output is data, standard error is narration, all of it cleaned,
and beside an address that reads like another one is what it leads to.

What goes to a pipe is what goes to a terminal, colours aside; but the lines of a list are cut to a terminal's width.
"""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Iterable, Mapping
from typing import Any, NamedTuple, TextIO

from sources.text.lookalikes import revealed
from store.domain.safetext import safe, safe_line

STYLES = {"bold": "1", "dim": "2", "red": "31", "green": "32", "yellow": "33", "bold red": "1;31"}


class Cell(NamedTuple):
    """A piece of a line. `width` in terminal cells pads it (negative: to the left); a longer text is not cut."""

    text: str
    width: int = 0
    style: str = ""


class Output:
    """`json`: JSON Lines instead of lines for people. `quiet`: no narration; errors are always said."""

    def __init__(
        self,
        *,
        json: bool = False,
        quiet: bool = False,
        data: TextIO | None = None,
        narration: TextIO | None = None,
    ) -> None:
        self.json, self.quiet = json, quiet
        self._data = data if data is not None else sys.stdout
        self._narration = narration if narration is not None else sys.stderr
        self.colour = not json and wants_colour(self._data)
        self.room = width_of(self._data)
        for stream in (self._data, self._narration):
            if hasattr(stream, "reconfigure"):  # what a terminal's encoding has no sign for becomes "?", never a crash
                stream.reconfigure(errors="replace")
        if json and hasattr(self._data, "reconfigure"):
            self._data.reconfigure(encoding="utf-8")

    def record(self, record: Mapping[str, Any]) -> None:
        """One JSON object on a line of its own."""
        self._write(json.dumps(cleaned(record), ensure_ascii=False, separators=(", ", ": ")))

    def row(self, *cells: Cell | str) -> None:
        """One line of cells, a space between."""
        self._write(_line(cells, self.colour))

    def listed(self, *cells: Cell | str) -> None:
        """The same of a list: on a terminal it takes one line of it, whatever is cut off."""
        self._write(_line(cells, self.colour, self.room))

    def tell_row(self, *cells: Cell | str) -> None:
        """The same as narration."""
        self.tell(_line(cells, colour=False))

    def text(self, text: str, indent: str = "") -> None:
        """Many lines."""
        for line in revealed(safe(text)).split("\n"):
            self._write((indent + line).rstrip())

    def drawing(self, text: str) -> None:
        """Lines that `tui.charts` drew, which cleans what it draws and puts the colours in."""
        self._write((text if self.colour else safe(text)).rstrip("\n"))

    def tell(self, text: str) -> None:
        """A line of narration."""
        if not self.quiet:
            self.error(text)

    def error(self, text: str) -> None:
        if self._narration is not None:
            try:
                print(safe(text).replace("\n", " "), file=self._narration, flush=True)
            except OSError:
                pass  # nobody listens; what is to be done is done all the same

    def flush(self) -> None:
        if self._data is not None:
            self._data.flush()

    def _write(self, line: str) -> None:
        if self._data is not None:
            self._data.write(line + "\n")


def _line(cells: Iterable[Cell | str], colour: bool, room: int | None = None) -> str:
    """With `room`, cells are cut to their widths, and the line to `room`."""
    pieces = []
    for cell in cells:
        text, width, style = cell if isinstance(cell, Cell) else Cell(cell)
        clean = revealed(safe_line(text, limit=4_096))
        if room is not None:
            clean = _cut(clean, min(abs(width) or room, room))
            room = max(0, room - max(abs(width), cells_of(clean)) - 1)
        gap = " " * max(0, abs(width) - cells_of(clean)) if width else ""
        shown = f"\x1b[{STYLES[style]}m{clean}\x1b[0m" if style and clean and colour else clean
        pieces.append(gap + shown if width < 0 else shown + gap)
    return " ".join(pieces).rstrip(" ")


def _cut(text: str, width: int) -> str:
    if cells_of(text) <= width:
        return text
    from tui.lettering import shorten

    return shorten(text, width)


def width_of(stream: TextIO | None) -> int | None:
    """The columns of the terminal that a stream is; None where it is none, or does not know."""
    try:
        return os.get_terminal_size(stream.fileno()).columns or None if stream is not None else None
    except (OSError, ValueError):
        return None


def wants_colour(stream: TextIO | None) -> bool:
    """On a terminal that can, unless NO_COLOR (no-color.org: present and not empty) says no."""
    return (
        stream is not None and stream.isatty() and not os.environ.get("NO_COLOR") and os.environ.get("TERM") != "dumb"
    )


def cells_of(text: str) -> int:
    """How many terminal cells a clean text takes."""
    if text.isascii():
        return len(text)
    from wcwidth import wcswidth

    return max(0, wcswidth(text))


def cleaned(value: Any) -> Any:
    """A record with every text in it clean."""
    if isinstance(value, str):
        return str(safe(value))
    if isinstance(value, Mapping):
        return {str(safe(str(key))): cleaned(item) for key, item in value.items()}
    if isinstance(value, (list, tuple)):
        return [cleaned(item) for item in value]
    return value
