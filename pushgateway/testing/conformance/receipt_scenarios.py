"""Scenarios: receipts that the vendor posts, and the statistics of broadcasts.

What a plug-in does not offer must be refused as `UNSUPPORTED`, before any request.
"""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import suppress
from typing import Any

import attrs
import pytest

from pushgateway.certificates.certificate import Certificate
from pushgateway.model.audience import Broadcast
from pushgateway.model.notification import Notification
from pushgateway.model.push import CallBack, Push, PushToken
from pushgateway.model.reason import Reason
from pushgateway.model.receipt import Receipt, ReceiptKind, Statistics
from pushgateway.testing.conformance.exchange_driver import ExchangeDriver
from pushgateway.testing.conformance.harness import Harness, audiences
from pushgateway.testing.conformance.odd_inputs import ODD_BODIES, odd_twins
from pushgateway.testing.conformance.promises import checks
from pushgateway.testing.conformance.sandbox_connection import EPOCH
from pushgateway.vendor import Request, Vendor
from pushgateway.vendor.operation import Call
from pushgateway.vendor.refusals import NoVerdict, Refused

NOTE = Notification("title", "for all")
RECEIPTS = "https://host.invalid/receipts"
DAY = 86_400.0


def _parameter(push: Push) -> str:
    return push.notification.receipt_parameter or (push.callback.parameter if push.callback else "")


