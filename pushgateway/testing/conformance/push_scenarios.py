"""Scenarios: pushes and their outcomes, in any number, with any token and any text.

The vendor works without faults here; the odd inputs come from hosts and users.
"""

from __future__ import annotations

import copy
from contextlib import suppress

import attrs
import pytest

from pushgateway.model.notification import Notification
from pushgateway.model.outcome import Outcome
from pushgateway.model.push import Push, PushToken
from pushgateway.model.reason import Reason, Status
from pushgateway.testing.conformance.harness import ODD_TOKENS, PREFIXED, Harness
from pushgateway.testing.conformance.odd_inputs import ODD_NOTES, TEXTS
from pushgateway.testing.conformance.promises import checks
from pushgateway.vendor import Batching, Response
from pushgateway.vendor.refusals import NoVerdict, Refused
from pushgateway.vendor.text import most_quoted

EXTRA = {"key": "value", "number": 7}


class PushScenarios(Harness):
    """One push, full batches, dead tokens, odd texts."""

    @checks("outcomes")
    def test_one_push_arrives(self) -> None:
        """One token, one text, one delivery."""
        sandbox = self.sandbox()

        outcomes = self.deliver(sandbox, self.pushes(sandbox.tokens[:1]))

        self.expect(outcomes, None)
        self.check(sandbox, outcomes)

    @checks("size")
    def test_a_full_batch_is_one_request(self) -> None:
        """`batching.size` pushes take no more requests than one push, and one that saves their content; all arrive."""
        one = len(self.driver().asked(self.pushes(self.sandbox().tokens[:1])))
        for same in (False, True):
            driver = self.driver(tokens=self.size)
            batch = self.pushes(driver.sandbox.tokens)
            if same:
                batch = [attrs.evolve(push, notification=Notification("title", "for all")) for push in batch]

            outcomes = driver.push(batch)

            self.expect(outcomes, None)
            self.check(driver.sandbox, outcomes)
            asked, saves = len(driver.requests), len(driver.saves)
            assert asked <= one, f"{len(batch)} pushes took {asked} requests, one takes {one}"
            assert saves <= 1, f"the content of one notification was saved in {saves} requests"

    @pytest.mark.parametrize("more", [0, 1])
    @checks("size")
    def test_at_the_size_and_one_more(self, more: int) -> None:
        """A full batch, and one push too many for it: each arrives once."""
        sandbox = self.sandbox(tokens=self.size + more)

        outcomes = self.deliver(sandbox, self.pushes(sandbox.tokens))

        self.expect(outcomes, None)
        self.check(sandbox, outcomes)

    @checks("own text")
    def test_one_notification_for_many(self) -> None:
        """One notification for many tokens reaches each of them once, and is cut for all of them or for none."""
        for title in ("title", "长" * 5000):
            sandbox = self.sandbox(tokens=50)
            note = Notification(title, "for all")

            outcomes = self.deliver(sandbox, [Push(PushToken(1, token), note) for token in sandbox.tokens])

            if title == "title" or any(outcome.ok for outcome in outcomes):
                self.expect(outcomes, None)
            self.check(sandbox, outcomes)
            shown = {delivery.token: delivery.title for delivery in sandbox.ledger.deliveries}
            for place, outcome in enumerate(outcomes):
                was_cut = shown.get(outcome.push_token.token, title) != title
                wanted = ("title",) if was_cut else ()
                assert outcome.truncated == wanted, (
                    f"push {place} of {len(outcomes)} of one notification: {wanted} was cut, and truncated is "
                    f"{outcome.truncated!r}"
                )

    @checks("own text")
    def test_each_its_own_notification(self) -> None:
        """Different notifications at once, in one request or in many: no phone gets the text for another one."""
        sandbox = self.sandbox(tokens=30)
        pushes = [Push(PushToken(1, token), Notification(f"t-{token}", f"for {token}")) for token in sandbox.tokens]

        outcomes = self.deliver(sandbox, pushes)

        self.expect(outcomes, None)
        self.check(sandbox, outcomes)

    @checks("outcomes")
    def test_outcomes_stand_in_the_order_of_the_batch(self) -> None:
        """One outcome for each push in the order of the batch; dead tokens are reported at their index."""
        driver = self.driver(tokens=12)
        tokens = list(driver.sandbox.tokens[: self.size])
        for token in tokens[1::3]:
            driver.sandbox.uninstall(token)
        batch = self.pushes(tokens)[::-1]

        outcomes = driver.push(batch)

        assert len(outcomes) == len(batch), f"push() returned {len(outcomes)} outcomes for {len(batch)} pushes"
        for place, (push, outcome) in enumerate(zip(batch, outcomes, strict=True)):
            assert isinstance(outcome, Outcome), f"place {place}: push() returned {type(outcome).__name__}"
            assert outcome.push_token == push.push_token, f"place {place}: the outcome is about another push"
            wanted = driver.sandbox.ledger.count(push.push_token.token) == 1
            said_later = outcome.ok and self.reason_of_the_dead is None
            right = outcome.ok == wanted or said_later
            assert right, f"place {place}: {outcome.status.name}, but the ledger says the opposite"

    @checks("outcomes")
    def test_the_message_id_comes_back(self) -> None:
        """If the vendor gives each push an id, the outcome has it, because receipts are matched by it."""
        driver = self.driver()
        for count in {1, min(3, self.size)}:
            driver.sandbox.ledger.clear()
            outcomes = driver.push(self.pushes(driver.sandbox.register(count)))
            given = {delivery.token: delivery.message_id for delivery in driver.sandbox.ledger.deliveries}
            for place, outcome in enumerate(outcomes):
                wanted = given.get(outcome.push_token.token)
                right = not wanted or outcome.message_id == wanted
                assert right, f"push {place} of {count}: the vendor gave an id, the outcome has another or none"

    @checks("dead tokens")
    def test_a_muted_phone_is_no_dead_one(self) -> None:
        """The user has switched notifications off and may switch them on again, so the token is not dead."""
        sandbox = self.sandbox(tokens=3)
        sandbox.mute(sandbox.tokens[1])

        outcomes = self.deliver(sandbox, self.pushes(sandbox.tokens))

        allowed = (Reason.MUTED, None)  # None: a vendor that does not report it
        assert outcomes[1].reason in allowed, f"a phone that is switched off should end MUTED: {outcomes[1]!r}"
        for outcome in (outcomes[0], outcomes[2]):
            assert outcome.ok, f"beside a phone that is switched off, another ended {outcome!r}"

    @checks("dead tokens")
    def test_dead_tokens_among_live_ones(self) -> None:
        """Dead tokens are reported, the other pushes arrive, and the order is kept."""
        sandbox = self.sandbox(tokens=60)
        tokens = list(sandbox.tokens)
        for token in tokens[::7]:
            sandbox.uninstall(token)

        outcomes = self.deliver(sandbox, self.pushes(tokens))

        assert [outcome.push_token.token for outcome in outcomes] == tokens, "the order is lost"
        for place, outcome in enumerate(outcomes):
            wanted = self.reason_of_the_dead if place % 7 == 0 else None
            assert outcome.reason is wanted, f"push {place} should end {wanted}: {outcome!r}"
        self.check(sandbox, outcomes)

    @pytest.mark.parametrize("count", [1, 5])
    @checks("dead tokens")
    def test_all_tokens_dead(self, count: int) -> None:
        """Each is reported, also if all tokens of the batch are dead; at the latest in its receipt."""
        sandbox = self.sandbox(tokens=count)
        tokens = list(sandbox.tokens)
        for token in tokens:
            sandbox.uninstall(token)

        outcomes = self.deliver(sandbox, self.pushes(tokens))

        if self.reason_of_the_dead is None:  # a vendor may say it of a request that reaches nobody at all
            self.check_contract(outcomes)
            others = [outcome for outcome in outcomes if outcome.reason not in (None, Reason.UNREGISTERED)]
            assert not others, f"a push to a dead token ended {others[0]!r}" if others else ""
        else:
            self.expect(outcomes, Reason.UNREGISTERED)
            assert {outcome.status for outcome in outcomes} == {Status.REJECTED}, "the vendor refused them: REJECTED"
        self.check(sandbox, outcomes)

    @checks("dead tokens")
    def test_odd_tokens_hurt_nobody(self) -> None:
        """Any text as a token has an outcome of its own, and the other push of the batch arrives."""
        sandbox = self.sandbox()
        tokens = [ODD_TOKENS[0], sandbox.tokens[0], *ODD_TOKENS[1:], sandbox.tokens[1]]

        outcomes = self.deliver(sandbox, self.pushes(tokens))

        for token, outcome in zip(tokens, outcomes, strict=True):
            wanted = None if token in sandbox.tokens else Reason.UNREGISTERED
            # What may be a living phone's token with dirt about it is a fault of the input: its token is kept.
            is_dirty = outcome.reason is Reason.INVALID_NOTIFICATION and outcome.detail.startswith("token: ")
            said_later = outcome.ok and self.reason_of_the_dead is None and token not in sandbox.tokens
            good = outcome.reason is wanted or said_later or (is_dirty and token not in sandbox.tokens)
            assert good, f"the token {token[:8]!a} should end {wanted}: {outcome!r}"
        self.check(sandbox, outcomes)

    @pytest.mark.parametrize("text", TEXTS.values(), ids=TEXTS)
    @checks("any text")
    def test_any_text_arrives_or_is_refused_by_name(self, text: str) -> None:
        """Any text is delivered (cut and named if too long) or refused with the name of the field."""
        sandbox = self.sandbox()

        (outcome,) = self.deliver(sandbox, [Push(PushToken(1, sandbox.tokens[0]), Notification(text, text))])

        self.check_contract([outcome])
        if outcome.ok:
            shown = sandbox.ledger.deliveries[0]
            for name, whole in (("title", shown.title), ("body", shown.body)):
                whole.encode()
                assert len(whole) >= len(text) / 2 or name in outcome.truncated, f"{name} was cut without saying so"
        else:
            assert outcome.reason is Reason.INVALID_NOTIFICATION, f"a text that cannot be sent ended as {outcome!r}"
            assert "title" in outcome.detail or "body" in outcome.detail, f"no field is named: {outcome.detail!r}"

    @checks("any text")
    def test_one_text_that_cannot_be_sent_hurts_nobody(self) -> None:
        """It has an outcome of its own; the others arrive."""
        sandbox = self.sandbox(tokens=len(ODD_NOTES) + 1)
        odd = [Push(PushToken(1, token), note) for token, note in zip(sandbox.tokens[1:], ODD_NOTES, strict=True)]
        good = Push(PushToken(1, sandbox.tokens[0]), Notification("title", "for all"))

        outcomes = self.deliver(sandbox, [good, *odd])

        self.check_contract(outcomes)
        assert outcomes[0].ok, f"a good push beside odd ones should be ACCEPTED: {outcomes[0]!r}"
        allowed = (None, Reason.INVALID_NOTIFICATION, Reason.UNSUPPORTED)
        for place, outcome in enumerate(outcomes):
            assert outcome.reason in allowed, f"odd notification {place}: {outcome!r}"
        for push in odd if self.size > 1 and self.loaded().batching.mixed else ():
            driver = self.driver(tokens=len(sandbox.tokens))
            asked = driver.asked([good, push])  # before a request it can only be settled; afterwards the core halves
            assert asked, "a batch with one text that cannot be sent was refused as a whole, without any request"

    @checks("batch")
    def test_the_batch_is_left_alone(self) -> None:
        """The core and the host use these objects afterwards."""
        driver = self.driver()
        tokens = [*driver.sandbox.tokens[:3], ""][-self.size :]
        brand = self.vendor.brand
        notes = [Notification("title", "for all", data=dict(EXTRA), overrides={brand: {}}) for _ in tokens]
        pushes = [
            Push(PushToken(1, token), note, dedupe_id=f"d-{number}")
            for number, (token, note) in enumerate(zip(tokens, notes, strict=True))
        ]
        batch = driver.batch(pushes)
        columns = ("push_tokens", "notifications", "dedupe_ids", "tokens", "contexts", "message_ids")
        given, before = (
            [list(getattr(batch, name)) for name in columns],
            copy.deepcopy([attrs.asdict(note) for note in notes]),
        )
        with suppress(Refused, NoVerdict):
            driver.carry(lambda: driver.vendor.push(batch), driver.vendor.region(tokens[0]))

        assert [list(getattr(batch, name)) for name in columns] == given, "push() changed the batch that it was given"
        assert [attrs.asdict(note) for note in notes] == before, "push() changed a notification that it was given"

    @pytest.mark.parametrize("failing", ["no verdict", "refused"])
    @checks("kept")
    def test_settled_pushes_keep_their_outcomes(self, failing: str) -> None:
        """The result of the request does not concern pushes that were not in it."""
        driver = self.driver()
        first, second = driver.sandbox.tokens[:2]
        usual = Notification("title", "for all")
        odd = [Push(PushToken(1, token), usual) for token in ODD_TOKENS]
        if driver.vendor.batching.mixed:
            odd += [Push(PushToken(1, second), note) for note in ODD_NOTES]
        settled = [push for push in odd if self.size > 1 and not driver.asked([push])]
        reply = Response(200, content=b"<html></html>")
        if failing == "refused":
            reply = driver.sandbox.refusal(self.code_for(Reason.CREDENTIALS) or "-1")
        driver.spoil = lambda _: reply

        for push in settled:
            try:
                outcomes = dict(enumerate(driver.push([push, Push(PushToken(1, first), usual)])))
            except (Refused, NoVerdict) as failed:
                outcomes = dict(failed.kept)
            assert 0 in outcomes, "the request failed, and a push that was settled before it lost its outcome"
            assert outcomes[0].status is Status.NOT_SENT, "a push that was settled without a request is NOT_SENT"
            assert outcomes[0].push_token == push.push_token, "the kept outcome is about another push"

    @checks("dedupe")
    def test_the_dedupe_id_travels(self) -> None:
        """If the vendor drops repeats, a repeat has the same id; phones that drop them get the id of the message."""
        driver = self.driver()
        batch = driver.batch(self.pushes(driver.sandbox.tokens[: self.size]))
        driver.push(batch)
        if not driver.vendor.deduplicates:
            return
        sent = {delivery.token: delivery.dedupe_id for delivery in driver.sandbox.ledger.deliveries}
        ids = batch.message_ids if driver.vendor.deduplicates == "message" else batch.dedupe_ids

        for token, wanted in zip(batch.tokens, ids, strict=True):
            received = sent.get(token)
            assert received == wanted, f"the vendor got the dedupe id {received!r}, its own is {wanted!r}"

    @checks("dedupe")
    def test_a_repeated_push_is_shown_once(self) -> None:
        """The same batch again, as after a reply that was lost: no phone shows it twice, and no other is held back."""
        driver = self.driver()
        if not driver.vendor.deduplicates:
            return
        tokens = driver.sandbox.tokens[: min(3, self.size)]
        batch = self.pushes(tokens)
        driver.push(batch)
        driver.push(batch)
        counts = [driver.sandbox.ledger.count(token) for token in tokens]
        assert counts == [1] * len(tokens), f"one batch was sent twice, and its phones show it {counts} times"

        later = [attrs.evolve(push, notification=Notification("later", "for all")) for push in batch]
        driver.push([attrs.evolve(push, dedupe_id=f"later-{number}") for number, push in enumerate(later)])

        counts = [driver.sandbox.ledger.count(token) for token in tokens]
        assert counts == [2] * len(tokens), "another notification was taken for a repeat: its phones do not show it"

    @checks("weight")
    def test_a_push_weighs_no_more_than_it_says(self) -> None:
        """A request cut by `max_bytes` is not larger than the vendor accepts."""
        driver = self.driver()
        if driver.vendor.batching.max_bytes is None or self.size < 3:
            return
        first, second, third = driver.sandbox.tokens[:3]
        for place, note in enumerate(ODD_NOTES):
            bodies = []
            for tokens in ((first, second), (first, second, third)):
                batch = [Push(PushToken(1, token), note, dedupe_id=f"d-{token}") for token in tokens]
                bodies.append(sum(len(request.content) for request in driver.asked(batch)))
            added = bodies[1] - bodies[0]
            weight = driver.vendor.weigh(note) + most_quoted(third) + most_quoted(f"d-{third}")
            assert added <= weight, f"odd notification {place} added {added} bytes, weigh() and its token say {weight}"

    @checks("weight")
    def test_different_notifications_weigh_no_more_than_they_say(self) -> None:
        """Each together with different ones, because what a request shares between equal pushes would hide a weight."""
        driver = self.driver()
        if driver.vendor.batching.max_bytes is None or self.size < 3 or not driver.vendor.batching.mixed:
            return
        first, second, third = driver.sandbox.tokens[:3]
        before = [Push(PushToken(1, t), Notification("a", t), dedupe_id=f"d-{t}") for t in (first, second)]
        alone = sum(len(request.content) for request in driver.asked(before))
        long = (Notification("长" * count, "😀" * count, data={"k": "长" * count}) for count in (1, 30, 300))
        for place, note in enumerate((Notification("title", "for all"), *long, *ODD_NOTES)):
            batch = [*before, Push(PushToken(1, third), note, dedupe_id=f"d-{third}")]
            added = sum(len(request.content) for request in driver.asked(batch)) - alone
            weight = driver.vendor.weigh(note) + most_quoted(third) + most_quoted(f"d-{third}")
            assert added <= weight, (
                f"notification {place} added {added} bytes to others, weigh() and its token say {weight}"
            )

    @checks("total")
    def test_region_quota_and_weight_know_everything(self) -> None:
        """The core asks before anything is checked."""
        vendor = self.loaded()
        for token in (*ODD_TOKENS, *self.sandbox().tokens):
            region = vendor.region(token)
            assert isinstance(region, str), f"region({token[:8]!a}) is no str"
            assert region == vendor.region(token), f"region({token[:8]!a}) is not always the same"
        usual = self.sandbox().tokens
        for tokens in (usual, *([*usual, odd] for odd in (*ODD_TOKENS, *PREFIXED)), PREFIXED):
            each = {vendor.region(token) for token in tokens}
            assert set(vendor.regions(tokens)) == each, "regions() finds other regions than region()"
        for place, note in enumerate(ODD_NOTES):
            assert isinstance(vendor.quota(note), str), f"quota() of odd notification {place} is no str"
            assert type(vendor.is_alone(note)) is bool, f"is_alone() of odd notification {place} is no bool"
            weight = vendor.weigh(note)
            assert isinstance(weight, int), f"weigh() of odd notification {place} is no int"
            assert weight >= 0, f"weigh() of odd notification {place} is below 0"
        assert isinstance(vendor.batching, Batching), "batching is no Batching"
        assert isinstance(vendor.home_region, str), "home_region is no str"
