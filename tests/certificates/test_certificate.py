"""How the settings of a certificate become the fields of a plug-in's class: every fault is reported at once, with the
name of its field, and no value is quoted."""

import enum
import logging
import traceback
from collections.abc import Sequence
from typing import Any, ClassVar, Literal

import attrs
import pytest

from pushgateway.certificates.certificate import Certificate
from pushgateway.certificates.plugins import Plugins
from pushgateway.certificates.settings import load_vendors
from pushgateway.model.errors import ConfigError, FieldError, PluginError
from pushgateway.model.outcome import Outcome
from pushgateway.model.push import Push
from pushgateway.model.secret import Secret
from pushgateway.vendor import Exchange, Request, Vendor

CANARY = "canary-5d1f"


class Plain(Vendor):
    """A vendor that is not an attrs class."""

    brand = "plain"
    contract = "0.2"

    def push(self, batch: Sequence[Push]) -> Exchange[Sequence[Outcome]]:
        yield Request("POST", "https://host")
        return []


class Mode(enum.Enum):
    """An enumeration: only these words are allowed."""

    FAST = "fast"


def _short(_: object, attribute: "attrs.Attribute[Any]", value: str) -> None:
    if len(value) > 5:
        raise FieldError(attribute.name, "must have at most 5 characters")


def _with_its_value(_: object, __: object, value: Secret) -> None:
    if value.reveal().endswith(CANARY[-4:]):
        raise ValueError(f"the secret {value.reveal()} is weak")


def _quoting(_: object, __: object, value: object) -> None:
    if value == CANARY:
        raise ValueError(f"{value!r} is not nice")
    if value == "x":
        raise ValueError("must not be the last but two")


def _paired(vendor: "Acme", _: object, value: str) -> None:
    if value not in ("key", vendor.app_key):
        raise FieldError("pair", "must be the same as app_key")


@attrs.frozen(kw_only=True)
class Acme(Plain):
    """Fields of every kind that a plug-in may have."""

    brand: ClassVar[str] = "acme"
    app_key: str
    secret: Secret = attrs.field(validator=_with_its_value)
    number: int = 1
    share: float = 0.5
    switch: bool = False
    mode: Mode = Mode.FAST
    word: Literal["a", "b"] = "a"
    short: str = attrs.field(default="", validator=_short)
    said: str = attrs.field(default="", validator=_quoting)
    choice: str = attrs.field(default="p", validator=attrs.validators.in_(["p", "q"]))
    spare: Secret | None = None
    pair: str = attrs.field(default="key", validator=_paired)
    hosts: list[str] = attrs.field(factory=list)
    limits: dict[str, int] = attrs.field(factory=dict)

    def __attrs_post_init__(self) -> None:
        if self.number == 13:
            raise KeyError(self.app_key)


@attrs.frozen
class Odd(Plain):
    """A vendor whose own annotation cannot be resolved."""

    brand: ClassVar[str] = "odd"
    field: "NoSuchName"  # type: ignore[name-defined]  # noqa: F821


PLUGINS = Plugins({"acme": Acme, "plain": Plain, "odd": Odd})
RIGHT = {"app_key": "key", "secret": "s3cret"}


def loaded(**settings: Any) -> Acme:
    """The vendor made of these settings and the two that must be there."""
    vendor = load_vendors([Certificate(7005, "acme", {**RIGHT, **settings})], PLUGINS)["7005"]
    assert isinstance(vendor, Acme)
    return vendor


def problems(*certificates: Certificate) -> tuple[str, ...]:
    """The problems that are reported for a set of certificates."""
    with pytest.raises(ConfigError) as caught:
        load_vendors(certificates, PLUGINS)
    assert str(caught.value) == "; ".join(caught.value.problems)
    return caught.value.problems


def test_settings_become_fields() -> None:
    """Strings become secrets where the plug-in says so, numbers of TOML become the text of an app key."""
    vendor = loaded(app_key=12345, spare="second", number=3, switch=True, mode="fast", hosts=["a"], limits={"a": 1})

    assert (vendor.app_key, vendor.number, vendor.switch, vendor.mode) == ("12345", 3, True, Mode.FAST)
    assert vendor.secret == Secret("s3cret")
    assert vendor.spare == Secret("second")
    assert (vendor.hosts, vendor.limits) == (["a"], {"a": 1})
    assert loaded(secret=Secret("x")).secret == Secret("x")
    assert loaded().spare is None


