"""The sandbox is strict: it refuses what Honor refuses, with its codes, and takes what working clients send."""

from __future__ import annotations

import copy
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from pushgateway_honor.sandbox import APP_ID, HonorSandbox

from pushgateway.testing.conformance.exchange_driver import ExchangeDriver
from pushgateway.testing.conformance.sandbox_connection import EPOCH
from pushgateway.vendor import Badge, FieldError, Notification, Push, PushToken, Reason, Refused, Request

Drivers = Callable[..., ExchangeDriver]
NOTE = "android.notification"


def changed(body: Any, path: str, value: Any) -> Any:
    """A copy of the body with another value at a dotted path."""
    made = copy.deepcopy(body)
    *outer, last = path.split(".")
    here = made
    for name in outer:
        here = here[name]
    here[last] = value
    return made


@pytest.fixture
def send(driver: Drivers) -> Callable[..., tuple[int, Any]]:
    """Sends a body to a sandbox with a right access token: status and reply."""

    def sending(body: Any, **options: Any) -> tuple[int, Any]:
        one = driver(**options)
        one.sandbox.register(["HTOK-AAAA", "HTOK-BBBB"])
        one.log_in("")
        assert one.access is not None
        headers = {
            "content-type": "application/json",
            "authorization": f"Bearer {one.access.value}",
            "timestamp": str(int(EPOCH * 1000)),
        }
        request = Request("POST", f"https://x/api/v1/{APP_ID}/sendMessage", headers, json.dumps(body).encode())
        answer = one.sandbox.answer(request).response
        assert answer is not None
        return answer.status, json.loads(answer.content)

    return sending


@pytest.fixture
def sample(samples: Path) -> Any:
    """The body of a right request."""
    return json.loads((samples / "send.request.json").read_text())


BUTTON = {"name": "b", "actionType": 0}


@pytest.mark.parametrize(
    ("path", "value", "code", "names"),
    [
        (f"{NOTE}.title", None, 80100003, "title"),
        (f"{NOTE}.title", "t" * 41, 80100003, "title"),
        (f"{NOTE}.body", "", 80100003, "body"),
        (f"{NOTE}.body", "b" * 257, 80100003, "body"),
        (f"{NOTE}.clickAction", {}, 80100003, "clickAction"),
        (f"{NOTE}.clickAction", {"type": 1}, 80100003, "intent or action"),
        (f"{NOTE}.clickAction", {"type": 2}, 80100003, "url"),
        (f"{NOTE}.clickAction", {"type": 2, "url": "http://a"}, 80100003, "url"),
        (f"{NOTE}.clickAction", {"type": 4}, 80100003, "type"),
        (f"{NOTE}.clickAction", {"type": "3"}, 80100003, "type"),
        (f"{NOTE}.badge", {"setNum": 100, "badgeClass": "a.B"}, 80100003, "setNum"),
        (f"{NOTE}.style", 2, 80100003, "style"),
        (f"{NOTE}.bigTitle", None, 80100003, "bigTitle"),
        (f"{NOTE}.bigBody", None, 80100003, "bigBody"),
        (f"{NOTE}.importance", "HIGH", 80100003, "importance"),
        (f"{NOTE}.when", "2014-10-02", 80100003, "when"),
        (f"{NOTE}.image", "http://a.example/p.png", 80100003, "image"),
        (f"{NOTE}.buttons", BUTTON, 80100003, "buttons"),
        (f"{NOTE}.buttons", [BUTTON] * 4, 80100003, "buttons"),
        (f"{NOTE}.buttons", [{"name": "b" * 41, "actionType": 0}], 80100003, "buttons"),
        (f"{NOTE}.buttons", [{"name": "b", "actionType": 3}], 80100003, "buttons"),
        (f"{NOTE}.buttons", [{"name": "b", "actionType": 1, "intent": "a"}], 80100003, "buttons"),
        (f"{NOTE}.buttons", [{"name": "b", "actionType": 2, "intent": "http://a"}], 80100003, "buttons"),
        (f"{NOTE}.buttons", [{**BUTTON, "data": "d" * 1025}], 80100003, "buttons"),
        (f"{NOTE}.buttons", ["b"], 80100003, "buttons"),
        ("android.ttl", "1296001s", 80100004, "ttl"),
        ("android.ttl", "60", 80100004, "ttl"),
        ("android.ttl", 60, 80100004, "ttl"),
        ("android.biTag", "长" * 22, 80100003, "biTag"),
        ("android.targetUserType", 2, 80100003, "targetUserType"),
        ("android.data", {"a": 1}, 80100003, "data"),
        ("android.data", "d" * 4096, 80300008, ""),
        ("android", 5, 80100003, "android"),
        ("notification", "title", 80100003, "notification"),
        ("token", [], 80100003, "token"),
        ("token", None, 80100003, "token"),
        ("token", "HTOK-AAAA", 80100003, "token"),
        ("token", ["HTOK-AAAA", ""], 80100003, "token"),
        ("token", ["t"] * 1001, 80300010, ""),
    ],
)
def test_it_refuses(send: Any, sample: Any, path: str, value: Any, code: int, names: str) -> None:
    """One wrong member of the sample. The HTTP status is 200, or 400 with `statuses`."""
    status, reply = send(changed(sample, path, value))

    assert (status, reply["code"], reply["data"]) == (200, code, None)
    assert names in reply["message"]
    assert send(changed(sample, path, value), statuses="by code")[0] == 400


