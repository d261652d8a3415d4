"""Reading what is said under posts of an account of Meta's, page by page.

The bookmark: `floor` is first contact minus `backfill`. `places` has every post that was looked at: how many comments
it had (`count`), when it last changed (`updated`), on which day it was read, the time of the newest comment that is
stored (`newest`) and `walks`: from the place `after` down to the time `to` is not stored yet. A poll looks at the
newest posts and reads the top page of those that changed; then at older posts, a page of them further back every time
(`sweep`), down to the NEWEST_POSTS newest, and as fast as it can down to `behind`, where there may be posts that were
never seen; then it goes on with the walks. So old comments never keep new ones waiting, and any page stored is a place
to go on from.

Meta's cursors are not good for ever: where one is refused, its walk begins again from the top.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from copy import deepcopy
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from sources.adapters import fields
from sources.adapters.meta_graph import Got, Missing
from sources.errors import BadAnswer, SourceError, Uncertain, Unreachable
from sources.protocol import Page
from store.domain.mention import JsonObject, NewMention
from store.domain.poll import Rejected

NEWEST_POSTS = 300
WALKS = 4
LOST = 3  # posts whose comments cannot be had: one that Meta always stumbles over hides no other, more are an outage
OVERLAP = timedelta(hours=1)  # a comment that was held for review appears later than it was written


@dataclass(frozen=True, slots=True)
class Post:
    """What is commented on. `count` of comments and `updated` (when it last changed) where they are told."""

    name: str
    count: int | None = None
    updated: str = ""


@dataclass(frozen=True, slots=True)
class Read:
    """One answer. `names` are the ids of its own items, `times` theirs, in its order; `after` is the place of the next
    page, "" where there is none."""

    asked: str
    got: Got
    mentions: Sequence[NewMention] = ()
    rejected: Sequence[Rejected] = ()
    names: Sequence[str] = ()
    times: Sequence[datetime] = ()
    posts: Sequence[Post] = ()

    @property
    def after(self) -> str:
        return self.got.after


def understood(
    path: str, after: str, got: Got, one: Callable[[JsonObject], Sequence[NewMention]], posts: Sequence[Post] = ()
) -> Read:
    """An answer understood: `one` makes mentions of an item, its own first, and raises where it is none."""
    mentions: list[NewMention] = []
    rejected: list[Rejected] = []
    names: list[str] = []
    times: list[datetime] = []
    for item in got.items:
        try:
            found = one(item)
        except (ValueError, KeyError, TypeError, AttributeError) as error:
            name = (fields.identifier(item.get("id")) if isinstance(item, dict) else "") or "an item"
            rejected.append(Rejected(name, f"not an item ({type(error).__name__})", fields.raw(item)))
            names.append(name)
            continue
        mentions += found
        names.append(found[0].native_id)
        times.append(found[0].created_at)
    return Read(f"{path} after={after}" if after else path, got, mentions, rejected, names, times, posts)


ReadPosts = Callable[[str, datetime], Awaitable[Read]]
ReadComments = Callable[[str, str, datetime], Awaitable[Read]]


@dataclass(slots=True)
class Wall:
    """`posts` lists the account's own (None: only `fixed` are read), `comments` gives what is said under one; both take
    the place to go on from. `nested`: answers come inside of what they answer, so that a new one may be on any page."""

    comments: ReadComments
    posts: ReadPosts | None = None
    fixed: Sequence[str] = ()
    backfill: timedelta | None = None
    nested: bool = False
    _seen: dict[str, set[str]] = field(default_factory=dict)
    _lost: list[SourceError] = field(default_factory=list)

    async def pages(self, bookmark: JsonObject, now: datetime) -> AsyncIterator[Page]:
        mark = deepcopy(bookmark)
        if "places" not in mark:
            floor = "" if self.backfill is None else (now - self.backfill).isoformat()
            mark = {"floor": floor, "behind": floor, "places": {}}
        self._seen, self._lost = {}, []
        floor_at = _time(mark["floor"])
        async for read in self._read_all(mark, now):
            mentions = [one for one in read.mentions if floor_at is None or one.created_at >= floor_at]
            mentions.sort(key=lambda one: one.created_at)
            rest, left = read.got.rest_until, read.got.left
            _forget(mark["places"])
            yield Page(read.asked, mentions, read.rejected, bookmark=deepcopy(mark), next_poll_at=rest, quota_left=left)
            if rest is not None:
                return

    async def _read_all(self, mark: JsonObject, now: datetime) -> AsyncIterator[Read]:
        if self.posts is None:
            async for read in self._tops([Post(name) for name in self.fixed], mark, now, recent=True):
                yield read
        else:
            async for read in self._newest_posts(self.posts, mark, now):
                yield read
        async for read in self._walk_on(mark, now):
            yield read
        if self._lost:
            raise self._lost[0]

    async def _newest_posts(self, posts: ReadPosts, mark: JsonObject, now: datetime) -> AsyncIterator[Read]:
        first = await posts("", now)
        known = {post.name for post in first.posts}
        if "listed" not in mark:
            mark |= {"sweep": first.after, "swept": 0}
        elif not _reached(first.times, _time(mark["listed"])):  # there are more new ones than a page holds
            mark |= {"behind": mark.get("behind", mark["listed"]), "sweep": first.after, "swept": 0}
        mark["listed"] = _latest(mark.get("listed", ""), first.times, now)
        if not first.after or _reached(first.times, _time(mark.get("behind", ""))):
            mark.pop("behind", None)
        yield first
        async for read in self._tops(first.posts, mark, now, recent=True):
            yield read
        begun_again = False
        while first.after:
            try:
                older = await posts(mark["sweep"] or first.after, now)
            except BadAnswer:  # its place is no more: from the top again
                if begun_again or not mark["sweep"]:
                    raise
                mark["sweep"], begun_again = "", True
                continue
            async for read in self._tops(older.posts, mark, now, recent=False):
                yield read
            last = not older.after or known.issuperset(post.name for post in older.posts)
            known.update(post.name for post in older.posts)
            mark |= {"sweep": older.after, "swept": mark["swept"] + len(older.posts)}
            if last or _reached(older.times, _time(mark.get("behind", ""))):
                mark.pop("behind", None)
            if "behind" not in mark and (last or mark["swept"] >= NEWEST_POSTS):
                mark |= {"sweep": "", "swept": 0}
            yield older
            if "behind" not in mark:
                return

    async def _tops(
        self, posts: Sequence[Post], mark: JsonObject, now: datetime, *, recent: bool
    ) -> AsyncIterator[Read]:
        for post in posts:
            try:
                read = await self._top(post, mark, now, recent=recent)
            except (BadAnswer, Missing, Uncertain, Unreachable) as error:
                if self.posts is not None and isinstance(error, Missing):  # deleted since it was listed
                    continue
                self._lost.append(error)  # told when the others are read
                if len(self._lost) >= LOST and not isinstance(error, Missing):
                    raise
                continue
            if read is not None:
                yield read

    async def _top(self, post: Post, mark: JsonObject, now: datetime, *, recent: bool) -> Read | None:
        """The newest comments of a post; None where nothing changed."""
        day = now.date().isoformat()
        place: JsonObject = mark["places"].get(post.name, {})
        if not _changed(post, place, _time(mark["floor"]), day if recent else ""):
            return None
        read = await self.comments(post.name, "", now)
        self._seen[post.name] = set(read.names)
        newest = _time(place.get("newest", ""))
        fresh = sum(1 for at in read.times if newest is None or at > newest)
        more = (post.count or 0) - (place.get("count") or 0) > fresh
        deep = self.nested and (more or place.get("day") != day)
        goal = mark["floor"] if newest is None or deep else place["newest"]
        walks = [] if deep else place.get("walks", [])
        upwards = len(read.times) > 1 and read.times[0] < read.times[-1]
        if read.after and not _reached(read.times, _time(goal)) and not (upwards and walks):
            walks = [{"after": read.after, "to": goal}, *walks]
        if len(walks) > WALKS:  # read some twice rather than keep a list that grows
            walks = [*walks[: WALKS - 1], {"after": walks[WALKS - 1]["after"], "to": walks[-1]["to"]}]
        mark["places"].pop(post.name, None)  # what was looked at last stands last
        mark["places"][post.name] = {
            "count": post.count, "updated": post.updated, "day": day, "walks": walks,
            "newest": _latest(place.get("newest", ""), read.times, now),
        }  # fmt: skip
        return read

    async def _walk_on(self, mark: JsonObject, now: datetime) -> AsyncIterator[Read]:
        begun_again: set[str] = set()
        for name, place in list(mark["places"].items()):
            while place["walks"]:
                walk = place["walks"][0]
                try:
                    read = await self.comments(name, walk["after"], now)
                except Missing:  # it was deleted
                    place["walks"] = []
                    break
                except BadAnswer:
                    if not walk["after"] or name in begun_again:
                        raise
                    walk["after"] = ""
                    begun_again.add(name)
                    continue
                seen = self._seen.setdefault(name, set())
                fresh = set(read.names) - seen
                seen |= fresh
                place["newest"] = _latest(place["newest"], read.times, now)
                if read.after and fresh and not _reached(read.times, _time(walk["to"])):
                    walk["after"] = read.after
                else:
                    place["walks"] = place["walks"][1:]
                yield read


def _changed(post: Post, place: JsonObject, floor: datetime | None, day: str) -> bool:
    """`day` "": only what it says of itself counts; otherwise it is also read once a day."""
    if place:
        told = (post.count, post.updated) != (place["count"], place["updated"])
        return told or post.count is None or (bool(day) and day != place["day"])
    updated = _time(post.updated)
    return post.count != 0 and (updated is None or floor is None or updated >= floor)


def _reached(times: Sequence[datetime], goal: datetime | None) -> bool:
    """Whether a page goes below `goal`. One old item among newer ones is not yet the end, and a page that begins with
    the oldest says nothing."""
    if goal is None or not times or (len(times) > 1 and times[0] < times[-1]):
        return False
    return max(times[len(times) // 2 :]) < goal - OVERLAP


def _latest(known: str, times: Sequence[datetime], now: datetime) -> str:
    """A time from the future would make all that is written until then look old."""
    return max([known, *(at.isoformat() for at in times if at <= now)])


def _forget(places: JsonObject) -> None:
    """Those that were not looked at for longest, but none that is being read."""
    for name in [name for name, place in places.items() if not place["walks"]]:
        if len(places) <= NEWEST_POSTS:
            return
        del places[name]


def _time(text: str) -> datetime | None:
    return datetime.fromisoformat(text) if text else None
