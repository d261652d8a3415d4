"""How urgent a case is at this moment: what its newest word says of itself, stored when it was read, and what the clock
and other mentions say, added up here in SQL, so that what is shown and what is sorted by is the same number.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Any

from sqlalchemy import (
    BigInteger,
    ColumnElement,
    Row,
    Select,
    Subquery,
    and_,
    case,
    func,
    literal,
    select,
    type_coerce,
)
from sqlalchemy.ext.asyncio import AsyncConnection

from store.domain import urgency as points
from store.domain.case import CaseStatus, Priority
from store.domain.mention import UNKNOWN_AUTHOR
from store.domain.urgency import ordinal, span
from store.tables import author, cases, mention
from store.types import to_micros

OUR_TURN = (CaseStatus.NEW, CaseStatus.OPEN, CaseStatus.ESCALATED)
RANK = {Priority.URGENT: 3, Priority.HIGH: 2, Priority.NORMAL: 1, Priority.LOW: 0}
ISSUES_AT_ONCE = 200
NO_ANSWER_NEEDED = "spam"

Growth = dict[int, tuple[int, int]]  # issue -> mentions the day before, and in the last one


class Urgency:
    """Columns over `tables.cases`, its newest mention and its author, as of `now`."""

    def __init__(self, growth: Growth, *, now: datetime, case_ids: Sequence[int] | None = None) -> None:
        """For these cases, or for all."""
        self._growth, self._now = growth, now
        self._open = and_(cases.c.status.in_(OUR_TURN), func.coalesce(mention.c.intent, "") != NO_ANSWER_NEEDED)
        self._lately = _lately(now, case_ids)

    def of(self, case_ids: Sequence[int]) -> Urgency:
        return Urgency(self._growth, now=self._now, case_ids=case_ids)

    def join(self, found: Select[Any]) -> Select[Any]:
        """To a select over cases what the columns need besides the newest mention and the author."""
        return found.outerjoin(self._lately, self._lately.c.author_id == cases.c.author_id)

    @property
    def columns(self) -> list[ColumnElement[Any]]:
        return [
            self.score.label("whole"),
            self._waiting.label("waiting"),
            self._messages.label("messages"),
            self._growing.label("growing"),
            mention.c.issue_id,
            cases.c.waits_since,
        ]

    @property
    def score(self) -> ColumnElement[int]:
        stored = func.coalesce(mention.c.urgency, 0)
        return _at_most(points.MOST, stored + self._waiting + self._again + self._growing)

    @property
    def order(self) -> list[ColumnElement[Any]]:
        """The most urgent first: what a person has set, the score, whose answer is due first, who came first."""
        due = func.coalesce(cases.c.due_at, cases.c.last_at)
        return [case(RANK, value=cases.c.priority).desc(), self.score.desc(), due, cases.c.id]

    def reasons(self, row: Row[Any]) -> list[str]:
        """In words, for a row that has `columns`."""
        said = []
        if row.waiting and self._now >= row.due_at:
            said.append(f"due {span(self._now - row.due_at)} ago")
        elif row.waiting:
            said.append(f"waits {span(self._now - row.waits_since)} of {span(row.due_at - row.waits_since)}")
        if row.messages > 1:
            said.append(f"{ordinal(row.messages)} message in {points.AGAIN_WITHIN.days} days")
        if row.growing:
            before, lately = self._growth[row.issue_id]
            said.append(f"issue growing: {before:,} -> {lately:,} a day")
        return said

    @property
    def _waiting(self) -> ColumnElement[int]:
        """In whole numbers, which both databases divide alike."""
        now = literal(to_micros(self._now), BigInteger)
        since, due = type_coerce(cases.c.waits_since, BigInteger), type_coerce(cases.c.due_at, BigInteger)
        used = points.WAITING * (now - since) // (due - since)
        return case((and_(self._open, due > since, now > since), _at_most(points.WAITING_MOST, used)), else_=0)

    @property
    def _messages(self) -> ColumnElement[int]:
        counted = func.coalesce(self._lately.c.messages, 0)
        return case((and_(self._open, author.c.handle != UNKNOWN_AUTHOR), counted), else_=0)

    @property
    def _again(self) -> ColumnElement[int]:
        return case((self._messages > 1, _at_most(points.AGAIN_MOST, points.AGAIN * (self._messages - 1))), else_=0)

    @property
    def _growing(self) -> ColumnElement[int]:
        found = {issue: points.growing(*counts) for issue, counts in self._growth.items()}
        if not found:
            return literal(0)
        return case((self._open, case(found, value=mention.c.issue_id, else_=0)), else_=0)


async def at(connection: AsyncConnection, now: datetime) -> Urgency:
    """Ready for the statements of one transaction: which issues grow is asked once, of an index alone."""
    day = points.GROWING_OVER
    lately = func.sum(case((mention.c.created_at > now - day, 1), else_=0))
    every = func.count()
    counts = (
        select(mention.c.issue_id, every - lately, lately)
        .where(mention.c.created_at > now - 2 * day, mention.c.created_at <= now)
        .where(mention.c.issue_id.is_not(None), mention.c.ours.is_(False))
        .group_by(mention.c.issue_id)
        .having(lately >= points.GROWING_LEAST, lately >= 2 * (every - lately))
        .order_by(lately.desc(), mention.c.issue_id)
        .limit(ISSUES_AT_ONCE)
    )
    found = await connection.execute(counts)
    return Urgency({issue: (int(before), int(after)) for issue, before, after in found}, now=now)


def _lately(now: datetime, case_ids: Sequence[int] | None) -> Subquery:
    """How many messages everybody who came back has written lately, in whatever case."""
    said = select(mention.c.author_id)
    said = said.where(mention.c.created_at > now - points.AGAIN_WITHIN, mention.c.ours.is_(False))
    if case_ids is not None:
        said = said.where(mention.c.author_id.in_(select(cases.c.author_id).where(cases.c.id.in_(case_ids))))
    # By itself: to have it in the order of authors, SQLite would read all that anybody ever wrote.
    each = said.cte("said").prefix_with("MATERIALIZED")
    counted = select(each.c.author_id, func.count().label("messages")).group_by(each.c.author_id)
    return counted.having(func.count() > 1).subquery("lately")


def _at_most(most: int, number: ColumnElement[int]) -> ColumnElement[int]:
    return case((number > most, most), else_=number)
