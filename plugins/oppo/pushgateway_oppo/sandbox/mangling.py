"""Changes OPPO's correct replies in ways that clients have seen, or must be able to handle.

Pure; takes a decoded reply, returns a changed one. A reply in which there is nothing to change is returned as it is.

    shuffle     the items of a batch in another order       omit   one item left out
    extra       an item for a token that was not asked for  twice  one item there two times
    text_codes  codes as text: "0" for 0                    text_data  data as JSON text
"""

from __future__ import annotations

import json
import random
from collections.abc import Callable
from typing import Any, TypeAlias

Reply: TypeAlias = dict[str, Any]


def _items(reply: Reply) -> list[Any]:
    data = reply.get("data")
    return data if isinstance(data, list) else []


def _shuffle(reply: Reply, chance: random.Random) -> None:
    items = _items(reply)
    before = list(items)
    chance.shuffle(items)
    if len(items) > 1 and items == before:
        items.append(items.pop(0))


def _omit(reply: Reply, chance: random.Random) -> None:
    items = _items(reply)
    if items:
        del items[chance.randrange(len(items))]


def _extra(reply: Reply, chance: random.Random) -> None:
    foreign = {"messageId": f"{chance.getrandbits(96):024x}", "registrationId": f"CN_{chance.getrandbits(128):032x}"}
    if isinstance(reply.get("data"), list):
        reply["data"].insert(chance.randrange(len(reply["data"]) + 1), foreign)


def _twice(reply: Reply, chance: random.Random) -> None:
    items = _items(reply)
    if items:
        items.append(dict(items[chance.randrange(len(items))]))


def _text_codes(reply: Reply, _: random.Random) -> None:
    reply["code"] = str(reply.get("code"))
    for item in _items(reply):
        if "errorCode" in item:
            item["errorCode"] = str(item["errorCode"])


def _text_data(reply: Reply, _: random.Random) -> None:
    if "data" in reply:
        reply["data"] = json.dumps(reply["data"], ensure_ascii=False)


MANGLINGS: dict[str, Callable[[Reply, random.Random], None]] = {
    "shuffle": _shuffle,
    "omit": _omit,
    "extra": _extra,
    "twice": _twice,
    "text_codes": _text_codes,
    "text_data": _text_data,
}


def mangle(kind: str, content: bytes, chance: random.Random) -> Reply:
    """The reply in `content`, changed as `kind` says."""
    reply: Reply = json.loads(content)
    MANGLINGS[kind](reply, chance)
    return reply
