"""The common part of sandboxes: faults, ledger, phones, how one is found, and the transport without a network.

No socket. The vendor here is invented, of a few lines, so that nothing depends on a real vendor.
"""

from __future__ import annotations

import json
from typing import Any

import pytest
from acme import AcmeSandbox

from pushgateway.model.errors import FieldError, PluginError
from pushgateway.sandbox import Fault, Sandbox, find_sandbox, installed_brands
from pushgateway.sandbox.kit.base import _REPLIES
from pushgateway.sandbox.kit.faults import REPLACING
from pushgateway.testing import SandboxTransport
from pushgateway.testing.virtual_time import run_virtual
from pushgateway.vendor import Request, Response
from pushgateway.vendor.refusals import NoVerdict


def push(sandbox: Sandbox, text: str = "hello") -> Request:
    body = {"token": sandbox.tokens[0], "text": text}
    return Request("POST", "http://acme.example/push", {}, json.dumps(body).encode())


def code(sandbox: Sandbox, request: Request) -> Any:
    response = sandbox.answer(request).response
    return None if response is None else json.loads(response.content)["code"]


@pytest.mark.parametrize(
    ("kind", "delivered", "sent", "status"),
    [
        ("code", 0, True, 200),
        ("status", 0, True, 503),
        ("html", 0, True, 200),
        ("empty", 1, True, 200),
        ("cut", 1, True, 200),
        ("drop", 1, True, None),
        ("refuse", 0, False, None),
    ],
)
def test_each_fault_records_whether_the_push_was_performed(
    kind: str, delivered: int, sent: bool, status: int | None
) -> None:
    """The ledger and `sent` record what happened, whatever the client saw."""
    sandbox = AcmeSandbox()
    sandbox.faults.add(Fault(kind=kind))

    answer = sandbox.answer(push(sandbox))

    assert sandbox.ledger.total == sandbox.ledger.count(sandbox.tokens[0]) == delivered
    assert answer.sent is sent
    assert (answer.response.status if answer.response else None) == status


@pytest.mark.parametrize("kind", sorted(REPLACING))
def test_performed_of_a_fault_overrides_its_kind(kind: str) -> None:
    """An error can hide a success, and the other way round."""
    for performed in (True, False):
        sandbox = AcmeSandbox()
        sandbox.faults.add(Fault(kind=kind, performed=performed))

        sandbox.answer(push(sandbox))

        assert sandbox.ledger.total == int(performed)


def test_every_replacing_kind_has_a_reply() -> None:
    """The two tables of kinds have the same keys."""
    assert _REPLIES.keys() == REPLACING.keys()


def test_after_and_times_of_a_fault() -> None:
    """`after` requests pass, `times` are hit, then everything works again; two lines of a script follow each other."""
    sandbox = AcmeSandbox()
    sandbox.faults.add(Fault(kind="code", code="5", after=2, times=2), Fault(kind="code", code="6"))

    codes = [code(sandbox, push(sandbox)) for _ in range(6)]

    assert codes == [6, 0, 5, 5, 0, 0]
    assert len(sandbox.faults) == 0


def test_a_fault_for_one_operation_does_not_affect_others() -> None:
    """`operation` restricts a fault; None hits any call, and times=None never ends."""
    sandbox = AcmeSandbox()
    sandbox.faults.add(Fault(kind="code", code="5", operation="push", times=None))
    poll = Request("GET", "http://acme.example/poll")

    codes = [code(sandbox, request) for request in (poll, push(sandbox), poll, push(sandbox))]

    assert codes == [0, 5, 0, 5]
    assert sandbox.ledger.calls == {"poll": 2, "push": 2}


def test_faults_can_be_found_and_removed() -> None:
    """A button that switches a fault on and off: equal faults are the same, others stay."""
    sandbox = AcmeSandbox()
    down, late = Fault(kind="refuse", times=None), Fault(kind="delay", times=None)
    sandbox.faults.add(down, late)
    present = Fault(kind="refuse", times=None) in sandbox.faults
    sandbox.faults.remove(Fault(kind="refuse", times=None))

    assert present
    assert down not in sandbox.faults
    assert late in sandbox.faults
    assert Fault(kind="delay") not in sandbox.faults


def test_a_delay_joins_a_fault_that_replaces() -> None:
    """A late error is one fault of one request, not two."""
    sandbox = AcmeSandbox()
    sandbox.faults.add(Fault(kind="code", code="5"), Fault(kind="delay", seconds=2.5))

    answer = sandbox.answer(push(sandbox))

    assert answer.delay == 2.5
    assert answer.response is not None
    assert json.loads(answer.response.content) == {"code": 5}


