"""Cancellation at every moment of every public call, in fifteen scenes: nothing is lost, left over or sent twice.

`tests/support/cancelling.py` lists what is checked after each run: a withdrawn push is not sent, other calls end as
they would have, every connection is free again, and closing leaves nothing.
"""

import asyncio

import pytest
from cancelling import CALLS, SCENES, CancelAt, Run, at_every_round, at_every_suspension, in_pairs, run

from pushgateway.engine.pushes.sinks import Singles

every_call = pytest.mark.parametrize("call", CALLS)
every_scene = pytest.mark.parametrize("scene", SCENES)


@every_scene
@every_call
def test_a_call_cancelled_at_any_moment_leaves_nothing_behind(call: str, scene: str) -> None:
    """By `Task.cancel()` before each round of the loop while the call runs."""
    assert at_every_round(call, scene) > 0


@every_scene
@every_call
def test_a_call_cancelled_at_any_suspension_leaves_nothing_behind(call: str, scene: str) -> None:
    """By a `CancelledError` at each place where the call itself waits."""
    suspensions = at_every_suspension(call, scene)

    assert suspensions > 0 or (call == "check" and SCENES[scene].warm)  # it waits for nothing then


PAIRED = ("expired access",)


@every_call
def test_two_cancellations_leave_nothing_behind(call: str, request: pytest.FixtureRequest) -> None:
    """The same call again, or another one a moment before or after it. `tox -e fuzz` tries more scenes and gaps."""
    scenes, gaps = (SCENES, (0, 1, 2, 5)) if request.config.getoption("--inputs") else (PAIRED, (1,))

    rounds = [in_pairs(call, scene, gaps) for scene in scenes]

    assert min(rounds) > 0


def test_the_sweep_sees_what_leaks(monkeypatch: pytest.MonkeyPatch) -> None:
    """The sweep can fail: it finds a push that is sent although it was withdrawn."""
    monkeypatch.setattr(Singles, "is_abandoned", lambda self, places: False)

    with pytest.raises(AssertionError, match="taken back"):
        at_every_round("send", "cold login")


def test_a_cancellation_at_a_suspension_ends_the_wait() -> None:
    """`CancelAt` raises at the k-th suspension, and does nothing if there are fewer."""
    seen = []

    async def waits() -> None:
        for number in range(3):
            try:
                await asyncio.sleep(0)
            except asyncio.CancelledError:
                seen.append(number)

    async def main() -> list[bool]:
        swept = [CancelAt(waits, k) for k in range(1, 5)]
        for one in swept:
            await one
        return [one.fired for one in swept]

    assert asyncio.run(main()) == [True, True, True, False]
    assert seen == [0, 1, 2]


def test_without_a_cancellation_everybody_is_served() -> None:
    """No scene fails by itself: without a cancellation every call succeeds, except what the scene itself closes."""
    runs: list[Run] = [run(call, scene) for call in CALLS for scene in SCENES]

    assert not [one for one in runs if one.reached]
