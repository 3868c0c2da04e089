"""Xiaomi's calls other than sending, and the query that proves the settings."""

from typing import Any

import pytest
from pushgateway_xiaomi.settings import FACTS
from xiaomi_client import form_of, make, reply, run

from pushgateway import Reason
from pushgateway.vendor import Call, Refused, Request, Statistics

OK = {"result": "ok", "code": 0}


def carried(call: Call[Any], *replies: Any) -> tuple[Any, list[Request]]:
    """The result of a call, and its requests."""
    return run(call.begin(), *(replies or (OK,) * 20))


def refusal(call: Call[Any]) -> str:
    """The sentence of a call that is refused without a request."""
    with pytest.raises(Refused) as caught:
        carried(call)
    return f"{caught.value.reason.name}: {caught.value.detail}"


def test_topics() -> None:
    """Tokens in a list, the topic, the package."""
    for name in ("subscribe", "unsubscribe"):
        _, (request,) = carried(getattr(make(), f"{name}_topic")(["a", "b"], "news"))

        assert request.url.endswith(f"/v2/topic/{name}")
        assert form_of(request) == {
            "registration_id": "a,b",
            "topic": "news",
            "restricted_package_name": "com.example.chat",
        }


def test_a_long_list_takes_several_requests() -> None:
    """A thousand tokens each; the results are joined."""
    tokens = [f"t{number}" for number in range(2001)]
    replies = [{**OK, "data": {"valid_regids": tokens[start : start + 1000]}} for start in (0, 1000, 2000)]
    result, requests = carried(make().check_tokens(tokens), *replies)

    assert [form_of(request)["registration_ids"].count(",") + 1 for request in requests] == [1000, 1000, 1]
    assert result == dict.fromkeys(tokens)


def test_a_token_is_dead_only_if_the_reply_says_so() -> None:
    """Named as invalid, in whichever order the lists come; a token that is not named has no verdict."""
    for data in ({"invalid_regids": "a", "valid_regids": "b"}, {"valid_regids": ["b"], "invalid_regids": ["a"]}):
        result, _ = carried(make().check_tokens(["a", "b", "c"]), {**OK, "data": data})

        assert result == {"a": Reason.UNREGISTERED, "b": None, "c": Reason.NO_VERDICT}


def test_a_call_about_one_dead_token_says_that_it_is_dead() -> None:
    """Among others nobody can say which it is."""
    dead = {"result": "error", "code": 10029, "reason": "Device is invalid", "trace_id": "X"}
    for tokens, reason in ((["a"], Reason.UNREGISTERED), (["a", "b"], Reason.INVALID_NOTIFICATION)):
        with pytest.raises(Refused) as caught:
            carried(make().subscribe_topic(tokens, "news"), dead)
        assert caught.value.reason is reason


def test_recall_by_number() -> None:
    """V3: the calls of V1 and V2 end on 2026-12-01."""
    result, (request,) = carried(make().recall("4711", ["a", "b"]))

    assert request.url.endswith("/v3/message/regid/revoke")
    assert form_of(request) == {
        "registration_ids": "a,b",
        "notify_id": "4711",
        "restricted_package_name": "com.example.chat",
    }
    assert result == {"a": None, "b": None}


@pytest.mark.parametrize("handle", ["scm0a1b2c3", "-1", "2147483648", "１"])
def test_a_handle_that_is_none_is_refused(handle: str) -> None:
    """A message id, or a number that no notification has: before any request."""
    with pytest.raises(Refused, match=r"notify_id: must be Outcome\.handle"):
        carried(make().recall(handle, ["a"]))


@pytest.mark.parametrize(
    ("data", "verdict"),
    [
        ({"Invalid_regids": "a"}, Reason.UNREGISTERED),
        ({"validRegids": [" a"]}, None),
        ({"valid_regids": "a", "invalid_regids": "a"}, Reason.NO_VERDICT),
        ({"invalid_regids": 5, "valid_regids": "b"}, Reason.NO_VERDICT),
    ],
)
def test_what_a_token_check_says(data: dict[str, Any], verdict: Reason | None) -> None:
    """However the names are spelled; a token of both lists is neither alive nor dead."""
    assert carried(make().check_tokens(["a"]), {**OK, "data": data})[0] == {"a": verdict}


