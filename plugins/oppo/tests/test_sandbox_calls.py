"""The OPPO sandbox call by call: every refusal, and every limit of the rules, at it and one beyond.

Requests are written by hand and by the standard library, never by the plug-in, and go straight to `answer`; the clock
is a number.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator, Mapping
from typing import Any
from urllib.parse import urlencode

import pytest
from pushgateway_oppo.sandbox import OppoSandbox

from pushgateway.vendor import Alert, Badge, Request
from pushgateway.vendor.rules import FieldRule, load_rules

RULES = load_rules("pushgateway_oppo")
DIALECTS = sorted(RULES.dialects)
FORM = "application/x-www-form-urlencoded"
NOON = 1_700_000_000.0
NOTE: dict[str, Any] = {"title": "Hi", "content": "You have mail"}
SAMPLES: dict[str, Any] = {
    "click_action_activity": "a",
    "click_action_url": "u",
    "show_start_time": 1_700_000_000_000,
    "show_end_time": 1_700_000_001_000,
    "push_start_time": 1_700_000_000_000,
    "fix_speed_rate": 1000,
    "big_picture_id": "p",
}


class Client:
    """A sandbox with a clock that tests set, and a client that writes forms."""

    def __init__(self, dialect: str = "v1.3", **options: Any) -> None:
        self.now = NOON
        self.sandbox = OppoSandbox(clock=lambda: self.now, dialect=dialect, **options)
        self.sandbox.keep_picture("big", "p")
        self.paths = {name: operation.path for name, operation in RULES.dialects[dialect].operations.items()}
        self.one, self.two, *_ = self.sandbox.tokens
        self.access = ""

    def ask(self, operation: str, form: Mapping[str, Any], **more: str) -> Any:
        """The decoded reply to a form; `auth_token` is added unless it is given or there is none yet."""
        fields = {"auth_token": self.access, **form} if self.access else dict(form)
        url = f"https://oppo.example{self.paths[operation]}"
        headers = {"content-type": FORM, **more}
        response = self.sandbox.answer(Request("POST", url, headers, urlencode(fields).encode())).response
        assert response is not None
        return json.loads(response.content)

    def login(self, **fields: str) -> Any:
        """Log in and remember the access token; `fields` replace what is sent ("" leaves a field out)."""
        settings = self.sandbox.settings("")
        stamp = fields.get("timestamp", str(int(self.now * 1000)))
        text = f"{settings['app_key']}{stamp}{settings['master_secret']}"
        form = {"app_key": settings["app_key"], "timestamp": stamp, "sign": hashlib.sha256(text.encode()).hexdigest()}
        reply = self.ask("auth", {name: value for name, value in (form | fields).items() if value})
        self.access = reply.get("data", {}).get("auth_token", self.access)
        return reply

    def unicast(self, note: Mapping[str, Any] | None = None, **message: Any) -> Any:
        """Push `note` to the first phone; `message` replaces fields of the message around it."""
        whole = {"target_type": 2, "target_value": self.one, "notification": {**NOTE, **(note or {})}} | message
        return self.ask("unicast", {"message": json.dumps({k: v for k, v in whole.items() if v is not None})})

    def batch(self, *messages: Any) -> Any:
        """Push a batch; a text in place of a message is a token."""
        whole = [
            {"target_type": 2, "target_value": one, "notification": NOTE} if isinstance(one, str) else one
            for one in messages
        ]
        return self.ask("unicast_batch", {"messages": json.dumps(whole)})

    def save(self, **note: Any) -> Any:
        """Save content for broadcasts."""
        return self.ask("save", {**NOTE, **note})

    def broadcast(self, **form: Any) -> Any:
        """Save content and broadcast it."""
        message_id = self.save()["data"]["message_id"]
        return self.ask("broadcast", {"message_id": message_id, **form})


@pytest.fixture(params=DIALECTS)
def client(request: pytest.FixtureRequest) -> Client:
    """A client that is logged in, in each dialect."""
    logged_in = Client(request.param)
    logged_in.login()
    return logged_in


# Access.


def test_create_time_can_be_text() -> None:
    """The documents print it quoted, clients decode a number, so the sandbox can do both."""
    assert Client(text_create_time=True).login()["data"]["create_time"] == "1700000000000"


@pytest.mark.parametrize("operation", ["unicast", "unicast_batch", "save", "broadcast"])
def test_no_call_without_an_access_token(operation: str) -> None:
    """No token is 29, an unknown or expired one 11. Header and body are both read, and one valid token is enough."""
    client = Client()
    missing = client.ask(operation, {})["code"]
    unknown = client.ask(operation, {"auth_token": "no such"})["code"]
    client.login()
    good, client.access = client.access, ""
    in_body = client.ask(operation, {"auth_token": good})["code"]
    in_header = client.ask(operation, {}, auth_token=good)["code"]
    in_both = client.ask(operation, {"auth_token": "no such"}, auth_token=good)["code"]
    client.sandbox.expire_tokens()
    expired = client.ask(operation, {"auth_token": good})["code"]

    assert (missing, unknown, expired) == (29, 11, 11)
    assert (in_body, in_header, in_both) == (40, 40, 40)


# Form.


def test_path_method_and_encoding_are_checked_first(client: Client) -> None:
    """20 for an unknown path, 12 for another method, 25 for a body that is not a UTF-8 form; it may be empty."""

    def code(path: str, method: str = "POST", kind: str = FORM, content: bytes = b"a=b") -> Any:
        response = client.sandbox.answer(Request(method, f"https://x{path}", {"content-type": kind}, content)).response
        assert response is not None
        assert response.status == 200
        return json.loads(response.content)["code"]

    auth = client.paths["auth"]

    assert [code("/server/v1/nothing"), code("/"), code(auth + "/")] == [20, 20, 20]
    assert [code(auth, "GET"), code(auth, "PUT")] == [12, 12]
    assert [code(auth, kind=""), code(auth, kind="application/json"), code(auth, kind=f"{FORM}; charset=GBK")] == [
        25
    ] * 3
    assert [code(auth, content=b"app_key=%ff"), code(auth, content=b"app_key=\xff")] == [25, 25]
    assert [code(auth, kind="", content=b""), code(client.paths["unicast"], kind="", content=b"")] == [15, 29]
    assert [code(auth, kind=f"{FORM}; charset=UTF-8"), code(auth, kind=f'{FORM};charset="utf-8"')] == [15, 15]


# Unicast.


def test_a_unicast_is_delivered_unchanged(client: Client) -> None:
    """Ledger and phone have exactly the fields that were sent; the message id has the dialect's form."""
    reply = client.unicast({"title": "你好 +%&=", "content": "👨‍👩‍👧 ok", "app_message_id": "m-1"})

    (delivery,) = client.sandbox.ledger.deliveries
    assert reply["code"] == 0
    assert (delivery.token, delivery.title, delivery.body) == (client.one, "你好 +%&=", "👨‍👩‍👧 ok")
    assert (delivery.dedupe_id, delivery.operation, delivery.at) == ("m-1", "unicast", NOON)
    assert delivery.message_id == reply["data"]["messageId"]
    assert ("-1-1-" in delivery.message_id) is (client.sandbox.settings("")["dialect"] == "current")
    assert client.sandbox.phones()[0].shown == [delivery]


