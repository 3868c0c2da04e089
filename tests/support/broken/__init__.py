"""Plug-ins that are broken on purpose: they show what the conformance kit finds.

Each is a copy of a correct plug-in (`tests/support/quill`, `beam` and `vault`, or a vendor's own) with one rule of the
contract removed or one mistake made, as an edit of its source text: what an author could really write.
"""
