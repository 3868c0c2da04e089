"""Scenarios: broadcasts, and what the vendor says later.

Law of this file: what a plug-in does not offer is refused cleanly, before any request; what it offers works.
"""

from __future__ import annotations

from contextlib import suppress
from typing import Any

import attrs
import pytest

from pushgateway.audience import Audience, AudienceKind, Broadcast
from pushgateway.calls import Call
from pushgateway.errors import NoVerdict, Refused
from pushgateway.model import Notification, Push, PushToken
from pushgateway.outcome import BroadcastOutcome, Reason, Status
from pushgateway.receipt import Receipt, ReceiptKind, Statistics
from pushgateway.sandbox import Fault, Sandbox
from pushgateway.testing.conformance.bench import Bench
from pushgateway.testing.conformance.promises import judges
from pushgateway.testing.conformance.rig import Rig, audiences
from pushgateway.testing.conformance.words import ODD_BODIES, odd_twins
from pushgateway.testing.virtual import run_virtual

NOTE = Notification("title", "for all")
RECEIPTS = "https://host.invalid/receipts"


class BroadcastScenarios(Rig):
    """One notification to many, in the vendor's own way."""

    def broadcast(self, sandbox: Sandbox, audience: Audience) -> BroadcastOutcome:
        """Broadcast through a gateway."""

        async def main() -> BroadcastOutcome:
            async with self.gateway(sandbox) as gateway:
                return await gateway.broadcast(1, NOTE, audience)

        outcome = run_virtual(main())
        assert "broke its contract" not in outcome.detail, outcome.detail
        return outcome

    @pytest.mark.parametrize("kind", list(AudienceKind), ids=lambda kind: kind.value)
    @judges("broadcasts")
    def test_each_audience_is_reached_or_cleanly_unsupported(self, kind: AudienceKind) -> None:
        """What the plug-in lists works; what it does not list is `UNSUPPORTED` before any request."""
        sandbox = self.sandbox(tokens=10)
        audience = audiences(sandbox)[kind]
        outcome = self.broadcast(sandbox, audience)

        if kind in self.vendor.audiences:
            reached = 1 if kind in (AudienceKind.ALIASES, AudienceKind.TAGS) else 10
            assert outcome.ok, f"a broadcast to {kind.value} should be ACCEPTED: {outcome!r}"
            assert sandbox.ledger.total == reached, f"{sandbox.ledger.total} phones got it, {reached} should"
            assert outcome.task_ids or outcome.message_id, "nobody can ask for this broadcast again: it has no id"
        else:
            seen = (outcome.status, outcome.reason)
            assert seen == (Status.NOT_SENT, Reason.UNSUPPORTED), f"not listed in `audiences`, and yet {outcome!r}"
            assert not sandbox.ledger.calls, "what is not supported is refused before any request"

    @judges("broadcasts")
    def test_a_long_list_with_dead_tokens(self) -> None:
        """More tokens than fit into one request: one true outcome for each, in the order given."""
        if AudienceKind.TOKENS not in self.vendor.audiences:
            return
        count = min(self.vendor.audience_size + 1, 2001)
        sandbox = self.sandbox(tokens=count)
        tokens = list(sandbox.tokens)
        for token in tokens[1::5]:
            sandbox.uninstall(token)

        outcome = self.broadcast(sandbox, Audience.of_tokens([*tokens, "a;b,c"]))

        assert [one.push_token.token for one in outcome.outcomes] == [*tokens, "a;b,c"], "one outcome each, in order"
        for place, one in enumerate(outcome.outcomes):
            times = sandbox.ledger.count(one.push_token.token)
            assert one.ok == (times == 1), f"token {place} ended {one.status.name}, its phone got it {times} times"

    @pytest.mark.parametrize("kind", ["drop", "html", "cut", "expire"])
    @judges("broadcasts")
    def test_a_broadcast_is_never_made_twice(self, kind: str) -> None:
        """Whatever happens to its last request; an access token that expired is renewed."""
        if not self.vendor.audiences:
            return
        first = min(self.vendor.audiences, key=lambda kind: kind.value)
        quiet = self.sandbox(tokens=10)
        self.broadcast(quiet, audiences(quiet)[first])
        sandbox = self.sandbox(tokens=10)
        sandbox.faults.add(Fault(kind=kind, after=sum(quiet.ledger.calls.values()) - 1, size=5))

        outcome = self.broadcast(sandbox, audiences(sandbox)[first])

        most = max((sandbox.ledger.count(token) for token in sandbox.tokens), default=0)
        assert most <= 1, f"a phone got the broadcast {most} times"
        if kind == "expire":
            assert outcome.ok, f"its access token expired once, and the broadcast ended {outcome!r}"
        else:
            assert outcome.status is Status.UNKNOWN, f"no verdict came, and the broadcast ended {outcome!r}"


