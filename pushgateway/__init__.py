"""Offline push for Chinese phones, inside a Python process. Everything that hosts import; nothing is defined here."""

from pushgateway.certificates.certificate import Certificate
from pushgateway.config import Config, load_config
from pushgateway.engine.explain import Explanation
from pushgateway.engine.flow_control.retry import RetryPolicy
from pushgateway.gateway import Gateway
from pushgateway.model.appearance import Alert, Badge, Button
from pushgateway.model.audience import Audience, AudienceKind, Broadcast
from pushgateway.model.click import ClickAction, OpenActivity, OpenApp, OpenIntent, OpenIntentUri, OpenUrl
from pushgateway.model.errors import (
    ConfigError,
    FieldError,
    LoopError,
    PluginError,
    PushgatewayError,
    StoreError,
    StoreFull,
)
from pushgateway.model.intent import Intent, Priority
from pushgateway.model.notification import Network, Notification
from pushgateway.model.outcome import BroadcastOutcome, CallOutcome, CertificateCheck, Outcome, PushFailed, TokenOutcome
from pushgateway.model.push import Owner, Push, PushToken
from pushgateway.model.reason import Reason, Status, SumStatus
from pushgateway.model.receipt import Proof, Receipt, ReceiptKind, ReceivedReceipts, Statistics
from pushgateway.model.secret import Secret
from pushgateway.observe.journal import Journal
from pushgateway.observe.traces import Trace
from pushgateway.transport import HttpTransport, LeanTransport, Transport
from pushgateway.vendor.ruling import Ruling

__all__ = [
    "Alert",
    "Audience",
    "AudienceKind",
    "Badge",
    "Broadcast",
    "BroadcastOutcome",
    "Button",
    "CallOutcome",
    "Certificate",
    "CertificateCheck",
    "ClickAction",
    "Config",
    "ConfigError",
    "Explanation",
    "FieldError",
    "Gateway",
    "HttpTransport",
    "Intent",
    "Journal",
    "LeanTransport",
    "LoopError",
    "Network",
    "Notification",
    "OpenActivity",
    "OpenApp",
    "OpenIntent",
    "OpenIntentUri",
    "OpenUrl",
    "Outcome",
    "Owner",
    "PluginError",
    "Priority",
    "Proof",
    "Push",
    "PushFailed",
    "PushToken",
    "PushgatewayError",
    "Reason",
    "Receipt",
    "ReceiptKind",
    "ReceivedReceipts",
    "RetryPolicy",
    "Ruling",
    "Secret",
    "Statistics",
    "Status",
    "StoreError",
    "StoreFull",
    "SumStatus",
    "TokenOutcome",
    "Trace",
    "Transport",
    "load_config",
]
