"""Faults planted in the text of sources: each makes the test fail that is named for it.

`tests/scenarios/planted.md` lists them. Faults that the simulation must find are in `test_planted.py`. The edits of the
broken plug-ins (`tests/support/broken`) are checked here too, because they also quote texts of sources.
"""

import re
from pathlib import Path

import pytest
from broken.copies import Broken, edited
from broken.listing import BROKEN
from planted.listing import SOURCE_PLANTS
from planted.source_plant import ROOT, SourcePlant


@pytest.mark.parametrize("plant", SOURCE_PLANTS, ids=lambda plant: plant.name)
def test_a_plant_fits_its_source(plant: SourcePlant) -> None:
    """The text that the plant replaces occurs exactly once in its source, and the named test exists: in the named file,
    or in a module of `tests/support` that has the same tests for several files."""
    path, _, names = plant.noticed_by.partition("::")
    text = (ROOT / path).read_text("utf-8")
    shared = [
        ROOT / "tests" / "support" / f"{name}.py" for name in re.findall(r"^from (\w+) import", text, re.MULTILINE)
    ]
    texts = [text, *(module.read_text("utf-8") for module in shared if module.exists())]

    assert plant.planted() != (ROOT / plant.source).read_text("utf-8")
    for name in names.partition("[")[0].split("::"):
        assert any(name in one for one in texts)


@pytest.mark.parametrize("broken", BROKEN, ids=lambda broken: broken.name)
def test_a_broken_plug_in_fits_its_source(broken: Broken) -> None:
    """Each text that the broken copy replaces occurs exactly once in the plug-in, and the copy differs from it."""
    assert edited(broken.edits, broken.base) != broken.base.read()


@pytest.mark.days
def test_a_planted_line_is_noticed(drawn_plant: SourcePlant, tmp_path: Path) -> None:
    """The named test fails with the fault. `days` runs every tenth plant, `tox -e plants` all of them."""
    run = drawn_plant.run(tmp_path)

    assert run.returncode == 1, f"unnoticed: {drawn_plant.name}\n{run.stdout[-2000:]}{run.stderr[-2000:]}"
    assert " failed" in run.stdout


def test_there_are_many_plants() -> None:
    """No fault is there twice, and there are enough to be a fair sample."""
    assert len(SOURCE_PLANTS) >= 150
    assert len(SOURCE_PLANTS) == len({plant.name for plant in SOURCE_PLANTS})
    assert len(SOURCE_PLANTS) == len({(plant.source, plant.right, plant.wrong) for plant in SOURCE_PLANTS})
