"""The scenes of the demo: each sends something to phones of all brands and compares its outcomes with the ledgers.

Nothing is printed here; `demo` does. Each scene has phones of its own, so that "exactly once" can be counted by token.
Each number that does not agree is a sentence in `Audit.problems`. No vendor is named: what a brand can do is read from
its sandbox and its outcomes.
"""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from contextlib import ExitStack
from itertools import zip_longest
from typing import Any

import attrs
import regex

from pushgateway.cli.demo_board import DEAD, UNDELIVERED, Board, Row, endings, per_second
from pushgateway.gateway import Gateway
from pushgateway.model.appearance import Badge
from pushgateway.model.notification import Notification
from pushgateway.model.outcome import Outcome
from pushgateway.model.push import Push, PushToken
from pushgateway.model.reason import Reason, Status
from pushgateway.model.secret import safe_repr
from pushgateway.sandbox import Sandbox
from pushgateway.sandbox.serving.server import serve

OUTAGE = 2.0
"""Seconds for which one vendor's server is stopped: longer than the gateway waits before its first test request."""
REFRESH = 0.2
"""Seconds between two states of the live table."""
AUDIENCE = 1500
"""Phones of each brand that one text goes to: more than one request holds."""
SENDS = 40
"""Single sends to each brand after the access tokens have expired."""
FAMILY = "\U0001f468\u200d\U0001f469\u200d\U0001f467"
"""One emoji on the screen: five code points, eight UTF-16 units."""


@safe_repr
@attrs.define(eq=False)
class DemoVendor:
    """One brand of the demo: its sandbox, the sandbox's server, and the certificate that leads to it."""

    brand: str
    certificate_id: str
    sandbox: Sandbox
    url: str = ""
    """Where its server listens, or listened."""
    _running: ExitStack = attrs.field(factory=ExitStack, repr=False)

    @property
    def title(self) -> str:
        """How sentences call the vendor, where its rules say so; otherwise the brand."""
        rules = getattr(self.sandbox, "rules", None)
        return self.brand if rules is None else str(rules.vendor)

    def start(self, *, post_receipts: bool = False) -> None:
        """Start the server: at any free port, or again at the port that it had. `post_receipts=False`: its receipts
        wait for `Demo.read_receipts`."""
        port = int(self.url.rpartition(":")[2] or 0)
        self.url = self._running.enter_context(serve(self.sandbox, port=port, post_receipts=post_receipts)).url

    def stop(self) -> None:
        """Stop the server and break its connections. Nothing to do if it is stopped."""
        self._running.close()

    def push_tokens(self, tokens: Iterable[str]) -> list[PushToken]:
        """The push tokens of phones of this brand."""
        return [PushToken(self.certificate_id, token) for token in tokens]


class Audit:
    """Compares outcomes with the ledgers, and keeps what does not agree."""

    def __init__(self) -> None:
        self.problems: list[str] = []
        """A sentence for each number that does not agree."""
        self.totals = {status: Counter(pushes=0, delivered=0, reported=0) for status in Status}
        """By status: `pushes`, how many of them were `delivered`, and how many were accepted and then `reported` by a
        receipt as not delivered."""
        self._delivered: Counter[str] = Counter()

    def equal(self, name: str, found: object, right: object) -> None:
        """A number, or several, must be what they must be."""
        if found != right:
            self.problems.append(f"{name}: {found}, must be {right}")

    def outcomes(self, name: str, vendor: DemoVendor, outcomes: Iterable[Outcome], reported: Collection[str]) -> None:
        """Each accepted push was delivered once, or not at all if a receipt `reported` its token. One without a verdict
        was delivered once at most, every other one never. Each token must be in one push only."""
        wrong: Counter[str] = Counter()
        for outcome in outcomes:
            token = outcome.push_token.token
            times, sums = vendor.sandbox.ledger.count(token), self.totals[outcome.status]
            sums.update(pushes=1, delivered=times)
            self._delivered[vendor.brand] += times
            if outcome.ok and times == 0 and token in reported:
                sums["reported"] += 1
            elif outcome.status is Status.UNKNOWN and times <= 1:
                continue
            elif times != (1 if outcome.ok else 0):
                wrong[f"ended {outcome.status.value} and were delivered {times} times"] += 1
        self.problems += [f"{name}: {number} pushes {sentence}" for sentence, number in wrong.items()]

    def ledgers(self, vendors: Iterable[DemoVendor], rows: Mapping[str, Row]) -> None:
        """The ledgers hold no delivery that belongs to no push, and the requests that left. One without a reply may
        have been lost on the way."""
        for one in vendors:
            row, calls = rows[one.certificate_id], one.sandbox.ledger.calls.total()
            self.equal(f"{one.brand}: deliveries in the ledger", one.sandbox.ledger.total, self._delivered[one.brand])
            if not row.answered <= calls <= row.answered + row.unanswered:
                right = f"{row.answered} with a reply and up to {row.unanswered} without"
                self.problems.append(f"{one.brand}: requests that the sandbox counted: {calls}, must be {right}")


