"""What retention let go of."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(slots=True)
class Gone:
    """Rows of each that went."""

    mentions: int = 0
    raws: int = 0
    journal: int = 0
    polls: int = 0

    def __bool__(self) -> bool:
        return bool(self.mentions or self.raws or self.journal or self.polls)
