"""`Worker`: from an outbox through the gateway to results, with stores, vendors, handlers and clocks that fail."""

import asyncio
import logging
from collections.abc import Awaitable, Callable, Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, Literal, TypeVar

import pytest
from inline_outbox import BROKEN, database_of, entry, inline_outbox
from toy_vendor import Toy, ToyServer, certificate, gateway, note

from pushgateway import FieldError, Gateway, Priority, Push, PushToken, Reason, Status
from pushgateway.model.outcome import Outcome
from pushgateway.model.push import Owner
from pushgateway.outbox import worker
from pushgateway.outbox.outbox import Result
from pushgateway.outbox.store import Ask
from pushgateway.outbox.worker import Worker
from pushgateway.testing.virtual_time import loop_wall_clock, run_virtual
from pushgateway.vendor import NoVerdict

T = TypeVar("T")


def push(name: str, **more: Any) -> Push:
    return Push(PushToken(more.pop("certificate_id", 1), name), more.pop("notification", note()), **more)


class Taken:
    """A handler that keeps results, and raises `fails` as long as it is set."""

    def __init__(self) -> None:
        self.results: list[Result] = []
        self.calls = 0
        self.fails: Exception | None = None

    async def __call__(self, results: Sequence[Result]) -> None:
        self.calls += 1
        if self.fails is not None:
            raise self.fails
        self.results += results

    def endings(self) -> dict[str, tuple[Status, Reason | None]]:
        """By token: how each push ended."""
        return {one.outcome.push_token.token: (one.outcome.status, one.outcome.reason) for one in self.results}


class Scene:
    """An outbox, a gateway on a toy server, and a handler of results."""

    def __init__(self, path: Path, server: ToyServer, g: Gateway, taken: Taken) -> None:
        self.path, self.server, self.gateway, self.taken = path, server, g, taken
        self.outbox = inline_outbox(path / "outbox.db")

    def worker(self, **options: Any) -> Worker:
        return Worker(self.outbox, self.gateway, **{"results": self.taken, **options})

    def now(self) -> float:
        return loop_wall_clock()()


def run(path: Path, scene: Callable[[Scene], Awaitable[T]], *certificates: Any, **options: Any) -> T:
    """Run a scene in virtual time."""

    async def whole() -> T:
        server = ToyServer()
        async with gateway(server, *certificates, retry=None, **options) as g:
            made = Scene(path, server, g, Taken())
            async with made.outbox:
                return await scene(made)

    return run_virtual(whole())


ACCEPTED = (Status.ACCEPTED, None)


def test_everything_is_sent_once_and_reported(tmp_path: Path) -> None:
    """Each push is sent once, its result has the host's context, and nothing is left in the outbox."""

    async def scene(s: Scene) -> Any:
        async with s.worker() as works:
            await s.outbox.put([push(f"t{n}", context=n) for n in range(1200)])
            await asyncio.sleep(5)
            return works.held, s.taken.results, s.server.ledger, (await s.outbox.status()).certificates

    held, results, ledger, left = run(tmp_path, scene)

    assert sorted(one.outcome.context for one in results) == list(range(1200))
    assert all(one.outcome.ok and one.outcome.attempts == 1 for one in results)
    assert len(ledger) == 1200
    assert set(ledger.values()) == {1}
    assert (held, left) == (0, ())


def test_without_results_nothing_is_kept(tmp_path: Path) -> None:
    """A worker without `results` sends, and the outbox is empty afterwards."""

    async def scene(s: Scene) -> Any:
        async with s.worker(results=None):
            await s.outbox.put([push("a")])
            await asyncio.sleep(2)
            return len(s.server.ledger), (await s.outbox.status()).certificates

    assert run(tmp_path, scene) == (1, ())


def test_results_in_the_table(tmp_path: Path) -> None:
    """With "table" the results wait until the host takes them."""

    async def scene(s: Scene) -> Any:
        async with s.worker(results="table"):
            await s.outbox.put([push("a", context=1)])
            await asyncio.sleep(2)
            results = await s.outbox.results()
            await s.outbox.take(results)
            return [one.outcome.context for one in results], (await s.outbox.status()).certificates

    assert run(tmp_path, scene) == ([1], ())


