"""A plug-in of another contract: its brand's pushes end with a sentence, and all others go on."""

from typing import Any, ClassVar

import attrs
import pytest
from toy_vendor import Toy, ToyServer, certificate, gateway, note

from pushgateway import Audience, Certificate, Outcome, Push, PushToken, Reason, Status
from pushgateway.testing.virtual_time import run_virtual
from pushgateway.vendor import CONTRACT

SENTENCE = (
    f"the plug-in for brand 'older' was written for contract 0.1, this pushgateway has contract {CONTRACT}: "
    "install versions that fit each other"
)


@attrs.frozen
class Older(Toy):
    """Written for the contract before."""

    brand: ClassVar[str] = "older"
    contract: ClassVar[str] = "0.1"


OF_OLDER = Certificate(2, "older", {"secret": "s3cret"})
VENDORS = {"toy": Toy, "older": Older}


def test_the_pushes_of_a_brand_with_another_contract_end_with_a_sentence() -> None:
    """In one call with those of another brand, which arrive. Nothing is asked for it, and nothing is raised."""

    async def main() -> tuple[list[Outcome], Any, Any, ToyServer]:
        server = ToyServer()
        async with gateway(server, certificate(1), OF_OLDER, vendors=VENDORS) as g:
            outcomes = await g.send_each([Push(PushToken(key, f"k{key}"), note()) for key in (1, 2, 1, 2)])
            return outcomes, await g.broadcast(2, note(), Audience.everyone()), await g.check(2), server

    outcomes, broadcast, check, server = run_virtual(main())

    assert [outcome.ok for outcome in outcomes] == [True, False, True, False]
    for ended in (outcomes[1], outcomes[3], broadcast):
        assert (ended.status, ended.reason, ended.detail) == (Status.NOT_SENT, Reason.CREDENTIALS, SENTENCE)
    assert (check.ok, check.proved, check.reason, check.detail) == (False, False, Reason.CREDENTIALS, SENTENCE)
    assert {token for token, _ in server.ledger} == {"k1"}
    assert server.calls["login"] == 1


def test_the_log_names_the_certificate(caplog: pytest.LogCaptureFixture) -> None:
    """Once, when the certificates are loaded."""

    async def main() -> None:
        async with gateway(ToyServer(), certificate(1), OF_OLDER, vendors=VENDORS):
            pass

    run_virtual(main())

    assert [record.getMessage() for record in caplog.records if "contract" in record.getMessage()] == [
        f"certificate 2: {SENTENCE}"
    ]


def test_a_reload_with_a_plug_in_that_fits_sends_again() -> None:
    """A certificate that had no usable plug-in is loaded anew by each reload."""

    async def main() -> list[bool]:
        async with gateway(ToyServer(), OF_OLDER, vendors=VENDORS) as g:
            ends = [(await g.send(PushToken(2, "k"), note())).ok]
            g.reload([certificate(2)])
            return [*ends, (await g.send(PushToken(2, "k"), note())).ok]

    assert run_virtual(main()) == [False, True]
