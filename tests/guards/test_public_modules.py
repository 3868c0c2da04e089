"""Checks of the public names: each `__all__` is sorted and importable, and `errors.py` draws its exception tree
correctly.

`__all__` is read from the source, its names are looked up in the imported module, and the two must agree.
"""

import ast
import importlib
import re
from collections.abc import Mapping

from pushgateway.model import errors


def listed_names(text: str) -> list[str] | None:
    """The names in a module's `__all__`, None if it has none."""
    for node in ast.parse(text).body:
        if isinstance(node, ast.Assign) and ast.unparse(node.targets[0]) == "__all__":
            return list(ast.literal_eval(node.value))
    return None


def in_order(names: list[str]) -> list[str]:
    """Sorted: constants, then classes, then functions, each in alphabetical order. ruff requires the same order."""
    return sorted(names, key=lambda name: (0 if name.isupper() else 1 if name[0].isupper() else 2, name))


def drawn_tree(docstring: str) -> dict[str, str | None]:
    """The exception tree as the docstring of errors.py draws it: name -> name of its parent."""
    tree: dict[str, str | None] = {}
    branch: list[str] = []
    for line in docstring.splitlines():
        drawn = re.match(r" {4}(?P<stem>(?:│   |    )*(?:├── |└── )?)(?P<name>[A-Z][A-Za-z]+)(?: |$)", line)
        if drawn:
            branch = [*branch[: len(drawn["stem"]) // 4], drawn["name"]]
            tree[drawn["name"]] = branch[-2] if len(branch) > 1 else None
    return tree


def test_public_names_are_sorted_and_importable(core: Mapping[str, str], plugins: Mapping[str, str]) -> None:
    """Each `__all__` is in order, names nothing twice, and every name exists in the module."""
    listed = {module: names for module, text in {**core, **plugins}.items() if (names := listed_names(text))}
    disorder = {module: names for module, names in listed.items() if names != in_order(list(set(names)))}
    closed = [
        f"{module}.{name}"
        for module, names in listed.items()
        for name in names
        if not hasattr(importlib.import_module(module), name)
    ]

    assert {"pushgateway", "pushgateway.vendor"} <= listed.keys()
    assert disorder == {}
    assert closed == []


def test_the_package_itself_only_imports(core: Mapping[str, str]) -> None:
    """`pushgateway/__init__.py` contains only imports and `__all__`, and `__all__` lists exactly what it imports."""
    docstring, *body = ast.parse(core["pushgateway"]).body
    others = [ast.unparse(node) for node in body if not isinstance(node, ast.ImportFrom)]
    brought = [alias.asname or alias.name for node in body if isinstance(node, ast.ImportFrom) for alias in node.names]

    assert ast.unparse(docstring).strip("\"'")
    assert [text.split(" ")[0] for text in others] == ["__all__"]
    assert in_order(brought) == listed_names(core["pushgateway"])


def tree_of(kind: type) -> set[type]:
    """A class and all its subclasses, at every depth."""
    return {kind}.union(*map(tree_of, kind.__subclasses__()))


def test_the_error_tree_is_drawn_as_it_is(core: Mapping[str, str]) -> None:
    """The tree at the top of errors.py has each exception of the project below its real parent, wherever it is
    defined.
    """
    for module in core:
        if not module.endswith("__main__"):
            importlib.import_module(module)
    classes = {item for item in tree_of(errors.PushgatewayError) if item.__module__ in core}
    real = {item.__name__: next((b.__name__ for b in item.__bases__ if b in classes), None) for item in classes}

    assert drawn_tree(ast.get_docstring(ast.parse(core["pushgateway.model.errors"]), clean=False) or "") == real


def test_a_wrong_drawing_is_seen() -> None:
    """A drawing is parsed line by line: names, parents and depth. A second base class in brackets is ignored."""
    drawing = """Title.

    Root
    ├── Left        (ValueError)    text
    └── Right                       More text
        └── Leaf
            └── Tip                 text
    """

    assert drawn_tree(drawing) == {"Root": None, "Left": "Root", "Right": "Root", "Leaf": "Right", "Tip": "Leaf"}


def test_order_is_constants_classes_functions() -> None:
    """The sorted order does not depend on the order of the input."""
    assert in_order(["send", "Vendor", "A_LIMIT", "Access", "code", "B_LIMIT"]) == [
        "A_LIMIT",
        "B_LIMIT",
        "Access",
        "Vendor",
        "code",
        "send",
    ]