class ReceiptScenarios(Harness):
    """Receipts and statistics."""

    @checks("receipts")
    def test_its_receipts_are_read_or_cleanly_unsupported(self) -> None:
        """A receipt for each push that arrived, about its token; or `UNSUPPORTED`."""
        if self._refused(b"[]") is Reason.UNSUPPORTED:
            return
        sent, receipts = self._reported(dict.fromkeys(range(min(3, self.size)), ReceiptKind.ARRIVED))

        assert {receipt.push_token for receipt in receipts} == sent.keys(), "the receipts are about other push tokens"
        for receipt in receipts:
            assert receipt.kind is ReceiptKind.ARRIVED, f"it arrived, the receipt says {receipt.kind.name}"
            assert receipt.parameter == sent[receipt.push_token][0], (
                f"the receipt of this push brought back {receipt.parameter!r}, its own parameter is "
                f"{sent[receipt.push_token][0]!r}"
            )
            assert receipt.push_token.certificate_id == "1", "a receipt is about another certificate than was asked"
            self._check_fields(receipt, b"a true receipt")

    @checks("receipts")
    def test_a_receipt_of_every_kind_is_about_its_push(self) -> None:
        """Each kind that the sandbox can post is read as that kind, with the right token, id and time."""
        if self._refused(b"[]") is Reason.UNSUPPORTED:
            return
        kinds = sorted(self.make_sandbox(clock=lambda: EPOCH, tokens=0).receipt_kinds, key=lambda kind: kind.value)
        for kind in kinds:
            expected = {0: kind, 1: ReceiptKind.ARRIVED} if self.size > 1 else {0: kind}
            sent, receipts = self._reported(expected)
            by_token = {receipt.push_token: receipt for receipt in receipts}
            for place, (push_token, (_, message_id)) in enumerate(sent.items()):
                receipt = by_token.get(push_token)
                assert receipt is not None, f"the vendor reported {expected[place].name}, and no receipt was read"
                assert receipt.kind is expected[place], (
                    f"the vendor reported {expected[place].name} ({receipt.event!r}), "
                    f"the receipt says {receipt.kind.name}"
                )
                right = receipt.message_id in (None, message_id) or message_id is None
                assert right, "the receipt bears another message id than the outcome of its push"
                assert receipt.event, "the vendor's own word for what happened is lost: Receipt.event is empty"
                if receipt.at is not None:
                    away = abs(receipt.at - EPOCH)
                    assert away < 86_400, f"the receipt's time is {away} seconds off: it is not in epoch seconds"

    @checks("receipts")
    def test_receipts_mean_what_the_documents_print(self) -> None:
        """The samples of the vendor's documents: as many receipts, each about its token, with these values."""
        for sample in self.posted_samples:
            read = self.loaded().receipts("7", dict(sample.headers), sample.body.encode(), EPOCH)
            assert len(read) == len(sample.receipts), (
                f"{sample.source}: {len(sample.receipts)} receipts are in it, {len(read)} were read"
            )
            for place, (receipt, wanted) in enumerate(zip(read, sample.receipts, strict=True)):
                assert receipt is not None, f"{sample.source}: receipt {place} was not read"
                assert receipt.push_token.certificate_id == "7", "a receipt is about another certificate than was asked"
                seen = {"token": receipt.push_token.token, **attrs.asdict(receipt, recurse=False)}
                for name, value in wanted.items():
                    assert seen[name] == value, (
                        f"{sample.source}: {name} of receipt {place} is {value!r}, and {seen[name]!r} was read"
                    )

    @checks("receipts")
    def test_rubbish_is_no_receipt(self) -> None:
        """Any body, because anybody can post: receipts or `Refused`, never a crash, never a token that is no str."""
        posted: list[Request] = []
        if self._refused(b"[]") is not Reason.UNSUPPORTED:
            driver, batch = self._pushed({0: ReceiptKind.ARRIVED})
            driver.push(batch)
            posted = driver.sandbox.callbacks()
        vendor = self.loaded()
        others = self.of_another_receiver(self.sandbox().settings(self.host))
        kind = posted[0].headers if posted else {}
        twins = (twin for right in posted[:1] for twin in odd_twins(right.content, kind.get("content-type", "")))
        for body in (*ODD_BODIES, *twins):
            try:
                receipts = vendor.receipts("1", kind, body, EPOCH)
            except Refused as refused:
                unproved = (Reason.CREDENTIALS,) if vendor.proves_receipts or others else ()
                allowed = (Reason.INVALID_NOTIFICATION, Reason.UNSUPPORTED, *unproved)
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
            self.loaded().receipts("1", {}, body, EPOCH)
        except Refused as refused:
            return refused.reason
        return None

    def _pushed(self, kinds: Mapping[int, ReceiptKind]) -> tuple[ExchangeDriver, list[Push]]:
        """A batch whose push at each index gets a receipt of that kind, and the driver that sends it."""
        has_url = self.takes_receipt_url()
        driver = self.driver()
        mixed, batch = driver.vendor.batching.mixed, []
        driver.sandbox.receipts_at = RECEIPTS  # used by a vendor that takes no URL with a message
        for place, kind in kinds.items():
            token = driver.sandbox.tokens[place]
            if kind is not ReceiptKind.ARRIVED:
                driver.sandbox.target_receipts[token] = kind
            note, callback = NOTE, None
            parameter = f"parameter-{place if mixed and driver.vendor.marks == 'push' else 0}"
            if has_url:
                note = attrs.evolve(NOTE, receipt_url=RECEIPTS, receipt_parameter=parameter)
            elif driver.vendor.marks != "none":
                callback = CallBack(RECEIPTS, parameter)
            batch.append(Push(PushToken(1, token), note, dedupe_id=f"d-{place}", callback=callback))
        return driver, batch

    def _reported(
        self, kinds: Mapping[int, ReceiptKind]
    ) -> tuple[dict[PushToken, tuple[str, str | None]], list[Receipt]]:
        """What was sent (parameter and message id by push token), and the receipts that came of it."""
        driver, batch = self._pushed(kinds)
        outcomes = driver.push(batch)
        posted = driver.sandbox.callbacks()
        assert posted, "receipts() is there, but the sandbox's callbacks() post none for a push with a receipt_url"
        read = [
            one
            for request in posted
            for one in driver.vendor.receipts("1", dict(request.headers), request.content, EPOCH)
        ]
        receipts = [receipt for receipt in read if receipt is not None]
        assert len(receipts) == len(read), "a true receipt was not read"
        sent = {
            push.push_token: (_parameter(push), outcome.message_id)
            for push, outcome in zip(batch, outcomes, strict=True)
        }
        return sent, receipts

    @checks("dead tokens")
    def test_a_dead_token_is_named_by_its_receipt(self) -> None:
        """At a vendor that accepts pushes to dead tokens, the receipt says `UNREGISTERED` of that token alone."""
        if self.reason_of_the_dead is not None:
            return
        driver, batch = self._pushed(dict.fromkeys(range(min(3, self.size)), ReceiptKind.ARRIVED))
        dead = batch[0].push_token
        driver.sandbox.uninstall(dead.token)
        outcomes = driver.push(batch)
        self.expect(outcomes, None)
        self.check(driver.sandbox, outcomes)
        read = [
            receipt
            for request in driver.sandbox.callbacks()
            for receipt in driver.vendor.receipts("1", dict(request.headers), request.content, EPOCH)
        ]
        kinds = {receipt.push_token: receipt.kind for receipt in read if receipt is not None}
        wanted = {push.push_token: ReceiptKind.ARRIVED for push in batch} | {dead: ReceiptKind.UNREGISTERED}

        assert kinds == wanted, (
            "dead_tokens is 'receipt', and the receipts of a dead and of live phones say "
            f"{', '.join(kind.name for kind in kinds.values()) or 'nothing'}"
        )

    @checks("receipts")
    def test_signed_receipts_are_proved(self) -> None:
        """Where the vendor signs, nothing is taken for true without a right and fresh signature for this receiver."""
        if not self.loaded().proves_receipts:
            return
        driver, batch = self._pushed({0: ReceiptKind.ARRIVED})
        driver.push(batch)
        posted = driver.sandbox.callbacks()
        assert posted, "the vendor signs its receipts, and the sandbox's callbacks() post none"
        whole, headers = posted[0], dict(posted[0].headers)
        vendor = driver.vendor
        assert vendor.receipts("1", headers, whole.content, EPOCH), "a true receipt was not read"

        def refused(reader: Vendor, headers: Mapping[str, str], now: float, what: str) -> None:
            try:
                reader.receipts("1", headers, whole.content, now)
            except Refused as refused:
                right = refused.reason is Reason.CREDENTIALS
                assert right, f"receipts {what} were refused as {refused.reason.name}, not CREDENTIALS"
                return
            raise AssertionError(f"receipts {what} were taken for true: anybody could retire living tokens")

        refused(vendor, {}, EPOCH, "without the header of the signature")
        signature = [name for name in headers if self._is_needed(vendor, whole, headers, name)]
        for name in signature:
            for place, sign in enumerate(headers[name]):
                if sign.isalnum():
                    other = "0" if sign != "0" else "1"
                    changed = headers[name][:place] + other + headers[name][place + 1 :]
                    refused(vendor, {**headers, name: changed}, EPOCH, f"with another sign at {place} of {name}")
        for away, said in ((DAY, "of yesterday"), (365 * DAY, "of last year"), (-DAY, "of tomorrow")):
            refused(vendor, headers, EPOCH + away, said)
        others = self.of_another_receiver(driver.sandbox.settings(self.host))
        assert others, "the vendor signs its receipts: of_another_receiver() must give settings that refuse them"
        for settings in others:
            receiver = self.load(Certificate(1, self.vendor.brand, settings))
            refused(receiver, headers, EPOCH, "for another receiver")

    @checks("receipts")
    def test_another_receiver_refuses_them(self) -> None:
        """Where receipts name their receiver, by a signature or a text of its console, no other one takes them."""
        driver = self.driver()
        others = self.of_another_receiver(driver.sandbox.settings(self.host))
        if not others:
            return
        driver, batch = self._pushed({0: ReceiptKind.ARRIVED})
        driver.push(batch)
        (posted, *_) = driver.sandbox.callbacks()
        assert driver.vendor.receipts("1", dict(posted.headers), posted.content, EPOCH), "true receipts were not read"
        for settings in others:
            receiver = self.load(Certificate(1, self.vendor.brand, settings))
            with pytest.raises(Refused) as refused:
                receiver.receipts("1", dict(posted.headers), posted.content, EPOCH)
            reason = refused.value.reason
            assert reason is Reason.CREDENTIALS, f"receipts for another receiver are refused as {reason.name}"

    def _is_needed(self, vendor: Vendor, posted: Request, headers: Mapping[str, str], name: str) -> bool:
        rest = {other: value for other, value in headers.items() if other != name}
        try:
            vendor.receipts("1", rest, posted.content, EPOCH)
        except Refused:
            return True
        return False

    @checks("receipts")
    def test_the_answer_says_whether_receipts_were_taken(self) -> None:
        """The vendor posts again what was not taken, and only that."""
        driver = self.driver()
        if self._refused(b"[]") is Reason.UNSUPPORTED:
            return
        taken, lost = driver.vendor.receipt_answer(True), driver.vendor.receipt_answer(False)

        assert driver.sandbox.is_taken(taken), (
            "receipt_answer(True) is no answer that the vendor's server accepts: it would post the receipts again"
        )
        assert not driver.sandbox.is_taken(lost), (
            "receipt_answer(False) says to the vendor that the receipts were taken: they would be lost"
        )

    @checks("receipts")
    def test_statistics_are_counted_or_cleanly_unsupported(self) -> None:
        """A broadcast's figures, by its ids; or `UNSUPPORTED`."""
        driver = self.driver()
        if not self.loaded().audiences:
            assert self._figures(driver, "m", "t") is None, "statistics() counts broadcasts, and `audiences` is empty"
            return
        kind = min(self.loaded().audiences, key=lambda kind: kind.value)
        made = driver.broadcast(Broadcast(1, NOTE, audiences(driver.sandbox)[kind]))
        figures = self._figures(driver, made.message_id or "", next(iter(made.task_ids), ""))
        if figures is None:
            return
        assert isinstance(figures, Statistics), "the call of statistics() ends with Statistics"
        for name in ("targets", "valid", "sent", "arrived", "shown", "opened"):
            value = getattr(figures, name)
            assert value is None or isinstance(value, int), f"Statistics.{name} is no whole number"
        assert any(attrs.astuple(figures)), "a broadcast was made, and statistics() has no figure of it"
        with suppress(Refused, NoVerdict):
            self._figures(driver, "汉字;,", "")

    def _figures(self, driver: ExchangeDriver, message_id: str, task_id: str) -> Any:
        """The result of `statistics`; None if it is `UNSUPPORTED` without any request."""
        driver.requests.clear()
        try:
            call = driver.vendor.statistics(message_id, task_id)
            assert isinstance(call, Call), "statistics() gives a Call"
            return driver.carry(call.begin, call.region)
        except Refused as refused:
            if refused.reason is Reason.UNSUPPORTED and not driver.requests:
                return None
            raise
