"""What vendors report later: read, proved by a signature or by what is known of the push, and taken once.

What proves a receipt depends on the vendor:

| the vendor | taken | a receipt that says "dead" |
| --- | --- | --- |
| signs (`Vendor.proves_receipts`) | all that the plug-in returns: it has checked signature and time | `UNREGISTERED` |
| returns our parameter (`Vendor.marks`) | those whose parameter the certificate's secret has signed | see below |
| does neither, or the certificate has no secret | all, and nothing is proved | see below |

Our parameter does not bind the event, so "dead" stays `UNREGISTERED` only if the push is known here and agrees;
otherwise it becomes `SUSPECT`. Repeats are recognised by what is bound, within windows of bounded memory. The input is
untrusted: whatever it is, it gets an answer and raises nothing, and nothing of it is quoted. Used by
`Gateway.receipts`.
"""

from __future__ import annotations

import hashlib
import math
import random
from collections import Counter, OrderedDict
from collections.abc import Callable, Iterable, Mapping, Sequence
from contextlib import AbstractContextManager, nullcontext
from functools import cached_property

import attrs

from pushgateway.certificates.certificate import Certificate
from pushgateway.certificates.receipt_signing import ReceiptSigner, bound_name
from pushgateway.engine.lanes import Lanes
from pushgateway.engine.session.plugin_guard import as_marks, as_proving, as_receipt_answer, fault_of, guarded
from pushgateway.engine.sharing import Sharing
from pushgateway.model.errors import FieldError
from pushgateway.model.push import PushToken
from pushgateway.model.reason import Reason
from pushgateway.model.receipt import Proof, Receipt, ReceiptKind, ReceivedReceipts
from pushgateway.model.secret import Secret, safe_repr
from pushgateway.observe.emitter import Emitter
from pushgateway.observe.events import ReceiptsReceived
from pushgateway.observe.traces import Traces
from pushgateway.state.protocol import Claim
from pushgateway.vendor import Response
from pushgateway.vendor.refusals import Refused
from pushgateway.vendor.replies import MAX_POSTED

WINDOW = 100_000
"""Receipts that are recognised when they are repeated, of all certificates together, for each `Proof`: some 15 MB each.
For each, because who has one parameter of a broadcast can make receipts for any number of phones, and these must not
push out the others."""


CLAIMED = 60.0
"""Seconds in which a process that shares receipts with others must have kept what it took: then they are new again."""
KEPT = 24 * 3600.0
"""Seconds for which a receipt that was kept is known to all processes."""


