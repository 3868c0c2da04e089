"""The fixtures for hosts do what their documentation says.

They are used here by name, as a host uses them; and the page that shows them is run as a test file.
"""

import asyncio
import re
from collections.abc import Mapping, Sequence
from pathlib import Path

import pytest

from pushgateway import Certificate, Gateway, Notification, PushToken, Reason
from pushgateway import sync as pushgateway_sync
from pushgateway.model.errors import FieldError
from pushgateway.sandbox import Fault, Sandbox
from pushgateway.testing import SandboxTransport
from pushgateway.testing.fixtures import PushClock, PushLedger
from pushgateway.testing.virtual_time import VirtualLoop

pytest_plugins = ["pushgateway.testing.fixtures", "pytester"]

NOTE = Notification("Ann", "See you at eight")
DAY = 24 * 3600.0


@pytest.fixture
def push_brands() -> Sequence[str]:
    """Only OPPO, also where other plug-ins are installed."""
    return ["oppo"]


@pytest.fixture
def ann(push_tokens: Mapping[str, Sequence[PushToken]]) -> PushToken:
    """A phone."""
    return push_tokens["oppo"][0]


def test_a_push_is_in_the_ledger(
    sandbox_gateway: Gateway, push_clock: PushClock, push_ledger: PushLedger, ann: PushToken
) -> None:
    """A test without a loop of its own sends in virtual time and reads the ledger."""

    async def main() -> bool:
        async with sandbox_gateway as gateway:
            return (await gateway.send(ann, NOTE)).ok

    push_ledger.assert_silent(ann)
    accepted = push_clock.run(main())

    assert accepted
    assert push_ledger.assert_delivered(ann, "Ann", "See you at eight").operation == "unicast"
    assert len(push_ledger.deliveries) == len(push_ledger.to(ann)) == 1


def test_the_ledger_says_what_is_wrong(
    sandbox_gateway: Gateway, push_clock: PushClock, push_ledger: PushLedger, ann: PushToken
) -> None:
    """No delivery, another one, or too many: each is a sentence, and none shows a whole token."""

    async def main() -> None:
        async with sandbox_gateway as gateway:
            await gateway.send(ann, NOTE)

    with pytest.raises(AssertionError, match="got 0 pushes, not one"):
        push_ledger.assert_delivered(ann)
    push_clock.run(main())
    with pytest.raises(AssertionError, match="got 1 pushes, not none") as caught:
        push_ledger.assert_silent(ann)
    with pytest.raises(AssertionError, match="another body: 'See you at eight', not 'Bye'"):
        push_ledger.assert_delivered(ann, body="Bye")

    assert ann.token not in str(caught.value)


@pytest.mark.parametrize("by", ["advance", "sleep"])
def test_the_clock_affects_quotas_and_access_tokens(
    by: str, sandbox_gateway: Gateway, push_clock: PushClock, push_sandboxes: Mapping[str, Sandbox], ann: PushToken
) -> None:
    """A used up quota is renewed on the next day, and access tokens expire, however the time was moved."""
    sandbox = push_sandboxes["oppo"]
    sandbox.faults.add(Fault(kind="code", code="33", operation="unicast"))

    async def main() -> list[Reason | None]:
        async with sandbox_gateway as gateway:
            today = [(await gateway.send(ann, NOTE)).reason for _ in range(2)]
            if by == "sleep":
                await asyncio.sleep(1.5 * DAY)
            else:
                push_clock.advance(1.5 * DAY)
            return [*today, (await gateway.send(ann, NOTE)).reason]

    begun = push_clock()
    reasons = push_clock.run(main())

    assert reasons == [Reason.QUOTA_EXCEEDED, Reason.QUOTA_EXCEEDED, None]
    assert sandbox.ledger.calls == {"auth": 2, "unicast": 2}
    assert 1.5 * DAY <= push_clock() - begun < 1.5 * DAY + 60


