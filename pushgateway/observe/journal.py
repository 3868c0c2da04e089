"""`Journal`: a file with the outcome of each push, to find out later why one did not arrive.

It has one JSON object in each line and a bounded size. A thread of its own writes it, so no push waits for the disk;
what cannot be written is dropped and counted, and does not affect a push. It holds no token, title or body; a token is
replaced by a digest. Read by `pushgateway why`.
"""

from __future__ import annotations

import asyncio
import atexit
import hashlib
import itertools
import json
import logging
import os
import queue
import stat
import threading
import time
import weakref
from collections.abc import Callable, Iterator, Sequence
from contextlib import suppress
from pathlib import Path
from types import TracebackType
from typing import Any, Final, Self

from pushgateway.model.checks import check_count
from pushgateway.model.errors import FieldError
from pushgateway.model.push import PushToken
from pushgateway.model.receipt import Receipt
from pushgateway.model.secret import safe_repr
from pushgateway.observe.traces import Ended, Traces, to_trace

log = logging.getLogger(__name__)

WAITING: Final = 100_000
"""Entries that may wait for the disk; further ones are dropped and counted."""
AT_ONCE: Final = 1000
"""Entries written at a time, at most."""


def token_digest(push_token: PushToken) -> str:
    """The digest by which a journal names a token: 16 characters, different for each certificate. The token cannot be
    computed from it."""
    key = push_token.certificate_id.encode("utf-8", "replace")[:64]
    token = push_token.token.encode("utf-8", "surrogatepass")
    return hashlib.blake2b(token, digest_size=8, key=key, person=b"pushgw journal").hexdigest()


@safe_repr
class Journal:
    """A journal of pushes: `Gateway(certificates, journal=Journal("push.jsonl"))`. Close it after the gateway.

    Each process needs a file of its own.
    """

    def __init__(
        self,
        path: str | Path,
        *,
        max_bytes: int = 50_000_000,
        accepted: bool = True,
        monotonic: Callable[[], float] = time.monotonic,
        clock: Callable[[], float] = time.time,
    ) -> None:
        """`max_bytes`: before the file would grow beyond it, it is renamed to `<path>.1` (replacing an older one) and a
        new one is begun, so both together have at most twice that. An existing file is made readable for its owner only
        (mode 0600). `accepted=False`: only pushes that were not accepted are written. `monotonic` and `clock` are for
        tests. Raises `FieldError` if the folder does not exist, the file cannot be written or is no regular file.
        """
        self.path = Path(path)
        check_count("Journal.max_bytes", max_bytes)
        self._max_bytes = max_bytes
        self._accepted = accepted
        self._monotonic = monotonic
        self._clock = clock
        self._queue: queue.SimpleQueue[Ended | Receipt | None] = queue.SimpleQueue()
        self._thread: threading.Thread | None = None
        self._pid = os.getpid()
        self.dropped = 0
        """Number of entries that are not in the file, because the disk was full or too many waited."""
        try:
            handle = self._open()
            try:
                mode = os.fstat(handle).st_mode
                if not stat.S_ISREG(mode):
                    raise FieldError("Journal.path", "must be a regular file")
                if mode & 0o077:
                    os.chmod(self.path, 0o600)  # an existing file that others could read
            finally:
                os.close(handle)
        except OSError as trouble:
            raise FieldError("Journal.path", f"cannot be written ({type(trouble).__name__})") from None

    def note(self, ended: Ended) -> None:
        """Write the end of a push, later and in the journal's thread. Returns at once."""
        if ended[7] is not None or self._accepted:
            self._put(ended)

    def note_receipt(self, receipt: Receipt) -> None:
        """Write a receipt, in the same way."""
        self._put(receipt)

    def _put(self, entry: Ended | Receipt) -> None:
        if self._thread is None or self._pid != os.getpid():
            try:
                self._begin()
            except RuntimeError:  # no thread left
                self.dropped += 1
                return
        if self._queue.qsize() >= WAITING:
            self.dropped += 1
            return
        self._queue.put(entry)

    def _begin(self) -> None:
        if self._pid != os.getpid():
            # The entries that wait here are written by the parent process.
            self._queue, self._pid, self.dropped = queue.SimpleQueue(), os.getpid(), 0
        self._thread = threading.Thread(target=self._write_all, name="pushgateway-journal", daemon=True)
        self._thread.start()
        _WRITING.add(self)

    def close(self) -> None:
        """Write the entries that still wait, and stop. Safe to call more than once."""
        self._stop(None)

    def _stop(self, timeout: float | None) -> None:
        thread, self._thread = self._thread, None
        if thread is not None and self._pid == os.getpid():
            self._queue.put(None)
            thread.join(timeout)

    def _write_all(self) -> None:
        while True:
            batch = [self._queue.get()]
            with suppress(queue.Empty):
                while len(batch) < AT_ONCE:
                    batch.append(self._queue.get_nowait())
            entries = [entry for entry in batch if entry is not None]
            lost, why = self._write(entries)
            if lost and not self.dropped:
                log.warning("the journal cannot be written: %s", why)
            self.dropped += lost
            if len(entries) < len(batch):
                return

    def _line(self, entry: Ended | Receipt) -> bytes:
        fields = self._receipt_fields(entry) if isinstance(entry, Receipt) else self._push_fields(entry)
        return json.dumps(fields, ensure_ascii=True).encode("ascii") + b"\n"

    def _receipt_fields(self, receipt: Receipt) -> dict[str, Any]:
        return {
            "at": round(self._clock() if receipt.at is None else receipt.at, 3),
            "certificate_id": receipt.push_token.certificate_id,
            "token": token_digest(receipt.push_token),
            "dedupe_id": receipt.dedupe_id,
            "receipt": receipt.kind.value,
            "event": receipt.event,
            "message_id": receipt.message_id,
            "proof": receipt.proof.value,
            **({} if receipt.replacement is None else {"replacement": token_digest(receipt.replacement)}),
        }

    def _push_fields(self, ended: Ended) -> dict[str, Any]:
        trace = to_trace(ended, self._clock() - self._monotonic())
        return {
            "at": round(trace.steps[0].at, 3),
            "certificate_id": trace.push_token.certificate_id,
            "token": token_digest(trace.push_token),
            "dedupe_id": trace.dedupe_id,
            "status": trace.status.value,
            "reason": trace.reason.value if trace.reason else None,
            "message_id": trace.message_id,
            "vendor_code": trace.vendor_code,
            "detail": trace.detail,
            "attempts": trace.attempts,
            "truncated": list(trace.truncated),
            "region": trace.region,
            "gathered": trace.gathered,
            "access": trace.access,
            "seconds": round(trace.steps[-1].at - trace.steps[0].at, 3),
        }

    def _write(self, entries: Sequence[Ended | Receipt]) -> tuple[int, str]:
        """Append a line for each. Returns how many of them are not in the file, and the class name of the error."""
        lines: list[bytes] = []
        why = ""
        for entry in entries:
            try:
                lines.append(self._line(entry))
            except Exception as broken:  # an id of the host that is no text
                why = type(broken).__name__
        content = b"".join(lines)
        written = 0
        if lines:
            try:
                handle = self._open_for(len(content))
                try:
                    while written < len(content):
                        written += os.write(handle, content[written:])
                finally:
                    os.close(handle)
            except Exception as trouble:
                why = type(trouble).__name__
        # A line counts as written even without its line break: `_open_for` adds it before the next line.
        ends = itertools.accumulate(map(len, lines))
        return len(entries) - sum(end - 1 <= written for end in ends), why

    def _open_for(self, size: int) -> int:
        """The open file at the beginning of a line; a new file if `size` more bytes would exceed the bound."""
        handle = self._open()
        try:
            there = os.fstat(handle).st_size
            if 0 < there > self._max_bytes - size:
                os.close(handle)
                handle = -1
                os.replace(self.path, older(self.path))
                handle = self._open()
                there = os.fstat(handle).st_size
            if there:
                os.lseek(handle, there - 1, os.SEEK_SET)
                if os.read(handle, 1) != b"\n":  # a crash or a full disk has cut the last line
                    os.write(handle, b"\n")
        except BaseException:
            if handle >= 0:
                os.close(handle)
            raise
        return handle

    def _open(self) -> int:
        return os.open(self.path, os.O_RDWR | os.O_APPEND | os.O_CREAT | getattr(os, "O_CLOEXEC", 0), 0o600)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def __repr__(self) -> str:
        return f"Journal({self.path.name!r})"


