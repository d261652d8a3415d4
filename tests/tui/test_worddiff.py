"""Edits as word diffs."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from tui.worddiff import WORDS, changes, marked
from tui.wrap import wrap, wrap_line

texts = st.text(st.sampled_from("ab é1.,\n😀"), max_size=60)


@given(texts, texts)
def test_the_pieces_make_up_both_texts(old: str, new: str) -> None:
    pieces = changes(old, new)
    assert "".join(words for kind, words in pieces if kind != "gone") == new
    assert "".join(words for kind, words in pieces if kind != "new") == old


def test_an_edit_reads_without_colour() -> None:
    old = "I like the best editor of them all, it never lets me down"
    new = "I like the worst editor of them all, it never lets me down again"
    line = "".join(words for _, words in marked(old, new))
    assert line.startswith("I like the [-best-]{+worst+} editor of them all")
    assert line.endswith("down{+ again+}")


def test_what_did_not_change_is_left_out() -> None:
    middle = "and so on " * 100
    line = "".join(words for _, words in marked(f"first {middle}last", f"First {middle}Last"))
    assert line.startswith("[-first-]{+First+} and so on")
    assert line.endswith("on [-last-]{+Last+}")
    assert " … " in line
    assert len(line) < 200


def test_a_text_too_long_to_compare_is_shown_whole() -> None:
    old, new = "a " * WORDS, "b " * WORDS
    assert changes(old, new) == [("gone", old), ("new", new)]


@given(st.lists(st.tuples(st.text(st.sampled_from("ab  \tcé😀漢"), max_size=30), st.sampled_from("xyz")), max_size=6))
def test_a_wrapped_line_keeps_words_and_styles(pieces: list[tuple[str, str]]) -> None:
    plain = "".join(words for words, _ in pieces)
    lines = list(wrap_line(tuple(pieces), 12))
    assert ["".join(words for words, _ in line) for line in lines] == list(wrap(plain.replace("\t", " "), 12))
    styles: dict[str, set[str]] = {}
    for words, style in pieces:
        for sign in words:
            styles.setdefault(sign, set()).add(style)
    for line in lines:
        for words, style in line:
            assert all(sign == " " or style in styles[sign] for sign in words)
