"""The OPPO sandbox: daily quota, rate, receipts, faults that change replies, scripted codes, and settings.

Requests are written by hand and by the standard library, never by the plug-in, and go straight to `answer`; the clock
is a number.
"""

from __future__ import annotations

import json
from typing import Any

import pytest
from oppo_client import DIALECTS, NOON_IN_BEIJING, Client
from pushgateway_oppo.sandbox import OppoSandbox

from pushgateway.sandbox import Fault


@pytest.fixture(params=DIALECTS)
def client(request: pytest.FixtureRequest) -> Client:
    """A client in each dialect."""
    return Client(request.param)


# Quota and rate.


def test_the_day_ends_at_midnight_in_beijing() -> None:
    """With a limit of three the fourth push is 33 until 00:00 GMT+8; refused pushes do not count."""
    client = Client(daily_limit=3)
    one = client.sandbox.tokens[0]
    client.unicast("CN_nobody")

    codes = [client.unicast(one)["code"] for _ in range(4)]
    client.now = NOON_IN_BEIJING + 12 * 3600 - 0.001
    codes.append(client.unicast(one)["code"])
    client.now = NOON_IN_BEIJING + 12 * 3600
    codes.append(client.unicast(one)["code"])

    assert codes == [0, 0, 0, 33, 33, 0]


def test_a_limit_set_during_the_day_counts_the_whole_day() -> None:
    """After two pushes a limit of three allows one more, then it is 33 until midnight."""
    client = Client()
    one = client.sandbox.tokens[0]
    codes = [client.unicast(one)["code"] for _ in range(2)]
    client.sandbox.set_option("daily_limit", 3)

    codes += [client.unicast(one)["code"] for _ in range(2)]
    client.now = NOON_IN_BEIJING + 12 * 3600
    codes.append(client.unicast(one)["code"])

    assert codes == [0, 0, 0, 33, 0]


def test_the_quota_may_end_inside_a_batch() -> None:
    """The first items are pushed, the others are 33 each; the next batch is refused as a whole."""
    client = Client(daily_limit=2)

    reply = client.batch(client.sandbox.tokens[:3])
    after = client.batch(client.sandbox.tokens[:3])

    assert [item.get("errorCode") for item in reply["data"]] == [None, None, 33]
    assert after["code"] == 33
    assert "data" not in after


@pytest.mark.parametrize(("left", "code"), [(20, 0), (19, 33)])
def test_a_broadcast_larger_than_the_rest_of_the_quota_is_refused(left: int, code: int) -> None:
    """Twenty phones need a quota of twenty."""
    client = Client(daily_limit=left)

    assert client.broadcast("everyone")["code"] == code
    assert client.sandbox.ledger.total == (20 if code == 0 else 0)


def test_flow_control_counts_targets_by_the_second() -> None:
    """With two a second the third call is -2 until the next second; a login is always possible."""
    client = Client(per_second=2)
    one = client.sandbox.tokens[0]

    codes = [client.unicast(one)["code"] for _ in range(3)]
    client.login()
    client.now += 1
    codes.append(client.batch(client.sandbox.tokens[:5])["code"])
    codes.append(client.unicast(one)["code"])

    assert codes == [0, 0, -2, 0, -2]


# Receipts.


def test_receipts_are_due_for_accepted_pushes_that_ask(client: Client) -> None:
    """One array per URL, each receipt once; V1.3's receipts name neither app nor time."""
    one, two, *_ = client.sandbox.tokens
    url = "http://127.0.0.1:8000/receipts"
    ids = [
        client.unicast(token, call_back_url=url, call_back_parameter="p")["data"]["messageId"] for token in (one, two)
    ]
    client.unicast("CN_nobody", call_back_url=url)
    client.unicast(one)

    (request,) = client.sandbox.callbacks()

    receipts = json.loads(request.content)
    assert (request.method, request.url, request.headers["content-type"]) == ("POST", url, "application/json")
    assert [receipt["messageId"] for receipt in receipts] == ids
    assert [receipt["registrationIds"] for receipt in receipts] == [one, two]
    assert {(receipt["eventType"], receipt["param"]) for receipt in receipts} == {("push_arrive", "p")}
    more = {"appId", "eventTime"} if client.sandbox.settings("")["dialect"] == "current" else set()
    assert receipts[0].keys() == {"messageId", "taskId", "registrationIds", "param", "eventType"} | more
    assert client.sandbox.callbacks() == []


def test_receipts_of_a_broadcast_name_all_phones(client: Client) -> None:
    """Ids are joined by a comma and a blank, the task is the broadcast's; a broadcast to everyone has no receipts."""
    one, two, *_ = client.sandbox.tokens
    saved = client.save(call_back_url="http://127.0.0.1/r")

    data = client.broadcast("tokens", one, two, saved=saved)["data"]
    client.broadcast("everyone", saved=saved)

    (request,) = client.sandbox.callbacks()
    (receipt,) = json.loads(request.content)
    assert receipt["registrationIds"] == f"{one}, {two}"
    assert (receipt["messageId"], receipt["taskId"]) == (data["message_id"], data["task_id"])


