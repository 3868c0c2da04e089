"""Every parser reads generated inputs: a few thousand in the everyday run, millions with `tox -e fuzz -- 2000000`.

What each parser must do is asserted in `tests/support/fuzzing`. A failure says how to run its input again.
"""

from collections.abc import Callable
from typing import Any

import fuzzing
import pushgateway_oppo.feedback
import pushgateway_oppo.receipts
import pushgateway_oppo.replies
import pytest

import pushgateway.certificates.receipt_signing
import pushgateway.vendor.replies
import pushgateway.vendor.toolkit.items
import pushgateway.vendor.toolkit.pictures
import pushgateway.vendor.toolkit.readers
import pushgateway.vendor.toolkit.requests
from pushgateway.vendor.toolkit.json_text import encode_json

NAMES = sorted(fuzzing.targets())
SLOW = {"config": 5, "control": 5, "rules": 3}
"""Parsers whose inputs take many times longer: the everyday run uses so many times fewer."""
EVERYDAY = 3000


@pytest.mark.parametrize("name", NAMES)
def test_no_input_is_read_wrongly(
    name: str, request: pytest.FixtureRequest, capsys: pytest.CaptureFixture[str]
) -> None:
    """Whatever comes: the right kind of error, each push its own verdict, nothing quoted, in little time."""
    asked = request.config.getoption("--inputs")
    count = asked or EVERYDAY // SLOW.get(name, 1)

    seconds = fuzzing.run_many(name, count)

    assert seconds >= 0
    if asked:
        with capsys.disabled():
            print(f"{name}: {count:,} inputs, {seconds:.0f} s of CPU, {count / max(seconds, 1e-9):,.0f} a second")  # noqa: T201


def test_one_input_again(request: pytest.FixtureRequest) -> None:
    """`--input batch:4711`, as a failure names it, runs that input alone. Without the option the first input of all
    is run.
    """
    name, _, number = (request.config.getoption("--input") or f"{NAMES[0]}:0").partition(":")

    fuzzing.run_one(name, fuzzing.targets()[name], int(number))

    assert name in NAMES


def _lenient(value: object) -> str | None:
    try:
        return str(int(value))  # type: ignore[call-overload]
    except (ValueError, TypeError, OverflowError):
        return None


def _by_place(_: Any, items: list[Any], sent: Any) -> dict[str, Any]:
    objects = [item for item in items if isinstance(item, dict)]
    return {push.push_token.token: item for push, item in zip(sent, objects, strict=False)}


def _quoting(response: Any, problem: str) -> str:
    return f"the reply is {problem}: {response.content[:200]}"


def _unquoted(value: Any) -> str:
    return f'"{value}"' if isinstance(value, str) else encode_json(value)


REPLIES, VERDICTS = pushgateway_oppo.replies, pushgateway.vendor.replies
ITEMS, READERS = pushgateway.vendor.toolkit.items, pushgateway.vendor.toolkit.readers


@pytest.mark.parametrize(
    ("module", "name", "planted", "target"),
    [
        (ITEMS, "code_text", _lenient, "batch"),
        (VERDICTS, "code_text", _lenient, "any_reply"),
        (VERDICTS, "_only_verdict", lambda response, name, words: "0", "unicast"),
        (VERDICTS, "_describe", _quoting, "login"),
        (ITEMS.ItemReader, "_by_token", _by_place, "batch"),
        (REPLIES, "_groups", lambda data: {}, "broadcast"),
        (REPLIES, "texts", lambda value: None if value is None else list(value), "broadcast"),
        (READERS, "identifier", lambda value: value, "saved"),
        (pushgateway_oppo.feedback, "token_problem", lambda token, longest: "", "call_replies"),
        (pushgateway.vendor.toolkit.requests, "encode_json", _unquoted, "encodings"),
        (pushgateway.vendor.toolkit.pictures, "_jpeg_size", lambda content: (144, 144), "pictures"),
        (pushgateway_oppo.receipts, "printable", lambda value: value, "receipts"),
        (VERDICTS, "_check_shape", lambda body: None, "nested"),
        (pushgateway.certificates.receipt_signing, "_of_push", lambda name, token: name.encode(), "forged"),
        (pushgateway.certificates.receipt_signing, "_of_message", lambda name: b"", "forged_of_a_message"),
    ],
)
def test_planted_faults_are_found(
    module: Any, name: str, planted: Callable[..., Any], target: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The everyday length finds faults that other clients have: that it passes says something, because it can fail."""
    monkeypatch.setattr(module, name, planted)

    with pytest.raises(fuzzing.FailingInput, match=rf"--input {target}:[0-9]+"):
        fuzzing.run_many(target, EVERYDAY)
