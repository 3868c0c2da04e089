"""`pushgateway why`: finds out where a push was lost that did not arrive, and who must act.

It checks what can be checked without a push to the phone, in the order in which a push is processed: settings, login,
token, what became of the push here (by journals), what the vendor's code means. Each result is a `Finding`: good, bad,
or neither. The token is shortened, also in the facts for the vendor's support, unless the user asks for it whole.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime, tzinfo
from gettext import gettext as _
from pathlib import Path
from typing import Any

import attrs
import click

from pushgateway.cli import options, records, render
from pushgateway.cli.exit_codes import Exit
from pushgateway.cli.language import mark
from pushgateway.config import Config
from pushgateway.model.errors import PluginError
from pushgateway.model.notification import Notification
from pushgateway.model.outcome import CertificateCheck, Outcome
from pushgateway.model.push import Push, PushToken
from pushgateway.model.reason import Reason
from pushgateway.model.secret import mask, safe_repr
from pushgateway.observe.journal import read_journal
from pushgateway.vendor import Vendor
from pushgateway.vendor.rules import CodeRule, load_rules

MOST = 20
"""Entries of journals that are shown; the last ones."""
_PROBE = Notification("probe", "never sent")


@safe_repr
@attrs.frozen
class Finding:
    """The result of one check."""

    about: str
    good: bool | None
    """None: neither good nor bad by itself."""
    text: str


def check_findings(check: CertificateCheck) -> Iterator[Finding]:
    """The result of the login, and what is missing in the settings."""
    code = _code(check.vendor_code)
    todo = render.check_advice(check)
    good = None if check.ok and not check.proved else check.ok
    yield Finding(_("login"), good, f"{render.plain(check.detail)}{code}{f'; {_(todo)}' if todo else ''}")
    for sentence in check.advice:
        yield Finding(_("note"), None, render.plain(sentence))


def _code(vendor_code: object) -> str:
    return "" if vendor_code is None else _(" (vendor code {code})").format(code=vendor_code)


def token_findings(config: Config, push_token: PushToken) -> Iterator[Finding]:
    """The interface and server of the token, and whether it can be a token."""
    explanation = config.gateway().explain(Push(push_token, _PROBE))
    if isinstance(explanation.outcome, Outcome) and explanation.outcome.reason is not None:
        detail = render.plain(explanation.outcome.detail, push_token.token)
        yield Finding(_("token"), False, f"{detail}; {_(explanation.outcome.reason.advice)}")
    elif explanation.request is not None:
        where = _(" (region {region})").format(region=explanation.region) if explanation.region else ""
        text = _("has the form of a token; its pushes are sent to {host}").format(host=explanation.host)
        yield Finding(_("token"), True, text + where)
    if explanation.dialect:
        yield Finding(_("dialect"), None, explanation.dialect)


def journal_findings(
    entries: Sequence[Mapping[str, Any]], vendor: Vendor | None, zone: tzinfo | None
) -> Iterator[Finding]:
    """What became of each push here, who must act, what the vendor's code means, and its receipts; then the receipts of
    pushes that are in none of the journals."""
    receipts = [entry for entry in entries if "receipt" in entry]
    for entry in entries:
        if "receipt" in entry:
            continue
        yield from _push_findings(entry, vendor, zone)
        own = [receipt for receipt in receipts if _is_about(receipt, entry)]
        receipts = [receipt for receipt in receipts if receipt not in own]
        yield from (_receipt_finding(receipt, entry, zone) for receipt in own)
    yield from (_receipt_finding(receipt, None, zone) for receipt in receipts)


def _push_findings(entry: Mapping[str, Any], vendor: Vendor | None, zone: tzinfo | None) -> Iterator[Finding]:
    at = render.moment(entry.get("at"), zone)
    reason = _reason(entry.get("reason"))
    if reason is None:
        text = _("{at} accepted, message id {id}").format(at=at, id=entry.get("message_id"))
        yield Finding(_("push"), True, text)
        return
    code = entry.get("vendor_code")
    summary = f"{at} {entry.get('status')}: {reason.value}{_code(code)}"
    detail = f"; {entry['detail']}" if entry.get("detail") else ""
    yield Finding(_("push"), False, summary + detail)
    yield Finding(_("who must act"), None, _(reason.advice))
    if (rule := _code_rule(vendor, code)) is not None:
        advice = f": {rule.advice}" if rule.advice else ""
        seen = _(" (seen {day})").format(day=rule.seen)
        yield Finding(_("the code means"), None, f"{rule.meaning}{advice}{seen}")


def _is_about(receipt: Mapping[str, Any], push: Mapping[str, Any]) -> bool:
    """By the dedupe id, which a verified receipt has; otherwise by the vendor's message id."""
    names = ("dedupe_id",) if receipt.get("dedupe_id") else ("message_id",)
    return any(receipt.get(name) and receipt.get(name) == push.get(name) for name in names)


