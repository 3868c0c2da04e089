"""Bounds on resources: the entries of maps and queues, the work in one step of the loop, the requests of a second.

Virtual time, and counting instead of measuring time. Groups O, Q and B of the catalogue.
"""

import asyncio
import itertools
import random
from collections import Counter
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from container_sizes import containers
from loaded_vendor import LoadedServer, Offer, Quick
from pushgateway_oppo.sandbox import OppoSandbox
from toy_vendor import Toy, ToyServer, certificate, gateway, note

from pushgateway import Audience, Certificate, Gateway, Notification, Outcome, Priority, Push, PushToken, Reason
from pushgateway.engine.pushes.completion import TURN, Completions
from pushgateway.observe.emitter import MOST
from pushgateway.observe.otel import OpenTelemetryObserver
from pushgateway.testing import SandboxTransport
from pushgateway.testing.virtual_time import loop_wall_clock, run_virtual
from pushgateway.vendor import NoVerdict
from pushgateway.vendor.toolkit.columns import Columns
from pushgateway.vendor.toolkit.form_json import FormEncoder
from pushgateway.vendor.toolkit.items import ItemReader

pytestmark = pytest.mark.days

FEW = 200
"""More entries than any container of an idle gateway may hold."""
CATEGORIES, REGIONS = 12, 8


class Wide(Toy):
    """A vendor with many regions and many quotas, and one notification for each request: every map of the engine is
    used."""

    def region(self, token: str) -> str:
        return f"region-{len(token) % REGIONS}"

    def quota(self, notification: Notification) -> str:
        return notification.title.split(" ")[0]


def busy(seed: int) -> Iterator[Push]:
    """An endless series of pushes that all differ."""
    chance = random.Random(seed)
    for number in itertools.count():
        written = note(f"{number % CATEGORIES} title {number}")
        key = chance.choice(("1", "1", "2", f"made up {number}"))
        token = PushToken(key, f"p{number}" + "-" * (number % REGIONS))
        yield Push(token, written, timeout=chance.choice((0.02, 1.0, 5.0)), priority=chance.choice(list(Priority)))


class Moody(ToyServer):
    """A server that fails in every way, now and then, with new codes for each push."""

    def __init__(self) -> None:
        super().__init__()
        self.chance = random.Random(3)

    def _perform(self, token: str, title: str, dedupe_id: str) -> str:
        self._seen.clear()
        self.ledger.clear()
        self.batches.clear()
        return self.chance.choice("0000023567")

    def spoil(self) -> None:
        """Make the next few requests fail."""
        self.answers = [self.chance.choice(["2", "5", "6", "8", "11", NoVerdict("cut"), NoVerdict("no", sent=False)])]


async def a_day(g: Gateway, server: Moody, pushes: Iterator[Push]) -> None:
    """Traffic of every kind, spread over a day and a night."""
    for hour in range(25):
        some = list(itertools.islice(pushes, 200))
        server.spoil()
        sends = [
            asyncio.create_task(g.try_send(push.push_token, push.notification, timeout=push.timeout))
            for push in some[:60]
        ]
        await asyncio.sleep(0.001 * hour)
        for send in sends[::7]:
            send.cancel()
        await asyncio.wait(sends)
        server.spoil()
        await g.send_each(some[60:120])
        flow = g.stream(some[120:], window=20)
        async for _ in flow:
            if server.chance.random() < 0.02:
                break
        await flow.aclose()
        await g.broadcast(1, note(f"hour {hour}"), Audience.of_tokens(["a", "b", "c", "d"]), timeout=10.0)
        if hour % 8 == 0:
            g.reload([certificate(1), certificate(2, secret=f"secret {hour} {server.calls['login']}")])
        await asyncio.sleep(3600.0)


def test_maps_do_not_grow_from_day_to_day() -> None:
    """After six days of new tokens, texts, ids and failures each container holds no more than after two: a few entries,
    and of log lines as many as are counted separately (O9)."""
    server = Moody()
    pushes = busy(1)
    observer = OpenTelemetryObserver()

    async def main() -> list[dict[str, int]]:
        options: dict[str, Any] = {"vendors": {"toy": Wide}, "observer": observer, "queue": 50, "trace": FEW}
        async with gateway(server, certificate(1), certificate(2), **options) as g:
            sizes = []
            for day in range(6):
                await a_day(g, server, pushes)
                if day in (1, 5):
                    sizes.append({**containers(g), **containers(observer)})
            return sizes

    early, late = run_virtual(main())

    lines = [path for path in late if path.endswith("._said")]
    assert len(lines) == 1
    assert any("_quotas" in path for path in late), "the look into the gateway sees nothing"
    assert {path: size for path, size in late.items() if size > (MOST + 20 if path in lines else FEW)} == {}
    grown = {path: (early.get(path, 0), size) for path, size in late.items() if size > early.get(path, 0) + 20}
    assert {path: sizes for path, sizes in grown.items() if path not in lines} == {}


