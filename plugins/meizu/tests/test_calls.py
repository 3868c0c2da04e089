"""Calls other than sending, through the sandbox: figures, switches, aliases, tags, pictures, the check of tokens."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any
from urllib.parse import parse_qsl

import pytest
from pushgateway_meizu import Meizu

from pushgateway.testing.conformance.exchange_driver import ExchangeDriver
from pushgateway.testing.conformance.sandbox_connection import EPOCH
from pushgateway.vendor import Audience, Broadcast, Notification, Push, PushToken, Reason, Refused, Statistics

Drivers = Callable[..., ExchangeDriver]
NOTE = Notification("t", "b")


def carried(one: ExchangeDriver, call: Any) -> Any:
    """The result of a call."""
    return one.carry(call.begin, call.region)


def other(one: ExchangeDriver, name: str, **fields: str) -> Any:
    """The result of another call, by its name."""
    vendor = one.vendor
    assert isinstance(vendor, Meizu)
    return carried(one, vendor.other(name, fields))


def test_an_alias_is_given_and_taken(driver: Drivers) -> None:
    """60 characters at most."""
    one = driver(tokens=1)
    (token,) = one.sandbox.tokens

    assert other(one, "subscribe_alias", pushId=token, alias="a" * 60) == {"pushId": token, "alias": "a" * 60}
    assert other(one, "alias", pushId=token)["alias"] == "a" * 60
    with pytest.raises(Refused) as refused:
        other(one, "subscribe_alias", pushId=token, alias="a" * 61)
    assert (refused.value.reason, refused.value.code) == (Reason.INVALID_NOTIFICATION, "1005")
    assert other(one, "unsubscribe_alias", pushId=token)["alias"] == ""


def test_tags_are_given_and_taken(driver: Drivers) -> None:
    """100 at a time, of 20 characters; the reply has those that are left."""
    one = driver(tokens=1)
    (token,) = one.sandbox.tokens

    def names(reply: Any) -> list[str]:
        return [tag["tagName"] for tag in reply["tags"]]

    assert names(other(one, "subscribe_tags", pushId=token, tags="体育,科技")) == ["体育", "科技"]
    assert names(other(one, "unsubscribe_tags", pushId=token, tags="体育")) == ["科技"]
    assert names(other(one, "token_tags", pushId=token)) == ["科技"]
    assert other(one, "unsubscribe_all_tags", pushId=token) is True
    assert names(other(one, "token_tags", pushId=token)) == []
    for tags, is_right in (
        ("t" * 20, True),
        ("t" * 21, False),
        (",".join(map(str, range(100))), True),
        (",".join(map(str, range(101))), False),
    ):
        if is_right:
            assert other(one, "subscribe_tags", pushId=token, tags=tags)
        else:
            with pytest.raises(Refused, match="1005"):
                other(one, "subscribe_tags", pushId=token, tags=tags)


def test_the_switch_of_a_phone(driver: Drivers) -> None:
    """A push to one that is switched off is muted; switched on again, it arrives. The SDK sends a truth value."""
    one = driver(tokens=1)
    (token,) = one.sandbox.tokens
    push = [Push(PushToken(1, token), NOTE)]

    assert other(one, "set_switch", pushId=token, msgType="0", subSwitch="false")["barTypeSwitch"] == 0
    assert one.push(push)[0].reason is Reason.MUTED
    assert other(one, "switch", pushId=token)["barTypeSwitch"] == 0
    assert other(one, "set_all_switches", pushId=token, subSwitch="1")["barTypeSwitch"] == 1
    assert one.push(push)[0].ok
    assert other(one, "set_switch", pushId=token, msgType="1", subSwitch="0")["barTypeSwitch"] == 1


def test_tokens_are_checked_one_by_one(driver: Drivers) -> None:
    """Alive, switched off, dead, and none of Meizu's."""
    one = driver(tokens=3)
    alive, muted, dead = one.sandbox.tokens
    one.sandbox.mute(muted)
    one.sandbox.uninstall(dead)
    call = one.vendor.check_tokens([alive, muted, dead, "not-hex!"])

    assert call.most == 1
    assert carried(one, call) == {
        alive: None,
        muted: Reason.MUTED,
        dead: Reason.UNREGISTERED,
        "not-hex!": Reason.UNREGISTERED,
    }
    assert len(one.requests) == 4
    assert one.sandbox.ledger.total == 0


def test_an_uploaded_picture_may_be_shown(driver: Drivers) -> None:
    """The reply has its address; another picture is refused."""
    one = driver(tokens=1)
    reply = other(one, "upload_image", imgType="1", imgUrl="https://a.example/p.png")
    push = [Push(PushToken(1, one.sandbox.tokens[0]), Notification("t", "b", picture=reply["imgUrl"]))]

    assert reply["imgType"] == 1
    assert one.push(push)[0].ok
    assert one.sandbox.ledger.deliveries[0].picture == reply["imgUrl"]
    with pytest.raises(Refused, match="1005"):
        one.push([Push(PushToken(1, one.sandbox.tokens[0]), Notification("t", "b", picture="https://a.example/p.png"))])
    for fields in ({"imgType": "2", "imgUrl": "https://a.example/p.png"}, {"imgType": "1", "imgUrl": "p.png"}):
        with pytest.raises(Refused, match="1005"):
            other(one, "upload_image", **fields)


