"""A check for each number of the rules, by its name: at it and one beyond it, in plug-in and sandbox.

A number without a check here fails `test_rules_rows`. Requests to the sandbox that the plug-in would
never make are written by hand.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from urllib.parse import urlencode

import pytest
from driving import Driver
from oppo_client import NOTE, Client
from pictures import jpeg, png
from pushgateway_oppo import Oppo

from pushgateway.vendor import (
    Audience,
    FieldError,
    Notification,
    NoVerdict,
    Reason,
    Refused,
    Request,
    Response,
    Secret,
    Status,
)


def _batch_size(dialect: str, most: int) -> None:
    client = Client(dialect)
    tokens = client.sandbox.register(most + 1)
    with pytest.raises(FieldError, match=f"batch_size: must be a whole number of 1 to {most}"):
        Oppo(app_key="k", master_secret=Secret("s"), dialect=dialect, batch_size=most + 1)

    assert Driver(dialect).oppo.batching.size == most
    assert [client.batch(tokens[:most])["code"], client.batch(tokens)["code"]] == [0, 41]


def _audience_size(dialect: str, most: int) -> None:
    client = Client(dialect)
    tokens = client.sandbox.register(most + 1)

    assert Oppo.audience_size == most
    assert client.broadcast("tokens", *tokens[:most])["code"] == 0
    assert client.broadcast("tokens", *tokens)["code"] == 41


def _access_lifetime(dialect: str, seconds: int) -> None:
    driver = Driver(dialect)
    first = driver.login()
    driver.now += seconds - 1
    same = driver.login()
    driver.now += 1

    assert first.lifetime == float(seconds)
    assert same.value == first.value != driver.login().value


def _access_overlap(dialect: str, seconds: int) -> None:
    client = Client(dialect)
    client.now += client.facts.number("access_lifetime") + seconds - 1
    last = client.ask("save", NOTE)["code"]
    client.now += 1

    assert (last, client.ask("save", NOTE)["code"]) == (0, 11)


def _clock_tolerance(dialect: str, seconds: int) -> None:
    for off, right in ((seconds, True), (-seconds, True), (seconds + 1, False), (-seconds - 1, False)):
        driver = Driver(dialect)
        client_time = driver.now + off
        login = driver.oppo.login("cn", client_time)
        request = next(login)
        assert request is not None
        body = json.loads(driver.ask(request).content)
        assert (body["code"] == 0) is right
        assert body["code"] in (0, 19)


def _token_bytes(dialect: str, most: int) -> None:
    driver = Driver(dialect)
    longest = "a" * most
    driver.sandbox.register([longest])
    whole, beyond = driver.push(longest, longest + "a")
    with pytest.raises(Refused, match="unregistered"):
        driver.carry(driver.oppo.get_tags(longest + "a"))

    assert (whole.status, beyond.status) == (Status.ACCEPTED, Status.NOT_SENT)
    assert beyond.reason is Reason.UNREGISTERED
    assert driver.carry(driver.oppo.get_tags(longest)).tags == ()


def _access_bytes(dialect: str, most: int) -> None:
    def login(size: int) -> int:
        exchange = Driver(dialect).oppo.login("cn", 1.7e9)
        next(exchange)
        body = {"code": 0, "data": {"auth_token": "t" * size, "create_time": 1}}
        try:
            exchange.send(Response(200, {}, json.dumps(body).encode()))
        except StopIteration as done:
            return len(done.value.value)
        raise AssertionError("a login of two requests")

    assert login(most) == most
    with pytest.raises(NoVerdict, match=f"no auth_token of 1 to {most} characters"):
        login(most + 1)


def _daily_reset_offset(dialect: str, seconds: int) -> None:
    client = Client(dialect, daily_limit=1)
    one = client.sandbox.tokens[0]
    midnight = (int(client.now + seconds) // 86_400 + 1) * 86_400 - seconds
    codes = [client.unicast(one)["code"], client.unicast(one)["code"]]
    client.now = midnight - 1.0
    codes.append(client.unicast(one)["code"])
    client.now = float(midnight)
    codes.append(client.unicast(one)["code"])

    assert codes == [0, 33, 33, 0]
    assert Oppo.day_offset == float(seconds)


def _alias_characters(dialect: str, most: int) -> None:
    driver = Driver(dialect)
    with pytest.raises(Refused, match="invalid_notification") as caught:
        driver.carry(driver.oppo.subscribe_alias(driver.one, "名" * (most + 1)))
    with pytest.raises(Refused):
        driver.broadcast(Audience.of_aliases(["a" * (most + 1)]))

    assert caught.value.detail == f"alias: an alias must have at most {most} characters, one has {most + 1}"
    assert driver.requests == []
    assert driver.carry(driver.oppo.subscribe_alias(driver.one, "名" * most)).alias == "名" * most
    assert json.loads(_json(driver, "subscribe_alias", alias="a" * (most + 1)))["code"] == 10002


def _json(driver: Driver, name: str, **fields: str) -> bytes:
    """The sandbox's reply to fields written by hand."""
    row = driver.facts.operations[name]
    body = {"registration_id": driver.one, "auth_token": driver.access("cn").value, **fields}
    form = row.encoding == "form"
    kind = "application/x-www-form-urlencoded" if form else "application/json"
    content = urlencode(body).encode() if form else json.dumps(body).encode()
    return driver.ask(Request("POST", f"https://oppo.example{row.path}", {"content-type": kind}, content)).content


