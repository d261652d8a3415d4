"""A tree is written as a query that means the same tree."""

from __future__ import annotations

import pytest
from hypothesis import given, settings

from store.domain.query import Node, parse
from store.domain.query_text import written
from tests.queries import queries
from tests.queries import written as as_a_test_writes_it


@settings(max_examples=400, deadline=None)
@given(queries())
def test_what_is_written_reads_as_the_same(node: Node) -> None:
    read = parse(as_a_test_writes_it(node))  # as the parser builds it: no AND right inside an AND
    assert read is not None
    assert parse(written(read)) == read


@pytest.mark.parametrize(
    "query",
    [
        '"acme cloud" OR acmecloud~1 NOT (acme NEAR/3 anvil)',
        "(a OR b) c -d",
        'author:@ana@host.example site:reddit.com/r/saas followers:>10000 tag:"x, y"',
        "link:https://x.com/a?b=c since:7d lang:ro,hu",
        'title:(acme NEAR/2 cloud) title:"a b"* `C++` țară*',
        "title:a,b -(status:new OR id:7)",
    ],
)
def test_fields_and_all_else(query: str) -> None:
    read = parse(query)
    assert read is not None
    assert parse(written(read)) == read


def test_it_is_short() -> None:
    read = parse('  ("acme cloud" OR   acmecloud~) NOT anvil ')
    assert read is not None
    assert written(read) == '("acme cloud" OR acmecloud~1) NOT anvil'
