"""What vendors report later: read, checked against our mark and against what is known of the push, and taken once.

Nothing is taken that our mark does not prove, where the certificate has one. The mark does not bind the event, so a
receipt that says "dead" stays `UNREGISTERED` only where the push is known here and agrees; otherwise it becomes
`SUSPECT`. Repeats are known by what the mark binds, within windows of bounded memory. What comes in may be anything and
come from anybody: it costs an answer, never an exception, and nothing of it is quoted.
"""

from __future__ import annotations

import hashlib
import random
from collections import OrderedDict
from collections.abc import Callable, Iterable, Mapping, Sequence
from functools import cached_property

import attrs

from pushgateway.certificates.certificate import Certificate
from pushgateway.certificates.receipt_signing import ReceiptSigner, bound_name
from pushgateway.engine.lanes import Lanes
from pushgateway.model.errors import FieldError
from pushgateway.model.reason import Reason
from pushgateway.model.receipt import Proof, Receipt, ReceiptKind, ReceivedReceipts
from pushgateway.model.secret import Secret, where
from pushgateway.observe.emitter import Emitter
from pushgateway.observe.events import ReceiptsReceived
from pushgateway.observe.traces import Traces
from pushgateway.vendor.refusals import Refused
from pushgateway.vendor.replies import MAX_POSTED

WINDOW = 100_000
"""Receipts that are known again, of all certificates together, for each `Proof` apart: some 15 MB. Apart, because who
has one parameter of a broadcast can make receipts for any number of phones, and these must not push out the others."""