@pytest.mark.parametrize(
    ("message", "code"),
    [
        ({"target_type": None}, 40),
        ({"target_type": 4}, 41),
        ({"target_type": "x"}, 41),
        ({"target_type": True}, 41),
        ({"target_type": "2"}, 0),
        ({"target_value": None}, 40),
        ({"target_value": ""}, 40),
        ({"target_value": 5}, 41),
        ({"target_value": "CN_nobody"}, 10000),
        ({"notification": None}, 40),
        ({"notification": ""}, 40),
        ({"notification": []}, 41),
        ({"notification": "{"}, 41),
        ({"notification": json.dumps(NOTE)}, 0),
        ({"notification": {"title": "Hi"}}, 40),
        ({"notification": {"title": "Hi", "content": None}}, 40),
        ({"unheard_of": {"a": 1}}, 0),
        ({"notification": {**NOTE, "unheard_of": 1}}, 0),
    ],
)
def test_a_message_is_refused_for_each_fault(client: Client, message: dict[str, Any], code: int) -> None:
    """40 for a missing field, 41 for a wrong one, and nothing is pushed."""
    reply = client.unicast(**message)

    assert reply["code"] == code
    assert client.sandbox.ledger.total == int(code == 0)


@pytest.mark.parametrize(
    ("text", "code"), [("", 40), ("{", 41), ("[]", 41), ("NaN", 41), ("[" * 100_000, 41), ('"text"', 41)]
)
def test_the_message_is_json_text_of_an_object(client: Client, text: str, code: int) -> None:
    """Anything else, including too deep nesting, is refused."""
    assert client.ask("unicast", {"message": text})["code"] == code
    assert client.ask("unicast_batch", {"messages": text})["code"] == code


def test_registration_id_is_v13_only() -> None:
    """V1.3 accepts `registration_id` in place of `target_value`; the current pages have `target_value` only."""
    codes = {}
    for dialect in DIALECTS:
        client = Client(dialect)
        client.login()
        codes[dialect] = client.unicast(target_value=None, registration_id=client.one)["code"]

    assert codes == {"current": 40, "v1.3": 0}


