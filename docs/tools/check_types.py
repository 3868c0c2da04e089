"""The type check of the documents: every Python block that is shown passes `mypy --strict`.

The blocks of one document are one program, as when they are run. Each block keeps its line numbers (empty lines stand
between blocks), so that mypy's messages name the document and the line. Nothing is run here. The blocks of the Chinese
pages are the same bytes (`docs/test_trees.py`).
"""

import re
import sys
from collections.abc import Mapping
from pathlib import Path
from tempfile import TemporaryDirectory

from mypy import api

ROOT = Path(__file__).resolve().parents[2]
PAGES = [ROOT / "README.md", ROOT / "CONTRIBUTING.md", *sorted((ROOT / "docs" / "en").glob("*.md"))]
OPTIONS = ["--config-file=", "--strict", "--no-error-summary"]


def program(page: str) -> str:
    """The Python blocks of a page, each line at its own line number."""
    lines, inside = [], False
    for line in page.splitlines():
        if inside and line == "```":
            inside = False
        lines.append(line if inside else "")
        if line == "```python":
            inside = True
    return "\n".join(lines) + "\n"


def complaints(pages: Mapping[str, str]) -> list[str]:
    """mypy's messages about pages given by name, with the pages' line numbers."""
    with TemporaryDirectory(prefix="pushgateway-docs-") as folder:
        paths = {name: Path(folder) / (re.sub(r"\W", "_", name) + ".py") for name in pages}
        for name, path in paths.items():
            path.write_text(program(pages[name]), "utf-8")
        output, errors, status = api.run([*OPTIONS, f"--cache-dir={folder}/.cache", *map(str, paths.values())])
        said = output + errors
        for name, path in paths.items():
            said = said.replace(str(path), name)
    return said.splitlines() if status else []


def main() -> int:
    """Check all documents. Returns 1 if there is a message, or if a block that is wrong on purpose passes."""
    if not complaints({"wrong.md": "text\n```python\nanswer: int = 'forty-two'\n```\n"}):
        sys.stderr.write("the check does not see a wrong block\n")
        return 1
    said = complaints({path.relative_to(ROOT).as_posix(): path.read_text("utf-8") for path in PAGES})
    sys.stderr.writelines(f"{line}\n" for line in said)
    return 1 if said else 0


if __name__ == "__main__":
    sys.exit(main())
