"""Operations over the tokens of many pushes: taking notifications back, and asking which tokens are alive.

Tokens of any mix of certificates are grouped by certificate, region and message, and cut into lists as long as the
plug-in takes them (`Call.most`). Each list is one call, carried out as any other operation (`engine.operations`), and
each token gets an outcome of its own. A list that is refused as a whole because of some token is asked for in halves,
because a refusal that does not name its target must not retire a token. Nothing is raised for a vendor's or a network's
sake. Used by `Gateway.recall` and `Gateway.check_tokens`.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import AsyncIterator, Iterable, Mapping, Sequence
from typing import Any, Final, Literal, TypeAlias

import attrs

from pushgateway.engine.lane import Lane
from pushgateway.engine.lanes import Lanes
from pushgateway.engine.operations import Calling
from pushgateway.engine.pushes.completion import TURN
from pushgateway.engine.session.plugin_guard import BrokenPromise, GuardedVendor, guarded
from pushgateway.engine.tasks import Retrying, SupervisedTasks
from pushgateway.model.checks import check_kind
from pushgateway.model.outcome import CallOutcome, Outcome, TokenOutcome
from pushgateway.model.push import PushToken
from pushgateway.model.reason import Reason, Status
from pushgateway.model.secret import safe_repr
from pushgateway.vendor import Vendor
from pushgateway.vendor.operation import Call

MOST: Final = 1000
"""Tokens of one call where the plug-in does not say how many it takes."""
AT_ONCE: Final = 8
"""Calls for one certificate that are under way at the same time."""
HALVINGS: Final = 64
"""Further calls for one list that was refused as a whole. One bad token among 1,000 takes 20."""

Name: TypeAlias = Literal["recall", "check_tokens"]
Target: TypeAlias = tuple[PushToken, str]
"""A phone, and for a recall the handle of the message."""
_OF_ONE_TOKEN = frozenset({Reason.UNREGISTERED, Reason.MUTED})
"""A refusal for one of these is about a token, and costs it."""
_MISSING: Final = object()


@safe_repr
@attrs.frozen
class _List:
    """The targets of one call: of one certificate, region and message."""

    region: str
    handle: str
    targets: Sequence[Target] = attrs.field(repr=False)
    halvings: list[int] = attrs.field(factory=lambda: [HALVINGS])
    """Calls that are left for its halves; shared by all of them."""

    def halves(self) -> list[_List]:
        """In two parts, in order."""
        middle = -(-len(self.targets) // 2)
        return [attrs.evolve(self, targets=part) for part in (self.targets[:middle], self.targets[middle:])]

    def cut(self, size: int) -> list[_List]:
        """In lists of this size, in order, each for a call of its own: one bad token in each of a hundred lists costs
        no other list its halves."""
        return [
            _List(self.region, self.handle, self.targets[start : start + size])
            for start in range(0, len(self.targets), size)
        ]


@safe_repr
@attrs.define(eq=False)
class _Asking:
    """The lists of one certificate that are still to be asked for."""

    name: Name
    key: str
    group: asyncio.TaskGroup
    lists: deque[_List] = attrs.field(repr=False)
    workers: int = 0
    """How many ask for them; `AT_ONCE` at most."""


class TokenOperations:
    """One request of the host: an operation over any number of tokens."""

    def __init__(self, lanes: Lanes, under_way: SupervisedTasks, retrying: Retrying) -> None:
        self._lanes = lanes
        self._under_way = under_way
        self._retrying = retrying
        self._found: dict[Target, TokenOutcome] = {}

    async def recall(self, outcomes: Sequence[Outcome]) -> list[TokenOutcome]:
        """Take the notifications of these pushes back. One outcome for each, in order."""
        handles = [(one.handle or one.message_id or "") if _may_be_on_the_phone(one) else "" for one in outcomes]
        targets = [(one.push_token, handle) for one, handle in zip(outcomes, handles, strict=True)]
        await self._carry_out("recall", [target for target in targets if target[1]])
        return [
            self._found[target] if target[1] else _nothing_to_take_back(one)
            for one, target in zip(outcomes, targets, strict=True)
        ]

    async def check(self, push_tokens: Sequence[PushToken]) -> list[TokenOutcome]:
        """Ask whether these are alive. One outcome for each, in order."""
        targets = [(push_token, "") for push_token in push_tokens]
        await self._carry_out("check_tokens", targets)
        return [self._found[target] for target in targets]

    async def _carry_out(self, name: Name, targets: Iterable[Target]) -> None:
        by_certificate: dict[str, dict[Target, None]] = {}
        async for target in _in_turns(targets):
            by_certificate.setdefault(target[0].certificate_id, {})[target] = (
                None  # one that is given twice counts once
            )
        async with asyncio.TaskGroup() as group:
            for key, own in by_certificate.items():
                if (obstacle := self._lanes.obstacle(key)) is not None:
                    self._end(own, name, Status.NOT_SENT, *obstacle)
                    continue
                lists = await self._lists(name, self._lanes.lane(key).session.vendor, own)
                self._call_workers(_Asking(name, key, group, deque(lists)))

    async def _lists(self, name: Name, vendor: GuardedVendor, targets: Iterable[Target]) -> list[_List]:
        """The targets by region and message. Where the vendor has no such operation they stay together: it says so
        once."""
        if getattr(type(vendor.plugin), name) is getattr(Vendor, name):
            return [_List("", "", list(targets))]
        groups: dict[tuple[str, str], list[Target]] = {}
        async for target in _in_turns(targets):
            try:
                region = vendor.region(target[0].token)
            except BaseException as broken:
                self._end([target], name, Status.NOT_SENT, Reason.CREDENTIALS, vendor.blame(broken))
            else:
                groups.setdefault((region, target[1]), []).append(target)
        return [_List(region, handle, own) for (region, handle), own in groups.items()]

    def _call_workers(self, asking: _Asking) -> None:
        """Have a worker for each list, `AT_ONCE` at most. Called again when one was cut: the tokens of a certificate
        are one list until the plug-in says how many it takes."""
        for _ in range(min(AT_ONCE - asking.workers, len(asking.lists))):
            asking.workers += 1
            asking.group.create_task(self._work(asking))

    async def _work(self, asking: _Asking) -> None:
        while asking.lists:
            await self._ask(asking, asking.lists.popleft())
        asking.workers -= 1

    def _put_back(self, asking: _Asking, parts: Sequence[_List]) -> None:
        """What a list was cut into is asked for next."""
        asking.lists.extendleft(reversed(parts))
        self._call_workers(asking)

    async def _ask(self, asking: _Asking, one: _List) -> None:
        """Ask for one list, or for a part of it."""
        name = asking.name
        if (obstacle := self._lanes.obstacle(asking.key)) is not None:
            self._end(one.targets, name, Status.NOT_SENT, *obstacle)
            return
        lane = self._lanes.lane(asking.key)
        call = _made(lane, name, one)
        if isinstance(call, Call) and len(one.targets) > (most := _most(call)):
            one, *rest = one.cut(most)
            self._put_back(asking, rest)
            call = _made(lane, name, one)
        calling: Calling[Any] = Calling(lane, name, call, self._retrying)
        outcome = await self._under_way.see_through(calling.run())
        if outcome.reason in _OF_ONE_TOKEN and len(one.targets) > 1:
            if one.halvings[0] > 0:
                one.halvings[0] -= 2
                self._put_back(asking, one.halves())
            else:
                detail = "refused together with others, and the vendor does not say which one is meant"
                self._end(one.targets, name, Status.UNKNOWN, Reason.NO_VERDICT, detail)
            return
        self._note(name, one.targets, outcome, lane.session.vendor)

    def _note(self, name: Name, targets: Sequence[Target], outcome: CallOutcome[Any], vendor: GuardedVendor) -> None:
        """What a call says about each of its targets."""
        answers: Mapping[Any, object] = {}
        if outcome.ok and isinstance(outcome.value, Mapping):
            try:
                answers = guarded(dict, outcome.value)  # of a class of the plug-in's, perhaps
            except Exception as broken:
                vendor.blame(broken)
        elif outcome.ok:
            vendor.blame(BrokenPromise(f"{name}(): the result must be a mapping, is {type(outcome.value).__name__}"))
        for target in targets:
            made = TokenOutcome(
                push_token=target[0],
                operation=outcome.operation,
                status=outcome.status,
                reason=outcome.reason,
                vendor_code=outcome.vendor_code,
                vendor_message=outcome.vendor_message,
                detail=outcome.detail,
                retry_after=outcome.retry_after,
                attempts=outcome.attempts,
            )
            if outcome.ok:
                made = _of_answer(made, answers.get(target[0].token, _MISSING))
            self._found[target] = made

    def _end(self, targets: Iterable[Target], name: Name, status: Status, reason: Reason, detail: str) -> None:
        for target in targets:
            self._found[target] = TokenOutcome(
                push_token=target[0], operation=name, status=status, reason=reason, detail=detail
            )


async def _in_turns(targets: Iterable[Target]) -> AsyncIterator[Target]:
    """Each of these; the event loop gets a turn now and then."""
    for place, target in enumerate(targets, 1):
        yield target
        if place % TURN == 0:
            await asyncio.sleep(0)


def as_outcomes(outcomes: Iterable[Outcome]) -> list[Outcome]:
    """These as a list. Raises `FieldError` that names the first element that is none."""
    given = list(outcomes)
    for place, outcome in enumerate(given):
        check_kind(f"outcomes[{place}]", Outcome, outcome)
    return given


def as_push_tokens(push_tokens: Iterable[PushToken]) -> list[PushToken]:
    """These as a list. Raises `FieldError` that names the first element that is none."""
    given = list(push_tokens)
    for place, push_token in enumerate(given):
        check_kind(f"push_tokens[{place}]", PushToken, push_token)
    return given


def _made(lane: Lane, name: Name, one: _List) -> Call[Any] | Exception:
    """The plug-in's call for a list, or what it raised."""
    plugin, tokens = lane.session.vendor.plugin, [push_token.token for push_token, _ in one.targets]
    try:
        if name == "recall":
            return guarded(plugin.recall, one.handle, tokens)
        return guarded(plugin.check_tokens, tokens)
    except Exception as failed:
        return failed


