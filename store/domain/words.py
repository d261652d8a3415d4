"""What a word is, for watches and search alike: case and diacritics folded, split the same way everywhere."""

from __future__ import annotations

import re
import unicodedata
from dataclasses import dataclass
from functools import cache, lru_cache


@dataclass(frozen=True, slots=True)
class Word:
    """A folded word and where it stood: text[start:end] in the original."""

    folded: str
    start: int
    end: int


def fold(text: str) -> str:
    """Case, width and diacritics folded; `fold(fold(x)) == fold(x)`.

    NFKD and casefold; off come the marks that are diacritics (Latin, Greek, Cyrillic, Hebrew, Arabic) and characters
    that are not seen (soft hyphen, joiners); letters that do not decompose become their base (đ d, ł l, ø o, ß ss,
    æ ae, ı i). Marks that make another letter stay: a Thai or Devanagari vowel, the voicing of a kana (が is not か).
    """
    if text.isascii():
        return text.lower()
    drop = _dropped()
    bare = unicodedata.normalize("NFKD", text).translate(drop).casefold()
    return unicodedata.normalize("NFC", unicodedata.normalize("NFKD", bare).translate(drop))


def words(text: str) -> list[Word]:
    """The words of a text. A run of letters, digits and marks is a word; an apostrophe or any other sign splits; a sign
    of scripts without spaces (Han, kana, Thai, Lao, Khmer, Burmese, Tibetan) is a word of its own."""
    if text.isascii():
        return [Word(found[0], found.start(), found.end()) for found in _ASCII.finditer(text.lower())]
    runs = _runs(text).finditer(text)
    return [Word(part, found.start(), found.end()) for found in runs for part in _parts(found[0])]


def folded_words(text: str) -> list[str]:
    """The folded words alone, in order: what the search index holds and what a watch compares."""
    if text.isascii():
        return _ASCII.findall(text.lower())
    return [part for run in _runs(text).findall(text) for part in _parts(run)]


def exact_pattern(text: str) -> str:
    """A pattern for `re` that finds `text` as it is (composed or decomposed), neither beginning nor ending inside a
    word. A pattern and not a function, because SQLite's REGEXP runs it too."""
    classes = _classes()
    forms = dict.fromkeys(unicodedata.normalize(form, text) for form in ("NFC", "NFD"))
    begin = f"(?<!{classes.inside})" if classes.inside_one.match(text) else ""
    end = ""
    if classes.inside_one.match(text[-1]):
        end = f"(?!{classes.unseen}*{classes.inside})"
    elif classes.word.match(text[-1]):
        end = f"(?!{classes.unseen}*{classes.mark})"
    return f"{begin}(?:{'|'.join(map(re.escape, forms))}){end}"


_ASCII = re.compile("[a-z0-9]+")
_PLAIN = re.compile(r"[^\W_]+")

