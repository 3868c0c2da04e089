"""OPPO's calls other than sending, made through a gateway: each has an outcome of its own."""

from __future__ import annotations

from typing import Any

import pytest
from pictures import png
from pushgateway_oppo import Alias, Oppo
from pushgateway_oppo.sandbox import OppoSandbox

from pushgateway import Audience, Certificate, Gateway, Notification, PushToken, Reason, Status
from pushgateway.testing import SandboxTransport

pytestmark = pytest.mark.anyio
NOTE = Notification("Hi", "You have mail")


def opened(oppo: OppoSandbox, **more: Any) -> Gateway:
    """A gateway with one certificate, connected to this sandbox."""
    certificate = Certificate(7005, "oppo", {**oppo.settings("https://oppo.example"), **more})
    return Gateway([certificate], transport=SandboxTransport(oppo))


@pytest.mark.parametrize("dialect", ["v1.3", "current"])
async def test_broadcasts_reach_phones_by_alias_and_tag(dialect: str) -> None:
    """An alias and a tag set through the gateway are used by its broadcasts; one login is enough for all calls."""
    oppo = OppoSandbox(dialect=dialect)
    one, two, *_ = oppo.tokens
    async with opened(oppo) as gateway:
        named = await gateway.vendor(7005).subscribe_alias(one, "ann")
        tagged = await gateway.vendor(7005).ask(Oppo.subscribe_tags, two, ["fans"])
        to_ann = await gateway.broadcast(7005, NOTE, Audience.of_aliases(["ann"]))
        to_fans = await gateway.broadcast(7005, NOTE, Audience.of_tags(["fans"]))

    assert (named.ok, named.value) == (True, Alias(one, "ann"))
    assert tagged.value is not None
    assert tagged.value.names == ("fans",)
    assert to_ann.ok
    assert to_fans.ok
    assert [delivery.token for delivery in oppo.ledger.deliveries] == [one, two]
    assert oppo.ledger.calls["auth"] == 1


async def test_an_uploaded_picture_is_shown_by_a_broadcast() -> None:
    """It is uploaded, named in a broadcast, and shown."""
    oppo = OppoSandbox(dialect="current")
    async with opened(oppo) as gateway:
        kept = await gateway.vendor(7005).ask(Oppo.upload_picture, "big", png(876, 324))
        assert kept.value is not None
        style = {"style": 3, "big_picture_id": kept.value.picture_id}
        note = Notification("Final", "Starts now", overrides={"oppo": style})
        sent = await gateway.broadcast(7005, note, Audience.everyone())

    assert sent.ok
    assert oppo.ledger.deliveries[0].notification["big_picture_id"] == kept.value.picture_id


async def test_statistics_and_invalid_tokens_after_a_broadcast() -> None:
    """The ids of the broadcast's outcome give its statistics; `invalid_tokens` lists uninstalled apps."""
    old, new = OppoSandbox(), OppoSandbox(dialect="current")
    new.uninstall(new.tokens[0])
    dead_before = set(OppoSandbox(dialect="current").tokens) - set(new.tokens)
    async with opened(old) as gateway:
        sent = await gateway.broadcast(7005, NOTE, Audience.everyone())
        figures = await gateway.vendor(7005).statistics(sent.message_id, sent.task_ids[0])
    async with opened(new) as gateway:
        dead = await gateway.vendor(7005).invalid_tokens()

    assert (figures.ok, figures.value.arrived, figures.value.targets) == (True, 20, 20)
    assert (set(dead.value.tokens), dead.value.complete) == (dead_before, True)


async def test_an_expired_access_token_is_replaced() -> None:
    """The core logs in again and repeats the call, whatever the call's encoding."""
    oppo = OppoSandbox(dialect="current")
    one = oppo.tokens[0]
    async with opened(oppo) as gateway:
        vendor = gateway.vendor(7005)
        calls = (
            lambda: vendor.subscribe_alias(one, "ann"),
            vendor.invalid_tokens,
            lambda: vendor.upload_picture("small", png(144, 144)),
        )
        outcomes = []
        for call in calls:
            oppo.expire_tokens()
            outcomes.append(await call())

    assert [outcome.status for outcome in outcomes] == [Status.ACCEPTED] * 3
    assert oppo.phones()[0].alias == "ann"


async def test_refused_calls_have_their_reason_and_do_not_stop_pushes() -> None:
    """A call that the dialect lacks and a wrong argument end without a request, a dead token after OPPO's reply."""
    oppo = OppoSandbox()
    async with opened(oppo) as gateway:
        vendor = gateway.vendor(7005)
        lacking = await vendor.upload_picture("big", png(876, 324))
        wrong = await vendor.subscribe_tags(oppo.tokens[0], ["a,b"])
        asked = sum(count for name, count in oppo.ledger.calls.items() if name != "auth")
        dead = await vendor.get_tags("CN_dead")
        push = await gateway.send(PushToken(7005, oppo.tokens[0]), NOTE)

    assert (lacking.status, lacking.reason) == (Status.NOT_SENT, Reason.UNSUPPORTED)
    assert lacking.detail.endswith('dialect = "current" has it')
    assert (wrong.status, wrong.reason) == (Status.NOT_SENT, Reason.INVALID_NOTIFICATION)
    assert asked == 0
    assert (dead.status, dead.reason, dead.vendor_code) == (Status.REJECTED, Reason.UNREGISTERED, "10000")
    assert push.ok  # the refused calls do not stop pushes
