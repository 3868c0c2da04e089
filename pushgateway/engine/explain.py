"""What would be sent, and by which rules: without sending anything. Used by `Gateway.explain`.

Nothing here waits, sends or changes anything. The plug-in's own exchange is begun and left at its first request, so
what is shown is what would be sent; only the access token, which is not there yet, and the secrets of the certificate
are replaced by words. What a plug-in does beyond its contract is an outcome here too. A `repr` shows no token and no
content.
"""

from __future__ import annotations

import contextlib
from collections.abc import Callable
from typing import Any, Final
from urllib.parse import urlsplit

import attrs

from pushgateway.certificates.receipt_signing import ReceiptSigner
from pushgateway.engine.broadcast import ended, parts
from pushgateway.engine.hiding import Hider, secrets_of
from pushgateway.engine.lanes import Lanes
from pushgateway.engine.pushes.ids import derived, message_ids
from pushgateway.engine.session.plugin_guard import GuardedVendor, as_request, as_saved, guarded
from pushgateway.engine.session.vendor_session import MAX_CHECKPOINTS
from pushgateway.model.audience import Broadcast, check_display, check_start
from pushgateway.model.batch import Batch
from pushgateway.model.intent import Priority
from pushgateway.model.notification import Notification
from pushgateway.model.outcome import BroadcastOutcome, CertificateCheck, Outcome
from pushgateway.model.push import CallBack, Push, PushToken
from pushgateway.model.reason import Reason, Status
from pushgateway.model.secret import safe_repr
from pushgateway.vendor import Saved, Vendor
from pushgateway.vendor.exchange import AccessToken, Exchange, Request
from pushgateway.vendor.refusals import NoVerdict, Refused
from pushgateway.vendor.ruling import Ruling

ACCESS_TOKEN: Final = "ACCESS-TOKEN-NOT-SHOWN"  # noqa: S105 - opens nothing
"""Stands in an explained request where the access token will be."""
SAVED_ID: Final = "ID-OF-THE-SAVED-CONTENT"
"""Stands in the second request, of a broadcast or of a push, where the first one's answer will be."""
NEW_ID: Final = "0" * 32
"""Stands for the dedupe id of a push that has none: each gets a new one when it is sent."""
ANY_TOKEN: Final = "0" * 32
"""Stands for the token of no phone in particular. A vendor may know that it is none of its own."""
BROADCAST_TIMEOUT = 300.0
"""Seconds, the default of `Gateway.broadcast`."""


@safe_repr
@attrs.frozen(kw_only=True, repr=False)
class Explanation:
    """What sending would do, and why. `requests` hold token and content, as they would be sent; a `repr` does not."""

    certificate_id: str
    brand: str | None
    """None: there is no such certificate."""
    dialect: str = ""
    """Which generation of the vendor's interface the certificate speaks; "" where there is one."""
    region: str = ""
    """Key of the vendor's host; "" where there is one for all."""
    operation: str = ""
    """The vendor's name of the call that delivers it."""
    requests: tuple[Request, ...] = ()
    """What would leave, in order: one for a push; for a broadcast what saves its content, where the vendor wants that,
    and what sends it to its first part. Empty when nothing would leave."""
    more_parts: int = 0
    """Further requests of a broadcast, for the rest of its audience."""
    outcome: Outcome | BroadcastOutcome | None = None
    """How it would end here, without a request. None: the vendor decides."""
    rulings: tuple[Ruling, ...] = ()
    """The rules that decide about it, each with its source and date, as the plug-in gives them."""
    quota: str = ""
    """The class of daily quota it counts against; "" where there is one for all."""
    priority: Priority
    """Its place among the certificate's pushes that have to wait."""
    timeout: float
    """Seconds from the call until its outcome must be there."""

    @property
    def request(self) -> Request | None:
        """The first request that would leave."""
        return self.requests[0] if self.requests else None

    @property
    def host(self) -> str:
        """The server that it would go to, such as `https://api.push.oppomobile.com`; "" when nothing would leave."""
        if not self.requests:
            return ""
        parts = urlsplit(self.requests[0].url)
        return f"{parts.scheme}://{parts.netloc}"

    @property
    def truncated(self) -> tuple[str, ...]:
        """Names of the fields that would be cut, as in `Outcome.truncated`."""
        return tuple(ruling.field for ruling in self.rulings if ruling.effect == "cut")

    def __repr__(self) -> str:
        ending = "" if self.outcome is None else f", {self.outcome.status.value}"
        call = f"{self.operation or 'nothing'} to {self.host or 'nobody'}"
        return f"Explanation({self.certificate_id!r}, {self.brand}, {call}, {len(self.rulings)} rulings{ending})"


