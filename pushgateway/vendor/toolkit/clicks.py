"""What a tap becomes at a vendor: fields by kind of click action, Android intent URIs, web addresses, and data.

Pure. A vendor's table (`Clicks`) says which fields each kind of click action becomes; a kind without a row ends the
push as `UNSUPPORTED`. Used by plug-ins and by `fields.Sheet`.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from operator import attrgetter
from typing import Any, Final, Literal, TypeAlias
from urllib.parse import quote, urlencode

import attrs

from pushgateway.vendor import (
    ClickAction,
    OpenActivity,
    OpenApp,
    OpenIntent,
    OpenIntentUri,
    OpenUrl,
    Reason,
    Refused,
    safe_repr,
)
from pushgateway.vendor.rules import Scalar
from pushgateway.vendor.toolkit.json_text import Json, encode_json
from pushgateway.vendor.toolkit.refusals import invalid

_KINDS: Final[Mapping[type[Any], str]] = {
    OpenApp: "OpenApp",
    OpenIntent: "OpenIntent",
    OpenActivity: "OpenActivity",
    OpenUrl: "OpenUrl",
    OpenIntentUri: "OpenIntentUri",
}


TARGETS: Final[Mapping[type[Any], Callable[[Any], str]]] = {
    OpenApp: lambda click: "",
    OpenIntent: attrgetter("action"),
    OpenActivity: attrgetter("class_name"),
    OpenUrl: attrgetter("url"),
    OpenIntentUri: attrgetter("uri"),
}
"""By class of click action: reads its target."""


def target_of(click: ClickAction) -> str:
    """The text that a click action holds: action, class name, URL or intent URI; "" for `OpenApp`."""
    return TARGETS[type(click)](click)


@safe_repr
@attrs.frozen
class Click:
    """What one kind of click action becomes."""

    fields: Mapping[str, Scalar] = attrs.field(factory=dict)
    """Fields with fixed values, by wire name: `{"click_action_type": 1}`."""
    target: str = ""
    """The wire name of the field that holds the target; "": there is none."""
    write: Callable[[Any], str] = attrs.field(default=target_of, repr=False)
    """Makes the target of the click action; may raise `Refused`."""


@safe_repr
@attrs.frozen(eq=False)
class Clicks:
    """A vendor's table of click actions."""

    rows: Mapping[type[Any], Click]
    """By class of click action. `OpenApp` needs no row where a notification without click fields opens the app."""
    switch: str = ""
    """The field that says which kind it is; an override of it replaces all fields of the notification's own click
    action."""
    vendor: str = "the vendor"
    """How sentences call the vendor."""

    def fields(self, click: ClickAction) -> dict[str, Any]:
        """The fields of a click action, not yet checked. Raises `Refused` (`UNSUPPORTED`) for a kind without a row."""
        row = self.rows.get(type(click))
        if row is None:
            if type(click) is OpenApp:
                return {}
            known = ", ".join(_KINDS[kind] for kind in self.rows)
            sentence = f"click: {self.vendor} has no {_KINDS.get(type(click), 'such click')}; it has {known}"
            raise Refused(Reason.UNSUPPORTED, detail=sentence)
        made: dict[str, Any] = dict(row.fields)
        if row.target:
            made[row.target] = row.write(click)
        return made

    @property
    def names(self) -> frozenset[str]:
        """The wire names of all fields of the table."""
        return frozenset(name for row in self.rows.values() for name in (*row.fields, row.target, self.switch) if name)


_PACKAGE = re.compile(r"[A-Za-z][A-Za-z0-9_]*(\.[A-Za-z0-9_]+)+", re.ASCII)
_CLASS = re.compile(r"[A-Za-z0-9_.$/]+", re.ASCII)
_SAFE = "_-!.~'()*"
"""Characters that Android's `Uri.encode` leaves as they are, besides letters and digits."""


