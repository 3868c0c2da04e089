"""The OPPO sandbox where clients and documents disagree: empty values, numbers, times and booleans; and its switches.

Requests are written by hand and by the standard library, never by the plug-in, and go straight to `answer`; the clock
is a number.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from typing import Any
from urllib.parse import urlencode

import pytest
from pushgateway_oppo.sandbox import OppoSandbox

from pushgateway.model.errors import FieldError
from pushgateway.vendor import Request
from pushgateway.vendor.rules import load_rules

RULES = load_rules("pushgateway_oppo")
FORM = "application/x-www-form-urlencoded"
NOON = 1_700_000_000.0
NOTE: dict[str, Any] = {"title": "Hi", "content": "You have mail"}
FIRST, LAST = 1_000_000_000_000, 9_999_999_999_999
"""The least and the greatest moment of 13 digits."""


class Client:
    """A sandbox, and a client that is logged in."""

    def __init__(self, dialect: str = "v1.3", **options: Any) -> None:
        self.sandbox = OppoSandbox(clock=lambda: NOON, dialect=dialect, **options)
        self.sandbox.keep_picture("big", "p")
        self.paths = {name: operation.path for name, operation in RULES.dialects[dialect].operations.items()}
        settings = self.sandbox.settings("")
        stamp = str(int(NOON * 1000))
        text = f"{settings['app_key']}{stamp}{settings['master_secret']}"
        self.login_form = {
            "app_key": settings["app_key"],
            "timestamp": stamp,
            "sign": hashlib.sha256(text.encode()).hexdigest(),
        }
        self.access = ""
        self.login()

    def login(self) -> Any:
        """Fetch an access token; the decoded reply."""
        reply = self.ask("auth", self.login_form)
        self.access = reply["data"]["auth_token"]
        return reply

    def ask(self, operation: str, form: Mapping[str, Any], kind: str = FORM) -> Any:
        """The decoded reply to a form."""
        url = f"https://oppo.example{self.paths[operation]}"
        headers = {"content-type": kind, "auth_token": self.access}
        response = self.sandbox.answer(Request("POST", url, headers, urlencode(form).encode())).response
        assert response is not None
        return json.loads(response.content)

    def unicast(self, note: Mapping[str, Any], **message: Any) -> Any:
        """Push to the first phone; `message` has the fields of the message around the notification."""
        whole = {"target_type": 2, "target_value": self.sandbox.tokens[0], "notification": NOTE | dict(note), **message}
        return self.ask("unicast", {"message": json.dumps(whole)})["code"]

    def save(self, note: Mapping[str, Any]) -> Any:
        """Save content as a flat form."""
        return self.ask("save", NOTE | dict(note))["code"]


@pytest.fixture(params=["v1.3", "current"])
def client(request: pytest.FixtureRequest) -> Client:
    """A client of each dialect."""
    return Client(request.param)


def test_empty_optional_fields_count_as_missing(client: Client) -> None:
    """Some clients send the whole table of fields, in JSON and in a flat form."""
    empty = {
        name: ""
        for name, rule in RULES.dialects[str(client.sandbox.settings("")["dialect"])].fields.items()
        if not rule.required and rule.scope != "message"
    }

    codes = [client.unicast(empty), client.save(empty), client.unicast(empty, verify_registration_id="")]

    assert codes == [0, 0, 0]
    assert client.sandbox.ledger.deliveries[0].dedupe_id is None


def test_an_empty_message_id_is_no_id(client: Client) -> None:
    """Two pushes without an id are two pushes, two contents without an id two contents."""
    pushes = [client.unicast({"app_message_id": ""}) for _ in range(2)]
    saved = [client.ask("save", NOTE | {"app_message_id": ""})["data"]["message_id"] for _ in range(2)]

    assert pushes == [0, 0]
    assert client.sandbox.ledger.total == 2
    assert saved[0] != saved[1]


@pytest.mark.parametrize("name", ["title", "content"])
def test_a_required_field_may_not_be_empty(client: Client, name: str) -> None:
    """Empty counts as missing: 40."""
    assert [client.unicast({name: ""}), client.save({name: ""})] == [40, 40]


@pytest.mark.parametrize("number", ["01", "-0", "00", "+1", " 1", "1 ", "1.0", "1e0", "\u0661", "1" * 16])
def test_a_number_has_one_spelling(client: Client, number: str) -> None:
    """Other spellings of 1 are refused: they would evade the checks of fields that 1 requires."""
    codes = [
        client.unicast({"click_action_type": number}),
        client.save({"show_time_type": number}),
        client.save({"push_time_type": number}),
        client.save({"off_line_ttl": number}),
        client.ask("broadcast", {"message_id": "m", "target_type": number})["code"],
    ]

    assert codes == [41] * 5


@pytest.mark.parametrize(
    ("fields", "code"),
    [
        ({"show_time_type": 1, "show_start_time": FIRST, "show_end_time": LAST}, 0),
        ({"show_time_type": 1, "show_start_time": FIRST - 1, "show_end_time": LAST}, 41),
        ({"show_time_type": 1, "show_start_time": FIRST, "show_end_time": LAST + 1}, 41),
        ({"show_time_type": 1, "show_start_time": FIRST, "show_end_time": FIRST + 1}, 0),
        ({"show_time_type": 1, "show_start_time": FIRST, "show_end_time": FIRST}, 41),
        ({"show_time_type": 0, "show_start_time": 0, "show_end_time": 0}, 0),
        ({"push_time_type": 0, "push_start_time": 0}, 0),
        ({"push_time_type": 1, "push_start_time": LAST}, 0),
        ({"push_time_type": 1, "push_start_time": 1_700_000_000_000 - 60_000}, 0),
        ({"push_time_type": 1, "push_start_time": 1_700_000_000_000 - 60_001}, 41),
        ({"push_time_type": 0, "push_start_time": FIRST}, 0),
        ({"push_time_type": 1, "push_start_time": LAST + 1}, 41),
        ({"push_time_type": 1, "push_start_time": 1_800_000_000}, 41),
        ({"push_time_type": 1, "push_start_time": 0}, 40),
        ({"push_time_type": 1, "push_start_time": ""}, 40),
        ({"push_time_type": 1}, 40),
    ],
)
def test_times_are_milliseconds(client: Client, fields: dict[str, Any], code: int) -> None:
    """13 digits; seconds are refused; 0 counts as missing."""
    assert client.save(fields) == code


@pytest.mark.parametrize("bounds", [{}, {"show_start_time": FIRST}, {"show_end_time": LAST}, {"show_start_time": 0}])
@pytest.mark.parametrize(("dialect", "code"), [("v1.3", 0), ("current", 40)])
def test_a_display_window_with_one_end(dialect: str, code: int, bounds: dict[str, Any]) -> None:
    """Page 11236 requires both ends, V1.3 neither."""
    assert Client(dialect).save({"show_time_type": 1, **bounds}) == code


@pytest.mark.parametrize(
    ("note", "unicast", "save"),
    [
        ({"style": 1}, 0, 0),
        ({"style": 3}, 41, 40),
        ({"style": 3, "big_picture_id": "p"}, 41, 0),
        ({"style": "3", "big_picture_id": "p", "fix_speed": "false"}, 41, 0),
        ({"style": 3, "big_picture_id": "p", "fix_speed": "true", "fix_speed_rate": 1000}, 41, 41),
        ({"style": 2, "fix_speed": "true", "fix_speed_rate": 1000}, 41, 0),
    ],
)
def test_big_pictures_are_for_broadcasts_at_no_fixed_speed(note: dict[str, Any], unicast: int, save: int) -> None:
    """As OPPO's page describes style 3; other styles are free."""
    client = Client("current")

    assert (client.unicast(note), client.save(note)) == (unicast, save)


