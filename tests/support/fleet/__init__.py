"""A mixed fleet: phones of every installed brand behind one gateway, with faults, for days of virtual time.

Each brand has its strict sandbox. Pushes go out in rounds by `send`, `send_each`, `multicast` and `stream`; every
delivery is compared with the text and the data that were sent to that phone, every outcome with the number of
deliveries, every receipt with both. `python -m fleet COUNT [SEED]` prints what was sent and each broken promise. Used
by `tests/scenarios` (short) and by `tox -e fleet` (long).

`makers` has the brands and what was delivered, `receipts` what they post, `report` the checks, `rounds` the pushes.
"""

from fleet.makers import brands
from fleet.report import Report
from fleet.rounds import play, throughput

__all__ = ["Report", "brands", "play", "throughput"]
