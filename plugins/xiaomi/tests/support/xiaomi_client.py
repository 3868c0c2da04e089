"""Runs exchanges of the Xiaomi plug-in with given replies, and reads the requests that they make."""

import json
from collections.abc import Callable, Mapping, Sequence
from typing import Any
from urllib.parse import parse_qs

from pushgateway_xiaomi import Xiaomi

from pushgateway import Notification, Outcome, Push, PushToken
from pushgateway.vendor import Batch, CallBack, Exchange, Request, Response, Secret
from pushgateway.vendor.toolkit.intents import IntentSetting

PACKAGE = "com.example.chat"
CHANNELS = {"150001": "public", "150002": "private"}
ACCEPTED = {"result": "ok", "trace_id": "X1", "code": 0, "data": {"id": "scm1"}, "description": "成功"}


def make(**settings: Any) -> Xiaomi:
    """A certificate's vendor object. `intents`: settings by intent, as a configuration file has them."""
    intents = {word: IntentSetting(**own) for word, own in settings.pop("intents", {}).items()}
    given: dict[str, Any] = {"app_secret": Secret("secret=="), "package_name": PACKAGE, **settings}
    return Xiaomi(intents=intents, **given)


def reply(body: Any = None, status: int = 200) -> Response:
    """A JSON reply; None: accepted."""
    content = body if isinstance(body, bytes) else json.dumps(ACCEPTED if body is None else body).encode()
    return Response(status, {"content-type": "application/json"}, content)


def run(exchange: Exchange[Any] | None, *replies: Any) -> tuple[Any, list[Request]]:
    """The result of an exchange to which these replies come, and its requests. Raises what it raises."""
    assert exchange is not None
    requests: list[Request] = []
    answers = iter(replies or (None,) * 20)
    step: Callable[[], Request | None] = exchange.__next__
    while True:
        try:
            request = step()
        except StopIteration as stop:
            return stop.value, requests
        if request is None:
            step = exchange.__next__
            continue
        requests.append(request)
        answer = next(answers)
        answer = answer if isinstance(answer, Response) else reply(answer)
        step = lambda answer=answer: exchange.send(answer)  # noqa: E731


def batch(
    notes: Notification | Sequence[Notification],
    tokens: Sequence[str] = ("regid-aaa",),
    ids: str | Sequence[str] | None = None,
    callback: CallBack | None = None,
) -> Batch:
    """A batch of these notifications for these phones. `ids`: of the messages; None: one for each notification."""
    each = [notes] * len(tokens) if isinstance(notes, Notification) else list(notes)
    given = Batch.of(
        [
            Push(PushToken(1, token), note, dedupe_id=f"d-{place}")
            for place, (token, note) in enumerate(zip(tokens, each, strict=True))
        ]
    )
    if ids is None:
        numbers = {id(note): f"message-{place}" for place, note in enumerate(each)}
        ids = [numbers[id(note)] for note in each]
    given = given.under([ids] * len(tokens) if isinstance(ids, str) else list(ids))
    given.callback = callback
    return given


def push(vendor: Xiaomi, given: Batch, *replies: Any) -> tuple[list[Outcome], list[Request]]:
    """The outcomes of a batch, and the requests."""
    outcomes, requests = run(vendor.push(given), *replies)
    return list(outcomes), requests


def form_of(request: Request) -> dict[str, str]:
    """The fields of a form; each must be there once."""
    fields = parse_qs(request.content.decode("ascii"), keep_blank_values=True, strict_parsing=True)
    assert all(len(values) == 1 for values in fields.values())
    return {name: values[0] for name, values in fields.items()}


def messages_of(request: Request) -> list[Mapping[str, Any]]:
    """The messages of a `push_each` request."""
    fields = form_of(request)
    assert set(fields) == {"messages", "time_to_send"}
    messages: list[Mapping[str, Any]] = json.loads(fields["messages"])
    return messages


def fields_of(vendor: Xiaomi, note: Notification) -> dict[str, str]:
    """The fields that one push of a notification has."""
    outcomes, requests = push(vendor, batch(note))
    assert outcomes[0].ok, outcomes[0]
    return form_of(requests[0])


def refusal_of(vendor: Xiaomi, note: Notification) -> str:
    """The reason and sentence of a notification that is refused before any request."""
    outcomes, requests = push(vendor, batch(note))
    assert not requests
    assert outcomes[0].reason is not None
    return f"{outcomes[0].reason.name}: {outcomes[0].detail}"
