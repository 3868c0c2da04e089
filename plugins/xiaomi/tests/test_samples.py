"""The samples in `samples/` in both directions: what the plug-in sends, the sandbox takes; replies mean what
they say."""

import json
import tomllib
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, quote_plus, urlencode

import pytest
from pushgateway_xiaomi.sandbox import PACKAGE, SECRET, XiaomiSandbox
from pushgateway_xiaomi.settings import RULES
from xiaomi_client import CHANNELS, batch, form_of, make, messages_of, push, run

from pushgateway import Notification, Reason
from pushgateway.vendor import Notification as VendorNotification
from pushgateway.vendor import ReceiptKind, Refused, Request, Status

SAMPLES = Path(__file__).resolve().parent / "samples"
FORM = "application/x-www-form-urlencoded"
CHAT = {"chat": {"channel_id": "150001", "template": "P10001", "content_parameters": ("name",)}}
LUNCH = Notification(
    "Lena",
    "Lunch at noon?",
    data={"room": 17},
    ttl=3600,
    intent="chat",
    parameters={"name": "Lena"},
    receipt_url="http://push.example.com/mi/s3cr3t",
    receipt_parameter="m-42",
    overrides={"xiaomi": {"notify_id": 4711}},
)


def sample(name: str) -> bytes:
    """The content of a sample."""
    return (SAMPLES / name).read_bytes().strip()


def accepted_by_sandbox(path: str, content: bytes, tokens: list[str]) -> dict[str, Any]:
    """The sandbox's reply to a request, and what the phones got."""
    sandbox = XiaomiSandbox(tokens=0, clock=lambda: 1_780_000_000.0)
    sandbox.register(tokens)
    headers = {"content-type": FORM, "authorization": f"key={SECRET}"}
    response = sandbox.answer(Request("POST", f"https://host{path}", headers, content)).response
    assert response is not None
    body: dict[str, Any] = json.loads(response.content)
    assert body["code"] == 0, body
    assert [one.token for one in sandbox.ledger.deliveries] == tokens
    return body


def test_every_sample_has_a_source() -> None:
    """Each file is listed with a source of the rules, and each listed file exists."""
    listed = tomllib.loads((SAMPLES / "samples.toml").read_text("utf-8"))["files"]

    assert set(listed) == {path.name for path in SAMPLES.iterdir()} - {"samples.toml"}
    assert {row["source"] for row in listed.values()} <= RULES.sources.keys()


def test_the_request_for_two_phones() -> None:
    """The plug-in makes exactly the fields of the sample, and the sandbox delivers the sample."""
    vendor = make(channels=CHANNELS, intents=CHAT)
    _, (request,) = push(vendor, batch(LUNCH, ["regid-aaa", "regid-bbb"], ids="order-99"))

    right = {name: values[0] for name, values in parse_qs(sample("push.request.form").decode()).items()}
    assert form_of(request) == right
    assert request.url == "https://api.xmpush.xiaomi.com/v3/message/regid"
    assert vendor.finish(request, None, 0.0).headers["authorization"] == "key=secret=="
    body = accepted_by_sandbox("/v3/message/regid", sample("push.request.form"), ["regid-aaa", "regid-bbb"])
    assert body.keys() >= {"result", "code", "trace_id", "description", "data"}


def test_the_request_of_different_messages() -> None:
    """The plug-in makes the messages of the sample, beside its own jobkeys, and the sandbox delivers the sample."""
    notes = [
        Notification("Bill", f"Paid {paid}", data={"n": n}, ttl=3600, overrides={"xiaomi": {"notify_id": number}})
        for paid, n, number in (("3.20", "a", 11), ("9.90", "b", 12))
    ]
    _, (request,) = push(make(channel_id="150001"), batch(notes, ["regid-aaa", "regid-bbb"]))

    made = messages_of(request)
    for message in made:
        assert message["message"]["extra"].pop("jobkey").startswith("message-")
        assert message["message"].pop("notify_type") == -1
    assert made == json.loads(sample("push_each.request.json"))
    assert request.url == "https://api.xmpush.xiaomi.com/v2/multi_messages/regids"
    content = b"messages=" + quote_plus(sample("push_each.request.json")).encode() + b"&time_to_send=0"
    accepted_by_sandbox("/v2/multi_messages/regids", content, ["regid-aaa", "regid-bbb"])


