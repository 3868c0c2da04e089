"""The promises of a plug-in, as tests that any plug-in can take over.

A plug-in's test file is a subclass and a way to make its sandbox:

    class TestAcme(PluginConformance):
        vendor = Acme

        def make_sandbox(self, **options):
            return AcmeSandbox(**options)

        def with_wrong_secret(self, settings):
            return {**settings, "secret": "wrong"}

What fails says what was seen, which promise of the contract that is, and how to keep it.

Law of this package: nothing here knows a vendor. A plug-in is judged by what it does opposite its own sandbox, through
a real `Gateway` under virtual time (`rig`) or carried by hand (`bench`), and the sandbox's ledger is the truth.
"""

from pushgateway.testing.conformance.afterwards import BroadcastScenarios, ReceiptScenarios
from pushgateway.testing.conformance.calls import CallScenarios
from pushgateway.testing.conformance.casting import CastingScenarios
from pushgateway.testing.conformance.content import ContentScenarios
from pushgateway.testing.conformance.crowd import CrowdScenarios
from pushgateway.testing.conformance.explained import ExplainScenarios
from pushgateway.testing.conformance.place import PlaceScenarios
from pushgateway.testing.conformance.promises import PROMISES, BrokenPromiseError, Promise
from pushgateway.testing.conformance.pushing import PushScenarios
from pushgateway.testing.conformance.rig import CallSample, OverHttp, PostedSample, Sample
from pushgateway.testing.conformance.settings import SettingsScenarios
from pushgateway.testing.conformance.troubles import TroubleScenarios

__all__ = [
    "PROMISES",
    "BrokenPromiseError",
    "CallSample",
    "OverHttp",
    "PluginConformance",
    "PostedSample",
    "Promise",
    "Sample",
]


class PluginConformance(
    PlaceScenarios,
    SettingsScenarios,
    PushScenarios,
    ExplainScenarios,
    ContentScenarios,
    CrowdScenarios,
    TroubleScenarios,
    BroadcastScenarios,
    CastingScenarios,
    ReceiptScenarios,
    CallScenarios,
):
    """Subclass it in a plug-in's tests; pytest runs every scenario."""
