"""Why a post is here, or which word, rule, language, outage or deletion kept it out."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from sources import hindsight, rules
from sources.coverage import Coverage, coverage, types_for
from sources.text import match
from sources.text.explain import Reason
from store import why as memory
from store.database import Database
from store.domain.address import written_at
from store.domain.case import CaseStatus
from store.domain.desk import Desk
from store.domain.errors import NotFound
from store.domain.mention import Mention
from store.domain.safetext import safe_line
from store.domain.seen import Seen, Unmatched

SHOWN = 160  # characters of a text


class Verdict(StrEnum):
    HERE = "here"
    DISMISSED = "dismissed"
    DELETED = "deleted"
    OURS = "ours"
    DUPLICATE = "duplicate"
    UNMATCHED = "unmatched"
    UNREADABLE = "unreadable"
    UNSEEN = "unseen"


@dataclass(frozen=True, slots=True)
class WatchSays:
    """What a watch says of the post today. `marked`: it was found by this watch, whatever it says today."""

    watch: str
    marked: bool
    matches: bool
    reasons: tuple[Reason, ...]


@dataclass(frozen=True, slots=True)
class Deed:
    """Something that was done to its case; `who` is "rule", "earful" or an agent."""

    at: datetime
    who: str
    what: str


@dataclass(frozen=True, slots=True)
class Answer:
    """`case_id` is the post's own case, for a duplicate the one with the same words; `alike` are other cases with the
    same words. `rules` are the configured ones that ask for it. `detail` is the verdict's own line: why it was
    dismissed or could not be read, when it was deleted. `advice` is what to do, a line each."""

    verdict: Verdict
    case_id: int | None = None
    network: str = ""
    source: str = ""
    stream: str = ""
    url: str = ""
    handle: str = ""
    text: str = ""
    created_at: datetime | None = None
    seen_at: datetime | None = None
    detail: str = ""
    watches: tuple[WatchSays, ...] = ()
    deeds: tuple[Deed, ...] = ()
    rules: tuple[str, ...] = ()
    alike: tuple[int, ...] = ()
    coverage: tuple[Coverage, ...] = ()
    advice: tuple[str, ...] = ()


async def why(db: Database, desk: Desk, name: str, *, at: datetime | None = None, now: datetime) -> Answer:
    """Of a case (`12`, `#12`) or of one post: its address, its network's id or at-uri. `at`: about when it was written,
    where neither says so. Raises NotFound for a `#12` that is no case."""
    name = name.strip().encode("utf-8", "replace").decode()  # no database takes half a surrogate pair
    number = name.removeprefix("#")
    if number.isascii() and number.isdigit() and len(number) < 19:
        if theirs := await memory.of_case(db, int(number)):
            return await _of_mention(db, desk, next((each for each in theirs if each.watches), theirs[0]), now)
        if name.startswith("#"):
            raise NotFound(f"there is no case {number}")
    found = await memory.find(db, name)
    if found.mentions:
        return await _of_mention(db, desk, found.mentions[0], now)
    if found.unmatched:
        return await _of_unmatched(db, desk, found.unmatched[0], now)
    if found.aside:
        aside = found.aside[0]
        kept = f"`earful ledger --source {aside.source}` has that poll; the item is kept with its raw bytes"
        return Answer(
            Verdict.UNREADABLE,
            source=aside.source,
            stream=aside.stream,
            seen_at=aside.at,
            detail=aside.reason,
            advice=(kept,),
        )
    written = at or written_at(name, now=now)
    covered = await coverage(db, desk, name, at=written, now=now)
    return Answer(Verdict.UNSEEN, created_at=written, coverage=tuple(covered), advice=tuple(_what_to_do(name, covered)))


async def _of_mention(db: Database, desk: Desk, mention: Mention, now: datetime) -> Answer:
    verdict, detail = Verdict.HERE, ""
    deeds: tuple[Deed, ...] = ()
    if mention.case_id is not None:
        case = await memory.standing(db, mention.case_id)
        deeds = tuple(_deeds(case))
        if case.status == CaseStatus.DISMISSED:
            verdict, detail = Verdict.DISMISSED, case.reason
    if mention.ours:
        verdict = Verdict.OURS
    elif mention.deleted_at is not None:
        verdict, detail = Verdict.DELETED, f"gone upstream since {mention.deleted_at:%Y-%m-%d %H:%M} UTC"
    gone = mention.deleted_at is not None
    says = () if mention.ours else tuple(_says(desk, _seen(mention), mention.watches, now, gone=gone))
    if verdict is Verdict.HERE and not mention.watches:
        detail = (
            "no watch brought it: it was addressed to our account, stands in a conversation of ours, or was imported"
        )
    alike = [] if gone else await memory.same_words(db, mention.title, mention.text, but=[mention.id])
    return Answer(
        verdict,
        case_id=mention.case_id,
        network=mention.network,
        source=mention.source,
        url=mention.url,
        handle=mention.author.handle,
        text=safe_line(mention.text or mention.title, limit=SHOWN),
        created_at=mention.created_at,
        seen_at=mention.seen_at,
        detail=detail,
        watches=says,
        deeds=deeds,
        rules=() if mention.ours else tuple(_rules(desk, match.stored(mention, now=now))),
        alike=tuple(dict.fromkeys(case_id for case_id, _ in alike if case_id != mention.case_id)),
    )


async def _of_unmatched(db: Database, desk: Desk, post: Unmatched, now: datetime) -> Answer:
    seen = post.seen
    says = tuple(_says(desk, seen, (), now, gone=False))
    alike = await memory.same_words(db, seen.title, seen.text)
    cases = tuple(dict.fromkeys(case_id for case_id, _ in alike))
    verdict = Verdict.OURS if post.ours else Verdict.DUPLICATE if cases else Verdict.UNMATCHED
    advice = [f"`earful watch set {each.watch} --land` brings it in" for each in says if each.matches and not post.ours]
    if not advice and verdict is Verdict.UNMATCHED:
        advice = ["try another query first: `earful watch test NAME --query Q`, then `earful watch set NAME --query Q`"]
    return Answer(
        verdict,
        case_id=cases[0] if cases else None,
        network=seen.network,
        source=seen.source,
        stream=post.stream,
        url=seen.url,
        handle=seen.handle,
        text=safe_line(seen.text or seen.title, limit=SHOWN),
        created_at=seen.created_at,
        seen_at=seen.seen_at,
        detail="" if seen.whole else f"only its first {len(seen.text):,} characters are remembered",
        watches=says,
        alike=cases[1:],
        advice=tuple(advice),
    )


def _says(desk: Desk, post: Seen, marks: tuple[str, ...], now: datetime, *, gone: bool) -> list[WatchSays]:
    """Each configured watch; of a deleted post, whose words are gone, only that it was found by it."""
    known = {watch.name: watch for watch in desk.watches}
    says = []
    for name in dict.fromkeys((*marks, *known)):
        marked = name in marks
        if gone or name not in known:
            says += [WatchSays(name, marked, False, ())] if marked else []
            continue
        matches, reasons = hindsight.why(known[name], post, now=now)
        says.append(WatchSays(name, marked, matches, reasons))
    return says


def _rules(desk: Desk, document: match.Document) -> list[str]:
    asked = [(rule, rules.parse(rule, desk).when) for rule in desk.rules]
    return [f"{rule.when}: {', '.join(rule.do)}" for rule, when in asked if match.compile(when)(document)]


def _deeds(case: memory.Standing) -> list[Deed]:
    """What changed the case after it was opened, and the mute that may have opened it dismissed."""
    deeds = [Deed(at, who, f"muted the {kind} {value}") for kind, value, who, at in case.mutes]
    for entry in case.journal:
        after = {
            name: value for name, value in entry.after.items() if value is not None and not isinstance(value, dict)
        }
        shown = ", ".join(
            f"{name} {value}" for name, value in after.items() if name in ("status", "reason", "priority")
        )
        undone = ", undone" if entry.undone else ""
        deeds.append(Deed(entry.at, entry.agent, f"{entry.action}{f' ({shown})' if shown else ''}{undone}"))
    return sorted(deeds, key=lambda deed: deed.at)


def _seen(mention: Mention) -> Seen:
    return Seen(
        id=mention.id,
        case_id=mention.case_id,
        network=mention.network,
        external_id=mention.external_id,
        source=mention.source,
        url=mention.url,
        handle=mention.author.handle,
        name=mention.author.name,
        followers=mention.author.followers,
        type=mention.type,
        title=mention.title,
        text=mention.text,
        language=mention.language,
        sentiment=mention.sentiment,
        intent=mention.intent,
        created_at=mention.created_at,
        seen_at=mention.seen_at,
    )


def _what_to_do(name: str, covered: list[Coverage]) -> list[str]:
    if not covered:
        types = types_for(name)
        which = f"add a [[source]] of type {' or '.join(types)}" if types else "`earful sources` lists what can be read"
        return [f"no configured source reads that place; {which}", "`earful import FILE` takes it in by hand"]
    advice = []
    for source in covered:
        again = f"`earful poll --once --source {source.source}`"
        if not source.asked:
            advice.append(f"{source.source} was never asked then; {again} asks now")
        elif source.outages:
            advice.append(f"{source.source} did not listen all the time; {again} asks again for what it still gives")
    quiet = [source.source for source in covered if source.asked and not source.outages]
    if quiet:
        advice.append(
            f"{', '.join(quiet)} listened and never returned it: it may not be public there, or none of what is asked "
            "for (tags, search words) is in it; `earful import FILE` takes it in by hand"
        )
    return advice
