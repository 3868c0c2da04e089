"""The receipts app: a client without the secret address learns nothing, one with it gets a reply soon, and no receipt
is lost."""

import asyncio
import json
import logging
import tracemalloc
from collections.abc import Awaitable, Callable, Sequence
from typing import Any

import pytest
from asgi_client import Post
from operations_vendor import OperationsServer, operations_gateway, parameter_of, posted, receipt_certificate
from toy_vendor import certificate

from pushgateway import FieldError, Gateway, Receipt
from pushgateway.receipts import Busy, Receipts
from pushgateway.testing.virtual_time import run_virtual

SIGNER = receipt_certificate().signer
assert SIGNER is not None
HERE = SIGNER.url.removeprefix("https://im.example.com/push")
MEGABYTE = 1024 * 1024


def arrived(*tokens: str) -> bytes:
    return posted(*[(token, "arrived", parameter_of(token)) for token in tokens])


class Store:
    """A host's handler: stores what it gets after `takes` seconds, unless it has an exception to raise."""

    def __init__(self, takes: float = 0.0, *troubles: BaseException) -> None:
        self.takes = takes
        self.troubles = list(troubles)
        self.kept: list[list[str]] = []
        self.calls = 0

    async def __call__(self, receipts: Sequence[Receipt]) -> None:
        self.calls += 1
        await asyncio.sleep(self.takes)
        if self.troubles:
            raise self.troubles.pop(0)
        self.kept.append([receipt.push_token.token for receipt in receipts])


def served(
    store: Callable[[Sequence[Receipt]], Awaitable[None]], *posts: Post, certificates: Any = (), **options: Any
) -> list[int]:
    """The statuses of the replies to these requests, made one after the other."""

    async def main() -> list[int]:
        async with operations_gateway(OperationsServer(), *certificates or [receipt_certificate()]) as g:
            app = Receipts(g, store, **options)
            statuses = [(await post.to(app)).status for post in posts]
            assert not any(post.content for post in posts)
            return statuses

    return run_virtual(main())


def test_a_post_of_the_vendor_reaches_the_handler_once() -> None:
    """All new receipts of a request are handed over together; a repeat gets 200 and is not handed over."""
    store = Store()

    statuses = served(store, Post(HERE, [arrived("a", "b")]), Post(HERE, [arrived("a", "b")]))

    assert statuses == [200, 200]
    assert store.kept == [["a", "b"]]


@pytest.mark.parametrize(
    ("path", "root_path"),
    [(f"/push{HERE}", "/push"), (HERE, "/push"), (f"/api/v1/push{HERE}", ""), (f"/proxy/push{HERE}", "/push")],
    ids=["Starlette today", "before", "a plain prefix", "behind a proxy"],
)
def test_the_app_may_be_mounted_anywhere(path: str, root_path: str) -> None:
    """The last two parts of the path are the address, whatever root path a server uses."""
    store = Store()

    assert served(store, Post(path, [arrived("a")], root_path=root_path)) == [200]
    assert store.kept == [["a"]]


def test_the_gateway_may_be_made_after_the_app(caplog: pytest.LogCaptureFixture) -> None:
    """A function returns it for each request. Before there is a gateway (an attribute that is not set, None, something
    else) the vendor gets 503 without anything being read, and one line a minute says why."""
    store = Store()
    state: dict[str, Any] = {}

    async def main() -> list[Post]:
        app = Receipts(lambda: state["gateway"], store)
        early = [await Post(HERE, [arrived("a")]).to(app)]
        for nothing in (None, "no gateway"):
            state["gateway"] = nothing
            early.append(await Post(HERE, [arrived("a")]).to(app))
        async with operations_gateway(OperationsServer(), receipt_certificate()) as state["gateway"]:
            return [*early, await Post(HERE, [arrived("a")]).to(app), await Post(f"{HERE}x").to(app)]

    posts = run_virtual(main())

    assert [post.status for post in posts] == [503, 503, 503, 200, 404]
    assert [post.taken for post in posts] == [0, 0, 0, 1, 0]
    assert store.kept == [["a"]]
    assert [record.getMessage()[:57] for record in caplog.records] == [
        "receipts are answered with 503: there is no gateway (KeyE"
    ]


