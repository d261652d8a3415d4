"""What makes a case urgent, 0..100, as a sum of points: the one table of them.

What a mention says of itself is added up when it is read (`sources.text.urgency`) and stored; what the clock and other
mentions say is added when somebody looks (`store.cases.urgency`). docs/metrics.md tells it to users.
"""

from __future__ import annotations

from datetime import timedelta

MOST = 100

# What it says.
NEGATIVE, NEGATIVE_SCORE = 10, 15  # and as its score goes to -1
INTENTS = {"threat": 25, "complaint": 15, "question": 10, "request": 10}
CRISES = {"safety": 45, "data leak": 45, "legal": 40, "fraud": 35, "press": 30}
SURENESS = {1: 0.6, 2: 0.8, 3: 1.0}  # of a crisis by the weight of its word: "police", "lawsuit", "my lawyer"
MILD = 4  # a crisis counts a quarter in a friendly text, or one about something else

# Who says it: points for each power of ten above a thousand followers.
AUDIENCE, AUDIENCE_MOST, AUDIENCE_LEAST = 10, 30, 10_000

# How long it waits: points where the whole promise is used up, and at most.
WAITING, WAITING_MOST = 20, 30

# Who comes back: points for each message besides the first.
AGAIN, AGAIN_MOST, AGAIN_WITHIN = 5, 15, timedelta(days=7)

# What is becoming many: points for each doubling of the issue from one day to the next.
GROWING, GROWING_MOST, GROWING_LEAST, GROWING_OVER = 5, 15, 5, timedelta(days=1)


def growing(before: int, lately: int) -> int:
    """Points of an issue that had so many mentions the day before, and so many in the last one."""
    doublings = (lately // max(before, 1)).bit_length() - 1 if lately >= GROWING_LEAST else 0
    return min(GROWING_MOST, GROWING * max(doublings, 0))


def span(length: timedelta) -> str:
    """A length of time in its largest unit: "20 min", "3 h", "2 days"."""
    minutes = max(int(length.total_seconds()) // 60, 0)
    if minutes < 60:
        return f"{minutes} min"
    if minutes < 48 * 60:
        return f"{minutes // 60} h"
    return f"{minutes // (24 * 60)} days"


def ordinal(number: int) -> str:
    """1 -> "1st"."""
    ending = {1: "st", 2: "nd", 3: "rd"}.get(number % 10, "th") if number // 10 % 10 != 1 else "th"
    return f"{number:,}{ending}"
