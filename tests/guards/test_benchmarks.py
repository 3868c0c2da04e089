"""The benchmarks run, compare the same work on both sides, and report a missed target.

No test checks a figure, because machines are noisy. The scripts run with a handful of pushes.
"""

import asyncio
import importlib
import json
import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from statistics import fmean
from types import ModuleType, SimpleNamespace
from typing import Any

import pytest
from pushgateway_oppo.sandbox import OppoSandbox

from pushgateway import Certificate, Gateway
from pushgateway.certificates.plugins import installed
from pushgateway.testing import SandboxTransport
from pushgateway.vendor import Request

pytestmark = pytest.mark.days

_ALL = ("oppo", "xiaomi", "huawei", "harmony", "honor", "meizu", "vivo")
STUBBED = [brand for brand in _ALL if brand in installed()]
Load = Callable[[str], ModuleType]
FORM = {"content-type": "application/x-www-form-urlencoded"}


@pytest.fixture
def load(root: Path, monkeypatch: pytest.MonkeyPatch) -> Load:
    """Imports a script by name, in the way in which the scripts import each other."""
    monkeypatch.syspath_prepend(str(root / "benchmarks"))
    return importlib.import_module


@pytest.fixture
def common(load: Load) -> ModuleType:
    """The module that the scripts share."""
    return load("common")


def run(script: Path, *arguments: str) -> tuple[int, dict[str, Any]]:
    """Exit code and JSON output of a script, which sees the packages that the tests see."""
    places = [str(script.parent), *filter(None, [os.environ.get("PYTHONPATH")])]
    done = subprocess.run(
        [sys.executable, str(script), *arguments, "--json"],
        check=False,
        capture_output=True,
        text=True,
        env={**os.environ, "PYTHONPATH": os.pathsep.join(places)},
        timeout=60,
    )
    assert done.stderr == ""
    return done.returncode, json.loads(done.stdout)


@pytest.mark.parametrize(
    ("script", "arguments", "tables"),
    [
        ("throughput", ("--count", "12", "--posts", "2", "--rounds", "2"), {"cost": 12}),
        ("singles", ("--count", "4", "--rounds", "1"), {"singles": 5}),
        ("latency", ("--count", "3", "--rounds", "1"), {"added": 6}),
        ("growth", ("--count", "40", "--rounds", "1"), {"pushes": 1, "certificates": 2}),
        ("holds", ("--count", "1100", "--rounds", "1"), {"holds": 5}),
        ("waiting", ("--count", "50", "--rounds", "1"), {"waiting": 4}),
        ("memory", ("--count", "1500"), {"stream": 1}),
        ("calls", ("--count", "12", "--rounds", "1"), {"calls": 6}),
        ("shared_state", ("--count", "4", "--rounds", "1", "--seconds", "0.1"), {"shared state": 7, "idle": 3}),
        ("devices", ("--count", "12", "--rounds", "1"), {"devices": 9}),
        ("outbox", ("--count", "600", "--rounds", "1"), {"outbox": 2}),
        ("brands", ("--count", "40", "--rounds", "1"), dict.fromkeys(STUBBED, 6)),
    ],
)
def test_each_script_measures(
    load: Load, root: Path, script: str, arguments: tuple[str, ...], tables: dict[str, int]
) -> None:
    """A script prints every row with its figures, and each target with its result; the exit code agrees with them."""
    code, printed = run(root / "benchmarks" / f"{script}.py", *arguments)

    more = len(load("transports").transports()) - 1  # rows of a second transport, if it is installed
    for table in printed["tables"]:
        rows = table["rows"]
        assert len(rows) == tables[table["name"]] or (more and len(rows) > tables[table["name"]])
        assert all(len(row) == len(table["heads"]) for row in rows)
    assert [table["name"] for table in printed["tables"]] == list(tables)
    assert printed["targets"]
    assert code == (0 if all(target["met"] for target in printed["targets"]) else 1)


