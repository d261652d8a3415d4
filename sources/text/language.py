"""Which language a text is in.

A word counts for each language by how common it is there (`models/languages.bin`, written with and without diacritics)
and by langdetect's profiles of its letters, all n-grams summed up instead of a random sample of them: no seed, always
the same answer. Only languages of the text's script are in question. What a word says is kept, so that ten thousand
texts cost little more than their different words. langdetect itself stays selectable.
"""

from __future__ import annotations

import json
import lzma
import math
import re
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any

UNKNOWN = "und"
TEXT_LIMIT = 400
LEAST_LETTERS = 3
SMOOTHING = 0.1 / 10_000  # langdetect's alpha over its base frequency
LETTERS_SHARE = 0.25  # n-grams of one word overlap: they say the same thing several times
LEVEL = 4  # steps a nat in the file of words
RARE_PRIOR = -8.0
NEAR_TIE = 6.0  # the network's tag decides between languages that are this close, in nats
LEAST_LEAD = 1.0
FEW_WORDS = 2  # so few must lead by that much; of more words the best is taken

WORDS_FILE = Path(__file__).with_name("models") / "languages.bin"

# Languages of one script; those after the bar are asked for strong evidence first: they are rare and near to a big one.
_SCRIPTS = {
    "Latin": "cs da de en es fi fr hu id it nl no pl pt ro sv tr vi | af et hr lt lv sk sl sq tl",
    "Cyrillic": "ru uk bg | mk",
    "Arabic": "ar fa ur",
    "Devanagari": "hi | mr ne",
}
LANGUAGES = " ".join(_SCRIPTS.values()).replace("|", "").split()
# First and last letter of a block -> its script, or the one language that is written in it.
_BLOCKS = (
    ("A", "\u024f", "Latin"),
    ("\u1e00", "\u1eff", "Latin"),
    ("\u0370", "\u03ff", "el"),
    ("\u0400", "\u052f", "Cyrillic"),
    ("\u0530", "\u058f", "hy"),
    ("\u0590", "\u05ff", "he"),
    ("\u0600", "\u077f", "Arabic"),
    ("\u0900", "\u097f", "Devanagari"),
    ("\u0980", "\u09ff", "bn"),
    ("\u0a00", "\u0a7f", "pa"),
    ("\u0a80", "\u0aff", "gu"),
    ("\u0b80", "\u0bff", "ta"),
    ("\u0c00", "\u0c7f", "te"),
    ("\u0c80", "\u0cff", "kn"),
    ("\u0d00", "\u0d7f", "ml"),
    ("\u0e00", "\u0e7f", "th"),
    ("\u10a0", "\u10ff", "ka"),
    ("\u3040", "\u30ff", "ja"),
    ("\u4e00", "\u9fff", "zh"),
    ("\uac00", "\ud7a3", "ko"),
)
KNOWN = frozenset(LANGUAGES) | {name for _, _, name in _BLOCKS if len(name) == 2}
_NOT_PROSE = re.compile(r"https?(?::\S+|\b)|www\.\S+|[\w.+-]*[@＠][\w.@-]+|[#＃]")
_WORD = re.compile(r"[^\W\d_][^\W\d_\u0300-\u036f]*")
_MARKED = re.compile(r"[^\W\d_][^\s\d!-/:-@\[-`{-~]*")  # Devanagari and Arabic vowels are marks, not letters

Vector = tuple[float, ...]


def detect(text: str, hint: str = "", allowed: Sequence[str] = ()) -> str:
    """ISO 639-1 code, or "und" where fewer than three letters or no clear lead say which.

    `hint` is the network's tag; it decides between near ties only. `allowed` are the only languages in question, all
    where it is empty.
    """
    prose = _prose(text)
    script = _script(prose)
    if script not in _SCRIPTS:
        return script if not allowed or script in allowed else UNKNOWN
    model = _model(script)
    words = model.words(prose)
    scores = model.scores(words, allowed)
    ranked = sorted(scores, key=scores.__getitem__, reverse=True)
    if not ranked or not any(scores.values()):
        return UNKNOWN
    hint = hint.lower().partition("-")[0]
    if hint in scores and scores[ranked[0]] - scores[hint] < NEAR_TIE:
        return hint
    if len(words) <= FEW_WORDS and len(ranked) > 1 and scores[ranked[0]] - scores[ranked[1]] < LEAST_LEAD:
        return UNKNOWN
    return ranked[0]


def by_langdetect(text: str, allowed: Sequence[str] = ()) -> str:
    """The same by langdetect alone, seeded."""
    from langdetect import DetectorFactory, detect_langs
    from langdetect.lang_detect_exception import LangDetectException

    prose = _prose(text)
    if _script(prose) == UNKNOWN:
        return UNKNOWN
    DetectorFactory.seed = 0
    try:
        found = [guess.lang.partition("-")[0] for guess in detect_langs(prose)]
    except LangDetectException:
        return UNKNOWN
    return next((language for language in found if not allowed or language in allowed), UNKNOWN)


