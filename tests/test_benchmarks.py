"""The benchmarks: they run, they compare like with like, and they say so when a target is missed.

Law of this file: nothing here looks at a figure, because machines are noisy; the scripts run with a handful of pushes.
"""

import importlib
import json
import os
import subprocess
import sys
from pathlib import Path
from statistics import fmean
from types import ModuleType
from typing import Any

import pytest
from pushgateway_oppo.sandbox import OppoSandbox

from pushgateway import Certificate, Gateway
from pushgateway.testing import SandboxTransport


@pytest.fixture
def common(root: Path, monkeypatch: pytest.MonkeyPatch) -> ModuleType:
    """What the scripts share, imported the way they import it."""
    monkeypatch.syspath_prepend(str(root / "benchmarks"))
    return importlib.import_module("common")


def run(script: Path, *arguments: str) -> tuple[int, dict[str, Any]]:
    """Exit code and JSON object of a script, which sees the packages that the tests see."""
    surroundings = {**os.environ, "PYTHONPATH": str(script.parent)}
    done = subprocess.run(
        [sys.executable, str(script), *arguments, "--json"],
        check=False,
        capture_output=True,
        text=True,
        env=surroundings,
        timeout=60,
    )
    assert done.stderr == ""
    return done.returncode, json.loads(done.stdout)


def test_send_each_is_measured(root: Path) -> None:
    """Every contender has its row and every target its verdict; the exit code agrees with the verdicts."""
    code, told = run(root / "benchmarks" / "send_each.py", "--count", "12", "--posts", "3", "--rounds", "2")

    assert [row["pushes"] for row in told["rows"]] == [12, 12, 12, 3, 12, 12]
    assert all(row["cpu"] > 0 and row["per_second"] > 0 for row in told["rows"])
    assert len(told["targets"]) == 3
    assert code == (0 if all(target["met"] for target in told["targets"]) else 1)


def test_memory_is_measured(root: Path) -> None:
    """A short stream has a start and a peak above it, and its target a verdict that the exit code agrees with."""
    code, told = run(root / "benchmarks" / "memory.py", "--count", "1500")

    assert told["pushes"] == 1500
    assert 0 < told["start"] <= told["peak"]
    assert code == (0 if told["targets"][0]["met"] else 1)


@pytest.mark.anyio
async def test_the_naive_encoder_has_the_same_messages(common: ModuleType) -> None:
    """What N encodes is what the gateway sends, field for field; and no two messages are alike."""
    sandbox = OppoSandbox(tokens=5)
    pushes = list(common.make_pushes(sandbox.tokens, 5))
    certificate = Certificate(common.CERTIFICATE_ID, "oppo", sandbox.settings("http://127.0.0.1"))
    async with Gateway([certificate], transport=SandboxTransport(sandbox)) as gateway:
        outcomes = await gateway.send_each(pushes)

    assert {outcome.truncated for outcome in outcomes} == {()}
    deliveries = {delivery.token: delivery for delivery in sandbox.ledger.deliveries}
    for push, outcome in zip(pushes, outcomes, strict=True):
        naive = common.wire_message(push, outcome.dedupe_id)
        sent = dict(deliveries[naive["target_value"]].notification)
        for notification in (sent, naive["notification"]):
            notification["action_parameters"] = json.loads(notification["action_parameters"])
        assert sent == naive["notification"]
    assert len({(delivery.title, delivery.body) for delivery in sandbox.ledger.deliveries}) == 5


def test_the_messages_have_the_size_that_is_told(common: ModuleType) -> None:
    """Titles of about 12 and bodies of about 60 characters; about 450 characters of JSON."""
    pushes = list(common.make_pushes(["CN_" + "0" * 32], 200))

    titles, bodies = zip(*((len(push.notification.title), len(push.notification.body)) for push in pushes), strict=True)
    messages = [json.dumps(common.wire_message(push, "0" * 32), ensure_ascii=False) for push in pushes]

    assert fmean(titles) == pytest.approx(12, abs=1)
    assert fmean(bodies) == pytest.approx(60, abs=2)
    assert fmean(map(len, messages)) == pytest.approx(450, abs=15)


@pytest.mark.parametrize(
    ("measured", "at_least", "met"),
    [(30.0, True, True), (29.9, True, False), (30.0, False, True), (30.1, False, False)],
)
def test_the_limit_itself_is_met(
    common: ModuleType, capsys: pytest.CaptureFixture[str], measured: float, at_least: bool, met: bool
) -> None:
    """A target is met at its limit and missed beyond it, in words and in the exit code."""
    target = common.Target("text", measured, 30, at_least=at_least)
    code = common.report({}, [], [target], as_json=False)

    assert code == (0 if met else 1)
    assert capsys.readouterr().out.strip().endswith("- met" if met else "- missed")


def test_nothing_refused_counts_as_sent(common: ModuleType) -> None:
    """A benchmark whose pushes were not all accepted proves nothing and ends with an error."""
    with pytest.raises(RuntimeError, match="0 of 1 pushes"):
        common.expect_accepted([], 1)


def test_medians_are_taken_over_rounds(common: ModuleType) -> None:
    """One slow round moves neither a row nor a ratio."""
    readings = [common.Reading(10, wall, cpu) for wall, cpu in ((1.0, 0.5), (100.0, 90.0), (1.0, 0.5))]
    row = common.median_row("name", readings)

    assert (row.pushes, row.per_second, row.cpu) == (10, 10.0, 50_000.0)
    assert common.median_ratio([1.0, 90.0, 1.0], [2.0, 2.0, 2.0]) == 0.5