@pytest.mark.anyio
async def test_the_naive_encoder_has_the_same_messages(common: ModuleType) -> None:
    """N encodes exactly the fields that the gateway sends, and no two messages are equal."""
    sandbox = OppoSandbox(tokens=5)
    pushes = list(common.make_pushes(sandbox.tokens, 5))
    certificate = Certificate(common.CERTIFICATE_ID, "oppo", sandbox.settings("http://127.0.0.1"))
    async with Gateway([certificate], transport=SandboxTransport(sandbox)) as gateway:
        outcomes = await gateway.send_each(pushes)

    assert {outcome.truncated for outcome in outcomes} == {()}
    deliveries = {delivery.token: delivery for delivery in sandbox.ledger.deliveries}
    for push, outcome in zip(pushes, outcomes, strict=True):
        naive = common.wire_message(push, outcome.dedupe_id)
        sent = dict(deliveries[naive["target_value"]].notification)
        for notification in (sent, naive["notification"]):
            notification["action_parameters"] = json.loads(notification["action_parameters"])
        assert sent == naive["notification"]
    assert len({(delivery.title, delivery.body) for delivery in sandbox.ledger.deliveries}) == 5


def test_the_messages_have_the_documented_size(common: ModuleType) -> None:
    """Titles of about 12 and bodies of about 60 characters; about 450 characters of JSON."""
    pushes = list(common.make_pushes(["CN_" + "0" * 32], 200))

    titles, bodies = zip(*((len(push.notification.title), len(push.notification.body)) for push in pushes), strict=True)
    messages = [json.dumps(common.wire_message(push, "0" * 32), ensure_ascii=False) for push in pushes]

    assert fmean(titles) == pytest.approx(12, abs=1)
    assert fmean(bodies) == pytest.approx(60, abs=2)
    assert fmean(map(len, messages)) == pytest.approx(450, abs=15)


def test_the_stub_answers_as_the_strict_sandbox_does(load: Load) -> None:
    """For the same requests both name the same targets and accept them, whichever client encoded the form."""
    stub, contenders, common = load("stub"), load("contenders"), load("common")
    sandbox = OppoSandbox(tokens=3)
    vendor = contenders.Oppo(
        app_key="key", master_secret=contenders.Secret("secret"), host="http://127.0.0.1", access_token_in="header"
    )
    pushes = list(common.make_pushes(sandbox.tokens, 3))
    path, form = next(path for path, name in stub.PATHS.items() if name == "unicast_batch"), contenders.urlencode
    naive = [common.wire_message(push, f"id-{place}") for place, push in enumerate(pushes)]
    bodies = [
        contenders.first_request(
            vendor, [push.with_dedupe_id(f"own-{place}") for place, push in enumerate(pushes)]
        ).content,
        form({"messages": json.dumps(naive)}).encode(),
        form({"messages": json.dumps(naive).replace("target_value", "target\\u005fvalue")}).encode(),
    ]
    login = form({"app_key": "key", "timestamp": "0", "sign": ""}).encode()

    for body in bodies:
        reply = json.loads(stub.answer(path, body))
        assert reply["code"] == 0
        assert [item["registrationId"] for item in reply["data"]] == list(sandbox.tokens[:3])
        assert len({item["messageId"] for item in reply["data"]}) == 3
    assert json.loads(stub.answer("/server/v1/auth", login))["data"]["auth_token"]
    assert json.loads(stub.answer("/nowhere", b""))["code"] != 0
    assert sandbox.answer(Request("POST", f"http://127.0.0.1{path}", FORM, bodies[0])).response is not None


def test_the_stub_reads_a_request_whole(load: Load) -> None:
    """It answers after the last byte and not before; two requests that arrive together are answered one by one."""
    replies: list[bytes] = []
    module = load("stub")
    stub = module.Stub(module.answer)
    stub._transport = SimpleNamespace(write=replies.append)
    body = b"message=%7B%7D"
    whole = b"POST /server/v1/message/notification/unicast HTTP/1.1\r\nContent-Length: %d\r\n\r\n%b" % (len(body), body)
    for byte in whole[:-1]:
        stub.data_received(bytes([byte]))
    before = len(replies)
    stub.data_received(whole[-1:] + whole)

    assert before == 0
    assert len(replies) == 2
    assert all(reply.startswith(b"HTTP/1.1 200 OK") for reply in replies)


def test_the_stub_counts_its_connections(load: Load) -> None:
    """The count shows whether a plain loop really uses as many connections as its row says."""
    stub = load("stub")
    some = [stub.Stub(stub.answer), stub.Stub(stub.answer)]

    for one in some:
        one.connection_made(asyncio.Transport())
    both = json.loads(stub.answer(stub.CENSUS, b""))["connections"]
    some[0].connection_lost(None)

    assert both == 2
    assert json.loads(stub.answer(stub.CENSUS, b""))["connections"] == 1


