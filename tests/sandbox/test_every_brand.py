"""The sandboxes of all installed brands answer any request: true ones of the plug-in, and the same with each value
left out or replaced by an odd one.

Nothing is raised because of what a client sent, and every answer is a reply of the vendor's.
"""

from __future__ import annotations

import random
from collections.abc import Iterator
from contextlib import suppress
from importlib.metadata import entry_points
from typing import Any

import attrs
import pytest

from pushgateway.certificates.certificate import Certificate
from pushgateway.certificates.plugins import Plugins
from pushgateway.engine.explain import with_plain_push
from pushgateway.gateway import Gateway
from pushgateway.model.audience import Broadcast
from pushgateway.model.outcome import CertificateCheck
from pushgateway.sandbox import Sandbox, find_sandbox
from pushgateway.sandbox.find import SANDBOXES
from pushgateway.sandbox.kit.readers import CONTENT_TYPES
from pushgateway.sandbox.kit.ruled import RuledSandbox
from pushgateway.testing.conformance.exchange_driver import ExchangeDriver, drive_plugin
from pushgateway.testing.conformance.harness import audiences
from pushgateway.testing.conformance.odd_inputs import odd_twins
from pushgateway.testing.conformance.sandbox_connection import HOST
from pushgateway.vendor import (
    Alert,
    Badge,
    Button,
    Intent,
    Notification,
    NoVerdict,
    OpenIntent,
    OpenIntentUri,
    OpenUrl,
    Push,
    PushToken,
    Refused,
    Request,
)

PLAIN = Notification("Lena", "Lunch?", data={"room": 17}, dedupe_id="d")
RICH = Notification(
    "Lena",
    "Lunch?",
    subtitle="now",
    click=OpenIntent("com.example.CHAT"),
    data={"room": [1, {"a": True}]},
    ttl=3600,
    dedupe_id="d2",
    intent=Intent.CHAT,
    badge=Badge.add(1),
    replace_key="k",
    alert=Alert.SILENT,
    sound="ring.mp3",
    long_body="Lunch at noon?",
    picture="https://x.example/p.png",
    icon="https://x.example/i.png",
    buttons=(Button("Yes"), Button("No")),
    group="g",
    show_in_foreground=False,
)
NOTES = (
    PLAIN,
    RICH,
    attrs.evolve(PLAIN, receipt_url="http://127.0.0.1:1/r", receipt_parameter="p"),
    attrs.evolve(PLAIN, click=OpenUrl("https://x.example/a"), data={}),
    attrs.evolve(PLAIN, click=OpenIntentUri("intent:#Intent;action=a;end"), user_id="ann"),
)
"""A vendor refuses those that it has no fields for."""
BRANDS = sorted(entry.name for entry in entry_points(group=SANDBOXES))
VARIANTS = [
    (brand, dialect)
    for brand in BRANDS
    for dialect in (find_sandbox(brand).rules.dialects if issubclass(find_sandbox(brand), RuledSandbox) else ("",))
]
"""Every brand with each dialect of its rules."""


def driver(brand: str, dialect: str) -> ExchangeDriver:
    """The plug-in and its sandbox."""
    options = {"dialect": dialect} if dialect else {}
    return drive_plugin(Plugins().vendor(brand), find_sandbox(brand), tokens=5, **options)


def true_requests(driven: ExchangeDriver) -> Iterator[Request]:
    """Requests as the plug-in makes them: a login, pushes of one and of two notifications, broadcasts."""
    found: dict[tuple[str, str], Request] = {}
    answer = driven.sandbox.answer

    def watched(request: Request) -> Any:
        found.setdefault((request.method, f"{request.url} {len(request.content)}"), request)
        return answer(request)

    driven.sandbox.answer = watched  # type: ignore[method-assign]
    tokens = driven.sandbox.tokens
    for notes in (*((note,) * count for note in NOTES for count in (1, 2)), (PLAIN, RICH)):
        if len(set(notes)) > 1 and not driven.vendor.batching.mixed:
            continue
        pushes = [Push(PushToken("1", token), note) for token, note in zip(tokens, notes, strict=False)]
        with suppress(Refused, NoVerdict):
            driven.push(pushes)
    for kind, audience in audiences(driven.sandbox).items():
        if kind in driven.vendor.audiences:
            with suppress(Refused, NoVerdict):
                driven.broadcast(Broadcast("1", attrs.evolve(PLAIN, receipt_url=None), audience))
    del driven.sandbox.answer  # type: ignore[method-assign]
    yield from found.values()


