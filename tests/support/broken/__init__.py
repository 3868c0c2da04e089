"""Plug-ins broken on purpose: what the conformance kit is worth is how many of them it catches.

Law of this package: each is the tutorial's plug-in (`examples/acme`) with one rule of the contract removed or one
mistake made, as an edit of its source: what an author writes, not a patched object.
"""
