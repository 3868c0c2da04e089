"""Refusals made before a request, and the sentence for a field that a dialect lacks."""

from types import MappingProxyType

import pytest

from pushgateway.vendor import Reason, Refused
from pushgateway.vendor.rules import Dialect, Rules
from pushgateway.vendor.toolkit.refusals import checked_text, invalid, joined_names, no_such_field, unsupported


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


def test_names_are_joined() -> None:
    """One name or several; a name with the separator would be two, so it is refused."""
    assert joined_names("tags", ["a b", "体育"], longest=3, most=2) == "a b,体育"
    assert joined_names("alias", "a,b", ";") == "a,b"
    for names, said in (
        ([], "tags: must hold 1 to 2, holds 0"),
        (["a", "b", "c"], "tags: must hold 1 to 2, holds 3"),
        (["a", "a,b"], "tags: a name must have at most 3 characters and no ','"),
        (["abcd"], "tags: a name must have at most 3"),
        ([" "], "tags: must not be blank"),
        ([7], "tags: must be a str"),
    ):
        with pytest.raises(Refused) as refused:
            joined_names("tags", names, longest=3, most=2)
        assert refused.value.detail.startswith(said)
    with pytest.raises(Refused, match="alias: must hold at least 1, holds 0"):
        joined_names("alias", [])
