"""Issues and comments of GitHub: by search, and all of a repository."""

from __future__ import annotations

import re
from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any
from urllib.parse import urlsplit

from sources.adapters import fields
from sources.adapters.github_item import from_comment, from_issue
from sources.adapters.github_server import SEARCH_TYPE, Server, checked, left_of, reset_of, words
from sources.adapters.github_walk import Read, opened, time, walked
from sources.errors import BadAnswer, RateLimited, SourceError, Uncertain, Unreachable
from sources.http import Answer
from sources.protocol import Page
from store.domain.mention import JsonObject, NewMention
from store.domain.poll import Rejected

PER_PAGE = 100
OWED_A_PAGE, OWED, SETTLED = 20, 500, 200
A_MINUTE = timedelta(minutes=1)
# Since 2025 some tokens may only ask for one of these at a time.
KINDS = ("is:issue", "is:pull-request")
_COMMENT = re.compile(r"/(?:repositories/\d+|repos/[^/]+/[^/]+)/issues/comments/\d+$")


@dataclass(frozen=True, slots=True)
class Turn:
    """One poll. `own` is our login, "" where it is not known."""

    server: Server
    own: str
    backfill: timedelta | None
    now: datetime


async def searched(turn: Turn, questions: Sequence[str], mark: JsonObject) -> AsyncIterator[Page]:
    """Moves `mark`: {"places" by question, "split", "owed", "owed_from", "settled"}."""
    try:
        async for page in _each(turn, questions, mark):
            yield page
    except _OneKindOnly:
        mark["split"] = True
        async for page in _each(turn, questions, mark):
            yield page
    while mark.get("owed") and turn.now.isoformat() >= mark.get("owed_from", ""):
        yield await _owed(turn, mark)


async def listed(turn: Turn, path: str, mark: JsonObject) -> AsyncIterator[Page]:
    """All issues, or all comments, of a repository of ours: addressed to us. Moves `mark`."""
    mark.setdefault("place", opened(None, turn.backfill, turn.now))
    make = from_comment if path.endswith("/comments") else from_issue

    async def read(at: datetime | None, number: int) -> Read:
        params = [("state", "all")] if make is from_issue else []
        params += [("sort", "updated"), ("direction", "asc"), ("per_page", str(PER_PAGE))]
        params += [("since", _iso(at))] if at else []
        params += [("page", str(number))] if number > 1 else []
        items, answer = await turn.server.kept(path, tuple(params), now=turn.now)
        if not isinstance(items, list):
            raise BadAnswer(f"{turn.server.url}{path} answered with something that is no list")
        mentions, rejected, updated = _read(items, mark["place"]["floor"], turn.own, make, direct=True)
        page = Page(f"{path} since {at or 'ever'}", mentions, rejected, **_quota(answer))
        return Read(page, updated, len(items) >= PER_PAGE)

    async for page in walked(mark["place"], read, turn.now):
        yield page


class _OneKindOnly(Exception):
    """GitHub wants to be asked for issues and pull requests apart."""


async def _each(turn: Turn, questions: Sequence[str], mark: JsonObject) -> AsyncIterator[Page]:
    places: JsonObject = mark.setdefault("places", {})
    split = bool(mark.get("split"))
    wanted = [f"{text} {kind}" for text in questions for kind in KINDS] if split else list(questions)
    for text in wanted:
        if text not in places:
            before = places.get(text.rpartition(" ")[0]) if split else None
            places[text] = opened(before, turn.backfill, turn.now)
    for text in places.keys() - set(wanted):
        del places[text]
    # What waited longest comes first: ten searches a minute may not last for all of them.
    for text in sorted(wanted, key=lambda one: str(places[one].get("asked", ""))):
        place = places[text]

        async def read(at: datetime | None, number: int, text: str = text, place: JsonObject = place) -> Read:
            return await _search(turn, text, at, number, place, mark)

        async for page in walked(place, read, turn.now):
            place["asked"] = turn.now.isoformat()
            yield page


async def _search(turn: Turn, text: str, at: datetime | None, number: int, place: JsonObject, mark: JsonObject) -> Read:
    query = f"{text} updated:>={_iso(at)}" if at else text
    params = [("q", query), ("sort", "updated"), ("order", "asc"), ("per_page", str(PER_PAGE))]
    params += [("page", str(number))] if number > 1 else []
    for _ in range(2):  # an answer that ran out of time may be whole the second time
        answer = await turn.server.ask("/search/issues", tuple(params), accept=SEARCH_TYPE)
        if answer.status == 422 and "is:issue" in words(answer) and not mark.get("split"):
            raise _OneKindOnly
        told: Any = checked(answer, turn.now).json()
        if not isinstance(told, dict) or not isinstance(told.get("items"), list):
            raise BadAnswer(f"{turn.server.url} answered a search without items")
        if told.get("incomplete_results") is not True:
            break
    items = told["items"]
    mentions, rejected, updated = _read(items, place["floor"], turn.own, from_issue)
    if text.startswith("mentions:"):
        mentions = [one for one in mentions if one.direct or one.ours]
        all_owed = _owe(mark, [path for item in items if (path := _thread_of(item, at)) and not _told(item, mentions)])
    else:
        all_owed = _owe(mark, [path for item in items for path in _matches(item)])
    whole = all_owed and told.get("incomplete_results") is not True
    missed = 0.0 if whole else (turn.now - (at or min(updated.values(), default=turn.now))).total_seconds()
    total = fields.count(told.get("total_count"))
    more = bool(items) and (len(items) >= PER_PAGE if total is None else total > len(items))
    return Read(Page(query, mentions, rejected, gap_seconds=missed, **_quota(answer)), updated, more)


