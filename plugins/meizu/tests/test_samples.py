"""The samples in both directions: the plug-in makes and reads them, the sandbox takes and makes them."""

from __future__ import annotations

import json
import tomllib
from collections.abc import Callable
from pathlib import Path
from typing import Any
from urllib.parse import parse_qsl, urlencode

import pytest
from pushgateway_meizu import Meizu
from pushgateway_meizu.sandbox import MeizuSandbox

from pushgateway.sandbox.kit.signatures import is_signed_form
from pushgateway.testing.conformance.exchange_driver import ExchangeDriver
from pushgateway.testing.conformance.sandbox_connection import EPOCH
from pushgateway.vendor import (
    Audience,
    Batch,
    Broadcast,
    Notification,
    Outcome,
    Push,
    PushToken,
    Reason,
    ReceiptKind,
    Refused,
    Request,
    Response,
    Statistics,
)
from pushgateway.vendor.toolkit.requests import sign_form

Drivers = Callable[..., ExchangeDriver]
Load = Callable[..., Meizu]
TOKENS = ("DEMO0001", "DEMO0002")
NOTE = Notification("t", "b")
HOST = "https://server-api-push.meizu.com/garcia/api/server"
FORM = {"content-type": "application/x-www-form-urlencoded;charset=UTF-8"}


def read(samples: Path, name: str) -> Any:
    """A sample as JSON."""
    return json.loads((samples / name).read_text())


def form_of(content: bytes) -> dict[str, str]:
    """The fields of a form."""
    return dict(parse_qsl(content.decode().strip(), keep_blank_values=True))


def shape(value: Any) -> Any:
    """Names and types."""
    return {key: shape(inner) for key, inner in value.items()} if isinstance(value, dict) else type(value)


def pushes(note: Notification, *tokens: str) -> Batch:
    """A batch as the core makes it."""
    return Batch.of([Push(PushToken(1, token), note) for token in tokens])


def sandbox_with_demo_phones(**options: Any) -> MeizuSandbox:
    """A sandbox that has the phones of the samples."""
    sandbox = MeizuSandbox(clock=lambda: EPOCH, tokens=0, **options)
    sandbox.register(TOKENS)
    return sandbox


def answered(sandbox: MeizuSandbox, path: str, content: bytes) -> Any:
    """The sandbox's reply to a form."""
    response = sandbox.answer(Request("POST", f"https://x/garcia/api/server/{path}", FORM, content)).response
    assert response is not None
    return json.loads(response.content)


def test_every_sample_has_a_source(samples: Path) -> None:
    """Each file is listed once in `samples.toml`."""
    sources = tomllib.loads((samples / "samples.toml").read_text()).values()

    listed = [name for source in sources for name in source["files"]]

    assert sorted(listed) == sorted(path.name for path in samples.iterdir() if path.name != "samples.toml")


# Signatures


@pytest.mark.parametrize(
    ("form", "secret", "sign"),
    [
        (
            {
                "appId": "10000",
                "pushIds": "RA50c6348036344485d01776773577c64740465480a6b",
                "messageJson": '{"title":"title","content":"content","pushTimeInfo":{"offLine":1,"validTime":24}}',
            },
            "<APP_SECRET>",
            "ac076ff25d9900015a681cb5172aa53b",
        ),
        (
            {"appId": "123456", "pushType": "0", "taskId": "20457"},
            "mz-demo-secret",
            "9087643c5c90dd876cfc629e56d60a9a",
        ),
        ({"appId": "123456", "taskId": "20457"}, "mz-demo-secret", "b0cbc0c4c2bd3e64fdda469c32b2c348"),
        (
            {"appId": "123456", "taskId": "20457", "pushIds": "DEMO0003"},
            "mz-demo-secret",
            "393f91e50f1316ead4ba35b5f928db2c",
        ),
    ],
)
def test_the_vectors_of_the_signature(form: dict[str, str], secret: str, sign: str) -> None:
    """The digest of the official document among them; the sandbox's check agrees, and refuses another secret."""
    signed = sign_form(form, secret)

    assert signed == {**form, "sign": sign}
    assert is_signed_form(signed, secret)
    assert not is_signed_form(signed, f"{secret}x")