@pytest.mark.parametrize(
    ("path", "shown"),
    [
        ("/push/1/{}", "/push/1/hidden"),
        ("/push/1/{}/", "/push/1/hidden/"),
        ("/push/{}/1", "/push/hidden/hidden"),
        ("/push/1/guess", "/push/1/hidden"),
        ("/{}", "/hidden"),
        ("", ""),
        ("/", "/"),
    ],
)
@pytest.mark.parametrize("method", ["POST", "GET"])
def test_the_secret_part_is_removed_from_the_scope(method: str, path: str, shown: str) -> None:
    """Servers, middleware and error reports log the path: it holds no secret, right or wrong, even if a proxy has
    changed it."""
    given = path.format(HERE.rsplit("/", 1)[1])
    scope = {"type": "http", "method": method, "path": given, "raw_path": given.encode(), "headers": []}

    async def main() -> None:
        async with operations_gateway(OperationsServer(), receipt_certificate()) as g:
            post = Post(given, [b"[]"])
            await Receipts(g, Store())(scope, post._receive, post._send)

    run_virtual(main())

    assert (scope["path"], scope["raw_path"]) == (shown, shown.encode())


def test_a_proxy_may_move_the_secret_part_into_a_header() -> None:
    """Then it is in no path at all; a wrong secret, and one in both places, is no valid address."""
    secret = HERE.rsplit("/", 1)[1]
    store = Store()

    def header(value: str) -> list[tuple[bytes, bytes]]:
        return [(b"X-Receipt-Secret", value.encode())]

    statuses = served(
        store,
        Post("/push/1", [arrived("a")], headers=header(secret)),
        Post("/push/1", [arrived("b")], headers=header(secret[:-1])),
        Post("/push/2", [arrived("c")], headers=header(secret)),
        Post("/push/1", [arrived("d")], headers=header("")),
        Post(f"/push{HERE}", [arrived("e")], headers=header(secret)),
    )

    assert statuses == [200, 404, 404, 404, 404]
    assert store.kept == [["a"]]


def test_a_wrong_address_learns_nothing() -> None:
    """A wrong secret, an unknown certificate, one without receipts and an empty path get the same reply, and no byte of
    the body is read."""
    secret = HERE.rsplit("/", 1)[1]
    paths = [
        f"/1/{secret[:-1]}x",
        "/1/",
        f"/9/{secret}",
        f"/2/{secret}",
        "",
        "/",
        "/1",
        f"{HERE}/",
        "//",
        f"//{secret}",
    ]
    posts = [Post(path, [arrived("a")]) for path in paths]
    store = Store()

    statuses = served(store, *posts, certificates=[receipt_certificate(), certificate(2)])

    assert statuses == [404] * len(paths)
    assert {tuple(post.answer.items()) for post in posts} == {(("connection", "close"), ("content-length", "0"))}
    assert {post.taken for post in posts} == {0}
    assert store.calls == 0


def test_only_post_is_accepted() -> None:
    """Other methods get the same reply with a right path and a wrong one."""
    posts = [Post(path, method=method) for path in (HERE, "/nowhere") for method in ("GET", "PUT", "HEAD")]

    assert served(Store(), *posts) == [405] * 6
    assert {post.answer["allow"] for post in posts} == {"POST"}


def test_a_body_is_read_up_to_its_limit() -> None:
    """A megabyte is read, one byte more gives 413; with or without a declared length no more is read, and memory does
    not grow."""
    blank = b" " * (MEGABYTE - len(arrived("a")))
    whole = Post(HERE, [arrived("a") + blank])
    more = Post(HERE, [arrived("a") + blank, b" ", b"never read"])
    declared = Post(HERE, [b"never read"], headers=[(b"Content-Length", b"%d" % (MEGABYTE + 1))])
    endless = Post(HERE, [b" " * 65536] * 160, headers=[(b"transfer-encoding", b"chunked")])
    absurd = Post(HERE, headers=[(b"content-length", b"9" * 5000)])

    tracemalloc.start()
    statuses = served(Store(), whole, more, declared, endless, absurd)
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()

    assert statuses == [200, 413, 413, 413, 413]
    assert (more.taken, declared.taken, endless.taken) == (2, 0, 17)
    assert peak < 5 * MEGABYTE


def test_deep_bodies_get_200_and_a_log_line(caplog: pytest.LogCaptureFixture) -> None:
    """A body that cannot be read gets 200, because posting it again would change nothing; the log says so."""
    bodies = [b"[" * 100_000, b"not json", b"", b"\xff\xfe", b"{}"]

    statuses = served(Store(), *[Post(HERE, [body]) for body in bodies])

    assert statuses == [200] * 5
    assert "1 that cannot be read came in: the request is nested too deeply" in caplog.text


