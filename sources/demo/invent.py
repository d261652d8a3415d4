"""The demo world: a brand, its desk, and a believable fortnight of what people said about it; the same for the same
seed.

On the ninth day a login outage: a spike of some hours in all languages, then a trickle of people who are still thrown
out, which is how a recurring issue looks.
"""

from __future__ import annotations

from bisect import bisect
from dataclasses import dataclass
from datetime import datetime, timedelta
from itertools import accumulate, count
from random import Random

from sources.demo.desk import desk
from sources.demo.past import Deed, Opening, past
from sources.demo.people import BIG_ACCOUNT, Person, paper, people
from sources.demo.posts import ordinary, post
from store.domain.desk import Desk
from store.domain.mention import NewMention

DAYS = 14
A_DAY = 62  # what is said on a weekday
OUTAGE_DAY, OUTAGE_POSTS, OUTAGE_HOURS = 9, 190, 5.5
_WEEK = (1.0, 1.06, 1.04, 1.0, 0.92, 0.62, 0.58)  # Monday first
_HOURS = (2, 1, 1, 1, 1, 2, 4, 7, 9, 9, 8, 8, 8, 7, 7, 7, 7, 8, 9, 10, 11, 10, 7, 4)  # of the speaker's own day
_ZONES = {"en": -1, "de": 1, "ro": 2, "it": 1, "es": 0, "hu": 1, "vi": 7}  # hours from UTC, roughly
_TALKATIVE = ("mastodon", "bluesky", "reddit")


@dataclass(frozen=True, slots=True)
class Demo:
    """`mentions` oldest first; `history` is what the agents did meanwhile, to be replayed by `fill`, oldest first."""

    desk: Desk
    mentions: list[NewMention]
    history: list[Deed]


def world(now: datetime, seed: int = 7) -> Demo:
    """The fortnight that ends at `now`."""
    inventor = _Inventor(now, Random(seed))
    inventor.ordinary_days()
    inventor.outage()
    inventor.single_events()
    deeds, follow_ups = past(inventor.openings, now, inventor.random)
    mentions = sorted(
        [*(opening.mention for opening in inventor.openings), *follow_ups],
        key=lambda mention: (mention.created_at, mention.external_id),
    )
    return Demo(desk(), mentions, deeds)


class _Inventor:
    def __init__(self, now: datetime, random: Random) -> None:
        self.now, self.random = now, random
        self.openings: list[Opening] = []
        self._people = people(random)
        # A few talk often, most once or twice.
        self._talk = list(accumulate(random.paretovariate(2.2) for _ in self._people))
        self._numbers = (f"{number:05}" for number in count(1))

    def ordinary_days(self) -> None:
        for day in range(DAYS):
            begin = self.now - timedelta(days=DAYS - day)
            for _ in range(round(A_DAY * _WEEK[begin.weekday()] * self.random.uniform(0.88, 1.12))):
                person = (
                    self._someone() if self.random.random() > 0.03 else paper(self._someone().language, self.random)
                )
                kind = ordinary(person, self.random)
                if kind == "crash" and day < 6 and self.random.random() < 0.8:
                    kind = "howto"  # the update that crashes came out on the sixth day
                if day >= OUTAGE_DAY and person.network in _TALKATIVE and self.random.random() < 0.07:
                    kind = "login again"
                self._add(kind, person, self._time_of_day(begin, person))

    def outage(self) -> None:
        begin = (self.now - timedelta(days=DAYS - OUTAGE_DAY)).replace(hour=8, minute=40, second=0, microsecond=0)
        roots: list[NewMention] = []
        times = sorted(self.random.betavariate(1.9, 4.0) * OUTAGE_HOURS for _ in range(OUTAGE_POSTS))
        for hours in times:
            at = begin + timedelta(hours=hours)
            person = self._someone()
            if person.network == "appstore":
                self._add("review1", person, at)
                continue
            near = [root for root in roots[-12:] if root.network == person.network and root.author != person.author]
            if near and self.random.random() < 0.3:
                self._add("metoo", person, at, answers=self.random.choice(near))
            else:
                roots.append(self._add("login", person, at))
        big = Person(BIG_ACCOUNT, "bluesky", "en")
        self._add("login", big, begin + timedelta(minutes=75), big=True)
        for language in ("en", "de", "ro", "it", "es", "hu", "vi"):
            at = begin + timedelta(hours=self.random.uniform(4, 9))
            self._add("news outage", paper(language, self.random), at)

    def single_events(self) -> None:
        """Rare things that a desk must not miss."""
        for days, language, kind in (
            (6.2, "en", "legal"),
            (3.4, "ro", "legal"),
            (1.3, "en", "leak"),
            (0.4, "de", "leak"),
        ):
            speakers = [p for p in self._people if p.language == language and p.network in _TALKATIVE]
            self._add(kind, self.random.choice(speakers), self.now - timedelta(days=days))

    def _add(
        self, kind: str, person: Person, at: datetime, *, answers: NewMention | None = None, big: bool = False
    ) -> NewMention:
        made = post(kind, person, at, next(self._numbers), self.random, answers=answers)
        self.openings.append(Opening(kind, person, made, big))
        return made

    def _someone(self) -> Person:
        return self._people[bisect(self._talk, self.random.random() * self._talk[-1])]

    def _time_of_day(self, begin: datetime, person: Person) -> datetime:
        """Somewhere in the 24 hours from `begin`, by the rhythm of where the person lives."""
        midnight = begin.replace(hour=0, minute=0, second=0, microsecond=0) - timedelta(hours=_ZONES[person.language])
        hour = self.random.choices(range(24), _HOURS)[0]
        at = midnight + timedelta(hours=hour, seconds=self.random.uniform(0, 3600))
        while at < begin:
            at += timedelta(days=1)
        while at >= begin + timedelta(days=1):
            at -= timedelta(days=1)
        return at