def _most(call: Call[Any]) -> int:
    """How many tokens a call takes, if the plug-in says so in a way that can be."""
    most: object = call.most
    return most if isinstance(most, int) and not isinstance(most, bool) and most > 0 else MOST


def _of_answer(made: TokenOutcome, reason: object) -> TokenOutcome:
    """The outcome of a token for which the call's result has `reason`."""
    if reason is None:
        return made
    if isinstance(reason, Reason) and reason is not Reason.NO_VERDICT:
        return attrs.evolve(made, status=Status.REJECTED if made.attempts else Status.NOT_SENT, reason=reason)
    detail = "" if reason is Reason.NO_VERDICT else "the reply does not name this token"
    return attrs.evolve(made, status=Status.UNKNOWN, reason=Reason.NO_VERDICT, detail=detail)


def _may_be_on_the_phone(outcome: Outcome) -> bool:
    return outcome.status in (Status.ACCEPTED, Status.UNKNOWN)


def _nothing_to_take_back(outcome: Outcome) -> TokenOutcome:
    """For a push that reached no phone, or that the vendor gave no id."""
    detail = "the vendor gave no message id, by which it could be taken back"
    if not _may_be_on_the_phone(outcome):
        detail = f"the push ended {outcome.status.value}: there is nothing to take back"
    return TokenOutcome(
        push_token=outcome.push_token,
        operation="recall",
        status=Status.NOT_SENT,
        reason=Reason.UNSUPPORTED,
        detail=detail,
    )
