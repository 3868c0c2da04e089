"""Carrying the plug-in's exchanges by hand: what goes out, and what is made of a reply."""

from __future__ import annotations

import json
from typing import Any
from urllib.parse import parse_qsl

import pytest
from pushgateway_oppo import Oppo

from pushgateway.vendor import Exchange, Notification, Push, PushToken, Request, Response, Secret

NOTE = Notification("Hi", "You have mail")
SETTINGS: dict[str, Any] = {"app_key": "demo-app-key", "master_secret": Secret("demo-master-secret")}
OPPO = Oppo(**SETTINGS)
MAINLAND = "https://api.push.oppomobile.com"
OVERSEAS = "https://api-intl.push.oppomobile.com"
NOTIFICATION = "/server/v1/message/notification/"


def reply(data: object, code: int = 0, status: int = 200) -> Response:
    return Response(status, {}, json.dumps({"code": code, "message": "", "data": data}).encode())


def finish(exchange: Exchange[Any], response: Response) -> Any:
    with pytest.raises(StopIteration) as done:
        exchange.send(response)
    return done.value.value


def result(exchange: Exchange[Any]) -> Any:
    """What an exchange gives that asks nothing."""
    with pytest.raises(StopIteration) as done:
        next(exchange)
    return done.value.value


def form(request: Request) -> dict[str, str]:
    return dict(parse_qsl(request.content.decode("ascii"), strict_parsing=True))


def push(token: str, notification: Notification = NOTE, dedupe_id: str = "") -> Push:
    return Push(PushToken(7005, token), notification, dedupe_id=dedupe_id)
