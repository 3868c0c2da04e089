"""The sandbox is strict: it refuses what Meizu refuses, with its codes, and takes what working clients send."""

from __future__ import annotations

import copy
import json
from typing import Any
from urllib.parse import urlencode

import pytest
from pushgateway_meizu.sandbox import APP_ID, APP_SECRET, MeizuSandbox

from pushgateway.sandbox import Fault
from pushgateway.testing.conformance.sandbox_connection import EPOCH
from pushgateway.vendor import FieldError, Request
from pushgateway.vendor.toolkit.requests import sign_form

FORM = {"content-type": "application/x-www-form-urlencoded"}
ROOT = "https://x/garcia/api/server/"
MESSAGE: dict[str, Any] = {
    "noticeBarInfo": {"noticeMsgType": 1, "title": "t", "content": "c"},
    "noticeExpandInfo": {"noticeExpandType": 1, "noticeExpandContent": "more"},
    "clickTypeInfo": {"clickType": 2, "url": "https://a.example/", "parameters": {"a": 1}},
    "pushTimeInfo": {"offLine": 1, "validTime": 24},
    "advanceInfo": {"suspend": 1, "notifyKey": "k", "notificationType": {"sound": 0}},
}
FROM_SDK: dict[str, Any] = {
    "noticeBarInfo": {"noticeMsgType": 0, "noticeBarType": 0, "title": "t", "content": "c"},
    "noticeExpandInfo": {"noticeExpandType": 0, "noticeExpandContent": "", "noticeExpandImgUrl": ""},
    "clickTypeInfo": {"clickType": 0, "url": "", "activity": "", "customAttribute": ""},
    "pushTimeInfo": {"offLine": True, "validTime": 24, "pushTimeType": 0, "startTime": ""},
    "advanceInfo": {
        "fixSpeed": False,
        "fixSpeedRate": 0,
        "fixDisplay": False,
        "fixStartDisplayTime": "",
        "fixEndDisplayTime": "",
        "suspend": True,
        "clearNoticeBar": True,
        "notifyKey": "",
        "notificationType": {"vibrate": True, "lights": True, "sound": True},
    },
    "vipInfo": {
        "subtitle": "",
        "pullDownTop": False,
        "timeTop": 0,
        "notGroup": False,
        "titleColor": "",
        "backgroundImgUrl": "",
        "smallIconUrl": "",
        "bigIconUrl": "",
    },
    "extra": {},
}
"""A message of which nothing but title and text was set, as the Java SDK 1.2.13 writes it."""
TOKENS = ("DEMO0001", "DEMO0002")


def made(**options: Any) -> MeizuSandbox:
    """A sandbox with two phones."""
    sandbox = MeizuSandbox(clock=lambda: EPOCH, tokens=0, **options)
    sandbox.register(TOKENS)
    return sandbox


def ask(sandbox: MeizuSandbox, path: str, form: dict[str, str], method: str = "POST", *, sign: bool = True) -> Any:
    """The reply to a call, signed."""
    fields = sign_form({"appId": APP_ID, **form}, APP_SECRET) if sign else form
    encoded = urlencode(fields)
    is_get = method == "GET"
    request = Request(
        method,
        f"{ROOT}{path}{'?' + encoded if is_get else ''}",
        {} if is_get else FORM,
        b"" if is_get else encoded.encode(),
    )
    response = sandbox.answer(request).response
    assert response is not None
    return json.loads(response.content) if response.content else response.status


def send(sandbox: MeizuSandbox, message: Any = None, tokens: str = "DEMO0001", **form: str) -> Any:
    """The reply to a push."""
    text = message if isinstance(message, str) else json.dumps(MESSAGE if message is None else message)
    return ask(sandbox, "push/varnished/pushByPushId", {"pushIds": tokens, "messageJson": text, **form})


def changed(path: str, value: Any) -> Any:
    """The message with another value at a dotted path; None leaves it out."""
    message = copy.deepcopy(MESSAGE)
    *outer, last = path.split(".")
    here = message
    for name in outer:
        here = here.setdefault(name, {})
    if value is None:
        here.pop(last, None)
    else:
        here[last] = value
    return message


# What every call is checked for


def test_the_first_reason_is_said() -> None:
    """In the order of the sheet: empty parameter, app, signature, rate, daily limit, message, targets."""
    sandbox = made(per_second=1, daily_limit=0)
    good = sign_form({"appId": APP_ID, "pushIds": "DEMO0001", "messageJson": "{"}, APP_SECRET)

    def code(**form: str) -> str:
        fields = {**good, **form}
        return str(ask(sandbox, "push/varnished/pushByPushId", fields, sign=False)["code"])

    assert code(pushIds="", appId="7") == "110004"
    assert code(appId="7", sign="x") == "110000"
    assert code(sign="x") == "1006"
    assert code() == "110010"  # the former ones were requests of this second
    sandbox.set_option("per_second", None)
    assert code() == "110019"
    sandbox.set_option("daily_limit", None)
    assert code() == "1005"


