"""A vendor's own operations, carried through a certificate's lane: aliases, statistics, pictures.

No vendor's operation is named here; each public method of a plug-in that returns a `Call` is one. A call has the access
token of pushes and a gate of its own, and always ends in a `CallOutcome`. What may not be done twice is not asked
twice. Used by `Gateway.vendor`.
"""

from __future__ import annotations

import asyncio
import functools
import inspect
import re
from collections.abc import Callable, Coroutine
from typing import Any, Concatenate, Generic, ParamSpec, TypeAlias, TypeVar, get_origin

import attrs

from pushgateway.engine.endpoint import CLOSED
from pushgateway.engine.flow_control.retry import TEMPORARY
from pushgateway.engine.lane import Lane
from pushgateway.engine.lanes import Lanes
from pushgateway.engine.session.plugin_guard import BrokenPromise, as_text, guarded
from pushgateway.engine.session.vendor_session import Ask, VendorSession
from pushgateway.engine.tasks import Retrying, SupervisedTasks
from pushgateway.model.errors import FieldError
from pushgateway.model.outcome import CallOutcome
from pushgateway.model.reason import Reason, Status
from pushgateway.model.secret import safe_repr
from pushgateway.observe.events import CallDone
from pushgateway.transport.limit import ARRIVED, within
from pushgateway.vendor import Request, Vendor
from pushgateway.vendor.operation import Call
from pushgateway.vendor.refusals import NoVerdict, Refused

P = ParamSpec("P")
R = TypeVar("R")
V = TypeVar("V", bound=Vendor)

Asked: TypeAlias = Coroutine[Any, Any, CallOutcome[R]]
CHANGED = "the certificate was changed while the call was under way"
_RETURNS_CALL = re.compile(r"(?:\w+\.)*Call(?:\[.*\])?", re.DOTALL)


@functools.cache
def operations_of(vendor: type[Vendor]) -> frozenset[str]:
    """The names of a plug-in's operations: public methods that are annotated to return a `Call`."""
    return frozenset(name for name in dir(vendor) if not name.startswith("_") and _is_operation(vendor, name))


def _is_operation(vendor: type[Vendor], name: str) -> bool:
    method = inspect.getattr_static(vendor, name)
    hint = getattr(method, "__annotations__", {}).get("return") if inspect.isroutine(method) else None
    if isinstance(hint, str):  # under `from __future__ import annotations`
        return _RETURNS_CALL.fullmatch(hint.strip()) is not None
    return (get_origin(hint) or hint) is Call


@safe_repr
class Operations:
    """The operations of one certificate's vendor: `outcome = await gateway.vendor(7005).statistics(message, task)`.

    Each is called with the arguments of the plug-in's method of that name and gives a `CallOutcome`; it raises
    nothing because of a vendor or a network. A name that is no operation is an `AttributeError` that lists them, wrong
    arguments are a `TypeError`, as for any method. `ask` is the same for a type checker.
    """

    def __init__(
        self, certificate_id: str, lanes: Lanes, under_way: SupervisedTasks, retrying: Callable[[], Retrying]
    ) -> None:
        """`retrying`: called anew for each call, in the gateway's event loop."""
        self._certificate_id = certificate_id
        self._lanes = lanes
        self._under_way = under_way
        self._retrying = retrying

    async def ask(
        self, operation: Callable[Concatenate[V, P], Call[R]], *args: P.args, **kwargs: P.kwargs
    ) -> CallOutcome[R]:
        """`await gateway.vendor(7005).ask(Oppo.statistics, message_id, task_id)`, with every type known.

        Raises `FieldError` when the certificate's vendor has no such operation.
        """
        name = getattr(operation, "__name__", "")
        if (vendor := self._vendor()) is not None and name not in operations_of(type(vendor)):
            raise FieldError("operation", _missing(vendor, name))
        return await self._call(name, *args, **kwargs)

    def __getattr__(self, name: str) -> Callable[..., Asked[Any]]:
        if name.startswith("_"):
            raise AttributeError(name)
        if (vendor := self._vendor()) is not None and name not in operations_of(type(vendor)):
            raise AttributeError(_missing(vendor, name))
        return functools.partial(self._call, name)

    def __dir__(self) -> list[str]:
        vendor = self._vendor()
        return sorted({"ask", *(operations_of(type(vendor)) if vendor is not None else ())})

    def __repr__(self) -> str:
        return f"Operations({self._certificate_id!r})"

    def closed(self, name: str) -> CallOutcome[Any]:
        """What a call gets once there is no gateway any more."""
        return self._not_sent(name, Reason.CLOSED, CLOSED)

    def _not_sent(self, name: str, reason: Reason, detail: str) -> CallOutcome[Any]:
        return CallOutcome(
            certificate_id=self._certificate_id, operation=name, status=Status.NOT_SENT, reason=reason, detail=detail
        )

    def _vendor(self) -> Vendor | None:
        return self._lanes.vendor(self._certificate_id)

    async def _call(self, name: str, /, *args: Any, **kwargs: Any) -> CallOutcome[Any]:
        retrying = self._retrying()
        obstacle = self._lanes.obstacle(self._certificate_id)
        if obstacle is not None:
            return self._not_sent(name, *obstacle)
        lane = self._lanes.lane(self._certificate_id)
        method = getattr(lane.session.vendor.plugin, name)
        inspect.signature(method).bind(*args, **kwargs)  # the caller's own mistake: raises TypeError
        call: Call[Any] | Exception
        try:
            call = guarded(method, *args, **kwargs)
        except FieldError:
            raise  # the same: an argument of a wrong type
        except Exception as failed:
            call = failed
        calling: Calling[Any] = Calling(lane, name, call, retrying)
        return await self._under_way.see_through(calling.run())


