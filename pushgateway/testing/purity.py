"""Finds out whether a plug-in is pure: which modules it imports, and which impure functions it calls while it runs.

Sources are read, and calls are recorded by a profile function; nothing is changed. Used by `purity_scenarios`.
"""

from __future__ import annotations

import ast
import gc
import importlib.util
import inspect
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from types import FrameType
from typing import Any

IMPURE = frozenset(
    {"asyncio", "http", "httpx", "multiprocessing", "os", "random", "requests", "secrets", "select", "selectors"}
    | {"socket", "ssl", "subprocess", "threading", "time", "urllib.request", "uuid"}
)
"""Modules that a plug-in must not import: clocks, random, network, tasks."""
_MODULES = IMPURE | {"_asyncio", "_random", "_socket", "_ssl", "_thread", "_uuid", "posix", "logging"}
"""These and the modules that they are built on: a call into one is recorded however it was imported. Logging is I/O."""
_CLOCKS = frozenset({"now", "utcnow", "today"})
"""The methods of `datetime` that are not pure."""
_BUILTINS = frozenset({"open", "input", "print", "breakpoint"})
_HARMLESS = frozenset({"fspath", "allocate_lock", "get_ident", "RLock", "getpid"})
"""Functions that Python's own `functools`, `re` and `pathlib` call."""
_PACKAGES = _MODULES - {"http", "os"}
"""Modules whose submodules are impure too; `http.HTTPStatus` and `os.path` are not."""


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


class Calls:
    """Records calls of impure functions: `seen` has their names. One object is used for many blocks."""

    def __init__(self) -> None:
        self.seen: set[str] = set()

    @contextmanager
    def watching(self) -> Iterator[None]:
        """Record the impure calls of this thread until the end of the block.

        Garbage is not collected in the block: callbacks of the collector, such as that of hypothesis, read the clock,
        and would be counted as calls of the plug-in.
        """
        former, collects = sys.getprofile(), gc.isenabled()
        gc.disable()
        sys.setprofile(self._note)
        try:
            yield
        finally:
            sys.setprofile(former)
            if collects:
                gc.enable()

    def _note(self, frame: FrameType, event: str, argument: Any) -> None:
        if event == "c_call":
            name = getattr(argument, "__name__", "")
            owner = getattr(argument, "__self__", None)
            module = getattr(argument, "__module__", None) or getattr(type(owner), "__module__", "")
            kind = owner if isinstance(owner, type) else type(owner)
            if kind.__module__ == "datetime" and name in _CLOCKS:
                self.seen.add(f"{kind.__name__}.{name}")
            elif module in _MODULES and name not in _HARMLESS:
                self.seen.add(f"{module}.{name}")
            elif module in ("builtins", "io", "_io") and name in _BUILTINS:
                self.seen.add(name)
        elif event == "call":
            module = frame.f_globals.get("__name__", "")
            if module in _MODULES or module.partition(".")[0] in _PACKAGES:
                self.seen.add(f"{module}.{frame.f_code.co_name}")
