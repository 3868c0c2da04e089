"""The settings of an OPPO certificate, and the URLs of its calls.

Pure; one instance is one certificate. A wrong setting raises an error that names it. Hosts and paths are rows of
`rules.toml`; a setting replaces a row where OPPO's host has changed, or where no source shows it.
"""

from __future__ import annotations

import functools
import re
from collections.abc import Callable, Collection, Mapping, Sequence
from typing import Any, Final

import attrs

from pushgateway.vendor import ConfigError, FieldError, Secret, Vendor, check_base_url, safe_repr
from pushgateway.vendor.rules import Dialect, Operation
from pushgateway_oppo.intents import OppoIntent, by_word, problems
from pushgateway_oppo.replies import RULES
from pushgateway_oppo.tokens import MAINLAND, OVERSEAS, region_of

DEVICE: Final = "device"
MEDIA: Final = "media"
FEEDBACK: Final = "feedback"
MOST: Final = min(dialect.number("batch_size") for dialect in RULES.dialects.values())
"""Pushes of one request, at most: the lowest limit of all dialects."""


def _text(_: object, attribute: attrs.Attribute[Any], value: object) -> None:
    if not isinstance(value, str) or not value.strip():
        raise FieldError(attribute.name, "must be a non-empty string")


def _one_of(*words: str) -> Callable[[object, attrs.Attribute[Any], object], None]:
    def check(_: object, attribute: attrs.Attribute[Any], value: object) -> None:
        if value not in words:
            raise FieldError(attribute.name, f"must be one of {', '.join(words)}")

    return check


def _batch_size(_: object, attribute: attrs.Attribute[Any], value: object) -> None:
    if isinstance(value, bool) or not isinstance(value, int) or not 1 <= value <= MOST:
        raise FieldError(attribute.name, f"must be a whole number of 1 to {MOST}")


def _base_url(_: object, attribute: attrs.Attribute[Any], value: str | None) -> None:
    if value is not None and check_base_url(attribute.name, value).count("/") != 2:
        raise FieldError(attribute.name, "must be a URL such as https://host, without a path")


def _copied(value: Any) -> Any:
    return dict(value) if isinstance(value, Mapping) else value


def _paths(settings: Any, attribute: attrs.Attribute[Any], value: object) -> None:
    unknown = [name for name, operation in settings._rules.operations.items() if not operation.path]
    if not isinstance(value, Mapping):
        raise FieldError(attribute.name, "must be a table of paths by the name of the call")
    for name, path in value.items():
        if name not in unknown:
            known = f"; dialect = {settings.dialect!r} lacks the path of: {', '.join(unknown) or 'none'}"
            raise FieldError(attribute.name, f"names a call whose path is known, or no call{known}")
        if not isinstance(path, str) or not _PATH.fullmatch(path):
            raise FieldError(attribute.name, f"{name} must be a path such as /server/v1/…, without a query")


_PATH = re.compile(r"(/[A-Za-z0-9_.-]+)+", re.ASCII)


def _table(settings: Settings, attribute: attrs.Attribute[Any], value: Mapping[str, OppoIntent]) -> None:
    if wrong := list(problems(value, RULES.dialects[settings.dialect])):
        raise ConfigError(wrong)


@safe_repr
@attrs.frozen(kw_only=True)
class Settings(Vendor):
    """The settings of one OPPO certificate."""

    app_key: str = attrs.field(repr=False, validator=_text)
    """The AppKey of OPPO's console."""
    master_secret: Secret = attrs.field(validator=attrs.validators.instance_of(Secret))
    """The MasterSecret, which signs; not the AppSecret, which is for phones."""
    dialect: str = attrs.field(default="v1.3", validator=_one_of(*RULES.dialects))
    """`v1.3`: the document of 2018; `current`: OPPO's current pages, with longer titles and shorter texts."""
    host: str | None = attrs.field(default=None, validator=_base_url)
    """`https://host[:port]` in place of the mainland host; `http://` for loopback addresses only."""
    overseas_host: str | None = attrs.field(default=None, validator=_base_url)
    """The same for the overseas host."""
    device_host: str | None = attrs.field(default=None, validator=_base_url)
    """The same for the host of aliases and tags, in `current`."""
    media_host: str | None = attrs.field(default=None, validator=_base_url)
    """The same for the host of pictures, in `current`."""
    feedback_host: str | None = attrs.field(default=None, validator=_base_url)
    """The same for the host of invalid tokens and of the quota query, in `current`."""
    paths: Mapping[str, str] = attrs.field(factory=dict, converter=_copied, hash=False, validator=_paths)
    """Paths of calls that the rules know by name only: `{"get_alias": "/server/v1/…"}`."""
    home_region: str = attrs.field(default=MAINLAND, validator=_one_of(MAINLAND, OVERSEAS))
    """`cn` or `overseas`: where broadcasts go that are not addressed to tokens, and tokens whose prefix names no
    region."""
    access_token_in: str = attrs.field(default="both", validator=_one_of("both", "header", "body"))
    """Where the access token is sent: the document of 2018 says header, the current pages say body. A call whose fields
    are in the URL (`invalid_tokens`, `push_permit`, `statistics`) has it in the header whatever this says: servers and
    proxies log URLs."""
    batch_size: int = attrs.field(default=MOST, validator=_batch_size)
    """Pushes of one request, 1 to 1,000."""
    intents: Mapping[str, OppoIntent] = attrs.field(factory=dict, converter=by_word, validator=_table, hash=False)
    """By intent: category, level, channel and template. What is not set here is as in the rules."""
    template_parameters: str = attrs.field(default="object", validator=_one_of("object", "text"))
    """How the parameters of a private template are sent: most clients send an object, one sends its JSON text."""

    @functools.cached_property
    def _rules(self) -> Dialect:
        """The facts of this certificate's dialect."""
        return RULES.dialects[self.dialect]

    def region(self, token: str) -> str:
        """`cn` or `overseas`, by the prefix of a registration id; `home_region` if the prefix names none."""
        return region_of(token) or self.home_region

    def regions(self, tokens: Sequence[str]) -> Collection[str]:
        """The regions of all tokens. If all are of the mainland, as usual, one count over the joined text shows it."""
        rows = "\n" + "\n".join(tokens)
        if rows.count("\n") == len(tokens) and rows.count("_") == rows.count("\nCN_"):
            return {MAINLAND}  # no token has an underscore but that of its prefix
        return super().regions(tokens)

    def own_host(self, key: str) -> str | None:
        """The setting that replaces the host which the rules call `key`; None if it is not set."""
        own = {
            MAINLAND: self.host,
            OVERSEAS: self.overseas_host,
            DEVICE: self.device_host,
            MEDIA: self.media_host,
            FEEDBACK: self.feedback_host,
        }
        return own[key]

    def path_of(self, name: str, operation: Operation) -> str:
        """The path of a call, or "" if neither the rules nor the setting `paths` have it."""
        return operation.path or self.paths.get(name, "")

    def url_of(self, host: str, region: str, path: str) -> str:
        """The URL of a call: at the host that the rules call `host`, or for "" at the host of the region."""
        url = self._urls.get((host, region, path))
        if url is None:
            key = host or region
            own = self.own_host(key)
            url = (self._rules.hosts[key].url if own is None else own).rstrip("/") + path
            self._urls[host, region, path] = url
        return url

    @functools.cached_property
    def _urls(self) -> dict[tuple[str, str, str], str]:
        return {}
