"""Scenarios: the parts of the contract that a plug-in may leave out, and its version.

`finish`, compartments, content that is saved before a push to many, taking a notification back, checking tokens, and a
proof of the settings. A plug-in without one of these passes its scenarios.
"""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import suppress
from typing import Any

import attrs
import pytest

from pushgateway.model.notification import Notification
from pushgateway.model.outcome import Outcome
from pushgateway.model.push import CallBack, Push, PushToken
from pushgateway.model.reason import Reason, Status
from pushgateway.sandbox import Answer, Fault, Sandbox
from pushgateway.testing.conformance.exchange_driver import ExchangeDriver
from pushgateway.testing.conformance.harness import Harness
from pushgateway.testing.conformance.odd_inputs import ODD_BODIES, ODD_NOTES, odd_twins
from pushgateway.testing.conformance.promises import checks
from pushgateway.testing.conformance.sandbox_connection import EPOCH
from pushgateway.vendor import Batch, Request, Response, Saved, Vendor
from pushgateway.vendor.contract import CONTRACT
from pushgateway.vendor.operation import Call
from pushgateway.vendor.refusals import NoVerdict, Refused

MARK = "MARK5d1c"
NOTE = Notification("title", "for all")


class ContractScenarios(Harness):
    """What a plug-in says and does beside pushes, broadcasts and receipts."""

    @checks("contract")
    def test_it_names_the_contract_that_it_was_written_for(self) -> None:
        """The core refuses a plug-in of another contract, because it would call methods that are not there."""
        assert self.vendor.contract == CONTRACT, (
            f"contract is {self.vendor.contract!r}, and this core has the contract {CONTRACT!r}"
        )

    @checks("contract")
    def test_what_it_says_of_itself_has_the_right_type(self) -> None:
        """The core decides by these values how it repeats, cuts and reports."""
        vendor, sandbox = self.loaded(), self.sandbox()
        values = (
            ("deduplicates", (True, False, "message")),
            ("dead_tokens", ("reply", "receipt")),
            ("marks", ("push", "message", "none")),
            ("proves_receipts", (True, False)),
        )
        for name, allowed in values:
            value = getattr(vendor, name)
            assert any(value is one or value == one != isinstance(value, bool) for one in allowed), (
                f"{name} is {value!r}, must be one of {', '.join(map(repr, allowed))}"
            )
        for place, note in enumerate((*ODD_NOTES, NOTE)):
            name = vendor.compartment(note)
            assert isinstance(name, str), f"compartment() of odd notification {place} is no str"
            assert name == vendor.compartment(note), f"compartment() of odd notification {place} is not always the same"
        has_receipts = vendor.dead_tokens == "reply" or sandbox.receipt_kinds
        assert has_receipts, "dead_tokens is 'receipt', and the sandbox posts no receipts"

    # The last word on a request

    @checks("finish")
    def test_finish_depends_on_what_it_is_given_only(self) -> None:
        """Twice with the same request, access token and time it makes the same, and leaves the request as it was."""
        driver = self.driver()
        driver.asked(self.pushes(driver.sandbox.tokens[: min(3, self.size)]))
        for request in driver.unfinished:
            before = attrs.evolve(request, headers=dict(request.headers))
            made = [driver.vendor.finish(request, driver.access, EPOCH) for _ in range(2)]
            assert made[0] == made[1], "finish() made two requests of one: it has a clock or a random of its own"
            assert request == before, "finish() changed the request that it was given"
            assert isinstance(made[0], Request), "finish() returns a Request"
            same = made[0].method == request.method and _host(made[0]) == _host(request)
            assert same, f"finish() sends the request elsewhere: {_host(made[0])}, it was for {_host(request)}"
            later = driver.vendor.finish(request, driver.access, EPOCH + 3600)
            assert isinstance(later, Request), "finish() returns a Request at any time"

    @checks("finish")
    def test_the_access_token_is_put_in_by_finish(self) -> None:
        """And not before: a request that the core repeats gets the access token of that moment."""
        driver = self.driver()
        driver.asked(self.pushes(driver.sandbox.tokens[: min(3, self.size)]))
        access = driver.access
        if access is None:
            return
        value = access.value.encode()
        for request in driver.unfinished:
            parts = (request.content, request.url.encode(), repr(dict(request.headers)).encode())
            assert not any(value in part for part in parts), "push() puts in an access token itself"
        renewed = attrs.evolve(access, value=access.value[::-1])
        for request in driver.unfinished:
            old, new = (driver.vendor.finish(request, one, EPOCH) for one in (access, renewed))
            assert old != new, "finish() does not put the access token into the request"

    # Who shares a request

    @checks("compartments")
    def test_usual_pushes_share_a_compartment(self) -> None:
        """A compartment for each text would send every push in a request of its own."""
        vendor = self.loaded()
        notes = [Notification(f"title {n}", f"body {n}", data={"n": n}, dedupe_id=f"d{n}") for n in range(20)]

        names = {vendor.compartment(note) for note in notes}
        quotas = {vendor.quota(note) for note in notes}

        assert len(names) == 1, f"{len(notes)} usual notifications are in {len(names)} compartments"
        assert len(quotas) == 1, f"{len(notes)} usual notifications count against {len(quotas)} daily quotas"

    @checks("compartments")
    def test_a_wrong_channel_costs_its_own_pushes(self) -> None:
        """The vendor refuses every request with one channel: only pushes to that channel end refused."""
        code = self.code_for(Reason.INVALID_NOTIFICATION)
        if code is None or self.size < 2 or not self.loaded().batching.mixed:
            return
        sandbox = self.sandbox(tokens=20)
        asked = self._forbid_channel(sandbox, code)
        wrong = attrs.evolve(NOTE, channel_id=MARK)
        pushes = [Push(PushToken(1, token), NOTE) for token in sandbox.tokens]
        pushes[7] = attrs.evolve(pushes[7], notification=wrong)

        outcomes = self.deliver(sandbox, pushes)

        self.check_contract(outcomes)
        for place, outcome in enumerate(outcomes):
            assert outcome.ok or place == 7, f"push {place}: another push's channel is forbidden, it ended {outcome!r}"
        vendor = self.loaded()
        if vendor.compartment(wrong) == vendor.compartment(NOTE):
            return  # the core has found the push by trying smaller requests
        neighbours = {token for request in asked for token in sandbox.tokens if token.encode() in request.content}
        assert neighbours <= {sandbox.tokens[7]}, (
            "pushes of another compartment were in the request with the wrong channel"
        )

    def _forbid_channel(self, sandbox: Sandbox, code: str) -> list[Request]:
        answer, played = sandbox.answer, list[Request]()

        def answering(request: Request) -> Answer:
            if MARK.encode() not in request.content and MARK not in request.url:
                return answer(request)
            played.append(request)
            return Answer(sandbox.refusal(code))

        sandbox.answer = answering  # type: ignore[method-assign]
        return played

    # Content that is saved before a push to many

    @checks("saves")
    def test_one_notification_for_many_is_saved_once(self) -> None:
        """A multicast over several batches: one save; every phone gets the saved content."""
        if not self.loaded().batching.saves:
            return
        sandbox = self.sandbox(tokens=2 * self.size + 1)
        saving = self._saving()
        pushes = [Push(PushToken(1, token), NOTE) for token in sandbox.tokens]

        outcomes = self.deliver(sandbox, pushes)

        self.expect(outcomes, None)
        self.check(sandbox, outcomes)
        saves = sum(sandbox.ledger.calls[name] for name in saving)
        assert saves == 1, f"one notification for {len(pushes)} phones was saved {saves} times"

    @checks("saves")
    def test_what_is_saved_is_used(self) -> None:
        """`push` names the saved content by its id, and sends the notification itself below `least` only."""
        least = self.loaded().batching.least
        if not self.loaded().batching.saves:
            return
        for count in {1, least - 1, least, self.size} - {0}:
            driver = self.driver(tokens=count)
            text = f"text {MARK}"
            note = Notification("title", f"for all {text}")
            outcomes = driver.push([Push(PushToken(1, token), note) for token in driver.sandbox.tokens])

            self.expect(outcomes, None)
            self.check(driver.sandbox, outcomes)
            assert len(driver.saves) == (count >= least), (
                f"the content of {count} pushes took {len(driver.saves)} saves"
            )
            sent = b"".join(request.content + request.url.encode() for request in driver.requests)
            if count < least:
                continue
            (saved,) = driver.saved
            assert saved.id.encode() in sent, f"{count} pushes do not name the content that was saved: Batch.saved"
            assert MARK.encode() not in sent, f"the content of {count} pushes was saved, and sent once more"

    @checks("saves")
    def test_saving_reaches_nobody(self) -> None:
        """It may be repeated: no phone gets anything, and the id that comes back can be used for an hour or as said."""
        driver = self.driver()
        if not driver.vendor.batching.saves:
            return
        batch = Batch.of([Push(PushToken(1, token), NOTE) for token in driver.sandbox.tokens[:2]])
        if driver.vendor.marks == "message":
            batch.callback = CallBack("https://host.example/r", "mark-1")
        for _ in range(2):
            saved = driver.save(batch)
            assert isinstance(saved, Saved), f"save_push() returned {type(saved).__name__}"
            assert isinstance(saved.id, str), "Saved.id is no str"
            assert saved.id, "Saved.id is empty"
            assert 0 < saved.lifetime < 10**8, f"Saved.lifetime is {saved.lifetime}: it is in seconds"
        assert driver.sandbox.ledger.total == 0, f"saving a content reached {driver.sandbox.ledger.total} phones"

    @checks("saves")
    def test_a_save_that_fails_costs_nobody_twice(self) -> None:
        """No reply to a save: the pushes arrive after another one, or end NOT_SENT; none is in doubt."""
        if not self.loaded().batching.saves:
            return
        for kind in ("drop", "html", "status", "empty"):
            sandbox = self.sandbox(tokens=max(2, self.loaded().batching.least))
            sandbox.faults.add(*(Fault(kind=kind, operation=name) for name in self._saving()))

            outcomes = self.deliver(sandbox, [Push(PushToken(1, token), NOTE) for token in sandbox.tokens])

            self.assert_played(sandbox, kind)
            self.check(sandbox, outcomes)
            for outcome in outcomes:
                assert outcome.status in (Status.ACCEPTED, Status.NOT_SENT), (
                    f"the save had the fault {kind!r}, nobody got anything by it, and a push ended {outcome!r}"
                )

    @checks("errors")
    def test_a_reply_to_a_save_that_makes_no_sense(self) -> None:
        """Any value left out or of another type: a `Saved` of the right types, `Refused` or `NoVerdict`."""
        driver = self.driver()
        if not driver.vendor.batching.saves:
            return
        batch, replies = Batch.of(self.pushes(driver.sandbox.tokens[:2])), list[Response]()
        driver.spoil_save = lambda reply: replies.append(reply) or reply  # type: ignore[func-returns-value]
        driver.save(batch)
        whole = replies[0]
        for content in (*ODD_BODIES, *odd_twins(whole.content, whole.headers.get("content-type", ""))):
            driver.spoil_save = lambda _, content=content: attrs.evolve(whole, content=content)  # type: ignore[misc]
            try:
                saved = driver.save(batch)
            except (Refused, NoVerdict):
                continue
            right = isinstance(saved, Saved) and isinstance(saved.id, str) and saved.id
            assert right, f"of {content[:80]!r} save_push() made {saved!r}"

    def _saving(self) -> tuple[str, ...]:
        """The vendor's names of the calls that save the content of a push."""
        driver = self.driver()
        batch = self.pushes(driver.sandbox.tokens[: max(2, driver.vendor.batching.least)])
        driver.push(batch)
        assert driver.saves, f"batching.saves is True, and {len(batch)} pushes make no request that saves"
        return tuple({driver.sandbox.operation(request) for request in driver.saves})

    # Taking back, and asking for tokens

    @checks("recall")
    def test_a_notification_is_taken_back_where_it_is_meant(self) -> None:
        """From the phones that are named and from no other; its result says None for each of them."""
        if not self._overrides("recall"):
            return
        driver = self.driver()
        tokens = list(driver.sandbox.tokens[: min(3, self.size)])
        others = driver.push(
            [Push(PushToken(1, t), Notification("other", "for all"), dedupe_id=f"o-{t}") for t in tokens]
        )
        outcomes = driver.push([Push(PushToken(1, t), NOTE, dedupe_id=f"d-{t}") for t in tokens])
        self.expect([*others, *outcomes], None)
        for place, outcome in enumerate(outcomes[:-1] or outcomes):
            result = self._carried(driver, driver.vendor.recall(_handle(outcome), [tokens[place]]))
            assert result == {tokens[place]: None}, f"recall() of a notification that is shown ended {result!r}"
        left = {phone.token: [one.title for one in phone.shown] for phone in driver.sandbox.phones()}
        wanted = {token: ["other"] for token in tokens[:-1] or tokens} | {
            t: ["other", "title"] for t in tokens[1:][-1:]
        }
        for place, token in enumerate(tokens):
            assert left[token] == wanted[token], (
                f"phone {place} shows {left[token]} after recall(), it should show {wanted[token]}"
            )

    @checks("recall")
    def test_a_recall_of_nothing_is_no_success(self) -> None:
        """An unknown handle, an odd or dead token: a reason for each token, `Refused` or `NoVerdict`."""
        if not self._overrides("recall"):
            return
        driver = self.driver()
        (outcome,) = driver.push(self.pushes(driver.sandbox.tokens[:1]))
        for handle, token in (
            ("nothing5d1c", driver.sandbox.tokens[0]),
            (_handle(outcome), "nobody5d1c"),
            ("", "汉;,"),
        ):
            with suppress(Refused, NoVerdict):
                result = self._carried(driver, driver.vendor.recall(handle, [token]))
                assert result.get(token) is not None, f"recall() of what is not there ended {result!r} for its token"

    @checks("recall")
    def test_tokens_are_checked_without_a_push(self) -> None:
        """A live token has no reason, a dead one is UNREGISTERED; no phone gets anything."""
        if not self._overrides("check_tokens"):
            return
        driver = self.driver(tokens=5)
        tokens = list(driver.sandbox.tokens)
        driver.sandbox.uninstall(tokens[1])
        result = self._carried(driver, driver.vendor.check_tokens(tokens))

        assert isinstance(result, Mapping), "check_tokens() ends with a mapping by token"
        assert set(result) == set(tokens), f"check_tokens() of {len(tokens)} tokens ended with {len(result)}"
        for place, token in enumerate(tokens):
            wanted = Reason.UNREGISTERED if place == 1 else None
            assert result[token] is wanted, f"check_tokens(): token {place} should be {wanted}, is {result[token]!r}"
        assert driver.sandbox.ledger.total == 0, "check_tokens() pushed to phones"

    def _overrides(self, name: str) -> bool:
        return getattr(self.vendor, name) is not getattr(Vendor, name)

    def _carried(self, driver: ExchangeDriver, call: Call[Any]) -> Any:
        assert isinstance(call, Call), "it gives a Call"
        return driver.carry(call.begin, call.region)

    # A proof of the settings

    @checks("probe")
    def test_the_probe_reaches_nobody_and_proves_the_settings(self) -> None:
        """`check` shows what it returns: words without a secret; with a wrong secret it raises CREDENTIALS."""
        driver = self.driver()
        with driver.watching():
            exchange = driver.vendor.probe()
        if exchange is None:
            return
        proved = driver.carry(lambda: exchange, driver.vendor.home_region)

        assert isinstance(proved, str), "probe() returns in words what it proved"
        assert proved, "probe() returns in words what it proved"
        assert not [name for name, secret in self.secrets().items() if secret in proved], "probe() shows a secret"
        assert driver.sandbox.ledger.total == 0, f"probe() reached {driver.sandbox.ledger.total} phones"
        wrong = self.driver(settings=self.with_wrong_secret(driver.sandbox.settings(self.host)))
        with pytest.raises(Refused) as refused:
            wrong.carry(lambda: _begun(wrong.vendor), wrong.vendor.home_region)
        assert refused.value.reason is Reason.CREDENTIALS, (
            f"with a wrong secret probe() raised {refused.value.reason.name}, not CREDENTIALS"
        )


def _begun(vendor: Vendor) -> Any:
    exchange = vendor.probe()
    assert exchange is not None, "probe() is there with one secret and not with another"
    return exchange


def _handle(outcome: Outcome) -> str:
    return outcome.handle or outcome.message_id or ""


def _host(request: Request) -> str:
    return "/".join(request.url.split("/")[:3])