def _missing(vendor: Vendor, name: str) -> str:
    known = ", ".join(sorted(operations_of(type(vendor))))
    return f"{vendor.brand} has no operation {name!r}; it has: {known}"


class _CallAsk(Ask):
    """A call, of which nothing leaves after the deadline."""

    __slots__ = ("_deadline", "is_repeatable")

    def __init__(self, deadline: float) -> None:
        """`deadline`: loop seconds. Name and region are set once the plug-in has named them."""
        super().__init__("call", "")
        self._deadline = deadline
        self.is_repeatable = True
        """As `Call.repeatable`."""

    def may_begin_again(self) -> bool:
        """See `Ask`."""
        return self.is_repeatable or self.of_this_try <= 1

    def is_late(self) -> bool:
        """Whether the deadline has passed."""
        return asyncio.get_running_loop().time() >= self._deadline

    def leaving(self, request: Request) -> None:
        """See `Ask`. Raises `TimeoutError` after the deadline: what arrived late is still read."""
        if self.is_late():
            raise TimeoutError
        super().leaving(request)


@safe_repr
@attrs.define(eq=False)
class Calling(Generic[R]):
    """One call under way. `run` gives its outcome, also when the task is cut off."""

    lane: Lane
    name: str
    """Of the plug-in's method; once that was called, what the vendor calls it."""
    call: Call[R] | Exception
    """Or what the plug-in raised when it was to be made."""
    retrying: Retrying
    session: VendorSession = attrs.field(init=False)
    _ask: _CallAsk = attrs.field(init=False)
    _last: Refused | None = attrs.field(default=None, init=False)
    """How the vendor refused the last try, where it did."""

    def __attrs_post_init__(self) -> None:
        self.session = self.lane.session
        self._ask = _CallAsk(self.retrying.deadline)

    async def run(self) -> CallOutcome[R]:
        """Carry it out, and report it to observers."""
        loop = asyncio.get_running_loop()
        begun = loop.time()
        outcome = await self._run()
        done = CallDone(
            certificate_id=outcome.certificate_id,
            brand=self.session.vendor.brand,
            name=outcome.operation,
            status=outcome.status,
            reason=outcome.reason,
            vendor_code=outcome.vendor_code,
            attempts=outcome.attempts,
            duration=loop.time() - begun,
        )
        self.session.emitter.emit(done, outcome.detail)
        return outcome

    async def _run(self) -> CallOutcome[R]:
        left = self.retrying.deadline - asyncio.get_running_loop().time()
        limit = within(left, lambda: self._ask.requests, ARRIVED)
        try:
            with limit:
                return self._ended(Status.ACCEPTED, value=await self._value())
        except Refused as refused:
            status = Status.REJECTED if refused is self._last else self._ask.ending(refused)
            return self._ended(status, refused.reason, refused.detail, refused)
        except NoVerdict as silent:
            return self._ended(self._ask.ending(silent), self._why(silent), silent.detail)
        except asyncio.CancelledError:
            # The gateway's end or the caller's: what is known so far must not be lost with it.
            return self._cut_off(Reason.CLOSED, CLOSED)
        except Exception as broken:
            late = isinstance(broken, TimeoutError) and (limit.expired or self._ask.is_late())
            if late and self._last is not None and not self._ask.of_this_try:
                return self._ended(Status.REJECTED, self._last.reason, self._last.detail, self._last)
            reason = Reason.EXPIRED if late else Reason.CREDENTIALS
            return self._cut_off(reason, "the deadline passed" if late else self.session.vendor.blame(broken))

    async def _value(self) -> R:
        call = self.call
        if isinstance(call, Exception):
            raise call
        if not isinstance(call, Call):
            raise BrokenPromise(f"{self.name}() gives no Call")
        self.name, self._ask.is_repeatable = as_text("Call.name", call.name), bool(call.repeatable)
        region = as_text("Call.region", call.region)
        self._ask.name, self._ask.region = self.name, region
        # A gate of its own: a server of pictures that is down, a right that the app lacks for statistics or a day's
        # share of one operation that is used up must not stop pushes.
        gate = f"{region}:{self.name}"
        attempt = functools.partial(self._attempt, call, region)

        async def ask() -> R:
            return await self.lane.endpoint(gate).ask("", 0, self.retrying.deadline, attempt, content=id(self))

        return await self.retrying.run(ask, self._may_repeat)

    async def _attempt(self, call: Call[R], region: str) -> R:
        self._ask.begin_try()
        if (refusal := self.lane.refusal) is not None:
            raise Refused(refusal[0], detail=refusal[1])
        session = self.session
        if self.lane.session is not session:
            raise Refused(Reason.CREDENTIALS, detail=CHANGED)
        access = await session.login(region)
        return await session.run_with_access(access, functools.partial(guarded, call.begin), self._ask)

    def _may_repeat(self, failure: Refused | NoVerdict) -> bool:
        # Of several requests the first ones may have done something, whatever became of the last.
        ask = self._ask
        harmless = ask.may_begin_again()
        if isinstance(failure, Refused):
            if ask.of_this_try:
                self._last = failure  # readable: whatever ends it from now on, nothing is in doubt
                ask.begin_try()
            return failure.reason in TEMPORARY and harmless
        ask.doubtful = ask.doubtful or failure.sent
        if not failure.sent and ask.of_this_try <= 1:
            ask.begin_try()  # its only request has not left
        return ask.is_repeatable or (harmless and not failure.sent)

    def _why(self, silent: NoVerdict) -> Reason:
        if silent.sent:
            return Reason.NO_VERDICT
        return Reason.EXPIRED if self._ask.is_late() else Reason.UNAVAILABLE

    def _cut_off(self, reason: Reason, detail: str) -> CallOutcome[R]:
        if self._ask.of_this_try:
            return self._ended(Status.UNKNOWN, Reason.NO_VERDICT, f"{detail} while the vendor was asked")
        return self._ended(Status.NOT_SENT, reason, detail)

    def _ended(
        self,
        status: Status,
        reason: Reason | None = None,
        detail: str = "",
        refused: Refused | None = None,
        value: R | None = None,
    ) -> CallOutcome[R]:
        if self._ask.doubtful and status is not Status.ACCEPTED:
            # What was refused now proves nothing about the attempt before.
            detail = f"an earlier attempt had no verdict; the last one ended {status.value}" + f": {detail}" * bool(
                detail
            )
            status, reason = Status.UNKNOWN, Reason.NO_VERDICT
        return CallOutcome(
            certificate_id=self.session.certificate_id,
            operation=self.name,
            status=status,
            reason=reason,
            value=value,
            vendor_code=None if refused is None else refused.code,
            vendor_message=None if refused is None else refused.message,
            detail=detail,
            retry_after=None if refused is None else refused.retry_after,
            attempts=self._ask.requests,
        )
