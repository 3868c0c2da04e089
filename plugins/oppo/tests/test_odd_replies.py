"""Replies to broadcasts, contradictory ones, and replies of any shape: no exception but `Refused` and `NoVerdict`."""

import json
from typing import Any

import pytest
from exchanges import result
from hypothesis import example, given
from hypothesis import strategies as st
from pushgateway_oppo.replies import (
    decode_batch,
    decode_broadcast,
    decode_login,
    decode_saved,
    decode_unicast,
)
from replying import PUSHES, TOKENS, broadcast_of, everything, reply

from pushgateway.vendor import (
    Audience,
    NoVerdict,
    Outcome,
    Reason,
    Response,
    Status,
)


def statuses(outcomes: list[Outcome]) -> list[str]:
    return [outcome.status.value for outcome in outcomes]


def groups(data: object, audience: Audience | None = None) -> tuple[Any, dict[str, Outcome]]:
    broadcast = broadcast_of(audience or Audience.of_tokens(TOKENS))
    return decode_broadcast(reply({"code": 0, "data": data}), broadcast, "saved", TOKENS)


@pytest.mark.parametrize("data", [None, {}, "", [], {"status": "x"}, {"10000": None}, {"10000": []}])
def test_a_broadcast_reply_without_groups_accepts_everybody(data: object) -> None:
    """Absent or empty `data` with code 0: all tokens are accepted, under the id of the saved content."""
    outcome, verdicts = groups(data)

    assert (outcome.status, outcome.message_id, outcome.task_ids) == (Status.ACCEPTED, "saved", ())
    assert statuses(list(verdicts.values())) == ["accepted"] * 5


def test_repeated_tokens_are_not_refused() -> None:
    """10004 drops the copy, and the first one counts; a real refusal of the token beside it still holds."""
    _, verdicts = groups({"10004": TOKENS[:2], "10000": TOKENS[1:2], "77": f"{TOKENS[2]}; {TOKENS[3]}"})

    assert [verdicts[token].vendor_code for token in TOKENS] == [None, "10000", "77", "77", None]
    assert [verdicts[token].reason for token in TOKENS] == [
        None,
        Reason.UNREGISTERED,
        Reason.INVALID_NOTIFICATION,
        Reason.INVALID_NOTIFICATION,
        None,
    ]


@pytest.mark.parametrize("data", [{"10000": {}}, {"10000": [5]}, "nonsense", [1], 5])
def test_unreadable_groups_leave_no_verdict(data: object) -> None:
    """If the list of refused tokens cannot be read, no token is reported as accepted."""
    outcome, verdicts = groups(data)

    assert outcome.status is Status.ACCEPTED
    assert statuses(list(verdicts.values())) == ["unknown"] * 5


def test_ids_of_a_broadcast_in_either_spelling() -> None:
    """`messageId` and ids given as numbers are read."""
    outcome, _ = groups({"messageId": 5, "task_id": 6})

    assert (outcome.message_id, outcome.task_ids) == ("5", ("6",))


def test_refused_aliases_are_counted() -> None:
    """Aliases have no outcomes of their own; the detail says how many were refused."""
    broadcast = broadcast_of(Audience.of_aliases(["a,1", "b"]))
    data = {"10002": ["a,1"]}

    outcome, verdicts = decode_broadcast(reply({"code": 0, "data": data}), broadcast, "saved", ["a,1", "b"])

    assert verdicts == {}
    assert outcome.detail == "1 of the aliases were refused (codes 10002)"


@pytest.mark.parametrize(
    "data",
    [
        {"message_id": "another"},
        {"message_id": 5, "task_id": "t"},
        {"message_id": "saved", "10000": ["CN_of_another_list"]},
        {"10000": [TOKENS[0], "CN_of_another_list"]},
        {"10001": f"{TOKENS[0]};CN_of_another_list"},
    ],
)
def test_a_reply_about_another_broadcast_is_no_verdict(data: object) -> None:
    """A token that is not named counts as accepted, so a reply about other content or another list gives no verdict."""
    with pytest.raises(NoVerdict, match="names"):
        groups(data)


@pytest.mark.parametrize("data", [{"message_id": "saved"}, {"10000": [TOKENS[0], ""]}, {"10000": f"{TOKENS[0]};"}])
def test_a_reply_about_this_broadcast_is_a_verdict(data: object) -> None:
    """A reply with the message id of this content, or with a separator at the end of a list, is read."""
    outcome, _ = groups(data)

    assert outcome.status is Status.ACCEPTED


