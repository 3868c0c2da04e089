"""Five pushes that were sent, and how to make OPPO's reply to them."""

from __future__ import annotations

import json

from pushgateway.vendor import Notification, Push, PushToken, Response

NOTE = Notification("Hi", "You have mail")
TOKENS = [f"CN_{number:032x}" for number in range(5)]
PUSHES = [Push(PushToken(1, token), NOTE, dedupe_id=f"d-{token}") for token in TOKENS]
CUTS = [("title",) if place == 2 else () for place in range(5)]


def reply(body: object, status: int = 200, **headers: str) -> Response:
    content = body if isinstance(body, bytes) else json.dumps(body).encode()
    return Response(status, {name.replace("_", "-"): value for name, value in headers.items()}, content)
