"""What a word is."""

from __future__ import annotations

import re
import sys
import time
import unicodedata
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from store.domain.words import exact_pattern, fold, folded_words, words
from tests.queries import SURFACES


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("Straße STRASSE ẞ", "strasse strasse ss"),
        ("Ţară țară ţară", "tara tara tara"),
        ("Đặng văn Đức", "dang van duc"),
        ("Iğdır İSTANBUL ılık", "igdir istanbul ilik"),
        ("Æther œuvre Øre Łódź þing", "aether oeuvre ore lodz thing"),
        ("für fuer", "fur fuer"),
        ("ΑΣ ας", "ας ας".replace("ς", "σ")),
        ("Ёлка", "елка"),
        ("ｆｕｌｌ　ｗｉｄｔｈ ﬁne ①", "full width fine 1"),
        ("don't don’t donʼt", "don t don t don t"),
        ("e-mail acme.com a_b #tag @name", "e mail acme com a b tag name"),
        ("H²O 3.5 ½", "h2o 3 5 1 2"),
        ("cafe\u0301 so\u00adft ac\u200bme", "cafe soft acme"),
        ("מָה שָׁלוֹם محمــد مُحَمَّد", "מה שלום محمد محمد"),
        ("서버가 다운", "서버가 다운"),
        ("हिन्दी में", "हिन्दी में"),
        ("1️⃣ 🔥 👨‍👩‍👧", "1"),
        ("サーバー ｻｰﾊﾞｰ", "サ ー バ ー サ ー バ ー"),
        ("日本acme語", "日 本 acme 語"),
        ("ดีมาก", "ดี ม า ก"),
        ("ខ្មែរ ລາວ", "ខ្ មែ រ ລ າ ວ"),
        ("", ""),
        (" \n\t…!?", ""),
    ],
)
def test_words(text: str, expected: str) -> None:
    assert folded_words(text) == expected.split()
    assert [word.folded for word in words(text)] == expected.split()


def test_words_say_where_they_stood() -> None:
    text = "Für #Țara: 日本, ½!"
    assert [(word.folded, text[word.start : word.end]) for word in words(text)] == [
        ("fur", "Für"),
        ("tara", "Țara"),
        ("日", "日"),
        ("本", "本"),
        ("1", "½"),
        ("2", "½"),
    ]


def test_the_words_of_the_random_texts_are_as_said_there() -> None:
    assert {surface: tuple(folded_words(surface)) for surface in SURFACES} == SURFACES


def test_folding_and_splitting_again_changes_nothing_for_any_character() -> None:
    """The index keeps folded words with spaces between: they must come out as they went in, and without a space."""
    for code in range(sys.maxunicode + 1):
        char = chr(code)
        if unicodedata.category(char) in ("Cn", "Co", "Cs"):  # nobody's characters
            continue
        assert fold(fold(char)) == fold(char), hex(code)
        found = folded_words(char)
        assert folded_words(" ".join(found)) == found, hex(code)
        assert not any(re.search(r'[\s"\x00-\x2f]', word) for word in found), hex(code)


@given(st.text())
def test_folding_and_splitting_again_changes_nothing(text: str) -> None:
    assert fold(fold(text)) == fold(text)
    found = words(text)
    assert [word.folded for word in found] == folded_words(text)
    assert folded_words(" ".join(folded_words(text))) == folded_words(text)
    assert all(0 <= word.start < word.end <= len(text) for word in found)
    assert all(one.start <= other.start for one, other in pairwise(found))


@given(st.text())
def test_composed_or_not_is_the_same(text: str) -> None:
    composed, decomposed = unicodedata.normalize("NFC", text), unicodedata.normalize("NFD", text)
    assert folded_words(composed) == folded_words(decomposed)


@given(st.text(alphabet="aÉe\u0301\u0308日がか\u3099½#- ッ\u200bß", max_size=12), st.data())
def test_where_exact_characters_stand_their_words_stand_too(text: str, data: st.DataObject) -> None:
    """The index narrows an exact search by the words, so none may be lost there."""
    start = data.draw(st.integers(0, len(text)))
    sought = text[start : data.draw(st.integers(start, len(text)))]
    if sought and re.search(exact_pattern(sought), text):
        one, other = folded_words(sought), folded_words(text)
        assert not one or any(other[at : at + len(one)] == one for at in range(len(other)))


@pytest.mark.parametrize(
    ("sought", "text", "expected"),
    [
        ("Acme", "Acme", True),
        ("Acme", "acme", False),
        ("Acme", "Acmes", False),
        ("Acme", "MyAcme", False),
        ("Acme", "#Acme.", True),
        ("café", "cafe\u0301", True),
        ("cafe", "cafe\u0301", False),
        ("本", "日本語", True),
        ("か", "か\u3099", False),
        ("#1", "we are #1!", True),
        ("#1", "we are #12", False),
        (".NET", "ASP.NET", True),
        ("a b", "a  b", False),
    ],
)
def test_exact(sought: str, text: str, expected: bool) -> None:
    assert bool(re.search(exact_pattern(sought), text)) is expected


@pytest.mark.parametrize(
    "text", ["Acme is down! " * 5_000, "Größe über Țară’s " * 4_000, "日本語サーバー" * 10_000, "e" + "\u0301" * 65_000]
)
def test_a_long_text_takes_no_time(text: str) -> None:
    words("é日")  # what is built once
    began = time.process_time()
    assert words(text)
    assert time.process_time() - began < 2