@pytest.mark.parametrize("name", ["appId", "sign", "pushIds", "messageJson"])
def test_an_empty_parameter(name: str) -> None:
    """Or one that is left out: it is named."""
    form = sign_form({"appId": APP_ID, "pushIds": "DEMO0001", "messageJson": json.dumps(MESSAGE)}, APP_SECRET)

    for wrong in ({**form, name: ""}, {key: value for key, value in form.items() if key != name}):
        reply = ask(made(), "push/varnished/pushByPushId", wrong, sign=False)
        assert (reply["code"], reply["value"]) == ("110004", "")
        assert name in reply["message"]


def test_paths_and_methods() -> None:
    """Pushes are POST; five queries are GET as in the document and POST as in the SDK."""
    sandbox = made()
    queries = {
        "message/getRegisterSwitch": {"pushId": "DEMO0001"},
        "message/getSubAlias": {"pushId": "DEMO0001"},
        "message/getSubTags": {"pushId": "DEMO0001"},
        "push/statistics/getTaskStatistics": {"taskId": "7"},
        "push/statistics/dailyPushStatics": {"startTime": "20231101", "endTime": "20231102"},
    }

    for path, form in queries.items():
        by_get, by_post = (ask(sandbox, path, form, method) for method in ("GET", "POST"))
        assert by_get == by_post
        assert by_get["code"] in ("200", "110032")
    assert ask(sandbox, "push/varnished/pushByPushId", {"pushIds": "a", "messageJson": "{}"}, "GET") == 405
    assert ask(sandbox, "push/nothing", {}) == 404
    response = sandbox.answer(Request("POST", f"{ROOT}push/varnished/pushByPushId", {}, b"a=1")).response
    assert response is not None
    assert json.loads(response.content)["code"] == "1005"


# Messages


@pytest.mark.parametrize(
    ("path", "value"),
    [
        ("noticeBarInfo", None),
        ("noticeBarInfo.title", None),
        ("noticeBarInfo.title", ""),
        ("noticeBarInfo.title", "t" * 33),
        ("noticeBarInfo.content", None),
        ("noticeBarInfo.content", "c" * 101),
        ("noticeBarInfo.noticeBarType", 1),
        ("noticeBarInfo.noticeMsgType", 2),
        ("noticeExpandInfo.noticeExpandType", 3),
        ("noticeExpandInfo.noticeExpandContent", None),
        ("clickTypeInfo.clickType", 4),
        ("clickTypeInfo.url", None),
        ("clickTypeInfo.url", "u" * 1001),
        ("clickTypeInfo.parameters", "text"),
        ("pushTimeInfo.validTime", 0),
        ("pushTimeInfo.validTime", 73),
        ("pushTimeInfo.offLine", 2),
        ("pushTimeInfo.pushTimeType", 1),
        ("advanceInfo.suspend", "yes"),
        ("advanceInfo.notifyKey", "123456789"),
        ("advanceInfo.notifyKey", "a b"),
        ("advanceInfo.fixDisplay", 1),
        ("advanceInfo.fixDisplay", True),
        ("advanceInfo.fixSpeed", 1),
        ("advanceInfo.notificationType.sound", 2),
        ("vipInfo.subtitle", "s" * 17),
        ("vipInfo.timeTop", 1799),
        ("vipInfo.titleColor", "#000000"),
        ("vipInfo", {"pullDownTop": True, "timeTop": 1800}),
        ("extra", "text"),
        ("extra", {"callback": "no url"}),
        ("extra", {"callback": "https://a.example/" + "r" * 111}),
        ("extra", {"callback": "https://a.example", "callback.param": "p" * 65}),
        ("extra", {"callback": "https://a.example", "callback.type": 4}),
        ("extra", {"callback.param": "p"}),
    ],
)
def test_it_refuses_a_message(path: str, value: Any) -> None:
    """One wrong member: nobody gets it."""
    sandbox = made()

    assert send(sandbox, changed(path, value))["code"] == "1005"
    assert sandbox.ledger.total == 0


