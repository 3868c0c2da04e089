"""A copy of the tutorial's plug-in with an edit, installed and imported as a package of its own.

Law of this file: as pip would leave it: a package and its entry points in a folder on `sys.path`. The checkout's files
are read, never changed.
"""

from __future__ import annotations

import importlib
import sys
import tomllib
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from zlib import crc32

import attrs
import pytest
from stevedore import DriverManager

from pushgateway.testing.conformance import PluginConformance
from pushgateway.testing.conformance.judging import scenarios
from pushgateway.testing.conformance.promises import BrokenPromiseError

EXAMPLE = Path(__file__).resolve().parents[3] / "examples" / "acme"
PACKAGE = "pushgateway_acme"
FILES = ("__init__.py", "rules.toml", "sandbox.py", "vendor.py")


@attrs.frozen
class Edit:
    """In this file, this text becomes that text."""

    file: str
    old: str
    new: str


@attrs.frozen
class Broken:
    """One broken plug-in."""

    name: str
    """What is wrong with it."""
    promise: str
    """The promise that it breaks."""
    scenario: str
    """The scenario that sees it."""
    says: str
    """A part of what that scenario says."""
    edits: tuple[Edit, ...]

    def seen(self, folder: Path) -> BrokenPromiseError | None:
        """What the scenario says; None when it sees nothing."""
        with installed(folder, self.edits) as kit:
            (scenario,) = (scenario for scenario in scenarios(kit) if scenario.name == self.scenario)
            return scenario.seen()


def breaks(promise: str, scenario: str, name: str, says: str, *texts: str, file: str = "vendor.py") -> Broken:
    """A broken plug-in: the promise, who sees it, what is wrong, what is said; then old and new texts in turn."""
    edits = tuple(Edit(file, old, new) for old, new in zip(texts[::2], texts[1::2], strict=True))
    return Broken(name, promise, f"test_{scenario}", says, edits)


@contextmanager
def installed(folder: Path, edits: tuple[Edit, ...] = ()) -> Iterator[type[PluginConformance]]:
    """The kit for a copy of the tutorial's plug-in, which is installed until the end of the block."""
    package = f"{PACKAGE}_{crc32(repr(edits).encode()):08x}" if edits else PACKAGE
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(DriverManager, "ENTRY_POINT_CACHE", {})
        _lay_down(folder, package, edits)
        patch.syspath_prepend(str(folder))
        importlib.invalidate_caches()
        try:
            yield _kit(package)
        finally:
            for name in [name for name in sys.modules if name.partition(".")[0] == package]:
                del sys.modules[name]


def _lay_down(folder: Path, package: str, edits: tuple[Edit, ...]) -> None:
    texts = {name: (EXAMPLE / PACKAGE / name).read_text("utf-8") for name in FILES}
    texts["pyproject.toml"] = (EXAMPLE / "pyproject.toml").read_text("utf-8")
    for edit in edits:
        if texts[edit.file].count(edit.old) != 1:
            raise LookupError(f"{edit.file} has {texts[edit.file].count(edit.old)} times: {edit.old}")
        texts[edit.file] = texts[edit.file].replace(edit.old, edit.new)
    texts = {name: text.replace(PACKAGE, package) for name, text in texts.items()}
    groups = tomllib.loads(texts.pop("pyproject.toml"))["project"]["entry-points"]
    points = "".join(
        f"[{group}]\n" + "".join(f"{name} = {value}\n" for name, value in entries.items())
        for group, entries in groups.items()
    )
    for place in (folder / package, folder / f"{package}-0.1.0.dist-info"):
        place.mkdir(parents=True)
    for name, text in texts.items():
        (folder / package / name).write_text(text, "utf-8")
    (folder / f"{package}-0.1.0.dist-info" / "METADATA").write_text(f"Name: {package}\nVersion: 0.1.0\n")
    (folder / f"{package}-0.1.0.dist-info" / "entry_points.txt").write_text(points)


def _kit(package: str) -> type[PluginConformance]:
    acme = importlib.import_module(f"{package}.vendor").Acme
    sandbox = importlib.import_module(f"{package}.sandbox").AcmeSandbox

    class Kit(PluginConformance):
        """What `examples/acme/tests/test_acme.py` holds, for the copy."""

        vendor = acme

        def make_sandbox(self, **options: Any) -> Any:
            return sandbox(**options)

        def with_wrong_secret(self, settings: Any) -> Any:
            return {**settings, "secret": "another"}

    return Kit
