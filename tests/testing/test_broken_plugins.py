"""The conformance kit finds every plug-in that is broken on purpose, and says what to do.

`tests/scenarios/broken.md` lists them, with the scenario that finds each.
"""

from pathlib import Path

import pytest
from broken.copies import ACME, BEAM, OPPO, QUILL, VAULT, Base, Broken, installed
from broken.listing import BROKEN, listing

from pushgateway.testing.conformance import PROMISES, PluginConformance
from pushgateway.testing.conformance.runner import scenarios
from pushgateway.testing.conformance.sandbox_connection import open_http_connection


@pytest.mark.parametrize("broken", BROKEN, ids=lambda broken: broken.name)
def test_a_broken_plugin_is_found_with_advice(broken: Broken, tmp_path: Path) -> None:
    """The scenario fails, and its message names what was observed, the promise and how to keep it."""
    seen = broken.seen(tmp_path)

    assert seen is not None, f"passes: {broken.name}"
    assert seen.promise is PROMISES[broken.promise]
    assert broken.says in seen.seen
    assert str(seen).endswith(f"to keep it: {seen.promise.how_to_keep}")


@pytest.mark.parametrize("base", [ACME, QUILL, BEAM, VAULT, OPPO], ids=lambda base: base.name)
def test_a_correct_plugin_passes_every_scenario(base: Base, tmp_path: Path) -> None:
    """So the scenarios find the mistake and not the plug-in; and each promise has a scenario."""
    with installed(tmp_path, base=base) as kit:
        judged = list(scenarios(kit))
        failing = {scenario.name: scenario.seen() for scenario in judged}

    assert {name: seen for name, seen in failing.items() if seen} == {}
    assert {scenario.promise.key for scenario in judged} == PROMISES.keys()


def test_every_promise_and_every_scenario_has_a_broken_plugin() -> None:
    """Each promise and each scenario is proved by at least one broken plug-in."""
    promised = {(scenario.promise.key, scenario.name) for scenario in scenarios(PluginConformance)}

    assert len(BROKEN) == len({broken.name for broken in BROKEN}) >= 160
    assert {(broken.promise, broken.scenario) for broken in BROKEN} == promised
    assert {broken.promise for broken in BROKEN} == PROMISES.keys()


def test_the_list_of_broken_plug_ins_is_up_to_date(root: Path) -> None:
    """The list in the repository equals the list that is generated."""
    assert (root / "tests" / "scenarios" / "broken.md").read_text("utf-8") == listing()


@pytest.mark.parametrize("base", [BEAM, VAULT], ids=lambda base: base.name)
def test_the_whole_kit_runs_over_http(base: Base, tmp_path: Path) -> None:
    """A vendor without a login, and one whose access tokens are signed here, over a real connection: every scenario
    gives the same result."""
    with installed(tmp_path, base=base) as kit, open_http_connection() as http:
        kit.http = http
        failing = {scenario.name: scenario.seen() for scenario in scenarios(kit)}

    assert {name: seen for name, seen in failing.items() if seen} == {}


@pytest.mark.days
@pytest.mark.parametrize("broken", BROKEN, ids=lambda broken: broken.name)
def test_the_whole_kit_finds_the_broken_plugin_too(broken: Broken, tmp_path: Path) -> None:
    """An author runs all scenarios at once: the one that is named here is among those that fail."""
    with installed(tmp_path, broken.edits, broken.base) as kit:
        failing = {scenario.name for scenario in scenarios(kit) if scenario.seen() is not None}

    assert broken.scenario in failing
