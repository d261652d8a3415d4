"""What a store keeps between and behind its tables: written out, looked into, made small."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Protocol


class Upkeep(Protocol):
    """One per store. Everything here goes past the tables' own transactions. All raise StoreError.

    `beyond` names, for a person, where this program can neither look nor clean; "" where there is no such place.
    """

    beyond: str

    async def write_out(self) -> str:
        """What was deleted leaves the log of changes, the plans' samples and, as far as that goes while others work,
        the tables' files. Returns who is in the way, in words; "" where nobody is."""

    async def holds(self, needles: Iterable[bytes]) -> bool:
        """Whether the store holds any of these still: wherever this program can look for it."""

    async def size(self) -> int:
        """In bytes."""

    async def compact(self) -> None:
        """Write the store anew without what is left over. Others wait meanwhile: a second for some 150 MB. Raises
        StoreError also where there is no room for it, or where others leave no moment for it."""
