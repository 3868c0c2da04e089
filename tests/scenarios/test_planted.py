"""Shows that the simulation finds faults: each fault planted in the engine on purpose is found, and none without a
plant.

`tests/scenarios/planted.md` lists the plants and the promise by which each is found.
"""

from pathlib import Path

import pytest
from planted.listing import PLANTS, listing
from planted.plant import Plant
from simulated.ledger import PROMISES


@pytest.mark.parametrize("plant", PLANTS, ids=lambda plant: plant.patch.__name__)
def test_a_planted_fault_is_found(plant: Plant) -> None:
    """The promise is seen broken on one of a few simulated days, and on that day the engine without the fault keeps
    all promises.
    """
    seed = plant.caught()

    assert seed is not None, f"unseen: {plant.name}"
    assert plant.sound(seed)


def test_every_promise_is_seen_broken_by_a_plant() -> None:
    """A promise that no plant breaks may be one that nothing checks."""
    assert len(PLANTS) == len({plant.name for plant in PLANTS}) >= 30
    assert {plant.breaks for plant in PLANTS} == PROMISES.keys()


def test_the_list_of_plants_is_up_to_date(root: Path) -> None:
    """`planted.md` is what `planted.listing` writes."""
    assert (root / "tests" / "scenarios" / "planted.md").read_text("utf-8") == listing()
