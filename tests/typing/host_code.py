"""How a host uses pushgateway, for the type checker. Never run; checked against the installed package.

`assert_type` states what a host's editor shows. A change that breaks one of them breaks hosts.
"""

from collections.abc import AsyncIterator, Iterator
from datetime import UTC, datetime
from typing import Any, assert_never, assert_type

import pushgateway.sync
from pushgateway import (
    Audience,
    BroadcastOutcome,
    CallOutcome,
    Certificate,
    CertificateCheck,
    Config,
    ConfigError,
    FieldError,
    Gateway,
    Network,
    Notification,
    OpenUrl,
    Outcome,
    Push,
    PushFailed,
    PushgatewayError,
    PushToken,
    Reason,
    Receipt,
    ReceivedReceipts,
    Statistics,
    Status,
    TokenOutcome,
    load_config,
)
from pushgateway.devices import Binding, Devices
from pushgateway.receipts import Confirmation, Confirming, Receipts
from pushgateway.vendor import Response, Vendor

CERTIFICATES = [
    Certificate(7005, "oppo", {"app_key": "an app key", "master_secret": "a master secret"}),
    Certificate("7006", "xiaomi"),
]


async def one(gateway: Gateway) -> None:
    """A certificate id may be a number or a text; every field of an outcome has an exact type."""
    outcome = await gateway.send(PushToken(7005, "a token"), Notification("title", "body"), timeout=5, coalesce=False)
    assert_type(outcome, Outcome)
    assert_type(outcome.ok, bool)
    assert_type(outcome.status, Status)
    assert_type(outcome.reason, Reason | None)
    assert_type(outcome.message_id, str | None)
    assert_type(outcome.retry_after, float | None)
    assert_type(outcome.truncated, tuple[str, ...])
    assert_type(outcome.push_token.certificate_id, str)
    try:
        outcome.raise_for_failure()
    except PushFailed as failed:
        assert_type(failed.outcome, Outcome | BroadcastOutcome | CallOutcome[Any] | TokenOutcome)


async def many(gateway: Gateway) -> None:
    """One outcome for each push, in a list; the same for plain tokens."""
    notification = Notification("title", "body", click=OpenUrl("https://example.com"), network=Network.WIFI, ttl=600)
    tokens = [PushToken(7005, "a token"), PushToken("7006", "another")]
    assert_type(await gateway.send_each([Push(token, notification, timeout=2.5) for token in tokens]), list[Outcome])
    assert_type(await gateway.send_each(Push(token, notification) for token in tokens), list[Outcome])
    assert_type(await gateway.multicast(tokens, notification, timeout=5), list[Outcome])
    for outcome in await gateway.send_each([Push(token, notification, context=7) for token in tokens]):
        assert_type(outcome.context, object)


async def endless(gateway: Gateway, supply: AsyncIterator[Push]) -> None:
    """A stream takes an asynchronous source or any iterable, and yields outcomes."""
    async for outcome in gateway.stream(supply, window=500):
        assert_type(outcome, Outcome)
    async for outcome in gateway.stream([Push(PushToken(7005, "a token"), Notification("title", "body"))]):
        assert_type(outcome, Outcome)


async def everybody(gateway: Gateway) -> None:
    """A broadcast names its audience; its outcome contains the outcomes of single tokens."""
    notification = Notification("title", "body")
    audiences = [
        Audience.everyone(),
        Audience.of_tokens(f"token {number}" for number in range(3)),
        Audience.of_aliases(["an alias"]),
        Audience.of_tags(["sport"], none_of=["weather"]),
    ]
    for audience in audiences:
        done = await gateway.broadcast(7005, notification, audience, start_at=datetime.now(UTC), rate=1000)
        assert_type(done, BroadcastOutcome)
        assert_type(done.outcomes, tuple[Outcome, ...])
        assert_type(done.task_ids, tuple[str, ...])


def act(outcome: Outcome) -> str:
    """The statuses are closed: a checker reports one that is not handled."""
    match outcome.status:
        case Status.ACCEPTED:
            return "nothing to do"
        case Status.REJECTED:
            return "retire the token" if outcome.reason is Reason.UNREGISTERED else "keep it"
        case Status.NOT_SENT:
            return "try later"
        case Status.UNKNOWN:
            return "decide"
        case other:
            assert_never(other)


async def operations(gateway: Gateway) -> None:
    """A vendor's own operations: by name without types, by the plug-in's method with all of them."""
    assert_type(await gateway.vendor(7005).statistics("message", "task"), CallOutcome[Any])
    outcome = await gateway.vendor(7005, timeout=5).ask(Vendor.statistics, "message", task_id="task")
    assert_type(outcome, CallOutcome[Statistics])
    assert_type(outcome.value, Statistics | None)
    await gateway.vendor(7005).ask(Vendor.statistics, "message")  # type: ignore[call-arg]
    await gateway.vendor(7005).ask(Vendor.advice)  # type: ignore[arg-type]
    taken_back = await gateway.recall(await gateway.send_each([]), timeout=5)
    assert_type(taken_back, list[TokenOutcome])
    assert_type(await gateway.check_tokens({PushToken(7005, "a token")}), list[TokenOutcome])
    await gateway.recall([PushToken(7005, "a token")])  # type: ignore[list-item]


