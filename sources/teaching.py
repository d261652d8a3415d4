"""Teaching: a correction reaches what says the same; all corrections together make the local layer."""

from __future__ import annotations

import asyncio
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from functools import partial

from sources.text import reading
from sources.text.grams import ADDRESS
from sources.text.imprint import Imprint, imprint
from sources.text.likeness import Essence, essence, same
from sources.text.local import Layer, Offsets
from sources.text.local_fit import LEAST, OTHERS, Lesson, Outcome, fit, outcome
from sources.text.reading import whole_of
from store import alike, corrected, corrections, layers, mentions, owed
from store.chunks import chunks
from store.corrected import Correction
from store.database import Database
from store.domain.desk import ReadingChoice
from store.domain.mention import Mention, Reading
from store.domain.words import folded_words
from store.steps import step

A_PHRASE, PHRASES = 3, 6  # words of one, and how many of a text are looked for
LOOKED_AT, AT_ONCE = 2_000, 200
A_FEW = 50


@dataclass(frozen=True, slots=True)
class Learned:
    """Of one language. `outcome` is None where there are too few `corrections`; `kept` whether the layer has it."""

    language: str
    corrections: int
    outcome: Outcome | None
    kept: bool


@dataclass(frozen=True, slots=True)
class Lessons:
    """`wordless` corrections could not be learnt from: their texts have no word. `layer` is 0 where none was kept."""

    languages: tuple[Learned, ...]
    wordless: int
    layer: int


async def spread(db: Database, by_mention: Mapping[int, int], choice: ReadingChoice, *, now: datetime) -> int:
    """Bring a person's word from mentions (number -> correction) to all stored ones that say the same or nearly: the
    newest 2,000 that are likely to, a few in a transaction. Intent and urgency follow. Returns how many got it."""
    await _follow(db, list(by_mention), choice, now=now)
    count = 0
    for number, correction in by_mention.items():
        mention = await mentions.get(db, number)
        text = whole_of(mention.title, mention.text)
        known = essence(text, mention.language)
        if known is not None:
            count += await reach(db, correction, text, known, but=number, now=now)
    if count:
        await follow(db, by_mention.values(), choice, now=now)
    await owed.paid(db, by_mention.values())
    return count


async def resume(db: Database, choice: ReadingChoice, *, now: datetime) -> int:
    """Go on with what was broken off, or is being done elsewhere, which does no harm: corrections that have not reached
    yet what says the same, and undone ones. Returns how many mentions got a person's word."""
    left = await owed.owed(db)
    count = 0
    for each in left:
        if each.undone:
            await follow(db, [each.correction], choice, now=now)
        else:
            count += await spread(db, {each.mention: each.correction}, choice, now=now)
    return count


async def follow(db: Database, ids: Iterable[int], choice: ReadingChoice, *, now: datetime) -> None:
    """Bring the intent and the urgency of all that these corrections moved, or moved back, to what follows from the
    mood that holds now."""
    numbers = list(ids)
    await _follow(db, await corrected.moved(db, numbers), choice, now=now)
    await owed.paid(db, numbers)


async def _follow(db: Database, ids: Sequence[int], choice: ReadingChoice, *, now: datetime) -> None:
    for some in chunks(ids, A_FEW):
        found = await db.read(partial(mentions.read, ids=some))
        news = await asyncio.to_thread(_followed, found, choice)
        await step(db, partial(corrections.follow, found=news, now=now))


def _followed(found: Sequence[Mention], choice: ReadingChoice) -> list[tuple[Mention, Reading]]:
    news = []
    for mention in found:
        read, told = reading.of_mention(mention), mention.corrected_by is not None
        followers = mention.author.followers
        said = reading.follow(mention.title, mention.text, read, told=told, followers=followers, choice=choice)
        news.append((mention, said))
    return news


