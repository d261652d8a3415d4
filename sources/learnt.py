"""What people taught the reading, as one process knows it: looked for again whenever it reads, so that nothing has to
be started anew when somebody teaches more or takes it back."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass, replace

from sources.text.imprint import Imprint
from sources.text.likeness import Alike, Essence, essence
from sources.text.local import Layer
from sources.text.reading import follow, whole_of
from store import corrected, layers
from store.corrected import Correction
from store.corrections import SCORES
from store.database import Database
from store.domain.desk import ReadingChoice
from store.domain.mention import Reading, SentimentLabel, Taught


@dataclass(frozen=True, slots=True)
class Word:
    """A person's: the mood of a text, by which correction."""

    correction: int
    label: SentimentLabel


class Learnt:
    """Nothing until the first `refresh`."""

    def __init__(self) -> None:
        self.layer: Layer | None = None
        self._alike: Alike[Word] = Alike()
        self._mark: corrected.Mark = (0, 0, 0)
        self._known: dict[int, tuple[Essence, Word]] = {}

    async def refresh(self, db: Database) -> None:
        """Two small questions to the store; more only where something changed."""
        if await layers.number(db) != (self.layer.number if self.layer else 0):
            stored = await layers.current(db)
            self.layer = Layer.unpacked(stored.body, stored.id) if stored else None
        mark = await corrected.mark(db)
        if mark != self._mark:
            held: dict[int, Correction] = {}
            while chunk := await corrected.in_force(db, max(held, default=0)):
                held |= {each.id: each for each in chunk}
            fresh = [each for number, each in held.items() if number not in self._known]
            self._known = {number: known for number, known in self._known.items() if number in held}
            self._known |= await asyncio.to_thread(_known, fresh)
            self._alike = Alike()
            for _, (known, word) in sorted(self._known.items()):
                self._alike.add(known, word)
            self._mark = mark

    def word(self, title: str, text: str, language: str) -> Word | None:
        """What a person said of the same words, or nearly the same."""
        if not self._known:
            return None
        asked = essence(whole_of(title, text), language)
        return self._alike.find(asked) if asked is not None else None

    def told(
        self, title: str, text: str, read: Reading, followers: int | None, choice: ReadingChoice
    ) -> tuple[Reading, Taught | None]:
        """The reading with a person's word on the same words in it, and the mood that it had without."""
        word = self.word(title, text, read.language)
        if word is None:
            return read, None
        taught = Taught(word.correction, read.sentiment, read.score)
        read = replace(read, sentiment=word.label, score=SCORES[word.label])
        return follow(title, text, read, told=True, followers=followers, choice=choice), taught


def _known(found: Sequence[Correction]) -> dict[int, tuple[Essence, Word]]:
    known: dict[int, tuple[Essence, Word]] = {}
    for each in found:
        if each.numbers is not None:
            what: Essence | None = Imprint.unpacked(each.numbers).essence
        else:
            what = essence(whole_of(each.title, each.text), each.language)
        if what is not None:
            known[each.id] = (what, Word(each.id, each.label))
    return known
