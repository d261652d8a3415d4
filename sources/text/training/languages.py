"""Writes `models/languages.bin`: the common words of each language and how much each one counts for it.

    python -m sources.text.training.languages

The frequencies are those of wordfreq (Robyn Speer; data CC BY-SA 4.0, from Wikipedia, subtitles, news, books and the
web); languages that it lacks have a few dozen of their smallest words, written by hand.
"""

from __future__ import annotations

import lzma
import math
from collections import defaultdict

from wordfreq import get_frequency_dict

from sources.text.language import LANGUAGES, LEVEL, WORDS_FILE
from store.domain.words import fold

WORDS = 5_000
UNSEEN = 5e-7  # the frequency of a word that a language's list does not have
FOLDED = 0.5  # of those who write a word with diacritics, how many leave them out
SMALL = 0.004  # the frequency of a word of the lists below
NAMES = {"no": "nb", "hr": "sh", "tl": "fil"}  # wordfreq's name for a language where it differs
BY_HAND = {
    "af": "die en het van ek is nie om te wat in vir sy dit my jou ons hulle nog ook maar met was sal kan sê gaan baie "
    "as so by aan moet daar hier hoe waar wie hom haar julle dankie goed asseblief weer net uit oor geen",
    "et": "ja on ei see ma sa ta me te nad oli mis et kui aga ka siis nii olen oled oleme pole kes mul sul tal väga "
    "kõik nüüd ainult veel juba kas midagi siin seal minu sinu tema meie teie või ning palju aitäh hea töötab",
    "sq": "dhe në të e i një për me se nuk është që nga ka do më po jam ti unë ai ajo ne ju ata si kjo ky këtë kur "
    "por edhe shumë çfarë pse ku kam ke janë ishte mund duhet faleminderit mirë vetëm tani këtu asgjë",
    "mr": "आहे आणि मी तू तो ती हे नाही काय का कसे मला तुला आम्ही तुम्ही होते होता आहेत पण तर मध्ये खूप आता",
    "ne": "छ र म तिमी यो त्यो हो छैन के किन कसरी मलाई हामी तपाईं थियो छन् तर मा धेरै अहिले भयो गर्न पनि",
}


def build() -> bytes:
    """One line a word: the word, a tab, then for each language that has it two characters: language and level."""
    found: dict[str, dict[int, float]] = defaultdict(lambda: defaultdict(float))
    for index, language in enumerate(LANGUAGES):
        for word, frequency in _frequencies(language).items():
            found[word][index] += frequency
            if (bare := fold(word)) != word:
                found[bare][index] += FOLDED * frequency
    lines = []
    for word in sorted(found):
        levels = {index: round(LEVEL * math.log1p(frequency / UNSEEN)) for index, frequency in found[word].items()}
        lines.append(word + "\t" + "".join(chr(33 + index) + chr(33 + level) for index, level in levels.items()))
    return lzma.compress("\n".join(lines).encode(), preset=9 | lzma.PRESET_EXTREME)


def _frequencies(language: str) -> dict[str, float]:
    if by_hand := BY_HAND.get(language):
        return dict.fromkeys(by_hand.split(), SMALL)
    listed = get_frequency_dict(NAMES.get(language, language), "small")
    words = (word for word in listed if word.replace("'", "").isalpha() or not word.isascii())
    return {word: listed[word] for word, _ in zip(words, range(WORDS), strict=False)}


if __name__ == "__main__":
    WORDS_FILE.write_bytes(build())
    print(f"{WORDS_FILE}: {WORDS_FILE.stat().st_size:,} bytes")
