"""The only package of the core with a network: one request is sent and its reply is returned, within a time limit.

It decides nothing about the reply and repeats nothing. If something fails, it must report exactly whether the request
had been sent completely, because that decides whether the gateway may send a push again.

Guarantees of every transport here: server certificates are verified, and there is no option to stop that; redirects
are not followed, cookies not kept, proxies of the environment not used; plain `http://` only to loopback addresses; the
size of a reply is bounded, before and after unpacking; one time limit covers the whole request, names and handshakes
included.

`protocol` says what a transport is, `httpx_transport` is the one on httpx, `lean_transport` the faster one without
httpx. They differ in what parses replies (`h11_reply`: h11, `llhttp_reply`: httptools) and share the rest:
`request_head` (what is sent before the body), `body` (bounds of a reply), `pool` (connections that are kept),
`connection` (one of them), `dns` (names), `tls` (authorities) and `limit` (time limits). `auto` decides which of the
two a gateway uses.
"""

from pushgateway.transport.httpx_transport import HttpTransport
from pushgateway.transport.lean_transport import LeanTransport
from pushgateway.transport.protocol import CONNECTIONS, MAX_REPLY, Forgetful, Resizable, Transport

__all__ = ["CONNECTIONS", "MAX_REPLY", "Forgetful", "HttpTransport", "LeanTransport", "Resizable", "Transport"]
