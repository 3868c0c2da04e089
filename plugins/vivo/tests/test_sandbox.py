"""The sandbox refuses what vivo refuses, with vivo's codes, and takes what clients in production send; what no source
settles is an option."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from typing import Any

import pytest
from pushgateway_vivo.sandbox import APP_ID, APP_KEY, APP_SECRET, VivoSandbox

from pushgateway.model.errors import FieldError
from pushgateway.vendor import Request, Response

NOW = 1_795_996_800.0
"""2026-11-30 08:00 in China."""
HOUR = 3600


class Client:
    """A sandbox, and requests to it as a strict client writes them."""

    def __init__(self, tokens: int = 3, **options: Any) -> None:
        self.now = NOW
        self.sandbox = VivoSandbox(clock=lambda: self.now, tokens=tokens, **options)
        self.tokens = list(self.sandbox.tokens)
        self.access = ""

    def ask(self, path: str, fields: Any, **headers: str) -> Response:
        """The reply to a JSON body."""
        sent = {"content-type": "application/json;charset=UTF-8", "authtoken": self.access, **headers}
        answer = self.sandbox.answer(Request("POST", f"https://host{path}", sent, json.dumps(fields).encode()))
        assert answer.response is not None
        return answer.response

    def body(self, path: str, fields: Any, **headers: str) -> dict[str, Any]:
        """The reply's body."""
        found: dict[str, Any] = json.loads(self.ask(path, fields, **headers).content)
        return found

    def log_in(self, **fields: Any) -> dict[str, Any]:
        """The reply to a login; None leaves a field out."""
        at = int(self.now * 1000)
        parts = f"{APP_ID}{APP_KEY}{at}{APP_SECRET}".encode()
        sign = hashlib.md5(parts, usedforsecurity=False).hexdigest()
        given = {"appId": int(APP_ID), "appKey": APP_KEY, "timestamp": at, "sign": sign, **fields}
        reply = self.body("/message/auth", {name: one for name, one in given.items() if one is not None})
        self.access = reply.get("authToken", self.access)
        return reply

    def message(self, **fields: Any) -> dict[str, Any]:
        """A good message; None leaves a field out."""
        made = {
            "appId": int(APP_ID),
            "requestId": "r-1",
            "title": "长" * 40,
            "content": "b" * 100,
            "notifyType": 4,
            "skipType": 1,
            **fields,
        }
        return {name: value for name, value in made.items() if value is not None}

    def send(self, **fields: Any) -> int:
        """The code of a single push with these fields."""
        if not self.access:
            self.log_in()
        code: int = self.body("/message/send", self.message(**{"regId": self.tokens[0], **fields}))["result"]
        return code

    def save(self, **fields: Any) -> dict[str, Any]:
        """The reply to a content that is saved."""
        if not self.access:
            self.log_in()
        return self.body("/message/saveListPayload", self.message(**fields))

    def list(self, task: str, targets: Any, name: str = "regIds", **fields: Any) -> dict[str, Any]:
        """The reply to a list."""
        return self.body("/message/pushToList", {"taskId": task, "requestId": "r-2", name: targets, **fields})


def test_a_login() -> None:
    """Several access tokens live side by side, for a day."""
    client = Client()
    first, second = client.log_in()["authToken"], client.log_in()["authToken"]

    assert first != second
    client.access = first
    client.now += 24 * HOUR - 1
    assert client.send() == 0
    client.now += 1
    assert client.send() == 10000


@pytest.mark.parametrize(
    ("fields", "code"),
    [
        ({"appId": None}, 10200),
        ({"appKey": ""}, 10201),
        ({"appKey": "another"}, 10202),
        ({"timestamp": None}, 10203),
        ({"sign": None}, 10204),
        ({"appId": 7}, 10205),
        ({"sign": "0" * 32}, 10206),
        ({"timestamp": "x"}, 10207),
        ({"timestamp": int((NOW - 600) * 1000) - 1}, 10207),
        ({"timestamp": int((NOW - 600) * 1000)}, 10206),
        ({"timestamp": int((NOW + 601) * 1000)}, 10207),
        ({"appId": APP_ID, "timestamp": str(int(NOW * 1000))}, 0),
    ],
)
def test_what_is_wrong_with_a_login(fields: dict[str, Any], code: int) -> None:
    """Ten minutes off is right, a millisecond more is not; numbers may be texts."""
    assert Client().log_in(**fields)["result"] == code


def test_ten_logins_a_second() -> None:
    """The eleventh is refused."""
    client = Client()
    codes = [client.log_in()["result"] for _ in range(11)]
    client.now += 1

    assert codes == [0] * 10 + [10250]
    assert client.log_in()["result"] == 0


