"""Faults planted on purpose, to measure how many of them the simulation and the tests find.

A plant of `pushes`, `runs`, `life`, `limits`, `batches`, `kinds` and `receipts` replaces a part of the engine in this
process by a faulty variant. It names the promise that must be seen broken (`simulated.ledger.PROMISES`) and the first
day on which it is. The plants of the `*_sources` modules change one line of one source; see `source_plant`.
"""
