"""The promises of a plug-in, as tests that any plug-in can take over.

A plug-in's test file is a subclass and a way to make its sandbox:

    class TestAcme(PluginConformance):
        vendor = Acme

        def make_sandbox(self, **options):
            return AcmeSandbox(**options)

        def with_wrong_secret(self, settings):
            return {**settings, "secret": "wrong"}

Law of this file: nothing here knows a vendor. Everything goes through a real `Gateway` with the plug-in's class and its
sandbox, under virtual time, and is judged by the sandbox's ledger. A failing scenario says which promise was broken.
"""

from __future__ import annotations

import logging
import random
from collections.abc import Callable, Mapping, Sequence
from typing import Any, ClassVar

import pytest

from pushgateway.audience import Audience, AudienceKind
from pushgateway.certificates import Certificate, load_vendors
from pushgateway.errors import ConfigError
from pushgateway.gateway import Gateway
from pushgateway.model import Notification, Push, PushToken
from pushgateway.outcome import Outcome, Reason, Status
from pushgateway.plugins import Plugins, installed
from pushgateway.sandbox import Fault, Sandbox
from pushgateway.testing.purity import IMPURE, imports_of
from pushgateway.testing.transport import SandboxTransport
from pushgateway.testing.virtual import loop_wall_clock, run_virtual
from pushgateway.vendor import Request, Vendor

HOST = "https://sandbox.invalid"
CANARY = "CANARY-5d1c"


