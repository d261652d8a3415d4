"""Foreign text on its way into widgets."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from rich.cells import cell_len
from textual import events
from textual.app import App, ComposeResult

import tui
from store.domain.safetext import safe_line
from tests.hostile import PAYLOADS, harm_in, hostile_text
from tui.links import plain
from tui.safe import clip, content, fit, line
from tui.widgets.text_field import TextField


@pytest.mark.parametrize("name", PAYLOADS)
def test_every_payload_is_plain_and_harmless(name: str) -> None:
    for shown in (content(PAYLOADS[name]), line(PAYLOADS[name])):
        assert harm_in(shown.plain) == []
        assert shown.spans == []  # no markup became a style, a link or an action


async def test_what_is_pasted_or_put_into_a_field_is_harmless() -> None:
    class Form(App[None]):
        def compose(self) -> ComposeResult:
            yield TextField(select_on_focus=False)

    async with Form().run_test() as pilot:
        field = pilot.app.query_one(TextField)
        for payload in PAYLOADS.values():
            field.value, field.cursor_position = "before ", 7
            field.post_message(events.Paste(payload[:4_000]))
            await pilot.press("end", "z")
            assert field.value.startswith("before ")
            assert field.value.endswith("z")
            assert "\n" not in field.value
            assert harm_in(field.value) == []
            field.value = payload
            assert harm_in(field.value) == []


def test_there_is_no_other_text_field() -> None:
    """Textual's own shows what is pasted as it is."""
    folder = Path(tui.__file__).parent
    others = [path.name for path in folder.rglob("*.py") if re.search(r"(?<!\w)Input\(", path.read_text())]
    assert others == []


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
