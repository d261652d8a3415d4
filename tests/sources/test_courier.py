"""The courier against networks that answer, refuse, lose answers and die: nothing twice, nothing silent."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable
from datetime import timedelta
from functools import partial
from typing import Any

import pytest

from sources import courier as module
from sources.courier import Courier
from sources.errors import NotSent, RateLimited, Refused, Unauthorised, Uncertain
from sources.protocol import ReadBack, Receipt
from sources.stopping import pause
from store import cases, drafts, outbox
from store.database import Database
from store.domain.action import Forward, Reply
from store.domain.case import CaseDetail, CaseStatus
from store.domain.clock import utcnow
from store.domain.delivery import Delivery, DeliveryState
from store.domain.desk import Department, Desk, SourceConfig
from store.domain.mention import Mention
from tests.factories import land, read_mention

SOURCE = "mastodon.social"
ABSENT, UNSURE = ReadBack(None, complete=True), ReadBack(None, complete=False)
Step = Receipt | Exception | Callable[[], Awaitable[Receipt]]


class Network:
    """Does what `sends` say, one after the other (the last for ever), and is read back as `reads` say."""

    def __init__(self, *sends: Step, reads: tuple[ReadBack | Exception, ...] = (UNSURE,)) -> None:
        self.sends, self.reads = list(sends or [Receipt("remote-1", "key-1", "https://social.example/r1")]), list(reads)
        self.posts: list[str] = []
        self.looks = 0

    async def length(self, text: str, *, handle: str) -> tuple[int, int]:
        return len(text), 500

    def compose(self, mention: Mention) -> str:
        return ""

    async def send(self, delivery: Delivery, parent: Mention) -> Receipt:
        self.posts.append(delivery.identity)
        return await self._do(self.sends)

    async def read_back(self, delivery: Delivery, parent: Mention) -> ReadBack:
        self.looks += 1
        return await self._do(self.reads)

    async def _do(self, steps: list[Any]) -> Any:
        step = steps.pop(0) if len(steps) > 1 else steps[0]
        if isinstance(step, Exception):
            raise step
        return await step() if callable(step) else step


class Mailbox:
    """A department's address."""

    def __init__(self, *, deduplicates: bool) -> None:
        self.deduplicates = deduplicates
        self.posts: list[str] = []

    async def send(self, delivery: Delivery, case: CaseDetail) -> Receipt:
        self.posts.append(delivery.identity)
        raise Uncertain("no answer")


def desk(settle: float = 0.0) -> Desk:
    source = SourceConfig(type="mastodon", name=SOURCE, settle=timedelta(seconds=settle))
    return Desk(sources=(source,), departments=(Department("billing", "mailto:billing@example.org"),))


@pytest.fixture(autouse=True)
def soon(monkeypatch: pytest.MonkeyPatch) -> None:
    """Waits of minutes are over at once."""
    monkeypatch.setattr(module, "RETRY", timedelta(0))
    monkeypatch.setattr(module, "WEBHOOK_SETTLE", timedelta(0))


def made(db: Database, network: Network, settle: float = 0.0, **more: Any) -> Courier:
    return Courier(db, desk(settle), {SOURCE: network}, more.pop("forwarders", {}), more.pop("told", print), **more)


async def replied(db: Database, *texts: str, post: str = "p1", ago: timedelta = timedelta(0)) -> list[Delivery]:
    """Answers in the outbox, each to a case of its own, ready to leave."""
    line = await land(db, *(read_mention("down again", id=f"{post}-{n}", author=f"a{n}") for n in range(len(texts))))
    made_now = [
        await cases.act(db, [(case, None)], Reply(text, f"id-{post}-{case}", 0.0), agent="ana", now=utcnow() - ago)
        for case, text in zip(line.new_cases, texts, strict=True)
    ]
    return [await outbox.get(db, acted.deliveries[0]) for acted in made_now]


async def rounds(db: Database, courier: Courier, delivery: Delivery, count: int) -> Delivery:
    for _ in range(count):
        await courier.round(asyncio.Event())
    return await outbox.get(db, delivery.id)


