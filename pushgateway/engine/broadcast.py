"""Broadcasts: save once, send to each part of the audience, never twice.

A long audience is cut for the vendor, by region and size; each part gets its own verdict. Saving may be repeated. A
broadcast that left without a verdict is never repeated: it may have reached thousands. A list that was refused as a
whole reached no phone, so it is sent again in smaller lists until the targets that are meant are alone. Used by
`Gateway.broadcast`.
"""

from __future__ import annotations

import asyncio
import functools
import math
from collections import deque
from collections.abc import Awaitable, Callable, Iterable, Sequence
from typing import Any, Self, TypeVar

import attrs

from pushgateway.certificates.receipt_signing import ReceiptSigner
from pushgateway.engine.delivery import content_number
from pushgateway.engine.endpoint import CLOSED, Endpoint
from pushgateway.engine.flow_control.refused_contents import PROOFS
from pushgateway.engine.flow_control.retry import TEMPORARY
from pushgateway.engine.lane import Lane
from pushgateway.engine.session import results
from pushgateway.engine.session.plugin_guard import BrokenPromise, GuardedVendor, as_saved, guarded
from pushgateway.engine.session.vendor_session import Ask, VendorSession
from pushgateway.engine.tasks import Retrying
from pushgateway.model.audience import Audience, AudienceKind, Broadcast
from pushgateway.model.outcome import BroadcastOutcome, Outcome
from pushgateway.model.push import PushToken
from pushgateway.model.reason import Reason, Status, SumStatus
from pushgateway.model.secret import safe_repr
from pushgateway.observe.events import BroadcastDone
from pushgateway.vendor import Exchange, Saved
from pushgateway.vendor.refusals import ExchangeError, NoVerdict, Refused

R = TypeVar("R")

_HOPELESS = frozenset(
    {
        Reason.CREDENTIALS,
        Reason.QUOTA_EXCEEDED,
        Reason.INVALID_NOTIFICATION,
        Reason.UNSUPPORTED,
        Reason.CLOSED,
        Reason.EXPIRED,
    }
)
"""After an ending for one of these the rest of that region's audience is not tried."""
_OF_EVERYTHING = frozenset({Reason.CLOSED, Reason.EXPIRED})
"""After an ending for one of these nothing more is tried in any region."""
_OF_THE_NOTIFICATION = frozenset({Reason.INVALID_NOTIFICATION, Reason.UNSUPPORTED})
"""Where each target has an outcome of its own, these are about that target."""
_CLOSING = (Reason.CLOSED, CLOSED)
"""What a lane says while the gateway closes: what is under way may use the time that is left."""
CHANGED = "the certificate was changed or removed while the broadcast was under way"


class _Changed(Exception):
    """Raised in place of a request with settings that are no longer in use."""


def parts(vendor: GuardedVendor, audience: Audience) -> list[tuple[str, Audience]]:
    """The audience cut into what fits one request each, with the region of each part."""
    home = vendor.home_region
    if not audience.kind.is_list:
        return [(home, audience)]
    regions: dict[str, list[str]] = {}
    for value in audience.values:
        region = vendor.region(value) if audience.kind is AudienceKind.TOKENS else home
        regions.setdefault(region, []).append(value)
    size = vendor.audience_size
    return [
        (region, attrs.evolve(audience, values=tuple(values[start : start + size])))
        for region, values in regions.items()
        for start in range(0, len(values), size)
    ]


@safe_repr
@attrs.define(eq=False)
class _Known:
    """What was learned about the notification of a broadcast at one of the vendor's servers."""

    taken: bool = False
    """A target was accepted with it, so a refusal is not about the notification."""
    probed: bool = False
    """Some targets were sent to alone, to find out whether it is."""
    refused_alone: int = 0
    """Targets that were refused, each in a request of its own."""
    refusal: Refused | None = None
    """The last of these, once there were enough of them to blame the notification."""
    ended: BroadcastOutcome | None = None
    """After this ending nothing more is tried there."""


@safe_repr
@attrs.frozen
class _Todo:
    """One request's worth of an audience that is still to be sent."""

    region: str
    audience: Audience = attrs.field(repr=False)
    was_refused: bool = False
    """As part of a longer list that was refused as a whole."""

    def pieces(self, lists: Iterable[Sequence[str]], *, was_refused: bool = True) -> Sequence[_Todo]:
        """These parts of its audience."""
        return [
            _Todo(self.region, attrs.evolve(self.audience, values=tuple(values)), was_refused)
            for values in lists
            if values
        ]


