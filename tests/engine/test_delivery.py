"""One request on its way: which access token it has when the vendor refuses one, or when a caller leaves meanwhile."""

import asyncio

from token_vendor import TokenVendor, certificate_of
from toy_vendor import Toy

from pushgateway import Gateway, Notification, Outcome, PushToken
from pushgateway.testing.virtual_time import run_virtual
from pushgateway.vendor import Request, Response


class CountedRealm(TokenVendor):
    """Notes the access token of each request with pushes."""

    def __init__(self) -> None:
        super().__init__()
        self.used: list[str] = []

    async def send(self, request: Request, *, pool: str, timeout: float) -> Response:  # noqa: ASYNC109
        if not request.url.endswith("/login"):
            self.used.append(request.headers["authorization"].removeprefix("Bearer "))
        return await super().send(request, pool=pool, timeout=timeout)


def gateway_of(vendor: TokenVendor) -> Gateway:
    return Gateway([certificate_of("k")], transport=vendor, vendors={"toy": Toy})


def note(text: str = "hello") -> Notification:
    return Notification("Ann", text)


def test_a_refused_access_token_is_not_used_again() -> None:
    """The endpoint keeps the token between requests; the one that the vendor refused is not among them."""
    vendor = CountedRealm()

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
    vendor = CountedRealm()

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
    vendor = CountedRealm()

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
