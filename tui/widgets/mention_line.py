"""One line of the inbox as pieces of text with the names of their styles. Pure: rows in, pieces out."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime

from rich.cells import cell_len

from sources.text.lookalikes import revealed
from store.domain.case import CaseStatus, InboxRow, Priority
from store.domain.presence import Presence
from store.domain.query import Node
from tui import signs
from tui.safe import clip, fit

Piece = tuple[str, str]  # text, style name ("" is plain)

NETWORK_CELLS = 5
SIGNS_CELLS = 14  # the one-cell columns, age, and the gaps around handle and text
NARROWEST_TEXT = 20
READ = 1_000  # characters of a text that are looked at for a line


@dataclass(frozen=True, slots=True)
class Look:
    """What a line depends on besides its row. What `sought` looks for is marked in the text; an author who could be
    taken for one of `ours` is marked too, and so is a case where somebody of `present` is."""

    width: int
    now: datetime
    me: str
    sought: Node | None = None
    ours: tuple[str, ...] = ()
    present: tuple[Presence, ...] = ()


def pieces(row: InboxRow, look: Look, *, cursor: bool, marked: bool) -> Iterator[Piece]:
    """The line, exactly `look.width` cells wide (narrower screens cut it at the right)."""
    handle_cells = max(8, min(20, look.width // 6))
    side = _side(row, look)
    text_cells = look.width - SIGNS_CELLS - NETWORK_CELLS - handle_cells - (cell_len(side) + 1 if side else 0)
    if text_cells < NARROWEST_TEXT and side:
        text_cells, side = text_cells + cell_len(side) + 1, ""

    yield "▌" if cursor else " ", "pointer"
    yield "✓" if marked else " ", "mark"
    yield signs.STATUS[row.status], "new" if row.status is CaseStatus.NEW else "quiet"
    yield (
        signs.urgency(row, look.now),
        "urgent" if row.priority is Priority.URGENT or signs.overdue(row, look.now) else "quiet",
    )
    yield f" {signs.age(row.last_at, look.now):>3} ", "late" if signs.overdue(row, look.now) else "quiet"
    yield fit(signs.network(row.network), NETWORK_CELLS) + " ", "quiet"
    yield fit(_who(row, look.ours), handle_cells), "new" if row.status is CaseStatus.NEW else ""
    yield f" {signs.SENTIMENT.get(row.sentiment, '·')}", row.sentiment
    yield (
        f"{signs.DELIVERY.get(row.delivery, ' ')} ",
        "urgent" if row.delivery in ("failed", "unknown", "needs a person") else "way",
    )
    yield from _text(row, look, max(0, text_cells))
    if side:
        yield f" {side}", "side"


def _who(row: InboxRow, ours: tuple[str, ...]) -> str:
    """A handle that is a number, as Facebook's are, says nothing to a person."""
    who = (row.name if row.handle.isdigit() else "") or row.handle or row.name or "?"
    return f"{signs.DOUBLE}{who}" if signs.double(row, ours) else who


def _text(row: InboxRow, look: Look, cells: int) -> Iterator[Piece]:
    count = f"{row.mentions}× " if row.mentions > 1 else ""
    said = f"{row.title} — {row.text}" if row.title and not row.text.startswith(row.title) else row.text
    yield count, "quiet"
    if not said:
        yield fit(f"({signs.wordless(row)})", cells - cell_len(count)), "quiet"
        return
    words = fit(revealed(said[:READ]), cells - cell_len(count))
    start = 0
    for first, end in _hits(look.sought, words):
        yield words[start:first], ""
        yield words[first:end], "hit"
        start = end
    yield words[start:], ""


def _hits(sought: Node | None, words: str) -> list[tuple[int, int]]:
    if sought is None:
        return []
    from sources.text.match import hits  # only a search pays for it

    return hits(sought, words)


def _side(row: InboxRow, look: Look) -> str:
    """Tags and who has it: "#billing #vip @ana"; before them who is at it: "ana writing 0:40"."""
    if there := signs.at_it(look.present, row.id, look.now):
        return there
    room = 12 if look.width < 100 else 24
    words = [f"#{tag}" for tag in row.tags]
    if row.assignee:
        words.append("@me" if row.assignee == look.me else f"@{row.assignee}")
    return clip(" ".join(words), room) if words else ""