def test_a_changed_reply_needs_a_real_reply() -> None:
    """A reply that another fault replaces cannot be changed, so the change is kept for the next request."""
    sandbox = AcmeSandbox()
    sandbox.faults.add(Fault(kind="upper"), Fault(kind="code", code="5"))

    contents = [(sandbox.answer(push(sandbox)).response or Response(0)).content for _ in range(3)]

    assert contents == [b'{"code":5}', b'{"CODE":0}', b'{"code":0}']


def test_shares_are_repeatable_and_about_right() -> None:
    """The same seed hits the same requests; the share is about the configured one."""

    def hits(seed: int) -> list[bool]:
        sandbox = AcmeSandbox(seed=seed)
        sandbox.faults.add(Fault(kind="code", code="5", times=None, share=0.3))
        return [code(sandbox, push(sandbox)) == 5 for _ in range(1000)]

    first, again, other = hits(1), hits(1), hits(2)

    assert first == again != other
    assert 250 <= sum(first) <= 350


def test_expire_reaches_the_vendor() -> None:
    """`expire` makes all access tokens invalid before the request is handled, and the request continues."""
    sandbox = AcmeSandbox()
    sandbox.faults.add(Fault(kind="expire"))

    first = code(sandbox, push(sandbox))

    assert (first, sandbox.expired) == (0, 1)


@pytest.mark.parametrize(
    "wrong",
    [
        {"kind": "no such kind"},
        {"kind": "code", "operation": "no such call"},
        {"kind": "code", "times": 0},
        {"kind": "code", "share": 1.01},
        {"kind": "code", "after": -1},
        {"kind": "status", "status": 600},
        {"kind": "delay", "seconds": -0.1},
    ],
)
def test_a_wrong_fault_is_refused(wrong: dict[str, Any]) -> None:
    """A typing error in a script must not give a test that tests nothing."""
    sandbox = AcmeSandbox()

    with pytest.raises(FieldError):
        sandbox.faults.add(Fault(**wrong))

    assert len(sandbox.faults) == 0


# Ledger and phones


def test_the_ledger_shows_nothing_private_in_a_repr() -> None:
    """A delivery may appear in a log or an assertion's message: no token, no text."""
    sandbox = AcmeSandbox()
    sandbox.answer(push(sandbox, "a private text"))

    text = repr(sandbox.ledger.deliveries)

    assert "Delivery(" in text
    assert sandbox.tokens[0] not in text
    assert "private text" not in text


def test_with_keep_false_only_counts_are_kept() -> None:
    """A million pushes then take memory for counts and not for texts."""
    sandbox = AcmeSandbox(keep=False)

    for _ in range(3):
        sandbox.answer(push(sandbox))

    assert (sandbox.ledger.total, sandbox.ledger.count(sandbox.tokens[0]), sandbox.ledger.deliveries) == (3, 3, ())
    assert sandbox.phones()[0].shown == []


def test_a_phone_shows_the_last_five_notifications() -> None:
    """The list of a phone is bounded: the sixth notification removes the first one."""
    sandbox = AcmeSandbox()

    for number in range(6):
        sandbox.answer(push(sandbox, f"text {number}"))

    assert [shown.title for shown in sandbox.phones()[0].shown] == [f"text {number}" for number in range(1, 6)]


def test_an_alias_names_one_phone() -> None:
    """Giving an alias to a second phone takes it from the first; uninstalling frees it."""
    sandbox = AcmeSandbox(tokens=2)
    one, two = sandbox.tokens

    assert sandbox.set_alias(one, "ann")
    assert sandbox.set_alias(two, "ann")
    holder = sandbox.phones_known.by_alias("ann")
    assert holder is not None
    assert holder.token == two
    assert sandbox.phones()[0].alias is None
    assert sandbox.uninstall(two)
    assert sandbox.phones_known.by_alias("ann") is None
    assert sandbox.set_alias(two, "ann") is sandbox.mute(two) is sandbox.uninstall(two) is False


def test_seeds_decide_tokens() -> None:
    """The same seed registers the same phones, twenty by default."""
    assert len(set(AcmeSandbox().tokens)) == 20
    assert AcmeSandbox(seed=3).tokens == AcmeSandbox(seed=3).tokens != AcmeSandbox(seed=4).tokens


# Finding a sandbox


