"""JSON that is kept, and into which the fields of one notification are put."""

from __future__ import annotations

import json
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from pushgateway.vendor.toolkit.fields import encode_tree, nest
from pushgateway.vendor.toolkit.json_template import JsonTemplate
from pushgateway.vendor.toolkit.json_text import Json

NAMES = st.sampled_from(["a", "b", "n.a", "n.b", "n.m.a", "n.m.b", "o.a"])
TEXTS = st.text(max_size=12)
VALUES = st.one_of(TEXTS, st.integers(), st.booleans(), TEXTS.map(lambda text: Json(json.dumps({text: [text]}))))
FIELDS: Any = st.dictionaries(NAMES, VALUES, max_size=5)


@given(FIELDS, st.lists(FIELDS, min_size=1, max_size=4))
def test_it_is_the_json_of_all_fields(rest: Any, owns: list[Any]) -> None:
    """Whatever is in the template and in the notifications, nested or not; what a notification says, counts."""
    template = JsonTemplate(rest)
    for own in owns:
        filled = template.filled(own)

        assert json.loads(filled) == json.loads(encode_tree(nest({**rest, **own})))


def test_a_text_is_never_taken_for_a_place() -> None:
    """The character of a place is escaped in every text; nothing that was put in stays for the next one."""
    odd = "\0000\0 \x00 \ud800"
    template = JsonTemplate({"n.a": odd})

    first, second = template.filled({"n.b": odd, "c": 1}), template.filled({"n.b": "x", "c": 2})

    assert json.loads(first) == {"n": {"a": odd, "b": odd}, "c": 1}
    assert json.loads(second) == {"n": {"a": odd, "b": "x"}, "c": 2}


def test_own_fields_are_first() -> None:
    """As a notification has them that is built in full."""
    template = JsonTemplate({"n.kind": 3, "ttl": "60s"})

    assert template.filled({"n.title": "t", "data": "{}"}) == '{"n":{"title":"t","kind":3},"data":"{}","ttl":"60s"}'
    assert template.filled({}) == '{"n":{"kind":3},"ttl":"60s"}'