class ReceiptVerifier:
    """Verifies the receipts of one gateway: each is genuine, new, and agrees with what is known of its push."""

    def __init__(
        self,
        lanes: Lanes,
        emitter: Emitter,
        rng: random.Random,
        wall: Callable[[], float],
        traces: Traces | None = None,
    ) -> None:
        """`wall`: epoch seconds of this machine."""
        self._lanes = lanes
        self._wall = wall
        self._emitter = emitter
        self._rng = rng
        self._traces = traces
        self.sharing: Sharing | None = None
        """What other processes know too, if anything."""
        self._seen: dict[Proof, OrderedDict[int, bool]] = {proof: OrderedDict() for proof in Proof}  # True: handed over
        self._signers: dict[str, tuple[Certificate, ReceiptSigner | None]] = {}
        self.listeners: list[Callable[[Receipt], None]] = [] if traces is None else [traces.received]
        """Called with each receipt that is genuine and new."""

    @cached_property
    def _key(self) -> bytes:
        return self._rng.getrandbits(128).to_bytes(16, "big")  # so that two receipts cannot be made to look the same

    @cached_property
    def _dummy(self) -> ReceiptSigner:
        return ReceiptSigner("", "https://dummy.example", [Secret(f"{self._rng.getrandbits(128):032x}")])

    def admits(self, certificate_id: str, path_secret: str) -> bool:
        """Whether this is the secret part of the certificate's address; takes as long for no certificate as for one."""
        signer = self._signer(certificate_id)
        right = (signer or self._dummy).admits(path_secret)
        return right and signer is not None

    def address(self, certificate_id: str) -> str:
        """The URL to which the vendor posts. Raises `FieldError` for a certificate that has none."""
        signer = self._signer(certificate_id)
        if signer is None:
            known = self._lanes.certificate(certificate_id) is not None
            right = "has no receipt_url and receipt_secret" if known else "is no certificate of this gateway"
            raise FieldError("certificate_id", right)
        return signer.url

    def answer(self, certificate_id: str, *, taken: bool) -> Response:
        """What the vendor expects as the answer. If its plug-in fails at that, what HTTP says: 200, or 503."""
        vendor = self._lanes.vendor(certificate_id)
        plain = Response(200 if taken else 503)
        if vendor is None:
            return plain
        try:
            return as_receipt_answer(guarded(vendor.receipt_answer, taken))
        except Exception as broken:
            sentence = f"the {vendor.brand} plug-in broke its contract: {fault_of(broken)}"
            self._emitter.complain(f"certificate {certificate_id}: {sentence}")
            return plain

    def verify(self, certificate_id: str, headers: Mapping[str, str], body: bytes) -> ReceivedReceipts:
        """What is new in a request of the vendor's, as far as this process knows."""
        found = self._verified(certificate_id, headers, body)
        self._announce(certificate_id, found)
        return found

    async def take(self, certificate_id: str, headers: Mapping[str, str], body: bytes) -> ReceivedReceipts:
        """What is new in a request of the vendor's, to all processes; to be settled within `CLAIMED` seconds."""
        found = self._verified(certificate_id, headers, body)
        if self.sharing is not None and found.receipts:
            try:
                found = await self._claimed(self.sharing, found)
            except BaseException:  # cancelled: nobody has them, so they are new when they come again
                self.forget(found.receipts)
                raise
        self._announce(certificate_id, found)
        return found

    async def settle(self, receipts: Iterable[Receipt], *, taken: bool) -> None:
        """What was taken is kept, or could not be: then it is new again."""
        given = list(receipts)
        if not taken:
            self.forget(given)
        if (sharing := self.sharing) is not None and given:
            if taken:
                sharing.awaited.stored(given)
            marks = [_shared_mark(receipt, kind) for receipt in given for kind in _repeated_by(receipt)]
            seconds = KEPT if taken else 0.0
            await sharing.guard.ask(lambda state: state.settle_receipts(marks, sharing.owner, seconds=seconds))

    def waiting_elsewhere(
        self, pushes: Iterable[tuple[PushToken, str]], take: Callable[[Receipt], None]
    ) -> AbstractContextManager[None]:
        """While this is entered, `take` is called with receipts of these pushes (push token and id) that other
        processes have received. A dead token that they could not confirm is `UNREGISTERED` if it is confirmed here."""

        def judge(receipt: Receipt) -> None:
            if receipt.kind is not ReceiptKind.SUSPECT:
                take(receipt)
                return
            for judged in self._judged([attrs.evolve(receipt, kind=ReceiptKind.UNREGISTERED)]):
                take(judged)

        return nullcontext() if self.sharing is None else self.sharing.awaited.waiting(pushes, judge)

    async def _claimed(self, sharing: Sharing, found: ReceivedReceipts) -> ReceivedReceipts:
        """Of what is new to this process, what is new to all."""
        marks = [_shared_mark(receipt, receipt.kind) for receipt in found.receipts]
        claims = await sharing.guard.ask(lambda state: state.claim_receipts(marks, sharing.owner, hold=CLAIMED))
        if claims is None:  # nobody can be asked: better twice than not at all
            return found
        by_claim: dict[Claim, list[Receipt]] = {claim: [] for claim in Claim}
        for receipt, claim in zip(found.receipts, claims, strict=True):
            by_claim[claim].append(receipt)
        self.forget(by_claim[Claim.BUSY])  # it is new when it comes again, if the other process cannot keep it
        return attrs.evolve(
            found,
            receipts=tuple(by_claim[Claim.NEW]),
            duplicates=found.duplicates + len(by_claim[Claim.KNOWN]),
            elsewhere=len(by_claim[Claim.BUSY]),
        )

    def _verified(self, certificate_id: str, headers: Mapping[str, str], body: bytes) -> ReceivedReceipts:
        """What is new to this process in a request of the vendor's; it is remembered."""
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
        genuine: list[Receipt] = []
        forged = unreadable = 0
        for one in read.receipts:
            if one is None:
                unreadable += 1
            elif (verified := read.verified(one, signer)) is None:
                forged += 1
            else:
                genuine.append(verified)
        judged = self._judged(genuine)
        forged += len(genuine) - len(judged)
        fresh = [receipt for receipt in judged if self._is_new(receipt)]
        return ReceivedReceipts(
            receipts=tuple(fresh), duplicates=len(judged) - len(fresh), forged=forged, unreadable=unreadable
        )

    def _announce(self, certificate_id: str, found: ReceivedReceipts) -> None:
        """Call the listeners, and report to observers. What could not be read was reported when it was read."""
        for receipt in found.receipts:
            for listener in self.listeners:
                listener(receipt)
        if found.ok:
            self._report(certificate_id, found)

    def forget(self, receipts: Iterable[Receipt]) -> None:
        """These could not be kept: when they come again, they are new again."""
        for receipt in receipts:
            self._seen[receipt.proof].pop(self._mark(receipt, receipt.kind), None)

    def _judged(self, genuine: Sequence[Receipt]) -> Sequence[Receipt]:
        """Those that agree with what is known of their push. A dead token of a push that has arrived is left out, one
        that nothing confirms becomes `SUSPECT`. What the vendor has signed needs no confirmation."""
        dead = [
            receipt
            for receipt in genuine
            if receipt.kind is ReceiptKind.UNREGISTERED and receipt.proof is not Proof.VENDOR
        ]
        if not dead:
            return genuine
        for receipt in genuine:
            if receipt.kind in _ON_THE_PHONE:  # wherever in the request it is
                self._note_arrival(receipt)
        confirmed = frozenset[int]() if self._traces is None else self._traces.confirmed(dead)
        places = {id(receipt): place for place, receipt in enumerate(dead)}
        judged = []
        for receipt in genuine:
            place = places.get(id(receipt))
            if place is None or place in confirmed:
                verified = receipt
            else:
                verified = attrs.evolve(receipt, kind=ReceiptKind.SUSPECT, replacement=None)
            if place is None or not self._has_arrived(receipt):
                judged.append(verified)
        return judged

    def _has_arrived(self, receipt: Receipt) -> bool:
        """Whether a receipt of the same push on the same phone said so, or that the user tapped it. The window of a
        parameter that several phones share can be filled with made-up tokens, so that is remembered with the pushes."""
        if receipt.proof is Proof.MESSAGE and self._traces is not None and self._traces.has_arrived(receipt):
            return True
        return any(self._mark(receipt, kind) in self._seen[receipt.proof] for kind in _ON_THE_PHONE)

    def _read(self, key: str, headers: Mapping[str, str], body: bytes) -> _Posted | ReceivedReceipts:
        vendor = self._lanes.vendor(key)
        try:
            if vendor is None:
                raise Refused(Reason.CREDENTIALS)  # noqa: TRY301 - there was one a moment ago
            if len(body) > MAX_POSTED:
                raise Refused(Reason.INVALID_NOTIFICATION, detail=f"more than {MAX_POSTED} bytes")  # noqa: TRY301
            lower = {str(name).lower(): str(value) for name, value in headers.items()}
            is_signed, marks = as_proving(vendor.proves_receipts), as_marks(vendor.marks)
            found_ones = tuple(guarded(vendor.receipts, key, lower, body, self._wall()))
            read = _Posted(found_ones, is_signed, marks != "none")
            for one in read.receipts:
                if one is not None and not _is_of(one, key):
                    raise TypeError("not a receipt of this certificate")  # noqa: TRY301
        except Refused as refused:
            is_forged = vendor is not None and refused.reason is Reason.CREDENTIALS
            found = ReceivedReceipts(
                forged=int(is_forged), unreadable=int(not is_forged), reason=refused.reason, detail=refused.detail
            )
        except FieldError:  # raised where the push token was made: the input is untrusted
            detail = "what stands there for a token can be none"
            found = ReceivedReceipts(unreadable=1, reason=Reason.INVALID_NOTIFICATION, detail=detail)
        except Exception as broken:
            sentence = f"the {self._lanes.brand(key)} plug-in broke its contract: {fault_of(broken)}"
            self._emitter.complain(f"certificate {key}: {sentence}")
            found = ReceivedReceipts(unreadable=1, reason=Reason.CREDENTIALS, detail=sentence)
        else:
            return read
        self._report(key, found)
        return found

    def _signer(self, key: str) -> ReceiptSigner | None:
        certificate = self._lanes.certificate(key)
        if certificate is None:
            self._signers.pop(key, None)
            return None
        known = self._signers.get(key)
        if known is None or known[0] is not certificate:
            known = self._signers[key] = (certificate, certificate.signer)
        return known[1]

    def _note_arrival(self, receipt: Receipt) -> None:
        """Remember that its push is on the phone, whether or not it is handed over."""
        if self._traces is not None:
            self._traces.arrived(receipt)
        self._seen[receipt.proof].setdefault(self._mark(receipt, receipt.kind), False)

    def _is_new(self, receipt: Receipt) -> bool:
        """Whether it is handed over for the first time; it is remembered. A token that was suspect may be confirmed
        later, when the vendor reports the try of its push that was accepted."""
        if self._traces is not None and receipt.kind in _ON_THE_PHONE:
            self._traces.arrived(receipt)
        mark, window = self._mark(receipt, receipt.kind), self._seen[receipt.proof]
        if window.get(mark):
            return False
        if receipt.kind is ReceiptKind.SUSPECT and window.get(self._mark(receipt, ReceiptKind.UNREGISTERED)):
            return False
        window[mark] = True
        if len(window) > WINDOW:
            window.popitem(last=False)
        return True

    def _mark(self, receipt: Receipt, kind: ReceiptKind) -> int:
        text = _what_repeats(receipt, kind)
        return int.from_bytes(hashlib.blake2b(text, digest_size=8, key=self._key).digest(), "big")

    def _report(self, certificate_id: str, found: ReceivedReceipts) -> None:
        event = ReceiptsReceived(
            certificate_id=certificate_id,
            brand=self._lanes.brand(certificate_id),
            fresh=len(found.receipts),
            kinds=tuple(Counter(receipt.kind for receipt in found.receipts).most_common()),
            duplicates=found.duplicates,
            forged=found.forged,
            unreadable=found.unreadable,
        )
        self._emitter.emit(event, found.detail)


