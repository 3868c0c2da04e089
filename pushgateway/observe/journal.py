"""A file of what became of pushes, for whoever has to find out later why one did not arrive.

Law of this file: one JSON object a line, bounded in size, written by a thread of its own so that nobody's push waits
for a disk; what cannot be written is dropped and counted, and never hurts a push. No token, no title, no body: a token
stands as a digest that only who has the token can make again.
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
from pushgateway.observe.traces import Ended, Traces, make_trace

log = logging.getLogger(__name__)

WAITING: Final = 100_000
"""Lives that may wait for the disk; further ones are dropped and counted."""
AT_ONCE: Final = 1000
"""Lives written at a time."""


def token_digest(push_token: PushToken) -> str:
    """What stands for a token in a journal: 16 characters, of no use without the token and another for each
    certificate."""
    key = push_token.certificate_id.encode("utf-8", "replace")[:64]
    token = push_token.token.encode("utf-8", "surrogatepass")
    return hashlib.blake2b(token, digest_size=8, key=key, person=b"pushgw journal").hexdigest()


@safe_repr
class Journal:
    """A journal of pushes: `Gateway(certificates, journal=Journal("push.jsonl"))`. Yours to close, after the gateway.

    Give each process a file of its own.
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
        """`max_bytes`: when the file would grow beyond it, it becomes `<path>.1` (in place of a former one) and a new
        one is begun: so at most twice that. A file that is there already is made readable for its owner only (mode
        0600). `accepted=False`: only what was lost. `monotonic` and `clock` are for
        tests. Raises `FieldError` when the folder does not exist, the file cannot be written, or it is no regular file.
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
        """Lives that are not in the file: the disk was full, or too many waited."""
        try:
            handle = self._open()
            try:
                mode = os.fstat(handle).st_mode
                if not stat.S_ISREG(mode):
                    raise FieldError("Journal.path", "must be a regular file")
                if mode & 0o077:
                    os.chmod(self.path, 0o600)  # it was there before, open to others
            finally:
                os.close(handle)
        except OSError as trouble:
            raise FieldError("Journal.path", f"cannot be written ({type(trouble).__name__})") from None

    def note(self, ended: Ended) -> None:
        """Write down the end of a push, soon and elsewhere. Returns at once."""
        if ended[7] is not None or self._accepted:
            self._take(ended)

    def note_receipt(self, receipt: Receipt) -> None:
        """Write down what the vendor reported."""
        self._take(receipt)

    def _take(self, life: Ended | Receipt) -> None:
        if self._thread is None or self._pid != os.getpid():
            try:
                self._begin()
            except RuntimeError:  # no thread left
                self.dropped += 1
                return
        if self._queue.qsize() >= WAITING:
            self.dropped += 1
            return
        self._queue.put(life)

    def _begin(self) -> None:
        if self._pid != os.getpid():
            # What waits here is written in the process that was forked.
            self._queue, self._pid, self.dropped = queue.SimpleQueue(), os.getpid(), 0
        self._thread = threading.Thread(target=self._write_all, name="pushgateway-journal", daemon=True)
        self._thread.start()
        _WRITING.add(self)

    def close(self) -> None:
        """Write what is still to be written, and stop. Safe to call more than once."""
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
            lives = [life for life in batch if life is not None]
            lost, why = self._write(lives)
            if lost and not self.dropped:
                log.warning("the journal cannot be written: %s", why)
            self.dropped += lost
            if len(lives) < len(batch):
                return

    def _line(self, life: Ended | Receipt) -> bytes:
        told = self._receipt(life) if isinstance(life, Receipt) else self._life(life)
        return json.dumps(told, ensure_ascii=True).encode("ascii") + b"\n"

    def _receipt(self, receipt: Receipt) -> dict[str, Any]:
        return {
            "at": round(self._clock() if receipt.at is None else receipt.at, 3),
            "certificate_id": receipt.push_token.certificate_id,
            "token": token_digest(receipt.push_token),
            "dedupe_id": receipt.dedupe_id,
            "receipt": receipt.kind.value,
            "event": receipt.event,
            "message_id": receipt.message_id,
        }

    def _life(self, ended: Ended) -> dict[str, Any]:
        life = make_trace(ended, self._clock() - self._monotonic())
        return {
            "at": round(life.steps[0].at, 3),
            "certificate_id": life.push_token.certificate_id,
            "token": token_digest(life.push_token),
            "dedupe_id": life.dedupe_id,
            "status": life.status.value,
            "reason": life.reason.value if life.reason else None,
            "message_id": life.message_id,
            "vendor_code": life.vendor_code,
            "detail": life.detail,
            "attempts": life.attempts,
            "truncated": list(life.truncated),
            "region": life.region,
            "gathered": life.gathered,
            "access": life.access,
            "seconds": round(life.steps[-1].at - life.steps[0].at, 3),
        }

    def _write(self, lives: Sequence[Ended | Receipt]) -> tuple[int, str]:
        """Append a line for each. Returns how many of them are not in the file, and the name of the reason."""
        lines: list[bytes] = []
        why = ""
        for life in lives:
            try:
                lines.append(self._line(life))
            except Exception as broken:  # a host's id of a strange type
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
        # A line is there when all but its line break is: the next one begins with that.
        ends = itertools.accumulate(map(len, lines))
        return len(lives) - sum(end - 1 <= written for end in ends), why

    def _open_for(self, size: int) -> int:
        """The file, begun anew where it would grow beyond its bound, ready for the begin of a line."""
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
                if os.read(handle, 1) != b"\n":  # a crash or a full disk cut the last line: it costs itself only
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
"""Seconds for what is still to be written when the process ends without a `close()`."""
_WRITING: weakref.WeakSet[Journal] = weakref.WeakSet()


@atexit.register  # after the sync gateways of the process have ended: what is registered later runs earlier
def _write_the_rest() -> None:
    for journal in list(_WRITING):
        journal._stop(EXIT_GRACE)


def older(path: Path) -> Path:
    """Where a journal's former file lies."""
    return path.with_name(path.name + ".1")


def read_journal(path: str | Path, push_token: PushToken) -> Iterator[dict[str, Any]]:
    """What a journal says about one push token, oldest first. A line that cannot be read is passed over.

    Raises `FieldError` when there is no such file.
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
                    told = json.loads(line)
                    if isinstance(told, dict) and told.get("certificate_id") == push_token.certificate_id:
                        yield told


def make_traces(trace: int, journal: Journal | None, clock: Callable[[], float]) -> Traces | None:
    """What keeps the last `trace` lives and writes the journal, if either is wanted. Raises `FieldError`."""
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
    except RuntimeError:  # asked from another thread: asyncio's loops have this clock
        return time.monotonic()
