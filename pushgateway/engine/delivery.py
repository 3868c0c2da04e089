"""One request with pushes on its way: from the permit to leave until its outcomes are known.

It asks the vendor and notes at the gate what came of it. What becomes of its pushes is for `Endpoint` to decide, which
makes it and which it does not know.
"""

from __future__ import annotations

import asyncio
import functools
import sys
from collections.abc import Callable, Hashable, Iterable, Sequence

import attrs

from pushgateway.certificates.receipt_signing import ReceiptSigner
from pushgateway.engine.bindings import UNBOUND, UNCONFIRMED
from pushgateway.engine.flow_control.breaker import SEVERAL
from pushgateway.engine.flow_control.gate import Gate, Permit
from pushgateway.engine.flow_control.refused_contents import PROOFS
from pushgateway.engine.pushes.completion import Completions
from pushgateway.engine.pushes.runs import Run, joined, separate, size_of
from pushgateway.engine.saved_contents import SavedContent, Stored
from pushgateway.engine.session import results
from pushgateway.engine.session.plugin_guard import as_saved, guarded
from pushgateway.engine.session.vendor_session import Ask, VendorSession
from pushgateway.model.batch import Batch
from pushgateway.model.errors import StoreError
from pushgateway.model.notification import Notification
from pushgateway.model.outcome import Outcome
from pushgateway.model.reason import Reason
from pushgateway.vendor import AccessToken, Request
from pushgateway.vendor.refusals import AccessExpired, NoVerdict, Refused, TooLate


def content_number(notifications: Iterable[Notification]) -> int:
    """A number for the text of a request, `SEVERAL` where it holds different texts: what a firewall may judge."""
    texts = {(one.title, one.body) for one in notifications}
    return hash(texts.pop()) & sys.maxsize if len(texts) == 1 else SEVERAL


CONFIRMATIONS = 3
"""How often it is asked whether pushes may leave, if the event loop is so busy that each answer comes too late."""


class _Changed(Exception):
    """A push left the batch while it was being built. Nothing was asked, so it is built anew without it."""


