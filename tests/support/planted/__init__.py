"""Faults planted on purpose: what the simulation is worth is how many of them it finds.

Law of this package: a plant is one small lie told to the engine in this process, written out here as a faulty
variant, with the promise that must be seen broken (`simulated.ledger.PROMISES`) and the first day on which it is.
"""
