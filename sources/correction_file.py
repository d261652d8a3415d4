"""Corrections as a file, one JSON object a line: for a colleague's desk, for a benchmark, for keeping.

Out go text, language, what the reading had said, the person's label, who and when. In come the same; only `text` and
`label` are needed. Of a text from elsewhere nothing stays here but numbers (see sources.text.imprint).
"""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Iterable
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sources import teaching
from sources.text import reading
from sources.text.imprint import imprint
from sources.text.reading import whole_of
from store import corrected, corrections
from store.corrections import Brought
from store.database import Database
from store.domain.desk import ReadingChoice
from store.domain.errors import BadInput
from store.domain.mention import JsonObject, SentimentLabel
from store.domain.safetext import safe, safe_line

LONGEST_LINE = 1_000_000


@dataclass(frozen=True, slots=True)
class Arrived:
    """Of `read` lines `new` were not known here, `wordless` have no word to learn from; `reached` stored mentions that
    say the same got their label."""

    read: int
    new: int
    wordless: int
    reached: int


async def outgoing(db: Database) -> AsyncIterator[JsonObject]:
    """Those that hold and whose words are here, oldest first."""
    last = 0
    while chunk := await corrected.in_force(db, last):
        last = chunk[-1].id
        for each in chunk:
            if text := whole_of(each.title, each.text):
                yield {
                    "text": text,
                    "language": each.language,
                    "said": each.said,
                    "score": each.score,
                    "label": each.label,
                    "agent": each.agent,
                    "at": each.at.isoformat(),
                }


async def take(db: Database, lines: Iterable[str], choice: ReadingChoice, *, agent: str, now: datetime) -> Arrived:
    """All of them or, with BadInput for the first line that is wrong, none. Then everything stored that says the same
    gets the label. `agent` stands where a line names nobody."""
    found, wordless = await asyncio.to_thread(_read, lines, choice, agent, now)
    ids = await corrections.bring(db, [brought for _, brought in found])
    reached = 0
    for text, brought in found:
        if (number := ids.get(brought)) is not None:
            known = imprint(text, brought.language, choice.names)
            if known is not None:
                reached += await teaching.reach(db, number, text, known.essence, now=now)
    await teaching.follow(db, ids.values(), choice, now=now)
    return Arrived(len(found) + wordless, len(ids), wordless, reached)


def _read(
    lines: Iterable[str], choice: ReadingChoice, agent: str, now: datetime
) -> tuple[list[tuple[str, Brought]], int]:
    found, wordless = [], 0
    for number, line in enumerate(lines, 1):
        if line.strip():
            text, brought = _brought(line, number, choice, agent, now)
            if brought is None:
                wordless += 1
            else:
                found.append((text, brought))
    return found, wordless


def _brought(line: str, number: int, choice: ReadingChoice, agent: str, now: datetime) -> tuple[str, Brought | None]:
    try:
        record: Any = json.loads(line) if len(line) <= LONGEST_LINE else None
        text, label = safe(record["text"]), SentimentLabel(record["label"])
        who = str(safe_line(str(record.get("agent") or agent), limit=60))
        at = datetime.fromisoformat(record["at"]) if record.get("at") else now
        language = record.get("language") or ""
        if at.tzinfo is None or not isinstance(language, str):
            raise ValueError
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError):
        what = '{"text": "...", "label": "negative"}, a label being positive, neutral or negative'
        raise BadInput(f"line {number} is no correction; one is {what}") from None
    read = reading.read("", text, hint=language, choice=choice)
    language = language if language.isalpha() and len(language) <= 3 else read.language
    found = imprint(text, language, choice.names)
    if found is None:
        return text, None
    digest, numbers = found.essence.digest, found.packed()
    return text, Brought(digest, numbers, language, read.sentiment, read.score, label, who, min(at, now))
