"""Text broken into lines of so many terminal cells, lazily: who shows ten lines of a long text pays for ten."""

from __future__ import annotations

import re
from collections.abc import Iterator

from rich.cells import cell_len

TAB_CELLS = 4
_CHUNK = re.compile(r"\S+\s*|\s+")


def wrap(text: str, width: int) -> Iterator[str]:
    """Lines at most `width` cells wide, broken between words where that is possible."""
    width = max(2, width)  # the widest character has two cells
    for start, end in _paragraphs(text):
        paragraph = text[start:end].expandtabs(TAB_CELLS)
        if len(paragraph) <= width // 2 or _cells(paragraph) <= width:
            yield paragraph
        else:
            yield from _fold(paragraph, width)


def _paragraphs(text: str) -> Iterator[tuple[int, int]]:
    start = 0
    while (end := text.find("\n", start)) >= 0:
        yield start, end
        start = end + 1
    yield start, len(text)


def _cells(text: str) -> int:
    return len(text) if text.isascii() else cell_len(text)


def _fold(paragraph: str, width: int) -> Iterator[str]:
    line, used = "", 0
    for found in _CHUNK.finditer(paragraph):
        chunk = found.group()
        word = chunk.rstrip()
        if line and used + _cells(word) > width:
            yield line.rstrip()
            line, used = "", 0
        if _cells(word) > width:
            *whole, chunk = _pieces(chunk, width)
            yield from whole
        line += chunk
        used += _cells(chunk)
    yield line.rstrip()


def _pieces(word: str, width: int) -> Iterator[str]:
    """A word that is wider than a line, in lines; a mark never begins one."""
    start = used = 0
    for at, character in enumerate(word):
        cells = _cells(character)
        if used + cells > width and cells:
            yield word[start:at]
            start, used = at, 0
        used += cells
    yield word[start:]


def wrap_line(pieces: tuple[tuple[str, str], ...], width: int) -> Iterator[tuple[tuple[str, str], ...]]:
    """The same for (words, style) pieces, which keep their styles. A tab is a space here."""
    styled = [(sign, style) for words, style in pieces for sign in words.replace("\t", " ")]
    at = 0
    for line in wrap("".join(sign for sign, _ in styled), width):
        broken: list[tuple[str, str]] = []
        for sign in line:
            while at < len(styled) - 1 and styled[at][0] != sign:  # spaces at a break
                at += 1
            style = styled[at][1] if styled else ""
            if broken and broken[-1][1] == style:
                broken[-1] = (broken[-1][0] + sign, style)
            else:
                broken.append((sign, style))
            at += at < len(styled) - 1
        yield tuple(broken)
