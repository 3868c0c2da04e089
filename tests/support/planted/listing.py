"""Writes `tests/scenarios/planted.md`, the list of planted faults, to standard output: `python -m planted.listing`."""

from __future__ import annotations

import sys

from simulated.ledger import PROMISES

from planted import (
    abilities_sources,
    asking_sources,
    batch_sources,
    batches,
    contract_sources,
    devices_sources,
    engine_sources,
    host_sources,
    kinds,
    lane_sources,
    life,
    limits,
    oppo_call_sources,
    oppo_sources,
    outbox_sources,
    pushes,
    receipts,
    record_sources,
    runs,
    state_sources,
    transport_sources,
    vendor_sources,
)
from planted.plant import Plant

PLANTS = [
    *pushes.PLANTS,
    *runs.PLANTS,
    *life.PLANTS,
    *limits.PLANTS,
    *batches.PLANTS,
    *kinds.PLANTS,
    *receipts.PLANTS,
]
SOURCE_PLANTS = [
    *transport_sources.PLANTS,
    *contract_sources.PLANTS,
    *oppo_sources.PLANTS,
    *oppo_call_sources.PLANTS,
    *engine_sources.PLANTS,
    *batch_sources.PLANTS,
    *lane_sources.PLANTS,
    *vendor_sources.PLANTS,
    *asking_sources.PLANTS,
    *record_sources.PLANTS,
    *host_sources.PLANTS,
    *devices_sources.PLANTS,
    *outbox_sources.PLANTS,
    *state_sources.PLANTS,
    *abilities_sources.PLANTS,
]

HEAD = """\
# Planted faults

Each of these faults is planted in the engine on purpose (`tests/support/planted`), and each must be found by the
simulation (`tests/support/simulated`): `tests/scenarios/test_planted.py` fails when one stays unseen. The promise is
the one that is seen broken; the names are those of `simulated.ledger.PROMISES`. Written by `python -m planted.listing`.
"""

SOURCES = """\
## In the text of a source

Each of these is one wrong line in one source. The test named beside it must fail with it:
`tests/scenarios/test_planted_sources.py`
runs each in a process of its own.
"""


def day(plant: Plant) -> str:
    """The kind of day on which it is found."""
    if plant.under_load is not None:
        return "under load"
    if plant.troubles is None:
        return "hostile"
    return " and ".join(sorted({trouble.kind for trouble in plant.troubles})) or "calm"


def listing() -> str:
    """The whole page."""
    plants = [f"| {plant.name} | {plant.breaks} | {day(plant)} |" for plant in PLANTS]
    promises = [f"| {name} | {promise} |" for name, promise in PROMISES.items()]
    rows = ["| planted | caught by | day |", "| --- | --- | --- |", *plants]
    rows += ["", "| promise | says |", "| --- | --- |", *promises]
    rows += ["", SOURCES, "| planted | in | noticed by |", "| --- | --- | --- |"]
    rows += [f"| {plant.name} | {plant.source} | {plant.noticed_by} |" for plant in SOURCE_PLANTS]
    return "\n".join([HEAD, *rows, ""])


if __name__ == "__main__":
    sys.stdout.write(listing())
