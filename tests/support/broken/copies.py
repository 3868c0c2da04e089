"""Makes a copy of a correct plug-in with an edit, installed and imported as a package of its own.

The result is what pip would leave: a package and its entry points in a folder on `sys.path`. The files of the checkout
are read, never changed.
"""

from __future__ import annotations

import importlib
import sys
import tomllib
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from importlib.util import module_from_spec, spec_from_file_location
from pathlib import Path
from typing import Any
from zlib import crc32

import attrs
import pytest
from stevedore import DriverManager

from pushgateway.model.reason import Reason
from pushgateway.model.receipt import ReceiptKind, Statistics
from pushgateway.testing.conformance import CallSample, PluginConformance, PostedSample, Sample
from pushgateway.testing.conformance.promises import BrokenPromiseError
from pushgateway.testing.conformance.runner import scenarios

ROOT = Path(__file__).resolve().parents[3]
EXAMPLE = ROOT / "examples" / "acme"


@attrs.frozen
class Base:
    """A correct plug-in that copies are made of."""

    name: str
    folder: Path
    """The folder of its project."""
    package: str
    vendor: str
    """The name of its class in the package."""
    sandbox: str
    """The name of its sandbox's class in the package's `sandbox`."""
    kit: Mapping[str, Any]
    """The attributes of its conformance kit. `options`: arguments of its sandbox."""
    test_class: str = ""
    """The name of the kit in the plug-in's `tests/test_conformance.py`, of which the copy's kit is a subclass; "":
    there is none, and `kit` has all attributes."""

    @classmethod
    def of(
        cls,
        brand: str,
        vendor: str,
        sandbox: str,
        test_class: str,
        *,
        name: str = "",
        **options: Any,
    ) -> Base:
        """The plug-in in `plugins/<brand>`, with the attributes of its own kit.

        `options`: arguments of the sandbox, as that kit makes it; `name`: if it is not that of the folder.
        """
        # The samples of other calls hold results of the plug-in's own classes, which are other classes in a copy.
        kit = {"call_samples": (), "options": options}
        return cls(name or brand, ROOT / "plugins" / brand, f"pushgateway_{brand}", vendor, sandbox, kit, test_class)

    def own_kit(self) -> type[PluginConformance]:
        """The kit in the plug-in's own tests, or the kit without anything."""
        if not self.test_class:
            return PluginConformance
        path = self.folder / "tests" / "test_conformance.py"
        spec = spec_from_file_location(f"{self.package}_conformance", path)
        assert spec is not None
        assert spec.loader is not None
        module = module_from_spec(spec)
        spec.loader.exec_module(module)
        found: type[PluginConformance] = getattr(module, self.test_class)
        return found

    def read(self) -> dict[str, str]:
        """Its files by their path in the package, and `pyproject.toml`."""
        place = self.folder / self.package
        paths = [path for path in sorted(place.rglob("*")) if path.suffix in (".py", ".toml")]
        texts = {path.relative_to(place).as_posix(): path.read_text("utf-8") for path in paths}
        return texts | {"pyproject.toml": (self.folder / "pyproject.toml").read_text("utf-8")}


def _with(**changes: Any) -> Any:
    return lambda _, settings: {**settings, **changes}