@pytest.mark.parametrize("name", ["push.request.form", "unicode.request.form"])
def test_the_signed_samples_are_taken(samples: Path, name: str) -> None:
    """Blanks as + and as %20, signs that are quoted, and Chinese."""
    sandbox = sandbox_with_demo_phones()
    reply = answered(sandbox, "push/varnished/pushByPushId", (samples / name).read_bytes().strip())

    assert shape(reply) == shape(read(samples, "accepted.reply.json"))
    assert sandbox.ledger.total == (2 if name == "push.request.form" else 1)


def test_a_changed_form_is_refused(samples: Path) -> None:
    """Any field that the signature does not cover."""
    content = (samples / "push.request.form").read_bytes().strip()

    for changed in (content.replace(b"4711", b"4712"), content + b"&more=1", content.replace(b"DEMO0002", b"DEMO0003")):
        assert answered(sandbox_with_demo_phones(), "push/varnished/pushByPushId", changed)["code"] == "1006"


def test_the_request_of_the_sdk_is_taken(samples: Path) -> None:
    """Truth values for 0 and 1, and empty texts for what is not set."""
    sandbox = sandbox_with_demo_phones()
    signed = sign_form(form_of((samples / "sdk.request.form").read_bytes()), "mz-demo-secret")
    reply = answered(sandbox, "push/varnished/pushByPushId", urlencode(signed).encode())

    (shown,) = sandbox.ledger.deliveries
    assert reply["code"] == "200"
    assert (shown.title, shown.ttl, shown.receipt_url) == ("t", 86_400, "https://im.example/r")


# Requests and replies


def test_the_request_is_made(driver: Drivers, samples: Path) -> None:
    """A notification of ours becomes the sample: the same fields, and a signature of its own order of them."""
    one = driver({"vip": False}, tokens=0)
    one.sandbox.register(TOKENS)
    note = Notification(
        "Parcel",
        "Locker 12, code 4711",
        data={"order": "A1"},
        ttl=86_400,
        intent="order",
        replace_key="order_A1",
        overrides={"meizu": {"pushTimeInfo": {"offLine": 1}}},
    )
    outcomes = one.push(pushes(note, *TOKENS))

    (request,), (shown, _) = one.requests, one.sandbox.ledger.deliveries
    made, sample = form_of(request.content), form_of((samples / "push.request.form").read_bytes())
    assert json.loads(made.pop("messageJson")) == json.loads(sample.pop("messageJson"))
    assert {**made, "sign": ""} == {**sample, "sign": ""}
    assert request.url.endswith("/garcia/api/server/push/varnished/pushByPushId")
    assert request.headers["content-type"] == "application/x-www-form-urlencoded; charset=UTF-8"
    assert [outcome.ok for outcome in outcomes] == [True, True]
    assert (shown.data, shown.replaces, shown.private, shown.ttl) == ({"order": "A1"}, "order_A1", True, 86_400)


def outcomes_by(vendor: Meizu, samples: Path, name: str) -> list[Outcome]:
    """What a reply says of the two tokens."""
    exchange = vendor.push(pushes(NOTE, *TOKENS))
    next(exchange)
    with pytest.raises(StopIteration) as end:
        exchange.send(Response(200, content=(samples / name).read_bytes()))
    return list(end.value.value)


