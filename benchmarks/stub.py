"""A minimal vendor on loopback, in a process of its own, until its standard input is closed.

`python stub.py PHONES SEED [BRAND]`: OPPO, or the vendor of another brand, whose replies are in `brand_replies`.

It is built to be faster than anything that a benchmark measures. It reads each request completely, finds the targets,
and reports each as accepted. It checks nothing else, knows every token and keeps nothing. Whether requests are right is
checked by the strict sandbox (`neighbour.py`) and by the tests. `answer` is pure, for vendors without a network
(`near.py`).
"""

from __future__ import annotations

import asyncio
import itertools
import json
import re
import sys
import threading
import time
from collections.abc import Callable
from urllib.parse import parse_qs

from pushgateway_oppo.sandbox.server import APP_KEY, MASTER_SECRET

from pushgateway.vendor.rules import load_rules

PATHS = {operation.path: name for name, operation in load_rules("pushgateway_oppo").dialects["v1.3"].operations.items()}
_LENGTH = re.compile(rb"(?i)\r\ncontent-length: *(\d+)")
_TARGET = re.compile(rb"%22target_value%22%3A\+?%22([A-Za-z0-9_.~-]+)%22")
"""A target that needs no quoting, as the gateway and `urlencode` write it. Anything else is decoded completely."""
_SAVED = re.compile(rb"(?:^|&)message_id=([0-9a-f]+)")
_ids = itertools.count(1)
_open = set[asyncio.BaseTransport]()
CENSUS = "/census"
"""A path that OPPO does not have: answers the number of open connections, this one included."""


def answer(path: str, content: bytes) -> bytes:
    """The body of the reply; HTTP is 200 throughout."""
    operation = PATHS.get(path)
    if operation == "unicast_batch":
        items = [b'{"messageId":"%024x","registrationId":"%b"}' % (next(_ids), target) for target in _targets(content)]
        return b'{"code":0,"message":"Success","data":[%b]}' % b",".join(items)
    if operation == "auth":
        return b'{"code":0,"message":"Success","data":{"auth_token":"stub","create_time":%d}}' % (time.time() * 1000)
    if operation == "unicast":
        return b'{"code":0,"message":"Success","data":{"messageId":"%024x"}}' % next(_ids)
    if path == CENSUS:
        return b'{"code":0,"connections":%d}' % len(_open)
    if operation in ("save", "broadcast"):
        saved = _SAVED.search(content)  # the reply to a broadcast names the id of the saved content
        message_id = saved[1] if saved else b"%024x" % next(_ids)
        return b'{"code":0,"message":"Success","data":{"message_id":"%b","task_id":"%024x"}}' % (message_id, next(_ids))
    return b'{"code":20,"message":"no such method"}'


def _targets(content: bytes) -> list[bytes]:
    found = _TARGET.findall(content)
    if found and len(found) == content.count(b"target_value"):
        return found
    messages = json.loads(parse_qs(content.decode("ascii"))["messages"][0])
    return [message["target_value"].encode("ascii") for message in messages]


class Stub(asyncio.Protocol):
    """One connection: requests in, replies out, one after the other."""

    def __init__(self, answer: Callable[[str, bytes], bytes]) -> None:
        self._answer = answer
        self._waiting = bytearray()
        self._needed = 0  # length of the whole request in bytes; 0: not known yet
        self._body = 0  # offset of its body

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Count a new connection."""
        assert isinstance(transport, asyncio.Transport)
        self._transport = transport
        _open.add(transport)

    def connection_lost(self, exc: Exception | None) -> None:
        """Count it no longer."""
        _open.discard(self._transport)

    def data_received(self, data: bytes) -> None:
        """Collect bytes; answer each request that is complete."""
        self._waiting += data
        while self._is_whole():
            head, content = bytes(self._waiting[: self._body]), bytes(self._waiting[self._body : self._needed])
            del self._waiting[: self._needed]
            self._needed = 0
            reply = self._answer(head.split(b" ", 2)[1].decode("ascii"), content)
            self._transport.write(
                b"HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: %d\r\n\r\n" % len(reply) + reply
            )

    def _is_whole(self) -> bool:
        if not self._needed:
            end = self._waiting.find(b"\r\n\r\n")
            if end < 0:
                return False
            length = _LENGTH.search(self._waiting, 0, end + 2)
            self._body = end + 4
            self._needed = self._body + (int(length[1]) if length else 0)
        return len(self._waiting) >= self._needed


def settings(port: int) -> dict[str, str]:
    """A certificate for the stub."""
    url = f"http://127.0.0.1:{port}"
    return {"app_key": APP_KEY, "master_secret": MASTER_SECRET, "host": url, "overseas_host": url}


async def _serve(brand: str) -> None:
    replies, make_settings = answer, settings
    if brand != "oppo":
        from brand_replies import answer_of, settings_of  # OPPO's stub is also run where only this file is importable

        replies, make_settings = answer_of(brand), settings_of(brand)
    loop = asyncio.get_running_loop()
    server = await loop.create_server(lambda: Stub(replies), "127.0.0.1", 0)
    ended = asyncio.Event()

    def emitter() -> None:
        sys.stdin.read()
        loop.call_soon_threadsafe(ended.set)

    threading.Thread(target=emitter, daemon=True).start()
    print(json.dumps(make_settings(server.sockets[0].getsockname()[1])), flush=True)
    await ended.wait()
    server.close()


if __name__ == "__main__":
    asyncio.run(_serve(sys.argv[3] if len(sys.argv) > 3 else "oppo"))