def test_figures_of_a_broadcast_and_a_day(driver: Drivers) -> None:
    """By task; of a day direct pushes too. A dead token is a target, and nothing else."""
    one = driver(tokens=3)
    dead, *alive = one.sandbox.tokens
    one.sandbox.uninstall(dead)
    made = one.broadcast(Broadcast("1", NOTE, Audience.of_tokens([dead, *alive])))
    one.push([Push(PushToken(1, alive[0]), NOTE)])
    figures = carried(one, one.vendor.statistics(made.message_id or "", made.task_ids[0]))
    (day,) = other(one, "daily_statistics", startTime="20231101", endTime="20231116")

    assert figures == Statistics(targets=3, valid=2, sent=2, arrived=2, shown=2, opened=0)
    assert (day["date"], day["targetNo"], day["acceptNo"]) == ("2023-11-15", 4, 3)
    with pytest.raises(Refused, match="110032"):
        carried(one, one.vendor.statistics("", "7"))


@pytest.mark.parametrize(
    ("start", "end", "code"),
    [
        ("20231101", "20231201", None),
        ("20231101", "20231202", "500"),
        ("20231102", "20231101", "500"),
        ("today", "20231101", "1005"),
    ],
)
def test_the_range_of_days(driver: Drivers, start: str, end: str, code: str | None) -> None:
    """30 days; a wrong range is refused with a sentence of Meizu's, and not tried again."""
    one = driver(tokens=1)
    if code is None:
        assert other(one, "daily_statistics", startTime=start, endTime=end) == []
        return
    with pytest.raises(Refused) as refused:
        other(one, "daily_statistics", startTime=start, endTime=end)
    assert (refused.value.reason, refused.value.code) == (Reason.INVALID_NOTIFICATION, code)
    assert refused.value.message


def test_a_broadcast_that_waits_is_cancelled_once(driver: Drivers) -> None:
    """One that has begun is not."""
    one = driver(tokens=1)
    later = datetime.fromtimestamp(EPOCH, UTC) + timedelta(hours=1)
    waits = one.broadcast(Broadcast("1", NOTE, Audience.everyone(), start_at=later)).task_ids[0]
    begun = one.broadcast(Broadcast("1", NOTE, Audience.everyone())).task_ids[0]

    assert other(one, "cancel", pushType="0", taskId=waits) == {"result": True}
    for task, code in ((waits, "500"), (begun, "500"), ("7", "110032")):
        with pytest.raises(Refused) as refused:
            other(one, "cancel", pushType="0", taskId=task)
        assert (refused.value.reason, refused.value.code) == (Reason.INVALID_NOTIFICATION, code)


@pytest.mark.parametrize("name", ["push", "everyone", "task_push", "save", "statistics_get", "nothing"])
def test_a_call_that_sends_is_not_asked_for_so(driver: Drivers, name: str) -> None:
    """Nor one that is not there."""
    with pytest.raises(Refused) as refused:
        other(driver(tokens=1), name)

    assert refused.value.reason is Reason.UNSUPPORTED
    assert "subscribe_alias" in refused.value.detail
    assert "task_push" not in refused.value.detail


@pytest.mark.parametrize(
    ("fields", "word"),
    [
        ({"pushId": "汉"}, "token: "),
        ({"pushId": ""}, "pushId: "),
        ({"pushId": 7}, "pushId: "),
        ({"pushId": "a", "alias": "\n"}, "alias: "),
    ],
)
def test_wrong_arguments_are_named(driver: Drivers, fields: Any, word: str) -> None:
    """Before any request."""
    one = driver(tokens=1)
    with pytest.raises(Refused) as refused:
        other(one, "subscribe_alias", **fields)

    assert refused.value.detail.startswith(word)
    assert one.requests == []


def test_the_probe_is_a_signed_query(driver: Drivers) -> None:
    """About a token that nobody has; a code of the app or the signature is raised."""
    one = driver(tokens=1)
    proved = one.carry(one.vendor.probe, "")

    (request,) = one.requests
    assert "app_id and app_secret were accepted" in proved
    assert dict(parse_qsl(request.content.decode())).keys() == {"appId", "pushId", "sign"}
    for settings, code in (({"app_id": "7"}, "110000"), ({"app_secret": "wrong"}, "1006")):
        wrong = driver(settings, tokens=1)
        with pytest.raises(Refused) as refused:
            wrong.carry(wrong.vendor.probe, "")
        assert (refused.value.reason, refused.value.code) == (Reason.CREDENTIALS, code)


def test_a_recall_is_not_offered(driver: Drivers) -> None:
    """Meizu only cancels broadcasts to everyone."""
    with pytest.raises(Refused) as refused:
        driver(tokens=1).vendor.recall("m", ["a"])

    assert refused.value.reason is Reason.UNSUPPORTED
