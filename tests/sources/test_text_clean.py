from __future__ import annotations

import time

import pytest
from hypothesis import given, settings

from sources.text.clean import clean, html_to_text
from tests.factories import new_mention
from tests.hostile import PAYLOADS, harm_in, hostile_text

MASTODON_LINK = (
    '<a href="https://example.com/a/very/long/path?x=1" rel="nofollow"><span class="invisible">https://</span>'
    '<span class="ellipsis">example.com/a/very/lon</span><span class="invisible">g/path?x=1</span></a>'
)


@pytest.mark.parametrize(
    ("html", "text"),
    [
        ("<p>Hello <b>you</b> &amp; me</p><p>two<br>three<br/>four</p>", "Hello you & me\n\ntwo\nthree\nfour"),
        ("<div>one</div><div>two</div><ul><li>a</li><li>b</li></ul>", "one\ntwo\n\n- a\n- b"),
        ("<ol><li><p>a</p></li><li><p>b</p><p>c</p></li></ul>", "- a\n\n- b\n\nc"),
        ("<script>alert(1)</script><style>p{}</style><p hidden>x</p>seen", "seen"),
        ('<p style="color:red; display : none">x</p><p style="font-size:0px">y</p>seen', "seen"),
        ("<pre>def f():\n    return 1</pre>", "def f():\n    return 1"),
        ("line one\n   line two", "line one line two"),
        (f"<p>see {MASTODON_LINK} now</p>", "see https://example.com/a/very/long/path?x=1 now"),
        (
            '<a href="https://m.example/tags/x" class="hashtag">#<span>x</span></a> '
            '<a href="https://m.example/@bob">@<span>bob</span></a>',
            "#x @bob",
        ),
        ('<a href="https://evil.test/login">yourbank.com</a>', "yourbank.com <https://evil.test/login>"),
        ('<a href="https://www.example.com/">example.com</a>', "example.com"),
        ('<a href="https://example.com/abcdef">example.com/abc…</a>', "https://example.com/abcdef"),
        ('<a href="javascript:alert(1)">click</a> <a href="">here</a>', "click here"),
        ('<a href="mailto:a@example.org">write us</a>', "write us <mailto:a@example.org>"),
        ("&lt;b&gt; &amp;lt; &#x20ac; &hellip;", "<b> &lt; € …"),
        ('hi <img alt=":wave:" src="x.png">', "hi :wave:"),
        ("1 < 2 & 3 > 2", "1 < 2 & 3 > 2"),
        ("", ""),
        ("<p></p>", ""),
    ],
)
def test_html_as_a_person_reads_it(html: str, text: str) -> None:
    assert html_to_text(html) == text


@pytest.mark.parametrize(
    "html",
    [
        "<" * 300_000,
        "&" * 300_000,
        "<div>" * 60_000 + "deep",
        "<b>" * 90_000,
        "<!--" * 80_000,
        "<table><tr><td>" * 20_000,
        '<a href="https://x.example">' * 12_000 + "x",
        "<a " + "x=1 " * 70_000 + ">t",
        "a\0b\ud800c" * 50_000,
    ],
    ids=["lt", "amp", "nesting", "bold", "comments", "tables", "links", "attributes", "not characters"],
)
def test_no_document_takes_long(html: str) -> None:
    began = time.process_time()
    html_to_text(html)
    assert time.process_time() - began < 2


@settings(max_examples=300, deadline=None)
@given(hostile_text())
def test_what_comes_out_is_harmless(text: str) -> None:
    for item in (new_mention(text), new_mention("", html=f"<p>{text}</p>"), new_mention("", title=text)):
        title, cleaned = clean(item)
        assert harm_in(title) == []
        assert harm_in(cleaned) == []


def test_an_entity_cannot_smuggle_an_escape() -> None:
    _, text = clean(new_mention("", html="x&#27;[31mred&#27;[2J &#8238;abc"))
    assert text == "x\ufffdred\ufffd abc"


def test_text_before_html_before_title() -> None:
    assert clean(new_mention("plain", html="<p>html</p>", title="t")) == ("t", "plain")
    assert clean(new_mention(" ", html="<p>html</p>", title="t")) == ("t", "html")
    assert clean(new_mention("", title=" a  title ")) == ("a title", "a title")
    assert clean(new_mention(PAYLOADS["title, bell"])) == ("", "a\ufffdb")
