"""What is known of a case besides its words: two lines at its head, a panel with author, journal and exact times."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime

from rich.cells import cell_len

from sources.text.lookalikes import revealed
from store.domain.case import CaseDetail, InboxRow, Priority
from store.domain.journal import JournalEntry
from tui import signs
from tui.answering import change
from tui.links import plain
from tui.safe import clip
from tui.times import iso, local
from tui.widgets.lines import Line, Lines, text
from tui.wrap import wrap

JOURNAL_SHOWN = 60


@dataclass(frozen=True, slots=True)
class Others:
    """The author's other cases: how many ("12", "99+") and the newest of them."""

    count: str
    newest: tuple[InboxRow, ...]


def head(row: InboxRow, now: datetime, ours: tuple[str, ...], width: int) -> tuple[Line, Line]:
    """How the case stands; who wrote it, whether that could be taken for one of `ours`, and how it reads. A name gives
    way where it has no room: the thread says it too."""
    late = signs.overdue(row, now)
    due = f"  answer due {signs.left(row.due_at - now)}" if row.due_at and row.status not in signs.LATER else ""
    stands: Line = (
        (f" {signs.STATUS[row.status]} {row.status.value}", "strong"),
        (
            f"  {signs.PRIORITY[row.priority]} {row.priority.value}" if row.priority is not Priority.NORMAL else "",
            "urgent",
        ),
        (f"  {clip(row.assignee, 30)}" if row.assignee else "  nobody has it", ""),
        (due, "late" if late else ""),
        (f"  until {local(row.snoozed_until)}" if row.snoozed_until else "", ""),
        ("".join(f"  #{clip(tag, 30)}" for tag in row.tags), "side"),
    )
    name = row.name if row.name and row.name != row.handle else ""
    who: Line = (
        (f" {clip(row.handle or '?', 40)}", "strong"),
        (f" {clip(name, 30)}" if name else "", ""),
        (f"  {double}" if (double := signs.double(row, ours)) else "", "urgent"),
        (f"  {audience(row)}" if row.followers is not None else "", "quiet"),
        (f"  {clip(row.network, 20)}", "quiet"),
        (f"  {signs.SENTIMENT.get(row.sentiment, '·')} {row.sentiment}", row.sentiment),
        (f"  {clip(row.language, 20)}" if row.language else "", "quiet"),
        (f"  {clip(row.issue, 40)}" if row.issue else "", "side"),
    )
    if name and sum(cell_len(words) for words, _ in who) > width:
        who = (who[0], *who[2:])
    return stands, who


def audience(row: InboxRow) -> str:
    return "1 follower" if row.followers == 1 else f"{row.followers or 0:,} followers"


def panel(detail: CaseDetail, others: Others | None, width: int, shown: datetime | None) -> list[Line]:
    """Everything that the head does not say, folded to the width. `shown` is the time of the current entry."""
    row = detail.row
    lines = list(_section("author", width, _author(row, others)))[1:]
    lines += _section("reading", width, _reading(row))
    lines += _section("exact times, UTC", width, _times(detail, shown))
    lines += _section("journal", width, _journal(detail.journal))
    return lines


def _section(title: str, width: int, facts: Iterator[Line]) -> Iterator[Line]:
    yield ()
    yield ((" ", ""), *text(title, "heading"))
    for line in facts:
        said, style = "".join(words for words, _ in line), line[-1][1] if line else ""
        for n, part in enumerate(wrap(said, max(10, width - 3))):
            yield (((" " if n == 0 else "   ") + part, style),)


def _author(row: InboxRow, others: Others | None) -> Iterator[Line]:
    name = f", {row.name}" if row.name and row.name != row.handle else ""
    yield text(f"{row.handle}{name}")
    source = f" ({row.source})" if row.source != row.network else ""
    yield text(f"{row.network}{source}" + (f", {audience(row)}" if row.followers is not None else ""), "quiet")
    if others is not None:
        yield text(f"other cases: {others.count}")
        for other in others.newest:
            words = clip(revealed(other.title or other.text) or f"({signs.wordless(other)})", 60)
            yield text(f"{signs.STATUS[other.status]} {local(other.last_at)[:10]} {words}", "quiet")


def _reading(row: InboxRow) -> Iterator[Line]:
    yield text(f"{signs.SENTIMENT.get(row.sentiment, '·')} {row.sentiment} ({row.score:+.2f})", row.sentiment)
    for name, value in (
        ("language", row.language),
        ("intent", row.intent),
        ("", signs.urgent_for(row)),
        ("issue", row.issue),
        ("watches", ", ".join(row.watches)),
        ("tags", " ".join(f"#{tag}" for tag in row.tags)),
        ("assignee", row.assignee),
        ("link", plain(row.url)),
    ):
        if value:
            yield text(f"{name}: {value}" if name else value)


def _times(detail: CaseDetail, shown: datetime | None) -> Iterator[Line]:
    row = detail.row
    for name, at in (
        ("this one", shown),
        ("first word", row.created_at),
        ("last word", row.last_at),
        ("first seen", row.seen_at),
        ("answer due", row.due_at),
        ("snoozed until", row.snoozed_until),
    ):
        if at is not None:
            yield text(f"{name} {iso(at.replace(microsecond=0))}", "quiet")


def _journal(entries: Sequence[JournalEntry]) -> Iterator[Line]:
    """Newest first."""
    for entry in entries[: -JOURNAL_SHOWN - 1 : -1]:
        undone = ", undone" if entry.undone else ""
        yield text(
            f"{local(entry.at)} {entry.agent}: {entry.action}{change(entry.before, entry.after)}{undone}", "quiet"
        )
    if len(entries) > JOURNAL_SHOWN:
        yield text(f"and {len(entries) - JOURNAL_SHOWN} more", "quiet")
    if not entries:
        yield text("nobody did anything yet", "quiet")


class Facts(Lines):
    """The panel: at the side of a wide screen, over the thread on a narrow one."""

    DEFAULT_CSS = """
    Facts { width: 40%; max-width: 60; border-left: solid $panel; }
    Facts:focus { border-left: solid $primary; }
    Facts:ansi { border-left: solid ansi_bright_black; }
    Facts:ansi:focus { border-left: solid ansi_cyan; }
    """


class Head(Lines, can_focus=False):
    """The two lines at the head of a case."""

    DEFAULT_CSS = "Head { height: 2; }"
