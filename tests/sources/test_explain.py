"""Why a query matches a text or not: always in agreement with the matcher."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sources.text import match
from sources.text.explain import Reason, of_language, reasons
from store.domain.query import And, Field, Node, Not, Or, parse
from store.domain.query_text import written
from tests.queries import queries, texts
from tests.queries import written as as_a_test_writes_it

NOW = datetime(2026, 11, 21, 12, 0, tzinfo=UTC)


def document(text: str = "", **known: Any) -> match.Document:
    return match.Document(text=text, **{"created_at": NOW, "now": NOW} | known)


def told(query: str, text: str = "", **known: Any) -> list[Reason]:
    return reasons(parse(query), document(text, **known))


@settings(max_examples=300, deadline=None)
@given(queries(), texts, texts, st.randoms())
def test_reasons_agree_with_the_matcher(drawn: Node, title: list[str], text: list[str], random: Any) -> None:
    node = parse(as_a_test_writes_it(drawn))
    assert node is not None
    asked = document(" ".join(text), title=" ".join(title))
    matched = match.compile(node)(asked)
    found = reasons(node, asked)

    assert found, "something always decides"
    for reason in found:
        assert reason.helps == matched
        if reason.holds:
            shown = asked.title if reason.in_title else asked.text
            assert reason.words
            assert all(word in shown for word in reason.words)
            assert match.compile(parse(reason.term))(asked)
        assert reason.why

    # If all that decides were otherwise, so would be the answer; nothing else changes it.
    deciding = {(reason.term, reason.negated) for reason in found}
    assert truth(node, asked, lambda key, holds: holds != (key in deciding)) != matched
    assert truth(node, asked, lambda key, holds: holds if key in deciding else random.random() < 0.5) == matched


def truth(node: Node, asked: match.Document, said: Any, negated: bool = False) -> bool:
    """What a tree comes to where `said((term, negated), holds)` is what each leaf is taken for."""
    match node:
        case And(nodes):
            return all(truth(part, asked, said, negated) for part in nodes)
        case Or(nodes):
            return any(truth(part, asked, said, negated) for part in nodes)
        case Not(inner):
            return not truth(inner, asked, said, not negated)
    return said((written(node), negated), match.compile(node)(asked))


@pytest.mark.parametrize(
    ("query", "text", "why"),
    [
        ("acmecloud~1", "my amceclod is down", "nearest word is `amceclod`, 2 edits away"),
        ("acmecloud", "my acme cloud is down", "it is written in two words: `acme cloud`"),
        ('"acme cloud"', "my AcmeCloud is down", "it is written in one word: `acmecloud`"),
        ('"acme cloud"', "a cloud by acme", "its words are there, but not side by side"),
        ('"acme cloud"', "acme is down", "`cloud` is missing; no word in it is like it"),
        ("acme", "nothing to see", "no word in it is like it"),
        ("acme", "🔥", "there is no word in the text"),
        ("`Acme`", "acme is down", "its words are there, but not written exactly `Acme`"),
        ("acme NEAR/3 anvil", "acme a b c d e f g anvil", "they are 7 words apart, NEAR/3 allows 3"),
        ("acme NEAR/3 anvil", "acme is down", "`anvil` is not there; no word in it is like it"),
        ("title:acme", "acme is down", "it has no title"),
    ],
)
def test_the_nearest_miss(query: str, text: str, why: str) -> None:
    (reason,) = told(query, text)
    assert (reason.holds, reason.why) == (False, why)


def test_the_nearest_of_several_comes_first() -> None:
    missed = told("(fish OR acmecloud) chips", "my acmeclod is down")
    assert [reason.term for reason in missed] == ["acmecloud", "fish", "chips"]


def test_what_kept_it_out() -> None:
    (reason,) = told("acme NOT anvil", "buy an acme anvil")
    assert reason.why == "`NOT anvil` kept it out: `anvil` at word 4"
    assert reason.context == "buy an acme anvil"
    (reason,) = told("acme NOT (acme NEAR/3 anvil)", "buy an acme anvil")
    assert reason.why == "`NOT acme NEAR/3 anvil` kept it out: `acme` at word 3, `anvil` at word 4"


def test_words_stand_in_their_context() -> None:
    long = (
        "so many words before it, then comes the very thing: #AcmeCloud, behind which words go on and on and on, long"
    )
    (reason,) = told("acmecloud", long)
    assert reason.words == ("AcmeCloud",)
    assert reason.context == "… before it, then comes the very thing: #AcmeCloud, behind which words go on and on and …"


@pytest.mark.parametrize(
    ("query", "known", "why"),
    [
        ("lang:en", {"language": "de"}, "its language is de"),
        ("followers:>1000", {"followers": 12}, "its author has 12 followers"),
        ("followers:>1000", {}, "its author's audience is not known"),
        ("urgency:>60", {"urgency": 15}, "its own urgency is 15"),
        ("author:ana", {"handle": "bob", "name": "Bob"}, "its author is Bob (bob)"),
        ("site:reddit.com", {"url": "https://example.org/1"}, "its address is https://example.org/1"),
        (
            "since:1d",
            {"created_at": NOW - timedelta(days=2)},
            "it was written 2026-11-19 12:00 UTC, the limit is 2026-11-20 12:00",
        ),
    ],
)
def test_fields_say_what_the_post_has(query: str, known: dict[str, Any], why: str) -> None:
    (reason,) = told(query, "acme", **known)
    assert (reason.holds, reason.why) == (False, why)


def test_every_field_of_a_watch_is_told() -> None:
    for name in match.TEXT_FIELDS - {"title"}:
        value = {"followers": "7", "urgency": "7", "since": "7d", "until": "7d"}.get(name, "acme")
        assert reasons(Field(name, "", value), document("x"))[0].why


def test_languages_of_a_watch() -> None:
    assert of_language((), document("x", language="de")) is None
    reason = of_language(("en", "ro"), document("x", language="de"))
    assert reason is not None
    assert (reason.holds, reason.why) == (False, "language is de, the watch wants en, ro")