class ReceiptScenarios(Rig):
    """What the vendor reports and counts."""

    @judges("receipts")
    def test_its_receipts_are_read_or_cleanly_unsupported(self) -> None:
        """A receipt for each push that arrived, about its token; or `UNSUPPORTED`."""
        if self._refused(b"[]") is Reason.UNSUPPORTED:
            return
        sent, posted = self._posted()
        assert posted, "receipts() is there, but the sandbox's callbacks() post none for a push with a receipt_url"
        vendor = self.loaded()
        read = [one for body in posted for one in vendor.receipts("1", {}, body)]
        receipts = [receipt for receipt in read if receipt is not None]

        assert len(receipts) == len(read), "a true receipt was not read"
        assert {receipt.push_token for receipt in receipts} == sent, "the receipts are about other push tokens"
        for receipt in receipts:
            assert receipt.kind is ReceiptKind.ARRIVED, f"it arrived, the receipt says {receipt.kind.name}"
            assert receipt.parameter == "parameter-1", "the parameter did not come back"
            self._check_fields(receipt, b"a true receipt")

    @judges("receipts")
    def test_rubbish_is_no_receipt(self) -> None:
        """Anybody can post: receipts or `Refused`, never a crash, never a token that is no str."""
        _, posted = ((), []) if self._refused(b"[]") is Reason.UNSUPPORTED else self._posted()
        vendor = self.loaded()
        for body in (*ODD_BODIES, *(twin for right in posted[:1] for twin in odd_twins(right))):
            try:
                receipts = vendor.receipts("1", {}, body)
            except Refused as refused:
                allowed = (Reason.INVALID_NOTIFICATION, Reason.UNSUPPORTED)
                assert refused.reason in allowed, f"rubbish is no receipt, refused as {refused.reason.name}"
                continue
            for receipt in receipts:
                if receipt is None:
                    continue  # an element that cannot be read costs itself
                assert isinstance(receipt, Receipt), f"of {body[:60]!r} receipts() made a {type(receipt).__name__}"
                self._check_fields(receipt, body)

    def _check_fields(self, receipt: Receipt, body: bytes) -> None:
        for name in ("event", "parameter", "message_id", "task_id"):
            value = getattr(receipt, name)
            allowed: Any = str if name in ("event", "parameter") else str | None
            assert isinstance(value, allowed), f"of {body[:60]!r} the receipt's {name} is a {type(value).__name__}"
        if receipt.at is not None:
            assert isinstance(receipt.at, int | float), f"of {body[:60]!r} the receipt's time is no number"
            assert 0 <= receipt.at < 10**11, f"of {body[:60]!r} the receipt's time is not in epoch seconds"

    def _refused(self, body: bytes) -> Reason | None:
        try:
            self.loaded().receipts("1", {}, body)
        except Refused as refused:
            return refused.reason
        return None

    def _posted(self) -> tuple[set[PushToken], list[bytes]]:
        bench = self.bench()
        note = attrs.evolve(NOTE, receipt_url=RECEIPTS, receipt_parameter="parameter-1")
        batch = [Push(PushToken(1, token), note) for token in bench.sandbox.tokens[: min(3, self.size)]]
        bench.push(batch)
        return {push.push_token for push in batch}, [request.content for request in bench.sandbox.callbacks()]

    @judges("receipts")
    def test_statistics_are_counted_or_cleanly_unsupported(self) -> None:
        """A broadcast's figures, by its ids; or `UNSUPPORTED`."""
        bench = self.bench()
        if not self.vendor.audiences:
            assert self._figures(bench, "m", "t") is None, "statistics() counts broadcasts, and `audiences` is empty"
            return
        kind = min(self.vendor.audiences, key=lambda kind: kind.value)
        made = bench.broadcast(Broadcast(1, NOTE, audiences(bench.sandbox)[kind]))
        figures = self._figures(bench, made.message_id or "", next(iter(made.task_ids), ""))
        if figures is None:
            return
        assert isinstance(figures, Statistics), "the call of statistics() ends with Statistics"
        for name in ("targets", "valid", "sent", "arrived", "shown", "opened"):
            value = getattr(figures, name)
            assert value is None or isinstance(value, int), f"Statistics.{name} is no whole number"
        with suppress(Refused, NoVerdict):
            self._figures(bench, "汉字;,", "")

    def _figures(self, bench: Bench, message_id: str, task_id: str) -> Any:
        """What the call of `statistics` ends with; None when it is `UNSUPPORTED` without any request."""
        bench.requests.clear()
        try:
            call = bench.vendor.statistics(message_id, task_id)
            assert isinstance(call, Call), "statistics() gives a Call"
            return bench.carry(call.begin, call.region)
        except Refused as refused:
            if refused.reason is Reason.UNSUPPORTED and not bench.requests:
                return None
            raise
