"""Which addresses lead to one post."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest

from store.domain.address import address, at_uri, written_at

NOW = datetime(2026, 11, 21, 12, tzinfo=UTC)


@pytest.mark.parametrize(
    ("typed", "given"),
    [
        ("example.org/post/1", "https://example.org/post/1"),
        ("http://www.example.org/post/1/", "https://example.org/post/1"),
        ("https://m.example.org/post/1#comments", "https://example.org/post/1"),
        ("https://example.org/post/1?utm_source=x&fbclid=y", "https://example.org/post/1?utm_medium=z"),
        ("https://EXAMPLE.org/post/1", "https://example.org/post/1"),
        ("https://example.org/item?id=1&utm_source=x", "https://example.org/item?id=1"),
        ("https://old.reddit.com/r/acme/comments/1/", "https://www.reddit.com/r/acme/comments/1"),
        ("https://twitter.com/ana/status/1?s=20", "https://x.com/ana/status/1"),
        ("https://youtu.be/abc?si=x", "https://www.youtube.com/watch?v=abc"),
        ("http://127.0.0.1:8080/p", "http://127.0.0.1:8080/p/"),
    ],
)
def test_the_same_post(typed: str, given: str) -> None:
    one, other = address(typed), address(given)
    assert one is not None
    assert other is not None
    assert one.leads_to(other)
    assert any(given.startswith(start) for start in one.beginnings()), "the store finds it by its index"


@pytest.mark.parametrize(
    ("typed", "given"),
    [
        ("https://example.org/post/1", "https://example.org/post/12"),
        ("https://example.org/post/1", "https://example.org/POST/1"),
        ("https://example.org/item?id=1", "https://example.org/item?id=2"),
        ("https://example.org/item", "https://example.org/item?id=2"),
        ("https://example.org/issues/1", "https://example.org/issues/1#issuecomment-2"),
        ("https://example.org:8080/p", "https://example.org/p"),
        ("https://a.example.org/p", "https://b.example.org/p"),
    ],
)
def test_another_post(typed: str, given: str) -> None:
    one, other = address(typed), address(given)
    assert one is not None
    assert other is not None
    assert not one.leads_to(other)


@pytest.mark.parametrize("name", ["", "ana", "12", "at://did:plc:x/app.bsky.feed.post/3l6oveex3ii2l", "mailto:a@b.c"])
def test_no_address(name: str) -> None:
    assert address(name) is None


def test_the_at_uri_of_a_bluesky_address() -> None:
    assert at_uri("https://bsky.app/profile/did:plc:x/post/3l6oveex3ii2l") == (
        "at://did:plc:x/app.bsky.feed.post/3l6oveex3ii2l"
    )
    assert at_uri("https://bsky.app/profile/ana.example/post/3l6oveex3ii2l") == ""


def test_when_a_post_was_written_is_told_by_its_id() -> None:
    # The example of atproto.com/specs/tid; 1731213211247 << 16 | 24910, an id as Mastodon makes them.
    bluesky = written_at("https://bsky.app/profile/ana.example/post/3l6oveex3ii2l", now=NOW)
    assert bluesky is not None
    assert bluesky.replace(microsecond=0) == datetime(2024, 10, 17, 7, 6, 51, tzinfo=UTC)
    number = 1731213211247 << 16 | 24910
    assert written_at(f"https://social.example/@ana/{number}", now=NOW) == datetime(
        2024, 11, 10, 4, 33, 31, 247000, tzinfo=UTC
    )
    assert written_at("https://social.example/@ana/999999999999999999", now=NOW) is None
    assert written_at("https://example.org/post/1", now=NOW) is None
