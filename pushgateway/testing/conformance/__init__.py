"""The promises of a plug-in, as tests that the author of any plug-in can run.

A plug-in's test file is a subclass and a way to make its sandbox:

    class TestAcme(PluginConformance):
        vendor = Acme

        def make_sandbox(self, **options):
            return AcmeSandbox(**options)

        def with_wrong_secret(self, settings):
            return {**settings, "secret": "wrong"}

A failure says what was observed, which promise of the contract is broken, and how to keep it.

The modules `*_scenarios` hold the tests, `promises` the list of promises. Nothing here knows a vendor: a plug-in runs
against its own sandbox, through a real `Gateway` under virtual time (`harness`) or without one (`exchange_driver`),
and the outcomes are compared with the sandbox's ledger.
"""

from pushgateway.testing.conformance.broadcast_scenarios import BroadcastScenarios
from pushgateway.testing.conformance.call_scenarios import CallScenarios
from pushgateway.testing.conformance.content_scenarios import ContentScenarios
from pushgateway.testing.conformance.contract_scenarios import ContractScenarios
from pushgateway.testing.conformance.exchange_driver import ExchangeDriver, drive_plugin, load_plugin
from pushgateway.testing.conformance.failure_scenarios import FailureScenarios
from pushgateway.testing.conformance.harness import ICON, PICTURE, CallSample, OverHttp, PostedSample, Sample
from pushgateway.testing.conformance.promises import PROMISES, BrokenPromiseError, Promise
from pushgateway.testing.conformance.purity_scenarios import PurityScenarios
from pushgateway.testing.conformance.push_scenarios import PushScenarios
from pushgateway.testing.conformance.receipt_scenarios import ReceiptScenarios
from pushgateway.testing.conformance.refusal_scenarios import RefusalScenarios
from pushgateway.testing.conformance.ruling_scenarios import RulingScenarios
from pushgateway.testing.conformance.settings_scenarios import SettingsScenarios

__all__ = [
    "ICON",
    "PICTURE",
    "PROMISES",
    "BrokenPromiseError",
    "CallSample",
    "ExchangeDriver",
    "OverHttp",
    "PluginConformance",
    "PostedSample",
    "Promise",
    "Sample",
    "drive_plugin",
    "load_plugin",
]


class PluginConformance(
    PurityScenarios,
    SettingsScenarios,
    ContractScenarios,
    PushScenarios,
    RulingScenarios,
    ContentScenarios,
    RefusalScenarios,
    FailureScenarios,
    BroadcastScenarios,
    ReceiptScenarios,
    CallScenarios,
):
    """Subclass it in a plug-in's tests; pytest runs every scenario."""
