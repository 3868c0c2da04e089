"""Rules for all sources: forbidden calls and names, the length of functions, docstrings, and what a test must contain.

Each guard is a pure function from a source to sentences, one for each fault, and has a test that shows that it can
fail.
"""

import ast
import re
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path

FUNCTION_LINES = 60
FORBIDDEN_CALLS = {
    "asyncio.wait_for": "swallows a cancellation on Python 3.11: use asyncio.timeout",
    "time.sleep": "blocks the loop: hand the clock in",
    "eval": "runs text",
    "exec": "runs text",
}
FORBIDDEN_MODULES = {"pickle", "marshal", "shelve", "dill"}
FORBIDDEN_NAMES = {"CERT_NONE", "_create_unverified_context"}
NOT_SWITCHED_OFF = {"verify", "ssl", "check_hostname"}
CLASS_NAMES = re.compile(r"(Manager|Helper|Util|Utils)$")
FUNCTION_NAMES = re.compile(r"_*(handle|process|do)_")
NAMED_ELSEWHERE = {"handle_async_request"}
"""Method names that a library prescribes: httpx for its transports."""
SKIPPING = {"skip", "skipif", "xfail", "importorskip"}
ASSERTING = re.compile(r"(raises|warns|fail)$|(^|\.)(assert|check)_\w+$")

Function = ast.FunctionDef | ast.AsyncFunctionDef


def functions(tree: ast.AST) -> Iterator[Function]:
    """Every function and method, nested ones included."""
    yield from (node for node in ast.walk(tree) if isinstance(node, Function))


def switched_off(node: ast.AST) -> str | None:
    """The name of the certificate check that this node switches off, or None."""
    if isinstance(node, ast.keyword) and node.arg in NOT_SWITCHED_OFF:
        name, value = node.arg, node.value
    elif isinstance(node, ast.Assign) and isinstance(node.targets[0], ast.Attribute):
        name, value = node.targets[0].attr, node.value
    else:
        return None
    return name if name in NOT_SWITCHED_OFF and isinstance(value, ast.Constant) and value.value is False else None


def word_faults(source: str, text: str) -> list[str]:
    """A sentence for each forbidden call, import or name."""
    faults = []
    for node in ast.walk(ast.parse(text)):
        where = f"{source}:{getattr(node, 'lineno', '?')}"
        if isinstance(node, ast.Call) and (call := ast.unparse(node.func)) in FORBIDDEN_CALLS:
            faults.append(f"{where} calls {call}, which {FORBIDDEN_CALLS[call]}")
        elif isinstance(node, ast.Import | ast.ImportFrom):
            brought = {alias.name for alias in node.names} | {getattr(node, "module", None)}
            faults += [f"{where} imports {name}, which runs what it reads" for name in brought & FORBIDDEN_MODULES]
            whole = {f"{getattr(node, 'module', None)}.{alias.name}" for alias in node.names}
            faults += [f"{where} imports {name} by its short name" for name in sorted(whole & FORBIDDEN_CALLS.keys())]
        elif isinstance(node, ast.Name | ast.Attribute) and ast.unparse(node).split(".")[-1] in FORBIDDEN_NAMES:
            faults.append(f"{where} does not check certificates")
        elif name := switched_off(node):
            faults.append(f"{where} switches {name} off")
    return faults


def print_faults(source: str, text: str) -> list[str]:
    """A sentence for each `print`: a library reports through logging and observers."""
    printing = [n for n in ast.walk(ast.parse(text)) if isinstance(n, ast.Call) and ast.unparse(n.func) == "print"]
    return [f"{source}:{node.lineno} prints: only the command line does" for node in printing]


def length_faults(source: str, text: str) -> list[str]:
    """A sentence for each function that is too long to be read at once. Files are split where their subject
    changes, so their length is not checked.
    """
    faults = []
    for function in functions(ast.parse(text)):
        work = function.body[1:] if ast.get_docstring(function) else function.body
        # Signature and docstring are not counted: a constructor with twenty options has to name each.
        lines = (function.end_lineno or function.lineno) - work[0].lineno + 1 if work else 0
        if lines > FUNCTION_LINES:
            faults.append(f"{source}: {function.name} has {lines} lines, more than {FUNCTION_LINES}")
    return faults


def name_faults(source: str, text: str) -> list[str]:
    """A sentence for each name that does not say what the thing is, and for a file without a docstring."""
    tree = ast.parse(text)
    classes = [node.name for node in ast.walk(tree) if isinstance(node, ast.ClassDef)]
    faults = [f"{source}: class {name} says nothing" for name in classes if CLASS_NAMES.search(name)]
    names = [function.name for function in functions(tree) if function.name not in NAMED_ELSEWHERE]
    faults += [f"{source}: function {name} says nothing" for name in names if FUNCTION_NAMES.match(name)]
    return faults if ast.get_docstring(tree) else [*faults, f"{source} does not open with a docstring"]


