"""The requests of a wide corpus of notifications stay the same, byte for byte."""

import json
from pathlib import Path

from corpus import digests

KNOWN = Path(__file__).parent / "support" / "corpus.json"


def test_requests_and_refusals_are_those_of_the_last_release() -> None:
    """Both dialects, every kind of batch and audience: a change that alters a request is made on purpose.

    `python plugins/oppo/tests/support/corpus.py > plugins/oppo/tests/support/corpus.json` accepts it.
    """
    found, known = digests(), json.loads(KNOWN.read_text("utf-8"))

    assert found.keys() == known.keys()
    assert [name for name in found if found[name] != known[name]] == []
