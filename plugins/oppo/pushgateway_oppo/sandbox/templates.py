"""Private templates, as strict as OPPO is since mid 2025, if the switch `templates` names those that are approved.

Pure. A private category without a template, a template that is not approved, and parameters whose names are not the
template's are code 54. For a title or text without parameters the field has to be left out: `{}` fails. Parameters are
an object or its JSON text, as clients send both. In the documents only a missing id is certain; the rest is from OPPO's
replies to users.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from pushgateway.sandbox.kit.values import json_object
from pushgateway.vendor.rules import Dialect

WRONG_TEMPLATE: Final = "54"
NO_TEMPLATE_ID: Final = "private_msg_template_id is null"
"""OPPO's message for a private category without a template."""
PARTS: Final = {"title": "private_title_parameters", "content": "private_content_parameters"}


def template_objection(
    fields: Mapping[str, Any], dialect: Dialect, templates: Mapping[str, Mapping[str, Any]] | None
) -> tuple[str, str] | None:
    """(code, field) where a notification breaks the rules of templates. None: it does not, or `templates` is None."""
    if templates is None:
        return None
    category = dialect.categories.get(str(fields.get("category") or ""))
    template = fields.get("private_msg_template_id")
    if not template:
        return (WRONG_TEMPLATE, NO_TEMPLATE_ID) if category is not None and category.private else None
    known = templates.get(str(template))
    if known is None:
        return WRONG_TEMPLATE, "private_msg_template_id"
    for part, name in PARTS.items():
        given, wanted = json_object(fields.get(name)), set(known.get(part, ()))
        if given is None or (name in fields and not given) or given.keys() != wanted:
            return WRONG_TEMPLATE, name
    return None