ACME = Base(
    "acme",
    EXAMPLE,
    "pushgateway_acme",
    "Acme",
    "AcmeSandbox",
    {
        "with_wrong_secret": _with(secret="another"),
        "limits": {"title": 40, "body": 200, "ttl": 604_800, "receipt_parameter": 300},
        "samples": (
            Sample('{"code": 0, "results": [{"to": "{token}", "code": 0, "id": "m1"}]}', None, "accepted"),
            Sample('{"code": 0, "results": [{"to": "{token}", "code": 10}]}', Reason.UNREGISTERED, "no such phone"),
            Sample('{"code": 20}', Reason.CREDENTIALS, "wrong signature"),
            Sample('{"code": 31}', Reason.QUOTA_EXCEEDED, "the day is used up"),
        ),
    },
)
QUILL = Base(
    "quill",
    ROOT / "tests" / "support" / "quill",
    "pushgateway_quill",
    "Quill",
    "QuillSandbox",
    {
        "with_wrong_secret": _with(secret="another"),
        "limits": {"title": 40, "body": 200, "ttl": 604_800, "receipt_parameter": 300},
        "samples": (
            Sample('{"code": 0, "results": [{"to": "{token}", "code": 0, "id": "m1"}]}', None, "accepted"),
            Sample('{"code": 0, "results": [{"to": "{token}", "code": 10}]}', Reason.UNREGISTERED, "no such phone"),
            Sample('{"code": 20}', Reason.CREDENTIALS, "wrong signature"),
            Sample('{"code": 31}', Reason.QUOTA_EXCEEDED, "the day is used up"),
        ),
    },
)
BEAM = Base(
    "beam",
    ROOT / "tests" / "support" / "beam",
    "pushgateway_beam",
    "Beam",
    "BeamSandbox",
    {
        "with_wrong_secret": _with(key="another"),
        "with_template": _with(template="t-1", places=["who", "what"]),
        "own_fields": {"vibrate": "3"},
        "limits": {"title": 30, "body": 60, "ttl": 86_400},
        "regions": {"1a": "", "US_1a": "us"},
        "call_samples": (
            CallSample(
                "statistics",
                {"message_id": "", "task_id": "t1"},
                '{"code": "0", "arrived": 3}',
                Statistics(arrived=3),
                "figures of a task",
            ),
        ),
        "posted_samples": (
            PostedSample(
                "token=a1&what=gone&at_ms=1700000000123&id=m1&mark=p",
                (
                    {
                        "token": "a1",
                        "kind": ReceiptKind.UNREGISTERED,
                        "event": "gone",
                        "message_id": "m1",
                        "at": 1_700_000_000.123,
                        "parameter": "p",
                    },
                ),
                "a phone that is gone",
            ),
        ),
    },
)
VAULT = Base(
    "vault",
    ROOT / "tests" / "support" / "vault",
    "pushgateway_vault",
    "Vault",
    "VaultSandbox",
    {
        "with_wrong_secret": _with(key="another"),
        "of_another_receiver": lambda _, settings: [
            {**settings, "receipt_key": "another"},
            {**settings, "receiver": "another"},
        ],
        "limits": {"title": 60, "body": 300, "ttl": 86_400, "receipt_parameter": 100},
        "samples": (
            Sample('{"code": "ok", "id": "v1"}', None, "taken"),
            Sample('{"code": "denied"}', Reason.CREDENTIALS, "a wrong signature"),
            Sample('{"code": "someFailed", "id": "v1"}', Reason.NO_VERDICT, "some, and not which"),
        ),
    },
)
OPPO = Base(
    "oppo",
    ROOT / "plugins" / "oppo",
    "pushgateway_oppo",
    "Oppo",
    "OppoSandbox",
    {
        "with_wrong_secret": _with(master_secret="another"),
        "with_template": _with(
            intents={"chat": {"template": "t-1", "title_parameters": ["who"], "content_parameters": ["what"]}}
        ),
        "own_fields": {"off_line_ttl": 77, "notify_id": 12, "title": "own", "show_ttl": 60},
        "limits": {"title": 50, "body": 50, "subtitle": 10, "receipt_parameter": 100, "ttl": 864_000},
        "regions": {"CN_1a": "cn", "1a": "cn"},
        "options": {"dialect": "current"},
        "samples": (
            Sample('{"code": 0, "data": {"messageId": "m-1"}}', None, "accepted"),
            Sample('{"code": 10000, "message": "Invalid RegistrationId"}', Reason.UNREGISTERED, "code 10000"),
            Sample('{"code": 10001, "message": "Not subscribed"}', Reason.MUTED, "code 10001"),
            Sample('{"code": -2, "message": "Service in Flow Control"}', Reason.RATE_LIMITED, "code -2"),
            Sample('{"code": 14, "message": "Invalid AppKey"}', Reason.CREDENTIALS, "code 14"),
            Sample('{"code": 33, "message": "Message count exceeds"}', Reason.QUOTA_EXCEEDED, "code 33"),
        ),
    },
)
XIAOMI = Base.of("xiaomi", "Xiaomi", "XiaomiSandbox", "TestXiaomi")
HONOR = Base.of("honor", "Honor", "HonorSandbox", "TestHonor")
MEIZU = Base.of("meizu", "Meizu", "MeizuSandbox", "TestMeizu")
HUAWEI = Base.of("huawei", "Huawei", "HuaweiSandbox", "TestHuawei")
HARMONY = Base.of("huawei", "Harmony", "HarmonySandbox", "TestHarmony", name="harmony")


