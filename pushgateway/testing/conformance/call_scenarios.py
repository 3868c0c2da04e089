"""Scenarios: operations other than sending, such as aliases and statistics.

Every public method of the plug-in that returns a `Call` is tested. Each gets arguments of the right types; checked are
the host that its request goes to, and what the plug-in makes of replies.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable, Iterator
from contextlib import suppress
from typing import Any

import attrs

from pushgateway.engine.operations import operations_of
from pushgateway.model.errors import FieldError
from pushgateway.model.reason import Reason
from pushgateway.testing.conformance.exchange_driver import ExchangeDriver
from pushgateway.testing.conformance.harness import ODD_TOKENS, PREFIXED, Harness
from pushgateway.testing.conformance.odd_inputs import ODD_BODIES, odd_twins
from pushgateway.testing.conformance.promises import checks
from pushgateway.vendor import Response
from pushgateway.vendor.operation import Call
from pushgateway.vendor.refusals import NoVerdict, Refused

NOT_THE_ARGUMENTS = (Reason.CREDENTIALS, Reason.RATE_LIMITED, Reason.QUOTA_EXCEEDED, Reason.UNAVAILABLE)
"""Reasons that wrong arguments of a call must not end with."""


class CallScenarios(Harness):
    """Calls other than sending: their region, and odd replies and arguments."""

    @checks("errors")
    def test_a_reply_to_a_call_that_makes_no_sense(self) -> None:
        """Any value left out or of another type: `Refused`, `NoVerdict` or a result, never a crash."""
        for name in sorted(operations_of(self.vendor)):
            driver, replies = self.driver(tokens=3), list[Response]()
            driver.spoil = lambda reply, replies=replies: replies.append(reply) or reply  # type: ignore[misc]
            self._carry(driver, self._made(driver, name, driver.sandbox.tokens[0]))
            for whole in replies[:1]:
                contents = [*ODD_BODIES, *odd_twins(whole.content, whole.headers.get("content-type", ""))]
                # What a reply with the code of success would hold, whatever the sandbox said.
                contents += [twin for text in SUCCESSES for twin in odd_twins(text)]
                for content in contents:
                    driver.spoil = lambda reply, content=content: attrs.evolve(reply, content=content)  # type: ignore[misc]
                    try:
                        self._carry(driver, self._made(driver, name, driver.sandbox.tokens[0]))
                    except Exception as error:
                        raise AssertionError(
                            f"to {content[:80]!r} the call {name} raised {type(error).__name__}: {error}"
                        ) from error

    @checks("hosts")
    def test_a_call_about_a_phone_goes_to_the_phones_region(self) -> None:
        """A call whose argument is a push token is of the region of that token, as its pushes are."""
        driver = self.driver(tokens=3)
        tokens = (*driver.sandbox.tokens, *PREFIXED, *self.regions)
        for name, token in ((name, token) for name in self._about_a_phone() for token in tokens):
            call = self._made(driver, name, token)
            if call is None:
                continue
            wanted = driver.vendor.region(token)
            assert call.region == wanted, (
                f"the call {name} for the token {token!r} is of the region {call.region!r}, its pushes of {wanted!r}"
            )

    @checks("calls")
    def test_calls_end_as_the_documents_print(self) -> None:
        """The samples of the vendor's documents, as replies to the call that they belong to."""
        for sample in self.call_samples:
            driver = self.driver(tokens=3)
            body = sample.reply.encode()
            driver.spoil = lambda reply, body=body: attrs.evolve(reply, status=200, content=body)  # type: ignore[misc]
            call = getattr(driver.vendor, sample.name)(**sample.arguments)
            result: Any
            try:
                result = driver.carry(call.begin, call.region)
            except Refused as refused:
                result = refused.reason
            except NoVerdict:
                result = Reason.NO_VERDICT
            assert result == sample.result, (
                f"{sample.source}: the call {sample.name} should end with {sample.result!r}, it ends with {result!r}"
            )

    @checks("errors")
    def test_a_call_about_an_odd_token_is_refused(self) -> None:
        """Any argument: a result, `Refused` about the argument or `NoVerdict`, never a crash."""
        for name in self._about_a_phone():
            for token in ODD_TOKENS:
                driver = self.driver(tokens=3)
                call = self._made(driver, name, token)
                if call is None:
                    continue
                try:
                    driver.carry(call.begin, call.region)
                except Refused as refused:
                    assert refused.reason not in NOT_THE_ARGUMENTS, (
                        f"the call {name} for an odd token ended {refused.reason.name}: the arguments are wrong, not "
                        "the vendor or the credentials"
                    )
                except NoVerdict:
                    continue

    def _about_a_phone(self) -> Iterator[str]:
        for name in sorted(operations_of(self.vendor)):
            if "token" in inspect.signature(getattr(self.vendor, name)).parameters:
                yield name

    def _made(self, driver: ExchangeDriver, name: str, token: str) -> Call[Any] | None:
        method = getattr(driver.vendor, name)
        with suppress(Refused, FieldError):
            call = method(**arguments(method, token))
            assert isinstance(call, Call), f"{name}() gives a Call"
            return call
        return None

    def _carry(self, driver: ExchangeDriver, call: Call[Any] | None) -> None:
        if call is not None:
            with suppress(Refused, NoVerdict):
                driver.carry(call.begin, call.region)


SUCCESSES = (b'{"code": 0, "message": "", "data": {"a": 1}}', b'{"code": 0, "data": []}')
"""Replies as many vendors make them."""


def arguments(method: Callable[..., Any], token: str) -> dict[str, Any]:
    """A value for each required argument of a call, by its type; the argument `token` gets the token."""
    given: dict[str, Any] = {}
    for name, parameter in inspect.signature(method).parameters.items():
        hint = str(parameter.annotation)
        if parameter.default is inspect.Parameter.empty and parameter.kind not in (
            inspect.Parameter.VAR_POSITIONAL,
            inspect.Parameter.VAR_KEYWORD,
        ):
            many = any(word in hint for word in ("Sequence", "Iterable", "Collection", "list", "tuple"))
            text = token if "token" in name or name == "self" else "x1"
            given[name] = [text] if many else b"x" if "bytes" in hint else 1 if "int" in hint else text
    return given
