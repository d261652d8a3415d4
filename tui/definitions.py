"""What each number on a screen means: one sentence and one line of arithmetic, as docs/metrics.md has them."""

from __future__ import annotations

DEFINITIONS: dict[str, tuple[str, str]] = {
    "Mentions": (
        "What people wrote about the watched names in the period.",
        "count of mentions with since <= created < until",
    ),
    "Authors": (
        "How many different people that was; where a source names nobody, each mention is by somebody else.",
        "count of distinct (network, handle)",
    ),
    "Cases": ("How many conversations they belong to.", "count of distinct cases"),
    "Net sentiment": ("How the mood leans, from -100 % to +100 %.", "(positive - negative) / all"),
    "Share of voice": (
        "How much of the talk about us and our competitors is about us.",
        "own mentions / (own + competitors' mentions)",
    ),
    "Recurring issue": (
        "What at least three authors say in their own words, or what a person pinned; reposts are told apart.",
        "count of mentions of the issue in the period",
    ),
    "Change of an issue": (
        "Whether it grows: the later half of the period against the earlier.",
        "(later - earlier) / max(earlier, 1)",
    ),
    "First answer time": (
        "How long the author waited for our first word; median and 90th percentile.",
        "first sent answer - first mention of the case",
    ),
    "Answered within the promise": (
        "The share of cases whose first answer came in time; those still waiting count as not in time once due.",
        "in time / cases whose answer was due",
    ),
}
