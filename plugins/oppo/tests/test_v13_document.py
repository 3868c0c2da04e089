"""Every call of OPPO's document V1.3 of 2018-06-29, made by the plug-in and answered by the sandbox.

The list is copied from the document by hand, so that rules, plug-in and sandbox are compared with the document and not
with each other.
"""

from __future__ import annotations

import json
from typing import Any

import attrs
import pytest
from driving import CALLS, Driver
from exchanges import SETTINGS
from oppo_client import DIALECTS as NAMES
from oppo_client import NOTE, Client
from pushgateway_oppo import Oppo

from pushgateway.vendor import Reason, Refused
from pushgateway.vendor.rules import load_rules

RULES = load_rules("pushgateway_oppo")
DIALECTS = RULES.dialects
V13, CURRENT = DIALECTS["v1.3"], DIALECTS["current"]
FORM = "form"


@attrs.frozen
class Endpoint:
    """A call, as a chapter of the document describes it."""

    title: str
    name: str
    method: str
    path: str
    encoding: str = FORM
    struck_out: bool = False


ENDPOINTS = (
    Endpoint("鉴权", "auth", "POST", "/server/v1/auth"),
    Endpoint("保存通知栏消息内容体", "save", "POST", "/server/v1/message/notification/save_message_content"),
    Endpoint("广播推送-通知栏消息", "broadcast", "POST", "/server/v1/message/notification/broadcast"),
    Endpoint("单推-通知栏消息推送", "unicast", "POST", "/server/v1/message/notification/unicast"),
    Endpoint("批量单推-通知栏消息推送", "unicast_batch", "POST", "/server/v1/message/notification/unicast_batch"),
    Endpoint("别名订阅接口", "subscribe_alias", "POST", "/server/v1/subscribe_alias", struck_out=True),
    Endpoint("取消别名订阅接口", "unsubscribe_alias", "POST", "/server/v1/unsubscribe_alias", struck_out=True),
    Endpoint("获取别名接口", "get_alias", "POST", "/server/v1/get_alias", struck_out=True),
    Endpoint("标签订阅接口", "subscribe_tags", "POST", "/server/v1/subscribe_tags", struck_out=True),
    Endpoint("取消标签订阅接口", "unsubscribe_tags", "POST", "/server/v1/unsubscribe_tags", struck_out=True),
    Endpoint("获取标签列表接口", "get_tags", "POST", "/server/v1/get_tags", struck_out=True),
    Endpoint("广播类推送统计", "statistics", "GET", "/server/v1/message/statistics", "query", struck_out=True),
)
"""In the document's order. Its revision V1.3 "hides for now" alias and tag management and the statistics: those are
crossed out. The statistics name the content type of a form beside GET, where there is no body to be of any type."""

each = pytest.mark.parametrize("endpoint", ENDPOINTS, ids=lambda endpoint: endpoint.name)


@each
def test_the_rules_agree_with_the_document(endpoint: Endpoint) -> None:
    """Method, path, encoding and whether a call is crossed out are as in the document, at its only host."""
    row = V13.operations[endpoint.name]

    assert (row.method, row.path, row.encoding) == (endpoint.method, endpoint.path, endpoint.encoding)
    assert (row.struck_out, row.host, row.source) == (endpoint.struck_out, "", "S1")


@each
def test_the_plugin_calls_it_and_the_sandbox_answers(endpoint: Endpoint) -> None:
    """The plug-in calls each chapter's path, and the sandbox does the call and answers with code 0."""
    driver = Driver()

    CALLS[endpoint.name](driver)

    assert driver.sandbox.ledger.calls[endpoint.name] >= 1
    if endpoint.name != "auth":
        last = driver.requests[-1]
        assert last.method == endpoint.method
        assert last.url.partition("?")[0] == V13.hosts["cn"].url + endpoint.path


def test_nothing_else_is_in_the_rules_of_v13() -> None:
    """The dialect `v1.3` has the document's calls and no others: no path is guessed."""
    assert V13.operations.keys() == {endpoint.name for endpoint in ENDPOINTS}


def test_a_call_without_a_current_path_names_the_dialect_that_has_it() -> None:
    """A call of the document that has no path in `current` says that `v1.3` has it, crossed out.

    No other call lacks a path.
    """
    oppo = Oppo(**SETTINGS, dialect="current")
    sentences = []
    for call in (oppo.get_alias("CN_a"), oppo.statistics("m")):
        with pytest.raises(Refused) as caught:
            next(call.begin())
        assert caught.value.reason is Reason.UNSUPPORTED
        sentences.append(caught.value.detail)

    assert sentences == [
        f'{name}: no source shows its path in dialect = "current": set paths.{name} if you know it; '
        'dialect = "v1.3" has it, where the document has it crossed out'
        for name in ("get_alias", "statistics")
    ]
    assert [name for name, row in CURRENT.operations.items() if not row.path] == ["get_alias", "statistics"]
    assert CURRENT.operations.keys() >= V13.operations.keys()


