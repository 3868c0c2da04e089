"""Which vendor pushes to a phone, by the names that the phone reports: `brand_of("Redmi Note 13") == "xiaomi"`.

An app reads `Build.BRAND`, `Build.MANUFACTURER` and `Build.MODEL` (Android) or `deviceInfo` (HarmonyOS) and registers
with the push service of that maker; the app of Tencent IM's guide does so in `ThirdPushTokenMgr`. A server that has
only these names finds the brand of a certificate here. Pure; the names are in this file. Used by hosts and by
`pushgateway brand-of`.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Final

import attrs

from pushgateway.model.errors import FieldError
from pushgateway.model.secret import safe_repr

MAKERS: Final[Mapping[str, str]] = {
    **dict.fromkeys(("xiaomi", "redmi", "poco", "小米", "红米"), "xiaomi"),
    **dict.fromkeys(("huawei", "华为"), "huawei"),
    **dict.fromkeys(("honor", "荣耀"), "honor"),
    **dict.fromkeys(("oppo", "realme", "oneplus", "真我", "一加"), "oppo"),
    **dict.fromkeys(("vivo", "iqoo"), "vivo"),
    **dict.fromkeys(("meizu", "魅族", "22c4185e"), "meizu"),
}
"""By a word of a maker's or model's name, in lower case: the brand. realme and OnePlus phones have OPPO's push service,
iQOO phones vivo's, Redmi and POCO phones Xiaomi's. `22c4185e` is the `Build.BRAND` of some Meizu phones (Tencent IM's
`BrandUtil`)."""

_FIRST_WORDS: Final = frozenset({"mi", "mix"})
"""Xiaomi's models that are named without the maker, such as `MI 9`: only as the first word."""

MODELS: Final = (
    (
        re.compile(r"M[12][0-9]{3}[A-Z][0-9A-Z]{2,6}|2[0-9]{3,6}[0-9A-Z]{2,6}[CGIYL]"),
        "xiaomi",
        "M2012K11AC, 23049RAD8C",
    ),
    (re.compile(r"CPH[0-9]{4}|P[A-Z]{3}[0-9]0|RMX[0-9]{4}|P[A-Z]{2}110"), "oppo", "CPH2581, PGEM10, RMX3370, PJZ110"),
    (re.compile(r"(?:LE|IN|HD|GM|KB|MT|NE|AC|DN|DE)2[0-9]{3}"), "oppo", "LE2120, KB2000"),
    (re.compile(r"V[0-9]{4}[A-Z]{0,2}|I2[0-9]{3}"), "vivo", "V2055A, I2012"),
)
"""Forms of `Build.MODEL` that one maker alone uses, with examples. They were seen on phones and are documented nowhere.
Codes such as `ALN-AL00` are not here: Huawei and Honor both use them."""
_SHARED = re.compile(r"[A-Z]{3,4}-[A-Z]{1,2}[0-9]{2}[A-Z]?")
_HARMONY = re.compile(r"openharmony|harmonyos[ -]?(?:next|[5-9])", re.IGNORECASE)
_WORDS = re.compile(r"[0-9a-z]+|[\u4e00-\u9fff]+")


@safe_repr
@attrs.frozen
class FoundBrand:
    """The result of `find_brand`."""

    brand: str | None
    """The brand of the certificate; None: these names have no known brand."""
    because: str
    """In a sentence: which name decided, or what is missing."""


def brand_of(name: str, *, manufacturer: str = "", system: str = "") -> str | None:
    """The brand whose push service a phone has, or None if it is not known.

    `name`: a maker, a brand or a model as the phone or a user writes it (`HONOR`, `Redmi Note 13`, `RMX3370`).
    `manufacturer`: `Build.MANUFACTURER`, where it is known beside `Build.BRAND`: a phone of the brand HONOR that
    was made by HUAWEI (until 2020) has Huawei's push service. `system`: name and version of the operating system;
    HarmonyOS 5 and later has a push service of its own, `harmony`.

    Raises `FieldError` for anything but text.
    """
    return find_brand(name, manufacturer=manufacturer, system=system).brand


def find_brand(name: str, *, manufacturer: str = "", system: str = "") -> FoundBrand:
    """`brand_of`, with the reason in a sentence."""
    for field, given in (("name", name), ("manufacturer", manufacturer), ("system", system)):
        if not isinstance(given, str):
            raise FieldError(field, f"must be a str, is {type(given).__name__}")
    found = _by_maker(f"{manufacturer} {name}") or _by_model(name)
    if found is None:
        return FoundBrand(None, _what_is_missing(name, manufacturer))
    if found.brand == "huawei" and _HARMONY.search(system):
        return FoundBrand("harmony", f"{found.because}, and {system.strip()} has the push service of HarmonyOS")
    return found


def _by_maker(names: str) -> FoundBrand | None:
    """By the makers' names in it. Huawei comes before Honor, because a phone with both names was made by Huawei."""
    words = {brand: word for word in reversed(_words(names)) if (brand := _maker(word)) is not None}
    if "huawei" in words:
        words.pop("honor", None)
    if len(words) != 1:
        return None
    ((brand, word),) = words.items()
    return FoundBrand(brand, f"{word!r} is a name of a maker with the push service of {brand}")


def _words(names: str) -> list[str]:
    return _WORDS.findall(names.casefold())


def _maker(word: str) -> str | None:
    """The brand of a word such as `redmi` or `oneplus9`."""
    brand = MAKERS.get(word)
    if brand is None:
        brand = MAKERS.get(word.rstrip("0123456789"))
    if brand is None:
        brand = next((MAKERS[name] for name in MAKERS if not name.isascii() and name in word), None)
    return brand


def _by_model(name: str) -> FoundBrand | None:
    if (words := _words(name)) and words[0] in _FIRST_WORDS:
        return FoundBrand("xiaomi", f"{words[0]!r} begins the names of Xiaomi's models")
    model = name.strip().upper()
    for form, brand, examples in MODELS:
        if form.fullmatch(model):
            return FoundBrand(brand, f"it has the form of model numbers such as {examples}")
    return None


def _what_is_missing(name: str, manufacturer: str) -> str:
    if _SHARED.fullmatch(name.strip().upper()):
        return "Huawei and Honor both use such model numbers: give the manufacturer too"
    if any(map(_maker, _words(f"{manufacturer} {name}"))):
        return "it names makers with different push services"
    readable = [name for name in MAKERS if name.isascii() and name.isalpha()]
    return f"no known maker or model; known makers: {', '.join(readable)}"
