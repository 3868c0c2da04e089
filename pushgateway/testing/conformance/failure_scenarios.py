"""Scenarios: access tokens, credentials, limits, codes, and replies that are lost, cut, late or unreadable.

Faults are played by the sandbox's script, or put into the reply on its way; the ledger always has what the sandbox
really did. Refusals of whole requests, and of single targets, are in `refusal_scenarios`.
"""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import suppress
from typing import Any

import attrs
import pytest

from pushgateway.certificates.certificate import Certificate
from pushgateway.model.outcome import Outcome
from pushgateway.model.push import Push
from pushgateway.model.reason import Reason, Status
from pushgateway.testing.conformance.exchange_driver import ExchangeDriver
from pushgateway.testing.conformance.harness import Harness
from pushgateway.testing.conformance.odd_inputs import ODD_BODIES, odd_twins
from pushgateway.testing.conformance.promises import checks
from pushgateway.testing.conformance.sandbox_connection import EPOCH
from pushgateway.vendor import AccessToken, Response, Vendor
from pushgateway.vendor.refusals import NoVerdict, Refused

LIMITS = (Reason.RATE_LIMITED, Reason.QUOTA_EXCEEDED, Reason.UNAVAILABLE)
NEVER = "98765432"
"""A code that no vendor has."""


