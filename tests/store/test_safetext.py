from __future__ import annotations

import time
import unicodedata

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from store.domain.safetext import LINE_LIMIT, TEXT_LIMIT, SafeText, safe, safe_line
from tests.hostile import PAYLOADS, harm_in, hostile_text


@pytest.mark.parametrize("name", PAYLOADS)
def test_no_payload_survives(name: str) -> None:
    text, line = safe(PAYLOADS[name]), safe_line(PAYLOADS[name])
    assert harm_in(text) == []
    assert harm_in(line) == []
    assert not set(line) & set("\n\t")
    assert len(text) <= TEXT_LIMIT
    assert len(line) <= LINE_LIMIT
    assert safe(text) == text
    assert safe_line(line) == line
    assert isinstance(text, SafeText)
    text.encode()


@settings(max_examples=2_000, deadline=None)
@given(hostile_text(), st.integers(min_value=1, max_value=40))
def test_any_text_is_harmless_and_cleaning_twice_is_cleaning_once(text: str, limit: int) -> None:
    for clean in (safe, safe_line):
        for size in (limit, 5_000):
            once = clean(text, limit=size)
            assert harm_in(once) == []
            assert len(once) <= size
            assert clean(once, limit=size) == once


def test_every_code_point_alone() -> None:
    for start in range(0, 0x110000, 4_096):
        text = "".join(f"a{chr(code)}b" for code in range(start, start + 4_096))
        assert harm_in(safe(text)) == []


@pytest.mark.parametrize(
    ("raw", "shown"),
    [
        ("a\x1b[31mred\x1b[0m", "a\ufffdred\ufffd"),
        ("a\x1b]52;c;AAAA\x07b", "a\ufffdb"),
        ("a\x1b]8;;https://evil.test/\x1b\\click\x1b]8;;\x1b\\", "a\ufffdclick\ufffd"),
        ("a\x1b]0;words of the post", "a\ufffd0;words of the post"),
        ("a\x9b31mb\x9d0;t\x9cc", "a\ufffdb\ufffdc"),
        ("\x00\x01\x02ab", "\ufffdab"),
        ("one\r\ntwo\rthree\u2028four\x85five", "one\ntwo\nthree\nfour\nfive"),
        ("pay\u200bpal \u202eabc\u202c", "paypal abc"),
        ("a\u00a0b\u3000c", "a b c"),
        ("\ud83d\ude00", "\ufffd"),
        ("\U0001f3f4\U000e0067\U000e0062\U000e007f", "\U0001f3f4"),
    ],
)
def test_what_stands_in_its_place(raw: str, shown: str) -> None:
    assert safe(raw) == shown


@pytest.mark.parametrize(
    "text",
    [
        "\U0001f468\u200d\U0001f469\u200d\U0001f467\u200d\U0001f466",
        "\U0001f3f3\ufe0f\u200d\U0001f308 \U0001f469\U0001f3fd\u200d\U0001f4bb",
        "1\ufe0f\u20e3 \u2764\ufe0f \U0001f1f7\U0001f1f4",
        "\u0645\u06cc\u200c\u062e\u0648\u0627\u0647\u0645",
        "\u0915\u094d\u200d\u0937",
        "Mulțumesc frumos! Ungerührt, őrült, Tiếng Việt, ¿qué?, perché",
        unicodedata.normalize("NFD", "Tiếng Việt, țuică, hűtőgép"),
        "one\n\n\ttwo [/usr/bin] [b",
        "\u0627\u0644\u062e\u062f\u0645\u0629 \u05e9\u05dc\u05d5\u05dd \u0e44\u0e21\u0e48\u0e44\u0e14\u0e49",
        "\U0001fae8 \U0001fa75",
    ],
)
def test_honest_text_stays_as_it_is(text: str) -> None:
    assert safe(text) == text


def test_joiners_stay_only_where_they_belong() -> None:
    assert safe("a\u200db\u200cc\U0001f469\u200d x\ufe0f") == "abc\U0001f469 x"


def test_at_most_four_marks_a_base() -> None:
    assert safe("A" + "\u0301" * 10_000 + "B\u0302") == "A" + "\u0301" * 4 + "B\u0302"
    assert safe("\u0301a\n\u0302b") == "a\nb"


def test_a_line_is_one_line() -> None:
    assert safe_line("  one \n\n two\tthree  ") == "one two three"
    assert safe_line("word " * 100, limit=9) == "word word"
    assert safe_line("word " * 100, limit=10) == "word word"


@pytest.mark.parametrize(
    "text",
    [
        "\u021bară și ăsta \U0001f600 " * 70_000,
        "A" + "\u0301" * 10_000,
        "\u0915\u094d\u0937" * 400_000,
        "\x1b]" * 600_000,
        ("\x1b]" + "a" * 5_000) * 250,
        "\x9d" * 1_200_000,
        ("\x1b[" + "0" * 5_000) * 250,
        "\u200d" * 1_200_000,
        "\x00" * 1_200_000,
    ],
    ids=["accents", "marks", "conjuncts", "intros", "endless strings", "c1", "endless csi", "joiners", "nul"],
)
def test_a_megabyte_takes_a_moment(text: str) -> None:
    began = time.process_time()
    safe(text)
    assert time.process_time() - began < 0.8
