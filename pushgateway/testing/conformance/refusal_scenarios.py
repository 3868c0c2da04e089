"""Scenarios: which pushes a refusal applies to, what a code means, and replies that name unknown targets.

A code that names no target must not be applied to a push unless that push was alone in its request; a code that names
a target applies to that target alone.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any, Literal

import attrs

from pushgateway.model.audience import AudienceKind, Broadcast
from pushgateway.model.notification import Notification
from pushgateway.model.outcome import Outcome
from pushgateway.model.push import Push, PushToken
from pushgateway.model.reason import Reason, Status
from pushgateway.sandbox import Answer, Sandbox
from pushgateway.testing.conformance.exchange_driver import ExchangeDriver
from pushgateway.testing.conformance.harness import Harness, audiences
from pushgateway.testing.conformance.odd_inputs import ODD_BODIES, odd_twins
from pushgateway.testing.conformance.promises import checks
from pushgateway.testing.conformance.sandbox_connection import EPOCH
from pushgateway.vendor import Request, Response
from pushgateway.vendor.refusals import NoVerdict, Refused
from pushgateway.vendor.rules import CodeRule

MARK = "MARK5d1cMARK"
NOBODY = "nobody5d1c"
NOT_ABOUT_A_PUSH = (Reason.CREDENTIALS, Reason.RATE_LIMITED, Reason.QUOTA_EXCEEDED, Reason.UNAVAILABLE)
"""Reasons about the certificate or the vendor's server."""
NO_REFUSALS = frozenset({"accepted", "repeated", "copy", "partial"})
"""What `reason` of a code says when it refuses nothing as a whole."""
ABOUT_A_PHONE = frozenset({Reason.UNREGISTERED, Reason.MUTED})