@pytest.mark.parametrize(
    ("url", "code"),
    [
        ("http://127.0.0.1:9/r", 0),
        ("HTTPS://receipts.example/r", 0),
        ("banana", 41),
        ("http://", 41),
        ("http:///r", 41),
        ("ftp://receipts.example/r", 41),
        ("https://receipts.example/a b", 41),
    ],
)
def test_the_receipt_url_must_be_an_http_url(client: Client, url: str, code: int) -> None:
    """Any other text is refused."""
    assert [client.unicast({"call_back_url": url}), client.save({"call_back_url": url})] == [code, code]


@pytest.mark.parametrize(("value", "code"), [(True, 0), (False, 0), ("true", 0), ("banana", 41), (1, 41)])
def test_fields_outside_the_notification_are_checked(value: Any, code: int) -> None:
    """`verify_registration_id` is true or false in `current`; V1.3 does not have it and ignores it."""
    current, former = Client("current"), Client("v1.3")

    assert current.unicast({}, verify_registration_id=value) == code
    assert former.unicast({}, verify_registration_id=value) == 0


@pytest.mark.parametrize(("value", "code"), [("True", 40), ("TRUE", 40), ("False", 0), ("false", 0), ("yes", 41)])
def test_booleans_may_have_any_case(client: Client, value: str, code: int) -> None:
    """Clients in Python write True, as V1.3 itself does; fields that a true value requires are still required."""
    assert client.save({"fix_speed": value}) == code
    assert client.save({"off_line": value}) == (41 if code == 41 else 0)
    assert client.unicast({"off_line": value}) == (41 if code == 41 else 0)


