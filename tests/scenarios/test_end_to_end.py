"""From (certificate id, token) to OPPO: the whole gateway against the strict sandbox, without a network.

Each test compares outcomes with the sandbox's ledger, which has an entry only for a push that was really delivered.
"""

import asyncio
import json
import logging
import random
from collections import Counter
from collections.abc import Coroutine
from typing import Any

import attrs
import pytest
from pushgateway_oppo.sandbox import OppoSandbox

from pushgateway import (
    Audience,
    Certificate,
    Gateway,
    Notification,
    OpenUrl,
    Outcome,
    Push,
    PushToken,
    Reason,
    Status,
)
from pushgateway.sandbox import Fault
from pushgateway.testing import SandboxTransport
from pushgateway.testing.virtual_time import loop_wall_clock, run_virtual

pytestmark = pytest.mark.days

HOST = "https://api.push.oppomobile.com"


def certificate(sandbox: OppoSandbox, key: int = 7005, **settings: Any) -> Certificate:
    return Certificate(key, "oppo", {**sandbox.settings(HOST), **settings})


def gateway(sandbox: OppoSandbox, *certificates: Certificate, **options: Any) -> Gateway:
    clock = loop_wall_clock()
    transport = SandboxTransport(sandbox, clock=clock, latency=lambda: 0.01)
    options = {"transport": transport, "clock": clock, "rng": random.Random(1), **options}
    return Gateway(certificates or [certificate(sandbox)], **options)


def sandbox_(**options: Any) -> OppoSandbox:
    return OppoSandbox(clock=loop_wall_clock(), **options)


def run(main: Coroutine[Any, Any, Any]) -> Any:
    return run_virtual(main)


def check_ledger(sandbox: OppoSandbox, outcomes: list[Outcome], texts: dict[str, str]) -> None:
    """Outcomes and the sandbox's ledger agree, and no phone got another phone's text."""
    for outcome in outcomes:
        times = sandbox.ledger.count(outcome.push_token.token)
        if outcome.status is Status.ACCEPTED:
            assert times == 1, outcome
        elif outcome.status is Status.UNKNOWN:
            assert times <= 1, outcome
        else:
            assert times == 0, outcome
    for delivery in sandbox.ledger.deliveries:
        assert delivery.body == texts[delivery.token]


def test_ten_thousand_cold_sends_make_one_login() -> None:
    """Each outcome is right, dead tokens are found, and no phone gets another's text."""
    sandbox = sandbox_(tokens=10_000)
    tokens = list(sandbox.tokens)
    dead = set(random.Random(3).sample(tokens, 500))
    for token in dead:
        sandbox.uninstall(token)
    texts = {token: f"第{place}条消息" for place, token in enumerate(tokens)}

    async def main() -> list[Outcome]:
        async with gateway(sandbox) as g:
            sends = [g.send(PushToken(7005, token), Notification("新消息", texts[token])) for token in tokens]
            return await asyncio.gather(*sends)

    outcomes = run(main())

    assert sandbox.ledger.calls == {"auth": 1, "unicast_batch": 10}
    assert [outcome.push_token.token for outcome in outcomes] == tokens
    assert {o.push_token.token for o in outcomes if o.reason is Reason.UNREGISTERED} == dead
    assert Counter(outcome.status for outcome in outcomes) == {Status.ACCEPTED: 9500, Status.REJECTED: 500}
    check_ledger(sandbox, outcomes, texts)


def test_forty_sends_with_an_expired_token_make_one_further_login() -> None:
    """All arrive once, and the host sees no failure."""
    sandbox = sandbox_(tokens=41)
    first, *others = sandbox.tokens

    async def main() -> list[Outcome]:
        async with gateway(sandbox, certificate(sandbox, batch_size=1)) as g:
            await g.send(PushToken(7005, first), Notification("t", first))
            sandbox.expire_tokens()
            return await asyncio.gather(*(g.send(PushToken(7005, t), Notification("t", t)) for t in others))

    outcomes = run(main())

    assert sandbox.ledger.calls["auth"] == 2
    assert all(outcome.ok for outcome in outcomes)
    check_ledger(sandbox, outcomes, {token: token for token in sandbox.tokens})


