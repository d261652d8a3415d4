"""The one registry of what an agent can do: it feeds keys, footer, palette, help and docs/keys.md.

A key is written as Textual writes it ("j", "ctrl+d", "question_mark" or "?"); two keys struck one after the other are
written with a space ("g i"). `call` is the Textual action that runs on the screen that holds the binding.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from textual.binding import Binding, BindingType
from textual.keys import _character_to_key, format_key

from tui.screens import SCREENS

INBOX = ("inbox",)
DESK = ("inbox", "case")  # wherever there is a case to act on
CASE = ("case",)
COMPOSE = ("compose",)
LISTS = ("inbox", "case", "insights", "health", "watches")  # wherever there is something to move in
INSIGHTS = ("insights",)
HEALTH = ("health",)
WATCHES = ("watches",)
PERIODS = ("1 day", "7 days", "14 days", "30 days", "90 days", "1 year")
EVERYWHERE = ("global",)


@dataclass(frozen=True, slots=True)
class Action:
    """One thing an agent can do. `footer` > 0 shows it in the footer, smallest first; `screen` names the screen without
    which it does not exist; `listed` false leaves it to its neighbour's line in help and documentation."""

    id: str
    keys: str
    call: str
    label: str
    help: str
    where: tuple[str, ...]
    group: str
    footer: int = 0
    screen: str = ""
    listed: bool = True
    shown: str = ""


