"""What every sandbox has for the vendor's own code: targets, delivery, repeats, recall, receipts."""

from __future__ import annotations

import sys
from typing import Any

from acme import AcmeSandbox

from pushgateway.sandbox import Delivery
from pushgateway.sandbox.kit.limits import Shares
from pushgateway.sandbox.kit.outbox import Outbox, json_rows
from pushgateway.vendor import ReceiptKind, Response


def delivery(token: str, title: str = "t", **fields: Any) -> Delivery:
    """A notification on this phone."""
    return Delivery(token, title, "text", None, f"m-{title}", "push", 0.0, {}, **fields)


def test_all_targets_are_reached() -> None:
    """The usual case, in the order given."""
    sandbox = AcmeSandbox(tokens=3)

    reached = sandbox.reach(list(sandbox.tokens), unknown="7", muted="8")

    assert (reached.tokens, reached.refused, reached.reports) == (list(sandbox.tokens), {}, {})


def test_targets_are_refused_or_reported() -> None:
    """By the vendor's codes, or by receipt where it accepts them; what a test has set comes first."""
    sandbox = AcmeSandbox(tokens=5)
    a, b, c, d, e = sandbox.tokens
    sandbox.mute(b)
    sandbox.target_codes[c] = "9"
    sandbox.target_receipts[d] = ReceiptKind.DROPPED
    tokens = [a, b, c, d, e, "x"]

    refusing = sandbox.reach(tokens, unknown="7", muted="8")
    accepting = sandbox.reach(tokens, unknown=None, muted=None)

    assert (refusing.tokens, refusing.refused) == ([a, e], {"8": [b], "9": [c], "7": ["x"]})
    assert refusing.reports == {d: ReceiptKind.DROPPED}
    assert (accepting.tokens, accepting.refused) == ([a, e], {"9": [c]})
    assert accepting.reports == {b: ReceiptKind.MUTED, d: ReceiptKind.DROPPED, "x": ReceiptKind.UNREGISTERED}


def test_one_notification_for_many_phones() -> None:
    """Each phone shows its own; a ledger that only counts does not even make them."""
    sandbox, counting = AcmeSandbox(tokens=3), AcmeSandbox(tokens=3, keep=False)
    tokens = list(sandbox.tokens)
    sandbox.deliver_all(tokens[:2], delivery)
    made: list[str] = []
    counting.deliver_all(tokens[:2], lambda token: delivery(token, made.append(token) or "t"))

    assert [len(phone.shown) for phone in sandbox.phones()] == [1, 1, 0]
    assert [one.token for one in sandbox.ledger.deliveries] == tokens[:2]
    assert (sandbox.ledger.total, counting.ledger.total, counting.ledger.count(tokens[0]), made) == (2, 2, 1, [])


def test_a_phone_drops_what_is_for_another_user() -> None:
    """It is in no ledger of what was shown. A phone whose user is not known shows it."""
    sandbox = AcmeSandbox(tokens=3)
    sandbox.set_account(sandbox.tokens[0], "ann")
    sandbox.set_account(sandbox.tokens[1], "bob")
    sandbox.deliver_all(list(sandbox.tokens), lambda token: delivery(token, user_id="ann"))

    assert [len(phone.shown) for phone in sandbox.phones()] == [1, 0, 1]
    assert (sandbox.ledger.total, sandbox.ledger.dropped) == (2, {"user": 1})


def test_phones_drop_repeats_of_a_message() -> None:
    """They are counted; without an id nothing is a repeat."""
    sandbox = AcmeSandbox(tokens=2)
    tokens = list(sandbox.tokens)

    seen = [list(sandbox.first_time(tokens[:1], "k")), list(sandbox.first_time(tokens, "k"))]
    without = [list(sandbox.first_time(tokens, "")) for _ in range(2)]

    assert seen == [tokens[:1], tokens[1:]]
    assert without == [tokens, tokens]
    assert sandbox.ledger.dropped == {"repeated": 1}
    sandbox.ledger.clear()
    assert sandbox.ledger.dropped == {}


def test_recall_by_key_or_message() -> None:
    """Both must fit where both are given; nothing is recalled where nothing is named."""
    sandbox = AcmeSandbox(tokens=1)
    (token,) = sandbox.tokens
    for title in ("1", "2", "3"):
        sandbox.deliver_all([token], lambda token, title=title: delivery(token, title, replaces=f"k{title}"))

    done = [
        sandbox.recall(token),
        sandbox.recall("x", replaces="k1"),
        sandbox.recall(token, replaces="k1", message_id="m-2"),
        sandbox.recall(token, replaces="k1"),
        sandbox.recall(token, message_id="m-2"),
        sandbox.recall(token, replaces="k1"),
    ]

    assert done == [False, False, False, True, True, False]
    assert [one.title for one in sandbox.phones()[0].shown] == ["3"]
    assert sandbox.ledger.total == 3


def test_receipts_of_an_outbox_are_due_once() -> None:
    """Without any there is nothing to post."""
    sandbox = AcmeSandbox(tokens=0)
    none = super(AcmeSandbox, sandbox).callbacks()
    sandbox.outbox = Outbox(json_rows("statuses"))
    sandbox.outbox.add("http://127.0.0.1/r", {"a": 1})

    due = super(AcmeSandbox, sandbox).callbacks()

    assert none == []
    assert [request.content for request in due] == [b'{"statuses": [{"a": 1}]}']
    assert super(AcmeSandbox, sandbox).callbacks() == []


def test_an_answer_of_a_receiver() -> None:
    """Any status below 300 says that it has the receipts, unless the vendor wants more."""
    sandbox = AcmeSandbox(tokens=0)

    assert [sandbox.is_taken(Response(status)) for status in (200, 204, 299, 300, 404, 503)] == [True] * 3 + [False] * 3


def test_an_account_is_set_on_a_phone() -> None:
    """The app reports its user."""
    sandbox = AcmeSandbox(tokens=1)

    assert sandbox.set_account(sandbox.tokens[0], "ann")
    assert sandbox.phones()[0].account == "ann"
    assert not sandbox.set_account("x", "ann")


def test_a_push_to_many_phones_costs_no_work_for_each() -> None:
    """A million pushes go through a sandbox in a test: where nothing is limited, muted or kept, a push to 1,000 phones
    makes as few Python calls as one to a single phone."""
    sandbox = AcmeSandbox(tokens=1000, keep=False)
    shares = Shares(sandbox.clock)
    tokens = list(sandbox.tokens)

    def push(tokens: list[str], key: str) -> int:
        calls = 0

        def count(_frame: object, event: str, _: object) -> None:
            nonlocal calls
            calls += event == "call"

        sys.setprofile(count)
        try:
            reached = sandbox.reach(tokens, unknown=None, muted="8")
            within, _ = shares.split(reached.tokens, "marketing")
            sandbox.deliver_all(sandbox.first_time(within, key), delivery)
        finally:
            sys.setprofile(None)
        return calls

    assert max(push(tokens, "k1"), push(tokens[:1], "k2")) < 20
    assert sandbox.ledger.total == 1001
