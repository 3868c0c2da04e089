"""Every row of `rules.toml` agrees with what plug-in and sandbox do.

Each table has one check, each number a check of its own, and a row without a check fails with a sentence. To check only
that the number is in the table would prove nothing: each check goes to the limit and one beyond.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Mapping
from typing import Any
from urllib.parse import parse_qs

import attrs
import pytest
from driving import CALLS, UNSHOWN, Driver
from encoding import encode_notification
from oppo_client import Client
from pushgateway_oppo.requests import encode_broadcast
from row_numbers import NUMBERS
from rows import cases

from pushgateway.sandbox import Fault
from pushgateway.vendor import (
    Audience,
    AudienceKind,
    Intent,
    Notification,
    Reason,
    ReceiptKind,
    Refused,
    Status,
)
from pushgateway.vendor.rules import (
    Category,
    CodeRule,
    EventRule,
    Host,
    IntentRule,
    Number,
    Operation,
    Row,
    Target,
    load_rules,
    rows,
)

RULES = load_rules("pushgateway_oppo")
ROWS = dict(rows(RULES))
KINDS = {"form": "application/x-www-form-urlencoded", "json": "application/json", "multipart": "multipart/form-data"}
Check = Callable[[str, str, Any], None]


# Fields


def check_field(dialect: str, name: str, rule: Any) -> None:
    """At the limit a value is sent and accepted. One beyond, the plug-in cuts or refuses it, the sandbox refuses it."""
    for case in cases(name, rule):
        _check_plugin(dialect, name, rule, case)
        _check_sandbox(dialect, name, rule, case)


def _check_plugin(dialect: str, name: str, rule: Any, case: Any) -> None:
    facts = RULES.dialects[dialect]
    broadcast = rule.scope == "broadcast" or 3 in (case.others.get("style"), case.value if name == "style" else 0)
    planned = None
    given = {**case.others, name: case.value}
    if name == "app_message_id":  # made for each push, and for a broadcast out of its dedupe id
        broadcast, planned = True, {name: given.pop(name)}
    if not broadcast:
        given = {other: value for other, value in given.items() if facts.fields[other].scope != "broadcast"}
    note = Notification("Hi", "You have mail", overrides={"oppo": given})
    audience = AudienceKind.EVERYONE if broadcast else None
    if rule.past != "cut" and not case.fits:
        with pytest.raises(Refused) as caught:
            encode_notification(note, facts, audience, planned)
        assert name in caught.value.detail or "dedupe_id" in caught.value.detail
        return
    content = encode_notification(note, facts, audience, planned)
    sent = {**content.fields, **content.beside}[name]
    if rule.past == "cut":
        assert (len(content.truncated) == 1) is not case.fits, (name, case)
        assert (sent == case.value) is case.fits
    else:
        right = _compact(case.value) if rule.kind == "object" else case.value
        assert getattr(sent, "text", sent) == right, (name, case)


def _compact(value: Any) -> str:
    return json.dumps(value, separators=(",", ":"))


def _check_sandbox(dialect: str, name: str, rule: Any, case: Any) -> None:
    client = Client(dialect)
    client.now = 1_000_000_000.0  # no start of a broadcast that the rows allow is in the past
    client.login()
    for kind, picture_id in (("big", "p"), ("small", "s")):
        client.sandbox.keep_picture(kind, picture_id)
    fields = {**case.others, name: case.value}
    if rule.scope == "message":
        message = {"target_type": 2, "target_value": client.sandbox.tokens[0], "notification": _note(), **fields}
        code = client.ask("unicast", {"message": json.dumps(message)})["code"]
    elif rule.scope == "broadcast" or "big_picture_id" in fields:
        code = client.ask("save", {**_note(), **_flat(fields)})["code"]
    else:
        code = client.unicast(client.sandbox.tokens[0], **fields)["code"]
    lowered = rule.past == "clamp" and case.value > rule.max
    assert (code == 0) is (case.fits or lowered), (name, case, code)


def _note() -> dict[str, Any]:
    return {"title": "Hi", "content": "You have mail"}


def _flat(fields: Mapping[str, Any]) -> dict[str, Any]:
    return {name: str(value).lower() if isinstance(value, bool) else value for name, value in fields.items()}


# Codes


def check_code(_: str, code: str, rule: CodeRule) -> None:
    """The sandbox can reply with it in each dialect that has it, and the plug-in gives the row's reason."""
    for dialect in rule.dialects:
        driver = Driver(dialect)
        driver.sandbox.faults.add(Fault(kind="code", code=code, operation="unicast"))
        reason = _reason(driver)

        body = json.loads(driver.replies[-1].content)
        assert body["code"] == int(code)
        assert body["message"] == (rule.text or rule.meaning)
        assert reason is rule.host_reason