EXIT_GRACE: Final = 1.0
"""Seconds for the entries that still wait when the process ends without a `close()`."""
_WRITING: weakref.WeakSet[Journal] = weakref.WeakSet()


@atexit.register  # runs after the sync gateways have closed, because functions registered later run earlier
def _write_the_rest() -> None:
    for journal in list(_WRITING):
        journal._stop(EXIT_GRACE)


def older(path: Path) -> Path:
    """The path to which a full journal is renamed."""
    return path.with_name(path.name + ".1")


def read_journal(path: str | Path, push_token: PushToken) -> Iterator[dict[str, Any]]:
    """The entries of a journal about one push token, oldest first. A line that cannot be read is skipped.

    Raises `FieldError` if there is no such file.
    """
    here = Path(path)
    wanted = token_digest(push_token)
    mark = f'"token": "{wanted}"'.encode("ascii")
    if not here.exists():
        raise FieldError("journal", "there is no such file")
    for file in (older(here), here):
        if not file.exists():
            continue
        with file.open("rb") as lines:
            for line in lines:
                if mark not in line:
                    continue
                with suppress(ValueError, RecursionError):
                    entry = json.loads(line)
                    if isinstance(entry, dict) and entry.get("certificate_id") == push_token.certificate_id:
                        yield entry


def make_traces(trace: int, journal: Journal | None, clock: Callable[[], float]) -> Traces | None:
    """The `Traces` that keep the last `trace` pushes and feed the journal; None if neither is wanted. Raises
    `FieldError`."""
    if isinstance(trace, bool) or not isinstance(trace, int) or trace < 0:
        raise FieldError("Gateway.trace", "must be a whole number, 0 or more")
    if journal is not None and not isinstance(journal, Journal):
        raise FieldError("Gateway.journal", f"must be a Journal, is {type(journal).__name__}")
    if not trace and journal is None:
        return None
    traces = Traces(trace, now=_now, clock=clock)
    if journal is not None:
        traces.subscribe(journal.note, journal.note_receipt)
    return traces


def _now() -> float:
    try:
        return asyncio.get_running_loop().time()
    except RuntimeError:  # called from another thread; asyncio's loops use this clock
        return time.monotonic()