def commonness(word: str, language: str) -> float:
    """How often a folded word is used in a language, in nats over one that is hardly ever; 0 where that is unknown."""
    said = _words().get(word, "")
    levels = {said[at]: said[at + 1] for at in range(0, len(said), 2)}
    index = LANGUAGES.index(language) if language in LANGUAGES else -1
    level = levels.get(chr(33 + index))
    return (ord(level) - 33) / LEVEL if level else 0.0


def _prose(text: str) -> str:
    return _NOT_PROSE.sub(" ", text[: 4 * TEXT_LIMIT])[:TEXT_LIMIT]


def _script(text: str) -> str:
    """The script of most letters, or the language where its script names it; "und" for too few letters."""
    if text.isascii():
        return "Latin" if sum(map(str.isalpha, text)) >= LEAST_LETTERS else UNKNOWN
    counts: Counter[str] = Counter()
    for char, count in Counter(text).items():
        if char.isalpha():
            counts[_block(char)] += count
    if counts["ja"] * 5 > counts["zh"] > 0 and counts["ja"]:
        counts["ja"] += counts.pop("zh")  # Japanese is kana among Han
    if counts.total() < LEAST_LETTERS and not counts.keys() & {"zh", "ja", "ko"}:
        return UNKNOWN
    return max(counts, key=counts.__getitem__)


@lru_cache(maxsize=4096)
def _block(char: str) -> str:
    return next((name for first, last, name in _BLOCKS if first <= char <= last), UNKNOWN)


@dataclass(frozen=True, slots=True)
class _Model:
    """`grams`: n-gram -> for each language its log-likelihood over one that never has it. `offset` is where the
    languages of the script begin among all."""

    languages: list[str]
    offset: int
    prior: Vector
    grams: dict[str, Vector]
    kept: dict[str, Vector]

    def words(self, text: str) -> list[str]:
        pattern = _MARKED if self.offset else _WORD
        return pattern.findall(text.lower() if text.isupper() else text)

    def scores(self, words: list[str], allowed: Sequence[str]) -> dict[str, float]:
        """Language -> how much speaks for it, in nats."""
        vectors = [self.kept.get(word) or self._keep(word) for word in words]
        totals = [sum(column) for column in zip(self.prior, *vectors, strict=True)]
        found: dict[str, float] = dict(zip(self.languages, totals, strict=True))
        return {language: found[language] for language in found if language in allowed} if allowed else found

    def _keep(self, word: str) -> Vector:
        """What a word says; all that is kept is dropped when it is much, the common words are back at once."""
        if len(self.kept) > 50_000:
            self.kept.clear()
        return self.kept.setdefault(word, self._weigh(word))

    def _weigh(self, word: str) -> Vector:
        if len(word) == 1 or not word.isupper():  # words in capitals are mostly names
            letters = [self.grams[gram] for gram in _grams(word) if gram in self.grams]
        else:
            letters = []
        scores = [sum(column) for column in zip((0.0,) * len(self.languages), *letters, strict=True)]
        said = _words().get(word.lower(), "")
        for language, level in zip(said[::2], said[1::2], strict=True):
            index = ord(language) - 33 - self.offset
            if 0 <= index < len(scores):
                scores[index] += (ord(level) - 33) / LEVEL
        return tuple(scores)


@lru_cache(maxsize=len(_SCRIPTS))
def _model(script: str) -> _Model:
    from langdetect.detector_factory import PROFILES_DIRECTORY

    common, _, rare = _SCRIPTS[script].partition("|")
    languages = common.split() + rare.split()
    grams: dict[str, list[float]] = {}
    for index, language in enumerate(languages):
        profile = json.loads((Path(PROFILES_DIRECTORY) / language).read_bytes())
        for gram, count in profile["freq"].items():
            if len(gram) in (2, 3):
                value = math.log1p(count / profile["n_words"][len(gram) - 1] / SMOOTHING)
                grams.setdefault(gram, [0.0] * len(languages))[index] = LETTERS_SHARE * value
    prior = (0.0,) * len(common.split()) + (RARE_PRIOR,) * len(rare.split())
    vectors = {gram: tuple(values) for gram, values in grams.items()}
    return _Model(languages, LANGUAGES.index(languages[0]), prior, vectors, {})


@lru_cache(maxsize=1)
def _words() -> dict[str, str]:
    """Word -> the languages that have it, two characters each: 33 + index in LANGUAGES, 33 + level in 1/LEVEL nats."""
    lines = lzma.decompress(WORDS_FILE.read_bytes()).decode().split("\n")
    return dict(line.split("\t") for line in lines)


def _grams(word: str) -> list[str]:
    """langdetect's n-grams of two and three letters of a word, its borders included."""
    ngram, normal = _langdetect()
    framed = f" {word} " if word.isascii() else " " + "".join(map(normal, ngram.normalize_vi(word))) + " "
    return [framed[at : at + size] for size in (2, 3) for at in range(len(framed) - size + 1)]


@lru_cache(maxsize=1)
def _langdetect() -> tuple[Any, Any]:
    from langdetect.utils.ngram import NGram

    return NGram, lru_cache(maxsize=8192)(NGram.normalize)