class PluginConformance:
    """Subclass it in a plug-in's tests; pytest runs every scenario."""

    vendor: ClassVar[type[Vendor]]
    """The plug-in's class."""

    def make_sandbox(self, **options: Any) -> Sandbox:
        """A new sandbox of the plug-in's vendor, with these keyword arguments of `Sandbox`."""
        raise NotImplementedError("make_sandbox(): return the plug-in's sandbox, made with the options given")

    def with_wrong_secret(self, settings: Mapping[str, Any]) -> Mapping[str, Any]:
        """The settings with a secret that the vendor refuses."""
        raise NotImplementedError("with_wrong_secret(): return the settings with another secret")

    # Tools

    def sandbox(self, **options: Any) -> Sandbox:
        """A sandbox on the virtual clock."""
        return self.make_sandbox(clock=loop_wall_clock(), **options)

    def gateway(self, sandbox: Sandbox, *certificates: Certificate) -> Gateway:
        """A gateway on the sandbox, without a network."""
        clock = loop_wall_clock()
        return Gateway(
            certificates or [self.certificate(sandbox)],
            transport=SandboxTransport(sandbox, clock=clock, latency=lambda: 0.01),
            vendors={self.vendor.brand: self.vendor},
            clock=clock,
            rng=random.Random(1),  # noqa: S311 - repeatable
        )

    def certificate(self, sandbox: Sandbox, **settings: Any) -> Certificate:
        """The certificate 1, at the sandbox."""
        return Certificate(1, self.vendor.brand, {**sandbox.settings(HOST), **settings})

    def deliver(self, sandbox: Sandbox, pushes: Sequence[Push], *certificates: Certificate) -> list[Outcome]:
        """Send all pushes at once and return their outcomes."""

        async def main() -> list[Outcome]:
            async with self.gateway(sandbox, *certificates) as gateway:
                return await gateway.send_each(pushes)

        return run_virtual(main())

    def pushes(self, tokens: Sequence[str], text: Callable[[str], str] = lambda token: f"for {token}") -> list[Push]:
        """One push for each token, with a text of its own."""
        return [Push(PushToken(1, token), Notification("title", text(token))) for token in tokens]

    def check(self, sandbox: Sandbox, outcomes: Sequence[Outcome]) -> None:
        """Outcomes and ledger tell the same story, and no phone got a text for another."""
        for outcome in outcomes:
            times = sandbox.ledger.count(outcome.push_token.token)
            most, least = (1, 1) if outcome.ok else (int(outcome.status is Status.UNKNOWN), 0)
            assert least <= times <= most, f"{outcome.status} but delivered {times} times"
            assert (outcome.reason is None) == outcome.ok, "a reason goes with every ending but ACCEPTED"
        for delivery in sandbox.ledger.deliveries:
            assert delivery.token in delivery.body or "for " not in delivery.body, "a text on another's phone"

    @property
    def size(self) -> int:
        """Pushes in one request."""
        return self.load(self.certificate(self.sandbox())).batching.size

    def load(self, certificate: Certificate) -> Vendor:
        """The plug-in with the settings of `certificate`."""
        loaded = load_vendors([certificate], Plugins({self.vendor.brand: self.vendor}))[certificate.id]
        assert isinstance(loaded, Vendor)
        return loaded

    # The plug-in's place in the house

    def test_it_is_registered_under_its_brand(self) -> None:
        """An installed plug-in is found by its brand, and is this class."""
        assert self.vendor.brand in installed(), f"no entry point {self.vendor.brand!r} in group pushgateway.vendors"
        assert Plugins().vendor(self.vendor.brand) is self.vendor

    def test_it_is_pure(self) -> None:
        """A translator imports no clock, no random, no network and no tasks."""
        package = self.vendor.__module__.partition(".")[0]
        found = {f"{name}: {module}" for name, module in imports_of(package) if module in IMPURE}

        assert not found, f"the plug-in is not pure: {sorted(found)}"

    def test_it_opens_with_the_contract_only(self) -> None:
        """Of ours it imports `pushgateway.vendor`, `.rules` and `.text`; the rest is not promised to stay."""
        package = self.vendor.__module__.partition(".")[0]
        promised = {"pushgateway.vendor", "pushgateway.rules", "pushgateway.text"}
        found = {
            f"{name}: {module}"
            for name, module in imports_of(package)
            if module.partition(".")[0] == "pushgateway" and module not in promised
        }

        assert not found, f"the plug-in imports more than the contract: {sorted(found)}"

    # Settings

    def test_every_missing_setting_is_named(self) -> None:
        """A certificate without settings is refused with the fields that it lacks."""
        with pytest.raises(ConfigError) as caught:
            Gateway([Certificate(1, self.vendor.brand, {})], vendors={self.vendor.brand: self.vendor})

        assert all("certificates['1']." in problem for problem in caught.value.problems)

    def test_an_unknown_setting_is_named(self) -> None:
        """A typing mistake does not pass silently."""
        sandbox = self.sandbox()

        with pytest.raises(ConfigError, match=r"certificates\['1'\]\.no_such_setting"):
            self.deliver(sandbox, [], self.certificate(sandbox, no_such_setting=1))

    def test_no_secret_shows(self) -> None:
        """Neither in the `repr` of the plug-in nor in the sentence on a wrong setting."""
        settings = dict(self.with_wrong_secret(self.sandbox().settings(HOST)))
        changed = [name for name, value in self.sandbox().settings(HOST).items() if settings.get(name) != value]
        settings.update(dict.fromkeys(changed, CANARY))
        certificate = Certificate(1, self.vendor.brand, settings)

        assert changed, "with_wrong_secret() changed nothing"
        assert CANARY not in repr(self.load(certificate))
        assert CANARY not in repr(certificate)

    # Pushes

    def test_one_push_arrives(self) -> None:
        """One token, one text, one delivery."""
        sandbox = self.sandbox()

        outcomes = self.deliver(sandbox, self.pushes(sandbox.tokens[:1]))

        assert outcomes[0].ok, outcomes[0]
        self.check(sandbox, outcomes)

    @pytest.mark.parametrize("more", [0, 1])
    def test_at_the_size_and_one_more(self, more: int) -> None:
        """A full batch goes in one request, one more push in one more."""
        size = self.size
        sandbox = self.sandbox(tokens=size + more)

        outcomes = self.deliver(sandbox, self.pushes(sandbox.tokens))

        assert all(outcome.ok for outcome in outcomes)
        self.check(sandbox, outcomes)
        assert sandbox.ledger.total == size + more

    def test_one_notification_for_many(self) -> None:
        """The same object for many tokens reaches each of them once."""
        sandbox = self.sandbox(tokens=50)
        note = Notification("title", "the same for all")

        outcomes = self.deliver(sandbox, [Push(PushToken(1, token), note) for token in sandbox.tokens])

        assert all(outcome.ok for outcome in outcomes)
        assert all(sandbox.ledger.count(token) == 1 for token in sandbox.tokens)

    def test_dead_tokens_among_live_ones(self) -> None:
        """The dead are named, the others arrive, and order is kept."""
        sandbox = self.sandbox(tokens=60)
        tokens = list(sandbox.tokens)
        for token in tokens[::7]:
            sandbox.uninstall(token)

        outcomes = self.deliver(sandbox, self.pushes(tokens))

        assert [outcome.push_token.token for outcome in outcomes] == tokens
        assert [outcome.reason is Reason.UNREGISTERED for outcome in outcomes] == [i % 7 == 0 for i in range(60)]
        self.check(sandbox, outcomes)

    @pytest.mark.parametrize("count", [1, 5])
    def test_all_tokens_dead(self, count: int) -> None:
        """Also when nobody is left, each is told."""
        sandbox = self.sandbox(tokens=count)
        tokens = list(sandbox.tokens)
        for token in tokens:
            sandbox.uninstall(token)

        outcomes = self.deliver(sandbox, self.pushes(tokens))

        assert {(outcome.status, outcome.reason) for outcome in outcomes} == {(Status.REJECTED, Reason.UNREGISTERED)}
        self.check(sandbox, outcomes)

    @pytest.mark.parametrize(
        "text",
        [
            "长" * 5000,
            "👨‍👩‍👧‍👦" * 900,
            "e\u0301" * 3000,
            "مرحبا " * 900,
            "a\x00b\r\nc\x1b[0m",
            "x\ud800y",
            "&=+%;\"\\'",
        ],
        ids=["long", "joined emoji", "combining", "right to left", "control", "surrogate", "reserved"],
    )
    def test_any_text_arrives_or_is_refused_by_name(self, text: str) -> None:
        """Whatever a user typed: delivered (cut where too long, and said so) or refused naming the field."""
        sandbox = self.sandbox()
        note = Notification(text, text)

        outcome = self.deliver(sandbox, [Push(PushToken(1, sandbox.tokens[0]), note)])[0]

        if outcome.ok:
            shown = sandbox.ledger.deliveries[0]
            cut = {name for name, whole in (("title", shown.title), ("body", shown.body)) if len(whole) < len(text) / 2}
            assert cut <= set(outcome.truncated), "cut without saying so"
            shown.title.encode()
            shown.body.encode()
        else:
            assert outcome.reason is Reason.INVALID_NOTIFICATION
            assert "title" in outcome.detail or "body" in outcome.detail

    def test_an_empty_token_is_no_crash(self) -> None:
        """Odd tokens have outcomes of their own and hurt nobody."""
        sandbox = self.sandbox()
        good = sandbox.tokens[0]

        outcomes = self.deliver(sandbox, self.pushes(["", good, "x" * 5000, "汉字", "a\nb"]))

        assert [outcome.ok for outcome in outcomes] == [False, True, False, False, False]
        assert all(outcome.reason is Reason.UNREGISTERED for outcome in outcomes if not outcome.ok)

    # Access

    def test_an_expired_access_token_is_renewed_once(self) -> None:
        """The host notices nothing; nobody gets it twice."""
        sandbox = self.sandbox(tokens=30)
        sandbox.faults.add(Fault(kind="expire", after=1))

        outcomes = self.deliver(sandbox, self.pushes(sandbox.tokens))

        assert all(outcome.ok for outcome in outcomes)
        self.check(sandbox, outcomes)

    def test_refused_credentials_keep_the_tokens_and_cause_no_storm(self) -> None:
        """`CREDENTIALS` for each, never a dead token, and a handful of vendor calls at most."""
        sandbox = self.sandbox(tokens=500)
        wrong = Certificate(1, self.vendor.brand, self.with_wrong_secret(sandbox.settings(HOST)))

        outcomes = self.deliver(sandbox, self.pushes(sandbox.tokens), wrong)

        assert {outcome.reason for outcome in outcomes} == {Reason.CREDENTIALS}
        assert sandbox.ledger.total == 0
        if self.vendor.login is not Vendor.login:
            assert sum(sandbox.ledger.calls.values()) == 1, "a refused login is not to be repeated for every push"

    # Faults

    @pytest.mark.parametrize("kind", ["drop", "refuse", "html", "empty", "status", "delay"])
    @pytest.mark.parametrize("count", [1, 20])
    def test_one_fault_on_the_way(self, kind: str, count: int) -> None:
        """Whatever happens to the push request: every outcome is true by the ledger."""
        sandbox = self.sandbox(tokens=count)
        sandbox.faults.add(Fault(kind=kind, after=1, seconds=15))

        outcomes = self.deliver(sandbox, self.pushes(sandbox.tokens))

        self.check(sandbox, outcomes)
        if self.vendor.deduplicates or kind == "refuse":
            assert all(outcome.ok for outcome in outcomes), "one fault is repaired by one repeat"

    @pytest.mark.parametrize("kind", ["drop", "html", "empty", "status", "cut"])
    def test_a_vendor_that_is_down(self, kind: str) -> None:
        """No verdict ever: `UNKNOWN` or surely not delivered, and nothing is called dead."""
        sandbox = self.sandbox(tokens=20)
        sandbox.faults.add(Fault(kind=kind, times=None, after=1))

        outcomes = self.deliver(sandbox, self.pushes(sandbox.tokens))

        self.check(sandbox, outcomes)
        assert not [outcome for outcome in outcomes if outcome.reason is Reason.UNREGISTERED]

    @pytest.mark.parametrize("count", [1, 3])
    def test_a_reply_cut_at_every_byte(self, count: int) -> None:
        """No prefix of a reply is mistaken for a verdict, and none makes the plug-in crash."""
        whole = self._reply_size(count)
        for size in range(whole):
            sandbox = self.sandbox(tokens=count)
            sandbox.faults.add(Fault(kind="cut", size=size, after=1, times=None))

            outcomes = self.deliver(sandbox, self.pushes(sandbox.tokens))

            self.check(sandbox, outcomes)
            assert not [outcome for outcome in outcomes if "contract" in outcome.detail], f"crashed at {size} bytes"

    def _reply_size(self, count: int) -> int:
        sandbox = self.sandbox(tokens=count)
        sizes: list[int] = []
        answer = sandbox.answer

        def recording(request: Request) -> Any:
            answered = answer(request)
            sizes.append(len(answered.response.content) if answered.response else 0)
            return answered

        sandbox.answer = recording  # type: ignore[method-assign]
        self.deliver(sandbox, self.pushes(sandbox.tokens))
        return sizes[-1]

    @pytest.mark.parametrize("seed", range(3))
    def test_the_vendors_own_oddities(self, seed: int) -> None:
        """Every way of spoiling a reply that the sandbox knows, mixed: true outcomes, no text on another's phone."""
        sandbox = self.sandbox(tokens=200, seed=seed)
        sandbox.faults.add(*(Fault(kind=kind, times=None, share=0.5, after=1) for kind in sandbox.manglings))
        tokens = list(sandbox.tokens)
        for token in tokens[::9]:
            sandbox.uninstall(token)

        outcomes = self.deliver(sandbox, self.pushes(tokens))

        assert [outcome.push_token.token for outcome in outcomes] == tokens
        self.check(sandbox, outcomes)
        assert not [outcome for outcome in outcomes if "contract" in outcome.detail]

    def test_nothing_sent_shows_in_a_log(self, caplog: pytest.LogCaptureFixture) -> None:
        """Over faults: no token, title, body or data in any record or outcome's `repr`."""
        caplog.set_level(logging.DEBUG)
        sandbox = self.sandbox(tokens=20)
        sandbox.faults.add(*(Fault(kind=kind, share=0.4, times=None) for kind in ("drop", "html", "cut", "code")))
        note = Notification(f"{CANARY} title", f"{CANARY} body", data={"key": CANARY})

        outcomes = self.deliver(sandbox, [Push(PushToken(1, token), note) for token in (*sandbox.tokens, CANARY)])

        shown = [*map(repr, outcomes), *(record.getMessage() for record in caplog.records)]
        assert not [text for text in shown if CANARY in text]
        assert not [text for text in shown for token in sandbox.tokens if token in text]

    # Broadcasts

    @pytest.mark.parametrize("kind", list(AudienceKind))
    def test_each_audience_is_reached_or_cleanly_unsupported(self, kind: AudienceKind) -> None:
        """What the plug-in lists works; what it does not list is `UNSUPPORTED` before any request."""
        sandbox = self.sandbox(tokens=10)
        tokens = list(sandbox.tokens)
        sandbox.set_alias(tokens[0], "ann")
        sandbox.set_tags(tokens[0], ["vip"])
        audience, reached = {
            AudienceKind.EVERYONE: (Audience.everyone(), 10),
            AudienceKind.TOKENS: (Audience.of_tokens(tokens), 10),
            AudienceKind.ALIASES: (Audience.of_aliases(["ann"]), 1),
            AudienceKind.TAGS: (Audience.of_tags(["vip"]), 1),
        }[kind]

        async def main() -> Any:
            async with self.gateway(sandbox) as gateway:
                return await gateway.broadcast(1, Notification("title", "for all"), audience)

        outcome = run_virtual(main())

        if kind in self.vendor.audiences:
            assert outcome.ok, outcome
            assert sandbox.ledger.total == reached
        else:
            assert (outcome.status, outcome.reason) == (Status.NOT_SENT, Reason.UNSUPPORTED)
            assert not sandbox.ledger.calls