class Delivery(Ask):
    """One request with pushes on its way.

    Invariants: `runs` are its pushes in the order of the request, and once a request has left (`of_this_try`) they stay
    the same; each of these runs says so too (`Run.asked`), for the deadline timer.
    """

    __slots__ = (
        *("_completions", "_gate", "_leave", "_loop", "_permit", "_put_aside", "_quota", "_release", "_signer"),
        *("comes_again", "content", "part", "runs", "session", "stored", "trace"),
    )

    def __init__(
        self,
        runs: list[Run],
        permit: Permit,
        *,
        part: Hashable,
        gate: Gate,
        session: VendorSession,
        completions: Completions,
        release: Callable[[], None],
        put_aside: Callable[[Delivery, Sequence[Run], Refused], None],
        signer: ReceiptSigner | None = None,
        content: SavedContent | None = None,
        leave: Callable[[Delivery], None] | None = None,
    ) -> None:
        """`runs`: of one endpoint and quota. `permit`: what `gate` gave for them. `part`: of the queue, from which they
        were cut. `release` gives back the build lock: once, when the first request stands ready or at the end.
        `put_aside`: called with pushes of it that cannot be sent now, and why; they are not in it any more.
        `signer`: what marks the request as a whole for receipts, where that is wanted. `content`: the notification that
        has to be saved before, or is; then `leave` is called at the end."""
        first = runs[0]
        super().__init__("push", first.region, permit.pushes)
        self.has_owners = completions.bindings is not None and any(any(run.owners) for run in runs)
        self.runs = runs
        self.trace = first.trace
        """What is kept of the request, where there are traces; one for all its runs."""
        self.part = part
        self.session = session
        self.content = content
        self.stored: Stored | None = None
        """What the vendor has stored of it."""
        self.comes_again = False
        """Pushes of it wait for another try."""
        self._leave = leave
        self._permit = permit
        self._put_aside = put_aside
        self._gate = gate
        self._completions = completions
        self._release: Callable[[], None] | None = release
        self._quota = first.quota
        self._signer = signer
        self._loop = asyncio.get_running_loop()

    @property
    def batch(self) -> Batch:
        """What it carries, in order."""
        return joined(self.runs)

    async def send(self, access: AccessToken | None) -> Sequence[Outcome]:
        """Carry out the exchange; one outcome for each push, in order. A push whose caller leaves while it is being
        built is not in it.

        Raises `Refused`, `NoVerdict`, and what a plug-in raises beyond its contract.
        """
        session = self.session
        while self.runs:
            batch = joined(self.runs)
            batch.callback = batch.saved = None  # perhaps those of an earlier request
            if self._signer is not None or self.content is not None:
                self._equip(batch)
            begin = functools.partial(guarded, session.vendor.plugin.push, batch)
            try:
                outcomes = results.checked(batch, await session.run_with_access(access, begin, self))
            except (_Changed, TooLate) as again:
                if isinstance(again, TooLate):
                    self._take_back(again)
                if access is not None:
                    access = await session.renewed(self.region)  # the same, or a new one if that was refused before
                self.runs = self._completions.still_wanted(self.runs, self._loop.time())
                self.pushes = size_of(self.runs)
                continue
            if self.of_this_try:
                self._gate.answered(self._loop.time(), self._permit, outcomes, self._quota)
            return outcomes
        return []

    def _equip(self, batch: Batch) -> None:
        """Add what belongs to the whole request: the saved content, and where its receipts go."""
        if self.stored is not None and len(batch) >= self.session.vendor.batching.least:
            batch.saved, batch.callback = self.stored
        elif self._signer is not None:
            self._signer.sign_batch(batch)
        if self.trace is not None and batch.callback is not None and (traces := self._completions.traces) is not None:
            traces.share(self.trace, batch.callback.parameter)

    async def have_stored(self, access: AccessToken | None) -> Stored:
        """The notification as the vendor has stored it: by this or by another delivery, of all that need it at the same
        time. Nobody gets anything, and nothing of the batch has left.

        What came of it is noted at the gate, once. Raises `Refused`, `NoVerdict` with `sent` False, and what a plug-in
        raises beyond its contract.
        """
        if self.content is None:
            raise RuntimeError("nothing is to be stored")
        self.stored = None
        self.stored = await self.content.get(functools.partial(self._store, self.content, access))
        return self.stored

    async def _store(self, content: SavedContent, access: AccessToken | None) -> Stored:
        session, gate, first = self.session, self._gate, self.batch[:1]
        first.callback = None
        if self._signer is not None:
            self._signer.sign_batch(first)
        callback = first.callback
        if not gate.may_save(self._loop.time()):  # used up meanwhile, and the vendor has lost what was stored before
            raise Refused(Reason.QUOTA_EXCEEDED, detail="the quota of saved contents is used up")
        gate.count_save(self._loop.time())
        held = session.held(self.region)
        if held is not None:  # another one, perhaps, since this delivery has waited for the saving of another one
            access = held.access
        begin = functools.partial(guarded, session.vendor.plugin.save_push, content.notification, callback, self.region)
        try:
            saved = await session.run_with_access(access, begin, Ask("save", self.region))
        except NoVerdict as silent:
            # Stored perhaps, and sent to nobody: as harmless as a request that never left.
            failed = NoVerdict(f"save: {silent.detail}", sent=False)
            gate.failed(self._loop.time(), self._permit, failed, self._quota)
            raise failed from None
        except Refused as refused:
            refused = results.of_a_save(refused)
            self._save_refused(content, refused)
            raise refused from None
        return Stored(as_saved("save_push()", saved), callback)

    def _save_refused(self, content: SavedContent, refused: Refused) -> None:
        gate, now = self._gate, self._loop.time()
        is_of_the_login = results.is_of_the_login(refused)
        if refused.reason is Reason.QUOTA_EXCEEDED and not is_of_the_login:
            gate.saving_used_up(now, refused)
            return
        if not results.is_of_the_vendor(refused):  # nothing but the notification was in that request
            proofs = 1 if refused.reason is Reason.CREDENTIALS else PROOFS  # without a code: of a firewall, perhaps
            gate.contents.refused(content.notification, now, refused, proofs=proofs)
        if is_of_the_login or not isinstance(refused, AccessExpired):
            number = None if is_of_the_login else content_number((content.notification,))
            gate.failed(now, self._permit, refused, self._quota, number)

    async def confirmed(self, request: Request) -> Request | NoVerdict:
        """The request, after asking whether the phones still belong to the users that the pushes are for. Those that do
        not end here; if that cannot be asked, all pushes with an owner are put aside.

        Raises `_Changed` if the request has to be built without some of them. Where an earlier request of the exchange
        has left, the exchange gets a `NoVerdict` instead, and what was in this request is tried again.
        """
        pushes = [(token, owner) for run in self.runs for token, owner in zip(run.push_tokens, run.owners, strict=True)]
        owned = [(push_token, owner) for push_token, owner in pushes if owner is not None]
        bindings = self._completions.bindings
        if bindings is None or not owned:
            return request
        if not self.of_this_try:
            self.built()  # to ask takes a round trip: others may build meanwhile
        for _ in range(CONFIRMATIONS):
            try:
                answer = await bindings.confirm(owned)
            except StoreError as unavailable:
                return self._without_owned(f"{UNCONFIRMED}: {unavailable}")
            gone = {place for place, (_, owner) in enumerate(pushes) if owner and owner.binding in answer.gone}
            if gone and self.of_this_try:
                return NoVerdict(UNBOUND, sent=False)
            if gone:
                left, self.runs = separate(self.runs, gone)
                for run in left:
                    self._completions.not_sent(run, Reason.UNBOUND, UNBOUND)
                raise _Changed
            if self._loop.time() < answer.until:
                return attrs.evolve(request, leave_before=answer.until)
        return self._without_owned(f"{UNCONFIRMED} in time")

    def _without_owned(self, detail: str) -> NoVerdict:
        if self.of_this_try:
            return NoVerdict(detail, sent=False)
        owners = [owner for run in self.runs for owner in run.owners]
        owned, self.runs = separate(self.runs, {place for place, owner in enumerate(owners) if owner is not None})
        self._put_aside(self, owned, Refused(Reason.UNAVAILABLE, detail=detail))
        raise _Changed

    def _take_back(self, late: TooLate) -> None:
        """The request that was handed to the transport last has not left. Raises the error if others have."""
        if self.of_this_try > 1:
            raise late
        self.requests -= 1
        self.of_this_try = 0
        for run in self.runs:
            run.asked = False

    def leaving(self, request: Request) -> None:
        """A request is handed to the transport. Raises `_Changed` if it holds a push whose caller is gone or which is
        late, unless an earlier request has had it."""
        now = self._loop.time()
        if not self.of_this_try:
            for run in self.runs:
                if run.settled or run.deadline <= now or run.sink.is_abandoned(run.places):
                    raise _Changed
            for run in self.runs:
                run.asked = True
        self.requests += 1
        self.of_this_try += 1
        if self.trace is not None:
            self.trace.size, self.trace.asked_at = self.pushes, now
        if (release := self._release) is not None:  # as `built`, with a call less for each request
            self._release = None
            release()

    def built(self) -> None:
        """Others may build now."""
        release, self._release = self._release, None
        if release is not None:
            release()

    def access_refused(self) -> None:
        """The access token, the time or the saved content was refused, and so the request: nothing of it was pushed,
        and it cost an attempt."""
        self.of_this_try = 0
        for run in self.runs:
            run.asked = False
            run.attempts += 1

    def forget(self, stored: Stored) -> None:
        """The vendor does not know `stored` any more."""
        if self.content is not None:
            self.content.forget(stored)

    @property
    def is_probe(self) -> bool:
        """Whether it tests if the vendor works again."""
        return self._permit.probe

    def failed(self, error: Refused | NoVerdict, *, login: bool = False) -> None:
        """The request, or the login before it, failed as a whole."""
        login = login or (isinstance(error, Refused) and results.is_of_the_login(error))
        if login or (self.of_this_try and not isinstance(error, AccessExpired)):
            content = None if login else content_number(note for run in self.runs for note in run.notifications)
            self._gate.failed(self._loop.time(), self._permit, error, self._quota, content)

    def over(self) -> None:
        """It has come to its end, whatever that was."""
        if self._release is not None:
            self.built()
        if self.content is not None and self._leave is not None:
            self._leave(self)
        if self._permit.probe:
            self._gate.release(self._loop.time(), self._permit)
