"""Reads what Honor says: replies, the tokens that failed, and the receipts that it posts.

Pure; raises nothing but `Refused` and `NoVerdict`. What codes, lists and statuses mean are rows of the rules. A reply
has its details in `data`, which is null or missing where nothing was sent: `failTokens` and `expireTokens` are the
tokens that got nothing, whatever the code is.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Final

from pushgateway.vendor import Receipt, Reply, Response, code_text
from pushgateway.vendor.rules import EventRule, load_rules
from pushgateway.vendor.toolkit.codes import CodeTable
from pushgateway.vendor.toolkit.multicast import Failures, ListedReplies
from pushgateway.vendor.toolkit.readers import check_named_once, first_identifier, texts
from pushgateway.vendor.toolkit.receipts import make_receipt, read_posted_list

RULES: Final = load_rules("pushgateway_honor")
CODES: Final = CodeTable.of(RULES, expired={401})
LOGIN_CODES: Final = CodeTable.of(RULES, "login_codes", code="error", message="error_description")
ALL_INVALID: Final = "80300007"
EXPIRED, FAILED = "expireTokens", "failTokens"
_DECIDES: Final = tuple(f'"{name}"'.encode() for name in ("data", "sendResult", EXPIRED, FAILED))
"""The names that decide, as they stand in a reply."""
ANSWER: Final = b'{"code":"0","message":"success"}'
"""The answer to receipts. Its shape is that of one client, its value that of Huawei; what Honor checks is not known."""


def find_failures(reply: Reply, response: Response) -> Failures | None:
    """The failed tokens in `data`; None: it names none. Raises `NoVerdict` where it names one thing twice.

    A dead token has failed too: one in both lists is dead. A success whose `sendResult` is not true has accepted nobody
    for certain, and nor has a code that is not known whose `sendResult` is true: some success that no client has seen.
    """
    data = reply.body.get("data")
    if not data:
        return None
    if any(response.content.count(name) > 1 for name in _DECIDES):
        check_named_once(response, lambda _: True)
    if not isinstance(data, dict):
        return Failures({FAILED: None}) if reply.code in CODES.rows else None
    expired, failed = texts(data.get(EXPIRED) or None), texts(data.get(FAILED) or None)
    if expired is not None and failed is not None:
        dead = set(expired)
        failed = [token for token in failed if token not in dead]
    is_clear = _is_clear(reply.code, data.get("sendResult"))
    if expired == failed == [] and is_clear:
        return None
    return Failures({EXPIRED: expired, FAILED: failed}, accepted=None if is_clear else 0)


def _is_clear(code: str, sent: object) -> bool:
    """Whether `sendResult` fits the code, so that the code counts for the tokens that no list names."""
    is_true = str(sent).lower() == "true"
    if code not in CODES.rows:
        return not is_true
    return sent is None or is_true or code not in CODES.accepted


class HonorReplies(ListedReplies):
    """How replies are read. The id of a request is in `data`."""

    def message_id(self, reply: Reply) -> str | None:
        """`data.requestId`, which receipts have too."""
        return first_identifier(reply.body.get("data"), ("requestId",))


REPLIES: Final = HonorReplies(CODES, CodeTable.of(RULES, "target_codes"), find_failures, ())


def decode_receipts(
    certificate_id: str, app_id: str, body: bytes, events: Mapping[str, EventRule]
) -> Sequence[Receipt | None]:
    """One receipt for each phone; None for an element that cannot be read, or is about another app. Raises `Refused`
    for a body that holds no receipts."""
    return [_receipt(certificate_id, app_id, one, events) for one in read_posted_list(body, "statuses")]


def _receipt(certificate_id: str, app_id: str, status: Any, events: Mapping[str, EventRule]) -> Receipt | None:
    if not isinstance(status, dict) or str(status.get("appid", app_id)) != app_id:
        return None
    event, token = code_text(status.get("status")), status.get("token")
    if event is None or not isinstance(token, str) or not token:
        return None
    ids = {"message_id": status.get("requestId"), "parameter": status.get("biTag")}
    return make_receipt(certificate_id, token, event, events, at=status.get("timestamp"), **ids)
