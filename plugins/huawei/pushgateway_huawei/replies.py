"""Reads what Push Kit says: replies, the tokens that failed, and the receipts that it posts.

Pure; raises nothing but `Refused` and `NoVerdict`. What codes, reasons and statuses mean are rows of the rules. A
success in part has its details as JSON inside the text `msg`: v1 a list `illegal_tokens`, v3 lists by reason in
`illegalTokens`; Huawei's own sample has blanks around a key. Receipts of version V1 are for v1 and v2, V2 for v3; both
are read for both brands.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import Any, Final

from pushgateway.vendor import NoVerdict, Reason, Receipt, Refused, Reply, Response, Secret, code_text
from pushgateway.vendor.rules import EventRule, Rules
from pushgateway.vendor.toolkit.codes import CodeTable
from pushgateway.vendor.toolkit.multicast import Failures, ListedReplies
from pushgateway.vendor.toolkit.readers import check_named_once, count, identifier, texts
from pushgateway.vendor.toolkit.receipts import (
    check_time,
    hmac_proof,
    make_receipt,
    moment,
    read_posted_list,
    secret_keys,
)

ALL_INVALID: Final = "80300007"
UNNAMED: Final = "illegal_tokens"
"""The row of the rules for a token that is listed without a reason."""
ANSWER: Final = b'{"code":"0","message":"success","errno":0,"errmsg":"success"}'
"""The answer to receipts: V2 has `code` and `message`, an older page of V1 `errno` and `errmsg`."""
WINDOW: Final = 600.0
"""Seconds by which the time of a signature may differ from ours. Huawei names none."""


def make_replies(rules: Rules) -> ListedReplies:
    """How the replies of one brand are read. HTTP 503 is Huawei's flow control."""
    codes = CodeTable.of(rules, message="msg", busy={503}, expired={401})
    return ListedReplies(codes, CodeTable.of(rules, "target_codes"), find_failures, ("requestId",))


def find_failures(reply: Reply, response: Response) -> Failures | None:
    """The failed tokens in `msg`; None: it names none. Raises `NoVerdict` where it names one thing twice."""
    text = (reply.message or "").strip()
    if not text.startswith("{"):
        return None
    try:
        given = json.loads(text)
    except (ValueError, RecursionError):
        return None
    check_named_once(response, lambda _: True, ("msg",))
    found = {name.strip(): value for name, value in given.items()}
    if len(found) < len(given):
        raise NoVerdict("the reply names one thing twice")
    lists: dict[str, Sequence[str] | None] = {}
    for listed in (found.get("illegalTokens"), found.get(UNNAMED)):
        grouped = listed if isinstance(listed, dict) else {} if listed is None else {UNNAMED: listed}
        for reason, tokens in grouped.items():
            code = identifier(reason.strip()) or "no reason"  # a code without a row
            lists[code] = _joined(lists.get(code, ()), _tokens(tokens))
    if not lists and "failure" not in found and "success" not in found:
        return None
    return Failures(lists, count(found.get("failure")), count(found.get("success")))


def _joined(known: Sequence[str] | None, more: Sequence[str] | None) -> Sequence[str] | None:
    """Two lists as one; None if one of them cannot be read."""
    return None if known is None or more is None else [*known, *more]


def _tokens(listed: object) -> list[str] | None:
    read = texts(listed)
    return None if read is None else [token.strip() for token in read if token.strip()]


def decode_receipts(certificate_id: str, body: bytes, events: Mapping[str, EventRule]) -> list[Receipt | None]:
    """One receipt for each phone, None for an element that cannot be read. Raises `Refused` for a body that holds no
    receipts, or too many."""
    statuses = read_posted_list(body, "statuses")
    return [_receipt(certificate_id, one, events) if isinstance(one, dict) else None for one in statuses]


def _receipt(certificate_id: str, status: Mapping[str, Any], events: Mapping[str, EventRule]) -> Receipt | None:
    # V1 has the result in the status itself, V2 in an object, which for a card has another name.
    inner = next((one for name in ("deliveryStatus", "formStatus") if isinstance(one := status.get(name), dict)), None)
    event = code_text(status.get("status") if inner is None else inner.get("result"))
    at, token = (status if inner is None else inner).get("timestamp"), status.get("token")
    if event is None or not isinstance(token, str) or not token:
        return None
    ids = {"message_id": status.get("requestId"), "parameter": status.get("biTag")}
    return make_receipt(certificate_id, token, event, events, at=at, **ids)


def check_signature(headers: Mapping[str, str], user: str, secret: Secret, now: float) -> None:
    """Raise `Refused` (`CREDENTIALS`) unless `X-HUAWEI-CALLBACK-ID: timestamp=…; nonce=…; value=…` signs a time near
    `now`. The signature covers time, nonce and user name, not the body. Old configurations use the UTF-8 bytes of the
    secret as key, new ones the secret decoded from Base64: either is accepted."""
    parts = dict(part.strip().partition("=")[::2] for part in headers.get("x-huawei-callback-id", "").split(";"))
    at = parts.get("timestamp", "")
    is_right = hmac_proof(secret_keys(secret.reveal()), at + parts.get("nonce", "") + user, parts.get("value", ""))
    if not is_right or not check_time(moment(at), now, WINDOW):
        detail = "its signature is missing, wrong or older than 10 minutes: check callback_user and callback_secret"
        raise Refused(Reason.CREDENTIALS, detail=detail)
