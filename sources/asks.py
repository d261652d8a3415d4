"""What to ask a network that searches by words, so that nothing a watch matches is missed: a bounded list of questions
that together cover every way in which its query can be true. They may bring too much; the watch decides at intake.
"""

from __future__ import annotations

from dataclasses import dataclass

from store.domain import query
from store.domain.query import And, Exact, Fuzzy, Near, Node, Or, Phrase, Title

LIMIT = 32


@dataclass(frozen=True, slots=True)
class Term:
    """Words to look for: one after the other as they are (`quoted`), or each in its place; `fuzzy` also misspelt."""

    words: str
    quoted: bool = True
    fuzzy: bool = False


@dataclass(frozen=True, slots=True)
class Ask:
    """One question: all terms at once."""

    terms: tuple[Term, ...]

    @property
    def text(self) -> str:
        return " ".join(f'"{term.words}"' if term.quoted else term.words for term in self.terms)

    @property
    def fuzzy(self) -> bool:
        return any(term.fuzzy for term in self.terms)


def asks(text: str) -> list[Ask]:
    """The questions of a query, at most LIMIT; none where it does not look for words (only fields, only NOT)."""
    return [Ask(tuple(sorted(way, key=_order))) for way in _needed(text)[:LIMIT]]


def left_out(text: str) -> int:
    """How many questions more a query would take."""
    return max(0, len(_needed(text)) - LIMIT)


def _needed(text: str) -> list[frozenset[Term]]:
    node = query.parse(text)
    ways = _ways(node) if node is not None else None
    smallest = sorted(set(ways or ()), key=lambda way: (len(way), sorted(map(_order, way))))
    needed: list[frozenset[Term]] = []
    for way in smallest:  # "acme cloud" need not be asked where "acme" is
        if not any(wider <= way for wider in needed):
            needed.append(way)
    return needed


Ways = list[frozenset[Term]]


def _ways(node: Node) -> Ways | None:
    """The alternatives of a node, each a set of terms that must all be there. None: it says nothing about words."""
    match node:
        case Phrase(words, prefix):
            return [frozenset({Term(" ".join(words), quoted=not prefix)})]
        case Fuzzy(word):
            return [frozenset({Term(word, quoted=False, fuzzy=True)})]
        case Exact(text):
            return [frozenset({Term(text.replace('"', " ").strip())})]
        case Near(left, right):
            return _ways(And((left, right)))
        case Title(inner):
            return _ways(inner)
        case Or(nodes):
            found = [ways for ways in map(_ways, nodes) if ways is not None]
            return [way for ways in found for way in ways] or None
        case And(nodes):
            together: Ways | None = None
            for ways in sorted((ways for ways in map(_ways, nodes) if ways is not None), key=len):
                if together is None:
                    together = ways
                elif len(together) * len(ways) <= LIMIT:  # else what is there is asked without narrowing it further
                    together = [one | other for one in together for other in ways]
            return together
        case _:
            return None


def _order(term: Term) -> tuple[bool, str]:
    return not term.quoted, term.words