@pytest.mark.parametrize(
    ("path", "value"),
    [
        ("noticeBarInfo.title", "长" * 32),
        ("noticeBarInfo.content", "😀" * 100),
        ("noticeBarInfo.noticeMsgType", "1"),
        ("noticeBarInfo.noticeMsgType", True),
        ("pushTimeInfo.validTime", 72),
        ("pushTimeInfo.validTime", "24"),
        ("pushTimeInfo.pushTimeType", 0),
        ("pushTimeInfo.offLine", False),
        ("advanceInfo.suspend", "true"),
        ("advanceInfo.suspend", ""),
        ("advanceInfo.fixDisplay", False),
        ("advanceInfo.fixStartDisplayTime", ""),
        ("advanceInfo.notifyKey", "a_-4567Z"),
        ("advanceInfo.fixSpeed", 0),
        ("vipInfo", {"pullDownTop": False, "timeTop": 1800}),
        ("extra", {}),
        ("extra", {"callback": "https://a.example/" + "r" * 110, "callback.param": "p" * 64, "callback.type": "3"}),
        ("own", {"unknown": 1}),
    ],
)
def test_it_takes_a_message(path: str, value: Any) -> None:
    """Values at their limits, truth values of the SDK, and empty texts for what is not set."""
    sandbox = made()

    assert send(sandbox, changed(path, value))["code"] == "200"
    assert sandbox.ledger.total == 1


@pytest.mark.parametrize("vip", [True, False])
def test_it_takes_what_the_sdk_writes(vip: bool) -> None:
    """The SDK writes the whole table with each message: for single phones, for a task and for everyone, and `vipInfo`
    of an app without VIP too."""
    sandbox, text = made(vip=vip), json.dumps(FROM_SDK)

    assert send(sandbox, text)["value"] == {}
    for path in ("getTaskId", "pushToApp"):
        assert ask(sandbox, f"push/pushTask/{path}", {"pushType": "0", "messageJson": text})["code"] == "200"
    assert sandbox.ledger.total == 3


@pytest.mark.parametrize(("rate", "code"), [(0, "1005"), (1, "200")])
def test_a_speed_needs_a_rate(rate: int, code: str) -> None:
    """A rate of 0 is one that is not set, which a message without `fixSpeed` may have."""
    message = changed("advanceInfo", {"fixSpeed": True, "fixSpeedRate": rate})

    reply = ask(made(), "push/pushTask/pushToApp", {"pushType": "0", "messageJson": json.dumps(message)})
    assert reply["code"] == code


def test_the_type_of_a_task() -> None:
    """Notifications only: messages that are not shown are retired."""
    for kind, code in (("0", "200"), ("1", "1005"), ("x", "1005")):
        form = {"pushType": kind, "messageJson": json.dumps(MESSAGE)}
        assert ask(made(), "push/pushTask/getTaskId", form)["code"] == code


@pytest.mark.parametrize("message", ["{", "[]", "7", '"text"', "null"])
def test_a_message_that_is_no_object(message: str) -> None:
    """Is a wrong parameter."""
    assert send(made(), message)["code"] == "1005"


def test_a_vip_app_only() -> None:
    """vipInfo and the large picture, which has to be uploaded."""
    url = "https://a.example/p.png"
    pictured = changed("noticeExpandInfo", {"noticeExpandType": 2, "noticeExpandImgUrl": url})
    titled = changed("vipInfo.subtitle", "s")
    vip, usual, lax = made(), made(vip=False), made(uploaded_only=False)

    assert [send(sandbox, titled)["code"] for sandbox in (vip, usual)] == ["200", "1005"]
    assert [send(sandbox, pictured)["code"] for sandbox in (vip, usual, lax)] == ["1005", "1005", "200"]
    vip.verify_picture(url)
    assert send(vip, pictured)["code"] == "200"


def test_packages() -> None:
    """50 at most, signed like the rest."""
    assert send(made(), restrictedPackageNames=",".join(["com.a"] * 50))["code"] == "200"
    assert send(made(), restrictedPackageNames=",".join(["com.a"] * 51))["code"] == "1005"


# Targets


@pytest.mark.parametrize("size", [100, 1000])
def test_the_targets_of_a_request(size: int) -> None:
    """100, or 1,000 as before 2023-08-21; one more is refused as a whole."""
    sandbox = MeizuSandbox(tokens=size + 1, batch_size=size)

    assert send(sandbox, tokens=",".join(sandbox.tokens[:size]))["value"] == {}
    assert send(sandbox, tokens=",".join(sandbox.tokens))["code"] == "1005"
    assert sandbox.ledger.total == size


def test_targets_that_fail_are_named() -> None:
    """Unknown, malformed, switched off; the others get it, each once."""
    sandbox = made()
    sandbox.mute("DEMO0002")
    reply = send(sandbox, tokens="DEMO0001,DEMO0002,DEMO0003,no!hex,DEMO0001")

    assert reply["value"] == {"110010": ["DEMO0002"], "110002": ["DEMO0003"], "110003": ["no!hex"]}
    assert (reply["code"], sandbox.ledger.count("DEMO0001")) == ("200", 1)


@pytest.mark.parametrize(("shape", "value"), [("object", {}), ("text", ""), ("missing", None)])
def test_the_value_if_nobody_failed(shape: str, value: Any) -> None:
    """An object, an empty text, or nothing; failures are always an object."""
    sandbox = made(no_failures=shape)

    assert send(sandbox).get("value") == value
    assert send(sandbox, tokens="DEMO0009")["value"] == {"110002": ["DEMO0009"]}