def test_an_outage_of_hours_loses_nothing(tmp_path: Path) -> None:
    """Pushes that the vendor cannot take for two hours are delivered when it can, once each; in between each is tried
    about six times an hour (and in each try as often as the gateway repeats)."""

    async def scene(s: Scene) -> Any:
        tokens = [f"t{n}" for n in range(5)]
        async with s.worker():
            s.server.codes = dict.fromkeys(tokens, "5")
            await s.outbox.put(map(push, tokens))
            await asyncio.sleep(2 * 3600)
            before = len(s.taken.results)
            s.server.codes = {}
            await asyncio.sleep(1000)
            return before, s.taken, s.server.ledger

    before, taken, ledger = run(tmp_path, scene)

    assert before == 0
    assert taken.endings() == {f"t{n}": ACCEPTED for n in range(5)}
    assert all(9 <= one.tries <= 25 for one in taken.results)
    assert set(ledger.values()) == {1}


def test_refusals_end_at_once(tmp_path: Path) -> None:
    """A dead token and a wrong text are reported after one request, and not tried again."""

    async def scene(s: Scene) -> Any:
        async with s.worker():
            s.server.codes = {"dead": "2", "wrong": "3"}
            await s.outbox.put([push("dead"), push("wrong")])
            await asyncio.sleep(3600)
            return s.taken.endings(), s.server.calls["push"]

    endings, requests = run(tmp_path, scene)

    assert endings == {
        "dead": (Status.REJECTED, Reason.UNREGISTERED),
        "wrong": (Status.REJECTED, Reason.INVALID_NOTIFICATION),
    }
    assert requests == 1


def test_not_before_and_expired(tmp_path: Path) -> None:
    """A push is sent at its time; one whose time is over without a way to send it ends as expired, and is not sent
    later."""

    async def scene(s: Scene) -> Any:
        start = datetime.fromtimestamp(s.now(), UTC)
        s.server.codes = {"urgent": "5"}
        async with s.worker():
            await s.outbox.put([push("later")], not_before=start + timedelta(hours=1))
            await s.outbox.put([push("urgent")], expires=start + timedelta(seconds=90))
            await asyncio.sleep(3590)
            early = s.taken.endings()
            s.server.codes = {}
            await asyncio.sleep(20)
            return early, s.taken.endings(), s.server.ledger

    early, late, ledger = run(tmp_path, scene)

    assert early == {"urgent": (Status.REJECTED, Reason.UNAVAILABLE)}
    assert late == {**early, "later": ACCEPTED}
    assert [token for token, _ in ledger] == ["later"]


def test_what_expires_while_no_worker_runs(tmp_path: Path) -> None:
    """A backlog whose time is over ends in bulk when a worker comes, without a request."""

    async def scene(s: Scene) -> Any:
        end = datetime.fromtimestamp(s.now() + 60, UTC)
        await s.outbox.put([push(f"t{n}") for n in range(1500)], expires=end)
        await asyncio.sleep(120)
        async with s.worker():
            await asyncio.sleep(5)
            return s.taken.endings(), s.server.calls["push"]

    endings, requests = run(tmp_path, scene)

    assert len(endings) == 1500
    assert set(endings.values()) == {(Status.NOT_SENT, Reason.EXPIRED)}
    assert requests == 0


def test_a_push_that_was_given_up_can_be_sent_again(tmp_path: Path) -> None:
    """It is reported as dead, kept with its content, and delivered when somebody sends it again."""

    async def scene(s: Scene) -> Any:
        s.server.codes = {"a": "8"}
        async with s.worker(give_up_after=600.0):
            await s.outbox.put([push("a", notification=note("keep me"))])
            await asyncio.sleep(1000)
            dead = [(one.dead, one.outcome.reason) for one in s.taken.results]
            (letter,) = await s.outbox.dead_letters()
            s.server.codes = {}
            await s.outbox.retry([letter.dedupe_id])
            await asyncio.sleep(5)
            return dead, letter.outcome.reason, s.server.ledger, await s.outbox.dead_letters()

    dead, reason, ledger, letters = run(tmp_path, scene)

    assert dead == [(True, Reason.CREDENTIALS)]
    assert reason is Reason.CREDENTIALS
    assert ledger == {("a", "keep me"): 1}
    assert letters == []


def test_a_lost_reply_is_repeated_where_repeats_are_dropped(tmp_path: Path) -> None:
    """If the reply is lost and the deadline passes, the next try has the same id, the vendor says that it has it, and
    the push is accepted; the phone has it once."""

    async def scene(s: Scene) -> Any:
        s.server.answers = [NoVerdict("silence")] * 8
        async with s.worker(timeout=5.0):
            await s.outbox.put([push("a")])
            await asyncio.sleep(3600)
            return s.taken.results, s.server.ledger

    (result,), ledger = run(tmp_path, scene)

    assert result.outcome.ok
    assert result.tries >= 1
    assert set(ledger.values()) == {1}


