"""Asking the YouTube Data API v3 (https://developers.google.com/youtube/v3/docs), and what that costs.

A project has 10,000 units a day and, apart from these, 100 searches; the day ends at midnight in California
(https://developers.google.com/youtube/v3/determine_quota_cost). Google does not say what is left, so it is counted
here, for the source as a whole and beyond the end of the process.
"""

from __future__ import annotations

from datetime import datetime, timedelta

from sources.adapters import fields
from sources.adapters.google_list import StaleToken
from sources.adapters.google_login import DAILY, Google, Params, document, next_day, reasons, understood
from sources.errors import BadAnswer, Gone, RateLimited, SourceError, Uncertain, Unreachable
from sources.keep import Keep
from sources.protocol import Setup
from store.domain.mention import JsonObject

URL = "https://www.googleapis.com"
SCOPE = "https://www.googleapis.com/auth/youtube.force-ssl"
UNITS, SEARCHES = 10_000, 100
POST_COST = 50
FOR_ANSWERS = 500  # units that reading leaves alone
LONGEST_PERIOD = timedelta(hours=1)
MOST_SPARE = 50


class CommentsOff(BadAnswer):
    """Comments are switched off for this video."""


class Missing(Gone):
    """There is no such video or channel (any more)."""


class Budget:
    """What is left of the day."""

    def __init__(self, keep: Keep, units: int) -> None:
        self._keep, self._units = keep, units
        self._spent: JsonObject = keep.load("quota") or {}

    def spend(self, units: int, now: datetime, *, searches: int = 0) -> None:
        today = self._today(now)
        today["units"] += units
        today["searches"] += searches

    def exhaust(self, now: datetime) -> None:
        """Google says that nothing is left, whatever was counted."""
        self._today(now)["units"] = self._units

    def save(self) -> None:
        if self._spent != self._keep.load("quota"):
            self._keep.store("quota", dict(self._spent))

    def left(self, now: datetime) -> int:
        """Units for reading."""
        return max(self._units - int(self._today(now)["units"]) - min(FOR_ANSWERS, self._units // 20), 0)

    def for_history(self, now: datetime) -> int:
        """Units that old comments may have: half of what the rest of the day is due is kept for new ones."""
        rest = (next_day(now) - now) / timedelta(days=1)
        return max(int(self.left(now) - self._units * rest / 2), 0)

    def searches_left(self, now: datetime) -> int:
        return max(SEARCHES - int(self._today(now)["searches"]), 0)

    def pace(self, every: timedelta, streams: int, now: datetime) -> tuple[timedelta, int]:
        """(how long a stream waits between two polls, units that each may cost beyond the first), so that the day's
        units last for the day and half of them are left for answers to comments."""
        rate = self.left(now) / max((next_day(now) - now).total_seconds(), 1.0) / max(streams, 1)
        if rate <= 0:
            return next_day(now) - now, 0
        period = max(every, min(timedelta(seconds=2 / rate), LONGEST_PERIOD))
        return period, max(1, min(int(rate * period.total_seconds()) - 1, MOST_SPARE))

    def _today(self, now: datetime) -> JsonObject:
        day = next_day(now).isoformat()
        if self._spent.get("day") != day:
            self._spent = {"day": day}
        for name in ("units", "searches"):
            self._spent[name] = fields.count(self._spent.get(name)) or 0
        return self._spent


class YouTubeApi:
    def __init__(self, setup: Setup) -> None:
        self.google = Google(setup, URL, SCOPE, keys=True)
        self.budget = Budget(setup.keep, fields.count(setup.config.options.get("units")) or UNITS)
        self._own: frozenset[str] | None = None

    async def list(self, what: str, params: Params, *, now: datetime, searches: int = 0) -> JsonObject:
        """A list answer with its `items`. Raises SourceError: CommentsOff, Missing, StaleToken among them."""
        if not searches and not self.budget.left(now):
            raise RateLimited("today's YouTube units are used up; it begins anew at midnight Pacific", next_day(now))
        self.budget.spend(0 if searches else 1, now, searches=searches)
        answer = await self.google.ask(f"/youtube/v3/{what}", params)
        why = reasons(answer) if answer.status >= 400 else frozenset()
        if "invalidPageToken" in why:
            raise StaleToken("YouTube does not know the token of a page any more")
        if "commentsDisabled" in why:
            raise CommentsOff("comments are switched off for this video")
        if why & {"videoNotFound", "channelNotFound", "commentThreadNotFound"}:
            raise Missing("YouTube knows no such video or channel; correct or remove it")
        if why & DAILY and not searches:
            self.budget.exhaust(now)
        told = document(understood(answer, now=now))
        if not isinstance(told.get("items"), list):
            raise BadAnswer(f"YouTube answered {what} without items")
        return told

    async def own(self, *, now: datetime) -> frozenset[str]:
        """The channels of the login; none for an API key, and none where YouTube does not say."""
        if self._own is None and self.google.has_account:
            try:
                told = await self.list("channels", (("part", "id"), ("mine", "true")), now=now)
            except RateLimited:
                raise
            except (Unreachable, Uncertain):
                return frozenset()
            except SourceError:
                told = {"items": []}
            ids = {fields.identifier(one.get("id")) for one in told["items"] if isinstance(one, dict)}
            self._own = frozenset(ids - {""})
        return self._own or frozenset()
