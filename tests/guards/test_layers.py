"""Imports go down only, only some packages use the network, and pure modules have no clock, random or thread.

Each guard is a pure function from a source to sentences, one for each fault. It runs on the whole tree, and on a small
source with the fault, to show that it can fail.
"""

import ast
import graphlib
from collections.abc import Iterator, Mapping

import attrs

LAYERS = {
    "model": 1,
    "vendor": 2,
    "observe": 2,
    "certificates": 3,
    "databases": 2,
    "state": 3,
    "transport": 3,
    "engine": 4,
    "sandbox": 4,
    "devices": 5,
    "gateway": 5,
    "brands": 6,
    "outbox": 6,
    "receipts": 6,
    "testing": 6,
    "abilities": 7,
    "config": 7,
    "sync": 7,
    "__init__": 8,  # the public names for hosts
    "cli": 8,
}
"""Package (or module at the top) of the core -> its layer. A package imports from lower layers and from itself."""

PURE = {
    "model",
    "vendor",
    "brands",
    "observe.events",
    "observe.log_lines",
    "certificates.receipt_signing",
    "devices.dead_share",
    "devices.store",
    "engine.pushes.runs",
    "engine.pushes.queue",
    "engine.pushes.deadlines",
    "engine.flow_control.breaker",
    "engine.flow_control.portions",
    "engine.flow_control.quota",
    "engine.flow_control.rate",
    "engine.flow_control.refused_contents",
    "engine.flow_control.retry",
    "engine.flow_control.retry_budget",
    "engine.flow_control.size_limit",
    "engine.session.results",
}
"""Packages and modules that use no clock, random, thread or event loop of their own."""
IMPURE = {"asyncio", "anyio", "time", "random", "secrets", "uuid", "threading", "subprocess", "logging"}
NETWORK_PACKAGES = {"transport", "sandbox", "cli", "testing"}
NETWORK = {
    "aiohttp",
    "h11",
    "http.client",
    "http.server",
    "httpcore",
    "httptools",
    "httpx",
    "httpx2",
    "requests",
    "socket",
    "socketserver",
    "urllib.request",
    "uvicorn",
}
STREAMS = {
    "open_connection",
    "start_server",
    "open_unix_connection",
    "start_unix_server",
    "create_connection",
    "create_server",
    "create_datagram_endpoint",
    "connect_tcp",
}
CLOCKS = {"datetime.now", "datetime.utcnow", "date.today"}
PLUGIN_MODULES = {"pushgateway.vendor"}
PLUGIN_SANDBOX_MODULES = {"pushgateway.sandbox", "pushgateway.testing"}


@attrs.frozen
class Import:
    """One name that a module imports. `typing_only`: the import is under `if TYPE_CHECKING`."""

    line: int
    module: str
    name: str | None
    typing_only: bool
    relative: bool


