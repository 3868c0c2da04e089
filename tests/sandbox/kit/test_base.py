"""What every sandbox has for the vendor's own code: targets, delivery, repeats, recall, receipts."""

from __future__ import annotations

import json
import sys
from collections.abc import Callable
from typing import Any, ClassVar

from acme import NOW, AcmeSandbox

from pushgateway.sandbox import Delivery, Fault
from pushgateway.sandbox.kit.limits import Shares
from pushgateway.sandbox.kit.outbox import Outbox, json_rows
from pushgateway.vendor import Reason, ReceiptKind, Request, Response


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


# What a page shows


def push(sandbox: AcmeSandbox, text: str = "hello", token: str = "") -> Request:
    """A push to a phone, the first one by default."""
    body = {"token": token or sandbox.tokens[0], "text": text}
    return Request("POST", "http://acme.example/push", {}, json.dumps(body).encode())


def test_requests_are_logged_with_their_answers() -> None:
    """Also those that were refused, or whose connection broke, with the faults that were played."""
    sandbox = AcmeSandbox()
    sandbox.answer(push(sandbox))
    sandbox.faults.add(Fault(kind="refuse"), Fault(kind="delay", seconds=2.0))
    sandbox.answer(push(sandbox))
    sandbox.answer(push(sandbox, token="nobody"))

    newest, broken, first = sandbox.request_log.last(9)
    assert [one.number for one in (first, broken, newest)] == [1, 2, 3]
    assert (first.operation, first.at, first.faults, first.delay) == ("push", NOW, (), 0.0)
    assert (first.request, first.response) == (push(sandbox), sandbox.reply_json({"code": 0}))
    assert (broken.response, broken.faults, broken.delay) == (None, ("refuse", "delay"), 2.0)
    assert newest.response == sandbox.refusal("7")


def test_a_delivery_knows_its_number_and_its_request() -> None:
    """A delivery that a test makes without a request has none. The number is no part of what is compared."""
    sandbox = AcmeSandbox(tokens=1)
    phone = sandbox.phones()[0]
    sandbox.answer(Request("GET", "http://acme.example/poll"))
    sandbox.answer(push(sandbox))
    made = delivery(phone.token)
    sandbox.deliver(phone, lambda: made)

    assert [(one.number, one.request) for one in phone.shown] == [(1, 2), (2, None)]
    assert phone.shown[1] == made


def test_with_keep_false_no_request_is_logged() -> None:
    """A million pushes then take no memory for requests; that something happened can still be seen."""
    sandbox = AcmeSandbox(keep=False)
    before = sandbox.phones_known.changes.number
    sandbox.answer(push(sandbox))

    assert len(sandbox.request_log) == 0
    assert sandbox.phones_known.changes.since() == []
    assert sandbox.phones_known.changes.number > before


def test_every_change_of_a_phone_is_noted() -> None:
    """A page asks for the phones that changed, the newest first, so none may be missing."""
    sandbox = AcmeSandbox(tokens=2)
    token, other = sandbox.tokens
    changes = sandbox.phones_known.changes

    def noted(change: Callable[[], object]) -> list[str]:
        before = changes.number
        change()
        return changes.since(before)

    assert noted(lambda: sandbox.answer(push(sandbox))) == [token]
    assert noted(lambda: sandbox.mute(token)) == [token]
    assert noted(lambda: sandbox.set_alias(token, "ann")) == [token]
    assert noted(lambda: sandbox.set_alias(other, "ann")) == [other, token]
    assert noted(lambda: sandbox.set_account(token, "bob")) == [token]
    assert noted(lambda: sandbox.set_tags(token, ["a"])) == [token]
    assert noted(lambda: sandbox.recall(token, message_id="m1")) == [token]
    assert noted(lambda: sandbox.recall(token, message_id="m1")) == []
    assert noted(lambda: sandbox.uninstall(token)) == [token]
    assert noted(lambda: sandbox.uninstall(token)) == []


def test_a_tapped_notification_leaves_the_screen_and_is_reported() -> None:
    """By message id the newest of several, by number exactly that one; what the phone does not show cannot be
    tapped."""

    class Reporting(AcmeSandbox):
        taps: ClassVar[list[int]] = []

        def report_tap(self, delivery: Delivery) -> None:
            self.taps.append(delivery.number)

    sandbox = Reporting(tokens=1)
    (token,) = sandbox.tokens
    for text in ("1", "2", "3"):
        sandbox.answer(push(sandbox, text))
    changed = sandbox.phones_known.changes.number

    done = [
        sandbox.tap(token, number=1),
        sandbox.tap(token, number=1),
        sandbox.tap(token, "m1"),
        sandbox.tap(token, "m2"),
        sandbox.tap(token),
        sandbox.tap("nobody", "m1"),
    ]

    phone = sandbox.phones()[0]
    assert done == [True, False, True, False, False, False]
    assert [one.title for one in phone.shown] == ["2"]
    assert [(gone.delivery.title, gone.why) for gone in phone.gone] == [("1", "tapped"), ("3", "tapped")]
    assert sandbox.taps == [1, 3]
    assert sandbox.phones_known.changes.since(changed) == [token]


def test_clear_empties_screens_ledger_and_log() -> None:
    """Phones and faults stay, and numbers go on, so that none means two things."""
    sandbox = AcmeSandbox(tokens=1)
    sandbox.answer(push(sandbox))
    sandbox.faults.add(Fault(kind="delay", times=None))
    sandbox.clear()
    emptied = len(sandbox.phones()[0].shown), sandbox.ledger.total, len(sandbox.request_log)
    sandbox.answer(push(sandbox))

    assert emptied == (0, 0, 0)
    assert [(one.number, one.request) for one in sandbox.phones()[0].shown] == [(2, 2)]
    assert len(sandbox.faults) == 1


def test_a_plain_sandbox_says_what_it_knows() -> None:
    """Codes by its table; no access token is known; one that overrides `expire_tokens` has access tokens."""

    class Coded(AcmeSandbox):
        codes: ClassVar[dict[Reason, str | None]] = {Reason.QUOTA_EXCEEDED: "9", Reason.RATE_LIMITED: None}

    sandbox = Coded()

    assert [sandbox.code_for(reason) for reason in (Reason.QUOTA_EXCEEDED, Reason.RATE_LIMITED, Reason.MUTED)] == [
        *("9", None, None)
    ]
    assert (sandbox.is_access_token("x"), sandbox.has_access_tokens()) == (False, True)
