"""Finding the entries of a language's word lists in a text, once for all that reads it."""

from __future__ import annotations

import unicodedata
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from functools import cached_property, lru_cache
from importlib import resources
from itertools import accumulate, pairwise

from store.domain.words import Word, fold, words

DEFAULT_WEIGHT = 2.0
TEXT_LIMIT = 5_000
_END = frozenset(".!?;:\n…")


@dataclass(frozen=True, slots=True)
class Hit:
    """`length` words from word number `index` on are an entry of `section`; `words` is how the text writes them."""

    section: str
    index: int
    length: int
    weight: float
    words: str


@dataclass(frozen=True)
class Spoken:
    """A text as its words, at most the first 5,000 characters: readers look at these, not at the text."""

    text: str

    @cached_property
    def words(self) -> list[Word]:
        return words(self.text)

    @cached_property
    def folded(self) -> list[str]:
        return [word.folded for word in self.words]

    @cached_property
    def written(self) -> list[str]:
        return [self.text[word.start : word.end].lower() for word in self.words]

    @cached_property
    def sentences(self) -> list[int]:
        """For each word the number of the sentence that it is in."""
        gaps = (self.text[a.end : b.start] for a, b in pairwise(self.words))
        return list(accumulate((not _END.isdisjoint(gap) for gap in gaps), initial=0))

    @cached_property
    def has_diacritics(self) -> bool:
        return any(word != fold(word) for word in self.written)

    @classmethod
    def of(cls, text: str) -> Spoken:
        return cls(unicodedata.normalize("NFC", text[:TEXT_LIMIT]))


Entries = dict[str, list[tuple[str, float]]]


@dataclass(slots=True)
class _Table:
    """`exact`: whole entries, words joined by spaces. `stems`: what may go on, by the words before its last one."""

    exact: Entries = field(default_factory=dict)
    stems: dict[str, Entries] = field(default_factory=dict)
    lengths: dict[str, list[int]] = field(default_factory=dict)
    reach: dict[str, int] = field(default_factory=dict)  # first word -> words of the longest entry that begins so
    kept: dict[str, list[tuple[str, float]]] = field(default_factory=dict)  # what single words were found to be

    def add(self, entry: str, stem: bool, section: str, weight: float) -> None:
        first, *others = entry.split()
        self.reach[first] = max(self.reach.get(first, 1), 1 + len(others))
        if not stem:
            self.exact.setdefault(entry, []).append((section, weight))
            return
        head, _, last = entry.rpartition(" ")
        self.stems.setdefault(head, {}).setdefault(last, []).append((section, weight))
        self.lengths[head] = sorted({len(stem) for stem in self.stems[head]}, reverse=True)

    def at(self, key: str, head: str, last: str) -> Iterator[tuple[str, float]]:
        yield from self.exact.get(key, ())
        for length in self.lengths.get(head, ()):
            if length <= len(last) and (found := self.stems[head].get(last[:length])):
                yield from found

    def alone(self, word: str) -> list[tuple[str, float]]:
        found = self.kept.get(word)
        if found is None:
            if len(self.kept) > 50_000:
                self.kept.clear()
            found = self.kept[word] = list(self.at(word, "", word))
        return found


class Lexicon:
    """One language's word lists."""

    def __init__(self, sections: dict[str, list[tuple[str, float]]]) -> None:
        self._exact_spelling = any(entry == "exact" for entry, _ in sections.pop("spelling", []))
        self._folded, self._written = _Table(), _Table()
        self.stop = frozenset(word for entry, _ in sections.pop("stop", []) for word in _key(fold(entry)).split())
        for section, entries in sections.items():
            for entry, weight in entries:
                stem, bare = entry.endswith("*"), entry.rstrip("*").lower()
                self._written.add(_key(bare), stem, section, weight)
                # A short syllable without its marks can be any of a dozen Vietnamese words.
                if not (self._exact_spelling and " " not in bare and not bare.isascii() and len(bare) < 4):
                    self._folded.add(_key(fold(bare)), stem, section, weight)

    def find(self, spoken: Spoken) -> list[Hit]:
        """The entries in reading order; inside a section the longest one counts and none overlaps another."""
        exact = self._exact_spelling and spoken.has_diacritics
        table, said = (self._written, spoken.written) if exact else (self._folded, spoken.folded)
        taken: dict[str, int] = {}
        hits = []
        for index in range(len(said)):
            for length in range(min(table.reach.get(said[index], 1), len(said) - index), 0, -1):
                if length == 1:
                    found: Iterable[tuple[str, float]] = table.alone(said[index])
                else:
                    head, last = " ".join(said[index : index + length - 1]), said[index + length - 1]
                    found = table.at(f"{head} {last}", head, last)
                for section, weight in found:
                    if taken.get(section, 0) <= index:
                        taken[section] = index + length
                        shown = " ".join(spoken.written[index : index + length])
                        hits.append(Hit(section, index, length, weight, shown))
        return hits


def _key(entry: str) -> str:
    return " ".join(entry[word.start : word.end] for word in words(unicodedata.normalize("NFC", entry)))


def _sections(text: str) -> dict[str, list[tuple[str, float]]]:
    sections: dict[str, list[tuple[str, float]]] = {}
    for line in text.splitlines():
        if line.startswith("["):
            entries = sections.setdefault(line.strip("[] "), [])
        elif line and not line.startswith("#"):
            for entry in line.split(","):
                name, _, weight = entry.partition("=")
                if name.strip():
                    entries.append((name.strip(), float(weight) if weight else DEFAULT_WEIGHT))
    return sections


def _data(name: str) -> str:
    file = resources.files("sources.text.lexicons") / f"{name}.txt"
    return file.read_text(encoding="utf-8") if file.is_file() else ""


LONGEST_CODE = 3  # of a language; what else a store holds there is no name of a file


@lru_cache(maxsize=64)
def lexicon(language: str) -> Lexicon:
    """The word lists of a language ("ro"); empty ones where there is no file for it."""
    return Lexicon(_sections(_data(language) if language.isalpha() and len(language) <= LONGEST_CODE else ""))


@lru_cache(maxsize=1)
def faces() -> dict[str, float]:
    """Emoji and emoticons -> their valence."""
    signs: dict[str, float] = {}
    sign = 0.0
    for line in _data("emoji").splitlines():
        if line.startswith("["):
            sign = DEFAULT_WEIGHT if line == "[positive]" else -DEFAULT_WEIGHT
        elif not line.startswith("#"):
            signs.update((face, sign) for face in line.split())
    return signs
