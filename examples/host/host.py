"""A small IM server with offline push: Starlette, SQLite, several workers, and OPPO's sandbox instead of OPPO.

    pip install ".[all]" ./plugins/*                                # once, in the checkout
    pushgateway sandbox oppo --dialect current --port 8700          # in one terminal
    python examples/host/host.py --workers 2 --port 8000            # in another

    POST   /login      {"user": "ann"}                              -> {"session": …}
    PUT    /token      {"certificate_id": 7005, "token": …}         the phone reports its push token, at each start
    POST   /logout                                                  this phone gets no further push
    POST   /kick       {"user": "ann"}                              all phones of this user are logged out
    POST   /messages   {"to": "ann", "text": …}                     -> {"message": id, "pushes": [...]}
    GET    /messages/<id>                                           outcomes and receipts of its pushes
    GET    /devices                                                 number of phones of this user
    POST   /push/…                                                  receipts of the vendor
    GET    /metrics                                                 Prometheus, of all workers

`/token`, `/logout` and `/devices` need the header `Authorization: Bearer <session>`. To try it, with a token that the
sandbox has printed:

    curl -X POST localhost:8000/login -d '{"user": "ann"}'
    curl -X PUT localhost:8000/token -H 'Authorization: Bearer <session>' -d '{"certificate_id": 7005, "token": "CN_…"}'
    curl -X POST localhost:8000/messages -d '{"to": "ann", "text": "See you at eight"}'

What to look at:

- **Ids are made before sending** (`Push.dedupe_id`), and the row is stored before the push is sent: a receipt may come
  before the outcome, and to another worker. Receipts are stored first and matched later.
- **A dead token is retired only if the binding is still the same**: the same token and the same time of binding
  (`Push.context` carries the time). The user may have logged in again on that phone while the push was being sent.
- **A receipt proves its push and its phone, not what it says.** A receipt "the token is dead" counts only if this
  server's own table agrees: the vendor accepted that push under that message id, and no receipt says that it arrived.
  All workers share the table, so it does not matter which of them sent the push.
- **The gateway is created in the lifespan**, once in each worker; `Receipts` gets it by a function.

Not shown: passwords, permissions, and who is online (here nobody is).
"""

import argparse
import asyncio
import os
import secrets
import socket
import sqlite3
import sys
import tempfile
import time
from collections.abc import AsyncIterator, Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any, TypeVar

import uvicorn
from prometheus_client import CollectorRegistry
from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Mount, Route

from pushgateway import FieldError, Gateway, Notification, Outcome, Push, PushToken, Reason, Receipt, load_config
from pushgateway.observe.prometheus import CONTENT_TYPE, PrometheusObserver, metrics_page
from pushgateway.receipts import Receipts

T = TypeVar("T")

SCHEMA = """
CREATE TABLE IF NOT EXISTS sessions (session TEXT PRIMARY KEY, user TEXT NOT NULL);
CREATE TABLE IF NOT EXISTS devices (
    certificate_id TEXT NOT NULL, token TEXT NOT NULL, session TEXT NOT NULL UNIQUE, user TEXT NOT NULL,
    bound_at INTEGER NOT NULL,                    -- nanoseconds; another one each time the phone reports its token
    PRIMARY KEY (certificate_id, token)           -- a phone belongs to the user who logged in last
);
CREATE INDEX IF NOT EXISTS devices_of_user ON devices (user);
CREATE TABLE IF NOT EXISTS pushes (
    id TEXT PRIMARY KEY,                          -- the push's dedupe id, made here before it is sent
    message TEXT NOT NULL, certificate_id TEXT NOT NULL, token TEXT NOT NULL, bound_at INTEGER NOT NULL,
    status TEXT, reason TEXT, vendor_id TEXT      -- NULL: no outcome yet, or the worker was killed before it came
);
CREATE INDEX IF NOT EXISTS pushes_of_message ON pushes (message);
CREATE TABLE IF NOT EXISTS receipts (
    push TEXT NOT NULL, kind TEXT NOT NULL, event TEXT NOT NULL, vendor_id TEXT, at REAL
);
CREATE INDEX IF NOT EXISTS receipts_of_push ON receipts (push);
"""


