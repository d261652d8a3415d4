"""What an answer depends on besides its words: whether it can go out, who will see it, what it quotes, and what
happened to the case while it was written. Pure."""

from __future__ import annotations

import re
from collections.abc import Iterator

from store.domain.case import CaseDetail, InboxRow
from store.domain.delivery import DeliveryState
from store.domain.desk import Desk
from store.domain.mention import Mention
from store.domain.safetext import safe, safe_line

QUOTED = 400
VISIBILITIES = ("public", "unlisted", "private", "direct")
FOR_ALL = VISIBILITIES[:2]  # everybody can read it
MACHINE = "earful"
_ADDRESSED = re.compile(r"^(?:[@＠][\w.@-]+[,:]?\s+)+")


def obstacle(desk: Desk, row: InboxRow) -> str:
    """Why a case cannot be answered from here, in words; "" where it can."""
    from sources.registry import obstacle as of_source

    config = next((source for source in desk.sources if source.name == row.source), None)
    if config is None:
        return f"no source {row.source} is configured, so nothing can be sent there"
    return of_source(config)


def parent_of(detail: CaseDetail) -> Mention | None:
    """What an answer answers: their newest word that is still there."""
    theirs = (one for one in reversed(detail.mentions) if not one.ours and one.deleted_at is None)
    return next(theirs, None)


def visibility(desk: Desk, parent: Mention) -> str:
    """Who will see the answer: the least public of what the source is configured for and what it answers."""
    config = next((source for source in desk.sources if source.name == parent.source), None)
    wished = str(config.options.get("visibility", "")) if config else ""
    known = [one for one in (wished, parent.visibility) if one in VISIBILITIES]
    return max(known, key=VISIBILITIES.index, default="public")


def quoted(parent: Mention) -> str:
    """Their words with "> " before each line, cut where they are long."""
    words = safe(parent.text or parent.title).strip()
    words = words if len(words) <= QUOTED else words[: QUOTED - 1].rstrip() + "…"
    return "\n".join(f"> {line}".rstrip() for line in words.splitlines())


def news(seen: CaseDetail, found: CaseDetail, me: str) -> list[str]:
    """What others did to the case between two looks at it, a line each."""
    return list(_words(seen, found)) + list(_deeds(seen, found, me))


def _words(seen: CaseDetail, found: CaseDetail) -> Iterator[str]:
    before = {mention.id: mention for mention in seen.mentions}
    for mention in found.mentions:
        known, words = before.get(mention.id), safe_line(mention.text or mention.title, limit=120)
        if known is None:
            yield (
                f"answered on {mention.network}: {words}" if mention.ours else f"{mention.author.handle} wrote: {words}"
            )
        elif mention.deleted_at and not known.deleted_at:
            yield f"{mention.author.handle} deleted: {words}"
        elif mention.edited_at != known.edited_at:
            yield f"{mention.author.handle} edited it: {words}"


def _deeds(seen: CaseDetail, found: CaseDetail, me: str) -> Iterator[str]:
    last = max((entry.id for entry in seen.journal), default=0)
    said = {delivery.id: safe_line(delivery.text, limit=120) for delivery in found.deliveries}
    for entry in found.journal:
        if entry.id > last and entry.agent not in (me, MACHINE) and not entry.undone:
            words = said.get((entry.after.get("delivery") or {}).get("id", 0), "")
            yield f"{entry.agent}: {entry.action}{f' “{words}”' if words else ''}{change(entry.before, entry.after)}"


def change(before: dict[str, object], after: dict[str, object]) -> str:
    """ " (status new → open, assignee → ana)": what a journal entry changed, as far as a line can say it."""
    parts = []
    for name in ("status", "priority", "assignee", "team", "tags", "reason", "snoozed_until"):
        if name in after and before.get(name) != after[name]:
            was, now = (_shown(values.get(name)) for values in (before, after))
            parts.append(f"{name.replace('_', ' ')} {was + ' → ' if was else '→ '}{now or 'none'}")
    return f" ({', '.join(parts)})" if parts else ""


def _shown(value: object) -> str:
    if isinstance(value, list):
        return " ".join(f"#{safe_line(str(item))}" for item in value)
    return "" if value is None else str(safe_line(str(value)))


def unfinished(detail: CaseDetail) -> bool:
    """Whether something of this case may still move by itself."""
    moving = (DeliveryState.HELD, DeliveryState.QUEUED, DeliveryState.SENDING, DeliveryState.UNKNOWN)
    return any(delivery.state in moving for delivery in detail.deliveries)


def can_be_recalled(detail: CaseDetail, me: str) -> bool:
    """Whether undo calls back an answer of mine on this case: it was my last decision here and has not left."""
    mine = [entry for entry in detail.journal if entry.agent == me and not entry.undone]
    held = {d.id for d in detail.deliveries if d.state in (DeliveryState.HELD, DeliveryState.QUEUED)}
    return bool(mine) and (mine[-1].after.get("delivery") or {}).get("id") in held


def begun_with(begun: str, answer: str) -> str:
    """What stands in the composer and, behind it, an answer to somebody else without its address of them."""
    words = _ADDRESSED.sub("", answer, count=1)
    return f"{begun.rstrip()} {words}".lstrip() if begun.strip() else words
