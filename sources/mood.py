"""Why a mention reads as it does: the words that moved it, what the desk's corrections added, and whose word it is."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable
from dataclasses import dataclass

from sources.learnt import Learnt
from sources.text.deep import engines
from sources.text.local import Layer
from sources.text.names import without
from sources.text.reading import whole_of
from sources.text.sentiment import LEARNT, LEXICON, MODEL, Sentiment, sentiment, why
from store import corrected, vectors
from store.corrected import Told
from store.database import Database
from store.domain.desk import ReadingChoice
from store.domain.mention import Mention

SLIGHT = 0.05  # what moves less is not worth a line
A_LITTLE = 0.005  # scores that are written alike


@dataclass(frozen=True, slots=True)
class Mood:
    """`engine` is what read it ("model" or "lexicon"), `read` what it says now without a person; `words` are (words,
    weight), weightiest first, below zero towards negative. `taught`: the same of the local layer, `leans` what it adds
    to every text of the language; both empty without a layer. `told`: a person's word, which holds; `but` are the
    names that were left out. `stands` is what is stored, `deep` whether deep reading had its say in it."""

    engine: str
    read: Sentiment
    words: tuple[tuple[str, float], ...]
    layer: int
    taught: tuple[tuple[str, float], ...]
    leans: float
    told: Told | None
    but: tuple[str, ...]
    stands: Sentiment
    deep: bool

    @property
    def otherwise(self) -> bool:
        """Whether what stands differs from what is read now, though no person said so."""
        apart = abs(self.stands.score - self.read.score) >= A_LITTLE
        return self.told is None and (self.stands.label is not self.read.label or apart)


async def moods(db: Database, choice: ReadingChoice, mentions: Iterable[Mention]) -> dict[int, Mood]:
    """By the mention's number; what has no words is left out."""
    learnt = Learnt()
    await learnt.refresh(db)
    found: dict[int, Mood] = {}
    theirs = [mention for mention in mentions if mention.deleted_at is None and not mention.ours]
    deep = set[int]()
    for engine in (
        engines.ENGINES.values() if choice.deep != engines.OFF else ()
    ):  # also what is not installed here: the worker has it
        deep |= set(await vectors.these(db, engine.identity, [mention.id for mention in theirs]))
    for mention in theirs:
        told = await corrected.told(db, mention.id)
        found[mention.id] = await asyncio.to_thread(_mood, mention, choice, learnt.layer, told, mention.id in deep)
    return found


def _mood(mention: Mention, choice: ReadingChoice, layer: Layer | None, told: Told | None, deep: bool) -> Mood:
    whole, language = whole_of(mention.title, mention.text), mention.language
    text = without(whole, choice.names)
    taught: tuple[tuple[str, float], ...] = ()
    number, leans = 0, 0.0
    if layer is not None and layer.knows(language, choice.sentiment):
        taught, number = _weighed(layer.of_words(text, language)), layer.number
        less, more = layer.languages[language].bias
        leans = round(more - less, 3)
    return Mood(
        engine=MODEL if choice.sentiment == MODEL and language in LEARNT else LEXICON,
        read=sentiment(text, language, choice.sentiment, layer),
        words=tuple(why(text, language, choice.sentiment)),
        layer=number,
        taught=taught,
        leans=leans,
        told=told,
        but=tuple(name for name in choice.names if without(whole, (name,)) != whole),
        stands=Sentiment(mention.sentiment, mention.score),
        deep=deep,
    )


def _weighed(reasons: Iterable[tuple[str, float]]) -> tuple[tuple[str, float], ...]:
    found = [(words, round(weight, 3)) for words, weight in reasons if abs(weight) >= SLIGHT]
    return tuple(sorted(found, key=lambda reason: (-abs(reason[1]), reason[0])))