@pytest.mark.parametrize(
    ("settings", "problem"),
    [
        ({"secret": ""}, "secret: must be a non-empty string"),
        ({"secret": 5}, "secret: must be a non-empty string"),
        ({"secret": [CANARY]}, "secret: must be a non-empty string"),
        ({"spare": {"a": CANARY}}, "spare: must be a non-empty string"),
        ({"app_key": True}, "app_key: must be a string"),
        ({"app_key": 1.5}, "app_key: must be a string"),
        ({"app_key": [CANARY]}, "app_key: must be a string"),
        ({"number": CANARY}, "number: must be a whole number"),
        ({"number": "5"}, "number: must be a whole number"),
        ({"number": 5.0}, "number: must be a whole number"),
        ({"number": True}, "number: must be a whole number"),
        ({"switch": 1}, "switch: must be true or false"),
        ({"switch": CANARY}, "switch: must be true or false"),
        ({"share": CANARY}, "share: is not accepted (ValueError)"),
        ({"mode": CANARY}, "mode: is not accepted (ValueError)"),
        ({"short": CANARY}, "short: must have at most 5 characters"),
        ({"said": CANARY}, "said: is not accepted (ValueError)"),
        ({"choice": CANARY}, "choice: is not accepted (ValueError)"),
        ({"hosts": ["a", [CANARY]]}, "hosts[1]: must be a string"),
        ({"limits": {"a": CANARY}}, "limits.a: must be a whole number"),
        ({"bogus": CANARY}, f"bogus: is not a setting of acme; known: {', '.join(sorted(attrs.fields_dict(Acme)))}"),
        ({"secret": CANARY}, "secret: is not accepted (ValueError)"),
        ({"secret": Secret(CANARY)}, "secret: is not accepted (ValueError)"),
        ({"number": 13, "app_key": CANARY}, ": is not accepted (KeyError)"),
    ],
)
def test_a_wrong_setting_is_named_by_its_place(settings: dict[str, Any], problem: str) -> None:
    """A wrong setting is reported with certificate, field, and what would be right."""
    found = problems(Certificate(7005, "acme", {**RIGHT, **settings}))

    place = "certificates['7005']" + ("" if problem.startswith(":") else ".")
    assert found == (place + problem,)


@pytest.mark.parametrize("field", sorted(attrs.fields_dict(Acme)))
@pytest.mark.parametrize("shape", [CANARY, [CANARY], {"a": CANARY}, {CANARY: 1}, [[CANARY]], Secret(CANARY)])
def test_no_value_is_ever_quoted(field: str, shape: Any, caplog: pytest.LogCaptureFixture) -> None:
    """A secret in the wrong field, in any shape, shows in no sentence, no traceback and no log."""
    caplog.set_level(logging.DEBUG)
    settings = {"secret": "s3cret", field: shape}
    try:
        said = repr(load_vendors([Certificate(7005, "acme", settings)], PLUGINS)["7005"])
    except ConfigError as wrong:
        said = "".join(traceback.TracebackException.from_exception(wrong).format())
        assert "certificates['7005']" in said
    else:
        said = said.replace(CANARY, "") if field in ("app_key", "said", "hosts", "limits") else said

    assert CANARY not in said
    assert CANARY not in caplog.text


def test_the_message_of_a_validator_is_shown_when_it_quotes_nothing() -> None:
    """The text of a plug-in's `ValueError` helps the operator, so it is shown as long as it holds no value."""
    assert loaded(said="y").said == "y"
    with pytest.raises(ConfigError, match="is not accepted"):
        loaded(said=CANARY)
    with pytest.raises(ConfigError, match="at most 5"):
        loaded(short="123456")
    assert loaded(short="12345").short == "12345"


def test_all_faults_are_reported_together() -> None:
    """The faults of all certificates and all fields are reported together; nothing is loaded in part."""
    found = problems(
        Certificate(1, "acme", {"number": "x", "switch": 2, "nonsense": 1, "absurd": 2}),
        Certificate(2, "acme", RIGHT),
        Certificate("1", "acme", RIGHT),
        Certificate(3, "acme", {"secret": "s"}),
        "certificate",  # type: ignore[arg-type]
    )

    places = [problem.split(":")[0] for problem in found]
    assert sorted(places) == sorted(
        [f"certificates['1'].{field}" for field in ("app_key", "secret", "number", "switch", "nonsense", "absurd")]
        + ["certificates['1']", "certificates['3'].app_key", "must be Certificate objects, one is str"]
    )


def test_every_validator_is_run() -> None:
    """All fields and all their validators are run: an earlier failure hides no later one, and nothing is reported
    twice."""
    found = problems(Certificate(1, "acme", {**RIGHT, "number": "x", "short": "123456", "choice": "z", "said": CANARY}))

    assert sorted(problem.split(": ")[0] for problem in found) == [
        f"certificates['1'].{field}" for field in ("choice", "number", "said", "short")
    ]


