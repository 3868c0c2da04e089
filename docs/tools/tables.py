"""Generates tables of the documents: codes, fields, quotas and calls of the vendors, what each brand supports, every
figure of the benchmarks, and the tutorial's files with the promises that they keep.

The sources are `rules.toml`, the plug-ins themselves (`support_tables`), `measured.json`, the conformance kit and
`examples/acme`. A page shows a table between the markers `<!-- table: name -->` and `<!-- end -->`, in the language of
the page. The tests compare, this file writes:

    python docs/tools/tables.py --write    rewrites every generated table of both languages
    python docs/tools/tables.py            names the tables that are out of date
"""

import functools
import json
import re
import sys
from collections.abc import Callable, Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any, cast

import attrs
from pushgateway_honor.replies import RULES as HONOR
from pushgateway_huawei.harmony import RULES as HARMONY
from pushgateway_huawei.huawei import RULES as HUAWEI
from pushgateway_meizu.replies import RULES as MEIZU
from pushgateway_oppo import Oppo
from pushgateway_oppo.notification import RULES
from pushgateway_oppo.pictures import KINDS, sizes
from pushgateway_vivo.replies import RULES as VIVO
from pushgateway_xiaomi import settings as xiaomi_settings

from pushgateway.certificates.plugins import installed
from pushgateway.sandbox.find import SANDBOXES, find_sandbox
from pushgateway.sandbox.kit.ruled import RuledSandbox
from pushgateway.testing.conformance import PROMISES, PluginConformance
from pushgateway.testing.conformance.runner import scenarios
from pushgateway.vendor import Intent, Secret
from pushgateway.vendor.rules import CodeRule, Dialect, FieldRule, Operation, Row, Rules

sys.path.append(str(Path(__file__).resolve().parents[2] / "benchmarks"))  # they format their own figures

import page as benchmarks
import support_tables
from words import LANGUAGES, MissingWordsError, Translate, words

ROOT = Path(__file__).resolve().parents[2]
EXAMPLE = ROOT / "examples" / "acme"
TUTORIAL = (
    "pyproject.toml",
    "pushgateway_acme/rules.toml",
    "pushgateway_acme/vendor.py",
    "pushgateway_acme/sandbox.py",
    "tests/test_acme.py",
)
BLOCKS = {".py": "py", ".toml": "toml"}
"""The language of a code block by the suffix of the file. Not `python`: blocks of that name are run as one program,
but these are files of a package, which is tested by itself."""
SPECIAL = {
    "expired": "the core logs in again and repeats once; after that `CREDENTIALS`",
    "clock": "the core corrects its clock and repeats the login once; after that `CREDENTIALS`",
    "repeated": "`ACCEPTED` with `repeated=True`; with an id that you gave to the push itself: `INVALID_NOTIFICATION`",
    "copy": "none: the first one counts",
    "partial": "each token ends by its own reason",
}
ABOUTS = {"request": "the call", "target": "one target", "content": "the content", "saved": "the saved content"}
"""What a code applies to, by its scope."""


def table(heads: Sequence[str], rows: Iterable[Sequence[str]], translate: Translate = str) -> str:
    """A Markdown table, each cell translated into the language of the page."""
    lines = [list(map(translate, heads)), ["---"] * len(heads), *(list(map(translate, row)) for row in rows)]
    return "\n".join(f"| {' | '.join(cells)} |" for cells in lines)


def code_rows(rules: Rules) -> Iterable[tuple[str, ...]]:
    """The return codes of a vendor in the order of `rules.toml`."""
    for code, rule in rules.codes.items():
        if rule.reason != "accepted":
            reason = SPECIAL.get(rule.reason, f"`{rule.reason}`")
            about = ABOUTS.get(rule.scope, "the call")
            dialects = "both" if len(rule.dialects) == len(rules.dialects) else ", ".join(rule.dialects)
            yield f"`{code}`", reason, about, rule.meaning, rule.advice or "–", dialects


