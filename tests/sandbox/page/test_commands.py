"""The commands of the page, one by one; what is wrong in them is named, and then nothing is done."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import Any

import pytest
from acme import AcmeSandbox

from pushgateway.model.errors import FieldError
from pushgateway.model.notification import Notification
from pushgateway.sandbox.page.commands import LONGEST_TOKEN, MOST_SENDS, MOST_TOKENS, execute
from pushgateway.sandbox.page.gateway import PagePush
from pushgateway.sandbox.page.view import View
from pushgateway.vendor import Alert, Badge, Button, OpenActivity, OpenApp, OpenUrl, Request


class FakeGateway:
    """Accepts pushes, except those to tokens with "dead" in them, and remembers what it was asked for."""

    number = 0

    def __init__(self) -> None:
        self.sent: list[PagePush] = []
        self.asked: list[tuple[str, ...]] = []

    def state(self) -> Mapping[str, Any]:
        return {}

    def send(self, pushes: Sequence[PagePush]) -> Sequence[Mapping[str, Any]]:
        self.sent += pushes
        return [
            {"status": "rejected", "reason": "unregistered"}
            if "dead" in push.token
            else {"status": "accepted", "reason": None}
            for push in pushes
        ]

    def recall(self, brand: str, token: str, message_id: str) -> Mapping[str, Any]:
        self.asked.append((brand, token, message_id))
        return {"done": False, "status": "not_sent", "reason": "unsupported", "detail": "cannot"}

    def renew(self, brand: str) -> None:
        self.asked.append(("renew", brand))

    def is_verified(self, *_: object) -> bool | None:
        return None

    def receive(self, *_: object) -> None:
        return None

    def clear(self) -> None:
        self.asked.append(("clear",))


class Acme(AcmeSandbox):
    """With a code for a used-up quota."""

    def code_for(self, reason: object) -> str | None:
        return "33"


@pytest.fixture
def sandbox() -> AcmeSandbox:
    """Two phones."""
    return Acme(tokens=2)


@pytest.fixture
def gateway() -> FakeGateway:
    """The gateway of the page."""
    return FakeGateway()


@pytest.fixture
def view(sandbox: AcmeSandbox, gateway: FakeGateway) -> View:
    """The page."""
    made = View({"http://127.0.0.1:1": sandbox})
    made.attach(gateway)
    return made


def push(sandbox: AcmeSandbox, text: str = "hello") -> None:
    """A push to the first phone."""
    body = json.dumps({"token": sandbox.tokens[0], "text": text}).encode()
    sandbox.answer(Request("POST", "http://acme.example/push", {}, body))


def do(view: View, name: str, **fields: Any) -> dict[str, Any]:
    """The reply to a command for the brand."""
    return execute(view, {"do": name, **({} if name == "clear" else {"brand": "acme"}), **fields})


def test_a_fault_is_switched(view: View, sandbox: AcmeSandbox) -> None:
    """On and off."""
    on = do(view, "fault", fault="down", on=True), len(sandbox.faults)
    off = do(view, "fault", fault="down", on=False), len(sandbox.faults)

    assert (on, off) == (({"done": True}, 1), ({"done": True}, 0))


def test_the_gateway_learns_that_the_quota_is_renewed(view: View, gateway: FakeGateway) -> None:
    """When the switch is off again, and not before; without a gateway nobody needs to know."""
    do(view, "fault", fault="quota", on=True)
    before = list(gateway.asked)
    do(view, "fault", fault="down", on=False)
    do(view, "fault", fault="quota", on=False)
    view.attach(None)
    do(view, "fault", fault="quota", on=False)

    assert (before, gateway.asked) == ([], [("renew", "acme")])


def test_phones_are_muted_removed_and_made(view: View, sandbox: AcmeSandbox) -> None:
    """A new phone is the one that changed last, so the page shows it."""
    first, second = sandbox.tokens
    do(view, "mute", token=first, muted=True)
    muted = sandbox.phones()[0].muted
    do(view, "mute", token=first, muted=False)
    do(view, "uninstall", token=second)
    new = do(view, "install")["token"]

    assert (muted, sandbox.phones()[0].muted) == (True, False)
    assert sandbox.tokens == (first, new)
    assert view.brand("acme").state()["recent"][0]["token"] == new


def test_a_notification_is_tapped_by_its_id(view: View, sandbox: AcmeSandbox) -> None:
    """Exactly that one, once."""
    push(sandbox, "one")
    push(sandbox, "two")
    done = do(view, "tap", token=sandbox.tokens[0], id="1")

    assert done == {"done": True}
    assert [one.title for one in sandbox.phones()[0].shown] == ["two"]
    with pytest.raises(FieldError, match="id: the phone does not show such a notification"):
        do(view, "tap", token=sandbox.tokens[0], id="1")


def test_the_gateway_recalls(view: View, sandbox: AcmeSandbox, gateway: FakeGateway) -> None:
    """By the vendor's message id; its reply says whether it could."""
    push(sandbox)
    reply = do(view, "recall", token=sandbox.tokens[0], id="1")

    assert gateway.asked == [("acme", sandbox.tokens[0], "m1")]
    assert reply == {"done": False, "status": "not_sent", "reason": "unsupported", "detail": "cannot"}


