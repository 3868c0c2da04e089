"""The base class of all scenarios: the plug-in under test, its sandbox, a gateway between them, and virtual time.

The attributes that a plug-in's author sets, and the checks that several scenarios need. No scenario is here, and
nothing depends on a vendor. What really happened is read from the sandbox's ledger.
"""

from __future__ import annotations

import functools
import importlib.util
import random
from collections.abc import Callable, Mapping, Sequence
from contextlib import ExitStack, nullcontext
from pathlib import Path
from typing import Any, ClassVar, Literal, cast

import attrs

from pushgateway.certificates.certificate import Certificate
from pushgateway.certificates.plugins import Plugins
from pushgateway.certificates.settings import load_vendors
from pushgateway.gateway import Gateway
from pushgateway.model.audience import Audience, AudienceKind
from pushgateway.model.notification import Notification
from pushgateway.model.outcome import Outcome
from pushgateway.model.push import Push, PushToken
from pushgateway.model.reason import Reason, Status
from pushgateway.model.secret import Secret, safe_repr
from pushgateway.sandbox import Fault, Sandbox
from pushgateway.testing.conformance.exchange_driver import ExchangeDriver, Watch
from pushgateway.testing.conformance.sandbox_connection import (
    EPOCH,
    HOST,
    Clock,
    HttpConnection,
    SandboxConnection,
    open_http_connection,
)
from pushgateway.testing.delivery_comparison import with_texts
from pushgateway.testing.transport import SandboxTransport
from pushgateway.testing.virtual_time import run_virtual
from pushgateway.vendor import Request, Response, Vendor
from pushgateway.vendor.refusals import Refused
from pushgateway.vendor.rules import CodeRule, Rules, load_rules

CANARY = "CANARY-5d1c"
ODD_TOKENS = ("", "x" * 5000, "汉字", "a;b,c", "a:b/c?d=1&e%2Cf", "{a}<b>|$(c)\\")
"""Texts that no vendor issues as tokens; a host's database may hold them nevertheless."""
PICTURE, ICON = "https://host.example/large.png", "https://host.example/small.png"
"""The pictures of the scenarios; `Sandbox.verify_picture` is called for both."""
PREFIXED = ("1a", "CN_1a", "US_1a", "A_CN_1a", "A_US_1a", "CN_US_1a", "1\nCN_a", "a_")
"""Tokens that a vendor may assign to different regions."""
Texts = Callable[[str], str]


def with_pictures(sandbox: Sandbox) -> Sandbox:
    """The sandbox, whose vendor has verified the pictures of the scenarios."""
    for url in (PICTURE, ICON):
        sandbox.verify_picture(url)
    return sandbox


def audiences(sandbox: Sandbox) -> dict[AudienceKind, Audience]:
    """An audience of each kind, for a sandbox with some phones, of which the first has the alias and the account `ann`
    and the tag `vip`."""
    tokens = list(sandbox.tokens)
    sandbox.set_alias(tokens[0], "ann")
    sandbox.set_account(tokens[0], "ann")
    sandbox.set_tags(tokens[0], ["vip"])
    return {
        AudienceKind.EVERYONE: Audience.everyone(),
        AudienceKind.TOKENS: Audience.of_tokens(tokens),
        AudienceKind.ALIASES: Audience.of_aliases(["ann"]),
        AudienceKind.ACCOUNTS: Audience.of_accounts(["ann"]),
        AudienceKind.TAGS: Audience.of_tags(["vip"]),
    }


def fields_of(vendor: type[Any]) -> tuple[attrs.Attribute[Any], ...]:
    """The settings of a plug-in's class."""
    assert attrs.has(vendor), f"{vendor.__name__} is no attrs class, so it takes no settings"
    return tuple(attrs.fields(vendor))


@safe_repr
@attrs.frozen
class Sample:
    """A reply as the vendor's documents print it."""

    reply: str
    """The body; `{token}` stands for the token of the only push of the request."""
    reason: Reason | None
    """The reason that the document gives for that push; None: accepted."""
    source: str
    """The document and the place in it; shown in a failure."""


@safe_repr
@attrs.frozen
class CallSample:
    """A reply to a call other than sending, as the vendor's documents print it."""

    name: str
    """The method that gives the `Call`, such as `statistics`."""
    arguments: Mapping[str, Any]
    """The arguments of the method, by name."""
    reply: str
    """The body; it answers every request of the call."""
    result: Any
    """What the call ends with by the document's words: a value, or the `Reason` of its refusal (`NO_VERDICT` where the
    reply says nothing certain)."""
    source: str
    """The document and the place in it; shown in a failure."""


