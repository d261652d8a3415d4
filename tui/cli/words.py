"""Words that an agent gives on the command line or on standard input."""

from __future__ import annotations

import sys

from store.domain.errors import BadInput
from store.domain.safetext import TEXT_LIMIT, safe


def text_of(given: str) -> str:
    """The text, or for "-" what standard input holds, without control signs. Raises BadInput where nothing is left."""
    text = _standard_input() if given == "-" else given
    if len(text) > TEXT_LIMIT:
        raise BadInput(f"the text has {len(text):,} characters, {TEXT_LIMIT:,} are the most")
    clean = safe(text).strip()
    if not clean:
        raise BadInput("the text is empty")
    return clean


def _standard_input() -> str:
    if sys.stdin is None:
        raise BadInput("standard input is closed; give the text itself instead of -")
    try:
        return sys.stdin.buffer.read().decode("utf-8-sig")
    except UnicodeDecodeError:
        raise BadInput("standard input is not UTF-8 text") from None
