"""What a mistake of the host is told by."""

from collections.abc import Callable

import pytest

from pushgateway import FieldError


def field_of(make: Callable[[], object]) -> str:
    """The field that a `FieldError` names."""
    with pytest.raises(FieldError) as caught:
        make()
    assert str(caught.value).startswith(f"{caught.value.field}: ")
    return caught.value.field
