"""The parts of the conformance kit: how it observes a plug-in, and what it says when a hook is missing.

That the kit finds broken plug-ins is tested in test_broken_plugins.py.
"""

import asyncio
import gc
import json
import random
import socket
import sys
import time
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from broken.copies import ACME, VAULT, installed
from plain_vendor_kit import GroupKit, PlainKit
from toy_vendor import Toy

from pushgateway.model.notification import Notification
from pushgateway.model.push import CallBack, Push, PushToken
from pushgateway.model.reason import Reason
from pushgateway.testing.conformance import PROMISES, PluginConformance
from pushgateway.testing.conformance.exchange_driver import MOST_STEPS, ExchangeDriver
from pushgateway.testing.conformance.odd_inputs import odd_twins
from pushgateway.testing.conformance.promises import BrokenPromiseError, checks
from pushgateway.testing.conformance.runner import scenarios
from pushgateway.testing.purity import Calls

now = time.time  # a name of its own, as `from time import time as now` gives it


async def nothing() -> None:
    """A coroutine for a task."""


def task() -> None:
    """Make a task, as an exchange must not."""
    loop = asyncio.new_event_loop()
    loop.run_until_complete(loop.create_task(nothing()))
    loop.close()


@pytest.mark.parametrize(
    ("impure", "seen"),
    [
        (now, "time.time"),
        (time.monotonic, "time.monotonic"),
        (lambda: datetime.now(UTC), "datetime.now"),
        (datetime.today, "datetime.today"),
        (lambda: random.Random(1).random(), "random.random"),
        (lambda: random.choice([1, 2]), "random.choice"),
        (lambda: socket.socket().close(), "socket.__init__"),
        (lambda: open(__file__).close(), "open"),
        (task, "asyncio.events.new_event_loop"),
    ],
    ids=["alias", "monotonic", "now", "today", "seeded", "choice", "socket", "file", "task"],
)
def test_an_impure_call_is_found_however_it_is_written(impure: Callable[[], Any], seen: str) -> None:
    """It is found by what runs, not by a name in the source."""
    calls = Calls()
    with calls.watching():
        impure()

    assert seen in calls.seen


def test_normal_calls_of_a_plugin_are_not_impure() -> None:
    """JSON, dates from given values, texts and numbers are no impure calls."""
    calls = Calls()
    with calls.watching():
        json.loads(json.dumps({"at": [1, 2.5, None]}))
        (datetime.fromtimestamp(0, UTC) + timedelta(days=1)).isoformat()
        sorted("push", key=str.upper)
    time.time()

    assert calls.seen == set()


def test_callbacks_of_the_garbage_collector_are_not_the_plug_ins_calls() -> None:
    """A test tool that reads the clock when garbage is collected makes no plug-in impure."""

    def looks_at_the_clock(phase: str, info: object) -> None:
        time.perf_counter()

    calls = Calls()
    gc.callbacks.append(looks_at_the_clock)
    try:
        with calls.watching():
            _ = [[] for _ in range(100_000)]  # enough for several collections
    finally:
        gc.callbacks.remove(looks_at_the_clock)

    assert calls.seen == set()
    assert gc.isenabled()


def test_the_previous_profile_function_is_restored() -> None:
    """A profiler of the whole test run works again after the block."""
    events: list[str] = []

    def former(frame: object, event: str, argument: object) -> None:
        events.append(event)

    sys.setprofile(former)
    try:
        with Calls().watching():
            pass
        kept = sys.getprofile()
    finally:
        sys.setprofile(None)

    assert kept is former


