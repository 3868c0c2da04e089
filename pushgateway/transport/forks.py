"""How often this process was forked.

Law of this file: counted in the child, because asking the system for the process's number with every send would cost
more than a push should.
"""

from __future__ import annotations

import os

_seen = [0]


def seen() -> int:
    """0 in a process that is no child of a fork; one more in each child than in its parent."""
    return _seen[0]


def _count() -> None:
    _seen[0] += 1


os.register_at_fork(after_in_child=_count)
