"""A certificate and a sandbox, and a driver that carries the plug-in's exchanges between them, as the core does.

The hosts are those of the rules; every request goes to the sandbox, whatever its host. Tests check the hosts in
`Driver.requests`.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, TypeVar

from pictures import png
from pushgateway_oppo import Oppo
from pushgateway_oppo.notification import RULES
from pushgateway_oppo.sandbox import OppoSandbox

from pushgateway.vendor import (
    AccessToken,
    Audience,
    Broadcast,
    Call,
    Exchange,
    Notification,
    Push,
    PushToken,
    Request,
    Response,
    Secret,
)

T = TypeVar("T")
NOTE = Notification("Hi", "You have mail")
UNSHOWN = "/server/v1/by/setting"
"""Where a test puts calls whose path no source shows."""


class Driver:
    """Carries exchanges to the sandbox. `requests` has all requests but logins, `replies` all replies."""

    def __init__(self, dialect: str = "v1.3", settings: Mapping[str, Any] | None = None, **options: Any) -> None:
        self.now = 1_700_000_000.0
        self.facts = RULES.dialects[dialect]
        paths = {name: f"{UNSHOWN}/{name}" for name, row in self.facts.operations.items() if not row.path}
        self.sandbox = OppoSandbox(clock=lambda: self.now, dialect=dialect, paths=paths, **options)
        self.oppo = Oppo(
            **{
                "app_key": "sandbox-app-key",
                "master_secret": Secret("sandbox-master-secret"),
                "dialect": dialect,
                "paths": paths,
                **(settings or {}),
            }
        )
        self.one, self.two, *_ = self.sandbox.tokens
        self.requests: list[Request] = []
        self.replies: list[Response] = []
        self._access: dict[str, AccessToken] = {}

    def carry(self, call: Call[T]) -> T:
        """The result of a call. Raises `Refused` or `NoVerdict`."""
        return self.run(call.begin(), call.region)

    def run(self, exchange: Exchange[T], region: str) -> T:
        """The result of an exchange, each request with an access token for `region`."""
        try:
            request = next(exchange)
            while True:
                if request is not None:
                    self.requests.append(request)
                    answer = self.ask(self.oppo.finish(request, self.access(region), 0.0))
                    request = exchange.send(answer)
                else:
                    request = next(exchange)  # a checkpoint
        except StopIteration as done:
            result: T = done.value
            return result

    def forget(self) -> None:
        """Forget all access tokens: the next request logs in."""
        self._access.clear()

    def access(self, region: str) -> AccessToken:
        """The access token for `region`."""
        if region not in self._access:
            self._access[region] = self.login(region)
        return self._access[region]

    def login(self, region: str = "cn") -> AccessToken:
        """A new access token."""
        login = self.oppo.login(region, self.now)
        request = next(login)
        assert request is not None
        try:
            login.send(self.ask(request))
        except StopIteration as done:
            access: AccessToken = done.value
            return access
        raise AssertionError("a login of two requests")

    def push(self, *tokens: str, note: Notification = NOTE) -> Any:
        """Push to these tokens."""
        batch = [Push(PushToken(7005, token), note) for token in tokens]
        return self.run(self.oppo.push(batch), self.oppo.region(tokens[0]))

    def broadcast(self, audience: Audience, note: Notification = NOTE, **more: Any) -> Any:
        """Save content and broadcast it to this audience."""
        made = Broadcast(7005, note, audience, **more)
        saved = self.run(self.oppo.save(made), "cn").id
        return self.run(self.oppo.broadcast(made, saved), "cn")

    def picture(self, kind: str = "big") -> bytes:
        """A picture that OPPO accepts."""
        return png(self.facts.number(f"{kind}_picture_width"), self.facts.number(f"{kind}_picture_height"))

    def ask(self, request: Request) -> Response:
        """The sandbox's reply to a request."""
        answer = self.sandbox.answer(request)
        assert answer.response is not None
        self.replies.append(answer.response)
        return answer.response


def _named(driver: Driver) -> str:
    driver.sandbox.set_alias(driver.one, "ann")
    return driver.one


def _created(driver: Driver) -> Call[Any]:
    driver.carry(driver.oppo.add_tag("sport"))
    return driver.oppo.add_tag_group("hobbies", ["sport"])


CALLS: Mapping[str, Callable[[Driver], Any]] = {
    "auth": lambda d: d.login(),
    "unicast": lambda d: d.push(d.one),
    "unicast_batch": lambda d: d.push(d.one, d.two),
    "save": lambda d: d.run(d.oppo.save(Broadcast(7005, NOTE, Audience.everyone())), "cn"),
    "broadcast": lambda d: d.broadcast(Audience.everyone()),
    "subscribe_alias": lambda d: d.carry(d.oppo.subscribe_alias(d.one, "ann")),
    "unsubscribe_alias": lambda d: d.carry(d.oppo.unsubscribe_alias(_named(d), "ann")),
    "get_alias": lambda d: d.carry(d.oppo.get_alias(_named(d))),
    "add_tag": lambda d: d.carry(d.oppo.add_tag("sport", "what they play")),
    "add_tag_group": lambda d: d.carry(_created(d)),
    "subscribe_tags": lambda d: d.carry(d.oppo.subscribe_tags(d.one, ["sport", "news"])),
    "unsubscribe_tags": lambda d: d.carry(d.oppo.unsubscribe_tags(d.one, ["sport"])),
    "get_tags": lambda d: d.carry(d.oppo.get_tags(d.one)),
    "statistics": lambda d: d.carry(d.oppo.statistics(d.broadcast(Audience.everyone()).message_id)),
    "invalid_tokens": lambda d: d.carry(d.oppo.invalid_tokens()),
    "push_permit": lambda d: d.carry(d.oppo.push_permit()),
    "upload_big_picture": lambda d: d.carry(d.oppo.upload_picture("big", d.picture())),
    "upload_small_picture": lambda d: d.carry(d.oppo.upload_picture("small", d.picture("small"))),
}
"""How the plug-in makes each call of the rules."""
