"""Refusals that a plug-in makes itself, before any request. The sentence begins with the host's name of the field.

Used wherever a notification, a setting or an argument of a call is checked. A sentence never quotes a title, a text, a
token or a secret.
"""

from __future__ import annotations

from pushgateway.vendor import Reason, Refused
from pushgateway.vendor.rules import Dialect, Rules


def invalid(word: str, sentence: str) -> Refused:
    """A refusal for a wrong value of `word`: `invalid("ttl", "must be at most 864000 seconds")`."""
    return Refused(Reason.INVALID_NOTIFICATION, detail=f"{word}: {sentence}")


def unsupported(word: str, sentence: str) -> Refused:
    """A refusal for a field or feature `word` that this vendor does not have."""
    return Refused(Reason.UNSUPPORTED, detail=f"{word}: {sentence}")


def checked_text(word: str, text: object, *, blank: bool = False) -> str:
    """An argument of a call that must be a printable text, not blank unless `blank`. Raises `Refused`, naming it as
    `word`."""
    if not isinstance(text, str):
        raise invalid(word, f"must be a str, is {type(text).__name__}")
    if not blank and (not text.strip() or not text.isprintable()):
        raise invalid(word, "must not be blank and must hold no control character")
    return text


def joined_names(
    word: str, names: object, separator: str = ",", *, longest: int | None = None, most: int | None = None
) -> str:
    """Names, such as tags, joined by `separator`. Raises `Refused`, naming `word`, for none or more than `most`, and
    for a name that is blank, has a control character, the separator or more than `longest` characters."""
    given = list(names) if isinstance(names, list | tuple) else [names]
    if not given or (most is not None and len(given) > most):
        raise invalid(word, f"must hold {f'1 to {most}' if most is not None else 'at least 1'}, holds {len(given)}")
    texts = [checked_text(word, name) for name in given]
    if any(separator in text or (longest is not None and len(text) > longest) for text in texts):
        limit = "" if longest is None else f" at most {longest} characters and"
        raise invalid(word, f"a name must have{limit} no {separator!r}, which separates names")
    return separator.join(texts)


def no_such_field(name: str, dialect: Dialect, rules: Rules) -> str:
    """A sentence: `dialect` has no field `name`, and which dialects of these rules have it."""
    own = [f'dialect = "{key}" has no such field' for key, each in rules.dialects.items() if each is dialect]
    return "; ".join(own + [f'dialect = "{key}" has it' for key, each in rules.dialects.items() if name in each.fields])