def _reason(driver: Driver) -> Reason | None:
    try:
        (outcome,) = driver.push(driver.one)
    except Refused as refused:
        return refused.reason
    return None if outcome.status is Status.ACCEPTED else outcome.reason  # type: ignore[no-any-return]


# Calls and hosts


def check_operation(dialect: str, name: str, row: Operation) -> None:
    """The plug-in calls by the row's method, path, host and encoding, and the sandbox does the call."""
    driver = Driver(dialect)
    host = driver.facts.hosts[row.host or "cn"].url

    CALLS[name](driver)

    assert driver.sandbox.ledger.calls[name] >= 1, f"{name} is not called"
    if name == "auth":
        login = next(driver.oppo.login("cn", driver.now))
        assert login is not None
        asked, body = login, "app_key"
    else:
        asked, body = driver.requests[-1], row.body
    url, _, query = asked.url.partition("?")
    assert (asked.method, url) == (row.method, host + (row.path or f"{UNSHOWN}/{name}"))
    assert asked.headers.get("content-type", "").partition(";")[0] == KINDS.get(row.encoding, "")
    assert bool(query) is (name == "statistics")
    assert row.encoding != "form" or not body or body in parse_qs(asked.content.decode("ascii"))
    if row.struck_out:
        assert row.source == "S1"


def check_host(dialect: str, name: str, row: Host) -> None:
    """Some call goes to it: by region, by kind of call, or because a setting names it."""
    settings = {"host": row.url} if name == "cn_next" else {}
    driver = Driver(dialect, settings)
    token = "OPPO_EUEX_0123456789abcdef0123456789abcdef" if name == "overseas" else driver.one
    driver.sandbox.register([token])
    calls: Mapping[str, Callable[[], Any]] = {
        "device": lambda: driver.carry(driver.oppo.get_tags(token)),
        "media": lambda: driver.carry(driver.oppo.upload_picture("big", driver.picture())),
        "feedback": lambda: driver.carry(driver.oppo.invalid_tokens()),
    }

    calls.get(name, lambda: driver.push(token))()

    assert driver.requests[-1].url.startswith(row.url + "/")


# Targets


def check_target(dialect: str, name: str, row: Target) -> None:
    """The plug-in sends this number, and the sandbox delivers; a unicast to a tag is refused."""
    client = Client(dialect)
    one = client.sandbox.tokens[0]
    client.sandbox.set_alias(one, "ann")
    client.sandbox.set_tags(one, ["fans"])
    audience = {
        "everyone": Audience.everyone(),
        "tokens": Audience.of_tokens([one]),
        "aliases": Audience.of_aliases(["ann"]),
        "tags": Audience.of_tags(["fans"]),
    }[name]
    form = parse_qs(encode_broadcast("m", audience, audience.values, client.facts).decode("ascii"))
    reply = client.ask("broadcast", {**{key: value[0] for key, value in form.items()}, "message_id": client.save()})
    got = client.got()

    assert form["target_type"] == [str(row.broadcast)]
    assert reply["code"] == 0
    assert got == (list(client.sandbox.tokens) if name == "everyone" else [one])
    if row.unicast is not None:
        message = {"target_type": row.unicast, "target_value": audience.values[0], "notification": _note()}
        alone = client.ask("unicast", {"message": json.dumps(message)})["code"]
        assert alone == (41 if name == "tags" else 0)


# Categories and quotas