@safe_repr
@attrs.frozen
class Demo:
    """What all scenes use: a sandbox of each brand, one gateway for all, and what counts and compares."""

    vendors: Sequence[DemoVendor]
    gateway: Gateway
    board: Board
    audit: Audit

    def row(self, vendor: DemoVendor) -> Row:
        """The vendor's row of the board."""
        return self.board.rows[vendor.certificate_id]

    def read_receipts(self) -> None:
        """Hand the receipts that are due to the gateway, as if they had been posted, and count what they report."""
        for one in self.vendors:
            for posted in one.sandbox.callbacks():
                read = self.gateway.receipts(one.certificate_id, posted.headers, posted.content)
                self.board.report(one.certificate_id, read.receipts)

    def judge(
        self, scene: str, sent: Sequence[PushToken], outcomes: Sequence[Outcome]
    ) -> list[tuple[DemoVendor, list[Outcome]]]:
        """Compare all outcomes of a scene with the ledgers. Returns those of each vendor, in their order."""
        self.audit.equal(f"{scene}: outcomes in the order given", [one.push_token for one in outcomes] == sent, True)
        found = []
        for one in self.vendors:
            own = [outcome for outcome in outcomes if outcome.push_token.certificate_id == one.certificate_id]
            self.audit.outcomes(f"{scene}: {one.brand}", one, own, self.row(one).reported)
            found.append((one, own))
        return found


_CHATS = (
    ("张伟", "今晚八点见 😀"),
    ("李娜", "文件已发，请查收"),
    ("项目群", "王芳：新版本上线了 🎉"),
    ("刘洋", "好的，马上到 👌"),
)
"""Senders and what they write."""