async def later(gateway: Gateway, outcome: BroadcastOutcome) -> Receipts:
    """Receipts are received by an app or by hand, and a confirmation says which phones got the push."""
    received = gateway.receipts(7005, {"content-type": "application/json"}, b"[]")
    assert_type(received, ReceivedReceipts)
    assert_type(received.receipts, tuple[Receipt, ...])
    gateway.forget_receipts(received.receipts)
    assert_type(gateway.admits(7005, "the secret part"), bool)
    assert_type(gateway.receipt_address(7005), str)
    assert_type(gateway.receipt_answer(7005, taken=not received.should_repeat), Response)
    confirming = Confirming(gateway)
    assert_type(await confirming.confirm(outcome, within=60), Confirmation)
    Receipts(gateway, print)  # type: ignore[arg-type]
    return Receipts(gateway, confirming.receive, concurrency=8)


async def life() -> None:
    """A gateway is an asynchronous context manager; certificates can be checked and replaced while it is open."""
    try:
        async with Gateway(CERTIFICATES, timeout=20, connections=4) as gateway:
            assert_type(gateway, Gateway)
            assert_type(await gateway.check(7005), CertificateCheck)
            gateway.reload(CERTIFICATES[:1])
            assert_type(gateway.certificates, tuple[Certificate, ...])
            await gateway.aclose(grace=1)
    except ConfigError as wrong:
        assert_type(wrong.problems, tuple[str, ...])
    except FieldError as wrong:
        assert_type(wrong.field, str)
    except PushgatewayError:
        raise


def without_a_loop(supply: Iterator[Push]) -> None:
    """The blocking gateway has the same names and values."""
    notification = Notification("title", "body")
    with pushgateway.sync.Gateway(CERTIFICATES, timeout=20) as gateway:
        assert_type(gateway, pushgateway.sync.Gateway)
        assert_type(gateway.send(PushToken(7005, "a token"), notification), Outcome)
        assert_type(gateway.send_each(supply), list[Outcome])
        assert_type(gateway.multicast([PushToken(7005, "a token")], notification), list[Outcome])
        assert_type(gateway.broadcast(7005, notification, Audience.everyone()), BroadcastOutcome)
        assert_type(gateway.check(7005), CertificateCheck)
        assert_type(gateway.vendor(7005).statistics("message", "task"), CallOutcome[Any])
        assert_type(gateway.vendor(7005).ask(Vendor.statistics, "message", "task"), CallOutcome[Statistics])
        assert_type(gateway.receipts(7005, {}, b"[]"), ReceivedReceipts)
        assert_type(gateway.receipt_answer(7005, taken=True), Response)
        assert_type(gateway.recall(()), list[TokenOutcome])
        assert_type(gateway.check_tokens(()), list[TokenOutcome])
        for outcome in gateway.stream(supply):
            assert_type(outcome, Outcome)


async def from_a_file() -> None:
    """The content of a configuration file fits both gateways, each option with its type."""
    config = load_config("pushgateway.toml", environ={})
    assert_type(config, Config)
    assert_type(config.gateway(timeout=5), Gateway)
    Gateway(config.certificates, **config.options)
    pushgateway.sync.Gateway(config.certificates, **config.options)
    assert_type(config.options.get("connections", 8), int)


async def mistakes(gateway: Gateway) -> None:
    """What a checker must refuse. An `ignore` that is no longer needed fails the check."""
    PushToken(7.5, "a token")  # type: ignore[arg-type]
    PushToken(7005, None)  # type: ignore[arg-type]
    Notification("title", "body", ttl="600")  # type: ignore[arg-type]
    Notification("title", "body", badge=1)  # type: ignore[arg-type]
    await gateway.send(PushToken(7005, "a token"))  # type: ignore[call-arg]
    await gateway.send(PushToken(7005, "a token"), Notification("a", "b"), dedupe_id=1)  # type: ignore[arg-type]
    # One id for many phones would be dropped as a repeat: the id of a message belongs into the notification.
    await gateway.multicast([], Notification("a", "b"), dedupe_id="1")  # type: ignore[call-arg]
    Gateway(CERTIFICATES, conections=4)  # type: ignore[call-arg]
    pushgateway.sync.Gateway(CERTIFICATES, conections=4)  # type: ignore[call-arg]
    PushToken(7005, "a token").token = "another"  # type: ignore[misc]


async def to_users(devices: Devices) -> None:
    """Outcomes by user and device; bindings by user; what the calls say they did."""
    async with devices, Gateway(CERTIFICATES, devices=devices) as gateway:
        bound = await devices.bind("ann", "phone-1", PushToken(7005, "a token"), locale="zh")
        assert_type(bound, Binding)
        assert_type(bound.device, str)
        assert_type(await gateway.push_to_users(["ann"], Notification("title", "body")), dict[str, dict[str, Outcome]])
        for binding in (await devices.of_users(["ann"]))["ann"]:
            await gateway.send_each([Push(binding.push_token, Notification("title", "body"), owner=binding.owner)])
        assert_type(await devices.pushes(["ann"], Notification("title", "body")), list[Push])
        assert_type(await devices.rotate(PushToken(7005, "a token"), PushToken(7005, "another")), Binding | None)
        assert_type(await devices.unbind("ann", "phone-1"), bool)
        assert_type(await devices.unbind_user("ann"), int)


def to_users_blocking(devices: Devices) -> None:
    """The same, without an event loop."""
    with pushgateway.sync.Gateway(CERTIFICATES, devices=devices) as gateway:
        assert_type(gateway.devices.bind("ann", "phone-1", PushToken(7005, "a token")), Binding)
        assert_type(gateway.push_to_users(["ann"], Notification("title", "body")), dict[str, dict[str, Outcome]])
        assert_type(gateway.devices.unbind_user("ann"), int)