def limit(rule: FieldRule | None) -> str:
    """What a dialect allows in a field, in the unit of the host."""
    if rule is None:
        return "–"
    if rule.choices:
        return ", ".join(f"`{one}`" if str(one).isidentifier() else str(one) for one in rule.choices)
    unit = {"text": "characters", "texts": "characters", "json": "characters of JSON"}.get(rule.kind, rule.unit)
    unit = "bytes" if rule.counts == "bytes" else unit
    least, most = (
        None if one is None else one if rule.scale == 1 else int(one * rule.scale) for one in (rule.min, rule.max)
    )
    more = "".join(f"; {other} with `{condition}`" for condition, other in rule.max_when.items())
    if most is None:
        kinds = {"bool": "true, false", "time": "a moment", "text": "any text, not empty"} | dict.fromkeys(
            ("json", "object", "texts"), "JSON"
        )
        return kinds.get(rule.kind) or ("any number" if least is None else f"{least} or more {unit}".strip())
    bounds = f"{least} to {most}" if least else f"at most {most}"
    return f"{bounds} {unit}{more}".replace(" ;", ";").strip()


def scope(rule: FieldRule) -> str:
    """The calls in which a field may be used."""
    if rule.scope == "message" and not rule.audiences:
        return "single pushes"
    where = "broadcasts" if rule.scope == "broadcast" else "all"
    if not rule.audiences:
        return where
    *some, last = rule.audiences
    kinds = f"{', '.join(some)} and {last}" if some else last
    return f"broadcasts to {kinds}" if rule.scope == "broadcast" else f"single pushes, broadcasts to {kinds}"


def field_rows(old: Dialect | None, new: Dialect) -> Iterable[tuple[str, ...]]:
    """The fields of a notification, in both dialects if there are two. Without an older dialect, fields of which
    everything else is equal share a line."""
    shared: dict[tuple[str, ...], list[str]] = {}
    for name, rule in new.fields.items():
        called = f"`{rule.says.partition('.')[0]}`" if rule.says else "by `overrides`"
        beyond = "cut" if rule.past == "cut" else "refused"
        if rule.max is None and not rule.choices:
            beyond = "–"
        if old is not None:
            yield called, f"`{name}`", scope(rule), limit(old.fields.get(name)), limit(rule), beyond
        else:
            shared.setdefault((called, scope(rule), limit(rule), beyond), []).append(f"`{name}`")
    for (called, *others), names in shared.items():
        yield called, ", ".join(names), *others


def quota_rows(rules: Rules, dialect: str) -> Iterable[tuple[str, ...]]:
    """OPPO's quotas per second and per day, and whether a certificate keeps to each by default."""
    certificate = Oppo(app_key="key", master_secret=Secret("secret"), dialect=dialect)
    for name, figure in rules.dialects[dialect].quotas.items():
        kept = "kept, unless you set another" if figure.value == certificate.rates.pushes else "–"
        yield f"`{name}`", f"{figure.value:,} {figure.unit}", rules.sources[figure.source].title, kept


def host_rows(rules: Rules, dialect: str) -> Iterable[tuple[str, ...]]:
    """OPPO's servers, the setting that replaces each, and how reliable the source is."""
    settings = {field.name for field in attrs.fields(Oppo)}
    for name, host in rules.dialects[dialect].hosts.items():
        setting = f"{name}_host" if f"{name}_host" in settings else "host"
        yield f"`{name}`", f"`{host.url}`", f"`{setting}`", rules.confidence(host)


def call_cell(operation: Operation | None) -> str:
    """Method and path of a call in one dialect."""
    if operation is None:
        return "–"
    if not operation.path:
        return "path not known"
    call = f"`{operation.method} {operation.path}`"
    return f"crossed out: {call}" if operation.struck_out else call


def operation_rows(rules: Rules) -> Iterable[tuple[str, ...]]:
    """OPPO's calls in both dialects; host and reliability are those of the current one."""
    old, new = rules.dialects["v1.3"].operations, rules.dialects["current"].operations
    for name, operation in new.items():
        row = f"`{name}`", call_cell(old.get(name)), call_cell(operation)
        yield *row, f"`{operation.host or 'cn'}`", rules.confidence(operation)


def picture_rows(rules: Rules) -> Iterable[tuple[str, ...]]:
    """What OPPO accepts as a picture."""
    facts = rules.dialects["current"]
    for kind in KINDS:
        pixels = " or ".join(f"{width}×{height}" for width, height in sizes(kind, facts))
        yield f'`"{kind}"`', pixels, f"at most {facts.number(f'{kind}_picture_bytes'):,} bytes"


