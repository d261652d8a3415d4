"""What the installed engines of deep reading better: sentiment, complaints, issues, issues across languages.

    python -m benchmarks.deep_reading DATA [TEXTS]

DATA as for `reading.py`, with `intents_banking_train.jsonl` (`text`, `label`) beside; TEXTS of each language are read.
`twins.tsv` holds forty complaints and their translations.
"""

from __future__ import annotations

import random
import sys
import time
from collections import Counter
from collections.abc import Sequence
from math import comb
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks.reading import LANGUAGES, NAMES, Post, labelled, macro_f1, read, table
from sources.text import reading, sentiment
from sources.text.deep import centring, head, vectors
from sources.text.deep.engines import ENGINES, Engine
from sources.text.deep.gathering import Gathered, Meant, gather
from sources.text.features import features, said
from sources.text.groups import Groups
from store.domain.mention import Reading

SOME, QUESTIONS = 1_000, 2_500
FAR = 1_000  # between the numbers of two languages
A_BATCH = 64


class Measured:
    """An engine, loaded, with the vectors that it made."""

    def __init__(self, engine: Engine) -> None:
        self.engine, self._encode = engine, engine.encoder()

    def units(self, texts: Sequence[str]) -> Any:
        """As they come out of the store."""
        said = [vectors.plain("", text) for text in texts]
        made = [self._encode(said[at : at + A_BATCH]) for at in range(0, len(said), A_BATCH)]
        return vectors.unpacked(vectors.packed(np.concatenate(made)), self.engine.dimension)

    def apart(self, texts: Sequence[str]) -> Any:
        """The same of one language, its mean taken off."""
        units = self.units(texts)
        return centring.centred(units, [""] * len(units), {"": units.mean(0)})

    def meant(self, language: str, texts: Sequence[str], *, first: int = 0) -> list[Meant]:
        """Each by an author of its own, numbered from `first` on."""
        groups, told = Groups(), [features(said(text), language, frozenset()) for text in texts]
        groups.learn(told)
        units = enumerate(zip(told, self.apart(texts), strict=True), first)
        return [Meant(number, number, language, unit, groups.vector(words)) for number, (words, unit) in units]

    def bettered(self, post: Post, unit: Any) -> Reading:
        light = reading.read("", post.text, hint=post.lang)
        felt = sentiment.sentiment(post.text, post.lang)
        light = Reading(post.lang, felt.label, felt.score, light.intent, 0, (), reading.VERSION)
        return head.refined(self.engine, unit, light, post.text, None) or light


def main(folder: str, most: str = "324") -> None:
    posts, learnt = labelled(Path(folder), int(most))
    for engine in ENGINES.values():
        if words := engine.obstacle():
            print(f"{engine.name} is not measured: {words}")
            continue
        print(f"\nDEEP READING with {engine.name} (* seen in training: {' '.join(sorted(learnt)) or 'none'})")
        measured = Measured(engine)
        sentiments(measured, [post for post in posts if post.lang in engine.feels])
        complaints(measured, Path(folder) / "airline_mentions_en.jsonl")
        issues(measured, Path(folder) / "intents_banking_train.jsonl")
        twins(measured)


def sentiments(measured: Measured, posts: list[Post]) -> None:
    begin = time.process_time()
    units = measured.units([post.text for post in posts])
    print(f"{len(posts) / (time.process_time() - begin):,.0f} texts a CPU second")
    known = {id(post): unit for post, unit in zip(posts, units, strict=True)}

    def told(post: Post) -> str:
        return NAMES[str(measured.bettered(post, known[id(post)]).sentiment)]

    table("sentiment, macro-F1, all", posts, told, macro_f1)
    table("sentiment, macro-F1, the six", [post for post in posts if post.lang in LANGUAGES[:6]], told, macro_f1)


def complaints(measured: Measured, file: Path) -> None:
    if not file.is_file():
        return
    posts = [post._replace(label=str(post.label == "neg")) for post in random.Random(0).sample(read(file), SOME)]
    units = measured.units([post.text for post in posts])
    known = {id(post): unit for post, unit in zip(posts, units, strict=True)}

    def shallow(post: Post) -> str:
        return str(reading.read("", post.text).intent in ("complaint", "threat"))

    def deep(post: Post) -> str:
        return str(measured.bettered(post, known[id(post)]).intent in ("complaint", "threat"))

    table("complaint or not, macro-F1: the words alone", posts, shallow, macro_f1)
    table("complaint or not, macro-F1: read deeply", posts, deep, macro_f1)


def issues(measured: Measured, file: Path) -> None:
    if not file.is_file():
        return
    posts = random.Random(1).sample(read(file), QUESTIONS)
    items = measured.meant("en", [post.text for post in posts])
    at = places(gather(measured.engine, items, {}))
    truth = [post.label for post in posts]
    found = rand_index(truth, [at.get(item.id, str(item.id)) for item in items])
    print(f"issues of {QUESTIONS:,} questions to a bank in one lot, ARI {found:.3f}")


def twins(measured: Measured) -> None:
    """As when all of them come in at once."""
    codes, *rows = (line.split("\t") for line in Path(__file__).with_name("twins.tsv").read_text("utf-8").splitlines())
    items: list[Meant] = []
    for place, code in enumerate(codes):
        if code in measured.engine.good_at:
            items += measured.meant(code, [row[place] for row in rows], first=FAR * place)
    at = places(gather(measured.engine, items, {}))
    print("a translation is in the issue of its English twin:", end=" ")
    for place, code in enumerate(codes):
        same = [at.get(FAR * place + n, n) == at.get(n) for n in range(len(rows))]
        print(f"{code} {sum(same) / len(rows):.2f}", end="  ")
    print()


def places(found: Gathered) -> dict[int, str]:
    return {number: key for key, ids in found.founded.items() for number in ids}


def rand_index(truth: Sequence[str], guess: Sequence[str]) -> float:
    """Adjusted for chance (Hubert and Arabie 1985)."""
    pairs = list(zip(truth, guess, strict=True))
    both, ones, others = (sum(comb(n, 2) for n in Counter(of).values()) for of in (pairs, truth, guess))
    expected = ones * others / comb(len(truth), 2)
    return (both - expected) / ((ones + others) / 2 - expected)


if __name__ == "__main__":
    main(*sys.argv[1:])
