"""Values of the gateway as sentences for people, and as dicts for `--json`.

Pure. Every reason has one sentence, in one table (`Reason.advice`). Control characters are removed
from what comes from a vendor, because it is printed on a terminal, and a token in it is shortened. `console` prints.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime, tzinfo
from gettext import gettext as _
from typing import Any, TypeGuard

from pushgateway.cli.language import mark
from pushgateway.engine.explain import Explanation
from pushgateway.model.outcome import BroadcastOutcome, CertificateCheck, Outcome
from pushgateway.model.reason import Reason, Status, SumStatus
from pushgateway.model.secret import mask

ENDINGS: Mapping[Status, str] = {
    Status.ACCEPTED: mark("the vendor accepted it; only a receipt shows whether it reached the phone"),
    Status.REJECTED: mark("the vendor refused it; it was not delivered"),
    Status.NOT_SENT: mark("no complete request left this machine; it was not delivered"),
    Status.UNKNOWN: mark("the request was sent, but no readable reply came; it may have been delivered"),
}
"""What each status means for the phone."""

CHECK_ADVICE: tuple[tuple[str, str], ...] = (
    ("dns:", mark("check the spelling of the host, and whether this machine can resolve names")),
    (
        "tls: the server's certificate",
        mark("check the host; if it uses a certificate authority of your own, name it with --ca-file"),
    ),
    (
        "tls:",
        mark("check whether a proxy or firewall between this machine and the vendor replies in the vendor's place"),
    ),
    ("connect:", mark("check whether this machine can reach the vendor: firewall, proxy, the certificate's host")),
    ("proxy:", mark("check the address and the credentials of the proxy")),
    ("timeout:", mark("the vendor did not answer in time; try again, or raise request_timeout")),
)
"""For a login that got no reply: what its detail begins with (after `login:`), and what to look at."""

REPEATED = mark("nobody: the vendor already has a push with this dedupe id, so it was delivered before")
FIX = mark("fix the settings of this certificate; keep the tokens, they are not the cause")
REPEAT = mark("the vendor was reached, but its reply to the login is not readable; try again later")
LATEST = 253_402_000_000.0
"""Shortly before the year 10000, which `datetime` does not know."""


def plain(text: str, *tokens: str) -> str:
    """A foreign text for a terminal: one line, no control character, the given tokens shortened, 300 characters."""
    for token in tokens:
        if token:
            text = text.replace(token, mask(token))
    return "".join(c if c.isprintable() else "\N{REPLACEMENT CHARACTER}" for c in text[:300])


def moment(at: object, zone: tzinfo | None) -> str:
    """Epoch seconds as date and time with the zone; `zone` None: the time of this machine."""
    if not is_moment(at):
        return _("(no time)")
    return datetime.fromtimestamp(at, UTC).astimezone(zone).isoformat(timespec="seconds")


def is_moment(at: object) -> TypeGuard[float]:
    """Whether it is a number of seconds that `datetime` can show; what is in a file or a database may be anything."""
    return not isinstance(at, bool) and isinstance(at, int | float) and math.isfinite(at) and 0 <= at < LATEST


PART = mark("you: send it again only to those that did not get it; the table says why for each")


def ending(outcome: Outcome | BroadcastOutcome) -> str:
    """What the status means for the phone, or how many phones of a broadcast ended so."""
    if isinstance(outcome.status, Status):
        return _(ENDINGS[outcome.status])
    counts = outcome.counts if isinstance(outcome, BroadcastOutcome) else {}
    accepted = sum(count for (status, _reason), count in counts.items() if status is Status.ACCEPTED)
    return _("part of it: {accepted} of {targets} accepted").format(accepted=accepted, targets=sum(counts.values()))


def advice(outcome: Outcome | BroadcastOutcome) -> str | None:
    """Who must act, and how; None when it was accepted."""
    if outcome.reason is None:
        return None
    if outcome.status is SumStatus.PARTLY:
        return PART
    return REPEATED if isinstance(outcome, Outcome) and outcome.repeated else outcome.reason.advice


def check_advice(check: CertificateCheck) -> str:
    """What to do about a certificate that is not in order; "" when it is."""
    if check.ok:
        return ""
    detail = check.detail.removeprefix("login: ")
    for beginning, advice in CHECK_ADVICE:
        if detail.startswith(beginning):
            return advice
    if check.reason is Reason.CREDENTIALS:
        # A missing plug-in or certificate is no matter of settings, and its detail says what to do.
        return FIX if check.vendor_code is not None else ""
    return REPEAT if check.reason in (Reason.UNAVAILABLE, None) else check.reason.advice


def unused_proxies(environ: Mapping[str, str]) -> tuple[str, ...]:
    """Variables of the environment that name a proxy: other programs use it, the gateway does not."""
    names = ("HTTPS_PROXY", "https_proxy", "ALL_PROXY", "all_proxy")
    return tuple(name for name in names if environ.get(name))


def outcome_json(outcome: Outcome) -> dict[str, Any]:
    """An outcome for `--json`; the token is shortened."""
    token = outcome.push_token.token
    return {
        "certificate_id": outcome.push_token.certificate_id,
        "token": mask(token),
        "status": outcome.status.value,
        "reason": outcome.reason.value if outcome.reason else None,
        "advice": advice(outcome),
        "detail": plain(outcome.detail, token),
        "message_id": outcome.message_id,
        "vendor_code": outcome.vendor_code,
        "vendor_message": None if outcome.vendor_message is None else plain(outcome.vendor_message, token),
        "retry_after": outcome.retry_after,
        "attempts": outcome.attempts,
        "truncated": list(outcome.truncated),
        "omitted": list(outcome.omitted),
        "possible_duplicate": outcome.possible_duplicate,
        "repeated": outcome.repeated,
        "dedupe_id": outcome.dedupe_id,
    }


def broadcast_json(outcome: BroadcastOutcome, given: Sequence[str] = ()) -> dict[str, Any]:
    """A broadcast's outcome for `--json`, with one entry for each token where it was for tokens.

    A shortened token leads back to nobody, so each entry has its `index`: where the token first stands in `given`.
    """
    tokens = [one.push_token.token for one in outcome.outcomes]
    places = {token: len(given) - 1 - back for back, token in enumerate(reversed(given))}
    return {
        "certificate_id": outcome.certificate_id,
        "status": outcome.status.value,
        "reason": outcome.reason.value if outcome.reason else None,
        "advice": advice(outcome),
        "detail": plain(outcome.detail, *tokens),
        "message_id": outcome.message_id,
        "task_ids": list(outcome.task_ids),
        "vendor_code": outcome.vendor_code,
        "vendor_message": None if outcome.vendor_message is None else plain(outcome.vendor_message, *tokens),
        "retry_after": outcome.retry_after,
        "truncated": list(outcome.truncated),
        "omitted": list(outcome.omitted),
        "counts": [
            {"status": status.value, "reason": reason.value if reason else None, "count": count}
            for (status, reason), count in outcome.counts.items()
        ],
        "outcomes": [{"index": places.get(one.push_token.token), **outcome_json(one)} for one in outcome.outcomes],
    }


def check_json(check: CertificateCheck) -> dict[str, Any]:
    """A certificate's check for `--json`."""
    return {
        "certificate_id": check.certificate_id,
        "brand": check.brand,
        "ok": check.ok,
        "proved": check.proved,
        "reason": check.reason.value if check.reason else None,
        "vendor_code": check.vendor_code,
        "detail": plain(check.detail),
        "advice": check_advice(check) or None,
        "missing": [plain(sentence) for sentence in check.advice],
    }