def test_dead_and_muted_phones_have_codes_of_their_own(client: Client) -> None:
    """10000 means that the token is dead, 10001 that the user switched pushes off; neither phone gets anything."""
    client.sandbox.uninstall(client.one)
    client.sandbox.mute(client.two)

    codes = [client.unicast(target_value=target)["code"] for target in (client.one, client.two)]
    client.sandbox.mute(client.two, False)
    codes.append(client.unicast(target_value=client.two)["code"])

    assert codes == [10000, 10001, 0]
    assert client.sandbox.ledger.total == 1


def test_an_alias_reaches_its_phone(client: Client) -> None:
    """An unknown alias is 10002, the alias of a muted phone 10003."""
    kind = RULES.dialects[str(client.sandbox.settings("")["dialect"])].targets["aliases"].unicast
    client.sandbox.set_alias(client.one, "ann")

    codes = [client.unicast(target_type=kind, target_value=alias)["code"] for alias in ("ann", "bob")]
    client.sandbox.mute(client.one)
    codes.append(client.unicast(target_type=kind, target_value="ann")["code"])

    assert codes == [0, 10002, 10003]
    assert client.sandbox.ledger.count(client.one) == 1


# The limits of the rules.


def at_the_limit(name: str, rule: FieldRule, limit: int) -> Any:
    """A value that is exactly as long as allowed."""
    if name == "call_back_url":
        return "https://e/".ljust(limit, "字")
    if rule.kind == "text":
        return "字" * limit
    return '{"k":"' + "x" * (limit - 8) + '"}' if rule.kind == "json" else limit


def limits(*, broadcast: bool) -> list[tuple[str, str, dict[str, int], Any, int]]:
    """(dialect, field, other fields, value, code): each limit, and one beyond."""
    scopes = ("all", "broadcast") if broadcast else ("all",)
    return [
        (dialect, name, *case)
        for dialect, facts in RULES.dialects.items()
        for name, rule in facts.fields.items()
        if rule.scope in scopes
        for case in cases(name, rule)
        if broadcast or case[0] != {"style": 3}
    ]


def cases(name: str, rule: FieldRule) -> Iterator[tuple[dict[str, int], Any, int]]:
    """(other fields, value, code) around the limits of one row."""
    most: list[tuple[dict[str, int], int]] = [] if rule.max is None else [({}, rule.max)]
    for condition, limit in rule.max_when.items():
        other, _, value = condition.partition("=")
        most.append(({other: int(value)}, limit))
    for others, limit in most:
        yield others, at_the_limit(name, rule, limit), 0
        yield others, at_the_limit(name, rule, limit + 1), 0 if rule.past == "clamp" else 41
    if rule.min:
        yield {}, at_the_limit(name, rule, rule.min), 0
        if rule.kind != "text":
            # Where no other field asks for it, 0 is as good as not there.
            yield {}, rule.min - 1, 0 if rule.min == 1 and rule.required_when else 41
        else:
            yield {}, "", 40 if rule.required else 0  # "" is as good as not there


def needs(dialect: str, fields: dict[str, Any]) -> dict[str, Any]:
    """The other fields that these fields need, so that only they are checked."""
    rules = RULES.dialects[dialect].fields
    needed = [name for name, rule in rules.items() if name not in fields and rule.needed(fields)]
    return {name: SAMPLES[name] for name in needed if name in SAMPLES}


@pytest.mark.parametrize(("dialect", "name", "others", "value", "code"), limits(broadcast=False))
def test_unicast_keeps_every_limit(dialect: str, name: str, others: dict[str, Any], value: Any, code: int) -> None:
    """The limits are those of `rules.toml`; a Chinese character counts as one; one beyond is refused."""
    client = Client(dialect)
    client.login()

    reply = client.unicast({**others, name: value})

    assert reply["code"] == code
    assert client.sandbox.ledger.total == int(code == 0)


@pytest.mark.parametrize(("dialect", "name", "others", "value", "code"), limits(broadcast=True))
def test_save_keeps_every_limit(dialect: str, name: str, others: dict[str, Any], value: Any, code: int) -> None:
    """Saved content is checked by the same rows, with every value as text in a form."""
    client = Client(dialect)
    client.login()

    reply = client.save(**needs(dialect, {**others, name: value}), **others, **{name: value})

    assert reply["code"] == code


