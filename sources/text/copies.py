"""Copies: texts that somebody wrote before, word by word or nearly. They are folded before anything is counted.

Word by word: the same folded words without handles, links and numbers. Nearly: at least `ALIKE` of the runs of three
words are the same, estimated from the smallest hashes of them (a bottom-k sketch: Broder, "On the resemblance and
containment of documents", 1997; Thorup, "Bottom-k and priority sampling", 2013). Only the latest texts are remembered.
"""

from __future__ import annotations

from collections.abc import Sequence
from hashlib import blake2b
from zlib import crc32

SHORTEST = 6  # words; who says less may say the same by chance
SHORTEST_NEARLY = 10
RUN = 3
SKETCH = 16  # hashes that stand for a text
DOORS = 4  # the smallest of them find it again
ALIKE = 0.7
REMEMBERED = 4_000

Kept = list[tuple[int, int, list[int]]]


class Copies:
    """The latest texts of one language: (mention, fingerprint, sketch) each."""

    def __init__(self, kept: Kept | None = None) -> None:
        self._same: dict[int, int] = {}
        self._doors: dict[int, int] = {}
        self._sketches: dict[int, tuple[int, list[int]]] = {}
        for mention, fingerprint, sketch in kept or ():
            self._remember(mention, fingerprint, sketch)

    def original(self, mention: int, words: Sequence[str]) -> int | None:
        """The mention that this text is a copy of; None for a new story, which is remembered."""
        told = [word for word in words if not word.isdigit()]
        if told[:1] == ["rt"]:
            del told[0]
        if len(told) < SHORTEST:
            return None
        fingerprint = int.from_bytes(blake2b(" ".join(told).encode("utf-8", "replace"), digest_size=6).digest(), "big")
        if (same := self._same.get(fingerprint)) is not None and same != mention:
            return same
        sketch = _sketch(told) if len(told) >= SHORTEST_NEARLY else []
        for door in sketch[:DOORS]:
            other = self._doors.get(door)
            if other is not None and other != mention and _alike(sketch, self._sketches[other][1]) >= ALIKE:
                return other
        self._remember(mention, fingerprint, sketch)
        return None

    def kept(self) -> Kept:
        return [(mention, fingerprint, sketch) for mention, (fingerprint, sketch) in self._sketches.items()]

    def _remember(self, mention: int, fingerprint: int, sketch: list[int]) -> None:
        self._sketches[mention] = fingerprint, sketch
        self._same[fingerprint] = mention
        self._doors.update(dict.fromkeys(sketch[:DOORS], mention))
        if len(self._sketches) > REMEMBERED:
            oldest = next(iter(self._sketches))
            gone, doors = self._sketches.pop(oldest)
            if self._same.get(gone) == oldest:
                del self._same[gone]
            for door in doors[:DOORS]:
                if self._doors.get(door) == oldest:
                    del self._doors[door]


def _sketch(words: list[str]) -> list[int]:
    runs = {crc32(" ".join(words[at : at + RUN]).encode("utf-8", "replace")) for at in range(len(words) - RUN + 1)}
    return sorted(runs)[:SKETCH]


def _alike(one: list[int], other: list[int]) -> float:
    """The share of the smallest hashes of both together that both have."""
    smallest = sorted({*one, *other})[:SKETCH]
    both = set(one) & set(other)
    return sum(number in both for number in smallest) / len(smallest)
