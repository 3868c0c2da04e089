"""The English words that neither documents nor code use, and where they stand in Python code.

Used by `docs/test_words.py` (pages, messages) and `tests/guards/test_words.py` (names, docstrings, comments). To list
what is left in some files or folders: `python docs/tools/retired_words.py pushgateway tests`.
"""

import ast
import io
import re
import sys
import tokenize
from collections.abc import Iterator
from pathlib import Path

ENGLISH = {
    r"believ\w+|belief": "verify, trust, or say what the software does",
    r"hear|hears|heard|hearing|unheard": "receive, learn",
    r"tell|tells|told|telling": "report, return, say, show",
    r"mend|mends|mended|mending": "fix, correct",
    r"breath|breaths|breathe": "yield to the event loop, checkpoint",
    r"wake|wakes|woken": "alert (a person), resume (a task)",
    r"doors?": "entry point, module, interface",
    r"rooms?": "module",
    r"houses?": "project, core",
    r"laws?": "rule, invariant",
    r"bench|benches": "queue, lock",
    r"bells?": "event, signal, timer",
    r"grains?": "step, bucket",
    r"honest|honesty": "correct, exact",
    r"strangers?": "untrusted input, newcomer",
    r"in vain": "waiting cannot help",
    r"patience": "retries, queueing",
    r"goes? its own way": "is not handled by the gateway",
    r"used-up day|day that is used up|day is used up": "the daily quota is used up",
    r"guilty|innocent": "the push that causes the refusal",
    r"nobody knows": "unknown",
}
"""Retired in documents, messages and code: pattern -> what to write."""

CODE = {
    r"crews?": "workers",
    r"errands?|desks?": "Ask, turn lock",
    r"rosters?": "lanes, list",
    r"conversations?": "session, exchange",
    r"seals?": "signature",
    r"floors?": "layer",
    r"crossings?|crossovers?|mailbox|mailboxes": "handover between threads, inbox",
    r"fates?": "outcome, what becomes of a push",
    r"sayings?": "sentence, text",
    r"company|companies": "batch, several pushes",
    r"kin|kins": "related, same kind",
    r"flights?": "delivery",
    r"cohorts?": "run",
    r"oracles?": "reference, model",
    r"thief|thieves|villains?|ghosts?|mercy|wisdom|destiny|folly|sins?|heresy": "say what it is",
}
"""Retired in code only."""

EXCEPTIONS = ("server room",)
"""Phrases in which such a word has its ordinary meaning."""

IDENTIFIER_EXCEPTIONS = frozenset({"tell", "wake", "woken", "floor"})
"""Words that names of other libraries contain: `file.tell`, `Event.wake`."""

_PROSE = re.compile("|".join(rf"\b(?:{pattern})\b" for pattern in (*ENGLISH, *CODE)), re.IGNORECASE)
_WORD = re.compile(r"[A-Z]?[a-z]+|[A-Z]+(?![a-z])")


def advice(word: str) -> str:
    """What to write instead of a retired word."""
    return next(right for pattern, right in (ENGLISH | CODE).items() if re.fullmatch(pattern, word, re.IGNORECASE))


def in_text(text: str) -> Iterator[str]:
    """The retired words of a docstring or comment, in order."""
    for phrase in EXCEPTIONS:
        text = text.replace(phrase, "")
    yield from (found[0] for found in _PROSE.finditer(re.sub(r"``?[^`\n]+``?", "", text)))


def in_name(name: str) -> Iterator[str]:
    """The retired words of an identifier in snake case or camel case, in order."""
    yield from (word for word in _WORD.findall(name) if word not in IDENTIFIER_EXCEPTIONS and _PROSE.fullmatch(word))


def in_code(source: str) -> list[str]:
    """A line for each retired word of a Python source: line number, the word, what to write."""
    strings = {
        (node.value.lineno, node.value.col_offset)
        for node in ast.walk(ast.parse(source))
        if isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant) and isinstance(node.value.value, str)
    }
    found: set[tuple[int, str]] = set()
    for token in tokenize.generate_tokens(io.StringIO(source).readline):
        if token.type == tokenize.NAME:
            found |= {(token.start[0], word) for word in in_name(token.string)}
        elif token.type == tokenize.COMMENT or token.start in strings:
            for number, line in enumerate(token.string.splitlines(), token.start[0]):
                found |= {(number, word) for word in in_text(line)}
    return [f"{line}: {word!r}: write {advice(word)}" for line, word in sorted(found)]


def main(roots: list[str]) -> int:
    """Print each retired word below files and folders; 1 when there is one."""
    paths = [path for root in map(Path, roots) for path in ([root] if root.is_file() else sorted(root.rglob("*.py")))]
    lines = [f"{path}:{line}" for path in paths for line in in_code(path.read_text("utf-8"))]
    sys.stdout.write("".join(f"{line}\n" for line in lines) + f"{len(lines)} in {len(paths)} files\n")
    return bool(lines)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