def check_answered(sandbox: Sandbox, request: Request) -> None:
    """Fail if the sandbox gives no reply of the vendor's."""
    answer = sandbox.answer(request)

    assert answer.response is not None
    assert answer.delay == 0.0
    assert 200 <= answer.response.status < 600
    assert {"date"} <= answer.response.headers.keys()


@pytest.mark.parametrize(("brand", "dialect"), VARIANTS)
def test_a_title_and_a_body_are_enough(brand: str, dialect: str) -> None:
    """With the settings of the sandbox a notification needs nothing else, so `check` has nothing to say."""
    settings = driver(brand, dialect).sandbox.settings(HOST)
    check = CertificateCheck(certificate_id="1", brand=brand, ok=True, detail="")

    assert with_plain_push(check, Gateway([Certificate("1", brand, settings)]).explain) == check


@pytest.mark.parametrize(("brand", "dialect"), VARIANTS)
def test_odd_requests_are_answered(brand: str, dialect: str) -> None:
    """Each value of each true request is left out, and replaced by values of wrong types and sizes."""
    driven = driver(brand, dialect)
    requests = list(true_requests(driven))
    before = driven.sandbox.ledger.total
    tried = 0
    for request in requests:
        for twin in odd_twins(request.content, request.headers.get("content-type", "")):
            check_answered(driven.sandbox, attrs.evolve(request, content=twin))
            tried += 1

    assert len(requests) > 2
    assert before > 0
    assert tried > 100


@pytest.mark.parametrize(("brand", "dialect"), VARIANTS)
def test_damaged_requests_are_answered(brand: str, dialect: str) -> None:
    """Bytes changed, left out or doubled; other methods, paths, queries and headers."""
    driven, chance = driver(brand, dialect), random.Random(f"{brand} {dialect}")
    for request in true_requests(driven):
        for _ in range(150):
            check_answered(driven.sandbox, damaged(request, chance))
        for name in request.headers:
            headers = {key: value for key, value in request.headers.items() if key != name}
            check_answered(driven.sandbox, attrs.evolve(request, headers=headers))
            check_answered(driven.sandbox, attrs.evolve(request, headers={**headers, name: "\x00汉 x"}))
        for url in ("//[", "", f"{request.url}/x", f"{request.url}?a=%ff&a=1", request.url.replace("1", "%2F")):
            check_answered(driven.sandbox, attrs.evolve(request, url=url))
        check_answered(driven.sandbox, attrs.evolve(request, method="PUT"))


@pytest.mark.parametrize(("brand", "dialect"), VARIANTS)
def test_every_call_of_the_rules_is_answered(brand: str, dialect: str) -> None:
    """Also one that the sandbox does not imitate, and with the fields of other calls."""
    driven = driver(brand, dialect)
    if not isinstance(driven.sandbox, RuledSandbox):
        pytest.fail("a plug-in of this repository has a sandbox by rules")
    requests = list(true_requests(driven))
    for row in driven.sandbox.admission.operations.values():
        for request in requests:
            path = row.url_path(**dict.fromkeys(row.places, "1"))
            kind = CONTENT_TYPES.get(row.encoding, "")
            headers = {**request.headers, **row.headers, "content-type": kind}
            url = f"{HOST}{path}?{request.content.decode('latin-1')}" if row.encoding == "query" else f"{HOST}{path}"
            check_answered(driven.sandbox, Request(row.method, url, headers, request.content))
            check_answered(driven.sandbox, Request(row.method, url, headers))


def damaged(request: Request, chance: random.Random) -> Request:
    """The request with a part of its body cut out, doubled, or replaced by other bytes."""
    content = request.content
    start = chance.randrange(len(content) + 1)
    end = min(len(content), start + chance.randrange(1, 12))
    part = chance.choice((b"", content[start:end] * 2, b"\xff", b'"', b"null", b"{", b"%", b"&a=1&", b"-1", b"[]"))
    return attrs.evolve(request, content=content[:start] + part + content[end:])
