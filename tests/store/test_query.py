"""The query language as text: trees and errors."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta, timezone

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from store.domain import fields
from store.domain.errors import QueryError
from store.domain.query import And, Exact, Field, Fuzzy, Near, Node, Not, Or, Phrase, Title, parse, words_of
from tests.queries import queries, written


def p(words: str, prefix: bool = False) -> Phrase:
    return Phrase(tuple(words.split()), prefix)


def f(name: str, value: str, op: str = "") -> Field:
    return Field(name, op, value)


A, B, C = p("a"), p("b"), p("c")


@pytest.mark.parametrize(
    ("text", "tree"),
    [
        ("", None),
        (" \u3000\n", None),
        ("Acmé", p("acme")),
        ("a b", And((A, B))),
        ("a AND b", And((A, B))),
        ("a OR b OR c", Or((A, B, C))),
        ("a OR b c", Or((A, And((B, C))))),
        ("(a OR b) c", And((Or((A, B)), C))),
        ("((a)) (b c)", And((A, B, C))),
        ("-a", Not(A)),
        ("NOT a b", And((Not(A), B))),
        ("-(a b)", Not(And((A, B)))),
        ("--a", Not(Not(A))),
        ("–a", Not(A)),
        ("a -b", And((A, Not(B)))),
        ("or and not near", And((p("or"), p("and"), p("not"), p("near")))),
        ("ORacle NOTe", And((p("oracle"), p("note")))),
        ("a-b e-mail", And((p("a b"), p("e mail")))),
        ("don't acme.com", And((p("don t"), p("acme com")))),
        ("https://acme.com/x?y=1", p("https acme com x y 1")),
        ("#acme @acme", And((p("acme"), p("acme")))),
        ("10:30", p("10 30")),
        ("日本", p("日 本")),
        ('"Acme  Cloud!"', p("acme cloud")),
        ("“a b” „a b“ «a b» ＂a b＂", And((p("a b"),) * 4)),
        ('a"b c"d', And((A, p("b c"), p("d")))),
        ("acm*", p("acm", True)),
        ('"acme cl*" "acme cl"*', And((p("acme cl", True),) * 2)),
        ("acme~ Acmé~2", And((Fuzzy("acme", 1), Fuzzy("acme", 2)))),
        ("x.org/~bob", p("x org bob")),
        ("`C++` `Été`", And((Exact("C++"), Exact("Été")))),
        ("a NEAR/3 b", Near(A, B, 3)),
        ('"a b" NEAR/0 acme~', Near(p("a b"), Fuzzy("acme", 1), 0)),
        ("a NEAR/1 b NEAR/2 c", And((Near(A, B, 1), Near(B, C, 2)))),
        ("NOT a NEAR/3 b", Not(Near(A, B, 3))),
        ("-a NEAR/3 b c", And((Not(Near(A, B, 3)), C))),
        ("title:a", Title(A)),
        ('title:"a b"* -title:`A`', And((Title(p("a b", True)), Not(Title(Exact("A")))))),
        ("title:a,b", Or((Title(A), Title(B)))),
        ("title:(a NEAR/2 b -c)", And((Title(Near(A, B, 2)), Not(Title(C))))),
        ("status:new,OPEN", Or((f("status", "new"), f("status", "open")))),
        ("Status：new", f("status", "new")),
        ("tag:(a OR -b c,d)", Or((f("tag", "a"), And((Not(f("tag", "b")), Or((f("tag", "c"), f("tag", "d")))))))),
        ('tag:"x, y",z', Or((f("tag", "x, y"), f("tag", "z")))),
        ("tag:（a OR b）", Or((f("tag", "a"), f("tag", "b")))),
        ("author:@ana@host.example", f("author", "@ana@host.example")),
        ("link:https://x.com/a?b=c", f("link", "https://x.com/a?b=c")),
        ("site:reddit.com/r/saas lang:EN", And((f("site", "reddit.com/r/saas"), f("lang", "en")))),
        (
            "followers:>10k followers:<=1.5M followers:7",
            And((f("followers", "10000", ">"), f("followers", "1500000", "<="), f("followers", "7"))),
        ),
        ("assignee:me -status:done", And((f("assignee", "me"), Not(f("status", "done"))))),
        ("since:7d until:2026-11-01T10:00", And((f("since", "7d"), f("until", "2026-11-01T10:00")))),
        ("id:007 issue:12", And((f("id", "7"), f("issue", "12")))),
        (
            '"acme cloud" OR acmecloud~1 NOT (acme NEAR/3 anvil)',
            Or((p("acme cloud"), And((Fuzzy("acmecloud", 1), Not(Near(p("acme"), p("anvil"), 3)))))),
        ),
    ],
)
def test_trees(text: str, tree: Node | None) -> None:
    assert parse(text) == tree


@pytest.mark.parametrize(
    ("text", "column", "says"),
    [
        ('acme "cloud', 6, "quote is never closed"),
        ("acme `cloud", 6, "backtick is never closed"),
        ("acme (cloud", 6, "bracket is never closed"),
        ("tag:(a", 5, "bracket is never closed"),
        ("acme) cloud", 5, "never opened"),
        (") acme", 1, "never opened"),
        ("acme ()", 6, "nothing in these brackets"),
        ("tag:( )", 5, "nothing in these brackets"),
        ("a OR", 3, "OR needs something on its right"),
        ("a OR OR b", 3, "OR needs something on its right"),
        ("OR a", 1, "OR needs something on its left"),
        ("(OR a)", 2, "OR needs something on its left"),
        ("a AND", 3, "AND needs something on its right"),
        ("AND a", 1, "AND needs something on its left"),
        ("a NOT", 3, "NOT needs something after it"),
        ("a - b", 3, "right before what to leave out"),
        ("a -", 3, "right before what to leave out"),
        ("-OR", 1, "right before what to leave out"),
        ("a 🔥", 3, "backticks"),
        ('a "!"', 3, "backticks"),
        ("a ` `", 3, "nothing between these backticks"),
        ("ac*me", 3, "stands behind a word"),
        ("*", 1, "no word in this"),
        ("acme.*", 1, "right behind a word"),
        ("a acme~3", 3, "word~1 or word~2"),
        ("acme~0", 1, "word~1 or word~2"),
        ("a-b~1", 1, "one word"),
        ("~acme", 1, "behind a word"),
        ("ab~2", 1, "too short"),
        ("acme~1*", 1, "do not go together"),
        ('"a b"~2', 6, "NEAR/3"),
        ("a NEAR b", 3, "NEAR/5"),
        ("a NEAR/x b", 3, "NEAR/5"),
        ("a NEAR/101 b", 3, "NEAR/5"),
        ("a NEAR/3", 3, "NEAR needs something on its right"),
        ("NEAR/3 b", 1, "NEAR needs something on its left"),
        ("a NEAR/3 site:b.c", 10, "NEAR joins words"),
        ("`a` NEAR/3 b", 1, "NEAR joins words"),
        ("(a OR b) NEAR/3 c", 1, "NEAR joins words"),
        ("a NEAR/3 title:b", 10, "NEAR joins words"),
        ("a NEAR/3 -b", 10, "leave out"),
        ("a statsu:new", 3, 'did you mean "status:"?'),
        ("acme: down", 1, "put them in quotes"),
        ("a status:foo", 10, "one of new, open, waiting, snoozed, escalated, done, dismissed"),
        ("status: new", 1, "right after the colon"),
        ("(status:)", 2, "right after the colon"),
        ("tag:a, b", 6, "missing after this comma"),
        ('tag:""', 5, "needs a value"),
        ("tag:-a", 5, "-tag:"),
        ("title:-a", 7, "-title:"),
        ("link:x(y)", 6, "in quotes"),
        ("sentiment:bad", 11, "positive, neutral, negative"),
        ("type:tweet", 6, "review"),
        ("priority:top", 10, "urgent"),
        ("lang:english", 6, "lang:en"),
        ("followers:many", 11, "followers:>10000"),
        ("urgency:high", 9, "urgency:>60"),
        ("since:yesterday", 7, "2026-11-01"),
        ("since:2026-02-30", 7, "2026-11-01"),
        ("until:99999w", 7, "2026-11-01"),
        ("id:x", 4, "number"),
        ("author:@", 8, "name"),
        ("site:/r/saas", 6, "reddit.com"),
        ('link:"a b"', 6, "without spaces"),
        ("a \x00", 3, "cannot be looked for"),
        ("link:\udc80", 6, "cannot be looked for"),
        ("(" * 51 + "a" + ")" * 51, 51, "50 deep"),
        ("-" * 51 + "a", 51, "50 deep"),
        ("a " * 301, 601, "300 terms"),
        ("a" * 4_097, 4_097, "4,096 characters"),
    ],
)
def test_errors_name_the_column_and_the_way_out(text: str, column: int, says: str) -> None:
    with pytest.raises(QueryError) as caught:
        parse(text)
    assert (caught.value.column, caught.value.query) == (column, text)
    assert says in caught.value.message
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("text", ["(" * 50 + "a" + ")" * 50, "-" * 50 + "a", "a " * 300, "a" * 4_096])
def test_up_to_the_limits_it_parses(text: str) -> None:
    assert parse(text) is not None


@given(queries())
def test_what_is_written_is_read(node: Node) -> None:
    assert parse(written(node)) == flat(node)


def flat(node: Node) -> Node:
    """AND in AND and OR in OR make no difference."""
    match node:
        case Not(inner):
            return Not(flat(inner))
        case And(nodes) | Or(nodes):
            kind = type(node)
            each = [flat(part) for part in nodes]
            return kind(tuple(leaf for part in each for leaf in (part.nodes if isinstance(part, kind) else (part,))))
    return node


PIECES = [
    "a",
    "acme",
    " ",
    " OR ",
    " AND ",
    " NOT ",
    " NEAR/3 ",
    "NEAR",
    "(",
    ")",
    '"',
    "“",
    "`",
    "-",
    "*",
    "~",
    "~2",
    ",",
    ":",
]
PIECES += [
    "title:",
    "status:",
    "new",
    "followers:",
    "urgency:",
    ">",
    "10k",
    "since:",
    "7d",
    "2026-11-01",
    "日",
    "🔥",
    "é",
    "\x00",
    "\u200b",
]


@settings(max_examples=1_000)
@given(st.lists(st.sampled_from(PIECES), max_size=40).map("".join) | st.text(max_size=200))
@example("(" * 4_096)
@example("-" * 4_096)
@example("NOT " * 1_024)
@example("a OR " * 819)
@example("tag:(" * 819)
@example("²:")
def test_any_text_is_a_query_or_a_query_error(text: str) -> None:
    column = 1
    try:
        parse(text)
    except QueryError as error:
        column = error.column
    assert 1 <= column <= len(text) + 1


def test_the_words_that_a_query_looks_for() -> None:
    node = parse('"acme cloud" OR acmé~1 (x* NEAR/3 y) `C++` title:t -spam site:s.example')
    assert node is not None
    assert words_of(node) == {"acme", "cloud", "x", "y", "c", "t"}


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        ("7d", datetime(2026, 11, 14, 12, tzinfo=UTC)),
        ("2w", datetime(2026, 11, 7, 12, tzinfo=UTC)),
        ("30m", datetime(2026, 11, 21, 11, 30, tzinfo=UTC)),
        ("2026-11-01", datetime(2026, 11, 1, tzinfo=UTC)),
        ("2026-11-01T08:15", datetime(2026, 11, 1, 8, 15, tzinfo=UTC)),
        ("2026-11-01T08:15+02:00", datetime(2026, 11, 1, 6, 15, tzinfo=UTC)),
    ],
)
def test_times(value: str, expected: datetime) -> None:
    assert fields.moment(value, datetime(2026, 11, 21, 12, tzinfo=UTC)) == expected


def test_a_date_is_midnight_where_the_reader_is() -> None:
    here = timezone(timedelta(hours=2))
    assert fields.moment("2026-11-01", datetime(2026, 11, 21, tzinfo=here)) == datetime(2026, 10, 31, 22, tzinfo=UTC)