def batch_of(first: str, more: str = "") -> Response:
    """A reply to a batch whose first item is `first` and whose others are accepted; `more` follows the list."""
    others = [f'{{"registrationId":"{token}","messageId":"m"}}' for token in TOKENS[1:]]
    return reply(f'{{"code":0,"data":[{",".join([first, *others])}]{more}}}'.encode())


DEAD = f'{{"registrationId":"{TOKENS[0]}","errorCode":10000}}'


@pytest.mark.parametrize(
    "response",
    [
        batch_of(DEAD, ',"data":[]'),
        batch_of(f'{{"registrationId":"{TOKENS[0]}","errorCode":10000,"errorCode":0}}'),
        batch_of(f'{{"registrationId":"{TOKENS[0]}","errorCode":10000,"error\\u0043ode":0}}'),
        batch_of(f'{{"registrationId":"{TOKENS[0]}","registrationId":"{TOKENS[1]}","errorCode":10000}}'),
        reply({"code": 0, "data": f'[{{"registrationId":"{TOKENS[0]}","errorCode":10000,"errorCode":0}}]'}),
    ],
    ids=["data", "errorCode", "escaped", "registrationId", "data as text"],
)
def test_two_different_verdicts_on_one_push_are_no_verdict(response: Response) -> None:
    """JSON decoders keep the last of two equal keys and drop the first, which may be a refusal."""
    with pytest.raises(NoVerdict, match="twice"):
        result(decode_batch(response, PUSHES, [()] * 5))


def test_a_list_of_refused_tokens_given_twice_is_no_verdict() -> None:
    """The tokens of the first list would be reported as accepted."""
    content = f'{{"code":0,"data":{{"10000":["{TOKENS[0]}"],"10000":["{TOKENS[1]}"]}}}}'.encode()

    with pytest.raises(NoVerdict, match="twice"):
        decode_broadcast(reply(content), broadcast_of(Audience.of_tokens(TOKENS)), "saved", TOKENS)


def test_two_equal_verdicts_are_one_verdict() -> None:
    """Nothing is in doubt if both are the same."""
    response = batch_of(f'{{"registrationId":"{TOKENS[0]}","errorCode":10000,"errorCode":10000}}')

    outcomes = result(decode_batch(response, PUSHES, [()] * 5))

    assert statuses(outcomes) == ["rejected"] + ["accepted"] * 4


@pytest.mark.parametrize(
    "body",
    [
        f'"data":{{"messageId":"m","registrationId":"{TOKENS[1]}"}}',
        f'"data":{{"registrationId":"{TOKENS[1]}"}}',
        f'"data":{{"messageId":"m","registration_id":"{TOKENS[1]}"}}',
        f'"data":{{"messageId":"m","registrationId":["{TOKENS[0]}"]}}',
        f'"data":{{"messageId":"m","registrationId":"{TOKENS[1]}","registrationId":"{TOKENS[0]}"}}',
        '"data":{"messageId":"m","errorCode":10000}',
        '"data":{"messageId":"m","errorCode":"10000"}',
        '"data":{"messageId":"m","errorCode":"?"}',
        '"data":{"errorCode":33}',
        '"data":{"messageId":"m","errorCode":10000,"errorCode":0}',
        '"data":{"messageId":"m","errorCode":false,"errorCode":0}',
        '"data":"{\\"messageId\\":\\"m\\",\\"errorCode\\":10000}"',
        '"data":[{"messageId":"m","errorCode":10000}]',
        f'"data":[{{"messageId":"m","registrationId":"{TOKENS[1]}"}}]',
        f'"data":{{"messageId":"m","10000":["{TOKENS[0]}"]}}',
        '"value":{"messageId":"m","errorCode":10000}',
        '"errorCode":10000,"data":{"messageId":"m"}',
        '"data":{"messageId":"m","errorCode":10000},"data":{"messageId":"m"}',
    ],
)
def test_a_unicast_reply_that_contradicts_itself_is_no_verdict(body: str) -> None:
    """Code 0 with another registration id or with a failure: it is unknown whether this phone got the push."""
    with pytest.raises(NoVerdict):
        decode_unicast(reply(f'{{"code":0,{body}}}'.encode()), PUSHES[:1], [()])[0]