@pytest.mark.parametrize("certificate_id", ["1", 1])
@pytest.mark.parametrize(
    ("policy", "status", "copies"), [("repeat", Status.ACCEPTED, 2), ("give_up", Status.UNKNOWN, 1)]
)
def test_a_lost_reply_where_repeats_are_not_dropped(
    tmp_path: Path, certificate_id: Any, policy: Any, status: Status, copies: int
) -> None:
    """The policy decides: it is repeated, and may be there twice, or it ends without a verdict. The certificate may be
    named by a number, as everywhere."""

    async def scene(s: Scene) -> Any:
        s.server.dedupes = False
        s.server.answers = [NoVerdict("silence")]
        async with s.worker(unknown_by_certificate={certificate_id: policy}):
            await s.outbox.put([push("a")])
            await asyncio.sleep(3600)
            return s.taken.results, s.server.ledger

    (result,), ledger = run(tmp_path, scene, certificate(1, dedupe=False))

    assert result.outcome.status is status
    assert result.outcome.possible_duplicate is (copies == 2)
    assert set(ledger.values()) == {copies}


async def lose(s: Scene, times: int, lease: float = 120.0) -> None:
    """Lease everything so many times and never settle it, as workers do that are killed."""
    for number in range(times):
        now = s.now()
        for suspect in (False, True):
            ask = Ask(lease=900 + number, now=now, until=now + lease, most=100, held={}, suspect=suspect)
            await s.outbox.store.lease(ask)
        await asyncio.sleep(lease)


def test_what_a_killed_worker_held_is_sent_by_another(tmp_path: Path) -> None:
    """Its pushes are leased again when the lease has ended, with their ids; those that it had sent are dropped by the
    vendor and count as accepted."""

    async def scene(s: Scene) -> Any:
        ids = await s.outbox.put([push("sent"), push("unsent")])
        await s.gateway.send(PushToken(1, "sent"), note(), dedupe_id=ids[0])
        await lose(s, 1)
        async with s.worker():
            await asyncio.sleep(2)
            return s.taken.endings(), s.server.ledger

    endings, ledger = run(tmp_path, scene)

    assert endings == {"sent": ACCEPTED, "unsent": ACCEPTED}
    assert set(ledger.values()) == {1}


def test_after_a_killed_worker_the_policy_may_give_up(tmp_path: Path) -> None:
    """Where repeats are not dropped and the policy is to give up, what a killed worker held ends without a verdict and
    without a request."""

    async def scene(s: Scene) -> Any:
        await s.outbox.put([push("a", context=5)])
        await lose(s, 1)
        async with s.worker(unknown="give_up"):
            await asyncio.sleep(2)
            return s.taken.results, s.server.calls["push"]

    (result,), requests = run(tmp_path, scene, certificate(1, dedupe=False))

    assert result.outcome.status is Status.UNKNOWN
    assert result.outcome.context == 5
    assert "worker was lost" in result.outcome.detail
    assert requests == 0


@pytest.mark.parametrize(("times", "dead"), [(4, False), (5, True)])
def test_a_push_that_kills_workers_becomes_a_dead_letter(tmp_path: Path, times: int, dead: bool) -> None:
    """After `most_lost` lost leases in a row it is not sent any more; before that it is."""

    async def scene(s: Scene) -> Any:
        await s.outbox.put([push("a")])
        await lose(s, times)
        async with s.worker(most_lost=5):
            await asyncio.sleep(5)
            return s.taken.results, len(await s.outbox.dead_letters())

    (result,), letters = run(tmp_path, scene)

    assert result.dead is dead
    assert letters == dead


def test_what_cannot_be_read_is_a_dead_letter_and_stops_nobody(tmp_path: Path) -> None:
    """A content that this program does not know is not sent in part; the others are sent."""

    async def scene(s: Scene) -> Any:
        odd = entry("odd", content=b'{"form":99}', put_at=s.now(), due=s.now(), context=b"5")
        await s.outbox.store.put([odd])
        async with s.worker():
            await s.outbox.put([push("a")])
            await asyncio.sleep(3)
            return s.taken.results, [one.outcome.detail for one in await s.outbox.dead_letters()]

    results, details = run(tmp_path, scene)

    assert {(one.outcome.push_token.token, one.dead, one.outcome.context) for one in results} == {
        ("token-odd", True, 5),
        ("a", False, None),
    }
    assert details == ["the stored push was written in form 99, this program reads form 1"]