ACTIONS: tuple[Action, ...] = (
    # Move
    Action("move.down", "j,down", "move(1)", "down", "one line down", LISTS, "Move"),
    Action("move.up", "k,up", "move(-1)", "up", "one line up", LISTS, "Move"),
    Action("move.top", "g g,home", "edge(-1)", "top", "first line", LISTS, "Move"),
    Action("move.bottom", "G,end", "edge(1)", "bottom", "last line", LISTS, "Move"),
    Action("move.half_down", "ctrl+d", "half(1)", "half a page down", "half a page down", LISTS, "Move"),
    Action("move.half_up", "ctrl+u", "half(-1)", "half a page up", "half a page up", LISTS, "Move"),
    Action("move.page_down", "pagedown", "page(1)", "page down", "one page down", LISTS, "Move"),
    Action("move.page_up", "pageup", "page(-1)", "page up", "one page up", LISTS, "Move"),
    Action("move.next", "n", "hit(1)", "next", "next search hit, else next untouched case", INBOX, "Move"),
    Action("move.previous", "N", "hit(-1)", "previous", "previous search hit, else untouched case", INBOX, "Move"),
    Action("move.pane", "tab", "pane", "next pane", "to the next pane and round", LISTS, "Move"),
    Action("case.open", "enter,o", "open", "open", "open the case", INBOX, "Move", footer=1, screen="case"),
    Action("back", "q", "back", "quit", "back; at the top: leave the program", INBOX, "Move", footer=9),
    Action("case.back", "q", "back", "back", "back to the list", CASE, "Move", footer=8),
    Action("case.word", "enter,o", "entry(1)", "next in thread", "next word of the thread", CASE, "Move", 10),
    Action(
        "case.word_back", "backspace", "entry(-1)", "previous in thread", "previous word of the thread", CASE, "Move"
    ),
    Action("case.next", "J", "neighbour(1)", "next case", "next case of the list", CASE, "Move", footer=6),
    Action("case.previous", "K", "neighbour(-1)", "previous case", "previous case of the list", CASE, "Move"),
    Action("clear", "escape,left", "clear", "back", "end range, filter, search or marks; else back", DESK, "Move"),
    Action(
        "place.back",
        "q,escape",
        "back",
        "back",
        "back to where you came from",
        INSIGHTS + HEALTH + WATCHES,
        "Move",
        footer=8,
    ),
    Action("insights.left", "left,h", "bar(-1)", "column left", "one column to the left", INSIGHTS, "Move"),
    Action("insights.right", "right,l", "bar(1)", "column right", "one column to the right", INSIGHTS, "Move"),
    # Mark
    Action("mark.next", "space", "mark(1)", "mark", "mark and move down", INBOX, "Mark"),
    Action("mark.stay", "x", "mark(0)", "mark, stay", "mark and stay", INBOX, "Mark"),
    Action("mark.range", "V", "range", "mark a range", "begin a range at this line; V again ends it", INBOX, "Mark"),
    Action("mark.all", "* a", "mark_all", "mark all", "mark all in this view", INBOX, "Mark"),
    Action("mark.none", "* n", "mark_none", "mark none", "unmark all", INBOX, "Mark"),
    Action("mark.untouched", "* u", "mark_untouched", "mark untouched", "mark what nobody touched", INBOX, "Mark"),
    # Answer
    Action("case.reply", "r", "reply(False)", "reply", "public reply", DESK, "Answer", 2, "compose"),
    Action(
        "case.quote", "R", "reply(True)", "reply, quoting", "public reply that quotes", DESK, "Answer", 0, "compose"
    ),
    Action("case.note", "c", "note", "note", "internal note; cannot leave the house", DESK, "Answer", 13, "compose"),
    Action("case.settle", "D", "settle", "settle", "recall, or decide about an answer that got stuck", CASE, "Answer"),
    Action(
        "compose.review",
        "ctrl+d,alt+enter",
        "review",
        "go on",
        "the last look, then send; keep the note",
        COMPOSE,
        "Write",
        1,
    ),
    Action(
        "compose.leave",
        "escape",
        "leave_composer",
        "leave",
        "leave; what is written is kept",
        COMPOSE,
        "Write",
        footer=2,
    ),
    Action(
        "compose.editor",
        "ctrl+g",
        "editor",
        "editor",
        "write in the editor that EDITOR names",
        COMPOSE,
        "Write",
        footer=3,
    ),
    Action("case.forward", "f", "forward", "forward", "forward to a department", DESK, "Answer", 17),
    Action("case.escalate", "E", "escalate", "escalate", "hand it to a team, with a reason", DESK, "Answer", 16),
    # Decide
    Action("case.done", "e", "done", "done", "finished", DESK, "Decide", footer=3),
    Action("case.assign", "a", "assign", "assign", "who works it; the first entry is you", DESK, "Decide", footer=4),
    Action(
        "case.snooze", "h,b", "snooze", "snooze", "out of sight until a time or their next word", DESK, "Decide", 14
    ),
    Action("case.tag", "t,l", "tag", "tag", "put a tag on or take it off", DESK, "Decide", 15),
    Action("case.status", "s", "status", "status", "set the status", DESK, "Decide"),
    Action("case.raise", "+", "priority(1)", "priority up", "raise the priority", DESK, "Decide"),
    Action("case.lower", "-", "priority(-1)", "priority down", "lower the priority", DESK, "Decide"),
    Action("case.dismiss", "d", "dismiss_case", "dismiss", "not about us; asks why", DESK, "Decide", 18),
    Action("case.mute", "m", "mute", "mute", "mute the author, the thread or a word", DESK, "Decide"),
    Action("case.sentiment", "S", "sentiment", "sentiment", "correct the sentiment", DESK, "Decide"),
    Action("case.issue", "I", "issue", "issue", "say which recurring issue it is", CASE, "Decide"),
    Action("undo", "u,z", "undo", "undo", "take back your last change, of any size", DESK, "Decide", footer=5),
    Action("redo", "U,ctrl+r", "redo", "redo", "do it again", DESK, "Decide"),
    Action("repeat", ".", "repeat", "repeat", "the last change again, here", DESK, "Decide"),
    Action("claim", "P", "claim", "claim next", "take the most urgent free case", INBOX, "Decide", 11),
    # Look
    Action("search", "/", "search", "search", "search everything", INBOX, "Look", footer=6),
    Action("filter", "\\", "filter", "filter", "search in this view", INBOX, "Look"),
    Action("unsent", "D", "unsent", "unsent", "the cases whose answer needs you, or failed lately", INBOX, "Look"),
    Action(
        "order", "!", "urgent_first", "urgent first", "the most urgent first, or the newest again", INBOX, "Look", 12
    ),
    Action("author", "p", "person", "person", "all cases of this author", DESK, "Look"),
    Action(
        "case.mood", "w", "mood", "why this mood", "the words that moved the mood, and whose word it is", DESK, "Look"
    ),
    Action("case.facts", "i", "facts", "facts", "author, exact times, journal: show or hide", CASE, "Look", footer=7),
    Action("case.alike", "A", "alike", "alike", "answered cases like this one; needs deep reading", CASE, "Look"),
    Action("thread.fold", "T", "fold", "unfold", "unfold a long text, fold it again", CASE, "Look"),
    Action("link.show", "v", "link", "show link", "show where the post is", DESK, "Look"),
    Action("link.open", "O", "open_link", "open link", "open it in a browser on this machine", DESK, "Look"),
    Action("link.copy", "y", "copy_link", "copy link", "copy its link; works over SSH", DESK, "Look"),
    Action(
        "insights.drill", "enter,o", "drill", "open", "list the cases behind the number", INSIGHTS, "Look", footer=1
    ),
    Action("insights.shorter", "[", "period(-1)", "shorter", "a shorter period", INSIGHTS, "Look", footer=2),
    Action("insights.longer", "]", "period(1)", "longer", "a longer period", INSIGHTS, "Look", footer=3),
    *(
        Action(
            f"insights.{n}",
            str(n),
            f"take_period({n - 1})",
            f"last {length}",
            "1 day, 7, 14, 30, 90 days, 1 year",
            INSIGHTS,
            "Look",
            listed=n == 1,
            shown="1-6",
        )
        for n, length in enumerate(PERIODS, 1)
    ),
    Action("insights.watch", "w", "watch", "watch", "of one watch or of all", INSIGHTS, "Look", footer=4),
    Action(
        "insights.mood",
        "m",
        "mood",
        "mood",
        "net sentiment in the volume's place, and back",
        INSIGHTS,
        "Look",
        footer=5,
    ),
    Action("insights.define", "?", "define", "what is it", "what the number means", INSIGHTS, "Look", footer=6),
    Action("issue.pin", "p", "issue_pin", "pin", "pin an issue: name it, by words or an example", INSIGHTS, "Issues"),
    Action("issue.rename", "n", "issue_rename", "rename", "give the issue another name", INSIGHTS, "Issues"),
    Action("issue.merge", "M", "issue_merge", "merge", "join the issue with another one", INSIGHTS, "Issues"),
    Action("issue.split", "X", "issue_split", "split", "a part of the issue becomes its own", INSIGHTS, "Issues"),
    Action("issue.undo", "u,z", "issue_undo", "undo", "take back what you did to issues last", INSIGHTS, "Issues"),
    Action("health.poll", "r", "poll", "poll now", "poll this source now", HEALTH, "Look", footer=1),
    Action("health.poll_all", "R", "poll_all", "poll all", "poll every source now", HEALTH, "Look", footer=2),
    Action("watches.edit", "enter,e", "edit", "edit", "change its query; tried while you type", WATCHES, "Look", 1),
    Action("watches.new", "a", "new", "new watch", "listen for something else too", WATCHES, "Look", footer=2),
    Action("watches.forms", "w", "forms", "other forms", "misspellings people really write", WATCHES, "Look", footer=3),
    # Go
    Action("view.previous", "[", "turn_view(-1)", "previous view", "previous view", INBOX, "Go"),
    Action("view.next", "]", "turn_view(1)", "next view", "next view", INBOX, "Go"),
    *(
        Action(
            f"view.{n}", str(n), f"view({n})", f"view {n}", "view by number", INBOX, "Go", listed=n == 1, shown="1-9"
        )
        for n in range(1, 10)
    ),
    Action("go.inbox", "g i", "app.go('inbox')", "go to inbox", "the inbox", EVERYWHERE, "Go"),
    Action("go.mine", "g m", "app.go('mine')", "go to mine", "what is assigned to you", EVERYWHERE, "Go"),
    Action("go.unassigned", "g u", "app.go('unassigned')", "go to unassigned", "what nobody has", EVERYWHERE, "Go"),
    Action("go.snoozed", "g s", "app.go('snoozed')", "go to snoozed", "what sleeps", EVERYWHERE, "Go"),
    Action("go.escalated", "g e", "app.go('escalated')", "go to escalated", "what a team has", EVERYWHERE, "Go"),
    Action(
        "go.insights", "g t", "app.show('insights')", "go to insights", "the insights", EVERYWHERE, "Go", 0, "insights"
    ),
    Action(
        "go.health",
        "g h",
        "app.show('health')",
        "go to source health",
        "how the sources are",
        EVERYWHERE,
        "Go",
        0,
        "health",
    ),
    Action(
        "go.watches",
        "g w",
        "app.show('watches')",
        "go to watches",
        "what is listened for",
        EVERYWHERE,
        "Go",
        0,
        "watches",
    ),
    # Program
    Action("palette", ":,ctrl+p", "app.palette", "menu", "every command by its name", EVERYWHERE, "Program", 9),
    Action("help", "?", "app.help", "help", "the keys of this screen", EVERYWHERE, "Program", footer=8),
    Action("theme", "ctrl+t", "app.next_theme", "theme", "terminal, dark or light colours", EVERYWHERE, "Program"),
    Action("quit", "ctrl+q", "app.leave", "leave", "leave the program from anywhere", EVERYWHERE, "Program"),
)