def _receipt_finding(receipt: Mapping[str, Any], push: Mapping[str, Any] | None, zone: tzinfo | None) -> Finding:
    kind = str(receipt["receipt"])
    later = ""
    if push is None:
        later = _("; the push is in none of these journals")
    elif render.is_moment(receipt.get("at")) and render.is_moment(push.get("at")):
        later = _(", {seconds:.1f} seconds after the push").format(seconds=receipt["at"] - push["at"])
    proof = _("; nothing else confirms that the token is dead") if kind == "suspect" else ""
    good = _GOOD.get(kind)
    return Finding(
        _("receipt"), good, f"{render.moment(receipt.get('at'), zone)} {kind} ({receipt.get('event')}){later}{proof}"
    )


_GOOD: Mapping[str, bool] = {
    **dict.fromkeys(("arrived", "clicked"), True),
    **dict.fromkeys(("unregistered", "limited", "muted", "dropped"), False),
}
"""Whether the user may have seen the push, by the kind of a receipt; others say neither."""


def _reason(word: object) -> Reason | None:
    try:
        return Reason(word)
    except ValueError:
        return None


def _code_rule(vendor: Vendor | None, code: object) -> CodeRule | None:
    if vendor is None or not isinstance(code, str):
        return None
    try:
        return load_rules(type(vendor).__module__.partition(".")[0]).codes.get(code)
    except PluginError:  # a plug-in without rules as data
        return None


def found_entries(
    journals: Sequence[Path], push_token: PushToken, at: datetime | None, within: float
) -> Sequence[Mapping[str, Any]]:
    """The last entries of the journals about the token, around `at` if it is given, oldest first."""
    entries = [entry for path in journals for entry in read_journal(path, push_token)]
    if at is not None:
        around = at.timestamp()
        entries = [one for one in entries if render.is_moment(one.get("at")) and abs(one["at"] - around) <= within]
    return sorted(entries, key=lambda one: one["at"] if render.is_moment(one.get("at")) else 0.0)[-MOST:]


def conclusion(entries: Sequence[Mapping[str, Any]], journals: Sequence[Path]) -> Finding:
    """What to check next, by the last known step of the push."""
    pushes = [entry for entry in entries if "status" in entry]
    if not journals:
        return Finding(
            _("next"),
            None,
            _("no push was found: this command has sent none; name the journals of your server with --journal"),
        )
    if not entries:
        return Finding(
            _("next"),
            None,
            _(
                "no push was found: nothing was sent to this token at that time (journals do not record broadcasts). "
                "Was the user online or logged out, and is this the token and certificate id that the phone reported "
                "last?"
            ),
        )
    kinds = {entry["receipt"] for entry in entries if isinstance(entry.get("receipt"), str)}
    for kind, text in _NEXT.items():
        if kind in kinds:
            return Finding(_("next"), None, _(text))
    if pushes and pushes[-1].get("reason") is None:
        return Finding(
            _("next"),
            None,
            _(
                "the vendor accepted it, so it was lost at the vendor or on the phone: is the app's notification "
                "permission on, its channel created, the daily limit of this phone reached, the phone offline?"
            ),
        )
    return Finding(_("next"), None, _('see "who must act" above'))


_NEXT: Mapping[str, str] = {
    "clicked": mark("the user tapped it: it was shown"),
    "arrived": mark("it reached the phone: check the notification permission, the channel and the app's own settings"),
    "unregistered": mark("the token is dead: take the one that the phone reports next"),
    "muted": mark("the app's notifications are switched off on this phone: the user must allow them"),
    "limited": mark("this phone had its daily number of such messages: try another day, or another category"),
    "dropped": mark("the vendor gave it up: its time to live ended, a newer one replaced it, or it was withheld"),
}
"""What to check next, by the kind of a receipt; of several receipts, by the first kind here."""