@attrs.frozen
class Edit:
    """In this file, the text `old` becomes `new`."""

    file: str
    old: str
    new: str


@attrs.frozen
class Broken:
    """One broken plug-in."""

    name: str
    """What is wrong with it."""
    promise: str
    """The promise that it breaks."""
    scenario: str
    """The scenario that finds it."""
    says: str
    """A part of that scenario's message."""
    edits: tuple[Edit, ...]
    base: Base = attrs.field(default=QUILL, repr=False)
    """The plug-in that it is a copy of."""

    def seen(self, folder: Path) -> BrokenPromiseError | None:
        """The message of the scenario; None if it finds nothing."""
        with installed(folder, self.edits, self.base) as kit:
            (scenario,) = (scenario for scenario in scenarios(kit) if scenario.name == self.scenario)
            return scenario.seen()


def breaks(
    promise: str, scenario: str, name: str, says: str, *texts: str, file: str = "vendor.py", base: Base = QUILL
) -> Broken:
    """A broken plug-in: the promise, the scenario that finds it, what is wrong, a part of the message; then old and
    new texts in turn.
    """
    edits = tuple(Edit(file, old, new) for old, new in zip(texts[::2], texts[1::2], strict=True))
    return Broken(name, promise, f"test_{scenario}", says, edits, base)


@contextmanager
def installed(folder: Path, edits: tuple[Edit, ...] = (), base: Base = ACME) -> Iterator[type[PluginConformance]]:
    """The conformance kit for a copy of a plug-in, which is installed until the end of the block."""
    package = f"{base.package}_{crc32(repr(edits).encode()):08x}" if edits else base.package
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(DriverManager, "ENTRY_POINT_CACHE", {})
        _lay_down(folder, package, edits, base)
        patch.syspath_prepend(str(folder))
        importlib.invalidate_caches()
        try:
            yield _kit(package, base)
        finally:
            for name in [name for name in sys.modules if edits and name.partition(".")[0] == package]:
                del sys.modules[name]


def edited(edits: tuple[Edit, ...], base: Base) -> dict[str, str]:
    """The files of a plug-in with these edits. Raises `LookupError` unless each old text occurs exactly once."""
    texts = base.read()
    for edit in edits:
        if texts[edit.file].count(edit.old) != 1:
            raise LookupError(f"{edit.file} has {texts[edit.file].count(edit.old)} times: {edit.old}")
        texts[edit.file] = texts[edit.file].replace(edit.old, edit.new)
    return texts


def _lay_down(folder: Path, package: str, edits: tuple[Edit, ...], base: Base) -> None:
    texts = {name: text.replace(base.package, package) for name, text in edited(edits, base).items()}
    groups = tomllib.loads(texts.pop("pyproject.toml"))["project"]["entry-points"]
    points = "".join(
        f"[{group}]\n" + "".join(f"{name} = {value}\n" for name, value in entries.items())
        for group, entries in groups.items()
    )
    (folder / f"{package}-0.1.0.dist-info").mkdir(parents=True)
    for name, text in texts.items():
        path = folder / package / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, "utf-8")
    (folder / f"{package}-0.1.0.dist-info" / "METADATA").write_text(f"Name: {package}\nVersion: 0.1.0\n")
    (folder / f"{package}-0.1.0.dist-info" / "entry_points.txt").write_text(points)


def _kit(package: str, base: Base) -> type[PluginConformance]:
    vendor_class = getattr(importlib.import_module(package), base.vendor)
    sandbox = getattr(importlib.import_module(f"{package}.sandbox"), base.sandbox)
    attributes = dict(base.kit)
    more = attributes.pop("options", {})

    class Kit(base.own_kit()):  # type: ignore[misc]
        """The plug-in's own test class, for the copy."""

        vendor = vendor_class

        def make_sandbox(self, **options: Any) -> Any:
            return sandbox(**more, **options)

    for name, value in attributes.items():
        setattr(Kit, name, value)
    return Kit