def test_a_slow_body_ends_with_408() -> None:
    """A body that comes byte by byte gets 408 when its time is over, and its place is free again."""
    drip = Post(HERE, [b"[", 4.0, b" ", 4.0, b" ", 4.0, b"]"])

    statuses = served(Store(), drip, Post(HERE, [arrived("a")]), concurrency=1, body_timeout=10.0)

    assert statuses == [408, 200]


def test_a_client_that_disconnects_gets_no_reply() -> None:
    """Its partial body is discarded."""
    store = Store()
    left = Post(HERE, [arrived("a")[:9], None])

    assert served(store, left, Post(HERE, [arrived("a")]), concurrency=1) == [0, 200]
    assert store.kept == [["a"]]


def test_a_request_above_the_limit_gets_503() -> None:
    """With a limit of two at once the third gets 503 with a pause, and is accepted when it is posted again."""
    store = Store(5.0)

    async def main() -> list[int]:
        async with operations_gateway(OperationsServer(), receipt_certificate()) as g:
            app = Receipts(g, store, concurrency=2, retry_after=7.0)
            first = [asyncio.ensure_future(Post(HERE, [arrived(token)]).to(app)) for token in "ab"]
            await asyncio.sleep(1)
            third = await Post(HERE, [arrived("c")]).to(app)
            assert third.answer["retry-after"] == "7"
            await asyncio.gather(*first)
            return [third.status, (await Post(HERE, [arrived("c")]).to(app)).status]

    assert run_virtual(main()) == [503, 200]
    assert sorted(store.kept) == [["a"], ["b"], ["c"]]


@pytest.mark.parametrize(
    ("trouble", "pause"),
    [(Busy(), "30"), (Busy(0.2), "1"), (Busy(90), "90"), (KeyError("secret"), "5"), (TimeoutError("secret"), "5")],
    ids=["busy", "busy for a moment", "busy for long", "failed", "its own timeout"],
)
def test_receipts_that_the_host_could_not_store_are_new_again(
    trouble: BaseException, pause: str, caplog: pytest.LogCaptureFixture
) -> None:
    """503, then 200, and the handler gets the receipt once more; the text of its exception is not logged."""
    store = Store(0.0, trouble)
    posts = [Post(HERE, [arrived("a")]) for _ in range(3)]

    statuses = served(store, *posts, retry_after=5.0)

    assert statuses == [503, 200, 200]
    assert (posts[0].answer["retry-after"], store.kept) == (pause, [["a"]])
    assert "secret" not in caplog.text
    assert ("the handler of receipts failed" in caplog.text) is not isinstance(trouble, Busy)


@pytest.mark.parametrize("fails", [True, False])
def test_a_repeat_during_the_handler_gets_the_same_status(fails: bool) -> None:
    """The vendor does not wait and posts again: if the host then fails, neither request gets 200."""
    store = Store(5.0, *[Busy()] * fails)

    async def main() -> list[int]:
        async with operations_gateway(OperationsServer(), receipt_certificate()) as g:
            app = Receipts(g, store)
            first = asyncio.ensure_future(Post(HERE, [arrived("a")]).to(app))
            await asyncio.sleep(1)
            second = asyncio.ensure_future(Post(HERE, [arrived("a", "b")]).to(app))
            both = await asyncio.gather(first, second)
            assert app._being_taken == {}
            return [*(post.status for post in both), (await Post(HERE, [arrived("a", "b")]).to(app)).status]

    assert run_virtual(main()) == ([503, 503, 200] if fails else [200, 200, 200])
    assert sorted(token for kept in store.kept for token in kept) == ["a", "b"]


def test_a_failing_handler_is_one_log_line_a_minute(caplog: pytest.LogCaptureFixture) -> None:
    """The line has the number of failures since the last one."""

    async def main() -> None:
        async with operations_gateway(OperationsServer(), receipt_certificate()) as g:
            app = Receipts(g, Store(0.0, *[OSError("secret") for _ in range(99)]))
            for _ in range(90):
                assert (await Post(HERE, [arrived("a")]).to(app)).status == 503
                await asyncio.sleep(1)

    run_virtual(main())

    first, second = (record.getMessage() for record in caplog.records)
    assert first.startswith("certificate 1: the handler of receipts failed: OSError in ")
    assert second == f"{first}, 60 times since the last line"


