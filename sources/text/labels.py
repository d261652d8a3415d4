"""Labels: the phrase that the texts of a group have more than the rest of their language.

By log-odds with an informative Dirichlet prior: Monroe, Colaresi and Quinn, "Fightin' Words: Lexical Feature Selection
and Evaluation for Identifying the Content of Political Conflict", Political Analysis 16 (2008), equations 15 to 22.
"""

from __future__ import annotations

import math
from collections import Counter, defaultdict
from collections.abc import Collection, Mapping, Sequence

from sources.text.features import features
from sources.text.groups import Groups
from sources.text.phrases import phrases

PRIOR = 20.0  # texts that the prior weighs
SHARE = 0.2  # of a group's texts that must have its label
WEIGHTS = {1: 0.5, 2: 1.2, 3: 1.2}  # by number of words: two or three are better read
TEXTS = 60  # that are looked at
MOST = 60  # characters of a text that has to do as its own label


def label(
    texts: Sequence[str], language: str, groups: Groups, leave_out: frozenset[str], taken: Collection[str]
) -> str:
    """As people write it. Never one of `taken`, never a name of `leave_out` (folded words)."""
    shown: dict[str, Counter[str]] = defaultdict(Counter)
    length: dict[str, int] = {}
    for text in texts[:TEXTS]:
        for phrase in {phrase.key: phrase for phrase in phrases(text, language)}.values():
            if leave_out.isdisjoint(phrase.key.split()):
                shown[phrase.key][phrase.shown] += 1
                length[phrase.key] = phrase.words
    number = min(len(texts), TEXTS)
    said = {key: forms.total() for key, forms in shown.items() if forms.total() >= max(2, SHARE * number)}
    said = said or {key: forms.total() for key, forms in shown.items()}
    worth = {
        key: _z(count, number, *_elsewhere(key, language, groups)) * WEIGHTS[length[key]] for key, count in said.items()
    }
    order = sorted(worth, key=lambda key: (-worth[key], key))
    written = {key: shown[key].most_common(1)[0][0] for key in order}
    best = [written[key] if length[key] > 1 else _with_another(key, order, written) for key in order[:5]]
    best = best or [" ".join(texts[0].split())[:MOST] if texts else "?"]
    for name in (*best, *(f"{best[0]}, {other}" for other in best[1:])):
        if name not in taken:
            return name
    return next(name for n in range(2, len(taken) + 3) if (name := f"{best[0]} ({n})") not in taken)


def _with_another(key: str, order: Sequence[str], written: Mapping[str, str]) -> str:
    """A single word says little: with the best phrase that does not hold it."""
    beside = next((other for other in order if key not in other and other not in key), None)
    return f"{written[key]}, {written[beside]}" if beside else written[key]


def typical(vectors: Mapping[int, Mapping[int, float]], groups: Groups, key: str) -> int:
    """The mention that is nearest to the middle of its group."""
    total = groups.live[key].total if key in groups.live else {}

    def near(mention: int) -> float:
        return sum(weight * total.get(feature, 0.0) for feature, weight in vectors[mention].items())

    return max(sorted(vectors), key=near)


def _elsewhere(key: str, language: str, groups: Groups) -> tuple[int, int]:
    """In how many texts of how many a phrase is: at most as many as have the rarest of its stems and pairs."""
    counts = [groups.terms.get(feature, 0) for feature in features(key.split(), language)]
    return min(counts, default=0), groups.texts


def _z(here: int, texts: int, everywhere: int, all_texts: int) -> float:
    """The log-odds of a phrase here against elsewhere in units of its standard deviation."""
    there, others = max(everywhere - here, 0), max(all_texts - texts, 1)
    prior = PRIOR * (everywhere + 0.5) / (all_texts + 1)
    odds = math.log((here + prior) / max(texts + PRIOR - here - prior, 0.5))
    odds -= math.log((there + prior) / max(others + PRIOR - there - prior, 0.5))
    return odds / math.sqrt(1 / (here + prior) + 1 / (there + prior))