def _chat(number: int) -> Notification:
    """A message unlike all others of the demo."""
    sender, text = _CHATS[number // 3 % len(_CHATS)]
    note = f"{text}（第 {number} 条）"
    return Notification(sender, note, data={"chat": number}, intent="chat", badge=Badge.add(1))


def is_cut_between_characters(sent: str, received: str) -> bool:
    """Whether a text arrived whole, or as its beginning with a mark of the cut, and no character was cut in two."""
    if received == sent:
        return True
    kept = received.removesuffix("…")
    ends = {match.end() for match in regex.finditer(r"\X", sent)}
    return sent.startswith(kept) and len(kept) in ends


@safe_repr
@attrs.define
class Outage:
    """How one vendor's server was stopped and started again. Times are seconds since the scene began."""

    vendor: DemoVendor
    stopped: float
    waiting: int
    """Its pushes without an outcome at that moment."""
    started: float | None = None
    """None: it is still stopped."""


async def mixed_fleet(demo: Demo, count: int, show: Callable[[Outage | None], None]) -> dict[str, Any]:
    """`count` different messages to as many phones of all brands, mixed, in one call. Some phones have removed the app,
    some have switched it off, and the server of one vendor stops for a while.

    `show` is called every `REFRESH` seconds and at the end, when the rows of the board have changed. Receipts are read
    at the end, because vendors report later than they answer.
    """
    scene, brands = "mixed fleet", len(demo.vendors)
    shares = {one.brand: count // brands + (place < count % brands) for place, one in enumerate(demo.vendors)}
    tokens = {one.brand: one.sandbox.register(shares[one.brand]) for one in demo.vendors}
    dead = {one.brand: {t for t in tokens[one.brand][7::100] if one.sandbox.uninstall(t)} for one in demo.vendors}
    muted = {one.brand: {t for t in tokens[one.brand][9::250] if one.sandbox.mute(t)} for one in demo.vendors}
    columns = zip_longest(*(one.push_tokens(tokens[one.brand]) for one in demo.vendors))
    mixed = [push_token for row in columns for push_token in row if push_token is not None]
    pushes = [Push(push_token, _chat(number)) for number, push_token in enumerate(mixed)]
    outages: list[Outage] = []

    demo.board.start(milestone=len(pushes) // 10)
    async with asyncio.TaskGroup() as group:
        looking = group.create_task(_show_often(lambda: show(next(iter(outages), None))))
        stopping = group.create_task(_stop_one(demo, shares, outages))
        outcomes = await demo.gateway.send_each(pushes)
        seconds = demo.board.seconds()
        await stopping
        looking.cancel()
    demo.read_receipts()
    (outage,) = outages
    show(outage)
    for one, own in demo.judge(scene, mixed, outcomes):
        name = f"{scene}: {one.brand}"
        counted = Counter((outcome.status, outcome.reason) for outcome in own)
        demo.audit.equal(f"{name}: outcomes in the table", demo.row(one).endings, counted)
        _judge_refusals(demo, one, own, dead[one.brand], muted[one.brand])
        if one is not outage.vendor:
            lost = sum(outcome.status in (Status.NOT_SENT, Status.UNKNOWN) for outcome in own)
            demo.audit.equal(f"{name}: pushes without a reply though the server was there", lost, 0)
    return {
        "pushes": len(pushes),
        "seconds": round(seconds, 3),
        "pushes_per_second": per_second(len(pushes), seconds),
        "brands": {
            one.brand: {
                **demo.row(one).numbers(),
                "dead": len(dead[one.brand]),
                "muted": len(muted[one.brand]),
            }
            for one in demo.vendors
        },
        "outage": {
            "brand": outage.vendor.brand,
            "stopped": round(outage.stopped, 3),
            "waiting": outage.waiting,
            "started": outage.started and round(outage.started, 3),
            "resumed": (resumed := demo.row(outage.vendor).resumed) and round(resumed, 3),
        },
    }


async def _show_often(show: Callable[[], None]) -> None:
    while True:
        show()
        await asyncio.sleep(REFRESH)


async def _stop_one(demo: Demo, shares: Mapping[str, int], outages: list[Outage]) -> None:
    """When a tenth of all pushes have their outcomes, stop the server of the vendor that was asked most often, because
    it has the most requests to come. Start it again after `OUTAGE` seconds, or at once if none of its pushes waits."""

    def left(vendor: DemoVendor) -> int:
        return shares[vendor.brand] - demo.row(vendor).endings.total()

    await demo.board.reached()
    vendor = max(demo.vendors, key=lambda one: demo.row(one).calls)
    await asyncio.to_thread(vendor.stop)
    outages.append(Outage(vendor, demo.board.seconds(), left(vendor)))
    if outages[0].waiting:
        await asyncio.sleep(OUTAGE)
    await asyncio.to_thread(vendor.start)
    outages[0].started = demo.board.seconds()


def _judge_refusals(
    demo: Demo, vendor: DemoVendor, outcomes: Sequence[Outcome], dead: set[str], muted: set[str]
) -> None:
    """Of the pushes that the vendor answered, those to dead phones are called dead and those to muted phones muted, no
    others. Vendors say so in their replies or by receipts."""
    answered = {
        one.push_token.token: one.reason for one in outcomes if one.status in (Status.ACCEPTED, Status.REJECTED)
    }
    reported = demo.row(vendor).reported
    for name, phones, reason, kinds in (
        ("dead", dead, Reason.UNREGISTERED, DEAD),
        ("muted", muted, Reason.MUTED, UNDELIVERED - DEAD),
    ):
        called = {token for token, why in answered.items() if why is reason or reported.get(token) in kinds}
        wrong = len(called ^ (phones & answered.keys()))
        demo.audit.equal(f"{vendor.brand}: phones called {name} that are not, or the other way round", wrong, 0)


async def long_message(demo: Demo) -> dict[str, Any]:
    """A title and a body that are too long, full of emoji that must not be cut in two, to one phone of each brand."""
    note = Notification(f"张伟{FAMILY}" * 60, f"今晚{FAMILY}" * 400)
    sent = [push_token for one in demo.vendors for push_token in one.push_tokens(one.sandbox.register(1))]
    outcomes = await demo.gateway.send_each([Push(push_token, note) for push_token in sent])
    brands: dict[str, Any] = {}
    for one, (outcome,) in demo.judge("long message", sent, outcomes):
        name = f"long message: {one.brand}"
        shown = one.sandbox.ledger.last(1)
        title, body = (shown[0].title, shown[0].body) if shown else ("", "")
        cut = {field for field, text in (("title", title), ("body", body)) if text != getattr(note, field)}
        demo.audit.equal(f"{name}: status", outcome.status, Status.ACCEPTED)
        demo.audit.equal(f"{name}: fields that were cut", set(outcome.truncated), cut)
        demo.audit.equal(f"{name}: the title is whole or cut", is_cut_between_characters(note.title, title), True)
        demo.audit.equal(f"{name}: the body is whole or cut", is_cut_between_characters(note.body, body), True)
        brands[one.brand] = {"truncated": list(outcome.truncated), "title": len(title), "body": len(body)}
    return {"title": len(note.title), "body": len(note.body), "brands": brands}


async def one_text(demo: Demo) -> dict[str, Any]:
    """One notification to a long list of phones of all brands, in one call."""
    sent = [push_token for one in demo.vendors for push_token in one.push_tokens(one.sandbox.register(AUDIENCE))]
    before = {one.brand: demo.row(one).calls for one in demo.vendors}
    outcomes = await demo.gateway.multicast(sent, Notification("今晚维护", "今晚 23:00 至 23:30 暂停服务 🙏"))
    brands: dict[str, Any] = {}
    for one, own in demo.judge("one text", sent, outcomes):
        demo.audit.equal(f"one text: {one.brand}: outcomes", endings(own), {"accepted": AUDIENCE})
        brands[one.brand] = {"outcomes": endings(own), "calls": demo.row(one).calls - before[one.brand]}
    return {"pushes": len(sent), "brands": brands}


async def renewal(demo: Demo) -> dict[str, Any]:
    """All access tokens expire, then many sends start at once: one login at each vendor serves all of them."""
    sent = [push_token for one in demo.vendors for push_token in one.push_tokens(one.sandbox.register(SENDS))]
    before = {one.brand: demo.row(one).logins for one in demo.vendors}
    for one in demo.vendors:
        one.sandbox.expire_tokens()
    sends = (demo.gateway.send(push_token, _chat(number)) for number, push_token in enumerate(sent))
    outcomes = await asyncio.gather(*sends)
    brands: dict[str, Any] = {}
    for one, own in demo.judge("renewal", sent, outcomes):
        again = demo.row(one).logins - before[one.brand]
        right = int(before[one.brand] > 0)  # a vendor without a login has none here either
        demo.audit.equal(f"renewal: {one.brand}: outcomes after the expiry", endings(own), {"accepted": SENDS})
        demo.audit.equal(f"renewal: {one.brand}: logins after the expiry", again, right)
        brands[one.brand] = {"outcomes": endings(own), "logins": again}
    return {"pushes": len(sent), "brands": brands}