def explain(asked: Push | Broadcast, lanes: Lanes, timeout: float, clock: Callable[[], float]) -> Explanation:
    """What sending this would do, by the certificates in use. `timeout`: seconds for a push that names none. `clock`:
    wall clock, epoch seconds.

    Every secret of the certificate and of the plug-in's settings is replaced by a word wherever it stands. Raises
    `FieldError` for a broadcast that cannot be shown any more.
    """
    if isinstance(asked, Push):
        key, timeout = asked.push_token.certificate_id, asked.timeout or timeout
        if not asked.dedupe_id:
            message = asked.notification.dedupe_id
            asked = asked.with_dedupe_id(derived(asked.push_token, message) if message else NEW_ID)
    else:
        key, timeout = asked.certificate_id, BROADCAST_TIMEOUT
        check_start("Broadcast.start_at", asked.start_at, clock)
        check_display(asked, clock)
    obstacle, certificate, vendor = lanes.obstacle(key), lanes.certificate(key), lanes.vendor(key)
    if obstacle is not None or certificate is None or vendor is None:
        obstacle = obstacle or (Reason.CREDENTIALS, "there is no plug-in")
        return Explanation(
            certificate_id=key,
            brand=lanes.brand(key),
            outcome=_not_sent(asked, *obstacle),
            priority=_priority(asked),
            timeout=timeout,
        )
    guard = GuardedVendor(vendor, key, _ignore)
    asked, callback = _signed_for_receipts(asked, certificate.signer, guard)
    secrets = [one.reveal() for one in (*secrets_of(vendor), *secrets_of(certificate))]
    if certificate.signer is not None:
        secrets += certificate.signer.hidden
    if callback is not None:
        secrets.append(callback.parameter.rpartition(".")[2])
    now = clock() if guard.finishes else 0.0
    return _without_secrets(_explained(asked, callback, guard, timeout, now), Hider(secrets))


def with_plain_push(check: CertificateCheck, explained: Callable[[Push], Explanation]) -> CertificateCheck:
    """The check of a certificate, with a sentence more in its advice if a notification with nothing but a title and a
    body would end `INVALID_NOTIFICATION` before it left. That is advice and no fault, because the host's notifications
    may carry more, such as a channel that the vendor wants.
    """
    plain = explained(Push(PushToken(check.certificate_id, ANY_TOKEN), Notification("title", "body")))
    if plain.outcome is None or plain.outcome.reason is not Reason.INVALID_NOTIFICATION:
        return check
    sentence = f"a notification with only a title and a body would not leave: {plain.outcome.detail}"
    return attrs.evolve(check, advice=(*check.advice, sentence))


def _ignore(sentence: str) -> None:
    """Nothing is logged: what a plug-in does wrong stands in the explanation."""


def _signed_for_receipts(
    asked: Push | Broadcast, signer: ReceiptSigner | None, vendor: GuardedVendor
) -> tuple[Push | Broadcast, CallBack | None]:
    """With its mark for receipts, where the certificate asks for them; and address and parameter of that mark, which
    for some vendors are of the request and not of the push."""
    if signer is None:
        return asked, None
    if isinstance(asked, Push):
        if vendor.marks == "push":
            asked = signer.sign(asked)
            return asked, asked.callback
        batch = Batch.of([asked])
        if vendor.marks == "message":
            signer.sign_batch(batch)
        return asked, batch.callback
    with contextlib.suppress(Exception):  # of a plug-in whose answer is wrong: `_explained` reports it
        if asked.audience.kind in vendor.receipt_audiences:
            signed = signer.sign_broadcast(asked, NEW_ID)
            if signed is not asked:
                note = signed.notification
                return signed, CallBack(note.receipt_url or "", note.receipt_parameter or "")
    return asked, None


def _explained(
    asked: Push | Broadcast, callback: CallBack | None, vendor: GuardedVendor, timeout: float, now: float
) -> Explanation:
    found: dict[str, Any] = {}
    try:
        found["dialect"] = vendor.dialect
        if isinstance(asked, Push):
            found["quota"] = vendor.quota(asked.notification)
        else:
            found["quota"] = vendor.broadcast_quota(asked)
        found["rulings"] = vendor.rulings(asked)
        if isinstance(asked, Push):
            found |= _of_push(asked, callback, vendor, now)
        else:
            found |= _of_broadcast(asked, vendor, now)
    except (Refused, NoVerdict) as refused:
        reason = refused.reason if isinstance(refused, Refused) else Reason.UNAVAILABLE
        found["outcome"] = _not_sent(asked, reason, refused.detail)
    except BaseException as broken:
        found["outcome"] = _not_sent(asked, Reason.CREDENTIALS, vendor.blame(broken))
    return Explanation(
        certificate_id=_key(asked), brand=vendor.brand, priority=_priority(asked), timeout=timeout, **found
    )


