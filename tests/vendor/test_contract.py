"""The defaults of the vendor contract, and which hosts a vendor may be pointed at."""

import functools
import importlib.util
import json
import re
import textwrap
from collections.abc import Sequence
from pathlib import Path
from types import MappingProxyType
from typing import Any
from urllib.parse import quote_plus

import pytest
from hypothesis import given
from hypothesis import strategies as st

import pushgateway.vendor as contract
from pushgateway.certificates.certificate import Certificate
from pushgateway.certificates.plugins import Plugins
from pushgateway.certificates.settings import load_vendors
from pushgateway.model.audience import Audience, Broadcast
from pushgateway.model.click import OpenUrl
from pushgateway.model.errors import FieldError
from pushgateway.model.notification import Notification
from pushgateway.model.outcome import Outcome
from pushgateway.model.push import Push, PushToken
from pushgateway.model.reason import Status
from pushgateway.model.secret import Secret
from pushgateway.vendor import (
    AccessToken,
    Batching,
    Exchange,
    Request,
    Response,
    Vendor,
    check_base_url,
    is_loopback,
)
from pushgateway.vendor.refusals import Refused

CANARY = "canary-5d1f"


@pytest.mark.parametrize(
    ("url", "kept"),
    [
        ("https://host", "https://host"),
        ("https://host:8443/", "https://host:8443"),
        ("http://127.0.0.1:1", "http://127.0.0.1:1"),
        ("http://127.255.0.1", "http://127.255.0.1"),
        ("http://[::1]:1/", "http://[::1]:1"),
        ("http://localhost:65535", "http://localhost:65535"),
    ],
)
def test_a_base_url_is_https_or_loopback(url: str, kept: str) -> None:
    """It is kept without its trailing slash."""
    assert check_base_url("host", url) == kept


@pytest.mark.parametrize(
    "url",
    [
        "",
        "host",
        "//host",
        "https://",
        "ftp://host",
        "http://host",
        "http://128.0.0.1",
        "http://localhost.example",
        "http://127.0.0.1.example",
        "http://0.0.0.0",
        "http://[::2]",
        "http://[::1",
        "https://host:65536",
        "https://host:x",
        f"https://{CANARY}@host",
        f"https://u:{CANARY}@host",
        f"https://host?{CANARY}",
        f"https://host#{CANARY}",
        None,
        5,
    ],
)
def test_any_other_base_url_is_refused(url: Any) -> None:
    """Plain HTTP would show secrets to the network; a password in a URL would be logged, and is not quoted."""
    with pytest.raises(FieldError) as caught:
        check_base_url("host", url)

    assert caught.value.field == "host"
    assert CANARY not in str(caught.value)


def test_loopback_is_recognized_without_a_look_up() -> None:
    """Only its text counts, so no resolver can give a wrong result."""
    assert [is_loopback(host) for host in ("localhost", "127.0.0.1", "::1")] == [True] * 3
    assert [is_loopback(host) for host in ("LOCALHOST.", "126.255.255.255", "128.0.0.1", "::2", "", "x")] == [False] * 6


class Least(Vendor):
    """A vendor with nothing but what is required."""

    brand = "least"
    contract = "0.2"

    def push(self, batch: list[Push]) -> Exchange[list[Outcome]]:  # type: ignore[override]
        yield Request("POST", "https://host")
        return []


def test_the_defaults_of_a_minimal_vendor() -> None:
    """Single pushes, no login, no broadcast, no repeats without a verdict, one host."""
    vendor = Least()

    assert vendor.batching == Batching(size=1, mixed=False, max_bytes=None)
    assert (vendor.deduplicates, vendor.audiences, vendor.login("", 0.0)) == (False, frozenset(), None)
    assert (vendor.region("x"), vendor.home_region) == ("", "")
    broadcast = Broadcast(1, Notification("t", "b"), Audience.everyone())
    assert vendor.save(broadcast) is None
    with pytest.raises(NotImplementedError, match="Least"):
        vendor.broadcast(broadcast, "")


@pytest.mark.parametrize(("size", "max_bytes"), [(1, None), (1, 1), (10**9, 10**9)])
def test_the_smallest_batch_size_is_one(size: int, max_bytes: int | None) -> None:
    """One is enough, and there is no upper limit here, because that is the vendor's."""
    batching = Batching(size, max_bytes=max_bytes)

    assert (batching.size, batching.max_bytes) == (size, max_bytes)


@pytest.mark.parametrize(
    ("field", "wrong"),
    [(field, wrong) for field in ("size", "max_bytes") for wrong in (0, -1, True, 1.0, "1")] + [("size", None)],
)
def test_a_batch_of_nothing_is_refused(field: str, wrong: Any) -> None:
    """No push would ever be sent, and the process would loop for ever."""
    with pytest.raises(FieldError) as caught:
        Batching(**{field: wrong})

    assert caught.value.field == f"Batching.{field}"


@pytest.fixture
def example(tmp_path: Path) -> type[Vendor]:
    """The plug-in in the contract's docstring, exactly as it stands there."""
    (block,) = re.findall(r"^    @attrs\.frozen\n(?:(?:    .*)?\n)+", contract.__doc__ or "", re.MULTILINE)
    path = tmp_path / "example.py"
    head = "import json\nimport attrs\nfrom pushgateway.vendor import *\n\n"
    path.write_text(head + textwrap.dedent(block), "utf-8")
    spec = importlib.util.spec_from_file_location("example", path)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    acme: type[Vendor] = module.Acme
    return acme