@safe_repr
@attrs.frozen
class PostedSample:
    """What the vendor posts to a receipt address, as its documents print it."""

    body: str
    """The body of the request."""
    receipts: Sequence[Mapping[str, Any]]
    """Of each receipt in it: values by field of `Receipt`, and its token under `token`; what is not given is not
    judged."""
    source: str
    """The document and the place in it; shown in a failure."""
    headers: Mapping[str, str] = attrs.field(factory=dict)
    """Headers of the request, in lower case."""


class OverHttp:
    """The whole kit once more, over HTTP against the served sandbox: `class TestOverHttp(OverHttp, TestAcme)`.

    It needs the extra `sandbox`. What is right in this process may be wrong over HTTP: names of headers, the address
    that a request is for, the encoding of a body, a connection that breaks.
    """

    http: ClassVar[HttpConnection | None]
    _open: ClassVar[ExitStack]

    @classmethod
    def setup_class(cls) -> None:
        """Called by pytest: start the server."""
        cls._open = ExitStack()
        cls.http = cls._open.enter_context(open_http_connection())

    @classmethod
    def teardown_class(cls) -> None:
        """Called by pytest: stop the server."""
        cls.http = None
        cls._open.close()


class Harness:
    """What the author of a plug-in provides, and the tools of the scenarios."""

    vendor: ClassVar[type[Vendor]]
    """The plug-in's class."""

    rules_name: ClassVar[str] = "rules"
    """The name of the plug-in's file of rules, for a package with two brands."""

    def make_sandbox(self, **options: Any) -> Sandbox:
        """A new sandbox of the plug-in's vendor, with these keyword arguments of `Sandbox`."""
        raise NotImplementedError("make_sandbox(): return the plug-in's sandbox, made with the options given")

    def with_wrong_secret(self, settings: Mapping[str, Any]) -> Mapping[str, Any]:
        """The settings with a secret that the vendor refuses."""
        raise NotImplementedError("with_wrong_secret(): return the settings with another secret")

    def canary_secret(self) -> str:
        """A secret of the shape that the settings take, which no `repr` and no log may show. Override it where a secret
        must have a shape, such as a private key in PEM."""
        return CANARY

    samples: ClassVar[Sequence[Sample]] = ()
    """Replies as the vendor's documents print them, with their meaning; the rules are checked against them."""
    call_samples: ClassVar[Sequence[CallSample]] = ()
    """Replies to other calls as the vendor's documents print them, with the results of the calls."""
    posted_samples: ClassVar[Sequence[PostedSample]] = ()
    """Posted receipts as the vendor's documents print them, with their meaning."""
    own_fields: ClassVar[Mapping[str, Any]] = {}
    """Fields in the vendor's own names with values that are not the defaults, where `overrides` takes them. Each must
    show in `Delivery.notification`."""

    limits: ClassVar[Mapping[str, int]] = {}
    """By field of `Notification`: the longest value by the vendor's documents, in characters (`ttl`: seconds). What is
    that long must arrive whole."""
    ttl_unit: ClassVar[int] = 1
    """Seconds of the vendor's unit of a time to live, to which a `ttl` is rounded up: 3600 for hours."""
    data_are_texts: ClassVar[bool] = False
    """True: all values of `Notification.data` are texts at this vendor: 3 arrives as "3", and a list as its JSON."""
    regions: ClassVar[Mapping[str, str]] = {}
    """Tokens in the vendor's formats, and the region of each by its documents."""

    def of_another_receiver(self, settings: Mapping[str, Any]) -> Sequence[Mapping[str, Any]]:
        """For a vendor whose receipts name their receiver, by a signature or a text of its console: settings of
        certificates that must refuse the receipts of these settings, such as one with another receipt secret and one
        with another user name."""
        return ()

    def with_template(self, settings: Mapping[str, Any]) -> Mapping[str, Any] | None:
        """The settings with a template for `Intent.CHAT` that has the places `who` and `what`; None where this vendor
        has no templates."""
        return None

    parameters_are_texts: ClassVar[bool] = False
    """True: the vendor's templates take texts only, so 3 arrives as "3"."""

    http: ClassVar[HttpConnection | None] = None
    """The connection over HTTP; None: the sandbox in this process is called directly. Set by `OverHttp`."""

    # The plug-in

    @property
    def package(self) -> str:
        """The plug-in's package."""
        return self.vendor.__module__.partition(".")[0]

    @property
    def rules(self) -> Rules | None:
        """The rules that the plug-in ships; None when it has no such file."""
        spec = importlib.util.find_spec(self.package)
        folders = (spec and spec.submodule_search_locations) or ()  # a single module has none
        name = f"{self.rules_name}.toml"
        found = any(Path(folder, name).is_file() for folder in folders)
        return load_rules(self.package, self.rules_name) if found else None

    def certificate(self, sandbox: Sandbox, **settings: Any) -> Certificate:
        """The certificate 1, with the sandbox's settings."""
        return Certificate(1, self.vendor.brand, {**sandbox.settings(self.host), **settings})

    def load(self, certificate: Certificate) -> Vendor:
        """The plug-in with the settings of `certificate`."""
        loaded = load_vendors([certificate], Plugins({self.vendor.brand: self.vendor}))[certificate.id]
        assert isinstance(loaded, Vendor), f"the plug-in cannot be loaded: {loaded}"
        return loaded

    @property
    def host(self) -> str:
        """The sandbox's URL."""
        return HOST if self.http is None else self.http.url

    def loaded(self) -> Vendor:
        """The plug-in with the sandbox's settings."""
        return self.load(self.certificate(self.sandbox()))

    @property
    def size(self) -> int:
        """Pushes in one request."""
        return self.loaded().batching.size

    def secrets(self) -> Mapping[str, str]:
        """The values of the settings that are of the type `Secret`, by field."""
        vendor = self.loaded()
        values = {field.name: getattr(vendor, field.name) for field in fields_of(self.vendor)}
        return {name: value.reveal() for name, value in values.items() if isinstance(value, Secret)}

    # Its vendor

    def sandbox(self, **options: Any) -> Sandbox:
        """A sandbox on the virtual clock."""
        return with_pictures(self.make_sandbox(clock=Clock(), **options))

    def codes(self, place: Literal["codes", "target_codes", "login_codes"]) -> Mapping[str, CodeRule]:
        """The rows of the rules that this vendor may send at this place, in the dialect of its settings; none without
        rules."""
        if self.rules is None:
            return {}
        dialect, rows = self.loaded().dialect, self.rules.codes_of(place)
        return {code: rule for code, rule in rows.items() if not dialect or dialect in rule.dialects}

    def code_for(self, reason: Reason) -> str | None:
        """The vendor's code for a whole request that ends with `reason`; None if the vendor has none.

        Fails if neither `Sandbox.codes` nor the plug-in's rules have `reason`.
        """
        sandbox = type(self.make_sandbox(clock=lambda: EPOCH, tokens=0))
        if reason in sandbox.codes:
            return sandbox.codes[reason]
        if self.rules is not None:
            return self.rules.code_for(reason, self.loaded().dialect)
        raise AssertionError(
            f"the kit does not know this vendor's code for {reason.name}: name it in {sandbox.__name__}.codes, as "
            f"codes = {{Reason.{reason.name}: '7'}}, or None where the vendor has no such code"
        )

    # Between them

    def driver(
        self,
        *,
        tokens: int = 20,
        watching: Watch = nullcontext,
        settings: Mapping[str, Any] | None = None,
        **more: Any,
    ) -> ExchangeDriver:
        """The plug-in with a new sandbox, without a gateway. `settings` take precedence over the sandbox's."""
        sandbox = with_pictures(self.make_sandbox(clock=lambda: EPOCH, tokens=tokens, **more))
        vendor = self.load(self.certificate(sandbox, **(settings or {})))
        return ExchangeDriver(vendor, sandbox, http=self.http, watching=watching)

    def gateway(self, sandbox: Sandbox, *certificates: Certificate) -> Gateway:
        """A gateway on the sandbox."""
        clock, carrier = Clock(), cast("Sandbox", SandboxConnection(sandbox, self.http))
        return Gateway(
            certificates or [self.certificate(sandbox)],
            transport=SandboxTransport({self.host: carrier}, clock=clock, latency=lambda: 0.01),
            vendors={self.vendor.brand: self.vendor},
            clock=clock,
            rng=random.Random(1),  # noqa: S311 - repeatable
        )

    def deliver(self, sandbox: Sandbox, pushes: Sequence[Push], *certificates: Certificate) -> list[Outcome]:
        """Send all pushes at once and return their outcomes."""

        async def main() -> list[Outcome]:
            async with self.gateway(sandbox, *certificates) as gateway:
                return await gateway.send_each(pushes)

        return run_virtual(main())

    def as_received(self, note: Notification) -> Notification:
        """The notification with its data as the app gets them: the same, or texts."""
        return with_texts(note) if self.data_are_texts else note

    def pushes(self, tokens: Sequence[str], text: Texts = lambda token: f"for {token}") -> list[Push]:
        """One push for each token, with an id of its own, and with a text of its own if a request may hold different
        ones."""
        note = Notification("title", "for all")
        mixed = self.loaded().batching.mixed
        return [
            Push(PushToken(1, token), Notification("title", text(token)) if mixed else note, dedupe_id=f"d-{number}")
            for number, token in enumerate(tokens)
        ]

    def record_replies(self, sandbox: Sandbox) -> list[tuple[Request, Response | None]]:
        """A list to which each further request to the sandbox is added, with its reply (None: the connection broke)."""
        recorded: list[tuple[Request, Response | None]] = []
        answer = sandbox.answer

        def recording(request: Request) -> Any:
            answered = answer(request)
            recorded.append((request, answered.response))
            return answered

        sandbox.answer = recording  # type: ignore[method-assign]
        return recorded

    def takes_receipt_url(self) -> bool:
        """Whether a push can say where its receipts are posted; at some vendors the console does."""
        driver = self.driver()
        note = Notification("title", "for all", receipt_url="https://host.example/r")
        try:
            (outcome,) = driver.push([Push(PushToken(1, driver.sandbox.tokens[0]), note, dedupe_id="d-1")])
        except Refused as refused:
            return refused.reason is not Reason.UNSUPPORTED
        return outcome.reason is not Reason.UNSUPPORTED

    # Faults

    @functools.cached_property
    def pushing(self) -> tuple[str, ...]:
        """The vendor's names of the calls that a push makes: alone, with others of the same notification, and with
        different ones. Logins and the saving of content are left out. `Sandbox.pushing`, or found out."""
        driver = self.driver()
        if driver.sandbox.pushing:
            return tuple(driver.sandbox.pushing)
        alone, *others = self.pushes(driver.sandbox.tokens[: 1 + min(self.size, 10)])
        same = [attrs.evolve(push, notification=alone.notification) for push in others]
        asked = [request for batch in ([alone], others, same) if batch for request in driver.asked(batch)]
        return tuple(dict.fromkeys(driver.sandbox.operation(request) for request in asked))

    def spoil(self, sandbox: Sandbox, **fault: Any) -> None:
        """Add a fault for each call that pushes, so that logins do not use it up."""
        for operation in self.pushing:
            sandbox.faults.add(Fault(operation=operation, **fault))

    def assert_played(self, sandbox: Sandbox, *kinds: str) -> None:
        """Fail if the faults were never applied: the scenario has then tested nothing."""
        for kind in kinds:
            assert sandbox.faults.played[kind], (
                f"the fault {kind!r} was never played, so this scenario has tested nothing: operation() of the sandbox "
                f"must give each call the same name always (it gives {', '.join(self.pushing) or 'none'} for pushes)"
            )

    # Judgement

    def check(self, sandbox: Sandbox, outcomes: Sequence[Outcome]) -> None:
        """Check that the outcomes agree with the ledger, and that no phone got the text for another one."""
        self.check_contract(outcomes)
        alive, said_later = set(sandbox.tokens), self.loaded().dead_tokens == "receipt"
        for place, outcome in enumerate(outcomes):
            times = sandbox.ledger.count(outcome.push_token.token)
            most, least = (1, 1) if outcome.ok else (int(outcome.status is Status.UNKNOWN), 0)
            if outcome.ok and said_later and outcome.push_token.token not in alive:
                most, least = 0, 0
            assert least <= times <= most, (
                f"push {place} ended {outcome.status.name}, but by the ledger its phone got it {times} times"
            )
            assert (outcome.reason is None) == outcome.ok, f"push {place}: {outcome.status.name} needs a reason"
        for delivery in sandbox.ledger.deliveries:
            assert delivery.token in delivery.body or "for all" in delivery.body, "a phone got the text for another"

    def check_contract(self, outcomes: Sequence[Outcome]) -> None:
        """Check that the core reported no breach of the contract."""
        for place, outcome in enumerate(outcomes):
            assert "broke its contract" not in outcome.detail, f"push {place}: {outcome.detail}"

    @property
    def reason_of_the_dead(self) -> Reason | None:
        """How a push to a dead token ends; None: accepted, and a receipt says it later."""
        return None if self.loaded().dead_tokens == "receipt" else Reason.UNREGISTERED

    def expect(self, outcomes: Sequence[Outcome], reason: Reason | None) -> None:
        """Every outcome ends with this reason; None: accepted."""
        self.check_contract(outcomes)
        for place, outcome in enumerate(outcomes):
            wanted = "ACCEPTED" if reason is None else reason.name
            assert outcome.reason is reason, f"push {place} of {len(outcomes)} should end {wanted}: {outcome!r}"
