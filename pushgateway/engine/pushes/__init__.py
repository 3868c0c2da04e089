"""Pushes on their way: what waits, in which order, until when, and where the outcomes go."""
