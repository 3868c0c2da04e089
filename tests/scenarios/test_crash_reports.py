"""No secret in a crash report: reporters such as sentry store the variables of every frame of a traceback.

Each test raises an error in one of the ways in which a host can cause one. Every frame of the library is searched,
including code that attrs generated and the frames of exceptions that were caught before.
"""

import asyncio
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from types import FrameType
from typing import Any

import pytest
from toy_vendor import Toy

from pushgateway import Certificate, Gateway, sync
from pushgateway.config import load_config
from pushgateway.model.push import as_token
from pushgateway.model.secret import Secret

CANARY = "canary-5d1f-canary-5d1f"
OURS = ("/pushgateway/", "/pushgateway_oppo/", "<attrs generated")


def frames(error: BaseException) -> Iterator[FrameType]:
    """Every frame of the library in an error and in the errors that led to it, suppressed ones included."""
    todo: list[BaseException | None] = [error]
    while todo:
        if (one := todo.pop()) is None:
            continue
        todo += [one.__cause__, one.__context__, *getattr(one, "exceptions", ())]
        trace = one.__traceback__
        while trace is not None:
            if any(part in trace.tb_frame.f_code.co_filename for part in OURS):
                yield trace.tb_frame
            trace = trace.tb_next


def stored(value: Any, depth: int = 6) -> str:
    """What a reporter stores of a variable: plain containers are walked, anything else is stored by its `repr`."""
    if depth and isinstance(value, Mapping):
        return " ".join(f"{key!r} {stored(inner, depth - 1)}" for key, inner in value.items())
    if depth and isinstance(value, list | tuple | set | frozenset):
        return " ".join(stored(inner, depth - 1) for inner in value)
    return repr(value)


def leaks(make: Callable[[], object]) -> list[str]:
    """The frames and variables that contain the canary after `make` has raised."""
    with pytest.raises(Exception) as caught:  # noqa: PT011 - whatever it is
        make()
    ours = list(frames(caught.value))
    assert ours
    return [
        f"{frame.f_code.co_qualname}: {name}"
        for frame in ours
        for name, value in frame.f_locals.items()
        if CANARY in stored(value)
    ]


def test_a_leaking_frame_is_seen() -> None:
    """The search finds a secret in a variable, in a list in a variable, and in a frame of an error that was caught
    before.
    """

    def leaking(secret: str) -> None:
        kept = {"a": [secret]}
        try:
            raise ValueError(kept)  # noqa: TRY301
        except ValueError:
            raise KeyError("a") from None

    code = leaking.__code__.replace(co_filename="/x/pushgateway/leaking.py")
    leaking.__code__ = code

    assert len(leaks(lambda: leaking(CANARY))) == 4


SETTINGS = {"secret": CANARY, "nested": {"list": [CANARY]}}
LOOP: dict[str, Any] = {"secret": CANARY}
LOOP["loop"] = LOOP


@pytest.mark.parametrize(
    "wrong",
    [
        lambda: Certificate("", "toy", SETTINGS),
        lambda: Certificate(1, "", SETTINGS),
        lambda: Certificate(1, SETTINGS),  # type: ignore[arg-type]
        lambda: Certificate(1, "toy", CANARY),  # type: ignore[arg-type]
        lambda: Certificate(1, "toy", LOOP),
        lambda: Certificate(1, "toy", SETTINGS, linger=-1),
        lambda: Certificate(1, "toy", SETTINGS, pushes_per_second=0),
        lambda: Certificate(1, "toy", SETTINGS, receipt_url="ftp://x", receipt_secret=CANARY),
        lambda: Certificate(1, "toy", SETTINGS, receipt_secret=CANARY),
        lambda: Certificate(1, "toy", receipt_url="https://x.example", receipt_secret=[CANARY, 5]),  # type: ignore[list-item]
        lambda: Certificate(1, "toy", receipt_url="https://x.example", receipt_secret=[CANARY, "short"]),
        lambda: Secret(CANARY.encode()),  # type: ignore[arg-type]
        lambda: as_token(f"{CANARY}\t{CANARY}"),
        lambda: as_token(CANARY.encode()),
    ],
)
def test_a_wrong_value_leaves_no_secret_in_a_frame(wrong: Callable[[], object]) -> None:
    """Whatever value beside the secret is wrong, or the secret itself."""
    assert leaks(wrong) == []


@pytest.mark.parametrize(
    "settings",
    [
        {"secret": f"{CANARY}\u200b"},
        {"secret": CANARY, "sise": 5},
        {"secret": CANARY, "size": CANARY},
        {"secret": [CANARY]},
        {"secret": {CANARY: CANARY}},
        {"size": CANARY},
    ],
)
def test_wrong_settings_leave_no_secret_in_a_frame(settings: dict[str, Any]) -> None:
    """For both kinds of gateway, at creation and at `reload`."""
    certificates = [Certificate(1, "toy", settings), Certificate(2, "oppo", {"app_key": CANARY, "dialect": "v9"})]

    async def reload() -> None:
        async with Gateway([]) as gateway:
            gateway.reload(certificates)

    assert leaks(lambda: Gateway(certificates, vendors={"toy": Toy})) == []
    assert leaks(lambda: sync.Gateway(certificates, vendors={"toy": Toy})) == []
    assert leaks(lambda: asyncio.run(reload())) == []


@pytest.mark.parametrize(
    "text",
    [
        "app_key = 5\ndialect = 'v9'",
        "timeout = -1",
        "linger = -1",
        "receipt_url = 'https://x.example'",
        f"receipt_url = 'https://x.example'\nreceipt_secret = ['{CANARY}', 'short']",
        "other = 'env:NOT_SET'",
        "other = 'file:not-there'",
        "[certificates]",
        "[certificate]",
        f"'{CANARY}",
        f"broken = {CANARY}",
        "\ufeff",
        f"number = {'9' * 5000}",
    ],
)
def test_a_typo_in_the_configuration_leaves_no_secret_in_a_frame(tmp_path: Path, text: str) -> None:
    """Neither the text of the file, the values of its sources nor the environment are in a frame of the
    `ConfigError`.
    """
    (tmp_path / "secret").write_text(CANARY)
    path = tmp_path / "pushgateway.toml"
    whole = (
        f"[certificates.1]\nbrand = 'oppo'\nmaster_secret = '{CANARY}'\napp_secret = 'file:secret'\nmore = 'env:MORE'\n"
    )
    path.write_text(f"{whole}{text}\n", "utf-8")

    assert leaks(lambda: load_config(path, environ={"MORE": CANARY}, vendors={"toy": Toy})) == []
