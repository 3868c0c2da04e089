"""`Outbox`: receipts that a sandbox has to post, and writers for the shapes in which vendors post them.

Pure; it makes requests and sends none. A receipt is a mapping with the vendor's own names. A writer turns receipts for
one URL into the requests that post them; writers are combined, such as `form_field("data", by_key("id"))`.
"""

from __future__ import annotations

import json
from collections import deque
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any, NamedTuple, TypeAlias
from urllib.parse import urlencode

from pushgateway.model.secret import safe_repr
from pushgateway.sandbox.kit.readers import FORM
from pushgateway.vendor import Request

MOST_DUE = 100_000
"""Receipts that wait to be posted, at most; then the oldest is dropped."""
TOGETHER = 100
"""Receipts of one request, at most; Huawei's and Xiaomi's documents say about as many."""


class Posted(NamedTuple):
    """What one request posts."""

    headers: Mapping[str, str]
    content: bytes

    def __repr__(self) -> str:
        return f"Posted({len(self.content)} bytes)"


ReceiptFields: TypeAlias = Mapping[str, Any]
Writer: TypeAlias = Callable[[Sequence[ReceiptFields]], Iterable[Posted]]
"""Takes the receipts of one URL, returns what is posted, in one or several requests."""


@safe_repr
class Outbox:
    """Receipts that are due, by the URL to which they are posted."""

    def __init__(self, write: Writer, together: int = TOGETHER, most: int = MOST_DUE) -> None:
        """`together`: receipts of one request, at most; `most`: receipts that wait, at most."""
        self._write = write
        self._together = together
        self._due: deque[tuple[str, ReceiptFields]] = deque(maxlen=most)

    def __len__(self) -> int:
        return len(self._due)

    def __repr__(self) -> str:
        return f"Outbox({len(self)} due)"

    def add(self, url: str | None, receipt: ReceiptFields) -> None:
        """A receipt is due. Without a URL, which is None or "", nobody asked for it, and it is dropped."""
        if url:
            self._due.append((url, receipt))

    def take(self) -> list[Request]:
        """The requests that post all receipts which are due; each receipt is returned once."""
        by_url: dict[str, list[ReceiptFields]] = {}
        while self._due:
            url, receipt = self._due.popleft()
            by_url.setdefault(url, []).append(receipt)
        return [
            Request("POST", url, posted.headers, posted.content)
            for url, receipts in by_url.items()
            for start in range(0, len(receipts), self._together)
            for posted in self._write(receipts[start : start + self._together])
        ]


def json_rows(root: str = "") -> Writer:
    """A JSON array of receipts (OPPO), or an object that has the array under `root` (Huawei: `statuses`)."""

    def write(receipts: Sequence[ReceiptFields]) -> Iterable[Posted]:
        yield _json({root: list(receipts)} if root else list(receipts))

    return write


def by_key(key: str, joined: str = "") -> Writer:
    """A JSON object of receipts by the value of their field `key` (Xiaomi: the message id), which is left out of them.

    Receipts that are equal but for the text in the field `joined` become one, with these texts joined by commas, or
    with one list where the field holds lists. One object cannot hold a key twice, so other receipts with a key that is
    there go into the next request.
    """

    def write(receipts: Sequence[ReceiptFields]) -> Iterable[Posted]:
        bodies: list[dict[str, Any]] = []
        for name, receipt in _joined(receipts, key, joined):
            body = next((body for body in bodies if name not in body), None)
            if body is None:
                bodies.append(body := {})
            body[name] = receipt
        yield from map(_json, bodies)

    return write


def _joined(receipts: Sequence[ReceiptFields], key: str, joined: str) -> list[tuple[str, dict[str, Any]]]:
    made: dict[str, tuple[str, dict[str, Any]]] = {}
    for place, receipt in enumerate(receipts):
        rest = {name: value for name, value in receipt.items() if name != key}
        same = {name: value for name, value in rest.items() if name != joined}
        alike = json.dumps([receipt[key], same], sort_keys=True, default=str) if joined else str(place)
        if alike in made:
            more = rest[joined]
            made[alike][1][joined] = made[alike][1][joined] + (more if isinstance(more, list) else f",{more}")
        else:
            made[alike] = str(receipt[key]), rest
    return list(made.values())


def form_field(name: str, write: Writer, **others: str) -> Writer:
    """A form whose field `name` holds what `write` writes (Xiaomi: `data`, Meizu: `cb`), with these other fields."""

    def in_form(receipts: Sequence[ReceiptFields]) -> Iterable[Posted]:
        for posted in write(receipts):
            yield Posted({"content-type": FORM}, urlencode({name: posted.content, **others}).encode())

    return in_form


def signed(write: Writer, header: str, sign: Callable[[bytes], str]) -> Writer:
    """What `write` writes, with a header (name in lower case) whose value `sign` makes of the body."""

    def with_header(receipts: Sequence[ReceiptFields]) -> Iterable[Posted]:
        for posted in write(receipts):
            yield Posted({**posted.headers, header: sign(posted.content)}, posted.content)

    return with_header


def _json(body: Any) -> Posted:
    content = json.dumps(body, ensure_ascii=False).encode("utf-8", "replace")
    return Posted({"content-type": "application/json"}, content)
