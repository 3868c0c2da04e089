"""The scenes of the demo: each sends something to phones of all brands and compares its outcomes with the ledgers.

Nothing is printed here; `demo` does. Each scene has phones of its own, so that "exactly once" can be counted by token.
Each number that does not agree is a sentence in `Scene.problems`. No vendor is named: what a brand can do is read from
its sandbox and its outcomes.
"""

from __future__ import annotations

import asyncio
import time
from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any

import attrs
import regex

from pushgateway.gateway import Gateway
from pushgateway.model.notification import Notification
from pushgateway.model.outcome import Outcome
from pushgateway.model.push import Push, PushToken
from pushgateway.model.reason import Reason, Status
from pushgateway.model.receipt import ReceiptKind
from pushgateway.model.secret import mask, safe_repr
from pushgateway.observe.events import Event, LoginDone
from pushgateway.sandbox import Sandbox
from pushgateway.transport import Transport
from pushgateway.vendor import NoVerdict, Request, Response

AUDIENCE = 1500
"""Phones of each brand that one text goes to: more than one request holds."""
SENDS = 40
"""Single sends to each brand after the access tokens have expired, and while a vendor is down."""
OUTAGE_TIMEOUT = 1.5
"""Seconds that pushes have while one vendor is down: long enough for a second try."""
FAMILY = "\U0001f468\u200d\U0001f469\u200d\U0001f467"
"""One emoji on the screen: five code points, eight UTF-16 units."""
_DEAD = {ReceiptKind.UNREGISTERED, ReceiptKind.SUSPECT}


class CountingTransport:
    """A transport that counts the requests that left, by certificate and the vendor's name of the call."""

    def __init__(self, inner: Transport, operations: Mapping[str, Callable[[Request], str]]) -> None:
        """`operations`: by certificate id, what names a call."""
        self._inner = inner
        self._operations = operations
        self.calls: dict[str, Counter[str]] = {certificate_id: Counter() for certificate_id in operations}

    async def send(self, request: Request, *, pool: str, timeout: float) -> Response:  # noqa: ASYNC109
        """See `Transport.send`."""
        name = self._operations[pool](request)
        self.calls[pool][name] += 1
        try:
            return await self._inner.send(request, pool=pool, timeout=timeout)
        except NoVerdict as failed:
            self.calls[pool][name] -= not failed.sent
            raise

    async def aclose(self) -> None:
        """Close the transport inside."""
        await self._inner.aclose()


@safe_repr
@attrs.frozen
class DemoVendor:
    """One brand of the demo: its sandbox, and the certificate that leads to it."""

    brand: str
    certificate_id: str
    sandbox: Sandbox
    stop: Callable[[], None]
    """Stops its server."""

    def push_tokens(self, tokens: Iterable[str]) -> list[PushToken]:
        """The push tokens of phones of this brand."""
        return [PushToken(self.certificate_id, token) for token in tokens]


class Logins:
    """Counts the logins of each certificate; an observer for the gateway."""

    def __init__(self) -> None:
        self.counts: Counter[str] = Counter()

    def __call__(self, event: Event) -> None:
        if isinstance(event, LoginDone):
            self.counts[event.certificate_id] += 1


@safe_repr
@attrs.frozen
class DemoSetup:
    """What all scenes use: a sandbox of each brand, one gateway for all, a transport that counts calls."""

    vendors: Sequence[DemoVendor]
    gateway: Gateway
    transport: CountingTransport
    logins: Logins

    def calls(self) -> dict[str, Counter[str]]:
        """Calls counted on our side so far, by certificate id."""
        return {certificate_id: calls.copy() for certificate_id, calls in self.transport.calls.items()}

    def calls_since(self, before: Mapping[str, Counter[str]]) -> dict[str, dict[str, int]]:
        """By brand, the calls since then."""
        return {
            one.brand: dict(self.transport.calls[one.certificate_id] - before[one.certificate_id])
            for one in self.vendors
        }


@safe_repr
@attrs.frozen
class Scene:
    """The result of a scene: its numbers, and each of them that does not agree with a ledger."""

    name: str
    numbers: Mapping[str, Any]
    problems: tuple[str, ...]
    examples: Mapping[str, str] = attrs.field(repr=False)
    """By brand, the token of a phone worth looking at afterwards."""


