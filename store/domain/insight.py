"""Rows that charts are drawn from. Every number here can be drilled down to mentions by its filter."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from store.domain.safetext import SafeText


@dataclass(frozen=True, slots=True)
class Period:
    """since <= t < until, UTC. `bucket` is "hour", "day", "week" or "month", in the reader's own time zone."""

    since: datetime
    until: datetime
    bucket: str


@dataclass(frozen=True, slots=True)
class Bucket:
    """Mentions whose own time falls into [start, end)."""

    start: datetime
    end: datetime
    positive: int
    neutral: int
    negative: int

    @property
    def mentions(self) -> int:
        return self.positive + self.neutral + self.negative

    @property
    def net(self) -> float | None:
        """Net sentiment = (positive - negative) / all; None where nobody spoke."""
        return (self.positive - self.negative) / self.mentions if self.mentions else None


@dataclass(frozen=True, slots=True)
class Count:
    name: SafeText
    mentions: int
    negative: int = 0


@dataclass(frozen=True, slots=True)
class Voice:
    """One watch's share: own / (own + competitors)."""

    watch: SafeText
    role: str
    mentions: int
    share: float


@dataclass(frozen=True, slots=True)
class IssueRow:
    """A recurring issue in a period. `copies` of its mentions repeat others; `trend` holds mentions a bucket, `change`
    the later half against the earlier, `previous` the mentions of the period of the same length just before; `example`
    is its most typical mention, or else the newest."""

    id: int
    label: SafeText
    mentions: int
    authors: int
    negative: int
    languages: tuple[str, ...]
    first_seen: datetime
    last_seen: datetime
    trend: tuple[int, ...]
    change: float
    example: SafeText
    copies: int = 0
    positive: int = 0
    previous: int = 0
    pinned: bool = False


@dataclass(frozen=True, slots=True)
class AnswerTimes:
    """First answer = our first sent answer minus the case's first mention; the unanswered count as still waiting."""

    cases: int
    answered: int
    median_seconds: float | None
    p90_seconds: float | None
    within_promise: float | None


@dataclass(frozen=True, slots=True)
class Insights:
    period: Period
    watch: str | None
    mentions: int
    authors: int
    cases: int
    buckets: tuple[Bucket, ...]
    languages: tuple[Count, ...]
    networks: tuple[Count, ...]
    voices: tuple[Voice, ...]
    issues: tuple[IssueRow, ...]
    answers: AnswerTimes
    previous_mentions: int | None = None
    previous_net: float | None = None
