"""The scenes of the demo: each sends something through the gateway and compares its outcomes with the sandbox's ledger.

Nothing is printed here; `demo` does. Each scene has phones of its own, so that "exactly once" can be counted by token.
Each number that does not agree is a sentence in `Scene.problems`.
"""

from __future__ import annotations

import asyncio
import time
from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any

import attrs

from pushgateway.gateway import Gateway
from pushgateway.model.audience import Audience
from pushgateway.model.notification import Notification
from pushgateway.model.outcome import Outcome
from pushgateway.model.push import Push, PushToken
from pushgateway.model.reason import Reason, Status, SumStatus
from pushgateway.model.secret import mask, safe_repr
from pushgateway.sandbox import Sandbox
from pushgateway.transport import Transport
from pushgateway.vendor import Request, Response

CERTIFICATE_ID = "7005"
AUDIENCE = 1500
"""Tokens of the broadcast: more than one request holds."""
SENDS = 40
"""Single sends after the access token has expired."""
FAMILY = "\U0001f468\u200d\U0001f469\u200d\U0001f467"
"""One emoji on the screen: five code points, eight UTF-16 units."""


class CountingTransport:
    """A transport that counts the requests that it sends, by the vendor's name of the call."""

    def __init__(self, inner: Transport, operation: Callable[[Request], str]) -> None:
        self._inner = inner
        self._operation = operation
        self.calls: Counter[str] = Counter()

    async def send(self, request: Request, *, pool: str, timeout: float) -> Response:  # noqa: ASYNC109
        """See `Transport.send`."""
        self.calls[self._operation(request)] += 1
        return await self._inner.send(request, pool=pool, timeout=timeout)

    async def aclose(self) -> None:
        """Close the transport inside."""
        await self._inner.aclose()


@safe_repr
@attrs.frozen
class DemoSetup:
    """What all scenes use: one sandbox and one gateway on it, with a transport that counts calls."""

    sandbox: Sandbox
    gateway: Gateway
    transport: CountingTransport

    def calls(self) -> Counter[str]:
        """Calls counted on our side so far."""
        return self.transport.calls.copy()


@safe_repr
@attrs.frozen
class Scene:
    """The result of a scene: its numbers, and each of them that does not agree with the ledger."""

    name: str
    numbers: Mapping[str, Any]
    accepted: int
    """Pushes that the sandbox must have delivered."""
    problems: tuple[str, ...]
    example: str = attrs.field(repr=False)
    """The token of a phone worth looking at afterwards."""


def compare_with_ledger(outcomes: Iterable[Outcome], delivered: Callable[[str], int]) -> list[str]:
    """A sentence for each way in which outcomes differ from the deliveries. Each token must be in one push only."""
    wrong: Counter[str] = Counter()
    for outcome in outcomes:
        count = delivered(outcome.push_token.token)
        if outcome.status is Status.UNKNOWN:
            wrong["ended without a verdict"] += 1
        elif count != (1 if outcome.ok else 0):
            wrong[f"ended {outcome.status.value} and were delivered {count} times"] += 1
    return [f"{number} pushes {sentence}" for sentence, number in wrong.items()]


def compare(name: str, found: object, right: object) -> list[str]:
    """A sentence if `found` is not what it must be; otherwise nothing."""
    return [] if found == right else [f"{name}: {found}, must be {right}"]


def endings(outcomes: Iterable[Outcome]) -> dict[str, int]:
    """How many ended how: `accepted`, `unregistered`, `muted` …"""
    return dict(Counter((outcome.reason or outcome.status).value for outcome in outcomes))


def _chat(number: int) -> Notification:
    body, data = f"第 {number} 条：今晚八点见 😀", {"chat": number}
    return Notification(f"张伟 {number}", body, data=data, intent="chat", channel_id="chat")


async def one_long_message(setup: DemoSetup, limits: tuple[int, int]) -> Scene:
    """A title and a body that are too long, with an emoji exactly where the limits (UTF-16 units) fall."""
    (token,) = setup.sandbox.register(1)
    # The vendor's limit holds the mark of the cut too, so two places are left where the emoji begins.
    kept = "你有一条来自张伟的新消息" * 40
    title, body = (kept[: limit - 2] for limit in limits)
    before = setup.calls()
    notification = Notification(f"{title}{FAMILY}还有更多", f"{body}{FAMILY}还有更多")
    outcome = await setup.gateway.send(PushToken(CERTIFICATE_ID, token), notification)
    shown = setup.sandbox.ledger.last(1)
    received = (shown[0].title, shown[0].body) if shown else ("", "")
    numbers = {
        "status": outcome.status.value,
        "truncated": list(outcome.truncated),
        "limits": list(limits),
        "sent": [len(notification.title), len(notification.body)],
        "received": [len(text) for text in received],
        "title_received": received[0],
        "body_received": received[1],
        "calls": dict(setup.calls() - before),
    }
    problems = [
        *compare_with_ledger([outcome], setup.sandbox.ledger.count),
        *compare("status", outcome.status, Status.ACCEPTED),
        *compare("fields that were cut", outcome.truncated, ("title", "body")),
        *compare("the title on the phone is whole up to the emoji", received[0], f"{title}…"),
        *compare("the body on the phone is whole up to the emoji", received[1], f"{body}…"),
        *compare("logins", setup.transport.calls["auth"], 1),
    ]
    return Scene("one long message", numbers, int(outcome.ok), tuple(problems), token)