@pytest.mark.parametrize(
    ("path", "value"),
    [
        (f"{NOTE}.title", "t" * 40),
        (f"{NOTE}.body", "b" * 256),
        (f"{NOTE}.clickAction", {"type": 3, "intent": None, "url": "", "action": ""}),
        (f"{NOTE}.badge", {"setNum": 0, "addNum": 0, "badgeClass": "a.B"}),
        (f"{NOTE}.badge", {}),
        (f"{NOTE}.badge", {"setNum": 3}),
        (f"{NOTE}.badge", {"addNum": 1, "badgeClass": ""}),
        (f"{NOTE}.buttons", []),
        (f"{NOTE}.buttons", [{**BUTTON, "data": "d" * 1024}] * 3),
        (f"{NOTE}.notifyId", -1),
        (f"{NOTE}.unknown", 5),
        ("android.ttl", "0s"),
        ("android.ttl", "1296000s"),
        ("android.ttl", None),
        ("android.data", "plain text"),
        ("notification", {}),
        ("notification", None),
        ("data", ""),
    ],
)
def test_it_takes(send: Any, sample: Any, path: str, value: Any) -> None:
    """Limits, plain text as data, what is not set in any spelling, and members that it does not know."""
    status, reply = send(changed(sample, path, value))

    assert (status, reply["code"], reply["data"]["sendResult"]) == (200, 200, True)


def test_it_may_take_longer_texts(send: Any, sample: Any) -> None:
    """With `long_texts`, as most clients send them."""
    long = changed(changed(sample, f"{NOTE}.title", "t" * 300), f"{NOTE}.body", "b" * 1000)

    assert send(long)[1]["code"] == 80100003
    assert send(long, long_texts=True)[1]["code"] == 200
    assert send(changed(long, f"{NOTE}.title", 5), long_texts=True)[1]["code"] == 80100003


def test_a_badge_without_its_activity_has_no_effect(driver: Drivers, sample: Any) -> None:
    """A client in production sends it so, and gets no badge; whether Honor refuses it is an option."""
    one = driver(tokens=1)
    (token,) = one.sandbox.tokens
    one.log_in("")
    assert one.access is not None
    headers = {
        "content-type": "application/json",
        "authorization": f"Bearer {one.access.value}",
        "timestamp": str(int(EPOCH * 1000)),
    }
    body = {**changed(sample, f"{NOTE}.badge", {"setNum": 3}), "token": [token]}
    request = Request("POST", f"https://x/api/v1/{APP_ID}/sendMessage", headers, json.dumps(body).encode())
    codes = []
    for option in ("optional", "required"):
        one.sandbox.set_option("badge_class", option)
        answer = one.sandbox.answer(request).response
        assert answer is not None
        codes.append(json.loads(answer.content)["code"])
    (phone,) = one.sandbox.phones()

    assert codes == [200, 80100003]
    assert (len(phone.shown), phone.badge) == (1, 0)


def test_a_message_needs_a_notification_or_data(send: Any) -> None:
    """Of which data alone is not shown; its other fields are checked nevertheless."""
    token = {"token": ["HTOK-AAAA"]}

    assert send(token)[1]["code"] == 80100003
    assert send({**token, "android": {"ttl": "60s"}})[1]["code"] == 80100003
    assert send({**token, "data": "x"})[1]["code"] == 200
    assert send({**token, "data": {"a": 1}})[1]["code"] == 80100003
    assert send({**token, "data": "x", "android": {"ttl": "soon"}})[1]["code"] == 80100004
    assert send({**token, "notification": {"title": "t", "body": "b"}})[1]["code"] == 80100003


