"""Search by meaning, over the vectors that deep reading has kept: what is like a text, and what we answered to the
like of a case. Compared are all of them; numpy does 200,000 in a fraction of a second, in a thread."""

from __future__ import annotations

import asyncio
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from sources.encoder import Encoder
from sources.text import language
from sources.text.deep.centring import centred, centres, likeness
from sources.text.deep.engines import Engine
from sources.text.deep.gathering import Centre
from sources.text.deep.vectors import plain, unpacked
from store import answers, cases, vectors
from store.database import Database
from store.domain.case import InboxRow
from store.domain.safetext import SafeText

LEAST, ALIKE = 0.2, 0.35  # a cosine below is no likeness; of a few words, of a whole case
SIMILAR = 5


@dataclass(frozen=True, slots=True)
class Alike:
    """A case and how like what was sought it is, 0..1; `answer` is what we said there."""

    row: InboxRow
    likeness: float
    answer: SafeText


async def like(
    db: Database, engine: Engine, text: str, *, most: int, within: Collection[int] | None = None
) -> list[tuple[int, float]]:
    """(case id, likeness) of the cases in which something like `text` was said, in whatever language, the likest first;
    with `within` only of these. Raises BadInput where the engine cannot be used, StoreError."""
    async with Encoder(engine) as encoder:
        (vector,) = await encoder.encode([plain("", text)])
    means = await _means(db, engine)
    sought = centred(vector[None], [language.detect(text)], means)
    return await _nearest(db, engine, sought, means, most=most, within=within)


async def answered(db: Database, engine: Engine, case_id: int, *, most: int = SIMILAR) -> list[Alike]:
    """The cases that we answered and that are likest to this one; empty where deep reading has not come to it yet."""
    theirs = await vectors.of_case(db, engine.identity, case_id)
    if not theirs:
        return []
    means = await _means(db, engine)
    sought = centred(unpacked([body for _, body in theirs], engine.dimension), [spoken for spoken, _ in theirs], means)
    near = await _nearest(db, engine, sought, means, most=4 * most + 1, answered=True)
    found = {number: how for number, how in near if number != case_id and how >= ALIKE}
    said = await answers.newest(db, list(found))
    rows = await cases.rows(db, [number for number in found if number in said][:most])
    return [Alike(row, found[row.id], said[row.id]) for row in rows]


async def meanings(
    db: Database, engine: Engine, mentions: Mapping[int, str], issue_ids: Sequence[int]
) -> tuple[dict[int, Any], dict[int, Centre]]:
    """For finding issues (`sources.text.deep.gathering`): the centred vectors of these mentions (id -> language), as
    far as they have been read deeply, and what these issues are about."""
    means = await _means(db, engine)
    bodies = await vectors.these(db, engine.identity, mentions)
    members = await vectors.of_issues(db, engine.identity, issue_ids)

    def work() -> tuple[dict[int, Any], dict[int, Centre]]:
        whole = [*bodies.values(), *(body for _, _, body in members)]
        if not whole:
            return {}, {}
        languages = [mentions[number] for number in bodies] + [language for _, language, _ in members]
        units = centred(unpacked(whole, engine.dimension), languages, means)
        centres_of: dict[int, Centre] = {}
        for (number, spoken, _), vector in zip(members, units[len(bodies) :], strict=True):
            before = centres_of.get(number, Centre(0.0, frozenset()))
            centres_of[number] = Centre(before.total + vector, before.languages | {spoken})
        return dict(zip(bodies, units, strict=False)), centres_of

    return await asyncio.to_thread(work)


async def _means(db: Database, engine: Engine) -> dict[str, Any]:
    return await asyncio.to_thread(centres, engine, await vectors.sums(db, engine.identity))


async def _nearest(
    db: Database,
    engine: Engine,
    sought: Any,
    means: dict[str, Any],
    *,
    most: int,
    within: Collection[int] | None = None,
    answered: bool = False,
) -> list[tuple[int, float]]:
    best: dict[int, float] = {}
    async for page in vectors.pages(db, engine.identity, answered=answered):
        near = await asyncio.to_thread(likeness, page.bodies, page.languages, sought, means)
        for place in (near >= LEAST).nonzero()[0].tolist():
            number = page.cases[place]
            if within is None or number in within:
                best[number] = max(float(near[place]), best.get(number, 0.0))
    ranked = sorted(best.items(), key=lambda one: (-one[1], -one[0]))
    return [(number, round(min(1.0, near), 3)) for number, near in ranked[:most]]
