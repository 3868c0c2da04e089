"""Connections to databases, for the parts of a host that store something."""