async def test_an_answer_goes_out_and_is_known_by_its_receipt(db: Database):
    (reply,), told = await replied(db, "sorry!"), []
    sent = await rounds(db, made(db, network := Network(), told=told.append), reply, 3)
    assert (sent.state, sent.remote_id, sent.url) == (DeliveryState.SENT, "remote-1", "https://social.example/r1")
    assert network.posts == [reply.identity]
    assert [one.state for one in told] == [DeliveryState.SENDING, DeliveryState.SENT]


async def test_the_place_of_an_answer_is_kept_as_a_link_of_a_mention_is(db: Database):
    for url, kept in (
        ("https://social.example/r\u200b1\x9b31m\u202e", "https://social.example/r1\ufffd"),
        ("javascript:alert(1)", ""),
        ("file:///etc/passwd", ""),
    ):
        (reply,) = await replied(db, "sorry!", post=url)
        sent = await rounds(db, made(db, Network(Receipt("r", "k", url))), reply, 1)
        assert (sent.state, sent.remote_id, sent.url) == (DeliveryState.SENT, "r", kept)


async def test_a_network_that_puts_off_is_asked_eight_times_and_no_more(db: Database):
    (reply,) = await replied(db, "sorry!")
    failed = await rounds(db, made(db, network := Network(RateLimited("slow down"))), reply, 12)
    assert (failed.state, len(network.posts)) == (DeliveryState.FAILED, 8)
    assert "slow down" in failed.error
    assert (await cases.get(db, reply.case_id)).row.status is CaseStatus.OPEN


async def test_a_network_that_is_out_of_reach_is_looked_for_until_the_answer_expires(db: Database, monkeypatch):
    (reply,) = await replied(db, "sorry!")
    courier = made(db, network := Network(NotSent("no connection")))
    assert (await rounds(db, courier, reply, 12)).state is DeliveryState.QUEUED
    assert len(network.posts) == 12
    monkeypatch.setattr(module, "utcnow", lambda: utcnow() + timedelta(hours=25))
    waits = await rounds(db, courier, reply, 1)
    assert (waits.state, len(network.posts)) == (DeliveryState.PERSON, 12)
    assert "could not leave for 25 h" in waits.error
    assert "no connection" in waits.error
    again = await outbox.move(db, waits, DeliveryState.QUEUED, now=module.utcnow(), due_at=module.utcnow())
    assert again.attempts == 0
    network.sends = [Receipt("remote-1")]
    assert (await rounds(db, courier, reply, 1)).state is DeliveryState.SENT, (
        "a person said so, which is a new decision"
    )


async def test_nobody_is_kept_waiting_longer_than_an_answer_is_good_for(db: Database):
    """A network asks to be left alone until next week: the person hears of it when the answer expires."""
    (reply,) = await replied(db, "sorry!")
    put_off = await rounds(db, made(db, Network(RateLimited("later", utcnow() + timedelta(days=7)))), reply, 1)
    assert put_off.due_at <= utcnow() + timedelta(hours=24)


A_WHILE, OVERNIGHT = timedelta(minutes=5), timedelta(hours=9)


@pytest.mark.parametrize(
    ("ago", "happened", "why"),
    [
        (timedelta(hours=24), "nothing", "could not leave for 24 h"),
        (OVERNIGHT, "they wrote", "waited for 9 h, and meanwhile they wrote again"),
        (OVERNIGHT, "colleague", "waited for 9 h, and meanwhile somebody answered there already"),
        (OVERNIGHT, "our own", ""),
        (OVERNIGHT, "nothing", ""),
        (A_WHILE, "they wrote", ""),
        (A_WHILE, "deleted", "what it answers was deleted meanwhile"),
    ],
)
async def test_what_leaves_late_into_a_case_that_moved_on_is_a_persons(
    db: Database, ago: timedelta, happened: str, why: str
):
    """Queued while nobody ran to send it."""
    (first,) = await replied(db, "sorry!", ago=ago + timedelta(minutes=1))
    then = utcnow() - ago
    told = await cases.act(db, [(first.case_id, None)], Reply("and thanks", "id-2", 0.0), agent="ana", now=then)
    said = partial(read_mention, id="p2", parent="p1-0", thread="p1-0", author="a0")
    if happened == "they wrote":
        await land(db, said("it works again"), now=utcnow())
    elif happened == "colleague":
        await land(db, said("all mended", author="acme", ours=True), now=utcnow())
    elif happened == "deleted":
        await land(db, deleted=("p1-0",), now=utcnow())
    courier = made(db, network := Network(Receipt("remote-1"), Receipt("remote-2")))
    ended = await rounds(db, courier, first, 1)
    if why:
        assert (ended.state, network.posts) == (DeliveryState.PERSON, [])
        assert ended.error.startswith(f"not sent: {'it ' * ('deleted' not in why)}{why}")
        case = await cases.get(db, first.case_id)
        assert case.row.status is CaseStatus.OPEN
        assert (await rounds(db, courier, first, 3)).state is DeliveryState.PERSON
        assert network.posts == [], "the answer behind it waits too"
        kept = await outbox.move(db, ended, DeliveryState.WITHDRAWN, now=utcnow())
        assert kept.state is DeliveryState.WITHDRAWN
        draft = await drafts.get(db, first.case_id, "ana")
        assert draft is not None
        assert draft.text == "sorry!"
    else:
        assert (ended.state, network.posts) == (DeliveryState.SENT, [first.identity])
        if happened == "our own":
            await land(db, said("sorry!", author="acme", ours=True, id="remote-1"), now=utcnow())
        second = await rounds(db, courier, await outbox.get(db, told.deliveries[0]), 1)
        assert second.state is DeliveryState.SENT