def create_database(path: str) -> None:
    """Create the database before any worker starts: SQLite answers "database is locked" at once, without waiting, when
    two connections change the journal mode of a new file at the same time."""
    db = sqlite3.connect(path, timeout=10, isolation_level=None)
    db.execute("PRAGMA journal_mode = WAL")
    db.executescript(SCHEMA)
    db.close()


class Store:
    """The database: in each worker one connection in its own thread; the event loop does not wait for it."""

    def __init__(self, path: str) -> None:
        self._thread = ThreadPoolExecutor(1, "store")
        self._db = self._thread.submit(self._open, path).result()

    @staticmethod
    def _open(path: str) -> sqlite3.Connection:
        db = sqlite3.connect(path, timeout=10, isolation_level=None)
        db.row_factory = sqlite3.Row
        return db

    async def run(self, work: Callable[[sqlite3.Connection], T]) -> T:
        """Do `work` in a transaction of its own."""
        return await asyncio.get_running_loop().run_in_executor(self._thread, self._transact, work)

    def _transact(self, work: Callable[[sqlite3.Connection], T]) -> T:
        self._db.execute("BEGIN IMMEDIATE")
        try:
            done = work(self._db)
        except BaseException:
            self._db.execute("ROLLBACK")
            raise
        self._db.execute("COMMIT")
        return done

    def close(self) -> None:
        """Close the connection. Call it after the last `run`."""
        self._thread.submit(self._db.close).result()
        self._thread.shutdown()


# Which phones get a push


def log_in(db: sqlite3.Connection, user: str) -> str:
    """Create a session for one phone."""
    session = secrets.token_urlsafe(16)
    db.execute("INSERT INTO sessions VALUES (?, ?)", (session, user))
    return session


def bind(db: sqlite3.Connection, session: str, push_token: PushToken) -> None:
    """Store the token of this session's phone. It no longer belongs to any other session."""
    (user,) = db.execute("SELECT user FROM sessions WHERE session = ?", (session,)).fetchone()
    address = (push_token.certificate_id, push_token.token)
    db.execute("DELETE FROM devices WHERE session = ? OR (certificate_id = ? AND token = ?)", (session, *address))
    db.execute("INSERT INTO devices VALUES (?, ?, ?, ?, ?)", (*address, session, user, time.time_ns()))


def log_out(db: sqlite3.Connection, session: str) -> None:
    """Remove the session and its phone's token: no further push is started for it."""
    db.execute("DELETE FROM devices WHERE session = ?", (session,))
    db.execute("DELETE FROM sessions WHERE session = ?", (session,))


def kick(db: sqlite3.Connection, user: str) -> None:
    """The same for all phones of a user."""
    db.execute("DELETE FROM devices WHERE user = ?", (user,))
    db.execute("DELETE FROM sessions WHERE user = ?", (user,))


def retire(db: sqlite3.Connection, push_token: PushToken, bound_at: int) -> None:
    """Remove a dead token. A binding that was made after the push is another one and is kept."""
    db.execute(
        "DELETE FROM devices WHERE certificate_id = ? AND token = ? AND bound_at = ?",
        (push_token.certificate_id, push_token.token, bound_at),
    )


# Outcomes and receipts


def address(db: sqlite3.Connection, message: str, user: str) -> list[tuple[str, PushToken, int]]:
    """Store a row for each phone of the user before sending: (id of the push, push token, time of binding)."""
    devices = db.execute("SELECT certificate_id, token, bound_at FROM devices WHERE user = ?", (user,)).fetchall()
    pushes = [(secrets.token_hex(16), message, *device) for device in devices]
    db.executemany("INSERT INTO pushes (id, message, certificate_id, token, bound_at) VALUES (?, ?, ?, ?, ?)", pushes)
    return [(name, PushToken(certificate_id, token), bound) for name, _, certificate_id, token, bound in pushes]