def test_a_handler_has_a_time_limit() -> None:
    """A slow handler is cancelled, and gets the receipt when the vendor posts it again."""
    store = Store(20.0)

    async def main() -> list[int]:
        async with operations_gateway(OperationsServer(), receipt_certificate()) as g:
            app = Receipts(g, store, handler_timeout=10.0)
            first = (await Post(HERE, [arrived("a")]).to(app)).status
            store.takes = 1.0
            return [first, (await Post(HERE, [arrived("a")]).to(app)).status]

    assert run_virtual(main()) == [503, 200]
    assert store.kept == [["a"]]


def test_a_stopping_server_loses_no_receipt() -> None:
    """The request is cancelled while it is in the handler: its receipts are new again."""
    store = Store(20.0)

    async def main() -> int:
        async with operations_gateway(OperationsServer(), receipt_certificate()) as g:
            task = asyncio.ensure_future(Post(HERE, [arrived("a")]).to(Receipts(g, store)))
            await asyncio.sleep(1)
            task.cancel()
            with pytest.raises(asyncio.CancelledError):
                await task
            return len(g.receipts(1, {}, arrived("a")).receipts)

    assert run_virtual(main()) == 1


def test_with_a_closed_gateway_the_reply_is_503() -> None:
    """Another process may accept the receipt later."""

    async def main() -> int:
        g = operations_gateway(OperationsServer(), receipt_certificate())
        app = Receipts(g, Store())
        await g.aclose()
        return (await Post(HERE, [arrived("a")]).to(app)).status

    assert run_virtual(main()) == 503


def test_nothing_of_a_request_is_logged(caplog: pytest.LogCaptureFixture) -> None:
    """No address, token or parameter is logged, at any level."""
    caplog.set_level(logging.DEBUG)
    secret, parameter = HERE.rsplit("/", 1)[1], parameter_of("cAnArY")

    served(
        Store(0.0, ValueError("cAnArY")),
        Post(HERE, [posted(("cAnArY", "arrived", parameter), ("cAnArY", "arrived", "f0rged"))]),
        Post(f"{HERE}x", [b"cAnArY"]),
        Post(HERE, [b"cAnArY"]),
    )

    assert caplog.records
    assert not any(word in caplog.text for word in ("cAnArY", "f0rged", secret, parameter))


def test_the_app_runs_without_a_framework_and_refuses_websockets() -> None:
    """A server may start and stop it directly; a websocket is closed."""
    sent: list[Any] = []
    events = iter([{"type": "lifespan.startup"}, {"type": "lifespan.shutdown"}])

    async def receive() -> Any:
        return next(events)

    async def send(message: Any) -> None:
        sent.append(message)

    async def main(g: Gateway | None = None) -> None:
        async with operations_gateway(OperationsServer(), receipt_certificate()) as g:
            app = Receipts(g, Store())
            await app({"type": "lifespan"}, receive, send)
            await app({"type": "websocket"}, receive, send)

    run_virtual(main())

    types = [message["type"] for message in sent]
    assert types == ["lifespan.startup.complete", "lifespan.shutdown.complete", "websocket.close"]


@pytest.mark.parametrize(
    "wrong",
    [{"handler": None}, {"concurrency": 0}, {"body_timeout": 0}, {"handler_timeout": None}, {"retry_after": "30"}],
    ids=lambda wrong: next(iter(wrong)),
)
def test_wrong_options_are_named(wrong: dict[str, Any]) -> None:
    """The error is raised when the app is made, with the name of the option."""

    async def main() -> None:
        async with operations_gateway(OperationsServer(), receipt_certificate()) as g:
            with pytest.raises(FieldError, match=f"Receipts.{next(iter(wrong))}: must be"):
                Receipts(g, **{"handler": Store(), **wrong})

    run_virtual(main())


def test_a_hundred_receipts_at_once_are_each_handed_over_once() -> None:
    """Each is posted twice, all together, in any order: every receipt reaches the host once."""
    store = Store(0.5)

    async def main() -> set[int]:
        async with operations_gateway(OperationsServer(), receipt_certificate()) as g:
            app = Receipts(g, store, concurrency=1000)
            bodies = [arrived(f"t{number}") for number in range(100)] * 2
            return {post.status for post in await asyncio.gather(*(Post(HERE, [body]).to(app) for body in bodies))}

    for seed in (None, 1, 2):
        store.kept.clear()
        assert run_virtual(main(), seed=seed) == {200}
        assert sorted(json.dumps(kept) for kept in store.kept) == sorted(f'["t{number}"]' for number in range(100))
