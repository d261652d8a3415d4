"""What posts are for, on hand-written sentences of six languages; and how many posts of the street are taken for a
threat or for spam.

    python -m benchmarks.intents [HALF] [DATA]

HALF is "seen" (the odd lines, which the rules were looked at with) or "aside" (the even ones, kept away from that).
With DATA (see benchmarks/reading.py) its posts are read too: nearly none of them is a threat or spam.
"""

from __future__ import annotations

import sys
from collections import Counter, defaultdict
from pathlib import Path

from benchmarks.reading import Post, labelled, macro_f1
from sources.text.reading import read
from tests.sources import intents

ALARMS = ("threat", "spam")


def main(half: str = "seen", folder: str = "") -> None:
    told = [(line, read("", line.text).intent or "none") for line in intents.half(half)]
    languages = dict.fromkeys(line.language for line, _ in told)
    print(f"{'F1':12} {'all':>5}  " + "  ".join(f"{code:>5}" for code in languages))
    for label in (*intents.LABELS, "macro"):
        cells = []
        for code in ("", *languages):
            pairs = [(line.intent, guess) for line, guess in told if code in ("", line.language)]
            cells.append(macro_f1(pairs) if label == "macro" else f1(pairs, label))
        print(f"{label:12} " + "  ".join(f"{cell:5.1f}" for cell in cells))
    if half == "seen":
        for line, guess in told:
            if guess != line.intent:
                print(f"{line.language} {line.intent} read as {guess}: {line.text}")
    if folder:
        alarms(labelled(Path(folder), 324)[0])


def f1(pairs: list[tuple[str, str]], label: str) -> float:
    truth, guess = (Counter(column)[label] for column in zip(*pairs, strict=True))
    return 200 * pairs.count((label, label)) / max(truth + guess, 1)


def alarms(posts: list[Post]) -> None:
    found: dict[str, Counter[str]] = defaultdict(Counter)
    for post in posts:
        found[post.lang][read("", post.text).intent or "none"] += 1
    for code, count in found.items():
        said = ", ".join(f"{count[label]} {label}" for label in ALARMS)
        print(f"{code}: {said} among {count.total()} posts of the street")


if __name__ == "__main__":
    main(*sys.argv[1:])