def test_a_validator_that_reads_other_fields_runs_when_they_are_right() -> None:
    """Run earlier it could only fail on a missing value. Its message comes when the other fields are right, as the
    messages of the class's own checks do."""
    early = problems(Certificate(1, "acme", {**RIGHT, "number": "x", "spare": "same", "pair": "same"}))
    later = problems(Certificate(1, "acme", {**RIGHT, "number": 2, "pair": "other"}))

    assert early == ("certificates['1'].number: must be a whole number",)
    assert later == ("certificates['1'].pair: must be the same as app_key",)


def test_a_missing_setting_is_named() -> None:
    """Each missing setting is a message of its own."""
    assert problems(Certificate(7005, "acme")) == (
        "certificates['7005'].app_key: is missing",
        "certificates['7005'].secret: is missing",
    )


@pytest.mark.parametrize(("one", "other"), [(7005, "7005"), ("a", " a "), (7005, 7005)])
def test_an_id_is_used_once(one: int | str, other: int | str) -> None:
    """7005 and "7005" are the same id: the second certificate is refused, also when the first one has faults itself."""
    name = str(one)

    assert problems(Certificate(one, "acme", RIGHT), Certificate(other, "acme", RIGHT)) == (
        f"certificates[{name!r}]: the id is used twice",
    )
    assert len(problems(Certificate(one, "acme"), Certificate(other, "acme", RIGHT))) == 3


def test_a_brand_without_plugin_affects_its_certificate_only() -> None:
    """Its certificate gets the reason instead of a vendor; the other certificates load."""
    vendors = load_vendors([Certificate(1, "nobody"), Certificate(2, "acme", RIGHT)], PLUGINS)

    assert isinstance(vendors["1"], PluginError)
    assert isinstance(vendors["2"], Acme)


@pytest.mark.parametrize("brand", ["plain", "odd"])
def test_a_class_that_takes_no_settings_affects_its_certificate_only(brand: str) -> None:
    """This is a mistake of the plug-in's author, not of the host: the message says so and quotes no value."""
    vendors = load_vendors([Certificate(1, brand, {"field": CANARY}), Certificate(2, "acme", RIGHT)], PLUGINS)

    assert isinstance(vendors["1"], PluginError)
    assert f"the plug-in for brand '{brand}'" in str(vendors["1"])
    assert CANARY not in str(vendors["1"])
    assert isinstance(vendors["2"], Acme)


@pytest.mark.parametrize(("given", "kept"), [("oppo", "oppo"), (" OPPO ", "oppo"), ("Oppo\n", "oppo")])
def test_a_brand_is_a_lower_case_word(given: str, kept: str) -> None:
    """A brand is accepted only as a lower-case word."""
    assert Certificate(1, given).brand == kept


@pytest.mark.parametrize("wrong", ["", " ", None, 5, ["oppo"]])
def test_a_certificate_needs_a_brand(wrong: Any) -> None:
    """A certificate without a brand is refused, because no vendor could be chosen for it."""
    with pytest.raises(FieldError) as caught:
        Certificate(1, wrong)

    assert caught.value.field == "Certificate.brand"


@pytest.mark.parametrize("wrong", [None, [("app_key", CANARY)], CANARY])
def test_settings_must_be_a_mapping(wrong: Any) -> None:
    """Settings that are not a mapping are refused; the message names their type and no value."""
    with pytest.raises(FieldError) as caught:
        Certificate(1, "acme", wrong)

    assert caught.value.field == "Certificate.settings"
    assert CANARY not in str(caught.value)


def test_a_certificate_does_not_show_its_settings() -> None:
    """The `repr` of a certificate shows neither the values nor the names of its settings."""
    assert repr(Certificate(7005, "acme", {CANARY: CANARY})) == "Certificate('7005', 'acme', 1 settings)"


def test_loading_does_not_change_the_certificate() -> None:
    """The same certificate can be loaded again, for a reload or a second gateway."""
    settings = dict(RIGHT)
    certificate = Certificate(1, "acme", settings)

    first, second = (load_vendors([certificate], PLUGINS)["1"] for _ in range(2))

    assert first == second
    assert settings == RIGHT
    assert load_vendors([], PLUGINS) == {}


def test_a_certificate_copies_its_settings() -> None:
    """A certificate copies its settings: later changes of the host's own mappings do not change it, so a reload sees
    the difference."""
    own = {"secret": "old", "hosts": ["a", {"b": ["c"]}], "pair": ({"d": 1},), "kept": Secret("s3cret")}
    before = Certificate(1, "acme", own)

    own["secret"] = "new"
    own["hosts"][1]["b"].append("x")  # type: ignore[index]
    own["pair"][0]["d"] = 2  # type: ignore[index]
    after = Certificate(1, "acme", own)

    assert before.settings == {
        "secret": "old",
        "hosts": ["a", {"b": ["c"]}],
        "pair": ({"d": 1},),
        "kept": Secret("s3cret"),
    }
    assert before != after
