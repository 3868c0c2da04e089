"""Who hears of events: the host's observer, and our own lines in the log.

Nothing that an observer or a log handler raises reaches the sending. What ends a process or a test (`SystemExit`,
`KeyboardInterrupt`, `pytest.fail()`) is raised again in a callback of the event loop. What an operator must hear is one
line for each certificate, reason and code, and then at most one a minute with the number of those between, in bounded
memory: an outage does not fill a disk. Never a token, a title or a body.
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
"""Called for each event, in the gateway's event loop and while the sending waits for it: it must return at once."""

PAUSE = 60.0
"""Seconds between two lines on the same thing."""
MOST = 1000
"""Different things told apart at a time; what is beyond shares one line for each kind of event."""
DEEPEST = 8
"""How deep an observer may cause events out of its own call; those below are not told to it."""


@safe_repr
@attrs.define(eq=False)
class _Said:
    until: float
    held_back: int = 0


class Emitter:
    """Tells events, to the host's observer first and then to the log. One for each gateway."""

    __slots__ = ("_depth", "_monotonic", "_observer", "_said", "is_observed")

    def __init__(self, observer: Observer | None, monotonic: Callable[[], float]) -> None:
        """Raises `FieldError` for an observer that cannot be called, or whose call would only make a coroutine."""
        if observer is not None:
            _check(observer)
        self._observer = observer
        self._monotonic = monotonic
        # Ordered, because it is emptied from its front: the oldest come first.
        self._said: OrderedDict[Hashable, _Said] = OrderedDict()
        self._depth = 0
        self.is_observed: bool = observer is not None
        """False: nobody listens to events of which no line is made (`RequestDone`, `OutcomeGiven` of accepted pushes),
        so they need not be made either."""

    def emit(self, event: Event, detail: str = "") -> None:
        """Tell it. `detail` is a sentence of ours on it, without content; only the log shows it.

        Never raises for an observer's or a log handler's sake, because pushes still wait for their outcome. An
        `Exception` of theirs is logged, once a minute, without its message. What is no `Exception`, such as
        `SystemExit`, is raised in a callback of the event loop as soon as this turn of it is over: so it ends the loop
        or reaches its exception handler, as asyncio does it for any callback.
        """
        try:
            if self._observer is not None:
                self._tell(self._observer, event)
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

    def _tell(self, observer: Observer, event: Event) -> None:
        if self._depth >= DEEPEST:
            self.complain("the observer triggers events in its own call without end; some were not delivered to it")
            return
        self._depth += 1
        try:
            observer(event)
        except (Exception, CancelledError) as error:
            # Nobody cancels a plain function: a CancelledError is that of a future which the observer looked at.
            self.complain(f"the observer failed: {where(error)}")
        finally:
            self._depth -= 1

    def complain(self, text: str) -> None:
        """A sentence on code that broke its promise, a plug-in's or an observer's: once, then at most once a minute."""
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
        """How many were held back since the last line on it; None when it is too early for another."""
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
    """In the next turn of the running loop; here where there is none."""
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
