"""`Request.leave_before`: a request that could not leave in time is not sent, and its connection is kept."""

import asyncio

import pytest
from raw_server import PLAIN, TRANSPORTS, Kind, replies, serving

from pushgateway.vendor import Request
from pushgateway.vendor.refusals import TooLate

every_transport = pytest.mark.parametrize("kind", TRANSPORTS)


@every_transport
@pytest.mark.parametrize("opened", [False, True])
def test_a_request_whose_time_is_over_is_not_sent(kind: Kind, opened: bool) -> None:
    """Over a new connection and over one that is open: the server gets nothing of it, and a later request uses that
    same connection."""

    async def main() -> tuple[bool, int, int, int]:
        now = asyncio.get_running_loop().time
        transport = kind()
        async with serving(replies(PLAIN, forever=True)) as server:
            try:
                if opened:
                    await transport.send(Request("POST", server.url()), pool="1", timeout=5.0)
                with pytest.raises(TooLate) as caught:
                    await transport.send(Request("POST", server.url(), leave_before=now()), pool="1", timeout=5.0)
                in_time = Request("POST", server.url(), leave_before=now() + 5.0)
                reply = await transport.send(in_time, pool="1", timeout=5.0)
            finally:
                await transport.aclose()
        return caught.value.sent, reply.status, len(server.requests), server.connections

    assert asyncio.run(main()) == (False, 200, 1 + opened, 1)
