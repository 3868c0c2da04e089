"""Scenarios: which phones a broadcast reaches, when and how fast, and with which content.

What a plug-in or its vendor cannot express must be refused before any request; what is accepted must be done as it was
asked for. The sandbox's ledger says which phones received what.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from pushgateway.model.audience import Audience, AudienceKind
from pushgateway.model.notification import Notification
from pushgateway.model.outcome import BroadcastOutcome
from pushgateway.model.reason import Reason, Status
from pushgateway.sandbox import Fault, Sandbox
from pushgateway.testing.conformance.content_scenarios import FEATURES, names_of, with_fields
from pushgateway.testing.conformance.harness import Harness, audiences
from pushgateway.testing.conformance.promises import checks
from pushgateway.testing.conformance.sandbox_connection import EPOCH
from pushgateway.testing.delivery_comparison import changed
from pushgateway.testing.virtual_time import run_virtual

NOTE = Notification("title", "for all")
LATER = datetime.fromtimestamp(EPOCH, UTC) + timedelta(days=1)
TAGS: Sequence[Sequence[str]] = (["a"], ["a", "b"], ["b"], ["a", "b", "c"], [])
"""The tags of five phones."""
CHOICES: Mapping[str, tuple[Mapping[str, Sequence[str]], frozenset[int]]] = {
    "any of two": ({"any_of": ["a", "b"]}, frozenset({0, 1, 2, 3})),
    "all of two": ({"all_of": ["a", "b"]}, frozenset({1, 3})),
    "any but one": ({"any_of": ["a"], "none_of": ["c"]}, frozenset({0, 1})),
    "all but one": ({"all_of": ["a", "b"], "none_of": ["c"]}, frozenset({1})),
    "any and all": ({"any_of": ["a", "c"], "all_of": ["b"]}, frozenset({1, 3})),
    "any of three": ({"any_of": ["a", "b", "c"]}, frozenset({0, 1, 2, 3})),
}
"""By name: the groups of tags, and the indices of the phones that they select."""
MAKERS = {
    AudienceKind.ALIASES: Audience.of_aliases,
    AudienceKind.ACCOUNTS: Audience.of_accounts,
    AudienceKind.TAGS: Audience.of_tags,
}
REFUSALS = (Reason.UNSUPPORTED, Reason.INVALID_NOTIFICATION)


class BroadcastScenarios(Harness):
    """Audiences, schedules, speed and content of broadcasts."""

    def broadcast(
        self, sandbox: Sandbox, audience: Audience, note: Notification = NOTE, **more: Any
    ) -> BroadcastOutcome:
        """Broadcast through a gateway."""

        async def main() -> BroadcastOutcome:
            async with self.gateway(sandbox) as gateway:
                return await gateway.broadcast(1, note, audience, **more)

        outcome = run_virtual(main())
        assert "broke its contract" not in outcome.detail, outcome.detail
        return outcome

    def check_refused(self, sandbox: Sandbox, outcome: BroadcastOutcome, *names: str) -> None:
        """Check that it was refused before any request, reached no phone, and that the detail names what is not
        possible."""
        assert sandbox.ledger.total == 0, f"a broadcast ended {outcome!r}, and {sandbox.ledger.total} phones got it"
        assert outcome.status is Status.NOT_SENT, (
            f"the vendor refused a broadcast that the plug-in let pass: {outcome!r}"
        )
        assert outcome.reason in REFUSALS, f"{', '.join(names)}: ended {outcome!r}, not UNSUPPORTED"
        detail = outcome.detail + "".join(one.detail for one in outcome.outcomes)
        assert any(name in detail for name in names), f"refused, and {' or '.join(names)} is not named: {outcome!r}"

    @pytest.mark.parametrize("kind", list(AudienceKind), ids=lambda kind: kind.value)
    @checks("broadcasts")
    def test_each_audience_is_reached_or_cleanly_unsupported(self, kind: AudienceKind) -> None:
        """Listed kinds of audience work; others are `UNSUPPORTED` before any request."""
        sandbox = self.sandbox(tokens=10)
        audience = audiences(sandbox)[kind]
        outcome = self.broadcast(sandbox, audience)

        if kind in self.loaded().audiences:
            reached = 10 if kind in (AudienceKind.EVERYONE, AudienceKind.TOKENS) else 1
            assert outcome.ok, f"a broadcast to {kind.value} should be ACCEPTED: {outcome!r}"
            assert sandbox.ledger.total == reached, f"{sandbox.ledger.total} phones got it, {reached} should"
            assert outcome.task_ids or outcome.message_id, (
                "the broadcast has neither message_id nor task_ids: its statistics cannot be requested"
            )
        else:
            seen = (outcome.status, outcome.reason)
            assert seen == (Status.NOT_SENT, Reason.UNSUPPORTED), f"not listed in `audiences`, and yet {outcome!r}"
            assert not sandbox.ledger.calls, "what is not supported is refused before any request"

    @checks("broadcasts")
    def test_a_long_list_with_dead_tokens(self) -> None:
        """More tokens than fit into one request: one true outcome for each, in the order given."""
        if AudienceKind.TOKENS not in self.loaded().audiences:
            return
        count = min(self.loaded().audience_size + 1, 2001)
        sandbox = self.sandbox(tokens=count)
        tokens = list(sandbox.tokens)
        for token in tokens[1::5]:
            sandbox.uninstall(token)

        outcome = self.broadcast(sandbox, Audience.of_tokens([*tokens, "a;b,c"]))

        assert [one.push_token.token for one in outcome.outcomes] == [*tokens, "a;b,c"], "one outcome each, in order"
        for place, one in enumerate(outcome.outcomes):
            times = sandbox.ledger.count(one.push_token.token)
            if one.ok and not times and self.reason_of_the_dead is None and one.push_token.token not in sandbox.tokens:
                continue  # its receipt says that it is dead
            assert one.ok == (times == 1), f"token {place} ended {one.status.name}, its phone got it {times} times"
            wanted = None if times else Reason.UNREGISTERED
            is_dirty = one.reason is Reason.INVALID_NOTIFICATION and one.detail.startswith("token: ")
            right = one.reason is wanted or (is_dirty and one.push_token.token not in tokens)
            assert right, f"token {place} of a broadcast should end {wanted}: {one!r}"

    @pytest.mark.parametrize("kind", ["drop", "html", "cut", "expire"])
    @checks("broadcasts")
    def test_a_broadcast_is_never_made_twice(self, kind: str) -> None:
        """With any fault of its last request; an expired access token is renewed."""
        if not self.loaded().audiences:
            return
        first = min(self.loaded().audiences, key=lambda kind: kind.value)
        quiet = self.sandbox(tokens=10)
        self.broadcast(quiet, audiences(quiet)[first])
        sandbox = self.sandbox(tokens=10)
        sandbox.faults.add(Fault(kind=kind, after=sum(quiet.ledger.calls.values()) - 1, size=5))

        outcome = self.broadcast(sandbox, audiences(sandbox)[first])

        self.assert_played(sandbox, kind)
        most = max((sandbox.ledger.count(token) for token in sandbox.tokens), default=0)
        assert most <= 1, f"a phone got the broadcast {most} times"
        if kind == "expire":
            assert outcome.ok, f"its access token expired once, and the broadcast ended {outcome!r}"
        else:
            assert outcome.status is Status.UNKNOWN, f"no verdict came, and the broadcast ended {outcome!r}"

    @pytest.mark.parametrize("choice", CHOICES)
    @checks("broadcasts")
    def test_tags_reach_whom_they_mean(self, choice: str) -> None:
        """One of, all of, none of: exactly these phones, or refused."""
        if AudienceKind.TAGS not in self.loaded().audiences:
            return
        groups, wanted = CHOICES[choice]
        sandbox = self.sandbox(tokens=len(TAGS))
        tokens = list(sandbox.tokens)
        for token, tags in zip(tokens, TAGS, strict=True):
            sandbox.set_tags(token, tags)

        outcome = self.broadcast(sandbox, Audience.of_tags(**groups))

        if outcome.ok:
            reached = {place for place, token in enumerate(tokens) if sandbox.ledger.count(token)}
            assert reached == wanted, f"tags, {choice}: phones {sorted(reached)} got it, {sorted(wanted)} were meant"
        else:
            self.check_refused(sandbox, outcome, "audience", "tags", "all_of", "none_of")

    @pytest.mark.parametrize("sign", [",", ";", "|", " "])
    @pytest.mark.parametrize(
        "kind", [AudienceKind.ALIASES, AudienceKind.ACCOUNTS, AudienceKind.TAGS], ids=lambda kind: kind.value
    )
    @checks("broadcasts")
    def test_a_name_with_a_separator_is_one_name(self, kind: AudienceKind, sign: str) -> None:
        """`x,y` is not `x` and `y`: it reaches only its own phone, or is refused by name."""
        if kind not in self.loaded().audiences:
            return
        sandbox = self.sandbox(tokens=4)
        tokens = list(sandbox.tokens)
        names = ["x", "y", f"x{sign}y", "z"]
        for token, name in zip(tokens, names, strict=True):
            sandbox.set_alias(token, name)
            sandbox.set_account(token, name)
            sandbox.set_tags(token, [name])

        outcome = self.broadcast(sandbox, MAKERS[kind]([names[2]]))

        if outcome.ok:
            reached = {place for place, token in enumerate(tokens) if sandbox.ledger.count(token)}
            assert reached == {2}, (
                f"the {kind.value} were one name with {sign!r} in it: the phones {sorted(reached)} got it, not its own"
            )
        else:
            self.check_refused(sandbox, outcome, "audience", "alias", "account", "tag")

    @checks("broadcasts")
    def test_several_aliases_reach_each_of_them(self) -> None:
        """Each named phone once, and no other, in as many requests as two aliases take."""
        if AudienceKind.ALIASES not in self.loaded().audiences:
            return
        quiet = self.sandbox(tokens=5)
        for token, alias in zip(quiet.tokens, ("ann", "bob"), strict=False):
            quiet.set_alias(token, alias)
        self.broadcast(quiet, Audience.of_aliases(["ann", "bob"]))
        sandbox = self.sandbox(tokens=5)
        tokens = list(sandbox.tokens)
        for token, alias in zip(tokens, ("ann", "bob", "cy", "dee"), strict=False):
            sandbox.set_alias(token, alias)

        outcome = self.broadcast(sandbox, Audience.of_aliases(["ann", "cy", "dee"]))

        counts = [sandbox.ledger.count(token) for token in tokens]
        assert outcome.ok, f"a broadcast to three aliases should be ACCEPTED: {outcome!r}"
        assert counts == [1, 0, 1, 1, 0], f"three aliases were meant (phones 0, 2, 3), and phones got it {counts} times"
        asked, two = sum(sandbox.ledger.calls.values()), sum(quiet.ledger.calls.values())
        assert asked == two, f"a broadcast to three aliases took {asked} requests, one to two aliases takes {two}"

    @checks("broadcasts")
    def test_several_accounts_reach_the_phones_of_each(self) -> None:
        """A user who is logged in on two phones is reached on one or on both, and nobody else is."""
        if AudienceKind.ACCOUNTS not in self.loaded().audiences:
            return
        sandbox = self.sandbox(tokens=6)
        tokens = list(sandbox.tokens)
        for token, account in zip(tokens, ("ann", "bob", "cy", "ann", "bob"), strict=False):
            sandbox.set_account(token, account)

        outcome = self.broadcast(sandbox, Audience.of_accounts(["ann", "cy"]))

        counts = [sandbox.ledger.count(token) for token in tokens]
        assert outcome.ok, f"a broadcast to two accounts should be ACCEPTED: {outcome!r}"
        said = f"two accounts were meant (phones 0 and 3, and phone 2), and phones got it {counts} times"
        assert counts in ([1, 0, 1, 1, 0, 0], [1, 0, 1, 0, 0, 0], [0, 0, 1, 1, 0, 0]), said

    @checks("broadcasts")
    def test_a_start_is_kept_or_refused(self) -> None:
        """A start tomorrow is sent tomorrow: not now, not in another unit."""
        for sandbox, audience in self._each():
            outcome = self.broadcast(sandbox, audience, start_at=LATER)
            if not outcome.ok:
                self.check_refused(sandbox, outcome, "start_at")
                continue
            for seen in sandbox.ledger.deliveries:
                start = "at once" if seen.start_at is None else f"at {seen.start_at} (epoch seconds)"
                right = seen.start_at is not None and abs(seen.start_at - LATER.timestamp()) < 1
                assert right, f"a broadcast to start at {LATER} is shown {start}: start_at was lost or in another unit"

    @checks("broadcasts")
    def test_a_rate_is_kept_or_refused(self) -> None:
        """Not faster than the host allows. Two rates are tested, because a vendor may have a minimum."""
        for rate in (50, 5000):
            for sandbox, audience in self._each():
                outcome = self.broadcast(sandbox, audience, rate=rate)
                if not outcome.ok:
                    self.check_refused(sandbox, outcome, "rate")
                    continue
                for seen in sandbox.ledger.deliveries:
                    speed = seen.rate or "full speed"
                    assert seen.rate == rate, f"a broadcast at {rate} phones a second goes out at {speed}"

    @checks("content")
    def test_a_broadcast_says_what_it_was_given(self) -> None:
        """Each feature, to each audience: unchanged, cut and named, or refused by name."""
        for fields in FEATURES.values():
            note = with_fields(NOTE, fields)
            for sandbox, audience in self._each():
                outcome = self.broadcast(sandbox, audience, note)
                if not outcome.ok:
                    self.check_refused(sandbox, outcome, *names_of(fields))
                    continue
                assert sandbox.ledger.total, f"a broadcast to {audience.kind.value} was accepted, and no phone got it"
                for seen in sandbox.ledger.deliveries:
                    given, left_out = self.as_received(note), outcome.omitted
                    problems = changed(given, seen, outcome.truncated, left_out, ttl_unit=self.ttl_unit)
                    assert not problems, f"a broadcast to {audience.kind.value}: {'; '.join(problems)}"

    @pytest.mark.parametrize("name", ["title", "body"])
    @checks("any text")
    def test_a_long_broadcast_is_cut_and_says_so(self, name: str) -> None:
        """As a push: cut and named, or refused by name."""
        note = with_fields(NOTE, {name: "长" * 5000})
        for sandbox, audience in self._each():
            outcome = self.broadcast(sandbox, audience, note)
            if not outcome.ok:
                self.check_refused(sandbox, outcome, name)
                continue
            for seen in sandbox.ledger.deliveries:
                given, left_out = self.as_received(note), outcome.omitted
                problems = changed(given, seen, outcome.truncated, left_out, ttl_unit=self.ttl_unit)
                assert not problems, f"a broadcast to {audience.kind.value}: {'; '.join(problems)}"

    def _each(self) -> Any:
        for kind in sorted(self.loaded().audiences, key=lambda kind: kind.value):
            sandbox = self.sandbox(tokens=3)
            yield sandbox, audiences(sandbox)[kind]
