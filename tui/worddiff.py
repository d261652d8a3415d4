"""What an edit changed, word by word. Pure."""

from __future__ import annotations

import re
from collections.abc import Iterator
from difflib import SequenceMatcher
from typing import Literal

Kind = Literal["same", "gone", "new"]
WORDS = 2_000  # comparing takes the square of it; a longer text is shown as wholly new
AROUND = 6  # unchanged words that are shown beside a change
_TOKEN = re.compile(r"\w+|\s+|[^\w\s]")


def changes(old: str, new: str) -> list[tuple[Kind, str]]:
    """The new text in pieces, with what is gone where it stood. The "same" and "new" pieces make up `new`, the "same"
    and "gone" ones `old`."""
    before, after = _TOKEN.findall(old), _TOKEN.findall(new)
    if max(len(before), len(after)) > WORDS:
        return [("gone", old), ("new", new)]
    pieces: list[tuple[Kind, str]] = []
    for what, i, j, k, m in SequenceMatcher(None, before, after, autojunk=False).get_opcodes():
        if what == "equal":
            pieces.append(("same", "".join(after[k:m])))
            continue
        gone, come = "".join(before[i:j]), "".join(after[k:m])
        pieces += [("gone", gone)] if gone else []
        pieces += [("new", come)] if come else []
    return pieces


def marked(old: str, new: str) -> Iterator[tuple[Kind, str]]:
    """The same for a line on a screen: changes in marks that need no colour, [-gone-] and {+new+}, with a few unchanged
    words around them."""
    pieces = changes(" ".join(old.split()), " ".join(new.split()))
    for number, (kind, words) in enumerate(pieces):
        if kind == "same":
            yield kind, _shortened(words, first=number == 0, last=number == len(pieces) - 1)
        else:
            left, right = ("[-", "-]") if kind == "gone" else ("{+", "+}")
            yield kind, f"{left}{words}{right}"


def _shortened(words: str, *, first: bool, last: bool) -> str:
    tokens = _TOKEN.findall(words)
    head = [] if first else tokens[: 2 * AROUND]
    tail = [] if last else tokens[len(tokens) - 2 * AROUND :]
    if len(tokens) <= len(head) + len(tail) + 2:
        return words
    return f"{''.join(head)} … {''.join(tail)}" if head and tail else f"{''.join(head)}…{''.join(tail)}"
