"""Reads vivo's replies, and the tokens that failed in them.

Pure. The meanings of codes and statuses are rows. A failed token is the `userid` of `invalidUser`, or in the list
`invalidUsers`; whether that comes with code 0, 10302 or another one is not documented, so the name decides.
"""

from __future__ import annotations

from typing import Final

import attrs

from pushgateway.vendor import Reply, Response
from pushgateway.vendor.rules import load_rules
from pushgateway.vendor.toolkit.codes import CodeTable
from pushgateway.vendor.toolkit.multicast import Failures, ListedReplies, failures_by_code
from pushgateway.vendor.toolkit.readers import check_named_once

RULES: Final = load_rules("pushgateway_vivo")
CODES: Final = CodeTable.of(RULES, code="result", message="desc")
LOGIN_CODES: Final = CodeTable.of(RULES, "login_codes", code="result", message="desc")
MANY: Final = "invalidUsers"
_DECIDES: Final = frozenset({"invalidUser", MANY, "status", "userid"})


def find_failures(reply: Reply, response: Response) -> Failures | None:
    """The failed tokens by their status; None: the reply names none. Raises `NoVerdict` where it names one thing
    twice."""
    one, many = reply.body.get("invalidUser"), reply.body.get(MANY)
    if not (one or many):
        return None
    check_named_once(response, _DECIDES.__contains__)
    users = [*([one] if one else ()), *(many if isinstance(many, list) else [many] if many else ())]
    return failures_by_code(users, "userid", "status")


def make_replies(unsubscribed: str) -> ListedReplies:
    """How replies are read. `unsubscribed`: "keep": a token with status 2 is muted and not dead."""
    targets = dict(RULES.codes_of("target_codes"))
    if unsubscribed == "keep":
        targets["2"] = attrs.evolve(targets["2"], reason="MUTED", advice="keep the token, as unsubscribed says")
    return ListedReplies(CODES, CodeTable(targets), find_failures, ("taskId",), names_decide=True)


REPLIES: Final = {word: make_replies(word) for word in ("dead", "keep")}
"""By the setting `unsubscribed`."""
