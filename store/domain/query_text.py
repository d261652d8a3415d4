"""A query's tree as a person would write it: `parse(written(node)) == node` for every tree that `parse` gives."""

from __future__ import annotations

from store.domain.query import And, Exact, Field, Fuzzy, Near, Node, Not, Or, Phrase, Title


def written(node: Node) -> str:
    """The query in its shortest plain form: `"acme cloud" OR (acmecloud~1 NOT acme NEAR/3 anvil)`."""
    match node:
        case Or(nodes):
            return " OR ".join(f"({written(part)})" if isinstance(part, And) else _inside(part) for part in nodes)
        case And(nodes):
            return " ".join(_inside(part) for part in nodes)
    return _inside(node)


def _inside(node: Node) -> str:
    """As one operand: what holds several parts is put in brackets."""
    match node:
        case Phrase((word,), prefix):
            return (word if word.isascii() else f'"{word}"') + "*" * prefix
        case Phrase(words, prefix):
            return f'"{" ".join(words)}"' + "*" * prefix
        case Fuzzy(word, distance):
            return f"{word}~{distance}"
        case Exact(text):
            return f"`{text}`"
        case Near(left, right, distance):
            return f"{_inside(left)} NEAR/{distance} {_inside(right)}"
        case Title(inner):
            return f"title:({_inside(inner)})" if isinstance(inner, Near) else f"title:{_inside(inner)}"
        case Field(name, op, value):
            return f"{name}:{op}{value}" if op or (value.isascii() and value.isalnum()) else f'{name}:"{value}"'
        case Not(inner):
            return f"NOT {_inside(inner)}"
        case And() | Or():
            return f"({written(node)})"
