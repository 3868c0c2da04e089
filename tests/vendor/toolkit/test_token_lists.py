"""Replies that list the refused tokens: the others were accepted, unless the list is incomplete."""

from typing import Any

import pytest
from rules_of_codes import ROWS, pushes

from pushgateway.vendor import Reason
from pushgateway.vendor.toolkit.codes import CodeTable
from pushgateway.vendor.toolkit.token_lists import listed_outcomes

SENT = pushes("t1", "t2", "t3")


def ends(lists: Any, **more: Any) -> list[str]:
    return [one.status.value for one in listed_outcomes(CodeTable(ROWS), SENT, lists, **more)]


def test_listed_tokens_are_refused_and_no_others() -> None:
    """Each is refused by the code of its list, with the id of the request and the fields that were cut."""
    outcomes = listed_outcomes(
        CodeTable(ROWS), SENT, {"100": ["t2"], "13": ["t3"]}, message_id="m", pause=5.0, truncated=[("title",), (), ()]
    )

    assert [one.reason for one in outcomes] == [None, Reason.UNREGISTERED, Reason.RATE_LIMITED]
    assert [one.message_id for one in outcomes] == ["m"] * 3
    assert outcomes[0].truncated == ("title",)
    assert outcomes[2].retry_after == 5.0


def test_a_repeated_token_has_the_outcome_of_the_first() -> None:
    """If a token is given twice in the request, the first counts."""
    assert ends({"104": ["t1"]}) == ["accepted"] * 3


@pytest.mark.parametrize("more", [{"readable": False}, {"failures": 2}])
def test_an_incomplete_list_is_no_verdict(more: dict[str, Any]) -> None:
    """The reply is unreadable, or has more failures than names: each unlisted push may be one of them."""
    assert ends({"100": ["t2"]}, **more) == ["unknown", "rejected", "unknown"]


def test_an_unreadable_list_is_no_verdict() -> None:
    """None stands for a list that could not be read."""
    assert ends({"100": ["t2"], "13": None}) == ["unknown", "rejected", "unknown"]


def test_as_many_failures_as_names_is_a_complete_list() -> None:
    """At this limit the list is complete."""
    assert ends({"100": ["t2"]}, failures=1) == ["accepted", "rejected", "accepted"]


def test_a_name_that_was_not_asked_for_makes_a_list_incomplete() -> None:
    """One failed, and the list names a token of no push: it may be any of them."""
    assert ends({"100": ["t9"]}, failures=1) == ["unknown"] * 3
    assert ends({"100": ["t9"]}) == ["accepted"] * 3


def test_looks_that_were_left_out_and_the_handle_are_in_each_outcome() -> None:
    """`omitted` is in all, `handle` in those that were accepted."""
    outcomes = listed_outcomes(CodeTable(ROWS), SENT[:2], {"100": ["t2"]}, omitted=("icon",), handle="7")

    assert [one.omitted for one in outcomes] == [("icon",)] * 2
    assert [one.handle for one in outcomes] == ["7", None]
