"""Sandboxes as JSON: what the page shows first, and what changed since."""

from __future__ import annotations

import json
import time
from typing import Any

import pytest
from acme import NOW, AcmeSandbox

from pushgateway.model.errors import FieldError
from pushgateway.sandbox import Delivery
from pushgateway.sandbox.page.view import FOUND, LISTED, RECENT, BrandView, View, shortened, tap_json
from pushgateway.vendor import (
    Alert,
    Badge,
    Button,
    Network,
    OpenActivity,
    OpenApp,
    OpenIntent,
    OpenIntentUri,
    OpenUrl,
    Request,
)


def push(sandbox: AcmeSandbox, text: str = "hello", token: str = "") -> None:
    """A push to a phone, the first one by default."""
    body = json.dumps({"token": token or sandbox.tokens[0], "text": text}).encode()
    sandbox.answer(Request("POST", "http://acme.example/push", {}, body))


def show(sandbox: AcmeSandbox, **fields: Any) -> None:
    """Put a notification on the screen of the first phone."""
    phone = sandbox.phones()[0]
    made = Delivery(phone.token, "title", "body", None, "m1", "push", NOW, fields.pop("fields", {}), **fields)
    sandbox.deliver(phone, lambda: made)


class FakeGateway:
    """A gateway that has done nothing; what it is asked for is in `asked`."""

    def __init__(self) -> None:
        self.number = 1
        self.verified: dict[tuple[str, str, str, str], bool] = {}

    def state(self) -> dict[str, Any]:
        return {"outcomes": {}, "sends": [], "events": [], "step": self.number}

    def is_verified(self, brand: str, token: str, message_id: str, kind: str) -> bool | None:
        return self.verified.get((brand, token, message_id, kind))


def test_a_state_has_every_brand_with_its_counts() -> None:
    """With the switches of the vendor, and without a gateway None in its place."""
    sandbox = AcmeSandbox(tokens=2)
    push(sandbox)
    sandbox.ledger.dropped["user"] += 3
    sandbox.ledger.receipts["posted"] += 1

    state = View({"http://127.0.0.1:7": sandbox}, "zh").state()

    (brand,) = state["brands"]
    assert (state["language"], state["now"], state["gateway"]) == ("zh", NOW, None)
    assert {name: value for name, value in brand.items() if name not in ("recent", "can", "fault", "notes")} == {
        "brand": "acme",
        "title": "acme",
        "url": "http://127.0.0.1:7",
        "phones": 2,
        "pushes": 1,
        "requests": 1,
        "calls": {"push": 1},
        "dropped": {"user": 3},
        "receipts": {"posted": 1},
    }
    assert json.loads(json.dumps(state)) == state


def test_the_phones_that_changed_last_come_first_and_others_fill_up() -> None:
    """At most so many, whatever their number."""
    sandbox = AcmeSandbox(tokens=RECENT + 5)
    tokens = sandbox.tokens
    push(sandbox, token=tokens[-1])
    push(sandbox, token=tokens[3])

    recent = [phone["token"] for phone in BrandView(sandbox, "").state()["recent"]]

    assert recent == [tokens[3], tokens[-1], *[token for token in tokens[: RECENT - 1] if token != tokens[3]]]
    assert len(recent) == RECENT


def test_a_phone_has_its_marks_and_its_screen_newest_first() -> None:
    """What is gone says why; a removed app leaves a phone that is not installed."""
    sandbox = AcmeSandbox(tokens=1)
    (token,) = sandbox.tokens
    sandbox.set_alias(token, "ann")
    sandbox.set_account(token, "u1")
    sandbox.set_tags(token, ["b", "a"])
    sandbox.mute(token)
    show(sandbox, badge=Badge.set(3), replaces="k")
    show(sandbox, replaces="k")
    show(sandbox)
    view = BrandView(sandbox, "")

    phone: Any = view.phone(token)
    sandbox.uninstall(token)
    removed: Any = view.phone(token)

    shown, gone = phone.pop("shown"), phone.pop("gone")
    assert phone == {
        "token": token,
        "alias": "ann",
        "account": "u1",
        "tags": ["a", "b"],
        "muted": True,
        "installed": True,
        "badge": 3,
    }
    assert [one["id"] for one in shown] == ["3", "2"]
    assert [(one["id"], one["why"]) for one in gone] == [("1", "replaced")]
    assert (removed["installed"], removed["shown"], removed["badge"]) == (False, [], 0)
    assert view.phone("nobody") is None


