"""The tutorial's plug-in (`examples/acme`), installed as a package of its own and run through its own tests.

That the page shows its files is checked by `docs/test_tables.py`; that the conformance kit misses no rule of the
contract, by `tests/testing/test_broken_plugins.py`.
"""

import os
import tomllib
from pathlib import Path

import pytest
from broken.copies import EXAMPLE, installed
from broken.listing import BROKEN
from packaging.requirements import Requirement

from pushgateway.certificates.plugins import Plugins
from pushgateway.sandbox import find_sandbox
from pushgateway.testing.conformance.runner import scenarios

pytest_plugins = ["pytester"]


def test_its_own_test_file_passes(tmp_path: Path, pytester: pytest.Pytester, monkeypatch: pytest.MonkeyPatch) -> None:
    """Thirty lines of test file run every scenario of the kit, and none is skipped."""
    with installed(tmp_path / "installed") as kit:
        expected = 2 * sum(len(scenario.runs) for scenario in scenarios(kit))  # in process and over HTTP
    pytester.makepyfile((EXAMPLE / "tests" / "test_acme.py").read_text("utf-8"))
    paths = [str(tmp_path / "installed"), *filter(None, [os.environ.get("PYTHONPATH")])]
    monkeypatch.setenv("PYTHONPATH", os.pathsep.join(paths))
    monkeypatch.setenv("PYTEST_DISABLE_PLUGIN_AUTOLOAD", "1")  # nothing but pytest is needed, as the page says

    result = pytester.runpytest_subprocess("-p", "no:cacheprovider", "-W", "error")

    assert expected > 300
    result.assert_outcomes(passed=expected)


def test_the_page_shows_what_the_kit_says(root: Path, tmp_path: Path) -> None:
    """The failure on the page is the kit's real message about a plug-in that breaks that rule."""
    (forgotten,) = (broken for broken in BROKEN if broken.promise == "kept")
    seen = forgotten.seen(tmp_path)
    page = (root / "docs" / "en" / "writing-a-plugin.md").read_text("utf-8")

    assert f"```text\n{seen}\n```" in page


def test_it_is_found_by_its_brand(tmp_path: Path) -> None:
    """Installing it is enough: vendor and sandbox are found by the brand."""
    with installed(tmp_path):
        vendor, sandbox = Plugins().vendor("acme"), find_sandbox("acme")

    assert (vendor.__module__, vendor.brand) == ("pushgateway_acme.vendor", "acme")
    assert (sandbox.__module__, sandbox.brand) == ("pushgateway_acme.sandbox", "acme")


def test_it_is_small_and_asks_for_this_core(root: Path) -> None:
    """About 140 lines of code without blank lines and docstrings, about 110 for its server, and a requirement that
    this core meets.
    """
    lines = {
        name: [line for line in (EXAMPLE / "pushgateway_acme" / name).read_text("utf-8").splitlines() if line.strip()]
        for name in ("vendor.py", "sandbox.py")
    }
    code = {name: sum(not line.strip().startswith(('"""', "#")) for line in text) for name, text in lines.items()}
    wanted = tomllib.loads((EXAMPLE / "pyproject.toml").read_text("utf-8"))["project"]["dependencies"]
    core = tomllib.loads((root / "pyproject.toml").read_text("utf-8"))["project"]
    (requirement,) = (one for one in map(Requirement, wanted) if one.name == core["name"])

    assert code["vendor.py"] <= 145
    assert code["sandbox.py"] <= 120
    assert core["version"] in requirement.specifier


def test_it_is_short_and_every_file_opens_with_a_docstring() -> None:
    """Readers copy these files, so they keep the project's own rules."""
    for path in EXAMPLE.rglob("*.py"):
        text = path.read_text("utf-8")
        assert text.startswith('"""'), f"{path.name} does not open with a docstring"
        assert len(text.splitlines()) <= 200, f"{path.name} is too long for a tutorial"
