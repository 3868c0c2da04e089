"""Compares a notification with the `Delivery` that a phone received, field by field.

Pure functions. Characters that a vendor cannot carry in a text (control characters, lone surrogates) may be missing,
as `pushgateway.vendor.text.clean` removes them; every other difference is a change. Used by the conformance kit's
scenarios about content and broadcasts.
"""

from __future__ import annotations

import json
from collections.abc import Collection, Iterator, Mapping
from datetime import datetime
from typing import Any

import attrs
import regex

from pushgateway.model.appearance import Alert
from pushgateway.model.notification import Notification
from pushgateway.sandbox import Delivery
from pushgateway.vendor.features import LOOKS
from pushgateway.vendor.text import ELLIPSIS, clean, is_visible, utf16_units

_CLUSTER = regex.compile(r"\X")
_SHORT = 4
"""UTF-16 units of a character that fits into every limit; a longer one may be cut inside or left out."""


def same(left: Any, right: Any) -> bool:
    """Equal in value and in type, at every depth: 1, 1.0 and True are three values."""
    if isinstance(left, Mapping) and isinstance(right, Mapping):
        return left.keys() == right.keys() and all(same(left[key], right[key]) for key in left)
    if isinstance(left, list | tuple) and isinstance(right, list | tuple):
        return len(left) == len(right) and all(map(same, left, right))
    return type(left) is type(right) and bool(left == right)


def is_whole_cut(text: str, shown: str) -> bool:
    """Whether `shown` is the text or a beginning of it, with or without an ellipsis, that ends between characters as
    a user sees them."""
    text, ends = clean(text), {0}
    ends.update(cluster.end() for cluster in _CLUSTER.finditer(text))
    if _first(text) > _SHORT:
        ends.update(range(min(ends - {0}, default=0)))  # something has to be seen
    return any(text.startswith(part) and len(part) in ends for part in (shown, shown.removesuffix(ELLIPSIS)))


def _first(text: str) -> int:
    """UTF-16 units of the first character as a user sees it, blanks before it left out."""
    found = _CLUSTER.match(clean(text).lstrip())
    return 0 if found is None else utf16_units(found.group())


def changed(
    note: Notification,
    seen: Delivery,
    truncated: Collection[str],
    omitted: Collection[str] = (),
    *,
    ttl_unit: int = 1,
) -> list[str]:
    """The differences between the delivery and the notification, one sentence each. `ttl_unit`: seconds to which a ttl
    is rounded up."""
    kept = _kept(note, seen, truncated, ttl_unit)
    return [*_texts(note, seen, truncated, omitted), *_others(note, seen), *kept, *_looks(note, seen, omitted)]


def with_texts(note: Notification) -> Notification:
    """The notification as it arrives at a vendor that takes texts only as data: 3 as "3", and a list as its JSON."""
    texts = {name: value if isinstance(value, str) else _json(value) for name, value in note.data.items()}
    return attrs.evolve(note, data=texts)


def _json(value: Any) -> str:
    return json.dumps(value, ensure_ascii=False, separators=(",", ":"))


def _texts(note: Notification, seen: Delivery, truncated: Collection[str], omitted: Collection[str]) -> Iterator[str]:
    for name in ("title", "body", "subtitle", "long_body"):
        wanted, got = getattr(note, name) or "", getattr(seen, name)
        if name in omitted and not got:
            continue
        if name == "body" and note.long_body is not None and got and got == seen.long_body:
            continue  # a vendor with one text shows the long one in its place
        if got in (wanted, clean(wanted)) or not (got or clean(wanted).strip()):
            if name in truncated:
                yield f"{name} reached the phone whole, and is named in truncated"
        elif name not in truncated:
            yield f"{name} was changed or lost on the way ({len(wanted)} characters, shown {len(got)}): nothing says so"
        elif not is_whole_cut(wanted.lstrip(), got.lstrip()):
            yield f"{name} is named in truncated, and what is shown is no beginning of it"
        elif is_visible(wanted) and not is_visible(got.removesuffix(ELLIPSIS)):
            yield f"{name} was cut until nothing of it can be seen"


def _others(note: Notification, seen: Delivery) -> Iterator[str]:
    if _cleaned(note.click) != seen.click:
        yield f"click: a tap does {type(seen.click).__name__} or leads elsewhere, not {type(note.click).__name__}"
    if not same(dict(note.data), dict(seen.data)):
        yield f"data: the app gets {len(seen.data)} entries that are not the {len(note.data)} given"
    if note.network is not seen.network:
        yield f"network: is {note.network.value}, at the vendor {seen.network.value}"
    for name in ("time_zone", "receipt_url", "receipt_parameter", "user_id"):
        wanted, got = getattr(note, name), getattr(seen, name)
        if wanted is not None and got not in (wanted, clean(wanted)):
            yield f"{name} was changed or lost on the way"
    for name in ("show_from", "show_until"):
        wanted, got = getattr(note, name), getattr(seen, name)
        if not is_moment(wanted, got):
            yield f"{name}: is {wanted}, at the vendor {got} (epoch seconds)"


def _kept(note: Notification, seen: Delivery, truncated: Collection[str], ttl_unit: int) -> Iterator[str]:
    """Whether and how long the vendor keeps it for a phone that is offline."""
    if note.ttl == 0 and not seen.store_offline:
        return
    wanted = None if note.ttl is None else -(-note.ttl // ttl_unit) * ttl_unit
    if "ttl" in truncated and seen.ttl in (None, wanted):
        yield "ttl reached the vendor as it is, and is named in truncated"
    elif wanted not in (None, seen.ttl) and "ttl" not in truncated:
        yield f"ttl: {note.ttl} seconds were asked for, the vendor keeps it for {seen.ttl}"
    if note.store_offline != seen.store_offline:
        yield f"store_offline: is {note.store_offline}, at the vendor {seen.store_offline}"


def _looks(note: Notification, seen: Delivery, omitted: Collection[str]) -> Iterator[str]:
    for name in omitted:
        if name not in LOOKS:
            yield (
                f"{name} is named in omitted: only looks may be left out ({', '.join(LOOKS)}); what changes when, to "
                "whom or what it does is refused as UNSUPPORTED"
            )
        elif not LOOKS[name](note):
            yield f"{name} is named in omitted, and the notification has none"
    for name, uses in LOOKS.items():
        if name not in ("subtitle", "long_body", "replace_key") and name not in omitted and uses(note):
            wanted, got = getattr(note, name), getattr(seen, name)
            if got != wanted and not (isinstance(wanted, str) and got == clean(wanted)) and wanted is not Alert.NORMAL:
                yield f"{name} was changed or lost on the way, and is not named in omitted"
    if note.replace_key is not None and "replace_key" not in omitted and not seen.replaces:
        yield "replace_key was lost on the way, and is not named in omitted: the old notification stays"


def is_moment(wanted: datetime | None, got: float | None) -> bool:
    """Whether both are the same second, or both are None."""
    if wanted is None or got is None:
        return wanted is None and got is None
    return abs(wanted.timestamp() - got) < 1


def _cleaned(click: Any) -> Any:
    names = [field.name for field in attrs.fields(type(click))]
    return type(click)(*(clean(getattr(click, name)) for name in names))
