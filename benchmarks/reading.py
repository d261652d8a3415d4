"""The reading of text on labelled posts, beside bare langdetect and bare VADER: how often right, how fast, how big.

    python benchmarks/reading.py DATA [TEXTS]

DATA (or the environment variable EARFUL_LABELLED) is a folder of JSON Lines: `sentiment_LANGUAGE_val.jsonl` or, where
there is none, `sentiment_LANGUAGE_train.jsonl`, each with `text`, `label` (neg, neu, pos) and `lang`;
`airline_mentions_en.jsonl` and `intents_banking_train.jsonl` with `label`. Without it only the speeds are measured, on
the texts of the demo. At most TEXTS of each language are read. What the weights were learnt from is marked with *:
those figures flatter.
"""

from __future__ import annotations

import json
import math
import os
import random
import re
import resource
import statistics
import sys
import time
from collections import Counter, defaultdict
from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import NamedTuple

from sources.demo import world
from sources.text import grouping, language, match, phrases, reading, sentiment
from sources.text.features import features, said
from sources.text.groups import Groups
from store.domain.desk import ReadingChoice
from store.domain.query import parse
from store.domain.words import fold
from tests import factories

NOW = datetime(2026, 11, 21, 12, tzinfo=UTC)
LANGUAGES = ("en", "de", "it", "fr", "es", "pt", "ro", "hu", "vi")
NAMES = {"negative": "neg", "neutral": "neu", "positive": "pos"}
SHORT = 40
MENTIONS = 10_000
_MASKED = re.compile(r"https?\S*|[@＠]\S*")


class Post(NamedTuple):
    text: str
    label: str
    lang: str


Told = Callable[[Post], str]


def main(folder: str = "", most: str = "324") -> None:
    folder = folder or os.environ.get("EARFUL_LABELLED", "")
    posts: list[Post] = []
    if folder:
        posts, learnt = labelled(Path(folder), int(most))
        languages_told(posts)
        sentiments_told(posts, learnt)
        complaints_told(Path(folder))
        issues_told(Path(folder))
        intents_told(folder)
    speeds([post.text for post in posts] or demo())
    if folder:
        deep_told(folder, most)


def labelled(folder: Path, most: int) -> tuple[list[Post], set[str]]:
    """The posts, and the languages of which only those exist that the weights were learnt from."""
    posts, learnt = [], set()
    for code in LANGUAGES:
        file = folder / f"sentiment_{code}_val.jsonl"
        if not file.is_file():
            file = folder / f"sentiment_{code}_train.jsonl"
            learnt.add(code)
        if file.is_file():
            posts += random.Random(0).sample(read(file), min(most, len(read(file))))
    return posts, learnt


def read(file: Path) -> list[Post]:
    lines = map(json.loads, file.read_text("utf-8").strip().split("\n"))
    return [Post(line["text"], line["label"], line["lang"]) for line in lines]


def languages_told(posts: list[Post]) -> None:
    from langdetect import DetectorFactory
    from langdetect import detect as bare
    from langdetect.lang_detect_exception import LangDetectException

    def by_langdetect(post: Post) -> str:
        DetectorFactory.seed = 0
        try:
            return str(bare(post.text))
        except LangDetectException:
            return language.UNKNOWN

    short = [post._replace(text=" ".join(_MASKED.sub(" ", post.text)[:SHORT].split()[:-1])) for post in posts]
    kinds = {
        "raw": posts,
        "without diacritics": [post._replace(text=fold(post.text)) for post in posts],
        "first 40 signs": short,
        "the same without diacritics": [post._replace(text=fold(post.text)) for post in short],
    }
    print("LANGUAGE, % right, mean of the languages")
    for kind, them in kinds.items():
        table(f"{kind}: bare langdetect", them, by_langdetect, right)
        table(f"{kind}: earful", them, lambda post: language.detect(post.text), right)
        table(f"{kind}: earful, {len(LANGUAGES)} allowed", them, allowed, right)


def allowed(post: Post) -> str:
    return language.detect(post.text, allowed=LANGUAGES)


