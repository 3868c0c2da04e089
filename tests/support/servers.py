"""Redis, PostgreSQL and MariaDB for the tests of `tests/services`: those that an environment variable names, or servers
of the test run's own on loopback, in a folder that is removed with them.

PostgreSQL refuses to run as root: started by root, each server runs as the user that its package made.
"""

from __future__ import annotations

import contextlib
import os
import pwd
import shutil
import socket
import subprocess
import tempfile
import time
import uuid
from collections.abc import Iterator, Sequence
from importlib.util import find_spec
from pathlib import Path
from typing import ClassVar
from urllib.parse import urlsplit, urlunsplit

LONGEST_START = 60.0
"""Seconds that a server may take until it answers."""
STEP = 0.02
"""Seconds between two looks whether it answers."""
TRIES = 3
"""Ports that are tried: another program may take a free one before the server does."""


class Server:
    """One kind of server. As a context manager it is a server of the test run's own, which runs until the end."""

    variable: ClassVar[str]
    """The environment variable with the URL of a server that already runs."""
    program: ClassVar[str]
    package: ClassVar[str]
    """The package of Debian that has the program."""
    driver: ClassVar[str]
    """The Python module that the tests speak to it with."""
    user: ClassVar[str]
    """The user that the package made."""

    def __init__(self) -> None:
        self.folder = Path(tempfile.mkdtemp(prefix=f"pushgateway-{self.program}-"))
        self.as_user = self.user if os.geteuid() == 0 else None
        self.port = 0
        self._process: subprocess.Popen[bytes] | None = None

    @property
    def url(self) -> str:
        """The address, without a database."""
        raise NotImplementedError

    def arguments(self) -> Sequence[str]:
        """The program's arguments for `folder` and `port`."""
        raise NotImplementedError

    def prepare(self) -> None:
        """Write what the program needs before its first start."""

    def answers(self) -> bool:
        """Whether it takes commands now."""
        raise NotImplementedError

    def start(self) -> None:
        """Start it, on the port of its last start if it had one, and wait until it answers. Raises `RuntimeError`."""
        for _ in range(TRIES):
            port = self.port or free_port()
            self.port, former = port, self.port
            log = (self.folder / "log").open("ab")
            with log:
                self._process = subprocess.Popen(
                    [path_of(self.program), *self.arguments()],
                    stdin=subprocess.DEVNULL,
                    stdout=log,
                    stderr=log,
                    cwd=self.folder,
                    user=self.as_user,
                )
            end = time.monotonic() + LONGEST_START
            while time.monotonic() < end and self._process.poll() is None:
                if self.answers():
                    return
                with contextlib.suppress(subprocess.TimeoutExpired):
                    self._process.wait(STEP)
            self.stop()
            self.port = former
        raise RuntimeError(f"{self.program} does not start: {(self.folder / 'log').read_text()[-2000:]}")

    def stop(self, *, kill: bool = False) -> None:
        """End it; `start` brings it back with the same port and data. `kill`: at once, as a crash does."""
        if self._process is not None:
            (self._process.kill if kill else self._process.terminate)()
            with contextlib.suppress(subprocess.TimeoutExpired):
                self._process.wait(20)
            self._process.kill()
            self._process.wait()
            self._process = None

    @property
    def pid(self) -> int:
        """Of the process, to stop it with SIGSTOP for example."""
        assert self._process is not None
        return self._process.pid

    def __enter__(self) -> Server:
        if self.as_user is not None:
            os.chown(self.folder, pwd.getpwnam(self.as_user).pw_uid, -1)
        try:
            self.prepare()
            self.start()
        except BaseException:
            self.__exit__()
            raise
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()
        shutil.rmtree(self.folder)

    def run(self, program: str, *arguments: str) -> None:
        """Run a program of the server's package to its end."""
        done = subprocess.run(
            [path_of(program), *arguments], cwd=self.folder, user=self.as_user, capture_output=True, check=False
        )
        if done.returncode:
            raise RuntimeError(f"{program} failed: {done.stderr.decode()[-2000:]}")


class Redis(Server):
    """Redis without anything on disk; one database for each test, emptied before it."""

    variable = "PUSHGATEWAY_TEST_REDIS"
    program = "redis-server"
    package = "redis-server"
    driver = "redis"
    user = "redis"

    @property
    def url(self) -> str:
        return f"redis://127.0.0.1:{self.port}"

    def arguments(self) -> Sequence[str]:
        socket_too = ["--unixsocket", str(self.folder / "redis.sock")]
        return ["--port", str(self.port), "--bind", "127.0.0.1", "--save", "", "--appendonly", "no", *socket_too]

    def answers(self) -> bool:
        with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", self.port), 1) as connection:
            connection.settimeout(1)
            connection.sendall(b"PING\r\n")
            return connection.recv(7) == b"+PONG\r\n"
        return False


