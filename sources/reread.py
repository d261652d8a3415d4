"""All stored text read again with the present analysis and watches: in small transactions, and gone on with where it
was broken off. What a person corrected stays as the person said."""

from __future__ import annotations

import asyncio
import hashlib
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from functools import partial

from sources.deepening import better
from sources.learnt import Learnt
from sources.text import match, reading
from sources.text.deep import engines
from sources.text.deep.engines import Engine
from sources.text.deep.vectors import unpacked
from store import rereading, vectors
from store.database import Database
from store.domain.desk import Desk, ReadingChoice
from store.domain.errors import BadInput
from store.domain.mention import Mention
from store.rereading import Reread
from store.steps import step


@dataclass(slots=True)
class Progress:
    """`read` of `whole` mentions; `changed` read otherwise than before, `marked` got or lost a watch's mark."""

    whole: int = 0
    read: int = 0
    changed: int = 0
    marked: int = 0


async def reread(
    db: Database,
    desk: Desk,
    *,
    now: datetime,
    since: datetime | None = None,
    asked: str = "",
    tell: Callable[[Progress], None] = lambda so_far: None,
) -> Progress:
    """Read again what was written `since`. `asked` names the request: the same one, of the same analysis, layer and
    watches, goes on where it was broken off. Raises BadInput for a watch that does not parse, StoreError."""
    watches = [(watch.name, match.of_watch(watch)) for watch in desk.watches]
    learnt = Learnt()
    await learnt.refresh(db)
    layer = learnt.layer.number if learnt.layer else 0
    name = hashlib.sha256(repr((reading.VERSION, desk.reading, layer, desk.watches, asked)).encode()).hexdigest()[:16]
    place = await rereading.place(db, name, now=now)
    so_far = Progress(whole=await rereading.count(db, since))
    engine = _engine(desk.reading)
    so_far.read = so_far.whole - await rereading.count(db, since, after=place.after) if place.after else 0
    while chunk := await rereading.chunk(db, place, since):
        bodies = await vectors.these(db, engine.identity, [mention.id for mention in chunk]) if engine else {}
        deep = (engine, bodies) if engine and bodies else None
        news = await asyncio.to_thread(_read, chunk, watches, desk.reading, learnt, now, deep)
        place = place.behind(chunk[-1].id)
        changed, marked = await step(db, partial(rereading.write, news=news, place=place, now=now))
        so_far.read += len(chunk)
        so_far.changed, so_far.marked = so_far.changed + changed, so_far.marked + marked
        tell(so_far)
    await rereading.finished(db)
    return so_far


def _read(
    chunk: Sequence[Mention],
    watches: Sequence[tuple[str, match.Matcher]],
    choice: ReadingChoice,
    learnt: Learnt,
    now: datetime,
    deep: tuple[Engine, dict[int, bytes]] | None,
) -> list[tuple[Mention, Reread]]:
    """The language that a near tie was settled for stays, and what was read deeply is not read shallowly again."""
    found = []
    for mention in chunk:
        read = reading.read(
            mention.title,
            mention.text,
            hint=mention.language,
            followers=mention.author.followers,
            choice=choice,
            layer=learnt.layer,
        )
        if deep is not None and mention.id in deep[1]:
            unit = unpacked([deep[1][mention.id]], deep[0].dimension)[0]
            read = better(deep[0], choice, mention, read, unit, learnt.layer) or read
        said, taught = learnt.told(mention.title, mention.text, read, mention.author.followers, choice)
        if mention.corrected_by is not None:
            person = replace(read, sentiment=mention.sentiment, score=mention.score)
            followers = mention.author.followers
            said = reading.follow(mention.title, mention.text, person, told=True, followers=followers, choice=choice)
        read = replace(said, sentiment=read.sentiment, score=read.score)
        document = match.stored(mention, now=now, read=read)
        names = {name for name, matches in watches if matches(document)}
        found.append((mention, Reread(read, frozenset(names), frozenset(name for name, _ in watches), taught)))
    return found


def _engine(choice: ReadingChoice) -> Engine | None:
    """One that cannot be used is as good as none: deep reading says so itself."""
    try:
        return engines.chosen(choice.deep)
    except BadInput:
        return None
