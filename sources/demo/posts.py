"""An invented post: what one person says at one time, as its network would give it."""

from __future__ import annotations

import html
from dataclasses import replace
from datetime import datetime
from random import Random

from sources.demo.people import Person
from sources.demo.voices import say
from store.domain.mention import MentionType, NewMention

# What people talk about on an ordinary day, and how often.
EVERY_DAY = {
    "praise": 13, "howto": 11, "wish": 8, "chatter": 7, "charge": 6, "refund": 3, "delivery": 7, "support": 6,
    "price": 5, "sync": 6, "crash": 5, "lost": 1, "compare": 4, "competitor": 9, "spam": 2, "unrelated": 3,
}  # fmt: skip
REVIEWS = {"review5": 9, "review3": 4, "review1": 5}
_TYPES = {"appstore": MentionType.REVIEW, "news": MentionType.ARTICLE, "reddit": MentionType.COMMENT}
_STARS = {"review5": "★★★★★", "review3": "★★★☆☆", "review1": "★☆☆☆☆"}


def ordinary(person: Person, random: Random) -> str:
    """What this person would talk about today: one who writes to an app store reviews."""
    kinds = REVIEWS if person.network == "appstore" else {"news": 1} if person.network == "news" else EVERY_DAY
    return random.choices(list(kinds), list(kinds.values()))[0]


def post(
    kind: str, person: Person, at: datetime, number: str, random: Random, *, answers: NewMention | None = None
) -> NewMention:
    """The post with this number. `answers`: what it stands under."""
    formal = person.network == "news"
    other = answers.author.handle.partition("@")[0] if answers else ""
    said = say(kind, person.language, random, formal=formal, other=other)
    native = f"{person.network}-{number}"
    title = f"{_STARS[kind]} {said.title}" if kind in _STARS else said.title
    made = NewMention(
        network=person.network,
        external_id=f"demo:{native}",
        author=person.author,
        created_at=at,
        text=said.text,
        title=title,
        url=f"https://{person.network}.example/post/{native}",
        type=_TYPES.get(person.network, MentionType.POST),
        native_id=native,
        parent=answers.native_id if answers else "",
        thread=answers.thread if answers else native,
        language_hint=person.language if random.random() < 0.4 else "",
    )
    return _marked_up(made) if person.network == "mastodon" else made


def _marked_up(made: NewMention) -> NewMention:
    """Mastodon gives HTML."""
    return replace(made, text="", html=f"<p>{html.escape(made.text)}</p>")