class Postgres(Server):
    """PostgreSQL with a new database for each test."""

    variable = "PUSHGATEWAY_TEST_POSTGRES"
    program = "postgres"
    package = "postgresql"
    driver = "psycopg"
    user = "postgres"

    @property
    def url(self) -> str:
        return f"postgresql://postgres@127.0.0.1:{self.port}"

    def prepare(self) -> None:
        self.run("initdb", "-D", "data", "-U", "postgres", "-A", "trust", "-E", "UTF8", "--locale=C", "--no-sync")

    def arguments(self) -> Sequence[str]:
        return ["-D", "data", "-h", "127.0.0.1", "-p", str(self.port), "-k", "", "-c", "max_connections=200"]

    def answers(self) -> bool:
        import psycopg

        with contextlib.suppress(psycopg.OperationalError):
            psycopg.connect(f"{self.url}/postgres", connect_timeout=2).close()
            return True
        return False


class MariaDB(Server):
    """MariaDB with a new database for each test."""

    variable = "PUSHGATEWAY_TEST_MARIADB"
    program = "mariadbd"
    package = "mariadb-server"
    driver = "pymysql"
    user = "mysql"

    @property
    def url(self) -> str:
        return f"mysql://root@127.0.0.1:{self.port}"

    def prepare(self) -> None:
        self.run(
            "mariadb-install-db", "--no-defaults", f"--datadir={self.folder}/data",
            "--auth-root-authentication-method=normal", "--skip-test-db",
        )  # fmt: skip

    def arguments(self) -> Sequence[str]:
        return [
            "--no-defaults", f"--datadir={self.folder}/data", f"--port={self.port}", "--bind-address=127.0.0.1",
            f"--socket={self.folder}/socket", f"--pid-file={self.folder}/pid", "--character-set-server=utf8mb4",
            "--max-connections=200",
        ]  # fmt: skip

    def answers(self) -> bool:
        import pymysql

        with contextlib.suppress(pymysql.Error):
            pymysql.connect(host="127.0.0.1", port=self.port, user="root", connect_timeout=2).close()
            return True
        return False


KINDS: tuple[type[Server], ...] = (Redis, Postgres, MariaDB)


def free_port() -> int:
    """A port of loopback that is free now."""
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        port: int = taken.getsockname()[1]
        return port


def path_of(program: str) -> str:
    """Where a program is: Debian keeps those of PostgreSQL and MariaDB where PATH does not lead."""
    further = [*map(str, sorted(Path("/usr/lib/postgresql").glob("*/bin"), reverse=True)), "/usr/sbin", "/sbin"]
    return shutil.which(program, path=os.pathsep.join([os.environ.get("PATH", ""), *further])) or ""


def missing() -> list[str]:
    """What these tests need and this machine lacks: one sentence each."""
    lacks = []
    for kind in KINDS:
        if not os.environ.get(kind.variable) and not path_of(kind.program):
            lacks.append(
                f"{kind.program} is needed: on Debian apt-get install {kind.package}, or set {kind.variable} to the "
                f"URL of a server on loopback"
            )
        if find_spec(kind.driver) is None:
            lacks.append(f"the Python module {kind.driver} is needed: install pushgateway-core[all]")
    return lacks


@contextlib.contextmanager
def running(kind: type[Server]) -> Iterator[str]:
    """The URL of the server that the environment names, or of a new one."""
    named = os.environ.get(kind.variable)
    if named:
        yield named.rstrip("/")
    else:
        with kind() as server:
            yield server.url


@contextlib.contextmanager
def redis_database(url: str) -> Iterator[str]:
    """Database 0 of a Redis, emptied."""
    import redis

    with redis.Redis.from_url(url) as client:
        client.flushdb()
    yield url if urlsplit(url).path.strip("/") else f"{url}/0"


@contextlib.contextmanager
def postgres_database(url: str) -> Iterator[str]:
    """A new database of a PostgreSQL, dropped at the end."""
    import psycopg

    name = f"pushgateway_{uuid.uuid4().hex}"
    with psycopg.connect(with_database(url, "postgres"), autocommit=True) as connection:
        connection.execute(f'CREATE DATABASE "{name}"')
        yield with_database(url, name)
        connection.execute(f'DROP DATABASE "{name}" WITH (FORCE)')


@contextlib.contextmanager
def mariadb_database(url: str) -> Iterator[str]:
    """A new database of a MariaDB or MySQL, dropped at the end."""
    import pymysql

    name, parts = f"pushgateway_{uuid.uuid4().hex}", urlsplit(url)
    connection = pymysql.connect(
        host=parts.hostname, port=parts.port or 3306, user=parts.username, password=parts.password or ""
    )
    with connection, connection.cursor() as cursor:
        cursor.execute(f"CREATE DATABASE `{name}`")
        yield with_database(url, name)
        cursor.execute(f"DROP DATABASE `{name}`")


def with_database(url: str, name: str) -> str:
    """The URL of another database of the same server."""
    return urlunsplit(urlsplit(url)._replace(path=f"/{name}"))
