"""A small IM server with offline push: Starlette, several workers, and OPPO's sandbox instead of OPPO.

    pip install ".[all]" ./plugins/*                                # once, in the checkout
    pushgateway sandbox oppo --dialect current --port 8700          # in one terminal
    python examples/host/host.py --workers 2 --port 8000            # in another

    POST   /login      {"user": "ann"}                              -> {"session": …}
    PUT    /token      {"certificate_id": 7005, "token": …}         the phone reports its push token, at each start
    POST   /logout                                                  this phone gets no further push
    POST   /kick       {"user": "ann"}                              all phones of this user are logged out
    POST   /messages   {"to": "ann", "text": …}                     -> {"message": id}
    GET    /messages/<id>                                           outcomes and receipts of its pushes
    POST   /push/…                                                  receipts of the vendor
    GET    /metrics                                                 Prometheus, of all workers

`/token` and `/logout` need the header `Authorization: Bearer <session>`; a session is a device of its user. A message
is in the outbox before it is answered, so a killed worker loses none. Not shown: passwords and permissions.
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
from collections.abc import AsyncIterator, Iterable, Sequence
from contextlib import asynccontextmanager, closing
from pathlib import Path
from typing import Any

import attrs
import uvicorn
from prometheus_client import CollectorRegistry
from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import BaseRoute, Mount, Route

from pushgateway import FieldError, Notification, Push, PushToken, Receipt, load_config
from pushgateway.observe.prometheus import CONTENT_TYPE, PrometheusObserver, metrics_page
from pushgateway.outbox import Result
from pushgateway.receipts import Receipts

HERE = Path(__file__).resolve().parent


class Server:
    """One worker: the host's own tables, and the parts of pushgateway."""

    def __init__(self) -> None:
        self.config = load_config(os.environ["HOST_CONFIG"])
        self.observer = PrometheusObserver(CollectorRegistry())

    @asynccontextmanager
    async def lifespan(self, _: Starlette) -> AsyncIterator[None]:
        """What is opened last is closed first: pushes that are being sent get their outcomes."""
        async with (
            self.config.devices() as self.devices,
            self.config.gateway(observer=self.observer, devices=self.devices) as self.gateway,
            self.config.outbox() as self.outbox,
            self.config.worker(self.outbox, self.gateway, results=self.keep_results),
        ):
            yield

    async def sql(self, text: str, *rows: Sequence[Any]) -> list[Any]:
        """Execute a statement with each of these rows, in one transaction and in a thread. Returns what they found."""

        def transact() -> list[Any]:
            with closing(connected()) as db, db:
                return [found for row in rows for found in db.execute(text, row)]

        return await asyncio.to_thread(transact)

    async def keep_results(self, results: Sequence[Result]) -> None:
        """The outbox hands over how pushes ended. It does so again if this raises."""
        ends = [result.outcome for result in results]
        rows = [(one.status.value, one.reason and one.reason.value, one.message_id, one.dedupe_id) for one in ends]
        await self.sql("UPDATE pushes SET status = ?, reason = ?, vendor_id = ? WHERE id = ?", *rows)
        await self.retire(row[-1] for row in rows)

    async def keep_receipts(self, receipts: Sequence[Receipt]) -> None:
        """Stored in any case: the outcome of the push may come later, or to another worker."""
        rows = [(one.dedupe_id, one.kind.value, *attrs.astuple(one.push_token), one.message_id) for one in receipts]
        await self.sql("INSERT INTO receipts VALUES (?, ?, ?, ?, ?)", *rows)
        await self.retire(row[0] for row in rows)

    async def retire(self, pushes: Iterable[str]) -> None:
        """Called after outcomes and after receipts, because either may come last."""
        for row in await self.sql("SELECT * FROM dead WHERE id = ?", *((push,) for push in pushes)):
            await self.devices.retire(PushToken(row["certificate_id"], row["token"]), before=row["put_at"])

    async def login(self, request: Request) -> Response:
        """A user logs in on a phone."""
        (user,), session = await given(request, "user"), secrets.token_urlsafe(16)
        await self.sql("INSERT INTO sessions VALUES (?, ?)", (session, user))
        return JSONResponse({"session": session})

    async def token(self, request: Request) -> Response:
        """A phone reports its token: after each login and at each start of the app."""
        session, user = await self.session_of(request)
        try:
            push_token = PushToken(*await given(request, "certificate_id", "token"))
        except FieldError as wrong:  # a damaged text; the message does not contain the token
            raise HTTPException(400, str(wrong)) from None
        await self.devices.bind(user, session, push_token)
        return Response(status_code=204)

    async def logout(self, request: Request) -> Response:
        """The user logs out on this phone: nothing more is sent to it."""
        session, user = await self.session_of(request)
        await self.sql("DELETE FROM sessions WHERE session = ?", (session,))
        await self.devices.unbind(user, session)
        return Response(status_code=204)

    async def kick(self, request: Request) -> Response:
        """An administrator logs a user out everywhere. The check of that right is left out."""
        (user,) = await given(request, "user")
        await self.sql("DELETE FROM sessions WHERE user = ?", (user,))
        await self.devices.unbind_user(user)
        return Response(status_code=204)

    async def message(self, request: Request) -> Response:
        """A message for a user who is offline: a push to each of his phones, stored before this is answered."""
        (to, text), message = await given(request, "to", "text"), secrets.token_hex(8)
        note = Notification("New message", text or "…", intent="chat", data={"message": message})
        phones = (await self.devices.of_users([to]))[to]
        pushes = [Push(one.push_token, note, owner=one.owner, dedupe_id=secrets.token_hex(16)) for one in phones]
        rows = ((push.dedupe_id, message, time.time()) for push in pushes)
        await self.sql("INSERT INTO pushes (id, message, put_at) VALUES (?, ?, ?)", *rows)
        await self.outbox.put(pushes)
        return JSONResponse({"message": message})

    async def status(self, request: Request) -> Response:
        """What is known of a message so far: for each push its status, its reason, and the kinds of its receipts."""
        rows = await self.sql("SELECT * FROM states WHERE message = ?", (request.path_params["id"],))
        return JSONResponse({"pushes": [dict(row) for row in rows]})

    async def session_of(self, request: Request) -> tuple[str, str]:
        """The session that a request names, and its user. Raises 401."""
        session = request.headers.get("authorization", "").removeprefix("Bearer ")
        for row in await self.sql("SELECT user FROM sessions WHERE session = ?", (session,)):
            return session, row["user"]
        raise HTTPException(401)


