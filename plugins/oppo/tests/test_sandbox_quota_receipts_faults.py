"""The OPPO sandbox beyond single answers: quota and rate, receipts, spoilt replies, scripted codes.

Requests are written here by hand and by the standard library, never by the plug-in, and go
straight into `answer`; the clock is a number.
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
    """The third of three is taken, the fourth is 33 until 00:00 GMT+8, and refused pushes do not count."""
    client = Client(daily_limit=3)
    one = client.sandbox.tokens[0]
    client.unicast("CN_nobody")

    codes = [client.unicast(one)["code"] for _ in range(4)]
    client.now = NOON_IN_BEIJING + 12 * 3600 - 0.001
    codes.append(client.unicast(one)["code"])
    client.now = NOON_IN_BEIJING + 12 * 3600
    codes.append(client.unicast(one)["code"])

    assert codes == [0, 0, 0, 33, 33, 0]


def test_a_share_set_in_mid_day_counts_the_whole_day() -> None:
    """Two were pushed before there was a limit of three: one more is taken, then it is 33 until midnight."""
    client = Client()
    one = client.sandbox.tokens[0]
    codes = [client.unicast(one)["code"] for _ in range(2)]
    client.sandbox.set_option("daily_limit", 3)

    codes += [client.unicast(one)["code"] for _ in range(2)]
    client.now = NOON_IN_BEIJING + 12 * 3600
    codes.append(client.unicast(one)["code"])

    assert codes == [0, 0, 0, 33, 0]


def test_the_day_may_end_inside_a_batch() -> None:
    """The first ones get through, the others are 33 each; the next batch is refused as a whole."""
    client = Client(daily_limit=2)

    reply = client.batch(client.sandbox.tokens[:3])
    after = client.batch(client.sandbox.tokens[:3])

    assert [item.get("errorCode") for item in reply["data"]] == [None, None, 33]
    assert after["code"] == 33
    assert "data" not in after


@pytest.mark.parametrize(("left", "code"), [(20, 0), (19, 33)])
def test_a_broadcast_fits_into_the_day_or_is_refused(left: int, code: int) -> None:
    """Twenty phones need twenty pushes."""
    client = Client(daily_limit=left)

    assert client.broadcast("everyone")["code"] == code
    assert client.sandbox.ledger.total == (20 if code == 0 else 0)


def test_flow_control_counts_targets_by_the_second() -> None:
    """Two a second: the third call of the second is -2, the next second begins anew; logging in stays possible."""
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
    """One array per URL, given once; V1.3 names neither app nor time."""
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
    """Ids are joined with a comma and a blank, the task is the broadcast's; a broadcast to everyone has none."""
    one, two, *_ = client.sandbox.tokens
    saved = client.save(call_back_url="http://127.0.0.1/r")

    data = client.broadcast("tokens", one, two, saved=saved)["data"]
    client.broadcast("everyone", saved=saved)

    (request,) = client.sandbox.callbacks()
    (receipt,) = json.loads(request.content)
    assert receipt["registrationIds"] == f"{one}, {two}"
    assert (receipt["messageId"], receipt["taskId"]) == (data["message_id"], data["task_id"])


@pytest.mark.parametrize(("number", "requests"), [(100, 1), (101, 2)])
def test_a_hundred_receipts_travel_together(number: int, requests: int) -> None:
    """More for the same URL come in another request."""
    client = Client(tokens=number)

    client.batch(client.sandbox.tokens, call_back_url="http://127.0.0.1/r")

    assert len(client.sandbox.callbacks()) == requests


# Spoilt replies.


def spoilt(kind: str) -> tuple[list[str], Any]:
    """Three tokens, the middle one dead, and the reply to a batch for them, spoilt."""
    client = Client(seed=7)
    tokens = [client.sandbox.tokens[0], "CN_nobody", client.sandbox.tokens[1]]
    client.sandbox.faults.add(Fault(kind=kind))
    reply = client.batch(tokens)
    assert client.sandbox.ledger.total == 2
    return tokens, reply


def test_replies_can_be_spoilt() -> None:
    """Each kind does its one harm to a true reply, and the pushes happened all the same."""
    tokens, shuffled = spoilt("shuffle")
    places = [item["registrationId"] for item in shuffled["data"]]
    omitted = [item["registrationId"] for item in spoilt("omit")[1]["data"]]
    extra = [item["registrationId"] for item in spoilt("extra")[1]["data"]]
    twice = [item["registrationId"] for item in spoilt("twice")[1]["data"]]

    assert places != tokens
    assert sorted(places) == sorted(tokens)
    assert len(omitted) == 2
    assert set(omitted) < set(tokens)
    assert len(extra) == 4
    assert set(tokens) < set(extra)
    assert len(twice) == 4
    assert set(twice) == set(tokens)


def test_codes_and_data_can_be_text() -> None:
    """ "0" for 0, and data as JSON text, as V1.3's tables type it."""
    code_reply = spoilt("text_codes")[1]
    data_reply = spoilt("text_data")[1]

    assert code_reply["code"] == "0"
    assert [item.get("errorCode") for item in code_reply["data"]] == [None, "10000", None]
    assert [item.get("errorCode") for item in json.loads(data_reply["data"])] == [None, 10000, None]


def test_any_code_can_be_scripted(client: Client) -> None:
    """Codes that need a real vendor's mood (app disabled, blacklist, one never heard of) come by the script."""
    one = client.sandbox.tokens[0]
    for code in ("28", "-1", "9999"):
        client.sandbox.faults.add(Fault(kind="code", code=code, operation="unicast"))

    replies = [client.unicast(one) for _ in range(4)]

    assert [reply["code"] for reply in replies] == [28, -1, 9999, 0]
    assert replies[0]["message"] == "App Disabled"
    assert client.sandbox.ledger.total == 1


def test_access_tokens_can_expire_in_the_middle(client: Client) -> None:
    """`expire` ends the access token before the request is looked at; logging in again helps."""
    one = client.sandbox.tokens[0]
    client.sandbox.faults.add(Fault(kind="expire"))
    before = client.access

    codes = [client.unicast(one)["code"]]
    client.login()
    codes.append(client.unicast(one)["code"])

    assert codes == [11, 0]
    assert client.access != before


def test_settings_name_everything_a_certificate_needs() -> None:
    """Both regions lead to the sandbox, in its own dialect."""
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


def test_tokens_look_like_a_mainland_phones() -> None:
    """`CN_` and 32 hex digits, the same for the same seed."""
    tokens = OppoSandbox(seed=5).tokens

    assert all(len(token) == 35 and token.startswith("CN_") and int(token[3:], 16) >= 0 for token in tokens)
    assert tokens == OppoSandbox(seed=5).tokens