def test_the_size_does_not_count_tokens(send: Any) -> None:
    """4,096 bytes of the rest, and one more."""

    def of(size: int) -> Any:
        body = {"token": ["x" * 50] * 1000, "data": ""}
        rest = len(json.dumps({**body, "token": []}, separators=(",", ":")))
        return {**body, "data": "d" * (size - rest)}

    assert send(of(4096))[1]["code"] == 80100000  # nobody has that token
    assert send(of(4097))[1]["code"] == 80300008


@pytest.mark.parametrize("code", ["200", "80000000", "0", "12200000"])
def test_a_success_has_a_code_by_choice(send: Any, sample: Any, code: str) -> None:
    """What it is at Honor, clients do not agree."""
    reply = send(sample, success=code)[1]

    assert (reply["code"], reply["message"]) == (int(code), "success")


def push(one: ExchangeDriver, *tokens: str, **fields: Any) -> Any:
    """Push one notification."""
    note = Notification(**{"title": "t", "body": "b", **fields})
    return one.push([Push(PushToken(1, token), note) for token in tokens])


@pytest.mark.parametrize("options", [{}, {"partial": "200"}])
def test_dead_and_failed_tokens_are_named(driver: Drivers, options: Any) -> None:
    """In their lists, beside those that were accepted."""
    one = driver(tokens=3, **options)
    dead, failed, alive = one.sandbox.tokens
    one.sandbox.uninstall(dead)
    one.sandbox.target_codes[failed] = "failTokens"
    outcomes = push(one, dead, failed, alive)

    assert [outcome.reason for outcome in outcomes] == [Reason.UNREGISTERED, Reason.UNAVAILABLE, None]
    assert [outcome.vendor_code for outcome in outcomes] == ["expireTokens", "failTokens", None]


@pytest.mark.parametrize(("option", "code"), [("lists", "expireTokens"), ("80300007", "80300007")])
def test_all_dead_may_be_one_code(driver: Drivers, option: str, code: str) -> None:
    """With `all_invalid`; not if one has failed for another reason."""
    one = driver(tokens=1, all_invalid=option)
    (alive,) = one.sandbox.tokens
    one.sandbox.target_codes[alive] = "failTokens"

    assert push(one, "dead")[0].vendor_code == code
    assert {outcome.vendor_code for outcome in push(one, "dead", alive)} == {"expireTokens", "failTokens"}


def test_a_message_without_the_right_is_marketing(driver: Drivers) -> None:
    """Without an error, whether it names a class or not; with the right, what has no class counts as none."""
    for approved, classes in ((False, ["LOW", "LOW"]), (True, ["NORMAL", ""])):
        one = driver(tokens=1, approved=approved)
        push(one, *one.sandbox.tokens, intent="chat")
        push(one, *one.sandbox.tokens)

        assert [each.category for each in one.sandbox.ledger.deliveries] == classes
        assert [each.private for each in one.sandbox.ledger.deliveries] == [approved, False]


def test_too_fast_is_refused(driver: Drivers) -> None:
    """429, by phones of a second."""
    one = driver(tokens=2, per_second=1)
    push(one, *one.sandbox.tokens)
    with pytest.raises(Refused) as refused:
        push(one, *one.sandbox.tokens)

    assert (refused.value.reason, refused.value.code) == (Reason.RATE_LIMITED, "429")


def test_the_phone_replaces_and_counts(driver: Drivers) -> None:
    """The same `notifyId` or `tag` takes the place of the old notification; badges are added and set."""
    one = driver(tokens=1)
    for number, badge in enumerate((Badge.add(2), Badge.add(3), Badge.set(1))):
        push(one, *one.sandbox.tokens, title=f"t{number}", replace_key="chat", badge=badge)
    for number in range(2):
        push(one, *one.sandbox.tokens, title=f"tag{number}", overrides={"honor": {f"{NOTE}.tag": "room"}})
    (phone,) = one.sandbox.phones()

    assert [delivery.title for delivery in phone.shown] == ["t2", "tag1"]
    assert phone.badge == 1


def test_options_are_checked() -> None:
    """By name and value."""
    for options in ({"success": 200}, {"per_second": 0}, {"lifetime": 0}, {"timestamp": True}, {"other": 1}):
        with pytest.raises(FieldError):
            HonorSandbox(tokens=0, **options)


def test_the_settings_of_a_sandbox_are_those_of_a_certificate(load: Any) -> None:
    """So that a certificate talks to it."""
    assert load(**HonorSandbox(tokens=0).settings("https://x.invalid")).login_host == "https://x.invalid"
