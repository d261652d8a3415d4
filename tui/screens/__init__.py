"""The screens by name, imported when first shown."""

from __future__ import annotations

from importlib import import_module
from typing import Any

SCREENS: dict[str, str] = {
    "inbox": "tui.screens.inbox:InboxScreen",
    "help": "tui.screens.help:HelpScreen",
    "case": "tui.screens.case:CaseScreen",
    "compose": "tui.screens.case:CaseScreen",
    "insights": "tui.screens.insights:InsightsScreen",
    "health": "tui.screens.health:HealthScreen",
    "watches": "tui.screens.watches:WatchesScreen",
    "found": "tui.screens.found:FoundScreen",
}


def make(name: str, *args: Any, **options: Any) -> Any:
    """A new screen of this name. KeyError where there is none."""
    module, _, attribute = SCREENS[name].partition(":")
    return getattr(import_module(module), attribute)(*args, **options)