class RefusalScenarios(Harness):
    """Many pushes in a request, and one code of the vendor for all of them."""

    # One bad text

    @checks("blame")
    def test_one_bad_text_among_a_thousand(self) -> None:
        """The vendor refuses every request with one text: only pushes with it end refused, and all others arrive."""
        code = self.code_for(Reason.INVALID_NOTIFICATION)
        if code is None:
            return
        mixed = self.loaded().batching.mixed
        count = 1000 if self.size > 1 and mixed else 60
        sandbox = self.sandbox(tokens=count)
        played = self._forbid(sandbox, code)
        pushes = [
            Push(PushToken(1, token), Notification("title", f"for {token}" if mixed else "for all"))
            for token in sandbox.tokens
        ]
        bad = count // 3
        pushes[bad] = Push(pushes[bad].push_token, Notification("title", f"{MARK} for all"))

        outcomes = self.deliver(sandbox, pushes)

        assert played, "the forbidden text never reached the vendor unchanged, so this scenario has tested nothing"
        self.check(sandbox, outcomes)
        for place, outcome in enumerate(outcomes):
            wanted = Reason.INVALID_NOTIFICATION if place == bad else None
            cause = "one text in the batch is forbidden" if place == bad else "another push's text is forbidden"
            assert outcome.reason is wanted, f"push {place} of {count}: {cause}, and it ended {outcome!r}"
        requests, needed = sum(sandbox.ledger.calls.values()), math.ceil(count / self.size)
        most = needed + 4 * math.ceil(math.log2(self.size + 1)) + 10
        assert requests <= most, f"to find one bad text among {count} took {requests} requests, {most} are enough"

    @checks("blame")
    def test_a_text_that_is_refused_for_all(self) -> None:
        """The same forbidden text for many phones: each is refused, in few requests, and no token is reported dead.

        Two requests for each full batch if the code is about the content; otherwise the core proves it at some phones.
        """
        code = self.code_for(Reason.INVALID_NOTIFICATION)
        if code is None:
            return
        sandbox = self.sandbox(tokens=min(20 * self.size, 200))
        played = self._forbid(sandbox, code)
        note = Notification("title", MARK)

        outcomes = self.deliver(sandbox, [Push(PushToken(1, token), note) for token in sandbox.tokens])

        assert played, "the forbidden text never reached the vendor unchanged, so this scenario has tested nothing"
        self.check_contract(outcomes)
        reasons = {outcome.reason for outcome in outcomes}
        assert Reason.INVALID_NOTIFICATION in reasons, f"the text is forbidden, and the pushes ended {_names(reasons)}"
        assert not reasons & (ABOUT_A_PHONE | {None}), f"the text is forbidden, and pushes ended {_names(reasons)}"
        row = self.codes("codes").get(code)
        proofs = 0 if row is not None and row.scope == "content" else 16
        most = 2 * math.ceil(len(sandbox.tokens) / self.size) + proofs
        assert len(played) <= most, (
            f"one forbidden text for {len(sandbox.tokens)} phones took {len(played)} requests, {most} are enough: give "
            f"the code {code} the scope 'content', or raise Refused(about='content')"
        )

    def _forbid(self, sandbox: Sandbox, code: str) -> list[int]:
        """Make the vendor refuse every request with the mark as a whole; the list gets one entry for each."""
        answer, played = sandbox.answer, list[int]()

        def answering(request: Request) -> Answer:
            if MARK.encode() not in request.content and MARK not in request.url:
                return answer(request)
            played.append(1)
            sandbox.ledger.note_call(sandbox.operation(request), len(request.content))
            return Answer(sandbox.refusal(code))

        sandbox.answer = answering  # type: ignore[method-assign]
        return played

    @checks("blame")
    def test_a_refusal_of_the_whole_request_is_raised(self) -> None:
        """Each code that names no target: `push` raises it, so that the core can repeat the request in halves."""
        if self.size < 2:
            return
        driver = self.driver()
        batch = self.pushes(driver.sandbox.tokens[: min(3, self.size)])
        for code, rule in self._request_codes():
            driver.spoil = lambda _, code=code: driver.sandbox.refusal(code)  # type: ignore[misc]
            raised, outcomes = self._answer(driver, batch)
            reasons = {outcome.reason for outcome in outcomes}
            assert raised is not None, (
                f"the code {code} ({rule.meaning}) came for the whole request, and push() blamed all {len(batch)} "
                f"pushes with {_names(reasons)} in place of raising Refused"
            )

    def _request_codes(self, place: Literal["codes", "login_codes"] = "codes") -> list[tuple[str, CodeRule]]:
        rows = [(code, rule) for code, rule in self.codes(place).items() if rule.scope != "target"]
        return [(code, rule) for code, rule in rows if rule.reason not in NO_REFUSALS]

    def _target_codes(self) -> Mapping[str, CodeRule]:
        """The codes that the vendor may say of one target within a reply."""
        own = {} if self.rules is None else self.rules.target_codes
        rows = self.codes("target_codes").items()
        return {code: rule for code, rule in rows if rule.scope == "target" or code in own}

    def _answer(
        self, driver: ExchangeDriver, batch: Sequence[Push]
    ) -> tuple[Refused | NoVerdict | None, Sequence[Outcome]]:
        try:
            return None, driver.push(batch)
        except (Refused, NoVerdict) as raised:
            return raised, ()

    # What a code means

    @checks("codes")
    def test_no_code_of_a_whole_request_is_about_a_phone(self) -> None:
        """In the rules and in the outcomes: a code that names no target never reports a dead token."""
        for code, rule in self._request_codes():
            assert rule.host_reason not in ABOUT_A_PHONE, (
                f"code {code} ({rule.meaning}) is {rule.reason} of a whole request in rules.toml: the app's quota is "
                "QUOTA_EXCEEDED; MUTED and UNREGISTERED are for codes with scope = 'target'"
            )
        if self.rules is None or self.size < 2:
            return
        driver = self.driver()
        batch = self.pushes(driver.sandbox.tokens[:2])
        for code, rule in self.codes("codes").items():
            if rule.scope != "target":
                continue
            driver.spoil = lambda _, code=code: driver.sandbox.refusal(code)  # type: ignore[misc]
            raised, outcomes = self._answer(driver, batch)
            reasons = {outcome.reason for outcome in outcomes}
            reasons |= {raised.reason} if isinstance(raised, Refused) else set()
            assert not reasons & ABOUT_A_PHONE, (
                f"code {code} came for a request of {len(batch)} pushes without naming one, and they ended "
                f"{_names(reasons)}: living tokens would be retired"
            )

    @checks("codes")
    def test_codes_mean_what_the_documents_print(self) -> None:
        """The samples of the vendor's documents against the rules, so that a wrong row is found."""
        if self.rules is None:
            return
        sampled = {sample.reason for sample in self.samples}
        needed = {self.reason_of_the_dead: "a push to a dead token", None: "an accepted push"}
        lacking = [name for reason, name in needed.items() if reason not in sampled]
        assert not lacking, (
            f"samples lacks replies for {', '.join(lacking)}: copy from the vendor's documents what they print for "
            "them, as Sample(reply='{\"code\": 0, ...}', reason=None, source='page 3'), with {token} for the token"
        )
        for sample in self.samples:
            driver = self.driver()
            (push,) = batch = self.pushes(driver.sandbox.tokens[:1])
            body = sample.reply.replace("{token}", push.push_token.token).encode()
            driver.spoil = lambda reply, body=body: attrs.evolve(reply, content=body)  # type: ignore[misc]
            raised, outcomes = self._answer(driver, batch)
            reasons: Any = {outcome.reason for outcome in outcomes}
            if raised is not None:
                reasons = {raised.reason if isinstance(raised, Refused) else Reason.NO_VERDICT}
            assert reasons == {sample.reason}, (
                f"{sample.source}: the documented reply means {_names({sample.reason})}, push() says {_names(reasons)}"
            )

    @checks("access")
    def test_a_refused_login_says_nothing_about_a_push(self) -> None:
        """With any code in the reply to a login, no push ends with a reason about a notification or a token."""
        driver = self.driver()
        recorded = self.record_replies(driver.sandbox)
        driver.log_in(driver.vendor.home_region)
        if not recorded:
            return
        for code, rule in self._request_codes("login_codes"):
            driver.access, driver.spoil_login = None, lambda _, code=code: driver.sandbox.login_refusal(code)  # type: ignore[misc]
            try:
                driver.log_in(driver.vendor.home_region)
            except NoVerdict:
                continue
            except Refused as refused:
                assert refused.reason in NOT_ABOUT_A_PUSH, (
                    f"a login was answered with code {code} ({rule.meaning}), and login() raised "
                    f"{refused.reason.name}: hosts would give up their messages. Raise CREDENTIALS or UNAVAILABLE"
                )
                busy = rule.host_reason in NOT_ABOUT_A_PUSH[1:] and refused.reason is Reason.CREDENTIALS
                assert not busy, (
                    f"a login was answered with code {code} ({rule.meaning}), and login() raised CREDENTIALS: the "
                    "certificate would be stopped for a server that is busy"
                )
                continue
            raise AssertionError(f"a login was answered with code {code}, and login() returned an access token")

    # Codes about one target

    @checks("codes")
    def test_a_code_of_one_target_is_that_ones_alone(self) -> None:
        """In a reply for many pushes, the named one ends by the code, and the others arrive."""
        rows = self._target_codes()
        if not self._plays_target_codes(bool(rows) and self._names_targets()):
            return
        own = {} if self.rules is None else self.rules.target_codes
        for code, rule in rows.items():
            if rule.reason in NO_REFUSALS:
                continue
            # Of a code of the other table the reply says it for its only target.
            for count in {1, min(3, self.size) if self._names_targets() and (not own or code in own) else 1}:
                outcomes, named = self._named(code, count)
                if self._is_counted(rule) and count > 1:
                    self._check_counted(outcomes, named)
                    continue
                assert named.reason is rule.host_reason, (
                    f"the vendor said code {code} ({rule.meaning}) of one phone among {count}, and it ended {named!r}"
                )
                assert all(outcome.ok for outcome in outcomes if outcome is not named), (
                    f"the vendor said code {code} of one phone, and other pushes got its outcome too"
                )

    @checks("limits")
    def test_a_quota_that_ends_inside_a_batch(self) -> None:
        """Some of a batch arrive, the rest end QUOTA_EXCEEDED: none of them is accepted or dead."""
        code = self.code_for(Reason.QUOTA_EXCEEDED)
        if self.rules is not None and self.rules.target_codes:
            quotas = [one for one, rule in self._target_codes().items() if rule.host_reason is Reason.QUOTA_EXCEEDED]
            code = next(iter(quotas), None)
        if code is None or self.size < 2 or not self._plays_target_codes(False) or not self._names_targets():
            return
        outcomes, named = self._named(code, min(3, self.size))
        rule = self.codes("target_codes").get(code)
        if rule is not None and self._is_counted(rule):
            self._check_counted(outcomes, named)
            return

        assert named.reason is Reason.QUOTA_EXCEEDED, (
            f"the daily quota ended before one push of a batch, and it ended {named!r}"
        )
        assert sum(outcome.ok for outcome in outcomes) == len(outcomes) - 1, (
            "a push that was accepted has another outcome"
        )

    def _is_counted(self, rule: CodeRule) -> bool:
        """Whether the vendor may count the targets of this code without naming them: a used up quota, in a table of its
        own."""
        return bool(self.rules and self.rules.target_codes) and rule.host_reason is Reason.QUOTA_EXCEEDED

    def _check_counted(self, outcomes: Sequence[Outcome], named: Outcome) -> None:
        """The push that did not go out is refused or in doubt, and so may be those that it was counted with."""
        silent = named.reason in (Reason.QUOTA_EXCEEDED, Reason.NO_VERDICT)
        assert silent, f"the daily quota ended before one push of a batch, and it ended {named!r}"
        for outcome in outcomes:
            right = outcome is named or outcome.ok or outcome.reason is Reason.NO_VERDICT
            assert right, f"beside a push whose daily quota is used up, another that arrived ended {outcome!r}"

    def _names_targets(self) -> bool:
        """Whether the vendor's reply to a batch can say a code of one of its targets. A vendor that names dead tokens
        in receipts says it of a request with one target only, unless it has a table of such codes."""
        return self.reason_of_the_dead is not None or bool(self.rules and self.rules.target_codes)

    def _plays_target_codes(self, has_codes: bool) -> bool:
        plays = type(self.make_sandbox(clock=lambda: EPOCH, tokens=0)).has_target_codes
        assert plays or not has_codes, (
            "rules.toml has codes with scope = 'target', and the sandbox cannot send them: look up "
            "`self.target_codes` for each target before delivering, and set has_target_codes = True"
        )
        return plays

    def _named(self, code: str, count: int) -> tuple[Sequence[Outcome], Outcome]:
        """A batch whose last push gets this code: all outcomes, and the outcome of that one."""
        driver = self.driver()
        batch = self.pushes(driver.sandbox.tokens[:count])
        target = batch[-1].push_token.token
        driver.sandbox.target_codes[target] = code
        try:
            outcomes: Sequence[Outcome] = driver.push(batch)
        except Refused as refused:
            outcomes = [refused.outcome(push) for push in batch]
        assert driver.sandbox.ledger.count(target) == 0, (
            "the sandbox must refuse this target with its code, and it has delivered to it"
        )
        return outcomes, outcomes[-1]

    # Replies that name what was not asked for

    @checks("errors")
    def test_a_reply_with_targets_that_nobody_asked_for(self) -> None:
        """An unknown target, an unknown group: no crash, and the known targets keep their verdict."""
        for dead in (False, True):
            driver = self.driver()
            tokens = list(driver.sandbox.tokens[: min(3, self.size)])
            if dead:
                driver.sandbox.uninstall(tokens[-1])
            batch = self.pushes(tokens)
            replies: list[Response] = []
            driver.spoil = lambda reply, replies=replies: replies.append(reply) or reply  # type: ignore[misc]
            self._answer(driver, batch)
            whole = replies[-1]
            renamed = whole.content.replace(tokens[-1].encode(), NOBODY.encode())
            codes = list(self.codes("target_codes"))
            for content in (renamed, *odd_twins(whole.content, _kind(whole), names=(NOBODY, *codes))):
                driver.spoil = lambda reply, content=content: attrs.evolve(reply, content=content)  # type: ignore[misc]
                raised, outcomes = self._answer(driver, batch)
                reported = [outcome.push_token.token for outcome in outcomes]
                assert raised is not None or reported == tokens, f"to {content[:80]!r} push() gave outcomes for others"
                assert all(isinstance(outcome, Outcome) for outcome in outcomes), "push() returned no Outcome"
                ids = (name for outcome in outcomes for name in (outcome.message_id, outcome.vendor_code))
                assert all(isinstance(one, str | None) for one in ids), (
                    f"of {content[:80]!r} push() made an id that is no str"
                )

    @checks("errors")
    def test_a_broadcast_reply_that_makes_no_sense(self) -> None:
        """The same for the replies to `save` and `broadcast`: `Refused`, `NoVerdict`, or a complete outcome."""
        for kind in sorted(self.loaded().audiences, key=lambda kind: kind.value):
            replies: list[Response] = []
            driver = self.driver(tokens=3)
            made = Broadcast(1, Notification("title", "for all"), audiences(driver.sandbox)[kind])
            driver.spoil = lambda reply, replies=replies: replies.append(reply) or reply  # type: ignore[misc]
            driver.broadcast(made)
            codes = list(self.codes("target_codes"))
            for step, whole in enumerate(replies):
                twins = odd_twins(whole.content, _kind(whole), names=(NOBODY, *codes))
                for content in (*ODD_BODIES, *twins):
                    count = iter(range(1000))
                    driver.spoil = lambda reply, content=content, count=count, step=step: (  # type: ignore[misc]
                        attrs.evolve(reply, content=content) if next(count) == step else reply
                    )
                    try:
                        outcome = driver.broadcast(made)
                    except (Refused, NoVerdict):
                        continue
                    reported = [one.push_token.token for one in outcome.outcomes]
                    wanted = list(made.audience.values) if kind is AudienceKind.TOKENS else []
                    assert reported == wanted, (
                        f"to {content[:80]!r} broadcast() reported {len(reported)} of {len(wanted)} tokens"
                    )
                    assert isinstance(outcome.status, Status), "broadcast() returned no BroadcastOutcome"
                    ids = all(isinstance(one, str) for one in outcome.task_ids)
                    ids = ids and isinstance(outcome.message_id, str | None)
                    assert ids, f"of {content[:80]!r} broadcast() made an id that is no str"


def _kind(response: Response) -> str:
    return response.headers.get("content-type", "")


def _names(reasons: Any) -> str:
    return " and ".join(sorted("ACCEPTED" if reason is None else reason.name for reason in reasons)) or "nothing"
