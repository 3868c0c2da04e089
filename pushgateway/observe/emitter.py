"""`Emitter` passes events to the host's observer and writes log lines about those that concern an operator.

Nothing that an observer or a log handler raises reaches the sending of pushes. What ends a process or a test
(`SystemExit`, `KeyboardInterrupt`, `pytest.fail()`) is raised again in a callback of the event loop. For each
certificate, reason and code there is one log line at once and then at most one a minute, with the number of those in
between. The memory for this is bounded, and an outage does not fill a disk. No line holds a token, a title or a body.
"""

from __future__ import annotations

import inspect
import logging
from asyncio import CancelledError, get_running_loop
from collections import OrderedDict
from collections.abc import Callable, Hashable
from contextlib import suppress
from typing import TypeAlias

import attrs

from pushgateway.model.errors import FieldError
from pushgateway.model.secret import safe_repr, where
from pushgateway.observe.events import Event
from pushgateway.observe.log_lines import LINES

log = logging.getLogger(__name__)

Observer: TypeAlias = Callable[[Event], None]
"""Called for each event in the gateway's event loop. Sending waits until it returns, so it must return at once."""

PAUSE = 60.0
"""Seconds between two log lines about the same thing."""
MOST = 1000
"""Number of different things for which lines are counted separately; further ones share one line for each kind of
event."""
DEEPEST = 8
"""How deep calls of an observer may be nested (it can cause events itself); deeper events are not passed to it."""


@safe_repr
@attrs.define(eq=False)
class _Said:
    until: float
    held_back: int = 0


class Emitter:
    """Passes events to the host's observer and then to the log. Each gateway has one."""

    __slots__ = ("_depth", "_monotonic", "_observer", "_said", "is_observed")

    def __init__(self, observer: Observer | None, monotonic: Callable[[], float]) -> None:
        """`monotonic`: seconds. Raises `FieldError` for an observer that cannot be called or is an async function."""
        if observer is not None:
            _check(observer)
        self._observer = observer
        self._monotonic = monotonic
        # In order of time, so that the oldest are removed from its front.
        self._said: OrderedDict[Hashable, _Said] = OrderedDict()
        self._depth = 0
        self.is_observed: bool = observer is not None
        """False: there is no observer, so events without a log line (`RequestDone`, `OutcomeGiven` of accepted pushes)
        need not be made."""

    def emit(self, event: Event, detail: str = "") -> None:
        """Pass on an event. `detail` is a sentence of ours about it, without content; only the log shows it.

        Raises nothing that an observer or a log handler raises, because pushes still wait for their outcome. Their
        `Exception` is logged, once a minute, without its message. Other exceptions such as `SystemExit` are raised in a
        callback of the event loop in its next iteration, where they end the loop or reach its exception handler, as
        asyncio does it for any callback.
        """
        try:
            if self._observer is not None:
                self._notify(self._observer, event)
            self._log(event, detail)
        except BaseException as error:
            _raise_in_loop(error)

    def _log(self, event: Event, detail: str) -> None:
        line = LINES.get(type(event))
        about = None if line is None else line.about(event)
        if line is None or about is None:
            return
        more = self._due(about, line, line.count(event))
        if more is not None:
            with suppress(Exception):  # a filter or a handler of the host's
                log.log(line.level(event), "%s%s", line.text(event, detail), _since(more))

    def _notify(self, observer: Observer, event: Event) -> None:
        if self._depth >= DEEPEST:
            self.complain("the observer triggers events in its own call without end; some were not delivered to it")
            return
        self._depth += 1
        try:
            observer(event)
        except (Exception, CancelledError) as error:
            # A plain function is never cancelled: a CancelledError is that of a future whose result the observer read.
            self.complain(f"the observer failed: {where(error)}")
        finally:
            self._depth -= 1

    def complain(self, text: str) -> None:
        """Log an error of a plug-in or an observer: once, then at most once a minute."""
        more = self._due(text, "complaint", 1)
        if more is None:
            return
        try:
            log.error("%s%s", text, _since(more))
        except Exception:
            return
        except BaseException as error:
            _raise_in_loop(error)

    def _due(self, about: Hashable, kind: Hashable, count: int) -> int | None:
        """The number of suppressed lines since the last one about this; None if it is too early for another line."""
        now = self._monotonic()
        said = self._said.get(about)
        if said is None and len(self._said) >= MOST:
            self._forget(now)
            if len(self._said) >= MOST:
                about, said = kind, self._said.get(kind)
        if said is not None and now < said.until:
            said.held_back += count
            return None
        self._said.pop(about, None)
        self._said[about] = _Said(now + PAUSE)
        return 0 if said is None else said.held_back

    def _forget(self, now: float) -> None:
        while self._said and next(iter(self._said.values())).until <= now:
            self._said.popitem(last=False)


def _raise_in_loop(error: BaseException) -> None:
    """Raise it in the next iteration of the running loop; without a running loop at once."""
    try:
        loop = get_running_loop()
    except RuntimeError:
        raise error from None
    loop.call_soon(_raise, error)


def _raise(error: BaseException) -> None:
    raise error


def _since(more: int) -> str:
    return f"; {more} more since the last line" if more else ""


def _check(observer: object) -> None:
    if not callable(observer):
        raise FieldError("Gateway.observer", f"must be a function of an event, is {type(observer).__name__}")
    if inspect.iscoroutinefunction(observer) or inspect.iscoroutinefunction(type(observer).__call__):
        raise FieldError("Gateway.observer", "must be a plain function: hand work over with asyncio.create_task in it")