def sentiments_told(posts: list[Post], learnt: set[str]) -> None:
    marks = " ".join(sorted(learnt))
    print(f"\nSENTIMENT, macro-F1, mean of the six, then of those that were seen in training: {marks or 'none'}")

    def earful(engine: str, told: bool) -> Told:
        def read_it(post: Post) -> str:
            code = language.detect(post.text) if told else post.lang
            return NAMES[str(sentiment.sentiment(post.text, code, engine).label)]

        return read_it

    for some in ([p for p in posts if p.lang not in learnt], [p for p in posts if p.lang in learnt]):
        if some:
            table("bare VADER", some, by_vader, macro_f1)
            table("earful, word lists", some, earful("lexicon", False), macro_f1)
            table("earful, model", some, earful("model", False), macro_f1)
            table("earful, model, its own language", some, earful("model", True), macro_f1)
            bare = [post._replace(text=fold(post.text)) for post in some]
            table("earful, model, without diacritics", bare, earful("model", False), macro_f1)
    print("95 % intervals of earful's model, by bootstrap:", end=" ")
    for code in LANGUAGES:
        if pairs := [(post.label, earful("model", False)(post)) for post in posts if post.lang == code]:
            low, high = bootstrap(pairs)
            print(f"{code}{'*' * (code in learnt)} {low:.1f}-{high:.1f}", end="  ")
    print()


def issues_told(folder: Path) -> None:
    """Recurring issues of customers' questions whose intent is known; what is in no issue is alone."""
    file = folder / "intents_banking_train.jsonl"
    if not file.is_file():
        return
    kinds: dict[str, list[Post]] = defaultdict(list)
    for post in read(file):
        kinds[post.label].append(post)
    some = [post for kind in kinds.values() for post in random.Random(0).sample(kind, min(40, len(kind)))]
    print(f"\nISSUES, {len(some):,} questions of {len(kinds)} intents (* the thresholds were chosen on them)")
    for lot in (4_000, 300, 20):
        scores = []
        for seed in range(3):
            mixed = random.Random(seed).sample(some, len(some))
            scores.append(issue_scores(mixed, grouped(mixed, lot)))
        means = [statistics.fmean(each) for each in zip(*scores, strict=True)]
        spread = max(score[0] for score in scores) - min(score[0] for score in scores)
        shares = f"in an issue {means[1]:.0%}  of its main intent {means[2]:.0%}"
        print(f"{f'in lots of {lot:,}':36} ARI {means[0]:.3f} (three orders: within {spread:.3f})  {shares}")
    half = len(some) // 2
    mixed = random.Random(0).sample(some, len(some))
    before, after = grouped(mixed[:half], half), grouped(mixed, half)
    kept = sum(after[n] == issue for n, issue in before.items())
    print(f"of {len(before):,} in an issue, {kept:,} have the same one when as many more have come")
    everything = [post for kind in kinds.values() for post in kind]
    random.Random(0).shuffle(everything)
    began = time.process_time()
    grouped(everything, 4_000)
    print(f"{10_000 * (time.process_time() - began) / len(everything):.1f} CPU-seconds for 10,000 questions")


def grouped(posts: list[Post], lot: int) -> dict[int, str]:
    """Number of a post -> its issue, as it comes out of lots."""
    groups, issues = Groups(), dict[int, str]()
    for at in range(0, len(posts), lot):
        told = enumerate((post.text for post in posts[at : at + lot]), at)
        items = [grouping.Item(n, n, features(said(text), "en"), trouble=True) for n, text in told]
        placed = grouping.place(groups, items)
        issues |= placed.joined | {n: key for key, numbers in placed.founded.items() for n in numbers}
    return issues


def issue_scores(posts: list[Post], issues: dict[int, str]) -> tuple[float, float, float]:
    """Adjusted Rand index (Hubert and Arabie 1985), share in an issue, share of those that are of its main intent."""
    found = [(post.label, issues.get(n, str(n))) for n, post in enumerate(posts)]
    both, intents, groups = (Counter(each) for each in (found, (i for i, _ in found), (g for _, g in found)))
    pairs, by_intent, by_group = (sum(math.comb(n, 2) for n in count.values()) for count in (both, intents, groups))
    chance = by_intent * by_group / math.comb(len(posts), 2)
    taken, main = set(issues.values()), dict[str, int]()
    for (_, group), count in both.items():
        if group in taken:
            main[group] = max(main.get(group, 0), count)
    index = (pairs - chance) / ((by_intent + by_group) / 2 - chance)
    return index, len(issues) / len(posts), sum(main.values()) / max(len(issues), 1)


def intents_told(folder: str) -> None:
    from benchmarks import intents

    print("\nINTENTS, hand-written sentences that the rules were not looked at with")
    intents.main("aside", folder)


def deep_told(folder: str, most: str) -> None:
    """Last, because it is slow and takes the memory that it takes."""
    from benchmarks import deep_reading

    deep_reading.main(folder, most)


