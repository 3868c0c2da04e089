"""Ask and listen: the only room of the core with a network.

Law of this room: one request in, one reply out, within a time limit. It judges nothing and repeats nothing. What it
owes everybody else is the truth about one question: had the request left completely when the trouble came?

Promises, of every transport here: server certificates are verified and there is no switch to stop that; redirects are
not followed; plain `http://` only goes to loopback; the whole reply is capped, before and after decoding; one time
limit bounds the whole exchange, names and handshakes included.

`port` says what a transport is, `http` is the one as it comes, on httpx, `lean` the faster one without. They differ in
who reads replies (`reading`: h11, `verifier`: httptools) and share the rest: `asking` (what goes out), `replying` (what
comes back), `connections` (the kept ones), `wire` (one of them), `resolving` (names) and `trust` (authorities).
"""

from pushgateway.transport.httpx_transport import HttpTransport
from pushgateway.transport.lean_transport import LeanTransport
from pushgateway.transport.protocol import CONNECTIONS, MAX_REPLY, Forgetful, Transport

__all__ = ["CONNECTIONS", "MAX_REPLY", "Forgetful", "HttpTransport", "LeanTransport", "Transport"]
