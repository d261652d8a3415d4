"""The simulated network of `earful demo`: it goes on talking, and who is answered answers back. All of it in memory:
nothing is fetched and nothing is sent anywhere.

Option `network`: which of the invented networks this is; `seed` for other voices.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence
from dataclasses import replace
from datetime import datetime, timedelta
from random import Random

from sources.demo.people import NETWORKS, Person, paper, people
from sources.demo.posts import ordinary, post
from sources.demo.voices import LANGUAGES
from sources.protocol import Option, Page, ReadBack, Receipt, Setup, SourceType
from sources.text.length import graphemes
from store.domain.clock import utcnow
from store.domain.delivery import Delivery
from store.domain.desk import SourceConfig
from store.domain.mention import Mention, NewAuthor, NewMention, SentimentLabel
from store.domain.poll import Cursor

PAUSE = (5.0, 20.0)  # seconds between two posts, all networks together
ANSWER = (6.0, 18.0)  # seconds until the customer answers
LIMITS = {"mastodon": 500, "bluesky": 300}
LIMIT = 10_000
WORST_BACKLOG = 20
OUR_ACCOUNT = NewAuthor("nimbari", "Nimbari", "https://nimbari.example")


class Demo:
    """One invented network."""

    kind = SourceType(
        "demo",
        "demo",
        "The simulated network of `earful demo`",
        can_answer=True,
        length="as the network that it stands in for",
        options=(
            Option("network", "which network it stands in for", required=True, example='"mastodon"'),
            Option("seed", "other voices", example="7"),
        ),
    )

    @staticmethod
    def obstacle(config: SourceConfig) -> str:
        return ""

    def __init__(self, setup: Setup) -> None:
        self._network = str(setup.config.options.get("network", "mastodon"))
        self._random = Random(f"{setup.config.options.get('seed', 7)} {self._network}")
        self._people = [person for person in people(Random(7)) if person.network == self._network]
        self._share = NETWORKS.get(self._network, 10) / sum(NETWORKS.values())
        self._next: datetime | None = None
        self._waiting: list[NewMention] = []
        self._sent: dict[str, Receipt] = {}
        self._count = 0

    def streams(self) -> Sequence[str]:
        return [self._network]

    async def pages(self, cursor: Cursor, *, now: datetime) -> AsyncIterator[Page]:
        if self._next is None:
            self._next = now + self._pause() / 2
        said: list[NewMention] = []
        while self._next <= now:
            if len(said) < WORST_BACKLOG:  # after a night of sleep it does not make up for the night
                said.append(self._post(self._next))
            self._next += self._pause()
        said += [mention for mention in self._waiting if mention.created_at <= now]
        self._waiting = [mention for mention in self._waiting if mention.created_at > now]
        said.sort(key=lambda mention: mention.created_at)
        soon = min([self._next, now + timedelta(seconds=10), *(mention.created_at for mention in self._waiting)])
        yield Page(asked=f"{self._network}, invented", mentions=said, bookmark={}, next_poll_at=soon)

    async def recheck(self, mentions: Sequence[Mention], *, now: datetime) -> Page | None:
        """Nobody edits or deletes here."""
        return None

    async def length(self, text: str, *, handle: str) -> tuple[int, int]:
        return graphemes(text), LIMITS.get(self._network, LIMIT)

    def compose(self, mention: Mention) -> str:
        return f"@{mention.author.handle} " if self._network == "mastodon" else ""

    async def send(self, delivery: Delivery, parent: Mention) -> Receipt:
        """The same identity is the same post, however often it is sent."""
        receipt = self._sent.get(delivery.identity)
        if receipt is None:
            now = utcnow()
            native = f"{self._network}-ours-{delivery.identity}"
            receipt = Receipt(native, f"demo:{native}", f"https://{self._network}.example/post/{native}")
            self._sent[delivery.identity] = receipt
            self._waiting.append(_echo(delivery, parent, receipt, now))
            self._waiting.append(self._customer(parent, receipt, now))
        return receipt

    async def read_back(self, delivery: Delivery, parent: Mention) -> ReadBack:
        return ReadBack(self._sent.get(delivery.identity), complete=True)

    def _pause(self) -> timedelta:
        return timedelta(seconds=self._random.uniform(*PAUSE) / self._share)

    def _number(self, at: datetime) -> str:
        """Never the same twice, also not in another run on the same store."""
        self._count += 1
        return f"live-{int(at.timestamp() * 1000)}-{self._count}"

    def _post(self, at: datetime) -> NewMention:
        language = self._random.choices(list(LANGUAGES), list(LANGUAGES.values()))[0]
        person = self._random.choice(self._people) if self._people else paper(language, self._random)
        return post(ordinary(person, self._random), person, at, self._number(at), self._random)

    def _customer(self, parent: Mention, answer: Receipt, now: datetime) -> NewMention:
        author = NewAuthor(parent.author.handle, parent.author.name, parent.author.url, parent.author.followers)
        language = parent.language if parent.language in LANGUAGES else "en"
        at = now + timedelta(seconds=self._random.uniform(*ANSWER))
        pleased = parent.sentiment is SentimentLabel.POSITIVE  # nothing of theirs was broken
        kind = "thanks" if pleased else self._random.choices(("thanks", "still", "more"), (5, 3, 3))[0]
        said = post(kind, Person(author, parent.network, language), at, self._number(at), self._random)
        return replace(said, parent=answer.native_id, thread=parent.thread, direct=True)


def _echo(delivery: Delivery, parent: Mention, receipt: Receipt, now: datetime) -> NewMention:
    """Our own post, as the network shows it from now on."""
    return NewMention(
        network=parent.network,
        external_id=receipt.key,
        author=OUR_ACCOUNT,
        created_at=now,
        text=delivery.text,
        url=receipt.url,
        native_id=receipt.native_id,
        parent=parent.native_id,
        thread=parent.thread,
        ours=True,
    )
