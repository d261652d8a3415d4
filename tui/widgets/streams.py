"""The streams of all sources, a line each, with what ails them. The reading of it is pure."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from textual import events
from textual.message import Message

from sources.condition import Condition, condition
from store.domain.desk import Desk, SourceConfig
from store.domain.poll import Cursor, PollLine
from tui import signs
from tui.safe import clip, fit
from tui.times import local
from tui.widgets.lines import Line, Lines, text
from tui.wrap import wrap

STATE = 14  # cells


@dataclass(frozen=True, slots=True)
class Stream:
    """One stream of a source; `stream` is "" for a source that was never polled. `trouble` is what ails it in a word
    or two, "" where nothing does; `advice` what to do about it. `retried`: its last poll failed, which is no trouble
    yet."""

    source: str
    stream: str
    cursor: Cursor | None
    trouble: str = ""
    advice: str = ""
    retried: bool = False


def of_store(desk: Desk, cursors: Sequence[Cursor], now: datetime) -> list[Stream]:
    """What is configured, what was polled, and what was imported, in this order."""
    known = {config.name: config for config in desk.sources}
    found = [_judged(cursor, known.get(cursor.source), now) for cursor in cursors]
    polled = {stream.source for stream in found}
    never = [
        Stream(name, "", None, "never polled", "the worker does it as soon as it runs")
        for name in known
        if name not in polled
    ]
    order = list(known)
    return sorted(never + found, key=lambda s: (order.index(s.source) if s.source in known else len(order), s.stream))


def _judged(cursor: Cursor, config: SourceConfig | None, now: datetime) -> Stream:
    # Without one it is an import, or a source that is configured no more.
    found = condition(cursor, config, now) if config is not None else Condition()
    retried = config is not None and not found.trouble and cursor.failures > 0
    return Stream(cursor.source, cursor.stream, cursor, found.trouble, found.advice, retried)


def named(stream: Stream) -> str:
    """A source with one stream of its own name is said once."""
    return stream.source if stream.stream in ("", stream.source) else f"{stream.source} {stream.stream}"


def head(width: int) -> Line:
    columns = (
        f"  {'source':<{_names(width)}} {'state':<{STATE}} {'success':<9} {'next':<8} {'failed':>6} {'quota':>6}  error"
    )
    return ((columns[:width], "quiet"),)


def _names(width: int) -> int:
    return max(16, min(44, width * 3 // 8))


def line(stream: Stream, now: datetime, width: int) -> Line:
    cursor = stream.cursor
    name = fit(named(stream), _names(width))
    words, style = (
        (f"⚠ {stream.trouble}", "urgent")
        if stream.trouble
        else ("~ trying again", "late")
        if stream.retried
        else ("✓ ok", "way")
    )
    state = fit(words, STATE)
    if cursor is None:
        return ((f" {name} ", "strong"), (state, style))
    success = signs.left(cursor.last_success_at - now) if cursor.last_success_at else "never"
    next_poll = (
        "–"
        if cursor.state == "gone"
        else "now"
        if cursor.next_poll_at <= now
        else signs.left(cursor.next_poll_at - now)
    )
    quota = "–" if cursor.quota_left is None else f"{cursor.quota_left:,}"
    facts = f" {success:<9} {next_poll:<8} {cursor.failures:>6,} {quota:>6}  "
    room = width - 2 - _names(width) - STATE - len(facts)
    return (
        (f" {name} ", "strong" if stream.trouble else ""),
        (state, style),
        (facts, ""),
        (clip(cursor.last_error, room) if room > 3 else "", "late"),
    )


def polls(stream: Stream, lines: Sequence[PollLine], width: int) -> list[Line]:
    """The ledger of one stream, newest first, under what is wrong with it in full."""
    shown: list[Line] = [((f" {clip(named(stream), 60)}", "heading"),)]
    if stream.trouble:
        shown += [
            ((f" {part}", "urgent"),) for part in wrap(f"⚠ {stream.trouble}: {stream.advice}", max(10, width - 2))
        ]
    if stream.cursor is not None and stream.cursor.last_error:
        shown += [((f" {part}", "late"),) for part in wrap(text(stream.cursor.last_error)[0][0], max(10, width - 2))]
    if not lines:
        return [*shown, ((" no poll in the ledger yet", "quiet"),)]
    shown.append(((" polled at         returned   new  duplicate  unmatched  failed", "quiet"),))
    for poll in lines:
        if poll.error and not (poll.returned or poll.gap_seconds):  # no counts to show: room for the words
            shown.append(((f" {local(poll.started_at)}  ", ""), (clip(poll.error, max(0, width - 20)), "late")))
            continue
        gap = (
            f"  gap {signs.left(timedelta(seconds=-poll.gap_seconds)).removesuffix(' ago')}" if poll.gap_seconds else ""
        )
        counts = f"{poll.returned:>8,} {poll.new:>5,} {poll.duplicate:>10,} {poll.unmatched:>10,} {poll.failed:>7,}"
        shown.append(
            (
                (f" {local(poll.started_at)}  {counts}", ""),
                (gap, "late"),
                (f"  {clip(why, max(0, width - 70))}" if (why := poll.error or poll.reason) else "", "late"),
            )
        )
    return shown


class Streams(Lines):
    """One of the lines is the current one."""

    class Moved(Message):
        """Another stream is the current one."""

    def __init__(self, *, id: str | None = None) -> None:  # noqa: A002
        super().__init__(id=id)
        self.streams: list[Stream] = []
        self.at = 0
        self._now: datetime | None = None

    @property
    def current(self) -> Stream | None:
        return self.streams[self.at] if self.streams else None

    def show(self, streams: Sequence[Stream], now: datetime) -> None:
        """Take the streams; the same one stays the current one. At first that is one that ails."""
        before = self.current
        self.streams, self._now = list(streams), now
        keep = [n for n, s in enumerate(streams) if before and (s.source, s.stream) == (before.source, before.stream)]
        ailing = [n for n, s in enumerate(streams) if s.trouble]
        self.at = keep[0] if keep else ailing[0] if ailing else 0
        self.draw()

    def step(self, lines: int) -> None:
        at = max(0, min(self.at + lines, len(self.streams) - 1))
        if self.streams and at != self.at:
            self.at = at
            self.draw()
            self.post_message(self.Moved())

    def draw(self) -> None:
        if self._now is None or not self.width:
            return
        shown = [head(self.width)] if self.streams else []
        for n, stream in enumerate(self.streams):
            shown.append((("▌" if n == self.at else " ", "pointer"), *line(stream, self._now, self.width - 1)))
        self.put(shown)
        top = self.scroll_offset.y
        if self.at + 1 >= top + self.page:
            self.go(self.at + 2 - self.page)
        elif self.at < top:
            self.go(self.at)

    def on_resize(self, event: events.Resize) -> None:
        self.draw()

    def on_click(self, event: events.Click) -> None:
        self.step(self.scroll_offset.y + event.y - 1 - self.at)
