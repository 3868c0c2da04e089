"""`pushgateway devices`: what it shows and counts, and which devices it unbinds."""

import asyncio
import json
import time
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, TypeVar

import click
import pytest
from click.testing import CliRunner, Result

from pushgateway import PushToken
from pushgateway.cli.command import pushgateway as command
from pushgateway.cli.devices import DAY, read_seen_before
from pushgateway.cli.exit_codes import Exit
from pushgateway.cli.render import moment
from pushgateway.devices import Devices
from pushgateway.devices.confirmations import GOOD_FOR, MARGIN
from pushgateway.model.secret import mask

T = TypeVar("T")
CONFIG = """
[devices]
url = "sqlite:///devices.db"
[certificates.7005]
brand = "oppo"
app_key = "the-app-key"
master_secret = "the-master-secret"
"""
NOW = time.time()
OLD, NEW = NOW - 100 * DAY, NOW - 80 * DAY


def use(folder: Path, scene: Callable[[Devices], Awaitable[T]]) -> T:
    """The devices of the configuration, as a service beside the command uses them."""

    async def main() -> T:
        async with Devices("sqlite:///devices.db", folder=folder, shared=False) as devices:
            return await scene(devices)

    return asyncio.run(main())


def left(folder: Path) -> dict[str, list[str]]:
    """The devices of each user who has some."""
    found = use(folder, lambda devices: devices.of_users(["ann", "bob", "eve"]))
    return {user: [one.device for one in those] for user, those in found.items() if those}


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A folder with a configuration, and devices of two users; one is of a certificate that is not configured."""
    (tmp_path / "pushgateway.toml").write_text(CONFIG)

    async def fill(devices: Devices) -> None:
        await devices.bind("ann", "phone-1", PushToken(7005, "canary-1"), locale="zh-Hans-CN", at=OLD)
        await devices.bind("ann", "phone-2", PushToken(7006, "canary-2"), at=NEW)
        await devices.bind("bob", "phone-1", PushToken(7005, "canary-3"), at=OLD)
        await devices.bind("bob", "phone-1", PushToken(7005, "canary-3"), at=NEW)

    use(tmp_path, fill)
    return tmp_path


def run(folder: Path, *arguments: str) -> Result:
    return CliRunner().invoke(command, ["devices", *arguments, "--config", str(folder / "pushgateway.toml")])


def read(folder: Path, *arguments: str) -> Any:
    """What is printed with `--json`."""
    return json.loads(run(folder, *arguments, "--json").stdout)


def test_show_for_people(folder: Path) -> None:
    """Each device of the users with its certificate, brand, masked token, locale and both times; a brand or locale that
    is not known is left out, and a user without devices is named."""
    result = run(folder, "show", "bob", "eve", "ann")

    assert result.exit_code == Exit.OK
    assert [line.split() for line in result.stdout.splitlines()] == [
        ["bob"],
        ["phone-1", "7005", "oppo", mask("canary-3")],
        ["bound", moment(OLD, None)],
        ["seen", moment(NEW, None)],
        [],
        ["eve:", "no", "device"],
        [],
        ["ann"],
        ["phone-1", "7005", "oppo", mask("canary-1")],
        ["locale", "zh-Hans-CN"],
        ["bound", moment(OLD, None)],
        ["seen", moment(OLD, None)],
        ["phone-2", "7006", mask("canary-2")],
        ["bound", moment(NEW, None)],
        ["seen", moment(NEW, None)],
    ]


def test_show_for_scripts(folder: Path) -> None:
    """One record for each device; a token is masked here too."""
    result = run(folder, "show", "eve", "ann", "--json")

    first, second = json.loads(result.stdout)["devices"]
    assert first == {
        "user": "ann",
        "device": "phone-1",
        "certificate_id": "7005",
        "brand": "oppo",
        "token": mask("canary-1"),
        "locale": "zh-Hans-CN",
        "bound_at": OLD,
        "seen_at": OLD,
    }
    assert (second["device"], second["brand"], second["locale"]) == ("phone-2", None, "")
    assert "canary" not in result.output


def test_status_for_people(folder: Path) -> None:
    """Users and devices of each certificate and in all, where a user with devices of two certificates counts once."""
    result = run(folder, "status")

    assert result.exit_code == Exit.OK
    assert [line.split() for line in result.stdout.splitlines()] == [
        ["certificate", "brand", "users", "devices"],
        ["7005", "oppo", "2", "2"],
        ["7006", "1", "1"],
        ["in", "all", "2", "3"],
    ]


def test_status_for_scripts(folder: Path) -> None:
    """The same as one JSON object."""
    assert read(folder, "status") == {
        "users": 2,
        "devices": 3,
        "certificates": [
            {"certificate_id": "7005", "brand": "oppo", "users": 2, "devices": 2},
            {"certificate_id": "7006", "brand": None, "users": 1, "devices": 1},
        ],
    }


def test_without_devices_it_is_said_in_words(tmp_path: Path) -> None:
    """The database is there, and has nothing to count."""
    (tmp_path / "pushgateway.toml").write_text(CONFIG)
    (tmp_path / "devices.db").touch()

    assert run(tmp_path, "status").stdout == "No device is bound.\n"
    assert read(tmp_path, "status") == {"users": 0, "devices": 0, "certificates": []}


def test_no_file_is_made(tmp_path: Path) -> None:
    """It would belong to whoever runs the command, and the service could not open it."""
    (tmp_path / "pushgateway.toml").write_text(CONFIG)

    result = run(tmp_path, "status")

    assert result.exit_code == Exit.USAGE
    assert "devices.url: devices.db is not there; the service makes it when it starts" in result.stderr
    assert not (tmp_path / "devices.db").exists()


def test_unbind_one_device(folder: Path) -> None:
    """The device that is named is unbound, the user's others are not; the second time there is none, which is exit code
    1."""
    first, second = run(folder, "unbind", "ann", "phone-1"), run(folder, "unbind", "ann", "phone-1", "--json")

    assert (first.exit_code, first.stdout) == (Exit.OK, "1 devices were unbound\n")
    assert (second.exit_code, json.loads(second.stdout)) == (Exit.FAILED, {"count": 0})
    assert left(folder) == {"ann": ["phone-2"], "bob": ["phone-1"]}


def test_unbind_all_devices_of_a_user(folder: Path) -> None:
    """Without a device; those of other users stay."""
    assert read(folder, "unbind", "ann") == {"count": 2}
    assert left(folder) == {"bob": ["phone-1"]}


def test_an_empty_device_is_not_all_devices(folder: Path) -> None:
    """A variable of a shell that is not set costs no user his devices."""
    result = run(folder, "unbind", "ann", "")

    assert (result.exit_code, result.stderr) == (Exit.USAGE, "Error: device: must have 1 to 255 bytes in UTF-8\n")
    assert left(folder) == {"ann": ["phone-1", "phone-2"], "bob": ["phone-1"]}


def test_unbind_waits_for_the_service_that_is_the_only_one_to_send(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """With `shared = false` too the command returns when no earlier answer of the database counts in the service."""
    (folder / "pushgateway.toml").write_text(CONFIG.replace("[devices]", "[devices]\nshared = false"))
    waits: list[float] = []

    async def sleep(seconds: float) -> None:
        waits.append(seconds)

    monkeypatch.setattr(asyncio, "sleep", sleep)
    result = run(folder, "unbind", "ann")

    assert result.exit_code == Exit.OK
    assert waits == [pytest.approx(GOOD_FOR + MARGIN)]


def test_prune_by_age(folder: Path) -> None:
    """What was reported since stays, whenever it was bound. Nothing to prune is no failure."""
    assert read(folder, "prune", "--seen-before", "99999d") == {"count": 0}
    first, second = run(folder, "prune", "--seen-before", "90d"), run(folder, "prune", "--seen-before", "90d")

    assert (first.exit_code, first.stdout) == (Exit.OK, "1 devices were unbound\n")
    assert (second.exit_code, second.stdout) == (Exit.OK, "0 devices were unbound\n")
    assert left(folder) == {"ann": ["phone-2"], "bob": ["phone-1"]}


def test_prune_by_date(folder: Path) -> None:
    """The day of the last report stays with its own date, and goes with that of the next day."""
    days = [f"{datetime.fromtimestamp(NEW + more * DAY, UTC):%Y-%m-%d}" for more in (0, 1)]

    assert read(folder, "prune", "--seen-before", days[0]) == {"count": 1}
    assert read(folder, "prune", "--seen-before", days[1]) == {"count": 2}
    assert left(folder) == {}


def test_ages_and_dates() -> None:
    """Days before now, or the beginning of a day in UTC; the last moment that is taken is before now."""
    now = datetime(2026, 11, 29, tzinfo=UTC).timestamp()

    assert read_seen_before("90d", now) == now - 90 * DAY
    assert read_seen_before("1d", now) == read_seen_before("2026-11-28", now) == now - DAY
    assert read_seen_before("2026-11-29", now + 1) == now
    assert read_seen_before("99999d", now) < 0


@pytest.mark.parametrize("text", ["0d", "2026-11-29", "2027-01-01"])
def test_a_time_that_all_devices_are_before_is_refused(text: str) -> None:
    """Now and later: a mistyped year unbinds nobody."""
    with pytest.raises(click.BadParameter, match="must be in the past"):
        read_seen_before(text, datetime(2026, 11, 29, tzinfo=UTC).timestamp())


@pytest.mark.parametrize("text", ["90", "d", "-1d", "1.5d", "٩d", "100000d", "2026-02-30", "1790000000", ""])
def test_what_is_no_age_and_no_date_is_refused(folder: Path, text: str) -> None:
    """It is wrong usage, and nothing is unbound."""
    result = run(folder, "prune", f"--seen-before={text}")

    assert result.exit_code == Exit.USAGE
    assert "must look like 90d or 2026-09-01" in result.stderr
    assert len(left(folder)) == 2


@pytest.mark.parametrize("arguments", [("show",), ("unbind",), ("prune",)])
def test_users_and_the_age_must_be_named(folder: Path, arguments: tuple[str, ...]) -> None:
    """There is no default that would mean all of them."""
    assert run(folder, *arguments).exit_code == Exit.USAGE


@pytest.mark.parametrize(
    ("config", "said"),
    [
        ("", "devices: is missing: write [devices] and its url"),
        ("[devices]\nurl = 'memory:'", "devices.url: memory: keeps devices within one process"),
        ("[devices]\nurl = 'sqlite:///nowhere/devices.db'", "devices.url: devices.db is not there"),
        (
            "[devices]\nurl = 'postgresql://user:canary-5d1f@127.0.0.1:1/name'",
            "devices: postgresql://127.0.0.1:1/name: cannot be reached",
        ),
    ],
)
def test_devices_that_cannot_be_used_are_a_sentence(folder: Path, config: str, said: str) -> None:
    """No table, no database there, or one that only another process sees: exit code 2, and no password is shown."""
    (folder / "pushgateway.toml").write_text(config)

    result = run(folder, "status")

    assert result.exit_code == Exit.USAGE
    assert said in result.stderr
    assert "Traceback" not in result.output
    assert "canary" not in result.output
