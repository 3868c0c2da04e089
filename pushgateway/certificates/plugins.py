"""`Plugins` finds the vendor class of a brand by entry point, or among the classes that the host has given.

A plug-in is imported when a certificate of its brand first needs it. If anything is wrong with it, a `PluginError` says
so, and other brands are not affected. Used by the gateway, the command and, for sandboxes, by
`pushgateway.sandbox.find`.
"""

from __future__ import annotations

import contextlib
import difflib
import inspect
import logging
from collections.abc import Iterable, Mapping
from importlib.metadata import EntryPoint, entry_points
from importlib.util import find_spec
from typing import Any

from stevedore import DriverManager

from pushgateway.model.errors import PluginError
from pushgateway.model.installing import PLUGINS, plugin_command
from pushgateway.vendor import CONTRACT, Vendor

log = logging.getLogger(__name__)

VENDORS = "pushgateway.vendors"
"""The entry point group of vendor plug-ins; the entry point's name is the brand."""
_NOUNS = {"pushgateway.sandboxes": ("sandbox", "sandboxes")}


class Plugins:
    """Loads vendor classes by brand, once each. `given`: classes by brand that the host passes; they are used first."""

    def __init__(self, given: Mapping[str, type[Vendor]] | None = None) -> None:
        self._given = dict(given or {})
        self._loaded: dict[str, type[Vendor]] = {}

    def vendor(self, brand: str) -> type[Vendor]:
        """The class for `brand`. Raises `PluginError` if there is none or more than one, if it cannot be imported, or
        if it is no vendor of that brand."""
        if brand not in self._loaded:
            given = self._given.get(brand)
            self._loaded[brand] = _checked(brand, given or load(VENDORS, brand, also=self._given))
        return self._loaded[brand]


def import_early(certificates: Iterable[Any], given: Mapping[str, type[Vendor]] | None) -> None:
    """Import the plug-ins of `certificates`, except those `given` by the host, in the calling thread, because a process
    that is forked while another thread imports a module can never import it. Errors are ignored; they are raised when
    the plug-in is used."""
    for brand in {getattr(certificate, "brand", None) for certificate in certificates} - set(given or ()):
        with contextlib.suppress(PluginError):
            load(VENDORS, str(brand))


def installed(group: str = VENDORS) -> dict[str, tuple[EntryPoint, ...]]:
    """The entry points of `group` by name; nothing is imported. A name should have only one."""
    found: dict[str, dict[tuple[str, str], EntryPoint]] = {}
    for entry in entry_points(group=group):
        # A distribution may be found twice, in the checkout and installed; that is no conflict.
        found.setdefault(entry.name, {})[_distribution(entry), entry.value] = entry
    return {name: tuple(entries.values()) for name, entries in sorted(found.items())}


def load(group: str, name: str, *, also: Iterable[str] = ()) -> Any:
    """The object of the entry point `name` of `group`. Raises `PluginError` with one sentence.

    `also`: names that are available without an entry point, for that sentence.
    """
    found = installed(group)
    entries = found.get(name, ())
    one, many = _nouns(group)
    if not entries:
        here = sorted({*found, *also})
        raise PluginError(
            f"no {one} for brand {name!r} is installed (there is: {', '.join(here) or 'none'})"
            f"{_remedy(group, name, here)}"
        )
    if len(entries) > 1:
        names = " and ".join(sorted(_distribution(entry) for entry in entries))
        raise PluginError(f"two {many} are installed for brand {name!r}: {names}; uninstall one of them")
    # stevedore's caches, on disk and in the process, may be older than the last (un)installation, so its result is used
    # only if it is the present entry point. After a failure the entry point is loaded directly, which shows the cause.
    with contextlib.suppress(Exception):
        manager: DriverManager[Any] = DriverManager(
            group,
            name,
            invoke_on_load=False,
            on_load_failure_callback=_reraise,
            on_missing_entrypoints_callback=lambda _: None,
        )
        if manager.extensions[0].entry_point.value == entries[0].value:
            return manager.driver
    return _loaded_directly(entries[0])


def _nouns(group: str) -> tuple[str, str]:
    return _NOUNS.get(group, ("plug-in", "plug-ins"))


def _remedy(group: str, name: str, here: list[str]) -> str:
    """What to do about a missing brand: pass the class, install the plug-in, or correct the spelling."""
    if name not in PLUGINS:
        near = difflib.get_close_matches(name, here, 1) or difflib.get_close_matches(name, PLUGINS, 1)
        return f": did you mean {near[0]!r}?" if near else ""
    package = f"pushgateway_{PLUGINS[name]}"
    if group == VENDORS and _is_importable(package):
        vendors = f"vendors={{{name!r}: {name.capitalize()}}}"
        return (
            f": {package} can be imported, but its package metadata is not here, as in a frozen program: "
            f"from {package} import {name.capitalize()}, and Gateway(…, {vendors})"
        )
    return f": {plugin_command(name)}"


def _is_importable(module: str) -> bool:
    try:
        return find_spec(module) is not None
    except (ImportError, ValueError):
        return False


def _loaded_directly(entry: EntryPoint) -> Any:
    try:
        return entry.load()
    except Exception as broken:
        raise PluginError(
            f"the {_nouns(entry.group)[0]} for brand {entry.name!r} ({_distribution(entry)}) could not be imported: "
            f"{type(broken).__name__}: {broken}"
        ) from broken


def _reraise(_: object, __: object, error: BaseException) -> None:
    raise error


def _checked(brand: str, loaded: Any) -> type[Vendor]:
    if not (inspect.isclass(loaded) and issubclass(loaded, Vendor)):
        raise PluginError(f"the plug-in for brand {brand!r} is not a subclass of pushgateway.vendor.Vendor")
    if inspect.isabstract(loaded):
        missing = ", ".join(sorted(loaded.__abstractmethods__))
        raise PluginError(f"the plug-in for brand {brand!r} does not implement: {missing}")
    if getattr(loaded, "brand", None) != brand:
        raise PluginError(
            f"the plug-in registered for brand {brand!r} says it is for {getattr(loaded, 'brand', None)!r}"
        )
    if loaded.contract != CONTRACT:
        own = f"contract {loaded.contract}" if loaded.contract else f"no contract (contract = {CONTRACT!r} is missing)"
        raise PluginError(
            f"the plug-in for brand {brand!r} was written for {own}, this pushgateway has contract {CONTRACT}: "
            "install versions that fit each other"
        )
    log.info("plug-in for %s: %s.%s", brand, loaded.__module__, loaded.__qualname__)
    return loaded


def _distribution(entry: EntryPoint) -> str:
    return f"{entry.dist.name} {entry.dist.version}" if entry.dist is not None else entry.value
