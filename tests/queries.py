"""Random queries and texts, and what a query means said a second time: slowly, over token lists written by hand.

Nothing here uses the folding, the parser, the matcher or the index: a text is a list of SURFACES, whose folded words
are given beside them, so that both sides of the house are held against the same independent answer.
"""

from __future__ import annotations

import unicodedata
from collections.abc import Callable
from dataclasses import dataclass

from hypothesis import strategies as st

from store.domain.query import And, Exact, Field, Fuzzy, Near, Node, Not, Or, Phrase, Title

# What may stand between two spaces -> its folded words.
SURFACES: dict[str, tuple[str, ...]] = {
    "acme": ("acme",),
    "Acme": ("acme",),
    "ACMÉ": ("acme",),
    "acme\u0301": ("acme",),
    "#acme": ("acme",),
    "acme's": ("acme", "s"),
    "acne": ("acne",),
    "amce": ("amce",),
    "acmes": ("acmes",),
    "cloud": ("cloud",),
    "Cloud!": ("cloud",),
    "cluod": ("cluod",),
    "clouds": ("clouds",),
    "acme.cloud": ("acme", "cloud"),
    "Straße": ("strasse",),
    "STRASSE": ("strasse",),
    "ţară": ("tara",),
    "țară": ("tara",),
    "Đức": ("duc",),
    "ılık": ("ilik",),
    "日本": ("日", "本"),
    "本日": ("本", "日"),
    "日acme": ("日", "acme"),
    "が": ("が",),
    "か": ("か",),
    "🔥": (),
    "-": (),
    "a": ("a",),
    "ab": ("ab",),
    "b": ("b",),
    "OR": ("or",),
}
WORDS = sorted({word for folded in SURFACES.values() for word in folded})

texts = st.lists(st.sampled_from(sorted(SURFACES)), max_size=9)


@dataclass(frozen=True)
class Naive:
    """Two texts as lists of surfaces, and what the fields of the mention are."""

    title: tuple[str, ...]
    text: tuple[str, ...]
    field: Callable[[Field], bool] = lambda field: False

    def __contains__(self, node: Node) -> bool:
        match node:
            case And(nodes):
                return all(part in self for part in nodes)
            case Or(nodes):
                return any(part in self for part in nodes)
            case Not(inner):
                return inner not in self
            case Field():
                return self.field(node)
            case Title(inner):
                return found(inner, self.title)
        return found(node, self.title) or found(node, self.text)


def found(node: Node, surfaces: tuple[str, ...]) -> bool:
    if isinstance(node, Exact):
        return stands(node.text, " ".join(surfaces))
    words = [word for surface in surfaces for word in SURFACES[surface]]
    return bool(places(node, words))


def places(node: Node, words: list[str]) -> list[tuple[int, int]]:
    every = [(start, end) for end in range(len(words) + 1) for start in range(end)]
    match node:
        case Phrase(parts, prefix):
            return [(start, end) for start, end in every if same(words[start:end], parts, prefix)]
        case Fuzzy(word, distance):
            return [(start, end) for start, end in every if end - start == 1 and edits(word, words[start]) <= distance]
        case Near(left, right, distance):
            return [
                (min(a, c), max(b, d))
                for a, b in places(left, words)
                for c, d in places(right, words)
                if 0 <= c - b <= distance or 0 <= a - d <= distance
            ]
    raise TypeError(node)


def same(words: list[str], parts: tuple[str, ...], prefix: bool) -> bool:
    if len(words) != len(parts) or words[:-1] != list(parts[:-1]):
        return False
    return words[-1] == parts[-1] or (prefix and words[-1].startswith(parts[-1]))


def edits(one: str, other: str) -> int:
    """Restricted Damerau-Levenshtein distance as in the textbook: a table of all beginnings."""
    table = {(i, 0): i for i in range(len(one) + 1)} | {(0, j): j for j in range(len(other) + 1)}
    for i in range(1, len(one) + 1):
        for j in range(1, len(other) + 1):
            differ = one[i - 1] != other[j - 1]
            table[i, j] = min(table[i - 1, j] + 1, table[i, j - 1] + 1, table[i - 1, j - 1] + differ)
            if i > 1 and j > 1 and one[i - 1] == other[j - 2] and one[i - 2] == other[j - 1]:
                table[i, j] = min(table[i, j], table[i - 2, j - 2] + 1)
    return table[len(one), len(other)]


def stands(exact: str, text: str) -> bool:
    """Whether the very characters stand in the text without a word going on at either end."""
    for form in ("NFC", "NFD"):
        sought = unicodedata.normalize(form, exact)
        for start in range(len(text) - len(sought) + 1):
            end = start + len(sought)
            if text[start:end] == sought and not joins(text, start) and not joins(text, end):
                return True
    return False


def joins(text: str, at: int) -> bool:
    """Whether a word goes on across this place between two characters."""
    if not 0 < at < len(text):
        return False
    before, after = text[at - 1], text[at]
    if unicodedata.category(after) == "Mn":
        return True
    signs = "日本がか"
    return all(char.isalnum() or unicodedata.category(char) == "Mn" for char in (before, after)) and not (
        before in signs or after in signs
    )


# Trees, and how a person would write them.

phrases = st.builds(Phrase, st.lists(st.sampled_from(WORDS), min_size=1, max_size=3).map(tuple), st.booleans())
fuzzies = st.builds(Fuzzy, st.sampled_from([word for word in WORDS if len(word) > 2]), st.sampled_from([1, 2]))
nears = st.builds(Near, phrases | fuzzies, phrases | fuzzies, st.integers(0, 3))
exacts = st.lists(st.sampled_from(sorted(SURFACES)), min_size=1, max_size=2).map(lambda found: Exact(" ".join(found)))
terms = phrases | fuzzies | nears | exacts
texts_of_queries = terms | st.builds(Title, terms)


def queries(leaves: st.SearchStrategy[Node] = texts_of_queries) -> st.SearchStrategy[Node]:
    return st.recursive(
        leaves,
        lambda inner: (
            st.builds(Not, inner)
            | st.builds(And, st.lists(inner, min_size=2, max_size=3).map(tuple))
            | st.builds(Or, st.lists(inner, min_size=2, max_size=3).map(tuple))
        ),
        max_leaves=6,
    )


def written(node: Node) -> str:
    match node:
        case Phrase(words, prefix):
            return f'"{" ".join(words)}"' + "*" * prefix
        case Fuzzy(word, distance):
            return f"{word}~{distance}"
        case Exact(text):
            return f"`{text}`"
        case Near(left, right, distance):
            return f"({written(left)} NEAR/{distance} {written(right)})"
        case Title(inner):
            return f"title:({written(inner)})"
        case Field(name, op, value):
            return f'{name}:{op}"{value}"' if not op else f"{name}:{op}{value}"
        case Not(inner):
            return f"-{written(inner)}"
        case And(nodes):
            return f"({' '.join(map(written, nodes))})"
        case Or(nodes):
            return f"({' OR '.join(map(written, nodes))})"
