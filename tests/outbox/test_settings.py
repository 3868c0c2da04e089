"""The table `[outbox]` of a `pushgateway.toml`."""

import asyncio
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from pushgateway import ConfigError, Notification, Push, PushToken, load_config
from pushgateway.outbox import Webhook
from pushgateway.outbox.settings import CHECKS

CANARY = "canary-5d1f"
SECRET = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"


def read(folder: Path, text: str, **environ: str) -> Any:
    path = folder / "pushgateway.toml"
    path.write_text(text, "utf-8")
    return load_config(path, environ=environ)


def problems(folder: Path, text: str) -> tuple[str, ...]:
    """What is wrong with a table. No message ever holds the canary."""
    with pytest.raises(ConfigError) as error:
        read(folder, f"[outbox]\n{text}")
    assert CANARY not in f"{error.value!r}"
    return error.value.problems


def test_a_table_becomes_an_outbox_and_a_worker(tmp_path: Path) -> None:
    """The file lies beside the configuration, and every option arrives where it belongs."""
    config = read(
        tmp_path,
        """[outbox]
        url = "sqlite:///push/outbox.db"
        synchronous = "NORMAL"
        max_bytes = 1000000
        remember = 60
        keep_results = 3600
        unknown = "give_up"
        unknown_by_certificate = { 7005 = "repeat" }
        timeout = 20
        lease = 40
        at_once = 100
        newest_first = true
        give_up_after = 7200
        most_lost = 3
        webhook_url = "https://im.example/results"
        webhook_secret = "env:HOOK"
        """,
        HOOK=SECRET,
    )
    (tmp_path / "push").mkdir()

    async def scene() -> Any:
        async with config.gateway() as gateway, config.outbox() as outbox:
            worker = config.worker(outbox, gateway)
            await outbox.put([Push(PushToken(1, "a"), Notification("t", "b"))])
            async with config.worker(outbox, gateway, timeout=5.0, results=None) as other:
                return outbox, worker, other

    outbox, worker, other = asyncio.run(scene())

    assert (tmp_path / "push" / "outbox.db").exists()
    assert (outbox.remember, outbox.keep_results) == (60, 3600)
    assert isinstance(worker._handler, Webhook)
    assert (worker._timeout, worker._lease_seconds, worker._at_once, worker._newest_first) == (20, 40, 100, True)
    assert (worker._unknown, worker._unknown_by) == ("give_up", {"7005": "repeat"})
    assert (worker._rules.give_up_after, worker._rules.most_lost) == (7200, 3)
    assert (other._timeout, other._handler) == (5.0, None)
    assert "whsec" not in repr(config)


def test_without_a_table_there_is_no_outbox(tmp_path: Path) -> None:
    """Asking for one raises `ConfigError` that says what to add."""
    config = read(tmp_path, "")

    with pytest.raises(ConfigError, match=r"add a table \[outbox\]"):
        config.outbox()


def test_without_a_table_nothing_is_imported(tmp_path: Path) -> None:
    """`import pushgateway` and a configuration without the table load neither the outbox nor SQLite."""
    (tmp_path / "pushgateway.toml").touch()
    program = "import sys, pushgateway; pushgateway.load_config(sys.argv[1]); print(*sys.modules, sep='\\n')"
    ran = subprocess.run(
        [sys.executable, "-c", program, tmp_path / "pushgateway.toml"], capture_output=True, text=True, check=True
    )

    loaded = set(ran.stdout.splitlines())
    assert "pushgateway.gateway" in loaded
    assert not {"pushgateway.outbox", "pushgateway.databases.sqlite", "sqlite3"} & loaded


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("", ["outbox.url: must be sqlite:///file, postgresql://user:password@host/name, mysql://… or redis://…"]),
        (
            f"url = '{CANARY}'",
            ["outbox.url: must be sqlite:///file, postgresql://user:password@host/name, mysql://… or redis://…"],
        ),
        ("url = 'sqlite:///'", ["outbox.url: must be sqlite:///file or, for an absolute path, sqlite:////folder/file"]),
        ("url = 'env:MISSING'", ["outbox.url: the environment variable MISSING is not set"]),
        (
            f"url = 'mysql://root:{CANARY}@127.0.0.1/push'\nmax_bytes = 5",
            ["outbox.max_bytes: is for SQLite only"],
        ),
        (
            "url = 'sqlite:///a'\nlease = 59",
            ["outbox.lease: must be at least twice the timeout"],
        ),
        (
            f"url = 'sqlite:///a'\nwebhook_url = 'https://{CANARY}.example'",
            ["outbox.webhook_url: needs webhook_secret, and the other way round"],
        ),
        (
            f"url = 'sqlite:///a'\nwebhook_url = 'https://a.example'\nwebhook_secret = '{CANARY}'",
            ["outbox.webhook_secret: must be whsec_ and the Base64 of 24 to 64 random bytes"],
        ),
        (
            f"url = 'sqlite:///a'\nresults = 'table'\nwebhook_url = 'https://a.example'\nwebhook_secret = '{SECRET}'",
            ["outbox.results: leave it out: results go to webhook_url"],
        ),
        (
            "url = 'sqlite:///a'\nunknown_by_certificate = { 7005 = 'forget' }",
            ["outbox.unknown_by_certificate.7005: must be repeat or give_up"],
        ),
    ],
)
def test_mistakes_are_named(tmp_path: Path, text: str, expected: list[str]) -> None:
    """Each is reported by its place, without its value."""
    assert list(problems(tmp_path, text)) == expected


@pytest.mark.parametrize("key", sorted(CHECKS))
def test_every_key_is_checked(tmp_path: Path, key: str) -> None:
    """A value of a wrong type is a problem of that key."""
    found = problems(tmp_path, f"url = 'sqlite:///a'\n{key} = [5]")

    assert [problem.split(": ")[0] for problem in found] == [f"outbox.{key}"]


def test_a_key_that_is_not_known(tmp_path: Path) -> None:
    """It is named with the keys that there are."""
    (problem,) = problems(tmp_path, f"url = 'sqlite:///a'\n{'colour'} = '{CANARY}'")

    assert problem.startswith("outbox.colour: is not known; known: at_once, give_up_after, keep_results")


def test_it_must_be_a_table(tmp_path: Path) -> None:
    """A text in its place is refused."""
    with pytest.raises(ConfigError, match="outbox: must be a table"):
        read(tmp_path, "outbox = 'sqlite:///a'")