class ReceiptVerifier:
    """The receipts of one gateway."""

    def __init__(self, lanes: Lanes, emitter: Emitter, rng: random.Random, traces: Traces | None = None) -> None:
        self._lanes = lanes
        self._emitter = emitter
        self._rng = rng
        self._traces = traces
        self._heard: dict[Proof, OrderedDict[int, None]] = {proof: OrderedDict() for proof in Proof}
        self._seals: dict[str, tuple[Certificate, ReceiptSigner | None]] = {}
        self.listeners: list[Callable[[Receipt], None]] = [] if traces is None else [traces.received]
        """Called with each receipt that is believed and new."""

    @cached_property
    def _key(self) -> bytes:
        return self._rng.getrandbits(128).to_bytes(16, "big")  # so that nobody can make two receipts look the same

    @cached_property
    def _nobody(self) -> ReceiptSigner:
        return ReceiptSigner("", "https://nobody.example", [Secret(f"{self._rng.getrandbits(128):032x}")])

    def admits(self, certificate_id: str, path_secret: str) -> bool:
        """Whether this is the secret part of the certificate's address; takes as long for no certificate as for one."""
        signer = self._signer(certificate_id)
        right = (signer or self._nobody).admits(path_secret)
        return right and signer is not None

    def hear(self, certificate_id: str, headers: Mapping[str, str], body: bytes) -> ReceivedReceipts:
        """What is new in a request of the vendor's."""
        if not isinstance(body, bytes | bytearray | memoryview):
            raise FieldError("body", f"must be bytes, is {type(body).__name__}")
        obstacle = self._lanes.obstacle(certificate_id)
        if obstacle is not None:
            reason, detail = obstacle
            return ReceivedReceipts(reason=reason, detail=detail)
        read = self._read(certificate_id, headers, bytes(body))
        if isinstance(read, ReceivedReceipts):
            return read
        signer = self._signer(certificate_id)
        fresh: list[Receipt] = []
        duplicates = forged = unreadable = 0
        for one in read:
            if one is None:
                unreadable += 1
            elif (believed := _unproved(one) if signer is None else signer.verify(one)) is None:
                forged += 1
            elif not self._is_new(believed):
                duplicates += 1
            else:
                fresh.append(believed)
        judged = self._judged(fresh)
        forged += len(fresh) - len(judged)
        for receipt in judged:
            for listener in self.listeners:
                listener(receipt)
        heard = ReceivedReceipts(receipts=tuple(judged), duplicates=duplicates, forged=forged, unreadable=unreadable)
        self._tell(certificate_id, heard)
        return heard

    def forget(self, receipts: Iterable[Receipt]) -> None:
        """These could not be kept: when they come again, they are new again."""
        for receipt in receipts:
            self._heard[receipt.proof].pop(self._mark(receipt, receipt.kind), None)

    def _judged(self, fresh: Sequence[Receipt]) -> Sequence[Receipt]:
        """Held against what is known of each push: without those whose push has arrived although they call its token
        dead, and with `SUSPECT` for those that nothing confirms."""
        dead = [receipt for receipt in fresh if receipt.kind is ReceiptKind.UNREGISTERED]
        if not dead:
            return fresh
        confirmed = frozenset[int]() if self._traces is None else self._traces.confirmed(dead)
        places = {id(receipt): place for place, receipt in enumerate(dead)}
        judged = []
        for receipt in fresh:
            place = places.get(id(receipt))
            if place is None or place in confirmed:
                believed = receipt
            else:
                believed = attrs.evolve(receipt, kind=ReceiptKind.SUSPECT)
            if place is None or not self._has_arrived(receipt):
                judged.append(believed)
        return judged

    def _has_arrived(self, receipt: Receipt) -> bool:
        """Whether a receipt of the same push on the same phone said so."""
        return self._mark(receipt, ReceiptKind.ARRIVED) in self._heard[receipt.proof]

    def _read(self, key: str, headers: Mapping[str, str], body: bytes) -> Sequence[Receipt | None] | ReceivedReceipts:
        vendor = self._lanes.vendor(key)
        try:
            if vendor is None:
                raise Refused(Reason.CREDENTIALS)  # noqa: TRY301 - there was one a moment ago
            if len(body) > MAX_POSTED:
                raise Refused(Reason.INVALID_NOTIFICATION, detail=f"more than {MAX_POSTED} bytes")  # noqa: TRY301
            lower = {str(name).lower(): str(value) for name, value in headers.items()}
            read = vendor.receipts(key, lower, body)
            for one in read:
                if one is not None and (not isinstance(one, Receipt) or one.push_token.certificate_id != key):
                    raise TypeError("not a receipt of this certificate")  # noqa: TRY301
        except Refused as refused:
            heard = ReceivedReceipts(unreadable=1, reason=refused.reason, detail=refused.detail)
        except FieldError:  # raised where the push token was made: anybody can post anything
            detail = "what stands there for a token can be none"
            heard = ReceivedReceipts(unreadable=1, reason=Reason.INVALID_NOTIFICATION, detail=detail)
        except Exception as broken:
            sentence = f"the {self._lanes.brand(key)} plug-in broke its contract: {where(broken)}"
            self._emitter.complain(f"certificate {key}: {sentence}")
            heard = ReceivedReceipts(unreadable=1, reason=Reason.CREDENTIALS, detail=sentence)
        else:
            return read
        self._tell(key, heard)
        return heard

    def _signer(self, key: str) -> ReceiptSigner | None:
        certificate = self._lanes.certificate(key)
        if certificate is None:
            self._seals.pop(key, None)
            return None
        known = self._seals.get(key)
        if known is None or known[0] is not certificate:
            known = self._seals[key] = (certificate, certificate.signer)
        return known[1]

    def _is_new(self, receipt: Receipt) -> bool:
        mark, window = self._mark(receipt, receipt.kind), self._heard[receipt.proof]
        if mark in window:
            return False
        window[mark] = None
        if len(window) > WINDOW:
            window.popitem(last=False)
        return True

    def _mark(self, receipt: Receipt, kind: ReceiptKind) -> int:
        """What a repeat has in common with the first: what is bound, and the kind; without a proof, everything."""
        token, key = receipt.push_token.token, receipt.push_token.certificate_id
        if kind is ReceiptKind.SUSPECT:
            kind = ReceiptKind.UNREGISTERED  # which it was when it came
        told = [bound_name(receipt.parameter)]
        if receipt.proof is Proof.NONE:
            told = [receipt.message_id or "", receipt.task_id or "", receipt.parameter, receipt.event]
        text = "\0".join((key, kind.value, token, *told)).encode("utf-8", "surrogatepass")
        return int.from_bytes(hashlib.blake2b(text, digest_size=8, key=self._key).digest(), "big")

    def _tell(self, certificate_id: str, heard: ReceivedReceipts) -> None:
        event = ReceiptsReceived(
            certificate_id=certificate_id,
            brand=self._lanes.brand(certificate_id),
            fresh=len(heard.receipts),
            duplicates=heard.duplicates,
            forged=heard.forged,
            unreadable=heard.unreadable,
        )
        self._emitter.emit(event, heard.detail)


def _unproved(receipt: Receipt) -> Receipt:
    """The same receipt, with nothing proved, whatever the plug-in says."""
    return receipt if receipt.proof is Proof.NONE else attrs.evolve(receipt, proof=Proof.NONE)
