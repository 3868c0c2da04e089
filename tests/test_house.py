"""The guards of the house: imports go down only, one room has the network, what is pure stays pure.

Law of this file: each guard is a pure function from a source to sentences, one for each fault. It runs on the tree,
and on a small source that breaks it, because a guard that was never seen to fail guards nothing.
"""

import ast
import graphlib
from collections.abc import Iterator, Mapping

import attrs

FLOORS = {
    "__init__": 5,  # the door for hosts
    "sync": 5,
    "config": 5,
    "cli": 5,
    "sandbox": 5,
    "testing": 5,
    "receipts": 5,
    "confirming": 5,
    "otel": 5,
    "prometheus": 5,
    "gateway": 4,
    "background": 4,
    "inquiries": 3,
    "explaining": 3,
    "intake": 3,
    "roster": 3,
    "lane": 3,
    "region": 3,
    "delivery": 3,
    "terms": 3,
    "broadcasting": 3,
    "operations": 3,
    "hearing": 3,
    "conversation": 3,
    "waiting": 2,
    "gathering": 2,
    "batching": 2,
    "crew": 2,
    "deadlines": 2,
    "claims": 2,
    "verdicts": 2,
    "retry": 2,
    "pace": 2,
    "plugins": 2,
    "certificates": 2,
    "seals": 2,
    "access": 2,
    "limits": 2,
    "gate": 2,
    "ids": 2,
    "forks": 2,
    "threads": 2,
    "flow": 2,
    "tracing": 2,
    "journal": 2,
    "transport": 2,
    "watching": 2,
    "underway": 2,
    "patience": 2,
    "vendor": 1,
    "exchange": 1,
    "replies": 1,
    "calls": 1,
    "capacity": 1,
    "rules": 1,
    "text": 1,
    "events": 1,
    "hiding": 1,
    "lines": 1,
    "advice": 1,
    "model": 0,
    "batch": 0,
    "intent": 0,
    "receipt": 0,
    "audience": 0,
    "masking": 0,
    "outcome": 0,
    "errors": 0,
    "installing": 0,
    "frozen": 0,
    "features": 1,
}
"""Room (module or package) of the core -> its floor. A new room is added here and in CONTRIBUTING.md."""

BESIDE = {
    "__init__": {"sync", "config", "receipts"},
    "cli": {"__init__", "sync", "config", "receipts", "sandbox", "testing"},
    "sandbox": {"testing"},
    "testing": {"sandbox"},
}
"""On the top floor the rooms do not know each other, except these: room -> what it may use beside itself."""

REACH = {"sandbox": 2}
"""A vendor's server stands on the contract, not on the engine: highest floor it may use."""

PURE = {
    *(
        "model",
        "frozen",
        "batch",
        "audience",
        "outcome",
        "errors",
        "vendor",
        "capacity",
        "rules",
        "text",
        "events",
        "lines",
    ),
    *("waiting", "gathering", "batching", "limits", "deadlines", "retry", "verdicts", "seals"),
}
IMPURE = {"asyncio", "anyio", "time", "random", "secrets", "uuid", "threading", "subprocess", "logging"}
NETWORK_ROOMS = {"transport", "sandbox", "cli", "testing"}
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
PLUGIN_DOORS = {"pushgateway.vendor", "pushgateway.rules", "pushgateway.text"}
PLUGIN_SANDBOX_DOORS = {"pushgateway.sandbox", "pushgateway.testing"}


@attrs.frozen
class Import:
    """One name that a module imports. `typing_only` when it stands under `if TYPE_CHECKING`."""

    line: int
    module: str
    name: str | None
    typing_only: bool
    relative: bool


def imports(text: str) -> Iterator[Import]:
    """Every import of a module, inside of functions too."""
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
    """What a module calls, as it is written there: `asyncio.open_connection`, `datetime.now`."""
    return {ast.unparse(node.func) for node in ast.walk(ast.parse(text)) if isinstance(node, ast.Call)}


def room(module: str) -> str:
    """The room of a module of the core: `pushgateway.cli.send` -> `cli`, `pushgateway` -> `__init__`."""
    parts = module.split(".")
    return parts[1] if len(parts) > 1 else "__init__"


