"""Names that are bad words ("War Zone", "Killer Bee"): where they stand, they are no words of a mood or a crisis."""

from __future__ import annotations

from functools import lru_cache

from store.domain.words import folded_words, words


def without(text: str, names: tuple[str, ...]) -> str:
    """The text with the names cut out, however they are written: "war zone", "#WarZone", "War-Zone's" but for its s."""
    if not names:
        return text
    entries, said = _entries(names), words(text)
    parts, kept, index = [], 0, 0
    while index < len(said):
        for name in entries.get(said[index].folded, ()):
            if tuple(word.folded for word in said[index : index + len(name)]) == name:
                parts.append(text[kept : said[index].start])
                index += len(name)
                kept = said[index - 1].end
                break
        else:
            index += 1
    return "".join((*parts, text[kept:]))


@lru_cache(maxsize=8)
def _entries(names: tuple[str, ...]) -> dict[str, list[tuple[str, ...]]]:
    """By their first word, the longest first; also written as one word."""
    forms = {tuple(folded_words(name)) for name in names}
    forms |= {("".join(form),) for form in forms}
    entries: dict[str, list[tuple[str, ...]]] = {}
    for form in sorted(forms - {(), ("",)}, key=len, reverse=True):
        entries.setdefault(form[0], []).append(form)
    return entries
