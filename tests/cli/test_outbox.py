"""`pushgateway outbox`: what it shows of an outbox, and what it does with dead letters."""

import asyncio
import json
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result
from inline_outbox import entry

from pushgateway.cli.command import pushgateway as command
from pushgateway.cli.exit_codes import Exit
from pushgateway.model.outcome import Outcome
from pushgateway.model.push import PushToken
from pushgateway.model.reason import Reason, Status
from pushgateway.outbox import SQLiteStore
from pushgateway.outbox.content import encode_outcome
from pushgateway.outbox.store import Ask, Done, SettleTimes

DEAD = encode_outcome(
    Outcome(push_token=PushToken(1, ""), status=Status.REJECTED, reason=Reason.CREDENTIALS, detail="the key is wrong")
)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A folder with a configuration, and an outbox with two dead letters and a push that waits."""
    (tmp_path / "pushgateway.toml").write_text('[outbox]\nurl = "sqlite:///outbox.db"\n')

    async def fill() -> None:
        store = SQLiteStore(tmp_path / "outbox.db")
        await store.put([entry(name, token="TOKEN-secret") for name in ("dead-1", "dead-2")])
        leased = await store.lease(Ask(lease=1, now=2000.0, until=2100.0, most=10, held={}))
        times = SettleTimes(now=2000.0, keep=False, handed_over_until=0.0, remember_until=0.0)
        await store.settle([Done(one.id, one.lease, DEAD, True) for one in leased], [], times)
        await store.put([entry("waits", certificate_id="7006")])
        await store.aclose()

    asyncio.run(fill())
    return tmp_path


def run(folder: Path, *arguments: str) -> Result:
    return CliRunner().invoke(command, ["outbox", *arguments, "--config", str(folder / "pushgateway.toml")])


def status(folder: Path) -> Any:
    """What `status --json` prints."""
    return json.loads(run(folder, "status", "--json").stdout)


def test_status_for_people(folder: Path) -> None:
    """It shows the counts of each certificate and each dead letter with its reason, and no token."""
    result = run(folder, "status")

    assert result.exit_code == Exit.OK
    lines = [line.split() for line in result.stdout.splitlines()]
    assert ["1", "0", "0", "0", "0", "2"] in lines
    assert any(line[:6] == ["7006", "1", "0", "0", "0", "0"] for line in lines)
    assert "the key is wrong" in result.stdout
    assert "credentials" in result.stdout
    assert "dead-1" in result.stdout
    assert "secret" not in result.stdout


def test_status_for_scripts(folder: Path) -> None:
    """It has the same as one JSON object, without tokens."""
    found = status(folder)

    assert [(one["certificate_id"], one["waiting"], one["dead"]) for one in found["certificates"]] == [
        ("1", 0, 2),
        ("7006", 1, 0),
    ]
    assert [(one["dedupe_id"], one["reason"], one["detail"]) for one in found["dead_letters"]] == [
        ("dead-1", "credentials", "the key is wrong"),
        ("dead-2", "credentials", "the key is wrong"),
    ]
    assert all(one["token"].startswith("tok:") for one in found["dead_letters"])


def test_as_many_letters_as_wanted(folder: Path) -> None:
    """`--letters 1` lists one, `--letters 0` none."""
    numbers = [json.loads(run(folder, "status", "--json", "--letters", n).stdout)["dead_letters"] for n in ("1", "0")]

    assert [len(one) for one in numbers] == [1, 0]


def test_retry_one(folder: Path) -> None:
    """The letter that is named waits again; the other stays."""
    result = run(folder, "retry", "dead-1")

    assert (result.exit_code, result.stdout) == (Exit.OK, "1 dead letters are sent again\n")
    assert [(one["waiting"], one["dead"]) for one in status(folder)["certificates"]] == [(1, 1), (1, 0)]


def test_drop_all(folder: Path) -> None:
    """All dead letters are removed, and nothing else."""
    result = run(folder, "drop", "--all", "--json")

    assert (result.exit_code, json.loads(result.stdout)) == (Exit.OK, {"count": 2})
    assert [one["certificate_id"] for one in status(folder)["certificates"]] == ["7006"]


@pytest.mark.parametrize("what", ["retry", "drop"])
def test_an_id_that_is_no_dead_letter(folder: Path, what: str) -> None:
    """It is said, and the exit code is that of a failure; the others are done."""
    result = run(folder, what, "dead-1", "waits")

    assert result.exit_code == Exit.FAILED
    assert result.stdout.startswith("1 dead letters")
    assert "some of these ids are no dead letters" in result.stderr


@pytest.mark.parametrize("arguments", [("retry",), ("drop", "--all", "dead-1")])
def test_ids_or_all(folder: Path, arguments: tuple[str, ...]) -> None:
    """Neither or both is wrong usage, and changes nothing."""
    result = run(folder, *arguments)

    assert result.exit_code == Exit.USAGE
    assert len(status(folder)["dead_letters"]) == 2


def test_an_empty_outbox(tmp_path: Path) -> None:
    """It says so."""
    (tmp_path / "pushgateway.toml").write_text('[outbox]\nurl = "sqlite:///outbox.db"\n')
    (tmp_path / "outbox.db").touch()

    assert run(tmp_path, "status").stdout == "The outbox is empty.\n"


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("", "outbox: is missing"),
        ('[outbox]\nurl = "sqlite:///nowhere/outbox.db"', "outbox.url: outbox.db is not there"),
    ],
)
def test_an_outbox_that_cannot_be_used(tmp_path: Path, text: str, said: str) -> None:
    """A missing table and a file that cannot be opened are one sentence each, and exit code 2."""
    (tmp_path / "pushgateway.toml").write_text(text)

    result = run(tmp_path, "status")

    assert result.exit_code == Exit.USAGE
    assert said in result.stderr
    assert "Traceback" not in result.output


def test_no_file_is_made(tmp_path: Path) -> None:
    """It would belong to whoever runs the command, and the service could not open it."""
    (tmp_path / "pushgateway.toml").write_text('[outbox]\nurl = "sqlite:///outbox.db"\n')

    result = run(tmp_path, "status")

    assert result.exit_code == Exit.USAGE
    assert "outbox.url: outbox.db is not there; the service makes it when it starts" in result.stderr
    assert not (tmp_path / "outbox.db").exists()
