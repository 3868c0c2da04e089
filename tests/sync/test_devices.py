"""The devices of a blocking gateway: the same calls, in the gateway's thread, and closed with it."""

import inspect
from pathlib import Path

import pytest
from toy_vendor import Toy, ToyServer, certificate

import pushgateway.devices
from pushgateway import FieldError, Notification, PushToken
from pushgateway.devices import Count
from pushgateway.model.errors import StoreError
from pushgateway.sync import Gateway
from pushgateway.sync.devices import Devices

NOTE = Notification("title", "body")


def test_users_are_pushed_to_and_unbound(tmp_path: Path) -> None:
    """A host without an event loop binds, pushes, unbinds and looks; in a database, from its own thread."""
    server = ToyServer()
    devices = pushgateway.devices.Devices(f"sqlite:///{tmp_path}/d.sqlite", shared=False)
    with Gateway([certificate()], transport=server, vendors={"toy": Toy}, devices=devices) as gateway:
        first = gateway.devices.bind("ann", "d1", PushToken(1, "a"))
        gateway.devices.bind("ann", "d2", PushToken(1, "b"))
        rotated = gateway.devices.rotate(PushToken(1, "b"), PushToken(1, "c"))
        outcomes = gateway.push_to_users(["ann", "bob"], NOTE)
        gone = gateway.devices.unbind("ann", "d1"), gateway.devices.unbind("ann", "d1")
        left = gateway.devices.of_users(["ann"])

    assert {device: outcome.ok for device, outcome in outcomes["ann"].items()} == {"d1": True, "d2": True}
    assert outcomes["bob"] == {}
    assert gone == (True, False)
    assert left == {"ann": [rotated]}
    assert first.device == "d1"
    assert sorted(token for token, _ in server.ledger) == ["a", "c"]


def test_the_other_calls_return_their_values() -> None:
    """Each says what it changed."""
    devices = pushgateway.devices.Devices("memory:", clock=lambda: 100.0)
    with Gateway([certificate()], transport=ToyServer(), vendors={"toy": Toy}, devices=devices) as gateway:
        ours = gateway.devices
        for number in range(4):
            ours.bind("ann", f"d{number}", PushToken(1, f"a{number}"))
        counts = ours.counts()
        pushes = ours.pushes(["ann"], NOTE, context=7)
        changed = [
            ours.retire(PushToken(1, "a0"), before=100.5),
            ours.take_receipts([]),
            ours.prune(seen_before=100.0),
            ours.unbind_user("ann"),
        ]

    assert counts.total == Count(users=1, devices=4)
    assert changed == [True, 0, 0, 3]
    assert [(push.owner.device, push.context) for push in pushes if push.owner] == [(f"d{n}", 7) for n in range(4)]


def test_after_the_close_there_is_an_error() -> None:
    """There is no value that would be true then."""
    devices = pushgateway.devices.Devices("memory:")
    with Gateway([certificate()], transport=ToyServer(), vendors={"toy": Toy}, devices=devices) as gateway:
        ours = gateway.devices

    for call in (lambda: ours.unbind("ann", "d1"), lambda: gateway.push_to_users(["ann"], NOTE)):
        with pytest.raises(StoreError, match="closed"):
            call()


def test_without_devices_the_error_says_what_to_give() -> None:
    """As the other gateway does it in `push_to_users`."""
    with Gateway([certificate()], transport=ToyServer(), vendors={"toy": Toy}) as gateway:
        with pytest.raises(FieldError, match=r"Gateway\.devices: is needed"):
            _ = gateway.devices
        with pytest.raises(FieldError, match=r"Gateway\.devices: is needed"):
            gateway.push_to_users(["ann"], NOTE)


def test_both_have_the_same_names_and_parameters() -> None:
    """All that hosts call; what the gateway calls and the close are the gateway's business."""
    ours = {name for name in dir(Devices) if not name.startswith("_")}
    theirs = {name for name in dir(pushgateway.devices.Devices) if not name.startswith("_")}

    assert theirs - ours == {"aclose", "attach", "confirm", "report_dead"}
    assert ours - theirs == set()
    for name in ours:
        mine, its = (inspect.signature(getattr(kind, name)) for kind in (Devices, pushgateway.devices.Devices))
        assert mine.parameters == its.parameters, name
