"""`Ruling`: what one rule of a vendor does to a push, as `Gateway.explain` shows it.

Frozen values and nothing else. Made by plug-ins in `Vendor.rulings`.
"""

from __future__ import annotations

from datetime import date
from typing import Literal, TypeAlias

import attrs

from pushgateway.model.secret import safe_repr

Effect: TypeAlias = Literal["applies", "cut", "ignored", "refused"]
"""`applies`: the rule holds and the push keeps it; `cut`: the field was cut; `ignored`: what the host asked for has no
effect; `refused`: the push is not sent because of the rule."""


@safe_repr
@attrs.frozen(kw_only=True)
class Ruling:
    """What one rule of a vendor does to a push. It never holds a token, a title or a text."""

    field: str
    """The field or limit that it concerns, by the host's name: `body`, `ttl`, `quota`."""
    effect: Effect = "applies"
    """What the rule does to this push."""
    verdict: str
    """The effect or the limit in words: `cut to 50 characters`, `at most 864000 seconds`."""
    rule: str
    """Path of the rule in the vendor's `rules.toml`: `dialects.current.fields.content`."""
    source: str
    """Title of the vendor's document, or other source, of the rule."""
    seen: date
    """The last day on which the source was checked."""
    confidence: str
    """How certain the rule is: `documented`, `one source`, `contradicted` or `inferred`."""
