"""Fitting the local layer: seconds, no library, the same corrections always give the same layer.

Who corrects, corrects what is wrong: fitted on that alone, a layer learns that the opposite of what the model says is
right, and reads the rest worse than chance (measured in docs/reading.md). So other texts of the desk stand beside the
corrections, and of them holds what the model says; three of them for each wrong one, less those where a person said
that the model was right.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from math import sqrt

from sources.text.local import Offsets, Pair, chances, weight_of_one
from store.domain.mention import SentimentLabel

LEAST = 5  # corrections of a language: fewer say nothing of other texts
FOLDS = 5
ROUNDS = 6
RIGHT_A_WRONG_ONE = 3
OTHERS = 1_000
WORDS, BIAS = 0.1, 1.0  # how strongly they are held at zero
STEP, FIRST = 0.15, 0.01  # AdaGrad's rate and where its sums begin
SLIGHT = 0.02  # a weight below it moves nothing
LABELS = (SentimentLabel.NEGATIVE, SentimentLabel.NEUTRAL, SentimentLabel.POSITIVE)

Chances = tuple[float, float, float]


@dataclass(frozen=True, slots=True)
class Example:
    """A text as the layer sees it: `digest` of its words, how the reading without a layer leans, its features."""

    digest: str
    leaning: Pair
    features: tuple[int, ...]


@dataclass(frozen=True, slots=True)
class Lesson:
    example: Example
    label: SentimentLabel

    @property
    def wrong(self) -> bool:
        return decided(self.example.leaning) is not self.label


@dataclass(frozen=True, slots=True)
class Outcome:
    """Of one language's corrections how many are read right: before, with the layer (`fitted`), and with a layer that
    had not seen them (`unseen`: each fifth by what was learnt from the others; under ten, each one). `macro` are the
    macro-F1 before and unseen. Of `others`, which nobody corrected, `moved` read otherwise."""

    corrections: int
    before: int
    fitted: int
    unseen: int
    macro: tuple[float, float]
    others: int
    moved: int

    @property
    def helps(self) -> bool:
        return self.unseen > self.before


def decided(leaning: Pair) -> SentimentLabel:
    if max(leaning) <= 0:
        return SentimentLabel.NEUTRAL
    return SentimentLabel.POSITIVE if leaning[1] > leaning[0] else SentimentLabel.NEGATIVE


def fit(lessons: Sequence[Lesson], others: Sequence[Example]) -> Offsets:
    """One language's offsets: logistic regression on top of the leanings, held near zero."""
    wrong = sum(lesson.wrong for lesson in lessons)
    right = max(RIGHT_A_WRONG_ONE * wrong - (len(lessons) - wrong), len(lessons) / 2)
    beside = sorted(others, key=lambda example: example.digest)[: min(OTHERS, round(right))]
    texts: list[tuple[Example, Chances, float]] = [(each.example, _sure(each.label), 1.0) for each in lessons]
    weight = min(right / len(beside), RIGHT_A_WRONG_ONE) if beside else 0.0
    texts += [(example, chances(example.leaning), weight) for example in beside]
    # By digest: an order that hangs on nothing but the texts, and mixes them.
    texts.sort(key=lambda text: (text[0].digest, text[1], text[2]))
    return _descend(texts)


def outcome(lessons: Sequence[Lesson], others: Sequence[Example], offsets: Offsets) -> Outcome:
    ordered = sorted(lessons, key=lambda lesson: (lesson.example.digest, lesson.label))
    folds = len(ordered) if len(ordered) < 2 * FOLDS else FOLDS
    unseen: list[tuple[SentimentLabel, SentimentLabel]] = []
    for fold in range(folds):
        rest = [lesson for number, lesson in enumerate(ordered) if number % folds != fold]
        learnt = fit(rest, others)
        unseen += [(each.label, _with(learnt, each.example)) for each in ordered[fold::folds]]
    before = [(each.label, decided(each.example.leaning)) for each in ordered]
    return Outcome(
        corrections=len(ordered),
        before=_right(before),
        fitted=_right([(each.label, _with(offsets, each.example)) for each in ordered]),
        unseen=_right(unseen),
        macro=(_macro_f1(before), _macro_f1(unseen)),
        others=len(others),
        moved=sum(_with(offsets, example) is not decided(example.leaning) for example in others),
    )


def _descend(texts: Sequence[tuple[Example, Chances, float]]) -> Offsets:
    """AdaGrad (Duchi, Hazan and Singer, 2011) on the cross-entropy. A feature is [weights, sums of squares]."""
    bias = [0.0, 0.0, FIRST, FIRST]
    words: dict[int, list[float]] = {}
    for _ in range(ROUNDS):
        for example, target, weight in texts:
            scale = weight_of_one(example.features)
            rows = [words.setdefault(number, [0.0, 0.0, FIRST, FIRST]) for number in example.features]
            less = example.leaning[0] + bias[0] + scale * sum(row[0] for row in rows)
            more = example.leaning[1] + bias[1] + scale * sum(row[1] for row in rows)
            negative, _, positive = chances((less, more))
            errors = weight * (negative - target[0]), weight * (positive - target[2])
            _move(bias, errors[0], errors[1], BIAS / len(texts))
            for row in rows:
                _move(row, scale * errors[0], scale * errors[1], WORDS * scale)
    kept = {number: (round(row[0], 3), round(row[1], 3)) for number, row in words.items()}
    heavy = {number: pair for number, pair in kept.items() if max(map(abs, pair)) >= SLIGHT}
    return Offsets((round(bias[0], 3), round(bias[1], 3)), heavy)


def _move(row: list[float], less: float, more: float, hold: float) -> None:
    less, more = less + hold * row[0], more + hold * row[1]
    row[2] += less * less
    row[3] += more * more
    row[0] -= STEP * less / sqrt(row[2])
    row[1] -= STEP * more / sqrt(row[3])


def _with(offsets: Offsets, example: Example) -> SentimentLabel:
    less, more = offsets.of(example.features)
    return decided((example.leaning[0] + less, example.leaning[1] + more))


def _sure(label: SentimentLabel) -> Chances:
    negative, neutral, positive = (float(label is each) for each in LABELS)
    return negative, neutral, positive


def _right(pairs: Sequence[tuple[SentimentLabel, SentimentLabel]]) -> int:
    return sum(said is read for said, read in pairs)


def _macro_f1(pairs: Sequence[tuple[SentimentLabel, SentimentLabel]]) -> float:
    """Over the moods that people named."""
    scores = []
    for label in {said for said, _ in pairs}:
        both = sum(said is label is read for said, read in pairs)
        either = sum((said is label) + (read is label) for said, read in pairs)
        scores.append(2 * both / either)
    return sum(sorted(scores)) / len(scores) if scores else 0.0
