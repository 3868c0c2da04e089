"""Every class of the core and of the OPPO plug-in, found by importing all their modules."""

import importlib
import pkgutil
from collections.abc import Iterator

import pushgateway_oppo

import pushgateway

LEFT_OUT = ("__main__",)
"""Modules that are not imported because importing them starts something."""


def classes() -> Iterator[type]:
    """Each class, from the module that defines it."""
    for package in (pushgateway, pushgateway_oppo):
        for found in pkgutil.walk_packages(package.__path__, f"{package.__name__}."):
            if found.name.endswith(LEFT_OUT):
                continue
            module = importlib.import_module(found.name)
            for value in vars(module).values():
                if isinstance(value, type) and value.__module__ == found.name:
                    yield value
