"""The OPPO plug-in keeps the promises of every plug-in, in both dialects."""

from collections.abc import Mapping
from typing import Any

from pushgateway_oppo import Oppo
from pushgateway_oppo.sandbox import OppoSandbox

from pushgateway.testing.conformance import OverHttp, PluginConformance


class TestV13(PluginConformance):
    """The dialect of the founding document."""

    vendor = Oppo
    dialect = "v1.3"
    own_fields = {"off_line_ttl": 77, "title": "own"}

    def make_sandbox(self, **options: Any) -> OppoSandbox:
        """A sandbox that speaks the dialect."""
        return OppoSandbox(dialect=self.dialect, **options)

    def with_wrong_secret(self, settings: Mapping[str, Any]) -> Mapping[str, Any]:
        """The MasterSecret signs."""
        return {**settings, "master_secret": "another"}


class TestCurrent(TestV13):
    """The dialect of OPPO's pages of today."""

    dialect = "current"


    own_fields = {"off_line_ttl": 77, "notify_id": 12, "title": "own", "click_action_type": 0, "badge_message_count": 3}

    def with_template(self, settings: Mapping[str, Any]) -> Mapping[str, Any]:
        """A chat template with a place in its title and one in its text."""
        chat = {"template": "t-1", "title_parameters": ["who"], "content_parameters": ["what"]}
        return {**settings, "intents": {"chat": chat}}


class TestCurrentOverHttp(OverHttp, TestCurrent):
    """The same over HTTP, against the served sandbox."""