@safe_repr
@attrs.define(eq=False)
class Broadcasting:
    """One broadcast under way. `run` gives its outcome, also when the task is cut off."""

    session: VendorSession
    broadcast: Broadcast
    retrying: Retrying
    region: Callable[[str], Endpoint]
    """The vendor's servers, by name."""
    quota: str
    """The daily quota it counts against."""
    is_current: Callable[[], bool]
    """False once the certificate was changed or removed."""
    signer: ReceiptSigner | None = None
    """What marks it, where the certificate asks for receipts."""
    _saving: Ask = attrs.field(factory=lambda: Ask("save", ""), init=False)
    """What was asked to save the content for the present part."""
    _sending: Ask = attrs.field(factory=lambda: Ask("broadcast", ""), init=False)
    """What was asked to send to the present part, which cannot be taken back."""
    _cut: bool = attrs.field(default=False, init=False)
    """The task was cancelled: nothing more may leave."""
    _saved: dict[str, Saved] = attrs.field(factory=dict, init=False)
    _known: dict[str, _Known] = attrs.field(factory=dict, init=False)
    """By region."""
    _refusal: Refused | None = attrs.field(default=None, init=False)
    """How the request with the list itself was refused last; not the login, the saving or the gate before it."""
    _stopped: BroadcastOutcome | None = attrs.field(default=None, init=False)
    """After this ending nothing more is tried in any region."""
    _done: list[tuple[Audience, BroadcastOutcome]] = attrs.field(factory=list, init=False)

    @classmethod
    def through(cls, lane: Lane, broadcast: Broadcast, retrying: Retrying) -> Self:
        """One that goes through `lane`, as long as that is at work with the same settings."""
        session = lane.session
        return cls(
            session,
            broadcast,
            retrying,
            region=lane.endpoint,
            quota=session.vendor.broadcast_quota_or_default(broadcast),
            is_current=lambda: lane.session is session and (lane.refusal or _CLOSING) == _CLOSING,
            signer=lane.signer,
        )

    async def run(self) -> BroadcastOutcome:
        """Send to every part of the audience, one after the other, and merge what became of them."""
        loop = asyncio.get_running_loop()
        begun = loop.time()
        outcome = await self._run()
        done = BroadcastDone(
            certificate_id=outcome.certificate_id,
            brand=self.session.vendor.brand,
            status=outcome.status,
            reason=outcome.reason,
            vendor_code=outcome.vendor_code,
            duration=loop.time() - begun,
            targets=len(self.broadcast.audience.values),
            accepted=outcome.counts.get((Status.ACCEPTED, None), 0),
        )
        self.session.emitter.emit(done, outcome.detail)
        return outcome

    async def _run(self) -> BroadcastOutcome:
        vendor = self.session.vendor
        audience = self.broadcast.audience
        try:
            if audience.kind not in vendor.audiences:
                detail = f"{vendor.brand} has no broadcast to {audience.kind.value}"
                return self._ended(audience, Status.NOT_SENT, Reason.UNSUPPORTED, detail)
            whole = parts(vendor, audience)
            if self.signer is not None and audience.kind in vendor.receipt_audiences:
                made = f"{self.retrying.rng.getrandbits(128):032x}"
                self.broadcast = self.signer.sign_broadcast(self.broadcast, made)
        except BaseException as broken:
            return self._ended(audience, Status.NOT_SENT, Reason.CREDENTIALS, self.session.vendor.blame(broken))
        todo = deque(_Todo(region, part) for region, part in whole)
        while todo:
            one = todo.popleft()
            known = self._known.setdefault(one.region, _Known())
            before = self._stopped or known.ended
            if before is not None:
                self._done.append((one.audience, self._not_tried(one, before, known)))
            elif len(smaller := self._within_size(one)) > 1:
                todo.extendleft(reversed(smaller))
            else:
                todo.extendleft(reversed(await self._part(one, known)))
        return self._merged()

    def _not_tried(self, one: _Todo, before: BroadcastOutcome, known: _Known) -> BroadcastOutcome:
        if one.was_refused and known.refusal is not None:
            detail = f"refused with a longer list, and for {PROOFS} others alone: {known.refusal.detail}"
            return self._ended(one.audience, Status.REJECTED, known.refusal.reason, detail, known.refusal)
        self._sending = Ask("broadcast", one.region)  # not the one of the part before
        detail = f"not tried: a part before it ended {before.status.value}"
        return self._ended(one.audience, Status.NOT_SENT, Reason.CLOSED if self._cut else before.reason, detail)

    async def _part(self, one: _Todo, known: _Known) -> Sequence[_Todo]:
        """Send one request's worth of the audience, with everything that comes before it, and note how it ended.

        Returns smaller lists of those who have no ending yet, because the list was refused as a whole.
        """
        part = one.audience
        self._saving = Ask("save", one.region)
        self._sending = Ask("broadcast", one.region, len(part.values))
        self._refusal = None
        is_over = True
        try:
            outcome = await self._deliver(one.region, attrs.evolve(self.broadcast, audience=part))
            known.taken = known.taken or outcome.ok or any(target.ok for target in outcome.outcomes)
            is_over = not outcome.outcomes or outcome.reason not in _OF_THE_NOTIFICATION
        except Refused as refused:
            if smaller := self._narrowed(one, refused, known):
                return smaller
            is_over = not self._is_of_some(part, refused) or self._is_proved(known, refused)
            late = refused.reason is Reason.EXPIRED  # before it could leave, and nothing was said of it before
            has_left = (self._saving.requests or self._sending.requests) and refused.about != "login"
            status = Status.REJECTED if has_left and not late else Status.NOT_SENT
            outcome = self._ended(part, status, refused.reason, refused.detail, refused)
        except NoVerdict as silent:
            if silent.sent:
                outcome = self._ended(part, Status.UNKNOWN, Reason.NO_VERDICT, silent.detail, silent)
            else:
                outcome = self._ended(part, Status.NOT_SENT, Reason.UNAVAILABLE, silent.detail, silent)
        except asyncio.CancelledError:
            # The gateway's end or the caller's: what is known so far must not be lost.
            self._cut = True
            outcome = self._cut_off(part, Reason.CLOSED, CLOSED)
        except Exception as broken:
            outcome = self._cut_off(part, Reason.CREDENTIALS, self.session.vendor.blame(broken))
        self._done.append((part, outcome))
        if self._cut or outcome.reason in _OF_EVERYTHING:
            self._stopped = outcome
        elif is_over and outcome.reason in _HOPELESS:
            known.ended = outcome
        return ()

    # A list that is refused as a whole

    def _within_size(self, one: _Todo) -> Sequence[_Todo]:
        """The list in pieces of the size that is known to be the most for this server: nearly always itself."""
        values = one.audience.values
        if not one.audience.kind.is_list or len(values) < 2:
            return (one,)
        most = self.region(one.region).gate.list_limit.current(asyncio.get_running_loop().time())
        if most == math.inf:
            return (one,)
        lists: list[list[str]] = [[]]
        size = 0
        for value in values:
            size += len(value) + 1
            if lists[-1] and size > most:
                lists.append([])
                size = len(value) + 1
            lists[-1].append(value)
        return one.pieces(lists, was_refused=one.was_refused)

    def _narrowed(self, one: _Todo, refused: Refused, known: _Known) -> Sequence[_Todo]:
        """The list that was refused in smaller ones; none where all its targets are meant, or there is one only.

        Finding a target costs about two requests for each halving, and finding that the notification is to blame six.
        """
        part = one.audience
        if not self._is_of_some(part, refused):
            return ()
        kept = _kept(self.broadcast, part, refused)
        rest = [value for place, value in enumerate(part.values) if place not in kept]
        if len(rest) < 2:
            known.refused_alone += len(rest) * (refused.about != "target")
            return ()
        if not known.taken and known.refused_alone >= PROOFS:
            return ()
        if refused.about == "size":
            gate = self.region(one.region).gate
            gate.list_limit.refused(asyncio.get_running_loop().time(), sum(map(len, rest)) + len(rest))
        if kept:
            places = sorted(kept)
            settled = attrs.evolve(part, values=tuple(part.values[place] for place in places))
            first = kept[places[0]]
            what = self._ended(settled, first.status, first.reason, first.detail)
            self._done.append((settled, attrs.evolve(what, outcomes=tuple(kept[place] for place in places))))
        if refused.about or known.taken or known.probed:
            half = -(-len(rest) // 2)
            return one.pieces((rest[:half], rest[half:]))
        known.probed = True  # the notification or a target? Some from the whole length of the list, each alone
        alone = range(0, len(rest), max(1, len(rest) // PROOFS))[:PROOFS]
        others = [value for place, value in enumerate(rest) if place not in alone]
        return one.pieces((*([rest[place]] for place in alone), others))

    def _is_of_some(self, part: Audience, refused: Refused) -> bool:
        """Whether a refusal may be about some of the targets of the list."""
        return (
            refused is self._refusal
            and part.kind.is_list
            and refused.about not in ("content", "compartment")
            and not results.is_of_the_vendor(refused)
        )

    def _is_proved(self, known: _Known, refused: Refused) -> bool:
        """Whether so many targets were refused alone, and none accepted, that the notification is to blame."""
        if known.taken or known.refused_alone < PROOFS:
            return False
        known.refusal = refused
        return True

    async def _deliver(self, region: str, broadcast: Broadcast) -> BroadcastOutcome:
        if asyncio.get_running_loop().time() >= self.retrying.deadline:
            return self._ended(broadcast.audience, Status.NOT_SENT, Reason.EXPIRED, "the deadline passed")
        try:
            if region not in self._saved:
                self._saved[region] = await self._persist(region, 0, lambda: self._save(region, broadcast))
            saved = self._saved[region]
            targets = max(1, len(broadcast.audience.values))
            outcome = await self._persist(region, targets, lambda: self._send(region, broadcast, saved.id))
        except _Changed:
            return self._ended(broadcast.audience, Status.NOT_SENT, Reason.CREDENTIALS, CHANGED)
        return attrs.evolve(
            outcome,
            message_id=outcome.message_id or saved.id or None,
            truncated=saved.truncated or outcome.truncated,
            omitted=saved.omitted or outcome.omitted,
        )

    async def _save(self, region: str, broadcast: Broadcast) -> Saved:
        """Store the content, at vendors that want that."""
        vendor = self.session.vendor.plugin
        exchange = guarded(vendor.save, broadcast)
        if exchange is None:
            return Saved("")
        exchange.close()  # only to know whether there is one

        def begin() -> Exchange[Saved]:
            begun = guarded(vendor.save, broadcast)
            if begun is None:
                raise TypeError("save() takes back its exchange")
            return begun

        access = await self.session.login(region)
        try:
            return as_saved("save()", await self.session.run_with_access(access, begin, self._saving))
        except NoVerdict as silent:
            # A text stored perhaps, and sent to nobody: as harmless as a request that never left.
            raise NoVerdict(f"save: {silent.detail}", sent=False) from None

    async def _send(self, region: str, broadcast: Broadcast, saved: str) -> BroadcastOutcome:
        vendor = self.session.vendor.plugin
        self._sending.begin_try()  # the one before was refused, readably
        access = await self.session.login(region)
        begin = functools.partial(guarded, vendor.broadcast, broadcast, saved)
        try:
            outcome = await self.session.run_with_access(access, begin, self._sending)
        except Refused as refused:
            self._refusal = refused
            self._sending.begin_try()  # readable: whatever ends it from now on, nothing is in doubt
            raise
        except NoVerdict as silent:
            if not silent.sent:
                self._sending.begin_try()
            raise
        if not isinstance(outcome.status, Status):
            raise BrokenPromise("broadcast: one request ends in one Status")
        if outcome.requests and sum(count for *_, count in outcome.requests) != _targets(broadcast.audience):
            raise BrokenPromise("broadcast: requests must count each target of the request once")
        if broadcast.audience.kind is AudienceKind.TOKENS:
            tokens = tuple(one.push_token.token for one in outcome.outcomes)
            if tokens != broadcast.audience.values:
                raise TypeError("not one outcome for each token")
        return outcome

    async def _persist(self, region: str, targets: int, attempt: Callable[[], Awaitable[R]]) -> R:
        """Repeat while that can do no harm and there is time: what was refused for now, or never left."""

        async def current() -> R:
            if not self.is_current():  # much may have happened at the gate
                raise _Changed
            return await attempt()

        async def ask() -> R:
            if not self.is_current():
                raise _Changed
            content = content_number((self.broadcast.notification,))
            return await self.region(region).ask(self.quota, targets, self.retrying.deadline, current, content)

        return await self.retrying.run(ask, _is_harmless)

    def _cut_off(self, part: Audience, reason: Reason, detail: str) -> BroadcastOutcome:
        if self._sending.of_this_try:
            return self._ended(part, Status.UNKNOWN, Reason.NO_VERDICT, detail)
        if (refusal := self._refusal) is not None:
            return self._ended(part, Status.REJECTED, refusal.reason, refusal.detail, refusal)
        return self._ended(part, Status.NOT_SENT, reason, detail)

    def _ended(
        self, part: Audience, status: Status, reason: Reason | None, detail: str, error: ExchangeError | None = None
    ) -> BroadcastOutcome:
        attempts = 1 if self._sending.requests else 0
        outcome = ended(self.broadcast, part, status, reason, detail, error=error, attempts=attempts)
        return attrs.evolve(outcome, message_id=self._any_saved())

    def _any_saved(self) -> str | None:
        return next((saved.id for saved in self._saved.values() if saved.id), None)

    def _merged(self) -> BroadcastOutcome:
        outcomes = [outcome for _, outcome in self._done]
        leading = next((outcome for outcome in outcomes if not outcome.ok), outcomes[0])
        by_token = {one.push_token.token: one for outcome in outcomes for one in outcome.outcomes}
        values = self.broadcast.audience.values if self.broadcast.audience.kind is AudienceKind.TOKENS else ()
        requests = () if values else tuple(one for part, outcome in self._done for one in _counted(part, outcome))
        merged = attrs.evolve(
            leading,
            message_id=next((outcome.message_id for outcome in outcomes if outcome.message_id), None),
            task_ids=tuple(dict.fromkeys(task_id for outcome in outcomes for task_id in outcome.task_ids)),
            truncated=next((outcome.truncated for outcome in outcomes if outcome.truncated), ()),
            omitted=next((outcome.omitted for outcome in outcomes if outcome.omitted), ()),
            outcomes=tuple(by_token[token] for token in values),
            requests=requests,
        )
        return _summed(merged)


def _counted(part: Audience, outcome: BroadcastOutcome) -> Sequence[tuple[Status, Reason | None, int]]:
    """How the targets of one request ended: as the plug-in counted them by the reply, or all alike."""
    status = outcome.status if isinstance(outcome.status, Status) else Status.UNKNOWN  # one request has one status
    return outcome.requests or ((status, outcome.reason, _targets(part)),)


def _targets(audience: Audience) -> int:
    """The targets of an audience: its values, or 1 for everyone and for tags."""
    return len(audience.values) if audience.kind.is_list else 1


def _summed(merged: BroadcastOutcome) -> BroadcastOutcome:
    """With the status that its targets have, so that the sum is neither better nor worse than its parts."""
    counts = merged.counts
    statuses = {status for status, _ in counts}
    if statuses == {Status.ACCEPTED}:
        return attrs.evolve(merged, status=Status.ACCEPTED, reason=None)
    status, reason = next(ending for ending in counts if ending[0] is not Status.ACCEPTED)
    if len(statuses) == 1:
        return attrs.evolve(merged, status=status, reason=reason)
    accepted, all_of_them = counts.get((Status.ACCEPTED, None), 0), sum(counts.values())
    detail = f"{accepted} of {all_of_them} accepted"
    if merged.detail:
        detail += f"; of the others: {merged.detail}"
    return attrs.evolve(merged, status=SumStatus.PARTLY, reason=reason, detail=detail)


def _is_harmless(failure: Refused | NoVerdict) -> bool:
    """Whether asking again can reach nobody twice."""
    return failure.reason in TEMPORARY if isinstance(failure, Refused) else not failure.sent


def ended(
    broadcast: Broadcast,
    part: Audience,
    status: Status,
    reason: Reason | None,
    detail: str,
    *,
    error: ExchangeError | None = None,
    attempts: int = 0,
) -> BroadcastOutcome:
    """An ending that is the same for every target in `part` that the plug-in had not settled before."""
    what: dict[str, Any] = {"status": status, "reason": reason, "detail": detail}
    if isinstance(error, Refused):
        what |= {"vendor_code": error.code, "vendor_message": error.message, "retry_after": error.retry_after}
    kept = _kept(broadcast, part, error)
    tokens = part.values if part.kind is AudienceKind.TOKENS else ()
    outcomes = tuple(
        kept.get(place) or Outcome(push_token=PushToken(broadcast.certificate_id, token), attempts=attempts, **what)
        for place, token in enumerate(tokens)
    )
    return BroadcastOutcome(certificate_id=broadcast.certificate_id, outcomes=outcomes, **what)


def _kept(broadcast: Broadcast, part: Audience, error: ExchangeError | None) -> dict[int, Outcome]:
    """The outcomes that the plug-in had settled before asking, by place, as far as they are what they should be."""
    if error is None or part.kind is not AudienceKind.TOKENS:
        return {}
    return {
        place: outcome
        for place, outcome in error.kept.items()
        if isinstance(place, int)
        and 0 <= place < len(part.values)
        and isinstance(outcome, Outcome)
        and outcome.push_token == PushToken(broadcast.certificate_id, part.values[place])
    }