def zone_of(at: datetime | None) -> tzinfo | None:
    """The zone of the times that are shown: that of `--at` if given; None: that of this machine."""
    return None if at is None else at.tzinfo


def support_facts(
    push_token: PushToken, at: datetime | None, app: str, entries: Sequence[Mapping[str, Any]], *, whole: bool
) -> dict[str, str]:
    """What a vendor's support asks for: time, app, certificate id, token; and message ids."""
    when = _("(when should it have arrived?)")
    if at is not None:
        when = at.isoformat()
    elif entries:
        when = render.moment(entries[-1].get("at"), None)
    facts = {
        _("time"): when,
        _("app"): app or _("(the app of certificate {id})").format(id=push_token.certificate_id),
        _("certificate id"): push_token.certificate_id,
        _("token"): push_token.token if whole else mask(push_token.token) + _(" (in full with --show-token)"),
    }
    ids = [str(entry["message_id"]) for entry in entries if entry.get("message_id")]
    return facts | ({_("message id"): ", ".join(dict.fromkeys(ids))} if ids else {})


@click.command(short_help="Find out why a push did not arrive.")
@click.option("--certificate", "certificate_id", required=True, metavar="ID", help="The certificate id.")
@click.option("--token", required=True, help="The user's token (OPPO: registration id).")
@click.option("--at", type=options.moment, metavar="TIME", help="When it should have arrived, with a time zone.")
@click.option("--within", type=click.FloatRange(min=1), default=600.0, show_default=True, help="Seconds around --at.")
@click.option(
    "--journal",
    "journals",
    multiple=True,
    type=click.Path(dir_okay=False, path_type=Path),
    help="A journal that your server writes; may be repeated.",
)
@click.option("--no-journal", is_flag=True, help="Do not read the journal of `pushgateway send`.")
@click.option("--app", default="", help="Your app, as the vendor's support knows it.")
@click.option("--show-token", is_flag=True, help="Print the whole token in the facts for the vendor's support.")
@options.connection
@options.as_json
@click.pass_context
def why(
    ctx: click.Context,
    /,
    *,
    certificate_id: str,
    token: str,
    at: datetime | None,
    within: float,
    journals: tuple[Path, ...],
    no_journal: bool,
    app: str,
    show_token: bool,
    config: Path,
    ca_file: Path | None,
    proxy: str | None,
    as_json: bool,
) -> None:
    """Find out why a push did not arrive: settings, login, token, what became of it, and who must act.

    No push is sent; the only request is a login at the vendor. Pushes are looked up in the journal of `pushgateway
    send` and in the journals that you name; exit code 4 means that none was found.
    """
    from pushgateway.cli import console
    from pushgateway.cli.gateway_session import ask, usable, vendor_of

    push_token = PushToken(certificate_id, token)
    known = options.read_config(config, ca_file, proxy)
    journals = records.found_journals(journals, no_journal)
    entries = found_entries(journals, push_token, at, within)
    check = ask(known, lambda gateway: gateway.check(push_token.certificate_id))
    zone = zone_of(at)
    findings = [
        *check_findings(check),
        *token_findings(known, push_token),
        *journal_findings(entries, vendor_of(known, push_token.certificate_id), zone),
        conclusion(entries, journals),
    ]
    facts = support_facts(push_token, at, app, entries, whole=show_token)
    good = all(finding.good is not False for finding in findings)
    found = bool(entries)
    if as_json:
        listed = [
            {"about": one.about, "good": one.good, "says": render.plain(one.text, push_token.token)} for one in findings
        ]
        console.as_json({"ok": good, "found": found, "findings": listed, "journal": entries, "facts": facts})
    else:
        _print(findings, facts, push_token.token)
    ready = usable(known, [push_token.certificate_id])
    if not ready:
        ctx.exit(Exit.USAGE)
    ctx.exit(Exit.FAILED if not good else Exit.OK if found else Exit.NOT_FOUND)


def _print(findings: Sequence[Finding], facts: Mapping[str, str], token: str) -> None:
    from pushgateway.cli import console

    to = console.console()
    styles = {True: console.GOOD, False: console.BAD, None: console.QUIET}
    for one in findings:
        console.labelled(to, [(one.about, render.plain(one.text, token))], styles[one.good], indent=0)
    console.line(to, "")
    console.line(to, _("For the vendor's support:"))
    console.labelled(
        to, [(name, value if name == _("token") else render.plain(value)) for name, value in facts.items()]
    )
