"""Scenarios: the settings of a certificate, the plug-in's advice, and that no secret is shown.

What a host may read (a `repr`, a message, a log record, a URL in an access log) must hold no secret, token or text.
"""

from __future__ import annotations

import logging
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from urllib.parse import quote

import attrs

from pushgateway.certificates.certificate import Certificate
from pushgateway.certificates.plugins import Plugins
from pushgateway.certificates.settings import load_vendors
from pushgateway.engine.operations import operations_of
from pushgateway.model.audience import Broadcast
from pushgateway.model.errors import ConfigError, FieldError
from pushgateway.model.notification import Notification
from pushgateway.model.push import Push, PushToken
from pushgateway.model.secret import Secret
from pushgateway.sandbox import Fault
from pushgateway.testing.conformance.call_scenarios import arguments
from pushgateway.testing.conformance.harness import CANARY, ODD_TOKENS, Harness, audiences, fields_of
from pushgateway.testing.conformance.odd_inputs import ODD_NOTES
from pushgateway.testing.conformance.promises import checks
from pushgateway.vendor import Request
from pushgateway.vendor.refusals import NoVerdict, Refused
from pushgateway.vendor.ruling import Ruling


class SettingsScenarios(Harness):
    """The settings of a certificate, and what advice and rulings show of them."""

    @checks("settings")
    def test_every_missing_setting_is_named(self) -> None:
        """A certificate without settings is refused with the fields that it lacks."""
        required = [field.name for field in fields_of(self.vendor) if field.default is attrs.NOTHING and field.init]
        assert required, "no setting is required, but nothing can be sent without credentials"
        problems = self._problems(Certificate(1, self.vendor.brand, {}))

        for name in required:
            assert any(f"['1'].{name}:" in problem for problem in problems), (
                f"{name} is missing, and no problem names it"
            )

    @checks("settings")
    def test_an_unknown_setting_is_named(self) -> None:
        """A misspelled setting is refused."""
        problems = self._problems(self.certificate(self.sandbox(), no_such_setting=1))

        assert any("['1'].no_such_setting:" in problem for problem in problems), (
            f"an unknown setting was not named; reported was: {problems}"
        )

    @checks("settings")
    def test_an_empty_secret_is_named(self) -> None:
        """A secret that was forgotten is found when the certificate is loaded, not at the first push."""
        for name in self.secrets():
            problems = self._problems(self.certificate(self.sandbox(), **{name: ""}))

            assert any(f"['1'].{name}:" in problem for problem in problems), f"an empty {name} was accepted"

    @checks("settings")
    def test_a_blank_setting_is_named(self) -> None:
        """A required text that was left empty is found when the certificate is loaded."""
        settings = self.sandbox().settings(self.host)
        for field in fields_of(self.vendor):
            if field.default is not attrs.NOTHING or not isinstance(settings.get(field.name), str):
                continue
            for blank in ("", "  "):
                problems = self._problems(self.certificate(self.sandbox(), **{field.name: blank}))
                assert any(f"['1'].{field.name}:" in problem for problem in problems), (
                    f"a blank {field.name} was accepted"
                )

    def _problems(self, certificate: Certificate) -> Sequence[str]:
        try:
            loaded = load_vendors([certificate], Plugins({self.vendor.brand: self.vendor}))["1"]
        except ConfigError as wrong:
            return wrong.problems
        return [str(loaded)] if isinstance(loaded, Exception) else []

    @checks("secrets")
    def test_no_secret_shows_in_a_repr(self) -> None:
        """Neither in the `repr` of the plug-in nor in that of its certificate."""
        settings = self.sandbox().settings(self.host)
        wrong = dict(self.with_wrong_secret(settings))
        changed = [name for name, value in settings.items() if wrong.get(name) != value]
        secret = self.canary_secret()
        wrong.update(dict.fromkeys(changed, secret))
        certificate = Certificate(1, self.vendor.brand, wrong)
        loaded = self.load(certificate)

        assert changed, "with_wrong_secret() changed nothing"
        for name in changed:
            assert isinstance(getattr(loaded, name), Secret), f"{name} is a secret, but not of the type Secret"
        for part in (line for line in secret.splitlines() if line.strip()):
            assert part not in repr(loaded), "the repr of the plug-in shows a secret"
            assert part not in repr(certificate), "the repr of the certificate shows a secret"

    @checks("secrets")
    def test_no_secret_travels_in_a_url(self) -> None:
        """URLs are written into the access logs of proxies and clients."""
        sandbox = self.sandbox(tokens=3)
        recorded = self.record_replies(sandbox)
        self.deliver(sandbox, self.pushes(sandbox.tokens))

        assert recorded, "nothing was sent"
        for name, secret in self.secrets().items():
            shown = [request.url for request, _ in recorded if secret in request.url]
            assert not shown, f"the setting {name} is in the URL of {len(shown)} of {len(recorded)} requests"

    @checks("secrets")
    def test_no_secret_travels_in_the_url_of_another_call(self) -> None:
        """Logins, broadcasts, statistics, aliases and whatever else the plug-in offers as a `Call`."""
        asked: list[tuple[str, Request]] = []
        driver = self.driver()
        recorded = self.record_replies(driver.sandbox)
        driver.log_in(driver.vendor.home_region)
        asked += [("login", request) for request, _ in recorded]
        access = driver.access
        for name in sorted(operations_of(self.vendor)):
            method = getattr(driver.vendor, name)
            with suppress(Refused, NoVerdict, FieldError):
                call = method(**arguments(method, driver.sandbox.tokens[0]))
                driver.carry(call.begin, call.region)
            asked += [(name, request) for request in driver.requests]
            driver.requests.clear()
        for kind, audience in audiences(driver.sandbox).items():
            if kind in self.loaded().audiences:
                driver.broadcast(Broadcast(1, Notification("title", "for all"), audience))
                asked += [("broadcast", request) for request in driver.requests]

        secrets = dict(self.secrets())
        if access is not None:
            secrets["access token"] = access.value
        for operation, request in asked:
            shown = {name for name, value in secrets.items() if value in request.url or quote(value) in request.url}
            assert not shown, (
                f"{' and '.join(shown)} is in the URL of a request of {operation}: send it in a header or body"
            )

    @checks("secrets")
    def test_nothing_sent_shows_in_a_log(self) -> None:
        """Over faults: no token, title, body or data in any record or outcome's `repr`."""
        sandbox = self.sandbox(tokens=20)
        troubles = [Fault(kind=kind, share=0.4, times=None) for kind in ("drop", "html", "cut", "code")]
        plain = Notification(f"{CANARY} title", f"{CANARY} body")
        full = attrs.evolve(plain, data={"key": CANARY})  # a vendor may have no data
        tokens = (*sandbox.tokens, CANARY, f"a;{CANARY}", CANARY * 500)
        pushes = [Push(PushToken(1, token), (full, plain)[place % 2]) for place, token in enumerate(tokens)]
        with records() as logged:
            outcomes = self.deliver(sandbox, pushes)
            sandbox.faults.add(*troubles)
            outcomes += self.deliver(sandbox, pushes)

        assert sandbox.faults.played, "no fault was ever played, so this scenario has tested nothing"
        for text in (*map(repr, outcomes), *(record.getMessage() for record in logged)):
            assert CANARY not in text, "a title, a text, data or a token is shown in an outcome or in the log"
            assert not [token for token in sandbox.tokens if token in text], "a whole token is shown"

    @checks("advice")
    def test_its_advice_are_sentences_without_secrets(self) -> None:
        """`pushgateway check` prints them."""
        advice = self.loaded().advice()

        assert all(isinstance(text, str) and text for text in advice), "advice() gives sentences"
        for name, secret in self.secrets().items():
            assert not [text for text in advice if secret in text], f"the advice shows the setting {name}"

    @checks("advice")
    def test_its_rulings_never_fail_and_show_nothing(self) -> None:
        """`rulings` of a push that the rules forbid report it, and quote nothing."""
        vendor = self.loaded()
        canary = Notification(CANARY * 200, CANARY * 200, data={CANARY: CANARY})
        for note in (canary, *ODD_NOTES):
            for token in (CANARY, *ODD_TOKENS):
                rulings = vendor.rulings(Push(PushToken(1, token), note))
                assert all(isinstance(ruling, Ruling) for ruling in rulings), "rulings() gives Ruling values"
                shown = [ruling for ruling in rulings if CANARY in repr(ruling)]
                assert not shown, f"a ruling on {shown[0].field!r} quotes what was sent" if shown else ""


class _Listener(logging.Handler):
    def __init__(self, kept: list[logging.LogRecord]) -> None:
        super().__init__(logging.DEBUG)
        self._kept = kept

    def emit(self, record: logging.LogRecord) -> None:
        self._kept.append(record)


@contextmanager
def records() -> Iterator[list[logging.LogRecord]]:
    """Every record of the block, of any logger and level."""
    kept: list[logging.LogRecord] = []
    listener = _Listener(kept)
    root = logging.getLogger()
    former = root.level
    root.addHandler(listener)
    root.setLevel(logging.DEBUG)
    try:
        yield kept
    finally:
        root.setLevel(former)
        root.removeHandler(listener)