def uncertain_rows(rules: Rules) -> Iterable[tuple[str, ...]]:
    """Every row of the rules that is not `documented`. Rows of one section with the same note share a line."""
    sections: list[tuple[str, Mapping[str, Row]]] = [("codes", rules.codes)]
    for key, dialect in rules.dialects.items():
        for field in attrs.fields(Dialect):
            rows = getattr(dialect, field.name)
            if isinstance(rows, Mapping):
                sections.append((f"{key}.{field.name}", rows))
    for section, rows in sections:
        groups: dict[tuple[str, str], list[str]] = {}
        for name, row in rows.items():
            if (sure := rules.confidence(row)) != "documented":
                groups.setdefault((sure, row.note or "–"), []).append(f"`{name}`")
        for (sure, note), names in groups.items():
            yield f"`{section}`", ", ".join(names), sure, note


def oppo(translate: Translate, rules: Rules = RULES) -> dict[str, str]:
    """The tables of OPPO's rules."""
    codes = ("code", "reason", "applies to", "OPPO means", "what to do", "dialects")
    fields = ("ours", "OPPO's field", "for", "`v1.3`", "`current`", "beyond the limit")
    return {
        "codes": table(codes, code_rows(rules), translate),
        "fields": table(fields, field_rows(rules.dialects["v1.3"], rules.dialects["current"]), translate),
        "quotas": table(("figure", "is", "by", "here"), quota_rows(rules, "current"), translate),
        "hosts": table(("host", "URL", "setting", "how sure"), host_rows(rules, "current"), translate),
        "operations": table(
            ("call", "`v1.3`", "`current`", "current host", "how sure"), operation_rows(rules), translate
        ),
        "pictures": table(("kind", "pixels", "size"), picture_rows(rules), translate),
        "uncertain": table(("section", "rows", "how sure", "note"), uncertain_rows(rules), translate),
    }


def event_rows(dialect: Dialect) -> Iterable[tuple[str, ...]]:
    """What a vendor reports by receipt."""
    for name, event in dialect.events.items():
        yield f"`{name}`", f"`{event.kind}`", event.meaning


def facts_of(translate: Translate, rules: Rules, dialect: str, event: str) -> dict[str, str]:
    """The tables of a vendor's fields, quotas, hosts, calls and receipts. `event`: how it calls a kind of receipt."""
    facts = rules.dialects[dialect]
    hosts = [(f"`{name}`", f"`{host.url}`", rules.confidence(host)) for name, host in facts.hosts.items()]
    quotas = [(f"`{name}`", f"{one.value:,} {one.unit}", rules.confidence(one)) for name, one in facts.quotas.items()]
    calls = [(f"`{name}`", call_cell(one), rules.confidence(one)) for name, one in facts.operations.items()]
    fields = ("ours", f"{rules.title}'s field", "for", "limit", "beyond the limit")
    return {
        "fields": table(fields, field_rows(None, facts), translate),
        "quotas": table(("figure", "is", "how sure"), quotas, translate),
        "hosts": table(("host", "URL", "how sure"), hosts, translate),
        "operations": table(("call", "path", "how sure"), calls, translate),
        "receipts": table((event, "kind", "means"), event_rows(facts), translate),
    }


def xiaomi(translate: Translate) -> dict[str, str]:
    """The tables of Xiaomi's rules."""
    rules = xiaomi_settings.RULES
    codes = [row[:-1] for row in code_rows(rules)]
    return {
        "codes": table(("code", "reason", "applies to", "Xiaomi means", "what to do"), codes, translate),
        **facts_of(translate, rules, "current", "type"),
        "uncertain": table(("section", "rows", "how sure", "note"), uncertain_rows(rules), translate),
    }


def honor(translate: Translate) -> dict[str, str]:
    """The tables of Honor's rules. Most of its facts have one source or none, so each code says how sure it is."""
    sure = {name: HONOR.confidence(row) for name, row in (HONOR.codes | HONOR.target_codes).items()}
    codes = [(*row[:-1], sure[row[0].strip("`")]) for row in code_rows(HONOR)]
    lists = [
        (f"`{name}`", f"`{row.reason}`", row.meaning, row.advice, sure[name])
        for name, row in HONOR.target_codes.items()
    ]
    means = ("Honor means", "what to do", "how sure")
    return {
        **facts_of(translate, HONOR, "v1", "status"),
        "codes": table(("code", "reason", "applies to", *means), codes, translate),
        "lists": table(("list", "reason", *means), lists, translate),
    }