def test_a_loop_that_uses_fewer_connections_proves_nothing(load: Load, common: ModuleType) -> None:
    """Its figure would be that of another loop, so it is an error."""
    contenders = load("contenders")
    messages = [common.wire_message(push, "") for push in common.make_pushes(["a", "b", "c"], 3)]

    async def main(settings: Any) -> None:
        lock = asyncio.Lock()
        async with contenders.aiohttp.ClientSession(settings["host"]) as session:

            async def post(path: str, form: Any) -> Any:
                async with lock, session.post(path, data=form) as reply:
                    return await reply.json()

            await contenders._post_all(post, messages, settings, 2)

    with common.neighbour(3) as settings, pytest.raises(RuntimeError, match="the loop used 1 of its 2 connections"):
        asyncio.run(main(settings))


def test_cost_targets_can_be_missed(load: Load, common: ModuleType) -> None:
    """As slow as N or as a plain loop, every target of the gateway's calls is missed; fast and cheap, each is met."""
    throughput = load("throughput")
    names = [load("contenders").NAIVE, throughput.HTTPX, throughput.AIOHTTP]
    ways = [throughput.named(way, name) for way in throughput.COMPARED for name in load("transports").transports()]
    plain = {name: [common.Reading(10, 1.0, 1.0)] for name in names}
    slow = throughput.targets(plain | {way: [common.Reading(10, 1.0, 1.0, 0.1)] for way in ways})
    quick = throughput.targets(plain | {way: [common.Reading(10, 0.001, 0.001, 0.1)] for way in ways})

    assert [target.met for target in slow] == [False] * len(slow)
    assert [target.met for target in quick] == [True] * len(quick)


