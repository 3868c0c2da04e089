"""Certificates: which app, which vendor, which credentials; and their way into a plug-in's fields.

Law of this file: everything wrong with a set of certificates is found at once and named by certificate and field. A
brand without a usable plug-in is not a fault of the set: it costs that certificate's pushes, nobody else's.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

import attrs
from cattrs import ClassValidationError, Converter, IterableValidationError
from cattrs.errors import ForbiddenExtraKeysError

from pushgateway.errors import ConfigError, FieldError, PluginError
from pushgateway.model import Secret, as_certificate_id
from pushgateway.plugins import Plugins
from pushgateway.vendor import Vendor


def _brand(value: object) -> str:
    if not isinstance(value, str) or not value.strip():
        raise FieldError("Certificate.brand", "must be a brand such as 'oppo'")
    return value.strip().lower()


@attrs.frozen(repr=False)
class Certificate:
    """The host's record of one app's credentials at one vendor (Tencent IM: 证书 ID, buzid).

    `id` may be `int` or `str` and is kept as `str`. `settings` are the fields of the brand's plug-in; strings become
    `Secret` where the plug-in says so.
    """

    id: str = attrs.field(converter=as_certificate_id)
    brand: str = attrs.field(converter=_brand)
    settings: Mapping[str, Any] = attrs.field(factory=dict)

    def __attrs_post_init__(self) -> None:
        if not isinstance(self.settings, Mapping):
            raise FieldError("Certificate.settings", f"must be a mapping, is {type(self.settings).__name__}")

    def __repr__(self) -> str:
        return f"Certificate({self.id!r}, {self.brand!r}, {len(self.settings)} settings)"


def load_vendors(certificates: Iterable[Certificate], plugins: Plugins) -> dict[str, Vendor | PluginError]:
    """The vendor of each certificate by its id, or why its brand has none. Raises `ConfigError` with every problem."""
    vendors: dict[str, Vendor | PluginError] = {}
    problems: list[str] = []
    for certificate in certificates:
        if not isinstance(certificate, Certificate):
            problems.append(f"must be Certificate objects, one is {type(certificate).__name__}")
            continue
        if certificate.id in vendors:
            problems.append(f"certificates[{certificate.id!r}]: the id is used twice")
            continue
        try:
            vendors[certificate.id] = _structure(certificate, plugins.vendor(certificate.brand))
        except PluginError as missing:
            vendors[certificate.id] = missing
        except ConfigError as wrong:
            problems.extend(wrong.problems)
    if problems:
        raise ConfigError(problems)
    return vendors


def _structure(certificate: Certificate, vendor: type[Vendor]) -> Vendor:
    where = f"certificates[{certificate.id!r}]"
    try:
        return _CONVERTER.structure(dict(certificate.settings), vendor)
    except ClassValidationError as group:
        raise ConfigError(f"{where}.{problem}" for problem in _problems(group, vendor)) from None
    except FieldError as wrong:
        raise ConfigError([f"{where}.{wrong}"]) from None
    except (ValueError, TypeError) as wrong:
        raise ConfigError([f"{where}: {wrong}"]) from None


def _problems(group: ClassValidationError | IterableValidationError, vendor: type[Vendor]) -> list[str]:
    """One sentence for each fault, naming the field. No value is quoted: it may be a secret."""
    fields = {field.name for field in attrs.fields(vendor)} if attrs.has(vendor) else set()
    known = ", ".join(sorted(fields))
    found: list[str] = []
    for error in group.exceptions:
        name = next((note.name for note in getattr(error, "__notes__", ()) if hasattr(note, "name")), "")
        if isinstance(error, ForbiddenExtraKeysError):
            found.extend(f"{extra}: is not a setting of {vendor.brand}; known: {known}" for extra in error.extra_fields)
        elif isinstance(error, ClassValidationError | IterableValidationError):
            found.extend(f"{name}.{problem}" if name else problem for problem in _problems(error, vendor))
        elif isinstance(error, FieldError):
            found.append(str(error) if error.field.split("[")[0] in fields else f"{name}: {error.args[0]}")
        elif isinstance(error, KeyError):
            found.append(f"{error.args[0]}: is missing")
        else:
            found.append(f"{name}: {error}" if name else str(error))
    return found


def _secret(value: object, _: object) -> Secret:
    if isinstance(value, Secret):
        return value
    if not isinstance(value, str) or not value:
        raise FieldError("secret", "must be a non-empty string")
    return Secret(value)


def _text(value: object, _: object) -> str:
    # An app key made of digits comes out of TOML as an int.
    if isinstance(value, bool) or not isinstance(value, str | int):
        raise TypeError("must be a string")
    return str(value)


def _number(value: object, _: object) -> int:
    if isinstance(value, bool) or not isinstance(value, int):
        raise TypeError("must be a whole number")
    return value


def _switch(value: object, _: object) -> bool:
    if not isinstance(value, bool):
        raise TypeError("must be true or false")
    return value


def _converter() -> Converter:
    converter = Converter(forbid_extra_keys=True)
    converter.register_structure_hook(Secret, _secret)
    converter.register_structure_hook(str, _text)
    converter.register_structure_hook(int, _number)
    converter.register_structure_hook(bool, _switch)
    return converter


_CONVERTER = _converter()
