"""How a brand's vendor class is found: each thing that can be wrong with a plug-in is one sentence, and affects no
other plug-in.

The plug-ins are distributions as pip would leave them, written into a folder on `sys.path`. What stevedore and Python
remember of earlier plug-ins is removed before each test, or kept where a test says so.
"""

import importlib
import sys
import threading
import tomllib
from collections.abc import Callable
from importlib.metadata import EntryPoint
from pathlib import Path

import pytest
from stevedore import DriverManager
from toy_vendor import Toy, ToyServer

from pushgateway import Certificate, sync
from pushgateway.certificates import plugins
from pushgateway.certificates.plugins import VENDORS, Plugins, installed, load
from pushgateway.model.errors import PluginError
from pushgateway.model.installing import PLUGINS
from pushgateway.model.outcome import Outcome
from pushgateway.model.push import Push
from pushgateway.vendor import Exchange, Request, Vendor

GOOD = """
from pushgateway.vendor import Vendor
class Acme(Vendor):
    brand = "acme"
    contract = "0.2"
    def push(self, batch):
        yield
"""

Install = Callable[..., Path]
HERE = ", ".join(installed())
"""The brands that are installed where the tests run."""


@pytest.fixture
def install(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Install:
    """A function that installs a distribution with one module and one entry point, each in a folder of its own."""
    monkeypatch.setattr(DriverManager, "ENTRY_POINT_CACHE", {})
    monkeypatch.setattr(sys, "modules", dict(sys.modules))

    def installing(name: str, source: str, *, module: str = "", entry: str = "acme", attribute: str = "Acme") -> Path:
        folder = tmp_path / name
        module = module or name.replace("-", "_")
        info = folder / f"{name.replace('-', '_')}-1.2.dist-info"
        info.mkdir(parents=True)
        (info / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {name}\nVersion: 1.2\n")
        (info / "entry_points.txt").write_text(f"[{VENDORS}]\n{entry} = {module}:{attribute}\n")
        (folder / f"{module}.py").write_text(source)
        monkeypatch.syspath_prepend(str(folder))
        importlib.invalidate_caches()
        return folder

    return installing


def refusal(brand: str = "acme") -> str:
    """The message of `Plugins` for a brand that it cannot load."""
    with pytest.raises(PluginError) as caught:
        Plugins().vendor(brand)
    return str(caught.value)


def test_a_plug_in_is_found_by_its_entry_point(install: Install) -> None:
    """An installed plug-in is found without any configuration; it is imported when its brand is first needed, and then
    kept."""
    install("acme-push", GOOD)
    found = Plugins()
    assert "acme_push" not in sys.modules
    vendor = found.vendor("acme")

    assert (vendor.__name__, vendor.__module__, vendor.brand) == ("Acme", "acme_push", "acme")
    assert found.vendor("acme") is vendor


def test_the_real_plug_in_is_found() -> None:
    """The OPPO plug-in of this repository is found in the same way."""
    assert Plugins().vendor("oppo").brand == "oppo"
    assert [entry.value for entry in installed()["oppo"]] == ["pushgateway_oppo:Oppo"]


def test_every_plug_in_of_the_repository_has_an_install_command(root: Path) -> None:
    """A brand whose plug-in is here is never called unknown because it is missing in the list of commands."""
    files = root.glob("plugins/*/pyproject.toml")
    projects = {file.parent.name: tomllib.loads(file.read_text("utf-8"))["project"] for file in files}

    brands = {brand: folder for folder, one in projects.items() for brand in one["entry-points"]["pushgateway.vendors"]}

    assert brands == PLUGINS


@pytest.mark.parametrize(
    ("brand", "ending"),
    [("opo", ": did you mean 'oppo'?"), ("xaomi", ": did you mean 'xiaomi'?"), ("nobody", ""), ("../x", "")],
)
def test_a_mistyped_brand_gets_no_install_command(brand: str, ending: str) -> None:
    """An install command for a mistyped brand could make the operator install the package of whoever registered that
    name."""
    assert refusal(brand) == f"no plug-in for brand {brand!r} is installed (there is: {HERE}){ending}"


def test_an_installed_brand_is_suggested_first(install: Install) -> None:
    """The suggestion for a mistyped brand prefers an installed brand, or a class that the host handed over, to one that
    could be installed."""
    install("meizo-push", GOOD.replace("acme", "meizo"), entry="meizo")

    here = ", ".join(sorted([*HERE.split(", "), "meizo"]))

    assert refusal("meizoo").endswith(f"is installed (there is: {here}): did you mean 'meizo'?")
    with pytest.raises(PluginError, match=rf"\(there is: acme, {here}\): did you mean 'acme'\?"):
        Plugins({"acme": Given}).vendor("acm")


@pytest.mark.parametrize(("brand", "folder"), PLUGINS.items())
def test_an_installation_without_plugins_says_so(monkeypatch: pytest.MonkeyPatch, brand: str, folder: str) -> None:
    """An empty list of brands would look like a fault of the message; the command in it is one that works today."""
    monkeypatch.setattr(plugins, "entry_points", lambda group: ())
    monkeypatch.setattr(plugins, "find_spec", lambda module: None)

    assert refusal(brand) == (
        f"no plug-in for brand {brand!r} is installed (there is: none): "
        f"pip install ./plugins/{folder} in a checkout of this project"
    )
    assert (Path(__file__).parents[2] / "plugins" / folder / "pyproject.toml").exists()


def test_a_frozen_program_gets_the_advice_to_hand_over_the_class(monkeypatch: pytest.MonkeyPatch) -> None:
    """In a program without package metadata no entry point is found though the plug-in is there, so the message does
    not say "install it" but "hand over the class"."""
    monkeypatch.setattr(plugins, "entry_points", lambda group: ())

    sentence = refusal("oppo")

    assert "pushgateway_oppo can be imported" in sentence
    assert sentence.endswith("from pushgateway_oppo import Oppo, and Gateway(…, vendors={'oppo': Oppo})")


def test_two_plugins_of_one_brand_are_both_named(install: Install) -> None:
    """Which of the two is used must not depend on the order of folders: neither is loaded until one is removed."""
    install("acme-push", GOOD)
    install("push-acme", GOOD)
    install("beta-push", GOOD.replace("acme", "beta"), entry="beta")

    assert refusal() == (
        "two plug-ins are installed for brand 'acme': acme-push 1.2 and push-acme 1.2; uninstall one of them"
    )
    assert "acme_push" not in sys.modules
    assert "push_acme" not in sys.modules
    assert Plugins().vendor("beta").brand == "beta"


def test_one_distribution_found_twice_is_one_plugin(install: Install, tmp_path: Path) -> None:
    """A distribution that is in the checkout and also installed, as every developer has it, is not refused."""
    first = install("acme-push", GOOD)
    second = first.rename(tmp_path / "elsewhere")
    install("acme-push", GOOD)
    sys.path.append(str(second))
    importlib.invalidate_caches()

    assert Plugins().vendor("acme").brand == "acme"


def test_a_plugin_that_was_just_installed_is_found(install: Install) -> None:
    """A plug-in that was installed after stevedore had read the entry points is found in the same process."""
    assert Plugins().vendor("oppo").brand == "oppo"  # stevedore has read the entry points
    install("acme-push", GOOD)

    assert Plugins().vendor("acme").brand == "acme"


def test_a_removed_second_plugin_is_forgotten(install: Install) -> None:
    """stevedore remembers two plug-ins of the brand, only one is still installed: that one is loaded."""
    install("acme-push", GOOD)
    twin = install("push-acme", GOOD)
    DriverManager(VENDORS, "oppo")  # stevedore has cached both
    sys.path.remove(str(twin))
    importlib.invalidate_caches()

    assert Plugins().vendor("acme").__module__ == "acme_push"


def test_a_plug_in_that_was_replaced_is_forgotten(install: Install) -> None:
    """stevedore remembers the old plug-in, whose module can still be imported: the installed one is loaded."""
    old = install("acme-push", GOOD)
    DriverManager(VENDORS, "oppo")  # stevedore has cached the old one
    (old / "acme_push-1.2.dist-info").rename(old / "removed")
    install("push-acme", GOOD)

    assert Plugins().vendor("acme").__module__ == "push_acme"


@pytest.mark.parametrize("known", [True, False])
@pytest.mark.parametrize(
    ("source", "cause"),
    [
        ("import a_module_that_is_not_there", "ModuleNotFoundError: No module named 'a_module_that_is_not_there'"),
        ("raise RuntimeError('no licence')", "RuntimeError: no licence"),
        ("assert False, 'never'", "AssertionError: never"),
        ("def broken(:", "SyntaxError: "),
        ("", "AttributeError: module 'acme_push' has no attribute 'Acme'"),
    ],
)
def test_a_broken_import_is_reported_with_its_cause(install: Install, source: str, cause: str, known: bool) -> None:
    """One sentence holds distribution and cause, whether stevedore or our code imports it; the exception chain keeps
    the traceback."""
    if not known:
        DriverManager(VENDORS, "oppo")
    install("acme-push", source)

    sentence = refusal()

    assert sentence.startswith("the plug-in for brand 'acme' (acme-push 1.2) could not be imported: ")
    assert cause in sentence


@pytest.mark.parametrize("source", ["Acme = 5", "Acme = None", "class Acme: brand = 'acme'", "def Acme(): ..."])
def test_a_class_that_is_not_a_vendor_is_refused(install: Install, source: str) -> None:
    """A class that only looks like a vendor would fail at the first push."""
    install("acme-push", source)

    assert refusal() == "the plug-in for brand 'acme' is not a subclass of pushgateway.vendor.Vendor"


def test_a_vendor_object_in_place_of_a_class_is_refused(install: Install) -> None:
    """The entry point must name the class; an object already has the settings of one certificate."""
    install("acme-push", GOOD + "\nacme = Acme()\n", attribute="acme")

    assert "is not a subclass" in refusal()


def test_an_unfinished_vendor_is_refused(install: Install) -> None:
    """A class with abstract methods left is refused, and the message names them."""
    install("acme-push", GOOD.replace("def push", "def pull"))

    assert refusal() == "the plug-in for brand 'acme' does not implement: push"


@pytest.mark.parametrize(
    ("line", "says"), [('brand = "beta"', "'beta'"), ("x = 1", "None"), ('brand = "ACME"', "'ACME'")]
)
def test_a_vendor_of_another_brand_is_refused(install: Install, line: str, says: str) -> None:
    """The entry point's name and the class's brand must be the same word; otherwise credentials could reach the wrong
    vendor."""
    install("acme-push", GOOD.replace('brand = "acme"', line))

    assert refusal() == f"the plug-in registered for brand 'acme' says it is for {says}"


@pytest.mark.parametrize(
    ("line", "says"),
    [
        ('contract = "0.1"', "contract 0.1"),
        ('contract = "0.20"', "contract 0.20"),
        ("x = 1", "no contract (contract = '0.2' is missing)"),
        ("contract = 0.2", "contract 0.2"),  # a number is no version
    ],
)
def test_a_vendor_of_another_contract_is_refused(install: Install, line: str, says: str) -> None:
    """A plug-in that was written for another version would fail at some push, or lose something silently."""
    install("acme-push", GOOD.replace('contract = "0.2"', line))

    assert refusal() == (
        f"the plug-in for brand 'acme' was written for {says}, this pushgateway has contract 0.2: "
        "install versions that fit each other"
    )


@pytest.mark.parametrize("source", ["import a_module_that_is_not_there", "Acme = 5", GOOD.replace("push", "pull")])
def test_a_broken_plugin_affects_its_brand_only(install: Install, source: str) -> None:
    """Other brands load before and after it, and the broken one is tried again once it is repaired."""
    install("acme-push", source)
    install("beta-push", GOOD.replace("acme", "beta"), entry="beta")
    found = Plugins()

    brands = [found.vendor("oppo").brand]
    with pytest.raises(PluginError):
        found.vendor("acme")
    brands.append(found.vendor("beta").brand)

    assert brands == ["oppo", "beta"]
    with pytest.raises(PluginError):
        found.vendor("acme")


class Given(Vendor):
    """A class handed in by the host."""

    brand = "acme"
    contract = "0.2"

    def push(self, batch: list[Push]) -> Exchange[list[Outcome]]:  # type: ignore[override]
        yield Request("POST", "https://host")
        return []


def test_a_class_that_the_host_hands_over_is_used_first(install: Install) -> None:
    """It is used in place of an installed plug-in, broken or not, without reading the entry points; other brands are
    still found."""
    install("acme-push", "raise RuntimeError")
    found = Plugins({"acme": Given})

    assert found.vendor("acme") is Given
    assert "acme_push" not in sys.modules
    assert found.vendor("oppo").brand == "oppo"


def test_the_mapping_of_the_host_is_copied() -> None:
    """Later changes of the host's mapping change nothing, and nothing is written into it."""
    given = {"acme": Given}
    found = Plugins(given)
    given.clear()

    assert found.vendor("acme") is Given
    found.vendor("oppo")
    assert given == {}


def test_listing_plugins_imports_nothing(install: Install) -> None:
    """`installed` lists a plug-in that cannot even be imported, with its distribution."""
    install("acme-push", "raise RuntimeError")

    found = installed()

    assert [(entry.value, entry.dist and entry.dist.name) for entry in found["acme"]] == [
        ("acme_push:Acme", "acme-push")
    ]
    assert "acme_push" not in sys.modules
    assert installed("pushgateway.no-such-group") == {}


def test_a_group_of_another_kind_is_loaded_the_same_way() -> None:
    """Sandboxes are found in the same way as vendors, and one is never taken for the other."""
    assert load("pushgateway.sandboxes", "oppo").__name__ == "OppoSandbox"
    with pytest.raises(PluginError, match=r"^no sandbox for brand 'opo' is installed .*did you mean 'oppo'\?$"):
        load("pushgateway.sandboxes", "opo")


def test_messages_about_a_sandbox_say_sandbox(monkeypatch: pytest.MonkeyPatch) -> None:
    """A fault of a sandbox is reported as the sandbox's: the plug-in of the brand may be in order."""
    group = "pushgateway.sandboxes"
    points = [EntryPoint(*each, group) for each in (("twin", "one:A"), ("twin", "two:A"), ("lost", "no_such_module:A"))]
    monkeypatch.setattr(plugins, "entry_points", lambda group: points)

    with pytest.raises(PluginError, match=r"^two sandboxes are installed for brand 'twin'"):
        load(group, "twin")
    with pytest.raises(PluginError, match=r"^the sandbox for brand 'lost' .*could not be imported"):
        load(group, "lost")


def test_a_sync_reload_imports_a_new_plug_in_in_the_thread_that_calls(install: Install) -> None:
    """A plug-in that is imported in the gateway's own thread could never be imported in a process that is forked
    meanwhile."""
    install("acme-push", f"import threading{GOOD}    thread = threading.current_thread()\n")
    with sync.Gateway([], transport=ToyServer(), vendors={"toy": Toy}) as gateway:
        gateway.reload([Certificate(1, "acme", {}), Certificate(2, "toy", {"secret": "x"})])
        assert [certificate.brand for certificate in gateway.certificates] == ["acme", "toy"]

    assert sys.modules["acme_push"].Acme.thread is threading.main_thread()