def test_aliases() -> None:
    """One that nobody has, and one whose phone is switched off."""
    sandbox = made()
    sandbox.set_alias("DEMO0001", "ann")
    form = {"alias": "ann,nobody", "messageJson": json.dumps(MESSAGE)}
    reply = ask(sandbox, "push/varnished/pushByAlias", form)

    assert reply["value"] == {"110005": ["nobody"]}
    assert sandbox.ledger.count("DEMO0001") == 1


def test_receipts_name_the_alias() -> None:
    """Where the push did; a task has none."""
    sandbox = made()
    sandbox.set_alias("DEMO0001", "ann")
    message = json.dumps({**MESSAGE, "extra": {"callback": "https://im.example/r"}})
    ask(sandbox, "push/varnished/pushByAlias", {"alias": "ann", "messageJson": message})
    (posted,) = sandbox.callbacks()
    task = ask(sandbox, "push/pushTask/getTaskId", {"pushType": "0", "messageJson": message})["value"]["taskId"]
    ask(sandbox, "push/task/varnished/pushByPushId", {"taskId": str(task), "pushIds": "DEMO0001"})

    assert b"%22ann%22" in posted.content
    assert sandbox.callbacks() == []
    assert sandbox.ledger.total == 2


def test_an_unknown_task() -> None:
    """At each call that names one."""
    for path, form in (
        ("push/task/varnished/pushByPushId", {"pushIds": "DEMO0001"}),
        ("push/task/varnished/pushByAlias", {"alias": "ann"}),
        ("push/pushTask/cancel", {"pushType": "0"}),
        ("push/statistics/getTaskStatistics", {}),
    ):
        assert ask(made(), path, {**form, "taskId": "1"}) == {
            "code": "110032",
            "message": "非法的taskId",
            "redirect": "",
            "value": "",
        }


def test_the_scope_of_tags() -> None:
    """0 or 1."""
    form = {"pushType": "0", "tagNames": "a", "messageJson": json.dumps(MESSAGE)}

    assert ask(made(), "push/pushTask/pushToTag", {**form, "scope": "2"})["code"] == "1005"
    assert ask(made(), "push/pushTask/pushToTag", {**form, "scope": "1"})["code"] == "200"


# Limits


@pytest.mark.parametrize(("counts", "second"), [("requests", "200"), ("targets", "110010")])
def test_the_rate_counts_requests_or_targets(counts: str, second: str) -> None:
    """No source says which."""
    sandbox = made(per_second=2, rate_counts=counts)

    assert send(sandbox, tokens=",".join(TOKENS))["code"] == "200"
    reply = send(sandbox)
    assert reply["code"] == second
    assert second == "200" or reply["message"] == "应用请求频率超过限制"


@pytest.mark.parametrize("code", ["110019", "110051"])
def test_the_daily_limit(code: str) -> None:
    """Those within it get the message; then every request is refused with the code of the option."""
    sandbox = made(daily_limit=2, daily_code=code)

    assert send(sandbox, tokens=",".join(TOKENS))["code"] == "200"
    assert send(sandbox)["code"] == code


def test_options_are_checked() -> None:
    """By name and value."""
    sandbox = made()
    for name, value in (("batch_size", 500), ("per_second", 0), ("no_failures", "list"), ("nothing", 1)):
        with pytest.raises(FieldError):
            sandbox.set_option(name, value)


def test_lists_in_disorder() -> None:
    """Failures in another order, twice, and with a target that nobody asked for; a refusal stays as it is."""
    tokens = [f"DEAD{number}" for number in range(4)]
    for kind in ("shuffle", "twice", "extra"):
        sandbox = made()
        sandbox.faults.add(Fault(kind=kind))
        listed = send(sandbox, tokens=",".join(tokens))["value"]["110002"]
        assert (set(listed) >= set(tokens), listed != tokens) == (True, True)
    sandbox = made()
    sandbox.faults.add(Fault(kind="shuffle"))
    assert send(sandbox, "{")["value"] == ""


def test_ids() -> None:
    """Of messages 32 hexadecimal digits, each another; of tasks numbers; codes are texts."""
    sandbox = made()
    ids = {send(sandbox)["msgId"] for _ in range(3)}
    task = ask(sandbox, "push/pushTask/getTaskId", {"pushType": "0", "messageJson": json.dumps(MESSAGE)})

    assert len(ids) == 3
    assert all(len(one) == 32 and int(one, 16) for one in ids)
    assert (type(task["value"]["taskId"]), task["value"]["appId"], task["code"]) == (int, int(APP_ID), "200")
    assert sandbox.make_token().startswith("RA5")
    assert len(sandbox.make_token()) == 45
