"""Deep reading of what is stored, after intake and out of its way: each mention's vector, and the sentiment that it
betters. Nothing waits for it; what a person corrected stays as the person said."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any

from sources.encoder import Encoder
from sources.learnt import Learnt
from sources.text import reading
from sources.text.deep import vectors as deep
from sources.text.deep.engines import Engine
from sources.text.local import Layer
from sources.text.names import without
from sources.text.sentiment import MODEL
from store import vectors
from store.chunks import chunks
from store.database import Database
from store.domain.clock import utcnow
from store.domain.desk import ReadingChoice
from store.domain.mention import Mention, Reading
from store.steps import step
from store.vectors import Deep

A_BATCH = 16  # so that it ends within a second
TAKEN = 1_024  # then those that cannot wait are asked for again


@dataclass(slots=True)
class Progress:
    """`read` of `whole` mentions, `changed` of them otherwise than before."""

    whole: int = 0
    read: int = 0
    changed: int = 0


async def deepen(
    db: Database,
    engine: Engine,
    choice: ReadingChoice,
    *,
    rest: float = 0.0,
    tell: Callable[[Progress], None] = lambda so_far: None,
) -> Progress:
    """Read all that wait. After each small batch comes a rest of `rest` times as long as it took; with rests it is done
    quietly, with the lowest priority. Being cancelled leaves what was read so far. Raises BadInput where the engine
    cannot be used, in words; StoreError."""
    so_far, learnt = Progress(await vectors.count_waiting(db, engine.identity)), Learnt()
    await learnt.refresh(db)
    tried: set[int] = set()
    async with Encoder(engine, quiet=rest > 0) as encoder:
        while ids := await vectors.waiting(db, engine.identity, limit=TAKEN):
            if tried.issuperset(ids):
                break  # what cannot be kept is left alone
            for some in chunks((number for number in ids if number not in tried), A_BATCH):
                began = time.monotonic()
                so_far.changed += await _batch(db, encoder, choice, learnt.layer, some)
                so_far.read += len(some)
                tell(so_far)
                await asyncio.sleep(rest * (time.monotonic() - began))
            tried.update(ids)
    return so_far


async def _batch(
    db: Database, encoder: Encoder, choice: ReadingChoice, taught: Layer | None, ids: Sequence[int]
) -> int:
    engine = encoder.engine
    mentions = await vectors.take(db, ids)
    said = {mention.id: deep.plain(mention.title, mention.text) for mention in mentions}
    digests = {number: deep.digest(words) for number, words in said.items()}
    bodies = await vectors.known(db, engine.identity, digests.values())
    fresh = {digests[number]: words for number, words in said.items() if words and digests[number] not in bodies}
    if fresh:
        made = await encoder.encode(list(fresh.values()))
        bodies |= dict(zip(fresh, deep.packed(made), strict=True))
    nothing = bytes(engine.dimension)
    whole = [bodies.get(digests[mention.id], nothing) for mention in mentions]
    found, sums = await asyncio.to_thread(_found, engine, choice, taught, mentions, [*digests.values()], whole)
    return await step(db, partial(vectors.keep, engine=engine.identity, found=found, sums=sums, now=utcnow()))


def _found(
    engine: Engine,
    choice: ReadingChoice,
    taught: Layer | None,
    mentions: Sequence[Mention],
    digests: Sequence[int],
    bodies: list[bytes],
) -> tuple[list[Deep], dict[str, vectors.Sum]]:
    units = deep.unpacked(bodies, engine.dimension)
    sums = deep.sums((mention.language, unit) for mention, unit in zip(mentions, units, strict=True))
    found = [
        Deep(mention, digest, body, better(engine, choice, mention, reading.of_mention(mention), unit, taught))
        for mention, digest, body, unit in zip(mentions, digests, bodies, units, strict=True)
    ]
    return found, {name: (count, total.astype("<f4").tobytes()) for name, (count, total) in sums.items()}


def better(
    engine: Engine, choice: ReadingChoice, mention: Mention, read: Reading, unit: Any, taught: Layer | None
) -> Reading | None:
    """`read` with what its vector betters; None where that is nothing. `taught`: what the desk's corrections moved."""
    from sources.text.deep.head import refined

    if choice.sentiment != MODEL or not unit.any():  # who wants word lists gets word lists
        return None
    said = without(reading.whole_of(mention.title, mention.text), choice.names)
    return refined(engine, unit, read, said, mention.author.followers, taught)
