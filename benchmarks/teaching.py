"""What corrections do to the reading of other texts: share right and macro-F1 by how many there are.

    python benchmarks/teaching.py DATA

DATA (or the environment variable EARFUL_LABELLED) is a folder as of benchmarks/reading.py. A line a language, kind and
number of corrections: "wrong" corrects only what is read wrongly, as people do; "all" says of every text what it is,
also where the reading is right. The layer is tried on 1,500 texts of the same kind that it never saw. "elsewhere" are
posts of the same language and another kind. What the weights were learnt from is marked with *: those figures flatter
the reading before, and hide what could be learnt.
"""

from __future__ import annotations

import os
import random
import sys
import time
from collections.abc import Sequence
from pathlib import Path

from benchmarks.reading import Post, read
from sources.text.imprint import imprint
from sources.text.local import Offsets
from sources.text.local_fit import Example, Lesson, decided, fit
from store.domain.mention import SentimentLabel

LABELS = {"neg": SentimentLabel.NEGATIVE, "neu": SentimentLabel.NEUTRAL, "pos": SentimentLabel.POSITIVE}
SETS = (("en", "airline_mentions_en", "sentiment_en_val", ""), ("de", "sentiment_de_train", "sentiment_de_val", "*"))
SETS += tuple((code, f"sentiment_{code}_train", "", "*") for code in ("ro", "hu", "vi"))
NUMBERS = (10, 30, 100, 300, 1_000)
TESTED, BESIDE = 1_500, 1_000
NOTHING = Offsets((0.0, 0.0), {})


def main(folder: str = "") -> None:
    folder = folder or os.environ.get("EARFUL_LABELLED", "")
    for code, name, other, mark in SETS:
        posts = random.Random(1).sample(read(Path(folder) / f"{name}.jsonl"), k=5_000 if code == "en" else 1_800)
        lessons = taught(posts, code)
        half = min(TESTED, len(lessons) // 3)
        tested, rest = lessons[:half], lessons[half:]
        beside = [lesson.example for lesson in rest[-BESIDE // (1 if code == "en" else 3) :]]
        pool = rest[: -len(beside)]
        elsewhere = taught(read(Path(folder) / f"{other}.jsonl"), code) if other else []
        print(f"{code}{mark}  before: {scores(tested, NOTHING)}" + said_elsewhere(elsewhere, NOTHING), flush=True)
        for kind in ("wrong", "all"):
            of_kind = [lesson for lesson in pool if lesson.wrong] if kind == "wrong" else pool
            for number in NUMBERS:
                if number <= len(of_kind):
                    begun = time.process_time()
                    offsets = fit(of_kind[:number], beside)
                    took = time.process_time() - begun
                    now = f"{scores(tested, offsets)}{said_elsewhere(elsewhere, offsets)}"
                    print(f"    {kind:5} {number:5}: {now}  in {took:.1f} s", flush=True)


def taught(posts: Sequence[Post], code: str) -> list[Lesson]:
    found = ((post, imprint(post.text, code, ())) for post in posts)
    return [Lesson(seen.example("model"), LABELS[post.label]) for post, seen in found if seen is not None]


def said_elsewhere(lessons: Sequence[Lesson], offsets: Offsets) -> str:
    return f"  elsewhere {scores(lessons, offsets)}" if lessons else ""


def scores(lessons: Sequence[Lesson], offsets: Offsets) -> str:
    pairs = [(lesson.label, moved(lesson.example, offsets)) for lesson in lessons]
    right = sum(said is found for said, found in pairs) / len(pairs)
    each = []
    for label in {said for said, _ in pairs}:
        both = sum(said is label is found for said, found in pairs)
        each.append(2 * both / sum((said is label) + (found is label) for said, found in pairs))
    return f"{100 * right:.1f} % right, macro-F1 {100 * sum(each) / len(each):.1f}"


def moved(example: Example, offsets: Offsets) -> SentimentLabel:
    less, more = offsets.of(example.features)
    return decided((example.leaning[0] + less, example.leaning[1] + more))


if __name__ == "__main__":
    main(*sys.argv[1:])