def outcome_lines(outcome: Outcome | BroadcastOutcome) -> list[tuple[str, str]]:
    """(label, text) for people: what happened, why, who must act, what the vendor said."""
    tokens = [outcome.push_token.token] if isinstance(outcome, Outcome) else []
    lines = [(_("what happened"), ending(outcome))]
    if (todo := advice(outcome)) is not None:
        lines.append((_("who must act"), _(todo)))
    if outcome.detail:
        lines.append((_("why"), plain(outcome.detail, *tokens)))
    if outcome.vendor_code is not None:
        lines.append(
            (_("vendor says"), plain(f"{outcome.vendor_code} {outcome.vendor_message or ''}".strip(), *tokens))
        )
    if outcome.retry_after is not None:
        lines.append((_("try again"), _("after {seconds:g} seconds").format(seconds=outcome.retry_after)))
    if outcome.message_id is not None:
        lines.append((_("message id"), plain(outcome.message_id)))
    if outcome.truncated:
        lines.append((_("cut to fit"), ", ".join(outcome.truncated)))
    if outcome.omitted:
        lines.append((_("left out, because the vendor has no such thing"), ", ".join(outcome.omitted)))
    if isinstance(outcome, Outcome) and outcome.possible_duplicate:
        lines.append((_("twice?"), _("an attempt without a readable reply was repeated: the phone may show it twice")))
    return lines


def explanation_lines(explanation: Explanation, token: str) -> list[tuple[str, str]]:
    """(label, text) for people: certificate and server, how the push would end, and the rules for it."""
    brand = explanation.brand or _("unknown")
    lines = [(_("certificate"), f"{plain(explanation.certificate_id)} {brand} {explanation.dialect}".rstrip())]
    if explanation.outcome is not None:
        lines.append((_("would end"), f"{explanation.outcome.status.value}: {ending(explanation.outcome)}"))
        if (todo := advice(explanation.outcome)) is not None:
            lines.append((_("who must act"), _(todo)))
        lines.append((_("why"), plain(explanation.outcome.detail, token)))
    if explanation.region:
        lines.append((_("region"), explanation.region))
    if explanation.truncated:
        lines.append((_("cut to fit"), ", ".join(explanation.truncated)))
    if explanation.quota:
        lines.append((_("quota"), plain(explanation.quota)))
    within = _("{seconds:g} seconds").format(seconds=explanation.timeout)
    return [*lines, (_("priority"), explanation.priority.name.lower()), (_("time limit"), within)]
