"""The mutants: every small change that Cosmic Ray's operators can make to the engine, the transports and the plug-in.

A place in a source counts once, whatever number of operators fit there, so that arithmetic does not outweigh
everything else. Left out because they change nothing that a test could notice: annotations (they are not run), and
`is` in the place of `==` for the values that the sources compare with `is`.
"""

from __future__ import annotations

import ast
import functools
import random
import re
from collections import defaultdict
from collections.abc import Iterator, Mapping
from pathlib import Path

import attrs
from cosmic_ray.ast import Visitor, get_ast
from cosmic_ray.mutating import MutationVisitor
from cosmic_ray.plugins import get_operator, operator_names

ROOT = Path(__file__).resolve().parents[3]
LEFT_OUT = ("cli/", "sandbox/", "testing/")
"""Folders that are no part of a gateway at work."""
_EQUIVALENT = re.compile(r"_(Is_Eq|Eq_Is|IsNot_NotEq|NotEq_IsNot)$")
_NEEDS_ARGUMENTS = {"core/VariableReplacer", "core/VariableInserter"}
Place = tuple[int, int]


@attrs.frozen
class Mutant:
    """One change of one source."""

    path: Path
    operator: str
    occurrence: int
    """Which of the operator's places in this source, from 0."""
    place: Place
    """Line and column of the change."""

    @property
    def name(self) -> str:
        """For people, such as `pushgateway/engine/flow_control/gate.py:17:8 core/NumberReplacer`."""
        line, column = self.place
        return f"{self.path.relative_to(ROOT)}:{line}:{column} {self.operator.removeprefix('core/')}"

    def source(self) -> str:
        """The whole changed source."""
        text = self.path.read_text("utf-8")
        changed = MutationVisitor.mutate_code(text, get_operator(self.operator)(), self.occurrence)
        if changed is None:
            raise LookupError(self.name)
        return str(changed)

    def lines(self) -> tuple[str, str]:
        """The line before and after the change; the first that differs."""
        before, after = self.path.read_text("utf-8").splitlines(), self.source().splitlines()
        return next(((old, new) for old, new in zip(before, after, strict=False) if old != new), ("", ""))


class _Places(Visitor):
    """Where an operator can change a source."""

    def __init__(self, operator: object) -> None:
        self._operator = operator
        self.found: list[Place] = []

    def visit(self, node: object) -> object:
        """Note each place in this node, in the order in which they are counted."""
        self.found.extend(start for start, _ in self._operator.mutation_positions(node))  # type: ignore[attr-defined]
        return node


def sources() -> list[Path]:
    """The files that are changed."""
    core = (ROOT / "pushgateway").rglob("*.py")
    plugins = ROOT.glob("plugins/*/pushgateway_*/**/*.py")
    return sorted(
        path for path in [*core, *plugins] if not any(part in f"{path.relative_to(ROOT)}" for part in LEFT_OUT)
    )


def module_of(path: Path) -> str:
    """The dotted name of a source."""
    parts = list(path.relative_to(ROOT).with_suffix("").parts)
    parts = parts[2:] if parts[0] == "plugins" else parts
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


@functools.cache
def operators() -> Mapping[str, object]:
    """The operators that are used, by name."""
    names = [name for name in operator_names() if name not in _NEEDS_ARGUMENTS and not _EQUIVALENT.search(name)]
    return {name: get_operator(name)() for name in names}


def mutants_of(path: Path) -> Mapping[Place, list[Mutant]]:
    """The mutants of one source, by place."""
    text = path.read_text("utf-8")
    tree = get_ast(text)
    silent = list(_not_run(ast.parse(text)))
    found: dict[Place, list[Mutant]] = defaultdict(list)
    for name, operator in operators().items():
        places = _Places(operator)
        places.walk(tree)
        for occurrence, place in enumerate(places.found):
            if not any(start <= place < end for start, end in silent):
                found[place].append(Mutant(path, name, occurrence, place))
    return found


def _not_run(tree: ast.AST) -> Iterator[tuple[Place, Place]]:
    """Stretches of a source that are not run: annotations, type aliases' unions, and what only a type checker reads."""
    for node in ast.walk(tree):
        silent: list[ast.AST | None] = []
        if isinstance(node, ast.AnnAssign):
            silent = [node.annotation]
        elif isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            arguments = [
                *node.args.posonlyargs,
                *node.args.args,
                *node.args.kwonlyargs,
                node.args.vararg,
                node.args.kwarg,
            ]
            silent = [node.returns, *(one.annotation for one in arguments if one is not None)]
        elif isinstance(node, ast.If) and isinstance(node.test, ast.Name) and node.test.id == "TYPE_CHECKING":
            silent = [node]
        for part in silent:
            if part is not None:
                yield (part.lineno, part.col_offset), (part.end_lineno or 0, part.end_col_offset or 0)  # type: ignore[attr-defined]


def drawn(size: int, seed: int, only: str = "") -> list[Mutant]:
    """A random sample: `size` places (0: all), one mutant at each. `only`: a part of the path of the sources."""
    rng = random.Random(seed)
    places = [
        (place, those)
        for path in sources()
        if only in path.relative_to(ROOT).as_posix()
        for place, those in sorted(mutants_of(path).items())
    ]
    chosen = places if size == 0 else rng.sample(places, min(size, len(places)))
    return [rng.choice(those) for _, those in chosen]
