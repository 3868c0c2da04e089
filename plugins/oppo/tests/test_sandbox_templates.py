"""The sandbox's private templates: code 54, and the pushes of the plug-in that are accepted."""

from typing import Any

import pytest
from oppo_client import Client
from pushgateway_oppo.notification import RULES
from pushgateway_oppo.sandbox import OppoSandbox
from pushgateway_oppo.sandbox.templates import template_objection

from pushgateway import Certificate, FieldError, Gateway, Notification, PushToken, Reason
from pushgateway.testing import SandboxTransport
from pushgateway.testing.virtual_time import run_virtual

CURRENT = RULES.dialects["current"]
APPROVED: dict[str, Any] = {"66f0": {"title": ["name"], "content": ["text", "more"]}, "fixed": {"content": ["text"]}}


@pytest.mark.parametrize(
    ("fields", "field"),
    [
        ({}, None),
        ({"category": "MARKETING"}, None),
        ({"category": "IM"}, "private_msg_template_id is null"),
        ({"category": "IM", "private_msg_template_id": "77"}, "private_msg_template_id"),
        ({"category": "MARKETING", "private_msg_template_id": "77"}, "private_msg_template_id"),
        ({"private_msg_template_id": "66f0"}, "private_title_parameters"),
        ({"private_msg_template_id": "66f0", "private_title_parameters": {"name": 1}}, "private_content_parameters"),
        (
            {
                "private_msg_template_id": "66f0",
                "private_title_parameters": {"name": 1},
                "private_content_parameters": {"text": "", "more": ""},
            },
            None,
        ),
        (
            {
                "private_msg_template_id": "66f0",
                "private_title_parameters": '{"name": 1}',
                "private_content_parameters": '{"text": "", "more": "", "most": ""}',
            },
            "private_content_parameters",
        ),
        ({"private_msg_template_id": "fixed", "private_content_parameters": '{"text": 1}'}, None),
        (
            {
                "private_msg_template_id": "fixed",
                "private_title_parameters": {},
                "private_content_parameters": {"text": 1},
            },
            "private_title_parameters",
        ),
        ({"private_msg_template_id": "fixed", "private_content_parameters": "[1"}, "private_content_parameters"),
        ({"private_msg_template_id": "fixed", "private_content_parameters": [1]}, "private_content_parameters"),
    ],
)
def test_code_54(fields: dict[str, Any], field: str | None) -> None:
    """A private category needs an approved template, and a template exactly its parameters; a fixed part none."""
    assert template_objection(fields, CURRENT, APPROVED) == (None if field is None else ("54", field))
    assert template_objection(fields, CURRENT, None) is None


@pytest.mark.parametrize("value", [1, [], {"6": []}, {"6": {"body": []}}, {"6": {"title": "name"}}])
def test_a_wrong_switch_is_refused(value: Any) -> None:
    """The switch accepts null, or by template id the parameter names."""
    with pytest.raises(FieldError, match="templates"):
        OppoSandbox(dialect="current", templates=value)


def test_a_template_filled_by_the_settings_is_accepted() -> None:
    """A push with a template of the certificate's table is delivered; one without a template is 54."""
    oppo = OppoSandbox(dialect="current", templates=APPROVED)
    row = {"template": "66f0", "title_parameters": ["name"], "content_parameters": ["text", "more"]}
    settings = {**oppo.settings("https://oppo.example"), "intents": {"chat": row}}

    async def both() -> list[Any]:
        async with Gateway([Certificate(7005, "oppo", settings)], transport=SandboxTransport(oppo)) as gateway:
            good = Notification("Ann", "Hi", intent="chat", parameters={"name": "Ann", "text": "Hi", "more": 2})
            bare = Notification("Ann", "Hi", intent="call")
            return [await gateway.send(PushToken(7005, oppo.tokens[0]), note) for note in (good, bare)]

    good, bad = run_virtual(both())

    assert good.ok
    assert (bad.reason, bad.vendor_code) == (Reason.INVALID_NOTIFICATION, "54")
    assert oppo.ledger.deliveries[0].notification["private_content_parameters"] == {"text": "Hi", "more": 2}


def test_templates_of_saved_content_are_checked() -> None:
    """A broadcast's content is refused with the same code when it is saved."""
    client = Client("current", templates=APPROVED)

    reply = client.ask("save", {"title": "t", "content": "c", "category": "ORDER"})

    assert reply["code"] == 54
    assert client.save(category="MARKETING")
