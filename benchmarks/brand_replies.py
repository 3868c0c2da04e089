"""The replies of minimal vendors for `stub.py`, by brand: every push is accepted, nothing is checked.

A vendor that answers one notification for many tokens, or a list of messages, needs one constant reply with an id.
"""

from __future__ import annotations

import itertools
from collections.abc import Callable
from typing import Any, TypeAlias

from pushgateway.sandbox import find_sandbox

Answer: TypeAlias = Callable[[str, bytes], bytes]
"""From path and body of a request to the body of the reply."""
_ids = itertools.count(1)


def _xiaomi(path: str, content: bytes) -> bytes:
    return b'{"result":"ok","code":0,"trace_id":"X%d","data":{"id":"s%d"},"info":""}' % (next(_ids), next(_ids))


def _huawei(path: str, content: bytes) -> bytes:
    if path.endswith("/token"):
        return b'{"access_token":"stub","expires_in":3600,"token_type":"Bearer"}'
    return b'{"code":"80000000","msg":"Success","requestId":"%d"}' % next(_ids)


def _honor(path: str, content: bytes) -> bytes:
    if path.endswith("/token"):
        return _huawei(path, content)
    data = b'{"sendResult":true,"requestId":"%d","failTokens":[],"expireTokens":[]}' % next(_ids)
    return b'{"code":200,"message":"success","data":%b}' % data


def _meizu(path: str, content: bytes) -> bytes:
    return b'{"code":"200","message":"","redirect":"","value":{},"msgId":"%032x"}' % next(_ids)


def _vivo(path: str, content: bytes) -> bytes:
    if path.endswith("/auth"):
        return b'{"result":0,"desc":"","authToken":"stub"}'
    if path.endswith("/pushToList"):
        return b'{"result":0,"desc":"","requestId":"%d","invalidUsers":[]}' % next(_ids)
    return b'{"result":0,"desc":"","taskId":"%d"}' % next(_ids)


_ANSWERS: dict[str, Answer] = {
    "xiaomi": _xiaomi,
    "huawei": _huawei,
    "harmony": _huawei,
    "honor": _honor,
    "meizu": _meizu,
    "vivo": _vivo,
}
BRANDS = ("oppo", *_ANSWERS)
"""The brands that have a stub."""


def answer_of(brand: str) -> Answer:
    """What the vendor of a brand answers. Raises `KeyError` for a brand without a stub."""
    return _ANSWERS[brand]


def settings_of(brand: str) -> Callable[[int], dict[str, Any]]:
    """From the port of the stub to the settings of a certificate: those that the brand's sandbox is made with."""

    def settings(port: int) -> dict[str, Any]:
        kind = find_sandbox(brand)
        return kind(tokens=0, **kind.demo_options).settings(f"http://127.0.0.1:{port}")

    return settings