async def _owed(turn: Turn, mark: JsonObject) -> Page:
    """Some of the comments that searches found. Those that cannot be had now stay owed, until `owed_from`."""
    owed: list[str] = mark["owed"]
    settled: list[str] = mark.setdefault("settled", [])
    floor = min((place["floor"] for place in mark["places"].values()), default="")
    mentions: list[NewMention] = []
    rejected: list[Rejected] = []
    for _ in range(min(len(owed), OWED_A_PAGE)):
        entry, left = owed[0], None
        try:
            answer = checked(await turn.server.ask(entry.partition("@")[0]), turn.now)
            told, left = answer.json(), left_of(answer)
        except (RateLimited, Unreachable, Uncertain) as error:
            mark["owed_from"] = _not_before(getattr(error, "retry_at", None), turn.now)
            break
        except SourceError:  # this one is gone, or not for us
            told = []
        many = isinstance(told, list)
        found, broken, _ = _read(told if many else [told], floor, turn.own, from_comment)
        mentions += [one for one in found if one.direct] if many else found
        rejected += broken
        owed.remove(entry)
        settled.append(entry)
        if many and len(told) >= PER_PAGE:
            _owe(mark, [_next_page(entry)])
        if left == 0:
            mark["owed_from"] = _not_before(reset_of(answer), turn.now)
            break
    mark["settled"] = settled[-SETTLED:]
    return Page(f"comments that were found, {len(owed)} more", mentions, rejected)


def _not_before(said: datetime | None, now: datetime) -> str:
    return max(said or now, now + A_MINUTE).isoformat()


def _owe(mark: JsonObject, entries: Sequence[str]) -> bool:
    """Whether there was room for all of them."""
    owed: list[str] = mark.setdefault("owed", [])
    known = {*owed, *mark.get("settled", ())}
    new = [entry for entry in dict.fromkeys(entries) if entry not in known]
    owed += new[: max(0, OWED - len(owed))]
    return len(owed) < OWED or not new


def _matches(item: Any) -> list[str]:
    """PATH@TIME of the comments in which the words were found; the time is that of the issue's last update."""
    found = item.get("text_matches") if isinstance(item, dict) else None
    told = found if isinstance(found, list) else []
    urls = [fields.web_url(one.get("object_url")) for one in told if isinstance(one, dict)]
    paths = [match[0] for url in urls if (match := _COMMENT.search(urlsplit(url).path))]
    return [f"{path}@{fields.identifier(item.get('updated_at'))}" for path in paths]


def _thread_of(item: Any, at: datetime | None) -> str:
    """PATH@TIME of an issue's comments."""
    path = urlsplit(fields.web_url(item.get("url")) if isinstance(item, dict) else "").path
    found = re.search(r"/repos/[^/]+/[^/]+/issues/\d+$", path)
    since = f"&since={_iso(at)}" if at else ""
    return f"{found[0]}/comments?per_page=100{since}@{fields.identifier(item.get('updated_at'))}" if found else ""


def _next_page(entry: str) -> str:
    number = re.search(r"&page=(\d+)@", entry)
    before = entry.replace(number[0], "@") if number else entry
    return before.replace("@", f"&page={int(number[1]) + 1 if number else 2}@")


def _told(item: Any, mentions: Sequence[NewMention]) -> bool:
    """Whether it is the issue itself that mentions us, and nobody has said anything since."""
    return not item.get("comments") and any(one.external_id == item.get("node_id") for one in mentions)


def _read(
    items: Sequence[Any], floor: str, own: str, make: Any, *, direct: bool = False
) -> tuple[list[NewMention], list[Rejected], dict[str, datetime]]:
    """(mentions, rejected, the times of the last update by name)."""
    mentions: list[NewMention] = []
    rejected: list[Rejected] = []
    updated: dict[str, datetime] = {}
    begin = time(floor)
    for item in items:
        try:
            mention: NewMention = make(item, own=own, direct=direct)
            updated[mention.external_id] = fields.moment(item.get("updated_at") or item.get("created_at"))
        except ValueError as error:
            name = fields.identifier(item.get("node_id") or item.get("id")) if isinstance(item, dict) else ""
            rejected.append(Rejected(name or "an item", str(error), fields.raw(item)))
            continue
        if begin is None or mention.created_at >= begin:
            mentions.append(mention)
    return mentions, rejected, updated


def _quota(answer: Answer) -> dict[str, Any]:
    left = left_of(answer)
    return {"quota_left": left, "next_poll_at": reset_of(answer) if left == 0 else None}


def _iso(at: datetime) -> str:
    return f"{at:%Y-%m-%dT%H:%M:%SZ}"