def check_category(dialect: str, name: str, row: Category) -> None:
    """It is sent unchanged and accepted, and refused in lower case; private categories are those of the group
    `communication`."""
    driver = Driver(dialect)
    note = Notification("Hi", "You have mail", overrides={"oppo": {"category": name}})
    (sent,) = driver.push(driver.one, note=note)
    client = Client(dialect)

    assert sent.ok
    assert driver.sandbox.ledger.deliveries[-1].notification["category"] == name
    assert driver.oppo.quota(note) == name
    assert client.unicast(client.sandbox.tokens[0], category=name.lower())["code"] == 67
    assert row.private is (row.group == "communication")


def check_quota(dialect: str, name: str, row: Number) -> None:
    """The lowest rate is the plug-in's default.

    The other figures are only documentation, so they must agree with each other.
    """
    quotas = RULES.dialects[dialect].quotas
    rates = [quotas[key].value for key in ("rate_below_10m", "rate_below_50m", "rate_below_100m", "rate_from_100m")]
    small, per_user = quotas["daily_public_small"].value, quotas["daily_public_per_user"].value
    users = re.search(r"below ([0-9,]+) users", quotas["daily_public_small"].unit)
    adds_up = {
        "rate_below_10m": lambda: Driver(dialect).oppo.rates.pushes == row.value,
        "rate_below_50m": lambda: rates == sorted(set(rates)),
        "rate_below_100m": lambda: rates == sorted(set(rates)),
        "rate_from_100m": lambda: rates[-1] == row.value == max(rates),
        "daily_public_small": lambda: users is not None and int(users[1].replace(",", "")) * per_user == small,
        "daily_public_per_user": lambda: quotas["device_public"].value == row.value,
        "device_public": lambda: row.value < quotas["device_public_news"].value,
        "device_public_news": lambda: row.value > quotas["device_public"].value,
    }

    assert name in adds_up, f"quota {name} has no check: write one in check_quota"
    assert adds_up[name]()


# Numbers


def check_number(dialect: str, name: str, row: Number) -> None:
    """Each number has a check of its own."""
    assert name in NUMBERS, f"number {name} has no check: write one and put it into NUMBERS"
    NUMBERS[name](dialect, row.value)


def check_intent(dialect: str, name: str, row: IntentRule) -> None:
    """A push of this intent is sent under the row's category, and counts against its quota."""
    driver = Driver(dialect)
    note = Notification("Hi", "You have mail", intent=Intent(name))
    (sent,) = driver.push(driver.one, note=note)

    assert sent.ok
    assert driver.sandbox.ledger.deliveries[-1].notification["category"] == row.category
    assert driver.oppo.quota(note) == row.category


CALL_BACK = {"call_back_url": "https://im.example.com/push"}
HAPPENS: Mapping[str, Callable[[Client, str], object]] = {
    "push_arrive": lambda client, token: client.unicast(token, **CALL_BACK),
    "regid_invalid": lambda client, token: (client.sandbox.uninstall(token), client.unicast(token, **CALL_BACK)),
    "user_daily_limit": lambda client, token: [client.unicast(token, **CALL_BACK) for _ in range(2)],
}
"""How each event comes about in the sandbox, where it does; in the order of the day nothing is held back there."""


def check_event(dialect: str, name: str, row: EventRule) -> None:
    """A receipt with that event has the row's kind, and the sandbox posts it when the event happens."""
    posted = [{"registrationIds": "CN_1", "eventType": name}]
    (receipt,) = Driver(dialect).oppo.receipts("1", {}, json.dumps(posted).encode(), 0.0)
    assert receipt is not None
    assert receipt.kind is ReceiptKind[row.kind]
    if name in HAPPENS:
        more = {} if dialect == "v1.3" else {"late_invalid": True, "phone_limit": 1}
        client = Client(dialect, **more)
        HAPPENS[name](client, client.sandbox.tokens[0])
        last = json.loads(client.sandbox.callbacks()[-1].content)[-1]
        assert last["eventType"] == name
    else:
        assert ReceiptKind[row.kind] is ReceiptKind.OTHER, f"event {name} has no way to happen: put it into HAPPENS"


CHECKS: Mapping[str, Check] = {
    "codes": check_code,
    "hosts": check_host,
    "operations": check_operation,
    "fields": check_field,
    "numbers": check_number,
    "targets": check_target,
    "quotas": check_quota,
    "categories": check_category,
    "intents": check_intent,
    "events": check_event,
}
"""By table. A new table of the rules gets its check here."""