@pytest.mark.parametrize(("name", "reasons"), [("accepted", [None, None]), ("partial", [None, Reason.UNREGISTERED])])
def test_a_reply_is_read_and_made(load: Load, samples: Path, name: str, reasons: list[Reason | None]) -> None:
    """Only those that failed are named; all have the id that receipts have."""
    outcomes = outcomes_by(load(), samples, f"{name}.reply.json")
    sandbox = sandbox_with_demo_phones()
    if name == "partial":
        sandbox.uninstall(TOKENS[1])
    made = answered(sandbox, "push/varnished/pushByPushId", (samples / "push.request.form").read_bytes().strip())

    sample = read(samples, f"{name}.reply.json")
    assert [one.reason for one in outcomes] == reasons
    assert [one.message_id for one in outcomes] == [sample["msgId"]] * 2
    assert {**made, "msgId": sample["msgId"]} == sample
    assert len(made["msgId"]) == 32


@pytest.mark.parametrize(
    ("name", "reason", "code"),
    [("too_fast", Reason.RATE_LIMITED, "110010"), ("bad_sign", Reason.CREDENTIALS, "1006")],
)
def test_a_refusal_is_read_and_made(load: Load, samples: Path, name: str, reason: Reason, code: str) -> None:
    """The value is an empty text."""
    with pytest.raises(Refused) as refused:
        outcomes_by(load(), samples, f"{name}.reply.json")
    made = json.loads(MeizuSandbox(tokens=0).refusal(code).content)

    sample = read(samples, f"{name}.reply.json")
    assert (refused.value.reason, refused.value.code) == (reason, code)
    assert {**made, "message": sample["message"]} == sample
    assert name != "too_fast" or made == sample


# Other calls


def ended(vendor: Meizu, samples: Path, call: Any, name: str) -> Any:
    """The request of a call, and how it ends by a reply."""
    exchange = call.begin()
    request = next(exchange)
    try:
        exchange.send(Response(200, content=(samples / name).read_bytes()))
    except StopIteration as done:
        return request, done.value
    except Refused as refused:
        return request, refused
    raise AssertionError("the call makes more than one request")


def test_statistics_of_a_task(load: Load, samples: Path) -> None:
    """The request has the signature of the sheet of samples."""
    vendor = load()
    request, figures = ended(vendor, samples, vendor.statistics("", "20457"), "statistics.reply.json")
    _, refused = ended(vendor, samples, vendor.statistics("20457", ""), "no_task.reply.json")

    assert request.url == f"{HOST}/push/statistics/getTaskStatistics"
    assert form_of(request.content)["sign"] == "b0cbc0c4c2bd3e64fdda469c32b2c348"
    assert figures == Statistics(targets=9, valid=8, sent=7, arrived=6, shown=5, opened=4)
    assert (refused.reason, refused.code) == (Reason.INVALID_NOTIFICATION, "110032")


def test_cancel(load: Load, samples: Path) -> None:
    """Code 500 is about the arguments, and its message says why."""
    vendor = load()
    fields = {"pushType": "0", "taskId": "20457"}
    request, result = ended(vendor, samples, vendor.other("cancel", fields), "cancelled.reply.json")
    _, refused = ended(vendor, samples, vendor.other("cancel", fields), "over.reply.json")

    assert form_of(request.content) == {"appId": "123456", **fields, "sign": "9087643c5c90dd876cfc629e56d60a9a"}
    assert result == {"result": True}
    assert (refused.reason, refused.code) == (Reason.INVALID_NOTIFICATION, "500")
    assert refused.message == read(samples, "over.reply.json")["message"]


def test_a_list_by_its_task(load: Load, samples: Path) -> None:
    """The task is made once; its lists have only the task and the tokens, with the signature of the sheet."""
    vendor = load()
    broadcast = Broadcast("1", NOTE, Audience.of_tokens(["DEMO0003"]))
    saving = vendor.save(broadcast)
    assert saving is not None
    request = next(saving)
    with pytest.raises(StopIteration) as saved:
        saving.send(Response(200, content=(samples / "task.reply.json").read_bytes()))
    sending = vendor.broadcast(broadcast, saved.value.value.id)
    listed = next(sending)
    with pytest.raises(StopIteration) as done:
        sending.send(Response(200, content=(samples / "accepted.reply.json").read_bytes()))

    assert request is not None
    assert listed is not None
    assert request.url == f"{HOST}/push/pushTask/getTaskId"
    assert listed.url == f"{HOST}/push/task/varnished/pushByPushId"
    assert form_of(listed.content)["sign"] == "393f91e50f1316ead4ba35b5f928db2c"
    assert (saved.value.value.id, done.value.value.task_ids) == ("20457", ("20457",))