FAULTS = [
    Fault(kind="drop", share=0.05, times=None),
    Fault(kind="refuse", share=0.03, times=None),
    Fault(kind="cut", share=0.05, times=None, size=30),
    Fault(kind="html", share=0.03, times=None),
    Fault(kind="empty", share=0.02, times=None),
    Fault(kind="status", share=0.03, times=None, status=503),
    Fault(kind="code", share=0.03, times=None, code="-1"),
    Fault(kind="code", share=0.02, times=None, code="-2"),
    Fault(kind="delay", share=0.05, times=None, seconds=15),
    Fault(kind="expire", share=0.03, times=3),
    Fault(kind="shuffle", share=0.3, times=None),
    Fault(kind="omit", share=0.3, times=None),
    Fault(kind="extra", share=0.2, times=None),
    Fault(kind="twice", share=0.2, times=None),
    Fault(kind="text_codes", share=0.2, times=None),
    Fault(kind="text_data", share=0.2, times=None),
]


@pytest.mark.parametrize("seed", [1, 2])
def test_a_hundred_thousand_concurrent_sends_with_faults_on(seed: int) -> None:
    """No text goes to a wrong token, no outcome is lost, no push is delivered twice."""
    count = 50_000  # two seeds make the hundred thousand
    sandbox = sandbox_(tokens=count, seed=seed)
    sandbox.faults.add(
        *(attrs.evolve(fault, operation=name) for name in ("unicast_batch", "unicast") for fault in FAULTS)
    )
    tokens = list(sandbox.tokens)
    chance = random.Random(seed)
    for token in chance.sample(tokens, 1000):
        sandbox.uninstall(token)
    texts = {token: f"{place} 号机的消息 🙂" for place, token in enumerate(tokens)}

    async def main() -> list[Outcome]:
        async with gateway(sandbox, timeout=120.0) as g:
            sends = [g.send(PushToken(7005, token), Notification("新消息", texts[token])) for token in tokens]
            return await asyncio.gather(*sends)

    outcomes = run(main())

    assert [outcome.push_token.token for outcome in outcomes] == tokens
    check_ledger(sandbox, outcomes, texts)
    endings = Counter(outcome.status for outcome in outcomes)
    assert endings[Status.ACCEPTED] > 0.9 * count
    assert all((outcome.reason is None) == outcome.ok for outcome in outcomes)
    assert not any(outcome.possible_duplicate for outcome in outcomes)


