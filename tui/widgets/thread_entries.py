"""A case as what was said, in the order it was said. Pure: a case in, entries out."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from typing import Literal

from sources.text.lookalikes import revealed
from store.domain.case import CaseDetail, Note
from store.domain.delivery import Delivery, DeliveryKind, DeliveryState, waits_behind
from store.domain.mention import Mention
from tui import signs
from tui.links import plain
from tui.safe import clip, content
from tui.times import local
from tui.widgets.lines import Line, text
from tui.worddiff import Kind as Change
from tui.worddiff import marked

Kind = Literal["theirs", "ours", "other", "note", "away"]
BARS: dict[Kind, str] = {"theirs": "│", "ours": "┃", "other": " ", "note": "┊", "away": "┃"}
CHANGED: dict[Change, str] = {"same": "quiet", "gone": "negative", "new": "positive"}
STYLES: dict[Kind, str] = {"theirs": "theirs", "ours": "ours", "other": "quiet", "note": "note", "away": "side"}


@dataclass(frozen=True, slots=True)
class Hints:
    """The keys that a line may name, as this agent has them; `recall` is "" where undo would take back another deed."""

    recall: str
    settle: str
    reply: str


@dataclass(frozen=True, slots=True)
class Entry:
    """One thing in the thread. `below` stands under its words: earlier versions, the state of a delivery."""

    key: str
    kind: Kind
    at: datetime
    heading: Line
    title: str
    words: str
    below: tuple[Line, ...] = ()


def entries(detail: CaseDetail, now: datetime, hints: Hints) -> list[Entry]:
    """Oldest first. An answer of ours that came back from the network is one entry with its delivery."""
    by_name = {delivery.remote_id: delivery for delivery in detail.deliveries if delivery.remote_id}
    said = [_mention(mention, by_name.get(mention.native_id) if mention.ours else None) for mention in detail.mentions]
    back = {mention.native_id for mention in detail.mentions if mention.ours}
    away = [
        _delivery(delivery, now, hints, behind=waits_behind(delivery, detail.deliveries))
        for delivery in detail.deliveries
        if delivery.state is not DeliveryState.WITHDRAWN and (not delivery.remote_id or delivery.remote_id not in back)
    ]
    around = [_mention(mention, None, other=True) for mention in detail.around]
    return sorted([*said, *around, *map(_note, detail.notes), *away], key=lambda entry: (entry.at, entry.key))


def _mention(mention: Mention, delivery: Delivery | None, *, other: bool = False) -> Entry:
    facts = [local(mention.created_at)]
    facts += [mention.visibility] if mention.visibility in ("unlisted", "private", "direct") else []
    facts += ["edited"] if mention.edited_at else []
    facts += ["deleted by its author"] if mention.deleted_at else []
    kind: Kind = "ours" if mention.ours else "other" if other else "theirs"
    if kind == "ours":
        who: Line = (("we", "ours"), (f"  {clip(delivery.agent, 30)}" if delivery else "", "strong"))
    else:
        name = mention.author.name if mention.author.name != mention.author.handle else ""
        who = (
            (clip(mention.author.handle or "?", 40), "quiet" if other else "strong"),
            (f"  {clip(name, 30)}" if name else "", "quiet"),
        )
    sign = signs.SENTIMENT.get(mention.sentiment, "·")
    mood: Line = (("  " + sign, mention.sentiment),) if kind == "theirs" else ()
    return Entry(
        key=f"m{mention.id}",
        kind=kind,
        at=mention.created_at,
        heading=(*who, ("  " + " · ".join(facts), "quiet"), *mood),
        title="" if mention.title and mention.text.startswith(mention.title) else revealed(mention.title),
        words=revealed(mention.text),
        below=tuple(_versions(mention)),
    )


def _versions(mention: Mention) -> Iterator[Line]:
    """What each edit changed; a text is told by the time since which it read so."""
    edited = [at for at, _ in mention.versions[1:]] + [mention.edited_at or mention.seen_at]
    texts = [words for _, words in mention.versions] + [mention.text]
    for at, old, new in zip(edited, texts, texts[1:], strict=False):
        pieces = tuple((content(words).plain, CHANGED[kind]) for kind, words in marked(old, new))
        yield ((f"edited {local(at)}: ", "quiet"), *pieces)


def _note(note: Note) -> Entry:
    heading: Line = (
        ("note", "note"),
        (f"  {clip(note.agent, 30)}", "strong"),
        (f"  {local(note.at)} · stays in the house", "quiet"),
    )
    return Entry(f"n{note.id}", "note", note.at, heading, "", note.text)


def _delivery(delivery: Delivery, now: datetime, hints: Hints, *, behind: bool) -> Entry:
    who = f"  {clip(delivery.agent, 30)}"
    if delivery.kind is DeliveryKind.REPLY:
        heading: Line = (("we", "ours"), (who, "strong"), (f"  {local(delivery.created_at)}", "quiet"))
        kind: Kind = "ours"
    else:
        verb = "forwarded" if delivery.kind is DeliveryKind.FORWARD else "escalated"
        heading = (
            (f"{verb} to {clip(delivery.to, 40)}", "side"),
            (who, "strong"),
            (f"  {local(delivery.created_at)}", "quiet"),
        )
        kind = "away"
    state = state_line(delivery, now, hints, behind=behind)
    return Entry(f"d{delivery.id}", kind, delivery.created_at, heading, "", delivery.text, (state,))


def state_line(delivery: Delivery, now: datetime, hints: Hints, *, behind: bool = False) -> Line:
    """What became of it, and which key does something about it. `behind`: it waits for an older answer of the case."""
    seconds = max(0, round((delivery.due_at - now).total_seconds()))
    settle = f"{hints.settle} settles it"
    why = f": {delivery.error}" if delivery.error else ""
    match delivery.state:
        case DeliveryState.HELD:
            recall = f"{hints.recall} recalls" if hints.recall else f"{hints.settle} recalls"
            return text(f"→ sending in {seconds} s, {recall}", "way")
        case DeliveryState.QUEUED if behind:
            return text("→ queued, leaves after the answer above it", "way")
        case DeliveryState.QUEUED:
            again = f", next try in {seconds} s{why}" if delivery.attempts else ""
            return text(f"→ queued{again}", "way")
        case DeliveryState.SENDING:
            return text("→ sending now", "way")
        case DeliveryState.SENT:
            return text(f"✓ sent  {plain(delivery.url)}".rstrip(), "way")
        case DeliveryState.FAILED:
            again = f" · {hints.reply} writes it again" if delivery.kind is DeliveryKind.REPLY else ""
            return text(f"✗ failed{why}{again} · {settle}", "urgent")
        case DeliveryState.UNKNOWN:
            return text(
                f"? no answer came, so it may be there; looked up again in {seconds} s{why} · {settle}", "urgent"
            )
        case DeliveryState.PERSON:
            return text(f"? needs a person{why} · {settle}", "urgent")
    return text(delivery.state, "quiet")
