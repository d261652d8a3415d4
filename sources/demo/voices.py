"""What an invented person says: a template of the language, filled in, as people type it: with and without diacritics,
in lower case, with a slip of the finger, with the brand's name in one of its spellings."""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import lru_cache
from importlib import resources
from random import Random

from store.domain.words import fold

BRAND, COMPETITOR = "Nimbari", "Stratora"
LANGUAGES = {"en": 34, "de": 16, "ro": 15, "it": 10, "es": 12, "hu": 6, "vi": 9}  # percent of what is said
_NAMES = (("Nimbari", 56), ("nimbari", 24), ("@nimbari", 9), ("#Nimbari", 6), ("Nimbary", 3), ("nimbarri", 2))
_PRODUCTS = (("Nimbari Drive", 40), ("Nimbari Photos", 24), ("nimbari drive", 16), ("Nimbari", 20))
_SHARED = {
    "sad": ["😡", "🙄", "😤", "😩", "😭", "", "", "", "", ":(", "!!"],
    "happy": ["😍", "🎉", "👏", "❤️", "🙏", "", "", "", ":)"],
}
_BARE = {"ro": 0.55, "hu": 0.15, "vi": 0.12, "es": 0.25, "it": 0.1, "de": 0.0, "en": 0.0}  # typed without diacritics
_SLOT = re.compile(r"\{(\w+)\}")
_SPACES = re.compile(r" {2,}| (?=[.,?!]( |$))")


@dataclass(frozen=True, slots=True)
class Said:
    title: str
    text: str


@dataclass(frozen=True, slots=True)
class _Voice:
    slots: dict[str, list[str]]
    templates: dict[str, list[str]]


def say(kind: str, language: str, random: Random, *, formal: bool = False, other: str = "") -> Said:
    """One text of a kind ("login", "praise", ...). `formal` leaves it as written, as an agent or a newspaper would;
    `other` is the handle of whom it answers. Where the language has no such kind it is said in English."""
    voice = _voice(language)
    if kind not in voice.templates:
        voice, language = _voice("en"), "en"
    template = random.choice(voice.templates[kind])
    name = BRAND if formal else _pick(_NAMES, random)
    given = {"b": name, "p": BRAND + " Drive" if formal else _pick(_PRODUCTS, random), "o": other}

    def fill(match: re.Match[str]) -> str:
        slot = match[1]
        return given[slot] if slot in given else random.choice(voice.slots.get(slot) or _SHARED[slot]).strip()

    text = _SPACES.sub(" ", _SLOT.sub(fill, template)).replace(" ,", ",").replace(" .", ".").strip(" ,")
    title, bar, rest = text.partition(" | ")
    if not bar:
        title, rest = "", text
    return Said(title, rest if formal else _typed(rest, language, random))


def _typed(text: str, language: str, random: Random) -> str:
    if random.random() < _BARE[language]:
        text = "".join(fold(char) if char.islower() else char for char in text)
    elif language == "de" and random.random() < 0.1:
        text = text.replace("ä", "ae").replace("ö", "oe").replace("ü", "ue").replace("ß", "ss")
    chance = random.random()
    if chance < 0.15:
        text = text[:1].lower() + text[1:]
    elif chance < 0.55:
        text = text[:1].upper() + text[1:]
    elif chance < 0.63:
        text = _slip(text, random)
    if random.random() < 0.12:
        text = text.rstrip(".") + random.choice(["!", "!!", "...", " 🤷"])
    return text


def _slip(text: str, random: Random) -> str:
    """Two letters of a longer word change places; never in a name or an address."""
    words = text.split(" ")
    long = [n for n, word in enumerate(words) if len(word) > 6 and word.isalpha() and word.islower()]
    if long:
        place = random.choice(long)
        word, at = words[place], random.randrange(2, len(words[place]) - 2)
        words[place] = word[:at] + word[at + 1] + word[at] + word[at + 2 :]
    return " ".join(words)


def _pick(weighted: tuple[tuple[str, int], ...], random: Random) -> str:
    return random.choices([name for name, _ in weighted], [weight for _, weight in weighted])[0]


@lru_cache(maxsize=len(LANGUAGES))
def _voice(language: str) -> _Voice:
    slots: dict[str, list[str]] = {}
    templates: dict[str, list[str]] = {}
    section = ""
    file = resources.files("sources.demo.texts") / f"{language}.txt"
    for line in file.read_text(encoding="utf-8").splitlines():
        if line.startswith("["):
            section = line.strip("[]")
        elif section == "slots":
            name, _, values = line.partition(":")
            slots[name] = values.split("|")
        elif line:
            templates.setdefault(section, []).append(line)
    return _Voice(slots, templates)