def test_a_missing_sandbox_names_what_to_install() -> None:
    """The message is the one a user sees after `pushgateway sandbox nope`."""
    with pytest.raises(PluginError, match="no sandbox for brand 'nope' is installed"):
        find_sandbox("nope")


def test_brands_need_a_plug_in_and_a_sandbox(monkeypatch: pytest.MonkeyPatch) -> None:
    """Sorted; without any there is a sentence that says what to install."""
    groups = {"pushgateway.vendors": {"b": (), "a": ()}, "pushgateway.sandboxes": {"a": (), "b": (), "c": ()}}
    monkeypatch.setattr("pushgateway.sandbox.find.installed", lambda group="pushgateway.vendors": groups[group])
    found = installed_brands()
    groups["pushgateway.vendors"] = {}

    assert found == ["a", "b"]
    with pytest.raises(PluginError, match="no vendor plug-in with a sandbox is installed: pip install"):
        installed_brands()


@pytest.mark.parametrize("found", [object, Sandbox, AcmeSandbox])
def test_the_object_of_an_entry_point_is_checked(monkeypatch: pytest.MonkeyPatch, found: object) -> None:
    """Anything but a sandbox, or another brand's sandbox, is refused with a message."""
    monkeypatch.setattr("pushgateway.sandbox.find.load", lambda *_: found)

    with pytest.raises(PluginError, match="sandbox"):
        find_sandbox("other")


def test_a_found_sandbox_is_a_class_of_that_brand(monkeypatch: pytest.MonkeyPatch) -> None:
    """This is the normal case of a correct plug-in."""
    monkeypatch.setattr("pushgateway.sandbox.find.load", lambda *_: AcmeSandbox)

    assert find_sandbox("acme") is AcmeSandbox


# The transport without a network


def test_the_transport_returns_replies_with_the_time() -> None:
    """A reply has the time of our clock; requests are counted by pool."""
    sandbox = AcmeSandbox()
    transport = SandboxTransport(sandbox, clock=lambda: 42.0)

    response = run_virtual(transport.send(push(sandbox), pool="p", timeout=1))

    assert (response.status, response.received_at, transport.pools["p"]) == (200, 42.0, 1)


@pytest.mark.parametrize(("kind", "sent"), [("drop", True), ("refuse", False)])
def test_the_transport_raises_the_faults_of_the_sandbox(kind: str, sent: bool) -> None:
    """`sent` decides between UNKNOWN and NOT_SENT, so it must be passed on exactly."""
    sandbox = AcmeSandbox()
    sandbox.faults.add(Fault(kind=kind))

    with pytest.raises(NoVerdict) as caught:
        run_virtual(SandboxTransport(sandbox).send(push(sandbox), pool="p", timeout=1))

    assert caught.value.sent is sent


@pytest.mark.parametrize(("seconds", "arrives"), [(9.9, True), (10.1, False)])
def test_the_transport_keeps_the_time_limit(seconds: float, arrives: bool) -> None:
    """A reply just inside the limit arrives, one just outside is no verdict; only virtual time passes."""
    sandbox = AcmeSandbox()
    sandbox.faults.add(Fault(kind="delay", seconds=seconds))

    async def ask() -> bool:
        try:
            await SandboxTransport(sandbox).send(push(sandbox), pool="p", timeout=10)
        except NoVerdict as lost:
            return not lost.sent
        return True

    assert run_virtual(ask()) is arrives
    assert sandbox.ledger.total == 1


def test_the_transport_chooses_a_sandbox_by_url() -> None:
    """The longest prefix is used; a host without a sandbox, and a closed transport, have certainly sent nothing."""
    wide, narrow = AcmeSandbox(seed=1), AcmeSandbox(seed=2)
    transport = SandboxTransport({"http://acme.example": wide, "http://acme.example/push": narrow})

    async def ask() -> list[bool]:
        await transport.send(Request("GET", "http://acme.example/poll"), pool="p", timeout=1)
        await transport.send(push(narrow), pool="p", timeout=1)
        with pytest.raises(NoVerdict) as unserved:
            await transport.send(Request("GET", "http://else.example/"), pool="p", timeout=1)
        await transport.aclose()
        with pytest.raises(NoVerdict) as closed:
            await transport.send(push(narrow), pool="p", timeout=1)
        return [unserved.value.sent, closed.value.sent]

    assert run_virtual(ask()) == [False, False]
    assert (wide.ledger.calls, narrow.ledger.calls) == ({"poll": 1}, {"push": 1})
