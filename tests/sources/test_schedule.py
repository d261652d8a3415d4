"""When to ask again: floors, ceilings and spread."""

from __future__ import annotations

from datetime import timedelta

from hypothesis import given
from hypothesis import strategies as st

from sources import schedule
from tests.factories import NOW

intervals = st.timedeltas(timedelta(seconds=1), timedelta(days=3))
chances = st.floats(0, 1, exclude_max=True)
failures = st.integers(1, 10_000)
retries = st.none() | st.timedeltas(timedelta(days=-2), timedelta(days=400)).map(lambda ahead: NOW + ahead)


@given(intervals, failures, retries, chances)
def test_a_failure_is_never_asked_again_before_the_interval_nor_before_the_server_says(every, count, retry_at, chance):
    at = schedule.after_failure(every, count, now=NOW, retry_at=retry_at, chance=chance)
    if retry_at is None:
        assert NOW + every <= at <= NOW + max(every, schedule.CAP)
    else:
        assert at >= min(max(retry_at, NOW), NOW + timedelta(days=1))
        assert at <= NOW + timedelta(days=1, hours=1)


@given(intervals, st.integers(1, 30), chances)
def test_failures_are_asked_ever_more_slowly(every, count, chance):
    first, then = (schedule.after_failure(every, n, now=NOW, chance=chance) for n in (count, count + 1))
    assert then >= first


def test_pollers_that_fail_together_do_not_come_back_together():
    minute, reset = timedelta(minutes=1), NOW + timedelta(minutes=10)
    back = sorted(schedule.after_failure(minute, 1, now=NOW, retry_at=reset, chance=n / 50) for n in range(50))
    assert back[0] >= reset
    seconds = [(at - reset).total_seconds() for at in back]
    assert max(sum(1 for other in seconds if start <= other < start + 1) for start in seconds) <= 4


@given(intervals, chances)
def test_a_success_is_asked_again_after_the_interval_and_at_most_a_tenth_later(every, chance):
    assert NOW + every <= schedule.after_success(every, now=NOW, chance=chance) <= NOW + every * 1.1


def test_what_a_source_wishes_replaces_the_interval_but_not_for_longer_than_a_day():
    every = timedelta(minutes=1)
    wish = NOW + timedelta(hours=2)
    assert schedule.after_success(every, now=NOW, asked_for=wish, chance=0) == wish
    never = NOW + timedelta(days=3_650)
    assert schedule.after_success(every, now=NOW, asked_for=never, chance=0) == NOW + timedelta(days=1)


def test_a_refused_account_is_asked_slowly():
    at = schedule.unauthorised(timedelta(seconds=30), now=NOW, chance=0.5)
    assert timedelta(minutes=15) <= at - NOW <= timedelta(minutes=17)
