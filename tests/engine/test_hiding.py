"""Secrets are hidden in what is shown, in every spelling in which a plug-in may send them."""

import base64
import json
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any, ClassVar
from urllib.parse import parse_qs, quote, quote_plus, unquote, unquote_plus

import attrs
import pytest
from click.testing import CliRunner
from hypothesis import given
from hypothesis import strategies as st

from pushgateway import Audience, Broadcast, Certificate, Explanation, Gateway, Notification, Push, PushToken, Reason
from pushgateway.cli.command import pushgateway as command
from pushgateway.engine.hiding import HIDDEN, Hider, secrets_of
from pushgateway.vendor import AccessToken, Exchange, Outcome, Refused, Request, Secret, Vendor
from pushgateway.vendor.text import form_quote

SECRET = 's3cr3t/Key+with="odd" letters é汉😀'

SPELLINGS: Mapping[str, tuple[Callable[[str], str], Callable[[str], str]]] = {
    "as it is": (str, str),
    "URL": (lambda text: quote(text, safe=""), unquote),
    "URL in small letters": (lambda text: quote_plus(text).replace("%2F", "%2f").replace("%2B", "%2b"), unquote_plus),
    "URL with slashes": (quote, unquote),
    "URL twice": (lambda text: quote(quote(text, safe=""), safe=""), lambda text: unquote(unquote(text))),
    "form": (lambda text: form_quote(text).decode(), unquote_plus),
    "JSON": (json.dumps, json.loads),
    "JSON in UTF-8": (lambda text: json.dumps(text, ensure_ascii=False), json.loads),
    "JSON with slashes": (lambda text: json.dumps(text).replace("/", "\\/"), json.loads),
    "JSON in capitals": (lambda text: json.dumps(text).replace("\\u00e9", "\\u00E9"), json.loads),
    "JSON in JSON": (lambda text: json.dumps(json.dumps(text)), lambda text: json.loads(json.loads(text))),
    "JSON in a form": (lambda text: form_quote(json.dumps(text)).decode(), lambda text: json.loads(unquote_plus(text))),
    "JSON in JSON in a form": (
        lambda text: form_quote(json.dumps(json.dumps(text, ensure_ascii=False))).decode(),
        lambda text: json.loads(json.loads(unquote_plus(text))),
    ),
}


@pytest.mark.parametrize("name", SPELLINGS)
def test_a_secret_is_hidden_in_each_spelling(name: str) -> None:
    """The text around the secret stays; decoded, the placeholder stands in the place of the secret."""
    write, read = SPELLINGS[name]

    shown = Hider([SECRET]).text(write(f"before {SECRET} behind"))

    assert read(shown) == f"before {HIDDEN} behind"


@given(st.text(st.characters(exclude_categories=("Cs",)), min_size=3, max_size=30), st.sampled_from(sorted(SPELLINGS)))
def test_any_secret_is_hidden(secret: str, name: str) -> None:
    """It is hidden whatever characters it has."""
    write, read = SPELLINGS[name]

    assert secret not in read(Hider([secret]).text(write(f"<{secret}>")))


@pytest.mark.parametrize("before", ["", "u", "us", "use", "user:"])
@pytest.mark.parametrize("encode", [base64.b64encode, base64.urlsafe_b64encode])
def test_secrets_in_base64_and_hex_are_hidden(before: str, encode: Callable[[bytes], bytes]) -> None:
    """Basic authorization is the base64 of a longer text: the secret is hidden wherever in that text it begins."""
    hidden = Hider([SECRET])
    encoded = encode(f"{before}{SECRET}:more".encode()).decode()
    digest = SECRET.encode().hex()

    assert hidden.text(f"authorization: Basic {encoded}") == f"authorization: Basic {HIDDEN}"
    assert SECRET[:6].encode().hex() not in hidden.text(f"x={digest}&y={digest.upper()}").lower()
    assert base64.b64encode(SECRET.encode()).decode()[4:20] not in unquote(hidden.text(quote(encoded, safe="")))


