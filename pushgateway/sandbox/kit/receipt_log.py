"""`ReceiptLog`: the last requests in which a sandbox posted receipts, and how each of them ended.

Pure; bounded. What posts the receipts (`pushgateway.sandbox.serving`) writes it. The receipts stay in the vendor's own
form; a page reads them with the vendor's plug-in.
"""

from __future__ import annotations

from collections import deque
from typing import Literal, TypeAlias

import attrs

from pushgateway.model.secret import safe_repr
from pushgateway.vendor import Request

MOST_STEPS = 2000
"""Steps that are kept, at most: a request with receipts is added, and it ends. Who looks for the first time reads all
of them at once, and a request may have a hundred receipts."""

PostEnding: TypeAlias = Literal["due", "posted", "failed", "refused"]
"""`due`: it is being posted. `posted`: the host has taken it. `failed`: it could not be reached or has not taken it.
`refused`: its address is not on this machine."""


@safe_repr
@attrs.define(eq=False)
class PostedReceipts:
    """One request with receipts."""

    request: Request = attrs.field(repr=False)
    at: float
    """When it was due, by the sandbox's clock (epoch seconds)."""
    ending: PostEnding = "due"


@safe_repr
class ReceiptLog:
    """The last receipts of one sandbox."""

    def __init__(self, most: int = MOST_STEPS) -> None:
        self.number = 0
        """Grows when a request is added or has ended."""
        self._steps: deque[tuple[int, PostedReceipts]] = deque(maxlen=most)

    def __repr__(self) -> str:
        return f"ReceiptLog(step {self.number})"

    def add(self, request: Request, at: float) -> PostedReceipts:
        """A request will be posted; `at`: epoch seconds of the sandbox."""
        post = PostedReceipts(request, at)
        self._step(post)
        return post

    def end(self, post: PostedReceipts, ending: PostEnding) -> None:
        """This request has ended so."""
        post.ending = ending
        self._step(post)

    def since(self, number: int) -> list[PostedReceipts]:
        """The requests that were added or have ended after `number`, the oldest first; one that did both is there
        twice."""
        found: list[PostedReceipts] = []
        for step, post in reversed(self._steps):
            if step <= number:
                break
            found.append(post)
        return found[::-1]

    def _step(self, post: PostedReceipts) -> None:
        self.number += 1
        self._steps.append((self.number, post))
