"""Faults planted in the text of the transports."""

from planted.source_plant import SourcePlant

PLANTS = [
    SourcePlant(
        "a header value with control characters is sent",
        "pushgateway/transport/asking.py",
        "if not _is_name(name) or not ((value.isascii() and value.isprintable()) or _VALUE.fullmatch(value)):",
        "if not _is_name(name):",
        "tests/test_transport_limits.py::test_no_control_character_leaves_in_a_header",
    ),
]