def meizu(translate: Translate) -> dict[str, str]:
    """The tables of Meizu's rules. A code may mean one thing for a request and another for one target."""
    targets = [
        (f"`{name}`", f"`{row.reason}`", row.meaning, row.advice or "–") for name, row in MEIZU.target_codes.items()
    ]
    means = ("Meizu means", "what to do")
    return {
        **facts_of(translate, MEIZU, "current", "type"),
        "codes": table(("code", "reason", "applies to", *means), [row[:-1] for row in code_rows(MEIZU)], translate),
        "targets": table(("code", "reason", *means), targets, translate),
    }


def vivo(translate: Translate) -> dict[str, str]:
    """The tables of vivo's rules: the codes of calls, those of logins, and the statuses of tokens."""
    means = ("vivo means", "what to do")
    logins, statuses = (
        [
            (f"`{name}`", SPECIAL.get(row.reason, f"`{row.reason}`"), row.meaning, row.advice)
            for name, row in rows.items()
        ]
        for rows in (VIVO.login_codes, VIVO.target_codes)
    )
    return {
        **facts_of(translate, VIVO, "v2", "event"),
        "codes": table(("code", "reason", "applies to", *means), [row[:-1] for row in code_rows(VIVO)], translate),
        "logins": table(("code", "reason", *means), logins, translate),
        "statuses": table(("status", "reason", *means), statuses, translate),
    }


PUSH_KIT: Mapping[str, Rules] = {"huawei": HUAWEI, "harmony": HARMONY}
"""The rules of both brands of Push Kit."""


def push_kit_rows(table_name: str) -> Iterable[tuple[str, ...]]:
    """The codes of both brands, each once for a reason, and the brands that have it."""
    found: dict[tuple[str, str], tuple[CodeRule, list[str]]] = {}
    for brand, rules in PUSH_KIT.items():
        for code, rule in getattr(rules, table_name).items():
            found.setdefault((code, rule.reason), (rule, []))[1].append(f"`{brand}`")
    for (code, _), (rule, brands) in sorted(found.items(), key=lambda item: item[0]):
        reason = SPECIAL.get(rule.reason, f"`{rule.reason}`")
        if rule.reason != "accepted":
            yield f"`{code}`", reason, ABOUTS[rule.scope], rule.meaning, ", ".join(brands)


def huawei(translate: Translate) -> dict[str, str]:
    """The tables of both brands of Push Kit."""
    heads = ("code", "reason", "applies to", "Huawei means", "brand")
    quotas = [
        (f"{figure.value:,} {figure.unit}", f"`{brand}`", rules.confidence(figure))
        for brand, rules in PUSH_KIT.items()
        for figure in next(iter(rules.dialects.values())).quotas.values()
    ]
    (facts,) = HUAWEI.dialects.values()
    events = [(f"`{name}`", f"`{row.kind}`", row.meaning) for name, row in facts.events.items()]
    return {
        "codes": table(heads, push_kit_rows("codes"), translate),
        "reasons": table(("Huawei's reason", *heads[1:]), push_kit_rows("target_codes"), translate),
        "quotas": table(("is", "brand", "how sure"), quotas, translate),
        "receipts": table(("status", "kind", "means"), events, translate),
    }


def class_rows(brands: Sequence[str]) -> Iterable[tuple[str, ...]]:
    """What each intent becomes at each brand, without settings: the vendor's class, in bold where it is private."""
    dialects = [_dialect_with_intents(brand) for brand in brands]
    for intent in Intent:
        yield f"`{intent.value}`", *(_class_cell(facts, intent.value) for facts in dialects)


def _dialect_with_intents(brand: str) -> Dialect:
    """The rules of a brand, in the first dialect that knows intents; without such a one, in the first."""
    dialects = list(cast("type[RuledSandbox]", find_sandbox(brand)).rules.dialects.values())
    return next((facts for facts in dialects if facts.intents), dialects[0])


def _class_cell(facts: Dialect, intent: str) -> str:
    rule = facts.intents.get(intent)
    if rule is None:
        return "–"
    category = facts.categories.get(rule.category)
    words = [f"`{rule.category}`"] if rule.category else []
    words += [f"`{name.rpartition('.')[2]}` {value}" for name, value in rule.fields.items()]
    text = ", ".join(words)
    return f"**{text}**" if category is not None and category.private else text


def brands_page(translate: Translate) -> dict[str, str]:
    """The classes of all brands."""
    brands = sorted(set(installed()) & set(installed(SANDBOXES)))
    return {"classes": table(("intent", *(f"`{brand}`" for brand in brands)), class_rows(brands), translate)}


