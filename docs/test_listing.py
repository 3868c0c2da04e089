"""The listing of `pushgateway/` in CONTRIBUTING.md names every file, in its layer, and no other.

`listing_faults` is a pure function from the listing, the files and the layers to sentences, one for each fault.
"""

import ast
import re
from collections.abc import Iterator, Mapping
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]
TREE = """\
pushgateway/
6 config.py    reads it
4 engine/      sends
    gate.py    all limits
    pushes/    wait
      ids.py   ids
"""
FILES = {"config.py", "engine/gate.py", "engine/pushes/ids.py"}
LAYERS = {"config": 6, "engine": 4}


def listed(listing: str) -> Iterator[tuple[str, str]]:
    """(path below `pushgateway/`, digit of its layer) of each file in a listing. The digit is empty in a folder."""
    folders: dict[int, str] = {}
    for line in listing.splitlines()[1:]:
        names, _, _ = line[2:].lstrip().partition("  ")
        depth = len(line[2:]) - len(line[2:].lstrip())
        folders = {at: folder for at, folder in folders.items() if at < depth}
        if re.fullmatch(r"\w+/", names):
            folders[depth] = names
            yield "".join(folders.values()), line[:2].strip()
        elif re.fullmatch(r"(\w+\.py ?)+", names):
            yield from (("".join(folders.values()) + name, line[:2].strip()) for name in names.split())


def listing_faults(listing: str, files: set[str], layers: Mapping[str, int]) -> list[str]:
    """A sentence for each file that is missing, is listed twice or does not exist, and for each wrong layer."""
    lines = list(listed(listing))
    paths = [path for path, _ in lines if path.endswith(".py")]
    shown = {path.rstrip("/").removesuffix(".py"): layer for path, layer in lines if "/" not in path.rstrip("/")}
    return [
        *(f"{path} is missing in CONTRIBUTING.md" for path in sorted(files - set(paths))),
        *(f"{path} is listed and does not exist" for path in sorted(set(paths) - files)),
        *(f"{path} is listed twice" for path in sorted({path for path in paths if paths.count(path) > 1})),
        *(f"{name} is in layer {layers.get(name)}" for name, layer in shown.items() if layer != str(layers.get(name))),
    ]


def test_the_listing_is_the_files() -> None:
    """Each module of the core is listed once, in the layer of its package; `__init__.py` of packages are not listed."""
    contributing = (ROOT / "CONTRIBUTING.md").read_text("utf-8")
    guard = (ROOT / "tests" / "guards" / "test_layers.py").read_text("utf-8")
    paths = {path.relative_to(ROOT / "pushgateway").as_posix() for path in (ROOT / "pushgateway").rglob("*.py")}
    files = {path for path in paths if not path.endswith("/__init__.py")}
    (listing,) = re.findall(r"```text\n(pushgateway/\n.*?)```", contributing, re.DOTALL)
    (layers,) = re.findall(r"^LAYERS = (\{.*?^\})", guard, re.DOTALL | re.MULTILINE)

    assert listing_faults(listing, files, ast.literal_eval(layers)) == []


@pytest.mark.parametrize(
    ("listing", "fault"),
    [
        (TREE, None),
        (
            TREE.replace("    gate.py    all limits\n", ""),
            "engine/gate.py is missing in CONTRIBUTING.md",
        ),
        (TREE + "      id.py    ids\n", "engine/pushes/id.py is listed and does not exist"),
        (TREE + "      ids.py   ids\n", "engine/pushes/ids.py is listed twice"),
        (TREE.replace("4 engine", "5 engine"), "engine is in layer 4"),
    ],
)
def test_every_fault_of_a_listing_is_found(listing: str, fault: str | None) -> None:
    """A small listing, right and with one fault of each kind."""
    assert listing_faults(listing, FILES, LAYERS) == ([] if fault is None else [fault])