def test_hard_cases_end_as_promised_and_hurt_nobody() -> None:
    """Each unusual push has its own outcome, and the ordinary pushes around it arrive."""
    sandbox = sandbox_()
    good, other = sandbox.tokens[:2]
    wrong = certificate(sandbox, 7006, master_secret="not the MasterSecret")
    cases = {
        "good": Push(PushToken(7005, good), Notification("t", "b")),
        "wrong secret": Push(PushToken(7006, good), Notification("t", "b")),
        "unknown certificate": Push(PushToken(1, good), Notification("t", "b")),
        "uninstalled brand": Push(PushToken(7007, good), Notification("t", "b")),
        "semicolon": Push(PushToken(7005, "CN_a;CN_b"), Notification("t", "b")),
        "empty title": Push(PushToken(7005, good), Notification("", "b")),
        "surrogate": Push(PushToken(7005, sandbox.tokens[2]), Notification("t\ud800", "b\udfff!")),
        "5 MB": Push(PushToken(7005, sandbox.tokens[3]), Notification("t", "汉" * 5_000_000)),
        "long url": Push(PushToken(7005, good), Notification("t", "b", click=OpenUrl("https://x/" + "y" * 491))),
        "ttl": Push(PushToken(7005, good), Notification("t", "b", ttl=259_201)),
        "also good": Push(PushToken(7005, other), Notification("t", "b")),
    }

    async def main() -> list[Outcome]:
        certificates = [certificate(sandbox), wrong, Certificate(7007, "nobody")]
        async with gateway(sandbox, *certificates) as g:
            return await g.send_each(cases.values())

    outcomes = dict(zip(cases, run(main()), strict=True))
    endings = {name: (outcome.status, outcome.reason) for name, outcome in outcomes.items()}

    assert endings == {
        "good": (Status.ACCEPTED, None),
        "wrong secret": (Status.NOT_SENT, Reason.CREDENTIALS),
        "unknown certificate": (Status.NOT_SENT, Reason.CREDENTIALS),
        "uninstalled brand": (Status.NOT_SENT, Reason.CREDENTIALS),
        "semicolon": (Status.NOT_SENT, Reason.INVALID_NOTIFICATION),
        "empty title": (Status.NOT_SENT, Reason.INVALID_NOTIFICATION),
        "surrogate": (Status.ACCEPTED, None),
        "5 MB": (Status.ACCEPTED, None),
        "long url": (Status.NOT_SENT, Reason.INVALID_NOTIFICATION),
        "ttl": (Status.NOT_SENT, Reason.INVALID_NOTIFICATION),
        "also good": (Status.ACCEPTED, None),
    }
    assert outcomes["wrong secret"].vendor_code == "16"
    assert "title" in outcomes["empty title"].detail
    assert "500" in outcomes["long url"].detail
    assert "259200" in outcomes["ttl"].detail
    assert outcomes["5 MB"].truncated == ("body",)
    assert sandbox.ledger.deliveries[-1].body != ""
    shown = {delivery.token: delivery for delivery in sandbox.ledger.deliveries}
    assert (shown[sandbox.tokens[2]].title, shown[sandbox.tokens[2]].body) == ("t�", "b�!")
    assert len(shown[sandbox.tokens[3]].body) == 200
    assert sandbox.ledger.calls["auth"] == 2  # one for each certificate that has a key


def test_a_clock_that_is_off_is_learned_from_the_reply() -> None:
    """With a clock one hour off, the login is repeated once with the vendor's time; later logins succeed at once."""
    sandbox = OppoSandbox(clock=lambda: loop_wall_clock()() + 3600)

    async def main() -> list[Outcome]:
        async with gateway(sandbox) as g:
            first = await g.send(PushToken(7005, sandbox.tokens[0]), Notification("t", "b"))
            sandbox.expire_tokens()
            return [first, await g.send(PushToken(7005, sandbox.tokens[1]), Notification("t", "b"))]

    outcomes = run(main())

    assert all(outcome.ok for outcome in outcomes)
    assert sandbox.ledger.calls["auth"] == 3


def test_every_push_beyond_the_daily_quota_gets_that_reason() -> None:
    """A quota that ends within a batch: the first pushes are accepted, the others get `QUOTA_EXCEEDED`."""
    sandbox = sandbox_(daily_limit=5)
    pushes = [Push(PushToken(7005, token), Notification("t", token)) for token in sandbox.tokens]

    async def main() -> list[Outcome]:
        async with gateway(sandbox) as g:
            return await g.send_each(pushes)

    outcomes = run(main())

    assert [outcome.ok for outcome in outcomes] == [True] * 5 + [False] * 15
    assert {outcome.reason for outcome in outcomes[5:]} == {Reason.QUOTA_EXCEEDED}
    check_ledger(sandbox, outcomes, {token: token for token in sandbox.tokens})


