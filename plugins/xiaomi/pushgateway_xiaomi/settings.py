"""The settings of a Xiaomi certificate: secret, package, host, channels with their classes, and intents.

Pure; one instance is one certificate. A wrong setting raises an error that names it. Hosts are rows of `rules.toml`.
"""

from __future__ import annotations

import functools
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Final

import attrs

from pushgateway.vendor import FieldError, Notification, Secret, Vendor, safe_repr
from pushgateway.vendor.rules import load_rules
from pushgateway.vendor.toolkit.clicks import is_package
from pushgateway.vendor.toolkit.intents import INTENTS, IntentSetting, IntentTable, by_word
from pushgateway.vendor.toolkit.settings import (
    Hosts,
    copied,
    host_setting,
    intents_setting,
    one_of_setting,
    whole_setting,
)

RULES: Final = load_rules("pushgateway_xiaomi")
FACTS: Final = RULES.dialects["current"]
CHANNEL: Final = "extra.channel_id"
PARAMETERS: Final = "extra.template_param"
PRIVATE: Final = "private"
_WIRE: Final = {
    "channel_id": CHANNEL,
    "template": "extra.template_id",
    "title_parameters": PARAMETERS,
    "content_parameters": PARAMETERS,
}
"""By setting of an intent: Xiaomi's field. Title and text of a template have one object of variables."""
_MOST: Final = FACTS.number("batch_size")


def _package(_: object, attribute: attrs.Attribute[Any], value: object) -> None:
    if not isinstance(value, str) or not is_package(value):
        raise FieldError(attribute.name, "must be the package name of the app, such as com.example.chat")


def _secret(_: object, attribute: attrs.Attribute[Any], value: object) -> None:
    text = value.reveal() if isinstance(value, Secret) else ""
    if not text.isascii() or not text.isprintable() or not text or " " in text:
        del text, value  # a crash reporter stores the variables of this frame
        raise FieldError(attribute.name, "must be the AppSecret: visible ASCII characters, which a header can carry")


def _channel(settings: Any, attribute: attrs.Attribute[Any], value: object) -> None:
    if value and isinstance(settings.channels, Mapping) and settings.channels and value not in settings.channels:
        raise FieldError(attribute.name, f"is not one of channels: {', '.join(settings.channels)}")


def _channels(_: object, attribute: attrs.Attribute[Any], value: Mapping[str, str]) -> None:
    wrong = not isinstance(value, Mapping) or not all(each in FACTS.categories for each in value.values())
    if wrong or not all(isinstance(name, str) and name and name == name.strip() for name in value):
        raise FieldError(attribute.name, 'must be a table such as {"150001" = "public", "150002" = "private"}')


@safe_repr
@attrs.frozen(kw_only=True)
class Settings(Vendor):
    """The settings of one Xiaomi certificate."""

    app_secret: Secret = attrs.field(validator=_secret)
    """The AppSecret of Xiaomi's console; not the AppKey or AppId, which are for phones."""
    package_name: str = attrs.field(validator=_package)
    """The package name of the app."""
    channel_id: str = attrs.field(default="", validator=_channel)
    """Channel of pushes that have no other one; "": none, which Xiaomi delivers once a day to a phone, or refuses."""
    channels: Mapping[str, str] = attrs.field(factory=dict, converter=copied, validator=_channels, hash=False)
    """The approved channels by id, each `public` or `private`. Where it is set, other channels are refused here."""
    intents: Mapping[str, IntentSetting] = attrs.field(
        factory=dict, converter=by_word, validator=intents_setting(lambda own, table: own.problems(table)), hash=False
    )
    """By intent: channel, template and its parameters."""
    home_region: str = attrs.field(default="cn", validator=one_of_setting("cn", "russia", "india", "europe", "global"))
    """Whose host serves the app: `cn`, `russia`, `india`, `europe` or `global`. A regid works in its region only."""
    host: str | None = attrs.field(default=None, validator=host_setting)
    """`https://host[:port]` in place of the region's host; `http://` for loopback addresses only."""
    api: str = attrs.field(default="v3", validator=one_of_setting("v3", "v2"))
    """The version of the paths that send: `v3` is for apps of several packages too, `v2` for one package."""
    payload_pre_encode: bool = attrs.field(default=False, validator=attrs.validators.instance_of(bool))
    """True: the data are percent-encoded once more, as Xiaomi's page says; clients and the SDK do not do so."""
    receipt_types: int = attrs.field(default=FACTS.number("receipt_types"), validator=whole_setting(1, 1267))
    """The sum of the types of receipts to ask for; 1267: all that are documented."""
    devices: int = attrs.field(default=0, validator=whole_setting(0, 10**10))
    """Phones of the app with notifications switched on, by which Xiaomi allows requests per second."""
    batch_size: int = attrs.field(default=_MOST, validator=whole_setting(1, _MOST))
    """Pushes of one request, 1 to 1,000."""

    @functools.cached_property
    def table(self) -> IntentTable:
        """The intents of this certificate."""
        return IntentTable(RULES, "current", self.intents, _WIRE, text_values=True)

    @functools.cached_property
    def _hosts(self) -> Hosts:
        return Hosts(FACTS, {self.home_region: self.host})

    def problems(self, table: Mapping[str, IntentSetting]) -> Iterator[str]:
        """What is wrong with the setting `intents`: one sentence per fault."""
        yield from IntentTable(RULES, "current", table, _WIRE).problems()
        for word, own in table.items():
            if word in INTENTS and INTENTS[word].is_public and self._is_private(own):
                yield f"intents.{word}.channel_id: is private, and {word} is for everybody"
            if self.channels and own.channel_id and own.channel_id not in self.channels:
                yield f"intents.{word}.channel_id: is not one of channels"

    def channel(self, note: Notification) -> str:
        """The channel that the notification is sent under; "" if there is none."""
        given = note.overrides.get("xiaomi", {}).get(CHANNEL) if note.overrides else None
        return str(given or self.table.channel(note) or self.channel_id)

    def advice(self) -> Sequence[str]:
        """Sentences about channels and templates that are missing."""
        lacks_channel = "channel_id is missing: without a channel Xiaomi delivers one message a day, or refuses it"
        bare = [word for word, own in self.intents.items() if self._is_private(own) and own.template is None]
        lacks_template = "intents.{}.template is missing: private channels need one, for all apps from 2026-12-31"
        return [*([] if self.channel_id else [lacks_channel]), *map(lacks_template.format, bare)]

    def _is_private(self, intent: IntentSetting) -> bool:
        return self.channels.get(intent.channel_id or self.channel_id) == PRIVATE

    def url(self, name: str, *, sends: bool = False) -> str:
        """The URL of a call; of one that `sends`, in the version of the setting `api`."""
        other = f"{name}_v2"
        name = other if sends and self.api == "v2" and other in FACTS.operations else name
        return self._hosts.url(name, self.home_region)

    def region(self, token: str) -> str:
        """The region of the certificate: a regid does not say its own."""
        return self.home_region