def test_a_ratio_is_one_figure_for_the_same_messages(load: Load, common: ModuleType) -> None:
    """A ratio has one figure on the page: N is measured for the contender's own messages, and the cell of the table
    equals the measured value of the target.
    """
    contenders, throughput = load("contenders"), load("throughput")
    many, few = [{"n": number} for number in range(40)], [{"n": number} for number in range(3)]
    turns = {name: (lambda: common.Reading(40, 1.0, 1.0), many) for name in throughput.COMPARED}
    turns[throughput.HTTPX] = turns[throughput.AIOHTTP] = (lambda: common.Reading(3, 1.0, 1.0)), few
    encoded: list[int] = []
    naive = contenders.encode_naively

    def counted(messages: list[dict[str, int]]) -> object:
        encoded.append(len(messages))
        return naive(messages)

    contenders.encode_naively = counted
    try:
        readings = contenders.take_turns(turns, rounds=2)
    finally:
        contenders.encode_naively = naive

    rows = {
        row[0]: row[-1] for row in common.cost_table("cost", [common.median_row(*one) for one in readings.items()]).rows
    }
    ratios = {way: rows[way] for way in throughput.COMPARED}
    assert encoded == 2 * ([40] * (len(throughput.COMPARED) + 1) + [3] * 3)
    assert all(one.pushes == 40 for one in readings[contenders.NAIVE])
    assert rows[contenders.NAIVE] == 1.0
    for transport in load("transports").transports():
        readings |= {throughput.named(way, transport): readings[way] for way in throughput.COMPARED}
    measured = [target.measured for target in throughput.targets(readings) if "times N" in target.text]
    assert measured == [*ratios.values()] * (len(measured) // len(ratios))


def test_single_requests_are_judged_by_what_they_are_compared_with(load: Load, common: ModuleType) -> None:
    """At each limit a target is met, above it is missed: against the bare transport, and against a plain loop."""
    singles = load("singles")
    names = list(load("transports").transports())
    loop, bare = 1000.0, 100.0
    base = {f"bare {name} transport": [common.Reading(1, 1.0, bare)] for name in names}
    base[singles.LOOP] = [common.Reading(1, 1.0, loop)]

    def met(cpu: float) -> dict[tuple[bool, bool], set[bool]]:
        ways = {f"{way} ({name} transport)" for way in singles.WAYS for name in names}
        found: dict[tuple[bool, bool], set[bool]] = {}
        for one in singles.targets(base | {way: [common.Reading(1, 1.0, cpu)] for way in ways}):
            found.setdefault(("fast" in one.text, "loop" in one.text), set()).add(one.met)
        return found

    assert met(150) == {(True, True): {True}, (True, False): {True}, (False, False): {True}}
    assert met(151) == {(True, True): {True}, (True, False): {True}, (False, False): {False}}
    assert met(280) == {(True, True): {True}, (True, False): {True}, (False, False): {False}}
    assert met(281) == {(True, True): {True}, (True, False): {False}, (False, False): {False}}
    assert met(601) == {(True, True): {False}, (True, False): {False}, (False, False): {False}}


def test_growth_is_judged_from_full_batches_on(load: Load) -> None:
    """Small numbers may cost more. From the limit on, the highest cost is compared with the lowest."""
    growth = load("growth")
    costs = [growth.Cost(10, 100.0), growth.Cost(1_000, 20.0), growth.Cost(10_000, 30.0)]

    assert growth.spread(costs, 1_000) == 1.5
    assert growth.spread(costs, 1) == 5.0


def test_a_held_loop_is_seen(load: Load, monkeypatch: pytest.MonkeyPatch) -> None:
    """Two steps of 30 ms in one turn are a turn of 60 ms whose longest step took 30 ms. A short turn is not
    recorded.
    """
    holds = load("holds")
    now = 0.0

    def burn(seconds: float) -> None:
        nonlocal now
        now += seconds

    async def hold() -> list[Any]:
        loop = asyncio.get_running_loop()
        with holds.Probe() as probe:
            await asyncio.sleep(0)
            for seconds in (0.03, 0.03):
                loop.call_soon(burn, seconds)
            await asyncio.sleep(0)
            await asyncio.sleep(0)
            loop.call_soon(burn, 0.0004)
            await asyncio.sleep(0)
            await asyncio.sleep(0)
        return list(probe.turns)

    monkeypatch.setattr(holds, "time", SimpleNamespace(thread_time=lambda: now, perf_counter=lambda: now))
    turns = asyncio.run(hold())

    assert [(turn.own, turn.wall, turn.step) for turn in turns] == [pytest.approx((60, 60, 30))]
    assert holds.p99([holds.Turn(1, 1, 0, 1)] * 9_900 + [holds.Turn(90, 90, 0, 90)]) == 1
    assert holds.p99([holds.Turn(1, 1, 0, 1)] * 900 + [holds.Turn(90, 90, 0, 90)]) == 90


def test_each_transport_that_is_installed_is_measured(load: Load, monkeypatch: pytest.MonkeyPatch) -> None:
    """By name, the gateway's default first. One that is not installed has no rows."""
    transports, throughput = load("transports"), load("throughput")
    named, own = list(transports.transports()), throughput.named("send", "fast")
    monkeypatch.setitem(sys.modules, "httptools", None)
    left = list(transports.transports())

    assert (named, own) == (["fast", "httpx"], "send")
    assert (left, throughput.named("send", "httpx")) == (["httpx"], "send")


def test_calls_are_counted_by_part(load: Load) -> None:
    """Each call of a Python function counts, also of one that attrs generated, and each resumption of a generator.
    Calls of C functions do not count, and asyncio's own are counted apart. Afterwards nothing is counted any more.
    """
    calls = load("calls")

    def numbers() -> Iterator[int]:
        yield 1
        yield 2

    with calls.CallCounter() as counter:
        OppoSandbox(tokens=1).answer(Request("POST", "http://127.0.0.1/", {}, b""))
        asyncio.run(asyncio.sleep(0))
        list(numbers())
    list(numbers())
    count = calls.Count.of(counter.counts)

    qualified = "test_calls_are_counted_by_part.<locals>.numbers"
    assert counter.counts[__name__, qualified] == 3
    assert count.calls["plug-in"] > 0
    assert counter.counts[Request.__module__, "__init__"] == 2  # and the reply
    assert {module for module, function in counter.counts if function == "CallCounter.__exit__"} == set()
    assert count.calls["other"] > counter.counts[__name__, qualified]
    assert set(count.calls) == {"core", "plug-in", "other"}
    assert sum(count.calls.values()) == sum(counter.counts.values())
    assert count.own_files == len({module for module, _ in counter.counts if module.startswith("pushgateway")})


@pytest.mark.parametrize(
    ("module", "part"),
    [
        ("pushgateway", "core"),
        ("pushgateway.gateway", "core"),
        ("pushgateway.transport.limit", "transport"),
        ("pushgateway_oppo.vendor", "plug-in"),
        ("asyncio.tasks", "other"),
        ("pushgatewayd", "other"),
        ("", "other"),
    ],
)
def test_a_module_belongs_to_one_part(load: Load, module: str, part: str) -> None:
    """Only modules of the gateway and its plug-ins count as theirs; the transport is a part of its own."""
    assert load("calls").part_of(module) == part


def test_call_targets_are_judged_without_the_transport(load: Load) -> None:
    """Core and plug-in together meet the target at the limit and miss it at one more. Transport and asyncio do not
    count.
    """
    calls = load("calls")
    ours = {("pushgateway.gateway", "Gateway.send"): 100, ("pushgateway_oppo.vendor", "Oppo.push"): 20}
    beside = {("pushgateway.transport.pool", "send"): 500, ("asyncio.tasks", "sleep"): 500}
    files = {(f"pushgateway.file{number}", "f"): 0 for number in range(13)}

    def met(functions: dict[tuple[str, str], int]) -> list[bool]:
        count = calls.Count.of(functions | beside)
        return [target.met for target in calls.targets({"send": {"fast": count}})]

    assert met(ours | files) == [True, True]
    assert met(ours | files | {("pushgateway.one_more", "f"): 1}) == [False, False]


@pytest.mark.parametrize("language", ["en", "zh"])
def test_the_page_says_what_was_measured(load: Load, root: Path, language: str) -> None:
    """Tables and plot are those of the committed run; a figure edited by hand is found on either side."""
    page = load("page")
    translate = page.words(language, "performance.md").translate
    measured = json.loads((root / "benchmarks" / "measured.json").read_text("utf-8"))
    text = page.PAGES[language].read_text("utf-8")
    plot = (root / "docs" / "en" / "performance.svg").read_text("utf-8")
    altered = json.loads(json.dumps(measured))
    altered["scripts"]["throughput"]["tables"][0]["rows"][0][2] *= 2

    assert page.filled(text, measured, translate) == text
    assert {name for _, name, _ in page._SLOT.findall(text)} == {name for name, _ in page.slots(measured)}
    assert page.filled(text, altered, translate) != text
    assert f"run {load('plot').digest(measured)}" in plot


def test_only_what_stands_between_markers_is_written(load: Load) -> None:
    """The other text stays, an empty slot is filled, and an unknown slot is an error."""
    page = load("page")
    table = {"name": "t", "heads": ["what", "n"], "rows": [["row", 1234]]}
    measured = {"cores": 2, "python": "P", "system": "S", "most": None}
    measured["scripts"] = {"s": {"seconds": 90, "tables": [table], "targets": []}}
    empty = "Before.\n<!-- table: s.t -->\n<!-- end -->\nBetween.\n<!-- table: run -->\nold\n<!-- end -->\nAfter.\n"
    text = page.filled(empty, measured)

    assert "| row | 1,234 |\n<!-- end -->\nBetween.\n" in text
    assert text.endswith("One run of 2 minutes on 2 cores, S, P.\n<!-- end -->\nAfter.\n")
    assert page.filled(text, measured) == text
    with pytest.raises(KeyError):
        page.filled("<!-- table: s.u -->\n<!-- end -->", measured)


@pytest.mark.parametrize(
    ("measured", "at_least", "met"),
    [(30.0, True, True), (29.9, True, False), (30.0, False, True), (30.1, False, False)],
)
def test_the_limit_itself_is_met(
    common: ModuleType, capsys: pytest.CaptureFixture[str], measured: float, at_least: bool, met: bool
) -> None:
    """A target is met at its limit and missed beyond it, in the printed text and in the exit code."""
    target = common.Target("text", measured, 30, at_least=at_least)
    code = common.report([], [target], as_json=False)

    assert code == (0 if met else 1)
    assert capsys.readouterr().out.strip().endswith("- met" if met else "- missed")


def test_nothing_refused_counts_as_sent(common: ModuleType) -> None:
    """A benchmark whose pushes were not all accepted ends with an error."""
    with pytest.raises(RuntimeError, match="0 of 1 pushes"):
        common.expect_accepted([], 1)


def test_medians_are_taken_over_rounds(common: ModuleType) -> None:
    """One slow round changes neither a row nor a ratio."""
    readings = [common.Reading(10, wall, cpu) for wall, cpu in ((1.0, 0.5), (100.0, 90.0), (1.0, 0.5))]
    row = common.median_row("name", readings)

    assert (row.pushes, row.per_second, row.cpu) == (10, 10.0, 50_000.0)
    assert common.median_ratio([1.0, 90.0, 1.0], [2.0, 2.0, 2.0]) == 0.5
