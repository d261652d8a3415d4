"""Labels: the phrase that the texts of a group have more than the rest of their language.

By log-odds with an informative Dirichlet prior: Monroe, Colaresi and Quinn, "Fightin' Words: Lexical Feature Selection
and Evaluation for Identifying the Content of Political Conflict", Political Analysis 16 (2008), equations 15 to 22.
"""

from __future__ import annotations

import math
import statistics
from collections import Counter, defaultdict
from collections.abc import Collection, Mapping, Sequence

from sources.text.features import features, small_words, weight
from sources.text.groups import Groups
from sources.text.phrases import phrases

PRIOR = 20.0  # texts that the prior weighs
SHARE = {1: 0.25, 2: 0.12, 3: 0.1, 4: 0.1}  # by number of words: of a group's texts that must have its label
WORTH = {1: 0.45, 2: 1.2, 3: 1.3, 4: 1.2}  # two or three are better read
HALF = 0.6  # of a phrase's texts in which it is only part of a longer one: then it is half a phrase
TEXTS = 60  # that are looked at
MOST = 60  # characters of a text that has to do as its own label


def label(
    texts: Sequence[str], language: str, groups: Groups, leave_out: frozenset[str], taken: Collection[str]
) -> str:
    """As people write it. Never one of `taken`, never a name of `leave_out` (folded words)."""
    shown: dict[str, Counter[str]] = defaultdict(Counter)
    for text in texts[:TEXTS]:
        for phrase in {phrase.key: phrase for phrase in phrases(text, language)}.values():
            if leave_out.isdisjoint(phrase.key.split()):
                shown[phrase.key][phrase.shown] += 1
    number, small = min(len(texts), TEXTS), small_words(language)
    count = _whole({key: forms.total() for key, forms in shown.items()}, small)
    said = {key: n for key, n in count.items() if n >= max(2, SHARE[_words(key)] * number)} or count
    worth = {
        key: _z(n, number, *_elsewhere(key, language, groups)) * WORTH[_words(key)] * _telling(key, language, small)
        for key, n in count.items()
    }
    order = sorted(worth, key=lambda key: (-worth[key], key))
    written = {key: shown[key].most_common(1)[0][0] for key in order}
    often = [key for key in order if count[key] > 1]
    best = [
        written[key] if _words(key) > 1 else _with_another(key, often, written)
        for key in [key for key in order if key in said][:5]
    ]
    best = best or [" ".join(texts[0].split())[:MOST] if texts else "?"]
    for name in (*best, *(f"{best[0]}, {other}" for other in best[1:])):
        if name not in taken:
            return name
    return next(name for n in range(2, len(taken) + 3) if (name := f"{best[0]} ({n})") not in taken)


def _words(key: str) -> int:
    return key.count(" ") + 1


def _whole(count: Mapping[str, int], small: Collection[str]) -> dict[str, int]:
    """Without half phrases: those that are mostly part of a longer one, lack the small word that mostly stands before
    them, or have one that mostly does not."""
    longer: dict[str, int] = defaultdict(int)
    loose, held = set(), set()
    for key, n in count.items():
        first, _, behind = key.partition(" ")
        before, _, last = key.rpartition(" ")
        for part in (behind, before):
            longer[part] = max(longer[part], n)
        for edge, rest in ((first, behind), (last, before)):
            if rest and edge in small:
                if n < HALF * count.get(rest, n):
                    loose.add(key)
                elif n > 1 and edge == first:
                    held.add(rest.partition(" ")[0])
    return {
        key: n
        for key, n in count.items()
        if key not in loose and longer[key] < max(HALF * n, 2) and key.partition(" ")[0] not in held
    }


def _telling(key: str, language: str, small: Collection[str]) -> float:
    """How much its words say whatever the texts are about: what everybody says names nothing."""
    return statistics.fmean([weight(word, language) for word in key.split() if word not in small] or [1.0])


def _with_another(key: str, order: Sequence[str], written: Mapping[str, str]) -> str:
    """A single word says little: the best phrase that holds it, else with the best that does not."""
    around = next((other for other in order if key in other.split() and other != key), None)
    if around:
        return written[around]
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
