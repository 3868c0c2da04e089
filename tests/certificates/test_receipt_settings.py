"""The settings of a certificate for receipts: URL and secrets, how they are checked and read, and how many bytes of a
request they take."""

from pathlib import Path
from typing import Any

import attrs
import pytest
from operations_vendor import SECRET, OperationsServer, OperationsVendor, operations_gateway, receipt_certificate
from toy_vendor import Toy, certificate, note

from pushgateway import Certificate, ConfigError, FieldError, PushToken, Secret, load_config
from pushgateway.certificates.plugins import Plugins
from pushgateway.certificates.receipt_signing import longest_base
from pushgateway.certificates.settings import load_vendors
from pushgateway.testing.virtual_time import run_virtual

URL = "https://im.example.com/push"


def made(url: Any = URL, secret: Any = SECRET, key: str = "7005") -> Certificate:
    return Certificate(key, "toy", {"secret": "x"}, receipt_url=url, receipt_secret=secret)


@pytest.mark.parametrize(
    ("url", "secret", "problem"),
    [
        (URL, None, "receipt_url: needs receipt_secret beside it"),
        (None, SECRET, "receipt_secret: needs receipt_url beside it"),
        ("http://im.example.com", SECRET, "receipt_url: must be https://; plain http:// is for loopback"),
        ("im.example.com", SECRET, "receipt_url: must be a URL such as"),
        (f"{URL}?a=b", SECRET, "receipt_url: must be a URL such as"),
        (f"{URL}/推送", SECRET, "receipt_url: must be a URL such as"),
        (f"{URL}/a b", SECRET, "receipt_url: must be a URL such as"),
        (7, SECRET, "receipt_url: must be a URL such as"),
        (URL, "fifteen letters", "receipt_secret: must have at least 16 characters"),
        (URL, "", "receipt_secret: must have at least 16 characters"),
        (URL, [SECRET, "short"], "receipt_secret: must have at least 16 characters"),
        (URL, [], "receipt_secret: must be a string, or a list"),
        (URL, 7, "receipt_secret: must be a string, or a list"),
        (URL, [SECRET, None], "receipt_secret: must be a string, or a list"),
    ],
)
def test_wrong_settings_are_named(url: Any, secret: Any, problem: str) -> None:
    """A wrong URL or secret is reported when the certificate is made, by its name, and a secret is not quoted."""
    with pytest.raises(FieldError) as wrong:
        made(url, secret)

    assert str(wrong.value).startswith(f"Certificate.{problem}")
    assert "short" not in str(wrong.value)
    assert SECRET not in str(wrong.value)


def test_valid_settings_are_kept_and_not_shown() -> None:
    """A slash at the end of the URL is removed, a loopback URL may be plain HTTP, and there may be one secret or
    several, as text or as `Secret`."""
    local = made("http://127.0.0.1:8000/push/", [Secret(SECRET), "another secret of letters"])

    assert local.receipt_url == "http://127.0.0.1:8000/push"
    assert local.receipt_secret == (Secret(SECRET), Secret("another secret of letters"))
    assert local.signer is not None
    assert local.signer.url.startswith("http://127.0.0.1:8000/push/7005/")
    assert made(secret="sixteen letters.").receipt_secret
    assert certificate().signer is None
    assert SECRET not in repr(local)
    assert made() == made()
    assert attrs.evolve(certificate(), linger=0.0).receipt_secret == ()
    assert attrs.evolve(local, linger=0.0).signer is not None
    assert made() != made(secret="another secret of letters")


def test_the_length_of_the_whole_url_is_checked() -> None:
    """OPPO takes 200 characters: a URL at the limit is accepted; with one more it is refused, and the message gives the
    number of characters that are left."""
    most = longest_base("7005")
    path = "a" * (most - len("https://h.example/"))

    fits = made(f"https://h.example/{path}")
    with pytest.raises(FieldError, match=f"receipt_url: must have at most {most} characters for this certificate id"):
        made(f"https://h.example/{path}a")

    assert fits.signer is not None
    assert len(fits.signer.url) == 200


def test_receipt_settings_for_a_vendor_without_receipts_are_refused() -> None:
    """The mistake is reported when the certificates are read, not when receipts never come."""
    with pytest.raises(ConfigError, match=r"certificates\['7005'\].receipt_url: toy posts no receipts; leave it out"):
        load_vendors([made()], Plugins({"toy": Toy}))

    assert load_vendors([made()], Plugins({"toy": OperationsVendor}))


TOML = """
[certificates.7005]
brand = "toy"
secret = "x"
receipt_url = "env:URL"
receipt_secret = {secret}
"""


def read(folder: Path, secret: str, **environ: str) -> Certificate:
    path = folder / "pushgateway.toml"
    path.write_text(TOML.format(secret=secret))
    (folder / "receipts").write_text(f"{SECRET}\n")
    (only,) = load_config(path, environ={"URL": URL, **environ}, vendors={"toy": OperationsVendor}).certificates
    return only


@pytest.mark.parametrize("secret", ['"file:receipts"', '["env:NEW", "file:receipts"]', f'"{SECRET}"'])
def test_receipt_settings_are_read_from_a_file(secret: str, tmp_path: Path) -> None:
    """Each secret, also each one of a list, may come from the environment or from a file."""
    found = read(tmp_path, secret, NEW="a new secret of letters")

    assert found.receipt_url == URL
    assert found.receipt_secret[-1] == Secret(SECRET)
    assert len(found.receipt_secret) == (2 if secret.startswith("[") else 1)
    assert "receipt_url" not in found.settings


def test_a_source_that_fails_is_one_problem(tmp_path: Path) -> None:
    """A secret that cannot be read is one problem; that its URL then stands alone is not reported as a second one."""
    with pytest.raises(ConfigError) as missing:
        read(tmp_path, '["env:NEW", "file:receipts"]')
    with pytest.raises(ConfigError) as short:
        read(tmp_path, '"short"')

    place = "certificates['7005']"
    assert missing.value.problems == (f"{place}.receipt_secret: the environment variable NEW is not set",)
    assert short.value.problems == (f"{place}: Certificate.receipt_secret: must have at least 16 characters",)


@pytest.mark.parametrize(("receipts", "batches"), [(False, 1), (True, 2)])
def test_url_and_parameter_count_towards_the_size_of_a_request(receipts: bool, batches: int) -> None:
    """The bytes of receipt URL and parameter are counted beside token and dedupe id, so that a request keeps within its
    size."""
    server = OperationsServer()
    fits = 2 * (OperationsVendor.weigh(OperationsVendor(secret=Secret("x")), note()) + 6 + 6 * 32) + 10
    settings = {"max_bytes": fits}

    async def main() -> None:
        async with operations_gateway(
            server, receipt_certificate(**settings) if receipts else certificate(**settings)
        ) as g:
            await g.multicast([PushToken(1, "a"), PushToken(1, "b")], note())

    run_virtual(main())

    assert len(server.batches) == batches
