"""What a person pinned: an issue takes every text that holds one of its phrases, in whatever language."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from store.domain.words import folded_words


class Pins:
    """`pinned` are (issue id, phrase); the longest phrase that a text holds wins, then the older pin."""

    def __init__(self, pinned: Iterable[tuple[int, str]]) -> None:
        self._issues: dict[str, int] = {}
        for number, phrase in pinned:
            if words := folded_words(phrase):
                self._issues.setdefault(" ".join(words), number)
        self._lengths = sorted({key.count(" ") + 1 for key in self._issues}, reverse=True)

    def of(self, words: Sequence[str]) -> int | None:
        """The issue of a text by its folded words."""
        for length in self._lengths:
            for at in range(len(words) - length + 1):
                number = self._issues.get(" ".join(words[at : at + length]))
                if number is not None:
                    return number
        return None