def test_the_clock_stands_still_outside_virtual_time(push_clock: PushClock) -> None:
    """Real time has no effect; only the test moves the clock, and never back."""
    begun = push_clock()
    push_clock.advance(5.0)

    async def back() -> None:
        push_clock.advance(-1.0)

    assert push_clock() - begun == 5.0
    with pytest.raises(FieldError, match="must be 0 or more"):
        push_clock.run(back())


class TestVirtualAnyio:
    """Tests that are coroutines themselves, on a loop of virtual time."""

    @pytest.fixture
    def anyio_backend(self) -> tuple[str, dict[str, object]]:
        """The fixture that a host writes for this."""
        return "asyncio", {"loop_factory": VirtualLoop}

    @pytest.mark.anyio
    async def test_an_hour_takes_no_time(
        self, sandbox_gateway: Gateway, push_clock: PushClock, push_ledger: PushLedger, ann: PushToken
    ) -> None:
        """The clock moves with the loop, and the gateway closes within it."""
        begun = push_clock()
        async with sandbox_gateway as gateway:
            await asyncio.sleep(3600)
            outcome = await gateway.send(ann, NOTE)

        assert outcome.ok
        assert 3600 <= push_ledger.assert_delivered(ann).at - begun < 3610


@pytest.mark.anyio
async def test_a_loop_of_real_time_works_too(
    sandbox_gateway: Gateway, push_ledger: PushLedger, push_clock: PushClock, ann: PushToken
) -> None:
    """Nothing is sent over a network and nothing waits; the clock stands still."""
    begun = push_clock()
    async with sandbox_gateway as gateway:
        outcome = await gateway.send(ann, NOTE)

    assert outcome.ok
    assert push_ledger.assert_delivered(ann).at == begun == push_clock()


def test_code_without_a_loop_can_make_a_gateway(
    push_certificates: Sequence[Certificate],
    push_transport: SandboxTransport,
    push_clock: PushClock,
    push_ledger: PushLedger,
    ann: PushToken,
) -> None:
    """The parts make a gateway for threads."""
    with pushgateway_sync.Gateway(push_certificates, transport=push_transport, clock=push_clock) as gateway:
        outcome = gateway.send(ann, NOTE)

    assert outcome.ok
    assert push_ledger.assert_delivered(ann)


@pytest.fixture
def bare(pytester: pytest.Pytester, monkeypatch: pytest.MonkeyPatch) -> pytest.Pytester:
    """A project whose pytest has no other plug-ins."""
    monkeypatch.setenv("PYTEST_DISABLE_PLUGIN_AUTOLOAD", "1")
    return pytester


def test_the_page_shows_tests_that_pass(root: Path, bare: pytest.Pytester) -> None:
    """The block of the embedding page with the fixtures is a conftest and a test file, and they run as they stand."""
    page = (root / "docs" / "en" / "embedding.md").read_text("utf-8")
    (conftest,) = re.findall(r"^```python\n(pytest_plugins = .*?)^```", page, re.MULTILINE | re.DOTALL)
    (shown,) = re.findall(
        r"^```python\n((?:(?!```).)*?def test_offline_users_are_pushed.*?)^```", page, re.MULTILINE | re.DOTALL
    )
    bare.makeconftest(conftest)
    bare.makepyfile(shown)

    result = bare.runpytest_inprocess("-p", "no:cacheprovider")

    passed = shown.count("def test_")
    assert passed >= 2
    result.assert_outcomes(passed=passed)


def test_without_an_override_every_installed_brand_is_there(bare: pytest.Pytester) -> None:
    """A host that installs a plug-in has its sandbox in its tests."""
    bare.makeconftest('pytest_plugins = ["pushgateway.testing.fixtures"]')
    bare.makepyfile(
        "def test_brands(push_sandboxes, push_tokens, push_certificates):\n"
        "    assert 'oppo' in push_sandboxes\n"
        "    assert push_sandboxes.keys() == push_tokens.keys() == {one.brand for one in push_certificates}\n"
    )

    result = bare.runpytest_inprocess("-p", "no:cacheprovider")

    result.assert_outcomes(passed=1)
