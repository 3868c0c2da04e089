"""`Changes`: which phones of a sandbox changed last, in order, and a number that grows with every change.

For pages that show a sandbox while it runs: they compare the number, and ask for the phones that changed since. Pure;
bounded, so that 10,000 pushes a second cost a few microseconds each and no memory.
"""

from __future__ import annotations

from collections import OrderedDict

MOST_CHANGED = 200
"""Phones whose last change is remembered, at most; then the one that changed first is forgotten."""


class Changes:
    """The last changes of one sandbox."""

    def __init__(self, most: int = MOST_CHANGED) -> None:
        self.number = 0
        """Grows with every change of anything that a page shows."""
        self._most = most
        self._phones: OrderedDict[str, int] = OrderedDict()

    def note(self, token: str | None = None) -> None:
        """Something changed: at this phone, or (None) elsewhere."""
        self.number += 1
        if token is not None:
            self._phones[token] = self.number
            self._phones.move_to_end(token)
            if len(self._phones) > self._most:
                self._phones.popitem(last=False)

    def since(self, number: int = 0, most: int = MOST_CHANGED) -> list[str]:
        """The tokens of the phones that changed after `number`, at most `most`, the one that changed last first."""
        tokens: list[str] = []
        for token in reversed(self._phones):
            if len(tokens) == most or self._phones[token] <= number:
                break
            tokens.append(token)
        return tokens
