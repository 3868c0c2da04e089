"""Counts forks: how many generations of forks lie between the first process and this one.

The child increments the count after a fork. Comparing process ids instead would need a system call for each push. Used
by the gateway to notice that it is used in a child process.
"""

from __future__ import annotations

import os

_seen = [0]


def seen() -> int:
    """0 in a process that was not forked; in a child one more than in its parent."""
    return _seen[0]


def _count() -> None:
    _seen[0] += 1


os.register_at_fork(after_in_child=_count)