async def test_what_is_provably_not_sent_goes_out_when_the_network_is_back(db: Database):
    (reply,) = await replied(db, "sorry!")
    network = Network(NotSent("no connection"), RateLimited("slow down"), Receipt("remote-1"))
    assert (await rounds(db, made(db, network), reply, 4)).state is DeliveryState.SENT
    assert network.posts == [reply.identity] * 3


async def test_never_before_the_network_says(db: Database):
    (reply,) = await replied(db, "sorry!")
    at = utcnow() + timedelta(minutes=5)
    waiting = await rounds(db, made(db, network := Network(RateLimited("slow down", at))), reply, 3)
    assert (waiting.state, len(network.posts)) == (DeliveryState.QUEUED, 1)
    assert waiting.due_at >= at


@pytest.mark.parametrize("error", [Refused("422 text is too long"), Unauthorised("401 token revoked")])
async def test_a_refusal_is_final_and_says_the_networks_words(db: Database, error: Exception):
    (reply,) = await replied(db, "sorry!")
    failed = await rounds(db, made(db, network := Network(error)), reply, 3)
    assert (failed.state, len(network.posts)) == (DeliveryState.FAILED, 1)
    assert str(error) in failed.error


SURPRISES = [
    Uncertain("no answer"), TimeoutError(), ConnectionResetError(), OSError(), KeyError("id"), ValueError("x"),
    TypeError(), RuntimeError("token=s3cret"), UnicodeDecodeError("utf-8", b"", 0, 1, "x"), RecursionError(),
    MemoryError(), AssertionError(),
]  # fmt: skip


@pytest.mark.parametrize("error", SURPRISES, ids=lambda error: type(error).__name__)
async def test_what_may_have_left_is_never_sent_again_blindly(db: Database, error: Exception):
    (reply,) = await replied(db, "sorry!")
    courier = made(db, network := Network(error), settle=0.02)
    unknown = await rounds(db, courier, reply, 1)
    assert unknown.state is DeliveryState.UNKNOWN
    assert unknown.error
    assert "s3cret" not in unknown.error
    end = time.monotonic() + 60
    while (now := await rounds(db, courier, reply, 1)).state is DeliveryState.UNKNOWN and time.monotonic() < end:
        await asyncio.sleep(0.01)
    assert (now.state, network.posts) == (DeliveryState.PERSON, [reply.identity])
    assert 1 <= network.looks <= 8  # ever more slowly, not for ever
    assert (await cases.get(db, reply.case_id)).row.status is CaseStatus.OPEN


async def test_a_lost_answer_that_arrived_is_found(db: Database):
    (reply,) = await replied(db, "sorry!")
    network = Network(Uncertain("no answer"), reads=(UNSURE, ReadBack(Receipt("remote-9"), complete=True)))
    sent = await rounds(db, made(db, network), reply, 1)
    assert sent.state is DeliveryState.UNKNOWN
    network.reads.pop(0)
    sent = await rounds(db, made(db, network), reply, 2)
    assert (sent.state, sent.remote_id, len(network.posts)) == (DeliveryState.SENT, "remote-9", 1)


