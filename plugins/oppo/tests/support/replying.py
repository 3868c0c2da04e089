"""Five pushes that were sent, and how to make OPPO's reply to them."""

from __future__ import annotations

import json

from exchanges import result
from pushgateway_oppo.replies import decode_batch, decode_broadcast, decode_login, decode_saved, decode_unicast

from pushgateway.vendor import (
    Audience,
    Broadcast,
    Notification,
    NoVerdict,
    Push,
    PushToken,
    Refused,
    Response,
)

NOTE = Notification("Hi", "You have mail")
TOKENS = [f"CN_{number:032x}" for number in range(5)]
PUSHES = [Push(PushToken(1, token), NOTE, dedupe_id=f"d-{token}") for token in TOKENS]
CUTS = [("title",) if place == 2 else () for place in range(5)]


def reply(body: object, status: int = 200, **headers: str) -> Response:
    content = body if isinstance(body, bytes) else json.dumps(body).encode()
    return Response(status, {name.replace("_", "-"): value for name, value in headers.items()}, content)


def broadcast_of(audience: Audience) -> Broadcast:
    return Broadcast(1, NOTE, audience)


def everything(response: Response) -> list[object]:
    """Each way of reading `response`: what it gave, or the `Refused` or `NoVerdict` it raised."""
    tokens = broadcast_of(Audience.of_tokens(TOKENS))
    results: list[object] = []
    for read in (
        lambda: decode_login(response, 86_400.0, 4096),
        lambda: decode_unicast(response, PUSHES[:1], [()])[0],
        lambda: result(decode_batch(response, PUSHES, CUTS)),
        lambda: decode_saved(response),
        lambda: decode_broadcast(response, tokens, "saved", TOKENS),
    ):
        try:
            results.append(read())
        except (Refused, NoVerdict) as refused:
            results.append(refused)
    return results