_PATH = re.compile(r"\$\.(?:dialects\['(?P<dialect>[^']+)'\]\.)?(?P<table>\w+)\['(?P<key>[^']+)'\]")


@pytest.mark.parametrize("path", ROWS)
def test_plugin_and_sandbox_agree_with_every_row(path: str) -> None:
    """What a row says is what plug-in and sandbox do, at its limit and beyond. A row without a check is an error."""
    found = _PATH.fullmatch(path)
    assert found is not None, path
    check = CHECKS.get(found["table"])

    assert check is not None, f"{path}: the table {found['table']} has no check: write one and put it into CHECKS"
    check(found["dialect"] or "", found["key"], ROWS[path])


def test_every_source_is_cited() -> None:
    """A source that no row and no note names has no use."""
    cited = {row.source for row in ROWS.values()}
    notes = " ".join(row.note for row in ROWS.values())
    unused = [key for key in RULES.sources if key not in cited and not re.search(rf"\b{key}\b", notes)]

    assert unused == []


@pytest.mark.parametrize(
    ("path", "change"),
    [
        ("$.codes['33']", {"reason": "UNREGISTERED"}),
        ("$.codes['33']", {"text": "something else"}),
        ("$.codes['55']", {"meaning": "something else"}),
        ("$.dialects['v1.3'].hosts['cn']", {"url": "https://elsewhere.example"}),
        ("$.dialects['current'].operations['subscribe_alias']", {"path": "/elsewhere"}),
        ("$.dialects['current'].operations['subscribe_alias']", {"encoding": "form"}),
        ("$.dialects['current'].operations['subscribe_alias']", {"method": "PUT"}),
        ("$.dialects['current'].operations['push_permit']", {"host": "device"}),
        ("$.dialects['v1.3'].fields['title']", {"max": 33}),
        ("$.dialects['v1.3'].fields['title']", {"max": 31}),
        ("$.dialects['current'].fields['off_line_ttl']", {"past": "refuse"}),
        ("$.dialects['current'].fields['notify_level']", {"choices": (1, 2)}),
        ("$.dialects['current'].fields['content']", {"max_when": {"style=2": 129}}),
        ("$.dialects['current'].numbers['alias_characters']", {"value": 63}),
        ("$.dialects['current'].numbers['picture_ttl']", {"value": 60}),
        ("$.dialects['current'].numbers['small_picture_bytes']", {"value": 51_201}),
        ("$.dialects['current'].numbers['big_picture_width']", {"value": 877}),
        ("$.dialects['v1.3'].numbers['access_overlap']", {"value": 601}),
        ("$.dialects['v1.3'].targets['tags']", {"broadcast": 6}),
        ("$.dialects['current'].quotas['rate_below_10m']", {"value": 5001}),
        ("$.dialects['current'].categories['MARKETING']", {"private": True}),
        ("$.dialects['current'].intents['system']", {"category": "IM"}),
        ("$.dialects['current'].events['regid_invalid']", {"kind": "ARRIVED"}),
        ("$.dialects['current'].intents['chat']", {"category": "NEWS"}),
    ],
)
def test_each_check_fails_for_a_wrong_row(path: str, change: Mapping[str, Any]) -> None:
    """The checks can fail: each changed row is found."""
    found = _PATH.fullmatch(path)
    assert found is not None
    lie = attrs.evolve(ROWS[path], **change)

    with pytest.raises((AssertionError, pytest.fail.Exception)):
        CHECKS[found["table"]](found["dialect"] or "", found["key"], lie)


def test_a_row_without_a_check_is_found() -> None:
    """A number with a new name fails until it has a check."""
    row: Row = ROWS["$.dialects['v1.3'].numbers['batch_size']"]
    with pytest.raises(AssertionError, match="number moon_phase has no check"):
        check_number("v1.3", "moon_phase", row)  # type: ignore[arg-type]
    with pytest.raises(AssertionError, match="quota moon_phase has no check"):
        check_quota("current", "moon_phase", row)  # type: ignore[arg-type]
