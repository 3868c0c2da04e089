"""Scenarios: broadcasts, and what the vendor says later.

Law of this file: what a plug-in does not offer is refused cleanly, before any request; what it offers works.
"""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import suppress
from typing import Any

import attrs
import pytest

from pushgateway.model.audience import Audience, AudienceKind, Broadcast
from pushgateway.model.errors import NoVerdict, Refused
from pushgateway.model.outcome import BroadcastOutcome, Reason, Status
from pushgateway.model.push import Notification, Push, PushToken
from pushgateway.model.receipt import Receipt, ReceiptKind, Statistics
from pushgateway.sandbox import Fault, Sandbox
from pushgateway.testing.conformance.bench import Bench
from pushgateway.testing.conformance.promises import judges
from pushgateway.testing.conformance.rig import Rig, audiences
from pushgateway.testing.conformance.wire import EPOCH
from pushgateway.testing.conformance.words import ODD_BODIES, odd_twins
from pushgateway.testing.virtual_time import run_virtual
from pushgateway.vendor import Request
from pushgateway.vendor.operation import Call

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
            wanted = None if times else Reason.UNREGISTERED
            is_dirty = one.reason is Reason.INVALID_NOTIFICATION and one.detail.startswith("token: ")
            right = one.reason is wanted or (is_dirty and one.push_token.token not in tokens)
            assert right, f"token {place} of a broadcast should end {wanted}: {one!r}"

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
        sent, receipts = self._told(dict.fromkeys(range(min(3, self.size)), ReceiptKind.ARRIVED))

        assert {receipt.push_token for receipt in receipts} == sent.keys(), "the receipts are about other push tokens"
        for receipt in receipts:
            assert receipt.kind is ReceiptKind.ARRIVED, f"it arrived, the receipt says {receipt.kind.name}"
            assert receipt.parameter == sent[receipt.push_token][0], (
                f"the receipt of this push brought back {receipt.parameter!r}, its own parameter is "
                f"{sent[receipt.push_token][0]!r}"
            )
            assert receipt.push_token.certificate_id == "1", "a receipt is about another certificate than was asked"
            self._check_fields(receipt, b"a true receipt")

    @judges("receipts")
    def test_a_receipt_of_every_kind_is_about_its_push(self) -> None:
        """What the sandbox can report: each kind as it is, with the right token, id and moment."""
        if self._refused(b"[]") is Reason.UNSUPPORTED:
            return
        kinds = sorted(self.make_sandbox(clock=lambda: EPOCH, tokens=0).receipt_kinds, key=lambda kind: kind.value)
        for kind in kinds:
            fates = {0: kind, 1: ReceiptKind.ARRIVED} if self.size > 1 else {0: kind}
            sent, receipts = self._told(fates)
            by_token = {receipt.push_token: receipt for receipt in receipts}
            for place, (push_token, (_, message_id)) in enumerate(sent.items()):
                receipt = by_token.get(push_token)
                assert receipt is not None, f"the vendor reported {fates[place].name}, and no receipt was read"
                assert receipt.kind is fates[place], (
                    f"the vendor reported {fates[place].name} ({receipt.event!r}), the receipt says {receipt.kind.name}"
                )
                right = receipt.message_id in (None, message_id) or message_id is None
                assert right, "the receipt bears another message id than the outcome of its push"
                assert receipt.event, "the vendor's own word for what happened is lost: Receipt.event is empty"
                if receipt.at is not None:
                    away = abs(receipt.at - EPOCH)
                    assert away < 86_400, f"the receipt's time is {away} seconds off: it is not in epoch seconds"

    @judges("receipts")
    def test_receipts_mean_what_the_documents_print(self) -> None:
        """The samples of the vendor's documents: as many receipts, each about its token, with these values."""
        for sample in self.posted_samples:
            read = self.loaded().receipts("7", dict(sample.headers), sample.body.encode())
            assert len(read) == len(sample.receipts), (
                f"{sample.says}: {len(sample.receipts)} receipts are in it, {len(read)} were read"
            )
            for place, (receipt, wanted) in enumerate(zip(read, sample.receipts, strict=True)):
                assert receipt is not None, f"{sample.says}: receipt {place} was not read"
                assert receipt.push_token.certificate_id == "7", "a receipt is about another certificate than was asked"
                seen = {"token": receipt.push_token.token, **attrs.asdict(receipt, recurse=False)}
                for name, value in wanted.items():
                    assert seen[name] == value, (
                        f"{sample.says}: {name} of receipt {place} is {value!r}, and {seen[name]!r} was read"
                    )

    @judges("receipts")
    def test_rubbish_is_no_receipt(self) -> None:
        """Anybody can post: receipts or `Refused`, never a crash, never a token that is no str."""
        posted: list[Request] = []
        if self._refused(b"[]") is not Reason.UNSUPPORTED:
            bench, batch = self._pushed({0: ReceiptKind.ARRIVED})
            bench.push(batch)
            posted = bench.sandbox.callbacks()
        vendor = self.loaded()
        kind = posted[0].headers if posted else {}
        twins = (twin for right in posted[:1] for twin in odd_twins(right.content, kind.get("content-type", "")))
        for body in (*ODD_BODIES, *twins):
            try:
                receipts = vendor.receipts("1", kind, body)
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

    def _pushed(self, fates: Mapping[int, ReceiptKind]) -> tuple[Bench, list[Push]]:
        """A batch of which the push at each place will be reported so, and where."""
        bench = self.bench()
        mixed, batch = bench.vendor.batching.mixed, []
        for place, kind in fates.items():
            token = bench.sandbox.tokens[place]
            if kind is not ReceiptKind.ARRIVED:
                bench.sandbox.fates[token] = kind
            parameter = f"parameter-{place if mixed else 0}"
            note = attrs.evolve(NOTE, receipt_url=RECEIPTS, receipt_parameter=parameter)
            batch.append(Push(PushToken(1, token), note, dedupe_id=f"d-{place}"))
        return bench, batch

    def _told(self, fates: Mapping[int, ReceiptKind]) -> tuple[dict[PushToken, tuple[str, str | None]], list[Receipt]]:
        """What was sent (parameter and message id by push token), and the receipts that came of it."""
        bench, batch = self._pushed(fates)
        outcomes = bench.push(batch)
        posted = bench.sandbox.callbacks()
        assert posted, "receipts() is there, but the sandbox's callbacks() post none for a push with a receipt_url"
        read = [one for request in posted for one in bench.vendor.receipts("1", dict(request.headers), request.content)]
        receipts = [receipt for receipt in read if receipt is not None]
        assert len(receipts) == len(read), "a true receipt was not read"
        sent = {
            push.push_token: (push.notification.receipt_parameter or "", outcome.message_id)
            for push, outcome in zip(batch, outcomes, strict=True)
        }
        return sent, receipts

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
        assert any(attrs.astuple(figures)), "a broadcast was made, and statistics() has no figure of it"
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
