"""Foreign text on its way into widgets."""

from __future__ import annotations

import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from rich.cells import cell_len

from store.domain.safetext import safe_line
from tests.hostile import PAYLOADS, harm_in, hostile_text
from tui.links import plain
from tui.safe import clip, content, fit, line


@pytest.mark.parametrize("name", PAYLOADS)
def test_every_payload_is_plain_and_harmless(name: str) -> None:
    for shown in (content(PAYLOADS[name]), line(PAYLOADS[name])):
        assert harm_in(shown.plain) == []
        assert shown.spans == []  # no markup became a style, a link or an action


@given(hostile_text(), st.integers(0, 60))
@example("keycap 1️⃣ ❤️ 🇷🇴", 9)
@example("family 👨‍👩‍👧‍👦👨‍👩‍👧‍👦", 10)
def test_fit_is_exactly_as_wide_as_asked(text: str, width: int) -> None:
    fitted = fit(text, width)
    assert cell_len(fitted) == width
    assert harm_in(fitted) == []
    if cell_len(safe_line(text)) > width > 0:
        assert "…" in clip(text, width)


@pytest.mark.parametrize(
    ("url", "shown"),
    [
        ("https://social.example/@ana/1", "https://social.example/@ana/1"),
        ("javascript:alert(1)", ""),
        ("file:///etc/passwd", ""),
        ("https://", ""),
        ("https://a b", ""),
        ("https://аpple.com/x", "https://xn--pple-43d.com/x"),
        ("https://АPPLE.com/x", "https://xn--pple-43d.com/x"),
        ("HTTPS://ΡΑΥΡΑL.COM:443/", "HTTPS://xn--l-ylba6dbx.com:443/"),
        ("https://\u212a.example", "https://k.example"),
        ("https://straße.example/", "https://xn--strae-oqa.example/"),
        ("https://Bank.example:80/A", "https://Bank.example:80/A"),
        ("https://bank.example:443@evil.test/a", "https://evil.test/a"),
        ("https://s:/x", "https://s/x"),
        ("https://bank.example%2eevil.test/", ""),
        ("https://bank.example\\@evil.test/", ""),
        ("https://evil.test/\x1b]52;c;eA==\x07", "https://evil.test/\ufffd"),
    ],
)
def test_a_link_is_shown_as_what_it_is(url: str, shown: str) -> None:
    assert plain(url) == shown