@pytest.mark.parametrize(
    ("fields", "code"),
    [
        ({}, 0),
        ({"requestId": None}, 10352),
        ({"requestId": " "}, 10352),
        ({"requestId": "x" * 64}, 0),
        ({"requestId": "x" * 65}, 10353),
        ({"title": None}, 10055),
        ({"title": "  "}, 10055),
        ({"title": "长" * 41}, 10056),
        ({"content": ""}, 10057),
        ({"content": "b" * 101}, 10058),
        ({"notifyType": None}, 10054),
        ({"notifyType": 5}, 10054),
        ({"notifyType": "4"}, 0),
        ({"timeToLive": 59}, 10059),
        ({"timeToLive": "60"}, 0),
        ({"timeToLive": 86400}, 0),
        ({"timeToLive": 86401}, 10059),
        ({"skipType": None}, 10060),
        ({"skipType": 5}, 10060),
        ({"skipType": 2}, 10061),
        ({"skipType": 2, "skipContent": "h" * 1025}, 10062),
        ({"skipType": 2, "skipContent": "h" * 1024}, 0),
        ({"skipType": 3}, 10063),
        ({"skipType": 3, "skipContent": "h" * 1025}, 10064),
        ({"skipType": 4, "skipContent": ""}, 10068),
        ({"skipType": 4, "skipContent": " "}, 10068),
        ({"skipType": "4", "skipContent": "h" * 1025}, 10069),
        ({"networkType": -1}, 0),
        ({"networkType": 2}, 10065),
        ({"clientCustomMap": {"a": "b" * 1023}}, 0),
        ({"clientCustomMap": {"a": "b" * 1024}}, 10067),
        ({"clientCustomMap": {"a": 1}}, 10067),
        ({"clientCustomMap": "x"}, 10067),
        ({"classification": 2}, 11000),
        ({"category": "im"}, 10096),
        ({"category": "IM", "classification": 0}, 10097),
        ({"category": "IM", "classification": "1"}, 0),
        ({"category": "NEWS"}, 0),
        ({"notifyId": 0}, 10050),
        ({"notifyId": 2**31 - 1}, 0),
        ({"notifyId": 2**31}, 10050),
        ({"extra": {"callback": "x" * 129}}, 10305),
        ({"extra": {"callback.param": "x" * 65}}, 10306),
        ({"extra": {"callback": "x" * 128, "callback.param": "x" * 64}}, 0),
        ({"extra": 7}, 10050),
        ({"regId": None}, 10050),
        ({"regId": None, "alias": "x" * 71}, 10301),
        ({"regId": "v2-dead"}, 10302),
        ({"appId": 7}, 10094),
        ({"appId": None}, 0),
        ({"appId": APP_ID}, 0),
        ({"unknown": "field", "tagExpression": {}, "profileId": "", "auditReview": []}, 0),
    ],
)
def test_what_is_wrong_has_its_code(fields: dict[str, Any], code: int) -> None:
    """At the limit and one beyond; a refused push reaches nobody, and empty and unknown fields are ignored."""
    client = Client()

    assert client.send(**fields) == code
    assert client.sandbox.ledger.total == (1 if code == 0 else 0)


def test_what_is_no_call_of_vivos() -> None:
    """Path, method, encoding, access token; the content encoding that both SDKs send is ignored."""
    client = Client()
    client.log_in()

    assert client.ask("/message/nothing", {}).status == 404
    assert client.ask("/search/msgStatus", {}).status == 405
    assert client.ask("/message/send", [], **{"content-type": "application/json"}).status == 400
    assert client.body("/message/send", client.message(), authtoken="")["result"] == 10000
    assert client.body("/message/send", client.message(), authtoken="x")["result"] == 10000
    sdk = client.body("/message/send", client.message(regId=client.tokens[0]), **{"content-encoding": "UTF-8"})
    assert sdk["result"] == 0


def test_a_list() -> None:
    """Two and more; the failed ones are named, and the list is always there."""
    client = Client()
    task = client.save()["taskId"]

    assert client.list(task, client.tokens)["invalidUsers"] == []
    assert client.list(task, [client.tokens[0], "v2-dead"])["invalidUsers"] == [{"status": 1, "userid": "v2-dead"}]
    for targets, code in (([client.tokens[0]], 10153), (["x"] * 1001, 10153), ([], 10150)):
        assert client.list(task, targets)["result"] == code
    assert client.list(task, ["a"], "aliases")["result"] == 10154
    assert client.list("7", client.tokens)["result"] == client.list("", client.tokens)["result"] == 10151
    assert client.list(task, client.tokens, requestId="")["result"] == 10352
    assert client.list(task, [f"t{number}" for number in range(1000)])["result"] == 0