def test_a_notification_has_all_that_the_phone_shows_and_does() -> None:
    """In the neutral words, with the vendor's own fields; secrets in them are hidden, content is as it came."""
    sandbox = AcmeSandbox(tokens=1)
    looks: dict[str, Any] = {
        "subtitle": "<b>second</b>",
        "category": "IM",
        "private": True,
        "channel_id": "chat",
        "template": "t1",
        "badge": Badge.add(2),
        "replaces": "k",
        "alert": Alert.URGENT,
        "sound": "ring.mp3",
        "long_body": "all of it",
        "picture": "https://x/p.png",
        "icon": "https://x/i.png",
        "buttons": (Button("Answer", OpenUrl("https://x/a")), Button("Later")),
        "group": "g",
        "show_in_foreground": False,
        "user_id": "u1",
        "ttl": 60,
        "network": Network.WIFI,
        "show_from": 1.0,
        "show_until": 2.0,
        "click": OpenIntent("a.b"),
        "data": {"n": 2**60},
        "fields": {"title": "x", "sign": "y"},
    }
    show(sandbox, **looks)

    phone: Any = BrandView(sandbox, "").phone(sandbox.tokens[0])

    same = ("subtitle", "category", "private", "channel_id", "template", "replaces", "sound", "long_body", "picture")
    same += ("icon", "group", "show_in_foreground", "user_id", "ttl", "show_from", "show_until")
    assert phone["shown"] == [
        {
            **{name: looks[name] for name in same},
            "id": "1",
            "title": "title",
            "body": "body",
            "at": NOW,
            "operation": "push",
            "message_id": "m1",
            "dedupe_id": None,
            "request": None,
            "badge": {"how": "add", "number": 2},
            "alert": "urgent",
            "buttons": [
                {"text": "Answer", "tap": {"kind": "OpenUrl", "target": "https://x/a"}},
                {"text": "Later", "tap": {"kind": "OpenApp", "target": ""}},
            ],
            "network": "wifi",
            "tap": {"kind": "OpenIntent", "target": "a.b"},
            "data": {"n": str(2**60)},
            "fields": {"title": "x", "sign": "***"},
            "receipts": [],
        }
    ]


def test_long_lists_in_the_fields_of_a_notification_are_cut() -> None:
    """At the limit all are there; one more is counted, at any depth."""
    full = list(range(LISTED))

    assert shortened({"a": [full]}) == {"a": [full]}
    assert shortened({"a": ({"b": [*full, 99, 98]},)}) == {"a": [{"b": [*full, "… (2 more)"]}]}


@pytest.mark.parametrize(
    ("click", "kind", "target"),
    [
        (OpenApp(), "OpenApp", ""),
        (OpenUrl("u"), "OpenUrl", "u"),
        (OpenIntent("i"), "OpenIntent", "i"),
        (OpenActivity("a"), "OpenActivity", "a"),
        (OpenIntentUri("intent:x"), "OpenIntentUri", "intent:x"),
        (None, "unknown", ""),
    ],
)
def test_what_a_tap_does(click: Any, kind: str, target: str) -> None:
    """The name of the action and what it opens."""
    assert tap_json(click) == {"kind": kind, "target": target}


def test_a_request_is_found_by_the_notification_that_it_caused() -> None:
    """One that is forgotten, or was never there, is None."""
    sandbox = AcmeSandbox(tokens=1)
    push(sandbox)
    view = BrandView(sandbox, "")
    phone: Any = view.phone(sandbox.tokens[0])

    request: Any = view.request(phone["shown"][0]["request"])

    assert json.loads(request["content"])["text"] == "hello"
    assert view.request(2) is None


