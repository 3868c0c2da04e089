"""From the settings of certificates to vendor objects: checks, conversion, and the sentences about what is wrong.

`load_vendors` finds every fault of a set of certificates at once and names each by certificate and field; no sentence
quotes a value, which may be a secret. A brand without a usable plug-in is not a fault of the set: only the pushes of
that certificate fail. Used by the gateway, `pushgateway.config` and the command.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import Any

import attrs
from cattrs import ClassValidationError, Converter, IterableValidationError
from cattrs.errors import ForbiddenExtraKeysError

from pushgateway.certificates.certificate import Certificate
from pushgateway.certificates.plugins import Plugins
from pushgateway.model.errors import ConfigError, FieldError, PluginError
from pushgateway.model.secret import Secret, unseen
from pushgateway.vendor import Vendor


def load_vendors(
    certificates: Iterable[Certificate],
    plugins: Plugins,
    unchanged: Callable[[Certificate], Vendor | None] = lambda _: None,
) -> dict[str, Vendor | PluginError]:
    """The vendor of each certificate by its id, or why its brand has no plug-in. Raises `ConfigError` with every
    problem.

    `unchanged` returns the vendor of a certificate that is equal to one checked before, otherwise None.
    """
    vendors: dict[str, Vendor | PluginError] = {}
    problems: list[str] = []
    seen: set[str] = set()
    for certificate in certificates:
        if not isinstance(certificate, Certificate):
            problems.append(f"must be Certificate objects, one is {type(certificate).__name__}")
            continue
        if certificate.id in seen:
            problems.append(f"certificates[{certificate.id!r}]: the id is used twice")
            continue
        seen.add(certificate.id)
        if (known := unchanged(certificate)) is not None:
            vendors[certificate.id] = known
            continue
        problems.extend(f"certificates[{certificate.id!r}].{problem}" for problem in _invisible_characters(certificate))
        try:
            vendors[certificate.id] = _structure(certificate, plugins.vendor(certificate.brand))
        except PluginError as missing:
            vendors[certificate.id] = missing
        except ConfigError as wrong:
            problems.extend(wrong.problems)
    if problems:
        raise ConfigError(problems)
    return vendors


def _invisible_characters(certificate: Certificate) -> list[str]:
    """A sentence for each setting or secret with an invisible character, by its place. Such a character is easily
    copied with a text, and the vendor then refuses the login with a code that does not mention it."""
    texts = list(_texts_by_place("", certificate.settings))
    texts += _texts_by_place(".receipt_secret", list(certificate.receipt_secret))
    return [f"{place.removeprefix('.')}: {problem}" for place, text in texts if (problem := unseen(text))]


def _texts_by_place(place: str, value: object) -> Iterator[tuple[str, str]]:
    if isinstance(value, Mapping):
        for key, inner in value.items():
            yield from _texts_by_place(f"{place}.{key}", inner)
    elif isinstance(value, list | tuple):
        for number, inner in enumerate(value):
            yield from _texts_by_place(f"{place}[{number}]" if len(value) > 1 else place, inner)
    elif isinstance(value, str | Secret):
        yield place, value.reveal() if isinstance(value, Secret) else value


def _structure(certificate: Certificate, vendor: type[Vendor]) -> Vendor:
    where = f"certificates[{certificate.id!r}]"
    usable: bool = attrs.has(vendor)  # in a variable, because mypy would otherwise narrow the type of the class
    if not usable:
        raise PluginError(f"the plug-in for brand {certificate.brand!r} is not an attrs class: it takes no settings")
    if certificate.receipt_url is not None and vendor.receipts is Vendor.receipts:
        raise ConfigError([f"{where}.receipt_url: {certificate.brand} posts no receipts; leave it out"])
    try:
        return _CONVERTER.structure(dict(certificate.settings), vendor)
    except ClassValidationError as group:
        found = _all_problems(group, vendor, certificate.settings, vendor.brand)
        wrong: Exception = ConfigError(f"{where}{'' if text.startswith(':') else '.'}{text}" for text in found)
    except Exception as broken:
        # The class is wrong and not the settings: for example an annotation cannot be resolved.
        kind = type(broken).__name__
        wrong = PluginError(f"the plug-in for brand {certificate.brand!r} cannot take settings: {kind}")
    raise wrong  # not above, because the frames of the caught error hold the settings


def _all_problems(group: ClassValidationError, kind: type[Any], given: Any, brand: str) -> list[str]:
    """A sentence for every fault of the settings. attrs runs no validator if a field has a wrong type, and stops at the
    first one that fails, so the validators are run again here one by one."""
    settings = given if isinstance(given, Mapping) else {}
    values = frozenset(_texts(given))
    wrong_types = [error for error in group.exceptions if _place(error) or isinstance(error, ForbiddenExtraKeysError)]
    untested = {_place(error) for error in wrong_types}
    refused = [
        problem
        for field in attrs.fields(attrs.resolve_types(kind))
        if field.validator is not None and field.name in settings and field.name not in untested
        for problem in _refusals(field, kind, settings[field.name], values)
    ]
    found = [*_problems(wrong_types, kind, given, brand), *refused]
    return found or _problems(group.exceptions, kind, given, brand)


def _refusals(field: attrs.Attribute[Any], kind: type[Any], given: object, values: frozenset[str]) -> list[str]:
    """Run the converter and validator of one field; the problems that they find."""
    wanted: Any = field.type
    convert: Any = field.converter if callable(field.converter) else lambda value: value
    check: Any = field.validator
    try:
        check(object.__new__(kind), field, convert(_CONVERTER.structure(given, wanted)))
    except ConfigError as wrong:
        return list(wrong.problems)
    except (ValueError, TypeError) as error:
        return [f"{field.name}: {_sentence(error, values)}"]
    except Exception:
        # The validator reads other fields too: it runs again when these are right.
        return []
    return []


def _problems(errors: Iterable[BaseException], kind: type[Any], given: Any, brand: str) -> list[str]:
    """A sentence for each error, which names the field. No value is quoted, because it may be a secret."""
    fields = {field.name for field in attrs.fields(kind)} if attrs.has(kind) else set()
    known = ", ".join(sorted(fields))
    values = frozenset(_texts(given))
    found: list[str] = []
    for error in errors:
        name = _place(error)
        if isinstance(error, ForbiddenExtraKeysError):
            extras = sorted(str(extra) for extra in error.extra_fields)
            found.extend(f"{extra}: is not a setting of {brand}; known: {known}" for extra in extras)
        elif isinstance(error, ClassValidationError | IterableValidationError):
            inner = _inner(error, kind, _at(given, error), brand)
            found.extend(
                f"{name}{'' if text.startswith(('[', ':')) else '.'}{text}" if name else text for text in inner
            )
        elif isinstance(error, ConfigError) and not name:
            found.extend(error.problems)  # from a validator that found several
        elif isinstance(error, FieldError) and not name and error.field.split("[")[0] in fields:
            found.append(str(error))  # from a validator of the plug-in, which knows its field
        elif isinstance(error, KeyError) and name:
            found.append(f"{name}: is missing")
        elif isinstance(error, AttributeError) and name and not isinstance(_at(given, error), Mapping):
            found.append(f"{name}: must be a table")  # cattrs has read its keys
        else:
            found.append(f"{name}: {_sentence(error, values)}")
    return found


def _inner(error: ClassValidationError | IterableValidationError, kind: type[Any], given: Any, brand: str) -> list[str]:
    """The problems of a table or a list within the settings."""
    inner = getattr(error, "cl", kind)
    if isinstance(error, ClassValidationError) and isinstance(inner, type) and attrs.has(inner):
        return _all_problems(error, inner, given, brand)
    return _problems(error.exceptions, inner if isinstance(inner, type) else kind, given, brand)


def _at(given: Any, error: BaseException) -> Any:
    """The part of the given value that an error concerns."""
    for note in getattr(error, "__notes__", ()):
        key = getattr(note, "name", getattr(note, "index", None))
        if isinstance(given, Mapping):
            return given.get(key)
        if isinstance(given, list | tuple) and isinstance(key, int):
            return given[key]
    return given


def _place(error: BaseException) -> str:
    """The field or list element that an error of cattrs or attrs concerns; "" for the object as a whole."""
    for note in getattr(error, "__notes__", ()):
        if hasattr(note, "name"):
            return str(note.name)
        if hasattr(note, "index"):
            # A key of a table is written as in a file: `intents.chat`.
            return note.index if isinstance(note.index, str) and note.index.isidentifier() else f"[{note.index!r}]"
    # A validator of attrs passes the attribute as an argument of its error.
    return next((argument.name for argument in error.args if isinstance(argument, attrs.Attribute)), "")


def _sentence(error: BaseException, values: frozenset[str]) -> str:
    """The message of a validator or converter, unless it quotes a value: many messages of attrs, cattrs and Python
    do."""
    text = str(error.args[0]) if error.args else ""
    if isinstance(error, FieldError):
        return text.removeprefix(f"{error.field}: ")
    if not text or any(value in text for value in values):
        return f"is not accepted ({type(error).__name__})"
    return text


def _texts(value: object) -> Iterator[str]:
    """Every value in the settings in the forms in which a message may quote it."""
    if isinstance(value, Mapping):
        for inner in value.values():
            yield from _texts(inner)
    elif isinstance(value, list | tuple):
        for inner in value:
            yield from _texts(inner)
    elif isinstance(value, Secret):
        yield from _texts(value.reveal())
    elif value is not None and not isinstance(value, bool):
        try:
            texts = (str(value), repr(value).strip("'\""))
        except Exception:  # a number that is too long, or an object of the host that fails: no message can quote it
            return
        yield from filter(None, texts)


def _secret(value: object, _: object) -> Secret:
    if isinstance(value, Secret):
        return value
    if not isinstance(value, str) or not value:
        raise FieldError("secret", "must be a non-empty string")
    return Secret(value)


def _text(value: object, _: object) -> str:
    # An app key made of digits is an int in TOML.
    if isinstance(value, bool) or not isinstance(value, str | int):
        raise FieldError("text", "must be a string")
    return str(value)


def _number(value: object, _: object) -> int:
    if isinstance(value, bool) or not isinstance(value, int):
        raise FieldError("number", "must be a whole number")
    return value


def _words(value: object, _: object) -> tuple[str, ...]:
    # cattrs would make ("n", "a", "m", "e") of "name".
    if not isinstance(value, list | tuple) or not all(isinstance(word, str) for word in value):
        raise FieldError("list", "must be a list of strings")
    return tuple(value)


def _is_words(kind: Any) -> bool:
    return bool(kind == tuple[str, ...])


def _flag(value: object, _: object) -> bool:
    if not isinstance(value, bool):
        raise FieldError("flag", "must be true or false")
    return value


def _converter() -> Converter:
    converter = Converter(forbid_extra_keys=True)
    converter.register_structure_hook(Secret, _secret)
    converter.register_structure_hook(str, _text)
    converter.register_structure_hook(int, _number)
    converter.register_structure_hook(bool, _flag)
    converter.register_structure_hook_func(_is_words, _words)
    return converter


_CONVERTER = _converter()