@pytest.mark.parametrize("dialect", ["v1.3", "current"])
def test_broadcasts_reach_their_audience(dialect: str) -> None:
    """Everyone, a long list with dead tokens, an alias, a tag."""
    sandbox = sandbox_(tokens=2500, dialect=dialect)
    tokens = list(sandbox.tokens)
    for token in tokens[::100]:
        sandbox.uninstall(token)
    sandbox.set_alias(tokens[1], "ann")
    sandbox.set_tags(tokens[2], ["vip"])
    audiences = {
        "list": Audience.of_tokens(tokens),
        "alias": Audience.of_aliases(["ann"]),
        "tag": Audience.of_tags(["vip"]),
        "all": Audience.everyone(),
    }

    async def main() -> dict[str, Any]:
        async with gateway(sandbox) as g:
            return {
                name: await g.broadcast(7005, Notification("t", name), audience) for name, audience in audiences.items()
            }

    outcomes = run(main())
    shown = Counter(delivery.body for delivery in sandbox.ledger.deliveries)

    assert outcomes["list"].counts == {(Status.ACCEPTED, None): 2475, (Status.REJECTED, Reason.UNREGISTERED): 25}
    assert all(outcome.ok for name, outcome in outcomes.items() if name != "list")
    assert shown == {"list": 2475, "alias": 1, "tag": 1, "all": 2475}
    assert [one.push_token.token for one in outcomes["list"].outcomes] == tokens
    assert [one.reason for one in outcomes["list"].outcomes[:2]] == [Reason.UNREGISTERED, None]
    assert len(outcomes["list"].task_ids) == 3
    assert sandbox.ledger.calls == {"auth": 1, "save": 4, "broadcast": 6}


def test_no_secret_token_or_text_is_in_any_log_or_repr(caplog: pytest.LogCaptureFixture) -> None:
    """Over all faults: logs and reprs may be shown to anybody."""
    caplog.set_level(logging.DEBUG)
    canary = "CANARY7f3a"
    sandbox = OppoSandbox(clock=loop_wall_clock(), master_secret=f"{canary}-secret", tokens=200)
    sandbox.faults.add(*FAULTS, Fault(kind="code", code="16", share=0.1, times=None))
    dead = f"CN_{canary}"

    async def main() -> list[str]:
        async with gateway(sandbox, certificate(sandbox), certificate(sandbox, 2, master_secret=canary)) as g:
            pushes = [
                Push(PushToken(key, token), Notification(f"{canary} title", f"{canary} body", data={"k": canary}))
                for token in [*sandbox.tokens, dead]
                for key in (7005, 2, 3)
            ]
            outcomes = await g.send_each(pushes)
            everyone = await g.broadcast(7005, pushes[0].notification, Audience.of_tokens([dead, *sandbox.tokens]))
            return [repr(value) for value in (g, *g.certificates, *pushes, *outcomes, everyone, everyone.outcomes)]

    shown = [*run(main()), *(record.getMessage() for record in caplog.records), *map(repr, caplog.records)]

    assert len(caplog.records) > 0
    assert not [text for text in shown if canary in text]
    assert not [text for text in shown for token in sandbox.tokens if token in text]


def test_a_repeat_carries_the_same_bytes() -> None:
    """A repeated request equals the first one, except for the access token."""
    sandbox = sandbox_()
    sandbox.faults.add(Fault(kind="drop"), Fault(kind="code", code="-1"))
    bodies: list[bytes] = []

    class Recording(SandboxTransport):
        async def send(self, request: Any, *, pool: str, timeout: float) -> Any:  # noqa: ASYNC109
            if request.url.endswith("unicast"):
                bodies.append(request.content.partition(b"&auth_token=")[0])
            return await super().send(request, pool=pool, timeout=timeout)

    async def main() -> Outcome:
        transport = Recording(sandbox, clock=loop_wall_clock())
        async with gateway(sandbox, transport=transport) as g:
            await g.check(7005)
            return await g.send(PushToken(7005, sandbox.tokens[0]), Notification("t", "b", data={"a": 1}))

    sandbox.faults.clear()
    sandbox.faults.add(Fault(kind="drop", operation="unicast"), Fault(kind="code", code="-1", operation="unicast"))
    outcome = run(main())

    assert outcome.ok
    assert len(bodies) == 3
    assert len(set(bodies)) == 1
    assert json.dumps(outcome.dedupe_id).encode().strip(b'"') in bodies[0]