async def many_messages(setup: DemoSetup, count: int, progress: Callable[[int], None]) -> Scene:
    """`count` different messages to as many phones; some have removed the app, some have switched it off.

    `progress` is called every 0.1 seconds with the number of deliveries so far.
    """
    tokens = setup.sandbox.register(count)
    dead = {token for token in tokens[7::100] if setup.sandbox.uninstall(token)}
    muted = {token for token in tokens[9::250] if setup.sandbox.mute(token)}
    before = setup.calls()
    pushes = [Push(PushToken(CERTIFICATE_ID, token), _chat(number)) for number, token in enumerate(tokens)]
    began = time.perf_counter()
    progressing = asyncio.create_task(_report_progress(setup.sandbox, progress))
    outcomes = await setup.gateway.send_each(pushes)
    progressing.cancel()
    seconds = time.perf_counter() - began
    right = {"accepted": count - len(dead) - len(muted), "unregistered": len(dead), "muted": len(muted)}
    numbers = {
        "pushes": count,
        "dead": len(dead),
        "muted": len(muted),
        "outcomes": endings(outcomes),
        "calls": dict(setup.calls() - before),
        "seconds": round(seconds, 3),
        "pushes_per_second": round(count / seconds),
    }
    problems = [
        *compare_with_ledger(outcomes, setup.sandbox.ledger.count),
        *compare("outcomes in the order given", [one.push_token.token for one in outcomes] == tokens, True),
        *compare("outcomes", endings(outcomes), {ending: number for ending, number in right.items() if number}),
        *_wrong_reasons(outcomes, {Reason.UNREGISTERED: dead, Reason.MUTED: muted}),
    ]
    return Scene("many messages", numbers, sum(one.ok for one in outcomes), tuple(problems), tokens[0])


async def _report_progress(sandbox: Sandbox, progress: Callable[[int], None]) -> None:
    start = sandbox.ledger.total
    while True:
        progress(sandbox.ledger.total - start)
        await asyncio.sleep(0.1)


def _wrong_reasons(outcomes: Sequence[Outcome], right: Mapping[Reason, set[str]]) -> list[str]:
    """A sentence for each reason whose phones are not exactly those that it is true of."""
    found: dict[Reason | None, set[str]] = {}
    for outcome in outcomes:
        found.setdefault(outcome.reason, set()).add(outcome.push_token.token)
    return [
        f"{reason.value} was said of {len(found.get(reason, set()) ^ tokens)} wrong phones"
        for reason, tokens in right.items()
        if found.get(reason, set()) != tokens
    ]


async def one_broadcast(setup: DemoSetup) -> Scene:
    """One notification to a long list of tokens, some of them dead; one outcome for each."""
    tokens = setup.sandbox.register(AUDIENCE)
    dead = {token for token in tokens[3::50] if setup.sandbox.uninstall(token)}
    before = setup.calls()
    notification = Notification("今晚维护", "今晚 23:00 至 23:30 暂停服务 🙏")
    outcome = await setup.gateway.broadcast(CERTIFICATE_ID, notification, Audience.of_tokens(tokens))
    calls = setup.calls() - before
    numbers = {
        "tokens": len(tokens),
        "dead": len(dead),
        "status": outcome.status.value,
        "outcomes": endings(outcome.outcomes),
        "calls": dict(calls),
    }
    problems = [
        *compare("status of the broadcast", outcome.status, SumStatus.PARTLY if dead else Status.ACCEPTED),
        *compare_with_ledger(outcome.outcomes, setup.sandbox.ledger.count),
        *compare("outcomes in the order given", [one.push_token.token for one in outcome.outcomes] == tokens, True),
        *_wrong_reasons(outcome.outcomes, {Reason.UNREGISTERED: dead}),
        *compare("texts saved", calls["save"], 1),
    ]
    return Scene("broadcast", numbers, sum(one.ok for one in outcome.outcomes), tuple(problems), tokens[0])


async def one_renewal(setup: DemoSetup) -> Scene:
    """All access tokens expire, then many sends start at once: one login serves all of them."""
    tokens = setup.sandbox.register(SENDS)
    setup.sandbox.expire_tokens()
    before = setup.calls()
    outcomes = await asyncio.gather(
        *(
            setup.gateway.send(PushToken(CERTIFICATE_ID, token), _chat(number))
            for number, token in enumerate(tokens, start=90001)
        )
    )
    calls = setup.calls() - before
    numbers = {
        "sends": len(tokens),
        "outcomes": endings(outcomes),
        "logins": calls["auth"],
        "calls": dict(calls),
    }
    problems = [
        *compare_with_ledger(outcomes, setup.sandbox.ledger.count),
        *compare("outcomes after the expiry", endings(outcomes), {"accepted": len(tokens)}),
        *compare("logins after the expiry", calls["auth"], 1),
    ]
    return Scene("renewal", numbers, sum(one.ok for one in outcomes), tuple(problems), tokens[0])


def all_problems(setup: DemoSetup, scenes: Sequence[Scene]) -> list[str]:
    """The problems of each scene, and of the sums over all scenes."""
    ledger = setup.sandbox.ledger
    return [
        *(f"{scene.name}: {problem}" for scene in scenes for problem in scene.problems),
        *compare("pushes delivered in all", ledger.total, sum(scene.accepted for scene in scenes)),
        *compare("calls as the sandbox counted", dict(ledger.calls), dict(setup.transport.calls)),
    ]


def phone_screens(setup: DemoSetup, scenes: Sequence[Scene]) -> list[dict[str, str]]:
    """What the example phone of each scene shows, with its token shortened."""
    by_token = {phone.token: phone for phone in setup.sandbox.phones()}
    shown = ((scene.example, by_token[scene.example].shown) for scene in scenes)
    return [{"token": mask(token), "title": seen[-1].title, "body": seen[-1].body} for token, seen in shown if seen]