def test_aliases() -> None:
    """Of a list and of a single push; the token wins over the alias."""
    client = Client()
    client.sandbox.set_alias(client.tokens[1], "ann")
    task = client.save()["taskId"]
    users = client.list(task, ["ann", "bob"], "aliases")["invalidUsers"]

    assert users == [{"status": 1, "userid": "bob"}]
    assert client.send(regId=None, alias="ann") == client.send(alias="bob") == 0
    assert client.send(regId=None, alias="bob") == 10302
    assert [client.sandbox.ledger.count(token) for token in client.tokens] == [1, 2, 0]


@pytest.mark.parametrize(("name", "code"), [("0", 0), ("10302", 10302)])
def test_the_code_beside_dead_tokens_is_an_option(name: str, code: int) -> None:
    """Of a single push, and of a list of which all are dead; they are named in either case."""
    client = Client(all_dead=name, invalid_code=name)
    task = client.save()["taskId"]
    listed = client.list(task, ["v2-a", "v2-b"])
    single = client.body("/message/send", client.message(regId="v2-a"))

    assert (listed["result"], len(listed["invalidUsers"])) == (code, 2)
    assert (single["result"], single["invalidUser"]) == (code, {"status": 1, "userid": "v2-a"})


@pytest.mark.parametrize("muted", ["receipt", "2"])
def test_a_muted_phone(muted: str) -> None:
    """By the document of 2020 it has status 2, today it is reported by receipt."""
    client = Client(muted=muted)
    client.sandbox.mute(client.tokens[0])

    assert client.send() == (0 if muted == "receipt" else 10302)
    assert client.sandbox.ledger.total == 0


@pytest.mark.parametrize(
    ("name", "fields", "code"),
    [
        ("daily_operational", {}, 10070),
        ("daily_system", {"category": "IM"}, 10073),
        ("daily_system", {"classification": 1}, 10073),
    ],
)
def test_the_numbers_of_a_day(name: str, fields: dict[str, Any], code: int) -> None:
    """Each class has its own; tests are outside of them; the day begins anew at midnight in China."""
    client = Client(**{name: 1})
    other = {"category": "NEWS"} if name == "daily_system" else {"category": "IM"}

    assert [client.send(**fields) for _ in range(2)] == [0, code]
    assert client.send(**other) == client.send(**fields, pushMode=1) == 0
    client.now += 16 * HOUR
    assert client.send(**fields) == 0


def test_the_numbers_of_contents_and_broadcasts() -> None:
    """Of a day, too; that of broadcasts is for those to everyone."""
    client = Client(daily_saves=1, daily_broadcasts=1)
    assert [client.save()["result"] for _ in range(2)] == [0, 10252]
    assert [client.body("/message/all", client.message())["result"] for _ in range(2)] == [0, 10254]
    assert client.body("/message/tagPush", client.message(tagExpression={"orTags": ["a"]}))["result"] == 0
    assert client.send() == 0


def test_a_task_is_taken_back() -> None:
    """From all phones if none is named; from some by alias. Aliases that nobody has are named as they were sent."""
    client = Client()
    client.log_in()
    token = client.tokens[0]
    client.sandbox.set_alias(token, "ann")

    def taken_back(**fields: Any) -> dict[str, Any]:
        task_id = client.body("/message/send", client.message(regId=token))["taskId"]
        reply = client.body("/message/recycle", {"taskId": task_id, **fields})
        reply.pop("desc")
        return reply

    assert taken_back(userIds=[], userType=1) == {"result": 0}
    assert client.sandbox.phones()[0].shown == []
    unknown = {"status": 1, "userid": "nobody"}
    assert taken_back(userIds=["ann", "nobody"], userType=2) == {"result": 0, "invalidUsers": [unknown]}
    assert client.sandbox.phones()[0].shown == []
    assert taken_back(userIds=token, userType=1) == {"result": 10050}


@pytest.mark.parametrize(("hour", "is_open"), [(7, True), (22, True), (23, False), (6, False)])
def test_the_hours_of_operational_messages(hour: int, is_open: bool) -> None:
    """From seven to eleven at night in China; system messages and tests at any time."""
    client = Client(hours=True)
    client.now = NOW + (hour - 8) * HOUR

    assert client.send() == (0 if is_open else 10071)
    assert client.send(category="IM") == client.send(pushMode=1) == 0
    client.now += HOUR - 1
    assert client.send() == (0 if is_open else 10071)


def test_the_speed() -> None:
    """Counted in phones; a list that begins within the second is taken as a whole."""
    client = Client(per_second=2)
    task = client.save()["taskId"]

    assert client.list(task, client.tokens)["result"] == 0
    assert client.send() == 10072
    client.now += 1
    assert client.send() == 0


