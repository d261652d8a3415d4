"""Misspellings and other forms of a watched name, found in what people wrote."""

from __future__ import annotations

import pytest

from sources.intake import Intake
from sources.protocol import Page
from sources.text import match
from sources.variants import Suggestions, Variant, suggest
from store.database import Database
from store.domain.desk import Desk, Watch
from store.domain.query import parse
from tests.factories import NOW, new_mention

ACME = Watch("acme", "acmecloud NOT anvil")


async def suggested(db: Database, *texts: str, watch: Watch = ACME) -> Suggestions:
    intake = Intake(db, Desk(watches=(watch,)))
    page = Page(asked="#acme", mentions=[new_mention(text, id=f"p{n}") for n, text in enumerate(texts)])
    await intake.take("mastodon.social", "mastodon", "tag:acme", page, started_at=NOW, next_poll_at=None)
    return await suggest(db, watch, now=NOW)


def terms(found: Suggestions) -> list[str]:
    return [variant.query for variant in found.variants]


async def test_one_name_in_its_many_forms(db: Database) -> None:
    found = await suggested(
        db,
        "acmecloud is down",
        "Acme Cloud is down",
        "#acme-cloud again",
        "see acme.cloud or @acme_cloud",
        "my AcmeClod",
        "amcecluod, sorry for the phone",
        "nothing of it",
    )
    by_term = {variant.query: variant for variant in found.variants}
    assert set(by_term) == {'"acme cloud"', "acmeclod", "amcecluod"}
    apart = by_term['"acme cloud"']
    assert (apart.edits, apart.posts, apart.adds, apart.name) == (0, 3, 3, "acmecloud")
    assert set(apart.written) == {"Acme Cloud", "#acme-cloud", "acme.cloud", "@acme_cloud"}
    assert (by_term["acmeclod"].edits, by_term["acmeclod"].written) == (1, ["AcmeClod"])
    assert by_term["acmeclod"].example is not None
    assert by_term["acmeclod"].context == "my AcmeClod"
    assert found.posts == 7


async def test_the_query_that_adds_them_keeps_what_the_watch_leaves_out(db: Database) -> None:
    found = await suggested(db, "my acme cloud", "my acmeclod")
    assert found.query == '(acmecloud OR "acme cloud" OR acmeclod) NOT anvil'
    asked = match.compile(parse(found.query))
    assert asked(match.Document(text="my acmeclod", created_at=NOW, now=NOW))
    assert not asked(match.Document(text="my acmeclod anvil", created_at=NOW, now=NOW))


async def test_what_the_watch_finds_already_is_not_proposed(db: Database) -> None:
    fuzzy = Watch("acme", 'acmecloud~1 OR "acme cloud"')
    found = await suggested(db, "acmecloud", "my acmeclod", "acme-cloud", "it's acmecloud", watch=fuzzy)
    assert (found.variants, found.query) == ([], "")


async def test_a_common_word_that_looks_alike_comes_last_and_is_not_in_the_query(db: Database) -> None:
    nimbus = Watch("nimbu", "nimbu (login OR server)")
    found = await suggested(
        db,
        "nimbu login is down",
        *(f"nimbo login fails {n}" for n in range(3)),
        *(f"my nimby neighbour {n}" for n in range(9)),
        watch=nimbus,
    )
    assert terms(found) == ["nimbo", "nimby"]
    nimbo, nimby = found.variants
    assert (nimbo.near, nimbo.posts, nimbo.likely) == (3, 3, True)
    assert (nimby.near, nimby.posts, nimby.likely) == (0, 9, False)
    assert found.query == "(nimbu OR nimbo) (login OR server)"


async def test_words_that_go_with_a_watch_are_learned_from_what_it_found(db: Database) -> None:
    found = await suggested(
        db,
        *(f"nimbu dashboard slow {n}" for n in range(4)),
        *(f"nothing to see {n}" for n in range(60)),
        "the nimbo dashboard",
        "the nimby neighbour",
        watch=Watch("nimbu", "nimbu"),
    )
    assert {variant.query: variant.near for variant in found.variants} == {"nimbo": 1, "nimby": 0}


@pytest.mark.parametrize(
    ("query", "text", "wider"),
    [
        ("acmecloud NEAR/3 down", "acmeclod is down", "acmecloud NEAR/3 down OR acmeclod NEAR/3 down"),
        ('"acme cloud" -anvil', "acmecloud", '("acme cloud" OR acmecloud) NOT anvil'),
        ("`AcmeCloud`", "acmeclod", "`AcmeCloud` OR acmeclod"),
        ("title:acmecloud lang:en", "acmeclod", "(title:acmecloud OR title:acmeclod) lang:en"),
    ],
)
async def test_where_a_variant_goes_in_the_query(db: Database, query: str, text: str, wider: str) -> None:
    found = await suggested(db, text, watch=Watch("acme", query))
    assert found.query == wider


async def test_a_short_name_has_no_variants(db: Database) -> None:
    found = await suggested(db, "acm acne ace", watch=Watch("ac", "ace"))
    assert found.variants == []


def test_likely() -> None:
    assert Variant(("nimbo",), "nimbu", 1, posts=4, near=2).likely
    assert not Variant(("nimbo",), "nimbu", 1, posts=5, near=2).likely