def imports(text: str) -> Iterator[Import]:
    """Every import of a module, those inside functions included."""
    tree = ast.parse(text)
    guarded = {
        id(node)
        for block in ast.walk(tree)
        if isinstance(block, ast.If) and "TYPE_CHECKING" in ast.unparse(block.test)
        for statement in block.body
        for node in ast.walk(statement)
    }
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            yield from (Import(node.lineno, alias.name, None, id(node) in guarded, False) for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            for alias in node.names:
                yield Import(node.lineno, node.module or "", alias.name, id(node) in guarded, node.level > 0)


def calls(text: str) -> set[str]:
    """The calls in a module as they are written: `asyncio.open_connection`, `datetime.now`."""
    return {ast.unparse(node.func) for node in ast.walk(ast.parse(text)) if isinstance(node, ast.Call)}


def package_of(module: str) -> str:
    """The package of a core module: `pushgateway.cli.send` -> `cli`, `pushgateway` -> `__init__`."""
    parts = module.split(".")
    return parts[1] if len(parts) > 1 else "__init__"


def target(found: Import) -> str | None:
    """The package of the core that an import reaches; None for imports from elsewhere."""
    if found.module == "pushgateway" and found.name in LAYERS:
        return found.name
    return package_of(found.module) if found.module.split(".")[0] == "pushgateway" else None


def layer_faults(module: str, text: str) -> list[str]:
    """A sentence for each import that does not go to a lower layer. Imports for types alone count too."""
    here = package_of(module)
    if here not in LAYERS:
        return [f"{module} has no layer: add {here!r} to LAYERS in tests/guards/test_layers.py and to CONTRIBUTING.md"]
    faults = []
    for found in imports(text):
        there = target(found)
        where = f"{module}:{found.line}"
        if found.relative:
            faults.append(f"{where} imports relatively: write the whole name, so that the layers can be read")
        elif there is None or there == here:
            continue
        elif there not in LAYERS:
            faults.append(f"{where} imports {there}, which has no layer: add it to LAYERS")
        elif LAYERS[there] >= LAYERS[here]:
            faults.append(f"{where} imports {there} (layer {LAYERS[there]}) from layer {LAYERS[here]}: go down only")
    return faults


def cycles(modules: Mapping[str, str]) -> list[str]:
    """A sentence if modules import each other in a cycle, also within one package; imports for types alone count."""
    graph: dict[str, set[str]] = {}
    for module, text in modules.items():
        reached = {
            whole if (whole := f"{found.module}.{found.name}") in modules else found.module for found in imports(text)
        }
        graph[module] = (reached & modules.keys()) - {module}
    try:
        graphlib.TopologicalSorter(graph).prepare()
    except graphlib.CycleError as error:
        return [f"these import each other in a cycle: {' -> '.join(error.args[1])}"]
    return []


def network_faults(module: str, text: str) -> list[str]:
    """A sentence for each network import or call, for modules that may not have one."""
    modules = {name for found in imports(text) for name in (found.module, f"{found.module}.{found.name}")}
    used = modules & NETWORK | {call for call in calls(text) if call.split(".")[-1] in STREAMS}
    return [f"{module} uses {name}: only pushgateway.transport has a network" for name in sorted(used)]


def purity_faults(module: str, text: str) -> list[str]:
    """A sentence for each clock, random source or thread in a module that must be pure."""
    roots = dict.fromkeys(found.module.split(".")[0] for found in imports(text))
    faults = [f"{module} imports {name}: it is pure, hand clock and random in" for name in roots if name in IMPURE]
    clocks = sorted(call for call in calls(text) if ".".join(call.split(".")[-2:]) in CLOCKS)
    return faults + [f"{module} calls {call}(): it is pure, hand the time in" for call in clocks]


def is_pure(module: str) -> bool:
    """Whether a module of the core is one of `PURE`, or lies in one of them."""
    inner = module.removeprefix("pushgateway.")
    return any(inner == name or inner.startswith(f"{name}.") for name in PURE)


def plugin_faults(module: str, text: str) -> list[str]:
    """A sentence for each import of a core module that plug-ins may not use."""
    in_sandbox = any(part.startswith("sandbox") for part in module.split("."))
    allowed = PLUGIN_MODULES | PLUGIN_SANDBOX_MODULES if in_sandbox else PLUGIN_MODULES
    faults = []
    for found in imports(text):
        name = f"{found.module}.{found.name}" if found.module == "pushgateway" else found.module
        if found.module.split(".")[0] == "pushgateway" and ".".join(name.split(".")[:2]) not in allowed:
            faults.append(f"{module}:{found.line} imports {name}: a plug-in uses {', '.join(sorted(allowed))}")
    return faults


def test_imports_go_down(core: Mapping[str, str]) -> None:
    """A package imports only from lower layers."""
    faults = [fault for module, text in core.items() for fault in layer_faults(module, text)]

    assert faults == []


def test_no_cycles(core: Mapping[str, str], plugins: Mapping[str, str]) -> None:
    """Modules import each other in one direction only, also within a package."""
    assert cycles(core) == []
    assert cycles(plugins) == []


def test_the_listing_is_the_table(core: Mapping[str, str]) -> None:
    """Every package of the core has a row in the table, and every row is an existing package."""
    assert {package_of(module) for module in core} == LAYERS.keys()


def test_upward_imports_are_seen() -> None:
    """The guard finds every form of import, hidden ones and those for types included, and accepts imports from
    lower layers.
    """
    for_types = "if TYPE_CHECKING:\n    from pushgateway.vendor.contract import Vendor"
    cases = {
        ("pushgateway.model.push", "import pushgateway.model.errors"): 0,
        ("pushgateway.model.push", "import pushgateway.vendor"): 1,
        ("pushgateway.model.push", for_types): 1,
        ("pushgateway.vendor.contract", "from pushgateway.engine import lane"): 1,
        ("pushgateway.engine.lane", "def f():\n    from pushgateway.gateway import Gateway"): 1,
        ("pushgateway.gateway", "from pushgateway import Notification"): 1,
        ("pushgateway.gateway", "from pushgateway import cli"): 1,
        ("pushgateway.gateway", "from pushgateway.engine.lane import Lane"): 0,
        ("pushgateway.engine.pushes.queue", "from .runs import Run"): 1,
        ("pushgateway.sync.gateway", "from pushgateway.gateway import Gateway"): 0,
        ("pushgateway.sync.gateway", "from pushgateway.config import load"): 1,
        ("pushgateway.cli.send", "from pushgateway.config import load"): 0,
        ("pushgateway.sandbox.find", "from pushgateway.certificates.plugins import load"): 0,
        ("pushgateway.sandbox.find", "from pushgateway.engine.lane import Lane"): 1,
        ("pushgateway.testing.kit", "from pushgateway.sandbox import Sandbox"): 0,
        ("pushgateway.attic", ""): 1,
        ("pushgateway.engine.lane", "import pushgateway.attic"): 1,
    }

    found = {case: len(layer_faults(*case)) for case in cases}

    assert found == cases


def test_cycles_are_seen() -> None:
    """Two modules of one package that import each other are a cycle, also for types alone."""
    a, b = "pushgateway.engine.a", "pushgateway.engine.b"
    for_types = f"if TYPE_CHECKING:\n    from {a} import A"

    assert len(cycles({a: f"from {b} import B", b: f"import {a}"})) == 1
    assert len(cycles({a: "from pushgateway.engine import b", b: for_types})) == 1
    assert cycles({a: f"from {b} import B", b: "import json"}) == []


def test_one_package_has_the_network(core: Mapping[str, str], plugins: Mapping[str, str]) -> None:
    """Only the transport contacts vendors. Sandboxes, the command line and the test kit may open sockets too."""
    quiet = {m: t for m, t in core.items() if package_of(m) not in NETWORK_PACKAGES}
    quiet |= {m: t for m, t in plugins.items() if ".sandbox" not in m}
    faults = [fault for module, text in quiet.items() for fault in network_faults(module, text)]

    assert faults == []


def test_what_is_pure_stays_pure(core: Mapping[str, str], plugins: Mapping[str, str]) -> None:
    """Pure modules use no clock, random, thread or loop: they get them as arguments."""
    pure = {m: t for m, t in core.items() if is_pure(m)}
    pure |= {m: t for m, t in plugins.items() if ".sandbox" not in m}
    faults = [fault for module, text in pure.items() for fault in purity_faults(module, text)]

    assert faults == []


def test_network_and_clocks_are_seen() -> None:
    """The guards find imports, streams and calls."""
    assert len(network_faults("m", "import httpx\nfrom urllib import request\nasyncio.open_connection()")) == 3
    assert len(purity_faults("m", "from time import monotonic\nimport random\nnow = datetime.now(UTC)")) == 3
    assert network_faults("m", "import json") == purity_faults("m", "from datetime import datetime") == []


def test_plugins_import_only_what_is_for_plugins(plugins: Mapping[str, str]) -> None:
    """A plug-in imports the contract (`pushgateway.vendor`) only, and its sandbox also the sandbox kit."""
    faults = [fault for module, text in plugins.items() for fault in plugin_faults(module, text)]

    assert faults == []


def test_plugins_that_reach_inside_are_seen() -> None:
    """Plug-ins may not import the core's other modules or the host's names; only sandboxes may import the sandbox
    kit.
    """
    assert (
        len(plugin_faults("acme.vendor", "from pushgateway.model.push import Push\nfrom pushgateway import Gateway"))
        == 2
    )
    assert len(plugin_faults("acme.vendor", "from pushgateway.sandbox import Sandbox")) == 1
    assert plugin_faults("acme.sandbox", "from pushgateway.sandbox import Sandbox") == []
    assert plugin_faults("acme.vendor", "from pushgateway import vendor\nfrom pushgateway.vendor.text import cut") == []