def measured() -> dict[str, Any]:
    """The last run of the benchmarks."""
    return dict(json.loads(benchmarks.MEASURED.read_text("utf-8")))


def performance(translate: Translate, run: Mapping[str, Any] | None = None) -> dict[str, str]:
    """The tables of a benchmark run, by default the last one."""
    return dict(benchmarks.slots(measured() if run is None else run, translate))


def plugin(translate: Translate) -> dict[str, str]:
    """The files of the tutorial's plug-in, and the promises that the conformance kit checks."""
    judged: dict[str, list[str]] = {key: [] for key in PROMISES}
    for scenario in scenarios(PluginConformance):
        judged[scenario.promise.key].append(f"`{scenario.name}`")
    rows = [(f"`{promise.key}`", promise.text, ", ".join(judged[promise.key])) for promise in PROMISES.values()]
    files = {path.name: path for path in map(EXAMPLE.joinpath, TUTORIAL)}
    blocks = {name: f"```{BLOCKS[path.suffix]}\n{path.read_text('utf-8')}```" for name, path in files.items()}
    return {"promises": table(("promise", "says", "scenarios"), rows, translate), **blocks}


MAKERS: Mapping[str, Callable[[Translate], dict[str, str]]] = {
    "brands.md": brands_page,
    "honor.md": honor,
    "huawei.md": huawei,
    "meizu.md": meizu,
    "oppo.md": oppo,
    "performance.md": performance,
    "vivo.md": vivo,
    "writing-a-plugin.md": plugin,
    "xiaomi.md": xiaomi,
}
"""By page: the function that makes its tables."""
README, SUPPORT = "README.md", "support.md"


def pages() -> Sequence[str]:
    """Every page with generated tables."""
    return [README, *sorted({SUPPORT, *MAKERS, *support_tables.pages().values()})]


def path_of(page: str, language: str) -> Path:
    """The file of a page in a language."""
    if page == README:
        return ROOT / (README if language == "en" else f"README.{language}.md")
    return ROOT / "docs" / language / page


@functools.cache
def made(page: str, language: str = "en") -> Mapping[str, str]:
    """The generated tables of a page by name; empty if the page has none. Raises `MissingWordsError`."""
    translations = words(language, page)
    tables = make(page, language, translations.translate)
    translations.check()
    return tables


def make(page: str, language: str, translate: Translate) -> dict[str, str]:
    """The generated tables of a page, translated by `translate`."""
    own = support_tables.translated(language, translate)
    if page == README:
        return support_tables.readme(own, language)
    if page == SUPPORT:
        return support_tables.support(own)
    return {**(MAKERS[page](translate) if page in MAKERS else {}), **support_tables.of_page(page, own)}


def between(text: str, name: str) -> str:
    """The text between the markers `<!-- table: name -->` and `<!-- end -->`."""
    found = re.search(rf"<!-- table: {re.escape(name)} -->\n(.*?)\n?<!-- end -->", text, re.DOTALL)
    return found[1].strip() if found else ""


def filled(text: str, tables: Mapping[str, str]) -> str:
    """The page with these tables between their markers; everything else is unchanged."""
    for name, right in tables.items():
        marker = re.escape(f"<!-- table: {name} -->\n")
        text = re.sub(rf"({marker}).*?(<!-- end -->)", lambda found: f"{found[1]}{right}\n{found[2]}", text, flags=re.S)  # noqa: B023
    return text


def stale(page: str, language: str) -> list[str]:
    """The names of the tables of a page that are out of date."""
    text = path_of(page, language).read_text("utf-8")
    return [name for name, right in made(page, language).items() if between(text, name) != right]


def main(arguments: list[str]) -> int:
    """Write the tables, or name those that are out of date. Returns 1 if there are any."""
    found = [(page, language) for page in pages() for language in LANGUAGES]
    try:
        for page, language in found:
            made(page, language)
    except MissingWordsError as missing:  # nothing is written
        sys.stderr.write(f"{missing}\n")
        return 1
    if arguments == ["--write"]:
        for page, language in found:
            path = path_of(page, language)
            path.write_text(filled(path.read_text("utf-8"), made(page, language)), "utf-8")
    wrong = [
        f"{path_of(page, language).relative_to(ROOT).as_posix()}: {name}"
        for page, language in found
        for name in stale(page, language)
    ]
    sys.stdout.writelines(f"{line}: python docs/tools/tables.py --write\n" for line in wrong)
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