def target(found: Import) -> str | None:
    """The room of the core that an import reaches, None for what is not ours."""
    if found.module == "pushgateway" and found.name in FLOORS:
        return found.name
    return room(found.module) if found.module.split(".")[0] == "pushgateway" else None


def floor_faults(module: str, text: str) -> list[str]:
    """A sentence for each import that does not go down."""
    here = room(module)
    if here not in FLOORS:
        return [f"{module} has no floor: add {here!r} to FLOORS in tests/test_house.py and to CONTRIBUTING.md"]
    faults = []
    for found in imports(text):
        there = target(found)
        where = f"{module}:{found.line}"
        if found.relative:
            faults.append(f"{where} imports relatively: write the whole name, so that the floors can be read")
        elif there is None or there == here:
            continue
        elif there not in FLOORS:
            faults.append(f"{where} imports {there}, which has no floor: add it to FLOORS in tests/test_house.py")
        elif FLOORS[there] > min(FLOORS[here], 4) and there not in BESIDE.get(here, set()):
            faults.append(f"{where} imports {there} (floor {FLOORS[there]}) from floor {FLOORS[here]}: go down only")
        elif REACH.get(here, 5) < FLOORS[there] < 5:
            faults.append(
                f"{where} imports {there} (floor {FLOORS[there]}); {here} stands on floors 0 to {REACH[here]}"
            )
        elif here == "errors" and not found.typing_only:
            faults.append(f"{where} imports {there} at run time: errors is the lowest, only under TYPE_CHECKING")
    return faults


def circles(modules: Mapping[str, str]) -> list[str]:
    """A sentence when rooms below the top floor import each other in a circle."""
    graph: dict[str, set[str]] = {}
    for module, text in modules.items():
        here = room(module)
        reached = {there for found in imports(text) if not found.typing_only and (there := target(found))}
        graph.setdefault(here, set()).update(there for there in reached - {here} if FLOORS.get(there, 5) < 5)
    try:
        graphlib.TopologicalSorter(graph).prepare()
    except graphlib.CycleError as error:
        return [f"these import each other in a circle: {' -> '.join(error.args[1])}"]
    return []


def network_faults(module: str, text: str) -> list[str]:
    """A sentence for each way to the network, for a room that may not have one."""
    modules = {name for found in imports(text) for name in (found.module, f"{found.module}.{found.name}")}
    used = modules & NETWORK | {call for call in calls(text) if call.split(".")[-1] in STREAMS}
    return [f"{module} uses {name}: only transport.py has a network" for name in sorted(used)]


def purity_faults(module: str, text: str) -> list[str]:
    """A sentence for each clock, random source or thread in a module that must be pure."""
    roots = dict.fromkeys(found.module.split(".")[0] for found in imports(text))
    faults = [f"{module} imports {name}: it is pure, hand clock and random in" for name in roots if name in IMPURE]
    clocks = sorted(call for call in calls(text) if ".".join(call.split(".")[-2:]) in CLOCKS)
    return faults + [f"{module} calls {call}(): it is pure, hand the time in" for call in clocks]


def plugin_faults(module: str, text: str) -> list[str]:
    """A sentence for each import of ours that a plug-in may not rely on."""
    in_sandbox = any(part.startswith("sandbox") for part in module.split("."))
    doors = PLUGIN_DOORS | PLUGIN_SANDBOX_DOORS if in_sandbox else PLUGIN_DOORS
    faults = []
    for found in imports(text):
        name = f"{found.module}.{found.name}" if found.module == "pushgateway" else found.module
        if found.module.split(".")[0] == "pushgateway" and ".".join(name.split(".")[:2]) not in doors:
            faults.append(f"{module}:{found.line} imports {name}: a plug-in uses {', '.join(sorted(doors))}")
    return faults


def test_imports_go_down(core: Mapping[str, str]) -> None:
    """A room knows the floors below it and nothing above."""
    faults = [fault for module, text in core.items() for fault in floor_faults(module, text)]

    assert faults == []


def test_no_circles(core: Mapping[str, str]) -> None:
    """Rooms of one floor may know each other in one direction only."""
    assert circles(core) == []


