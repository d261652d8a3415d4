"""The only way foreign text reaches a widget: cleaned once more, as a store has other writers, and never as markup."""

from __future__ import annotations

from bisect import bisect_right

from rich.cells import cell_len
from textual.content import Content
from textual.style import Style

from store.domain.safetext import TEXT_LIMIT, safe, safe_line

ELLIPSIS = "…"


def content(text: str, style: str | Style = "", *, limit: int = TEXT_LIMIT) -> Content:
    """Many lines, plain."""
    return Content.styled(safe(text, limit=limit), style) if style else Content(safe(text, limit=limit))


def line(text: str, style: str | Style = "") -> Content:
    """One line, plain."""
    return Content.styled(safe_line(text), style) if style else Content(safe_line(text))


def clip(text: str, width: int) -> str:
    """One clean line cut to `width` terminal cells, with an ellipsis where something is missing."""
    clean = safe_line(text)
    if cell_len(clean) <= width:
        return clean
    # Beginnings are measured, not characters: a sign of several characters is wider than they are one by one.
    kept = bisect_right(range(len(clean) + 1), width - 1, key=lambda end: cell_len(clean[:end])) - 1
    return clean[: max(0, kept)].rstrip(" \u200d") + ELLIPSIS if width > 0 else ""


def fit(text: str, width: int) -> str:
    """`clip`, then filled with blanks to exactly `width` cells."""
    clipped = clip(text, width)
    return clipped + " " * (width - cell_len(clipped))
