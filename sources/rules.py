"""Rules: what is done by itself with a case that has just been opened.

`when` is the one query language, asked of the mention that opened the case. `do` are actions in words:

    priority urgent          assign ana | none        tag vip -later         note "..."
    escalate pr [reason]     forward billing [why]    snooze 4h | until-reply    done    dismiss spam

A rule never answers in public.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime

from sources.text import match
from store.domain import fields, query
from store.domain.action import Action, AddNote, Assign, Dismiss, Done, Escalate, Forward, Prioritise, Snooze, Tag
from store.domain.case import Priority
from store.domain.desk import Desk, Rule
from store.domain.errors import BadInput

AGENT = "rule"

Decision = Callable[[datetime], Action]  # at a time, because a snooze ends some time after now


@dataclass(frozen=True, slots=True)
class ParsedRule:
    """`when` None is every new case."""

    when: query.Node | None
    do: tuple[Decision, ...]


def parse(rule: Rule, desk: Desk) -> ParsedRule:
    """Raises BadInput that names the rule and what is wrong with it."""
    try:
        if not rule.do:
            raise BadInput("it does nothing: give it at least one action in `do`")
        when = query.parse(rule.when)
        if when is not None:
            match.check_rule(when)
        return ParsedRule(when, tuple(decision(words, desk, reason=rule.when) for words in rule.do))
    except BadInput as error:
        raise BadInput(f"rule `{rule.when}`: {error}") from None


def decision(words: str, desk: Desk, *, reason: str) -> Decision:
    """One action in words. `reason` is told where the words give none."""
    verb, _, rest = words.strip().partition(" ")
    rest = rest.strip().strip('"')
    if verb not in VERBS:
        raise BadInput(f"`{words}` is no action: use one of {', '.join(sorted(VERBS))}")
    if not rest and verb != "done":
        raise BadInput(f"`{words}` lacks what to {verb}: for example `{VERBS[verb][1]}`")
    try:
        return VERBS[verb][0](rest, desk, reason)
    except BadInput as error:
        raise BadInput(f"`{words}`: {error}") from None


def _always(action: Action) -> Decision:
    return lambda now: action


def _priority(rest: str, desk: Desk, reason: str) -> Decision:
    if rest not in list(Priority):
        raise BadInput(f"a priority is one of {', '.join(Priority)}")
    return _always(Prioritise(Priority(rest)))


def _assign(rest: str, desk: Desk, reason: str) -> Decision:
    return _always(Assign(None if rest == "none" else rest))


def _tag(rest: str, desk: Desk, reason: str) -> Decision:
    names = rest.replace(",", " ").split()
    add = tuple(name.removeprefix("+") for name in names if not name.startswith("-"))
    return _always(Tag(add=add, remove=tuple(name[1:] for name in names if name.startswith("-"))))


def _note(rest: str, desk: Desk, reason: str) -> Decision:
    return _always(AddNote(rest))


def _escalate(rest: str, desk: Desk, reason: str) -> Decision:
    team, _, why = rest.partition(" ")
    notify = any(department.name == team and department.to for department in desk.departments)
    return _always(Escalate(team, why.strip() or f"rule: {reason}", notify, desk.undo_window.total_seconds()))


def _forward(rest: str, desk: Desk, reason: str) -> Decision:
    name, _, comment = rest.partition(" ")
    known = [department.name for department in desk.departments if department.to]
    if name not in known:
        raise BadInput(f"no department `{name}` with an address; known: {', '.join(known) or 'none'}")
    return _always(Forward(name, comment.strip(), desk.undo_window.total_seconds()))


def _snooze(rest: str, desk: Desk, reason: str) -> Decision:
    if rest == "until-reply":
        return _always(Snooze(None))
    length = fields.duration(rest)
    if length is None:
        raise BadInput("say how long (30m, 4h, 2d) or until-reply")
    return lambda now: Snooze(now + length)


def _done(rest: str, desk: Desk, reason: str) -> Decision:
    return _always(Done())


def _dismiss(rest: str, desk: Desk, reason: str) -> Decision:
    return _always(Dismiss(rest))


VERBS: dict[str, tuple[Callable[[str, Desk, str], Decision], str]] = {
    "priority": (_priority, "priority urgent"),
    "assign": (_assign, "assign ana"),
    "tag": (_tag, "tag vip"),
    "note": (_note, "note look here first"),
    "escalate": (_escalate, "escalate pr"),
    "forward": (_forward, "forward billing"),
    "snooze": (_snooze, "snooze 4h"),
    "done": (_done, "done"),
    "dismiss": (_dismiss, "dismiss spam"),
}