def test_an_intent_url_is_required_where_the_document_says_so() -> None:
    """The current page requires the URL for click action 5 too; V1.3 requires it for 2 only."""
    codes = {
        dialect: [Client(dialect).unicast({"click_action_type": kind}) for kind in (2, 5)]
        for dialect in ("v1.3", "current")
    }

    assert codes == {"v1.3": [40, 0], "current": [40, 40]}


def test_a_wrong_content_type_is_named(client: Client) -> None:
    """Code 25 alone would make its reader look for an encoding error; the message for a wrong charset stays."""
    kinds = ("application/json", f"{FORM}; charset=gbk")

    messages = [client.ask("auth", client.login_form, kind=kind)["message"] for kind in kinds]

    assert messages == [
        f"Invalid Encoding: content-type must be {FORM}",
        "Invalid Encoding",
    ]


# Switches.


def test_the_daily_limit_can_be_set_at_any_time(client: Client) -> None:
    """At the limit a push is accepted, one more is 33, and without a limit pushes are accepted again."""
    client.sandbox.set_option("daily_limit", 2)
    limited = [client.unicast({}) for _ in range(3)]
    client.sandbox.set_option("daily_limit", None)

    assert limited == [0, 0, 33]
    assert client.unicast({}) == 0


def test_every_switch_does_something(client: Client) -> None:
    """Rate, repeats, logins and the text of times follow their switch from the next call on."""
    client.sandbox.set_option("per_second", 0)
    too_fast = client.unicast({})
    client.sandbox.set_option("per_second", None)
    client.sandbox.set_option("repeats", "absorb")
    repeats = [client.unicast({"app_message_id": "m"}) for _ in range(2)]
    client.sandbox.set_option("last_login_wins", True)
    first = client.access
    second = client.login()["data"]["auth_token"]
    client.sandbox.set_option("text_create_time", True)

    assert too_fast == -2
    assert repeats == [0, 0]
    assert client.sandbox.ledger.total == 1
    assert first != second
    assert client.login()["data"]["create_time"] == str(int(NOON * 1000))


@pytest.mark.parametrize(
    ("name", "value", "sentence"),
    [
        ("daily_limit", -1, "daily_limit: must be a whole number or null"),
        ("daily_limit", True, "daily_limit: must be a whole number or null"),
        ("per_second", "3", "per_second: must be a whole number or null"),
        ("last_login_wins", 1, "last_login_wins: must be true or false"),
        ("text_create_time", None, "text_create_time: must be true or false"),
        ("repeats", "drop", "repeats: must be refuse or absorb"),
        (
            "colour",
            1,
            f"colour: the sandbox of oppo has no such option; it has: {', '.join(OppoSandbox.options)}",
        ),
    ],
)
def test_wrong_switches_are_refused(client: Client, name: str, value: object, sentence: str) -> None:
    """An unknown name is refused with the known ones, a wrong value with what is allowed, and nothing changes."""
    with pytest.raises(FieldError) as caught:
        client.sandbox.set_option(name, value)

    assert str(caught.value) == sentence
    assert client.unicast({}) == 0


def test_the_constructor_checks_switches() -> None:
    """It refuses what `set_option` refuses."""
    with pytest.raises(FieldError, match="daily_limit: must be"):
        OppoSandbox(daily_limit=-1)
    assert Client(daily_limit=0).unicast({}) == 33
