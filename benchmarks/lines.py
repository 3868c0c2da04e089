"""Lines of each plug-in: the translator, the sandbox and the rules, and how many of them are code.

It counts everything in `plugins/`, and `examples/acme`. A line counts as code if it holds a token other than a comment
or a docstring.
"""

from __future__ import annotations

import ast
import sys
import tokenize
from collections.abc import Iterable
from pathlib import Path

from common import Table, Target, options, report

ROOT = Path(__file__).resolve().parents[1]
LIMITS = {
    ("oppo", "translator"): 1500,
    ("oppo", "sandbox"): 1100,
    ("xiaomi", "translator"): 450,
    ("huawei", "translator"): 550,
    ("honor", "translator"): 350,
    ("meizu", "translator"): 350,
    ("vivo", "translator"): 350,
}
"""Lines at most, by plug-in and part; blank lines and docstrings count."""
_NOTHING = {tokenize.COMMENT, tokenize.NL, tokenize.NEWLINE, tokenize.INDENT, tokenize.DEDENT, tokenize.ENCODING}


def code_lines(path: Path) -> int:
    """The lines of a Python file that hold code."""
    with path.open("rb") as file:
        tokens = list(tokenize.tokenize(file.readline))
    lines = {
        line
        for token in tokens
        if token.type not in _NOTHING and token.type != tokenize.ENDMARKER
        for line in range(token.start[0], token.end[0] + 1)
    }
    return len(lines - _docstrings(path))


def _docstrings(path: Path) -> set[int]:
    """The lines of texts that are statements of their own: docstrings, also those below a name."""
    found: set[int] = set()
    for node in ast.walk(ast.parse(path.read_text("utf-8"))):
        if isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant) and isinstance(node.value.value, str):
            found.update(range(node.lineno, (node.end_lineno or node.lineno) + 1))
    return found


def parts(package: Path) -> dict[str, list[Path]]:
    """The Python files of a plug-in, by part."""
    files = sorted(package.rglob("*.py"))
    sandbox = [path for path in files if path.stem == "sandbox" or path.parent != package]
    return {"translator": [path for path in files if path not in sandbox], "sandbox": sandbox}


def packages() -> Iterable[tuple[str, Path]]:
    """Name and package folder of each plug-in of this repository."""
    for folder in (*sorted((ROOT / "plugins").iterdir()), ROOT / "examples" / "acme"):
        for package in folder.glob("pushgateway_*"):
            yield folder.name, package


def measure() -> tuple[Table, list[Target]]:
    """The lines of each part of each plug-in, and the targets."""
    rows, targets = [], []
    for name, package in packages():
        for part, files in parts(package).items():
            whole = sum(len(path.read_text("utf-8").splitlines()) for path in files)
            code = sum(map(code_lines, files))
            rows.append((name, part, len(files), whole, code))
            if (name, part) in LIMITS:
                targets.append(Target(f"{name}: lines of the {part}, at most", whole, LIMITS[name, part]))
        rules = [path.read_text("utf-8").splitlines() for path in sorted(package.glob("*.toml"))]
        rows.append((name, "rules", len(rules), sum(map(len, rules)), None))
    return Table("lines", ("plug-in", "part", "files", "lines", "code"), rows), targets


def main() -> int:
    """Count and report; 1 when a target is missed."""
    given = options(__doc__ or "", count=1)
    table, targets = measure()
    return report([table], targets, as_json=given.as_json)


if __name__ == "__main__":
    sys.exit(main())
