"""Why a query matches a post or does not, in lines for a person. Pure."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from sources.text.explain import Reason

MISSES = 3  # of a watch that did not match: the nearest


def reason_lines(matched: bool, reasons: Sequence[Reason]) -> Iterator[str]:
    """The words that brought a post in, in their context; or the nearest misses, and how many more there are."""
    if matched:
        found = [reason for reason in reasons if reason.words]
        for reason in found or [reason for reason in reasons if not reason.negated]:
            yield f"`{reason.term}`: {reason.context or reason.why}"
        return
    for reason in reasons[:MISSES]:
        yield reason.why if reason.negated or reason.term.startswith("languages ") else f"`{reason.term}`: {reason.why}"
    if len(reasons) > MISSES:
        yield f"and {len(reasons) - MISSES} more"