def keep_outcomes(db: sqlite3.Connection, outcomes: Sequence[Outcome]) -> None:
    """Store how each push ended, and retire tokens that are dead."""
    for outcome in outcomes:
        reason = outcome.reason.value if outcome.reason else None
        row = (outcome.status.value, reason, outcome.message_id, outcome.dedupe_id)
        db.execute("UPDATE pushes SET status = ?, reason = ?, vendor_id = ? WHERE id = ?", row)
        bound_at = outcome.context
        if outcome.reason is Reason.UNREGISTERED and isinstance(bound_at, int):
            retire(db, outcome.push_token, bound_at)
        settle(db, outcome.dedupe_id)


def keep_receipts(db: sqlite3.Connection, receipts: Sequence[Receipt]) -> None:
    """Store receipts in any case: the outcome of the push may come later, or to another worker."""
    for receipt in receipts:
        row = (receipt.dedupe_id, receipt.kind.value, receipt.event, receipt.message_id, receipt.at)
        db.execute("INSERT INTO receipts VALUES (?, ?, ?, ?, ?)", row)
        settle(db, receipt.dedupe_id)


def settle(db: sqlite3.Connection, name: str) -> None:
    """Retire the token of a push if a receipt says that it is dead and this server's own table agrees.

    Called after the outcome and after each receipt, because either may come last.
    """
    dead = db.execute(
        """SELECT pushes.certificate_id, token, bound_at FROM pushes
           JOIN receipts ON receipts.push = pushes.id AND receipts.vendor_id = pushes.vendor_id
           WHERE pushes.id = ? AND status = 'accepted' AND kind IN ('unregistered', 'suspect')
           AND NOT EXISTS (SELECT 1 FROM receipts WHERE push = pushes.id AND kind IN ('arrived', 'clicked'))""",
        (name,),
    ).fetchone()
    if dead is not None:
        retire(db, PushToken(dead["certificate_id"], dead["token"]), dead["bound_at"])


def pushes_of(db: sqlite3.Connection, message: str) -> list[dict[str, Any]]:
    """Each push of a message: how it ended, and the kinds of its receipts."""
    rows = db.execute(
        """SELECT status, reason, (SELECT group_concat(kind) FROM receipts WHERE push = id) AS receipts
           FROM pushes WHERE message = ?""",
        (message,),
    )
    return [dict(row) for row in rows]


# HTTP


def session_of(request: Request) -> str:
    """The session that a request names."""
    return request.headers.get("authorization", "").removeprefix("Bearer ")


async def given(request: Request, *names: str) -> list[str]:
    """These fields of the request's JSON object, as text. Raises 400 if one is missing."""
    body = await request.json()
    if not isinstance(body, dict) or not all(isinstance(body.get(name), str | int) for name in names):
        raise HTTPException(400, f"wanted: {', '.join(names)}")
    return [str(body[name]) for name in names]


async def login_view(request: Request) -> Response:
    """A user logs in on a phone."""
    (user,) = await given(request, "user")
    return JSONResponse({"session": await request.app.state.store.run(lambda db: log_in(db, user))})


async def token_view(request: Request) -> Response:
    """A phone reports its token: after each login and at each start of the app."""
    try:
        push_token = PushToken(*await given(request, "certificate_id", "token"))
    except FieldError as wrong:  # a damaged text; the message does not contain the token
        raise HTTPException(400, str(wrong)) from None
    session = session_of(request)

    def report(db: sqlite3.Connection) -> bool:
        if db.execute("SELECT 1 FROM sessions WHERE session = ?", (session,)).fetchone() is None:
            return False
        bind(db, session, push_token)
        return True

    return Response(status_code=204 if await request.app.state.store.run(report) else 401)


async def logout_view(request: Request) -> Response:
    """The user logs out on this phone."""
    await request.app.state.store.run(lambda db: log_out(db, session_of(request)))
    return Response(status_code=204)


async def kick_view(request: Request) -> Response:
    """An administrator logs a user out everywhere. The check of that right is left out."""
    (user,) = await given(request, "user")
    await request.app.state.store.run(lambda db: kick(db, user))
    return Response(status_code=204)


