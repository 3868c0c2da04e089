"""Drives the plug-in's exchanges by hand: the first request, and the result after a reply. No sandbox is needed."""

from __future__ import annotations

import json
from collections.abc import Generator
from typing import Any
from urllib.parse import parse_qsl

import pytest
from pushgateway_oppo import Oppo

from pushgateway.vendor import Call, Exchange, Notification, Push, PushToken, Refused, Request, Response, Secret

NOTE = Notification("Hi", "You have mail")
SETTINGS: dict[str, Any] = {"app_key": "demo-app-key", "master_secret": Secret("demo-master-secret")}
OPPO = Oppo(**SETTINGS)
MAINLAND = "https://api.push.oppomobile.com"
OVERSEAS = "https://api-intl.push.oppomobile.com"
NOTIFICATION = "/server/v1/message/notification/"


def reply(data: object, code: int = 0, status: int = 200) -> Response:
    return Response(status, {}, json.dumps({"code": code, "message": "", "data": data}).encode())


def first(exchange: Exchange[Any]) -> Request:
    """The first request of an exchange; checkpoints before it are passed."""
    return next(request for request in exchange if request is not None)


def finish(exchange: Exchange[Any], response: Response) -> Any:
    """The result of an exchange after this reply; checkpoints after it are passed."""
    try:
        assert exchange.send(response) is None
    except StopIteration as done:
        return done.value
    return result(exchange)


def result(exchange: Generator[Any, Any, Any]) -> Any:
    """The result of an exchange that makes no request; its checkpoints are passed."""
    try:
        for _ in range(1000):
            assert next(exchange) is None
    except StopIteration as done:
        return done.value
    raise AssertionError("it has more than 1,000 checkpoints")


def refusal(call: Call[Any]) -> Refused:
    """The refusal of a call, which must come without a request."""
    with pytest.raises(Refused) as caught:
        next(call.begin())
    return caught.value


def form(request: Request) -> dict[str, str]:
    return dict(parse_qsl(request.content.decode("ascii"), strict_parsing=True))


def push(token: str, notification: Notification = NOTE, dedupe_id: str = "") -> Push:
    return Push(PushToken(7005, token), notification, dedupe_id=dedupe_id)
