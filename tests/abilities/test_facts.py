"""`facts_of`: what a plug-in says about itself, with the settings of its sandbox or with made-up ones."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import attrs
import pytest
from plain_vendor_kit import PlainSandbox

from pushgateway.abilities.facts import Facts, facts_of
from pushgateway.certificates.plugins import Plugins
from pushgateway.sandbox import find_sandbox
from pushgateway.vendor import CONTRACT, AccessToken, Batching, Exchange, Request, Ruling, Vendor


def toy(**members: Any) -> type[Vendor]:
    """A plug-in with these members."""
    own = {"brand": "toy", "contract": CONTRACT, "push": lambda *_: (), **members}
    return attrs.frozen(type("Toy", (Vendor,), own))


def asked(**members: Any) -> Facts:
    """The facts of a plug-in with these members, which needs no settings."""
    return facts_of(toy(**members), None)


def test_a_real_plug_in() -> None:
    """OPPO's facts, with the settings of its sandbox."""
    facts = facts_of(Plugins().vendor("oppo"), find_sandbox("oppo")(dialect="current"))

    assert (facts.dialect, facts.batch_size, facts.mixed, facts.login) == ("current", 1000, True, "request")
    assert facts.audiences == ["everyone", "tokens", "aliases", "tags"]
    assert (facts.receipts, facts.recall, facts.check_tokens) == ("push", False, False)
    assert facts.quotas is not None
    assert (facts.quotas["chat"], len(facts.quotas["marketing"])) == ([], 4)
    assert facts.as_json()["settings"]["required"] == ["app_key", "master_secret"]


def test_the_least_plug_in() -> None:
    """What every plug-in has by default."""
    facts = asked()

    assert (facts.batch_size, facts.mixed, facts.saves, facts.login, facts.deduplicates) == (
        1,
        False,
        False,
        "none",
        False,
    )
    assert (facts.receipts, facts.dead_tokens, facts.receipt_kinds) == ("none", "reply", None)
    assert (facts.audiences, facts.audience_size) == ([], None)
    assert (facts.pushes_per_second, facts.requests_per_second, facts.connections) == (None, None, None)


@pytest.mark.parametrize(
    ("members", "proved"),
    [
        ({}, "none"),
        ({"receipts": lambda *_: ()}, "push"),
        ({"receipts": lambda *_: (), "marks": "message"}, "message"),
        ({"receipts": lambda *_: (), "marks": "none"}, "unproved"),
        ({"receipts": lambda *_: (), "marks": "message", "proves_receipts": True}, "signed"),
    ],
)
def test_what_proves_receipts(members: dict[str, Any], proved: str) -> None:
    """By the plug-in's own words."""
    assert asked(**members).receipts == proved


def test_calls_that_a_plug_in_overrides() -> None:
    """Whether notifications can be taken back and tokens be checked is known without an instance."""
    calls = {name: lambda *_: None for name in ("recall", "check_tokens")}

    assert (asked(**calls).recall, asked(**calls).check_tokens) == (True, True)
    assert (asked(recall=calls["recall"]).check_tokens, asked().recall) == (False, False)


def by_request(*_: object) -> Exchange[AccessToken]:
    """A login that asks after a checkpoint."""
    yield None
    yield Request("POST", "https://host.example/login")
    raise AssertionError("nothing is sent")


def signed(*_: object) -> Exchange[AccessToken]:
    """A login without a request."""
    yield None
    return AccessToken("t", 60.0)


@pytest.mark.parametrize(("login", "kind"), [(by_request, "request"), (signed, "signed"), (lambda *_: None, "none")])
def test_how_a_plug_in_logs_in(login: Any, kind: str) -> None:
    """By a request, without one, or not at all; no request is made to find it out."""
    assert asked(login=login).login == kind


def test_quotas_are_the_rulings() -> None:
    """The sentences about quotas, for each intent; those about other rules are left out."""

    def rulings(_: object, push: Any) -> Iterator[Ruling]:
        rest: Any = {"rule": "r", "source": "s", "seen": None, "confidence": "documented"}
        if push.notification.intent is None:
            yield Ruling(field="quota", verdict="2 a day", **rest)
        yield Ruling(field="rate", verdict="3 a second", **rest)

    quotas = asked(rulings=rulings).quotas

    assert quotas is not None
    assert (quotas[""], quotas["chat"], len(quotas)) == (["2 a day"], [], 11)


@pytest.mark.parametrize(("key", "size"), [("right", 7), ("wrong", None), (None, None)])
def test_settings_of_the_sandbox_are_tried_first(key: str | None, size: int | None) -> None:
    """Where a setting has a form of its own, such as a key, "x" is none; without a sandbox that has one, what depends
    on the settings is None."""

    def is_right(_: object, __: object, value: str) -> None:
        if value != "right":
            raise ValueError("no key")

    class Keyed(PlainSandbox):
        def settings(self, url: str) -> dict[str, object]:
            return {"key": key}

    own = {"batching": property(lambda _: Batching(7)), "__annotations__": {"key": str}}
    vendor = toy(**own, key=attrs.field(validator=is_right))

    facts = facts_of(vendor, None if key is None else Keyed(tokens=0))

    assert (facts.batch_size, facts.required) == (size, ["key"])
    assert facts.recall is False


def test_a_made_up_setting_is_enough_where_it_has_no_form() -> None:
    """A plug-in without a sandbox."""
    vendor = toy(__annotations__={"key": str}, key=attrs.field(), batching=property(lambda _: Batching(3, mixed=True)))

    facts = facts_of(vendor, None)

    assert (facts.batch_size, facts.mixed) == (3, True)
