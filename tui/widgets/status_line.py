"""The two lines at the foot of every screen: how things stand, and which keys there are."""

from __future__ import annotations

from itertools import takewhile

from rich.cells import cell_len
from textual.content import Content
from textual.geometry import Region
from textual.timer import Timer
from textual.widget import Widget
from textual.widgets import Static

from tui import actions
from tui.messages import Pulse
from tui.safe import clip

WORKER = {"opening": "opening …", "working": "", "nobody": "nobody polls or sends"}


AWAY = "store away, asking again"
MARK, SEPARATOR = "⚠ ", " · "
LOUD_CELLS = 18  # are enough to say that something ails


def _loud(ailing: tuple[str, ...]) -> str:
    """The first source that ails by name, the others by number; g h shows them all."""
    more = f" +{len(ailing) - 1}" if len(ailing) > 1 else ""
    return f"{MARK}{ailing[0]}{more}" if ailing else ""


def _worker(pulse: Pulse) -> str:
    if pulse.worker == "elsewhere":
        return f"{pulse.holder or 'another process'} sends"
    return WORKER.get(pulse.worker, pulse.worker)


def outbox_words(pulse: Pulse) -> str:
    """ "1 sending, 1 needs you": what has not left the house, in words."""
    counts = (
        (pulse.held, "held"),
        (pulse.sending, "sending"),
        (pulse.stuck, "needs you" if pulse.stuck == 1 else "need you"),
        (pulse.failed, "failed"),
    )
    return ", ".join(f"{count} {word}" for count, word in counts if count)


def _joined(*facts: str) -> str:
    return SEPARATOR.join(fact for fact in facts if fact)


def _alike(one: str, other: str) -> int:
    """How many characters both begin with."""
    return sum(1 for _ in takewhile(lambda pair: pair[0] == pair[1], zip(one, other, strict=False)))


class StatusLine(Widget):
    """Where we are at the left, how things stand at the right. Where both do not fit, what ails is cut first; then who
    we are goes, and who sends, where that makes room for the left: it may name a key that is good for seconds only.
    Only what differs is drawn."""

    DEFAULT_CSS = """
    StatusLine { height: 1; background: $panel; color: $foreground; }
    StatusLine:ansi { text-style: reverse; }
    """

    def __init__(self) -> None:
        super().__init__()
        self.place, self.pulse, self.agent = "", Pulse(), ""

    def tell(self, *, place: str | None = None, pulse: Pulse | None = None, agent: str | None = None) -> None:
        """Change what is said."""
        before = self.words
        self.place = self.place if place is None else place
        self.pulse = pulse or self.pulse
        self.agent = self.agent if agent is None else agent
        after = self.words
        if before != after:
            same = _alike(before, after)
            tail = _alike(before[same:][::-1], after[same:][::-1])
            start, end = cell_len(after[:same]), cell_len(after[: len(after) - tail])
            self.refresh(Region(start, 0, max(1, end - start), 1))

    def render(self) -> Content:
        """A source that ails stands out, not by its colour alone."""
        words = self.words
        start = words.find(MARK)
        if start < 0:
            return Content(words)
        return Content(words).stylize(
            "bold $text-error on $error-muted", start, start + len(words[start:].split(SEPARATOR)[0])
        )

    @property
    def words(self) -> str:
        width = self.size.width
        out = outbox_words(self.pulse)
        loud = f"{MARK}{AWAY}" if self.pulse.away else _loud(self.pulse.ailing)
        worker = "" if self.pulse.away else _worker(self.pulse)
        calm = [f"→ {out}" if out else "", worker, self.agent]
        if self.pulse.worker == "elsewhere" and cell_len(self.place + loud + _joined(*calm)) + 6 > width:
            calm[1] = ""  # all is well with it, and something else has more to say
        room = max(width // 3, width - cell_len(self.place) - 3)
        least = min(LOUD_CELLS, cell_len(loud))
        fewer = (_joined(*calm[:number]) for number in (3, 2, 1))
        fits = (some for some in fewer if cell_len(some) + (least and least + len(SEPARATOR)) <= room)
        rest = next(fits, _joined(*calm))
        loud = clip(loud, max(LOUD_CELLS, room - cell_len(rest) - len(SEPARATOR)))
        right = clip(_joined(loud, rest), max(10, width - 24))
        left = clip(f" {self.place}", max(0, width - cell_len(right) - 2))
        return left + " " * (width - cell_len(left) - cell_len(right) - 1) + right + " "


class KeysLine(Static):
    """The keys that matter most on this screen; in their place for a while, a hint or what just happened."""

    DEFAULT_CSS = """
    KeysLine { height: 1; color: $text-muted; }
    KeysLine:ansi { color: ansi_default; }
    """

    def __init__(self, where: str) -> None:
        super().__init__(markup=False)
        self.where, self._words = where, ""
        self.labels: dict[str, str] = {}  # by action, where a screen calls it otherwise
        self.first: tuple[str, ...] = ()  # actions that come before the footer's own
        self._timer: Timer | None = None

    def on_mount(self) -> None:
        self._draw()

    def on_resize(self) -> None:
        self._draw()

    def about(self, where: str, first: tuple[str, ...] = ()) -> None:
        """Show the keys of another place, or these before all others."""
        if (where, first) != (self.where, self.first):
            self.where, self.first = where, first
            self._draw()

    def hint(self, words: str, seconds: float = 0) -> None:
        """Say this instead; for so many seconds, or until told otherwise."""
        if self._timer is not None:
            self._timer.stop()
            self._timer = None
        if seconds:
            self._timer = self.set_timer(seconds, lambda: self.hint(""))
        if words != self._words:
            self._words = words
            self._draw()

    def _draw(self) -> None:
        self.update(Content(" " + clip(self._words, self.size.width - 2)) if self._words else self._keys())

    def _keys(self) -> Content:
        """As many as fit, the most important first."""
        keymap = self.app.keymap  # type: ignore[attr-defined]
        shown: list[Content] = []
        room = self.size.width - 1
        places = (self.where,) if self.where == "compose" else (self.where, "global")  # ":" and "?" are text there
        order = {name: n - len(self.first) for n, name in enumerate(self.first)}
        there = (a for a in actions.available(*places) if a.footer or a.id in order)
        footed = sorted(there, key=lambda a: order.get(a.id, a.footer))
        for action in footed:
            key = actions.shown(keymap.get(action.id, action.keys).split(",")[0])
            label = self.labels.get(action.id, action.label)
            room -= cell_len(key) + cell_len(label) + 3
            if room < 0:
                break
            shown.append(Content.assemble(" ", (key, "bold"), " ", label, " "))
        return Content.assemble(*shown)