class FailureScenarios(Harness):
    """What goes wrong at the vendor or on the way, and refused credentials."""

    # Access and credentials

    @checks("access")
    def test_an_expired_access_token_is_renewed_once(self) -> None:
        """The host sees no failure, and no phone gets it twice."""
        sandbox = self.sandbox(tokens=30)
        if not self.has_access_tokens():
            return  # there is no access token that the vendor could take back
        self.spoil(sandbox, kind="expire")

        outcomes = self.deliver(sandbox, self.pushes(sandbox.tokens))

        self.assert_played(sandbox, "expire")
        self.expect(outcomes, None)
        self.check(sandbox, outcomes)

    @checks("access")
    def test_a_login_gives_a_token_that_lives(self) -> None:
        """The lifetime is in seconds and not over yet; the token is not shown."""
        driver = self.driver()
        driver.log_in(driver.vendor.home_region)
        access = driver.access
        if access is None:
            assert self.vendor.login is Vendor.login, "login() gave no AccessToken"
            return

        assert access.value, "the access token is empty"
        assert access.value not in repr(access), "the repr of the access token shows it"
        assert access.lifetime > 0, "the access token lives 0 seconds"
        if access.created_at is not None:
            age = EPOCH - access.created_at
            said = "created_at is in epoch seconds, by the vendor's clock"
            assert -3600 <= age < access.lifetime, f"the access token was made {age} seconds ago: {said}"

    @checks("credentials")
    def test_refused_credentials_keep_the_tokens_and_cause_no_storm(self) -> None:
        """`CREDENTIALS` for each, never a dead token, and a handful of vendor calls at most."""
        sandbox = self.sandbox(tokens=500)
        wrong = Certificate(1, self.vendor.brand, self.with_wrong_secret(sandbox.settings(self.host)))

        outcomes = self.deliver(sandbox, self.pushes(sandbox.tokens), wrong)

        self.expect(outcomes, Reason.CREDENTIALS)
        assert sandbox.ledger.total == 0, "the sandbox accepts a wrong secret: it must refuse it as the vendor does"
        asked = sum(sandbox.ledger.calls.values())
        most = 1 if self.login_requests() else 20
        assert asked <= most, f"refused credentials were tried {asked} times for {len(outcomes)} pushes"

    # Limits and codes

    @pytest.mark.parametrize("reason", LIMITS, ids=lambda reason: reason.value)
    @checks("limits")
    def test_a_limit_is_raised_for_the_request(self, reason: Reason) -> None:
        """By the error that `push` raises, the core slows down, waits, or sends nothing more until midnight."""
        code = self.code_for(reason)
        if code is None:
            return
        driver = self.driver()
        driver.spoil = lambda _: driver.sandbox.refusal(code)
        raised = self._raised(driver, self.pushes(driver.sandbox.tokens[: min(3, self.size)]))

        assert raised is not None, f"the code {code} was returned for the whole request, and push() raised nothing"
        assert raised.reason is reason, f"the code {code} means {reason.name}, push() raised {raised.reason.name}"

    @checks("limits")
    def test_a_used_up_quota_stops_the_certificate(self) -> None:
        """After a few requests the other pushes get their outcome without one."""
        code = self.code_for(Reason.QUOTA_EXCEEDED)
        if code is None:
            return
        count = 60 * self.size if self.size < 10 else 500
        sandbox = self.sandbox(tokens=min(count, 500))
        self.spoil(sandbox, kind="code", code=code, times=None)
        outcomes = self.deliver(sandbox, self.pushes(sandbox.tokens))

        self.assert_played(sandbox, "code")
        self.expect(outcomes, Reason.QUOTA_EXCEEDED)
        asked = sum(sandbox.ledger.calls.values())
        assert asked <= 20, f"the daily quota was used up, and {asked} requests were sent"

    @pytest.mark.parametrize("status", [429, 503])
    @checks("limits")
    def test_a_busy_server_is_asked_again(self, status: int) -> None:
        """By the HTTP status alone: no token is reported dead, and if certainly nothing was done, all pushes arrive."""
        driver = self.driver()
        driver.spoil = lambda _: Response(status, {"content-type": "text/html"}, b"<html>busy</html>")
        raised = self._raised(driver, self.pushes(driver.sandbox.tokens[:1]))
        wrong = raised is not None and raised.reason not in (Reason.RATE_LIMITED, Reason.UNAVAILABLE)
        assert not wrong, (
            f"HTTP {status} says that the server is busy, and push() raised {raised and raised.reason.name}"
        )
        sandbox = self.sandbox()
        self.spoil(sandbox, kind="status", status=status, retry_after=1)

        outcomes = self.deliver(sandbox, self.pushes(sandbox.tokens[: self.size]))

        self.assert_played(sandbox, "status")
        self.check(sandbox, outcomes)
        if status == 429:
            self.expect(outcomes, None)

    def login_requests(self) -> int:
        """The number of requests of a login: 0 without a login, or if the plug-in makes access tokens itself."""
        driver = self.driver()
        recorded = self.record_replies(driver.sandbox)
        driver.log_in(driver.vendor.home_region)
        return len(recorded)

    def has_access_tokens(self) -> bool:
        """Whether a login gives an access token, asked for or signed here."""
        driver = self.driver()
        driver.log_in(driver.vendor.home_region)
        return driver.access is not None

    @checks("codes")
    def test_every_code_of_the_rules_has_its_reason(self) -> None:
        """The reason that `rules.toml` gives a code is the reason of the outcome."""
        for code, rule in self.codes("codes").items():
            reasons = self._reasons(code)
            wanted = rule.host_reason
            if wanted is not None and rule.scope != "target" and rule.reason in Reason.__members__:
                assert reasons == {wanted}, f"code {code} is {rule.reason} by the rules, push() says {names(reasons)}"
            elif wanted is not None:
                assert None not in reasons, f"code {code} is {rule.reason} by the rules, push() says it is a success"

    @checks("codes")
    def test_every_code_of_a_login_has_its_reason(self) -> None:
        """A code of the table `login_codes` ends a login with its own reason."""
        if self.login_requests() == 0:
            return
        own, driver = {} if self.rules is None else self.rules.login_codes, self.driver()
        for code, rule in self.codes("login_codes").items():
            if code not in own or rule.reason not in Reason.__members__:
                continue
            seen: Reason | None = None
            driver.access, driver.spoil_login = None, lambda _, code=code: driver.sandbox.login_refusal(code)  # type: ignore[misc]
            try:
                driver.log_in(driver.vendor.home_region)
            except Refused as refused:
                seen = refused.reason
            except NoVerdict:
                seen = Reason.NO_VERDICT
            assert seen is rule.host_reason, (
                f"code {code} ({rule.meaning}) is {rule.reason} of a login by the rules, login() says {names({seen})}"
            )

    @pytest.mark.parametrize("code", [NEVER, "-1"])
    @checks("codes")
    def test_a_code_nobody_knows_is_no_success(self, code: str) -> None:
        """A code that the plug-in does not know is a refusal, and never reports a dead token."""
        if self.rules is not None and code in self.rules.codes:
            return
        reasons = self._reasons(code)

        assert not reasons & {None, Reason.UNREGISTERED, Reason.MUTED}, f"code {code} ended {names(reasons)}"

    def _reasons(self, code: str) -> set[Reason | None]:
        driver = self.driver()
        driver.spoil = lambda _: driver.sandbox.refusal(code)
        try:
            outcomes = driver.push(self.pushes(driver.sandbox.tokens[:1]))
        except Refused as refused:
            return {refused.reason}
        except NoVerdict:
            return {Reason.NO_VERDICT}
        return {outcome.reason for outcome in outcomes}

    def _raised(self, driver: ExchangeDriver, batch: Sequence[Push]) -> Refused | None:
        try:
            driver.push(batch)
        except Refused as refused:
            return refused
        except NoVerdict:
            return None
        return None

    # On the way

    @pytest.mark.parametrize(
        "kind", ["drop", "refuse", "html", "empty", "status", "delay", "html after all", "status after all"]
    )
    @pytest.mark.parametrize("count", [1, 20])
    @checks("verdicts")
    def test_one_fault_on_the_way(self, kind: str, count: int) -> None:
        """Whatever happens to the push request: every outcome is true by the ledger.

        `after all`: the vendor has delivered, and what stands before it answers 503 or a page.
        """
        kind, _, done = kind.partition(" ")
        sandbox = self.sandbox(tokens=count)
        self.spoil(sandbox, kind=kind, seconds=15, performed=True if done else None)

        outcomes = self.deliver(sandbox, self.pushes(sandbox.tokens))

        self.assert_played(sandbox, kind)
        self.check(sandbox, outcomes)
        if self.loaded().deduplicates or kind == "refuse":
            self.expect(outcomes, None)

    @pytest.mark.parametrize("kind", ["drop", "html", "empty", "status", "cut"])
    @checks("verdicts")
    def test_a_vendor_that_is_down(self, kind: str) -> None:
        """It is never a verdict: the push ends `UNKNOWN` or certainly not delivered, and no token is reported dead."""
        sandbox = self.sandbox(tokens=20)
        self.spoil(sandbox, kind=kind, times=None, size=5)

        outcomes = self.deliver(sandbox, self.pushes(sandbox.tokens))

        self.assert_played(sandbox, kind)
        self.check(sandbox, outcomes)
        for outcome in outcomes:
            assert not outcome.ok, f"no reply ever came, and a push is {outcome!r}"
            assert outcome.reason is not Reason.UNREGISTERED, (
                f"no reply ever came, and a token is reported dead: {kind}"
            )

    @pytest.mark.parametrize("count", [1, 3])
    @checks("verdicts")
    def test_a_reply_cut_at_every_byte(self, count: int) -> None:
        """No prefix of a reply is mistaken for a verdict, and none makes the plug-in crash."""
        batch, whole = self._true_reply(count)
        for size in range(len(whole.content)):
            outcomes = self._answered(batch, attrs.evolve(whole, content=whole.content[:size]))
            verdicts = [outcome.status.name for outcome in outcomes if outcome.status is not Status.UNKNOWN]
            assert not verdicts, f"{size} of {len(whole.content)} bytes came, and a push is {verdicts[0]}"

    @pytest.mark.parametrize("count", [1, 3])
    @checks("errors")
    def test_a_reply_that_makes_no_sense(self, count: int) -> None:
        """Any value left out or of another type, and bodies that are no JSON: no crash, one outcome for each push."""
        batch, whole = self._true_reply(count)
        for content in (*ODD_BODIES, *odd_twins(whole.content)):
            outcomes = self._answered(batch, attrs.evolve(whole, content=content))
            assert [outcome.push_token for outcome in outcomes] == [push.push_token for push in batch], (
                f"to {content[:80]!r} push() gave {len(outcomes)} outcomes for {len(batch)} pushes, or in another order"
            )

    @checks("errors")
    def test_a_login_that_makes_no_sense(self) -> None:
        """The same for the reply to a login: an access token of the right types, `Refused` or `NoVerdict`."""
        if self.login_requests() == 0:
            return
        recorded: list[Response] = []
        driver = self.driver()
        driver.spoil_login = lambda response: recorded.append(response) or response  # type: ignore[func-returns-value]
        driver.log_in(driver.vendor.home_region)
        whole = recorded[-1]
        for content in (*ODD_BODIES, *odd_twins(whole.content)):
            driver.access, driver.spoil_login = None, lambda _, content=content: attrs.evolve(whole, content=content)  # type: ignore[misc]
            try:
                driver.log_in(driver.vendor.home_region)
            except (Refused, NoVerdict):
                continue
            access: Any = driver.access
            sense = isinstance(access, AccessToken) and isinstance(access.value, str) and 0 < access.lifetime < 10**9
            assert sense, f"of {content[:80]!r} login() made {access!r}"

    @checks("verdicts")
    def test_a_push_that_the_reply_does_not_name(self) -> None:
        """A reply that names each push, to fewer than were asked, is no verdict on the others."""
        batch, whole = self._true_reply(3)
        _, fewer = self._true_reply(2)
        named = [push.push_token.token.encode() in whole.content for push in batch]
        if len(batch) < 3 or not all(named):
            return  # one code for all pushes
        outcomes = self._answered(batch, fewer)

        assert outcomes[2].status is Status.UNKNOWN, f"the reply does not name a push, and it ended {outcomes[2]!r}"

    @pytest.mark.parametrize("count", [1, 3])
    @checks("verdicts")
    def test_a_reply_about_another_target(self, count: int) -> None:
        """A reply that names each push, and another target in the place of one, is no verdict on that one."""
        for is_dead in (False, True):
            driver, replies = self.driver(), list[Response]()
            driver.spoil = lambda reply, replies=replies: replies.append(reply) or reply  # type: ignore[misc]
            batch = self.pushes(driver.sandbox.tokens[: min(count, self.size)])
            asked = batch[-1].push_token.token
            if is_dead:
                driver.sandbox.uninstall(asked)
            with suppress(Refused, NoVerdict):
                driver.push(batch)
            whole = replies[-1]
            if asked.encode() not in whole.content:
                continue  # one code for all, or the order of the reply says which push is meant
            other = whole.content.replace(asked.encode(), b"nobody5d1c")
            outcome = self._answered(batch, attrs.evolve(whole, content=other))[-1]
            assert outcome.status is Status.UNKNOWN, (
                f"the reply is about another {'dead' if is_dead else 'living'} target than was asked, and the push "
                f"ended {outcome!r}"
            )

    @checks("errors")
    def test_it_can_be_left_at_every_step(self) -> None:
        """An exchange that is closed ends there, as when a gateway closes or a host cancels."""
        driver = self.driver()
        batch = driver.batch(self.pushes(driver.sandbox.tokens[: self.size]))
        exchange = driver.vendor.push(batch)
        next(exchange)
        exchange.close()

        login = driver.vendor.login(driver.vendor.home_region, EPOCH)
        if login is not None:
            with suppress(StopIteration):  # an access token that is signed here
                next(login)
            login.close()
        assert exchange.gi_frame is None, "push() goes on after it was closed"  # type: ignore[attr-defined]

    @pytest.mark.parametrize("seed", range(3))
    @checks("verdicts")
    def test_the_vendors_own_oddities(self, seed: int) -> None:
        """All faults that the sandbox knows, mixed: the outcomes are true, and each phone shows its own text."""
        sandbox = self.sandbox(tokens=200, seed=seed)
        for kind in sandbox.manglings:
            self.spoil(sandbox, kind=kind)  # the first reply in every way, the others by chance
            self.spoil(sandbox, kind=kind, times=None, share=0.5)
        tokens = list(sandbox.tokens)
        for token in tokens[::9]:
            sandbox.uninstall(token)

        outcomes = self.deliver(sandbox, self.pushes(tokens))

        self.assert_played(sandbox, *sandbox.manglings)
        assert [outcome.push_token.token for outcome in outcomes] == tokens, "the order is lost"
        self.check(sandbox, outcomes)

    def _true_reply(self, count: int) -> tuple[list[Push], Response]:
        """A batch, and the reply that the sandbox gives to it."""
        driver = self.driver()
        recorded: list[Response] = []

        def keep(response: Response) -> Response:
            recorded.append(response)
            return response

        driver.spoil = keep
        batch = self.pushes(driver.sandbox.tokens[: min(count, self.size)])
        driver.push(batch)
        return batch, recorded[-1]

    def _answered(self, batch: Sequence[Push], reply: Response) -> Sequence[Outcome]:
        """The outcomes of a batch by this reply, as the core takes them from what is raised."""
        driver = self.driver()
        driver.spoil = lambda _: reply
        try:
            return driver.push(batch)
        except Refused as refused:
            return [refused.outcome(push) for push in batch]
        except NoVerdict as silent:
            return [Outcome.unknown(push, silent.detail) for push in batch]


def names(reasons: set[Reason | None]) -> str:
    """Reasons in words."""
    return " and ".join(sorted("ACCEPTED" if reason is None else reason.name for reason in reasons))
