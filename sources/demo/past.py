"""What the desk's agents did in the fortnight: most of the old is finished, little of today's, and every view has
something. Answered people sometimes write again."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from random import Random

from sources.demo.desk import AGENTS
from sources.demo.people import Person
from sources.demo.posts import post
from sources.demo.voices import say
from store.domain.action import (
    Action,
    AddNote,
    Assign,
    Dismiss,
    Done,
    Escalate,
    Forward,
    Prioritise,
    Reply,
    Snooze,
    Tag,
)
from store.domain.case import Priority
from store.domain.mention import NewMention

ROUND = timedelta(days=1)  # `fill` stores so much at a time
_ANSWERS = {
    "login": "login", "login again": "login", "review1": "login", "charge": "billing", "refund": "billing",
    "delivery": "delivery", "support": "delivery", "praise": "praise", "howto": "howto",
}  # fmt: skip
_TAGS = {
    "charge": "billing", "refund": "billing", "delivery": "shipping", "login": "outage", "login again": "outage",
    "crash": "bug", "sync": "bug", "wish": "idea", "lost": "data loss",
}  # fmt: skip
_QUIET = frozenset({"chatter", "competitor", "compare", "news", "news outage", "review5", "praise", "metoo"})
_CRISES = frozenset({"legal", "leak"})
_ENGINEERING = frozenset({"crash", "lost", "login again"})
_FORWARDS = {
    "charge": ("billing", "double payment, see text"),
    "refund": ("billing", "where is this refund?"),
    "delivery": ("shipping", "please look for the parcel"),
}
_NOTES = (
    "Asked billing by phone, they look at it tomorrow.",
    "Same customer wrote on the forum last month.",
    "Engineering knows: cache of old sessions. Fix is planned.",
    "Be kind, has been with us since the first year.",
)


@dataclass(frozen=True, slots=True)
class Opening:
    """What opened a case, and what the inventor knows of it."""

    kind: str
    person: Person
    mention: NewMention
    big: bool = False


@dataclass(frozen=True, slots=True)
class Deed:
    """One action of the past, on the case of the mention with this external id."""

    external_id: str
    action: Action
    agent: str
    at: datetime


def past(openings: Sequence[Opening], now: datetime, random: Random) -> tuple[list[Deed], list[NewMention]]:
    """What was done, oldest first, and what the answered wrote then."""
    deeds: list[Deed] = []
    follow_ups: list[NewMention] = []
    for opening in openings:
        age = now - opening.mention.created_at
        handled = 0.86 if age > timedelta(days=3) else 0.5 if age > timedelta(days=1) else 0.12
        if opening.big or opening.kind in _CRISES or (opening.kind != "unrelated" and random.random() < handled):
            done, wrote = _handle(opening, now, random)
            deeds += done
            follow_ups += wrote
    deeds.sort(key=lambda deed: deed.at)
    return deeds, sorted(follow_ups, key=lambda mention: mention.created_at)


def _handle(opening: Opening, now: datetime, random: Random) -> tuple[list[Deed], list[NewMention]]:
    agent = AGENTS[opening.person.language] if random.random() < 0.85 else random.choice(list(AGENTS.values()))
    at = opening.mention.created_at + timedelta(minutes=5 + random.expovariate(1 / 240))
    follow_ups: list[NewMention] = []
    if opening.kind == "spam":
        steps: list[Action] = [Dismiss("spam")]
    elif opening.big:
        steps = [Assign(agent), Escalate("press", "1.2 million readers")]
    elif opening.kind in _CRISES:
        steps = [Assign(agent), Prioritise(Priority.URGENT), Escalate("legal", f"{opening.kind}: see text")]
    elif opening.kind in _QUIET and random.random() < 0.75:
        steps = [Done()]
    else:
        steps, follow_ups = _work(opening, agent, at, now, random)
    deeds = [
        Deed(opening.mention.external_id, step, agent, at + timedelta(minutes=minute))
        for minute, step in enumerate(steps)
        if at + timedelta(minutes=minute) < now
    ]
    return deeds, follow_ups if len(deeds) == len(steps) else []


def _work(
    opening: Opening, agent: str, at: datetime, now: datetime, random: Random
) -> tuple[list[Action], list[NewMention]]:
    kind = opening.kind
    steps: list[Action] = [Assign(agent)] if random.random() < 0.5 else []
    if kind in _TAGS and random.random() < 0.7:
        steps.append(Tag(add=(_TAGS[kind],)))
    if random.random() < 0.08:
        steps.append(AddNote(random.choice(_NOTES)))
    chance = random.random()
    if kind in _FORWARDS and chance < 0.3:
        steps.append(Forward(*_FORWARDS[kind], undo_window=0))
    elif kind in _ENGINEERING and chance < 0.3:
        steps.append(Escalate("engineering", "several people report the same"))
    elif chance < 0.4 and at > now - timedelta(days=5):
        steps.append(Snooze(now + timedelta(hours=random.uniform(3, 60))))
    elif kind in _ANSWERS and chance > 0.6:
        answer = say(f"answer {_ANSWERS[kind]}", opening.person.language, random, formal=True).text
        steps.append(Reply(answer, f"demo-{opening.mention.native_id}", undo_window=0))
        follow_ups = _follow_up(opening, at, now, random)
        if not follow_ups and random.random() < 0.55:
            steps.append(Done())
        return steps, follow_ups
    else:
        steps.append(Done())
    return steps, []


def answer_id(external_id: str) -> str:
    """What our answer to the mention with this id is called on its network."""
    return f"answer-{external_id}"


def round_end(at: datetime, now: datetime) -> datetime:
    """When the round of `at` ends; the last one ends `now`."""
    return now - ROUND * ((now - at) // ROUND)


def _follow_up(opening: Opening, at: datetime, now: datetime, random: Random) -> list[NewMention]:
    then = round_end(at, now) + timedelta(hours=random.uniform(0.2, 5))  # in a later round than our answer
    if random.random() < 0.6 or then >= now:
        return []
    kind = random.choices(("thanks", "still", "more"), (5, 3, 2))[0]
    number = f"{opening.mention.native_id.rpartition('-')[2]}-again"
    said = post(kind, opening.person, then, number, random, answers=opening.mention)
    return [replace(said, parent=answer_id(opening.mention.external_id), direct=True)]