def intent_uri(click: ClickAction, package: str, extras: Mapping[str, Any] | None = None) -> str:
    """The intent URI of a click action in the app `package`: `intent:#Intent;component=com.a/.Main;S.key=value;end`.

    Huawei, Honor, vivo and Xiaomi take one. `extras` become extras of the intent: texts `S.`, whole numbers `l.`,
    floats `d.`, booleans `B.`, other values their JSON as text. Raises `Refused` (`INVALID_NOTIFICATION`) for a target
    that no URI can hold, and for a web page.
    """
    parts = "".join(f"{_extra(name, value)};" for name, value in extras.items()) if extras else ""
    match click:
        case OpenApp():
            opening = "action=android.intent.action.MAIN;category=android.intent.category.LAUNCHER;"
            return f"intent:#Intent;{opening}{_package(package)}{parts}end"
        case OpenIntent():
            if not click.action.strip() or not click.action.isprintable():
                raise invalid("click", "the action must not be blank and must hold no control character")
            return f"intent:#Intent;action={quote(click.action, safe=_SAFE + '/:')};{_package(package)}{parts}end"
        case OpenActivity():
            if not _CLASS.fullmatch(click.class_name):
                raise invalid("click", "the class name must be letters, digits, '_', '$' and '.'")
            name = click.class_name if "/" in click.class_name else f"{package}/{click.class_name}"
            return f"intent:#Intent;component={name};{parts}end"
        case OpenIntentUri():
            return _with_extras(click.uri, parts)
    raise invalid("click", "a web page has no intent URI")


def activity_uri(click: OpenActivity, package: str | None) -> str:
    """The intent URI of an activity in the app `package`, which is the certificate's setting of that name. Raises
    `Refused` (`INVALID_NOTIFICATION`) if there is none and the class name does not have it."""
    if package is None and "/" not in click.class_name:
        raise invalid("click", "OpenActivity needs the setting package, or a class name such as com.example/.Main")
    return intent_uri(click, package or "")


def _package(package: str) -> str:
    return f"package={package};" if package else ""


def _with_extras(uri: str, parts: str) -> str:
    if not uri.isprintable() or " " in uri or "#Intent;" not in uri or not uri.endswith(";end"):
        raise invalid("click", "must be an intent URI such as intent://host/path#Intent;scheme=app;end")
    return f"{uri.removesuffix('end')}{parts}end"


def _extra(name: str, value: Any) -> str:
    if isinstance(value, bool):
        kind, text = "B", str(value).lower()
    elif isinstance(value, int) and abs(value) < 2**63:
        kind, text = "l", str(value)
    elif isinstance(value, float):
        kind, text = "d", repr(value)
    else:
        kind, text = "S", value if isinstance(value, str) else encode_json(value)
    return f"{kind}.{_uri_quoted(name)}={_uri_quoted(text)}"


def _uri_quoted(text: str) -> str:
    return quote(text, safe=_SAFE, errors="replace")


def is_package(text: str) -> bool:
    """Whether a text can be the package name of an Android app."""
    return _PACKAGE.fullmatch(text) is not None


def web_url(click: OpenUrl, *, https_only: bool = True) -> str:
    """The address of a web page. Raises `Refused` (`INVALID_NOTIFICATION`), naming `click`, for another scheme or for
    what no URL can hold."""
    url = click.url
    schemes = ("https://",) if https_only else ("https://", "http://")
    if not url.lower().startswith(schemes) or not url.isprintable() or " " in url or len(url) < len(schemes[0]) + 1:
        raise invalid("click", f"must be a URL that begins with {' or '.join(schemes)}")
    return url


def any_address(click: OpenUrl) -> str:
    """The address of a web page, or a deep link with a scheme of the app's own, such as `chat://group/7`. Raises
    `Refused` (`INVALID_NOTIFICATION`), naming `click`, for what no URL can hold."""
    if not _ADDRESS.fullmatch(click.url) or not click.url.isprintable():
        raise invalid("click", "must be a URL with a scheme, such as https://host/path or chat://group/7")
    return click.url


_ADDRESS = re.compile(r"[A-Za-z][A-Za-z0-9+.-]*:[^\s]+")

Shape: TypeAlias = Literal["json", "object", "texts", "query"]


def data_as(data: Mapping[str, Any], shape: Shape) -> Any:
    """The notification's data as a vendor wants it: "json": JSON text; "object": a JSON value; "texts": a dict of texts
    (vivo, Xiaomi), other values as their JSON; "query": a URL's query. Raises `Refused` (`INVALID_NOTIFICATION`)."""
    try:
        if shape == "json":
            return encode_json(data)
        if shape == "object":
            return Json(encode_json(data))
        texts = {name: value if isinstance(value, str) else encode_json(value) for name, value in data.items()}
    except (TypeError, ValueError, RecursionError):
        raise invalid("data", "must be made of what JSON can hold") from None
    return texts if shape == "texts" else urlencode(texts, errors="replace")


def with_query(url: str, query: str) -> str:
    """The URL with this query behind its own, before its fragment."""
    if not query:
        return url
    address, mark, fragment = url.partition("#")
    return f"{address}{'&' if '?' in address else '?'}{query}{mark}{fragment}"