def test_everything_but_secrets_is_unchanged() -> None:
    """A text without a secret is unchanged, also bytes that are no text; of two secrets of which one contains the other
    the longer is hidden whole."""
    assert Hider([]).content(b"\xff\x00") == b"\xff\x00"
    assert Hider([""]).text("anything") == "anything"
    assert Hider(["secret"]).content(b"\xffsecret\x00") == b"\xff" + HIDDEN.encode() + b"\x00"
    assert Hider(["key", "key-2"]).text("key-2, key") == f"{HIDDEN}, {HIDDEN}"
    assert "secret" not in repr(Hider(["secret"]))


def test_a_long_key_is_hidden_quickly() -> None:
    """A private key of some kilobytes, in JSON as in a service account, must not take long."""
    key = "-----BEGIN PRIVATE KEY-----\n" + "\n".join(["A+/b" * 16] * 40) + "\n-----END PRIVATE KEY-----\n"
    begun = time.perf_counter()

    shown = Hider([key]).text(json.dumps({"key": key}))

    assert json.loads(shown) == {"key": HIDDEN}
    assert time.perf_counter() - begun < 2.0


@attrs.frozen
class _Inner:
    keys: tuple[Secret, ...]


@attrs.frozen
class _Outer:
    inner: _Inner
    table: Mapping[str, Any]


def test_secrets_are_found_in_fields_mappings_and_lists() -> None:
    """The search ends also with a mapping that contains itself."""
    table: dict[str, Any] = {"a": Secret("two"), "b": [{"c": Secret("three")}], "d": "no secret"}
    table["self"] = table
    found = {one.reveal() for one in secrets_of(_Outer(_Inner((Secret("one"),)), table))}

    assert found == {"one", "two", "three"}


# `explain`


@attrs.frozen(kw_only=True)
class StaticKey(Vendor):
    """A vendor without a login: its key is in each request, here in every place that a request has."""

    brand: ClassVar[str] = "static"
    contract: ClassVar[str] = "0.2"
    key: Secret

    def push(self, batch: Sequence[Push]) -> Exchange[list[Outcome]]:
        key, title = self.key.reveal(), batch[0].notification.title
        if title == "refused":
            raise Refused(Reason.CREDENTIALS, detail=f"no {key}")
        headers = {"authorization": f"key={key}", "x-basic": base64.b64encode(f"u:{key}".encode()).decode()}
        form = form_quote(json.dumps({"key": key, "title": title}))
        yield Request(
            "POST", f"https://static.example/{quote(key, safe='')}?k={quote_plus(key)}", headers, b"m=" + form
        )
        return [Outcome.accepted(push) for push in batch]

    def operation(self, request: Request) -> str:
        return f"send {self.key.reveal()}"


class FinishedKey(StaticKey):
    """The same, with the key put in at the very end, and the time beside it."""

    def push(self, batch: Sequence[Push]) -> Exchange[list[Outcome]]:
        title = batch[0].notification.title
        if title == "refused":
            raise Refused(Reason.CREDENTIALS, detail=f"no {self.key.reveal()}")
        yield Request("POST", "https://static.example/", content=title.encode())
        return [Outcome.accepted(push) for push in batch]

    def finish(self, request: Request, access: AccessToken | None, now: float) -> Request:
        assert access is None
        made = next(super().push([Push(PushToken(7, "token"), Notification(request.content.decode(), "body"))]))
        assert made is not None
        return attrs.evolve(made, headers={**made.headers, "x-time": f"{now:.0f}"})


def explained(title: str, vendor: type[StaticKey] = StaticKey) -> tuple[str, Explanation]:
    """An explanation, and everything that it holds as one text."""
    certificate = Certificate(7, "static", {"key": SECRET})
    gateway = Gateway([certificate], vendors={"static": vendor}, clock=lambda: 1_700_000_000.0)
    explanation = gateway.explain(Push(PushToken(7, "token"), Notification(title, "body")))
    content = b"".join(request.content for request in explanation.requests).decode()
    return f"{attrs.asdict(explanation)} {unquote_plus(content)} {explanation.outcome}", explanation


