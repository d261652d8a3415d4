"""Lettering: text measured in terminal cells, and numbers as people read them. Pure."""

from __future__ import annotations

import re
from collections.abc import Sequence
from datetime import datetime, tzinfo
from itertools import pairwise
from math import isfinite

from wcwidth import wcswidth

from store.domain.safetext import safe_line

MONTHS = ("Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec")
STYLES = {"strong": "1", "quiet": "2", "negative": "31", "neutral": "90", "positive": "32"}
LEVELS = "▁▂▃▄▅▆▇█"
NOTHING = "–"

_SGR = re.compile(r"\x1b\[[0-9;]*m")


def paint(text: str, style: str, colour: bool) -> str:
    """`text` in one of STYLES, in the terminal's own sixteen colours; as it is without colour."""
    return f"\x1b[{STYLES[style]}m{text}\x1b[0m" if colour and text else text


def cells(text: str) -> int:
    """How many cells a line takes, colours aside."""
    plain = _SGR.sub("", text)
    width = wcswidth(plain)
    return len(plain) if width < 0 else width


def shorten(text: str, width: int) -> str:
    """Cleaned text in at most `width` cells, cut off with "…" where it is longer."""
    line = str(safe_line(text))
    if cells(line) <= width:
        return line
    kept = line[: max(width, 0)]
    while kept and cells(kept) > width - 1:
        kept = kept[:-1]
    return f"{kept.rstrip()}…" if width > 0 else ""


def fit(text: str, width: int) -> str:
    """Cleaned text in exactly `width` cells."""
    return pad(shorten(text, width), width)


def pad(line: str, width: int) -> str:
    return line + " " * (width - cells(line))


def beside(blocks: Sequence[Sequence[str]], width: int, gap: int = 4) -> list[str]:
    """Blocks of lines next to each other, each in an equal part of `width`."""
    part = (width - gap * (len(blocks) - 1)) // len(blocks)
    rows = max(map(len, blocks), default=0)
    even = [[*block, *[""] * (rows - len(block))] for block in blocks]
    return [(" " * gap).join(pad(line, part) for line in lines).rstrip() for lines in zip(*even, strict=True)]


def wrap(parts: Sequence[str], width: int, gap: int = 3) -> list[str]:
    """Parts on as few lines as `width` allows; a part is never broken."""
    lines: list[str] = []
    for part in parts:
        if lines and cells(lines[-1]) + gap + cells(part) <= width:
            lines[-1] += " " * gap + part
        else:
            lines.append(part)
    return lines


def sparkline(values: Sequence[float | None], width: int = 0) -> str:
    """One character a value, as high as its part of the largest; more than `width` values are added up. Whatever is
    above 0 is seen as such; None and NaN are blank."""
    known = [value if value is not None and isfinite(value) else None for value in values]
    if width and len(known) > width:
        edges = [round(i * len(known) / width) for i in range(width + 1)]
        spans = [[v for v in known[a:b] if v is not None] for a, b in pairwise(edges)]
        known = [sum(span) if span else None for span in spans]
    top = max((value for value in known if value is not None), default=0)

    def level(value: float) -> str:
        return LEVELS[0] if value <= 0 else LEVELS[max(1, round(value / top * (len(LEVELS) - 1)))]

    return "".join(" " if value is None else level(value) for value in known)


def number(value: int) -> str:
    return f"{value:,}"


def percent(value: float | None, *, signed: bool = False) -> str:
    """0.123 -> "12 %"; signed "+12 %" with a real minus sign. None and NaN are a dash."""
    if value is None or not isfinite(value):
        return NOTHING
    whole = round(value * 100)
    sign = "−" if whole < 0 else "+" if signed and whole > 0 else ""
    return f"{sign}{abs(whole):,} %"


def duration(seconds: float | None) -> str:
    """The two largest units: "3 d 4 h", "2 h 10 min", "45 s"."""
    if seconds is None or not isfinite(seconds):
        return NOTHING
    left, parts = round(seconds), []
    for unit, size in (("d", 86_400), ("h", 3_600), ("min", 60), ("s", 1)):
        if left >= size:
            parts.append(f"{left // size} {unit}")
            left %= size
    return " ".join(parts[:2]) or "0 s"


def day(at: datetime, zone: tzinfo, *, year: bool = True) -> str:
    """ "21 Nov 2026" or "21 Nov": the same in every locale."""
    local = at.astimezone(zone)
    return f"{local.day} {MONTHS[local.month - 1]}" + (f" {local.year}" if year else "")


def clock(at: datetime, zone: tzinfo) -> str:
    return f"{at.astimezone(zone):%H:%M}"