_ON_THE_PHONE = (ReceiptKind.ARRIVED, ReceiptKind.CLICKED)
"""Kinds of a push that has reached its phone."""


@safe_repr
@attrs.frozen
class _Posted:
    """What the plug-in read from a request, and how its receipts are proved."""

    receipts: Sequence[Receipt | None] = attrs.field(repr=False)
    is_signed: bool
    """The vendor signs, and the plug-in has checked it."""
    brings_parameter: bool
    """The vendor returns the parameter that was sent with the push."""

    def verified(self, receipt: Receipt, signer: ReceiptSigner | None) -> Receipt | None:
        """The receipt with its dedupe id and `proof`, whatever the plug-in has set there; None if it is forged."""
        receipt = _without_odd_replacement(receipt)
        marked = signer.verify(receipt) if signer is not None and self.brings_parameter else None
        if self.is_signed:
            return attrs.evolve(receipt, dedupe_id="" if marked is None else marked.dedupe_id, proof=Proof.VENDOR)
        if signer is None or not self.brings_parameter:
            return attrs.evolve(receipt, dedupe_id="", proof=Proof.NONE)
        return marked


def _what_repeats(receipt: Receipt, kind: ReceiptKind) -> bytes:
    """What a repeat has in common with the first: what is bound, and the kind; without a proof, everything. The vendor
    may report one kind twice of one push, so its signed time belongs to it. Without a proof, a push that is on its
    phone is known by the vendor's ids alone: that contradicts a dead token, whatever event and parameter the two
    receipts have."""
    token, key = receipt.push_token.token, receipt.push_token.certificate_id
    parts = [bound_name(receipt.parameter)]
    if receipt.proof is Proof.VENDOR:
        parts = [receipt.message_id or "", receipt.task_id or "", repr(receipt.at)]
    elif receipt.proof is Proof.NONE and kind in _ON_THE_PHONE and receipt.message_id:
        parts = [receipt.message_id, receipt.task_id or ""]
    elif receipt.proof is Proof.NONE:
        parts = [receipt.message_id or "", receipt.task_id or "", receipt.parameter, receipt.event]
    return "\0".join((key, kind.value, token, *parts)).encode("utf-8", "surrogatepass")