def connected() -> sqlite3.Connection:
    """The host's own tables, beside the configuration."""
    db = sqlite3.connect(Path(os.environ["HOST_CONFIG"]).with_name("tables.db"), timeout=10)
    db.row_factory = sqlite3.Row
    return db


async def given(request: Request, *names: str) -> list[str]:
    """These fields of the request's JSON object, as text. Raises 400 if one is missing."""
    body = await request.json()
    if isinstance(body, dict) and all(isinstance(body.get(name), str | int) for name in names):
        return [str(body[name]) for name in names]
    raise HTTPException(400, f"wanted: {', '.join(names)}")


def metrics(_: Request) -> Response:
    """The metrics of all workers, from any of them. Starlette calls it in a thread, because it reads files."""
    return Response(metrics_page(), media_type=CONTENT_TYPE)


def create_app() -> Starlette:
    """The app of one worker."""
    server = Server()
    posts = {"login": server.login, "logout": server.logout, "kick": server.kick, "messages": server.message}
    routes: list[BaseRoute] = [Route(f"/{path}", view, methods=["POST"]) for path, view in posts.items()]
    routes += [Route("/token", server.token, methods=["PUT"]), Route("/messages/{id}", server.status)]
    routes += [Route("/metrics", metrics), Mount("/push", Receipts(lambda: server.gateway, server.keep_receipts))]
    return Starlette(routes=routes, lifespan=server.lifespan)


def main() -> None:
    """Serve until SIGINT or SIGTERM."""
    parser = argparse.ArgumentParser(description="A small IM server with offline push.")
    parser.add_argument("--port", type=int, default=8000, help="port on this machine; 0: any free one")
    parser.add_argument("--workers", type=int, default=2)
    parser.add_argument("--config", default=f"{HERE / 'pushgateway.toml'}", help="file with the certificates")
    options = parser.parse_args()
    with socket.create_server(("127.0.0.1", options.port)) as listener, tempfile.TemporaryDirectory() as folder:
        url = f"http://127.0.0.1:{listener.getsockname()[1]}"
        os.environ |= {"HOST_CONFIG": options.config, "PROMETHEUS_MULTIPROC_DIR": folder}
        os.environ.setdefault("HOST_RECEIPT_URL", f"{url}/push")
        os.environ.setdefault("HOST_RECEIPT_SECRET", secrets.token_urlsafe(24))
        with closing(connected()) as db:  # by one process, because it sets the journal mode
            db.executescript((HERE / "tables.sql").read_text("utf-8"))
        print(url, flush=True)
        sys.path.insert(0, str(HERE))  # so that workers can import `host`
        uvicorn.run("host:create_app", factory=True, fd=listener.fileno(), workers=options.workers)


if __name__ == "__main__":
    main()
