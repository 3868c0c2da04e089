"""A pytest plug-in that imports one module from another file: `-p mutation.replaced`.

The environment variable PUSHGATEWAY_REPLACED holds `<module>=<path of the source to import instead>`. The installed
packages are not touched, so several processes can try different changes at the same time. Without the variable nothing
is replaced.
"""

from __future__ import annotations

import importlib.abc
import importlib.machinery
import os
import sys
from collections.abc import Sequence
from pathlib import Path
from types import CodeType, ModuleType

VARIABLE = "PUSHGATEWAY_REPLACED"


class _Source(importlib.machinery.SourceFileLoader):
    """Loads a module as if it stood in its own place, but from the text of another file, and caches no bytecode."""

    def __init__(self, name: str, path: str, text: Path) -> None:
        super().__init__(name, path)
        self._text = text

    def get_code(self, fullname: str) -> CodeType:
        """The compiled text."""
        return self.source_to_code(self._text.read_bytes(), self.path)


class _Finder(importlib.abc.MetaPathFinder):
    def __init__(self, name: str, text: Path) -> None:
        self._name = name
        self._text = text

    def find_spec(
        self, fullname: str, path: Sequence[str] | None, target: ModuleType | None = None
    ) -> importlib.machinery.ModuleSpec | None:
        """The replaced module's spec; None for every other module."""
        if fullname != self._name:
            return None
        spec = importlib.machinery.PathFinder.find_spec(fullname, path, target)
        if spec is None or spec.origin is None:
            raise ImportError(f"{fullname} is to be replaced and is not there")
        spec.loader = _Source(fullname, spec.origin, self._text)
        return spec


def install(name: str, text: Path) -> None:
    """Import the module `name` from the file `text` from now on. It must not be imported yet."""
    if name in sys.modules:
        raise RuntimeError(f"{name} is imported already")
    sys.meta_path.insert(0, _Finder(name, text))


if VARIABLE in os.environ:
    _name, _, _text = os.environ[VARIABLE].partition("=")
    install(_name, Path(_text))
