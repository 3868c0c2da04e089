"""What vendors report later: read, believed or not, and taken once.

Law of this file: nothing is believed that our seal does not prove, where the certificate has one; nothing is taken
twice within a window of bounded memory. What comes in may be anything and come from anybody: it costs an answer, never
an exception, and nothing of it is quoted.
"""

from __future__ import annotations

import hashlib
import random
from collections import OrderedDict
from collections.abc import Callable, Iterable, Mapping, Sequence
from functools import cached_property

from pushgateway.certificates import Certificate
from pushgateway.errors import FieldError, Refused
from pushgateway.events import ReceiptsHeard
from pushgateway.masking import Secret, where
from pushgateway.outcome import Reason
from pushgateway.receipt import Heard, Receipt
from pushgateway.replies import MAX_POSTED
from pushgateway.roster import Roster
from pushgateway.seals import Seal
from pushgateway.tracing import Traces
from pushgateway.watching import Watch

WINDOW = 100_000
"""Receipts that are known again, of all certificates together; some 15 MB."""


class Hearing:
    """The receipts of one gateway."""

    def __init__(self, roster: Roster, watch: Watch, rng: random.Random, traces: Traces | None = None) -> None:
        self._roster = roster
        self._watch = watch
        self._rng = rng
        self._heard: OrderedDict[int, None] = OrderedDict()
        self._seals: dict[str, tuple[Certificate, Seal | None]] = {}
        self.listeners: list[Callable[[Receipt], None]] = [] if traces is None else [traces.heard]
        """Called with each receipt that is believed and new."""

    @cached_property
    def _key(self) -> bytes:
        return self._rng.getrandbits(128).to_bytes(16, "big")  # so that nobody can make two receipts look the same

    @cached_property
    def _nobody(self) -> Seal:
        return Seal("", "https://nobody.example", [Secret(f"{self._rng.getrandbits(128):032x}")])

    def admits(self, certificate_id: str, path_secret: str) -> bool:
        """Whether this is the secret part of the certificate's address; takes as long for no certificate as for one."""
        seal = self._seal(certificate_id)
        right = (seal or self._nobody).admits(path_secret)
        return right and seal is not None

    def hear(self, certificate_id: str, headers: Mapping[str, str], body: bytes) -> Heard:
        """What is new in a request of the vendor's."""
        if not isinstance(body, bytes | bytearray | memoryview):
            raise FieldError("body", f"must be bytes, is {type(body).__name__}")
        obstacle = self._roster.obstacle(certificate_id)
        if obstacle is not None:
            reason, detail = obstacle
            return Heard(reason=reason, detail=detail)
        read = self._read(certificate_id, headers, bytes(body))
        if isinstance(read, Heard):
            return read
        seal = self._seal(certificate_id)
        fresh: list[Receipt] = []
        duplicates = forged = unreadable = 0
        for one in read:
            if one is None:
                unreadable += 1
            elif (believed := one if seal is None else seal.opened(one)) is None:
                forged += 1
            elif not self._is_new(believed):
                duplicates += 1
            else:
                fresh.append(believed)
                for listener in self.listeners:
                    listener(believed)
        heard = Heard(receipts=tuple(fresh), duplicates=duplicates, forged=forged, unreadable=unreadable)
        self._tell(certificate_id, heard)
        return heard

    def forget(self, receipts: Iterable[Receipt]) -> None:
        """These could not be kept: when they come again, they are new again."""
        for receipt in receipts:
            self._heard.pop(self._mark(receipt), None)

    def _read(self, key: str, headers: Mapping[str, str], body: bytes) -> Sequence[Receipt | None] | Heard:
        vendor = self._roster.vendor(key)
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
            heard = Heard(unreadable=1, reason=refused.reason, detail=refused.detail)
        except Exception as broken:
            sentence = f"the {self._roster.brand(key)} plug-in broke its contract: {where(broken)}"
            self._watch.complain(f"certificate {key}: {sentence}")
            heard = Heard(unreadable=1, reason=Reason.CREDENTIALS, detail=sentence)
        else:
            return read
        self._tell(key, heard)
        return heard

    def _seal(self, key: str) -> Seal | None:
        certificate = self._roster.certificate(key)
        if certificate is None:
            self._seals.pop(key, None)
            return None
        known = self._seals.get(key)
        if known is None or known[0] is not certificate:
            known = self._seals[key] = (certificate, certificate.seal)
        return known[1]

    def _is_new(self, receipt: Receipt) -> bool:
        mark = self._mark(receipt)
        if mark in self._heard:
            return False
        self._heard[mark] = None
        if len(self._heard) > WINDOW:
            self._heard.popitem(last=False)
        return True

    def _mark(self, receipt: Receipt) -> int:
        token, key = receipt.push_token.token, receipt.push_token.certificate_id
        parts = (key, receipt.message_id or "", receipt.task_id or "", receipt.parameter, receipt.event, token)
        text = "\0".join(parts).encode("utf-8", "surrogatepass")
        return int.from_bytes(hashlib.blake2b(text, digest_size=8, key=self._key).digest(), "big")

    def _tell(self, certificate_id: str, heard: Heard) -> None:
        event = ReceiptsHeard(
            certificate_id=certificate_id,
            brand=self._roster.brand(certificate_id),
            fresh=len(heard.receipts),
            duplicates=heard.duplicates,
            forged=heard.forged,
            unreadable=heard.unreadable,
        )
        self._watch.emit(event, heard.detail)
