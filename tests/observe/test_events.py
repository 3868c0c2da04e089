"""The guard of the events: what observers see has no place for content.

Law of this file: the guard reads the fields of every event class, and is seen to fail on classes that could tell.
"""

import math
import re
from typing import Any, Literal, get_args, get_origin, get_type_hints

import attrs
import pytest

from pushgateway.model.reason import Reason, Status, SumStatus
from pushgateway.observe import events
from pushgateway.observe.events import BreakerState, Event, RateChanged, Reloaded, RequestDone

TEXTS = {"certificate_id", "brand", "region", "quota", "vendor_code", "name"}
"""Fields that hold text; all of them are keys or numbers, and each of them was looked at."""
IDS = {"added", "changed", "removed"}
"""Fields that hold certificate ids."""
TELLING = re.compile(r"token|title|body|content|secret|message|detail|text|notification|push$|url|headers")
CLOSED = {int, float, bool, type(None), Status, SumStatus, Reason, BreakerState}
"""Types that hold no text of anybody's."""

KINDS = [kind for kind in vars(events).values() if isinstance(kind, type) and issubclass(kind, Event)]
every_kind = pytest.mark.parametrize("kind", KINDS, ids=lambda kind: kind.__name__)


def allowed(name: str, hint: Any) -> bool:
    """Whether a field of this name may have this type."""
    if get_origin(hint) is Literal:
        return True
    if hint is str:
        return name in TEXTS
    if hint == tuple[str, ...]:
        return name in IDS
    parts = get_args(hint)
    return all(allowed(name, part) for part in parts) if parts and get_origin(hint) is not tuple else hint in CLOSED


def telling_fields(kind: type) -> list[str]:
    """A sentence for each field that could hold what no observer may see."""
    hints = get_type_hints(kind)
    names = [field.name for field in attrs.fields(kind)]
    faults = [f"{kind.__name__}.{name} could hold text" for name in names if not allowed(name, hints[name])]
    return faults + [f"{kind.__name__}.{name} is named like content" for name in names if TELLING.search(name)]


@every_kind
def test_no_event_has_a_place_for_content(kind: type[Event]) -> None:
    """No field can hold a token, a title, a body or a secret."""
    assert telling_fields(kind) == []


@every_kind
def test_events_are_frozen_values(kind: type[Event]) -> None:
    """An observer cannot change what the next one sees, nor hang something on it."""
    assert attrs.has(kind)
    assert kind.__setattr__ is not object.__setattr__
    assert "__slots__" in vars(kind)
    assert all(field.kw_only for field in attrs.fields(kind))
    assert kind.__doc__


def test_telling_fields_are_seen() -> None:
    """The guard sees text under a new name, content under a harmless type, and lists of anything."""

    @attrs.frozen
    class Leaky:
        note: str
        token: int
        region: str
        targets: tuple[str, ...]
        extra: object
        quota: str | None
        status: int | None

    assert telling_fields(Leaky) == [
        "Leaky.note could hold text",
        "Leaky.targets could hold text",
        "Leaky.extra could hold text",
        "Leaky.token is named like content",
    ]


def test_an_infinite_rate_is_none() -> None:
    """No limit is one word only, and none that a gauge or JSON cannot hold."""
    changed = RateChanged(
        certificate_id="1", brand="oppo", region="", pushes_per_second=math.inf, requests_per_second=20.0
    )

    assert (changed.pushes_per_second, changed.requests_per_second) == (None, 20.0)


def test_a_frozen_event_refuses_changes() -> None:
    """Changing an event raises, and a reload is of no single certificate."""
    reloaded = Reloaded(added=("7005",))

    with pytest.raises(attrs.exceptions.FrozenInstanceError):
        reloaded.added = ()  # type: ignore[misc]
    assert (reloaded.certificate_id, reloaded.brand) == ("", None)
    assert RequestDone in KINDS
    assert len(KINDS) == 13