def test_an_accepted_reply() -> None:
    """All are accepted under the one id of the request, and the number by which they can be taken back."""
    outcomes, _ = push(make(), batch(LUNCH_PLAIN, ["a", "b"]), json.loads(sample("push.reply.json")))

    assert [(outcome.status, outcome.message_id) for outcome in outcomes] == [(Status.ACCEPTED, "scm0a1b2c3d4e5")] * 2
    assert len({outcome.handle for outcome in outcomes}) == 1
    assert all(outcome.handle and outcome.handle.isdigit() for outcome in outcomes)


LUNCH_PLAIN = VendorNotification("Lena", "Lunch at noon?")


@pytest.mark.parametrize(
    ("name", "reason"),
    [
        ("bad_secret", Reason.CREDENTIALS),
        ("no_target", Reason.UNREGISTERED),
        ("quota", Reason.QUOTA_EXCEEDED),
        ("channel", Reason.INVALID_NOTIFICATION),
    ],
)
def test_a_refused_reply(name: str, reason: Reason) -> None:
    """The plug-in raises what the code means, and the sandbox gives the same code and reason."""
    body = json.loads(sample(f"{name}.reply.json"))

    with pytest.raises(Refused) as caught:
        push(make(), batch(LUNCH_PLAIN), body)

    assert (caught.value.reason, caught.value.code) == (reason, str(body["code"]))
    assert caught.value.message == body["reason"]
    given = json.loads(XiaomiSandbox(tokens=0).refusal(str(body["code"])).content)
    assert given["reason"] == body["reason"]
    assert given.keys() == body.keys()


def test_a_reply_with_a_part_over_the_quota() -> None:
    """Of a channel of which all were dropped each is QUOTA_EXCEEDED; where only some were, none is called accepted."""
    body = json.loads(sample("push_each_exceeded.reply.json"))
    channel = {"channel_id": "150001"}
    notes = [Notification(f"t{n}", "b", **(channel if n > 1 else {})) for n in range(6)]
    outcomes, _ = push(make(), batch(notes, [f"t-{n}" for n in range(6)]), body)

    assert [outcome.reason for outcome in outcomes] == [Reason.QUOTA_EXCEEDED] * 2 + [Reason.NO_VERDICT] * 4


def test_posted_receipts() -> None:
    """One receipt for each phone, with its kind, and the regid that takes the place of a dead one."""
    body = urlencode({"data": sample("receipts.json").decode()}).encode()

    receipts = make().receipts("7", {"content-type": FORM}, body, 0.0)

    seen = [(one.push_token.token, one.kind, one.message_id, one.parameter) for one in receipts if one is not None]
    assert seen == [
        ("regid-aaa", ReceiptKind.ARRIVED, "scm0a1b2c3d4e5", "m-42"),
        ("regid-ccc", ReceiptKind.ARRIVED, "scm0a1b2c3d4e5", "m-42"),
        ("regid-bbb", ReceiptKind.UNREGISTERED, "scm0ffff", "m-43"),
        ("regid-ddd", ReceiptKind.DROPPED, "scm0eeee", "m-44"),
    ]
    dead = receipts[2]
    assert dead is not None
    assert dead.replacement is not None
    assert (dead.replacement.certificate_id, dead.replacement.token) == ("7", "regid-bbb-new")
    assert dead.at == 1_790_000_000.456


def test_the_sandbox_knows_the_package_of_the_samples() -> None:
    """The samples can be sent to it as they are."""
    assert PACKAGE == "com.example.chat"
    assert run(make().push(batch(LUNCH_PLAIN)))[0][0].ok
