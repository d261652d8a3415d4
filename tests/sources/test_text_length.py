from __future__ import annotations

import time

import pytest

from sources.text.length import graphemes, mastodon_length

URL = 23


@pytest.mark.parametrize(
    ("text", "length"),
    [
        ("", 0),
        ("hello", 5),
        (" a\tb\nc\r\n", 7),
        ("read http://example.org and https://example.org/a?b=1#c", 5 + URL + 5 + URL),
        ("(https://example.org/a_(b).)", 1 + URL + 2),
        ("https://example.museum/collection/item", URL),
        ("https://example.com/a-b_c~d?x_y=1&z-w=2", URL),
        # what twitter-text does not take for a URL counts in full
        ("ftp://files.example.org/x", 25),
        ("http://user:secret@example.org/x", 32),
        ("http://127.0.0.1:8080/x", 23),
        ("https://[2001:db8::1]:443/x", 27),
        ("http://localhost/x", 18),
        ("mailto:ana@example.org", 22),
        # Cyrillic may stand in a path, not in a query
        ("https://пример.рф/путь/к?ключ=1", URL + len("?ключ=1")),
        ("@ana", 4),
        ("@ana@social.example", 4),
        ("hi @ana and @bob@social.example!", len("hi @ana and @bob!")),
        ("ana@example.org", 15),
        ("{@ana@social.example}", 6),
        ("https://example.org/@ana @bob@social.example", URL + 1 + 4),
        ("a 🇷🇴 👩🏽\u200d💻 ✊🏿", 7),
        ("e\u0301", 1),
        ("đ ă ế", 5),
    ],
)
def test_as_mastodon_counts(text: str, length: int) -> None:
    assert mastodon_length(text) == length


def test_the_instance_says_what_a_url_counts_and_the_warning_counts_too() -> None:
    assert mastodon_length("https://example.org", url_length=40) == 40
    assert mastodon_length("abc", warning="spoiler") == 10


def test_graphemes() -> None:
    assert graphemes("👨\u200d👩\u200d👧\u200d👦 ok") == 4


@pytest.mark.parametrize("text", ["https://a." + "a-" * 50_000, "https://" + "a." * 50_000, "@a." * 50_000])
def test_counting_is_linear(text: str) -> None:
    began = time.process_time()
    mastodon_length(text)
    assert time.process_time() - began < 1
