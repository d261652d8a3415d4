"""What all ways to answer have in common: how a post ends, and how it is told for ours when its answer was lost."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Awaitable, Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from sources.errors import BadAnswer, NotSent, Refused, Uncertain, Unreachable
from sources.http import Answer
from sources.protocol import ReadBack, Receipt
from store.domain.delivery import Delivery
from store.domain.mention import Mention
from store.domain.secret import Secret

# 4xx that do not say that nothing was done: too slow, in conflict with what is there already, too early.
UNDECIDED = frozenset({408, 409, 425})
CLOCKS_DIFFER = timedelta(minutes=10)
# How much of the letters and digits of two texts is the same: EXACTLY is the same but for white space, IN_LETTERS but
# for all that is no letter; from REWRITTEN on it is one text in the network's words, below MAYBE it is another. So few
# letters as SHORT tell nothing; so many as OWN_WORDS nobody else says by chance.
EXACTLY, IN_LETTERS, REWRITTEN, MAYBE = 1.0, 0.99, 0.9, 0.5
SHORT, OWN_WORDS = 8, 24


@contextmanager
def before_it_leaves() -> Iterator[None]:
    """Around what a post needs first (a token, its place): where that cannot be had nothing was posted."""
    try:
        yield
    except (Unreachable, Uncertain, BadAnswer) as error:
        raise NotSent(str(error)) from None


@contextmanager
def as_it_leaves() -> Iterator[None]:
    """Around the post itself: an answer that cannot be read may be that of a post that was taken."""
    try:
        yield
    except Unreachable as error:
        raise NotSent(str(error)) from None
    except BadAnswer as error:
        raise Uncertain(str(error)) from None


async def logged_in(
    headers: Callable[[], Awaitable[Mapping[str, Secret]]],
    post: Callable[[Mapping[str, Secret]], Awaitable[Answer]],
    refused: Callable[[], bool],
) -> Answer:
    """The answer to a post with a token that may have run out: with 401 nothing was done, so that it is posted once
    more with the next token, where `refused` says that there is one."""
    for last in (False, True):
        with before_it_leaves():
            secrets = await headers()
        with as_it_leaves():
            answer = await post(secrets)
        if answer.status != 401 or last or not refused():
            break
    return answer


def taken(
    answer: Answer,
    check: Callable[[Answer], object],
    words: Callable[[Answer], str],
    *,
    undecided: frozenset[int] = UNDECIDED,
) -> None:
    """Nothing for 2xx. Otherwise raises what the status calls for: only what certainly was not posted is Refused, with
    the network's `words`; `check` raises RateLimited and Unauthorised as the network says them."""
    status = answer.status
    if 200 <= status < 300:
        return
    if status in (401, 429):
        check(answer)
    if 400 <= status < 500 and status not in undecided:
        raise Refused(f"refused with {status}: {words(answer)}")
    raise Uncertain(f"answered {status}; it may have been posted")


def document(answer: Answer) -> Any:
    """The JSON of an answer to a post that was taken. Raises Uncertain where it is none."""
    try:
        return answer.json()
    except BadAnswer as error:
        raise Uncertain(str(error)) from None


def no_post(answer: Answer) -> Uncertain:
    return Uncertain(f"answered {answer.status} without a post; it may be there all the same")


def place(parent: Mention, pattern: str = r"\S+") -> str:
    """What the network calls the post that is answered: nothing is posted where nobody knows below what."""
    if not re.fullmatch(pattern, parent.native_id):
        raise Refused("it is not known where the network keeps what this answers; answer on its own page")
    return parent.native_id


@dataclass(frozen=True, slots=True)
class Said:
    """A post where an answer of ours would be. `ours` None: nobody says whose it is."""

    text: str
    at: datetime
    receipt: Receipt
    ours: bool | None = True


def since(delivery: Delivery) -> datetime:
    """What is older cannot be this delivery, however the network's clock goes."""
    return (delivery.tried_at or delivery.created_at) - CLOCKS_DIFFER


def found(
    sent: str,
    posts: Iterable[Said],
    start: datetime,
    *,
    whole: bool,
    surely: float = REWRITTEN,
    maybe: float = MAYBE,
) -> ReadBack:
    """Whether what was sent is among the posts, `whole` if these are all since `start`. Left open by what may be this
    answer in the network's words, and by the same words from before `start`: an earlier answer, or this one and two
    clocks that differ."""
    best: tuple[float, Receipt | None] = 0.0, None
    doubt = False
    for post in posts:
        if post.ours is False:
            continue
        like, lately = likeness(post.text, sent), post.at >= start
        known = post.ours or (like >= IN_LETTERS and len(_letters(sent)) >= OWN_WORDS)
        if like >= surely and lately and known:
            best = max(best, (like, post.receipt), key=lambda one: one[0])
        doubt |= like >= (maybe if lately else surely)
    return ReadBack(best[1], complete=best[1] is not None or (whole and not doubt))


def only_answer(sent: str, text: str, at: datetime | None, receipt: Receipt, start: datetime) -> ReadBack:
    """The same of the one answer that a review has now, written `at`: it is this one, or from before `start`, or
    nobody knows whether this one was there."""
    if likeness(text, sent) >= IN_LETTERS:
        return ReadBack(receipt, complete=True)
    return ReadBack(None, complete=not text.strip() or (at is not None and at < start))


def likeness(one: str, other: str) -> float:
    """From 0 to 1."""
    from rapidfuzz.distance import Indel

    if bare(one) == bare(other):
        return EXACTLY
    mine, theirs = _letters(one), _letters(other)
    if min(len(mine), len(theirs)) < SHORT:
        return IN_LETTERS if mine == theirs != "" else MAYBE
    return min(IN_LETTERS, Indel.normalized_similarity(mine, theirs))


def bare(text: str) -> str:
    return re.sub(r"\s+", "", unicodedata.normalize("NFC", text))


def _letters(text: str) -> str:
    """Networks shorten an address or complete it: whether it begins with https:// says nothing."""
    return re.sub(r"https?://|[\W_]+", "", unicodedata.normalize("NFKC", text).casefold())