async def test_the_same_words_said_before_are_not_taken_for_this_answer(db: Database):
    (first,) = await replied(db, "Thanks!")
    found = ReadBack(Receipt("remote-1"), complete=True)
    network = Network(Receipt("remote-1"), Uncertain("no answer"), reads=(found,))
    courier = made(db, network, settle=0.02)
    assert (await rounds(db, courier, first, 1)).state is DeliveryState.SENT
    again = Reply("Thanks!", "id-again", 0.0)
    acted = await cases.act(db, [(first.case_id, None)], again, agent="ana", now=utcnow())
    second, end = await outbox.get(db, acted.deliveries[0]), time.monotonic() + 60
    while second.state is not DeliveryState.PERSON and time.monotonic() < end:
        second = await rounds(db, courier, second, 1)
        await asyncio.sleep(0.01)
    assert (second.state, len(network.posts)) == (DeliveryState.PERSON, 2)
    assert "said the same before" in second.error


async def test_nothing_is_read_back_before_the_network_had_time_to_show_it(db: Database):
    (reply,) = await replied(db, "sorry!")
    courier = made(db, network := Network(Uncertain("no answer"), reads=(ABSENT,)), settle=60)
    unknown = await rounds(db, courier, reply, 5)
    assert (unknown.state, network.looks) == (DeliveryState.UNKNOWN, 0)
    assert unknown.due_at >= utcnow() + timedelta(seconds=50)


async def test_proven_absent_twice_is_worth_one_more_try_and_no_third(db: Database):
    (reply,) = await replied(db, "sorry!")
    courier = made(db, network := Network(Uncertain("no answer"), reads=(ABSENT,)))
    states = [(await rounds(db, courier, reply, 1)).state for _ in range(8)]
    assert network.posts == [reply.identity] * 2
    assert states == [
        DeliveryState.UNKNOWN,  # sent, no answer
        DeliveryState.UNKNOWN,  # absent
        DeliveryState.QUEUED,  # absent again
        DeliveryState.UNKNOWN,  # sent once more, no answer
        *[DeliveryState.PERSON] * 4,
    ]


async def test_what_a_dead_courier_was_sending_is_looked_for_after_the_settle_time(db: Database):
    (reply,) = await replied(db, "sorry!")
    await outbox.release_held(db, now=utcnow())
    (queued,) = await outbox.due(db, now=utcnow())
    await outbox.move(db, queued, DeliveryState.SENDING, now=utcnow(), tried=True)
    courier = made(db, network := Network(reads=(ReadBack(Receipt("remote-3"), complete=True),)), settle=60)
    began = utcnow()
    recovered = await rounds(db, courier, reply, 2)
    assert (recovered.state, network.looks) == (DeliveryState.UNKNOWN, 0)
    assert recovered.due_at >= began + timedelta(seconds=60)
    await outbox.move(db, recovered, DeliveryState.UNKNOWN, now=utcnow(), due_at=utcnow())
    found = await rounds(db, courier, reply, 1)
    assert (found.state, found.remote_id, network.posts) == (DeliveryState.SENT, "remote-3", [])


async def test_what_was_recalled_meanwhile_is_not_sent(db: Database):
    await replied(db, "sorry!")
    await outbox.release_held(db, now=utcnow())
    (queued,) = await outbox.due(db, now=utcnow())
    await cases.undo(db, agent="ana", now=utcnow())
    courier = made(db, network := Network())
    with pytest.raises(Exception, match="moved meanwhile"):
        await courier.deliver(queued, asyncio.Event())
    assert network.posts == []


async def test_a_source_that_cannot_answer_says_so(db: Database):
    (reply,) = await replied(db, "sorry!")
    courier = Courier(db, desk(), {}, {}, print, unable={SOURCE: "env:MASTODON_TOKEN is not set"})
    failed = await rounds(db, courier, reply, 1)
    assert (failed.state, failed.error) == (DeliveryState.FAILED, "env:MASTODON_TOKEN is not set")