def test_a_code_is_taken_from_the_sandbox_then_from_the_rules(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """`Sandbox.codes` comes first, and None there means that there is no code; if neither has it, the message says what
    to do."""
    with installed(tmp_path) as kit:
        by_rules = kit().code_for(Reason.RATE_LIMITED)
        sandbox = type(kit().make_sandbox())
        monkeypatch.setattr(sandbox, "codes", {Reason.RATE_LIMITED: "77", Reason.QUOTA_EXCEEDED: None})
        named, none = kit().code_for(Reason.RATE_LIMITED), kit().code_for(Reason.QUOTA_EXCEEDED)
        monkeypatch.setattr(kit, "rules", None)
        with pytest.raises(AssertionError, match=r"code for UNAVAILABLE: name it in AcmeSandbox\.codes, as codes = "):
            kit().code_for(Reason.UNAVAILABLE)

    assert (by_rules, named, none) == ("30", "77", None)


def test_data_that_are_texts_are_compared_as_such() -> None:
    """A text stays as it is, other values are their JSON; without the attribute the data are those given."""

    class OfTexts(PluginConformance):
        data_are_texts = True

    note = Notification("title", "body", data={"a": "1", "b": 1, "c": True, "d": {"长": [None, "x"]}})

    assert OfTexts().as_received(note).data == {"a": "1", "b": "1", "c": "true", "d": '{"长":[null,"x"]}'}
    assert PluginConformance().as_received(note) is note


def test_a_missing_hook_is_not_a_broken_promise() -> None:
    """An author who has not written it yet gets a message with its name."""

    class Unfinished(PluginConformance):
        vendor = Toy

    with pytest.raises(NotImplementedError, match=r"make_sandbox\(\): return the plug-in's sandbox"):
        Unfinished().test_one_push_arrives()
    with pytest.raises(NotImplementedError, match=r"with_wrong_secret\(\): return the settings"):
        Unfinished().with_wrong_secret({})


def test_every_kind_of_failure_says_what_to_do() -> None:
    """An assertion, a `pytest.raises` without an exception and a crash all name the promise and how to keep it."""

    def asserting() -> None:
        raise AssertionError("seen this")

    def expecting() -> None:
        with pytest.raises(ValueError, match="never"):
            pass

    def crashing() -> None:
        raise KeyError("place")

    for test, said in ((asserting, "seen this"), (expecting, "DID NOT RAISE"), (crashing, "it raised KeyError")):
        with pytest.raises(BrokenPromiseError, match=said) as caught:
            checks("kept")(test)()
        assert str(caught.value).endswith(PROMISES["kept"].how_to_keep)


@pytest.mark.parametrize("kit", [PlainKit, GroupKit])
def test_a_plugin_without_the_optional_parts_passes(kit: type[PluginConformance]) -> None:
    """Pushes sent one by one or in groups of one text, without login, rules, broadcasts and repeats: the plug-in is
    still correct."""
    failing = {scenario.name: str(scenario.seen()) for scenario in scenarios(kit) if scenario.promise.key != "found"}

    assert {name: seen for name, seen in failing.items() if seen != "None"} == {}


def test_every_scenario_has_a_sentence_and_runs() -> None:
    """Each has a sentence, a promise and at least one run; parameters give one run each."""
    judged = {scenario.name: scenario for scenario in scenarios(PluginConformance)}

    assert all(scenario.summary.endswith(".") and scenario.runs for scenario in judged.values())
    assert len(judged["test_a_reply_cut_at_every_byte"].runs) == 2
    assert len(judged["test_one_fault_on_the_way"].runs) == 16
    assert len(judged) >= 75


def test_an_exchange_without_end_fails(tmp_path: Path) -> None:
    """An endless series of checkpoints (`yield None`) ends as a failure."""
    with installed(tmp_path) as kit:
        driver: ExchangeDriver = kit().driver()

        def circle() -> Any:
            while True:
                yield None

        with pytest.raises(AssertionError, match=f"did not end within {MOST_STEPS}"):
            driver.carry(circle, "")


def test_a_batch_has_what_the_core_adds(tmp_path: Path) -> None:
    """The id of each message, the receipt parameter of the request, and the content that was saved before."""
    with installed(tmp_path, base=VAULT) as kit:
        driver: ExchangeDriver = kit().driver()
        marked = CallBack("https://host.example/r", "mark")
        notes = [Notification("a", "for all"), Notification("b", "for all")]
        first, second, third = (
            driver.batch([Push(PushToken(1, token), note, callback=marked) for token in driver.sandbox.tokens[:count]])
            for note, count in zip((notes[0], notes[1], notes[0]), (2, 1, 3), strict=True)
        )

    assert (first.message_ids, second.message_ids) == (["message-1"] * 2, ["message-2"])
    assert third.message_id == first.message_id
    assert first.callback == second.callback == marked
    assert first.saved is not None
    assert second.saved is None
    assert driver.sandbox.ledger.total == 0


def test_codes_are_those_of_the_place_and_the_dialect(tmp_path: Path) -> None:
    """A code of another dialect is not played, and a code of the content is preferred to refuse a text."""
    with installed(tmp_path / "v", base=VAULT) as kit:
        codes, code = kit().codes("codes"), kit().code_for(Reason.INVALID_NOTIFICATION)
    with installed(tmp_path / "a", base=ACME) as kit:
        logins = kit().codes("login_codes")

    assert "oldCode" not in codes
    assert "dayUsedUp" in codes
    assert code == "badContent"
    assert logins["32"].reason == "CREDENTIALS"


def test_every_place_of_a_reply_is_changed() -> None:
    """Each value is left out once and replaced by each odd one; a reply that is no JSON has no variants."""
    twins = list(odd_twins(b'{"code": 0, "results": [{"to": "a"}]}'))
    bodies = [json.loads(twin) for twin in twins]

    assert {"results": [{"to": "a"}]} in bodies
    assert {"code": 0, "results": [{}]} in bodies
    assert {"code": 0, "results": []} in bodies
    assert {"code": None, "results": [{"to": "a"}]} in bodies
    assert len(twins) == 5 * 12 + 4
    assert list(odd_twins(b"<html>")) == []
