"""Finds the largest container at each path inside an object, to see what grows in a gateway.

Only reads. A container is named by its attribute path; all values of one container share one name (`[]`).
"""

from __future__ import annotations

from collections import deque
from collections.abc import Mapping, Set
from typing import Any

LOOKED_INTO = 400
"""Values of one container that are looked into; the others are skipped."""


def containers(root: object) -> dict[str, int]:
    """By attribute path (the shortest, if there are several): the number of entries of the largest container there."""
    found: dict[str, int] = {}
    seen: set[int] = set()
    todo: deque[tuple[str, Any]] = deque([(type(root).__name__, root)])
    while todo:
        path, value = todo.popleft()
        if id(value) in seen or isinstance(value, str | bytes | type):
            continue
        seen.add(id(value))
        if isinstance(value, Mapping | Set | list | tuple | deque):
            found[path] = max(found.get(path, 0), len(value))
            inner = list(value.values()) if isinstance(value, Mapping) else list(value)
            todo.extend((f"{path}[]", one) for one in inner[:LOOKED_INTO])
        elif type(value).__module__.startswith("pushgateway"):
            names = {name for kind in type(value).__mro__ for name in getattr(kind, "__slots__", ())}
            names |= vars(value).keys() if hasattr(value, "__dict__") else set()
            todo.extend((f"{path}.{name}", getattr(value, name, None)) for name in sorted(names))
    return found
