"""A vendor's own calls other than sending: which dialect has one, building a `Call`, and lists longer than a request.

Pure. Each plug-in writes the fields and reads the replies of its calls; this module does what is the same for all.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from typing import Any, Final, TypeVar

from pushgateway.vendor import Call, Exchange, Reason, Refused, Request, Response
from pushgateway.vendor.rules import Operation, Rules
from pushgateway.vendor.toolkit.refusals import invalid

T = TypeVar("T")

MAX_REQUESTS: Final = 16
"""Requests of one call over a list, at most: the core carries a call out as one operation with one deadline."""


def call(
    name: str,
    region: str,
    ask: Callable[[], Request],
    read: Callable[[Response], T],
    *,
    repeatable: bool = True,
) -> Call[T]:
    """A call of one request. `ask` makes it, and raises `Refused` for a wrong argument; `read` reads the reply."""

    def begin() -> Exchange[T]:
        return read((yield ask()))

    return Call(name=name, begin=begin, region=region, repeatable=repeatable)


def call_in_chunks(
    name: str,
    region: str,
    values: Iterable[str],
    *,
    size: int,
    ask: Callable[[Sequence[str]], Request],
    read: Callable[[Response, Sequence[str]], T],
    join: Callable[[list[T]], Any] | None = None,
    most: int = MAX_REQUESTS,
) -> Call[Any]:
    """A call about many values, `size` in each request; `join` makes the result from those of all replies (None: they
    are mappings, and all become one). It may be repeated, so each request must be one that may. Raises `Refused` for no
    values, and for more than fit into `most` requests. `Gateway.recall` and `Gateway.check_tokens` make one call for
    each request, so that one that fails does not cost the results of the others."""
    given = listed(values)

    def begin() -> Exchange[Any]:
        if not given:
            raise invalid(name, "needs at least one value")
        if len(given) > size * most:
            raise invalid(name, f"takes at most {size * most} values at a time, has {len(given)}")
        results = []
        for chunk in in_chunks(given, size):
            results.append(read((yield ask(chunk)), chunk))
        return _merged(results) if join is None else join(results)

    return Call(name=name, begin=begin, region=region, most=size)


def _merged(parts: Iterable[Any]) -> dict[Any, Any]:
    return {key: value for part in parts for key, value in part.items()}


def listed(values: Iterable[str]) -> list[str]:
    """Each value once, in the order given: a call may be begun twice, so an iterator is read here."""
    return list(dict.fromkeys([values] if isinstance(values, str) else values))


def in_chunks(values: Sequence[str], size: int) -> Iterator[Sequence[str]]:
    """The values in parts of at most `size`."""
    return (values[start : start + size] for start in range(0, len(values), size))


def find_operation(rules: Rules, dialect: str, name: str, paths: Mapping[str, str] | None = None) -> Operation:
    """The operation of a call. Raises `Refused` (`UNSUPPORTED`) if the dialect does not have it, or has no path for it
    and `paths` (a setting, by name) neither."""
    operation = rules.dialects[dialect].operations.get(name)
    if operation is None or not (operation.path or (paths or {}).get(name)):
        raise Refused(Reason.UNSUPPORTED, detail=f"{name}: {lacking(rules, dialect, name)}")
    return operation


def lacking(rules: Rules, dialect: str, name: str) -> str:
    """A sentence: the dialect has no such call or no path for it, and which dialects have it."""
    why = [f'dialect = "{dialect}" has no such call']
    if name in rules.dialects[dialect].operations:
        why = [f'no source shows its path in dialect = "{dialect}": set paths.{name} if you know it']
    for key, each in rules.dialects.items():
        other = each.operations.get(name)
        if other is not None and other.path:
            crossed = ", where the document has it crossed out" if other.struck_out else ""
            why.append(f'dialect = "{key}" has it{crossed}')
    return "; ".join(why)
