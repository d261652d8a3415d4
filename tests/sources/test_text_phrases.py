from __future__ import annotations

import time
from dataclasses import dataclass, replace
from datetime import timedelta
from random import Random

from sources import issues
from sources.text.phrases import group, phrases
from sources.text.reading import read
from store import issues as known
from store.database import Database
from store.domain.desk import Desk, Watch
from store.tables import issue, mention
from tests.factories import NOW, land, read_mention, rows

BRAND = {"acme"}
LOGIN = [
    ("en", "can't log in to acme since this morning"),
    ("ro", "nu mă pot loga în acme de azi dimineață"),
    ("de", "kann mich bei acme nicht mehr einloggen"),
    ("it", "non riesco ad accedere ad acme da ore"),
    ("es", "no puedo iniciar sesión en acme desde ayer"),
    ("hu", "nem tudok bejelentkezni az acme fiókba"),
    ("vi", "không đăng nhập được acme từ sáng"),
]
ROTOR = ["the rotor blade broke again", "my rotor blade snapped, terrible", "rotor blade came off on day two, refund?"]


@dataclass(frozen=True)
class Said:
    id: int
    author_id: int
    language: str
    sentiment: str
    intent: str | None
    text: str
    title: str = ""


def said(texts: list[tuple[str, str]], first: int = 1) -> list[Said]:
    items = []
    for number, (language, text) in enumerate(texts, first):
        found = read("", text, hint=language)
        items.append(Said(number, number, language, found.sentiment, found.intent, text))
    return items


def test_phrases_have_content_at_both_ends() -> None:
    found = phrases("the rotor blade of my acme broke again, see https://example.org/rotor @ana", "en")
    assert {"rotor blade", "rotor"} <= set(found)
    assert not [phrase for phrase in found if phrase.split()[0] in {"the", "of", "my"} or "example" in phrase]
    assert found.index("rotor blade") < found.index("rotor")
    assert "broke again see" not in found


def test_a_topic_is_one_phrase_in_all_languages() -> None:
    assert [language for language, text in LOGIN if phrases(text, language)[:1] != ("login",)] == []
    assert "login" not in phrases("the login page got a new colour", "en")[:1]


def test_what_many_authors_share_is_a_group() -> None:
    items = said(LOGIN) + said([("en", text) for text in ROTOR], first=100)
    groups = group(items, leave_out=BRAND)
    assert groups["login"] == ("login", [1, 2, 3, 4, 5, 6, 7])
    assert groups["rotor blade"] == ("rotor blade", [100, 101, 102])


def test_one_author_is_not_many() -> None:
    items = [replace(item, author_id=1) for item in said([("en", text) for text in ROTOR])]
    assert group(items, leave_out=BRAND) == {}


def test_the_brand_is_no_issue() -> None:
    items = said([("en", f"acme drive {word} broke?") for word in ("handle", "wheel", "engine", "seat", "door")])
    assert not [key for key in group(items, leave_out={"acme", "drive"}) if "acme" in key or "drive" in key]


def test_a_mention_is_in_one_group_at_most() -> None:
    random = Random(4)
    parts = ["rotor blade broke", "battery cover cracked", "charger cable melted", "screen glass scratched"]
    items = said([("en", ". ".join(random.sample(parts, 2)) + "?") for _ in range(80)])
    members = [number for _, ids in group(items, leave_out=BRAND).values() for number in ids]
    assert members
    assert len(members) == len(set(members))


def test_twenty_thousand_mentions_take_seconds() -> None:
    random = Random(5)
    begins, ends = ("ba", "co", "du", "fe", "gi", "lo", "mu", "ne"), ("rak", "lin", "tos", "vem")
    vocabulary = [begin + end for begin in begins for end in ends]
    words = vocabulary + [word + "ish" for word in vocabulary]
    items = [
        Said(number, number % 6_000, "en", "negative", "complaint", " ".join(random.choices(words, k=14)))
        for number in range(20_000)
    ]
    began = time.process_time()
    assert group(items, leave_out=BRAND)
    assert time.process_time() - began < 8


async def test_refresh_gives_issues_once_and_for_all(db: Database) -> None:
    desk = Desk(name="Acme", watches=(Watch("acme", "acme"),))
    texts = LOGIN + [("en", f"acme {text}") for text in ROTOR]
    items = []
    for number, (language, text) in enumerate(texts):
        found = read("", text, hint=language)
        told = {"language": language, "sentiment": found.sentiment, "intent": found.intent}
        items.append(read_mention(text, author=f"author{number}", **told))
    await land(db, *items)

    assert await issues.refresh(db, desk, now=NOW) == 10
    before = {row.id: row.issue_id for row in await rows(db, mention)}
    assert {row.phrase for row in await rows(db, issue)} == {"login", "rotor blade"}

    assert await issues.refresh(db, desk, now=NOW + timedelta(hours=1)) == 0
    assert {row.id: row.issue_id for row in await rows(db, mention)} == before

    late = "acme rotor blade fell off"
    await land(db, read_mention(late, author="late", phrases=phrases(late, "en")))
    newest = (await rows(db, mention))[-1]
    assert newest.issue_id == (await known.phrases(db))["rotor blade"]
