"""The one query language of watches, views, rules and search: its tree. `store.domain.query_parser` reads it,
`store.domain.fields` says what each field means, `sources.text.match` and `store.search` do it alike.

    query   = any ;            any = all ("OR" all)* ;      all = not+ ("AND" is allowed between)
    not     = ("NOT" | "-") not | near ;      near = atom ("NEAR/" n atom)*
    atom    = "(" any ")" | word | word "*" | word "~" (1|2) | '"' words '"' | "`" exact "`"
            | field ":" value | field ":(" any ")"

Words are ANDed and AND binds tighter than OR: `a OR b c` is `a OR (b c)`. A query of NOT alone is everything but that.
Operators are upper case; `or`, `and`, `not` are words. A word with signs inside ("e-mail", "acme.com", "don't") is the
phrase of its words, and signs around it ("#acme", "@acme") are not looked at. A dash is NOT where it stands right
before a term; alone it is an error, as is anything else in which no word is found. `a NEAR/3 b NEAR/3 c` is
`(a NEAR/3 b) (b NEAR/3 c)`. A value is one word, a "quoted" text or a list of these with commas (any of them);
typographic and full-width quotes, brackets, colons and dashes do as well.
"""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Phrase:
    """Folded words that stand one after the other; one word is a phrase of one. `prefix`: the last word goes on."""

    words: tuple[str, ...]
    prefix: bool = False


@dataclass(frozen=True, slots=True)
class Fuzzy:
    """A word within `distance` (1 or 2) edits of `word`, both folded: Damerau-Levenshtein, restricted (an edit is a
    letter more, less, other, or two neighbours changed, and none is edited twice)."""

    word: str
    distance: int


@dataclass(frozen=True, slots=True)
class Exact:
    """The characters as they are, case and diacritics and signs, at word borders."""

    text: str


@dataclass(frozen=True, slots=True)
class Near:
    """left and right with at most `distance` words between, in either order, not one in the other."""

    left: Phrase | Fuzzy
    right: Phrase | Fuzzy
    distance: int


@dataclass(frozen=True, slots=True)
class Field:
    """`name` is one of FIELDS; `op` is "", ">", "<", ">=" or "<=" (followers and urgency only have those)."""

    name: str
    op: str
    value: str


@dataclass(frozen=True, slots=True)
class Title:
    """`title:` with a text node below: looks at the title only."""

    node: Phrase | Fuzzy | Exact | Near


@dataclass(frozen=True, slots=True)
class Not:
    node: Node


@dataclass(frozen=True, slots=True)
class And:
    nodes: tuple[Node, ...]


@dataclass(frozen=True, slots=True)
class Or:
    nodes: tuple[Node, ...]


Node = Phrase | Fuzzy | Exact | Near | Field | Title | Not | And | Or

# What a mention says of itself, so that a watch can ask for it; and what only the desk knows.
_SAID = ["author", "title", "link", "since", "until", "followers"]
_READ = ["site", "source", "network", "type", "lang", "sentiment", "intent", "urgency"]
TEXT_FIELDS = frozenset(_SAID + _READ)
CASE_FIELDS = frozenset(["tag", "watch", "status", "assignee", "issue", "priority", "team", "id"])
FIELDS = TEXT_FIELDS | CASE_FIELDS


def parse(text: str) -> Node | None:
    """The tree of a query; None for an empty one (everything). Raises QueryError with a 1-based column; also for more
    than 4,096 characters, 300 terms or 50 brackets in brackets."""
    from store.domain.query_parser import Parser

    return Parser(text).parse()


def words_of(node: Node) -> set[str]:
    """Every positive word a query looks for (not those under NOT): to ask networks that search by words."""
    from store.domain.words import folded_words

    match node:
        case Phrase(words):
            return set(words)
        case Fuzzy(word):
            return {word}
        case Exact(text):
            return set(folded_words(text))
        case Near(left, right):
            return words_of(left) | words_of(right)
        case Title(inner):
            return words_of(inner)
        case And(nodes) | Or(nodes):
            return set().union(*map(words_of, nodes))
    return set()