def test_long_deadlines_leave_nothing_behind() -> None:
    """Five thousand pushes with a timeout of an hour that end at once, spread over minutes, are forgotten when they end
    and not when the hour is over (O9)."""
    server = ToyServer()

    async def main() -> dict[str, int]:
        async with gateway(server, timeout=3600.0, trace=FEW) as g:
            for number in range(5000):
                assert (await g.send(PushToken(1, f"p{number}"), note())).ok
                for book in (server.batches, server.ledger, server._seen):
                    book.clear()
                await asyncio.sleep(0.1)
            return containers(g)

    assert {path: size for path, size in run_virtual(main()).items() if size > FEW} == {}


class Steps:
    """The largest amount of each kind of work that happened in one step of the loop."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.most: Counter[str] = Counter()
        self.total: Counter[str] = Counter()
        self._now: Counter[str] = Counter()
        self._patch = monkeypatch
        plain = asyncio.Handle._run

        def run(handle: asyncio.Handle) -> None:
            self._now.clear()
            plain(handle)

        monkeypatch.setattr(asyncio.Handle, "_run", run)

    def count(self, owner: Any, name: str, *, as_: str = "", weight: Callable[..., int] = lambda *_: 1) -> None:
        """Count the calls of this function, or the items (`weight`) of each call."""
        plain: Callable[..., Any] = getattr(owner, name)
        key = as_ or name

        def counted(*given: Any, **more: Any) -> Any:
            self.total[key] += (some := weight(*given))
            self._now[key] += some
            self.most[key] = max(self.most[key], self._now[key])
            return plain(*given, **more)

        self._patch.setattr(owner, name, counted)


@pytest.mark.parametrize("long", [False, True])
def test_no_step_of_the_loop_encodes_a_whole_batch(long: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    """Batches of a thousand different texts, refused and accepted: in one step of the loop a few hundred at most are
    encoded or decided, and a thousand outcomes at most are set (O8)."""
    count = 4000
    sandbox = OppoSandbox(clock=loop_wall_clock(), tokens=count, keep=False)
    tokens = list(sandbox.tokens)
    for token in tokens[::2]:
        sandbox.uninstall(token)
    more: dict[str, Any] = {"subtitle": "说明" * 9, "data": {"names": ["名" * 20] * 9}} if long else {}
    body = "文" * (900 if long else 60)
    pushes = [
        Push(PushToken(7005, token), Notification(f"第{place}条", body, **more)) for place, token in enumerate(tokens)
    ]
    steps = Steps(monkeypatch)
    for owner, name in ((FormEncoder, "encode"), (Columns, "encode_fully"), (ItemReader, "_outcome")):
        steps.count(owner, name)
    for name in ("finish", "accepted"):
        steps.count(Completions, name, as_="outcomes", weight=lambda self, runs, outcomes: len(outcomes))

    async def main() -> list[Outcome]:
        clock = loop_wall_clock()
        transport = SandboxTransport(sandbox, clock=clock, latency=lambda: 0.01)
        settings = sandbox.settings("https://api.push.oppomobile.com")
        async with Gateway([Certificate(7005, "oppo", settings)], transport=transport, clock=clock) as g:
            return await g.send_each(pushes)

    outcomes = run_virtual(main())

    assert Counter(outcome.reason for outcome in outcomes) == {None: count / 2, Reason.UNREGISTERED: count / 2}
    assert steps.total["encode_fully" if long else "encode"] >= count
    assert steps.most["encode"] <= 256
    assert steps.most["encode_fully"] <= 64
    assert steps.total["outcomes"] == count
    assert steps.most["outcomes"] <= TURN


@pytest.mark.parametrize("takes", [0.05, 1.9, 8.0])
def test_requests_count_when_they_are_sent(takes: float) -> None:
    """Requests without a reply count too: however long the vendor takes, no more requests are sent in a second than the
    rate allows (O4)."""
    server = LoadedServer()
    server.latency = takes

    async def main() -> None:
        async with gateway(server, certificate(size=1), vendors={"toy": Quick}, connections=1000) as g:  # type: ignore[arg-type]
            offer = Offer(g, timeout=30.0)
            await offer.keep_up("1", 200, 30, Priority.NORMAL)

    run_virtual(main())

    leaving = [server.calls["1", second] for second in range(12, 30)]
    assert max(leaving) <= 50 * 1.1 + 1
    assert sum(leaving) >= 0.9 * 50 * len(leaving)