def proof_faults(source: str, text: str) -> list[str]:
    """A sentence for each test without a docstring, without an assertion, or with a mark that may skip it."""
    tree = ast.parse(text)
    faults = []
    for function in functions(tree):
        if not function.name.startswith("test_"):
            continue
        called = [ast.unparse(node.func) for node in ast.walk(function) if isinstance(node, ast.Call)]
        asserts = any(isinstance(node, ast.Assert) for node in ast.walk(function))
        if not ast.get_docstring(function):
            faults.append(f"{source}: {function.name} does not say which truth it protects")
        if not asserts and not any(ASSERTING.search(call) for call in called):
            faults.append(f"{source}: {function.name} asserts nothing")
    skips = {ast.unparse(node) for node in ast.walk(tree) if isinstance(node, ast.Attribute) and node.attr in SKIPPING}
    return faults + [f"{source}: {skip} leaves a test out" for skip in sorted(skips) if skip.startswith("pytest.")]


def all_faults(guard: Callable[[str, str], list[str]], *groups: Mapping[str, str]) -> list[str]:
    """The sentences of one guard for all sources of these groups."""
    return [fault for group in groups for source, text in group.items() for fault in guard(source, text)]


def test_nothing_forbidden(core: Mapping[str, str], plugins: Mapping[str, str], suites: Mapping[str, str]) -> None:
    """No source swallows a cancellation, blocks the loop, executes text or skips certificate checks; nor do tests."""
    assert all_faults(word_faults, core, plugins, suites) == []


def test_only_the_command_line_prints(core: Mapping[str, str], plugins: Mapping[str, str]) -> None:
    """A library that prints would mix its text into its host's output."""
    library = {module: text for module, text in core.items() if not module.startswith("pushgateway.cli")}

    assert all_faults(print_faults, library, plugins) == []


def test_functions_are_short(core: Mapping[str, str], plugins: Mapping[str, str], suites: Mapping[str, str]) -> None:
    """No function body has more than `FUNCTION_LINES` lines."""
    assert all_faults(length_faults, core, plugins, suites) == []


def test_names_say_what_things_are(core: Mapping[str, str], plugins: Mapping[str, str]) -> None:
    """No class or function has a name such as Manager or `do_…`, and every module has a docstring."""
    assert all_faults(name_faults, core, plugins) == []


def test_tests_state_and_prove_a_truth(suites: Mapping[str, str]) -> None:
    """Every test has a docstring, asserts something, and is never skipped."""
    assert all_faults(proof_faults, suites) == []


def test_forbidden_things_are_seen() -> None:
    """Each forbidden thing gives one sentence, in whatever form it is written."""
    cases = {
        "asyncio.wait_for(task, 1)": 1,
        "from asyncio import wait_for": 1,
        "time.sleep(1)": 1,
        "eval(text)": 1,
        "import pickle": 1,
        "from pickle import loads": 1,
        "Client(verify=False)": 1,
        "connect(ssl=False)": 1,
        "context.check_hostname = False": 1,
        "context.verify_mode = ssl.CERT_NONE": 1,
        "Client(verify=context)": 0,
        "asyncio.timeout(1)": 0,
        "asyncio.sleep(0)": 0,
    }

    assert {text: len(word_faults("m", text)) for text in cases} == cases
    assert len(print_faults("m", "print(1)")) == 1


def test_lengths_are_seen_at_the_limit() -> None:
    """A function of exactly the limit passes, one line more does not."""
    body = 'def f(\n    a,\n):\n    """What it says."""\n' + "    x = 1\n" * FUNCTION_LINES

    assert length_faults("m", "x = 1\n" * 10_000) == length_faults("m", body) == []
    assert len(length_faults("m", body + "    x = 1\n")) == 1


def test_empty_names_and_tests_are_seen() -> None:
    """Names without meaning, tests that prove nothing and skipped tests give one sentence each."""
    assert len(name_faults("m", '"""Law."""\nclass PushManager: ...\ndef handle_push(): ...')) == 2
    assert len(name_faults("m", "class Push: ...")) == 1
    assert len(proof_faults("t", "def test_a(): pass")) == 2
    assert len(proof_faults("t", '@pytest.mark.skip\ndef test_a():\n    """T."""\n    assert 1')) == 1
    assert proof_faults("t", 'def test_a():\n    """T."""\n    with pytest.raises(ValueError): f()') == []


def test_no_path_of_one_machine(root: Path) -> None:
    """Sources and documents contain no absolute path of a home folder."""
    texts = [path for kind in ("py", "md", "toml", "ini") for path in root.glob(f"[!.]*/**/*.{kind}")]
    homes = re.compile(r"(?<![\w./<-])/(home|root|Users)/\w")
    mine = Path(__file__).resolve()
    found = [path.name for path in [*texts, *root.glob("*.md")] if homes.search(path.read_text("utf-8"))]

    assert mine in texts
    assert found == []
