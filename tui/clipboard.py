"""The clipboard of the machine in front of the agent: OSC 52, which works over SSH where the terminal allows it."""

from __future__ import annotations

from typing import Any

from textual.app import App

from store.domain.safetext import safe

LIMIT = 50_000  # terminals drop longer ones without a word


def copy(app: App[Any], text: str) -> bool:
    """False where the text is too long for a terminal to take."""
    clean = safe(text, limit=LIMIT + 1)
    if len(clean) > LIMIT:
        return False
    app.copy_to_clipboard(clean)
    return True
