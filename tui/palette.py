"""The command line of ":" and Ctrl+P: every action of the screen by its name, with its keys."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tui import actions
from tui.modals.pick import Choice, PickScreen

if TYPE_CHECKING:
    from tui.shell import Earful


async def command(app: Earful) -> None:
    """Let the agent pick an action of the screen below and run it there."""
    bound = {active.binding.id: active for active in app.screen.active_bindings.values() if active.enabled}
    offered = [
        Choice(action.id, action.label, aside=actions.shown(app.keymap.get(action.id, action.keys)), also=action.help)
        for action in sorted(actions.ACTIONS, key=lambda action: action.group == "Move")  # who moves uses the keys
        if action.id in bound and action.listed and action.id not in ("palette", "view.1")
    ] + [Choice(f"view:{view.name}", f"view: {view.name}", also=view.query) for view in app.views]
    picked = await app.ask(PickScreen("Command", offered))
    if picked is None:
        return
    if picked.startswith("view:"):
        app.action_go(picked.removeprefix("view:"))
    else:
        await app.run_action(bound[picked].binding.action, bound[picked].node)
