"""`SqliteState`: a clock that was set back holds nothing for longer, the file is the owner's, and a wrong file costs no
push."""

import asyncio
import stat
from pathlib import Path

import pytest
from toy_vendor import ToyServer, gateway, note

from pushgateway import PushToken
from pushgateway.observe.events import Event, SharedStateChanged
from pushgateway.state import Claim, LoginResult, Wish
from pushgateway.state.sqlite import SqliteState


class Clock:
    """A clock that stands still until it is set."""

    def __init__(self) -> None:
        self.now = 1_700_000_000.0

    def __call__(self) -> float:
        return self.now


def modes_below(folder: Path) -> set[int]:
    """The rights of the files in a folder."""
    return {stat.S_IMODE(path.stat().st_mode) for path in folder.iterdir()}


@pytest.mark.anyio
async def test_a_clock_that_was_set_back_holds_nothing_for_longer(tmp_path: Path) -> None:
    """The clock was an hour ahead and is set right: what was written before does not hold for an hour more. Portions,
    turns, tokens, closed quotas and receipts begin anew; the vendor says again what is still so."""
    clock = Clock()
    state = SqliteState(tmp_path / "state.db", clock=clock)
    await state.exchange("a", [Wish("rate", 100.0, 90.0, 100.0)], hold=2.0, known=-1)
    await state.begin_login("login", "a", mark="", hold=3.0)
    await state.begin_login("second", "a", mark="", hold=3.0)
    await state.end_login("second", "a", LoginResult(text="t", seconds=50.0, mark="m"))
    await state.close_quota("q", 60.0)
    await state.claim_receipts(["r"], "a", hold=60.0)

    clock.now -= 3600
    answer = await state.exchange("b", [Wish("rate", 100.0, 90.0, 100.0)], hold=2.0, known=-1)
    turns = [(await state.begin_login(key, "b", mark="", hold=3.0)).kind for key in ("login", "second")]
    claims = await state.claim_receipts(["r"], "b", hold=60.0)
    await state.aclose()

    assert (answer.processes, answer.portions[0].granted, answer.closed) == (1, 100.0, {})
    assert turns == ["yours", "yours"]
    assert list(claims) == [Claim.NEW]


@pytest.mark.anyio
async def test_only_the_owner_reads_the_file(tmp_path: Path) -> None:
    """It holds access tokens."""
    state = SqliteState(tmp_path / "state.db")
    await state.close_quota("q", 60.0)
    modes = modes_below(tmp_path)
    await state.aclose()

    assert modes == {0o600}


@pytest.mark.anyio
async def test_what_ended_is_deleted(tmp_path: Path) -> None:
    """A file that is used for years does not grow: what ended goes as new things come."""
    clock = Clock()
    state = SqliteState(tmp_path / "state.db", clock=clock)
    for number in range(50):
        clock.now += 100
        await state.exchange(f"p{number}", [Wish(f"rate-{number}", 9.0, 9.0, 9.0)], hold=2.0, known=-1)
        await state.begin_login(f"login-{number}", "a", mark="", hold=3.0)
        await state.end_login(f"login-{number}", "a", LoginResult(text="t", seconds=50.0, mark="m"))
        await state.close_quota(f"q{number}", 60.0)
        await state.claim_receipts([f"r{number}"], "a", hold=60.0)
    tables = ("processes", "portions", "logins", "closed", "receipts")
    counts = await state._database.run(
        lambda connection: [connection.execute(f"SELECT count(*) FROM {name}").fetchone()[0] for name in tables]
    )
    await state.aclose()

    assert counts == [1] * len(tables)


@pytest.mark.anyio
@pytest.mark.parametrize("kind", ["no database", "a folder", "no folder"])
async def test_a_wrong_file_costs_no_push(tmp_path: Path, kind: str, caplog: pytest.LogCaptureFixture) -> None:
    """What lies there is no database, or nothing can: pushes are sent, and one event and one line report the store. The
    line says what is wrong with the file."""
    events: list[Event] = []
    path = tmp_path / "state.db"
    if kind == "a folder":
        path.mkdir()
    elif kind == "no database":
        path.write_bytes(b"no database" * 1000)
    else:
        path = tmp_path / "nowhere" / "state.db"
    server = ToyServer()
    server.latency = 0.0
    async with gateway(server, state=f"sqlite:///{path}", observer=events.append) as g:
        outcomes = await asyncio.gather(*(g.send(PushToken(1, f"k{number}"), note()) for number in range(20)))

    assert all(outcome.ok for outcome in outcomes)
    assert [event for event in events if isinstance(event, SharedStateChanged)] == [SharedStateChanged(available=False)]
    said = {"no database": "is no SQLite database", "a folder": "is no regular file", "no folder": "No such file"}[kind]
    assert [f"state.db: {said}" in record.getMessage() for record in caplog.records] == [True]
