"""Paths as people write them."""

from __future__ import annotations

from pathlib import Path

from store.domain.errors import BadInput


def seen_from(base: Path, text: str) -> Path:
    """Absolute, ~ and ~user included. Raises BadInput where nothing can be there."""
    if "\0" in text:
        raise BadInput(f"`{text}` holds a character that no path has")
    try:
        return (base / Path(text).expanduser()).absolute()
    except RuntimeError:
        raise BadInput(f"`{text}` begins with a home that is not known here: write the path in full") from None
