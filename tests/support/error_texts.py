"""Reads error messages about a host's mistake."""

from collections.abc import Callable

import pytest

from pushgateway import FieldError


def field_of(make: Callable[[], object]) -> str:
    """The field that the `FieldError` names, which `make` must raise."""
    with pytest.raises(FieldError) as caught:
        make()
    assert str(caught.value).startswith(f"{caught.value.field}: ")
    return caught.value.field