def test_clear_empties_everything(view: View, sandbox: AcmeSandbox, gateway: FakeGateway) -> None:
    """Also without a gateway."""
    push(sandbox)
    do(view, "clear")
    emptied = len(sandbox.phones()[0].shown), sandbox.ledger.total
    view.attach(None)

    assert emptied == (0, 0)
    assert gateway.asked == [("clear",)]
    assert do(view, "clear") == {"done": True}


def test_a_push_is_sent_with_all_that_a_notification_can_say(view: View, gateway: FakeGateway) -> None:
    """Empty fields of the form are left out."""
    reply = do(
        view,
        "send",
        tokens=["t1", "dead", "t1"],
        title="Hello",
        body="you",
        subtitle="s",
        dedupe_id="",
        intent="chat",
        click={"kind": "OpenUrl", "target": "https://x/"},
        data={"chat": 7},
        ttl=60,
        badge={"how": "set", "number": 4},
        replace_key="k",
        alert="urgent",
        sound="ring.mp3",
        long_body="all",
        picture="https://x/p.png",
        icon=None,
        buttons=[{"text": "Answer", "click": {"kind": "OpenActivity", "target": "a.B"}}, {"text": "Later"}],
        group="g",
        show_in_foreground=False,
        user_id="u",
        channel_id="c",
    )

    wanted = Notification(
        "Hello",
        "you",
        subtitle="s",
        intent="chat",  # type: ignore[arg-type]
        click=OpenUrl("https://x/"),
        data={"chat": 7},
        ttl=60,
        badge=Badge.set(4),
        replace_key="k",
        alert=Alert.URGENT,
        sound="ring.mp3",
        long_body="all",
        picture="https://x/p.png",
        buttons=(Button("Answer", OpenActivity("a.B")), Button("Later", OpenApp())),
        group="g",
        show_in_foreground=False,
        user_id="u",
        channel_id="c",
    )
    assert [(one.brand, one.token, one.notification == wanted) for one in gateway.sent] == [
        ("acme", "t1", True),
        ("acme", "dead", True),
    ]
    assert reply == {
        "done": True,
        "sends": [{"status": "accepted", "reason": None}, {"status": "rejected", "reason": "unregistered"}],
        "count": 2,
        "outcomes": {"accepted": 1, "unregistered": 1},
    }


def test_a_push_goes_to_all_phones(sandbox: AcmeSandbox, gateway: FakeGateway) -> None:
    """Of a brand, or of every brand; the reply lists the first ones and counts all."""

    class Other(AcmeSandbox):
        brand = "other"

    other = Other(tokens=MOST_SENDS)
    view = View({"a": sandbox, "b": other})
    view.attach(gateway)
    one = do(view, "send", all=True, title="a", body="b")
    every = execute(view, {"do": "send", "all": True, "title": "a", "body": "b"})

    assert (one["count"], every["count"]) == (2, 2 + MOST_SENDS)
    assert len(every["sends"]) == MOST_SENDS
    assert [push.token for push in gateway.sent] == [*sandbox.tokens, *sandbox.tokens, *other.tokens]


def test_the_number_of_tokens_is_limited(view: View, gateway: FakeGateway) -> None:
    """At the limit they are sent, one more is refused as a whole."""
    tokens = [f"t{number}" for number in range(MOST_TOKENS + 1)]
    do(view, "send", tokens=tokens[:-1], title="a", body="b")
    with pytest.raises(FieldError, match="tokens: must be a list of 1 to 1000 tokens"):
        do(view, "send", tokens=tokens, title="a", body="b")

    assert len(gateway.sent) == MOST_TOKENS