# Scripts that write no spaces: every sign is a word, so that a phrase finds a name inside a sentence.
_SIGNS = (
    "\u0e01-\u0e3a\u0e40-\u0e4e"  # Thai
    "\u0e81-\u0ecd\u0edc-\u0edf"  # Lao
    "\u0f00\u0f40-\u0fbc"  # Tibetan
    "\u1000-\u103f\u1050-\u108f\u109a-\u109d\ua9e0-\ua9ef\ua9fa-\ua9fe\uaa60-\uaa7f"  # Burmese
    "\u1780-\u17dd"  # Khmer
    "\u3041-\u30ff\u31f0-\u31ff\uff66-\uff9d\U0001aff0-\U0001b16f"  # hiragana, katakana
    "\u3005\u3007\u3021-\u3029\u3038-\u303b\u3400-\u9fff\uf900-\ufaff\U00016ff0\U00020000-\U0003ffff"  # Han
)
# Letters by category that are signs by use: the apostrophes U+02B9..U+02C1; and half-width voicing, a mark by use.
_APOSTROPHES, _VOICING = "\u02b9-\u02c1", "\uff9e\uff9f"
_FAR_MARKS = "\U00011100-\U00011134\U0001e944-\U0001e94a\U000e0100-\U000e01ef"  # Chakma, Adlam; the rest is historic
# Never seen, so they neither split a word nor count: soft hyphen, Arabic letter mark, zero-width and bidi controls.
_UNSEEN = "\u00ad\u061c\u180e\u200b-\u200f\u202a-\u202e\u2060-\u206f\ufeff"
# The ranges whose marks are diacritics or variants: without them it is the same letter.
_DIACRITICS = (
    (0x0300, 0x036F), (0x0483, 0x0489), (0x0591, 0x05C7), (0x0610, 0x061A), (0x064B, 0x065F), (0x0670, 0x0670),
    (0x06D6, 0x06ED), (0x180B, 0x180F), (0x1AB0, 0x1AFF), (0x1DC0, 0x1DFF), (0x20D0, 0x20FF), (0x2DE0, 0x2DFF),
    (0xA66F, 0xA67D), (0xFE00, 0xFE0F), (0xFE20, 0xFE2F), (0xE0100, 0xE01EF),
)  # fmt: skip
_BASES = {"đ": "d", "ð": "d", "ħ": "h", "ı": "i", "ł": "l", "ø": "o", "ŧ": "t", "æ": "ae", "œ": "oe", "þ": "th"}
_TATWEEL = "\u0640"  # stretches an Arabic word, says nothing


@dataclass(frozen=True, slots=True)
class _Classes:
    """Character classes for `re`, and the patterns made of them."""

    mark: str
    unseen: str
    inside: str
    inside_one: re.Pattern[str]
    word: re.Pattern[str]
    special: re.Pattern[str]


@cache
def _classes() -> _Classes:
    """Built when the first text that is not ASCII comes: looking for all marks takes some milliseconds."""
    marks = _ranges([code for code in range(0x300, 0x10000) if _is_mark(code)]) + _FAR_MARKS + _VOICING
    letter = f"[^\\W_{_SIGNS}{_APOSTROPHES}{_VOICING}]"
    inside = f"(?:{letter}|[{marks}{_UNSEEN}])"
    sign = f"(?=[^\\W_])[{_SIGNS}]"
    word = re.compile(f"{letter}+(?:[{marks}{_UNSEEN}]+{letter}*)*|{sign}[{marks}{_UNSEEN}]*")
    special = re.compile(f"[{marks}{_UNSEEN}{_APOSTROPHES}{_SIGNS}]")
    return _Classes(f"[{marks}]", f"[{_UNSEEN}]", inside, re.compile(inside), word, special)


def _runs(text: str) -> re.Pattern[str]:
    """The pattern of words that is right for `text`: most texts have nothing special and take the quick one."""
    classes = _classes()
    return classes.word if classes.special.search(text) else _PLAIN


def _ranges(codes: list[int]) -> str:
    """Rising code points as the inside of a character class."""
    firsts = [code for code, before in zip(codes, [-1, *codes], strict=False) if before != code - 1]
    lasts = [code for code, behind in zip(codes, [*codes[1:], -1], strict=True) if behind != code + 1]
    return "".join(f"{chr(first)}-{chr(last)}" for first, last in zip(firsts, lasts, strict=True))


@cache
def _dropped() -> dict[int, str | None]:
    """For str.translate: what `fold` takes off, and letters with their base."""
    gone = [code for first, last in _DIACRITICS for code in range(first, last + 1) if _is_mark(code)]
    gone += [code for code in range(0xAD, 0xFF00) if re.match(f"[{_UNSEEN}{_TATWEEL}]", chr(code))]
    table: dict[int, str | None] = dict.fromkeys(gone)
    return table | {ord(letter): base for letter, base in _BASES.items()}


def _is_mark(code: int) -> bool:
    return unicodedata.category(chr(code)).startswith("M")


@lru_cache(maxsize=1 << 16)
def _parts(run: str) -> tuple[str, ...]:
    """The folded words of one run: nearly always one; "½" folds to a sign between two."""
    if run.isascii():
        return (run.lower(),)
    return tuple(_classes().word.findall(fold(run)))
