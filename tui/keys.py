"""Which key does what: the presets for hands that come from elsewhere, and the user's own table over them."""

from __future__ import annotations

from store.domain.errors import BadInput
from tui.actions import ACTIONS, normal
from tui.nearest import did_you_mean

# Only what differs from the registry's own keys. An empty value switches an action's keys off.
PRESETS: dict[str, dict[str, str]] = {
    "default": {},
    "mutt": {
        "move.top": "=,home",
        "move.bottom": "*,end",
        "move.next": "tab,n",
        "move.pane": "ctrl+o",
        "mark.next": "t,space",
        "mark.stay": "x",
        "mark.all": "",
        "mark.none": "",
        "mark.untouched": "",
        "case.tag": "Y",
        "case.quote": "R",
        "case.done": "e,y",
        "filter": "l,\\",
        "link.copy": "ctrl+y",
        "case.snooze": "h",
    },
    "gmail": {
        "back": "q",
        "clear": "u,escape,left",
        "undo": "z",
        "case.snooze": "b",
        "case.tag": "l",
        "case.dismiss": "d,#",
        "link.show": "v",
    },
    "linear": {
        "case.done": "e,ctrl+e",
        "case.snooze": "h",
        "case.tag": "l",
        "filter": "f,\\",
        "case.forward": "F",
        "undo": "u,z,ctrl+z",
        "palette": ":,ctrl+k,ctrl+p",
    },
}
OFF = "none"


def keymap(preset: str, table: dict[str, str]) -> dict[str, str]:
    """Action id -> keys, for what differs from the defaults. Raises BadInput for a preset, an action or a clash."""
    if preset not in PRESETS:
        raise BadInput(f"keys = `{preset}`: there is no such preset; take {', '.join(PRESETS)}")
    known = {action.id: action for action in ACTIONS}
    for name in table:
        if name not in known:
            raise BadInput(f"[keymap] names no action `{name}`{did_you_mean(name, known)}")
    chosen = {name: normal(keys) if keys.strip() else OFF for name, keys in (PRESETS[preset] | table).items()}
    taken: dict[tuple[str, str], str] = {}
    for name, action in known.items():
        for key in chosen.get(name, normal(action.keys)).split(","):
            for place in ("inbox", "case") if "global" in action.where else action.where:
                other = taken.setdefault((place, key), name)
                if other != name and key != OFF:
                    raise BadInput(
                        f"[keymap] gives `{key}` to both {other} and {name}; choose another key for one of them"
                    )
    return chosen
