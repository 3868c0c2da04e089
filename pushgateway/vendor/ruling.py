"""`Ruling`: what one rule of a vendor does to a push, as `Gateway.explain` shows it.

Frozen values and nothing else. Made by plug-ins in `Vendor.rulings`.
"""

from __future__ import annotations

from datetime import date
from typing import Literal, TypeAlias

import attrs

from pushgateway.model.secret import safe_repr

Effect: TypeAlias = Literal["applies", "cut", "ignored", "refused"]
"""`applies`: it holds and is kept; `cut`: the field was cut to it; `ignored`: what the host asked for has no effect;
`refused`: the push cannot leave because of it."""


@safe_repr
@attrs.frozen(kw_only=True)
class Ruling:
    """What one rule of a vendor did to a push, for `explain`. Never a token, a title or a text."""

    field: str
    """What it is about, in the host's words: `body`, `ttl`, `quota`."""
    effect: Effect = "applies"
    """What it does to this push."""
    verdict: str
    """What the rule did or demands: `cut to 50 characters`, `at most 864000 seconds`."""
    rule: str
    """Its path in the vendor's rules: `dialects.current.fields.content`."""
    source: str
    """Title of the source that says so."""
    seen: date
    """The last day on which that source was seen to say so."""
    confidence: str
    """How sure it is: `documented`, `one source`, `contradicted` or `inferred`."""