@pytest.mark.parametrize("damage", [{"token": "two words"}, {"context": b"{"}, {"user": " ", "device": "d"}])
@pytest.mark.parametrize("results", ["handler", "table"])
def test_a_stored_push_that_this_program_would_refuse(tmp_path: Path, results: Any, damage: dict[str, Any]) -> None:
    """A push whose token, context or owner this program does not take, because another version has stored it or the
    file was damaged, is not sent; it is a dead letter with a result, and the others are sent and reported."""

    async def scene(s: Scene) -> Any:
        odd = entry("odd", put_at=s.now(), due=s.now(), since=s.now(), **damage)
        await s.outbox.store.put([odd])
        async with s.worker(results="table" if results == "table" else s.taken) as works:
            await s.outbox.put([push("a", dedupe_id="a")])
            await asyncio.sleep(3)
            s.taken.results += await s.outbox.results()
            ends = {one.outcome.dedupe_id: (one.dead, one.outcome.reason) for one in s.taken.results}
            return ends, [one.dedupe_id for one in await s.outbox.dead_letters()], works.is_healthy, works.held

    assert run(tmp_path, scene) == (
        *({"odd": (True, Reason.INVALID_NOTIFICATION), "a": (False, None)}, ["odd"]),
        *(True, 0),
    )


