"""What counts, and by what: theirs, in cases that are not dismissed, of a period and of a watch."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from sqlalchemy import BigInteger, ColumnElement, Select, case, distinct, func, literal, select, type_coerce

from store.buckets import Buckets
from store.domain.case import CaseStatus
from store.domain.insight import Period
from store.domain.mention import UNKNOWN_AUTHOR, SentimentLabel
from store.tables import author, cases, mention, mention_watch


def when(condition: ColumnElement[bool]) -> ColumnElement[int]:
    """How often a condition holds."""
    return func.coalesce(func.sum(case((condition, 1), else_=0)), 0)


POSITIVE = when(mention.c.sentiment == SentimentLabel.POSITIVE).label("positive")
NEGATIVE = when(mention.c.sentiment == SentimentLabel.NEGATIVE).label("negative")
MOOD = (func.count().label("mentions"), POSITIVE, NEGATIVE)
# Where a source names nobody, each mention is by somebody else.
NOBODY = mention.c.author_id.in_(select(author.c.id).where(author.c.handle == UNKNOWN_AUTHOR))
AUTHORS = func.count(distinct(case((NOBODY, -mention.c.id), else_=mention.c.author_id))).label("authors")
TOTALS = (
    AUTHORS,
    func.count(distinct(mention.c.case_id)).label("cases"),
)


@dataclass(frozen=True, slots=True)
class Scope:
    """What counts: theirs, in cases that are not dismissed, in the period, of the watch."""

    over: Period
    watch_id: int | None

    def select(self, *columns: Any) -> Select[Any]:
        rows = mention.join(cases, cases.c.id == mention.c.case_id)
        query = select(*columns).select_from(rows).where(*self._counting())
        return query if self.watch_id is None else query.where(heard_by(self.watch_id))

    def _counting(self) -> tuple[ColumnElement[bool], ...]:
        return (
            mention.c.created_at >= self.over.since,
            mention.c.created_at < self.over.until,
            mention.c.ours.is_(False),
            cases.c.status != CaseStatus.DISMISSED,
        )


def heard_by(watch_id: int) -> ColumnElement[bool]:
    """Whether a mention belongs to a watch: looked up for each mention of a period, not for each of the watch."""
    both = (mention_watch.c.watch_id == watch_id, mention_watch.c.mention_id == mention.c.id)
    return select(literal(1)).where(*both).correlate(mention).exists()


def slot(buckets: Buckets) -> ColumnElement[int]:
    """The number of the hour (or quarter of an hour) since 1970 that a mention falls into."""
    return (type_coerce(mention.c.created_at, BigInteger) // buckets.unit).label("slot")
