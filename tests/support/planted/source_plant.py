"""Faults planted in the text of a source, each with the test that must notice it.

A plant of `planted.plant` changes the running engine and is looked for by the simulation. Here one text of one source
is replaced, and the named test must fail. For faults that no simulated day shows: transports, plug-ins, messages.
"""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import attrs
from mutation.replaced import VARIABLE

ROOT = Path(__file__).resolve().parents[3]


@attrs.frozen
class SourcePlant:
    """One fault in one source."""

    name: str
    """What is then wrong."""
    source: str
    """The file, relative to the repository."""
    right: str
    """A text that occurs in the source exactly once."""
    wrong: str
    """The text that replaces it."""
    noticed_by: str
    """The test that must fail, as pytest names it: `tests/engine/test_flow_control.py::test_that`."""

    @property
    def module(self) -> str:
        """The dotted name of the source."""
        parts = Path(self.source).with_suffix("").parts
        parts = parts[2:] if parts[0] == "plugins" else parts
        return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)

    def planted(self) -> str:
        """The whole source with the fault. Raises `ValueError` unless the right text occurs exactly once."""
        text = (ROOT / self.source).read_text("utf-8")
        if text.count(self.right) != 1:
            raise ValueError(f"{self.source}: {self.right!r} stands there {text.count(self.right)} times, must be once")
        return text.replace(self.right, self.wrong)

    def run(self, folder: Path, *, planted: bool = True) -> subprocess.CompletedProcess[str]:
        """Run the named test in a process of its own, with or without the fault. Returns the finished process."""
        environment = {**os.environ, "PYTHONPATH": str(ROOT / "tests" / "support"), "PYTHONDONTWRITEBYTECODE": "1"}
        if planted:
            text = folder / "planted.py"
            text.write_text(self.planted(), "utf-8")
            environment[VARIABLE] = f"{self.module}={text}"
        command = [sys.executable, "-m", "pytest", "-p", "mutation.replaced", "-p", "no:cacheprovider", "-x", "-q"]
        # The same examples in each run: a fault that only some of them show would be noticed only sometimes.
        command += ["--hypothesis-seed=0", f"--basetemp={folder / 'tests'}", self.noticed_by]
        return subprocess.run(
            command, cwd=ROOT, env=environment, capture_output=True, text=True, timeout=120, check=False
        )