def _without_secrets(found: Explanation, hider: Hider) -> Explanation:
    outcome = found.outcome
    if outcome is not None:
        outcome = attrs.evolve(outcome, detail=hider.text(outcome.detail))
    return attrs.evolve(
        found,
        region=hider.text(found.region),
        operation=hider.text(found.operation),
        quota=hider.text(found.quota),
        requests=tuple(
            Request(
                one.method,
                hider.text(one.url),
                {hider.text(name): hider.text(value) for name, value in one.headers.items()},
                hider.content(one.content),
            )
            for one in found.requests
        ),
        outcome=outcome,
        rulings=tuple(
            attrs.evolve(one, field=hider.text(one.field), verdict=hider.text(one.verdict)) for one in found.rulings
        ),
    )


def _of_push(push: Push, callback: CallBack | None, vendor: GuardedVendor, now: float) -> dict[str, Any]:
    region = vendor.region(push.push_token.token)
    batch = Batch.of([push])
    batch.callback = callback if vendor.marks == "message" else None
    if vendor.deduplicates == "message":
        batch.under(message_ids(batch.notifications, batch.dedupe_ids, push.push_token.certificate_id))
    requests: list[Request] = []
    if vendor.batching.saves and vendor.batching.least == 1:
        request, result = _first(vendor.plugin.save_push(push.notification, batch.callback, region))
        requests += [] if request is None else [request]
        batch.saved = Saved(SAVED_ID) if request is not None else as_saved("save_push()", result)
    request, result = _first(vendor.plugin.push(batch))
    if request is None:
        (outcome,) = result
        return {"region": region, "outcome": outcome}
    return {
        "region": region,
        "operation": vendor.operation(request),
        "requests": tuple(_finished(one, vendor.plugin, region, now) for one in (*requests, request)),
    }


def _of_broadcast(broadcast: Broadcast, vendor: GuardedVendor, now: float) -> dict[str, Any]:
    kind, plugin = broadcast.audience.kind, vendor.plugin
    if kind not in vendor.audiences:
        raise Refused(Reason.UNSUPPORTED, detail=f"{vendor.brand} has no broadcast to {kind.value}")
    (region, part), *rest = parts(vendor, broadcast.audience)
    first = attrs.evolve(broadcast, audience=part)
    saving, saved = plugin.save(first), ""
    requests: list[Request] = []
    if saving is not None:
        request, result = _first(saving)
        saved = SAVED_ID if request is not None else as_saved("save()", result).id
        requests += [] if request is None else [request]
    request, result = _first(plugin.broadcast(first, saved))
    if request is None:
        return {"region": region, "outcome": result}
    return {
        "region": region,
        "operation": vendor.operation(request),
        "requests": tuple(_finished(one, plugin, region, now) for one in (*requests, request)),
        "more_parts": len(rest),
    }


def _first(exchange: Exchange[Any]) -> tuple[Request | None, Any]:
    """Its first request, or its result when it asks nothing. It goes no further."""
    try:
        for _ in range(MAX_CHECKPOINTS):
            request = guarded(next, exchange)
            if request is not None:
                return as_request("the exchange", request), None
    except StopIteration as done:
        return None, done.value
    finally:
        exchange.close()
    raise RuntimeError("an exchange with too many yields")


def _finished(request: Request, vendor: Vendor, region: str, now: float) -> Request:
    """As the plug-in finishes it, with a word in the place of the access token. `now`: epoch seconds by our clock,
    because that of the vendor is not known."""
    login, access = guarded(vendor.login, region, now), None
    if login is not None:
        login.close()  # only to know whether there is one
        access = AccessToken(ACCESS_TOKEN, 86400.0)
    return as_request("finish()", guarded(vendor.finish, request, access, now))


def _not_sent(asked: Push | Broadcast, reason: Reason, detail: str) -> Outcome | BroadcastOutcome:
    if isinstance(asked, Push):
        return Outcome.not_sent(asked, reason, detail)
    return ended(asked, asked.audience, Status.NOT_SENT, reason, detail)


def _key(asked: Push | Broadcast) -> str:
    return asked.push_token.certificate_id if isinstance(asked, Push) else asked.certificate_id


def _priority(asked: Push | Broadcast) -> Priority:
    if isinstance(asked, Push):
        return asked.priority
    intent = asked.notification.intent
    return Priority.NORMAL if intent is None else intent.priority