def available(*where: str) -> Iterator[Action]:
    """The actions of these places whose screens exist."""
    return (a for a in ACTIONS if set(a.where) & set(where) and (not a.screen or a.screen in SCREENS))


def bindings(where: str) -> list[BindingType]:
    """What a screen puts in BINDINGS; the app takes "global"."""
    return [
        Binding(normal(a.keys), a.call, a.label, id=a.id, show=False, priority=a.id == "quit") for a in available(where)
    ]


def normal(keys: str) -> str:
    """Keys as Textual names them: "?,g i" -> "question_mark,g i". A comma itself is written "comma"."""
    return ",".join(
        " ".join(_character_to_key(stroke) if len(stroke) == 1 else stroke for stroke in key.split())
        for key in keys.split(",")
    )


def shown(keys: str) -> str:
    """Keys as a person reads them: "question_mark,g i" -> "? g i"."""
    names = {"pagedown": "PgDn", "pageup": "PgUp", "backslash": "\\", "escape": "Esc", "enter": "⏎", "space": "Space"}
    strokes = [[names.get(s) or format_key(s) for s in key.split()] for key in normal(keys).split(",")]
    return " ".join("".join(key) if all(len(s) == 1 for s in key) else " ".join(key) for key in strokes)


def table() -> str:
    """The tables of docs/keys.md."""
    lines: list[str] = []
    group = ""
    for action in available("global", "inbox", "case", "compose", "insights", "health", "watches"):
        if not action.listed:
            continue
        if action.group != group:
            group = action.group
            lines += ["", f"## {group}", "", "| keys | name | does | where |", "|---|---|---|---|"]
        keys = action.shown or " ".join(f"`{shown(key)}`" for key in action.keys.split(","))
        where = "everywhere" if "global" in action.where else ", ".join(action.where)
        lines.append(f"| {keys} | `{action.id}` | {action.help} | {where} |")
    return "\n".join(lines).strip() + "\n"


HEADING = """# Keys

`?` shows the keys of the screen you are on. `:` finds a command by its name. Two keys written together are struck one
after the other.

Take another preset with `keys = "mutt"`, `"gmail"` or `"linear"` in earful.toml, and change single keys by name:

```toml
[keymap]
"case.done" = "e,ctrl+e"
"case.mute" = ""              # off
"go.mine" = "g M"
```

"""

if __name__ == "__main__":
    print(HEADING + table(), end="")
