"""Lists the scenarios of a kit and runs them as functions, without pytest.

It runs what pytest would run, with the same parameters. Used by the tests of this kit (`tests/testing`) and by the
tools of the documents.
"""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterator
from typing import Any

import attrs

from pushgateway.model.secret import safe_repr
from pushgateway.testing.conformance.promises import BrokenPromiseError, Promise


@safe_repr
@attrs.frozen
class Scenario:
    """One scenario of a kit."""

    name: str
    summary: str
    """The first line of its docstring: the truth that it protects."""
    promise: Promise
    runs: tuple[Callable[[], None], ...] = attrs.field(repr=False)
    """It, once for each set of its parameters. A run raises `BrokenPromiseError`."""

    def seen(self) -> BrokenPromiseError | None:
        """The failure of the first run that fails; None if the promise is kept."""
        for run in self.runs:
            try:
                run()
            except BrokenPromiseError as broken:
                return broken
        return None


def scenarios(kit: type[Any]) -> Iterator[Scenario]:
    """Every scenario of a subclass of `PluginConformance`, in the order in which pytest runs them."""
    for name in _names(kit):
        test = getattr(kit, name)
        sets = [_values(mark) for mark in getattr(test, "pytestmark", ()) if mark.name == "parametrize"]
        runs = tuple(_run(kit, name, parameters) for parameters in itertools.product(*sets))
        yield Scenario(name, (test.__doc__ or "").strip().split("\n")[0], test.promise, runs)


def _names(kit: type[Any]) -> list[str]:
    found = [name for part in kit.__mro__ for name, value in vars(part).items() if hasattr(value, "promise")]
    return list(dict.fromkeys(found))


def _values(mark: Any) -> list[tuple[str, Any]]:
    name, values = mark.args[:2]
    return [(name, value) for value in values]


def _run(kit: type[Any], name: str, parameters: tuple[tuple[str, Any], ...]) -> Callable[[], None]:
    return lambda: getattr(kit(), name)(**dict(parameters))
