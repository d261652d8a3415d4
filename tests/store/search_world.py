"""A store with forty random mentions of which every word and field is known by hand, and random queries about them."""

from __future__ import annotations

import random
from collections.abc import Callable
from datetime import timedelta
from typing import Any

from hypothesis import strategies as st
from sqlalchemy import Row, insert, update

from store import mentions, tables
from store.database import Database
from store.domain.desk import Watch
from store.domain.mention import Mention, NewAuthor
from store.domain.query import Field, Node
from tests.factories import NOW, change, land, read_mention, rows
from tests.queries import SURFACES, Naive, texts_of_queries

FORTY = 40
ANA = NewAuthor("ana@mastodon.social", "Ana Țăran", followers=12_000)
AUTHORS = (ANA, NewAuthor("müller", "Anna", followers=10), NewAuthor("bot", "acme 日本 news"), NewAuthor("@ana", "x y"))
URLS = ("https://old.reddit.com/r/SaaS/1", "https://reddit.com/r/saasy", "https://acme.com/pricing", "")


class World:
    """Forty mentions in some twenty cases, with random surfaces and fields; `seen` is what each says, known by hand."""

    def __init__(self) -> None:
        self.stored: dict[int, Mention] = {}
        self.surfaces: dict[int, tuple[tuple[str, ...], tuple[str, ...]]] = {}
        self.cases: dict[int, Row[Any]] = {}
        self.tags: set[tuple[int, str]] = set()

    async def fill(self, db: Database) -> None:
        rng = random.Random(7)
        some = sorted(SURFACES)
        await mentions.sync_watches(db, [Watch("Acme", "acme"), Watch("rival", "rival")])
        items = []
        surfaces: dict[str, tuple[tuple[str, ...], tuple[str, ...]]] = {}
        for number in range(FORTY):
            title = tuple(rng.choices(some, k=rng.choice([0, 0, 2])))
            body = tuple(rng.choices(some, k=rng.randrange(8)))
            network = rng.choice(["mastodon", "reddit"])
            items.append(
                read_mention(
                    " ".join(body) or "🔥",
                    title=" ".join(title),
                    author=rng.choice(AUTHORS),
                    id=f"m{number}",
                    network=network,
                    thread=rng.choice(["t1", "t2", "t3"]),
                    url=rng.choice(URLS),
                    type=rng.choice(["post", "review"]),
                    language=rng.choice(["en", "de", "pt-br"]),
                    sentiment=rng.choice(["positive", "neutral", "negative"]),
                    intent=rng.choice([None, "question"]),
                    urgency=number % 3 * 40,
                    watches=rng.choice([(), ("Acme",), ("Acme", "rival")]),
                    created_at=NOW - timedelta(days=number),
                )
            )
            surfaces[f"m{number}"] = (title, body or ("🔥",))
        line = await land(db, *items, source="My.Source")
        assert line.new == FORTY
        for mention_id in line.new_mentions:
            stored = self.stored[mention_id] = await mentions.get(db, mention_id)
            self.surfaces[mention_id] = surfaces[stored.external_id]
        numbers = [row.id for row in await rows(db, tables.cases)]
        for number in numbers:
            set_up = update(tables.cases).where(tables.cases.c.id == number)
            set_up = set_up.values(status=rng.choice(["new", "done"]), priority=rng.choice(["normal", "urgent"]))
            await change(db, set_up.values(assignee=rng.choice([None, "ana", "bob"]), team=rng.choice([None, "pr"])))
        tags = [{"case_id": number, "tag": rng.choice(["vip", "old"])} for number in numbers[::2]]
        await change(db, insert(tables.case_tag).values(tags))
        fails = {"id": 5, "phrase": "login fails", "label": "The login fails", "first_seen": NOW, "last_seen": NOW}
        await change(db, insert(tables.issue).values(fails))
        await change(db, update(tables.mention).where(tables.mention.c.id < 12).values(issue_id=5))
        self.cases = {row.id: row for row in await rows(db, tables.cases)}
        self.tags = {(row.case_id, row.tag) for row in await rows(db, tables.case_tag)}

    def holding(self, node: Node) -> list[int]:
        """Ids of the mentions that the query means."""
        return [number for number in self.stored if node in self.seen(number)]

    def cases_holding(self, node: Node) -> list[int]:
        return sorted({case for number in self.holding(node) if (case := self.stored[number].case_id) is not None})

    def seen(self, mention_id: int) -> Naive:
        title, body = self.surfaces[mention_id]
        return Naive(title, body, self._field(self.stored[mention_id]))

    def _field(self, stored: Mention) -> Callable[[Field], bool]:
        assert stored.case_id is not None
        case = self.cases[stored.case_id]

        def holds(field: Field) -> bool:
            value = field.value
            match field.name:
                case "source":
                    return value.lower() in ("my.source", stored.network)
                case "network":
                    return value.lower() == stored.network
                case "lang":
                    return value == stored.language
                case "type":
                    return value == stored.type
                case "sentiment":
                    return value == stored.sentiment
                case "intent":
                    return value == stored.intent
                case "watch":
                    return value.lower() in [watch.lower() for watch in stored.watches]
                case "followers":
                    known = {"ana@mastodon.social": 12_000, "müller": 10}.get(stored.author.handle)
                    return known is not None and (known > int(value) if field.op == ">" else known <= int(value))
                case "urgency":
                    points = int(stored.external_id.removeprefix("m")) % 3 * 40
                    return points > int(value) if field.op == ">" else points <= int(value)
                case "since":
                    return stored.created_at >= NOW - timedelta(days=int(value.rstrip("d")))
                case "until":
                    return stored.created_at < NOW - timedelta(days=int(value.rstrip("d")))
                case "author":
                    handles = {"ana": ["ana@mastodon.social", "@ana"], "muller": ["müller"], "taran": [ANA.handle]}
                    return stored.author.handle in {**handles, "日本": ["bot"], "acme": ["bot"], "an": []}[value]
                case "site":
                    urls = {"reddit.com": URLS[:2], "reddit.com/r/saas": URLS[:1], "acme.com": URLS[2:3]}
                    return stored.url in urls[value]
                case "link":
                    return value.lower() in stored.url.lower()
                case "id":
                    return int(value) == stored.case_id
                case "status" | "priority":
                    return bool(value == getattr(case, field.name))
                case "assignee":
                    return bool({"none": None, "me": "ana"}.get(value, value) == case.assignee)
                case "team":
                    return bool({"none": None}.get(value, value.lower()) == case.team)
                case "tag":
                    return (stored.case_id, value.lower()) in self.tags
                case "issue":
                    return stored.id < 12
            raise AssertionError(field)

        return holds