def compare_with_ledger(
    outcomes: Iterable[Outcome], delivered: Callable[[str], int], reported_later: Iterable[str] = ()
) -> list[str]:
    """A sentence for each way in which outcomes differ from the deliveries. Each token must be in one push only.

    `reported_later`: tokens of pushes that the vendor accepted and did not deliver, and that a receipt reported."""
    wrong: Counter[str] = Counter()
    later = set(reported_later)
    for outcome in outcomes:
        count = delivered(outcome.push_token.token)
        if outcome.status is Status.UNKNOWN:
            wrong["ended without a verdict"] += 1
        elif outcome.ok and count == 0 and outcome.push_token.token in later:
            continue
        elif count != (1 if outcome.ok else 0):
            wrong[f"ended {outcome.status.value} and were delivered {count} times"] += 1
    return [f"{number} pushes {sentence}" for sentence, number in wrong.items()]


def compare(name: str, found: object, right: object) -> list[str]:
    """A sentence if `found` is not what it must be; otherwise nothing."""
    return [] if found == right else [f"{name}: {found}, must be {right}"]


def endings(outcomes: Iterable[Outcome]) -> dict[str, int]:
    """How many ended how: `accepted`, `unregistered`, `muted` …"""
    return dict(Counter((outcome.reason or outcome.status).value for outcome in outcomes))


def _chat(number: int) -> Notification:
    return Notification(f"张伟 {number}", f"第 {number} 条：今晚八点见 😀", data={"chat": number}, intent="chat")


def _of_brand(setup: DemoSetup, outcomes: Iterable[Outcome]) -> dict[str, list[Outcome]]:
    """The outcomes by brand, in their order."""
    brands = {one.certificate_id: one.brand for one in setup.vendors}
    found: dict[str, list[Outcome]] = {one.brand: [] for one in setup.vendors}
    for outcome in outcomes:
        found[brands[outcome.push_token.certificate_id]].append(outcome)
    return found


def is_cut_between_characters(sent: str, received: str) -> bool:
    """Whether a text arrived whole, or as its beginning with a mark of the cut, and no character was cut in two."""
    if received == sent:
        return True
    kept = received.removesuffix("…")
    ends = {match.end() for match in regex.finditer(r"\X", sent)}
    return sent.startswith(kept) and len(kept) in ends


async def one_long_message(setup: DemoSetup) -> Scene:
    """A title and a body that are too long, full of emoji that must not be cut in two, to one phone of each brand."""
    tokens = {one.brand: one.sandbox.register(1)[0] for one in setup.vendors}
    before = setup.calls()
    note = Notification(f"张伟{FAMILY}" * 60, f"今晚{FAMILY}" * 400)
    pushes = [Push(PushToken(one.certificate_id, tokens[one.brand]), note) for one in setup.vendors]
    outcomes = await setup.gateway.send_each(pushes)
    problems: list[str] = []
    brands: dict[str, Any] = {}
    for one, outcome in zip(setup.vendors, outcomes, strict=True):
        shown = one.sandbox.ledger.last(1)
        title, body = (shown[0].title, shown[0].body) if shown else ("", "")
        arrived = (("title", note.title, title), ("body", note.body, body))
        cut = tuple(name for name, sent, received in arrived if sent != received)
        problems += [
            *(f"{one.brand}: {sentence}" for sentence in compare_with_ledger([outcome], one.sandbox.ledger.count)),
            *compare(f"{one.brand}: status", outcome.status, Status.ACCEPTED),
            *compare(f"{one.brand}: fields that were cut", tuple(sorted(outcome.truncated)), tuple(sorted(cut))),
            *compare(f"{one.brand}: the title is whole or cut", is_cut_between_characters(note.title, title), True),
            *compare(f"{one.brand}: the body is whole or cut", is_cut_between_characters(note.body, body), True),
        ]
        brands[one.brand] = {
            "status": outcome.status.value,
            "truncated": list(outcome.truncated),
            "received": [len(title), len(body)],
        }
    numbers = {"sent": [len(note.title), len(note.body)], "brands": brands, "calls": setup.calls_since(before)}
    return Scene("one long message", numbers, tuple(problems), tokens)