def test_test_devices() -> None:
    """Only the phones of the console get test messages, where it names some."""
    client = Client()
    client.sandbox.set_option("test_devices", client.tokens[:1])
    reply = client.send(pushMode=1), client.send(pushMode=1, regId=client.tokens[1])

    assert reply == (0, 10302)
    assert client.sandbox.ledger.count(client.tokens[1]) == 0
    client.sandbox.set_option("test_devices", None)
    assert client.send(pushMode=1, regId=client.tokens[1]) == 0


@pytest.mark.parametrize(
    ("options", "fields", "code"),
    [
        ({"counting": "utf16"}, {"title": "😀" * 20}, 0),
        ({"counting": "utf16"}, {"title": "😀" * 21}, 10056),
        ({"counting": "points"}, {"title": "😀" * 40}, 0),
        ({"counting": "2020"}, {"title": "长" * 20}, 0),
        ({"counting": "2020"}, {"title": "长" * 20 + "a"}, 10056),
        ({"rules": "2020"}, {"timeToLive": 7 * 86400}, 0),
        ({"rules": "2020"}, {"timeToLive": 7 * 86400 + 1}, 10059),
        ({"rules": "2020"}, {"clientCustomMap": dict.fromkeys("abcdefghij", "x")}, 0),
        ({"rules": "2020"}, {"clientCustomMap": dict.fromkeys("abcdefghijk", "x")}, 10066),
        ({"longer": True}, {"skipType": 4, "skipContent": "x" * 2048}, 0),
        ({"longer": True}, {"skipType": 4, "skipContent": "x" * 2049}, 10069),
        ({"longer": True}, {"extra": {"callback.param": "x" * 192}}, 0),
        ({"longer": True}, {"extra": {"callback.param": "x" * 193}}, 10306),
        ({"patterns": True}, {"title": "12345"}, 10085),
        ({"patterns": True}, {"content": "这是测试"}, 10085),
        ({"patterns": True}, {"title": "晚饭", "content": "八点见"}, 0),
        ({"patterns": True}, {"title": "12345", "pushMode": 1}, 0),
        ({"class": 1, "daily_system": 0}, {}, 10073),
        ({"class": 0, "daily_system": 0}, {}, 0),
    ],
)
def test_what_is_not_settled_is_an_option(options: Mapping[str, Any], fields: dict[str, Any], code: int) -> None:
    """At the limits of each."""
    assert Client(**options).send(**fields) == code


def test_the_shortest_ttl_of_2020() -> None:
    """900 seconds for lists and broadcasts."""
    client = Client(rules="2020")

    assert client.save(timeToLive=899)["result"] == 10059
    assert client.save(timeToLive=900)["result"] == client.send(timeToLive=60) == 0


def test_tags_and_queries_are_checked() -> None:
    """With their codes."""
    client = Client()
    client.log_in()
    member = {"name": "vip", "type": 1, "ids": client.tokens[:1]}

    def code(path: str, **fields: Any) -> int:
        found: int = client.body(path, {name: one for name, one in fields.items() if one is not None})["result"]
        return found

    assert code("/tag/add", name=" ") == code("/tagGroup/add") == 10601
    assert code("/tag/add", name="vip") == code("/tag/update", oldName="vip", newName="v") == 0
    assert code("/tag/addMembers", **member) == 0
    assert code("/tag/addMembers", **{**member, "name": ""}) == 10601
    assert code("/tag/addMembers", **{**member, "ids": []}) == 10609
    assert code("/tag/addMembers", **{**member, "ids": ["x"] * 1001}) == 10614
    assert code("/tag/addMembers", **{**member, "type": 3}) == 10616
    assert code("/message/tagPush", **client.message(tagExpression={"notTags": ["a"]})) == 10601
    assert code("/invalidUser/check", userIds=[], userType=1) == 10609
    assert code("/message/recycle", taskId="7", userIds=[], userType=1) == 10151
    for query, wanted in (("", 10473), (",".join(["1"] * 100), 0), (",".join(["1"] * 101), 10471)):
        headers = {"authtoken": client.access}
        answer = client.sandbox.answer(
            Request("GET", f"https://host/report/getStatistics?taskIds={query}", headers, b"")
        )
        assert answer.response is not None
        assert json.loads(answer.response.content)["result"] == wanted


@pytest.mark.parametrize(
    ("name", "value"),
    [("counting", "letters"), ("test_devices", [7]), ("daily_saves", -1), ("hours", 1), ("nothing", True)],
)
def test_a_wrong_option_is_refused(name: str, value: Any) -> None:
    """With the values that it takes."""
    with pytest.raises(FieldError):
        VivoSandbox(tokens=0).set_option(name, value)
