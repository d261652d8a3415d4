from __future__ import annotations

import time

import pytest

from sources.text.x_length import x_length

URL = 23


@pytest.mark.parametrize(
    ("text", "length"),
    [
        ("", 0),
        ("hello", 5),
        ("a\u0301o\u0302", 2),  # composed
        ("đã xong ă", 9),
        ("ế", 2),  # what Vietnamese has besides is not among the light signs
        ("привет γεια", 11),
        ("漢字かな", 8),
        ("한국", 4),
        ("\u2018quoted\u2019 \u2013 and\u2026", 14 + 2),  # nor is the ellipsis
        ("😷👾🔥", 6),
        ("👨\u200d👩\u200d👧\u200d👦", 2),
        ("🙋🏽👨\u200d🎤", 4),
        ("🇷🇴 ❤\ufe0f", 5),
        ("1\u20e3 1\ufe0f\u20e3", 5),
        ("☺", 2),
        ("© ®", 3),
        ("©\ufe0f", 2),
        ("☎\ufe0e", 4),
        # addresses
        ("Hi http://test.co", 3 + URL),
        ("https://example.org/a?b=1#c and more", URL + 9),
        ("see example.com.", 4 + URL + 1),
        ("example.com/path/(a_b)!", URL + 1),
        ("foo.co.jp www.foo.co.uk", URL + 1 + URL),
        ("t.co/abc bit.ly/x", URL + 1 + URL),
        ("(https://example.org).", 1 + URL + 2),
        ("日本語example.com日本語", 12 + URL),
        ("https://пример.рф/путь", URL),
        ("http://xn--e1afmkfd.xn--p1ai", URL),
        ("http://example.org:8080/x", URL),
        # and what is none
        ("foo.comm readme.notatld", 23),
        ("ana@example.org", 15),
        ("name.al-lastname@foo.com", 24),
        ("http://localhost/x", 18),
        ("http://127.0.0.1/x", 18),
        ("http://no-tld", 13),
        ("#example.com @example.com", 25),
        ("http://example.com-that", 23),
        ("e.g. 3.5 and so on...then", 25),
        ("http://-dash.example", 20),
        ("x" * 64 + ".com", 68),
    ],
)
def test_as_x_counts(text: str, length: int) -> None:
    assert x_length(text) == length


@pytest.mark.parametrize(
    "text",
    [
        "https://a." + "a-" * 50_000,
        "https://" + "a." * 50_000,
        "a." * 50_000,
        "a.com/" + ")" * 50_000,
        "http://" * 9_000,
    ],
)
def test_counting_is_linear(text: str) -> None:
    began = time.process_time()
    x_length(text)
    assert time.process_time() - began < 1
