"""What crosses screens: news of the store and of the outside world."""

from __future__ import annotations

from dataclasses import dataclass, field

from textual.message import Message

from store.domain.presence import Presence
from tui.settings import Settings


@dataclass(frozen=True, slots=True)
class Pulse:
    """How things stand, as the status line says it. `worker` is what this screen does about polling and sending:
    "opening", "working", "elsewhere" (another process does: the `holder`), "nobody" or the words of what went wrong.
    `away`: the store does not answer, and is asked again and again. `present`: who else has a case open."""

    worker: str = "opening"
    holder: str = ""
    held: int = 0
    sending: int = 0
    stuck: int = 0
    failed: int = 0
    ailing: tuple[str, ...] = ()
    away: bool = False
    present: tuple[Presence, ...] = ()

    @property
    def unsent(self) -> int:
        return self.held + self.sending


class StoreOpened(Message):
    """The store can be asked."""


@dataclass
class StoreFailed(Message):
    """The store cannot be opened; `words` say why, for a person."""

    words: str


@dataclass
class Trouble(Message):
    """Something behind the screens ended that should not have; `words` say what, for a person."""

    words: str


@dataclass
class SettingsChanged(Message):
    """The configuration was written anew, and what polls and sends here goes on with it."""

    settings: Settings


@dataclass
class StoreChanged(Message):
    """Something moved: the kinds ("new", "case", "delivery", "source") and the cases."""

    kinds: frozenset[str] = field(default_factory=frozenset)
    cases: frozenset[int] = field(default_factory=frozenset)


@dataclass
class PulseChanged(Message):
    pulse: Pulse


@dataclass
class Hungup(Message):
    """The terminal is gone or somebody asked the process to end."""

    signal: str