def test_upward_imports_are_seen() -> None:
    """The floor guard sees every way of importing, hidden ones too, and lets the ways down pass."""
    cases = {
        ("pushgateway.model", "import pushgateway.errors"): 0,
        ("pushgateway.model", "import pushgateway.vendor"): 1,
        ("pushgateway.vendor", "from pushgateway import lane"): 1,
        ("pushgateway.lane", "def f():\n    from pushgateway.gateway import Gateway"): 1,
        ("pushgateway.gateway", "from pushgateway import Notification"): 1,
        ("pushgateway.gateway", "from pushgateway.lane import Lane"): 0,
        ("pushgateway.batching", "from .model import Push"): 1,
        ("pushgateway.sync", "from pushgateway.gateway import Gateway"): 0,
        ("pushgateway.sync", "from pushgateway.config import load"): 1,
        ("pushgateway.cli.send", "from pushgateway.config import load"): 0,
        ("pushgateway.sandbox.server", "from pushgateway.plugins import load"): 0,
        ("pushgateway.sandbox.server", "from pushgateway.lane import Lane"): 1,
        ("pushgateway.testing.kit", "from pushgateway.sandbox import Sandbox"): 0,
        ("pushgateway.errors", "from pushgateway.model import Outcome"): 1,
        ("pushgateway.errors", "if TYPE_CHECKING:\n    from pushgateway.model import Outcome"): 0,
        ("pushgateway.attic", ""): 1,
        ("pushgateway.lane", "import pushgateway.attic"): 1,
    }

    found = {case: len(floor_faults(*case)) for case in cases}

    assert found == cases


def test_circles_are_seen() -> None:
    """Two rooms of one floor that know each other are a circle; for types alone they are none."""
    retry = "from pushgateway.limits import Breaker"
    limits = "from pushgateway.retry import Retry"
    for_types = f"if TYPE_CHECKING:\n    {limits}"

    assert len(circles({"pushgateway.retry": retry, "pushgateway.limits": limits})) == 1
    assert circles({"pushgateway.retry": retry, "pushgateway.limits": for_types}) == []


def test_one_room_has_the_network(core: Mapping[str, str], plugins: Mapping[str, str]) -> None:
    """Only the transport talks to vendors; sandboxes, the command line and the test kit may open sockets too."""
    quiet = {m: t for m, t in core.items() if room(m) not in NETWORK_ROOMS}
    quiet |= {m: t for m, t in plugins.items() if ".sandbox" not in m}
    faults = [fault for module, text in quiet.items() for fault in network_faults(module, text)]

    assert faults == []


def test_pure_rooms_are_pure(core: Mapping[str, str], plugins: Mapping[str, str]) -> None:
    """No clock, random, thread or loop in what decides and translates: it is all handed in."""
    pure = {m: t for m, t in core.items() if room(m) in PURE}
    pure |= {m: t for m, t in plugins.items() if ".sandbox" not in m}
    faults = [fault for module, text in pure.items() for fault in purity_faults(module, text)]

    assert faults == []


def test_network_and_clocks_are_seen() -> None:
    """The guards of network and purity see imports, streams and calls."""
    assert len(network_faults("m", "import httpx\nfrom urllib import request\nasyncio.open_connection()")) == 3
    assert len(purity_faults("m", "from time import monotonic\nimport random\nnow = datetime.now(UTC)")) == 3
    assert network_faults("m", "import json") == purity_faults("m", "from datetime import datetime") == []


def test_plugins_use_the_plugin_door(plugins: Mapping[str, str]) -> None:
    """A plug-in relies on the contract, the rules and the counting, and its sandbox on the sandbox kit."""
    faults = [fault for module, text in plugins.items() for fault in plugin_faults(module, text)]

    assert faults == []


def test_plugins_that_reach_inside_are_seen() -> None:
    """The core's insides and its host door are closed to plug-ins; the sandbox kit is open to sandboxes only."""
    assert len(plugin_faults("acme.vendor", "from pushgateway.model import Push\nfrom pushgateway import Gateway")) == 2
    assert len(plugin_faults("acme.vendor", "from pushgateway.sandbox import Sandbox")) == 1
    assert plugin_faults("acme.sandbox", "from pushgateway.sandbox import Sandbox") == []
    assert plugin_faults("acme.vendor", "from pushgateway import vendor\nfrom pushgateway.text import cut") == []