async def devices_view(request: Request) -> Response:
    """How many phones the user of a session has."""
    count = "SELECT count(*) FROM devices WHERE user = (SELECT user FROM sessions WHERE session = ?)"
    (devices,) = await request.app.state.store.run(
        lambda db: tuple(db.execute(count, (session_of(request),)).fetchone())
    )
    return JSONResponse({"devices": devices})


async def message_view(request: Request) -> Response:
    """A message for a user who is offline: a push to each of his phones."""
    to, text = await given(request, "to", "text")
    message = secrets.token_hex(8)
    store: Store = request.app.state.store
    gateway: Gateway = request.app.state.gateway
    note = Notification("New message", text or "…", intent="chat", data={"message": message})
    addressed = await store.run(lambda db: address(db, message, to))
    outcomes = await gateway.send_each(
        Push(push_token, note, dedupe_id=name, context=bound_at) for name, push_token, bound_at in addressed
    )
    await store.run(lambda db: keep_outcomes(db, outcomes))
    return JSONResponse({"message": message, "pushes": await store.run(lambda db: pushes_of(db, message))})


async def status_view(request: Request) -> Response:
    """What is known of a message so far."""
    message = request.path_params["message"]
    return JSONResponse({"pushes": await request.app.state.store.run(lambda db: pushes_of(db, message))})


async def health_view(_: Request) -> Response:
    """Process id of this worker."""
    return JSONResponse({"process": os.getpid()})


async def metrics_view(_: Request) -> Response:
    """The metrics of all workers, from any of them."""
    return Response(await asyncio.to_thread(metrics_page), media_type=CONTENT_TYPE)


def create_app() -> Starlette:
    """The app of one worker."""
    observer = PrometheusObserver(CollectorRegistry())
    config = load_config(os.environ["HOST_CONFIG"])

    @asynccontextmanager
    async def lifespan(app: Starlette) -> AsyncIterator[None]:
        app.state.store = Store(os.environ["HOST_DATABASE"])
        try:
            async with config.gateway(observer=observer) as app.state.gateway:
                yield
            # Here the gateway is closed and every push has its outcome.
        finally:
            app.state.store.close()

    async def keep(receipts: Sequence[Receipt]) -> None:
        await app.state.store.run(lambda db: keep_receipts(db, receipts))

    app = Starlette(
        lifespan=lifespan,
        routes=[
            Route("/login", login_view, methods=["POST"]),
            Route("/token", token_view, methods=["PUT"]),
            Route("/logout", logout_view, methods=["POST"]),
            Route("/kick", kick_view, methods=["POST"]),
            Route("/devices", devices_view),
            Route("/messages", message_view, methods=["POST"]),
            Route("/messages/{message}", status_view),
            Route("/health", health_view),
            Route("/metrics", metrics_view),
            Mount("/push", Receipts(lambda: app.state.gateway, keep)),
        ],
    )
    return app


def main() -> None:
    """Serve until SIGINT or SIGTERM."""
    here = Path(__file__).resolve().parent
    parser = argparse.ArgumentParser(description="A small IM server with offline push.")
    parser.add_argument("--port", type=int, default=8000, help="port on this machine; 0: any free one")
    parser.add_argument("--workers", type=int, default=2)
    parser.add_argument("--config", default=str(here / "pushgateway.toml"), help="file with the certificates")
    parser.add_argument("--database", default="host.sqlite")
    options = parser.parse_args()

    with socket.create_server(("127.0.0.1", options.port)) as listener, tempfile.TemporaryDirectory() as metrics:
        url = f"http://127.0.0.1:{listener.getsockname()[1]}"
        os.environ |= {
            "HOST_CONFIG": options.config,
            "HOST_DATABASE": options.database,
            "PROMETHEUS_MULTIPROC_DIR": metrics,  # must be empty at the start
        }
        os.environ.setdefault("HOST_RECEIPT_URL", f"{url}/push")
        os.environ.setdefault("HOST_RECEIPT_SECRET", secrets.token_urlsafe(24))
        create_database(options.database)
        print(url, flush=True)
        sys.path.insert(0, str(here))  # so that workers can import `host`
        uvicorn.run("host:create_app", factory=True, fd=listener.fileno(), workers=options.workers)


if __name__ == "__main__":
    main()
