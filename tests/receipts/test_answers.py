"""The answer to posted receipts: the vendor's own, from the app and for hosts with another web server; and the address
that a vendor's console asks for."""

import json
from collections.abc import Mapping, Sequence
from typing import Any

import attrs
import pytest
from asgi_client import Post
from operations_vendor import OperationsServer, OperationsVendor, parameter_of, posted, receipt_certificate
from receipt_vendors import KEY, RequestServer, Signing, receipts_certificate, signed
from toy_vendor import certificate, gateway

from pushgateway import FieldError, Receipt
from pushgateway.engine.session.plugin_guard import LONGEST_ANSWER
from pushgateway.receipts import Busy, Receipts
from pushgateway.sync import Gateway as SyncGateway
from pushgateway.testing.virtual_time import run_virtual
from pushgateway.vendor import Response, Vendor

SIGNER = receipt_certificate().signer
assert SIGNER is not None
HERE = SIGNER.url.removeprefix("https://im.example.com/push")
SUCCESS = b'{"code":"0","message":"success"}'
NOW = 1_790_000_000.0


class Wanting(OperationsVendor):
    """Wants a JSON body, and says "later" in one too."""

    def receipt_answer(self, taken: bool) -> Response:
        headers = {"Content-Type": "application/json", "Content-Length": "7"}
        return Response(200, headers, SUCCESS) if taken else Response(500, headers, b'{"code":"1"}')


async def keep(receipts: Sequence[Receipt]) -> None:
    """A host that stores everything."""


async def refuse(receipts: Sequence[Receipt]) -> None:
    """A host that stores nothing now."""
    raise Busy(retry_after=7)


def arrived() -> bytes:
    return posted(("a", "arrived", parameter_of("a")))


def answered(post: Post, handler: Any = keep, vendor: type[Vendor] = Wanting, **options: Any) -> Post:
    async def main() -> Post:
        used = receipt_certificate()
        async with gateway(OperationsServer(), used, vendors={"toy": vendor}) as g:
            return await post.to(Receipts(g, handler, **options))

    return run_virtual(main())


def test_the_vendor_gets_its_own_answer() -> None:
    """Status, body and headers are the plug-in's; the length is that of the body."""
    post = answered(Post(HERE, [arrived()]))

    assert (post.status, post.content) == (200, SUCCESS)
    assert post.answer == {"content-type": "application/json", "content-length": str(len(SUCCESS))}


def test_what_the_host_could_not_keep_has_the_vendors_answer_for_that() -> None:
    """With the pause that the handler asks for, unless the plug-in says another one."""
    post = answered(Post(HERE, [arrived()]), refuse)

    assert (post.status, post.content, post.answer["retry-after"]) == (500, b'{"code":"1"}', "7")


def test_a_busy_app_gives_the_vendors_answer_too() -> None:
    """Also where it has not read the body."""
    import asyncio

    async def main() -> list[int]:
        async with gateway(OperationsServer(), receipt_certificate(), vendors={"toy": Wanting}) as g:
            app = Receipts(g, keep, concurrency=1)
            posts = [Post(HERE, [1.0, arrived()]) for _ in range(2)]
            await asyncio.gather(*(post.to(app) for post in posts))
            return [post.status for post in posts]

    assert run_virtual(main()) == [200, 500]


def test_a_wrong_address_does_not_get_the_vendors_answer() -> None:
    """It would show which vendor the certificate is of."""
    post = answered(Post(f"/1/{'x' * 24}", [arrived()]))

    assert (post.status, post.content) == (404, b"")


class Broken(OperationsVendor):
    """Fails at its answer, in the way that a test says."""

    given: Any = None

    def receipt_answer(self, taken: bool) -> Response:
        if isinstance(self.given, BaseException):
            raise self.given
        answer: Response = self.given
        return answer


@pytest.mark.parametrize(
    "given",
    [
        None,
        (200, {}, b""),
        KeyError("secret text"),
        SystemExit(1),
        Response("200"),  # type: ignore[arg-type]
        Response(True),
        Response(100),
        Response(600),
        Response(200, {}, "text"),  # type: ignore[arg-type]
        Response(200, {}, b"x" * (LONGEST_ANSWER + 1)),
        Response(200, {"a": 1}),  # type: ignore[dict-item]
        Response(200, {"a b": "c"}),
        Response(200, {"": "c"}),
        Response(200, {"location": "x\r\nset-cookie: y"}),
        Response(200, {"x-mark": "\u2028"}),
        Response(200, None),  # type: ignore[arg-type]
    ],
    ids=repr,
)
@pytest.mark.parametrize("handler", [keep, refuse])
def test_a_plugin_with_a_wrong_answer_costs_no_receipt(
    given: Any, handler: Any, caplog: pytest.LogCaptureFixture
) -> None:
    """The vendor gets a plain 200 or 503, and the plug-in is named in the log without its text."""

    class Faulty(Broken):
        pass

    Faulty.given = given
    post = answered(Post(HERE, [arrived()]), handler, Faulty)

    assert (post.status, post.content) == (200 if handler is keep else 503, b"")
    assert "the toy plug-in broke its contract" in caplog.text
    assert "secret text" not in caplog.text


