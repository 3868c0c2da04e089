"""Signing a login, and reading the access token from its reply."""

import pytest

from pushgateway.vendor import NoVerdict
from pushgateway.vendor.toolkit.access import digest, read_access_token


def test_digests_are_those_of_the_joined_text() -> None:
    """Test vectors of SHA-256 and MD5 for "abc"; a lone surrogate raises nothing."""
    assert digest(["a", "bc"]) == "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"
    assert digest(["ab", "c"], "md5") == "900150983cd24fb0d6963f7d28e17f72"
    assert digest(["\ud800"])


def test_an_access_token_at_the_limit_is_read() -> None:
    """It is unchanged, with lifetime and creation time."""
    access = read_access_token("t" * 8, 60.0, name="token", longest=8, created_at=5.0)

    assert (access.value, access.lifetime, access.created_at) == ("t" * 8, 60.0, 5.0)


@pytest.mark.parametrize("value", [None, 5, "", "t" * 9, "t t", "t\r\n", "té"])
def test_an_access_token_that_no_header_can_hold_is_refused(value: object) -> None:
    """It is missing, too long, or has a blank, a line end or a letter beyond ASCII."""
    with pytest.raises(NoVerdict, match="token"):
        read_access_token(value, 60.0, name="token", longest=8)
