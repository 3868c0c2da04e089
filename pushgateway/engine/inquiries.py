"""What a gateway tells without sending: what it would send and why, and what became of what it sent.

Law of this file: nothing here waits, sends or changes anything, so it may be asked before the first call, after the
last, and from any thread.
"""

from __future__ import annotations

import asyncio
import contextlib
import time
from collections.abc import Callable

from pushgateway.certificates.certificate import Certificate
from pushgateway.engine.explain import NEW_ID, Explanation, explain, explain_obstacle
from pushgateway.engine.hiding import secrets_of
from pushgateway.engine.lanes import Lanes
from pushgateway.engine.pushes.ids import derived
from pushgateway.engine.receipts import ReceiptVerifier
from pushgateway.engine.session.claims import receipt_audiences
from pushgateway.model.audience import Broadcast, check_display, check_start
from pushgateway.model.checks import as_certificate_id
from pushgateway.model.errors import FieldError
from pushgateway.model.push import Push
from pushgateway.model.reason import Reason
from pushgateway.observe.journal import Journal
from pushgateway.observe.traces import Trace, Traces

BROADCAST_TIMEOUT = 300.0
"""Seconds, as `Gateway.broadcast` has them."""


def make_traces(trace: int, journal: Journal | None, clock: Callable[[], float]) -> Traces | None:
    """What keeps the last `trace` lives and writes the journal, if either is asked for. Raises `FieldError`."""
    if isinstance(trace, bool) or not isinstance(trace, int) or trace < 0:
        raise FieldError("Gateway.trace", "must be a whole number, 0 or more")
    if journal is not None and not isinstance(journal, Journal):
        raise FieldError("Gateway.journal", f"must be a Journal, is {type(journal).__name__}")
    if not trace and journal is None:
        return None
    traces = Traces(trace, now=_now, clock=clock)
    if journal is not None:
        traces.subscribe(journal.note, journal.note_receipt)
    return traces


def _now() -> float:
    try:
        return asyncio.get_running_loop().time()
    except RuntimeError:  # asked from another thread: asyncio's loops have this clock
        return time.monotonic()


class Inquiries:
    """The part of a gateway that answers questions."""

    _lanes: Lanes
    _verifier: ReceiptVerifier
    _timeout: float
    _clock: Callable[[], float]
    _traces: Traces | None

    def explain(self, asked: Push | Broadcast) -> Explanation:
        """What sending this would do, without sending anything: the exact request, what is cut, which rules decide.

        A push is explained as it goes alone; together with others it is the same message in a longer request. The
        access token stands as a word, and so do an id that is only made when it is sent and every secret of the
        certificate, the secret part of its receipt URL too. Raises only `FieldError`.
        """
        if not isinstance(asked, Push | Broadcast):
            raise FieldError("asked", f"must be a Push or a Broadcast, is {type(asked).__name__}")
        if isinstance(asked, Push):
            key, timeout = asked.push_token.certificate_id, asked.timeout or self._timeout
            if not asked.dedupe_id:
                message = asked.notification.dedupe_id
                asked = asked.identified(derived(asked.push_token, message) if message else NEW_ID)
        else:
            key, timeout = asked.certificate_id, BROADCAST_TIMEOUT
            check_start("Broadcast.start_at", asked.start_at, self._clock)
            check_display(asked, self._clock)
        obstacle, vendor = self._lanes.obstacle(key), self._lanes.vendor(key)
        if obstacle is not None or vendor is None:
            obstacle = obstacle or (Reason.CREDENTIALS, "there is no plug-in")
            return explain_obstacle(asked, self._lanes.brand(key), obstacle, timeout)
        certificate = self._lanes.certificate(key)
        signer = None if certificate is None else certificate.signer
        hidden = [] if certificate is None else [one.reveal() for one in secrets_of(certificate)]
        hidden += [] if signer is None else signer.hidden
        if signer is not None and isinstance(asked, Push):
            asked = signer.on(asked)
            hidden += [] if asked.callback is None else [asked.callback.parameter.rpartition(".")[2]]
        elif signer is not None and isinstance(asked, Broadcast):
            with contextlib.suppress(Exception):  # of a plug-in whose answer is wrong: `explain` blames it
                if asked.audience.kind in receipt_audiences(vendor):
                    sealed = signer.on_broadcast(asked, NEW_ID)
                    if sealed is not asked:
                        hidden.append((sealed.notification.receipt_parameter or "").rpartition(".")[2])
                    asked = sealed
        return explain(asked, vendor, timeout, hidden)

    def trace(self, dedupe_id: str) -> Trace | None:
        """The life of the push with this id (`Outcome.dedupe_id`): queued, gathered, sent, heard of; and why it was
        lost and who must act.

        None while it has no outcome, when it never came in, and when `Gateway(trace=…)` others ended after it.
        """
        return None if self._traces is None else self._traces.find(dedupe_id)

    def admits(self, certificate_id: int | str, path_secret: str) -> bool:
        """Whether this is the secret last part of a certificate's receipt URL; compared in constant time."""
        return self._verifier.admits(as_certificate_id(certificate_id), path_secret)

    @property
    def certificates(self) -> tuple[Certificate, ...]:
        """The set in use."""
        return self._lanes.certificates