def test_phones_are_found_by_token_alias_or_account() -> None:
    """In the order of registration, at most so many."""
    sandbox = AcmeSandbox(tokens=0)
    sandbox.register([f"phone-{number:03}" for number in range(FOUND + 10)])
    sandbox.set_alias("phone-040", "ann")
    sandbox.set_account("phone-003", "anna")
    view = BrandView(sandbox, "")

    assert [phone["token"] for phone in view.find("ann")] == ["phone-003", "phone-040"]
    assert [phone["token"] for phone in view.find("phone-05")][:2] == ["phone-050", "phone-051"]
    assert len(view.find("phone")) == FOUND
    assert view.find("nothing") == []


def test_a_change_has_only_what_changed() -> None:
    """The brands that changed with their changed phones, and the gateway if it changed; None where nothing did."""

    class Other(AcmeSandbox):
        brand = "other"

    acme, other, gateway = AcmeSandbox(tokens=3), Other(tokens=1), FakeGateway()
    view = View({"http://127.0.0.1:1": acme, "http://127.0.0.1:2": other})
    view.attach(gateway)  # type: ignore[arg-type]
    start = view.numbers()
    unchanged = view.change(start)
    push(acme, "one", acme.tokens[1])
    push(acme, "two", acme.tokens[2])
    numbers, change = view.change(start)
    gateway.number += 1
    after, last = view.change(numbers)

    assert unchanged == (start, None)
    assert change is not None
    assert [(brand["brand"], brand["pushes"]) for brand in change["brands"]] == [("acme", 2)]
    assert [phone["token"] for phone in change["brands"][0]["changed"]] == [acme.tokens[2], acme.tokens[1]]
    assert change["gateway"] is None
    assert last is not None
    assert (last["brands"], last["gateway"]["step"]) == ([], 2)
    assert view.change(after) == (after, None)


def test_a_change_has_the_newest_phones_only() -> None:
    """A page that shows twelve needs no more, and the counts say the rest."""
    sandbox = AcmeSandbox(tokens=100)
    view = View({"": sandbox})
    start = view.numbers()
    for token in sandbox.tokens:
        push(sandbox, token=token)

    _, change = view.change(start)

    assert change is not None
    (brand,) = change["brands"]
    assert [phone["token"] for phone in brand["changed"]] == list(sandbox.tokens[: -RECENT - 1 : -1])
    assert brand["pushes"] == 100


def test_unknown_phones_and_brands() -> None:
    """A delivery to a token that is no phone is no phone on the page; a wrong brand is named."""
    sandbox = AcmeSandbox(tokens=1)
    sandbox.deliver_all(["ghost"], lambda token: Delivery(token, "t", "b", None, "m", "push", NOW, {}))
    view = View({"": sandbox})

    assert [phone["token"] for phone in view.brand("acme").state()["recent"]] == list(sandbox.tokens)
    for wrong in ("x", None, 5):
        with pytest.raises(FieldError, match="brand: must be one of acme"):
            view.brand(wrong)


def test_10_000_phones_and_pushes_are_cheap() -> None:
    """A state and each change stay small and fast, whatever the number of phones."""
    sandbox = AcmeSandbox(tokens=10_000)
    view = View({"": sandbox})
    start = view.numbers()
    for token in sandbox.tokens:
        push(sandbox, token=token)
    began = time.perf_counter()
    state = view.state()
    _, change = view.change(start)
    seconds = time.perf_counter() - began

    assert len(json.dumps(state)) < 50_000
    assert len(json.dumps(change)) < 50_000
    assert len(sandbox.request_log) < 10_000
    assert seconds < 0.5  # measured: 0.003


def test_a_sandbox_that_only_counts_shows_counts() -> None:
    """With keep=False there is nothing on the screens and no request."""
    sandbox = AcmeSandbox(tokens=1, keep=False)
    push(sandbox)
    view = BrandView(sandbox, "")

    state = view.state()

    assert (state["pushes"], state["recent"][0]["shown"], view.request(1)) == (1, [], None)


def test_a_repr_shows_brands_only() -> None:
    """Neither tokens nor texts."""
    sandbox = AcmeSandbox()

    assert repr(View({"": sandbox})) == "View(acme)"
    assert repr(BrandView(sandbox, "")) == "BrandView(acme)"