async def many_messages(setup: DemoSetup, count: int, progress: Callable[[int], None]) -> Scene:
    """`count` different messages to as many phones of all brands, mixed, in one call; some phones have removed the app,
    some have switched it off.

    `progress` is called every 0.1 seconds with the number of deliveries so far.
    """
    share = max(10, count // len(setup.vendors))
    tokens = {one.brand: one.sandbox.register(share) for one in setup.vendors}
    dead = {one.brand: {t for t in tokens[one.brand][7::100] if one.sandbox.uninstall(t)} for one in setup.vendors}
    muted = {one.brand: {t for t in tokens[one.brand][9::250] if one.sandbox.mute(t)} for one in setup.vendors}
    before = setup.calls()
    columns = zip(*(one.push_tokens(tokens[one.brand]) for one in setup.vendors), strict=True)
    mixed = [push_token for row in columns for push_token in row]
    pushes = [Push(push_token, _chat(number)) for number, push_token in enumerate(mixed)]
    began = time.perf_counter()
    progressing = asyncio.create_task(_report_progress(setup, progress))
    outcomes = await setup.gateway.send_each(pushes)
    progressing.cancel()
    seconds = time.perf_counter() - began
    calls = setup.calls_since(before)
    problems = compare("outcomes in the order given", [one.push_token for one in outcomes] == mixed, True)
    brands: dict[str, Any] = {}
    for one in setup.vendors:
        own = _of_brand(setup, outcomes)[one.brand]
        receipts = _receipts(setup, one)
        reported = _judge_reports(one.brand, own, receipts, dead[one.brand], muted[one.brand])
        problems += reported
        later = {token for token in dead[one.brand] | muted[one.brand] if token in receipts}
        found = compare_with_ledger(own, one.sandbox.ledger.count, later)
        problems += [f"{one.brand}: {sentence}" for sentence in found]
        brands[one.brand] = {
            "pushes": len(own),
            "dead": len(dead[one.brand]),
            "muted": len(muted[one.brand]),
            "outcomes": endings(own),
            "receipts": dict(Counter(kind.value for kind in receipts.values())),
            "calls": calls[one.brand],
        }
    numbers = {
        "pushes": len(pushes),
        "brands": brands,
        "seconds": round(seconds, 3),
        "pushes_per_second": round(len(pushes) / seconds),
    }
    return Scene("many messages", numbers, tuple(problems), {brand: own[0] for brand, own in tokens.items()})


async def _report_progress(setup: DemoSetup, progress: Callable[[int], None]) -> None:
    start = sum(one.sandbox.ledger.total for one in setup.vendors)
    while True:
        progress(sum(one.sandbox.ledger.total for one in setup.vendors) - start)
        await asyncio.sleep(0.1)


def _receipts(setup: DemoSetup, vendor: DemoVendor) -> dict[str, ReceiptKind]:
    """What the vendor's receipts, posted so far, report of phones that got nothing, by token."""
    found: dict[str, ReceiptKind] = {}
    for posted in vendor.sandbox.callbacks():
        read = setup.gateway.receipts(vendor.certificate_id, posted.headers, posted.content)
        for receipt in read.receipts:
            if receipt.kind in _DEAD or receipt.kind is ReceiptKind.MUTED:
                found[receipt.push_token.token] = receipt.kind
    return found


def _judge_reports(
    brand: str, outcomes: Sequence[Outcome], receipts: Mapping[str, ReceiptKind], dead: set[str], muted: set[str]
) -> list[str]:
    """A sentence for each phone that is called dead or muted wrongly, and for each that nothing reports: vendors report
    them in their replies or by receipts."""
    said = {one.push_token.token: one.reason for one in outcomes}
    called_dead = {token for token, reason in said.items() if reason is Reason.UNREGISTERED}
    called_dead |= {token for token, kind in receipts.items() if kind in _DEAD}
    called_muted = {token for token, reason in said.items() if reason is Reason.MUTED}
    called_muted |= {token for token, kind in receipts.items() if kind is ReceiptKind.MUTED}
    return [
        *compare(f"{brand}: phones called dead that are not, or the other way round", len(called_dead ^ dead), 0),
        *compare(f"{brand}: phones called muted that are not, or the other way round", len(called_muted ^ muted), 0),
    ]


async def one_text(setup: DemoSetup) -> Scene:
    """One notification to a long list of phones of all brands, in one call."""
    tokens = {one.brand: one.sandbox.register(AUDIENCE) for one in setup.vendors}
    before = setup.calls()
    push_tokens = [push_token for one in setup.vendors for push_token in one.push_tokens(tokens[one.brand])]
    note = Notification("今晚维护", "今晚 23:00 至 23:30 暂停服务 🙏")
    outcomes = await setup.gateway.multicast(push_tokens, note)
    calls = setup.calls_since(before)
    problems = compare("outcomes in the order given", [one.push_token for one in outcomes] == push_tokens, True)
    brands: dict[str, Any] = {}
    for one in setup.vendors:
        own = _of_brand(setup, outcomes)[one.brand]
        problems += [f"{one.brand}: {text}" for text in compare_with_ledger(own, one.sandbox.ledger.count)]
        problems += compare(f"{one.brand}: outcomes", endings(own), {"accepted": AUDIENCE})
        brands[one.brand] = {"pushes": len(own), "outcomes": endings(own), "calls": calls[one.brand]}
    numbers = {"pushes": len(push_tokens), "brands": brands}
    return Scene("one text", numbers, tuple(problems), {brand: own[0] for brand, own in tokens.items()})


async def one_renewal(setup: DemoSetup) -> Scene:
    """All access tokens expire, then many sends start at once: one login at each vendor serves all of them."""
    tokens = {one.brand: one.sandbox.register(SENDS) for one in setup.vendors}
    for one in setup.vendors:
        one.sandbox.expire_tokens()
    logins = setup.logins.counts.copy()
    outcomes = await _send_singly(setup, tokens)
    problems: list[str] = []
    brands: dict[str, Any] = {}
    for one in setup.vendors:
        own = _of_brand(setup, outcomes)[one.brand]
        again = setup.logins.counts[one.certificate_id] - logins[one.certificate_id]
        right = int(logins[one.certificate_id] > 0)  # a vendor without a login has none here either
        problems += [
            *(f"{one.brand}: {sentence}" for sentence in compare_with_ledger(own, one.sandbox.ledger.count)),
            *compare(f"{one.brand}: outcomes after the expiry", endings(own), {"accepted": SENDS}),
            *compare(f"{one.brand}: logins after the expiry", again, right),
        ]
        brands[one.brand] = {"sends": len(own), "outcomes": endings(own), "logins": again}
    return Scene("renewal", {"brands": brands}, tuple(problems), {brand: own[0] for brand, own in tokens.items()})


async def one_outage(setup: DemoSetup) -> Scene:
    """The server of the last vendor stops: its pushes end `NOT_SENT`, and those of the others are accepted."""
    tokens = {one.brand: one.sandbox.register(SENDS) for one in setup.vendors}
    *others, down = setup.vendors
    await asyncio.to_thread(down.stop)
    began = time.perf_counter()
    outcomes = await _send_singly(setup, tokens, timeout=OUTAGE_TIMEOUT)
    problems: list[str] = []
    brands: dict[str, Any] = {}
    for one in setup.vendors:
        own = _of_brand(setup, outcomes)[one.brand]
        problems += [f"{one.brand}: {text}" for text in compare_with_ledger(own, one.sandbox.ledger.count)]
        if one is down:
            problems += compare(f"{one.brand}: statuses", {outcome.status for outcome in own}, {Status.NOT_SENT})
        else:
            problems += compare(f"{one.brand}: outcomes", endings(own), {"accepted": SENDS})
        brands[one.brand] = {"sends": len(own), "outcomes": endings(own)}
    numbers = {"down": down.brand, "brands": brands, "seconds": round(time.perf_counter() - began, 3)}
    examples = {one.brand: tokens[one.brand][0] for one in others}
    return Scene("outage", numbers, tuple(problems), examples)


async def _send_singly(
    setup: DemoSetup,
    tokens: Mapping[str, Sequence[str]],
    timeout: float | None = None,  # noqa: ASYNC109 - a deadline
) -> list[Outcome]:
    """Different messages to these phones, each in a call of its own, all at once."""
    sends = []
    for one in setup.vendors:
        for number, push_token in enumerate(one.push_tokens(tokens[one.brand]), start=90001):
            sends.append(setup.gateway.send(push_token, _chat(number), timeout=timeout))
    return await asyncio.gather(*sends)


def all_problems(setup: DemoSetup, scenes: Sequence[Scene]) -> list[str]:
    """The problems of each scene, and of the calls over all scenes."""
    return [
        *(f"{scene.name}: {problem}" for scene in scenes for problem in scene.problems),
        *(
            problem
            for one in setup.vendors
            for problem in compare(
                f"{one.brand}: calls as the sandbox counted",
                dict(one.sandbox.ledger.calls),
                dict(setup.transport.calls[one.certificate_id]),
            )
        ),
    ]


def phone_screens(setup: DemoSetup, scenes: Sequence[Scene]) -> list[dict[str, str]]:
    """What the example phone of each scene and brand shows, with its token shortened."""
    screens = []
    for one in setup.vendors:
        by_token = {phone.token: phone for phone in one.sandbox.phones()}
        for scene in scenes:
            phone = by_token.get(scene.examples.get(one.brand, ""))
            if phone is not None and phone.shown:
                last = phone.shown[-1]
                shown = {"token": mask(phone.token), "title": last.title, "body": last.body}
                screens.append({"brand": one.brand, "scene": scene.name, **shown})
    return screens
