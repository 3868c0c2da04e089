"""Options and fixtures of all tests: the checkout, and its sources as text for `tests/guards`.

No fixture uses a network or waits. The guards read sources instead of importing them, so that a wrong module is
reported by a sentence and not by a traceback.
"""

import gc
import os
from collections.abc import Iterator, Mapping
from pathlib import Path

import pytest
from hypothesis import settings

ROOT = Path(__file__).resolve().parents[1]

pytest.register_assert_rewrite("several_processes", "state_conformance")  # tests that several files import

settings.register_profile("no deadline", settings(), deadline=None)  # a busy machine needs longer for an example
settings.load_profile("no deadline")


def modules_under(folder: Path, package: str) -> dict[str, str]:
    """Source texts by dotted name; the `__init__.py` of a package has the name of the package."""
    found = {}
    for path in sorted((folder / package).rglob("*.py")):
        parts = path.relative_to(folder).with_suffix("").parts
        found[".".join(parts[:-1] if parts[-1] == "__init__" else parts)] = path.read_text("utf-8")
    return found


def pytest_addoption(parser: pytest.Parser) -> None:
    """The size of tests that could run without end: `tox -e simulate`, `fuzz` and `soak` ask for more than the
    everyday run.
    """
    parser.addoption("--seeds", type=int, default=150, help="seeds of tests/scenarios/test_simulation.py")
    parser.addoption("--inputs", type=int, default=0, help="inputs for each parser of tests/scenarios/test_fuzz.py")
    parser.addoption("--input", default="", help="one input of tests/scenarios/test_fuzz.py again, such as batch:4711")
    parser.addoption("--plants", type=int, default=48, help="how many source plants are run; 0: all")
    parser.addoption("--minutes", type=float, default=0.0, help="how long tests/scenarios/test_soak.py lasts")
    parser.addoption("--wire-all", action="store_true", help="tests/transport/test_faults.py: cut at every byte")


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    """A test with the argument `day_seed` runs once for each seed, one with `drawn_plant` once for each plant."""
    if "day_seed" in metafunc.fixturenames:
        metafunc.parametrize("day_seed", range(metafunc.config.getoption("--seeds")))
    if "drawn_plant" in metafunc.fixturenames:
        from planted.listing import SOURCE_PLANTS

        wanted = metafunc.config.getoption("--plants") or len(SOURCE_PLANTS)
        every = max(1, len(SOURCE_PLANTS) // wanted)  # spread evenly over all lists, and the same in each run
        metafunc.parametrize("drawn_plant", SOURCE_PLANTS[::every], ids=lambda plant: plant.name)


@pytest.fixture(scope="session", autouse=True)
def _state_home(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """The command line keeps a journal in the user's state folder. Tests must not write into the real one."""
    former = os.environ.get("XDG_STATE_HOME")
    os.environ["XDG_STATE_HOME"] = str(tmp_path_factory.mktemp("state"))
    yield
    if former is None:
        del os.environ["XDG_STATE_HOME"]
    else:
        os.environ["XDG_STATE_HOME"] = former


@pytest.fixture(scope="session")
def root() -> Path:
    """The checkout."""
    return ROOT


@pytest.fixture(scope="session")
def core() -> Mapping[str, str]:
    """The core's modules: dotted name -> source."""
    return modules_under(ROOT, "pushgateway")


@pytest.fixture(scope="session")
def plugins() -> Mapping[str, str]:
    """The modules of all plug-ins of this repository: dotted name -> source."""
    found: dict[str, str] = {}
    for package in sorted(ROOT.glob("plugins/*/pushgateway_*/")):
        found |= modules_under(package.parent, package.name)
    return found


@pytest.fixture(scope="session")
def suites() -> Mapping[str, str]:
    """All tests: path -> source."""
    paths = [*ROOT.glob("tests/**/*.py"), *ROOT.glob("plugins/*/tests/**/*.py")]
    paths += ROOT.glob("examples/*/tests/**/*.py")
    return {path.relative_to(ROOT).as_posix(): path.read_text("utf-8") for path in sorted(paths)}


@pytest.fixture
def anyio_backend() -> str:
    """Tests marked `anyio` run on asyncio, the only event loop that the gateway supports."""
    return "asyncio"


@pytest.fixture
def unburdened() -> Iterator[None]:
    """For tests that check real time to fractions of a second: objects left by earlier tests are excluded from
    garbage collection, which would otherwise stop everything for up to half a second.
    """
    gc.collect()
    gc.freeze()
    yield
    gc.unfreeze()
