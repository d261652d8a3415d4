"""Mutes: whose words, which threads and which words do not open a case that anybody sees."""

from __future__ import annotations

from collections.abc import Iterable

from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncConnection

from store.domain.words import folded_words
from store.tables import mute


class Mutes:
    """Every mute of the store, read once a page: (kind, network, value) of authors, threads and words."""

    def __init__(self, rows: Iterable[tuple[str, str, str]]) -> None:
        self._authors: set[tuple[str, str]] = set()
        self._threads: set[tuple[str, str]] = set()
        self._words: dict[str, str] = {}
        for kind, network, value in rows:
            if kind == "author":
                self._authors.add((network, value.casefold()))
            elif kind == "thread":
                self._threads.add((network, value))
            elif _line(value).strip():
                self._words[_line(value)] = value

    def reason(self, network: str, handle: str, thread: str, title: str, text: str) -> str:
        """Why a mention is muted, in words ("muted author"); "" where it is not. A muted word is looked for as whole
        words, case and diacritics folded, in title and text; one of several words must stand in one piece."""
        if (network, handle.casefold()) in self._authors:
            return "muted author"
        if (network, thread) in self._threads:
            return "muted thread"
        if self._words:
            lines = (_line(title), _line(text))
            for line, value in self._words.items():
                if any(line in there for there in lines):
                    return f"muted word {value}"
        return ""


async def load(connection: AsyncConnection) -> Mutes:
    rows = await connection.execute(select(mute.c.kind, mute.c.network, mute.c.value))
    return Mutes((row.kind, row.network, row.value) for row in rows)


def _line(text: str) -> str:
    """The folded words between spaces, one before the first and one after the last: " so that " is found whole."""
    return f" {' '.join(folded_words(text))} "