def _tag_separator(dialect: str, code_point: int) -> None:
    driver = Driver(dialect)
    mark = chr(code_point)
    with pytest.raises(Refused) as caught:
        driver.carry(driver.oppo.subscribe_tags(driver.one, [f"a{mark}b"]))
    listed = json.loads(_json(driver, "subscribe_tags", tags=f"x{mark}y"))["data"]["tags"]

    assert caught.value.detail == f"tags: a tag must hold no {mark!r}, which stands between tags"
    assert driver.carry(driver.oppo.subscribe_tags(driver.one, ["a", "b"])).names == ("a", "b")
    assert [tag["tagName"] for tag in listed] == ["x", "y"]
    assert driver.sandbox.phones()[0].tags == {"a", "b", "x", "y"}


def _picture_ttl(dialect: str, seconds: int) -> None:
    driver = Driver(dialect)
    picture_id = driver.carry(driver.oppo.upload_picture("big", driver.picture())).picture_id
    note = Notification("Hi", "You have mail", overrides={"oppo": {"style": 3, "big_picture_id": picture_id}})
    driver.now += seconds - 1
    driver.forget()
    kept = driver.broadcast(Audience.everyone(), note)
    driver.now += 1
    with pytest.raises(Refused) as caught:
        driver.broadcast(Audience.everyone(), note)

    assert b'name="picture_ttl"\r\n\r\n%d\r\n' % seconds in driver.requests[0].content
    assert kept.ok
    assert caught.value.code == "51"


def _picture_bytes(kind: str) -> Callable[[str, int], None]:
    def check(dialect: str, most: int) -> None:
        driver = Driver(dialect)
        whole = driver.picture(kind).ljust(most, b"\x00")
        with pytest.raises(Refused) as caught:
            driver.carry(driver.oppo.upload_picture(kind, whole + b"\x00"))

        assert caught.value.detail == f"content: must have at most {most} bytes, has {most + 1}"
        assert driver.carry(driver.oppo.upload_picture(kind, whole)).picture_id
        assert _upload(driver, kind, whole) == 0
        assert _upload(driver, kind, whole + b"\x00") == 51

    return check


def _upload(driver: Driver, kind: str, content: bytes) -> int:
    """The sandbox's code for a picture sent by hand."""
    row = driver.facts.operations[f"upload_{kind}_picture"]
    head = b'--b\r\ncontent-disposition: form-data; name="file"; filename="p.png"\r\n\r\n'
    headers = {"content-type": "multipart/form-data; boundary=b", "auth_token": driver.access("cn").value}
    request = Request("POST", f"https://oppo.example{row.path}", headers, head + content + b"\r\n--b--\r\n")
    return int(json.loads(driver.ask(request).content)["code"])


def _picture_pixels(kind: str, which: str) -> Callable[[str, int], None]:
    def check(dialect: str, pixels: int) -> None:
        driver = Driver(dialect)
        width, height = (driver.facts.number(f"{kind}_picture{which}_{side}") for side in ("width", "height"))
        assert pixels in (width, height)
        for made in (png, jpeg):
            assert driver.carry(driver.oppo.upload_picture(kind, made(width, height))).kind == kind
            assert _upload(driver, kind, made(width, height)) == 0
            for odd in (made(width + 1, height), made(width, height + 1), made(width - 1, height), made(height, 1)):
                with pytest.raises(Refused, match="invalid_notification"):
                    driver.carry(driver.oppo.upload_picture(kind, odd))
                assert _upload(driver, kind, odd) == 51

    return check


NUMBERS: Mapping[str, Callable[[str, int], None]] = {
    "batch_size": _batch_size,
    "audience_size": _audience_size,
    "access_lifetime": _access_lifetime,
    "access_overlap": _access_overlap,
    "clock_tolerance": _clock_tolerance,
    "token_bytes": _token_bytes,
    "access_bytes": _access_bytes,
    "daily_reset_offset": _daily_reset_offset,
    "alias_characters": _alias_characters,
    "tag_separator": _tag_separator,
    "picture_ttl": _picture_ttl,
    "small_picture_bytes": _picture_bytes("small"),
    "small_picture_width": _picture_pixels("small", ""),
    "small_picture_height": _picture_pixels("small", ""),
    "big_picture_bytes": _picture_bytes("big"),
    "big_picture_width": _picture_pixels("big", ""),
    "big_picture_height": _picture_pixels("big", ""),
    "big_picture_other_width": _picture_pixels("big", "_other"),
    "big_picture_other_height": _picture_pixels("big", "_other"),
}