VALUES = {
    "source": ["my.source", "REDDIT"],
    "network": ["reddit", "Mastodon"],
    "lang": ["en", "pt-br", "pt"],
    "type": ["review"],
    "sentiment": ["negative"],
    "intent": ["question"],
    "watch": ["acme", "Rival", "none"],
    "since": ["7d", "20d"],
    "until": ["7d"],
    "author": ["ana", "muller", "taran", "日本", "acme", "an"],
    "site": ["reddit.com", "reddit.com/r/saas", "acme.com"],
    "link": ["PRICING", "/r/"],
}
OF_CASES = {
    "id": ["1", "999"],
    "status": ["new", "done"],
    "priority": ["urgent"],
    "assignee": ["me", "none", "bob", "Bob"],
    "team": ["none", "PR", "legal"],
    "tag": ["vip", "x"],
    "issue": ["5", "LOGIN fails"],
}


def some(values: dict[str, list[str]]) -> st.SearchStrategy[Node]:
    return st.sampled_from([Field(name, "", value) for name, each in values.items() for value in each])


NUMBERS = st.sampled_from(
    [Field(name, op, value) for name, value in (("followers", "10"), ("urgency", "40")) for op in (">", "<=")]
)
SEEN = texts_of_queries | some(VALUES) | NUMBERS
KNOWN = some(OF_CASES)