def test_statistics_are_a_query() -> None:
    """Without a body; the secret is in the header."""
    figures, (request,) = carried(
        make().statistics("scm1", ""), {**OK, "data": {"data": {"resolved": 3, "delivered": 2, "click": "1"}}}
    )

    assert (request.method, request.url.partition("?")[2], request.content) == ("GET", "msg_id=scm1", b"")
    assert figures == Statistics(valid=3, arrived=2, opened=1)


def test_quota_trace_and_counters() -> None:
    """Their data as they came, the inner ones where they are doubled."""
    vendor = make()
    for call, query in (
        (vendor.quota_state(), ""),
        (vendor.trace("scm1"), "msg_id=scm1"),
        (vendor.trace(jobkey="k"), "job_key=k"),
        (
            vendor.counters("20261101", "20261102"),
            "start_date=20261101&end_date=20261102&restricted_package_name=com.example.chat",
        ),
    ):
        result, (request,) = carried(call, {**OK, "data": {"data": [{"date": "20261101"}]}})

        assert request.url.partition("?")[2] == query
        assert result == [{"date": "20261101"}]


def test_any_other_call_is_asked_by_its_name() -> None:
    """With Xiaomi's own fields; a call that sends is none of them."""
    vendor = make()
    result, (request,) = carried(vendor.ask("cancel_job", {"job_id": "scm1"}), {**OK, "data": {"a": 1}})

    assert (request.url.endswith("/v2/schedule_job/delete"), form_of(request), result) == (
        True,
        {"job_id": "scm1"},
        {"a": 1},
    )
    for name in ("push", "everyone", "topics_v2", "push_each", "recall_v1", "nothing"):
        assert refusal(vendor.ask(name, {})).startswith("UNSUPPORTED: name: must be one of ")
    asked = refusal(vendor.ask("nothing", {}))
    wanted = {"topics_of", "recall_alias", "stop_message", "trace", "counters", "presence"}
    assert all(name in asked for name in wanted)
    assert wanted <= FACTS.operations.keys()


@pytest.mark.parametrize(
    ("call", "says"),
    [
        (lambda vendor: vendor.subscribe_topic([], "t"), "INVALID_NOTIFICATION: subscribe_topic: needs at least one"),
        (lambda vendor: vendor.subscribe_topic(["a"], " "), "INVALID_NOTIFICATION: topic: must be a text, not blank"),
        (lambda vendor: vendor.subscribe_topic(["a"], "a\nb"), "INVALID_NOTIFICATION: topic: must be a text"),
        (lambda vendor: vendor.subscribe_topic(["a,b"], "t"), "INVALID_NOTIFICATION: token: contains U+002C"),
        (lambda vendor: vendor.recall("", ["a"]), "INVALID_NOTIFICATION: notify_id: must be a text"),
        (lambda vendor: vendor.check_tokens(["x" * 300]), "UNREGISTERED: token: "),
        (lambda vendor: vendor.statistics("", ""), "INVALID_NOTIFICATION: msg_id: must be a text"),
    ],
)
def test_a_wrong_argument_makes_no_request(call: Any, says: str) -> None:
    """It is named."""
    assert refusal(call(make())).startswith(says)


# The query that proves the settings


def test_the_secret_is_proved_without_a_push() -> None:
    """By the quota; also where the app has no right to statistics, because the secret was accepted then."""
    for body in (OK, {"result": "error", "code": 10038}, {"result": "error", "code": 10039}):
        said, (request,) = run(make().probe(), body)

        assert said == "the secret was accepted (a query of the quota)"
        assert (request.method, request.url) == ("GET", "https://api.xmpush.xiaomi.com/v1/trace/quota/get")


def test_a_wrong_secret_is_not_proved() -> None:
    """The refusal is raised."""
    with pytest.raises(Refused) as caught:
        run(make().probe(), reply({"result": "error", "code": 21301}, 401))

    assert caught.value.reason is Reason.CREDENTIALS
