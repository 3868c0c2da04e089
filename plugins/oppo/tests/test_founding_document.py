"""Every call of OPPO's document of 2018-06-29, made by the plug-in and answered by the sandbox.

Law of this file: the list is copied from the document by hand, so that rules, plug-in and sandbox are held against it
and not against each other.
"""

from __future__ import annotations

import attrs
import pytest
from driving import CALLS, Driver
from exchanges import SETTINGS
from pushgateway_oppo import Oppo

from pushgateway.rules import load_rules
from pushgateway.vendor import Reason, Refused

DIALECTS = load_rules("pushgateway_oppo").dialects
V13, CURRENT = DIALECTS["v1.3"], DIALECTS["current"]
FORM = "form"


@attrs.frozen
class Endpoint:
    """A call as a chapter of the document describes it."""

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
def test_the_rules_have_it_as_the_document(endpoint: Endpoint) -> None:
    """Method, path, encoding and the crossing-out are the document's, and it is on the document's only host."""
    row = V13.operations[endpoint.name]

    assert (row.method, row.path, row.encoding) == (endpoint.method, endpoint.path, endpoint.encoding)
    assert (row.struck_out, row.host, row.source) == (endpoint.struck_out, "", "S1")


@each
def test_the_plugin_calls_it_and_the_sandbox_answers(endpoint: Endpoint) -> None:
    """One conversation for each chapter: the plug-in asks where the document says, and OPPO's imitation does it."""
    driver = Driver()

    CALLS[endpoint.name](driver)

    assert driver.sandbox.ledger.calls[endpoint.name] >= 1
    if endpoint.name != "auth":
        last = driver.requests[-1]
        assert last.method == endpoint.method
        assert last.url.partition("?")[0] == V13.hosts["cn"].url + endpoint.path


def test_nothing_else_is_in_the_rules_of_v13() -> None:
    """What the document does not have, its dialect does not have: no path is guessed."""
    assert V13.operations.keys() == {endpoint.name for endpoint in ENDPOINTS}


def test_what_todays_pages_do_not_show_leads_back_here() -> None:
    """A call of the document that has no path today says which dialect has it, crossed out; no other call lacks one."""
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