# Return codes

TEXTS = {
    "-2": "Service in Flow Control",
    "-1": "Service Currently Unavailable",
    "0": "Success",
    "11": "Invalid AuthToken",
    "12": "Http Action Not Allowed",
    "13": "App Call Limited",
    "14": "Invalid App Key",
    "15": "Missing App Key",
    "16": "Invalid Signature",
    "17": "Missing Signature",
    "18": "Missing Timestamp",
    "19": "Invalid Timestamp",
    "20": "Invalid Method",
    "21": "Missing Method",
    "22": "Missing Version",
    "23": "Invalid Version",
    "24": "Unsupported Version",
    "25": "Invalid Encoding",
    "26": "IP Black List",
    "27": "Access Denied",
    "28": "App Disabled",
    "29": "Missing Auth Token",
    "30": "Api Permission Denied",
    "31": "Data Not Exist",
    "32": "Data Duplicate",
    "33": "The number of messages exceeds the daily limit",
    "40": "Missing Required Arguments",
    "41": "Invalid Arguments",
    "10000": "Invalid Registration_id",
    "10002": "Invalid Alias Name",
    "10004": "registrationId Repeat",
    "10005": "Alias Name Repeat",
}
"""The column 英文描述 of the document's tables of return codes."""


def test_the_rules_have_the_documents_texts_of_codes() -> None:
    """Clients compare the message of a reply: each code of the document has the document's English text."""
    assert {code: rule.text for code, rule in RULES.codes.items() if rule.text} == TEXTS


def test_the_sandbox_answers_with_the_documents_texts() -> None:
    """For a whole call, for one item of a batch, and for a field, whose name follows the text."""
    client = Client()
    good, access = client.access, client.sandbox.tokens[0]
    client.access = "nobody's"
    refused = client.unicast(access)["message"]
    client.access = good

    assert refused == "Invalid AuthToken"
    assert client.unicast(access, title="")["message"] == "Missing Required Arguments: title"
    assert client.batch([access, "CN_nobody"])["data"][1]["errorMessage"] == "Invalid Registration_id"
    assert client.unicast("CN_nobody")["message"] == "Invalid Registration_id"
    assert client.unicast(access)["message"] == "Success"


# Defaults

DEFAULTS: dict[str, Any] = {
    "click_action_type": 0,
    "click_action_activity": None,
    "click_action_url": None,
    "action_parameters": None,
    "show_time_type": 0,
    "show_start_time": 0,
    "show_end_time": 0,
    "off_line": True,
    "off_line_ttl": 3600,
    "push_time_type": 0,
    "push_start_time": 0,
    "time_zone": "GMT+08:00",
    "fix_speed": False,
    "fix_speed_rate": 0,
    "network_type": 0,
    "call_back_url": "",
    "call_back_parameter": "",
}
"""The column 默认 of the table of fields; of a text or a number without a default, what stands for "not set"."""


@pytest.mark.parametrize("dialect", NAMES)
@pytest.mark.parametrize("name", [*DEFAULTS, "all of them"])
def test_every_default_may_be_sent(dialect: str, name: str) -> None:
    """A client that sends the whole table of fields gets the same result as one that leaves unset fields out.

    In a unicast and a save. In a form every value is text: `false`, `0`, and for an unset field an empty text or, for
    JSON, `null`.
    """
    client = Client(dialect)
    fields = DEFAULTS if name == "all of them" else {name: DEFAULTS[name]}
    form = {key: "null" if key == "action_parameters" else _form_text(value) for key, value in fields.items()}

    assert client.unicast(client.sandbox.tokens[0], **fields)["message"] == "Success"
    assert client.ask("save", {**NOTE, **form})["message"] == "Success"


def _form_text(value: Any) -> str:
    return "" if value is None else value if isinstance(value, str) else json.dumps(value)


@pytest.mark.parametrize("dialect", NAMES)
def test_action_parameters_may_be_any_json(dialect: str) -> None:
    """The document says only "JSON", so `null` and `[]` are accepted; the switch `object_parameters` is stricter; other
    text is refused."""
    client = Client(dialect)
    one, texts = client.sandbox.tokens[0], ("null", "[]", '{"a":1}', "{")

    liberal = [client.unicast(one, action_parameters=text)["code"] for text in texts]
    client.sandbox.set_option("object_parameters", True)
    strict = [client.unicast(one, action_parameters=text)["code"] for text in texts]

    assert (liberal, strict) == ([0, 0, 0, 41], [41, 41, 0, 41])


def test_blanks_around_the_access_token_are_ignored() -> None:
    """RFC 9110: whitespace around a header's value does not belong to it; whitespace inside does."""
    client = Client()
    one, good = client.sandbox.tokens[0], client.access
    codes = []
    for given in (f"{good} ", f"\t{good}", f" {good} \t", f"{good[:4]} {good[4:]}"):
        client.access = given
        codes.append(client.unicast(one)["code"])

    assert codes == [0, 0, 0, 11]