@pytest.mark.parametrize(
    "data",
    [
        {"messageId": "m", "registrationId": TOKENS[0]},
        {"messageId": "m", "errorCode": 0},
        {"messageId": "m", "errorCode": None, "registrationId": None},
        {"messageId": "m", "status": "call_success", "10000": []},
        [{"messageId": "m", "registrationId": TOKENS[0]}],
        None,
        "",
    ],
)
def test_extra_fields_in_a_unicast_reply_are_accepted(data: object) -> None:
    """Fields that do not contradict the code are ignored."""
    assert decode_unicast(reply({"code": 0, "data": data}), PUSHES[:1], [()])[0].status is Status.ACCEPTED


@pytest.mark.parametrize("where", ["beside", "within"])
def test_an_error_code_beside_code_0_is_no_verdict_for_any_call(where: str) -> None:
    """A login, a saved content, a broadcast and a batch: none of them counts as done."""
    data = {"auth_token": "a", "message_id": "m", "task_id": "t"}
    both = (
        {"code": 0, "data": data, "errorCode": 33}
        if where == "beside"
        else {"code": 0, "data": {**data, "errorCode": 33}}
    )
    response = reply(both)
    calls = (
        lambda: decode_login(response, 1.0, 100),
        lambda: decode_saved(response),
        lambda: decode_broadcast(response, broadcast_of(Audience.of_tokens(TOKENS)), "saved", TOKENS),
        lambda: result(decode_batch(response, PUSHES, [()] * 5)),
    )

    for call in calls:
        with pytest.raises(NoVerdict, match="it holds an errorCode"):
            call()


def test_saving_without_an_id_is_no_verdict() -> None:
    """Without the id of the content there is nothing to broadcast."""
    with pytest.raises(NoVerdict):
        decode_saved(reply({"code": 0, "data": {}}))


# Any JSON and any bytes

JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.sampled_from(["", "0", "x", *TOKENS, "\ud800"]),
    lambda inner: (
        st.lists(inner, max_size=4)
        | st.dictionaries(
            st.sampled_from(
                [
                    "code",
                    "message",
                    "data",
                    "value",
                    "registrationId",
                    "errorCode",
                    "messageId",
                    "message_id",
                    "task_id",
                    "auth_token",
                    "create_time",
                    "10000",
                    "10004",
                    "status",
                ]
            ),
            inner,
            max_size=5,
        )
    ),
    max_leaves=12,
)


@given(
    st.fixed_dictionaries({"code": st.sampled_from([0, "0", 11, 32, 10000]) | JSON, "data": JSON}),
    st.sampled_from([200, 302, 404, 429, 500]),
)
def test_any_json_is_read_without_another_exception(body: object, status: int) -> None:
    """All five decoders end with a value, a `Refused` or a `NoVerdict`; a batch has one outcome for each push."""
    results = everything(reply(body, status))

    assert len(results) == 5
    if isinstance(many := results[2], list):
        assert [outcome.push_token for outcome in many] == [push.push_token for push in PUSHES]


@given(st.binary(max_size=60), st.sampled_from([200, 500]))
@example(b'{"code":0,"data":' + b"[" * 100_000, 200)
@example(b'{"code":0,"data":"' + b"[" * 100_000 + b'"}', 200)
@example(b'{"code":' + b"9" * 5000 + b"}", 200)
@example(b'{"code":0,"data":{"messageId":' + b"9" * 4000 + b"}}", 200)
@example(b'{"code":0,"data":[{"registrationId":"\\ud800","errorMessage":"\\ud800","errorCode":41}]}', 200)
@example(b'{"code":1,"code":0,"data":NaN}', 200)
@example(b'\xef\xbb\xbf{"code":0}', 200)
@example(b"<html>", 200)
@example(b"", 200)
def test_any_bytes_are_read_without_another_exception(content: bytes, status: int) -> None:
    """Cut, deeply nested, oversized or not OPPO's: a value, a `Refused` or a `NoVerdict`."""
    assert len(everything(reply(content, status))) == 5


def test_a_refused_item_keeps_its_id_and_the_pause_of_the_reply() -> None:
    """OPPO's support asks for the id; the reply's `Retry-After` holds for every push that may be repeated."""
    items = [{"registrationId": token, "messageId": f"m{place}", "errorCode": 13} for place, token in enumerate(TOKENS)]
    content = json.dumps({"code": 0, "data": items}).encode()

    outcomes = result(decode_batch(Response(200, {"retry-after": "7"}, content), PUSHES, [()] * 5))

    assert [(one.message_id, one.retry_after, one.vendor_code) for one in outcomes] == [
        (f"m{place}", 7.0, "13") for place in range(5)
    ]
