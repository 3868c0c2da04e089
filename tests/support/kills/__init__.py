"""Kills outbox processes at random moments (`kill -9`), with sandboxes in another process as the judge.

A service puts pushes and sends them, a worker beside it only sends. Both are killed again and again, wherever they are.
At the end a last worker empties the outbox, and the judge compares what `put` had returned, what the sandboxes have
delivered, and the results. `python -m kills 500` or `tox -e kills -- 500`.
"""
