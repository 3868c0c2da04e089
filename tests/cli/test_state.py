"""`pushgateway state`: what it shows of the shared state, and that quotas are opened in all processes."""

import asyncio
import json
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result
from pushgateway_oppo import Oppo

from pushgateway.cli.command import pushgateway as command
from pushgateway.cli.exit_codes import Exit
from pushgateway.engine.session.vendor_session import login_digest
from pushgateway.engine.sharing import ANSWERS, ANSWERS_KEPT, shared_key
from pushgateway.model.secret import Secret
from pushgateway.state import Contents, LoginResult, Wish
from pushgateway.state.sqlite import SqliteState

CONFIG = """
[state]
url = "sqlite:///state.db"
[certificates.7005]
brand = "oppo"
app_key = "the-app-key"
master_secret = "canary-of-a-secret"
"""
OPPO = Oppo(app_key="the-app-key", master_secret=Secret("canary-of-a-secret"))
KEY = f"{shared_key('7005', OPPO)}/cn"


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A folder with a configuration, and a state that a process uses."""
    (tmp_path / "pushgateway.toml").write_text(CONFIG)
    return tmp_path


def fill(folder: Path) -> None:
    """One process that sends, its login, and two closed quotas."""

    async def filling() -> None:
        state = SqliteState(folder / "state.db")
        login = login_digest(OPPO, "cn")
        assert login is not None
        await state.exchange("im-7:4711:ab12cd", [Wish(f"{KEY}/pushes", 100.0, 80.0, 60.0)], hold=60.0, known=-1)
        await state.begin_login(login, "im-7:4711:ab12cd", mark="", hold=60.0)
        result = LoginResult(text='{"value": "canary-of-a-token"}', seconds=7200.0, mark="m")
        await state.end_login(login, "im-7:4711:ab12cd", result)
        await state.close_quota(f"{KEY}/public%20messages", 1800.0)
        await state.close_quota("9.0011/cn/", 9000.0)
        await state.close_quota(f"9.0011/cn/{ANSWERS}", ANSWERS_KEPT)  # no quota: the vendor answers again
        await state.claim_receipts(["r1", "r2"], "im-7:4711:ab12cd", hold=60.0)
        await state.aclose()

    asyncio.run(filling())


def run(folder: Path, *arguments: str) -> Result:
    return CliRunner().invoke(command, ["state", *arguments, "--config", str(folder / "pushgateway.toml")])


def shown(folder: Path) -> Any:
    """What `show --json` prints."""
    return json.loads(run(folder, "show", "--json").stdout)


def test_it_shows_people_what_is_shared(folder: Path) -> None:
    """Processes, logins by their certificates, portions, closed quotas and receipts; no token and no secret."""
    fill(folder)
    result = run(folder, "show")

    lines = [line.split() for line in result.stdout.splitlines()]
    assert result.exit_code == Exit.OK
    assert ["7005", "cn", "pushes", "im-7:4711:ab12cd", "60", "80"] in lines
    assert any(line[:3] == ["7005", "cn", "public"] for line in lines)
    assert any(
        line[:1] == ["7005"] and line[2:4] == ["access", "token"] and line[-2:] == ["2.0", "h"] for line in lines
    )
    assert "2 receipts are remembered" in result.stdout
    assert "canary" not in result.stdout


def test_it_shows_scripts_the_same(folder: Path) -> None:
    """One JSON object, with names instead of keys."""
    fill(folder)
    result = run(folder, "show", "--json")
    found = json.loads(result.stdout)

    assert found["processes"].keys() == {"im-7:4711:ab12cd"}
    assert [(one["certificate_ids"], one["state"]) for one in found["logins"]] == [(["7005"], "token")]
    assert found["portions"] == [
        {
            "certificate_id": "7005",
            "region": "cn",
            "rate": "pushes",
            "process": "im-7:4711:ab12cd",
            "per_second": 60.0,
            "demand": 80.0,
        }
    ]
    assert [(one["certificate_id"], one["region"], one["quota"]) for one in found["closed"]] == [
        ("7005", "cn", "public messages"),
        ("9", "cn", ""),
    ]
    assert found["receipts"] == 2
    assert "canary" not in result.stdout


def test_an_empty_state_is_said_in_words(folder: Path) -> None:
    """Before the first process there is nothing to show. The file is not made: it would belong to whoever runs the
    command, and another user's services could not use it."""
    assert run(folder, "show").stdout == "Nothing is shared now.\n"
    assert shown(folder) == {"processes": {}, "logins": [], "portions": [], "closed": [], "receipts": 0}
    assert run(folder, "open", "7005").exit_code == Exit.FAILED
    assert [path.name for path in folder.iterdir()] == ["pushgateway.toml"]


def test_receipts_that_were_not_counted_are_said_in_words(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A Redis with very many keys does not count them: for scripts that is null."""

    async def contents(_: SqliteState) -> Contents:
        return Contents(processes={}, logins={}, closed={}, portions={}, receipts=None)

    fill(folder)
    monkeypatch.setattr(SqliteState, "contents", contents)

    assert run(folder, "show").stdout == "receipts are remembered, too many to be counted\n"
    assert shown(folder)["receipts"] is None


def test_open_opens_the_quotas_of_one_certificate(folder: Path) -> None:
    """Its closed quotas are open to every process; another certificate's stay closed. Nothing to open is exit code
    1."""
    fill(folder)
    first, second = run(folder, "open", "7005"), run(folder, "open", "7005", "--json")

    assert (first.exit_code, first.stdout) == (Exit.OK, "1 quotas were opened\n")
    assert (second.exit_code, json.loads(second.stdout)) == (Exit.FAILED, {"count": 0})
    assert [one["certificate_id"] for one in shown(folder)["closed"]] == ["9"]


@pytest.mark.parametrize(
    ("config", "said"),
    [
        ("", "state: the configuration has no table [state]"),
        (
            "[state]\nurl = 'redis://user:canary-5d1f@127.0.0.1:1/0'",
            "state: cannot be used: redis://127.0.0.1:1/0: ConnectionError",
        ),
        (
            "[state]\nurl = 'sqlite:///pushgateway.toml'",
            "state: cannot be used: pushgateway.toml: is no SQLite database",
        ),
    ],
)
def test_a_state_that_cannot_be_used_is_a_sentence(folder: Path, config: str, said: str) -> None:
    """No table, no server there, or another file: exit code 2, and no password is shown."""
    (folder / "pushgateway.toml").write_text(config)
    result = run(folder, "show")

    assert result.exit_code == Exit.USAGE
    assert said in result.stderr
    assert "canary" not in result.output
