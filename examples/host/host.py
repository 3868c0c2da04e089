"""A small IM server with offline push: Starlette, SQLite, as many workers as you like, OPPO's sandbox in OPPO's place.

    pushgateway sandbox oppo --dialect current --port 8700          # in one terminal
    python examples/host/host.py --workers 2 --port 8000            # in another

    POST   /login      {"user": "ann"}                              -> {"session": …}
    PUT    /token      {"certificate_id": 7005, "token": …}         the phone reports its push token, at each start
    POST   /logout                                                  this phone gets no push any more
    POST   /kick       {"user": "ann"}                              all her phones are logged out
    POST   /messages   {"to": "ann", "text": …}                     -> {"message": id, "pushes": [...]}
    GET    /messages/<id>                                           what became of it, with receipts
    GET    /devices                                                 my own
    POST   /push/…                                                  receipts of the vendor
    GET    /metrics                                                 Prometheus, of all workers

What to look at:

- **Ids are made before sending** (`Push.dedupe_id`) and a row is there before the push leaves: a receipt may come
  before the outcome, and to another worker. Receipts are stored first and joined afterwards.
- **A dead token is retired only if it is still the same binding**: token and time of binding (`Push.context` brings
  the time along). While the verdict was on its way the user may have logged in again on that phone.
- **A receipt that says "dead" proves its push and phone, not its word.** It counts where this host's own table agrees:
  the vendor had accepted that push, under that message id, and no receipt says that it arrived. The table is shared by
  all workers, so it does not matter which of them sent the push.
- **The gateway is made in the lifespan**, once in each worker; the receipts app takes it later.

It leaves out what is no matter of push: passwords, who may write to whom, and who is online (here nobody ever is).
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

from pushgateway import Gateway, Notification, Outcome, Push, PushToken, Reason, Receipt, load_config
from pushgateway.prometheus import CONTENT_TYPE, PrometheusObserver, metrics_page
from pushgateway.receipts import Receipts

T = TypeVar("T")

SCHEMA = """
CREATE TABLE IF NOT EXISTS sessions (session TEXT PRIMARY KEY, user TEXT NOT NULL);
CREATE TABLE IF NOT EXISTS devices (
    certificate_id TEXT NOT NULL, token TEXT NOT NULL, session TEXT NOT NULL UNIQUE, user TEXT NOT NULL,
    bound_at INTEGER NOT NULL,                    -- nanoseconds; another one each time the phone reports its token
    PRIMARY KEY (certificate_id, token)           -- a phone belongs to who logged in last
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


class Store:
    """The database: one connection and one thread for it in each worker, so that no event loop waits for a disk."""

    def __init__(self, path: str) -> None:
        self._thread = ThreadPoolExecutor(1, "store")
        self._db = self._thread.submit(self._open, path).result()

    @staticmethod
    def _open(path: str) -> sqlite3.Connection:
        db = sqlite3.connect(path, timeout=10, isolation_level=None)
        db.row_factory = sqlite3.Row
        db.execute("PRAGMA journal_mode = WAL")
        db.executescript(SCHEMA)
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
        """After the last `run`."""
        self._thread.submit(self._db.close).result()
        self._thread.shutdown()


# Who is to get a push


def log_in(db: sqlite3.Connection, user: str) -> str:
    """A new session, which is what one phone has."""
    session = secrets.token_urlsafe(16)
    db.execute("INSERT INTO sessions VALUES (?, ?)", (session, user))
    return session


def bind(db: sqlite3.Connection, session: str, push_token: PushToken) -> None:
    """The phone of this session has this token now. Who had it before has it no longer."""
    (user,) = db.execute("SELECT user FROM sessions WHERE session = ?", (session,)).fetchone()
    address = (push_token.certificate_id, push_token.token)
    db.execute("DELETE FROM devices WHERE session = ? OR (certificate_id = ? AND token = ?)", (session, *address))
    db.execute("INSERT INTO devices VALUES (?, ?, ?, ?, ?)", (*address, session, user, time.time_ns()))


def log_out(db: sqlite3.Connection, session: str) -> None:
    """The session and its phone's token are gone: no push is begun for it from now on."""
    db.execute("DELETE FROM devices WHERE session = ?", (session,))
    db.execute("DELETE FROM sessions WHERE session = ?", (session,))


def kick(db: sqlite3.Connection, user: str) -> None:
    """The same for all phones of a user."""
    db.execute("DELETE FROM devices WHERE user = ?", (user,))
    db.execute("DELETE FROM sessions WHERE user = ?", (user,))


def retire(db: sqlite3.Connection, push_token: PushToken, bound_at: int) -> None:
    """The vendor says that the token is dead. A binding that is younger than the push stays: it is another one."""
    db.execute(
        "DELETE FROM devices WHERE certificate_id = ? AND token = ? AND bound_at = ?",
        (push_token.certificate_id, push_token.token, bound_at),
    )


# What became of it


def address(db: sqlite3.Connection, message: str, user: str) -> list[tuple[str, PushToken, int]]:
    """A row for each phone of the user, before anything leaves: (id of the push, push token, time of binding)."""
    devices = db.execute("SELECT certificate_id, token, bound_at FROM devices WHERE user = ?", (user,)).fetchall()
    pushes = [(secrets.token_hex(16), message, *device) for device in devices]
    db.executemany("INSERT INTO pushes (id, message, certificate_id, token, bound_at) VALUES (?, ?, ?, ?, ?)", pushes)
    return [(name, PushToken(certificate_id, token), bound) for name, _, certificate_id, token, bound in pushes]


def keep_outcomes(db: sqlite3.Connection, outcomes: Sequence[Outcome]) -> None:
    """How each push ended; a token that the vendor refused as dead is retired."""
    for outcome in outcomes:
        reason = outcome.reason.value if outcome.reason else None
        row = (outcome.status.value, reason, outcome.message_id, outcome.dedupe_id)
        db.execute("UPDATE pushes SET status = ?, reason = ?, vendor_id = ? WHERE id = ?", row)
        bound_at = outcome.context
        if outcome.reason is Reason.UNREGISTERED and isinstance(bound_at, int):
            retire(db, outcome.push_token, bound_at)
        settle(db, outcome.dedupe_id)


def keep_receipts(db: sqlite3.Connection, receipts: Sequence[Receipt]) -> None:
    """Stored whatever is known of their push by now: the outcome may come later, or to another worker."""
    for receipt in receipts:
        row = (receipt.dedupe_id, receipt.kind.value, receipt.event, receipt.message_id, receipt.at)
        db.execute("INSERT INTO receipts VALUES (?, ?, ?, ?, ?)", row)
        settle(db, receipt.dedupe_id)


def settle(db: sqlite3.Connection, name: str) -> None:
    """Retire the token of a push where a receipt says that it is dead and this host's own table agrees; called when its
    outcome or a receipt has come, whichever is the last."""
    dead = db.execute(
        """SELECT pushes.certificate_id, token, bound_at FROM pushes
           JOIN receipts ON receipts.push = pushes.id AND receipts.vendor_id = pushes.vendor_id
           WHERE pushes.id = ? AND status = 'accepted' AND kind IN ('unregistered', 'suspect')
           AND NOT EXISTS (SELECT 1 FROM receipts WHERE push = pushes.id AND kind = 'arrived')""",
        (name,),
    ).fetchone()
    if dead is not None:
        retire(db, PushToken(dead["certificate_id"], dead["token"]), dead["bound_at"])


def told(db: sqlite3.Connection, message: str) -> list[dict[str, Any]]:
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
    """These fields of the request's JSON object, as texts."""
    body = await request.json()
    if not isinstance(body, dict) or not all(isinstance(body.get(name), str | int) for name in names):
        raise HTTPException(400, f"wanted: {', '.join(names)}")
    return [str(body[name]) for name in names]


async def login_door(request: Request) -> Response:
    """Somebody logs in on a phone."""
    (user,) = await given(request, "user")
    return JSONResponse({"session": await request.app.state.store.run(lambda db: log_in(db, user))})


async def token_door(request: Request) -> Response:
    """A phone reports its token: after each login and at each start of the app."""
    push_token = PushToken(*await given(request, "certificate_id", "token"))
    session = session_of(request)

    def report(db: sqlite3.Connection) -> bool:
        if db.execute("SELECT 1 FROM sessions WHERE session = ?", (session,)).fetchone() is None:
            return False
        bind(db, session, push_token)
        return True

    return Response(status_code=204 if await request.app.state.store.run(report) else 401)


async def logout_door(request: Request) -> Response:
    """The user logs out on this phone."""
    await request.app.state.store.run(lambda db: log_out(db, session_of(request)))
    return Response(status_code=204)


async def kick_door(request: Request) -> Response:
    """An administrator's; that it is one is left out here."""
    (user,) = await given(request, "user")
    await request.app.state.store.run(lambda db: kick(db, user))
    return Response(status_code=204)


async def devices_door(request: Request) -> Response:
    """How many phones the user of a session has."""
    count = "SELECT count(*) FROM devices WHERE user = (SELECT user FROM sessions WHERE session = ?)"
    (devices,) = await request.app.state.store.run(
        lambda db: tuple(db.execute(count, (session_of(request),)).fetchone())
    )
    return JSONResponse({"devices": devices})


async def message_door(request: Request) -> Response:
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
    return JSONResponse({"message": message, "pushes": await store.run(lambda db: told(db, message))})


async def told_door(request: Request) -> Response:
    """What is known of a message by now."""
    message = request.path_params["message"]
    return JSONResponse({"pushes": await request.app.state.store.run(lambda db: told(db, message))})


async def health_door(_: Request) -> Response:
    """Which worker answers."""
    return JSONResponse({"process": os.getpid()})


async def metrics_door(_: Request) -> Response:
    """What Prometheus scrapes; whichever worker is asked tells of all."""
    return Response(await asyncio.to_thread(metrics_page), media_type=CONTENT_TYPE)


def create_app() -> Starlette:
    """One for each worker."""
    observer = PrometheusObserver(CollectorRegistry())
    config = load_config(os.environ["HOST_CONFIG"])

    @asynccontextmanager
    async def lifespan(app: Starlette) -> AsyncIterator[None]:
        app.state.store = Store(os.environ["HOST_DATABASE"])
        try:
            async with config.gateway(observer=observer) as app.state.gateway:
                yield
            # Here the gateway is closed: every push has its outcome, and the requests that waited for one are answered.
        finally:
            app.state.store.close()

    async def keep(receipts: Sequence[Receipt]) -> None:
        await app.state.store.run(lambda db: keep_receipts(db, receipts))

    app = Starlette(
        lifespan=lifespan,
        routes=[
            Route("/login", login_door, methods=["POST"]),
            Route("/token", token_door, methods=["PUT"]),
            Route("/logout", logout_door, methods=["POST"]),
            Route("/kick", kick_door, methods=["POST"]),
            Route("/devices", devices_door),
            Route("/messages", message_door, methods=["POST"]),
            Route("/messages/{message}", told_door),
            Route("/health", health_door),
            Route("/metrics", metrics_door),
            Mount("/push", Receipts(lambda: app.state.gateway, keep)),
        ],
    )
    return app


def main() -> None:
    """Serve until SIGINT or SIGTERM."""
    here = Path(__file__).resolve().parent
    parser = argparse.ArgumentParser(description="A small IM server with offline push.")
    parser.add_argument("--port", type=int, default=8000, help="on this machine; 0: any that is free")
    parser.add_argument("--workers", type=int, default=2)
    parser.add_argument("--config", default=str(here / "pushgateway.toml"), help="where the certificates are")
    parser.add_argument("--database", default="host.sqlite")
    options = parser.parse_args()

    with socket.create_server(("127.0.0.1", options.port)) as listener, tempfile.TemporaryDirectory() as metrics:
        url = f"http://127.0.0.1:{listener.getsockname()[1]}"
        os.environ |= {
            "HOST_CONFIG": options.config,
            "HOST_DATABASE": options.database,
            "PROMETHEUS_MULTIPROC_DIR": metrics,  # empty at start, or the last run's numbers would be in it
        }
        os.environ.setdefault("HOST_RECEIPT_URL", f"{url}/push")
        os.environ.setdefault("HOST_RECEIPT_SECRET", secrets.token_urlsafe(24))
        print(url, flush=True)
        sys.path.insert(0, str(here))  # where workers find `host`
        uvicorn.run("host:create_app", factory=True, fd=listener.fileno(), workers=options.workers)


if __name__ == "__main__":
    main()
