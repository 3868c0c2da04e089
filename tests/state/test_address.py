"""Where the shared state is: each URL opens its store, a wrong one is refused with a sentence, and no password is
shown."""

import sys
from pathlib import Path

import pytest

from pushgateway.model.errors import ConfigError, FieldError
from pushgateway.model.secret import Secret
from pushgateway.state import StateAddress, open_state
from pushgateway.state.redis import RedisState
from pushgateway.state.sqlite import SqliteState

CANARY = "canary-5d1f"


@pytest.mark.parametrize(
    ("url", "kind", "name"),
    [
        ("sqlite:///folder/push.db", SqliteState, "sqlite file push.db"),
        ("redis://localhost", RedisState, "redis://localhost"),
        (f"redis://user:{CANARY}@host:6379/3?password={CANARY}", RedisState, "redis://host:6379/3"),
        (f"rediss://:{CANARY}@[::1]:6380", RedisState, "rediss://[::1]:6380"),
        (f"unix://user:{CANARY}@/run/redis.sock", RedisState, "unix:///run/redis.sock"),
    ],
)
def test_a_url_names_a_store(url: str, kind: type, name: str) -> None:
    """It opens the store without connecting to it, and what a log shows of it has no password."""
    state = open_state(url)

    assert type(state) is kind
    assert state.name == name
    assert CANARY not in f"{state!r} {state.name} {StateAddress(url)!r} {vars(state)!r}"


def test_the_file_is_relative_to_the_folder_of_the_address(tmp_path: Path) -> None:
    """An SQLite file of a configuration lies beside it; an absolute path stays as it is."""
    inside = open_state(StateAddress("sqlite:///push.db", folder=tmp_path))
    absolute = open_state(StateAddress(Secret("sqlite:////somewhere/push.db"), folder=tmp_path))

    assert isinstance(inside, SqliteState)
    assert isinstance(absolute, SqliteState)
    assert inside._database.path == tmp_path / "push.db"
    assert absolute._database.path == Path("/somewhere/push.db")


@pytest.mark.parametrize(
    "url",
    [
        *("", "redis:", "redis://", "redis:///0", "redis://host:port", "unix://", "sqlite://push.db", "sqlite:///"),
        *("sqlite:///:memory:", f"mysql://u:{CANARY}@host/db", "push.db", "memory://", "redis://[::1"),
    ],
)
def test_a_wrong_url_is_refused_without_its_text(url: str) -> None:
    """The error names the field and what would be right."""
    with pytest.raises(FieldError, match=r"^state\.url: must be ") as refused:
        StateAddress(url)

    assert CANARY not in str(refused.value)


@pytest.mark.parametrize("prefix", ["", "a{b", "a}b", "a\nb"])
def test_a_prefix_may_not_break_the_names_of_keys(prefix: str) -> None:
    """Braces decide where a cluster keeps a key."""
    with pytest.raises(FieldError, match=r"^state\.prefix: "):
        StateAddress("redis://host", prefix)


def test_a_missing_client_says_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    """Without the extra the error has the command."""
    monkeypatch.setitem(sys.modules, "redis", None)

    with pytest.raises(ConfigError, match=r"needs redis, which is not installed: pip install .*\[redis\]"):
        open_state("redis://host")
