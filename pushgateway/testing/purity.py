"""What a plug-in imports: the only way to see from outside that it is a translator.

Law of this file: sources are read, nothing is run.
"""

from __future__ import annotations

import ast
import importlib.util
import inspect
import sys
from pathlib import Path

IMPURE = frozenset(
    {"asyncio", "http", "httpx", "multiprocessing", "os", "random", "requests", "secrets", "select", "selectors"}
    | {"socket", "ssl", "subprocess", "threading", "time", "urllib.request", "uuid"}
)
"""Modules that a translator has no use for: clocks, random, network, tasks."""


def imports_of(package: str) -> list[tuple[str, str]]:
    """(module, what it imports) for every module of a package but its sandbox and its tests."""
    spec = importlib.util.find_spec(package)
    if spec is None:
        raise ModuleNotFoundError(f"{package} is not installed")
    if spec.submodule_search_locations is None:
        module = sys.modules[package]
        return [(package, name) for name in _imported(inspect.getsource(module))]
    found: list[tuple[str, str]] = []
    for folder in spec.submodule_search_locations:
        for path in sorted(Path(folder).rglob("*.py")):
            relative = path.relative_to(folder)
            if not relative.parts[0].startswith(("sandbox", "test")):
                found += [(str(relative), name) for name in _imported(path.read_text("utf-8"))]
    return found


def _imported(source: str) -> list[str]:
    names: list[str] = []
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Import):
            names += [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom) and node.module and not node.level:
            names.append(node.module)
    return names
