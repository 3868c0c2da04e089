"""Refusals made before a request, and the sentence for a field that a dialect lacks."""

from types import MappingProxyType

import pytest

from pushgateway.vendor import Reason, Refused
from pushgateway.vendor.rules import Dialect, Rules
from pushgateway.vendor.toolkit.refusals import checked_text, invalid, no_such_field, unsupported


def dialect(*fields: str) -> Dialect:
    none: MappingProxyType[str, object] = MappingProxyType({})
    made = dict.fromkeys(("hosts", "operations", "numbers", "targets"), none)
    return Dialect(title="", fields=dict.fromkeys(fields), **made)  # type: ignore[arg-type]


def test_a_refusal_names_the_field_of_the_host() -> None:
    """It names the field as the host knows it, then what would be right."""
    assert (invalid("ttl", "is odd").reason, invalid("ttl", "is odd").detail) == (
        Reason.INVALID_NOTIFICATION,
        "ttl: is odd",
    )
    assert unsupported("ttl", "is not there").reason is Reason.UNSUPPORTED


def test_a_missing_field_names_the_dialect_that_has_it() -> None:
    """It is named by the setting that the host would change."""
    old, new = dialect("title"), dialect("title", "badge")
    rules = Rules(brand="x", sources={}, dialects={"old": old, "new": new}, codes={})

    assert no_such_field("badge", old, rules) == 'dialect = "old" has no such field; dialect = "new" has it'


def test_a_text_of_a_call_is_checked() -> None:
    """Blank only where that is allowed."""
    assert checked_text("name", "a b") == "a b"
    assert checked_text("name", "", blank=True) == ""
    for wrong in (5, " ", "a\n"):
        with pytest.raises(Refused, match="name: must"):
            checked_text("name", wrong)
