"""What the page changes: each command is a JSON object whose `do` names it.

    fault      brand, fault, on: a switch (`switches`)
    mute       brand, token, muted: the user switches notifications off or on
    uninstall  brand, token: the app is removed; the token is dead
    install    brand: a new phone
    tap        brand, token, id: the user taps a notification
    recall     brand, token, id: the gateway takes it back
    send       brand, and tokens or all; title, body and the other fields of a notification: the gateway sends it
    clear      empties screens, ledgers and logs

A missing, wrong or unknown field raises `FieldError`, and nothing is done. Sending and recalling wait for the gateway.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from functools import partial
from typing import Any, Final, TypeVar

from pushgateway.model.appearance import Alert, Badge, Button
from pushgateway.model.click import ClickAction, OpenActivity, OpenApp, OpenIntent, OpenIntentUri, OpenUrl
from pushgateway.model.errors import FieldError
from pushgateway.model.notification import Notification
from pushgateway.model.push import as_token
from pushgateway.sandbox.page.gateway import PageGateway, PagePush
from pushgateway.sandbox.page.switches import QUOTA, switch
from pushgateway.sandbox.page.view import BrandView, View

Fields = Mapping[str, Any]
T = TypeVar("T")

MOST_TOKENS = 1000
"""Phones of one `send`, at most; `all` has no limit."""
LONGEST_TOKEN = 4096
"""Characters of a token, at most."""
MOST_SENDS = 50
"""Sends in the reply to one `send`, at most; all are counted."""
_CLICKS: Final[Mapping[str, type]] = {
    one.__name__: one for one in (OpenApp, OpenUrl, OpenIntent, OpenActivity, OpenIntentUri)
}
_TEXTS = (
    *("subtitle", "dedupe_id", "replace_key", "sound", "long_body", "picture", "icon", "group", "user_id"),
    *("channel_id", "intent"),
)
_OTHERS = ("ttl", "data", "show_in_foreground", "store_offline")
"""Fields whose values `Notification` takes as they are."""


def execute(view: View, command: object) -> dict[str, Any]:
    """Do a command, and return its reply. Raises `FieldError`."""
    if not isinstance(command, dict):
        raise FieldError("do", "the body must be a JSON object")
    name = command.get("do")
    known = _COMMANDS.get(name) if isinstance(name, str) else None
    if known is None:
        raise FieldError("do", f"must be one of {', '.join(_COMMANDS)}")
    run, fields = known
    for field in command:
        if field != "do" and field not in fields:
            raise FieldError(str(field), f"there is no such field; {name} takes: {', '.join(fields) or 'none'}")
    return {"done": True, **run(view, command)}


def _fault(view: View, command: Fields) -> Fields:
    sandbox, name, on = _brand(view, command).sandbox, _text(command, "fault"), _truth(command, "on")
    switch(sandbox, name, on)
    if name == QUOTA and not on and view.gateway is not None:
        view.gateway.renew(sandbox.brand)  # otherwise it would not send before midnight
    return {}


def _mute(view: View, command: Fields) -> Fields:
    brand = _brand(view, command)
    if not brand.sandbox.mute(_token(command), _truth(command, "muted")):
        raise _NO_PHONE
    return {}


def _uninstall(view: View, command: Fields) -> Fields:
    if not _brand(view, command).sandbox.uninstall(_token(command)):
        raise _NO_PHONE
    return {}


def _install(view: View, command: Fields) -> Fields:
    sandbox = _brand(view, command).sandbox
    with sandbox.lock:
        (token,) = sandbox.register(1)
        sandbox.phones_known.changes.note(token)
    return {"token": token}


def _tap(view: View, command: Fields) -> Fields:
    brand, token = _brand(view, command), _token(command)
    with brand.sandbox.lock:
        brand.sandbox.tap(token, number=brand.delivery(token, command.get("id")).number)
    return {}


def _recall(view: View, command: Fields) -> Fields:
    gateway, brand, token = _gateway(view), _brand(view, command), _token(command)
    with brand.sandbox.lock:
        message_id = brand.delivery(token, command.get("id")).message_id
    return gateway.recall(brand.sandbox.brand, token, message_id)


def _clear(view: View, _: Fields) -> Fields:
    for brand in view.brands.values():
        brand.sandbox.clear()
    if view.gateway is not None:
        view.gateway.clear()
    return {}


def _send(view: View, command: Fields) -> Fields:
    gateway = _gateway(view)
    notification = _notification(command)
    pushes = [PagePush(brand, token, notification) for brand, token in _targets(view, command)]
    sends = gateway.send(pushes)
    outcomes = Counter(str(send["reason"] or send["status"]) for send in sends)
    return {"sends": list(sends[:MOST_SENDS]), "count": len(sends), "outcomes": dict(outcomes)}


def _targets(view: View, command: Fields) -> list[tuple[str, str]]:
    """(brand, token) of each phone of a `send`."""
    if command.get("all") is True:
        if "tokens" in command:
            raise FieldError("tokens", "give tokens or all, not both")
        brands = list(view.brands.values()) if command.get("brand") is None else [_brand(view, command)]
        return [(brand.sandbox.brand, token) for brand in brands for token in brand.sandbox.tokens]
    brand, tokens = _brand(view, command), command.get("tokens")
    if not isinstance(tokens, list) or not 1 <= len(tokens) <= MOST_TOKENS:
        raise FieldError("tokens", f"must be a list of 1 to {MOST_TOKENS} tokens, unless all is true")
    return [(brand.sandbox.brand, token) for token in dict.fromkeys(map(_listed_token, tokens))]


def _listed_token(value: object) -> str:
    if not isinstance(value, str) or not 0 < len(value) <= LONGEST_TOKEN:
        raise FieldError("tokens", f"must be texts of 1 to {LONGEST_TOKEN} characters")
    return as_token(value, "tokens")


def _notification(command: Fields) -> Notification:
    given: dict[str, Any] = {name: _text(command, name) for name in _TEXTS if command.get(name) not in (None, "")}
    given |= {name: command[name] for name in _OTHERS if command.get(name) is not None}
    for name, read in _READ.items():
        if command.get(name) is not None:
            given[name] = _named(name, partial(read, command[name]))
    title, body = _text(command, "title"), _text(command, "body")
    return _named("", lambda: Notification(title, body, **given))


def _named(field: str, make: Callable[[], T]) -> T:
    """What `make` makes; what is wrong is named by the field of the command, "": by that of the notification."""
    try:
        return make()
    except FieldError as wrong:
        sentence = str(wrong).removeprefix(f"{wrong.field}: ")
        raise FieldError(field or wrong.field.removeprefix("Notification."), sentence) from None


def _click(value: Any) -> ClickAction:
    kind = value.get("kind") if isinstance(value, dict) else None
    made = _CLICKS.get(kind) if isinstance(kind, str) else None
    if made is None:
        raise FieldError("click", f"must be an object whose kind is one of {', '.join(_CLICKS)}")
    if made is OpenApp:
        return OpenApp()
    target = value.get("target")
    if not isinstance(target, str) or not target:
        raise FieldError("click", f"{kind} needs a target")
    click: ClickAction = made(target)
    return click


def _badge(value: Any) -> Badge:
    how = {"add": Badge.add, "set": Badge.set}.get(str(value.get("how"))) if isinstance(value, dict) else None
    if how is None:
        raise FieldError("badge", "must be an object with how (add or set) and number")
    return how(value.get("number"))


def _alert(value: Any) -> Alert:
    try:
        return Alert(value)
    except ValueError:
        raise FieldError("alert", f"must be one of {', '.join(one.value for one in Alert)}") from None


def _buttons(value: Any) -> tuple[Button, ...]:
    if not isinstance(value, list) or not all(isinstance(one, dict) for one in value):
        raise FieldError("buttons", "must be a list of objects with text and click")
    return tuple(Button(one.get("text"), _click(one.get("click") or {"kind": "OpenApp"})) for one in value)


def _brand(view: View, command: Fields) -> BrandView:
    return view.brand(command.get("brand"))


def _gateway(view: View) -> PageGateway:
    if view.gateway is None:
        raise FieldError("do", "this page has no gateway to send with")
    return view.gateway


def _text(command: Fields, field: str) -> str:
    value = command.get(field)
    if not isinstance(value, str):
        raise FieldError(field, "must be a text" if field in command else "is missing")
    return value


def _token(command: Fields) -> str:
    return _text(command, "token")


def _truth(command: Fields, field: str) -> bool:
    value = command.get(field)
    if not isinstance(value, bool):
        raise FieldError(field, "must be true or false")
    return value


_NO_PHONE = FieldError("token", "no such phone is registered")
_READ: Final[Mapping[str, Callable[[Any], Any]]] = {
    "click": _click,
    "badge": _badge,
    "alert": _alert,
    "buttons": _buttons,
}
"""By field of a `send`: what makes the value of the notification."""
_NOTIFICATION: Sequence[str] = ("title", "body", *_TEXTS, *_OTHERS, *_READ)
_COMMANDS: dict[str, tuple[Callable[[View, Fields], Fields], Sequence[str]]] = {
    "fault": (_fault, ("brand", "fault", "on")),
    "mute": (_mute, ("brand", "token", "muted")),
    "uninstall": (_uninstall, ("brand", "token")),
    "install": (_install, ("brand",)),
    "tap": (_tap, ("brand", "token", "id")),
    "recall": (_recall, ("brand", "token", "id")),
    "send": (_send, ("brand", "tokens", "all", *_NOTIFICATION)),
    "clear": (_clear, ()),
}
"""By name: the function, and the fields that it takes."""