@pytest.mark.parametrize(("number", "requests"), [(100, 1), (101, 2)])
def test_a_request_has_at_most_a_hundred_receipts(number: int, requests: int) -> None:
    """More receipts for the same URL are in another request."""
    client = Client(tokens=number)

    client.batch(client.sandbox.tokens, call_back_url="http://127.0.0.1/r")

    assert len(client.sandbox.callbacks()) == requests


# Faults that change replies.


def batch_reply_with_fault(kind: str) -> tuple[list[str], Any]:
    """Three tokens, the middle one unknown, and the reply to a batch for them, changed by this fault."""
    client = Client(seed=7)
    tokens = [client.sandbox.tokens[0], "CN_nobody", client.sandbox.tokens[1]]
    client.sandbox.faults.add(Fault(kind=kind))
    reply = client.batch(tokens)
    assert client.sandbox.ledger.total == 2
    return tokens, reply


def test_faults_change_the_items_of_a_reply() -> None:
    """Each fault makes its one change to a correct reply, and the pushes are delivered."""
    tokens, shuffled = batch_reply_with_fault("shuffle")
    places = [item["registrationId"] for item in shuffled["data"]]
    omitted = [item["registrationId"] for item in batch_reply_with_fault("omit")[1]["data"]]
    extra = [item["registrationId"] for item in batch_reply_with_fault("extra")[1]["data"]]
    twice = [item["registrationId"] for item in batch_reply_with_fault("twice")[1]["data"]]

    assert places != tokens
    assert sorted(places) == sorted(tokens)
    assert len(omitted) == 2
    assert set(omitted) < set(tokens)
    assert len(extra) == 4
    assert set(tokens) < set(extra)
    assert len(twice) == 4
    assert set(twice) == set(tokens)


def test_codes_and_data_can_be_text() -> None:
    """ "0" for 0, and `data` as JSON text, as V1.3's tables type it."""
    code_reply = batch_reply_with_fault("text_codes")[1]
    data_reply = batch_reply_with_fault("text_data")[1]

    assert code_reply["code"] == "0"
    assert [item.get("errorCode") for item in code_reply["data"]] == [None, "10000", None]
    assert [item.get("errorCode") for item in json.loads(data_reply["data"])] == [None, 10000, None]


def test_any_code_can_be_scripted(client: Client) -> None:
    """Codes that the sandbox never gives by itself (app disabled, blacklist, an unknown one) come from a fault."""
    one = client.sandbox.tokens[0]
    for code in ("28", "-1", "9999"):
        client.sandbox.faults.add(Fault(kind="code", code=code, operation="unicast"))

    replies = [client.unicast(one) for _ in range(4)]

    assert [reply["code"] for reply in replies] == [28, -1, 9999, 0]
    assert replies[0]["message"] == "App Disabled"
    assert client.sandbox.ledger.total == 1


def test_access_tokens_can_expire_before_a_request(client: Client) -> None:
    """The fault `expire` ends all access tokens before the request is checked; a new login works."""
    one = client.sandbox.tokens[0]
    client.sandbox.faults.add(Fault(kind="expire"))
    before = client.access

    codes = [client.unicast(one)["code"]]
    client.login()
    codes.append(client.unicast(one)["code"])

    assert codes == [11, 0]
    assert client.access != before


def test_settings_name_everything_a_certificate_needs() -> None:
    """The hosts of all regions and calls are the sandbox, and the dialect is the sandbox's."""
    settings = OppoSandbox(dialect="current", app_key="k", master_secret="s").settings("http://127.0.0.1:1")

    assert settings == {
        "app_key": "k",
        "master_secret": "s",
        "dialect": "current",
        "host": "http://127.0.0.1:1",
        "overseas_host": "http://127.0.0.1:1",
        "device_host": "http://127.0.0.1:1",
        "feedback_host": "http://127.0.0.1:1",
        "media_host": "http://127.0.0.1:1",
    }
    assert OppoSandbox().settings("http://127.0.0.1:1").keys() == settings.keys() - {
        "device_host",
        "feedback_host",
        "media_host",
    }


def test_tokens_look_like_those_of_mainland_phones() -> None:
    """`CN_` and 32 hex digits, the same for the same seed."""
    tokens = OppoSandbox(seed=5).tokens

    assert all(len(token) == 35 and token.startswith("CN_") and int(token[3:], 16) >= 0 for token in tokens)
    assert tokens == OppoSandbox(seed=5).tokens