@pytest.mark.parametrize(
    ("note", "code"),
    [
        ({"click_action_type": 3}, 41),
        ({"click_action_type": 1}, 40),
        ({"click_action_type": 4}, 40),
        ({"click_action_type": 2}, 40),
        ({"click_action_type": 1, "click_action_activity": "a.b"}, 0),
        ({"click_action_type": "2", "click_action_url": "https://a.example"}, 0),
        ({"click_action_type": 1.0}, 41),
        ({"title": 5}, 41),
        ({"title": "\ud800"}, 41),
        ({"off_line": "false", "off_line_ttl": "60"}, 0),
        ({"off_line": 1}, 41),
        ({"off_line": "no"}, 41),
        ({"off_line_ttl": -1}, 41),
        ({"off_line_ttl": True}, 41),
        ({"action_parameters": {"a": 1}}, 41),
        ({"action_parameters": "[]"}, 0),
        ({"action_parameters": "null"}, 0),
        ({"action_parameters": "{"}, 41),
        ({"action_parameters": '{"a":1}'}, 0),
        ({"show_time_type": 1}, 41),
        ({"show_time_type": 0, "network_type": 0, "fix_speed": False}, 0),
        ({"network_type": 1}, 41),
    ],
)
def test_a_notification_is_refused_for_each_fault(client: Client, note: dict[str, Any], code: int) -> None:
    """Choices, types, conditions, and fields that only a broadcast may have."""
    assert client.unicast(note)["code"] == code
    assert client.sandbox.ledger.total == int(code == 0)


@pytest.mark.parametrize(
    ("note", "code"),
    [
        ({"category": "IM", "notify_level": 2}, 0),
        ({"category": "CHAT"}, 67),
        ({"notify_level": 2}, 67),
        ({"category": "IM", "notify_level": 3}, 67),
        ({"private_title_parameters": {"a": "b"}}, 54),
        ({"private_msg_template_id": "t", "private_title_parameters": {"a": "b"}}, 0),
        ({"private_msg_template_id": "t", "private_content_parameters": '{"a":"b"}'}, 0),
        ({"private_msg_template_id": "t", "private_content_parameters": "{"}, 41),
    ],
)
def test_fields_that_v13_does_not_have(note: dict[str, Any], code: int) -> None:
    """Categories, levels and templates have codes of their own in `current`; V1.3 ignores the fields."""
    current, former = Client("current"), Client("v1.3")
    current.login()
    former.login()

    assert current.unicast(note)["code"] == code
    assert former.unicast(note)["code"] == 0


@pytest.mark.parametrize(
    ("note", "code"),
    [
        ({"show_time_type": 1, "show_start_time": 1_700_000_000_000, "show_end_time": 1_700_000_000_001}, 0),
        ({"show_time_type": 1, "show_start_time": 1_700_000_000_000, "show_end_time": 1_700_000_000_000}, 41),
        ({"push_time_type": 1}, 40),
        ({"fix_speed": "true"}, 40),
        ({"fix_speed": "true", "fix_speed_rate": 0}, 41),
        ({"fix_speed": "true", "fix_speed_rate": 1000}, 0),
        ({"fix_speed": "false", "fix_speed_rate": 0}, 0),
        ({"fix_speed_rate": "0"}, 0),
        ({"network_type": 2}, 41),
        ({"title": ""}, 40),
    ],
)
def test_saved_content_is_refused_for_each_fault(client: Client, note: dict[str, Any], code: int) -> None:
    """The fields of broadcasts are checked when content is saved."""
    assert client.save(**note)["code"] == code


@pytest.mark.parametrize(
    ("fields", "looks"),
    [
        ({"notify_level": 1, "category": "IM"}, {"alert": Alert.SILENT}),
        ({"notify_level": "16", "category": "IM"}, {"alert": Alert.URGENT}),
        ({"badge_operation_type": 0, "badge_message_count": 7}, {"badge": Badge.set(7)}),
        ({"badge_operation_type": 1, "badge_message_count": 100}, {"badge": Badge.add(99)}),
        ({"badge_operation_type": 1, "badge_message_count": 0}, {"badge": None}),
        ({"badge_operation_type": 1}, {"badge": None}),
        ({"notify_id": "5"}, {"replaces": "5"}),
        ({"small_picture_url": "https://x/i"}, {"icon": "https://x/i"}),
        ({"big_picture_url": "https://x/p"}, {"picture": "https://x/p"}),
        ({}, {"alert": None, "badge": None, "replaces": "", "icon": "", "picture": ""}),
    ],
)
def test_the_looks_of_a_notification(fields: dict[str, Any], looks: dict[str, Any]) -> None:
    """In the words of the neutral notification, from OPPO's own fields."""
    client = Client("current")
    client.login()

    assert client.unicast(fields)["code"] == 0
    (seen,) = client.sandbox.ledger.deliveries
    assert {name: getattr(seen, name) for name in looks} == looks