def _repeated_by(receipt: Receipt) -> Sequence[ReceiptKind]:
    """The kinds that the same receipt has in other processes: a dead token is suspect where its push is not known."""
    return [receipt.kind, ReceiptKind.SUSPECT] if receipt.kind is ReceiptKind.UNREGISTERED else [receipt.kind]


def _shared_mark(receipt: Receipt, kind: ReceiptKind) -> str:
    """What all processes call a receipt. It is made without a key, which they would have to share, so it is longer:
    nobody can make two receipts that have the same."""
    text = f"{receipt.proof.value}\0".encode() + _what_repeats(receipt, kind)
    return hashlib.blake2b(text, digest_size=16, person=b"pushgateway").hexdigest()


def _without_odd_replacement(receipt: Receipt) -> Receipt:
    """Only a dead token can have a replacement, which is another one."""
    if receipt.replacement is None:
        return receipt
    if receipt.kind is ReceiptKind.UNREGISTERED and receipt.replacement != receipt.push_token:
        return receipt
    return attrs.evolve(receipt, replacement=None)


def _is_of(receipt: Receipt, certificate_id: str) -> bool:
    """Whether this is a receipt of that certificate, with a replacement of the same if it has one, and with fields of
    the right types."""
    if not isinstance(receipt, Receipt) or receipt.push_token.certificate_id != certificate_id:
        return False
    other, at = receipt.replacement, receipt.at
    if not (other is None or (isinstance(other, PushToken) and other.certificate_id == certificate_id)):
        return False
    texts = (receipt.event, receipt.parameter, receipt.message_id or "", receipt.task_id or "")
    if set(map(type, texts)) != {str} or not isinstance(receipt.kind, ReceiptKind):
        return False
    return at is None or (isinstance(at, int | float) and not isinstance(at, bool) and math.isfinite(at))
