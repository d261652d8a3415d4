"""The one-line text field: what is pasted or put into it shows as it would anywhere else, and can do no harm."""

from __future__ import annotations

from textual.widgets import Input

from store.domain.safetext import safe

LIMIT = 8_192  # characters; no question, name or reason is longer


class TextField(Input):
    def validate_value(self, value: str) -> str:
        return str(safe(value, limit=LIMIT)).replace("\n", " ").replace("\t", " ")