@pytest.mark.parametrize("vendor", [StaticKey, FinishedKey])
@pytest.mark.parametrize("title", ["sent", "refused"])
def test_explain_shows_no_key_of_a_vendor_without_a_login(title: str, vendor: type[StaticKey]) -> None:
    """In a header, a URL, a body, a name and a message the placeholder stands in place of the key, and all else is as
    it would be sent."""
    text, explanation = explained(title, vendor)

    for spelled in (
        SECRET,
        SECRET[:6],
        json.dumps(SECRET)[1:-1],
        quote(SECRET),
        quote_plus(SECRET),
        repr(SECRET)[1:-1],
    ):
        assert spelled not in text
    if title == "sent":
        (request,) = explanation.requests
        assert request.url == f"https://static.example/{HIDDEN}?k={HIDDEN}"
        more = {"x-time": "1700000000"} if vendor is FinishedKey else {}  # the time is no secret
        assert request.headers == {"authorization": f"key={HIDDEN}", "x-basic": HIDDEN, **more}
        assert json.loads(unquote_plus(request.content[2:].decode())) == {"key": HIDDEN, "title": "sent"}
        assert explanation.operation == f"send {HIDDEN}"
    else:
        assert explanation.outcome is not None
        assert explanation.outcome.detail == f"no {HIDDEN}"


def test_the_explain_command_shows_no_key(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """It is hidden in the output for people and with --json."""
    config = tmp_path / "pushgateway.toml"
    config.write_text(f"[certificates.7]\nbrand = 'static'\nkey = {json.dumps(SECRET, ensure_ascii=False)}\n")
    monkeypatch.setattr("pushgateway.certificates.plugins.load", lambda group, brand, also=(): StaticKey)
    for more in ([], ["--json"]):
        arguments = ["explain", "7", "token", "--title", "t", "--body", "b", "--config", str(config), *more]
        result = CliRunner().invoke(command, arguments)

        assert result.exit_code == 0, result.output
        assert HIDDEN in result.output
        for spelled in (SECRET[:6], json.dumps(SECRET)[1:-1], quote(SECRET, safe="")):
            assert spelled not in result.output


@pytest.mark.parametrize("count", [1, 2])
def test_explain_hides_the_secret_parts_of_receipt_url_and_parameter(count: int) -> None:
    """Anyone who read them in a ticket could post receipts; the rest of URL and parameter is shown as it is sent."""
    secrets = ["receipts-secret-of-today", "receipts-secret-of-yesterday"][:count]
    settings = {"app_key": "key", "master_secret": "master"}
    url = "https://im.example/push"
    certificate = Certificate(7005, "oppo", settings, receipt_url=url, receipt_secret=secrets)
    gateway = Gateway([certificate])
    push = Push(PushToken(7005, "CN_a"), Notification("t", "b"), dedupe_id="d-1")
    broadcast = Broadcast(7005, Notification("t", "b", dedupe_id="b-1"), Audience.of_tokens(["CN_a"]))
    assert certificate.signer is not None
    real = certificate.signer.callback_for(push)

    (single,) = gateway.explain(push).requests
    saving = gateway.explain(broadcast).requests[0]

    message = json.loads(parse_qs(single.content.decode())["message"][0])["notification"]
    form = parse_qs(saving.content.decode())
    assert (message["call_back_url"], message["call_back_parameter"]) == (f"{url}/7005/{HIDDEN}", f"d-1.{HIDDEN}")
    assert (form["call_back_url"], form["call_back_parameter"]) == ([f"{url}/7005/{HIDDEN}"], [f"b-1.{HIDDEN}"])
    assert real.url.rpartition("/")[2] not in single.content.decode()
    assert real.parameter.rpartition(".")[2] not in single.content.decode()
