"""Counts forks: how many generations of forks lie between the first process and this one.

The count is kept in the child, because to ask the system for the number of the process costs more than a send should.
What was made before a fork (connections, TLS contexts, event loops) must not be used after it. Used by `tls` and by the
engine's `loop_binding`.
"""

from __future__ import annotations

import os

count = 0
"""0 in a process that is not the child of a fork; in each child one more than in its parent. Read it as `forks.count`:
a copy that was imported does not change."""


def _note() -> None:
    global count  # noqa: PLW0603 - one number for the process
    count += 1


os.register_at_fork(after_in_child=_note)
