"""A word that nobody knows, and the known one that was perhaps meant."""

from __future__ import annotations

from collections.abc import Iterable


def did_you_mean(word: str, known: Iterable[str]) -> str:
    """ "; did you mean `query`?" to append to an error, or nothing."""
    from difflib import get_close_matches

    close = get_close_matches(word.casefold(), list(known), n=1)
    return f"; did you mean `{close[0]}`?" if close else ""
