"""The fields of events: no event class has a place for a token, a title, a body or a secret.

The check reads the fields of every event class; it is itself tested on classes that break the rule.
"""

import math
import re
from typing import Any, Literal, get_args, get_origin, get_type_hints

import attrs
import pytest

from pushgateway.model.reason import Reason, Status, SumStatus
from pushgateway.model.receipt import ReceiptKind
from pushgateway.observe import events
from pushgateway.observe.events import BreakerState, Event, RateChanged, Reloaded, RequestDone

TEXTS = {"certificate_id", "brand", "region", "quota", "vendor_code", "name"}
"""Names of fields that may hold text; all of them are keys or numbers, and each was reviewed."""
IDS = {"added", "changed", "removed"}
"""Names of fields that hold certificate ids."""
NAMED_LIKE_CONTENT = re.compile(r"token|title|body|content|secret|message|detail|text|notification|push$|url|headers")
CLOSED = {int, float, bool, type(None), Status, SumStatus, Reason, BreakerState, ReceiptKind}
"""Types that cannot hold any free text."""

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
    parts = [part for part in get_args(hint) if part is not Ellipsis]
    if get_origin(hint) is tuple:
        return str not in parts and all(allowed(name, part) for part in parts)
    return all(allowed(name, part) for part in parts) if parts else hint in CLOSED


def fields_with_content(kind: type) -> list[str]:
    """One sentence for each field that could hold what an observer must not see."""
    hints = get_type_hints(kind)
    names = [field.name for field in attrs.fields(kind)]
    faults = [f"{kind.__name__}.{name} could hold text" for name in names if not allowed(name, hints[name])]
    return faults + [
        f"{kind.__name__}.{name} is named like content" for name in names if NAMED_LIKE_CONTENT.search(name)
    ]


@every_kind
def test_no_event_has_a_place_for_content(kind: type[Event]) -> None:
    """No field can hold a token, a title, a body or a secret."""
    assert fields_with_content(kind) == []


@every_kind
def test_events_are_frozen_values(kind: type[Event]) -> None:
    """An observer can neither change what the next one gets nor add an attribute."""
    assert attrs.has(kind)
    assert kind.__setattr__ is not object.__setattr__
    assert "__slots__" in vars(kind)
    assert all(field.kw_only for field in attrs.fields(kind))
    assert kind.__doc__


def test_the_check_finds_fields_with_content() -> None:
    """It finds text under a new name, content under a harmless type, and lists of anything."""

    @attrs.frozen
    class Leaky:
        note: str
        token: int
        region: str
        targets: tuple[str, ...]
        pairs: tuple[tuple[Reason, int], ...]
        words: tuple[tuple[str, int], ...]
        extra: object
        quota: str | None
        status: int | None

    assert fields_with_content(Leaky) == [
        "Leaky.note could hold text",
        "Leaky.targets could hold text",
        "Leaky.words could hold text",
        "Leaky.extra could hold text",
        "Leaky.token is named like content",
    ]


def test_an_unlimited_rate_is_none() -> None:
    """None is the only value for "no limit", because a gauge or JSON cannot hold infinity."""
    changed = RateChanged(
        certificate_id="1", brand="oppo", region="", pushes_per_second=math.inf, requests_per_second=20.0
    )

    assert (changed.pushes_per_second, changed.requests_per_second) == (None, 20.0)


def test_a_frozen_event_refuses_changes() -> None:
    """Changing an event raises, and a reload has no certificate id."""
    reloaded = Reloaded(added=("7005",))

    with pytest.raises(attrs.exceptions.FrozenInstanceError):
        reloaded.added = ()  # type: ignore[misc]
    assert (reloaded.certificate_id, reloaded.brand) == ("", None)
    assert RequestDone in KINDS
    assert len(KINDS) == 18
