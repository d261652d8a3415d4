"""Why a mention reads as it does, in lines and as a record: the screen and the command line say it alike."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, Any

from tui.signs import SENTIMENT
from tui.times import iso, local

if TYPE_CHECKING:
    from sources.mood import Mood

SHOWN = 8
ENGINES = {"model": "the model", "lexicon": "the word lists"}


def mood_lines(mood: Mood) -> Iterator[str]:
    """What reads it and how, the words that moved it, what was taught, whose word holds."""
    read = mood.read
    yield f"{SENTIMENT[read.label]} {read.label} ({read.score:+.2f}) by {ENGINES[mood.engine]}" + (
        f" and what was taught (layer {mood.layer})" if mood.layer else ""
    )
    yield from _words("words", mood.words) if mood.words else ("words: none that weighs",)
    if mood.layer:
        yield from _words("taught", mood.taught)
        yield f"and {mood.leans:+.2f} on every text of this language"
    if mood.but:
        yield f"names without a mood: {', '.join(mood.but)}"
    if mood.otherwise:
        why = "deep reading has half a say" if mood.deep else "read so earlier; `earful reread` reads it anew"
        yield f"stands as {SENTIMENT[mood.stands.label]} {mood.stands.label} ({mood.stands.score:+.2f}): {why}"
    if mood.told is not None:
        told = mood.told
        where = "on another desk" if told.mention is None else f"on case {told.case}"
        had = f"{SENTIMENT[told.said]} {told.said} ({told.score:+.2f})"
        yield f"{told.agent} said {told.label} {where}, {local(told.at)}; it had read {had}"


def mood_record(mood: Mood) -> dict[str, Any]:
    told = mood.told
    return {
        "engine": mood.engine,
        "label": mood.read.label,
        "score": mood.read.score,
        "words": [list(pair) for pair in mood.words],
        "layer": mood.layer or None,
        "taught": [list(pair) for pair in mood.taught],
        "leans": mood.leans,
        "names": list(mood.but),
        "deep": mood.deep,
        "corrected": None
        if told is None
        else {
            "by": told.agent,
            "at": iso(told.at),
            "mention": told.mention,
            "case": told.case,
            "label": told.label,
            "said": {"label": told.said, "score": told.score},
        },
    }


def _words(name: str, words: Sequence[tuple[str, float]]) -> Iterator[str]:
    if words:
        more = f", and {len(words) - SHOWN} more" if len(words) > SHOWN else ""
        yield f"{name}: " + ", ".join(f"{said} {weight:+.2f}" for said, weight in words[:SHOWN]) + more
