"""The settings of an OPPO certificate, and the URLs of its calls.

Pure; one instance is one certificate. A wrong setting raises an error that names it. Hosts and paths are rows of
`rules.toml`; a setting replaces a row where OPPO's host has changed, or where no source shows it.
"""

from __future__ import annotations

import functools
from collections.abc import Collection, Mapping, Sequence
from typing import Final

import attrs

from pushgateway.vendor import Secret, Vendor, safe_repr
from pushgateway.vendor.rules import Dialect
from pushgateway.vendor.toolkit.fields import Sheet
from pushgateway.vendor.toolkit.intents import IntentTable, by_word
from pushgateway.vendor.toolkit.settings import (
    Hosts,
    copied,
    host_setting,
    intents_setting,
    one_of_setting,
    paths_setting,
    text_setting,
    whole_setting,
)
from pushgateway_oppo.intents import OppoIntent, make_intents
from pushgateway_oppo.notification import RULES, SHEETS
from pushgateway_oppo.tokens import MAINLAND, OVERSEAS, region_of

MEDIA: Final = "media"
FEEDBACK: Final = "feedback"
MOST: Final = min(dialect.number("batch_size") for dialect in RULES.dialects.values())
"""Pushes of one request, at most: the lowest limit of all dialects."""


@safe_repr
@attrs.frozen(kw_only=True)
class Settings(Vendor):
    """The settings of one OPPO certificate."""

    app_key: str = attrs.field(repr=False, validator=text_setting)
    """The AppKey of OPPO's console."""
    master_secret: Secret = attrs.field(validator=attrs.validators.instance_of(Secret))
    """The MasterSecret, which signs; not the AppSecret, which is for phones."""
    dialect: str = attrs.field(default="v1.3", validator=one_of_setting(*RULES.dialects))
    """`v1.3`: the document of 2018; `current`: OPPO's current pages, with longer titles and shorter texts."""
    host: str | None = attrs.field(default=None, validator=host_setting)
    """`https://host[:port]` in place of the mainland host; `http://` for loopback addresses only."""
    overseas_host: str | None = attrs.field(default=None, validator=host_setting)
    """The same for the overseas host."""
    device_host: str | None = attrs.field(default=None, validator=host_setting)
    """The same for the host of aliases and tags, in `current`."""
    media_host: str | None = attrs.field(default=None, validator=host_setting)
    """The same for the host of pictures, in `current`."""
    feedback_host: str | None = attrs.field(default=None, validator=host_setting)
    """The same for the host of invalid tokens and of the quota query, in `current`."""
    paths: Mapping[str, str] = attrs.field(
        factory=dict, converter=copied, hash=False, validator=paths_setting(lambda settings: settings._rules)
    )
    """Paths of calls that the rules know by name only: `{"get_alias": "/server/v1/…"}`."""
    home_region: str = attrs.field(default=MAINLAND, validator=one_of_setting(MAINLAND, OVERSEAS))
    """`cn` or `overseas`: where broadcasts go that are not addressed to tokens, and tokens whose prefix names no
    region."""
    access_token_in: str = attrs.field(default="both", validator=one_of_setting("both", "header", "body"))
    """Where the access token is sent: the document of 2018 says header, the current pages say body. A call whose fields
    are in the URL (`invalid_tokens`, `push_permit`, `statistics`) has it in the header whatever this says: servers and
    proxies log URLs."""
    batch_size: int = attrs.field(default=MOST, validator=whole_setting(1, MOST))
    """Pushes of one request, 1 to 1,000."""
    intents: Mapping[str, OppoIntent] = attrs.field(
        factory=dict,
        converter=by_word,
        hash=False,
        validator=intents_setting(lambda settings, table: make_intents(table, settings.dialect).problems()),
    )
    """By intent: category, level, channel and template. What is not set here is as in the rules."""
    template_parameters: str = attrs.field(default="object", validator=one_of_setting("object", "text"))
    """How the parameters of a private template are sent: most clients send an object, one sends its JSON text."""

    @functools.cached_property
    def _rules(self) -> Dialect:
        """The facts of this certificate's dialect."""
        return RULES.dialects[self.dialect]

    @property
    def _sheet(self) -> Sheet:
        return SHEETS[self.dialect]

    @functools.cached_property
    def _intents(self) -> IntentTable:
        return make_intents(self.intents, self.dialect, as_text=self.template_parameters == "text")

    @functools.cached_property
    def _hosts(self) -> Hosts:
        own = {MAINLAND: self.host, OVERSEAS: self.overseas_host, MEDIA: self.media_host, FEEDBACK: self.feedback_host}
        return Hosts(self._rules, {**own, "device": self.device_host})

    def region(self, token: str) -> str:
        """`cn` or `overseas`, by the prefix of a registration id; `home_region` if the prefix names none."""
        return region_of(token) or self.home_region

    def regions(self, tokens: Sequence[str]) -> Collection[str]:
        """The regions of all tokens. If all are of the mainland, as usual, one count over the joined text shows it."""
        rows = "\n" + "\n".join(tokens)
        if rows.count("\n") == len(tokens) and rows.count("_") == rows.count("\nCN_"):
            return {MAINLAND}  # no token has an underscore but that of its prefix
        return super().regions(tokens)

    def url_of(self, name: str, region: str) -> str:
        """The URL of a call: at its own host, or at the host of the region."""
        return self._hosts.url(name, region, path=self.paths.get(name, ""))