@pytest.mark.parametrize(
    ("command", "sentence"),
    [
        ([], "do: the body must be a JSON object"),
        (None, "do: the body must be a JSON object"),
        ({}, "do: must be one of fault, mute, uninstall, install, tap, recall, send, clear"),
        ({"do": ["mute"]}, "do: must be one of"),
        ({"do": "explode"}, "do: must be one of"),
        ({"do": "clear", "brand": "acme"}, "brand: there is no such field; clear takes: none"),
        ({"do": "mute", "tokn": "a"}, "tokn: there is no such field; mute takes: brand, token, muted"),
        ({"do": "mute", "brand": "x", "token": "a", "muted": True}, "brand: must be one of acme"),
        ({"do": "mute", "brand": "acme", "token": 5, "muted": True}, "token: must be a text"),
        ({"do": "mute", "brand": "acme", "token": "a", "muted": "yes"}, "muted: must be true or false"),
        ({"do": "mute", "brand": "acme", "token": "a", "muted": True}, "token: no such phone is registered"),
        ({"do": "uninstall", "brand": "acme", "token": "a"}, "token: no such phone is registered"),
        ({"do": "fault", "brand": "acme", "on": True}, "fault: is missing"),
        ({"do": "fault", "brand": "acme", "fault": 5, "on": True}, "fault: must be a text"),
        ({"do": "fault", "brand": "acme", "fault": "x", "on": True}, "fault: must be one of down, slow"),
        ({"do": "tap", "brand": "acme", "token": "a"}, "id: the phone does not show"),
        ({"do": "recall", "brand": "acme", "token": "a", "id": 1}, "id: the phone does not show"),
    ],
    ids=repr,
)
def test_what_is_wrong_in_a_command_is_named(view: View, command: Any, sentence: str) -> None:
    """Field and what would be right."""
    with pytest.raises(FieldError) as wrong:
        execute(view, command)

    assert str(wrong.value).startswith(sentence)


@pytest.mark.parametrize(
    ("fields", "sentence"),
    [
        ({"tokens": ["t"], "title": "a"}, "body: is missing"),
        ({"tokens": ["t"], "title": 5, "body": "b"}, "title: must be a text"),
        ({"title": "a", "body": "b"}, "tokens: must be a list of 1 to 1000 tokens, unless all is true"),
        ({"tokens": [], "title": "a", "body": "b"}, "tokens: must be a list of 1 to 1000"),
        ({"tokens": "t", "title": "a", "body": "b"}, "tokens: must be a list of 1 to 1000"),
        ({"tokens": [["t"]], "title": "a", "body": "b"}, "tokens: must be texts of 1 to 4096 characters"),
        ({"tokens": ["t" * (LONGEST_TOKEN + 1)], "title": "a", "body": "b"}, "tokens: must be texts of 1 to 4096"),
        ({"tokens": ["t"], "all": True, "title": "a", "body": "b"}, "tokens: give tokens or all, not both"),
        ({"tokens": ["t"], "title": "a", "body": "b", "ttl": -1}, "ttl: must be whole seconds"),
        ({"tokens": ["t"], "title": "a", "body": "b", "ttl": "1"}, "ttl: must be whole seconds"),
        ({"tokens": ["t"], "title": "a", "body": "b", "intent": "x"}, "intent: must be an Intent or one of chat"),
        ({"tokens": ["t"], "title": "a", "body": "b", "data": 5}, "data: must be a mapping"),
        ({"tokens": ["t"], "title": "a", "body": "b", "click": "x"}, "click: must be an object whose kind is one of"),
        ({"tokens": ["t"], "title": "a", "body": "b", "click": {"kind": ["x"]}}, "click: must be an object whose kind"),
        ({"tokens": ["t"], "title": "a", "body": "b", "click": {"kind": "OpenUrl"}}, "click: OpenUrl needs a target"),
        ({"tokens": ["t"], "title": "a", "body": "b", "badge": 5}, "badge: must be an object with how"),
        (
            {"tokens": ["t"], "title": "a", "body": "b", "badge": {"how": "add", "number": "1"}},
            "badge: must be a whole number",
        ),
        ({"tokens": ["t"], "title": "a", "body": "b", "alert": "loud"}, "alert: must be one of silent, normal, urgent"),
        ({"tokens": ["t"], "title": "a", "body": "b", "buttons": [5]}, "buttons: must be a list of objects"),
        ({"tokens": ["t"], "title": "a", "body": "b", "buttons": [{"text": 5}]}, "buttons: must be a"),
        ({"tokens": ["a b"], "title": "a", "body": "b"}, "tokens: character 2 of 3 is U+0020 (SPACE)"),
        ({"tokens": ["t"], "title": "a", "body": "b", "sound": 5}, "sound: must be a text"),
        ({"tokens": ["t"], "title": "a", "body": "b", "overrides": {}}, "overrides: there is no such field"),
    ],
    ids=repr,
)
def test_what_is_wrong_in_a_push_is_named(
    view: View, gateway: FakeGateway, fields: dict[str, Any], sentence: str
) -> None:
    """Nothing is sent then."""
    with pytest.raises(FieldError) as wrong:
        do(view, "send", **fields)

    assert str(wrong.value).startswith(sentence)
    assert gateway.sent == []


@pytest.mark.parametrize("name", ["send", "recall"])
def test_without_a_gateway_nothing_is_sent_or_recalled(sandbox: AcmeSandbox, name: str) -> None:
    """The page of one sandbox has none."""
    fields = {"tokens": ["t"], "title": "a", "body": "b"} if name == "send" else {"token": "t", "id": "1"}

    with pytest.raises(FieldError, match="do: this page has no gateway to send with"):
        do(View({"": sandbox}), name, **fields)