def test_the_longest_answer_is_sent() -> None:
    """As long as the limit is not too long."""

    class Faulty(Broken):
        given = Response(202, {"X-Mark": "v 1"}, b"x" * LONGEST_ANSWER)

    post = answered(Post(HERE, [arrived()]), keep, Faulty)

    assert (post.status, len(post.content), post.answer["x-mark"]) == (202, LONGEST_ANSWER, "v 1")


@pytest.mark.parametrize(("key", "status"), [(KEY, 200), ("another key", 503)])
def test_a_wrong_signature_is_to_be_posted_again(key: str, status: int) -> None:
    """Perhaps the host has the wrong key: once that is corrected, nothing is lost. The console's test call fails as
    long as it is wrong."""
    body = json.dumps([["a", "arrived", "", "m", "", NOW]]).encode()
    headers = [(name.lower().encode(), value.encode()) for name, value in signed(body, NOW, key).items()]
    calls: list[int] = []

    async def count(receipts: Sequence[Receipt]) -> None:
        calls.append(len(receipts))

    async def main() -> Post:
        used = receipts_certificate(receipts_key=KEY)
        async with gateway(RequestServer(), used, vendors={"toy": Signing}, clock=lambda: NOW) as g:
            assert g.receipt_address(1).endswith(HERE)
            return await Post(HERE, [body], headers=headers).to(Receipts(g, count))

    assert (run_virtual(main()).status, calls) == (status, [1] if status == 200 else [])


def test_hosts_with_another_web_server_get_the_same_answer() -> None:
    """`receipt_answer` of both gateways, also after they are closed; and what must be posted again says so."""

    async def main() -> list[Any]:
        g = gateway(OperationsServer(), receipt_certificate(), vendors={"toy": Wanting})
        read = g.receipts(1, {}, arrived())
        rubbish = g.receipts(1, {}, b"rubbish")
        answers: list[Any] = [g.receipt_answer("1", taken=taken) for taken in (True, False)]
        missing = g.receipt_answer(2, taken=True)
        await g.aclose()
        closed = g.receipts(1, {}, arrived())
        return [*answers, missing, [read.should_repeat, rubbish.should_repeat, closed.should_repeat]]

    taken, later, missing, repeats = run_virtual(main())
    with SyncGateway([receipt_certificate()], transport=OperationsServer(), vendors={"toy": Wanting}) as blocking:
        same = [blocking.receipt_answer(1, taken=True), blocking.receipt_answer(1, taken=False)]
        address = blocking.receipt_address(1)

    assert taken == Response(200, {"content-type": "application/json"}, SUCCESS)
    assert [taken, later] == same
    assert (missing, later.status, repeats) == (Response(200), 500, [False, False, True])
    assert blocking.receipt_answer(1, taken=False) == Response(503)
    assert address == SIGNER.url


def test_the_address_is_what_the_vendors_console_wants() -> None:
    """It is the one that the app accepts, made with the first secret; a certificate without one is a mistake of the
    host, which is named."""
    twice = receipt_certificate(secret=["another secret of many characters", "a secret of thirty-two characters"])

    async def main() -> list[str]:
        async with gateway(OperationsServer(), twice, certificate(2), vendors={"toy": Wanting}) as g:
            with pytest.raises(FieldError, match="certificate_id: has no receipt_url and receipt_secret"):
                g.receipt_address(2)
            with pytest.raises(FieldError, match="certificate_id: is no certificate of this gateway"):
                g.receipt_address(3)
            address = g.receipt_address(1)
            posts = [await Post(url, [b"[]"]).to(Receipts(g, keep)) for url in (address, HERE)]
            return [address, *(str(post.status) for post in posts)]

    address, *statuses = run_virtual(main())

    assert (address.rpartition("/")[0], statuses) == ("https://im.example.com/push/1", ["200", "200"])
    assert address != SIGNER.url


def test_the_plugin_may_say_when_to_post_again() -> None:
    """Its `Retry-After` goes before that of the host."""

    class Patient(OperationsVendor):
        def receipt_answer(self, taken: bool) -> Response:
            headers: Mapping[str, str] = {"Retry-After": "600"}
            return attrs.evolve(super().receipt_answer(taken), headers=headers)

    assert answered(Post(HERE, [arrived()]), refuse, Patient).answer["retry-after"] == "600"
