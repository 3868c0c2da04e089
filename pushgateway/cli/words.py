"""Outcomes in words: what happened, and who must act.

Law of this file: pure; values of the gateway in, sentences and JSON-ready dicts out. Every reason has one sentence, in
one table (`pushgateway.advice`). What comes from a vendor is made harmless for a terminal, and a token in it is
shortened.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from pushgateway.advice import ADVICE
from pushgateway.explaining import Explanation
from pushgateway.masking import mask
from pushgateway.outcome import BroadcastOutcome, CertificateCheck, Outcome, Reason, Status

ENDINGS: Mapping[Status, str] = {
    Status.ACCEPTED: "the vendor took it; whether the phone showed it, only a receipt can tell",
    Status.REJECTED: "the vendor refused it; nobody got it",
    Status.NOT_SENT: "no complete request left this machine; nobody got it",
    Status.UNKNOWN: "the request left and no readable verdict came; somebody may have got it",
}
"""What each status means for the phone."""

CHECK_ADVICE: tuple[tuple[str, str], ...] = (
    ("dns:", "is the host spelled right, and does this machine resolve names?"),
    ("tls: the server's certificate", "is this the right host? trust an authority of your own with --ca-file"),
    ("tls:", "does something between here and the vendor answer in its place?"),
    ("connect:", "may this machine reach the vendor? look at firewall, proxy and the certificate's host"),
    ("proxy:", "is the proxy right?"),
    ("timeout:", "the vendor was too slow; try again, or raise request_timeout"),
)
"""For a login that got no reply: what its detail begins with (after `login:`), and what to look at."""

REPEATED = "nobody: the vendor has a push with this dedupe id already, so the phone got it"
FIX = "fix the settings of this certificate; tokens are not to blame, keep them"
REPEAT = "the vendor was reached and gave no verdict on the login; try again later"


def plain(text: str, *tokens: str) -> str:
    """A foreign text for a terminal: one line, no control character, the given tokens shortened, 300 characters."""
    for token in tokens:
        if token:
            text = text.replace(token, mask(token))
    return "".join(c if c.isprintable() else "\N{REPLACEMENT CHARACTER}" for c in text[:300])


def advice(outcome: Outcome | BroadcastOutcome) -> str | None:
    """Who must act, and how; None when it was accepted."""
    if outcome.reason is None:
        return None
    return REPEATED if isinstance(outcome, Outcome) and outcome.repeated else ADVICE[outcome.reason]


def check_advice(check: CertificateCheck) -> str:
    """What to do about a certificate that is not in order; "" when it is."""
    if check.ok:
        return ""
    told = check.detail.removeprefix("login: ")
    for beginning, advice in CHECK_ADVICE:
        if told.startswith(beginning):
            return advice
    if check.reason is Reason.CREDENTIALS:
        # A missing plug-in or certificate is no matter of settings, and its detail says what to do.
        return FIX if check.vendor_code is not None else ""
    return REPEAT if check.reason in (Reason.UNAVAILABLE, None) else ADVICE[check.reason]


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
        "outcomes": [{"index": places.get(one.push_token.token), **outcome_json(one)} for one in outcome.outcomes],
    }


def check_json(check: CertificateCheck) -> dict[str, Any]:
    """A certificate's check for `--json`."""
    return {
        "certificate_id": check.certificate_id,
        "brand": check.brand,
        "ok": check.ok,
        "reason": check.reason.value if check.reason else None,
        "vendor_code": check.vendor_code,
        "detail": plain(check.detail),
        "advice": check_advice(check) or None,
        "missing": [plain(sentence) for sentence in check.advice],
    }


def outcome_lines(outcome: Outcome | BroadcastOutcome) -> list[tuple[str, str]]:
    """(label, text) for people: what happened, why, who acts, what the vendor said."""
    tokens = [outcome.push_token.token] if isinstance(outcome, Outcome) else []
    lines = [("what happened", ENDINGS[outcome.status])]
    if (todo := advice(outcome)) is not None:
        lines.append(("who must act", todo))
    if outcome.detail:
        lines.append(("why", plain(outcome.detail, *tokens)))
    if outcome.vendor_code is not None:
        lines.append(("vendor says", plain(f"{outcome.vendor_code} {outcome.vendor_message or ''}".strip(), *tokens)))
    if outcome.retry_after is not None:
        lines.append(("try again", f"after {outcome.retry_after:g} seconds"))
    if outcome.message_id is not None:
        lines.append(("message id", plain(outcome.message_id)))
    if outcome.truncated:
        lines.append(("cut to fit", ", ".join(outcome.truncated)))
    if isinstance(outcome, Outcome) and outcome.possible_duplicate:
        lines.append(("twice?", "an attempt without a verdict was repeated: the phone may show it twice"))
    return lines


def explanation_lines(told: Explanation, token: str) -> list[tuple[str, str]]:
    """(label, text) for people: which certificate and server, how it would end here, and what holds for it."""
    lines = [("certificate", f"{plain(told.certificate_id)} {told.brand or 'unknown'} {told.dialect}".rstrip())]
    if told.outcome is not None:
        lines.append(("would end", f"{told.outcome.status.value}: {ENDINGS[told.outcome.status]}"))
        if (todo := advice(told.outcome)) is not None:
            lines.append(("who must act", todo))
        lines.append(("why", plain(told.outcome.detail, token)))
    if told.region:
        lines.append(("region", told.region))
    if told.truncated:
        lines.append(("cut to fit", ", ".join(told.truncated)))
    if told.quota:
        lines.append(("counts against", plain(told.quota)))
    return [*lines, ("priority", told.priority.name.lower()), ("within", f"{told.timeout:g} seconds")]