@pytest.mark.parametrize(
    ("name", "path", "form"),
    [
        (
            "task",
            "push/pushTask/pushToApp",
            {"pushType": "0", "messageJson": '{"noticeBarInfo":{"title":"t","content":"c"}}'},
        ),
        ("no_task", "push/pushTask/cancel", {"pushType": "0", "taskId": "1"}),
        ("switch", "message/getRegisterSwitch", {"pushId": "DEMO0001"}),
        ("alias", "message/subscribeAlias", {"pushId": "DEMO0001", "alias": "ann"}),
        ("tags", "message/subscribeTags", {"pushId": "DEMO0001", "tags": "体育,科技"}),
    ],
)
def test_the_sandbox_replies_as_the_sample(samples: Path, name: str, path: str, form: dict[str, str]) -> None:
    """The same members, and the same values where they are not ids of tasks."""
    signed = sign_form({"appId": "123456", **form}, "mz-demo-secret")
    made, sample = (
        answered(sandbox_with_demo_phones(), path, urlencode(signed).encode()),
        read(samples, f"{name}.reply.json"),
    )

    assert shape(made) == shape(sample)
    assert name == "task" or made == sample


def test_the_figures_of_the_sandbox_have_the_samples_names(samples: Path) -> None:
    """Of a task, and of a day."""
    sandbox = sandbox_with_demo_phones()

    def asked(path: str, **form: str) -> Any:
        signed = sign_form({"appId": "123456", **form}, "mz-demo-secret")
        return answered(sandbox, path, urlencode(signed).encode())["value"]

    message = '{"noticeBarInfo":{"title":"t","content":"c"}}'
    task = asked("push/pushTask/pushToApp", pushType="0", messageJson=message)["taskId"]
    figures = asked("push/statistics/getTaskStatistics", taskId=str(task))
    (day,) = asked("push/statistics/dailyPushStatics", startTime="20231114", endTime="20231115")

    assert figures.keys() == read(samples, "statistics.reply.json")["value"].keys()
    assert day.keys() == read(samples, "daily.reply.json")["value"][0].keys()
    assert (figures["targetNo"], figures["acceptNo"], day["date"]) == (2, 2, "2023-11-15")


# Receipts


def test_receipts_are_read_and_made_as_the_sample(driver: Drivers, load: Load, samples: Path) -> None:
    """A form with the JSON in `cb` and the access token of the console."""
    sample = (samples / "receipts.posted.form").read_bytes().strip()
    (receipt,) = load(receipt_token="demo").receipts("7", {}, sample, 0.0)
    one = driver(tokens=1)
    one.push(
        pushes(Notification("t", "b", receipt_url="https://im.example/r", receipt_parameter="t7"), *one.sandbox.tokens)
    )
    (posted,) = one.sandbox.callbacks()

    assert receipt is not None
    assert (receipt.kind, receipt.event, receipt.message_id) == (ReceiptKind.ARRIVED, "1", "c0ffee")
    assert (receipt.parameter, receipt.push_token.token, receipt.at) == ("t7", "DEMO0001", None)
    made, theirs = form_of(posted.content), form_of(sample)
    assert made.keys() == theirs.keys()
    ((key, element),), ((_, wanted),) = json.loads(made["cb"]).items(), json.loads(theirs["cb"]).items()
    assert key.endswith("-1")
    assert {**element, "targets": wanted["targets"]} == wanted
