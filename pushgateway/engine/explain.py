"""What would be sent, and by which rules: without sending anything.

Pure. The plug-in's own exchange is begun and left at its first request, so what is told here cannot be another thing
than what is sent; only the access token, which is not there yet, and the secrets of the certificate stand as words.
What a plug-in does beyond its contract is an outcome here too. A `repr` shows no token and no content.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, Final
from urllib.parse import urlsplit

import attrs

from pushgateway.engine.broadcast import ended, parts
from pushgateway.engine.hiding import Hider, secrets_of
from pushgateway.engine.session import claims
from pushgateway.engine.session.vendor_session import MAX_BREATHS
from pushgateway.model.audience import Broadcast
from pushgateway.model.intent import Priority
from pushgateway.model.outcome import BroadcastOutcome, Outcome
from pushgateway.model.push import Push
from pushgateway.model.reason import Reason, Status
from pushgateway.model.secret import safe_repr, where
from pushgateway.vendor import Vendor
from pushgateway.vendor.exchange import AccessToken, Exchange, Request
from pushgateway.vendor.refusals import NoVerdict, Refused
from pushgateway.vendor.ruling import Ruling

ACCESS_TOKEN: Final = "ACCESS-TOKEN-NOT-SHOWN"  # noqa: S105 - opens nothing
"""Stands in an explained request where the access token will be."""
SAVED_ID: Final = "ID-OF-THE-SAVED-CONTENT"
"""Stands in the second request of a broadcast where the first one's answer will be."""
NEW_ID: Final = "0" * 32
"""Stands for the dedupe id of a push that has none: each gets a new one when it is sent."""


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
    """The rules that decide about it, each with its source and date, as the plug-in tells them."""
    quota: str = ""
    """The class of daily quota it counts against; "" where there is one for all."""
    priority: Priority
    """Its place among the pushes of the certificate that have to wait."""
    timeout: float
    """Seconds from the call until its outcome must be there."""

    @property
    def request(self) -> Request | None:
        """The first request that would leave."""
        return self.requests[0] if self.requests else None

    @property
    def host(self) -> str:
        """Whom it would go to, such as `https://api.push.oppomobile.com`; "" when nothing would leave."""
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


def explain_obstacle(
    asked: Push | Broadcast, brand: str | None, obstacle: tuple[Reason, str], timeout: float
) -> Explanation:
    """What stands in the way of everything that this certificate would send."""
    return Explanation(
        certificate_id=_key(asked),
        brand=brand,
        outcome=_not_sent(asked, *obstacle),
        priority=_priority(asked),
        timeout=timeout,
    )


def explain(asked: Push | Broadcast, vendor: Vendor, timeout: float, hidden: Iterable[str] = ()) -> Explanation:
    """What this plug-in makes of a push or a broadcast. `timeout`: seconds until its outcome must be there.

    Every `Secret` of the plug-in's settings, and each text of `hidden`, is replaced by a word wherever it stands.
    """
    return _without_secrets(
        _explained(asked, vendor, timeout), Hider([*(one.reveal() for one in secrets_of(vendor)), *hidden])
    )


def _explained(asked: Push | Broadcast, vendor: Vendor, timeout: float) -> Explanation:
    found: dict[str, Any] = {}
    try:
        found["dialect"] = claims.dialect(vendor)
        found["quota"] = claims.quota(vendor, asked.notification)
        found["rulings"] = claims.rulings(claims.asked(vendor.rulings, asked))
        found |= _of_push(asked, vendor) if isinstance(asked, Push) else _of_broadcast(asked, vendor)
    except (Refused, NoVerdict) as refused:
        reason = refused.reason if isinstance(refused, Refused) else Reason.UNAVAILABLE
        found["outcome"] = _not_sent(asked, reason, refused.detail)
    except BaseException as broken:
        claims.passed_on(broken)
        what = str(broken) if isinstance(broken, claims.BrokenPromise) else where(broken)
        sentence = f"the {vendor.brand} plug-in broke its contract: {what}"
        found["outcome"] = _not_sent(asked, Reason.CREDENTIALS, sentence)
    return Explanation(
        certificate_id=_key(asked), brand=vendor.brand, priority=_priority(asked), timeout=timeout, **found
    )


def _without_secrets(told: Explanation, hider: Hider) -> Explanation:
    outcome = told.outcome
    if outcome is not None:
        outcome = attrs.evolve(outcome, detail=hider.text(outcome.detail))
    return attrs.evolve(
        told,
        region=hider.text(told.region),
        operation=hider.text(told.operation),
        quota=hider.text(told.quota),
        requests=tuple(
            Request(
                one.method,
                hider.text(one.url),
                {hider.text(name): hider.text(value) for name, value in one.headers.items()},
                hider.content(one.content),
            )
            for one in told.requests
        ),
        outcome=outcome,
        rulings=tuple(
            attrs.evolve(one, field=hider.text(one.field), verdict=hider.text(one.verdict)) for one in told.rulings
        ),
    )


def _of_push(push: Push, vendor: Vendor) -> dict[str, Any]:
    region = claims.region(vendor, push.push_token.token)
    request, result = _first(vendor.push([push]))
    if request is None:
        (outcome,) = result
        return {"region": region, "outcome": outcome}
    operation = claims.operation(vendor, request)
    return {"region": region, "operation": operation, "requests": (_signed(request, vendor, region),)}


def _of_broadcast(broadcast: Broadcast, vendor: Vendor) -> dict[str, Any]:
    kind = broadcast.audience.kind
    if kind not in claims.audiences(vendor):
        raise Refused(Reason.UNSUPPORTED, detail=f"{vendor.brand} has no broadcast to {kind.value}")
    (region, part), *rest = parts(vendor, broadcast.audience)
    first = attrs.evolve(broadcast, audience=part)
    saving, saved = vendor.save(first), ""
    requests: list[Request] = []
    if saving is not None:
        request, result = _first(saving)
        saved = SAVED_ID if request is not None else result[0]
        requests += [] if request is None else [request]
    request, result = _first(vendor.broadcast(first, saved))
    if request is None:
        return {"region": region, "outcome": result}
    return {
        "region": region,
        "operation": claims.operation(vendor, request),
        "requests": tuple(_signed(one, vendor, region) for one in (*requests, request)),
        "more_parts": len(rest),
    }


def _first(exchange: Exchange[Any]) -> tuple[Request | None, Any]:
    """Its first request, or its result when it asks nothing. It goes no further."""
    try:
        for _ in range(MAX_BREATHS):
            request = claims.asked(next, exchange)
            if request is not None:
                return claims.request("the exchange", request), None
    except StopIteration as done:
        return None, done.value
    finally:
        exchange.close()
    raise RuntimeError("an exchange with too many yields")


def _signed(request: Request, vendor: Vendor, region: str) -> Request:
    login = vendor.login(region, 0.0)
    if login is None:
        return request
    login.close()  # only asked whether there is one
    return vendor.authorize(request, AccessToken(ACCESS_TOKEN, 86400.0))


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
