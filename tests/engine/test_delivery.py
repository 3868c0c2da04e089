"""One request on its way: which access token it has when the vendor refuses one, or when a caller leaves meanwhile."""

import asyncio
import json
from typing import Any

import attrs
import pytest
from token_vendor import TokenVendor, certificate_of
from toy_vendor import Toy

from pushgateway import Gateway, Notification, Outcome, PushToken
from pushgateway.testing.virtual_time import run_virtual
from pushgateway.vendor import AccessToken, Request, Response, Vendor

LIFETIME = 100.0
"""Seconds of an access token of `ShortLived`."""


@attrs.frozen
class ShortLived(Toy):
    """Its access tokens end soon."""

    def login(self, region: str, now: float) -> Any:
        """See `Vendor.login`."""
        access = yield from super().login(region, now)
        return AccessToken(access.value, LIFETIME)


class CountedTokens(TokenVendor):
    """Notes the access token of each request with pushes, and how many of them were refused."""

    def __init__(self, *, last_wins: bool = False) -> None:
        super().__init__(last_wins=last_wins)
        self.used: list[str] = []
        self.refused = 0

    async def send(self, request: Request, *, pool: str, timeout: float) -> Response:  # noqa: ASYNC109
        if request.url.endswith("/login"):
            return await super().send(request, pool=pool, timeout=timeout)
        self.used.append(request.headers["authorization"].removeprefix("Bearer "))
        reply = await super().send(request, pool=pool, timeout=timeout)
        self.refused += json.loads(reply.content)["code"] == 11
        return reply


def gateway_of(vendor: TokenVendor, plugin: type[Vendor] = Toy) -> Gateway:
    return Gateway([certificate_of("k")], transport=vendor, vendors={"toy": plugin})


def note(text: str = "hello") -> Notification:
    return Notification("Ann", text)


def test_a_refused_access_token_is_not_used_again() -> None:
    """The endpoint keeps the token between requests; the one that the vendor refused is not among them."""
    vendor = CountedTokens()

    async def main() -> list[Outcome]:
        async with gateway_of(vendor) as gateway:
            outcomes = [await gateway.send(PushToken("k", "a"), note())]
            vendor.revoke("key-k")
            outcomes += [await gateway.send(PushToken("k", token), note()) for token in ("b", "c")]
            return outcomes

    outcomes = run_virtual(main())

    assert all(outcome.ok for outcome in outcomes)
    assert [outcome.attempts for outcome in outcomes] == [1, 2, 1]
    assert vendor.used == ["access-1", "access-1", "access-2", "access-2"]


def test_a_batch_that_is_built_anew_has_the_new_access_token() -> None:
    """A caller leaves while the gateway logs in again: the batch is built without that push, and its request does not
    have the token that the vendor has refused."""
    vendor = CountedTokens()

    async def main() -> Outcome:
        async with gateway_of(vendor) as gateway:
            await gateway.send(PushToken("k", "a"), note())
            await asyncio.sleep(1.0)
            vendor.revoke("key-k")
            vendor.login_takes = 1.0
            stays, leaves = [asyncio.create_task(gateway.send(PushToken("k", token), note())) for token in "bc"]
            await asyncio.sleep(0.5)
            leaves.cancel()
            return await stays

    outcome = run_virtual(main())

    assert (outcome.ok, outcome.attempts) == (True, 2)
    assert vendor.used == ["access-1", "access-1", "access-2"]
    assert vendor.pushed == {"k": 2}


def test_an_access_token_in_use_is_renewed_in_time() -> None:
    """Also one that the endpoint already used for several requests: near its end a new one is fetched."""
    vendor = CountedTokens()

    async def main() -> None:
        async with gateway_of(vendor) as gateway:
            for token in ("a", "b"):
                await gateway.send(PushToken("k", token), note())
            await asyncio.sleep(0.95 * 86400)
            await gateway.send(PushToken("k", "c"), note())
            await asyncio.sleep(1.0)
            await gateway.send(PushToken("k", "d"), note())

    run_virtual(main())

    assert vendor.used == ["access-1", "access-1", "access-1", "access-2"]


@pytest.mark.parametrize("renewal_fails", [False, True])
def test_pushes_during_a_renewal_do_not_keep_the_old_access_token(renewal_fails: bool) -> None:
    """A new login ends the old token at this vendor. Pushes that are sent while the gateway logs in again may have the
    old one, those after it not; and no token is used after its end, whatever becomes of the renewal."""
    vendor = CountedTokens(last_wins=True)
    vendor.login_takes, vendor.takes = 0.3, lambda _: 0.01
    ended = 0.0

    async def main() -> list[float]:
        nonlocal ended
        loop = asyncio.get_running_loop()
        begun, used = loop.time(), list[float]()
        if renewal_fails:
            vendor.login_code = lambda _, now: "0" if now - begun < 10 else "5"
        async with gateway_of(vendor, ShortLived) as gateway:
            while loop.time() < begun + 150:
                outcome = await gateway.send(PushToken("k", "a"), note(), timeout=1.0)
                if outcome.ok:
                    used.append(loop.time())
                await asyncio.sleep(0.1)
        ended = begun + LIFETIME + vendor.login_takes + 0.1
        return used

    used = run_virtual(main())

    assert len(used) > 500
    assert vendor.refused <= 2  # at most those that were on their way when the new login was accepted
    assert not renewal_fails or max(used) <= ended
