"""Cases: what is in the inbox, one case whole, and every action on it, with undo and redo.

The door to the package: everything outside says `from store import cases`.
"""

from store.cases.acting import Acted, act, act_in
from store.cases.detail import get
from store.cases.duty import mute, next_urgent, wake
from store.cases.listing import Place, count, ids, listing, rows
from store.cases.undoing import Undone, redo, undo

__all__ = [
    "Acted",
    "Place",
    "Undone",
    "act",
    "act_in",
    "count",
    "get",
    "ids",
    "listing",
    "mute",
    "next_urgent",
    "redo",
    "rows",
    "undo",
    "wake",
]
