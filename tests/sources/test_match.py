"""What a watch matches."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sources.text import match
from store.domain.errors import BadInput
from store.domain.query import Node, parse
from tests.queries import Naive, queries, texts, written

NOW = datetime(2026, 11, 21, 12, 0, tzinfo=UTC)


def document(text: str = "", **known: Any) -> match.Document:
    return match.Document(text=text, **{"created_at": NOW, "now": NOW} | known)


def matches(query: str, text: str = "", **known: Any) -> bool:
    return match.compile(parse(query))(document(text, **known))


@settings(max_examples=400, deadline=None)
@given(queries(), texts, texts)
def test_a_query_means_what_it_says(node: Node, title: list[str], text: list[str]) -> None:
    asked = match.compile(parse(written(node)))
    assert asked(document(" ".join(text), title=" ".join(title))) == (node in Naive(tuple(title), tuple(text)))


@pytest.mark.parametrize(
    ("query", "text", "expected"),
    [
        ("acme", "I love #acme!", True),
        ("acme", "ask @acme_cloud", True),
        ("acme", "acmecloud", False),
        ("acme*", "acmecloud", True),
        ("ACME", "acmé", True),
        ("`Acme`", "acme", False),
        ("`Acme`", "say Acme, please", True),
        ("`C++`", "C++ and rust", True),
        ("`C++`", "c++", False),
        ("C++", "plan c", True),
        ("`🔥`", "so 🔥🔥", True),
        ("e-mail", "your e-mail, please", True),
        ("e-mail", "the mail e", False),
        ('"acme cloud"', "Acme  -- CLOUD", True),
        ("acmecloud~1", "acmeclod is down", True),
        ("acmecloud~1", "amcecloud is down", True),
        ("acmecloud~1", "amceclod is down", False),
        ("acmecloud~2", "amceclod is down", True),
        ("acme NEAR/1 anvil", "anvil by acme", True),
        ("acme NEAR/1 anvil", "anvil made by acme", False),
        ("acme NEAR/0 acme", "acme", False),
        ("acme NEAR/0 acme", "acme acme", True),
        ("-spam", "ham", True),
        ("-spam", "spam", False),
        ("acme -anvil", "acme anvil", False),
        ("a OR b c", "a", True),
        ("(a OR b) c", "a", False),
        ("サーバー", "acmeのサーバーが落ちた", True),
        ("サーバー", "サイバー", False),
        ("がく", "かく", False),
        ("Đặng", "dang", True),
        ("strasse", "Straße", True),
        ("ılık", "ilik", True),
        ("link:ACME.com/pricing", "see https://www.acme.com/Pricing?x=1 now", True),
        ("link:acme.com", "see acme.com now", False),
        ("link:example", "https://acme.com example", False),
    ],
)
def test_examples(query: str, text: str, expected: bool) -> None:
    assert matches(query, text) is expected


@pytest.mark.parametrize(
    ("query", "known", "expected"),
    [
        ("author:ana", {"handle": "ana@mastodon.social"}, True),
        ("author:@ana@mastodon.social", {"handle": "ana@mastodon.social"}, True),
        ("author:@ANA", {"handle": "@ana"}, True),
        ("author:ana", {"handle": "anastasia"}, False),
        ('author:"ana pop"', {"handle": "x", "name": "Ana Pop-Ionescu"}, True),
        ('author:"pop ana"', {"handle": "x", "name": "Ana Pop"}, False),
        ("author:müller", {"name": "Anna MULLER"}, True),
        ("author:muller", {"name": "Anna Müller"}, True),
        ("site:reddit.com", {"url": "https://old.reddit.com/r/saas"}, True),
        ("site:https://www.reddit.com/r/SaaS/", {"url": "https://reddit.com/r/saas?x=1"}, True),
        ("site:reddit.com/r/saas", {"url": "https://reddit.com/r/saasy"}, False),
        ("site:reddit.com", {"url": "https://notreddit.com/"}, False),
        ("site:reddit.com", {"url": "https://reddit.com.evil.example/"}, False),
        ("site:reddit.com", {"url": "https://evil.example/?u=https://reddit.com/"}, False),
        ("site:reddit.com", {"url": "https://social.example/@reddit.com/1"}, False),
        ("site:evil.example", {"url": "https://reddit.com@evil.example:8080/"}, True),
        ("site:reddit.com", {"url": "https://reddit.com@evil.example/"}, False),
        ("link:status", {"url": "https://acme.com/STATUS"}, True),
        ("source:Reddit", {"source": "saas", "network": "reddit"}, True),
        ("source:saas", {"source": "saas", "network": "reddit"}, True),
        ("network:saas", {"source": "saas", "network": "reddit"}, False),
        ("lang:pt", {"language": "pt-br"}, False),
        ("lang:de,ro", {"language": "ro"}, True),
        ("type:review", {"type": "review"}, True),
        ("sentiment:negative", {"sentiment": "positive"}, False),
        ("intent:complaint", {"intent": "complaint"}, True),
        ("intent:complaint", {"intent": None}, False),
        ("followers:>10k", {"followers": 10_001}, True),
        ("followers:>10k", {"followers": 10_000}, False),
        ("followers:>=0", {"followers": None}, False),
        ("urgency:>60", {"urgency": 61}, True),
        ("urgency:>60", {"urgency": 60}, False),
        ("watch:ACME", {"watches": ("acme",)}, True),
        ("title:acme", {"title": "Acme is back"}, True),
        ('"acme back"', {"title": "Acme", "text": "back"}, False),
        ("acme NEAR/100 back", {"title": "Acme", "text": "back"}, False),
        ("since:7d", {"created_at": NOW - timedelta(days=7)}, True),
        ("since:7d", {"created_at": NOW - timedelta(days=7, seconds=1)}, False),
        ("until:2026-11-21", {"created_at": NOW}, False),
        ("since:2026-11-21 until:2026-11-22", {"created_at": NOW}, True),
        ("since:2026-11-21T12:00+00:00", {"created_at": NOW}, True),
        ("since:2026-11-21T12:00-01:00", {"created_at": NOW}, False),
    ],
)
def test_fields(query: str, known: dict[str, Any], expected: bool) -> None:
    assert matches(query, **known) is expected


def test_a_word_in_a_title_is_found_only_there_when_asked_so() -> None:
    assert not matches("title:acme", "acme")
    assert matches("acme", title="Acme")


def test_an_empty_query_is_everything() -> None:
    assert matches("   ")


@pytest.mark.parametrize(
    "field", ["status:new", "tag:vip", "assignee:me", "issue:3", "priority:high", "team:pr", "id:1"]
)
def test_what_only_the_desk_knows_cannot_be_watched_for(field: str) -> None:
    node = parse(f"acme -({field} OR lang:en)")
    assert node is not None
    name = field.split(":")[0]
    for refuse in (match.check_watch, match.check_rule, match.compile):
        with pytest.raises(BadInput, match=f"^{name}: "):
            refuse(node)


def test_a_rule_may_ask_for_the_watch_and_a_watch_not() -> None:
    node = parse("watch:acme sentiment:negative network:reddit")
    assert node is not None
    match.check_rule(node)
    with pytest.raises(BadInput, match=r"^watch: "):
        match.check_watch(node)


@pytest.mark.parametrize(
    ("query", "text", "marked"),
    [
        ("acme", "#acme and Acmé", ["acme", "Acmé"]),
        ("acm* -down", "acmecloud down", ["acmecloud"]),
        ('"acme cloud" OR cloud', "Acme – cloud cloud", ["Acme – cloud", "cloud"]),
        ("a NEAR/1 b", "a x b x x a", ["a", "b"]),
        ("`C++`", "C++ c", ["C++"]),
        ("acme~1 title:down", "amce down", ["amce"]),
        ("日本", "今日本日", ["日本"]),
        ("author:acme lang:en", "acme en", []),
    ],
)
def test_hits_are_the_characters_to_mark(query: str, text: str, marked: list[str]) -> None:
    node = parse(query)
    assert node is not None
    assert [text[start:end] for start, end in match.hits(node, text)] == marked


def test_hits_of_a_title_are_marked_in_a_title() -> None:
    node = parse("title:down")
    assert node is not None
    assert match.hits(node, "we are down", title=True) == [(7, 11)]


@given(queries(), st.text(max_size=60))
def test_hits_are_in_order_and_apart(node: Node, text: str) -> None:
    spans = match.hits(node, text)
    edges = [edge for span in spans for edge in span]
    assert edges == sorted(set(edges))
    assert all(0 <= edge <= len(text) for edge in edges)