def by_vader(post: Post) -> str:
    compound = vader(post.text)
    return "pos" if compound >= 0.05 else "neg" if compound <= -0.05 else "neu"


def vader(text: str) -> float:
    from vaderSentiment.vaderSentiment import SentimentIntensityAnalyzer

    if not _VADER:
        _VADER.append(SentimentIntensityAnalyzer())
    return float(_VADER[0].polarity_scores(text)["compound"])


_VADER: list = []


def complaints_told(folder: Path) -> None:
    file = folder / "airline_mentions_en.jsonl"
    if not file.is_file():
        return
    posts = [post._replace(label=str(post.label == "neg")) for post in read(file)]
    print("\nCOMPLAINT OR NOT, mentions of airlines, macro-F1")
    table("bare VADER <= -0.05", posts, lambda post: str(vader(post.text) <= -0.05), macro_f1)
    for engine in ("lexicon", "model"):
        choice = ReadingChoice(sentiment=engine)

        def complains(post: Post, choice: ReadingChoice = choice) -> str:
            return str(reading.read("", post.text, choice=choice).intent in ("complaint", "threat"))

        table(f"earful, {engine}", posts, complains, macro_f1)


def table(name: str, posts: list[Post], told: Told, judge: Callable[[Sequence[tuple[str, str]]], float]) -> None:
    pairs: dict[str, list[tuple[str, str]]] = defaultdict(list)
    said = []
    begin = time.process_time()
    for post in posts:
        said.append(told(post))
    speed = len(posts) / (time.process_time() - begin)
    for post, guess in zip(posts, said, strict=True):
        pairs[post.lang].append((post.lang if judge is right else post.label, guess))
    scores = {code: judge(each) for code, each in pairs.items()}
    cells = "  ".join(f"{code} {score:5.1f}" for code, score in scores.items())
    print(f"{name:45} {sum(scores.values()) / len(scores):5.1f}   {cells}   {speed:9,.0f} a second")


def right(pairs: Sequence[tuple[str, str]]) -> float:
    return 100 * sum(truth == guess for truth, guess in pairs) / len(pairs)


def macro_f1(pairs: Sequence[tuple[str, str]]) -> float:
    """Over the classes that the truth has; another guess is wrong."""
    both, truths, guesses = Counter(pairs), Counter(pair[0] for pair in pairs), Counter(pair[1] for pair in pairs)
    scores = [2 * both[name, name] / (truths[name] + guesses[name]) for name in truths]
    return 100 * sum(scores) / len(scores)


def bootstrap(pairs: list[tuple[str, str]], rounds: int = 500) -> tuple[float, float]:
    draw = random.Random(0)
    scores = sorted(macro_f1(draw.choices(pairs, k=len(pairs))) for _ in range(rounds))
    return scores[rounds // 40], scores[-rounds // 40]


def demo() -> list[str]:
    return [text for mention in world(NOW).mentions if (text := mention.text or mention.title) and text[0].isalpha()]


def speeds(texts: list[str], count: int = 2_000) -> None:
    from langdetect import DetectorFactory, detect

    DetectorFactory.seed = 0
    print("\nSPEED")
    some = [text for text in texts if any(map(str.isalpha, text))]
    some = random.Random(0).sample(some, min(count, len(some)))
    matches = match.compile(parse('"nimbari drive" OR nimbari~1 NOT (nimbari NEAR/3 anvil)'))
    steps: dict[str, Callable[[str], object]] = {
        "bare langdetect": detect,
        "language": language.detect,
        "sentiment, English": lambda text: sentiment.sentiment(text, "en"),
        "sentiment, English, word lists": lambda text: sentiment.sentiment(text, "en", "lexicon"),
        "topics": lambda text: phrases.topics(text, "en"),
        "matching one watch": lambda text: matches(match.document(factories.read_mention(text), source="demo")),
        "the whole reading": lambda text: reading.read("", text),
    }
    bare = 0.0
    for name, step in steps.items():
        step(some[0])
        begin = time.process_time()
        for text in some:
            step(text)
        speed = len(some) / (time.process_time() - begin)
        bare = bare or speed
        print(f"{name:32} {speed:9,.0f} texts a CPU second {speed / bare:7.1f} x bare langdetect")
    begin = time.process_time()
    for number in range(MENTIONS):
        reading.read("", texts[number % len(texts)])
    print(f"{MENTIONS:,} mentions through the whole reading: {time.process_time() - begin:.1f} CPU seconds")
    print(f"memory at most: {resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024:.0f} MB")


if __name__ == "__main__":
    main(*sys.argv[1:])