async def reach(
    db: Database, correction: int, text: str, known: Essence, *, but: int | None = None, now: datetime
) -> int:
    """The same for one text."""
    phrases, before, count = _phrases(text), None, 0
    for _ in range(LOOKED_AT // AT_ONCE):
        likely = await alike.holding(db, phrases, before=before, limit=AT_ONCE)
        found = await asyncio.to_thread(_same, likely, known)
        found = [number for number in found if number != but]
        if found:
            count += await step(db, partial(corrections.spread, correction_id=correction, mention_ids=found, now=now))
        if len(likely) < AT_ONCE:
            break
        before = likely[-1].id
    return count


async def teach(db: Database, choice: ReadingChoice, *, agent: str, now: datetime, dry_run: bool = False) -> Lessons:
    """Fit a layer to all corrections and put it in force. A language is left as it is read without one where there are
    too few corrections, or where the layer reads those that it has not seen no better."""
    held: list[Correction] = []
    while chunk := await corrected.in_force(db, held[-1].id if held else 0):
        held += chunk
    lessons, wordless = await asyncio.to_thread(_lessons, held, choice)
    learned, offsets = [], {}
    for language, taught in sorted(lessons.items(), key=lambda each: (-len(each[1]), each[0])):
        if len(taught) < LEAST:
            learned.append(Learned(language, len(taught), None, False))
            continue
        others = await alike.uncorrected(db, language, limit=OTHERS)
        found, result = await asyncio.to_thread(_fitted, taught, others, language, choice)
        learned.append(Learned(language, len(taught), result, result.helps))
        if result.helps:
            offsets[language] = found
    number = 0
    if offsets and not dry_run:
        layer = Layer(choice.sentiment, offsets)
        count = sum(len(taught) for taught in lessons.values())
        number = await layers.add(db, layer.packed, count, agent=agent, now=now)
    return Lessons(tuple(learned), wordless, number)


def _lessons(held: Sequence[Correction], choice: ReadingChoice) -> tuple[dict[str, list[Lesson]], int]:
    """By language, each text once: of the same words the newest correction counts."""
    newest: dict[tuple[str, str], Lesson] = {}
    wordless = 0
    for each in sorted(held, key=lambda each: (each.at, each.id)):
        if each.numbers is not None:
            found: Imprint | None = Imprint.unpacked(each.numbers)
        else:
            found = imprint(whole_of(each.title, each.text), each.language, choice.names)
        if found is None:
            wordless += 1
        else:
            newest[each.language, found.essence.digest] = Lesson(found.example(choice.sentiment), each.label)
    lessons: dict[str, list[Lesson]] = defaultdict(list)
    for (language, _), lesson in newest.items():
        lessons[language].append(lesson)
    return lessons, wordless


def _fitted(
    lessons: Sequence[Lesson], likely: Sequence[alike.Likely], language: str, choice: ReadingChoice
) -> tuple[Offsets, Outcome]:
    found = (imprint(whole_of(each.title, each.text), language, choice.names) for each in likely)
    others = {each.essence.digest: each.example(choice.sentiment) for each in found if each is not None}
    for lesson in lessons:
        others.pop(lesson.example.digest, None)
    examples = list(others.values())
    offsets = fit(lessons, examples)
    return offsets, outcome(lessons, examples, offsets)


def _same(likely: Sequence[alike.Likely], known: Essence) -> list[int]:
    found = ((each.id, essence(whole_of(each.title, each.text), each.language)) for each in likely)
    return [number for number, other in found if other is not None and same(known, other)]


def _phrases(text: str) -> list[list[str]]:
    """Folded words side by side, between what may differ (links, handles, numbers): those of the longest words, which
    are the rarest."""
    runs: list[list[str]] = [[]]
    for part in ADDRESS.sub("\n", text).split("\n"):
        runs.append([])
        for word in folded_words(part):
            if word[0].isdigit():
                runs.append([])
            else:
                runs[-1].append(word)
    found = [run[at : at + A_PHRASE] for run in runs for at in range(0, len(run), A_PHRASE)]
    whole = [phrase for phrase in found if len(phrase) == A_PHRASE] or found
    return sorted(whole, key=lambda phrase: -sum(map(len, phrase)))[:PHRASES]