def talk(vendor: Vendor, body: bytes) -> tuple[Request, Sequence[Outcome]]:
    """One push with `body` as the reply: the requests, and the outcomes."""
    exchange = vendor.push([Push(PushToken(1, "t"), Notification("a title", "b"))])
    request = next(exchange)
    with pytest.raises(StopIteration) as ended:
        exchange.send(Response(200, {}, body))
    return request, ended.value.value


def test_the_example_plugin_works(example: type[Vendor]) -> None:
    """A copy of it is a working plug-in: settings become its fields, a push a request, a reply an outcome."""
    vendor = load_vendors([Certificate(1, "acme", {"secret": "s"})], Plugins({"acme": example}))["1"]
    assert isinstance(vendor, Vendor)
    request, (outcome,) = talk(vendor, b'{"code": 0, "id": "m1"}')

    assert json.loads(request.content) == {"to": ["t"], "title": "a title"}
    assert (outcome.status, outcome.message_id) == (Status.ACCEPTED, "m1")


@pytest.mark.parametrize("code", ["1", "-1", "10000"])
def test_the_example_plugin_reports_a_refusal(example: type[Vendor], code: str) -> None:
    """`read_reply` returns a refusal like a success; without a check it would be reported as accepted."""
    vendor = example(secret=Secret("s"))  # type: ignore[call-arg]

    with pytest.raises(Refused) as caught:
        talk(vendor, f'{{"code": {code}, "message": "no"}}'.encode())

    assert (caught.value.code, caught.value.message) == (code, "no")


def test_a_vendor_without_push_cannot_be_made() -> None:
    """`push` is the one method that every vendor has."""
    with pytest.raises(TypeError, match="abstract"):
        Vendor()  # type: ignore[abstract]


def test_an_access_token_is_added_to_a_copy_of_the_request() -> None:
    """`finish` returns a new request with the other headers; the old one is unchanged."""
    request = Request("POST", "https://host/a", {"x": "1"}, b"body")

    asked = Least().finish(request, AccessToken("abc", 5.0), 0.0)

    assert asked == Request("POST", "https://host/a", {"x": "1", "authorization": "Bearer abc"}, b"body")
    assert request.headers == {"x": "1"}


@given(st.text(), st.text())
def test_more_text_is_never_counted_as_smaller(title: str, more: str) -> None:
    """The default size grows with the text."""
    light, heavy = (Notification(text, text) for text in (title, title + more))

    assert Least().weigh(light) <= Least().weigh(heavy)


TEXTS = st.text(st.characters(exclude_categories=["Cs"]) | st.sampled_from('"\\\x00\n<&中😀é '), max_size=60)
VALUES = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-(10**20), 10**20)
    | st.floats(allow_nan=False, allow_infinity=False)
    | TEXTS,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(TEXTS, inner, max_size=4),
    max_leaves=8,
)
OBJECTS = st.dictionaries(TEXTS, VALUES, max_size=5)


@given(st.lists(TEXTS, min_size=8, max_size=8), OBJECTS, OBJECTS, OBJECTS, st.booleans(), st.booleans())
def test_the_default_size_is_an_upper_bound(
    texts: list[str],
    data: dict[str, Any],
    parameters: dict[str, Any],
    fields: dict[str, Any],
    raw: bool,
    whole: bool,
) -> None:
    """A request that is limited by `max_bytes` must stay below the vendor's limit: the default counts everything that a
    vendor can write of a notification, not only title and body. Data may be JSON in a field of JSON, or in a form, in
    any of the usual encodings: ASCII or UTF-8, each reserved character escaped or each byte."""
    title, body, subtitle, url, channel, zone, receipt_url, parameter = texts
    note = Notification(
        f"t{title}",
        f"b{body}",
        subtitle=subtitle,
        click=OpenUrl(url),
        data=data,
        parameters=parameters,
        overrides={"least": fields},
        channel_id=channel,
        time_zone=zone,
        receipt_url=receipt_url,
        receipt_parameter=parameter,
        ttl=10**9,
    )

    def encoded(value: Any) -> str:
        return json.dumps(value, ensure_ascii=not raw)

    encoded_note = encoded(
        {
            **{f"text_{place}": text for place, text in enumerate(texts)},
            "data": encoded(data),
            "parameters": encoded(parameters),
            **{f"own_{place}": encoded([name, value]) for place, (name, value) in enumerate(fields.items())},
            "time_to_live": note.ttl,
        }
    )
    form = "".join(f"%{byte:02x}" for byte in encoded_note.encode()) if whole else quote_plus(encoded_note)

    assert len(form) <= Least().weigh(note)


DEEP: Any = functools.reduce(lambda inner, _: [inner], range(60), "x")


@pytest.mark.parametrize("odd", [MappingProxyType({"a": [1]}), "\ud800", 10**18, DEEP])
def test_the_default_size_exists_for_every_notification(odd: Any) -> None:
    """The core calls `weigh` before a plug-in has checked the notification, so it must work for any content."""
    note = Notification("title", "body", overrides={"least": {"own": odd}})

    assert Least().weigh(note) > Least().weigh(Notification("title", "body"))


def test_a_vendors_day_begins_at_midnight_in_china_by_default() -> None:
    """A daily quota ends at midnight in China: with a wrong hour pushes would wait too long, or be refused by the
    vendor."""
    assert Least().day_offset == 8 * 60 * 60
