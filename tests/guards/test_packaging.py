"""Checks of what is shipped: tests run on the built wheels, wheels are complete, the README's commands are those of CI.

Under tox `PUSHGATEWAY_INSTALLED_IN` names the folder that the packages must be imported from. Without it they must come
from this checkout, so that no old installation is tested by mistake.
"""

import configparser
import importlib
import os
import re
import tomllib
from collections.abc import Iterator, Mapping
from importlib.metadata import distribution, entry_points
from pathlib import Path
from typing import Any

import pytest
from packaging.requirements import Requirement

from pushgateway.vendor import Vendor

ROOT = Path(__file__).resolve().parents[2]
BRANDS = {path.parent.name for path in ROOT.glob("plugins/*/pyproject.toml")}
"""The folders of the plug-ins in this repository, each named after a brand that it registers."""
PACKAGES = sorted(path.relative_to(ROOT).as_posix() for path in ROOT.glob("plugins/*/pushgateway_*"))
"""The packages of the plug-ins in this repository."""
FIRST = 'python3 -m venv .venv && .venv/bin/pip install ".[all]" ./plugins/* && .venv/bin/pushgateway demo'
SECOND = "python3 -m venv .venv-tox && .venv-tox/bin/pip install tox && .venv-tox/bin/tox"


def project(root: Path, folder: str) -> Mapping[str, Any]:
    """The `[project]` table of a distribution of this repository."""
    table: Mapping[str, Any] = tomllib.loads((root / folder / "pyproject.toml").read_text("utf-8"))["project"]
    return table


def shipped(package: Path) -> Iterator[Path]:
    """The files of a package in the checkout, relative to it."""
    for path in sorted(package.rglob("*")):
        if path.is_file() and "__pycache__" not in path.parts:
            yield path.relative_to(package)


@pytest.fixture(params=["pushgateway", *PACKAGES])
def package(request: pytest.FixtureRequest, root: Path) -> tuple[Path, Path]:
    """A package as (its folder in the checkout, the folder it was imported from)."""
    folder = root / request.param
    imported = importlib.import_module(folder.name).__file__
    assert imported is not None
    return folder, Path(imported).resolve().parent


def test_the_tested_package_is_the_one_meant(package: tuple[Path, Path]) -> None:
    """Under tox it is the installed wheel, otherwise the checkout, never another copy."""
    source, imported = package
    meant = Path(os.environ.get("PUSHGATEWAY_INSTALLED_IN", source.parent)).resolve()

    assert imported.parent == meant, f"{source.name} comes from {imported.parent}, meant is {meant}"


def test_the_package_is_whole(package: tuple[Path, Path]) -> None:
    """Every file of a package is shipped unchanged: sources, rules, pages and the typing marker."""
    source, imported = package
    files = list(shipped(source))
    lost = [file for file in files if not (imported / file).is_file()]
    changed = [
        file for file in files if file not in lost and (source / file).read_bytes() != (imported / file).read_bytes()
    ]

    assert Path("py.typed") in files
    assert lost == []
    assert changed == []


def test_only_plugins_are_in_their_folder(root: Path) -> None:
    """The README installs `./plugins/*`: pip refuses whatever is no project."""
    found = [path for path in (root / "plugins").iterdir() if not path.name.startswith((".", "__"))]

    assert found
    assert [path.name for path in found if not (path / "pyproject.toml").is_file()] == []


def test_versions_agree(root: Path) -> None:
    """Core and plug-ins have the same version, and each plug-in requires a core that includes this one."""
    core = project(root, ".")
    plugins = [project(root, str(path.parent)) for path in root.glob("plugins/*/pyproject.toml")]
    wanted = [Requirement(text) for plugin in plugins for text in plugin["dependencies"]]
    cores = [requirement for requirement in wanted if requirement.name == core["name"]]

    assert {plugin["version"] for plugin in plugins} == {core["version"]}
    assert len(cores) == len(plugins)
    assert all(core["version"] in requirement.specifier for requirement in cores)
    installed = {distribution(project["name"]).version for project in (core, *plugins)}
    assert installed == {core["version"]}


def test_the_changelog_knows_the_version(root: Path) -> None:
    """The changelog has a section for the version in development."""
    version = project(root, ".")["version"]

    assert re.search(rf"^## .*\b{re.escape(version)}\b", (root / "CHANGELOG.md").read_text("utf-8"), re.MULTILINE)


def test_entry_points_lead_somewhere() -> None:
    """Every plug-in of this repository and its sandbox are found by their brand, and the command exists."""
    vendors = {point.name: point.load() for point in entry_points(group="pushgateway.vendors")}
    sandboxes = {point.name: point.load() for point in entry_points(group="pushgateway.sandboxes")}
    (command,) = entry_points(group="console_scripts", name="pushgateway")

    assert vendors.keys() >= BRANDS
    assert all(issubclass(vendor, Vendor) and vendor.brand == name for name, vendor in vendors.items())
    assert sandboxes.keys() <= vendors.keys()
    assert sandboxes.keys() >= BRANDS
    assert callable(command.load())


def test_ci_runs_what_the_readme_says(root: Path) -> None:
    """The README gives two commands: one shows the gateway working, one runs every test. CI runs the second one
    exactly, and then the tests that need a browser and those that need servers.
    """
    readme = (root / "README.md").read_text("utf-8")
    blocks = re.findall(r"^```(?:bash|console|sh|shell)\n(.*?)^```", readme, re.MULTILINE | re.DOTALL)
    lines = [line.removeprefix("$ ") for block in blocks for line in block.splitlines()]
    script = (root / ".ci" / "run").read_text("utf-8").splitlines()

    assert [line for line in lines if "-m venv" in line][:2] == [FIRST, SECOND]
    assert SECOND in script
    assert {f"{SECOND.rpartition(' ')[2]} -e {name}" for name in ("browser", "services")} <= set(script)
    assert os.access(root / ".ci" / "run", os.X_OK)


@pytest.mark.parametrize("folder", ["browser", "services"])
def test_tests_with_a_browser_or_servers_are_apart(root: Path, request: pytest.FixtureRequest, folder: str) -> None:
    """Without a browser and without servers everything else can be tested: these folders are left out unless they are
    named, and one environment names each.
    """
    environments = configparser.ConfigParser(interpolation=None)
    environments.read(root / "tox.ini", "utf-8")
    naming = {name for name, table in environments.items() if f"tests{{/}}{folder}" in table.get("commands", "")}

    assert f"tests/{folder}" in request.config.getini("norecursedirs")
    assert naming == {f"testenv:{folder}"}
    assert folder not in environments["tox"]["env_list"]
    assert any((root / "tests" / folder).glob("test_*.py"))
