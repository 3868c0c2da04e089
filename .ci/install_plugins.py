"""Builds and installs the wheel of every plug-in in `plugins/`: into the environment of the Python that runs it.

Used by tox, after the core is installed. It needs no change for a new plug-in.
"""

import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]


def main() -> int:
    """Install them with pip; returns its exit code."""
    folders = sorted(str(path.parent) for path in ROOT.glob("plugins/*/pyproject.toml"))
    pip = [sys.executable, "-m", "pip", "install", "--quiet", "--no-deps", "--force-reinstall", *folders]
    return subprocess.run(pip, check=False).returncode  # noqa: S603 - our own folders


if __name__ == "__main__":
    sys.exit(main())
