"""Reads what Meizu says: replies, the targets that it refused, and the receipts that it posts.

Pure; raises nothing but `Refused` and `NoVerdict`. A reply with code 200 names the refused targets by code in `value`,
and nobody where that is an empty object, "" or missing; what a code means there is a row of `target_codes`.
"""

from __future__ import annotations

import hmac
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Final

from pushgateway.vendor import Reason, Receipt, Refused, Reply, Response, Secret, code_text
from pushgateway.vendor.rules import load_rules
from pushgateway.vendor.toolkit.batches import TokenRule
from pushgateway.vendor.toolkit.codes import CodeTable
from pushgateway.vendor.toolkit.multicast import Failures, ListedReplies
from pushgateway.vendor.toolkit.readers import check_named_once, texts
from pushgateway.vendor.toolkit.receipts import make_receipt, read_keyed, read_posted_form, read_tokens

RULES: Final = load_rules("pushgateway_meizu")
FACTS: Final = RULES.dialects["current"]
CODES: Final = CodeTable.of(RULES)
_TOKENS: Final = TokenRule(vendor=RULES.vendor, longest=FACTS.number("token_characters"))
_MOST_RECEIPTS: Final = FACTS.number("batch_size") * FACTS.quotas["rate_of_every_app"].value
"""Receipts of one request, at most: Meizu collects those of a second, in which an app reaches so many phones, and what
is refused here never comes again."""
_UNREADABLE: Final = Failures({"unreadable": None})


def find_failures(reply: Reply, response: Response) -> Failures | None:
    """The refused targets in `value`; None: it names none. Raises `NoVerdict` where it names one thing twice."""
    value = reply.body.get("value")
    if value or response.content.count(b'"value"') > 1:
        check_named_once(response, lambda name: name == "value" or code_text(name) is not None)
    if value in (None, "", {}):
        return None
    if not isinstance(value, dict):
        return _UNREADABLE
    return Failures({code: texts(targets, ",") for code, targets in value.items() if code != "msgId"})


REPLIES: Final = ListedReplies(CODES, CodeTable.of(RULES, "target_codes"), find_failures, ("msgId",))


def decode_receipts(certificate_id: str, body: bytes, token: Secret | None) -> Sequence[Receipt | None]:
    """The receipts of a form whose field `cb` holds JSON; None for an element that cannot be read. Raises `Refused` for
    any other body, and for another `access_token` than `token`, which Meizu's console has."""
    form = read_posted_form(body)
    given = form.get("access_token", "")
    if token is not None and not hmac.compare_digest(given.encode("utf-8", "replace"), token.reveal().encode()):
        raise Refused(Reason.CREDENTIALS, detail="its access_token is not that of the setting receipt_token")
    return read_keyed(
        form.get("cb", ""), lambda key, element: _receipts(certificate_id, key, element), most=_MOST_RECEIPTS
    )


def _receipts(certificate_id: str, key: str, element: Mapping[str, Any]) -> Iterator[Receipt | None]:
    """Those of one message and type; `key` is the id, "-" and the type, which the element may have or leave out."""
    message_id, _, kind = key.rpartition("-")
    event, parameter = code_text(element.get("type")) or code_text(kind) or "", element.get("param")
    for token in read_tokens(element.get("targets"), lambda text: _TOKENS.problem(text) is None):
        yield make_receipt(certificate_id, token, event, FACTS.events, message_id=message_id, parameter=parameter)
