"""The commands that messages print to install something. They work in a checkout of this project.

In one place, because they change on the day when the packages are on PyPI.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

PLUGINS: Final[Mapping[str, str]] = {
    "harmony": "huawei",
    "honor": "honor",
    "huawei": "huawei",
    "meizu": "meizu",
    "oppo": "oppo",
    "vivo": "vivo",
    "xiaomi": "xiaomi",
}
"""Brands whose plug-in is in this repository, with the name of its folder in `plugins`. For any other brand the name of
the package would be a guess, and the user might install an unknown author's code."""


def core_command(extra: str) -> str:
    """Installs the core with an extra."""
    return f'pip install ".[{extra}]" in a checkout of this project'


def plugin_command(brand: str) -> str:
    """Installs the plug-in of one of `PLUGINS`."""
    return f"pip install ./plugins/{PLUGINS[brand]} in a checkout of this project"
