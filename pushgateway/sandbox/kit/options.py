"""`SandboxOption`, and the kinds of options that most sandboxes have.

An option switches a behaviour of the imitated vendor: a limit, or a fact on which the vendor's documents are silent or
disagree. It is set when the sandbox is made, by `Sandbox.set_option` or over HTTP by the command `set`.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import attrs

from pushgateway.model.secret import safe_repr


@safe_repr
@attrs.frozen
class SandboxOption:
    """The values that an option of a sandbox may have. An option changes the imitated vendor's behaviour while the
    sandbox runs, such as its daily limit."""

    takes: Callable[[Any], bool]
    """Returns True for an allowed value."""
    values: str
    """The allowed values in words, used after "must be" in an error."""
    default: Any = None
    """The value at the start, in a `RuledSandbox`."""


def truth(default: bool = False) -> SandboxOption:
    """An option that is on or off."""
    return SandboxOption(lambda value: type(value) is bool, "true or false", default)


def count(default: int | None = None, *, least: int = 0) -> SandboxOption:
    """An option that is a whole number from `least` on, or None for no limit."""
    words = "a whole number or null" if least == 0 else f"a whole number from {least} on, or null"
    return SandboxOption(lambda value: value is None or (type(value) is int and value >= least), words, default)


def one_of(*values: str | int) -> SandboxOption:
    """An option with these values; the first is the default."""
    return SandboxOption(
        lambda value: any(type(value) is type(one) and value == one for one in values),
        " or ".join(map(str, values)),
        values[0],
    )


def templates(*parts: str) -> SandboxOption:
    """An option that is the approved templates: by id, for each of the `parts` the names of its parameters. None, the
    default: templates are not checked."""

    def takes(value: Any) -> bool:
        return value is None or (
            isinstance(value, dict)
            and all(isinstance(one, dict) and one.keys() <= set(parts) for one in value.values())
            and all(_are_names(names) for one in value.values() for names in one.values())
        )

    words = ", ".join(f'"{part}": [names]' for part in parts)
    return SandboxOption(takes, f"null or {{id: {{{words}}}}}")


def _are_names(names: Any) -> bool:
    return isinstance(names, list | tuple) and all(isinstance(name, str) for name in names)
