"""The faults that the page switches on and off."""

from __future__ import annotations

import json
from typing import Any, ClassVar

import pytest
from acme import AcmeSandbox

from pushgateway.model.errors import FieldError
from pushgateway.sandbox import Answer, Fault
from pushgateway.sandbox.page.switches import LATE, can, faults_of, switch, switched_on
from pushgateway.vendor import Reason, Request


class Acme(AcmeSandbox):
    """With a code for a used-up quota."""

    pushing = ("push",)
    codes: ClassVar[dict[Reason, str | None]] = {Reason.QUOTA_EXCEEDED: "33"}


def push(sandbox: AcmeSandbox) -> Answer:
    """The answer to a push."""
    body = json.dumps({"token": sandbox.tokens[0], "text": "hello"}).encode()
    return sandbox.answer(Request("POST", "http://acme.example/push", {}, body))


def answered(sandbox: AcmeSandbox, name: str) -> Answer:
    """The answer to a push while a switch is on."""
    switch(sandbox, name, True)
    return push(sandbox)


def test_each_switch_changes_the_answers_until_it_is_off() -> None:
    """And nothing else stays changed."""
    usual = push(Acme())
    answers = {name: answered(Acme(), name) for name in ("down", "slow", "quota", "wrong", "mangled")}

    assert (answers["down"].response, answers["down"].sent) == (None, False)
    assert (answers["slow"].delay, answers["slow"].response) == (LATE, usual.response)
    quota, wrong = answers["quota"].response, answers["wrong"].response
    assert quota is not None
    assert wrong is not None
    assert json.loads(quota.content) == {"code": 33}
    assert wrong.headers["content-type"] == "text/html"
    for name in answers:
        sandbox = Acme()
        switch(sandbox, name, True)
        on = switched_on(sandbox)
        switch(sandbox, name, True)
        switch(sandbox, name, False)
        assert (on, switched_on(sandbox), len(sandbox.faults)) == ([name], [], 0)
        assert push(sandbox) == usual


def test_lists_are_mangled_now_and_then() -> None:
    """Half of the replies, by the sandbox's random, with what the vendor's own faults do."""
    sandbox = Acme()
    switch(sandbox, "mangled", True)
    answers = [push(sandbox).response for _ in range(40)]

    changed = [answer for answer in answers if answer is not None and answer.content == b'{"CODE":0}']
    assert 10 <= len(changed) <= 30


def test_revoked_is_done_once() -> None:
    """It is no state: the next login is right again."""
    sandbox = Acme()
    switch(sandbox, "revoked", True)
    switch(sandbox, "revoked", False)

    assert sandbox.expired == 1
    assert (switched_on(sandbox), len(sandbox.faults)) == ([], 0)


def test_only_pushes_are_refused_for_quota_or_answered_wrongly() -> None:
    """A login has no quota, and a login that fails would hide what becomes of pushes."""
    sandbox = Acme()
    switch(sandbox, "quota", True)
    switch(sandbox, "wrong", True)
    poll = sandbox.answer(Request("GET", "http://acme.example/poll")).response

    assert poll is not None
    assert json.loads(poll.content)["code"] == 0


def test_a_vendor_has_the_switches_that_mean_something() -> None:
    """Without a code there is no quota, without access tokens nothing to revoke, without manglings no disorder."""

    class Plain(Acme):
        codes: ClassVar[dict[Reason, str | None]] = {}
        manglings = ()

        def has_access_tokens(self) -> bool:
            return False

    assert can(Acme()) == ["down", "slow", "quota", "revoked", "wrong", "mangled"]
    assert can(Plain()) == ["down", "slow", "wrong"]
    with pytest.raises(FieldError, match="fault: must be one of down, slow, wrong"):
        switch(Plain(), "quota", True)


def test_switches_see_faults_that_others_have_set_or_removed() -> None:
    """Two pages of one sandbox show the same, and a script that clears the faults switches them off."""
    sandbox = Acme()
    sandbox.faults.add(*faults_of(sandbox, "down"), Fault(kind="delay", times=None))
    set_elsewhere = switched_on(sandbox)
    sandbox.faults.clear()

    assert set_elsewhere == ["down"]
    assert switched_on(sandbox) == []


def test_a_vendor_that_names_no_pushing_calls_fails_at_any() -> None:
    """Then every call may be a push."""
    sandbox: Any = AcmeSandbox()
    sandbox.pushing = ()
    switch(sandbox, "wrong", True)
    reply = sandbox.answer(Request("GET", "http://acme.example/poll")).response

    assert reply.headers["content-type"] == "text/html"