def test_a_fault_of_the_worker_itself(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """If making a push or settling fails in a way that nobody thought of, the worker goes on: a push that cannot be
    made is a dead letter, what could not be settled is sent again later, and the log has a line without content."""
    made, settled = worker.push_of, worker.encode_outcome

    def breaks(content: Any, entry: Any, *more: Any) -> Any:
        if entry.token == "odd":
            raise RuntimeError("secret")
        return made(content, entry, *more)

    faults = [RuntimeError("secret")]

    def breaks_once(outcome: Any) -> bytes:
        if outcome.push_token.token == "a" and faults:
            raise faults.pop()
        return settled(outcome)

    monkeypatch.setattr(worker, "push_of", breaks)
    monkeypatch.setattr(worker, "encode_outcome", breaks_once)

    async def scene(s: Scene) -> Any:
        async with s.worker() as works:
            await s.outbox.put([push("odd"), push("a")])
            await asyncio.sleep(300)
            return {one.outcome.push_token.token: one.dead for one in s.taken.results}, works.is_healthy

    with caplog.at_level(logging.ERROR):
        endings, healthy = run(tmp_path, scene)

    assert endings == {"odd": True, "a": False}
    assert not healthy
    assert "secret" not in caplog.text


def test_what_is_slow_does_not_stop_what_is_not(tmp_path: Path) -> None:
    """While one certificate's pushes wait in the gateway, those of another are leased and sent, and an urgent push of
    the slow one is leased although the worker holds as much as it may of lower priorities."""

    async def scene(s: Scene) -> Any:
        s.server.latency = 9.0
        async with s.worker(at_once=10) as works:
            await s.outbox.put([push(f"slow{n}") for n in range(100)])
            await asyncio.sleep(1)
            s.server.latency = 0.01
            before = works.held
            await s.outbox.put([push("fast", certificate_id=2), push("urgent", priority=Priority.URGENT)])
            await asyncio.sleep(1)
            return before, works.held, s.taken.endings()

    slow, other = certificate(1, size=1, logs_in=False), certificate(2, logs_in=False)
    before, held, endings = run(tmp_path, scene, slow, other, connections=2)

    assert (before, held) == (10, 11)
    assert endings == {"fast": ACCEPTED}


def test_never_more_than_at_once(tmp_path: Path) -> None:
    """However many wait, a worker holds about `at_once` of each certificate and priority."""

    async def scene(s: Scene) -> int:
        s.server.latency = 5.0
        async with s.worker(at_once=10) as works:
            await s.outbox.put([push(f"t{n}") for n in range(500)])
            most = 0
            for _ in range(100):
                await asyncio.sleep(0.5)
                most = max(most, works.held)
            return most

    assert run(tmp_path, scene) == 10


def test_others_are_sent_while_a_slow_store_settles(tmp_path: Path) -> None:
    """What has its outcome makes place for others before it is settled, so that a store can settle and lease in one
    transaction. No more than `at_once` outcomes wait for a store that takes long."""

    async def scene(s: Scene) -> Any:
        settle = s.outbox.store.settle

        async def slow(*values: Any) -> Any:
            await asyncio.sleep(10)
            return await settle(*values)

        s.outbox.store.settle = slow  # type: ignore[method-assign]
        async with s.worker(at_once=10) as works:
            await s.outbox.put([push(f"t{n}") for n in range(50)])
            await asyncio.sleep(9)
            before = works.held, len(s.server.ledger), len(s.taken.results)
            await asyncio.sleep(60)
            return before, works.held, s.taken.endings(), s.server.ledger

    before, held, endings, ledger = run(tmp_path, scene)

    assert before == (20, 20, 0)
    assert held == 0
    assert endings == {f"t{n}": ACCEPTED for n in range(50)}
    assert set(ledger.values()) == {1}


def test_a_store_that_stops_working(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    """While the store does not work, nothing is leased, the known outcomes wait, and the event loop goes on; the
    worker is not healthy. When the store works again, everything is settled once. There is one line and one event at
    each change."""

    events: list[Any] = []

    async def scene(s: Scene) -> Any:
        s.server.latency = 2.0
        async with s.worker(observer=events.append) as works:
            await s.outbox.put([push(f"t{n}") for n in range(50)])
            await asyncio.sleep(1)
            database_of(s.outbox).fails = BROKEN
            await asyncio.sleep(100)
            during = works.is_healthy, works.held, len(s.taken.results)
            database_of(s.outbox).fails = None
            await asyncio.sleep(60)
            return during, works.is_healthy, works.held, s.taken.endings(), s.server.ledger

    with caplog.at_level(logging.INFO):
        during, healthy, held, endings, ledger = run(tmp_path, scene)

    assert during == (False, 50, 0)
    assert (healthy, held) == (True, 0)
    assert endings == {f"t{n}": ACCEPTED for n in range(50)}
    assert set(ledger.values()) == {1}
    lines = [record.getMessage() for record in caplog.records if record.getMessage().startswith("outbox: ")]
    assert lines == [
        "outbox: its store cannot be used, and nothing more is sent: outbox.db: the disk does not answer",
        "outbox: its store can be used again",
    ]
    assert [(event.what, event.available) for event in events] == [("store", False), ("store", True)]


def test_a_store_that_comes_back_after_the_lease(tmp_path: Path) -> None:
    """If the store is away for longer than the lease, the worker settles what it held under the new lease and sends
    nothing twice."""

    async def scene(s: Scene) -> Any:
        async with s.worker(lease=60.0):
            await s.outbox.put([push("a")])
            await asyncio.sleep(0.001)
            s.server.latency = 2.0
            await asyncio.sleep(0.5)
            database_of(s.outbox).fails = BROKEN
            await asyncio.sleep(300)
            database_of(s.outbox).fails = None
            await asyncio.sleep(120)
            return s.taken.endings(), s.server.calls["push"]

    assert run(tmp_path, scene) == ({"a": ACCEPTED}, 1)


def test_a_lease_that_ends_while_the_push_is_being_sent(tmp_path: Path) -> None:
    """If the clock runs faster than the event loop, a lease ends before the outcome is there. The worker leases
    the push again and does not send it a second time; the outcome is settled under the new lease."""

    async def scene(s: Scene) -> Any:
        usual = loop_wall_clock()
        start = usual()
        s.outbox._clock = lambda: start + 8 * (usual() - start)
        streams = []
        stream = s.gateway.stream

        def watched(pushes: Sequence[Push], **options: Any) -> Any:
            streams.append(pushes)
            return stream(pushes, **options)

        s.gateway.stream = watched  # type: ignore[method-assign,assignment]
        s.server.latency = 9.0  # of the login, and again of the push
        async with s.worker(lease=60.0, timeout=30.0, poll=0.5):
            await s.outbox.put([push("a")])
            await asyncio.sleep(40)
            return len(streams), s.taken.endings(), len(s.taken.results)

    assert run(tmp_path, scene) == (1, {"a": ACCEPTED}, 1)


def test_a_handler_that_fails(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    """Results that the handler does not take are handed over again until it does; sending goes on meanwhile. The log
    has one line at each change, without the error's text."""

    async def scene(s: Scene) -> Any:
        s.taken.fails = RuntimeError("secret text")
        async with s.worker() as works:
            await s.outbox.put([push("a")])
            await asyncio.sleep(300)
            await s.outbox.put([push("b")])
            await asyncio.sleep(5)
            during = len(s.server.ledger), works.is_healthy, s.taken.calls
            s.taken.fails = None
            await asyncio.sleep(100)
            return during, works.is_healthy, s.taken.endings(), (await s.outbox.status()).certificates

    with caplog.at_level(logging.INFO):
        (sent, healthy, calls), after, endings, left = run(tmp_path, scene)

    assert (sent, healthy, after) == (2, False, True)
    assert 3 <= calls <= 20
    assert endings == {"a": ACCEPTED, "b": ACCEPTED}
    assert left == ()
    lines = [record.getMessage() for record in caplog.records if record.getMessage().startswith("outbox: ")]
    assert len(lines) == 2
    assert "RuntimeError" in lines[0]
    assert "secret" not in caplog.text


def test_results_that_another_worker_has_handed_over(tmp_path: Path) -> None:
    """A worker whose handler has failed is healthy again when another one has handed over its results, also if it has
    no results any more."""

    async def scene(s: Scene) -> Any:
        broken = Taken()
        broken.fails = RuntimeError("is not there")
        async with s.worker(results=broken) as works:
            await s.outbox.put([push("a")])
            await asyncio.sleep(100)
            health = [works.is_healthy]
            async with s.worker():
                await asyncio.sleep(300)
            health.append(works.is_healthy)
        return health, s.taken.endings()

    assert run(tmp_path, scene) == ([False, True], {"a": ACCEPTED})


def test_a_handler_that_never_returns(tmp_path: Path) -> None:
    """It is given 60 seconds; then its results are handed over again."""

    async def scene(s: Scene) -> int:
        calls = 0

        async def handler(results: Sequence[Result]) -> None:
            nonlocal calls
            calls += 1
            if calls == 1:
                await asyncio.sleep(10_000)

        async with s.worker(results=handler):
            await s.outbox.put([push("a")])
            await asyncio.sleep(200)
            return calls

    assert run(tmp_path, scene) == 2


def test_results_of_another_worker_that_was_killed(tmp_path: Path) -> None:
    """Results that a worker had settled and not handed over are handed over by another one."""

    async def scene(s: Scene) -> Any:
        async with s.worker(results="table"):
            await s.outbox.put([push("a")])
            await asyncio.sleep(2)
        async with s.worker():
            await asyncio.sleep(2)
            return s.taken.endings()

    assert run(tmp_path, scene) == {"a": ACCEPTED}


def test_two_workers_send_each_push_once(tmp_path: Path) -> None:
    """Two workers on one store share the pushes."""

    async def scene(s: Scene) -> Any:
        other = inline_outbox(tmp_path / "outbox.db")
        async with other, s.worker(at_once=20), Worker(other, s.gateway, results=s.taken, at_once=20):
            await s.outbox.put([push(f"t{n}") for n in range(500)])
            await asyncio.sleep(30)
        return s.taken.results, s.server.ledger, s.server.dedupes

    results, ledger, _ = run(tmp_path, scene)

    assert len(results) == len({one.outcome.dedupe_id for one in results}) == 500
    assert not any(one.outcome.repeated for one in results)
    assert set(ledger.values()) == {1}


def test_a_jump_of_the_clock_takes_nothing_over(tmp_path: Path) -> None:
    """If the clock jumps ahead by a day, leases of other workers have ended by the clock only: for one lease's time
    they are left alone, and new pushes are sent as usual."""

    async def scene(s: Scene) -> Any:
        ahead = 0.0
        usual = loop_wall_clock()
        s.outbox._clock = lambda: usual() + ahead
        async with s.worker():
            await asyncio.sleep(2)
            await s.outbox.store.put([entry("held", put_at=s.now(), due=s.now() - 1)])
            ask = Ask(lease=77, now=s.now(), until=s.now() + 120, most=10, held={})
            assert len(await s.outbox.store.lease(ask)) == 1
            ahead = 86_400.0
            await s.outbox.put([push("new")])
            await asyncio.sleep(100)
            during = s.taken.endings()
            await asyncio.sleep(100)
            return during, s.taken.endings()

    during, after = run(tmp_path, scene)

    assert during == {"new": ACCEPTED}
    assert after == {"new": ACCEPTED, "token-held": ACCEPTED}


def test_a_jump_of_the_clock_ends_nothing_that_is_being_sent(tmp_path: Path) -> None:
    """If the clock jumps ahead, a push that is being sent and has expired by the clock, or was withdrawn, has the
    outcome that its worker gets, and not one that says that nothing is known."""

    async def scene(s: Scene) -> Any:
        ahead = 0.0
        usual = loop_wall_clock()
        s.outbox._clock = lambda: usual() + ahead
        s.server.latency = 5.0  # of the login, and again of the push
        async with s.worker():
            expires = datetime.fromtimestamp(s.now() + 600, UTC)
            await s.outbox.put([push("expires")], expires=expires)
            await s.outbox.put([push("withdrawn", dedupe_id="mine")])
            await asyncio.sleep(2)
            found = await s.outbox.withdraw(dedupe_id="mine")
            ahead = 86_400.0
            await asyncio.sleep(30)
        return found.under_way, s.taken.endings()

    assert run(tmp_path, scene) == (1, {"expires": ACCEPTED, "withdrawn": ACCEPTED})


def test_closing_waits_for_what_is_being_sent(tmp_path: Path) -> None:
    """A worker that is closed leases nothing more, and settles and reports what it was sending."""

    async def scene(s: Scene) -> Any:
        s.server.latency = 3.0
        works = s.worker(at_once=10)
        async with works:
            await s.outbox.put([push(f"t{n}") for n in range(100)])
            await asyncio.sleep(1)
        return works.held, len(s.taken.results), sum(one.waiting for one in (await s.outbox.status()).certificates)

    assert run(tmp_path, scene) == (0, 10, 90)


def test_closing_does_not_wait_for_ever(tmp_path: Path) -> None:
    """What has no outcome within `grace` stays leased, and is sent by another worker when the lease has ended."""

    async def scene(s: Scene) -> Any:
        s.server.latency = 25.0
        works = s.worker()
        works.start()
        await s.outbox.put([push("a")])
        await asyncio.sleep(1)
        begun = asyncio.get_running_loop().time()
        await works.aclose(grace=5.0)
        took = asyncio.get_running_loop().time() - begun
        status = await s.outbox.status()
        s.server.latency = 0.01
        async with s.worker():
            await asyncio.sleep(125)
        return took, status.total("leased"), s.taken.endings(), s.server.ledger

    took, held, endings, ledger = run(tmp_path, scene)

    assert took == pytest.approx(5.0, abs=0.1)
    assert held == 1
    assert endings == {"a": ACCEPTED}
    assert set(ledger.values()) == {1}


def test_a_gateway_that_is_closed_first(tmp_path: Path) -> None:
    """The worker stops leasing; its pushes are due again at once and count no try."""

    async def scene(s: Scene) -> Any:
        async with s.worker():
            await asyncio.sleep(0.1)
            await s.gateway.aclose()
            await s.outbox.put([push("a")])
            await asyncio.sleep(10)
            works = database_of(s.outbox).works
            await asyncio.sleep(10)
            more = database_of(s.outbox).works - works
        return (await s.outbox.status()).total("waiting"), s.taken.results, more < 100

    assert run(tmp_path, scene) == (1, [], True)


def test_a_push_that_ends_closed_in_an_open_gateway(tmp_path: Path) -> None:
    """One push that the gateway gave up, because it failed or removed the certificate, stops nothing: it is tried
    again, and others are sent."""

    async def scene(s: Scene) -> Any:
        stream = s.gateway.stream
        given_up: list[Push] = []

        async def gives_up(pushes: Sequence[Push], **options: Any) -> Any:
            if not given_up:
                given_up.extend(pushes)
                for one in pushes:
                    yield Outcome.not_sent(one, Reason.CLOSED, "the gateway itself failed")
            else:
                async for outcome in stream(pushes, **options):
                    yield outcome

        s.gateway.stream = gives_up  # type: ignore[method-assign,assignment]
        async with s.worker():
            await s.outbox.put([push("a")])
            await asyncio.sleep(1)
            await s.outbox.put([push("b")])
            await asyncio.sleep(20)
            return len(given_up), s.taken.endings()

    assert run(tmp_path, scene) == (1, {"a": ACCEPTED, "b": ACCEPTED})


def test_a_gateway_that_cannot_be_used(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    """A worker whose gateway raises leases nothing more, says so in the log, and is not healthy."""

    async def scene(s: Scene) -> Any:
        def breaks(pushes: Sequence[Push], **options: Any) -> Any:
            raise RuntimeError("secret")

        s.gateway.stream = breaks  # type: ignore[method-assign,assignment]
        async with s.worker() as works:
            await s.outbox.put([push("a")])
            await asyncio.sleep(1)
            await s.outbox.put([push("b")])
            await asyncio.sleep(5)
            return works.is_healthy, (await s.outbox.status()).total("waiting")

    with caplog.at_level(logging.ERROR):
        assert run(tmp_path, scene) == (False, 1)
    assert "cannot use its gateway" in caplog.text
    assert "secret" not in caplog.text


def test_many_remembered_ids_are_forgotten_in_time(tmp_path: Path) -> None:
    """However many ids are remembered, they are forgotten when their time is over, not some at a time."""

    async def scene(s: Scene) -> Any:
        s.outbox.remember = 5.0
        async with s.worker(results=None, at_once=3000, poll=10.0):
            await s.outbox.put([push(f"{number}", dedupe_id=f"id-{number}") for number in range(1200)])
            await asyncio.sleep(30)
        count = "SELECT count(*) FROM pushgateway_outbox"
        return await database_of(s.outbox).run(lambda connection: connection.execute(count).fetchone()[0])

    assert run(tmp_path, scene) == 0


def test_the_owner_travels_with_the_push(tmp_path: Path) -> None:
    """A push has its owner again when it is sent, so that the gateway asks whether the phone is still that user's, and
    its result has it too."""
    owner = Owner("ann", "phone-1", 7, 2)

    async def scene(s: Scene) -> Any:
        sent = []
        stream = s.gateway.stream

        def watched(pushes: Sequence[Push], **options: Any) -> Any:
            sent.extend(pushes)
            return stream(pushes, **options)

        s.gateway.stream = watched  # type: ignore[method-assign,assignment]
        async with s.worker():
            await s.outbox.put([push("a", owner=owner), push("b")])
            await asyncio.sleep(2)
        return [one.owner for one in sent], [one.owner for one in s.taken.results]

    assert run(tmp_path, scene) == ([owner, None], [owner, None])


def test_withdrawn_before_it_is_sent(tmp_path: Path) -> None:
    """A push that was withdrawn while it waited for its next try is not sent any more."""

    async def scene(s: Scene) -> Any:
        s.server.codes = {"a": "5"}
        async with s.worker():
            (dedupe_id,) = await s.outbox.put([push("a")])
            await asyncio.sleep(40)
            found = await s.outbox.withdraw(dedupe_id=dedupe_id)
            s.server.codes = {}
            await asyncio.sleep(3600)
            return found.removed, s.server.ledger, s.taken.results

    removed, ledger, results = run(tmp_path, scene)

    assert removed == 1
    assert not ledger
    assert results == []


class DroppingPhones(Toy):
    """The toy vendor, whose phones drop repeats of one message."""

    @property
    def deduplicates(self) -> Literal["message"]:  # type: ignore[override]
        return "message"


def test_one_message_id_for_phones_that_drop_repeats(tmp_path: Path) -> None:
    """Where phones drop repeats of a message, all pushes of one `put` with an equal notification have the same message
    id whenever they are sent, and those of another `put` have another, also a second one for the same phone in one
    `put`; one of the host's own stays."""

    async def scene(s: Scene) -> Any:
        sent: list[Push] = []
        stream = s.gateway.stream

        def watched(pushes: Sequence[Push], **options: Any) -> Any:
            sent.extend(pushes)
            return stream(pushes, **options)

        s.gateway.stream = watched  # type: ignore[method-assign,assignment]
        same, own = note(), note(dedupe_id="mine")
        await s.outbox.put([push("a", notification=same), push("b", notification=same), push("own", notification=own)])
        await s.outbox.put([push("c", notification=same), push("c", notification=same, context="second")])
        await lose(s, 1)
        async with s.worker():
            await asyncio.sleep(2)
        again = {one.context or one.push_token.token: one.notification.dedupe_id for one in sent}
        return again, s.taken.endings()

    names, endings = run(tmp_path, scene, vendors={"toy": DroppingPhones})

    assert names["a"] == names["b"]
    assert len({names["a"], names["c"], names["second"]}) == 3
    assert names["own"] == "mine"
    assert len(names["a"] or "") == 20
    assert set(endings.values()) == {ACCEPTED}


@pytest.mark.parametrize(
    ("options", "field"),
    [
        ({"lease": 59.9}, "lease"),
        ({"timeout": 0}, "timeout"),
        ({"at_once": 0}, "at_once"),
        ({"most_lost": 0}, "most_lost"),
        ({"give_up_after": 0}, "give_up_after"),
        ({"poll": 0}, "poll"),
        ({"unknown": "forget"}, "unknown"),
        ({"unknown_by_certificate": {"1": "forget"}}, "unknown"),
        ({"results": "list"}, "results"),
    ],
)
def test_wrong_options(tmp_path: Path, options: dict[str, Any], field: str) -> None:
    """A wrong option is named when the worker is made."""

    async def scene(s: Scene) -> None:
        s.worker(lease=60.0)
        with pytest.raises(FieldError, match=rf"Worker\.{field}"):
            s.worker(**options)

    run(tmp_path, scene)
