"""`pushgateway.brands`: the brand of a phone by the names that it reports."""

import json

import pytest
from click.testing import CliRunner

from pushgateway.brands import MAKERS, MODELS, brand_of, find_brand
from pushgateway.cli.command import pushgateway as command
from pushgateway.cli.exit_codes import Exit
from pushgateway.model.errors import FieldError


@pytest.mark.parametrize(
    ("name", "brand"),
    [
        ("Xiaomi", "xiaomi"),
        ("Redmi Note 13", "xiaomi"),
        ("POCO F5", "xiaomi"),
        ("MI 9", "xiaomi"),
        ("MIX 2S", "xiaomi"),
        ("小米14", "xiaomi"),
        ("M2012K11AC", "xiaomi"),
        ("23049RAD8C", "xiaomi"),
        ("HUAWEI", "huawei"),
        ("华为Mate60", "huawei"),
        ("HUAWEI HONOR 9", "huawei"),
        ("HONOR", "honor"),
        (" honor ", "honor"),
        ("荣耀90", "honor"),
        ("OPPO", "oppo"),
        ("realme", "oppo"),
        ("OnePlus", "oppo"),
        ("OnePlus9", "oppo"),
        ("ONEPLUS A6000", "oppo"),
        ("一加 12", "oppo"),
        ("CPH2581", "oppo"),
        ("PGEM10", "oppo"),
        ("RMX3370", "oppo"),
        ("vivo X100", "vivo"),
        ("iQOO", "vivo"),
        ("V2055A", "vivo"),
        ("Meizu", "meizu"),
        ("22c4185e", "meizu"),
    ],
)
def test_a_phone_has_the_push_service_of_its_maker(name: str, brand: str) -> None:
    """Sub-brands belong to their maker, however the name is written."""
    assert brand_of(name) == brand


@pytest.mark.parametrize(
    "name", ["", "iPhone 15", "SM-G9900", "Pixel 8", "MIDNIGHT", "Lenovo Mi", "2014811", "xiaomii"]
)
def test_an_unknown_name_has_no_brand(name: str) -> None:
    """A guess would send a token to the wrong vendor, which would call it dead."""
    found = find_brand(name)

    assert found.brand is None
    assert found.because == (
        "no known maker or model; "
        "known makers: xiaomi, redmi, poco, huawei, honor, oppo, realme, oneplus, vivo, iqoo, meizu"
    )


def test_the_manufacturer_decides_about_honor() -> None:
    """Phones of the brand HONOR that HUAWEI made have Huawei's push service (`BrandUtil` of Tencent IM)."""
    assert brand_of("HONOR", manufacturer="HUAWEI") == "huawei"
    assert brand_of("HONOR", manufacturer="HONOR") == "honor"
    assert brand_of("ALN-AL00") is None
    assert find_brand("ALN-AL00").because == ("Huawei and Honor both use such model numbers: give the manufacturer too")
    assert brand_of("ALN-AL00", manufacturer="HUAWEI") == "huawei"


def test_harmonyos_has_a_push_service_of_its_own() -> None:
    """HarmonyOS 5 and later (NEXT) take no Android tokens; 4 and earlier do."""
    systems = ["OpenHarmony-5.0.0.107", "HarmonyOS NEXT", "HarmonyOS 5.0", "HarmonyOS 4.2", "Android 12", ""]

    found = [brand_of("HUAWEI", system=system) for system in systems]

    assert found == ["harmony"] * 3 + ["huawei"] * 3
    assert brand_of("HONOR", system="OpenHarmony-5.0") == "honor"


def test_two_makers_are_no_brand() -> None:
    """Names that contradict each other are damaged input."""
    assert find_brand("Xiaomi", manufacturer="OPPO").because == "it names makers with different push services"


def test_anything_but_text_is_refused() -> None:
    """The error names the argument."""
    with pytest.raises(FieldError, match="manufacturer: must be a str, is int"):
        brand_of("HONOR", manufacturer=5)  # type: ignore[arg-type]


def test_each_row_can_be_found() -> None:
    """Each word of the table gives its brand, and each example of a model number has one form only."""
    assert {word: brand_of(word) for word in MAKERS} == dict(MAKERS)
    for form, brand, examples in MODELS:
        for example in examples.split(", "):
            assert brand_of(example) == brand
            assert sum(other.fullmatch(example) is not None for other, _, _ in MODELS) == 1
        assert form.fullmatch("") is None


def test_the_command_shows_brands_and_says_what_it_does_not_know() -> None:
    """One line for each name; the exit code says whether all are known."""
    known = CliRunner().invoke(command, ["brand-of", "Redmi Note 13", "HONOR", "--manufacturer", ""])
    unknown = CliRunner().invoke(command, ["brand-of", "--json", "Pixel 8", "vivo"])

    assert known.exit_code == Exit.OK
    assert [line for line in known.stdout.splitlines() if line[0] != " "] == ["Redmi Note 13: xiaomi", "HONOR: honor"]
    assert unknown.exit_code == Exit.FAILED
    assert [one["brand"] for one in json.loads(unknown.stdout)["brands"]] == [None, "vivo"]
