"""Registration ids: what can be one, and which of OPPO's hosts serves it.

Pure. The check is loose, because OPPO's own samples fit neither of its SDKs' patterns: a text that may be a
registration id is sent, and OPPO decides. A damaged text (quotes, blanks, several tokens in one, a prefix in lower
case) may contain the valid id of a phone: it is refused as a fault of the input and never reported as a dead token.
"""

from __future__ import annotations

import re
from typing import Final

from pushgateway.vendor import Reason

MAINLAND: Final = "cn"
OVERSEAS: Final = "overseas"

# OPPO's SDK 1.0.4 (rules S6) takes an optional mark such as "OPPO", then an optional region of two capitals or "EUEX".
_MARK = r"(?:[A-Za-z0-9]{2,10}_)?"
_OVERSEAS = re.compile(_MARK + r"(?:[A-Z]{2}|EUEX)_[A-Za-z0-9]+", re.ASCII)
_NO_CAPITALS = r"(?!(?:[A-Z]{2}|EUEX)_)(?:[A-Za-z]{2}|[Ee][Uu][Ee][Xx])_"
MISSPELT: Final = re.compile("^" + _MARK + _NO_CAPITALS, re.ASCII | re.MULTILINE)
"""A prefix that would name a region if its letters were capitals; searches several tokens, one per line."""
_DIRT = re.compile(r"""["'`‘’“”「」＂＇<>(){}\[\]\\;,\s]""")


def region_of(token: str) -> str | None:
    """`cn` or `overseas`, by the prefix of a registration id; None: its prefix names no region.

    OPPO's rule (page 11235): no prefix, `CN_…` and `X_CN_…` are mainland, everything else is overseas. The rule
    is about OPPO's own tokens; a text whose prefix names no region may be another vendor's token, and must not cause a
    login at the overseas host. V1.3 has no regions and its ids have no prefix, so there they are all mainland.
    """
    last = token.rfind("_")
    if last < 0 or (last == 2 and token[:2] == "CN"):
        return MAINLAND
    if last > 2 and token.count("_") == 2 and token.split("_")[1] == "CN":
        return MAINLAND
    return OVERSEAS if _OVERSEAS.fullmatch(token) else None


def token_refusal(token: str, longest: int) -> tuple[Reason, str] | None:
    """Why the text is not sent as a registration id, in a sentence that does not quote it; None: it may be one.

    `UNREGISTERED` only for a clean text that is longer than any registration id; else `INVALID_NOTIFICATION`, after
    which the host keeps its token. `longest`: bytes in UTF-8.
    """
    if 0 < len(token) <= longest and token.isascii() and f"_{token}".isidentifier() and not MISSPELT.match(token):
        return None  # letters, digits and "_": nearly all tokens
    if not token:
        return Reason.INVALID_NOTIFICATION, "token: is empty"
    if not token.isprintable() or _DIRT.search(token):
        one = next(one for one in token if not one.isprintable() or _DIRT.match(one))
        sentence = f"token: contains U+{ord(one):04X}, which no registration id contains: pass only the registration id"
        return Reason.INVALID_NOTIFICATION, sentence
    size = len(token.encode("utf-8", "surrogatepass"))
    if size > longest:
        return Reason.UNREGISTERED, f"token: must have at most {longest} bytes, has {size}: it cannot be OPPO's"
    if MISSPELT.match(token):
        sentence = "token: the region before its last '_' is not in capitals, as in CN_…: pass it as OPPO issued it"
        return Reason.INVALID_NOTIFICATION, sentence
    return None


def token_problem(token: str, longest: int) -> str:
    """The sentence of `token_refusal`, or ""."""
    refusal = token_refusal(token, longest)
    return "" if refusal is None else refusal[1]