async def test_one_bad_destination_holds_up_no_other(db: Database):
    replies = await replied(db, *(f"sorry {n}" for n in range(10)))
    network = Network(*[Receipt(f"r{n}") for n in range(4)], Refused("422 no"), *[Receipt(f"s{n}") for n in range(5)])
    await rounds(db, made(db, network), replies[0], 1)
    states = [(await outbox.get(db, reply.id)).state for reply in replies]
    assert sorted(states) == [DeliveryState.FAILED] + [DeliveryState.SENT] * 9


@pytest.mark.parametrize(("deduplicates", "posts"), [(True, 2), (False, 1)])
async def test_a_forward_without_an_answer(db: Database, deduplicates: bool, posts: int):
    """Goes out once more only to who knows it by its identity; then a person decides."""
    line = await land(db, read_mention("refund me", id="f1"))
    acted = await cases.act(db, [(line.new_cases[0], None)], Forward("billing", "", 0.0), agent="ana", now=utcnow())
    box = Mailbox(deduplicates=deduplicates)
    forward = await outbox.get(db, acted.deliveries[0])
    end = await rounds(db, made(db, Network(), forwarders={"billing": box}), forward, 8)
    assert (end.state, box.posts) == (DeliveryState.PERSON, [forward.identity] * posts)


class Slow:
    """A post that takes its time; `begun` when it is under way."""

    def __init__(self, seconds: float) -> None:
        self.seconds, self.begun, self.over, self.ended = seconds, asyncio.Event(), asyncio.Event(), False

    async def __call__(self) -> Receipt:
        self.begun.set()
        await pause(self.over, self.seconds)
        self.ended = True
        return Receipt("remote-slow")


@pytest.mark.parametrize("how", ["stop", "cancel"])
async def test_a_post_under_way_is_finished_and_recorded_whoever_wants_to_leave(db: Database, how: str):
    (reply,), slow, stop = await replied(db, "sorry!"), Slow(0.4), asyncio.Event()
    running = asyncio.create_task(made(db, Network(slow)).run(stop))
    await slow.begun.wait()
    stop.set() if how == "stop" else running.cancel()
    await asyncio.wait({running})
    assert slow.ended
    assert (await outbox.get(db, reply.id)).state is DeliveryState.SENT


async def test_a_stop_ends_waits_and_reading_back_at_once(db: Database):
    (reply,), hang, stop = await replied(db, "sorry!"), Slow(60), asyncio.Event()
    network = Network(Uncertain("no answer"))
    network.reads = [hang]
    running = asyncio.create_task(made(db, network).run(stop))
    await hang.begun.wait()
    before = time.monotonic()
    stop.set()
    await running
    assert time.monotonic() - before < 15
    assert (await outbox.get(db, reply.id)).state is DeliveryState.UNKNOWN


async def test_a_slow_source_does_not_hold_up_a_department(db: Database):
    (reply,), slow, stop, told = await replied(db, "sorry!"), Slow(60), asyncio.Event(), []
    acted = await cases.act(db, [(reply.case_id, None)], Forward("billing", "", 0.0), agent="ana", now=utcnow())
    courier = made(db, Network(slow), forwarders={"billing": Mailbox(deduplicates=False)}, told=told.append)
    running = asyncio.create_task(courier.run(stop))
    await slow.begun.wait()
    async with asyncio.timeout(30):
        while not any(one.id == acted.deliveries[0] and one.state is DeliveryState.PERSON for one in told):
            await asyncio.sleep(0.01)
    assert not slow.ended
    slow.over.set()
    stop.set()
    await running


@pytest.mark.parametrize(("replaces", "end"), [(False, DeliveryState.PERSON), (True, DeliveryState.SENT)])
async def test_an_answer_to_somebody_else_in_the_same_thread_is_not_this_one(
    db: Database, replaces: bool, end: DeliveryState
):
    """Two people ask in one thread and get the same words; only the first answer arrived, and only it is found."""
    first, second = await replied(db, "it is mended", "it is mended")
    there = Receipt("remote-1")
    network = Network(there, Uncertain("no answer"), reads=(ReadBack(there, complete=True),))
    network.replaces = replaces
    courier = made(db, network)
    assert (await rounds(db, courier, first, 1)).state is DeliveryState.SENT
    settled = await rounds(db, courier, second, 4)
    assert settled.state is end, settled.error
    assert len(network.posts) == 2
