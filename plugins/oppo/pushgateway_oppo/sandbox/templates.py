"""Private templates, as strict as OPPO is since mid 2025, if the switch `templates` names those that are approved.

Pure. A private category without a template, a template that is not approved, and parameters whose names are not the
template's are code 54. For a title or text without parameters the field has to be left out: `{}` fails. Parameters are
an object or its JSON text, as clients send both. In the documents only a missing id is certain; the rest is from OPPO's
replies to users.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from pushgateway.vendor.rules import Dialect
from pushgateway_oppo.sandbox.form import read_json_text

WRONG_TEMPLATE: Final = "54"
NO_TEMPLATE_ID: Final = "private_msg_template_id is null"
"""OPPO's message for a private category without a template."""
_PARTS: Final = {"title": "private_title_parameters", "content": "private_content_parameters"}


def are_templates(value: Any) -> bool:
    """Whether the switch accepts a value: None, or by template id the parameter names in `title` and `content`."""
    return value is None or (
        isinstance(value, dict)
        and all(isinstance(one, dict) and one.keys() <= _PARTS.keys() for one in value.values())
        and all(_are_names(names) for one in value.values() for names in one.values())
    )


def _are_names(names: Any) -> bool:
    return isinstance(names, list | tuple) and all(isinstance(name, str) for name in names)


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
    for part, name in _PARTS.items():
        given, wanted = _parameters(fields.get(name)), set(known.get(part, ()))
        if given is None or (name in fields and not given) or given.keys() != wanted:
            return WRONG_TEMPLATE, name
    return None


def _parameters(value: Any) -> Mapping[str, Any] | None:
    if value is None:
        return {}
    if isinstance(value, str):
        try:
            value = read_json_text(value)
        except ValueError:
            return None
    return value if isinstance(value, dict) else None
